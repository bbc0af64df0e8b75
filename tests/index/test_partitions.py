"""
What is asked of one domain is answered by one partition, by an index on `domain`: read from the plans that PostgreSQL runs.

Every statement of every room that names a table in partitions is run, on a plan for any values, as the index's sessions have
it. One that asks several partitions must be named in `ACROSS`, with the reason.
"""

import asyncio
import importlib
import json
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest

import vizsla
from vizsla.index import tables  # noqa: F401 - their description
from vizsla.storage.postgres import OF_PARTITIONS
from vizsla.storage.rows import RowsStatement
from vizsla.storage.schema import index_metadata, list_partitions
from vizsla.storage.statement import Statement

CUT = sorted(str(table.name) for table in index_metadata.tables.values() if list(list_partitions(table)))
_NAMES_ONE = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:{'|'.join(CUT)})\b")
_PIECE = re.compile(rf"(?:{'|'.join(CUT)})_p(\d+)\Z")

WHOLE = "reads whole tables, off the event loop, once an hour"
MENTIONS = "looks for a name in every text: a claim, which is rare, and complete rather than quick"
ACROSS = {
    "cli.serve._ANY_DOMAIN": "whether there is any row at all: ends at the first",
    "web.home._ANY": "whether there is any row at all: ends at the first",
    "index.ageing._OLDEST": "the oldest rows of all domains: the loop of ageing, by an index of each partition",
    "index.erase.EVERY_ADDRESS": "everything, when claims are carried over after a restore",
    "index.erase.EVERY_DOMAIN": "everything, when claims are carried over after a restore",
    "index.erase._FACTS": MENTIONS,
    "index.erase._FIND_BELOW": "a claimed domain and all below it, by the end of their names",
    "index.erase._PAGES": MENTIONS,
    "index.erase._SIGHTINGS": MENTIONS,
    "index.figures._BY_AGE": WHOLE,
    **{f"index.figures._COUNTS[{name}]": WHOLE for name in ("addresses", "domains", "facts", "pages", "sightings")},
    "index.holdings._MENTIONS": MENTIONS,
    "index.persons._BY_LINKEDIN": "a profile says nothing of the domain: one look at an index of each partition",
    "index.truth._ON_PAGES": "a page shows addresses of any domain: a merge's, by an index of each partition",
}
"""Statements that more than one partition answers, and why that is no matter."""

DOMAINS = 500
ONE, OTHER = "d7.example", "d8.example"  # in different partitions
_ROWS = (
    "INSERT INTO domain (domain, n_emails, n_personal, n_generic, technologies, linked_domains, description, accept_all_at, made_on)"
    " SELECT 'd' || d || '.example', 10, 10, 0, '[]', '[]', repeat('what it does ', 30), 1, d FROM generate_series(1, :d) AS d",
    "INSERT INTO domain_pattern SELECT 'd' || d || '.example', 'v', 1, 1, repeat('clue', 100) FROM generate_series(1, :d) AS d",
    "INSERT INTO facet SELECT 'd' || d || '.example', 'personal', 's' || n, 'department', n, 1"
    " FROM generate_series(1, :d) AS d, generate_series(1, 5) AS n",
    "INSERT INTO email (domain, local, rank, type, fields, confidence, n_sources, first_seen, last_seen, first_name, last_name,"
    " linkedin, sources, verified_at) SELECT 'd' || d || '.example', 'p' || n, n, 'personal', 1, 9, 1, 1, 1, 'f' || n, 'l' || n,"
    " 'in' || d || '-' || n, repeat('source', 30), 1 FROM generate_series(1, :d) AS d, generate_series(1, 5) AS n",
    "INSERT INTO sighting SELECT 'd' || d || '.example', 'p' || n, 'https://d' || d || '.example/' || n, 1, 1, repeat('{}', 40)"
    " FROM generate_series(1, :d) AS d, generate_series(1, 5) AS n",
    "INSERT INTO fact SELECT 'd' || d || '.example', 'organization', 'v' || n, 'https://d' || d || '.example/' || n, 1, 1, 1"
    " FROM generate_series(1, :d) AS d, generate_series(1, 5) AS n",
    "INSERT INTO page (domain, uri, digest, first_fetched, last_fetched)"
    " SELECT 'd' || d || '.example', 'https://d' || d || '.example/' || n, 'd', 1, 1"
    " FROM generate_series(1, :d) AS d, generate_series(1, 5) AS n",
)
_VALUES: dict[str, Any] = {
    "domain": ONE,
    "local": "p1",
    "uri": f"https://{ONE}/1",
    "uris": [f"https://{ONE}/1", f"https://{OTHER}/1"],
    "domains": [ONE, OTHER],
    "locals": ["p1", "p2"],
    "firsts": ["f1"],
    "lasts": ["l1"],
    "pairs": json.dumps([[ONE, "p1"], [OTHER, "p2"]]),
    "before": 100,
    "suffix": f".{ONE}",
    "needle": "p1@d7.example",
    "escaped": "p1%40d7.example",
}
_BY_TYPE = {"text": "x", "bigint": 1, "integer": 1, "double precision": 0.5, "text[]": [], "json": "[]", "jsonb": "[]"}


def statements() -> Iterator[tuple[str, Statement]]:
    """Every statement that names a table in partitions, under the name by which the code knows it."""
    names = [module.name for module in pkgutil.walk_packages(vizsla.__path__, "vizsla.")]
    seen: set[int] = set()
    # The index's own first: others import some of its statements.
    for module in sorted(names, key=lambda name: (not name.startswith("vizsla.index."), name)):
        if ".migrations" in module or module.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module)).items():
            for key, one in value.items() if isinstance(value, dict) else [(None, value)]:
                found = one._statement if isinstance(one, RowsStatement) else one
                if not isinstance(found, Statement) or not _NAMES_ONE.search(found.postgresql) or id(found) in seen:
                    continue
                seen.add(id(found))
                parts = key if isinstance(key, tuple) else (key,)
                yield (
                    f"{module.removeprefix('vizsla.')}.{name}" + (f"[{', '.join(map(str, parts))}]" if key else ""),
                    found,
                )


STATEMENTS = dict(statements())


async def fill(url: str) -> None:
    """Write so much that no partition is so small that it would be read from end to end."""
    connection = await asyncpg.connect(url)
    for text in _ROWS:
        await connection.execute(text.replace(":d", str(DOMAINS)))
    await connection.execute("VACUUM ANALYZE")
    # Plans are made as for twenty times the rows: writing them would take that much longer.
    await connection.execute(
        "UPDATE pg_class SET reltuples = 20 * reltuples WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
    )
    await connection.close()


@pytest.fixture(scope="module")
def filled(shared_postgres: str) -> str:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, fill(shared_postgres)).result()
    return shared_postgres


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(filled, server_settings=OF_PARTITIONS)
    yield opened
    await opened.close()


async def run(connection: asyncpg.Connection, query: Statement) -> dict[str, Any]:
    """The plan of *query*, as it ran, for values of ours."""
    await connection.execute(f"PREPARE asked AS {query.postgresql}")
    types = await connection.fetchval("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'asked'")
    values = [_VALUES.get(name, _BY_TYPE[kind]) for name, kind in zip(query.names, types, strict=True)]
    given = f"({', '.join(map(literal, values))})" if values else ""
    transaction = connection.transaction()
    await transaction.start()
    try:
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE asked{given}")
    finally:
        await transaction.rollback()
        await connection.execute("DEALLOCATE asked")
    return json.loads(text)[0]["Plan"]


def literal(value: Any) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]::text[]"
    return str(value) if isinstance(value, int | float) else "'" + value.replace("'", "''") + "'"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def scans(plan: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The reads of partitions that took place, with the number of the partition."""
    for node in nodes(plan):
        piece = _PIECE.match(node.get("Relation Name", ""))
        if piece and "Scan" in node["Node Type"] and node["Actual Loops"]:
            yield int(piece[1]), node


async def partition_of(connection: asyncpg.Connection, domain: str) -> int:
    name = await connection.fetchval("SELECT tableoid::regclass::text FROM domain WHERE domain = $1", domain)
    return int(name.rpartition("_p")[2])


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - ACROSS.keys()))
async def test_a_statement_reads_one_partition_by_its_index(name: str, connection: asyncpg.Connection) -> None:
    query = STATEMENTS[name]
    one, other = [await partition_of(connection, domain) for domain in (ONE, OTHER)]
    assert one != other

    read = list(scans(await run(connection, query)))

    is_of_many = {"domains", "pairs", "rows"} & set(query.names)
    assert {number for number, _ in read} <= ({one, other} if is_of_many else {one})
    for _, node in read:
        assert node["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")
        assert "domain" in node.get("Index Cond", node.get("Recheck Cond", ""))
    if not query.postgresql.lstrip().startswith("INSERT"):
        assert read


@pytest.mark.parametrize("name", sorted(ACROSS))
async def test_what_asks_every_partition_is_named_for_a_reason(name: str, connection: asyncpg.Connection) -> None:
    assert name in STATEMENTS
    plan = await run(connection, STATEMENTS[name])
    pieces = {node["Relation Name"] for node in nodes(plan) if _PIECE.match(node.get("Relation Name", ""))}
    assert len(pieces) > 1
    if "index" in ACROSS[name]:
        assert all("Index" in node["Node Type"] or "Bitmap" in node["Node Type"] for _, node in scans(plan))
