"""
How much of its plan has an account used in this period, and may it go on?

A charge is exact: a conditional UPDATE decides, and it is committed before the answer goes out. Charges that come at the
same time share one transaction. What was asked before within a day is free, and remembered in memory, so that asking again
writes nothing. A member may have a limit of their own within the account's: it is counted under the lock of the account's row,
so it is as exact.

A period is a month that begins at midnight (UTC) of the day on which the account's plan began, or of the month's last day where
there is no such day.
"""

import asyncio
import calendar
from collections import Counter
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

import msgspec
from sqlalchemy import bindparam, delete, select, tuple_

from vizsla.accounts.tables import member_usage, usage, usage_charge
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.statement import Statement, statement

Kind = Literal["searches", "verifications"]
KINDS: tuple[Kind, ...] = ("searches", "verifications")
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
_FORGET = statement(
    delete(usage_charge).where(
        tuple_(usage_charge.c.account_id, usage_charge.c.kind, usage_charge.c.question).in_(
            select(usage_charge.c.account_id, usage_charge.c.kind, usage_charge.c.question)
            .where(usage_charge.c.charged_at <= bindparam("expired_"))
            .limit(bindparam("limit_"))
        )
    )
)


_ADD_MEMBERS = {
    kind: statement(
        f"INSERT INTO member_usage (account_id, period, member_id, {kind}) "  # noqa: S608
        "VALUES (:account_id, :period, :member_id, :count) ON CONFLICT (account_id, period, member_id) "
        f"DO UPDATE SET {kind} = CASE WHEN member_usage.{kind} + excluded.{kind} < 0 THEN 0 "
        f"ELSE member_usage.{kind} + excluded.{kind} END"
    )
    for kind in KINDS
}
_MEMBER = statement(
    select(member_usage.c.searches, member_usage.c.verifications).where(
        member_usage.c.account_id == bindparam("account_id_"),
        member_usage.c.period == bindparam("period_"),
        member_usage.c.member_id == bindparam("member_id_"),
    )
)
_MEMBERS = statement(
    select(member_usage.c.period, member_usage.c.member_id, member_usage.c.searches, member_usage.c.verifications)
    .where(member_usage.c.account_id == bindparam("account_id_"), member_usage.c.period >= bindparam("since_"))
    .order_by(member_usage.c.period.desc(), member_usage.c.member_id)
    .limit(bindparam("limit_"))
)


class Used(msgspec.Struct, frozen=True):
    """What an account used in one period."""

    period: int
    """Its first second."""
    searches: int
    verifications: int

    def of(self, kind: Kind) -> int:
        """How many of one kind."""
        return self.searches if kind == "searches" else self.verifications


class Share(msgspec.Struct, frozen=True):
    """What of an account's quota of a kind one member may use in a period."""

    member_id: int
    allowed: int | None
    """None: as much as there is."""


class MemberUsed(msgspec.Struct, frozen=True):
    """What of an account's usage in one period was one member's."""

    period: int
    member_id: int
    searches: int
    verifications: int

    def of(self, kind: Kind) -> int:
        """How many of one kind."""
        return self.searches if kind == "searches" else self.verifications


def period_start(now: int, period_day: int = 1) -> int:
    """The first second of the metered period that *now* is in, for an account whose periods begin on *period_day*, 1 to 31."""
    today = datetime.fromtimestamp(now, UTC)
    first = _midnight(today.year, today.month, period_day)
    if first > now:
        first = _midnight(*_month_before(today.year, today.month), period_day)
    return first


def period_end(now: int, period_day: int = 1) -> int:
    """The first second of the next period: when the quota is whole again."""
    start = datetime.fromtimestamp(period_start(now, period_day), UTC)
    return _midnight(*_month_after(start.year, start.month), period_day)


def _midnight(year: int, month: int, day: int) -> int:
    day = min(day, calendar.monthrange(year, month)[1])
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def _month_before(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)


def _month_after(year: int, month: int) -> tuple[int, int]:
    return (year, month + 1) if month < 12 else (year + 1, 1)


async def get_usage(reader: Reader, account_id: int, now: int, period_day: int = 1) -> Used:
    """What the account used in the current period."""
    period = period_start(now, period_day)
    newest = await list_usage(reader, account_id, limit=1)
    return newest[0] if newest and newest[0].period == period else Used(period, 0, 0)


async def get_member_usage(
    reader: Reader, account_id: int, member_id: int, now: int, period_day: int = 1
) -> MemberUsed:
    """What one member used of the current period's quota."""
    period = period_start(now, period_day)
    row = await reader.fetch_one(_MEMBER, {"account_id_": account_id, "period_": period, "member_id_": member_id})
    return MemberUsed(period, member_id, row[0], row[1]) if row else MemberUsed(period, member_id, 0, 0)


async def list_member_usage(reader: Reader, account_id: int, *, since: int, limit: int = 10_000) -> list[MemberUsed]:
    """Who used what in the periods that began at *since* or later, newest first; of those who left as well."""
    rows = await reader.fetch_all(_MEMBERS, {"account_id_": account_id, "since_": since, "limit_": limit})
    return [MemberUsed(*row) for row in rows]


async def add_to_member(
    conn: Connection, account_id: int, member_id: int, kind: Kind, *, period: int, count: int
) -> None:
    """Count *count* (less than 0: give back) questions as a member's; the account's row of the period must be locked."""
    values = {"account_id": account_id, "period": period, "member_id": member_id, "count": count}
    await conn.execute(_ADD_MEMBERS[kind], values)


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


async def forget_charges(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that no longer make a question free."""
    return await conn.execute(_FORGET, {"expired_": now - FREE_FOR, "limit_": limit})


class _Charge(msgspec.Struct, frozen=True, gc=False):
    account_id: int
    kind: Kind
    question: str
    allowed: int
    period_day: int
    share: Share | None
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

    async def charge(
        self,
        account_id: int,
        kind: Kind,
        question: str,
        *,
        allowed: int,
        now: int,
        period_day: int = 1,
        share: Share | None = None,
    ) -> bool:
        """
        Count one question of *allowed* a period, unless the account paid for it within a day.

        *share* is what of it whoever asks may use. False if one of the two is used up: then nothing was counted.
        """
        if self._free_until.get((account_id, kind, question), 0) > now:
            return True
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Charge(account_id, kind, question, allowed, period_day, share, now, answer))
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


def _whose(charge: _Charge) -> tuple[int, str, int]:
    return (charge.account_id, charge.kind, charge.period_day)


async def _settle(conn: Connection, batch: list[_Charge]) -> dict[tuple[int, Kind, str], int | None]:
    """When each question was paid for; None if the quota did not suffice."""
    outcomes: dict[tuple[int, Kind, str], int | None] = {}
    # In one order everywhere, so that nodes that charge the same accounts wait for each other instead of deadlocking.
    for (account_id, _, _), charges in groupby(sorted(batch, key=_whose), key=_whose):
        await _settle_account(conn, account_id, list(charges), outcomes)
    return outcomes


async def _settle_account(
    conn: Connection, account_id: int, charges: list[_Charge], outcomes: dict[tuple[int, Kind, str], int | None]
) -> None:
    first = charges[0]
    kind, now, allowed = first.kind, max(charge.now for charge in charges), max(charge.allowed for charge in charges)
    key = {"account_id": account_id, "period": period_start(now, first.period_day)}
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
    fresh = await _choose(conn, key, charges, paid, room=allowed - used)
    if fresh and await conn.execute(_USE[kind], {**key, "count": len(fresh), "allowed": allowed}):
        await conn.execute_many(
            _CHARGE,
            [{"account_id": account_id, "kind": kind, "question": question, "now": now} for question in fresh],
        )
        members = Counter(share.member_id for share in fresh.values() if share is not None)
        await conn.execute_many(
            _ADD_MEMBERS[kind], [{**key, "member_id": id_, "count": count} for id_, count in sorted(members.items())]
        )
        paid |= dict.fromkeys(fresh, now)
    for question in questions:
        outcomes[account_id, kind, question] = paid.get(question)


async def _choose(
    conn: Connection, key: dict[str, int], charges: list[_Charge], paid: Container[str], *, room: int
) -> dict[str, Share | None]:
    """The questions that can still be counted, first come first served, and of whose share each is."""
    chosen: dict[str, Share | None] = {}
    left: dict[int, int] = {}
    for charge in charges:
        if len(chosen) >= room:
            break
        if charge.question in paid or charge.question in chosen:
            continue
        share = charge.share
        if share is not None and share.allowed is not None:
            if share.member_id not in left:
                left[share.member_id] = share.allowed - await _used_by(conn, key, share.member_id, charge.kind)
            if left[share.member_id] <= 0:
                continue
            left[share.member_id] -= 1
        chosen[charge.question] = share
    return chosen


async def _used_by(reader: Reader, key: dict[str, int], member_id: int, kind: Kind) -> int:
    row = await reader.fetch_one(
        _MEMBER, {"account_id_": key["account_id"], "period_": key["period"], "member_id_": member_id}
    )
    return 0 if row is None else int(row[0 if kind == "searches" else 1])
