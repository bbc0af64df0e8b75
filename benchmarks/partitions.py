"""
What does it cost that PostgreSQL cuts the index into partitions?

The same rows twice on one server: cut by domain as migrations make them, and in whole tables as they were before. A domain
search of twelve addresses through the whole API, in this process; a merge of what a harvest reads anew; and the upgrade from
the one to the other. The ways take turns, for machines are noisy; processor time is this process's and that of the server's
sessions. "Planned each time" is the server left to itself: see storage.postgres.OF_PARTITIONS.

    make bench ARGS="partitions [--json] [--addresses=N] [--rounds=N]"
"""

import asyncio
import contextlib
import io
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.made_up import TODAY, MadeUp, fill
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import Plan, create_user, set_plan
from vizsla.api.app import App, create_app
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.evidence import encode_evidence
from vizsla.index.merge import Merge
from vizsla.kit.clock import DAY
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims
from vizsla.storage.database import NOTHING, Database
from vizsla.storage.migrate import migrate
from vizsla.storage.open import Stores
from vizsla.storage.postgres import OF_PARTITIONS, PostgresDatabase
from vizsla.storage.schema import index_metadata, list_partitions

ASKED, MERGED = 2_000, 150
"""Domains that are asked for, and that are merged anew, in a round."""
WHOLE, CUT, UNPLANNED = "whole tables", "partitions", "partitions, planned each time"
NOBODY = Claims(b"0" * 32)
_EVIDENCE = encode_evidence(Sighting("", "", "", 0, 0, "mailto", first_name="Ann", last_name="Lee", name_score=3))
_BEHIND = (
    "INSERT INTO sighting SELECT domain, local, 'https://' || domain || '/page/' || (length(local) + n) % 5, first_seen, last_seen, $1"
    " FROM email, generate_series(1, 2) AS n",
    "INSERT INTO page (domain, uri, digest, first_fetched, last_fetched)"
    " SELECT domain, 'https://' || domain || '/page/' || n, $1, 1, $2::bigint FROM domain, generate_series(0, 4) AS n",
    "INSERT INTO fact SELECT domain, 'organization', organization, 'https://' || domain || '/page/' || n, 1, $2::bigint, length($1)"
    " FROM domain, generate_series(0, 4) AS n",
)


class Figures(msgspec.Struct):
    """What one way took for one request, or for one row that is merged; of several rounds."""

    cpu_us: float
    server_us: float
    """Of it, by PostgreSQL."""
    p50_us: float
    p99_us: float
    ratio: float = 1.0
    """Of its CPU to that of whole tables."""


class Way:
    """One way to ask, with sessions of its own."""

    def __init__(self, url: str, session: Mapping[str, str]) -> None:
        self.stores = Stores(PostgresDatabase(url), PostgresDatabase(url, session=session))
        self.app: App | None = None
        self.scopes: list[dict[str, Any]] = []

    async def open(self, url: str, home: Path, domains: Sequence[str]) -> None:
        """Make an account, and ask each of *domains* once, so that all is charged for."""
        async with self.stores.app.write() as conn:
            member = await create_user(conn, f"{home.name}@bench.example", now=1)
            await set_plan(conn, member.account_id, Plan(plan_searches=10**12, rate_search="100000000/s"))
            key = await create_key(conn, member.account_id, "bench", now=1, member_id=member.id)
        settings = Settings(home=home, index_url=url, database_url=url, secret_key="0" * 64)
        self.app = create_app(settings, self.stores, NOBODY, log_stream=io.StringIO())
        self.scopes = [_scope(domain, key.plaintext) for domain in domains]
        await self.search()

    async def search(self) -> list[float]:
        """The seconds that each request took."""
        assert self.app is not None
        seconds = []
        for scope in self.scopes:
            began = time.perf_counter()
            await _ask(self.app, scope)
            seconds.append(time.perf_counter() - began)
        return seconds

    async def merge(self, items: tuple[list[Sighting], list[Fact], list[Visit]]) -> list[float]:
        """The seconds of a row, all told."""
        merging = Merge(sightings=items[0], facts=items[1], visits=items[2], claims=NOBODY, today=TODAY)
        began = time.perf_counter()
        while merging.has_more:
            async with self.stores.index.write() as conn:
                await merging.step(conn)
        rows = len(items[0]) + len(items[1]) + len(items[2])
        return [(time.perf_counter() - began) / rows] * rows


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    rounds, addresses = int(options.get("rounds", 8)), int(options.get("addresses", 1_000_000))
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer

    server = PostgresServer()
    try:
        result = asyncio.run(_measure(server, rounds, addresses))
    finally:
        server.stop()
    if "json" in options:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        _show(result, addresses)


async def _measure(server: Any, rounds: int, addresses: int) -> dict[str, Any]:
    made = await _prepare(server, addresses)
    domains = random.Random(1).sample(made.typical, min(ASKED, len(made.typical)))
    with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder:
        async with _open(server, Path(folder), domains) as ways:
            searches = await _in_turns(ways, rounds, [Way.search] * rounds)
            batches = [await _batch(ways[WHOLE].stores.index, made, number) for number in range(rounds)]
            merges = await _in_turns(ways, rounds, [lambda way, items=items: way.merge(items) for items in batches])
        upgrade = await _upgrade(server)
    return {"search": searches, "merge": merges, "upgrade_seconds": upgrade}


async def _prepare(server: Any, addresses: int) -> MadeUp:
    """Three databases: cut, whole, and one that is still to be cut."""
    made = await fill(server.url("postgres"), addresses=addresses)
    await migrate(server.url("postgres"), "app")
    raw = await asyncpg.connect(server.url("postgres"))
    for text in _BEHIND:
        await raw.execute(text, *([_EVIDENCE] if "$2" not in text else ["digest", TODAY - DAY]))
    await raw.execute("VACUUM ANALYZE")
    await raw.close()
    await _copy(server, "postgres", "whole")
    raw = await asyncpg.connect(server.url("whole"))
    for table in index_metadata.tables.values():
        if not list(list_partitions(table)):
            continue
        await raw.execute(f"CREATE TABLE one (LIKE {table.name} INCLUDING DEFAULTS)")
        await raw.execute(f"INSERT INTO one SELECT * FROM {table.name}")
        await raw.execute(f"DROP TABLE {table.name}")
        await raw.execute(f"ALTER TABLE one RENAME TO {table.name}")
        key = ", ".join(column.name for column in table.primary_key)
        await raw.execute(f"ALTER TABLE {table.name} ADD CONSTRAINT {table.name}_pkey PRIMARY KEY ({key})")
        for index in table.indexes:
            await raw.execute(f"CREATE INDEX {index.name} ON {table.name} ({', '.join(index.columns.keys())})")
    await raw.execute("VACUUM ANALYZE")
    await raw.close()
    await _copy(server, "whole", "older")
    return made


async def _copy(server: Any, source: str, target: str) -> None:
    raw = await asyncpg.connect(server.url("template1"))
    await raw.execute(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY FILE_COPY")
    await raw.close()


@contextlib.asynccontextmanager
async def _open(server: Any, folder: Path, domains: Sequence[str]) -> AsyncIterator[dict[str, Way]]:
    ways = {}
    try:
        for number, (name, database, session) in enumerate(
            ((WHOLE, "whole", NOTHING), (CUT, "postgres", OF_PARTITIONS), (UNPLANNED, "postgres", NOTHING))
        ):
            url = server.url(database)
            ways[name] = Way(url, session)
            await ways[name].open(url, folder / f"home{number}", domains)
        yield ways
    finally:
        for way in ways.values():
            if way.app is not None:
                await way.app.services.requests.close()
            await way.stores.app.close()
            await way.stores.index.close()


async def _in_turns(ways: dict[str, Way], rounds: int, work: Sequence[Any]) -> dict[str, Figures]:
    """Each way once a round; the least of its CPU, all of its times."""
    watch = await asyncpg.connect(ways[WHOLE].stores.index._url)  # type: ignore[attr-defined]
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            before, began = await _session_seconds(watch), time.process_time()
            seconds = await work[number](way)
            own = time.process_time() - began
            after = await _session_seconds(watch)
            # Session by session: an idle one may have been closed meanwhile.
            served = sum(spent - before.get(pid, 0.0) for pid, spent in after.items())
            seen[name].append(((own + served) / len(seconds), served / len(seconds)))
            times[name] += seconds
    await watch.close()
    figures = {}
    for name, some in seen.items():
        ordered = sorted(times[name])
        middle, slowest = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        figures[name] = Figures(min(some)[0] * 1e6, min(some)[1] * 1e6, middle * 1e6, slowest * 1e6)
        figures[name].ratio = figures[name].cpu_us / figures[WHOLE].cpu_us
    return figures


async def _session_seconds(watch: asyncpg.Connection) -> dict[int, float]:
    """Processor time of each session that asks something, but for the one that asks this."""
    rows = await watch.fetch(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return {row[0]: int(Path(f"/proc/{row[0]}/schedstat").read_text("ascii").split()[0]) / 1e9 for row in rows}


async def _batch(index: Database, made: MadeUp, number: int) -> tuple[list[Sighting], list[Fact], list[Visit]]:
    """What a harvest reads of some domains a day later: their pages, some with a new body, and who is on them."""
    from vizsla.index.search import NO_FILTERS, list_locals

    at = TODAY + number
    chosen = random.Random(number).sample(made.typical, min(MERGED, len(made.typical)))
    sightings, facts, visits = [], [], []
    for domain in chosen:
        pages = [f"https://{domain}/page/{page}" for page in range(5)]
        visits += [Visit(uri, domain, at, "digest" if at % 2 else f"new {number}") for uri in pages]
        facts += [Fact(domain, "organization", f"{domain} Ltd", pages[0], at, 2)]
        for place, local in enumerate(await list_locals(index, domain, NO_FILTERS)):
            person = {"first_name": "Ann", "last_name": "Lee", "name_score": 3}
            sightings.append(Sighting(domain, local, pages[place % 5], at, at, "mailto", **person))  # type: ignore[arg-type]
    return sightings, facts, visits


async def _upgrade(server: Any) -> float:
    """Seconds to cut whole tables into partitions."""
    raw = await asyncpg.connect(server.url("older"))
    await raw.execute("UPDATE alembic_version_index SET version_num = '0004'")
    await raw.close()
    began = time.perf_counter()
    await migrate(server.url("older"), "index")
    return time.perf_counter() - began


def _scope(domain: str, key: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": "/v2/domain-search", "query_string": f"domain={domain}".encode(),
        "headers": [(b"x-api-key", key.encode()), (b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "scheme": "http",
    }  # fmt: skip


async def _ask(app: App, scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    await app(dict(scope), receive, send)


def _show(result: dict[str, Any], addresses: int) -> None:
    for what, unit in (("search", "a request"), ("merge", "a row")):
        table = Table(
            "way", f"CPU µs {unit}", "of it PostgreSQL", "p50 µs", "p99 µs", "CPU of whole tables",
            title=f"{what} at {addresses:,} addresses",
        )  # fmt: skip
        for name, one in result[what].items():
            table.add_row(
                name,
                f"{one.cpu_us:.0f}",
                f"{one.server_us:.0f}",
                f"{one.p50_us:.0f}",
                f"{one.p99_us:.0f}",
                f"{one.ratio:.3f}",
            )
        Console().print(table)
    Console().print(
        f"The upgrade took {result['upgrade_seconds']:.1f} s, {result['upgrade_seconds'] / addresses * 1e6:.1f} s "
        "for each million of addresses with two sightings each."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
