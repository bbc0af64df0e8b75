"""
How many addresses of a list are verified a second, by how many connections, at which cost?

8,000 addresses of 200 domains at 50 MX addresses, 100 ms away (`mail_world`). Ours is the whole way: the list is taken on and
charged, its rows become verifications in the store, workers claim them, ask DNS and mail servers, and record evidence and
verdicts. Beside it, in the same run: bare asyncio dialogs that know which server to ask and keep nothing, one address a
connection and eight; and published packages, installed into a folder that is thrown away, at the same 250 sessions.

    make bench ARGS="verifier [--json] [--addresses=N] [--no-peers]"
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from benchmarks.mail_world import DOMAINS, HOSTS, US, MailWorld, address, host_of, mail_world, status
from vizsla.accounts.quota import get_usage
from vizsla.accounts.store import create_user
from vizsla.finder.bulk_verifications import accept, get
from vizsla.kit.clock import SystemClock
from vizsla.kit.settings import Settings, load_settings
from vizsla.storage.open import open_stores
from vizsla.storage.secret import find_secret
from vizsla.verifier.bulk_store import rows_after
from vizsla.work.bulk import Bulk
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Workplace

ADDRESSES, PEER_ADDRESSES = 8_000, 2_000
SESSIONS = 5
"""At one MX address; what the limits of the field's servers bear."""
REUSED = 8
PEERS = {"mailscout": "0.1.1", "pigeontrust": "0.2.0"}
LIMITS = {"rate": 1_000.0, "milliseconds": 0.4, "connections": 1 / 6, "most": 5}
_HERE = Path(__file__).parent


class Measured(msgspec.Struct):
    """One way to verify."""

    addresses: int
    seconds: float
    milliseconds: float
    """Of processor time an address."""
    right: int
    connections: int = 0
    most: int = 0
    """Connections at once at one MX address."""

    @property
    def rate(self) -> float:
        return self.addresses / self.seconds


def tell(event: str, *, level: str = "info", **values: object) -> None:
    if level in ("warning", "error"):
        print(event, values, file=sys.stderr)


async def ours(settings: Settings, count: int) -> Measured:
    """The list through the real worker, from taking it on to its last row."""
    async with open_stores(settings) as stores:
        place = Workplace(settings, stores, find_secret(settings), SystemClock())
        async with stores.app.write() as conn:
            account_id = (await create_user(conn, "bench@a.example", now=place.clock.now())).account_id
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)  # as `vizsla serve` does
        began, worked = time.perf_counter(), time.process_time()
        async with stores.app.write() as conn:
            texts = ((address(number), "") for number in range(count))
            sent = await accept(conn, account_id, texts, allowed=10 * count, now=place.clock.now())
        async with open_pipeline(place) as pipeline:
            tasks = [
                asyncio.create_task(Verifying(place, pipeline, tell).run()),
                asyncio.create_task(Bulk(place, tell).run()),
            ]
            while (await get(stores.app, account_id, sent.id)).ended_at is None:
                await asyncio.sleep(0.05)
            seconds, spent = time.perf_counter() - began, time.process_time() - worked
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        rows = await rows_after(stores.app, account_id, sent.id, 0, count)
        right = sum(row.ending is not None and row.ending.counts_as == status(row.number - 1) for row in rows)
        used = (await get_usage(stores.app, account_id, place.clock.now())).verifications
        if used != count:
            sys.exit(f"{used} were charged of {count}")
        return Measured(count, seconds, spent / count * 1_000, right)


async def bare(world: MailWorld, count: int, reused: int) -> Measured:
    """Dialogs and nothing else: no DNS, no accept-all test, no store, no evidence."""
    waiting: dict[str, list[int]] = {host_of(domain): [] for domain in range(HOSTS)}
    for number in range(count):
        waiting[host_of(number % DOMAINS)].append(number)
    right = 0

    async def session(ip: str) -> None:
        nonlocal right
        reader, writer = await asyncio.open_connection(ip, world.smtp_port)
        await reader.readline()
        writer.write(f"EHLO {US}\r\n".encode())
        while not (await reader.readline()).startswith(b"250 "):
            pass
        for at in range(reused):
            if not waiting[ip]:
                break
            number = waiting[ip].pop()
            commands = f"MAIL FROM:<probe@{US}>\r\nRCPT TO:<{address(number)}>\r\n"
            writer.write((("RSET\r\n" if at else "") + commands).encode())
            replies = [await reader.readline() for _ in range(3 if at else 2)]
            right += replies[-1].startswith(b"250") == (status(number) != "invalid")
        writer.write(b"QUIT\r\n")
        writer.close()

    async def worker(ip: str) -> None:
        while waiting[ip]:
            await session(ip)

    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker(ip) for ip in waiting for _ in range(SESSIONS)))
    return Measured(count, time.perf_counter() - began, (time.process_time() - worked) / count * 1_000, right)


def measure_ours(world: MailWorld, count: int, database: str = "") -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        environment = world.environment(Path(folder) / "home") | {"VIZSLA_SECRET_KEY": "0" * 64}
        if database:
            environment |= {"VIZSLA_DATABASE_URL": database, "VIZSLA_INDEX_URL": database}
        return _in_a_process(world, "ours", count, environment)


def measure_bare(world: MailWorld, count: int, reused: int) -> Measured:
    return _in_a_process(world, f"bare {reused}", count, {})


def _in_a_process(world: MailWorld, what: str, count: int, environment: dict[str, str]) -> Measured:
    world.counts()
    command = [sys.executable, "-m", "benchmarks.verifier", "--child", what, str(count), str(world.smtp_port)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=300, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode()[-2_000:])
    return _with_counts(world, msgspec.json.decode(done.stdout, type=Measured))


def _with_counts(world: MailWorld, measured: Measured) -> Measured:
    measured.connections, _, measured.most = world.counts()
    return measured


def child(what: str, count: int, smtp_port: int) -> Measured:
    if what == "ours":
        return uvloop.run(ours(load_settings(), count))
    world = MailWorld(None, smtp_port, 0)  # type: ignore[arg-type]
    return uvloop.run(bare(world, count, int(what.split()[1])))


def measure_peer(world: MailWorld, package: str, how: str, count: int, folder: Path) -> Measured:
    world.counts()
    program = _HERE / "verifier_peer_process.py"
    given = {
        "dns_port": world.dns_port,
        "smtp_port": world.smtp_port,
        "hosts": {f"mx{domain}.test": host_of(domain) for domain in range(DOMAINS)},
        "emails": [address(number) for number in range(count)],
        "at_once": SESSIONS * HOSTS,
    }
    done = subprocess.run(
        [sys.executable, "-I", program, package, how, folder],
        input=json.dumps(given), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError((done.stderr.strip().splitlines() or ["it failed"])[-1])
    said = json.loads(done.stdout.splitlines()[-1])
    # Who cannot tell "accept_all" may call it valid: this is about speed.
    right = sum(
        one == status(number) or (one == "valid" and status(number) == "accept_all")
        for number, one in enumerate(said["said"])
    )
    return _with_counts(world, Measured(count, said["seconds"], said["cpu"] / count * 1_000, right))


@contextmanager
def installed(package: str) -> Iterator[Path]:
    """A folder with the package and what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder]
        done = subprocess.run(
            [*command, f"{package}=={PEERS[package]}"], capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode:
            raise OSError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        yield Path(folder)


def measure(count: int, *, with_peers: bool) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    with mail_world() as world:
        found["Vizsla, SQLite"] = measure_ours(world, count)
        if url := _postgresql():
            with url as database:
                found["Vizsla, PostgreSQL"] = measure_ours(world, count, database)
        found["bare dialog, an address a connection"] = measure_bare(world, count, 1)
        found[f"bare dialog, {REUSED} a connection"] = measure_bare(world, count, REUSED)
        ways = {"mailscout": ("one by one",), "pigeontrust": ("one by one", "its bulk")}
        for package in PEERS if with_peers else ():
            try:
                with installed(package) as folder:
                    for how in ways[package]:
                        peer = measure_peer(world, package, how, min(count, PEER_ADDRESSES), folder)
                        found[f"{package} {PEERS[package]}, {how}"] = peer
            except (OSError, subprocess.SubprocessError) as error:
                print(f"! {package} is not measured: {error}", file=sys.stderr)
    return found


def _postgresql() -> Any:
    """A server of our own, if there is one to be had: a context manager that gives its URL."""
    sys.path.insert(0, str(_HERE.parent / "tests"))
    try:
        from postgres import PostgresServer

        server = PostgresServer()
    except Exception as error:
        print(f"! PostgreSQL is not measured: {error}", file=sys.stderr)
        return None

    @contextmanager
    def running() -> Iterator[str]:
        try:
            for _ in range(100):
                done = subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port)], check=False)
                if done.returncode == 0:
                    break
                time.sleep(0.1)
            yield server.url("postgres")
        finally:
            server.stop()

    return running()


def main(arguments: Sequence[str] = ()) -> None:
    if "--child" in arguments:
        at = arguments.index("--child")
        print(msgspec.json.encode(child(arguments[at + 1], int(arguments[at + 2]), int(arguments[at + 3]))).decode())
        return
    count = next((int(word.partition("=")[2]) for word in arguments if word.startswith("--addresses=")), ADDRESSES)
    found = measure(count, with_peers="--no-peers" not in arguments)
    if "--json" in arguments:
        print(json.dumps({name: {**msgspec.structs.asdict(one), "rate": one.rate} for name, one in found.items()}))
        return
    ours_, base = found["Vizsla, SQLite"], found["bare dialog, an address a connection"]
    print(f"\n{count:,} addresses, {DOMAINS} domains, {HOSTS} MX addresses, 100 ms away")
    print(f"{'':40}{'a second':>10}{'of bare':>9}{'ms CPU':>8}{'connections':>13}{'most':>6}{'right':>8}")
    for name, one in found.items():
        share = f"1/{one.addresses / one.connections:.1f}"
        print(
            f"{name:40}{one.rate:>10,.0f}{one.rate / base.rate:>9.2f}{one.milliseconds:>8.3f}"
            f"{f'{one.connections:,} {share}':>13}{one.most:>6}{one.right / one.addresses:>8.1%}"
        )
    peers = [one.rate for name, one in found.items() if name.split()[0] in PEERS]
    if peers:
        print(f"Vizsla is {ours_.rate / max(peers):.1f} times as fast as the fastest package.")
    verdicts = {
        f"at least {LIMITS['rate']:,.0f} a second": ours_.rate >= LIMITS["rate"],
        f"at most {LIMITS['milliseconds']} ms of CPU an address": ours_.milliseconds <= LIMITS["milliseconds"],
        "connections at most a sixth of the addresses": ours_.connections <= count * LIMITS["connections"],
        f"at most {SESSIONS} sessions at one MX address": ours_.most <= SESSIONS,
    }
    for words, holds in verdicts.items():
        print(f"{'yes' if holds else 'NO '}  {words}")


if __name__ == "__main__":
    main(sys.argv[1:])
