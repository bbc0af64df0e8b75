"""
What is a lead, and what may be written into it?

Text is kept in Unicode's composed form without blanks at its ends; what is empty is None.
"""

import unicodedata
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from vizsla.harvest.extract.countries import country_code
from vizsla.kit.email_address import LONGEST_EMAIL, parse_email
from vizsla.kit.errors import InvalidEmail, NotFound, VizslaError
from vizsla.kit.whom import Whom

SendingStatus = Literal["clicked", "opened", "sent", "pending", "error", "bounced", "unsubscribed", "replied"]
VerificationStatus = Literal["accept_all", "disposable", "invalid", "unknown", "valid", "webmail", "pending"]
SyncStatus = Literal["pending", "error", "success"]
TEXTS = (
    "first_name",
    "last_name",
    "position",
    "company",
    "company_industry",
    "company_size",
    "website",
    "country_code",
    "source",
    "linkedin_url",
    "phone_number",
    "twitter",
    "notes",
)
"""The fields of a lead that anybody may write, as text."""
LONGEST = 1_000
"""Characters of a field."""
LONGEST_NOTES = 20_000


class InvalidLead(VizslaError):
    """The lead is not valid."""

    id = "validation_failed"


class LeadNotFound(NotFound):
    """This lead does not exist."""


class LeadsList(msgspec.Struct, frozen=True):
    """A list of leads."""

    id: int
    name: str
    leads_count: int
    created_at: int


class Tag(msgspec.Struct, frozen=True):
    """A tag that leads can have."""

    id: int
    name: str
    color: str
    created_at: int


class Attribute(msgspec.Struct, frozen=True):
    """A custom attribute."""

    id: int
    label: str
    slug: str


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """One person to talk to."""

    id: int
    email: str
    first_name: str | None = None
    last_name: str | None = None
    position: str | None = None
    company: str | None = None
    company_industry: str | None = None
    company_size: str | None = None
    confidence_score: int | None = None
    website: str | None = None
    country_code: str | None = None
    source: str | None = None
    linkedin_url: str | None = None
    phone_number: str | None = None
    twitter: str | None = None
    notes: str | None = None
    sync_status: SyncStatus | None = None
    sending_status: SendingStatus | None = None
    verification_status: VerificationStatus | None = None
    verified_at: int | None = None
    last_activity_at: int | None = None
    last_contacted_at: int | None = None
    lists: tuple[int, ...] = ()
    """The first one is the lead's own where only one is shown."""
    tags: tuple[int, ...] = ()
    attributes: Mapping[int, str] = {}
    created_at: int

    def without(self, whom: Whom) -> "Lead":
        """The lead without what its fields say of *whom*."""
        spoken: dict[str, None] = {name: None for name in TEXTS if (text := getattr(self, name)) and whom.is_in(text)}
        said = {id_: text for id_, text in self.attributes.items() if not whom.is_in(text)}
        return msgspec.structs.replace(self, **spoken, attributes=said)


class Draft(msgspec.Struct, frozen=True):
    """What somebody wants to write into a lead: only what was said. None clears."""

    values: Mapping[str, str | int | None]
    """By column: `email`, those of TEXTS, `confidence_score`."""
    attributes: Mapping[str, str | None] = {}
    """By slug."""
    list_ids: tuple[int, ...] | None = None
    list_name: str | None = None
    """A list that is made if there is none of that name."""


def clean(text: str) -> str | None:
    """*text* as it is kept; None if nothing is left."""
    if text.isascii() and "\r" not in text:
        return text.strip() or None
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip() or None


def name_key(name: str) -> str:
    """What makes two names the same: case does not."""
    return unicodedata.normalize("NFC", name.casefold())


def clean_email(text: str) -> str:
    """The address in *text*; raises InvalidLead."""
    try:
        address = str(parse_email(text))
    except InvalidEmail:
        raise InvalidLead("The supplied email is not valid.") from None
    if len(address) > LONGEST_EMAIL:
        raise InvalidLead("The supplied email is not valid.")
    return address


def clean_text(name: str, text: str) -> str | None:
    """The *text* of a field as it is kept; raises InvalidLead."""
    cleaned = clean(text) if len(text) <= LONGEST_NOTES else text
    most = LONGEST_NOTES if name == "notes" else LONGEST
    if cleaned is not None and len(cleaned) > most:
        raise InvalidLead(f"The supplied {name} is too long: {most:,} characters are the most.")
    if name == "country_code" and cleaned is not None:
        cleaned = cleaned.upper()
        if not is_country(cleaned):
            raise InvalidLead("The supplied country_code is not a country of ISO 3166-1, such as US or FR.")
    return cleaned


def is_country(code: str) -> bool:
    """Whether *code* is one of ISO 3166-1 alpha-2, in capitals."""
    return len(code) == 2 and country_code(code) == code


def clean_score(score: int | None) -> int | None:
    """A confidence score from 0 to 100; raises InvalidLead."""
    if score is not None and not 0 <= score <= 100:
        raise InvalidLead("The supplied confidence_score is invalid. It must be a whole number from 0 to 100.")
    return score


def draft(
    values: Mapping[str, str | None],
    *,
    confidence_score: int | msgspec.UnsetType | None = msgspec.UNSET,
    attributes: Mapping[str, str | None] | None = None,
    list_ids: tuple[int, ...] | None = None,
    list_name: str | None = None,
) -> Draft:
    """What is to be written, checked; *values* are `email` and those of TEXTS. Raises InvalidLead."""
    checked: dict[str, str | int | None] = {}
    for name, text in values.items():
        if name == "email":
            checked[name] = clean_email(text or "")
        else:
            checked[name] = clean_text(name, text) if text else None
    if confidence_score is not msgspec.UNSET:
        checked["confidence_score"] = clean_score(confidence_score)
    said = {slug: clean_text(slug, text) if text else None for slug, text in (attributes or {}).items()}
    return Draft(checked, said, list_ids, list_name)


_FIXED = frozenset(Lead.__struct_fields__) | {"leads_list", "leads_list_id", "verification", "custom_attributes"}
SHADOWING = _FIXED | {
    "leads_list_ids",
    "leads_list_name",
    "leads_lists",
    "company_type",
    "updated_at",
    "api_key",
    "data",
    "meta",
}
"""Slugs that would hide what a lead has of its own."""
SENDING_STATUSES: tuple[str, ...] = get_args(SendingStatus)
