"""A row is worked on by one worker at a time, and never lost when that worker dies."""

import asyncio

import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

from vizsla.storage.lease import Lease, lease
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

WORK = Table(
    "work", MetaData(),
    Column("account_id", BigInteger, primary_key=True), Column("name", Text, primary_key=True),
    Column("due", BigInteger), Column("worker", Text), Column("attempt", Integer, nullable=False),
)  # fmt: skip
LEASE: Lease = lease(WORK)


@pytest.fixture
async def work(stores: Stores) -> Stores:
    async with stores.app.write() as conn:
        await conn.execute(
            statement("CREATE TABLE work (account_id bigint, name text, due bigint, worker text, attempt integer, "
                      "PRIMARY KEY (account_id, name))")
        )  # fmt: skip
        await conn.execute_many(
            statement("INSERT INTO work VALUES (1, :name, :due, NULL, 0)"),
            [{"name": f"w{i:02}", "due": i} for i in range(20)],
        )
    return stores


async def claim(stores: Stores, worker: str, now: int, limit: int = 100, until: int | None = None) -> list[str]:
    async with stores.app.write() as conn:
        rows = await LEASE.claim(conn, now=now, until=until or now + 60, worker=worker, limit=limit)
        return sorted(row[1] for row in rows)


async def test_only_what_is_due_is_claimed(work: Stores) -> None:
    assert await claim(work, "a", now=2) == ["w00", "w01", "w02"]
    assert await claim(work, "b", now=2) == []


async def test_workers_share_out_the_rows(work: Stores) -> None:
    shares = await asyncio.gather(*(claim(work, f"worker{i}", now=100, limit=3) for i in range(10)))

    handed_out = [name for share in shares for name in share]
    assert len(handed_out) == len(set(handed_out)) == 20


async def test_a_dead_workers_row_is_taken_over_and_the_dead_one_is_fenced_off(work: Stores) -> None:
    assert await claim(work, "dead", now=0) == ["w00"]
    assert "w00" in await claim(work, "heir", now=61, limit=100)

    async with work.app.write() as conn:
        assert not await LEASE.renew(conn, (1, "w00"), worker="dead", attempt=1, until=999)
        assert not await LEASE.finish(conn, (1, "w00"), worker="dead", attempt=1)
        assert await LEASE.renew(conn, (1, "w00"), worker="heir", attempt=2, until=999)
        assert await LEASE.finish(conn, (1, "w00"), worker="heir", attempt=2)
    assert "w00" not in await claim(work, "b", now=10_000)


async def test_a_row_put_back_is_due_again(work: Stores) -> None:
    await claim(work, "a", now=0)

    async with work.app.write() as conn:
        await LEASE.finish(conn, (1, "w00"), worker="a", attempt=1, due=500)

    assert "w00" not in await claim(work, "b", now=499)
    assert "w00" in await claim(work, "b", now=500)


async def test_no_plan_hands_out_more_than_was_asked_for(work: Stores) -> None:
    """
    PostgreSQL believes in one row and gets twenty: it joins in a loop, and would ask for the due rows anew for each of them.

    What it locked before is skipped then, so that it would get others, and all in the end.
    """
    async with work.app.write() as conn:
        await conn.execute(statement("DELETE FROM work WHERE name > 'w00'"))
        if work.app.dialect == "postgresql":
            await conn.execute(statement("ANALYZE work"))
        await conn.execute_many(
            statement("INSERT INTO work VALUES (1, :name, 1, NULL, 0)"), [{"name": f"w{i:02}"} for i in range(1, 20)]
        )
        rows = await LEASE.claim(conn, now=100, until=160, worker="a", limit=3)

    assert sorted(row[1] for row in rows) == ["w00", "w01", "w02"]
