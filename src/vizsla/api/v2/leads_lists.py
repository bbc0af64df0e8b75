"""`/v2/leads_lists`: lists of leads. Also as `/v2/leads-lists` and `/v2/leads_list`."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.leads_shown import ListedLeadsJson, leads_json
from vizsla.kit.clock import time_text
from vizsla.leads.filters import Filters
from vizsla.leads.lead import LeadsList
from vizsla.leads.lists import count_lists, create_list, delete_list, get_list, page_of_lists, rename_list
from vizsla.leads.pages import find_page
from vizsla.leads.store import begin_change
from vizsla.leads.tasks import add_task

calls = Calls()
ALIASES = {"leads-lists": "leads_lists", "leads_list": "leads_lists"}


class ListsAskedParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class ListNameParams(Params, frozen=True):
    """What a list is called."""

    name: str


class LeadsListData(msgspec.Struct, frozen=True):
    """One list of leads."""

    id: int
    name: str
    leads_count: int
    created_at: str


class LeadsListAnswer(msgspec.Struct, frozen=True):
    """One list of leads."""

    data: LeadsListData


class LeadsListsData(msgspec.Struct, frozen=True):
    """Newest first."""

    leads_lists: tuple[LeadsListData, ...]


class LeadsListsPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class LeadsListsMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: LeadsListsPage


class LeadsListsAnswer(msgspec.Struct, frozen=True):
    """The account's lists of leads."""

    data: LeadsListsData
    meta: LeadsListsMeta


class LeadsOfListData(msgspec.Struct, frozen=True):
    """One list, and some of its leads, newest first."""

    id: int
    name: str
    leads_count: int
    created_at: str
    leads: ListedLeadsJson


class LeadsOfListPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int
    leads_list_id: int


class LeadsOfListMeta(msgspec.Struct, frozen=True):
    """What was asked for."""

    params: LeadsOfListPage


class LeadsOfListAnswer(msgspec.Struct, frozen=True):
    """One list with its leads."""

    data: LeadsOfListData
    meta: LeadsOfListMeta


@calls("GET", "/v2/leads_lists", errors=("pagination_error",))
async def list_leads_lists(call: Call, params: ListsAskedParams) -> LeadsListsAnswer:
    """
    The account's lists of leads, newest first.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    page = await page_of_lists(reader, account_id, limit=params.limit, offset=params.offset)
    meta = LeadsListsMeta(await count_lists(reader, account_id), LeadsListsPage(params.limit, params.offset))
    return LeadsListsAnswer(LeadsListsData(tuple(map(_shown, page))), meta)


@calls("POST", "/v2/leads_lists", status=201, writes=True, errors=("wrong_params", "validation_failed"))
async def create_leads_list(call: Call, params: ListNameParams) -> LeadsListAnswer:
    """
    Make a list of leads.
    """
    return LeadsListAnswer(_shown(await create_list(call.transaction, call.caller.account_id, params.name, call.now)))


@calls("GET", "/v2/leads_lists/{id}", errors=("not_found", "pagination_error"))
async def read_leads_list(call: Call, params: ListsAskedParams) -> LeadsOfListAnswer:
    """
    One list with its leads, newest first.
    """
    services, account_id, list_id = call.services, call.caller.account_id, call.ids["id"]
    found = await get_list(services.stores.app, account_id, list_id)
    page = await find_page(
        services.stores.app,
        services.mirrors,
        account_id,
        Filters(list_id=list_id),
        limit=params.limit,
        offset=params.offset,
    )
    data = LeadsOfListData(
        found.id, found.name, found.leads_count, time_text(found.created_at), leads_json(page.leads, list_id=list_id)
    )
    return LeadsOfListAnswer(data, LeadsOfListMeta(LeadsOfListPage(params.limit, params.offset, list_id)))


@calls(
    "PUT",
    "/v2/leads_lists/{id}",
    status=204,
    writes=True,
    errors=("wrong_params", "not_found", "validation_failed"),
)
async def rename_leads_list(call: Call, params: ListNameParams) -> None:
    """
    Give a list of leads another name.
    """
    await rename_list(call.transaction, call.caller.account_id, call.ids["id"], params.name)


@calls("DELETE", "/v2/leads_lists/{id}", status=204, writes=True, errors=("not_found",))
async def delete_leads_list(call: Call, params: NoParams) -> None:
    """
    Delete a list. Its leads stay, without it.
    """
    conn, account_id, list_id = call.transaction, call.caller.account_id, call.ids["id"]
    await begin_change(conn, account_id)
    found = await get_list(conn, account_id, list_id)
    await delete_list(conn, account_id, list_id)
    if found.leads_count:
        await add_task(conn, account_id, "drop_list", ref_id=list_id, size=found.leads_count, now=call.now)


def _shown(one: LeadsList) -> LeadsListData:
    return LeadsListData(one.id, one.name, one.leads_count, time_text(one.created_at))
