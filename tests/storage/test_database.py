"""The promises of a store, on both: transactions, lists, streams, refusals."""

import asyncio
import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from vizsla.kit.errors import StoreBusy, StoreError
from vizsla.kit.settings import Settings
from vizsla.storage.migrate import HEADS
from vizsla.storage.open import HomeLock, Stores, open_stores
from vizsla.storage.sqlite import SqliteDatabase
from vizsla.storage.statement import statement

CREATE = statement("CREATE TABLE thing (name text PRIMARY KEY, n bigint)")
INSERT = statement("INSERT INTO thing (name, n) VALUES (:name, :n)")
NAMES = statement("SELECT name FROM thing ORDER BY name")


async def make(stores: Stores, count: int = 3) -> None:
    async with stores.index.write() as conn:
        await conn.execute(CREATE)
        await conn.execute_many(INSERT, [{"name": f"n{i:04}", "n": i} for i in range(count)])


async def names(stores: Stores) -> list[str]:
    return [row[0] for row in await stores.index.fetch_all(NAMES)]


async def test_what_is_written_is_read(stores: Stores) -> None:
    await make(stores)

    assert await names(stores) == ["n0000", "n0001", "n0002"]
    assert await stores.index.fetch_one(statement("SELECT n FROM thing WHERE name = :name"), {"name": "x"}) is None


async def test_an_error_undoes_the_whole_transaction(stores: Stores) -> None:
    await make(stores)

    with pytest.raises(ZeroDivisionError):
        async with stores.index.write() as conn:
            await conn.execute(INSERT, {"name": "late", "n": 9})
            raise ZeroDivisionError

    assert "late" not in await names(stores)
    async with stores.index.write() as conn:
        assert await conn.execute(INSERT, {"name": "next", "n": 1}) == 1


async def test_a_brief_transaction_is_one_like_any_other(stores: Stores) -> None:
    await make(stores)

    with pytest.raises(ZeroDivisionError):
        async with stores.index.write(is_brief=True) as conn:
            await conn.execute(INSERT, {"name": "late", "n": 9})
            raise ZeroDivisionError
    async with stores.index.write(is_brief=True) as conn:
        await conn.execute(INSERT, {"name": "next", "n": 1})
        assert "next" in [row[0] for row in await conn.fetch_all(NAMES)]

    assert "next" in (found := await names(stores))
    assert "late" not in found


@pytest.mark.parametrize("locks", [True, False])
async def test_a_brief_transaction_waits_for_other_programs_on_the_thread(tmp_path: Path, locks: bool) -> None:
    database, other = SqliteDatabase(tmp_path / "one.db"), SqliteDatabase(tmp_path / "one.db")
    raw = sqlite3.connect(tmp_path / "one.db", isolation_level=None)
    async with database.write() as conn:
        await conn.execute(CREATE)

    async def write() -> None:
        async with database.write(is_brief=True) as conn:
            await conn.execute(INSERT, {"name": "a", "n": 1})

    async def hold() -> None:
        if locks:
            async with other.write():
                await asyncio.sleep(0.1)
        else:
            raw.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.1)
            raw.execute("COMMIT")

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0.05)
    writing = asyncio.create_task(write())
    await asyncio.sleep(0.01)
    assert not holding.done() and not writing.done()
    await asyncio.gather(holding, writing)
    assert await database.fetch_all(NAMES) == [("a",)]
    raw.close()
    await database.close()
    await other.close()


async def test_a_cancelled_transaction_leaves_nothing_behind(stores: Stores) -> None:
    await make(stores)

    async def hang() -> None:
        async with stores.index.write() as conn:
            await conn.execute(INSERT, {"name": "late", "n": 9})
            await asyncio.sleep(30)

    task = asyncio.create_task(hang())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(5), stores.index.write() as conn:
        await conn.execute(INSERT, {"name": "next", "n": 1})
    assert await names(stores) == ["n0000", "n0001", "n0002", "next"]


async def test_a_list_is_one_parameter(stores: Stores) -> None:
    await make(stores)
    by_name = statement("SELECT n FROM thing WHERE name IN :names[text] AND n < :most ORDER BY n")
    by_number = statement("SELECT n FROM thing WHERE n IN :numbers[bigint]")

    rows = await stores.index.fetch_all(by_name, {"names": ["n0000", "n0002", "'; --"], "most": 9})
    none = await stores.index.fetch_all(by_number, {"numbers": []})

    assert [row[0] for row in rows] == [0, 2]
    assert none == []


async def test_a_stream_comes_in_batches(stores: Stores) -> None:
    await make(stores, 25)

    batches = [len(rows) async for rows in stores.index.stream(NAMES, size=10)]

    assert batches == [10, 10, 5]


async def test_two_writers_take_turns(stores: Stores) -> None:
    await make(stores, 1)
    add = statement("UPDATE thing SET n = n + 1")

    async def count_up() -> None:
        async with stores.index.write() as conn:
            await conn.execute(add)

    await asyncio.gather(*(count_up() for _ in range(50)))

    assert tuple(await stores.index.fetch_one(statement("SELECT n FROM thing"))) == (50,)


async def test_a_newer_schema_is_refused(settings: Settings) -> None:
    async with open_stores(settings) as stores, stores.app.write() as conn:
        await conn.execute(statement("UPDATE alembic_version_app SET version_num = '9999'"))

    with pytest.raises(StoreError, match="made by a newer Vizsla"):
        async with open_stores(settings):
            pass


async def test_a_start_brings_an_empty_database_up_to_date(stores: Stores) -> None:
    row = await stores.index.fetch_one(statement("SELECT version_num FROM alembic_version_index"))

    assert tuple(row) == (HEADS["index"],)


def test_a_second_server_on_one_home_is_refused_with_the_reason(tmp_path: Path) -> None:
    with HomeLock(tmp_path), pytest.raises(StoreBusy, match="one server on one home"), HomeLock(tmp_path):
        pass
    with HomeLock(tmp_path):
        pass


def _write_many(path: str, count: int) -> None:
    from vizsla.storage.sqlite import SqliteDatabase

    async def write() -> None:
        database = SqliteDatabase(Path(path))
        for _ in range(count):
            async with database.write() as conn:
                await conn.execute(statement("UPDATE thing SET n = n + 1"))
        await database.close()

    asyncio.run(write())


def test_processes_write_one_sqlite_file_without_losing_anything(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    raw = sqlite3.connect(path)
    raw.executescript("CREATE TABLE thing (n); INSERT INTO thing VALUES (0);")
    raw.close()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(str(path), 200)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    raw = sqlite3.connect(path)
    assert raw.execute("SELECT n FROM thing").fetchone() == (600,)
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
