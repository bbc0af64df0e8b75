"""
What does an answer cost?

Domain search through the whole API (key, limits, quota, log) beside the least that an ASGI app can do on the same server,
and beside a FastAPI twin of it on the same SQL; on a made-up index of 1,000,000 addresses, one domain with 50,000. The
server has core 0, the client (and PostgreSQL) core 1. Ways are measured in turns, for machines are noisy; the ratios are
the result.

    make bench ARGS="serving [--json] [--rounds=N] [--seconds=N] [--addresses=N] [--no-postgres] [--no-harvest]"
"""

import asyncio
import contextlib
import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import corpus
from benchmarks.made_up import MadeUp, fill
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import Plan, create_user, set_plan
from vizsla.kit.settings import Settings
from vizsla.storage.migrate import HEADS, migrate
from vizsla.storage.open import open_stores

CACHE = corpus.CACHE / "serving"
ASKED = 2_000
"""Domains of twelve addresses that are asked for."""
UNLIMITED = "100000000/s"
_WRK = shutil.which("wrk")
_TICK = os.sysconf("SC_CLK_TCK")


class Figures(msgspec.Struct):
    """What one way of serving did in one round."""

    per_second: float
    p50: float
    p99: float
    cpu_us: float


class Server:
    """A server in a process of its own."""

    def __init__(self, what: str, settings: dict[str, str], log: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VIZSLA_")}
        command = [sys.executable, "-m", "benchmarks.serving_process", what, "0"]
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            command, env=environment | settings, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            sys.exit(f"The server did not start: {log.read_text('utf-8')[-2_000:]}")

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def take_every_core(self) -> None:
        """Let it run where it likes."""
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), range(os.cpu_count() or 1))

    def memory(self) -> int:
        """Bytes that are resident."""
        return int(Path(f"/proc/{self._process.pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


def measure(server: Server, targets: Path, *, seconds: float, connections: int = 16, rate: float = 0.0) -> Figures:
    """Load *server* with the requests in *targets*."""
    before = server.cpu_seconds()
    if _WRK and not rate:
        script = str(Path(__file__).with_name("load.lua"))
        options = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout=10s", "-s", script]
        command = [_WRK, *options, server.url, "--", str(targets)]
    else:
        load = [server.url, str(targets), str(seconds), str(connections), str(rate)]
        command = [sys.executable, "-m", "benchmarks.load", *load]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seen = json.loads(output.splitlines()[-1])
    if seen["refused"] or seen["failed"]:
        sys.exit(f"{server.url} did not answer: {seen}")
    cpu = server.cpu_seconds() - before
    return Figures(seen["per_second"], seen["p50"], seen["p99"], cpu / seen["answers"] * 1e6)


def ask_each(server: Server, targets: Sequence[str]) -> float:
    """Ask everything once, so that all is charged for and cached; seconds."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    began = time.perf_counter()
    for target in targets:
        connection.request("GET", target)
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            sys.exit(f"{target} was answered {reply.status}")
    connection.close()
    return time.perf_counter() - began


def main(arguments: Sequence[str] = ()) -> None:
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    rounds, seconds = int(options.get("rounds", 5)), float(options.get("seconds", 3))
    addresses = int(options.get("addresses", 1_000_000))
    # The client, PostgreSQL and this process on core 1; the server takes core 0 by itself.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder:
        bench = _Bench(Path(folder), rounds, seconds)
        result["sqlite"] = bench.compare(*_sqlite(addresses))
        result["p99"] = bench.compare_sizes(_sqlite(addresses), _sqlite(10_000))
        if "no-postgres" not in options:
            with _postgres(addresses) as (made, url):
                result["postgresql"] = bench.compare(made, url)
        if "no-harvest" not in options:
            result["harvest"] = bench.beside_harvest(_sqlite(100_000))
    if "json" in options:
        print(json.dumps(result, indent=1))
    else:
        _show(result)


class _Bench:
    def __init__(self, folder: Path, rounds: int, seconds: float) -> None:
        self._folder = folder
        self._rounds = rounds
        self._seconds = seconds
        self._count = 0

    def compare(self, made: MadeUp, index_url: str) -> dict[str, object]:
        """Hello, search and twin, in turns; a large offset; questions that were never asked."""
        settings, key = self._home(index_url)
        domains = random.Random(1).sample(made.typical, min(ASKED, len(made.typical)))
        usual = [f"/v2/domain-search?domain={domain}&api_key={key}" for domain in domains]
        largest = f"/v2/domain-search?domain={made.largest}&limit=100&api_key={key}&offset="
        with self._servers(settings, "hello", "vizsla", "twin") as (hello, vizsla, twin):
            cold = ask_each(vizsla, [f"{target}&limit=9" for target in usual])
            for server in (vizsla, twin):
                ask_each(server, usual)
            ways = {
                "hello": (hello, self._file(["/"])),
                "vizsla": (vizsla, self._file(usual)),
                "twin": (twin, self._file(usual)),
            }
            figures = self._in_turns(ways)
            offsets = {str(offset): self._file([f"{largest}{offset}"]) for offset in (0, made.n_largest - 100)}
            deep = {
                name: min(measure(vizsla, file, seconds=1, connections=1).p50 for _ in range(self._rounds))
                for name, file in offsets.items()
            }
            fresh = [f"{target}&limit={limit}" for limit in (1, 2, 3, 4, 5, 6, 7, 8) for target in usual]
            never_asked = measure(vizsla, self._file(fresh), seconds=self._seconds)
        first, last = deep.values()
        return {
            "ways": {name: msgspec.structs.asdict(one) for name, one in figures.items()},
            "search_of_hello": figures["vizsla"].per_second / figures["hello"].per_second,
            "search_of_twin": figures["vizsla"].per_second / figures["twin"].per_second,
            "offset_ms": deep,
            "offset_ratio": last / first,
            "first_asked_ms_one_by_one": cold / len(usual) * 1_000,
            "mostly_first_asked_of_search": never_asked.per_second / figures["vizsla"].per_second,
        }

    def compare_sizes(self, large: tuple[MadeUp, str], small: tuple[MadeUp, str]) -> dict[str, object]:
        """The slowest hundredth at the large and at the small index, at a rate that either can take."""
        with contextlib.ExitStack() as stack:
            ways = {}
            for made, url in (large, small):
                settings, key = self._home(url)
                (server,) = stack.enter_context(self._servers(settings, "vizsla"))
                domains = random.Random(2).sample(made.typical, min(ASKED, len(made.typical)))
                targets = [f"/v2/domain-search?domain={domain}&api_key={key}" for domain in domains]
                ask_each(server, targets)
                ways[f"{made.addresses:,}"] = (server, self._file(targets))
            figures = self._in_turns(ways, connections=4, rate=1_000)
        one, other = figures.values()
        return {"p99_ms": {name: seen.p99 for name, seen in figures.items()}, "ratio": one.p99 / other.p99}

    def beside_harvest(self, index: tuple[MadeUp, str]) -> dict[str, object]:
        """The slowest hundredth while `vizsla harvest` writes to the same index, and without it."""
        made, url = index
        copy = self._folder / "harvested.db"
        shutil.copy(url.removeprefix("sqlite:///"), copy)
        settings, key = self._home(f"sqlite:///{copy}")
        targets = [f"/v2/domain-search?domain={domain}&api_key={key}" for domain in made.typical[:ASKED]]
        warcs = [
            corpus.write_warc(self._folder / f"made-up{part}.warc.gz", _pages(range(part, 40_000, 4)))
            for part in range(4)
        ]
        with self._servers(settings, "vizsla") as (server,):
            ask_each(server, targets)
            file = self._file(targets)
            seconds = self._seconds
            # The client stays with the server here, in both measures: what is asked is what the harvest does to it. The
            # harvest has every core, the server's too.
            os.sched_setaffinity(0, {0})
            cores = ",".join(map(str, range(os.cpu_count() or 1)))
            alone = [measure(server, file, seconds=seconds, connections=4, rate=300) for _ in range(3)]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("VIZSLA_")}
            harvest = subprocess.Popen(
                ["taskset", "-c", cores, Path(sys.executable).with_name("vizsla"), "harvest", *warcs, "--json"],
                env=environment | settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            beside = []
            time.sleep(1.5)
            while harvest.poll() is None:
                beside.append(measure(server, file, seconds=seconds, connections=4, rate=300))
            report = json.loads(harvest.communicate()[0])
            if len(beside) > 1:
                beside.pop()  # ran on after the harvest had ended
            os.sched_setaffinity(0, {1})
        before, during = (statistics.median(one.p99 for one in figures) for figures in (alone, beside))
        return {"p99_alone_ms": before, "p99_beside_ms": during, "ratio": during / before, "harvest": report}

    def _in_turns(
        self, ways: dict[str, tuple[Server, Path]], *, connections: int = 16, rate: float = 0.0
    ) -> dict[str, Figures]:
        """Each way once a round; the median of its speed, the least of its CPU."""
        seen: dict[str, list[Figures]] = {name: [] for name in ways}
        for _ in range(self._rounds):
            for name, (server, file) in ways.items():
                seen[name].append(measure(server, file, seconds=self._seconds, connections=connections, rate=rate))
        return {
            name: Figures(
                statistics.median(one.per_second for one in figures),
                statistics.median(one.p50 for one in figures),
                statistics.median(one.p99 for one in figures),
                min(one.cpu_us for one in figures),
            )
            for name, figures in seen.items()
        }

    @contextlib.contextmanager
    def _servers(self, settings: dict[str, str], *names: str) -> Iterator[list[Server]]:
        servers = []
        try:
            for name in names:
                self._count += 1
                servers.append(Server(name, settings, self._folder / f"{name}{self._count}.log"))
            yield servers
        finally:
            for server in servers:
                server.stop()

    def _file(self, targets: Sequence[str]) -> Path:
        self._count += 1
        file = self._folder / f"targets{self._count}"
        file.write_text("\n".join(targets), "utf-8")
        return file

    def _home(self, index_url: str) -> tuple[dict[str, str], str]:
        """An installation on that index, with one account whose plan is no limit; its settings and key."""
        self._count += 1
        home = self._folder / f"home{self._count}"
        settings = Settings(home=home, index_url=index_url, secret_key="0" * 64)
        if index_url.startswith("postgresql:"):
            settings = msgspec.structs.replace(settings, database_url=index_url)

        async def prepare() -> str:
            async with open_stores(settings) as stores, stores.app.write() as conn:
                now = int(time.time())
                member = await create_user(conn, f"bench{self._count}@bench.example", now=now)
                await set_plan(conn, member.account_id, Plan(plan_searches=10**12, rate_search=UNLIMITED))
                return (await create_key(conn, member.account_id, "bench", now=now)).plaintext

        variables = {
            "VIZSLA_HOME": str(home),
            "VIZSLA_INDEX_URL": index_url,
            "VIZSLA_SECRET_KEY": settings.secret_key,
            "VIZSLA_DATABASE_URL": settings.database_url,
        }
        return {name: value for name, value in variables.items() if value}, asyncio.run(prepare())


def _sqlite(addresses: int) -> tuple[MadeUp, str]:
    """A made-up index in a file, made once."""
    folder = CACHE / f"{addresses}-{HEADS['index']}"
    url, note = f"sqlite:///{folder / 'index.db'}", folder / "made.json"
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made = asyncio.run(fill(url, addresses=addresses))
        note.write_bytes(msgspec.json.encode(made))
    return msgspec.json.decode(note.read_bytes(), type=MadeUp), url


@contextlib.contextmanager
def _postgres(addresses: int) -> Iterator[tuple[MadeUp, str]]:
    """The same in a PostgreSQL of our own."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer

    server = PostgresServer()
    try:
        url = server.url("postgres")
        made = asyncio.run(fill(url, addresses=addresses))
        asyncio.run(migrate(url, "app"))
        yield made, url
    finally:
        server.stop()


def _pages(numbers: range) -> Iterator[tuple[str, bytes]]:
    """Pages with three people each, ten on a domain."""
    for number in numbers:
        host = f"www.harvest{number // 10}.example"
        people = "".join(
            f"<li><b>Jane Roe{at}</b>, Sales Manager, <a href='mailto:jane.roe{number}x{at}@{host[4:]}'>write</a></li>"
            for at in range(3)
        )
        filler = f"<p>{'Words of a page that is about something else. ' * 60}</p>"
        yield (
            f"https://{host}/team/{number}",
            f"<html><title>Harvest {number}</title>{filler}<ul>{people}</ul>".encode(),
        )


def _show(result: dict[str, object]) -> None:
    console = Console(width=max(110, Console().width))
    for store in ("sqlite", "postgresql"):
        seen = result.get(store)
        if not isinstance(seen, dict):
            continue
        table = Table(title=f"Domain search, {store}, one core")
        for heading in ("way", "requests/s", "p50 ms", "p99 ms", "CPU us/request", "of hello", "limit"):
            table.add_column(heading, justify="left" if heading == "way" else "right")
        hello = seen["ways"]["hello"]["per_second"]
        limit = {"vizsla": ">= 20 %" if store == "sqlite" else ">= 12 %"}
        for name, one in seen["ways"].items():
            table.add_row(
                name, f"{one['per_second']:,.0f}", f"{one['p50']:.2f}", f"{one['p99']:.2f}", f"{one['cpu_us']:.0f}",
                f"{one['per_second'] / hello:.1%}", limit.get(name, ""),
            )  # fmt: skip
        console.print(table)
        console.print(
            f"search is {seen['search_of_twin']:.1f} x the FastAPI twin (>= 2); the last page of the largest domain takes "
            f"{seen['offset_ratio']:.1f} x the first (<= 5); asked for the first time, one by one: "
            f"{seen['first_asked_ms_one_by_one']:.2f} ms, 16 at once: {seen['mostly_first_asked_of_search']:.0%} of the speed",
            highlight=False,
        )
    sizes = result["p99"]
    console.print(
        f"p99 at 1,000 requests/s, ms: {sizes['p99_ms']}, ratio {sizes['ratio']:.2f} (<= 1.5)", highlight=False
    )
    if isinstance(beside := result.get("harvest"), dict):
        console.print(
            f"p99 at 300 requests/s: {beside['p99_alone_ms']:.2f} ms, beside a harvest {beside['p99_beside_ms']:.2f} ms, "
            f"ratio {beside['ratio']:.2f} (<= 1.5)",
            highlight=False,
        )
