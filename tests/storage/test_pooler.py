"""
Behind a pooler that gives each transaction whichever connection is free: a real pgbouncer, three connections for everybody.

`VIZSLA_TEST_POSTGRES=pgbouncer make test` runs the whole suite behind one.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from postgres import PostgresServer
from vizsla.index.tables import page
from vizsla.storage.migrate import HEADS
from vizsla.storage.open import open_database
from vizsla.storage.postgres import PostgresDatabase
from vizsla.storage.statement import statement
from worlds.pgbouncer import find_pgbouncer, pgbouncer

needs_pgbouncer = pytest.mark.skipif(
    find_pgbouncer() is None,
    reason="NO PGBOUNCER ON THIS MACHINE: `apt-get install pgbouncer`, or pooling is not tested",
)
COUNT = statement(
    "SELECT 1",
    postgresql="SELECT n, :text::text FROM generate_series(1, :most::bigint) AS n WHERE n IN :numbers[bigint]",
)
ADD = statement("UPDATE thing SET n = n + :more::bigint", postgresql="UPDATE thing SET n = n + :more::bigint")


@pytest.fixture(scope="module")
def pooled_port(postgres: PostgresServer) -> Iterator[int]:
    with pgbouncer(postgres.port, connections=3) as port:
        yield port


@pytest.fixture
async def empty(postgres: PostgresServer) -> AsyncIterator[str]:
    """The name of a database with nothing in it."""
    name = f"empty_{os.urandom(4).hex()}"
    root = await asyncpg.connect(postgres.url("postgres"))
    await root.execute(f"CREATE DATABASE {name}")
    yield name
    await root.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await root.close()


@needs_pgbouncer
async def test_a_pooler_is_noticed_and_nothing_is_left_on_its_connections(
    postgres: PostgresServer, pooled_port: int, empty: str
) -> None:
    url = postgres.url(empty, port=pooled_port)
    nodes = [await open_database(url, "index"), await open_database(url, "index")]
    straight = PostgresDatabase(postgres.url(empty))
    await straight.open()
    assert [node.is_pooled for node in nodes] == [True, True]
    assert not straight.is_pooled
    async with nodes[0].write() as conn:
        await conn.execute(statement("CREATE TABLE thing AS SELECT 0::bigint AS n"))

    async def read(number: int) -> None:
        values = {"text": f"t{number}", "most": 3_000, "numbers": [1, number, 2_999]}
        rows = await nodes[number % 2].fetch_all_slowly(COUNT, values)
        assert [tuple(row) for row in rows] == [(n, f"t{number}") for n in values["numbers"]]

    async def walk(number: int) -> None:
        values = {"text": "t", "most": 25, "numbers": list(range(1, 26))}
        assert [len(rows) async for rows in nodes[number % 2].stream(COUNT, values, size=10)] == [10, 10, 5]

    async def write(number: int) -> None:
        async with nodes[number % 2].write() as conn:
            await conn.fetch_one(statement("SELECT 1", postgresql="SELECT pg_advisory_xact_lock(1)"))
            await conn.execute(ADD, {"more": 1})
            await conn.execute_many(ADD, [{"more": 1}, {"more": 1}])
            await conn.load(page, [_page(number)])

    await asyncio.gather(*(act(number) for number in range(2, 22) for act in (read, walk, write)))

    row = await straight.fetch_one(statement("SELECT n, (SELECT count(*) FROM page) FROM thing"))
    assert tuple(row or ()) == (60, 20)
    # The unnamed ones are of this very question.
    left = statement("SELECT name FROM pg_prepared_statements UNION ALL SELECT name FROM pg_cursors WHERE name <> ''")
    for _ in range(20):
        assert await nodes[0].fetch_all(left) == []
    for database in (*nodes, straight):
        await database.close()


def _page(number: int) -> tuple[object, ...]:
    values = {"domain": "acme.example", "uri": f"https://acme.example/{number}"}
    kinds = {column.name: 0 if column.type.python_type in (int, float, bool) else "x" for column in page.columns}
    return tuple((kinds | values)[column.name] for column in page.columns)


@needs_pgbouncer
async def test_a_pooler_that_takes_every_parameter_is_noticed_too(postgres: PostgresServer) -> None:
    with pgbouncer(postgres.port, ignored="jit") as port:
        database = PostgresDatabase(postgres.url("postgres", port=port))
        await database.open()
        assert database.is_pooled
        await database.close()


@pytest.mark.parametrize("is_pooled", [False, pytest.param(True, marks=needs_pgbouncer)])
async def test_nodes_that_start_at_once_on_an_empty_database_make_it_once(
    postgres: PostgresServer, empty: str, is_pooled: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = postgres.url(empty, port=request.getfixturevalue("pooled_port") if is_pooled else None)
    starts = [
        subprocess.Popen(
            [sys.executable, "-m", "vizsla.cli.main", "migrate"],
            env={**os.environ, "VIZSLA_HOME": str(tmp_path / str(number)), "VIZSLA_SECRET_KEY": "0" * 64,
                 "VIZSLA_DATABASE_URL": url, "VIZSLA_INDEX_URL": url},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for number in range(2)
    ]  # fmt: skip
    said = [(await asyncio.to_thread(start.communicate))[0].decode() for start in starts]

    assert [start.returncode for start in starts] == [0, 0], said
    raw = await asyncpg.connect(postgres.url(empty))
    assert await raw.fetchval("SELECT version_num FROM alembic_version_app") == HEADS["app"]
    assert await raw.fetchval("SELECT version_num FROM alembic_version_index") == HEADS["index"]
    await raw.close()
