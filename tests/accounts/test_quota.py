"""Quota: exact under any race, the same question free for a day, whole again each month."""

import asyncio
from calendar import monthrange
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.conftest import NOW
from vizsla.accounts.quota import (
    Meter,
    Share,
    forget_charges,
    get_member_usage,
    get_usage,
    list_member_usage,
    list_usage,
    period_end,
    period_start,
)
from vizsla.accounts.reserved import give_back, left, reserve, settle
from vizsla.accounts.store import Member, create_user
from vizsla.kit.clock import DAY, day
from vizsla.kit.settings import Settings
from vizsla.storage.database import StoreUnavailable
from vizsla.storage.open import Stores, open_stores
from vizsla.storage.statement import statement


async def used(stores: Stores, owner: Member, now: int = NOW) -> int:
    return (await get_usage(stores.app, owner.account_id, now)).searches


async def test_of_fifty_that_race_for_the_last_search_one_wins(stores: Stores, owner: Member) -> None:
    meters = [Meter(stores.app), Meter(stores.app)]

    won = await asyncio.gather(
        *(
            meters[number % 2].charge(owner.account_id, "searches", f"q{number}", allowed=1, now=NOW)
            for number in range(50)
        )
    )

    assert sum(won) == 1
    assert await used(stores, owner) == 1


async def test_the_same_question_is_free_for_a_day(stores: Stores, owner: Member) -> None:
    for meter in (Meter(stores.app), Meter(stores.app)):
        for later in (0, 60, DAY - 1):
            assert await meter.charge(owner.account_id, "searches", "q", allowed=1, now=NOW + later)
    assert await used(stores, owner) == 1

    assert not await Meter(stores.app).charge(owner.account_id, "searches", "q", allowed=1, now=NOW + DAY)
    assert await Meter(stores.app).charge(owner.account_id, "searches", "q", allowed=2, now=NOW + DAY)
    assert await used(stores, owner, NOW + DAY) == 2


async def test_a_question_in_memory_writes_nothing(stores: Stores, owner: Member) -> None:
    meter = Meter(stores.app)
    await meter.charge(owner.account_id, "searches", "q", allowed=5, now=NOW)
    async with stores.app.write() as conn:
        await conn.execute(statement("DELETE FROM usage_charge"))

    assert meter.is_free(owner.account_id, "searches", "q", NOW + 1)
    assert not meter.is_free(owner.account_id, "searches", "q", NOW + DAY)
    assert not meter.is_free(owner.account_id, "verifications", "q", NOW)
    assert await meter.charge(owner.account_id, "searches", "q", allowed=0, now=NOW + 1)


async def test_fifty_that_ask_the_same_are_charged_once(stores: Stores, owner: Member) -> None:
    meters = [Meter(stores.app), Meter(stores.app)]

    won = await asyncio.gather(
        *(meters[number % 2].charge(owner.account_id, "searches", "q", allowed=1, now=NOW) for number in range(50))
    )

    assert all(won)
    assert await used(stores, owner) == 1


async def test_kinds_and_accounts_do_not_mix(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        other = await create_user(conn, "other@b.example", now=NOW)
    meter = Meter(stores.app)
    await asyncio.gather(
        meter.charge(owner.account_id, "searches", "q", allowed=9, now=NOW),
        meter.charge(owner.account_id, "verifications", "q", allowed=9, now=NOW),
        meter.charge(owner.account_id, "verifications", "r", allowed=9, now=NOW),
        meter.charge(other.account_id, "searches", "q", allowed=9, now=NOW),
    )

    mine, theirs = [await get_usage(stores.app, member.account_id, NOW) for member in (owner, other)]
    assert (mine.searches, mine.verifications) == (1, 2)
    assert (theirs.searches, theirs.verifications) == (1, 0)


async def test_a_new_month_starts_at_nothing(stores: Stores, owner: Member) -> None:
    meter = Meter(stores.app)
    await meter.charge(owner.account_id, "searches", "a", allowed=1, now=NOW)
    following = period_end(NOW)

    assert await used(stores, owner, following) == 0
    assert await meter.charge(owner.account_id, "searches", "b", allowed=1, now=following)
    assert [item.searches for item in await list_usage(stores.app, owner.account_id, limit=9)] == [1, 1]


async def test_what_no_longer_counts_is_forgotten(stores: Stores, owner: Member) -> None:
    meter = Meter(stores.app)
    await meter.charge(owner.account_id, "searches", "a", allowed=9, now=NOW)
    await meter.charge(owner.account_id, "searches", "b", allowed=9, now=NOW + 100)
    async with stores.app.write() as conn:
        gone = await forget_charges(conn, NOW + DAY)

    assert gone == 1


class Broken:
    """A database whose transactions fail."""

    def write(self) -> object:
        raise StoreUnavailable


async def test_a_store_that_is_away_charges_nobody_and_blocks_nobody() -> None:
    meter = Meter(Broken())  # type: ignore[arg-type]

    outcomes = await asyncio.gather(
        *(meter.charge(1, "searches", str(number), allowed=9, now=NOW) for number in range(3)), return_exceptions=True
    )

    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    with pytest.raises(StoreUnavailable):
        await meter.charge(1, "searches", "later", allowed=9, now=NOW)


@given(st.integers(0, 4_000_000_000))
def test_every_second_is_in_one_period(now: int) -> None:
    start, end = period_start(now), period_end(now)

    assert start <= now < end
    assert period_start(end) == end
    assert day(start).endswith("-01")
    assert day(end).endswith("-01")
    assert datetime.fromtimestamp(end - 1, UTC).month == datetime.fromtimestamp(start, UTC).month


# Periods that begin on another day, and members with a limit of their own


@given(st.integers(0, 4_000_000_000), st.integers(1, 31))
def test_every_second_is_in_one_period_whatever_day_it_begins_on(now: int, period_day: int) -> None:
    start, end = period_start(now, period_day), period_end(now, period_day)

    assert start <= now < end
    assert period_start(start, period_day) == start
    assert period_start(end - 1, period_day) == start
    assert period_start(end, period_day) == end
    assert 28 * DAY <= end - start <= 31 * DAY
    first = datetime.fromtimestamp(start, UTC)
    assert first.day == min(period_day, monthrange(first.year, first.month)[1])


def test_a_period_from_the_31st_ends_with_shorter_months() -> None:
    at, days = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()), []
    for _ in range(5):
        at = period_end(at, 31)
        days.append(day(at))

    assert days == ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30"]


async def test_of_fifty_that_race_for_a_members_last_search_one_wins(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    share = Share(owner.id, 1)
    async with open_stores(settings) as other:
        meters = [Meter(stores.app), Meter(other.app)]
        won = await asyncio.gather(
            *(
                meters[n % 2].charge(owner.account_id, "searches", f"q{n}", allowed=100, now=NOW, share=share)
                for n in range(50)
            )
        )

    assert sum(won) == 1
    assert await used(stores, owner) == 1
    assert (await get_member_usage(stores.app, owner.account_id, owner.id, NOW)).searches == 1


async def test_the_accounts_quota_holds_for_members_with_room(stores: Stores, owner: Member) -> None:
    meter = Meter(stores.app)
    won = await asyncio.gather(
        *(
            meter.charge(owner.account_id, "searches", f"q{n}", allowed=5, now=NOW, share=Share(n % 3, 4))
            for n in range(30)
        )
    )

    assert sum(won) == 5
    shares = await list_member_usage(stores.app, owner.account_id, since=0)
    assert sum(one.searches for one in shares) == 5
    assert max(one.searches for one in shares) <= 4


async def test_what_a_colleague_paid_for_is_free(stores: Stores, owner: Member) -> None:
    meter = Meter(stores.app)
    both = [
        meter.charge(owner.account_id, "searches", "q", allowed=9, now=NOW, share=Share(member, allowed))
        for member, allowed in ((1, 0), (2, 1), (3, 0))
    ]

    assert await asyncio.gather(*both) == [True, True, True]
    assert await used(stores, owner) == 1
    assert [
        (one.member_id, one.searches) for one in await list_member_usage(stores.app, owner.account_id, since=0)
    ] == [(2, 1)]


async def test_each_account_has_its_own_period(stores: Stores, owner: Member) -> None:
    meter = Meter(stores.app)
    before = period_start(NOW, 18) - 1
    for now in (before, NOW):
        assert await meter.charge(owner.account_id, "searches", f"q{now}", allowed=1, now=now, period_day=18)
    assert not await meter.charge(owner.account_id, "searches", "another", allowed=1, now=NOW, period_day=18)

    assert (await get_usage(stores.app, owner.account_id, NOW, 18)).searches == 1
    assert [one.searches for one in await list_usage(stores.app, owner.account_id, limit=9)] == [1, 1]


async def test_work_taken_on_is_counted_within_a_members_limit(stores: Stores, owner: Member) -> None:
    share = Share(owner.id, 10)
    async with stores.app.write() as conn:
        assert await left(conn, owner.account_id, "verifications", allowed=50, now=NOW, share=share) == 10
        period = await reserve(conn, owner.account_id, "verifications", count=8, now=NOW, member_id=owner.id)
        assert await left(conn, owner.account_id, "verifications", allowed=50, now=NOW, share=share) == 2
        assert await left(conn, owner.account_id, "verifications", allowed=9, now=NOW, share=share) == 1
        back = await settle(
            conn, owner.account_id, "verifications", ["a", "a", "b"], free=1, period=period, now=NOW, member_id=owner.id
        )
        await give_back(conn, owner.account_id, "verifications", count=4, period=period, now=NOW, member_id=owner.id)

    assert back == 2
    mine = await get_member_usage(stores.app, owner.account_id, owner.id, NOW)
    assert mine.verifications == (await get_usage(stores.app, owner.account_id, NOW)).verifications == 2
