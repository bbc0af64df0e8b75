"""`/v2/sequences`: campaigns made, changed and deleted. Of today's public API; also as `/v2/campaigns`."""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET

from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.campaigns_shown import DetailData, shown_detail
from vizsla.campaigns.campaign import (
    Campaign,
    Changes,
    change_campaign,
    create_campaign,
    delete_campaign,
    get_campaign,
    home_timezone,
    senders_of,
)
from vizsla.campaigns.starting import duplicate, next_sends
from vizsla.campaigns.stats import standings
from vizsla.campaigns.steps import list_steps
from vizsla.campaigns.window import bits_of, local_midnight
from vizsla.desk.campaigns import member_of, owner_of
from vizsla.storage.database import Reader

calls = Calls()
_Second = Annotated[int, msgspec.Meta(ge=0, le=86_399)]
_Day = Annotated[int, msgspec.Meta(ge=0, le=6)]
_ERRORS = ("wrong_params", "validation_failed", "unknown_email_account_ids")


class _Settings(Params, frozen=True, kw_only=True):
    """What can be set of a campaign; what is not sent stays."""

    clears: ClassVar = True

    email_account_ids: tuple[Id, ...] | None = None
    """Which email accounts it is sent from, in turn."""
    schedule_days: tuple[_Day, ...] | None = None
    """Days of the week, 0 is Sunday; Monday to Friday of a new one."""
    schedule_time_start: _Second | None = None
    """When the hours begin, in seconds since midnight; 9:00 of a new one."""
    schedule_time_end: _Second | None = None
    """When they end; 18:00 of a new one."""
    timezone: str | None = None
    """IANA name; of a new one, that of its first email account."""
    start_at: str | None = None
    """Not before this day, `YYYY-MM-DD`; empty: at once."""
    bcc_recipient: str | None = None
    """Who gets a copy of every message; empty: nobody."""
    tracked: bool | None = None
    """Whether opens are tracked."""
    tracked_links: bool | None = None
    """Whether clicks are tracked."""
    add_unsubscribe_link: bool | None = None
    """Whether a line with the link to unsubscribe is added."""


class NewSequenceParams(_Settings, frozen=True, kw_only=True):
    """A campaign to make."""

    name: str


class SequenceParams(_Settings, frozen=True, kw_only=True):
    """What is to be changed of a campaign."""

    name: str | None = None


class SequenceAnswer(msgspec.Struct, frozen=True):
    """One campaign with all that is set of it."""

    data: DetailData


@calls("POST", "/v2/campaigns", status=201, writes=True, errors=_ERRORS)
async def create_sequence_as_campaign(call: Call, params: NewSequenceParams) -> SequenceAnswer:
    """
    Make a draft. Its steps are added by `POST /v2/sequences/{id}/follow-ups`.
    """
    return await _create(call, params)


@calls("POST", "/v2/sequences", status=201, writes=True, errors=_ERRORS)
async def create_sequence(call: Call, params: NewSequenceParams) -> SequenceAnswer:
    """
    Make a draft, under the newer name. The same as `POST /v2/campaigns`.
    """
    return await _create(call, params)


@calls("GET", "/v2/campaigns/{id}")
async def read_sequence(call: Call, params: NoParams) -> SequenceAnswer:
    """
    One campaign with all that is set of it, where it stands, and when its next messages could leave.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    return await _answer(call, reader, await get_campaign(reader, account_id, call.ids["id"]))


@calls("PUT", "/v2/campaigns/{id}", writes=True, errors=(*_ERRORS, "sequence_locked"))
async def change_sequence(call: Call, params: SequenceParams) -> SequenceAnswer:
    """
    Change a campaign. Once it was started, its hours, senders and tracking are settled.
    """
    conn, account_id, campaign_id = call.transaction, call.caller.account_id, call.ids["id"]
    before = await get_campaign(conn, account_id, campaign_id)
    changes = _changes(params, params.timezone or before.timezone)
    return await _answer(call, conn, await change_campaign(conn, account_id, campaign_id, changes, call.now))


@calls("DELETE", "/v2/campaigns/{id}", status=204, writes=True, errors=("sequence_not_destroyable",))
async def delete_sequence(call: Call, params: NoParams) -> None:
    """
    Delete a draft, with its steps and recipients.
    """
    await delete_campaign(call.transaction, call.caller.account_id, call.ids["id"])


@calls("POST", "/v2/campaigns/{id}/duplicate", status=201, writes=True, errors=("validation_failed",))
async def duplicate_sequence(call: Call, params: NoParams) -> SequenceAnswer:
    """
    Make a draft with the same steps, files, email accounts and hours, and without recipients.
    """
    conn, account_id = call.transaction, call.caller.account_id
    member_id = await member_of(conn, call.caller)
    return await _answer(call, conn, await duplicate(conn, account_id, member_id, call.ids["id"], call.now))


async def _create(call: Call, params: NewSequenceParams) -> SequenceAnswer:
    conn, account_id = call.transaction, call.caller.account_id
    timezone = params.timezone or await home_timezone(conn, account_id, params.email_account_ids or ())
    changes = msgspec.structs.replace(_changes(params, timezone), timezone=timezone)
    member_id = await member_of(conn, call.caller)
    return await _answer(call, conn, await create_campaign(conn, account_id, member_id, changes, call.now))


def _changes(params: NewSequenceParams | SequenceParams, timezone: str) -> Changes:
    said: dict[str, Any] = {
        "name": params.name,
        "sender_ids": params.email_account_ids,
        "days": bits_of(params.schedule_days) if params.schedule_days is not None else None,
        "start_second": params.schedule_time_start,
        "end_second": params.schedule_time_end,
        "timezone": params.timezone or None,
        "tracks_opens": params.tracked,
        "tracks_clicks": params.tracked_links,
        "adds_unsubscribe": params.add_unsubscribe_link,
    }
    changes = Changes(**{name: value for name, value in said.items() if value is not None})
    start_at = local_midnight(params.start_at, timezone) if params.start_at else None
    return msgspec.structs.replace(
        changes,
        start_at=UNSET if params.start_at is None else start_at,
        bcc=UNSET if params.bcc_recipient is None else params.bcc_recipient or None,
    )


async def _answer(call: Call, reader: Reader, one: Campaign) -> SequenceAnswer:
    account_id = call.caller.account_id
    return SequenceAnswer(
        shown_detail(
            one,
            standing=(await standings(reader, account_id, [one], call.now))[one.id],
            sender_ids=await senders_of(reader, account_id, one.id),
            steps=await list_steps(reader, account_id, one.id),
            owner=await owner_of(reader, account_id, one.member_id),
            next_sends=await next_sends(reader, account_id, one, call.now),
        )
    )
