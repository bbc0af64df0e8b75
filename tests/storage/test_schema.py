"""The tables that rooms describe are the tables that migrations make, on both stores."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

import vizsla
from vizsla.kit.settings import Settings
from vizsla.storage.migrate import HEADS
from vizsla.storage.open import Stores
from vizsla.storage.schema import app_metadata, index_metadata, list_partitions

_CUT = "SELECT inhparent::regclass::text, inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'"
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
    if connection.dialect.name == "postgresql":
        # Nor at partitions.
        cut = {(table.name, piece) for table in mine.tables.values() for piece in list_partitions(table)}
        found += sorted(cut ^ {tuple(row) for row in connection.execute(text(_CUT)) if row[0] in mine.tables})
    for table in mine.tables.values():
        if table.name not in there:
            continue
        # compare_metadata does not look at primary keys.
        key = inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
        if key != [column.name for column in table.primary_key.columns]:
            found.append((table.name, key))
    return found


@pytest.mark.parametrize("which", ["app", "index"])
async def test_the_schema_is_what_the_migrations_make(which: str, stores: Stores, settings: Settings) -> None:
    import_all_tables()
    mine, others = METADATA[which], METADATA["index" if which == "app" else "app"]
    url = settings.app_url if which == "app" else settings.index_database_url

    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            found = differences(connection, mine, others)
        engine.dispose()
    else:
        async_engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg", 1))
        async with async_engine.connect() as async_connection:
            found = await async_connection.run_sync(differences, mine, others)
        await async_engine.dispose()

    assert mine.tables
    assert found == []


@pytest.mark.parametrize("which", ["app", "index"])
def test_the_head_that_the_program_knows_is_the_newest_file(which: str) -> None:
    folder = Path(vizsla.__path__[0]) / "storage" / "migrations" / which

    assert ScriptDirectory(str(folder)).get_heads() == [HEADS[which]]
