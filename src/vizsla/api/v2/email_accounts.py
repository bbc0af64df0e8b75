"""`/v2/email-accounts`: the mail accounts that campaigns send from, to be looked at. Of today's public API."""

from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.campaigns.sender_use import count_uses, list_uses
from vizsla.campaigns.senders import count_senders, get_sender
from vizsla.campaigns.window import Window, days_of
from vizsla.desk.senders import Overview, list_overviews, overview_of
from vizsla.kit.clock import DAY

calls = Calls()
SendingStatus = Literal["active", "paused", "warming"]
_BY_HOST = {"gmail.com": "gmail", "office365.com": "outlook"}


class EmailAccountsParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class UsesParams(Params, frozen=True):
    """Which part of them, and whether those that were put away are among them."""

    include_archived: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class EmailAccountData(msgspec.Struct, frozen=True):
    """One sending account."""

    id: int
    email: str
    first_name: str | None
    last_name: str | None
    sending_status: SendingStatus
    """`warming` while a ramp keeps it under its daily limit, `paused` also while its server refuses us."""
    daily_limit: int
    provider: str
    """gmail, outlook, or smtp."""


class SendingSchedule(msgspec.Struct, frozen=True):
    """When it sends."""

    days: tuple[int, ...]
    """0 is Sunday."""
    start_time: str
    end_time: str
    time_zone: str


class Warmup(msgspec.Struct, frozen=True):
    """Whether its daily limit rises."""

    enabled: bool
    sent_today: int
    limit_today: int


class EmailAccountDetails(msgspec.Struct, frozen=True):
    """One sending account, with how it is set up. What it logs in with is never shown."""

    id: int
    email: str
    first_name: str | None
    last_name: str | None
    sending_status: SendingStatus
    daily_limit: int
    provider: str
    sender_name: str | None
    signature: str | None
    sending_schedule: SendingSchedule
    warmup: Warmup


class EmailAccountAnswer(msgspec.Struct, frozen=True):
    """One sending account."""

    data: EmailAccountDetails


class EmailAccountsMeta(msgspec.Struct, frozen=True):
    """Which part was asked for, and how many there are."""

    total: int
    limit: int
    offset: int


class EmailAccountsAnswer(msgspec.Struct, frozen=True):
    """The account's sending accounts, newest first."""

    data: tuple[EmailAccountData, ...]
    meta: EmailAccountsMeta


class UseData(msgspec.Struct, frozen=True):
    """A campaign that it sends for."""

    id: int
    name: str
    status: str
    recipients_allocated: int
    """Those that this account writes to."""
    emails_scheduled: int


class UsesAnswer(msgspec.Struct, frozen=True):
    """The campaigns it sends for, newest first."""

    data: tuple[UseData, ...]
    meta: EmailAccountsMeta


@calls("GET", "/v2/email-accounts", errors=("pagination_error",))
async def list_email_accounts(call: Call, params: EmailAccountsParams) -> EmailAccountsAnswer:
    """
    The mail accounts that campaigns send from, newest first.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    page = await list_overviews(reader, account_id, call.now, limit=params.limit, offset=params.offset)
    meta = EmailAccountsMeta(await count_senders(reader, account_id), params.limit, params.offset)
    return EmailAccountsAnswer(tuple(EmailAccountData(*_common(one)) for one in page), meta)


@calls("GET", "/v2/email-accounts/{id}", errors=("not_found",))
async def get_email_account(call: Call, params: NoParams) -> EmailAccountAnswer:
    """
    One mail account that campaigns send from.
    """
    reader = call.services.stores.app
    sender = await get_sender(reader, call.caller.account_id, call.ids["id"])
    one = await overview_of(reader, sender, call.now)
    warmup = Warmup(sender.ramp_start is not None, one.sent_today, one.cap_today)
    return EmailAccountAnswer(
        EmailAccountDetails(
            *_common(one), sender.name or None, sender.signature or None, _schedule(sender.window), warmup
        )
    )


@calls("GET", "/v2/email-accounts/{id}/sequences", errors=("pagination_error", "not_found"))
async def list_email_account_sequences(call: Call, params: UsesParams) -> UsesAnswer:
    """
    The campaigns that a mail account sends for, newest first.
    """
    reader, account_id, archived = call.services.stores.app, call.caller.account_id, params.include_archived
    sender = await get_sender(reader, account_id, call.ids["id"])
    uses = await list_uses(
        reader, account_id, sender.id, call.now, archived=archived, limit=params.limit, offset=params.offset
    )
    total = await count_uses(reader, account_id, sender.id, archived=archived)
    data = tuple(UseData(one.id, one.name, one.status, one.recipients_allocated, one.emails_scheduled) for one in uses)
    return UsesAnswer(data, EmailAccountsMeta(total, params.limit, params.offset))


def _common(one: Overview) -> tuple[int, str, str | None, str | None, SendingStatus, int, str]:
    sender = one.sender
    first, _, last = sender.name.partition(" ")
    status: SendingStatus = "paused" if sender.state != "ok" else "warming" if one.is_warming else "active"
    provider = next((name for suffix, name in _BY_HOST.items() if sender.smtp.host.endswith(f".{suffix}")), "smtp")
    return sender.id, sender.email, first or None, last or None, status, sender.daily_cap, provider


def _schedule(window: Window) -> SendingSchedule:
    return SendingSchedule(
        tuple(days_of(window.days)), _clock(window.start_second), _clock(window.end_second), window.timezone
    )


def _clock(second: int) -> str:
    return "24:00" if second == DAY else f"{second // 3600:02}:{second // 60 % 60:02}"
