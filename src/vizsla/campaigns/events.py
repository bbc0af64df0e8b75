"""
What was seen of a message, and how is it counted?

An event is kept once under its key, with the earliest time that it was told of. What is derived from events (when a message was
opened, the counts of a day) is worked out from all of them before and after each, so that it depends neither on their order nor on
how often one of them is told.
"""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Literal

import msgspec
from msgspec.structs import astuple

from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

Kind = Literal["open", "click", "reply", "absence", "bounce", "soft_bounce", "block", "complaint", "unsubscribe"]
Actor = Literal["human", "proxy", "bot"]
"""A proxy loads pictures when a person opens the mail; a bot opens everything, asked or not."""
SWEEP = 5
"""Seconds within which nobody follows three links of one mail: a scanner does."""
_LINKS_OF_A_SWEEP = 3
MOST_EVENTS = 500
"""Of one message: whoever follows its links all day is not counted any further."""
_BOUNCES = ("bounce", "soft_bounce", "block")
_LONGEST_AGENT = 200

_SENT = """
    SELECT message.account_id, message.id, message.campaign_id, message.recipient_id, message.step, message.sender_id,
        message.message_id, message.sent_at, recipient.email
    FROM message JOIN recipient ON recipient.account_id = message.account_id AND recipient.id = message.recipient_id
"""
_BY_ID = statement(f"{_SENT} WHERE message.account_id = :account_id AND message.id = :id")
_BY_NAMES = statement(f"{_SENT} WHERE message.message_id IN :names[text]")
_LAST = statement(f"""
    {_SENT} WHERE message.account_id = :account_id AND message.recipient_id = :recipient_id
    ORDER BY message.step DESC LIMIT 1
""")
# Facts of one recipient have an order. The same person in other campaigns is locked with them, for they may be let go of too.
_LOCK = statement("""
    SELECT id FROM recipient WHERE account_id = :account_id AND email = :email ORDER BY id FOR UPDATE
""")
_OF_STEP = statement("""
    SELECT id, kind, actor, at, link, dedupe FROM event
    WHERE account_id = :account_id AND recipient_id = :recipient_id AND step = :step
""")
_ADD = statement("""
    INSERT INTO event (account_id, id, campaign_id, recipient_id, step, kind, actor, at, link, agent, dedupe)
    VALUES (:account_id, :id, :campaign_id, :recipient_id, :step, :kind, :actor, :at, :link, :agent, :dedupe)
""")
_SET_TIME = statement("UPDATE event SET at = :at WHERE account_id = :account_id AND id = :id")
_SET_ACTOR = statement("UPDATE event SET actor = :actor WHERE account_id = :account_id AND id = :id")
_SEEN = statement("""
    UPDATE message SET opened_at = :opened_at, clicked_at = :clicked_at, bounced_at = :bounced_at
    WHERE account_id = :account_id AND id = :id
""")
_COLUMNS = ("opened", "opened_by_bots", "clicked", "clicked_by_bots", "replied", "bounced", "unsubscribed")
_COUNT = {
    column: statement(f"""
        INSERT INTO campaign_day (account_id, campaign_id, step, day, {column})
        VALUES (:account_id, :campaign_id, :step, :day, :count)
        ON CONFLICT (account_id, campaign_id, step, day) DO UPDATE SET {column} = campaign_day.{column} + excluded.{column}
    """)  # noqa: S608
    for column in _COLUMNS
}


class Sent(msgspec.Struct, frozen=True):
    """A message that something came back of."""

    account_id: int
    id: int
    campaign_id: int
    recipient_id: int
    step: int
    sender_id: int
    name: str
    """Its Message-ID."""
    sent_at: int | None
    """None: as far as we know it has not left yet."""
    email: str
    """To whom, in lower case."""


class Event(msgspec.Struct, frozen=True):
    """Something that was seen."""

    id: int
    kind: Kind
    actor: Actor
    at: int
    link: int | None
    key: str

    @property
    def claimed_actor(self) -> Actor:
        """Who it was by itself, whatever came before and after it."""
        return self.key.rpartition(":")[2]  # type: ignore[return-value]


class Seen(msgspec.Struct, frozen=True):
    """What all events of a message say together; times in seconds since 1970, the earliest."""

    opened: int | None = None
    """By a person: who follows a link has opened the mail, whether or not pictures were loaded."""
    opened_by_bots: int | None = None
    clicked: int | None = None
    clicked_by_bots: int | None = None
    replied: int | None = None
    bounced: int | None = None
    """For good."""
    unsubscribed: int | None = None
    came_back: int | None = None
    """For whatever reason."""


async def find_sent(reader: Reader, account_id: int, message_id: int) -> Sent | None:
    """The account's message; None if its campaign or its recipient is gone."""
    row = await reader.fetch_one(_BY_ID, {"account_id": account_id, "id": message_id})
    return Sent(*row) if row else None


async def find_named(reader: Reader, names: Sequence[str]) -> dict[str, Sent]:
    """The messages with these Message-IDs, by Message-ID, of whatever account."""
    if not names:
        return {}
    return {row[6]: Sent(*row) for row in await reader.fetch_all(_BY_NAMES, {"names": list(names)})}


async def find_last(reader: Reader, account_id: int, recipient_id: int) -> Sent | None:
    """The last message to a recipient."""
    row = await reader.fetch_one(_LAST, {"account_id": account_id, "recipient_id": recipient_id})
    return Sent(*row) if row else None


async def record(
    conn: Connection,
    sent: Sent,
    kind: Kind,
    *,
    at: int,
    key: str,
    actor: Actor = "human",
    link: int | None = None,
    agent: str | None = None,
) -> Seen | None:
    """
    Keep an event; None if it was known, and from no later. *key* tells it from others of its kind and message.

    What is seen of the message for the first time by it is returned.

    Recipients are locked from here on, then messages, counts and leads: whoever locks several keeps to that order. The id of an
    event is made of what it is, so that the account's row, where ids are counted, is not waited for.
    """
    dedupe = f"{kind}:{sent.id}:{key}:{actor}"
    before = await _events(conn, sent)
    if any(one.key == dedupe and one.at <= at for one in before) or len(before) >= MOST_EVENTS:
        return None
    id_ = int.from_bytes(hashlib.sha256(dedupe.encode()).digest()[:8]) >> 1
    if conn.dialect == "postgresql":
        await conn.fetch_all(_LOCK, {"account_id": sent.account_id, "email": sent.email})
    before = await _events(conn, sent)  # as it is under the lock
    known = next((one for one in before if one.key == dedupe), None)
    if known is None:
        await conn.execute(
            _ADD,
            {
                "account_id": sent.account_id,
                "id": id_,
                "campaign_id": sent.campaign_id,
                "recipient_id": sent.recipient_id,
                "step": sent.step,
                "kind": kind,
                "actor": actor,
                "at": at,
                "link": link,
                "agent": agent[:_LONGEST_AGENT] if agent else None,
                "dedupe": dedupe,
            },
        )
        told = [*before, Event(id_, kind, actor, at, link, dedupe)]
    elif at < known.at:
        told = [msgspec.structs.replace(one, at=at) if one is known else one for one in before]
        await conn.execute(_SET_TIME, {"account_id": sent.account_id, "id": known.id, "at": at})
    else:
        return None
    judged = judge(told)
    for one, was in zip(judged, told, strict=True):
        if one.actor != was.actor:
            await conn.execute(_SET_ACTOR, {"account_id": sent.account_id, "id": one.id, "actor": one.actor})
    seen, is_now = see(before), see(judged)
    await _count(conn, sent, seen, is_now)
    return Seen(*(None if old is not None else new for old, new in zip(astuple(seen), astuple(is_now), strict=True)))


def judge(events: Sequence[Event]) -> list[Event]:
    """*events* of one message with who it was, now that all of them are known."""
    clicks = sorted((one for one in events if one.kind == "click"), key=attrgetter("at"))
    swept: set[int] = set()
    start = 0
    for end, last in enumerate(clicks):
        while last.at - clicks[start].at > SWEEP:
            start += 1
        together = clicks[start : end + 1]
        if len({one.link for one in together}) >= _LINKS_OF_A_SWEEP:
            swept.update(one.id for one in together)
    return [
        msgspec.structs.replace(one, actor="bot" if one.id in swept else one.claimed_actor)
        if one.kind in ("open", "click")
        else one
        for one in events
    ]


def see(events: Sequence[Event]) -> Seen:
    """What *events* of one message say together."""

    def first(*kinds: Kind, bots: bool = False) -> int | None:
        return min((one.at for one in events if one.kind in kinds and (one.actor == "bot") == bots), default=None)

    return Seen(
        opened=first("open", "click"),
        opened_by_bots=first("open", bots=True),
        clicked=first("click"),
        clicked_by_bots=first("click", bots=True),
        replied=first("reply"),
        bounced=first("bounce"),
        unsubscribed=first("unsubscribe", "complaint"),
        came_back=first("bounce", "soft_bounce", "block"),
    )


async def _events(reader: Reader, sent: Sent) -> list[Event]:
    rows: list[Row] = await reader.fetch_all(
        _OF_STEP, {"account_id": sent.account_id, "recipient_id": sent.recipient_id, "step": sent.step}
    )
    return [Event(*row) for row in rows]


async def _count(conn: Connection, sent: Sent, was: Seen, is_now: Seen) -> None:
    seen = {"opened_at": is_now.opened, "clicked_at": is_now.clicked, "bounced_at": is_now.came_back}
    await conn.execute(_SEEN, {"account_id": sent.account_id, "id": sent.id, **seen})
    moves = [
        (day, column, count)
        for column in _COLUMNS
        for at, count in ((getattr(was, column), -1), (getattr(is_now, column), 1))
        if at is not None
        for day in (at // DAY,)
    ]
    for (day, column), counts in groupby(sorted(moves), key=lambda move: move[:2]):
        count = sum(move[2] for move in counts)
        if count:
            values = {"account_id": sent.account_id, "campaign_id": sent.campaign_id, "step": sent.step}
            await conn.execute(_COUNT[column], {**values, "day": day, "count": count})
