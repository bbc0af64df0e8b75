"""Rate limits: exact over any schedule, shared between nodes, never off."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.accounts.rate import (
    MOST_BUCKETS,
    LocalLimiter,
    SharedLimiter,
    address_bucket,
    parse_limits,
)
from vizsla.kit.errors import SettingsError
from vizsla.storage.database import StoreUnavailable
from vizsla.storage.open import Stores
from vizsla.storage.postgres import PostgresDatabase
from vizsla.storage.statement import statement

SECOND = 1_000_000_000


class Ticks:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = 10**15

    def __call__(self) -> int:
        return self.at


def test_limits_are_written_as_in_the_settings() -> None:
    second, minute = parse_limits("15/s, 500/min")

    assert (second.count, minute.count) == (15, 500)
    assert minute.interval == 120_000_000


@pytest.mark.parametrize("text", ["", "15", "15/x", "-1/s", "0/s", "15/s;5/min", "1e3/s", "١/s"])
def test_a_wrong_limit_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="rate_search"):
        parse_limits(text, "rate_search")


@given(
    gaps=st.lists(st.integers(0, 400_000_000), min_size=1, max_size=300),
    limits=st.sampled_from(["15/s,500/min", "1/s", "3/s,4/min", "7/s"]),
)
@settings(max_examples=150, deadline=None)
def test_no_schedule_gets_more_than_the_allowance(gaps: list[int], limits: str) -> None:
    ticks, parsed = Ticks(), parse_limits(limits)
    limiter = LocalLimiter(ticks)
    admitted: list[int] = []
    for gap in gaps:
        ticks.at += gap
        if limiter.take("a", parsed).allowed:
            admitted.append(ticks.at)

    for limit in parsed:
        for first, start in enumerate(admitted):
            for last in range(first, len(admitted)):
                # At most `count` at once, and one more each interval.
                assert last - first + 1 <= limit.count + (admitted[last] - start) // limit.interval


@given(st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_waiting_as_long_as_told_is_always_enough(gaps: list[int]) -> None:
    ticks, limits = Ticks(), parse_limits("3/s,10/min")
    limiter = LocalLimiter(ticks)
    for gap in gaps:
        ticks.at += gap
        verdict = limiter.take("a", limits)
        if not verdict.allowed:
            assert 0 < verdict.retry_after <= 60
            ticks.at += int(verdict.retry_after * SECOND) + 1
            assert limiter.take("a", limits).allowed


def test_the_headers_count_down() -> None:
    ticks, limits = Ticks(), parse_limits("15/s,500/min")
    limiter = LocalLimiter(ticks)

    first = [limiter.take("a", limits) for _ in range(16)]

    assert [verdict.remaining for verdict in first[:15]] == list(range(14, -1, -1))
    assert not first[15].allowed
    assert limiter.take("b", limits).allowed
    ticks.at += 61 * SECOND
    assert limiter.take("a", limits).remaining == 14


def test_the_limit_that_stops_first_is_the_one_shown() -> None:
    ticks, limits = Ticks(), parse_limits("3/s,4/min")
    limiter = LocalLimiter(ticks)
    for _ in range(3):
        limiter.take("a", limits)
    ticks.at += SECOND

    verdict = limiter.take("a", limits)

    assert (verdict.allowed, verdict.limit, verdict.remaining) == (True, 4, 0)


def test_a_flood_of_addresses_does_not_grow_the_memory() -> None:
    ticks, limits = Ticks(), parse_limits("1/s")
    limiter = LocalLimiter(ticks)
    for number in range(MOST_BUCKETS + 10):
        limiter.take(number, limits)

    assert len(limiter._arrivals) <= MOST_BUCKETS
    assert not limiter.take(MOST_BUCKETS + 9, limits).allowed


def test_an_ipv6_network_is_one_client() -> None:
    assert address_bucket("c", "2001:db8:1:2:aaaa::1") == address_bucket("c", "2001:db8:1:2:bbbb::2")
    assert address_bucket("c", "2001:db8::1") != address_bucket("c", "2001:db8:0:1::1")
    assert address_bucket("c", "10.0.0.1") != address_bucket("c", "10.0.0.2")
    assert address_bucket("c", "::ffff:10.0.0.1") != address_bucket("c", "::ffff:10.0.0.2")


@pytest.fixture
def postgresql(dialect: str) -> None:
    if dialect != "postgresql":
        pytest.skip("one server on a SQLite home: nothing to share")


@pytest.mark.usefixtures("postgresql")
async def test_two_nodes_share_one_allowance(stores: Stores) -> None:
    limits = parse_limits("15/min")
    nodes = [SharedLimiter(stores.app), SharedLimiter(stores.app)]

    verdicts = await asyncio.gather(*(nodes[number % 2].take((1, "search"), limits) for number in range(60)))

    assert sum(verdict.allowed for verdict in verdicts) == 15
    denied = next(verdict for verdict in verdicts if not verdict.allowed)
    assert 0 < denied.retry_after <= 60


@pytest.mark.usefixtures("postgresql")
async def test_a_large_limit_is_leased_in_blocks(stores: Stores) -> None:
    counted = Counting(stores.app)
    limiter = SharedLimiter(counted)
    limits = parse_limits("500/min")

    verdicts = [await limiter.take((1, "search"), limits) for _ in range(500)]

    assert all(verdict.allowed for verdict in verdicts)
    assert counted.questions == 10
    assert verdicts[0].remaining == 499
    assert verdicts[-1].remaining < 10


@pytest.mark.usefixtures("postgresql")
async def test_a_clock_set_back_locks_nobody_out(stores: Stores) -> None:
    limits = parse_limits("2/s")
    await SharedLimiter(stores.app).take((1, "search"), limits)
    async with stores.app.write() as conn:
        # As if the row were written two hours in the future.
        await conn.execute(statement("UPDATE rate_limit SET arrival = arrival + 7200000000000"))
    denied = await SharedLimiter(stores.app).take((1, "search"), limits)

    assert denied.retry_after <= 1
    await asyncio.sleep(denied.retry_after + 0.01)
    assert (await SharedLimiter(stores.app).take((1, "search"), limits)).allowed


@pytest.mark.usefixtures("postgresql")
async def test_the_table_is_unlogged(stores: Stores) -> None:
    row = await stores.app.fetch_one(
        statement("SELECT relpersistence::text FROM pg_class WHERE relname = 'rate_limit'")
    )

    assert row is not None
    assert row[0] == "u"


class Counting:
    """A database that counts what it is asked, and can be away."""

    dialect = "postgresql"

    def __init__(self, real: object = None, *, hangs: bool = False) -> None:
        self.real = real
        self.hangs = hangs
        self.questions = 0

    async def fetch_one(self, query: object, params: object) -> object:
        self.questions += 1
        if self.hangs:
            await asyncio.sleep(60)
        if self.real is None:
            raise StoreUnavailable
        return await self.real.fetch_one(query, params)  # type: ignore[attr-defined]


@pytest.mark.parametrize("hangs", [False, True])
async def test_without_its_store_a_node_counts_alone_and_never_hangs(hangs: bool) -> None:
    away = Counting(hangs=hangs)
    limiter = SharedLimiter(away)  # type: ignore[arg-type]
    limits = parse_limits("15/s")

    async with asyncio.timeout(2):
        verdicts = [await limiter.take((1, "search"), limits) for _ in range(40)]

    assert 15 <= sum(verdict.allowed for verdict in verdicts) <= 31
    assert away.questions <= 2


async def test_a_refused_connection_is_a_store_that_is_away() -> None:
    limiter = SharedLimiter(PostgresDatabase("postgresql://nobody@127.0.0.1:1/none"))

    verdicts = [await limiter.take((1, "search"), parse_limits("3/min")) for _ in range(10)]

    assert sum(verdict.allowed for verdict in verdicts) == 3
