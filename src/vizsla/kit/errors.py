"""
What can go wrong that a caller can act on.

An error carries the `id` the API shows; its docstring is its default sentence. Which HTTP status an id has is
known to `vizsla.api.errors` alone: a claimed address is a 451 there, a skipped reason in a campaign, a notice on a page.
"""

from typing import ClassVar


class VizslaError(Exception):
    """Something went wrong."""

    id: ClassVar[str] = "internal_error"

    def __init__(self, details: str | None = None) -> None:
        self.details = details or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.details)


class WrongParams(VizslaError):
    """A parameter is missing or wrong."""

    id = "wrong_params"


class InvalidDomain(VizslaError):
    """The supplied domain is not a domain name. Give a name such as "stripe.com"."""

    id = "invalid_domain"


class InvalidEmail(VizslaError):
    """The supplied e-mail address is not valid."""

    id = "invalid_email"


class ClaimedEmail(VizslaError):
    """
    The person owning the email address asked us directly or indirectly to stop the processing of their personal data.

    For this reason, you should not process it yourself in any way.
    """

    id = "claimed_email"


class NotFound(VizslaError):
    """The requested resource does not exist."""

    id = "not_found"


class SettingsError(VizslaError):
    """A setting is unknown or has a wrong value."""

    id = "settings"


class StoreError(VizslaError):
    """The database cannot be used as it is."""

    id = "store"


class StoreBusy(StoreError):
    """Another process holds the database."""

    id = "store_busy"
