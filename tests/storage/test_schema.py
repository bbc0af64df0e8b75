"""The tables that rooms describe are the tables that migrations make, on both stores, and older rows come along."""

import asyncio
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, Text, create_engine, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

import vizsla
from postgres import PostgresServer
from vizsla.kit.settings import Settings
from vizsla.storage.copying import read_contents
from vizsla.storage.migrate import HEADS
from vizsla.storage.open import Stores, connect, open_database
from vizsla.storage.schema import app_metadata, index_metadata, list_partitions

_CUT = "SELECT inhparent::regclass::text, inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'"
T = TypeVar("T")
METADATA = {"app": app_metadata, "index": index_metadata}


def import_all_tables() -> None:
    for module in pkgutil.walk_packages(vizsla.__path__, "vizsla."):
        if module.name.endswith(".tables"):
            importlib.import_module(module.name)


def differences(connection: Connection, mine: MetaData, others: MetaData) -> list[object]:
    pieces = {piece for one in (mine, others) for table in one.tables.values() for piece in list_partitions(table)}

    def is_mine(name: str | None, kind: str, _: object) -> bool:
        # On PostgreSQL one database may hold both chains.
        return kind != "table" or not (
            name in others.tables or name in pieces or str(name).startswith("alembic_version")
        )

    context = MigrationContext.configure(connection, opts={"include_name": is_mine, "compare_type": True})
    found = compare_metadata(context, mine)
    there = inspect(connection).get_table_names()
    for table in mine.tables.values():
        if table.name not in there:
            continue
        # compare_metadata does not look at primary keys.
        key = inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
        if key != [column.name for column in table.primary_key.columns]:
            found.append((table.name, key))
    if connection.dialect.name == "postgresql":
        # Nor at partitions.
        cut = {(table.name, piece) for table in mine.tables.values() for piece in list_partitions(table)}
        found += sorted(cut ^ {tuple(row) for row in connection.execute(text(_CUT)) if row[0] in mine.tables})
    return found


async def ask(url: str, question: Callable[[Connection], T]) -> T:
    """What *question* finds in the catalogue of the database at *url*."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            answer = question(connection)
        engine.dispose()
        return answer
    async_engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg", 1))
    async with async_engine.connect() as async_connection:
        answer = await async_connection.run_sync(question)
    await async_engine.dispose()
    return answer


@pytest.mark.parametrize("which", ["app", "index"])
async def test_the_schema_is_what_the_migrations_make(which: str, stores: Stores, settings: Settings) -> None:
    import_all_tables()

    mine, others = METADATA[which], METADATA["index" if which == "app" else "app"]
    url = settings.app_url if which == "app" else settings.index_database_url

    found = await ask(url, lambda connection: differences(connection, mine, others))

    assert mine.tables
    assert found == []


@pytest.fixture
def older_index(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty index as it was before its tables were cut into partitions."""
    if dialect == "sqlite":
        upgrade(url := f"sqlite:///{tmp_path / 'index.db'}", "0004")
        yield url
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, execute(server.url("postgres"), "CREATE DATABASE older")).result()
        thread.submit(upgrade, url := server.url("older"), "0004").result()
        yield url
        thread.submit(asyncio.run, execute(server.url("postgres"), "DROP DATABASE older WITH (FORCE)")).result()


async def execute(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(text)
    await connection.close()


def upgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(vizsla.__path__[0]) / "storage" / "migrations" / "index"))
    config.set_main_option("path_separator", "os")
    config.attributes |= {"url": url, "which": "index"}
    command.upgrade(config, revision)


def tables_of(connection: Connection) -> list[Table]:
    there = MetaData()
    there.reflect(connection)
    return [table for table in there.sorted_tables if table.name != "alembic_version_index"]


def made_up(table: Table, number: int) -> tuple[object, ...]:
    """A row: seven domains, and what is else in it counted up."""
    return tuple(
        f"d{number % 7}.example" if column.name == "domain" and len(table.primary_key) > 1
        else f"{column.name} {number} \u00e4" if isinstance(column.type, Text)
        else number
        for column in table.columns
    )  # fmt: skip


async def test_the_rows_of_an_older_index_come_along(older_index: str) -> None:
    import_all_tables()
    every = await ask(older_index, tables_of)
    database = await connect(older_index, "index")
    async with database.write() as conn:
        for table in every:
            await conn.load(table, [made_up(table, number) for number in range(100)])
    before = {table.name: await read_contents(database, table) for table in every}
    await database.close()

    database = await open_database(older_index, "index")

    assert {table.name: await read_contents(database, table) for table in every} == before
    assert {contents.rows for contents in before.values()} == {100}
    await database.close()
    assert await ask(older_index, lambda connection: differences(connection, index_metadata, app_metadata)) == []


@pytest.mark.parametrize("which", ["app", "index"])
def test_the_head_that_the_program_knows_is_the_newest_file(which: str) -> None:
    folder = Path(vizsla.__path__[0]) / "storage" / "migrations" / which

    assert ScriptDirectory(str(folder)).get_heads() == [HEADS[which]]
