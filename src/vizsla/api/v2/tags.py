"""`/v2/tags` and `/v2/leads/{id}/tags`: words by which leads are sorted. Of today's public API."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.kit.clock import time_text
from vizsla.kit.errors import VizslaError
from vizsla.leads.lead import Lead, Tag
from vizsla.leads.store import count_leads, get_lead
from vizsla.leads.tags import (
    count_tags,
    create_tag,
    delete_tag,
    page_of_tags,
    tag_lead,
    tag_named,
    tags_of,
    untag_lead,
    update_tag,
)
from vizsla.leads.tasks import add_task
from vizsla.storage.database import Reader

calls = Calls()


class TagRequired(VizslaError):
    """Give the tag: tag_id, or tag_name."""

    id = "tag_required"


class TagsParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 25
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class NewTagParams(Params, frozen=True):
    """A tag to make."""

    name: str
    color: str | None = None
    """Six hexadecimal digits, of a palette; one is chosen if none is given."""


class TagParams(Params, frozen=True):
    """What is to be changed of a tag."""

    name: str | None = None
    color: str | None = None


class GivenTagParams(Params, frozen=True):
    """Which tag: by its id, or by its name, which makes it if there is none."""

    tag_id: Id | None = None
    tag_name: str | None = None


class TagData(msgspec.Struct, frozen=True):
    """One tag."""

    id: int
    name: str
    color: str
    created_at: str


class TagAnswer(msgspec.Struct, frozen=True):
    """One tag."""

    data: TagData


class TagsData(msgspec.Struct, frozen=True):
    """Newest first."""

    tags: tuple[TagData, ...]


class TagsPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class TagsMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: TagsPage


class TagsAnswer(msgspec.Struct, frozen=True):
    """The account's tags."""

    data: TagsData
    meta: TagsMeta


class TagOfLead(msgspec.Struct, frozen=True):
    """A tag that a lead has."""

    id: int
    name: str
    color: str


class TagsOfLeadData(msgspec.Struct, frozen=True):
    """All tags of a lead."""

    tags: tuple[TagOfLead, ...]


class TagsOfLeadAnswer(msgspec.Struct, frozen=True):
    """All tags of a lead."""

    data: TagsOfLeadData


@calls("GET", "/v2/tags", errors=("pagination_error",))
async def list_tags(call: Call, params: TagsParams) -> TagsAnswer:
    """
    The account's tags, newest first.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    page = await page_of_tags(reader, account_id, limit=params.limit, offset=params.offset)
    meta = TagsMeta(await count_tags(reader, account_id), TagsPage(params.limit, params.offset))
    return TagsAnswer(TagsData(tuple(map(_shown, page))), meta)


@calls("POST", "/v2/tags", status=201, writes=True, errors=("wrong_params", "validation_failed"))
async def create_lead_tag(call: Call, params: NewTagParams) -> TagAnswer:
    """
    Make a tag.
    """
    made = await create_tag(call.transaction, call.caller.account_id, params.name, call.now, color=params.color)
    return TagAnswer(_shown(made))


@calls("PUT", "/v2/tags/{id}", writes=True, errors=("wrong_params", "not_found", "validation_failed"))
async def update_lead_tag(call: Call, params: TagParams) -> TagAnswer:
    """
    Give a tag another name or color.
    """
    conn, account_id = call.transaction, call.caller.account_id
    return TagAnswer(_shown(await update_tag(conn, account_id, call.ids["id"], name=params.name, color=params.color)))


@calls("DELETE", "/v2/tags/{id}", status=204, writes=True, errors=("not_found",))
async def delete_lead_tag(call: Call, params: NoParams) -> None:
    """
    Delete a tag. Leads that had it stay, without it.
    """
    conn, account_id, tag_id = call.transaction, call.caller.account_id, call.ids["id"]
    await delete_tag(conn, account_id, tag_id)
    size = await count_leads(conn, account_id)
    await add_task(conn, account_id, "drop_tag", ref_id=tag_id, size=size, now=call.now)


@calls("GET", "/v2/leads/{id}/tags", errors=("not_found",))
async def list_tags_of_lead(call: Call, params: NoParams) -> TagsOfLeadAnswer:
    """
    The tags of a lead.
    """
    reader = call.services.stores.app
    return await _all_of(reader, call, await get_lead(reader, call.caller.account_id, call.ids["id"]))


@calls(
    "POST",
    "/v2/leads/{id}/tags",
    status=201,
    writes=True,
    errors=("wrong_params", "not_found", "tag_required", "validation_failed"),
)
async def add_tag_to_lead(call: Call, params: GivenTagParams) -> TagsOfLeadAnswer:
    """
    Give a lead a tag: all it has then are the answer.
    """
    conn, account_id, lead_id = call.transaction, call.caller.account_id, call.ids["id"]
    await get_lead(conn, account_id, lead_id)
    tag_id = params.tag_id
    if tag_id is None:
        if params.tag_name is None:
            raise TagRequired
        tag_id = (await tag_named(conn, account_id, params.tag_name, call.now)).id
    return await _all_of(conn, call, await tag_lead(conn, account_id, lead_id, tag_id))


@calls("DELETE", "/v2/leads/{id}/tags/{tag_id}", status=204, writes=True, errors=("not_found",))
async def remove_tag_from_lead(call: Call, params: NoParams) -> None:
    """
    Take a tag from a lead.
    """
    await untag_lead(call.transaction, call.caller.account_id, call.ids["id"], call.ids["tag_id"])


def _shown(tag: Tag) -> TagData:
    return TagData(tag.id, tag.name, tag.color, time_text(tag.created_at))


async def _all_of(reader: Reader, call: Call, one: Lead) -> TagsOfLeadAnswer:
    found = await tags_of(reader, call.caller.account_id, one)
    return TagsOfLeadAnswer(TagsOfLeadData(tuple(TagOfLead(tag.id, tag.name, tag.color) for tag in found)))
