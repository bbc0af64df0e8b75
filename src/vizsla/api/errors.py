"""
Which HTTP status does an error have, and what does its body look like?

The one table from error id to status. Every failure is `{"errors":[{"id","code","details"}]}` with `code` equal to the
status: those of the framework's own kind (404, 405, 413 …) and faults of ours included.
"""

import msgspec

from vizsla.kit.errors import VizslaError

STATUSES = {
    "verification_failed": 222,
    "wrong_params": 400,
    "pagination_error": 400,
    "invalid_type": 400,
    "invalid_seniority": 400,
    "invalid_department": 400,
    "invalid_required_field": 400,
    "invalid_verification_status": 400,
    "invalid_domain": 400,
    "invalid_email": 400,
    "invalid_first_name": 400,
    "invalid_last_name": 400,
    "invalid_full_name": 400,
    "invalid_max_duration": 400,
    "bad_request": 400,
    "authentication_failed": 401,
    "rate_limited": 403,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "idempotency_key_in_flight": 409,
    "payload_too_large": 413,
    "uri_too_long": 414,
    "unsupported_media_type": 415,
    "validation_failed": 422,
    "tag_required": 422,
    "sequence_locked": 422,
    "sequence_not_active": 422,
    "sequence_not_destroyable": 422,
    "sequence_not_started": 422,
    "unknown_email_account_ids": 422,
    "idempotency_key_mismatch": 422,
    "too_many_requests": 429,
    "headers_too_large": 431,
    "claimed_email": 451,
    "internal_error": 500,
    "store_unavailable": 503,
    "store": 503,
}
SHOWN_IDS = {"rate_limited": "too_many_requests", "store": "store_unavailable"}
"""Two errors of the reference share one id: too fast is 403, quota used up is 429."""
_OURS = {
    500: "Something went wrong on our side. Please try again.",
    503: "A database does not answer. Please try again in a moment.",
}
"""What is said of our own faults, whose words stay in the log: they name hosts and statements."""


class ErrorItem(msgspec.Struct, frozen=True):
    """What went wrong."""

    id: str
    code: int
    details: str


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    errors: tuple[ErrorItem, ...]


class AuthenticationFailed(VizslaError):
    """No user found for the API key supplied"""

    id = "authentication_failed"


class RateLimited(VizslaError):
    """You have reached the rate limit. Wait as long as the header Retry-After says."""

    id = "rate_limited"


class RouteNotFound(VizslaError):
    """There is nothing at this address."""

    id = "not_found"


class MethodNotAllowed(VizslaError):
    """This call does not have this method; the header Allow names those it has."""

    id = "method_not_allowed"


class Forbidden(VizslaError):
    """You may not see this."""

    id = "forbidden"


class PayloadTooLarge(VizslaError):
    """The body is larger than 1 MB."""

    id = "payload_too_large"


class UnsupportedMediaType(VizslaError):
    """Send the body as application/json or application/x-www-form-urlencoded, in UTF-8 and not compressed."""

    id = "unsupported_media_type"


class Disconnected(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


class InvalidParam(VizslaError):
    """A supplied parameter is invalid."""

    def __init__(self, id_: str, details: str) -> None:
        self.id = id_  # type: ignore[misc]
        super().__init__(details)


_encode = msgspec.json.Encoder().encode


def render_error(id_: str, details: str) -> tuple[int, bytes]:
    """Status and body of an error; an id that has no status is a fault of ours."""
    status = STATUSES.get(id_)
    if status is None:
        id_, status = "internal_error", 500
    item = ErrorItem(SHOWN_IDS.get(id_, id_), status, _OURS.get(status, details))
    return status, _encode(ErrorAnswer((item,)))
