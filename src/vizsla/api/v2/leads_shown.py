"""How is a lead shown? The reference's keys, with custom attributes between them by their slugs."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from vizsla.leads.lead import SendingStatus, SyncStatus, VerificationStatus
from vizsla.leads.pages import Shown
from vizsla.leads.shape import lead_fields

_encode = msgspec.json.Encoder().encode


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
    return msgspec.Raw(_encode(lead_fields(shown, list_id=list_id)))


def leads_json(page: Sequence[Shown], *, list_id: int | None = None) -> tuple[msgspec.Raw, ...]:
    """Leads as the API shows them."""
    return tuple(lead_json(shown, list_id=list_id) for shown in page)
