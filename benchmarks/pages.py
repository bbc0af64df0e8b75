"""
What does a page of the dashboard cost?

Every page that is looked at, by somebody signed in, on a made-up index of 1,000,000 addresses with a hundred accounts that have
members, keys and a request log, the first of them with 1,000,000 leads; beside the least that an app can answer on the same server. Pages and hello are asked in turns,
one connection; the server has core 0, and for a filter of leads the other one as well, as a scan has two threads. Bytes are what a first visit transfers: the page and every file it names.

    make bench ARGS="pages [--json] [--times=N] [--addresses=N] [--leads=N]"
"""

import asyncio
import gzip
import http.client
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.leads import fill
from benchmarks.made_up import MadeUp
from benchmarks.serving import UNLIMITED, Server, _sqlite
from vizsla.accounts.keys import create_key
from vizsla.accounts.sessions import open_session
from vizsla.accounts.store import Member, Plan, create_user, set_plan
from vizsla.kit.settings import Settings
from vizsla.storage.database import Connection
from vizsla.storage.open import open_stores
from vizsla.storage.statement import statement
from vizsla.web.app import list_pages

ACCOUNTS = 100
LOGGED = 5_000
"""Lines of the request log of each account."""
SLOWEST_MS = 100.0
LEADS = (
    "company=a",
    "query=ma",
    "email=example&position=manager&country_code=us",
    "custom_attributes[customer_id]=~",
    *("sort=email", "sort=company&order=asc", "sort=confidence_score&company=a", "sort=last_contacted_at&offset=2000"),
    *("offset=100000", "company=a&offset=100000"),
)
"""Tables of leads: filters that many match, orders, and the last page that is shown."""
MOST_BYTES = 120_000
_LOG = statement(
    "INSERT INTO request_log (account_id, id, key_id, member_id, at, method, path, call, status, ms, request_id) VALUES "
    "(:account_id, :id, :key_id, :member_id, :at, 'GET', '/v2/domain-search', 'GET /v2/domain-search', 200, 2, 'r')"
)
_USED = statement(
    "INSERT INTO usage (account_id, period, searches, verifications) VALUES (:account_id, :period, 40, 90)"
)


class Cost(msgspec.Struct):
    """One page."""

    p50_ms: float
    p95_ms: float
    of_hello: float
    """The median as a multiple of hello's."""
    bytes: int
    """The page alone."""
    first_visit_bytes: int


def main(arguments: Sequence[str] = ()) -> None:
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    times, addresses = int(options.get("times", 60)), int(options.get("addresses", 1_000_000))
    leads = int(options.get("leads", 1_000_000))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    made, index_url = _sqlite(addresses)
    with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", index_url=index_url, secret_key="0" * 64)
        cookie = asyncio.run(_prepare(settings, leads))
        variables = {
            "VIZSLA_HOME": str(settings.home),
            "VIZSLA_INDEX_URL": index_url,
            "VIZSLA_SECRET_KEY": settings.secret_key,
        }
        hello = Server("hello", variables, Path(folder) / "hello.log")
        pages = Server("pages", variables, Path(folder) / "pages.log")
        pages.take_every_core()
        try:
            costs = _measure(hello.url, pages.url, cookie, _targets(made), times)
        finally:
            hello.stop()
            pages.stop()
    if "json" in options:
        print(json.dumps(msgspec.to_builtins(costs), indent=1))
    else:
        _show(costs)


def _targets(made: MadeUp) -> list[str]:
    """Every page without an id in its address, and the domain search of a usual and of the largest domain."""
    plain = [path for path in list_pages() if not {"{", "."} & set(path) and path != "/login"]
    leads = [f"/leads?{query}" for query in LEADS]
    usual, largest = f"/domain/{made.typical[0]}", f"/domain/{made.largest}"
    return [*plain, *leads, usual, largest, f"{largest}?offset=49000", f"{largest}?type=personal&department=sales"]


async def _prepare(settings: Settings, leads: int) -> str:
    """A hundred accounts; the cookie of the first one's owner."""
    now = int(time.time())
    async with open_stores(settings) as stores:
        async with stores.app.write() as conn:
            for number in range(ACCOUNTS):
                owner = await create_user(conn, f"owner{number}@bench.example", now=now, is_admin=number == 0)
                await _furnish(conn, owner, now)
                if number == 0:
                    await set_plan(conn, owner.account_id, Plan(plan_searches=10**12, rate_search=UNLIMITED))
                    first, cookie = owner.account_id, await open_session(conn, owner, now=now)
        await fill(settings, stores, first, leads)
    return cookie


async def _furnish(conn: Connection, owner: Member, now: int) -> None:
    account = owner.account_id
    for number in range(5):
        await create_user(conn, f"m{number}.{account}@bench.example", now=now, account_id=account)
        key = await create_key(conn, account, f"key {number}", now=now, member_id=owner.id)
    lines = [
        {"account_id": account, "id": at + 1, "key_id": key.id, "member_id": owner.id, "at": now - LOGGED + at}
        for at in range(LOGGED)
    ]
    await conn.execute_many(_LOG, lines)
    await conn.execute_many(_USED, [{"account_id": account, "period": now - 2_600_000 * at} for at in range(24)])


def _measure(hello: str, pages: str, cookie: str, targets: Sequence[str], times: int) -> dict[str, Cost]:
    least, asked = _Client(hello, ""), _Client(pages, f"vizsla_session={cookie}")
    files: dict[str, int] = {}
    costs = {}
    for target in targets:
        body = asked.get(target)
        if not body:
            continue  # leads on to another page
        named = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', gzip.decompress(body).decode()))
        for name in named - files.keys():
            files[name] = len(asked.get(name))
        spent, base = [], []
        for _ in range(times):
            base.append(least.time("/"))
            spent.append(asked.time(target))
        middle = statistics.median(spent)
        costs[target] = Cost(
            middle,
            statistics.quantiles(spent, n=20)[-1],
            middle / statistics.median(base),
            len(body),
            len(body) + sum(files[name] for name in named),
        )
    return costs


class _Client:
    def __init__(self, url: str, cookie: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port)
        self._headers = {"Accept": "text/html", "Accept-Encoding": "gzip"} | ({"Cookie": cookie} if cookie else {})

    def get(self, target: str) -> bytes:
        self._connection.request("GET", target, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 303):
            sys.exit(f"{target} was answered {answer.status}")
        return body

    def time(self, target: str) -> float:
        """Milliseconds."""
        began = time.perf_counter()
        self.get(target)
        return (time.perf_counter() - began) * 1_000


def _show(costs: dict[str, Cost]) -> None:
    table = Table(title=f"Pages (limits: p95 {SLOWEST_MS:.0f} ms, {MOST_BYTES // 1_000} KB on a first visit)")
    for name in ("page", "p50 ms", "p95 ms", "× hello", "KB", "first visit KB", ""):
        table.add_column(name, justify="left" if name in ("page", "") else "right", overflow="fold")
    for target, cost in costs.items():
        holds = cost.p95_ms <= SLOWEST_MS and cost.first_visit_bytes <= MOST_BYTES
        table.add_row(
            target,
            f"{cost.p50_ms:.1f}",
            f"{cost.p95_ms:.1f}",
            f"{cost.of_hello:.0f}",
            f"{cost.bytes / 1_000:.0f}",
            f"{cost.first_visit_bytes / 1_000:.0f}",
            "" if holds else "over",
        )
    Console().print(table)
