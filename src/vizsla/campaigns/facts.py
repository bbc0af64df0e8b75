"""
Something came back: what does it change?

One place for all of it: the event, the recipient, the other recipients it speaks of, the lead, the list of those who are not written
to, and what the verifier and the finder learn. Each function works within its caller's transaction, may be called any number of
times for the same thing, and in any order with the others: times are the earliest, of two reasons to stop the stronger one stays.
"""

from typing import Literal

import msgspec

from vizsla.campaigns.events import Actor, Seen, Sent, find_last, record
from vizsla.campaigns.lessons import learn
from vizsla.campaigns.status import put_status
from vizsla.campaigns.stopping import STOPS, stop_company, stop_elsewhere, stop_recipient
from vizsla.campaigns.telling import tell_reply, tell_seen
from vizsla.campaigns.window import Window, next_slot
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import find_hash, remove_suppressed, suppress, suppress_hash
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

__all__ = [
    "Ground", "hold_until", "note_absence", "note_bounce", "note_click", "note_complaint", "note_delivery", "note_open", "note_reply", "note_return",
    "note_unsubscribe", "refresh_recipient", "stop_recipient",
]  # fmt: skip
Bounce = Literal["hard", "soft", "blocked"]
SOFT_BOUNCES = 3
"""A mailbox that was full as often is left alone."""
_SECONDS_OF_A_PERSON = 2
"""Whoever opens a mail sooner after it left is a machine on its way."""
_DETAILS = 300
_MINUTE = 60

_FACTS = statement(
    "SELECT email, lead_id, replied_at, bounced_at FROM recipient WHERE account_id = :account_id AND id = :id"
)
_ABSENCE = statement("""
    SELECT absence_days, timezone, days, start_second, end_second FROM campaign WHERE account_id = :account_id AND id = :id
""")
_EARLIEST = {
    column: statement(f"""
        UPDATE recipient SET {column} = :at WHERE account_id = :account_id AND id = :id AND ({column} IS NULL OR {column} > :at)
    """)  # noqa: S608
    for column in ("replied_at", "bounced_at", "unsubscribed_at", "error_at")
}
_ABSENT = statement("""
    UPDATE recipient SET absent_at = :at WHERE account_id = :account_id AND id = :id AND (absent_at IS NULL OR absent_at < :at)
""")
_HOLD = statement("UPDATE recipient SET due = :due WHERE account_id = :account_id AND id = :id AND due < :due")
_SOFT = statement("""
    UPDATE recipient SET soft_bounces = (
        SELECT count(*) FROM event WHERE event.account_id = recipient.account_id AND event.recipient_id = recipient.id
        AND event.kind = 'soft_bounce'
    ) WHERE account_id = :account_id AND id = :id RETURNING soft_bounces
""")
# What is seen of the last message is seen of its recipient.
_REFRESH = statement("""
    UPDATE recipient SET
        opened_at = (SELECT last.opened_at FROM message AS last WHERE last.account_id = recipient.account_id
            AND last.recipient_id = recipient.id AND last.sent_at IS NOT NULL ORDER BY last.step DESC LIMIT 1),
        clicked_at = (SELECT last.clicked_at FROM message AS last WHERE last.account_id = recipient.account_id
            AND last.recipient_id = recipient.id AND last.sent_at IS NOT NULL ORDER BY last.step DESC LIMIT 1)
    WHERE account_id = :account_id AND id = :id
""")
# Not what is on its way, or may be: those who have it in hand write down what became of it.
_CAME_BACK = statement("""
    UPDATE message SET state = 'bounced' WHERE account_id = :account_id AND id = :id AND state IN ('sent', 'error')
""")
_WAS_BLOCKED = statement("""
    UPDATE message SET state = 'error' WHERE account_id = :account_id AND id = :id AND state = 'sent'
""")
_DELIVERED = statement("""
    UPDATE message SET delivered_at = :at WHERE account_id = :account_id AND id = :id AND (delivered_at IS NULL OR delivered_at > :at)
""")
_TROUBLE = statement("UPDATE recipient SET trouble = :trouble WHERE account_id = :account_id AND id = :id")
_STAYS = statement("""
    UPDATE recipient SET unsubscribed_at = NULL WHERE account_id = :account_id AND email = :email
    AND unsubscribed_at IS NOT NULL RETURNING id
""")


class Ground(msgspec.Struct, frozen=True):
    """What facts are judged with, beside the transaction."""

    index: Reader
    claims: Claims


async def note_open(conn: Connection, sent: Sent, *, at: int, actor: Actor = "human", agent: str | None = None) -> bool:
    """The message's pixel was loaded. False if it was known."""
    newly = await record(conn, sent, "open", at=at, key="", actor=_by_time(sent, at, actor), agent=agent)
    return await _note_seen(conn, sent, newly, at)


async def note_click(
    conn: Connection, sent: Sent, link: int, *, at: int, actor: Actor = "human", agent: str | None = None
) -> bool:
    """A link of the message was followed. False if it was known: a minute is one time, so that a person is seen after a scanner."""
    key, actor = f"{link}.{at // _MINUTE}", _by_time(sent, at, actor)
    newly = await record(conn, sent, "click", at=at, key=key, actor=actor, link=link, agent=agent)
    return await _note_seen(conn, sent, newly, at)


async def note_reply(conn: Connection, ground: Ground, sent: Sent, *, at: int, by: str, key: str) -> bool:
    """
    A person answered, *by* being their address in lower case: this recipient gets no more, in some campaigns their company neither.

    *key* is the reply's Message-ID, or what else tells it from others. False if it was known.
    """
    if not await record(conn, sent, "reply", at=at, key=key):
        return False
    row = await conn.fetch_one(_FACTS, {"account_id": sent.account_id, "id": sent.recipient_id})
    await _set_earliest(conn, sent, "replied_at", at)
    await stop_recipient(conn, sent.account_id, sent.recipient_id, "replied", at)
    await stop_company(conn, sent, at)
    # A colleague's answer shows nothing of the address that was written to.
    if row is not None and by == row[0] and row[2] is None:
        await learn(conn, ground.index, sent, row[1], label="reply", now=at)
    await tell_reply(conn, sent, at)
    return True


async def note_absence(conn: Connection, sent: Sent, *, at: int, key: str) -> bool:
    """They are away: what follows waits for as many days as the campaign says, and nothing is ended."""
    if not await record(conn, sent, "absence", at=at, key=key):
        return False
    values = {"account_id": sent.account_id, "id": sent.recipient_id}
    await conn.execute(_ABSENT, {**values, "at": at})
    row = await conn.fetch_one(_ABSENCE, {"account_id": sent.account_id, "id": sent.campaign_id})
    if row is not None:
        await conn.execute(_HOLD, {**values, "due": hold_until(at, row[0], Window(*row[1:]))})
    await put_status(conn, sent.account_id, sent.recipient_id)
    return True


def hold_until(absent_at: int, absence_days: int, window: Window) -> int:
    """Until when what follows waits for somebody who was away at *absent_at*."""
    return next_slot(absent_at + absence_days * DAY, window)


async def note_bounce(
    conn: Connection,
    ground: Ground,
    sent: Sent,
    bounce: Bounce,
    *,
    at: int,
    final_recipient: str = "",
    details: str = "",
) -> bool:
    """
    The message came back, for good (*hard*), for now (*soft*: full, or too long on the way), or because it is not wanted (*blocked*).

    *final_recipient* is whom the report names, in lower case: an address that forwards to a dead one is not itself unknown.
    """
    if bounce == "soft":
        return await _note_soft_bounce(conn, sent, at, details)
    if bounce == "blocked":
        return await _note_block(conn, sent, at, details)
    if not await record(conn, sent, "bounce", at=at, key="", agent=details):
        return False
    row = await conn.fetch_one(_FACTS, {"account_id": sent.account_id, "id": sent.recipient_id})
    await conn.execute(_CAME_BACK, {"account_id": sent.account_id, "id": sent.id})
    await _set_earliest(conn, sent, "bounced_at", at)
    await stop_recipient(conn, sent.account_id, sent.recipient_id, "bounced", at)
    await suppress(conn, ground.claims, sent.account_id, sent.email, "bounce", now=at, campaign_id=sent.campaign_id)
    await stop_elsewhere(conn, sent, at)
    if row is not None and row[3] is None and final_recipient in ("", sent.email):
        await learn(conn, ground.index, sent, row[1], label="bounce", now=at)
    return True


async def _note_block(conn: Connection, sent: Sent, at: int, details: str) -> bool:
    """Their policy, our reputation, what the message says: nothing against the address, and a person should look."""
    if not await record(conn, sent, "block", at=at, key="", agent=details):
        return False
    values = {"account_id": sent.account_id, "id": sent.recipient_id}
    await conn.execute(_TROUBLE, {**values, "trouble": details[:_DETAILS] or None})
    await conn.execute(_WAS_BLOCKED, {"account_id": sent.account_id, "id": sent.id})
    await _set_earliest(conn, sent, "error_at", at)
    await stop_recipient(conn, sent.account_id, sent.recipient_id, "error", at)
    return True


async def _note_soft_bounce(conn: Connection, sent: Sent, at: int, details: str) -> bool:
    if not await record(conn, sent, "soft_bounce", at=at, key="", agent=details):
        return False
    await conn.execute(_CAME_BACK, {"account_id": sent.account_id, "id": sent.id})
    row = await conn.fetch_one(_SOFT, {"account_id": sent.account_id, "id": sent.recipient_id})
    if row is not None and row[0] >= SOFT_BOUNCES:
        await stop_recipient(conn, sent.account_id, sent.recipient_id, "soft_bounces", at)
    await put_status(conn, sent.account_id, sent.recipient_id)
    return True


async def note_delivery(conn: Connection, sent: Sent, *, at: int) -> None:
    """Their server said that it arrived (RFC 3461, NOTIFY=SUCCESS)."""
    await conn.execute(_DELIVERED, {"account_id": sent.account_id, "id": sent.id, "at": at})


async def note_complaint(conn: Connection, ground: Ground, sent: Sent, *, at: int) -> bool:
    """They called it spam: as if they had unsubscribed, and it is remembered why."""
    return await _note_left(conn, ground, sent, at, "complaint")


async def note_unsubscribe(
    conn: Connection, ground: Ground, account_id: int, recipient_id: int, hash_: str, *, at: int
) -> bool:
    """
    A recipient wants no more of anybody in the account; *hash_* of their address, for they may be forgotten by now, or the campaign.

    False if that was known.
    """
    sent = await find_last(conn, account_id, recipient_id)
    if sent is not None and ground.claims.hash(sent.email) == hash_:
        return await _note_left(conn, ground, sent, at, "unsubscribe")
    return await suppress_hash(conn, account_id, hash_, "unsubscribe", at)


async def note_return(conn: Connection, ground: Ground, account_id: int, recipient_id: int, hash_: str) -> bool:
    """They changed their mind, by their own click. What other reasons there are not to write to them stay."""
    known = await find_hash(conn, account_id, hash_)
    if known is None or known.reason != "unsubscribe":
        return False
    await remove_suppressed(conn, account_id, hash_)
    sent = await find_last(conn, account_id, recipient_id)
    if sent is not None and ground.claims.hash(sent.email) == hash_:
        for row in await conn.fetch_all(_STAYS, {"account_id": account_id, "email": sent.email}):
            await put_status(conn, account_id, row[0])
    return True


async def refresh_recipient(conn: Connection, account_id: int, recipient_id: int) -> None:
    """Write anew what is seen of a recipient's last message: after an event, and after a message has left."""
    await conn.execute(_REFRESH, {"account_id": account_id, "id": recipient_id})
    await put_status(conn, account_id, recipient_id)


async def _note_seen(conn: Connection, sent: Sent, newly: Seen | None, at: int) -> bool:
    if newly is None:
        return False
    await refresh_recipient(conn, sent.account_id, sent.recipient_id)
    await tell_seen(conn, sent, newly, at)
    return True


async def _note_left(
    conn: Connection, ground: Ground, sent: Sent, at: int, kind: Literal["unsubscribe", "complaint"]
) -> bool:
    is_new = await record(conn, sent, kind, at=at, key="") is not None
    is_news = await suppress(
        conn, ground.claims, sent.account_id, sent.email, kind, now=at, campaign_id=sent.campaign_id
    )
    if not is_new and not is_news:
        return False
    await _set_earliest(conn, sent, "unsubscribed_at", at)
    await stop_recipient(conn, sent.account_id, sent.recipient_id, STOPS[kind], at)
    await stop_elsewhere(conn, sent, at)
    return True


async def _set_earliest(conn: Connection, sent: Sent, column: str, at: int) -> None:
    await conn.execute(_EARLIEST[column], {"account_id": sent.account_id, "id": sent.recipient_id, "at": at})


def _by_time(sent: Sent, at: int, actor: Actor) -> Actor:
    return "bot" if sent.sent_at is None or at - sent.sent_at < _SECONDS_OF_A_PERSON else actor
