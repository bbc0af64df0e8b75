"""
What is a campaign, and what may be changed of it?

A draft may be changed in everything. Once it was started, whom it is written by and when is settled for those who are being written
to: only its name, and what does not concern a message that is scheduled, can be changed. Deleted is a draft alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from vizsla.accounts.store import next_id
from vizsla.campaigns.telling import tell_pause
from vizsla.campaigns.window import WEEKDAYS, Window, check_window, next_slot
from vizsla.kit.clock import DAY
from vizsla.kit.email_address import is_addressable, parse_email
from vizsla.kit.errors import InvalidEmail, NotFound, VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

Uncertain = Literal["hold", "resend"]
LONGEST_NAME = 100
MOST_CAMPAIGNS = 10_000
MOST_SENDERS = 100
_FAR = 5 * 366 * DAY


class CampaignNotFound(NotFound):
    """This campaign does not exist."""


class InvalidCampaign(VizslaError):
    """The campaign is not valid."""

    id = "validation_failed"


class SequenceLocked(VizslaError):
    """The campaign was started, so that its steps, senders and hours can no longer be changed. Duplicate it to change them."""

    id = "sequence_locked"


class SequenceNotDestroyable(VizslaError):
    """Only a draft can be deleted. Archive a campaign that was started."""

    id = "sequence_not_destroyable"


class SequenceNotStarted(VizslaError):
    """The campaign was not started yet."""

    id = "sequence_not_started"


class SequenceNotActive(VizslaError):
    """The campaign is archived, or was not started yet."""

    id = "sequence_not_active"


class UnknownSenders(VizslaError):
    """One of the email accounts does not exist."""

    id = "unknown_email_account_ids"


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Steps that are written to recipients, from mail accounts of people, in some hours."""

    id: int
    member_id: int
    """Who made it."""
    name: str
    timezone: str
    days: int
    start_second: int
    end_second: int
    start_at: int | None
    """Not before; None: at once."""
    created_at: int
    updated_at: int | None
    """The last change by a person; None: none since it was made."""
    started_at: int | None
    paused_at: int | None
    archived_at: int | None
    tracks_opens: bool
    tracks_clicks: bool
    adds_unsubscribe: bool
    """A line with the link below the text; the header is always there."""
    stops_company: bool
    """Whether an answer ends it for all at that domain."""
    absence_days: int
    """How long follow-ups wait after an out-of-office."""
    max_lateness: int
    """Seconds after which a message that is late waits for a person."""
    uncertain: Uncertain
    """What is done with messages that may have left."""
    bcc: str | None
    version: int
    """Counted up with each change of a step."""
    recipients_count: int

    @property
    def window(self) -> Window:
        """When its messages may leave."""
        return Window(self.timezone, self.days, self.start_second, self.end_second)

    def first_slot(self, now: int) -> int:
        """The first second from *now* on at which its messages may leave."""
        return next_slot(max(now, self.start_at or 0), self.window)

    @property
    def is_draft(self) -> bool:
        """Whether it was never started."""
        return self.started_at is None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be different; UNSET stays as it is."""

    name: str | UnsetType = UNSET
    sender_ids: tuple[int, ...] | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    days: int | UnsetType = UNSET
    """Bits, bit 0 is Sunday."""
    start_second: int | UnsetType = UNSET
    end_second: int | UnsetType = UNSET
    start_at: int | UnsetType | None = UNSET
    tracks_opens: bool | UnsetType = UNSET
    tracks_clicks: bool | UnsetType = UNSET
    adds_unsubscribe: bool | UnsetType = UNSET
    stops_company: bool | UnsetType = UNSET
    absence_days: int | UnsetType = UNSET
    max_lateness: int | UnsetType = UNSET
    uncertain: str | UnsetType = UNSET
    bcc: str | UnsetType | None = UNSET

    @property
    def said(self) -> dict[str, Any]:
        """What is not UNSET."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}


_LOCKED = ("timezone", "days", "start_second", "end_second", "start_at", "tracks_opens", "tracks_clicks", "sender_ids")
_NEW: Mapping[str, Any] = {
    "name": "Untitled campaign",
    "timezone": "UTC",
    "days": WEEKDAYS,
    "start_second": 9 * 3_600,
    "end_second": 18 * 3_600,
    "start_at": None,
    "tracks_opens": False,
    "tracks_clicks": False,
    "adds_unsubscribe": True,
    "stops_company": False,
    "absence_days": 3,
    "max_lateness": 3 * DAY,
    "uncertain": "hold",
    "bcc": None,
}
_FIELDS = Campaign.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_FLAGS = ("tracks_opens", "tracks_clicks", "adds_unsubscribe", "stops_company")
_SAYABLE = tuple(_NEW)
_ADD = statement(f"""
    INSERT INTO campaign (account_id, id, member_id, created_at, version, recipients_count, {", ".join(_SAYABLE)})
    VALUES (:account_id, :id, :member_id, :now, 0, 0, {", ".join(f":{name}" for name in _SAYABLE)})
""")  # noqa: S608
_GET = statement(f"SELECT {_COLUMNS} FROM campaign WHERE account_id = :account_id AND id = :id")  # noqa: S608
# On PostgreSQL whoever changes a campaign waits for whoever does so already, but nobody who adds a row that refers to it; SQLite has
# one writer.
_LOCK = statement(
    f"SELECT {_COLUMNS} FROM campaign WHERE account_id = :account_id AND id = :id",  # noqa: S608
    postgresql=f"SELECT {_COLUMNS} FROM campaign WHERE account_id = :account_id AND id = :id FOR NO KEY UPDATE",  # noqa: S608
)
_PUT = statement(f"""
    UPDATE campaign SET updated_at = :now, {", ".join(f"{name} = :{name}" for name in _SAYABLE)} WHERE account_id = :account_id AND id = :id
""")  # noqa: S608
_SET = {
    name: statement(f"UPDATE campaign SET {name} = :value WHERE account_id = :account_id AND id = :id")  # noqa: S608
    for name in ("started_at", "paused_at", "archived_at")
}
_COUNT_UP = statement("UPDATE campaign SET version = version + 1 WHERE account_id = :account_id AND id = :id")
_COUNT = statement("SELECT count(*) FROM campaign WHERE account_id = :account_id")
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM campaign WHERE account_id = :account_id
    AND (:started = -1 OR CASE WHEN started_at IS NULL THEN 0 ELSE 1 END = :started)
    AND (:archived = -1 OR CASE WHEN archived_at IS NULL THEN 0 ELSE 1 END = :archived)
    ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_DELETE = statement("DELETE FROM campaign WHERE account_id = :account_id AND id = :id")
_SENDERS = statement("""
    SELECT sender_id FROM campaign_sender WHERE account_id = :account_id AND campaign_id = :campaign_id ORDER BY sender_id
""")
_KNOWN_SENDERS = statement("SELECT id, timezone FROM sender WHERE account_id = :account_id AND id IN :ids[bigint]")
_DROP_SENDERS = statement("DELETE FROM campaign_sender WHERE account_id = :account_id AND campaign_id = :campaign_id")
_ADD_SENDER = statement("""
    INSERT INTO campaign_sender (account_id, campaign_id, sender_id) VALUES (:account_id, :campaign_id, :sender_id)
""")


async def create_campaign(conn: Connection, account_id: int, member_id: int, changes: Changes, now: int) -> Campaign:
    """A new draft of *member_id*. Raises InvalidCampaign, WrongWindow, UnknownSenders."""
    values = {**_NEW, **changes.said}
    sender_ids = values.pop("sender_ids", ())
    checked = _check(values, now)
    campaign_id = await next_id(conn, account_id)
    if await count_campaigns(conn, account_id) >= MOST_CAMPAIGNS:
        raise InvalidCampaign(f"An account has {MOST_CAMPAIGNS:,} campaigns at most.")
    named = {"account_id": account_id, "id": campaign_id, "member_id": member_id, "now": now}
    await conn.execute(_ADD, {**named, **checked})
    await _put_senders(conn, account_id, campaign_id, sender_ids)
    return await get_campaign(conn, account_id, campaign_id)


async def change_campaign(conn: Connection, account_id: int, campaign_id: int, changes: Changes, now: int) -> Campaign:
    """
    The campaign with *changes*.

    Raises CampaignNotFound, InvalidCampaign, WrongWindow, UnknownSenders, and SequenceLocked for what is settled by its start.
    """
    before = await lock_campaign(conn, account_id, campaign_id)
    said = changes.said
    values = {name: getattr(before, name) for name in _SAYABLE}
    sender_ids = said.pop("sender_ids", None)
    if sender_ids is not None:
        sender_ids = tuple(sorted(set(sender_ids)))
        if sender_ids == tuple(await senders_of(conn, account_id, campaign_id)):
            sender_ids = None
    if not before.is_draft or before.archived_at is not None:
        changed = {name for name, value in said.items() if value != values[name]}
        if changed & set(_LOCKED) or sender_ids is not None:
            raise SequenceLocked
    checked = _check({**values, **said}, now, start_at_before=before.start_at)
    await conn.execute(_PUT, {"account_id": account_id, "id": campaign_id, "now": now, **checked})
    if sender_ids is not None:
        await _put_senders(conn, account_id, campaign_id, sender_ids)
    return await get_campaign(conn, account_id, campaign_id)


async def get_campaign(reader: Reader, account_id: int, campaign_id: int) -> Campaign:
    """The account's campaign; raises CampaignNotFound."""
    return _campaign(await reader.fetch_one(_GET, {"account_id": account_id, "id": campaign_id}))


async def lock_campaign(conn: Connection, account_id: int, campaign_id: int) -> Campaign:
    """The same, and nobody else changes it until the transaction ends."""
    return _campaign(await conn.fetch_one(_LOCK, {"account_id": account_id, "id": campaign_id}))


async def lock_draft(conn: Connection, account_id: int, campaign_id: int) -> Campaign:
    """The same, of a draft. Raises CampaignNotFound, SequenceLocked."""
    found = await lock_campaign(conn, account_id, campaign_id)
    if not found.is_draft or found.archived_at is not None:
        raise SequenceLocked
    return found


async def list_campaigns(
    reader: Reader,
    account_id: int,
    *,
    started: bool | None = None,
    archived: bool | None = None,
    limit: int,
    offset: int = 0,
) -> list[Campaign]:
    """The account's campaigns, newest first; those that were or were not *started*, or *archived*."""
    values = {
        "account_id": account_id,
        "started": -1 if started is None else int(started),
        "archived": -1 if archived is None else int(archived),
        "limit": limit,
        "offset": offset,
    }
    return [_campaign(row) for row in await reader.fetch_all(_PAGE, values)]


async def count_campaigns(reader: Reader, account_id: int) -> int:
    """How many the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def senders_of(reader: Reader, account_id: int, campaign_id: int) -> list[int]:
    """The mail accounts that a campaign is sent from."""
    rows = await reader.fetch_all(_SENDERS, {"account_id": account_id, "campaign_id": campaign_id})
    return [row[0] for row in rows]


async def home_timezone(reader: Reader, account_id: int, sender_ids: Sequence[int]) -> str:
    """The time zone of a campaign for which none is said: that of the first of its senders."""
    rows = await reader.fetch_all(_KNOWN_SENDERS, {"account_id": account_id, "ids": list(sender_ids)[:MOST_SENDERS]})
    return str(min(rows)[1]) if rows else str(_NEW["timezone"])


async def pause(conn: Connection, account_id: int, campaign_id: int, now: int) -> None:
    """Send nothing more until it is resumed. Raises CampaignNotFound, SequenceNotActive."""
    found = await lock_campaign(conn, account_id, campaign_id)
    if found.is_draft or found.archived_at is not None:
        raise SequenceNotActive
    if found.paused_at is None:
        await put_time(conn, account_id, campaign_id, "paused_at", now)
        await tell_pause(conn, account_id, campaign_id, now, is_over=False)


async def archive(conn: Connection, account_id: int, campaign_id: int, now: int) -> bool:
    """
    Put it away for good; False if it was already. Who stops its recipients is `recipients.stop_all`.

    Raises CampaignNotFound, SequenceNotStarted.
    """
    found = await lock_campaign(conn, account_id, campaign_id)
    if found.is_draft:
        raise SequenceNotStarted("The campaign was not started yet. Delete it instead.")
    if found.archived_at is not None:
        return False
    await put_time(conn, account_id, campaign_id, "archived_at", now)
    return True


async def delete_campaign(conn: Connection, account_id: int, campaign_id: int) -> None:
    """Delete a draft, with its steps and recipients. Raises CampaignNotFound, SequenceNotDestroyable."""
    found = await lock_campaign(conn, account_id, campaign_id)
    if not found.is_draft or found.archived_at is not None:
        raise SequenceNotDestroyable
    await conn.execute(_DELETE, {"account_id": account_id, "id": campaign_id})


async def put_time(
    conn: Connection,
    account_id: int,
    campaign_id: int,
    what: Literal["started_at", "paused_at", "archived_at"],
    at: int | None,
) -> None:
    """Write when that was; who calls has checked that it may be."""
    await conn.execute(_SET[what], {"account_id": account_id, "id": campaign_id, "value": at})


async def note_change_of_steps(conn: Connection, account_id: int, campaign_id: int) -> None:
    """Let everybody read the steps anew."""
    await conn.execute(_COUNT_UP, {"account_id": account_id, "id": campaign_id})


def _check(values: Mapping[str, Any], now: int, *, start_at_before: int | None = None) -> dict[str, Any]:
    """*values* as they are kept. Raises InvalidCampaign, WrongWindow."""
    name = " ".join(str(values["name"])[: LONGEST_NAME * 2].split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidCampaign(f"The name of a campaign has 1 to {LONGEST_NAME} characters.")
    check_window(Window(*(values[part] for part in ("timezone", "days", "start_second", "end_second"))))
    start_at = values["start_at"]
    if start_at is not None and start_at != start_at_before and start_at < now - DAY:
        raise InvalidCampaign("The start must not be in the past.")
    if start_at is not None and start_at > now + _FAR:
        raise InvalidCampaign("The start is too far ahead: five years are the most.")
    if not 0 <= values["absence_days"] <= 90:
        raise InvalidCampaign("After an out-of-office follow-ups wait for 0 to 90 days.")
    if not 0 < values["max_lateness"] <= 365 * DAY:
        raise InvalidCampaign("A message may be late by a second to a year.")
    if values["uncertain"] not in get_args(Uncertain):
        raise InvalidCampaign("Messages that may have left are held (hold) or sent again (resend).")
    checked = {**values, "name": name, "bcc": _address(values["bcc"])}
    return checked | {flag: int(checked[flag]) for flag in _FLAGS}


def _address(bcc: str | None) -> str | None:
    if not bcc:
        return None
    try:
        address = str(parse_email(bcc[:400]))
    except InvalidEmail:
        address = ""
    if not address or not is_addressable(address):
        raise InvalidCampaign("The bcc_recipient is not an e-mail address that mail can be sent to.")
    return address


async def _put_senders(conn: Connection, account_id: int, campaign_id: int, ids: Sequence[int]) -> None:
    wanted = sorted(set(ids))
    if len(wanted) > MOST_SENDERS:
        raise InvalidCampaign(f"A campaign is sent from {MOST_SENDERS} email accounts at most.")
    known = {row[0] for row in await conn.fetch_all(_KNOWN_SENDERS, {"account_id": account_id, "ids": wanted})}
    if set(wanted) - known:
        strange = ", ".join(map(str, sorted(set(wanted) - known)))
        raise UnknownSenders(f"There is no email account {strange[:200]} of yours.")
    named = {"account_id": account_id, "campaign_id": campaign_id}
    await conn.execute(_DROP_SENDERS, named)
    await conn.execute_many(_ADD_SENDER, [{**named, "sender_id": id_} for id_ in wanted])


def _campaign(row: Row | None) -> Campaign:
    if row is None:
        raise CampaignNotFound
    values = dict(zip(_FIELDS, row, strict=True))
    return Campaign(**values | {flag: bool(values[flag]) for flag in _FLAGS})
