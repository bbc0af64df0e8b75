"""`/v2/leads`: the people an account wants to talk to."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.leads_shown import LeadAnswer, LeadsJson, lead_json, leads_json
from vizsla.desk.leads import change, enrich, save, save_new
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import WrongParams
from vizsla.leads.attributes import list_attributes
from vizsla.leads.filters import ANY, COLUMNS, Filters
from vizsla.leads.lead import (
    TEXTS,
    Draft,
    Lead,
    LeadNotFound,
    SendingStatus,
    SyncStatus,
    VerificationStatus,
    clean,
    draft,
)
from vizsla.leads.pages import find_page, show
from vizsla.leads.store import delete_leads, find_by_email, get_lead
from vizsla.storage.database import Reader

calls = Calls()
Text = str | msgspec.UnsetType | None
Value = str | int | float | bool | None
Wanted = Annotated[str, msgspec.Meta(max_length=1_000)] | None
There = Literal["*", "~"]
_MOST_LISTS = 50


class LeadParams(Params, frozen=True, kw_only=True):
    """What is to be written into a lead. What is not sent stays as it is; an empty string, or null, clears."""

    email: Text = msgspec.UNSET
    first_name: Text = msgspec.UNSET
    last_name: Text = msgspec.UNSET
    position: Text = msgspec.UNSET
    company: Text = msgspec.UNSET
    company_industry: Text = msgspec.UNSET
    company_size: Text = msgspec.UNSET
    confidence_score: int | msgspec.UnsetType | None = msgspec.UNSET
    """From 0 to 100."""
    website: Text = msgspec.UNSET
    country_code: Text = msgspec.UNSET
    """ISO 3166-1 alpha-2."""
    source: Text = msgspec.UNSET
    linkedin_url: Text = msgspec.UNSET
    phone_number: Text = msgspec.UNSET
    twitter: Text = msgspec.UNSET
    notes: Text = msgspec.UNSET
    leads_list_id: Id | msgspec.UnsetType | None = msgspec.UNSET
    leads_list_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=_MOST_LISTS)] | msgspec.UnsetType | None = (
        msgspec.UNSET
    )
    leads_list_name: Text = msgspec.UNSET
    """A list that is made if there is none of that name."""
    custom_attributes: dict[str, Value] | msgspec.UnsetType | None = msgspec.UNSET
    """By slug."""

    clears: ClassVar = True


class LeadsParams(Params, frozen=True, kw_only=True):
    """Which leads. Text filters take `*` (any value), `~` (none), or what the field must contain, in any case."""

    email: Wanted = None
    first_name: Wanted = None
    last_name: Wanted = None
    position: Wanted = None
    company: Wanted = None
    industry: Wanted = None
    website: Wanted = None
    country_code: Wanted = None
    company_size: Wanted = None
    source: Wanted = None
    twitter: Wanted = None
    linkedin_url: Wanted = None
    phone_number: Wanted = None
    custom_attributes: dict[str, str] | str | None = None
    """By slug, as text filters; a slug alone asks for any value."""
    leads_list_id: Id | None = None
    lead_list_id: Id | None = None
    """The same as `leads_list_id`."""
    tag_id: Id | None = None
    sync_status: SyncStatus | None = None
    sending_status: tuple[SendingStatus | Literal["~"], ...] = ()
    verification_status: tuple[VerificationStatus, ...] = ()
    last_activity_at: There | None = None
    last_contacted_at: There | None = None
    query: Wanted = None
    """In the first name, the last name or the address."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class ExistParams(Params, frozen=True):
    """Which address."""

    email: str


class LeadsData(msgspec.Struct, frozen=True):
    """Newest first."""

    leads: LeadsJson


class LeadsPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class LeadsMeta(msgspec.Struct, frozen=True):
    """How many there are."""

    count: int
    """Of those that match."""
    total: int
    """Of all the account has."""
    params: LeadsPage


class LeadsAnswer(msgspec.Struct, frozen=True):
    """Some leads."""

    data: LeadsData
    meta: LeadsMeta


class ExistData(msgspec.Struct, frozen=True):
    """A lead and its list; nulls if there is none."""

    id: int | None
    leads_list_id: int | None
    leads_list_name: str | None


class ExistAnswer(msgspec.Struct, frozen=True):
    """Whether there is such a lead."""

    data: ExistData


@calls("GET", "/v2/leads", errors=("wrong_params", "pagination_error"))
async def list_leads(call: Call, params: LeadsParams) -> LeadsAnswer:
    """
    The account's leads, newest first.

    All filters that are given must hold. `meta.count` is exact.
    """
    services, account_id = call.services, call.caller.account_id
    filters = await filters_of(services.stores.app, account_id, params)
    page = await find_page(
        services.stores.app, services.mirrors, account_id, filters, limit=params.limit, offset=params.offset
    )
    meta = LeadsMeta(page.count, page.total, LeadsPage(params.limit, params.offset))
    return LeadsAnswer(LeadsData(leads_json(page.leads)), meta)


@calls("POST", "/v2/leads", status=201, writes=True, errors=("wrong_params", "validation_failed", "claimed_email"))
async def create_lead(call: Call, params: LeadParams) -> LeadAnswer:
    """
    Make a new lead.

    `email` is required. Without a list, the lead goes into the one that was created last.
    """
    made = await save_new(call.transaction, call.services, call.caller.account_id, _new(params), call.now)
    return await _answer(call, made)


@calls(
    "PUT",
    "/v2/leads",
    status=200,
    other_status=201,
    writes=True,
    errors=("wrong_params", "validation_failed", "claimed_email"),
)
async def upsert_lead(call: Call, params: LeadParams) -> LeadAnswer:
    """
    Make a lead, or write into the one that has this address: 201 if it is new, 200 if not.
    """
    saved, is_new = await save(call.transaction, call.services, call.caller.account_id, _new(params), call.now)
    if is_new:
        call.status = 201
    return await _answer(call, saved)


@calls("GET", "/v2/leads/exist", errors=("wrong_params", "invalid_email"))
async def find_lead(call: Call, params: ExistParams) -> ExistAnswer:
    """
    Whether an address is a lead of the account, and in which list.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    found = await find_by_email(reader, account_id, str(parse_email(params.email)))
    if found is None:
        return ExistAnswer(ExistData(None, None, None))
    (shown,) = await show(reader, account_id, [found])
    return ExistAnswer(
        ExistData(found.id, shown.list.id if shown.list else None, shown.list.name if shown.list else None)
    )


@calls("GET", "/v2/leads/{id}", errors=("not_found",))
async def read_lead(call: Call, params: NoParams) -> LeadAnswer:
    """
    One lead.
    """
    reader = call.services.stores.app
    found = await get_lead(reader, call.caller.account_id, call.ids["id"])
    return await _answer(call, found, reader)


@calls(
    "PUT",
    "/v2/leads/{id}",
    status=204,
    writes=True,
    errors=("wrong_params", "not_found", "validation_failed", "claimed_email"),
)
async def update_lead(call: Call, params: LeadParams) -> None:
    """
    Write into a lead.
    """
    key = (call.caller.account_id, call.ids["id"])
    await change(call.transaction, call.services, key, _draft(params), call.now)


@calls("DELETE", "/v2/leads/{id}", status=204, writes=True, errors=("not_found",))
async def delete_lead(call: Call, params: NoParams) -> None:
    """
    Delete a lead.
    """
    if not await delete_leads(call.transaction, call.caller.account_id, [call.ids["id"]], call.now):
        raise LeadNotFound


@calls("POST", "/v2/leads/{id}/enrich", writes=True, errors=("not_found",))
async def enrich_lead(call: Call, params: NoParams) -> LeadAnswer:
    """
    Fill what a lead lacks with what the index knows of its person and company.
    """
    after = await enrich(call.transaction, call.services, call.caller.account_id, call.ids["id"], call.now)
    return await _answer(call, after)


async def _answer(call: Call, one: Lead, reader: Reader | None = None) -> LeadAnswer:
    (shown,) = await show(reader or call.transaction, call.caller.account_id, [one])
    return LeadAnswer(lead_json(shown))


async def filters_of(reader: Reader, account_id: int, params: LeadsParams) -> Filters:
    """What is asked for."""
    texts = {name: text for name in COLUMNS if (text := clean(getattr(params, name) or ""))}
    named = params.custom_attributes or {}
    wanted = named if isinstance(named, Mapping) else {slug.strip(): ANY for slug in named.split(",")}
    attributes: dict[int, str] = {}
    if wanted:
        ids = {each.slug: each.id for each in await list_attributes(reader, account_id)}
        for slug, text in wanted.items():
            if slug not in ids:
                return Filters(list_id=0)  # matches no lead, as none has this attribute
            if cleaned := clean(text):
                attributes[ids[slug]] = cleaned
    return Filters(
        texts=texts,
        attributes=attributes,
        list_id=params.leads_list_id if params.leads_list_id is not None else params.lead_list_id,
        tag_id=params.tag_id,
        sync_status=params.sync_status,
        sending_statuses=params.sending_status,
        verification_statuses=params.verification_status,
        last_activity_at=params.last_activity_at,
        last_contacted_at=params.last_contacted_at,
        query=clean(params.query or ""),
    )


def _new(params: LeadParams) -> Draft:
    """A draft with an address: a list of null is none that is named."""
    if not params.email:
        raise WrongParams("You are missing the email parameter")
    if params.leads_list_id is None:
        params = msgspec.structs.replace(params, leads_list_id=msgspec.UNSET)
    return _draft(params)


def _draft(params: LeadParams) -> Draft:
    values: dict[str, str | None] = {}
    for name in ("email", *TEXTS):
        text = getattr(params, name)
        if text is not msgspec.UNSET:
            values[name] = text
    said = params.custom_attributes or {}
    return draft(
        values,
        confidence_score=params.confidence_score,
        attributes={slug: _text(value) for slug, value in said.items()},
        list_ids=_list_ids(params),
        list_name=params.leads_list_name or None,
    )


def _list_ids(params: LeadParams) -> tuple[int, ...] | None:
    if params.leads_list_ids is not msgspec.UNSET and params.leads_list_ids is not None:
        first: Any = params.leads_list_id
        return (*([first] if isinstance(first, int) else []), *params.leads_list_ids)
    if params.leads_list_id is msgspec.UNSET:
        return None
    return (params.leads_list_id,) if params.leads_list_id is not None else ()


def _text(value: Value) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
