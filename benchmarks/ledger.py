"""
What does it cost to notice a revoked key within a second, and to take every request down?

A domain search of twelve addresses through the whole API, in this process: as it is, without the request log, and with
callers remembered for good. Blocks of the three take turns; processor time of all threads counts, so that what the log
writes is in it. And the log alone, which a busy machine disturbs less: what it takes to note a request and to write it.

    make bench ARGS="ledger [--json] [--rounds=N] [--no-postgres]"
"""

import asyncio
import contextlib
import io
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.made_up import fill
from vizsla.accounts.keys import create_key
from vizsla.accounts.request_log import RequestLog
from vizsla.accounts.store import Plan, create_user, set_plan
from vizsla.api.app import App, create_app
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database
from vizsla.storage.migrate import migrate
from vizsla.storage.open import open_stores

ADDRESSES = 20_000
BLOCK_SECONDS = 1.5
"""Longer than the log waits: each block pays for what it wrote."""
BUSY = 2_000
WAYS = ("as it is", "without the log", "without looking for changes")


class Figure(msgspec.Struct):
    """What one way took."""

    store: str
    way: str
    cpu_us: float
    ratio: float
    """Of its processor time to that of "as it is", each the least of all blocks."""


class _Silent:
    """A log that takes nothing down."""

    def note(self, **_: object) -> None:
        return


def main(arguments: list[str]) -> None:
    """Measure and print."""
    rounds = next((int(one[9:]) for one in arguments if one.startswith("--rounds=")), 8)
    figures: list[Figure] = []
    for store, url, folder in _stores(postgres="--no-postgres" not in arguments):
        figures += asyncio.run(_measure(store, url, folder, rounds))
    if "--json" in arguments:
        sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
        return
    table = Table("store", "way", "CPU µs a request", "of as it is", title="Callers and the request log")
    for one in figures:
        table.add_row(one.store, one.way, f"{one.cpu_us:.0f}", f"{one.ratio:.3f}")
    Console().print(table)


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer

    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()


def _stores(*, postgres: bool) -> Iterator[tuple[str, str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "SQLite", f"sqlite:///{folder}/index.db", Path(folder)
    if postgres:
        with _server() as server, tempfile.TemporaryDirectory() as folder:
            yield "PostgreSQL", server.url("postgres"), Path(folder)


async def _measure(store: str, url: str, folder: Path, rounds: int) -> list[Figure]:
    made = await fill(url, addresses=ADDRESSES)
    own = url if url.startswith("postgresql:") else ""
    if own:
        await migrate(url, "app")
    settings = Settings(home=folder, index_url=url, database_url=own, secret_key="0" * 64)
    async with open_stores(settings) as stores:
        async with stores.app.write() as conn:
            member = await create_user(conn, "bench@bench.example", now=1)
            await set_plan(conn, member.account_id, Plan(plan_searches=10**12, rate_search="100000000/s"))
            key = await create_key(conn, member.account_id, "bench", now=1, member_id=member.id)
        app = create_app(settings, stores, Claims(b"0" * 32), log_stream=io.StringIO())
        scopes = [_scope(domain, key.plaintext) for domain in made.typical[:50]]
        for scope in scopes:
            await _ask(app, scope)  # charged once
        log, seen = app.services.requests, {way: list[float]() for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                app.services.requests = _Silent() if way == "without the log" else log  # type: ignore[assignment]
                app.services.keys._look_at = math.inf if way == "without looking for changes" else 0.0
                seen[way].append(await _block(app, scopes))
                await log.flush()
        alone = min([await _write_alone(stores.app, member.account_id) for _ in range(rounds)])
    whole = min(seen[WAYS[0]])
    costs = [(way, min(seen[way])) for way in WAYS] + [("the log alone", alone)]
    return [Figure(store, way, seconds * 1e6, seconds / whole) for way, seconds in costs]


async def _write_alone(database: Database, account_id: int) -> float:
    """Processor seconds to note and write one request, of a second of a busy server's."""
    log, began = RequestLog(database), time.process_time()
    for number in range(BUSY):
        log.note(
            account_id=account_id,
            key_id=1,
            member_id=1,
            at=int(time.time()),
            method="GET",
            path="/v2/domain-search",
            call="GET /v2/domain-search",
            status=200,
            seconds=0.001,
            request_id=f"{number:x}",
        )
    await log.close()
    return (time.process_time() - began) / BUSY


async def _block(app: App, scopes: list[dict[str, Any]]) -> float:
    """Processor seconds of one request, over a second and a half of them."""
    count, began, ends = 0, time.process_time(), time.monotonic() + BLOCK_SECONDS
    while time.monotonic() < ends:
        for scope in scopes:
            await _ask(app, scope)
        count += len(scopes)
        await asyncio.sleep(0)  # the loop's turn, as between sockets
    if isinstance(app.services.requests, RequestLog):
        await app.services.requests.flush()
    return (time.process_time() - began) / count


def _scope(domain: str, key: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/v2/domain-search",
        "query_string": f"domain={domain}".encode(),
        "headers": [(b"x-api-key", key.encode()), (b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }


async def _ask(app: App, scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    await app(dict(scope), receive, send)
