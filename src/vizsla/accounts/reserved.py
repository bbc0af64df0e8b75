"""
How is work paid for that takes longer than its request?

All of it is counted when it is taken on, so that nobody is let begin what he has no quota for. As it ends, what turns out to be
free is given back: in the transaction that records the end, so once, whoever dies in between.
"""

from collections.abc import Sequence

from vizsla.accounts.quota import FREE_FOR, KINDS, Kind, Share, add_to_member, get_member_usage, period_start
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

_OPEN = statement(
    "INSERT INTO usage (account_id, period, searches, verifications) VALUES (:account_id, :period, 0, 0) "
    "ON CONFLICT (account_id, period) DO UPDATE SET searches = usage.searches RETURNING searches, verifications"
)
_ADD = {
    kind: statement(
        f"UPDATE usage SET {kind} = CASE WHEN {kind} + :count < 0 THEN 0 ELSE {kind} + :count END "  # noqa: S608
        "WHERE account_id = :account_id AND period = :period"
    )
    for kind in KINDS
}
_PERIOD_DAY = statement("SELECT period_day FROM account WHERE id = :account_id")
_PAID = statement(
    "SELECT question FROM usage_charge WHERE account_id = :account_id AND kind = :kind "
    "AND question IN :questions[text] AND charged_at > :expired"
)
_CHARGE = statement(
    "INSERT INTO usage_charge (account_id, kind, question, charged_at) VALUES (:account_id, :kind, :question, :now) "
    "ON CONFLICT (account_id, kind, question) DO UPDATE SET charged_at = excluded.charged_at"
)


async def left(
    conn: Connection, account_id: int, kind: Kind, *, allowed: int, now: int, share: Share | None = None
) -> int:
    """
    How much of *allowed* is left in this period; it stays so until the transaction ends.

    *share* is what of it whoever asks may use.
    """
    row = await conn.fetch_one(_OPEN, await _period(conn, account_id, now))
    assert row is not None
    room = allowed - int(row[_place(kind)])
    if share is not None and share.allowed is not None:
        day = await _period_day(conn, account_id)
        theirs = await get_member_usage(conn, account_id, share.member_id, now, day)
        room = min(room, share.allowed - theirs.of(kind))
    return max(0, room)


async def reserve(
    conn: Connection, account_id: int, kind: Kind, *, count: int, now: int, member_id: int | None = None
) -> int:
    """Count *count* questions, after `left` said that there is room, as *member_id*'s; the period they are counted in."""
    period = (await _period(conn, account_id, now))["period"]
    await _add(conn, account_id, kind, period=period, count=count, member_id=member_id)
    return period


async def give_back(
    conn: Connection,
    account_id: int,
    kind: Kind,
    *,
    count: int,
    period: int,
    now: int,
    member_id: int | None = None,
) -> None:
    """Take *count* of the questions counted in *period*, as *member_id*'s, back."""
    # The current period's row first, as everybody locks it first; the other one is never locked by itself.
    await conn.fetch_one(_OPEN, await _period(conn, account_id, now))
    if count:
        await _add(conn, account_id, kind, period=period, count=-count, member_id=member_id)


async def settle(
    conn: Connection,
    account_id: int,
    kind: Kind,
    questions: Sequence[str],
    *,
    free: int,
    period: int,
    now: int,
    member_id: int | None = None,
) -> int:
    """
    What *questions*, counted in *period*, and *free* more come to: how many are given back.

    The same question within a day is counted once, whether it was asked here or in a call of its own.
    """
    await conn.fetch_one(_OPEN, await _period(conn, account_id, now))
    asked = sorted(set(questions))
    whose = {"account_id": account_id, "kind": kind}
    rows = await conn.fetch_all(_PAID, {**whose, "questions": asked, "expired": now - FREE_FOR})
    paid = {row[0] for row in rows}
    fresh = [question for question in asked if question not in paid]
    await conn.execute_many(_CHARGE, [{**whose, "question": question, "now": now} for question in fresh])
    count = free + len(questions) - len(fresh)
    if count:
        await _add(conn, account_id, kind, period=period, count=-count, member_id=member_id)
    return count


async def _add(
    conn: Connection, account_id: int, kind: Kind, *, period: int, count: int, member_id: int | None
) -> None:
    await conn.execute(_ADD[kind], {"account_id": account_id, "period": period, "count": count})
    if member_id is not None:
        await add_to_member(conn, account_id, member_id, kind, period=period, count=count)


async def _period(conn: Connection, account_id: int, now: int) -> dict[str, int]:
    return {"account_id": account_id, "period": period_start(now, await _period_day(conn, account_id))}


async def _period_day(conn: Connection, account_id: int) -> int:
    row = await conn.fetch_one(_PERIOD_DAY, {"account_id": account_id})
    return int(row[0]) if row else 1


def _place(kind: Kind) -> int:
    return KINDS.index(kind)
