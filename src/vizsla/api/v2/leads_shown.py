"""How is a lead shown? The reference's keys, with custom attributes between them by their slugs."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from vizsla.kit.clock import time_text
from vizsla.leads.lead import SendingStatus, SyncStatus, VerificationStatus
from vizsla.leads.pages import Shown

_encode = msgspec.json.Encoder().encode
_BEFORE = (
    *("id", "email", "first_name", "last_name", "position", "company", "company_industry", "company_size"),
    *("confidence_score", "website", "country_code", "source", "linkedin_url", "phone_number", "twitter"),
    *("sync_status", "notes", "sending_status"),
)


class LeadsListOfLead(msgspec.Struct, frozen=True):
    """The list of a lead; nulls if it is in none."""

    id: int | None
    name: str | None
    leads_count: int | None


class LeadVerification(msgspec.Struct, frozen=True):
    """What the last verification of the address said; nulls if there was none."""

    date: str | None
    status: VerificationStatus | None


class LeadFields(msgspec.Struct, frozen=True):
    """A lead; the account's custom attributes stand beside these, each under its slug."""

    id: int
    email: str
    first_name: str | None
    last_name: str | None
    position: str | None
    company: str | None
    company_industry: str | None
    company_size: str | None
    confidence_score: int | None
    website: str | None
    country_code: str | None
    source: str | None
    linkedin_url: str | None
    phone_number: str | None
    twitter: str | None
    sync_status: SyncStatus | None
    notes: str | None
    sending_status: SendingStatus | None
    last_activity_at: str | None
    last_contacted_at: str | None
    verification: LeadVerification


class LeadData(LeadFields, frozen=True):
    """A lead; the account's custom attributes stand beside these, each under its slug."""

    leads_list: LeadsListOfLead
    created_at: str


class ListedLeadData(LeadFields, frozen=True):
    """A lead of a list; the account's custom attributes stand beside these, each under its slug."""

    leads_list_id: int
    created_at: str


LeadJson = Annotated[msgspec.Raw, msgspec.Meta(extra={"shows": LeadData})]
LeadsJson = Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(extra={"shows": tuple[LeadData, ...]})]
ListedLeadsJson = Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(extra={"shows": tuple[ListedLeadData, ...]})]


class LeadAnswer(msgspec.Struct, frozen=True):
    """One lead."""

    data: LeadJson


def lead_json(shown: Shown, *, list_id: int | None = None) -> msgspec.Raw:
    """A lead as the API shows it: with its list, or as one of list *list_id*."""
    one, within = shown.lead, shown.list
    fields: dict[str, Any] = {name: getattr(one, name) for name in _BEFORE}
    fields["last_activity_at"] = _time(one.last_activity_at)
    fields["last_contacted_at"] = _time(one.last_contacted_at)
    fields["verification"] = LeadVerification(_time(one.verified_at), one.verification_status)
    fields |= shown.attributes
    if list_id is not None:
        fields["leads_list_id"] = list_id
    elif within is not None:
        fields["leads_list"] = LeadsListOfLead(within.id, within.name, within.leads_count)
    else:
        fields["leads_list"] = LeadsListOfLead(None, None, None)
    fields["created_at"] = time_text(one.created_at)
    return msgspec.Raw(_encode(fields))


def leads_json(page: Sequence[Shown], *, list_id: int | None = None) -> tuple[msgspec.Raw, ...]:
    """Leads as the API shows them."""
    return tuple(lead_json(shown, list_id=list_id) for shown in page)


def _time(seconds: int | None) -> str | None:
    return time_text(seconds) if seconds is not None else None
