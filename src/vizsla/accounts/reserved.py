"""
How is work paid for that takes longer than its request?

All of it is counted when it is taken on, so that nobody is let begin what he has no quota for. As it ends, what turns out to be
free is given back: in the transaction that records the end, so once, whoever dies in between.
"""

from collections.abc import Sequence

from vizsla.accounts.quota import FREE_FOR, Kind, period_start
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
    for kind in ("searches", "verifications")
}
_PAID = statement(
    "SELECT question FROM usage_charge WHERE account_id = :account_id AND kind = :kind "
    "AND question IN :questions[text] AND charged_at > :expired"
)
_CHARGE = statement(
    "INSERT INTO usage_charge (account_id, kind, question, charged_at) VALUES (:account_id, :kind, :question, :now) "
    "ON CONFLICT (account_id, kind, question) DO UPDATE SET charged_at = excluded.charged_at"
)


async def left(conn: Connection, account_id: int, kind: Kind, *, allowed: int, now: int) -> int:
    """How much of *allowed* is left in this period; it stays so until the transaction ends."""
    row = await conn.fetch_one(_OPEN, {"account_id": account_id, "period": period_start(now)})
    assert row is not None
    return max(0, allowed - int(row[0 if kind == "searches" else 1]))


async def reserve(conn: Connection, account_id: int, kind: Kind, *, count: int, now: int) -> int:
    """Count *count* questions, after `left` said that there is room; the period they are counted in."""
    period = period_start(now)
    await conn.execute(_ADD[kind], {"account_id": account_id, "period": period, "count": count})
    return period


async def give_back(conn: Connection, account_id: int, kind: Kind, *, count: int, period: int, now: int) -> None:
    """Take *count* of the questions counted in *period* back."""
    # The current period's row first, as everybody locks it first; the other one is never locked by itself.
    await conn.fetch_one(_OPEN, {"account_id": account_id, "period": period_start(now)})
    if count:
        await conn.execute(_ADD[kind], {"account_id": account_id, "period": period, "count": -count})


async def settle(
    conn: Connection, account_id: int, kind: Kind, questions: Sequence[str], *, free: int, period: int, now: int
) -> int:
    """
    What *questions*, counted in *period*, and *free* more come to: how many are given back.

    The same question within a day is counted once, whether it was asked here or in a call of its own.
    """
    await conn.fetch_one(_OPEN, {"account_id": account_id, "period": period_start(now)})
    asked = sorted(set(questions))
    whose = {"account_id": account_id, "kind": kind}
    rows = await conn.fetch_all(_PAID, {**whose, "questions": asked, "expired": now - FREE_FOR})
    paid = {row[0] for row in rows}
    fresh = [question for question in asked if question not in paid]
    await conn.execute_many(_CHARGE, [{**whose, "question": question, "now": now} for question in fresh])
    count = free + len(questions) - len(fresh)
    if count:
        await conn.execute(_ADD[kind], {"account_id": account_id, "period": period, "count": -count})
    return count
