"""
`/v2/webhooks`: who is told what happens. Listing and changing speak Hunter's words (`target_url`, `event`), the rest is ours.

For owners and admins of a team: what is sent is what all of its members see.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.accounts.roles import require_manager
from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.kit.clock import time_text
from vizsla.kit.errors import WrongParams
from vizsla.webhooks.endpoints import (
    Endpoint,
    State,
    change_endpoint,
    count_endpoints,
    create_endpoint,
    delete_endpoint,
    get_endpoint,
    page_of_endpoints,
    rotate_secret,
)
from vizsla.webhooks.events import Event
from vizsla.webhooks.outbox import (
    Delivery,
    DeliveryState,
    add_test,
    get_delivery,
    page_of_deliveries,
    replay,
    replay_dead,
    tally_deliveries,
)
from vizsla.webhooks.sending import Courier

calls = Calls()
Url = Annotated[str, msgspec.Meta(max_length=2_000, examples=["https://example.com/hook"])]
Events = Annotated[tuple[str, ...], msgspec.Meta(max_length=50, examples=[["lead.created", "import.completed"]])]


class WebhooksParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class NewWebhookParams(Params, frozen=True):
    """Where something listens, and for what."""

    target_url: Url
    event: str | None = None
    events: Events = ()
    """Several of them; `event` is one."""


class WebhookParams(Params, frozen=True):
    """What is to be changed of a webhook."""

    target_url: Url | None = None
    event: str | None = None
    events: Events = ()
    """All that it hears from now on; `event` is one."""
    state: Literal["on", "off"] | None = None


class DeliveriesParams(Params, frozen=True):
    """Which of them."""

    state: DeliveryState | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class WebhookData(msgspec.Struct, frozen=True):
    """One webhook."""

    id: int
    target_url: str
    event: Event
    """The first of `events`."""
    events: tuple[Event, ...]
    state: State
    """`off` by a member, `gone` because it answered 410, `failing` because nothing reached it for days."""
    failures: int
    """Tries in a row that failed."""
    created_at: str


class NewWebhookData(WebhookData, frozen=True):
    """A new webhook, with the secret that signs what is sent to it: shown this once."""

    secret: str


class NewWebhookAnswer(msgspec.Struct, frozen=True):
    """A new webhook."""

    data: NewWebhookData


class WebhookAnswer(msgspec.Struct, frozen=True):
    """One webhook."""

    data: WebhookData
    status: Literal["success"] = "success"


class WebhooksMeta(msgspec.Struct, frozen=True):
    """How many there are in all, and which part was asked for."""

    total: int
    limit: int
    offset: int


class WebhooksAnswer(msgspec.Struct, frozen=True):
    """The account's webhooks, newest first."""

    data: tuple[WebhookData, ...]
    meta: WebhooksMeta
    status: Literal["success"] = "success"


class SecretData(msgspec.Struct, frozen=True):
    """A new secret, shown this once; until then the old one signs too."""

    id: int
    secret: str
    old_secret_until: str


class SecretAnswer(msgspec.Struct, frozen=True):
    """A new secret."""

    data: SecretData


class DeliveryData(msgspec.Struct, frozen=True):
    """An event on its way to a webhook."""

    id: int
    webhook_id: str
    """As the header of that name: the same for each try, and for each webhook that hears of the event."""
    event: str
    state: DeliveryState
    tries: int
    status: int | None
    """Of the last answer; null: there was none."""
    error: str | None
    took_ms: int | None
    payload: str | None
    """As it is signed and sent; null: forgotten, because somebody it spoke of asked us to stop."""
    created_at: str
    next_try_at: str | None
    ended_at: str | None


class DeliveryAnswer(msgspec.Struct, frozen=True):
    """One delivery."""

    data: DeliveryData


class DeliveriesMeta(msgspec.Struct, frozen=True):
    """How many are kept, by state, and which part was asked for."""

    waiting: int
    done: int
    dead: int
    limit: int
    offset: int


class DeliveriesAnswer(msgspec.Struct, frozen=True):
    """What a webhook was told, or is to be, newest first."""

    data: tuple[DeliveryData, ...]
    meta: DeliveriesMeta


class ReplayedData(msgspec.Struct, frozen=True):
    """How many are sent again."""

    replayed: int


class ReplayedAnswer(msgspec.Struct, frozen=True):
    """How many are sent again."""

    data: ReplayedData


async def _check_target(call: Call, params: NewWebhookParams | WebhookParams) -> None:
    """Ask DNS before the transaction: a slow name must not hold up others who write."""
    require_manager(call.caller.role)
    if "id" in call.ids:
        await get_endpoint(call.services.stores.app, call.caller.account_id, call.ids["id"])
    if params.target_url is not None:
        await Courier(call.services.settings).check(params.target_url)


@calls("GET", "/v2/webhooks", errors=("pagination_error", "forbidden"))
async def list_webhooks(call: Call, params: WebhooksParams) -> WebhooksAnswer:
    """
    The account's webhooks, newest first.
    """
    require_manager(call.caller.role)
    reader, account_id = call.services.stores.app, call.caller.account_id
    page = await page_of_endpoints(reader, account_id, limit=params.limit, offset=params.offset)
    meta = WebhooksMeta(await count_endpoints(reader, account_id), params.limit, params.offset)
    return WebhooksAnswer(tuple(map(_shown, page)), meta)


@calls(
    "POST",
    "/v2/webhooks",
    status=201,
    writes=True,
    secret=True,
    before=_check_target,
    errors=("wrong_params", "validation_failed", "forbidden"),
)
async def create_webhook(call: Call, params: NewWebhookParams) -> NewWebhookAnswer:
    """
    Be told what happens, at an https address.

    This answer alone shows the secret that signs what is sent there (Standard Webhooks).
    """
    conn, account_id = call.transaction, call.caller.account_id
    named = _named(params)
    made, secret = await create_endpoint(
        conn, account_id, params.target_url.strip(), named or (), key=call.services.secret, now=call.now
    )
    return NewWebhookAnswer(NewWebhookData(**msgspec.structs.asdict(_shown(made)), secret=secret))


@calls("GET", "/v2/webhooks/{id}", errors=("not_found", "forbidden"))
async def read_webhook(call: Call, params: NoParams) -> WebhookAnswer:
    """
    One webhook.
    """
    require_manager(call.caller.role)
    return WebhookAnswer(_shown(await get_endpoint(call.services.stores.app, call.caller.account_id, call.ids["id"])))


@calls(
    "PUT",
    "/v2/webhooks/{id}",
    writes=True,
    before=_check_target,
    errors=("wrong_params", "not_found", "validation_failed", "forbidden"),
)
async def update_webhook(call: Call, params: WebhookParams) -> WebhookAnswer:
    """
    Change where a webhook goes or what it hears, or turn it off or on.

    Turned on, it hears what it missed in the last 32 hours.
    """
    named = _named(params)
    if params.target_url is None and named is None and params.state is None:
        raise WrongParams("You are missing the target_url parameter, or event, events or state")
    url = params.target_url.strip() if params.target_url is not None else None
    changed = await change_endpoint(
        call.transaction, call.caller.account_id, call.ids["id"], url=url, events=named, state=params.state
    )
    return WebhookAnswer(_shown(changed))


@calls("DELETE", "/v2/webhooks/{id}", status=204, writes=True, errors=("not_found", "forbidden"))
async def delete_webhook(call: Call, params: NoParams) -> None:
    """
    Delete a webhook, and what it was still to be told.
    """
    require_manager(call.caller.role)
    await delete_endpoint(call.transaction, call.caller.account_id, call.ids["id"])


@calls("POST", "/v2/webhooks/{id}/secret", status=201, writes=True, secret=True, errors=("not_found", "forbidden"))
async def rotate_webhook_secret(call: Call, params: NoParams) -> SecretAnswer:
    """
    Give a webhook a new secret.

    For a day what is sent carries two signatures, by the new secret and by the old one.
    """
    require_manager(call.caller.role)
    conn, account_id, id_ = call.transaction, call.caller.account_id, call.ids["id"]
    secret = await rotate_secret(conn, account_id, id_, key=call.services.secret, now=call.now)
    until = (await get_endpoint(conn, account_id, id_)).old_until
    return SecretAnswer(SecretData(id_, secret, time_text(until or call.now)))


@calls(
    "POST",
    "/v2/webhooks/{id}/test",
    status=202,
    writes=True,
    errors=("not_found", "validation_failed", "forbidden"),
)
async def test_webhook(call: Call, params: NoParams) -> DeliveryAnswer:
    """
    Send a webhook the event `webhook.test`, once.
    """
    require_manager(call.caller.role)
    key = (call.caller.account_id, call.ids["id"])
    return DeliveryAnswer(
        _delivery(await get_delivery(call.transaction, *key, await add_test(call.transaction, *key, call.now)))
    )


@calls("GET", "/v2/webhooks/{id}/deliveries", errors=("wrong_params", "pagination_error", "not_found", "forbidden"))
async def list_deliveries(call: Call, params: DeliveriesParams) -> DeliveriesAnswer:
    """
    What a webhook was told, or is to be, newest first. Each is kept for a week after its end.
    """
    require_manager(call.caller.role)
    reader, key = call.services.stores.app, (call.caller.account_id, call.ids["id"])
    await get_endpoint(reader, *key)
    page = await page_of_deliveries(reader, *key, limit=params.limit, offset=params.offset, state=params.state)
    tally = await tally_deliveries(reader, *key)
    meta = DeliveriesMeta(tally["waiting"], tally["done"], tally["dead"], params.limit, params.offset)
    return DeliveriesAnswer(tuple(map(_delivery, page)), meta)


@calls(
    "POST",
    "/v2/webhooks/{id}/deliveries/{delivery_id}/replay",
    status=202,
    writes=True,
    errors=("not_found", "validation_failed", "forbidden"),
)
async def replay_delivery(call: Call, params: NoParams) -> DeliveryAnswer:
    """
    Send a delivery again, under the same webhook-id.
    """
    require_manager(call.caller.role)
    conn, key = call.transaction, (call.caller.account_id, call.ids["id"], call.ids["delivery_id"])
    await replay(conn, *key, call.now)
    return DeliveryAnswer(_delivery(await get_delivery(conn, *key)))


@calls(
    "POST",
    "/v2/webhooks/{id}/replay",
    status=202,
    writes=True,
    errors=("not_found", "validation_failed", "forbidden"),
)
async def replay_dead_deliveries(call: Call, params: NoParams) -> ReplayedAnswer:
    """
    Send everything again that was given up.
    """
    require_manager(call.caller.role)
    count = await replay_dead(call.transaction, call.caller.account_id, call.ids["id"], call.now)
    return ReplayedAnswer(ReplayedData(count))


def _named(params: NewWebhookParams | WebhookParams) -> tuple[str, ...] | None:
    named = (*((params.event,) if params.event else ()), *params.events)
    return named or None


def _shown(one: Endpoint) -> WebhookData:
    at = time_text(one.created_at)
    return WebhookData(one.id, one.url, one.events[0], one.events, one.state, one.failures, at)


def _delivery(one: Delivery) -> DeliveryData:
    return DeliveryData(
        id=one.id,
        webhook_id=one.mark,
        event=one.event,
        state=one.state,
        tries=one.tries,
        status=one.status,
        error=one.trouble,
        took_ms=one.took,
        payload=one.body,
        created_at=time_text(one.created_at),
        next_try_at=time_text(one.due) if one.due is not None else None,
        ended_at=time_text(one.ended_at) if one.ended_at is not None else None,
    )
