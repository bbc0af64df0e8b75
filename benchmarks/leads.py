"""
How fast is a page of leads, among ten thousand and among a million?

One account, the whole API on a real socket, one request at a time. Every filter is asked with values that few leads match and
values that hundreds of thousands do; beside them the page without a filter, the same count in the store's own SQL, and an offset
of 100,000. New leads are written into the large account and into a small one in turns.

    make bench ARGS="leads [--json] [--leads=N] [--rounds=N] [--no-postgres] [--no-sqlite]"
"""

import asyncio
import contextlib
import http.client
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.made_up import _FIRST as FIRST
from benchmarks.made_up import _LAST as LAST
from benchmarks.serving import UNLIMITED, Server
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import Plan, create_user, set_plan
from vizsla.kit.settings import Settings
from vizsla.leads.attributes import create_attribute
from vizsla.leads.lists import create_list
from vizsla.storage.migrate import migrate
from vizsla.storage.open import Stores, open_stores

NOW = 1_795_392_000
SMALL = 10_000
POSITIONS = ["CEO", "CTO", "Sales Manager", "Head of Marketing", "Software Engineer", "Accountant", "Recruiter", None]
INDUSTRIES = ["Internet & Telecom", "Finance", "Health", "Retail", "Travel", "Science", "Manufacturing", None]
SIZES = ["1-10", "11-50", "51-200", "201-500", "501-1000", None]
COUNTRIES = ["US", "US", "US", "FR", "DE", "GB", "ES", "IT", "JP", None]
SOURCES = ["Fair 2026", "Website", "Referral", "Import", None]
SENDING = ["sent", "opened", "clicked", "replied", "bounced", None, None, None]
VERIFIED = ["valid", "valid", "accept_all", "invalid", "unknown", None]
COLUMNS = (
    "account_id", "id", "email", "first_name", "last_name", "position", "company", "company_industry", "company_size",
    "confidence_score", "website", "country_code", "source", "linkedin_url", "phone_number", "twitter", "notes", "sync_status",
    "sending_status", "verification_status", "verified_at", "last_activity_at", "last_contacted_at", "lists", "tags", "attributes",
    "created_at", "change",
)  # fmt: skip
Row = tuple[object, ...]


class Measured(msgspec.Struct):
    """How long one question took, asked again and again."""

    p50: float
    p95: float
    count: int
    cpu: float = 0.0
    """Milliseconds of the server's, a page: what a busy machine does not change."""


def rows(account_id: int, size: int, first_id: int, list_id: int, attribute_id: int) -> Iterator[Row]:
    """Made-up leads; four in ten of them at one provider's domain."""
    some = random.Random(size)
    companies = ["".join(some.choices("abcdefghijklmnoprstuvwy", k=some.randint(4, 11))) for _ in range(size // 12)]
    for number in range(size):
        first, last, company = some.choice(FIRST), some.choice(LAST), some.choice(companies)
        domain = "example.com" if number % 5 < 2 else f"{company}.example"
        contacted = NOW - number if number % 3 == 0 else None
        yield (
            account_id, first_id + number, f"{first}.{last}{number}@{domain}".lower(), first, last, some.choice(POSITIONS),
            company.title(), some.choice(INDUSTRIES), some.choice(SIZES), some.randrange(101), f"{company}.example",
            some.choice(COUNTRIES), some.choice(SOURCES),
            f"https://linkedin.com/in/{first}-{last}-{number}".lower() if number % 5 < 3 else None,
            f"+1 415 {number:07d}" if number % 2 else None, f"@{first}{number}".lower() if number % 3 == 0 else None,
            "Met at the fair; wants a call in spring." if number % 4 == 0 else None, "success" if number % 2 else None,
            some.choice(SENDING), some.choice(VERIFIED), NOW, contacted, contacted, f",{list_id + number % 2},", None,
            f'{{"{attribute_id}":"cus-{number:x}"}}' if number % 2 else None, NOW - number, 1,
        )  # fmt: skip


async def prepare(settings: Settings, leads: int) -> tuple[str, str]:
    """An account with *leads* and one with SMALL; their keys."""
    keys = []
    async with open_stores(settings) as stores:
        for number, size in enumerate((leads, SMALL)):
            async with stores.app.write() as conn:
                member = await create_user(conn, f"bench{number}@bench.example", now=NOW)
                account_id = member.account_id
                await set_plan(conn, account_id, Plan(plan_searches=10**12, rate_search=UNLIMITED))
                keys.append((await create_key(conn, account_id, "bench", now=NOW)).plaintext)
            await fill(settings, stores, account_id, size)
    await _execute(settings, "ANALYZE")
    return keys[0], keys[1]


async def fill(settings: Settings, stores: Stores, account_id: int, size: int) -> None:
    """Give an account made-up leads."""
    async with stores.app.write() as conn:
        lists = [(await create_list(conn, account_id, name, NOW)).id for name in ("Even", "Odd")]
        attribute = await create_attribute(conn, account_id, "Customer ID")
    await _write(settings, rows(account_id, size, attribute.id + 1, lists[0], attribute.id))
    await _execute(
        settings,
        f"INSERT INTO lead_account VALUES ({account_id}, {size}, 1)",
        f"UPDATE leads_list SET leads_count = {size // 2} WHERE account_id = {account_id}",
        f"UPDATE account SET last_id = {attribute.id + size + 10} WHERE id = {account_id}",
    )


async def _write(settings: Settings, made: Iterator[Row]) -> None:
    if settings.database_url:
        connection = await asyncpg.connect(settings.database_url)
        await connection.copy_records_to_table("lead", records=made, columns=COLUMNS)
        await connection.close()
        return
    with contextlib.closing(sqlite3.connect(settings.home / "app.db")) as raw, raw:
        raw.executemany(f"INSERT INTO lead ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", made)


async def _execute(settings: Settings, *texts: str) -> None:
    if settings.database_url:
        connection = await asyncpg.connect(settings.database_url)
        for text in texts:
            await connection.execute(text)
        await connection.close()
        return
    with contextlib.closing(sqlite3.connect(settings.home / "app.db")) as raw, raw:
        for text in texts:
            raw.execute(text)


class Client:
    """Asks one server, one request after the other."""

    def __init__(self, server: Server, key: str) -> None:
        place = urlsplit(server.url)
        self._server = server
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        self._key = key

    def ask(self, method: str, target: str, body: dict[str, object] | None = None) -> tuple[float, dict[str, object]]:
        """Seconds, and the answer."""
        sent = json.dumps(body) if body is not None else None
        began = time.perf_counter()
        self._connection.request(method, target, sent, {"X-API-KEY": self._key, "Content-Type": "application/json"})
        reply = self._connection.getresponse()
        raw = reply.read()
        seconds = time.perf_counter() - began
        if reply.status >= 300:
            sys.exit(f"{method} {target} was answered {reply.status}: {raw[:500]!r}")
        return seconds, json.loads(raw)

    def measure(self, query: str, rounds: int) -> Measured:
        """How long a page takes."""
        seconds, count, before = [], 0, self._server.cpu_seconds()
        for _ in range(rounds):
            took, answer = self.ask("GET", f"/v2/leads?{query}")
            seconds.append(took * 1_000)
            count = answer["meta"]["count"]  # type: ignore[index]
        seconds.sort()
        cpu = (self._server.cpu_seconds() - before) / rounds * 1_000
        return Measured(statistics.median(seconds), seconds[int(len(seconds) * 0.95)], count, cpu)


def questions() -> dict[str, str]:
    """Every filter, with values that few, many and nearly all match."""
    parts = {
        "email": ("@example.com", "mar", "lan77@"),
        "first_name": ("a", "Maria"),
        "last_name": ("er", "Lokowlan"),
        "position": ("manager", "c"),
        "company": ("a", "abc"),
        "industry": ("e", "science"),
        "website": (".example", "abc"),
        "country_code": ("us",),
        "company_size": ("1-",),
        "source": ("fair", "e"),
        "twitter": ("@ma", "9999"),
        "linkedin_url": ("linkedin", "-ber-"),
        "phone_number": ("+1", "0123"),
        "custom_attributes[customer_id]": ("cus", "fff"),
    }
    asked = {f"{name}={part}": f"{quote(name)}={quote(part)}" for name, some in parts.items() for part in some}
    asked |= {f"{name}={kind}": f"{quote(name)}={quote(kind)}" for name in parts for kind in "*~"}
    asked |= {
        text: text
        for text in (
            "leads_list_id=LIST", "sync_status=success", "sending_status[]=sent", "sending_status[]=~",
            "verification_status[]=valid", "last_activity_at=*", "last_contacted_at=~", "query=ma", "query=lokow",
            "query=zzzz", "email=example&position=manager&country_code=us", "company=a&query=er&verification_status=valid",
        )
    }  # fmt: skip
    return asked


def run(settings: Settings, leads: int, rounds: int, folder: Path) -> dict[str, object]:
    """All figures of one store."""
    began = time.perf_counter()
    large, small = asyncio.run(prepare(settings, leads))
    filled = time.perf_counter() - began
    variables = {
        "VIZSLA_HOME": str(settings.home),
        "VIZSLA_SECRET_KEY": settings.secret_key,
        "VIZSLA_DATABASE_URL": settings.database_url,
        "VIZSLA_INDEX_URL": settings.index_url,
    }
    server = Server("vizsla", {name: value for name, value in variables.items() if value}, folder / "server.log")
    server.take_every_core()  # as a server does: a scan has two threads
    try:
        client, other = Client(server, large), Client(server, small)
        list_id = client.ask("GET", "/v2/leads_lists")[1]["data"]["leads_lists"][0]["id"]  # type: ignore[index]
        bare = client.measure("", rounds)
        before = server.memory()
        first_small, _ = other.ask("GET", "/v2/leads?company=a")
        first, _ = client.ask("GET", "/v2/leads?company=a")
        after = server.memory()
        measured = {
            name: client.measure(query.replace("LIST", str(list_id)), rounds) for name, query in questions().items()
        }
        offsets = {
            str(offset): {
                name: client.measure(f"{query}offset={offset}", rounds).p50
                for name, query in (("all", ""), ("filtered", "email=example.com&"))
            }
            for offset in (0, 100_000)
        }
        other = Client(server, small)  # the server has closed what was idle meanwhile
        writes: dict[str, list[float]] = {"large": [], "small": []}
        for number in range(rounds * 5):
            for name, one in (("large", client), ("small", other)):
                body = {"email": f"new{number}@example.com", "first_name": "New", "company": "Fresh", "custom_attributes": {"customer_id": "x"}}  # fmt: skip
                writes[name].append(one.ask("PUT", "/v2/leads", body)[0] * 1_000)
        after_write = []
        for number in range(rounds):
            client.ask("PUT", "/v2/leads", {"email": f"new{number}@example.com", "position": f"p{number}"})
            after_write.append(client.ask("GET", f"/v2/leads?position=p{number}")[0] * 1_000)
    finally:
        server.stop()
    slowest = max(measured, key=lambda name: measured[name].p95)
    return {
        "leads": leads,
        "filled_s": filled,
        "bare": msgspec.structs.asdict(bare),
        "filters": {name: msgspec.structs.asdict(one) for name, one in measured.items()},
        "slowest": {"filter": slowest, **msgspec.structs.asdict(measured[slowest])},
        "slowest_of_bare": measured[slowest].p95 / bare.p95,
        "offset_ms": offsets,
        "offset_ratio": {name: offsets["100000"][name] / offsets["0"][name] for name in ("all", "filtered")},
        "write_ms": {name: statistics.median(some) for name, some in writes.items()},
        "write_ratio": statistics.median(writes["large"]) / statistics.median(writes["small"]),
        "filter_after_a_write_ms": {
            "p50": statistics.median(after_write),
            "p95": sorted(after_write)[int(rounds * 0.95)],
        },
        "first_question_s": {"large": first, "small": first_small},
        "mirror_mb": (after - before) / 1e6,
        "sql_count_ms": asyncio.run(_count_in_sql(settings)),
    }


async def _count_in_sql(settings: Settings) -> dict[str, float]:
    """The same counts as the store makes them, without any index that helps."""
    seen = {}
    for name, where in {
        "company=a": "lower(company) LIKE '%a%'",
        "email=example.com": "lower(email) LIKE '%example.com%'",
        "query=ma": "lower(email) LIKE '%ma%' OR lower(first_name) LIKE '%ma%' OR lower(last_name) LIKE '%ma%'",
    }.items():
        text = f"SELECT count(*) FROM lead WHERE account_id = 1 AND ({where})"
        best = []
        for _ in range(3):
            began = time.perf_counter()
            await _execute(settings, text)
            best.append((time.perf_counter() - began) * 1_000)
        seen[name] = min(best)
    return seen


def main(arguments: Sequence[str] = ()) -> None:
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    leads, rounds = int(options.get("leads", 1_000_000)), int(options.get("rounds", 40))
    result: dict[str, dict[str, object]] = {}
    if "no-sqlite" not in options:
        with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder:
            settings = Settings(home=Path(folder) / "home", secret_key="0" * 64)
            result["sqlite"] = run(settings, leads, rounds, Path(folder))
    if "no-postgres" not in options:
        with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder, _postgres() as url:
            settings = Settings(home=Path(folder) / "home", secret_key="0" * 64, database_url=url, index_url=url)
            result["postgresql"] = run(settings, leads, rounds, Path(folder))
    if "json" in options:
        print(json.dumps(result, indent=1))
    else:
        _show(result)


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer

    server = PostgresServer()
    try:
        url = server.url("postgres")
        for which in ("app", "index"):
            asyncio.run(migrate(url, which))
        yield url
    finally:
        server.stop()


def _show(result: dict[str, dict[str, object]]) -> None:
    console = Console()
    for store, seen in result.items():
        table = Table(title=f"{store}: {seen['leads']:,} leads", show_lines=False)
        for column in ("", "leads that match", "p50 ms", "p95 ms", "of the bare page", "CPU ms"):
            table.add_column(column)
        bare: dict[str, float] = seen["bare"]  # type: ignore[assignment]
        filters: dict[str, dict[str, float]] = seen["filters"]  # type: ignore[assignment]
        for name, one in {"no filter": bare, **filters}.items():
            ratio = one["p95"] / bare["p95"]
            table.add_row(
                name, f"{one['count']:,}", f"{one['p50']:.1f}", f"{one['p95']:.1f}", f"{ratio:.1f}", f"{one['cpu']:.1f}"
            )
        console.print(table)
        rest = {name: value for name, value in seen.items() if name not in ("bare", "filters")}
        console.print_json(json.dumps(rest))
