"""
`/v2/connected-apps`: the systems that leads are sent on to. Listing, reading and pushing speak Hunter's words, the rest is ours.

For owners and admins of a team.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.accounts.roles import require_manager
from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.kit.clock import iso_text
from vizsla.kit.errors import WrongParams
from vizsla.leads.connectors import (
    NAMES,
    Connector,
    Entity,
    Kind,
    State,
    create_connector,
    delete_connector,
    get_connector,
    list_connectors,
)
from vizsla.leads.espocrm import MAPPINGS
from vizsla.leads.lead import InvalidLead
from vizsla.leads.lists import get_list
from vizsla.leads.sync import push_leads, push_list, retry_errors, tally
from vizsla.webhooks.sending import Courier

calls = Calls()
_MOST_PUSHED = 1_000
Url = Annotated[str, msgspec.Meta(max_length=2_000, examples=["https://example.com/crm"])]


class AppsParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class NewAppParams(Params, frozen=True):
    """What is to be connected."""

    url: Url
    """Of an EspoCRM: as it is opened in a browser."""
    provider: Kind
    provider_key: Annotated[str, msgspec.Meta(max_length=500, examples=["d4f0c1"])] = ""
    """Of an API user of that EspoCRM: `api_key` is that of this call."""
    entity: Entity = "Lead"
    """What a lead becomes there."""
    with_present: bool = False
    """Whether the leads that are here already are sent too."""


class PushParams(Params, frozen=True):
    """Which leads; a list goes before ids."""

    lead_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=_MOST_PUSHED)] = ()
    leads_list_id: Id | None = None


class AppData(msgspec.Struct, frozen=True):
    """One connected app."""

    id: int
    provider: Kind
    name: str
    category: str
    provider_email: str | None
    url: str
    state: State
    connected_at: str


class AttributeMapping(msgspec.Struct, frozen=True):
    """What a field of a lead is called there."""

    target_field: str
    source_field: str


class ReadAppData(AppData, frozen=True):
    """One connected app, and how its leads are doing."""

    attribute_mappings: tuple[AttributeMapping, ...]
    pending: int
    success: int
    error: int
    trouble: str | None
    """Why the last request failed, if it did."""


class NewAppData(AppData, frozen=True):
    """A new connected app; `secret` signs what is sent to a webhook, and is shown this once."""

    secret: str | None


class AppAnswer(msgspec.Struct, frozen=True):
    """One connected app."""

    data: ReadAppData


class NewAppAnswer(msgspec.Struct, frozen=True):
    """A new connected app."""

    data: NewAppData


class AppsMeta(msgspec.Struct, frozen=True):
    """How many there are in all, and which part was asked for."""

    total: int
    limit: int
    offset: int


class AppsAnswer(msgspec.Struct, frozen=True):
    """The account's connected apps, newest first."""

    data: tuple[AppData, ...]
    meta: AppsMeta


class PushData(msgspec.Struct, frozen=True):
    """What is on its way."""

    connected_app_id: int
    provider: Kind
    leads_count: int
    status: Literal["queued"] = "queued"


class PushedParams(msgspec.Struct, frozen=True):
    """What was asked for."""

    lead_ids: tuple[int, ...] | None
    leads_list_id: int | None


class PushMeta(msgspec.Struct, frozen=True):
    """What was asked for."""

    params: PushedParams


class PushAnswer(msgspec.Struct, frozen=True):
    """What is on its way."""

    data: PushData
    meta: PushMeta


class RetriedData(msgspec.Struct, frozen=True):
    """How many leads are sent again."""

    leads_count: int


class RetriedAnswer(msgspec.Struct, frozen=True):
    """How many leads are sent again."""

    data: RetriedData


async def _check_url(call: Call, params: NewAppParams) -> None:
    require_manager(call.caller.role)
    await Courier(call.services.settings).check(params.url)


@calls("GET", "/v2/connected-apps", errors=("pagination_error", "forbidden"))
async def list_connected_apps(call: Call, params: AppsParams) -> AppsAnswer:
    """
    The systems that leads are sent on to, newest first.
    """
    require_manager(call.caller.role)
    found = await list_connectors(call.services.stores.app, call.caller.account_id)
    page = found[params.offset : params.offset + params.limit]
    return AppsAnswer(tuple(AppData(*_fields(one)) for one in page), AppsMeta(len(found), params.limit, params.offset))


@calls(
    "POST",
    "/v2/connected-apps",
    status=201,
    writes=True,
    secret=True,
    before=_check_url,
    errors=("wrong_params", "validation_failed", "forbidden"),
)
async def connect_app(call: Call, params: NewAppParams) -> NewAppAnswer:
    """
    Send leads on to another system, whenever something of theirs changes.
    """
    made, secret = await create_connector(
        call.transaction,
        call.caller.account_id,
        params.provider,
        params.url.strip(),
        api_key=params.provider_key,
        entity=params.entity,
        with_present=params.with_present,
        key=call.services.secret,
        now=call.now,
    )
    return NewAppAnswer(NewAppData(*_fields(made), secret if made.kind == "webhook" else None))


@calls("GET", "/v2/connected-apps/{id}", errors=("not_found", "forbidden"))
async def read_connected_app(call: Call, params: NoParams) -> AppAnswer:
    """
    One of them, what fields are called there, and how many leads are where.
    """
    require_manager(call.caller.role)
    reader, key = call.services.stores.app, (call.caller.account_id, call.ids["id"])
    one = await get_connector(reader, *key)
    counts = await tally(reader, *key)
    mapping = MAPPINGS[one.entity] if one.entity is not None else {}
    return AppAnswer(
        ReadAppData(
            *_fields(one),
            tuple(AttributeMapping(theirs, ours) for ours, theirs in mapping.items()),
            counts["pending"],
            counts["success"],
            counts["error"],
            one.trouble,
        )
    )


@calls("DELETE", "/v2/connected-apps/{id}", status=204, writes=True, errors=("not_found", "forbidden"))
async def disconnect_app(call: Call, params: NoParams) -> None:
    """
    Send it nothing more. What is there stays there.
    """
    require_manager(call.caller.role)
    await delete_connector(call.transaction, call.caller.account_id, call.ids["id"])


@calls(
    "POST",
    "/v2/connected-apps/{id}/push",
    status=202,
    writes=True,
    errors=("wrong_params", "not_found", "validation_failed", "forbidden"),
)
async def push_to_connected_app(call: Call, params: PushParams) -> PushAnswer:
    """
    Send some leads now, whether they changed or not: those of a list, or up to a thousand by their ids.
    """
    require_manager(call.caller.role)
    conn, key = call.transaction, (call.caller.account_id, call.ids["id"])
    one = await get_connector(conn, *key)
    if params.leads_list_id is not None:
        await get_list(conn, key[0], params.leads_list_id)
        count = await push_list(conn, *key, params.leads_list_id, call.now)
    elif params.lead_ids:
        count = await push_leads(conn, *key, list(dict.fromkeys(params.lead_ids)), call.now)
    else:
        raise WrongParams("You are missing the lead_ids parameter, or leads_list_id")
    if not count:
        raise InvalidLead("No leads match the selection.")
    asked = PushedParams(params.lead_ids or None, params.leads_list_id)
    return PushAnswer(PushData(one.id, one.kind, count), PushMeta(asked))


@calls(
    "POST",
    "/v2/connected-apps/{id}/retry",
    status=202,
    writes=True,
    errors=("not_found", "validation_failed", "forbidden"),
)
async def retry_connected_app(call: Call, params: NoParams) -> RetriedAnswer:
    """
    Send all leads again that failed.
    """
    require_manager(call.caller.role)
    count = await retry_errors(call.transaction, call.caller.account_id, call.ids["id"], call.now)
    return RetriedAnswer(RetriedData(count))


def _fields(one: Connector) -> tuple[int, Kind, str, str, None, str, State, str]:
    category = "CRM" if one.kind == "espocrm" else "Automation"
    return one.id, one.kind, NAMES[one.kind], category, None, one.url, one.state, iso_text(one.created_at)
