"""
How much of its plan has an account used this month, and may it go on?

A charge is exact: a conditional UPDATE decides, and it is committed before the answer goes out. Charges that come at the
same time share one transaction. What was asked before within a day is free, and remembered in memory, so that asking again
writes nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

import msgspec
from sqlalchemy import bindparam, delete, select

from vizsla.accounts.tables import usage, usage_charge
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.statement import Statement, statement

Kind = Literal["searches", "verifications"]
FREE_FOR = DAY
"""Seconds for which the same question is not charged again."""
_REMEMBERED = 200_000
_BATCH = 500

_OPEN = statement(
    "INSERT INTO usage (account_id, period, searches, verifications) VALUES (:account_id, :period, 0, 0) "
    "ON CONFLICT (account_id, period) DO UPDATE SET searches = usage.searches RETURNING searches, verifications"
)
_PAID = statement(
    "SELECT question, charged_at FROM usage_charge WHERE account_id = :account_id AND kind = :kind "
    "AND question IN :questions[text] AND charged_at > :expired"
)
_CHARGE = statement(
    "INSERT INTO usage_charge (account_id, kind, question, charged_at) VALUES (:account_id, :kind, :question, :now) "
    "ON CONFLICT (account_id, kind, question) DO UPDATE SET charged_at = excluded.charged_at"
)


def _use(kind: Kind) -> Statement:
    return statement(
        f"UPDATE usage SET {kind} = {kind} + :count WHERE account_id = :account_id AND period = :period "  # noqa: S608
        f"AND {kind} + :count <= :allowed"
    )


_USE: dict[Kind, Statement] = {"searches": _use("searches"), "verifications": _use("verifications")}
_LIST = statement(
    select(usage.c.period, usage.c.searches, usage.c.verifications)
    .where(usage.c.account_id == bindparam("account_id_"))
    .order_by(usage.c.period.desc())
    .limit(bindparam("limit_"))
)
_FORGET = statement(delete(usage_charge).where(usage_charge.c.charged_at <= bindparam("expired_")))


class Used(msgspec.Struct, frozen=True):
    """What an account used in one period."""

    period: int
    """Its first second."""
    searches: int
    verifications: int


def period_start(now: int) -> int:
    """The first second of the month (UTC) that *now* is in: the period that is metered."""
    return int(datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())


def period_end(now: int) -> int:
    """The first second of the next period: when the quota is whole again."""
    return period_start(period_start(now) + 32 * DAY)


async def get_usage(reader: Reader, account_id: int, now: int) -> Used:
    """What the account used in the current period."""
    period = period_start(now)
    newest = await list_usage(reader, account_id, limit=1)
    return newest[0] if newest and newest[0].period == period else Used(period, 0, 0)


async def is_paid(reader: Reader, account_id: int, kind: Kind, question: str, now: int) -> bool:
    """Whether the account paid for this question within a day."""
    values = {"account_id": account_id, "kind": kind, "questions": [question], "expired": now - FREE_FOR}
    return await reader.fetch_one(_PAID, values) is not None


async def find_paid(reader: Reader, account_id: int, kind: Kind, questions: Sequence[str], now: int) -> frozenset[str]:
    """Those of *questions* that the account paid for within a day."""
    values = {"account_id": account_id, "kind": kind, "questions": list(questions), "expired": now - FREE_FOR}
    return frozenset(row[0] for row in await reader.fetch_all(_PAID, values))


async def list_usage(reader: Reader, account_id: int, *, limit: int) -> list[Used]:
    """Periods in which the account used anything, newest first."""
    rows = await reader.fetch_all(_LIST, {"account_id_": account_id, "limit_": limit})
    return [Used(row[0], row[1], row[2]) for row in rows]


async def forget_charges(conn: Connection, now: int) -> int:
    """Drop what no longer makes a question free."""
    return await conn.execute(_FORGET, {"expired_": now - FREE_FOR})


class _Charge(msgspec.Struct, frozen=True, gc=False):
    account_id: int
    kind: Kind
    question: str
    allowed: int
    now: int
    answer: "asyncio.Future[bool]"


class Meter:
    """Charges accounts for what they asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free_until: dict[tuple[int, Kind, str], int] = {}
        self._waiting: list[_Charge] = []
        self._flushing: asyncio.Task[None] | None = None

    def is_free(self, account_id: int, kind: Kind, question: str, now: int) -> bool:
        """Whether this is known to have been charged within a day."""
        return self._free_until.get((account_id, kind, question), 0) > now

    async def charge(self, account_id: int, kind: Kind, question: str, *, allowed: int, now: int) -> bool:
        """
        Count one question of *allowed* a period, unless the account paid for it within a day.

        False if the account's quota is used up: then nothing was counted.
        """
        if self._free_until.get((account_id, kind, question), 0) > now:
            return True
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Charge(account_id, kind, question, allowed, now, answer))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return await answer

    async def _flush(self) -> None:
        """One transaction for all that is waiting, then one for what came meanwhile."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                async with self._database.write() as conn:
                    outcomes = await _settle(conn, batch)
            except BaseException as error:
                for charge in batch:
                    if not charge.answer.done():
                        charge.answer.set_exception(error) if isinstance(error, Exception) else charge.answer.cancel()
                if not isinstance(error, Exception):
                    raise
                continue
            for charge in batch:
                paid_at = outcomes[charge.account_id, charge.kind, charge.question]
                if paid_at is not None:
                    self._remember(charge, paid_at)
                if not charge.answer.done():
                    charge.answer.set_result(paid_at is not None)

    def _remember(self, charge: _Charge, paid_at: int) -> None:
        if len(self._free_until) >= _REMEMBERED:
            # The oldest half: dictionaries keep the order of insertion.
            for key in list(self._free_until)[: _REMEMBERED // 2]:
                del self._free_until[key]
        self._free_until[charge.account_id, charge.kind, charge.question] = paid_at + FREE_FOR


def _whose(charge: _Charge) -> tuple[int, str]:
    return (charge.account_id, charge.kind)


async def _settle(conn: Connection, batch: list[_Charge]) -> dict[tuple[int, Kind, str], int | None]:
    """When each question was paid for; None if the quota did not suffice."""
    outcomes: dict[tuple[int, Kind, str], int | None] = {}
    # In one order everywhere, so that nodes that charge the same accounts wait for each other instead of deadlocking.
    for (account_id, _), charges in groupby(sorted(batch, key=_whose), key=_whose):
        await _settle_account(conn, account_id, list(charges), outcomes)
    return outcomes


async def _settle_account(
    conn: Connection, account_id: int, charges: list[_Charge], outcomes: dict[tuple[int, Kind, str], int | None]
) -> None:
    first = charges[0]
    kind, now, allowed = first.kind, max(charge.now for charge in charges), max(charge.allowed for charge in charges)
    period = period_start(now)
    key = {"account_id": account_id, "period": period}
    # Locks the row of this account and period until the commit: no other node can count between here and there.
    row = await conn.fetch_one(_OPEN, key)
    assert row is not None
    used = row[0] if kind == "searches" else row[1]
    questions = list(dict.fromkeys(charge.question for charge in charges))
    paid: dict[str, int] = {
        found[0]: int(found[1])
        for found in await conn.fetch_all(
            _PAID, {"account_id": account_id, "kind": kind, "questions": questions, "expired": now - FREE_FOR}
        )
    }
    fresh = [question for question in questions if question not in paid][: max(0, allowed - used)]
    if fresh and await conn.execute(_USE[kind], {**key, "count": len(fresh), "allowed": allowed}):
        await conn.execute_many(
            _CHARGE,
            [{"account_id": account_id, "kind": kind, "question": question, "now": now} for question in fresh],
        )
        paid |= dict.fromkeys(fresh, now)
    for question in questions:
        outcomes[account_id, kind, question] = paid.get(question)
