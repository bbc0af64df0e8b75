"""
What is lost, done twice or let through when nodes die?

Three `vizsla serve --no-work` and two `vizsla work`, real processes on one PostgreSQL; every ten seconds one of each kind gets `kill -9`
and is begun again, while clients search, write leads, send lists to verify, make claims, revoke keys, run into limits and quotas, and a
campaign is sent. A client tries what failed once more, on another node. Then the same nodes are restarted in order, one after the other,
behind a balancer that tries nothing twice: with time for it to notice, and, for comparison, without.

    make bench ARGS="nodes [--json] [--seconds=300] [--every=10] [--rows=2400] [--messages=4000] [--pgbouncer] [--no-rolling]"
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import made_up
from benchmarks.campaign_world import MailServer, fill, listen, port_of
from benchmarks.mail_world import MailWorld, mail_world
from benchmarks.node_clients import QUOTA, Clients, Load
from benchmarks.node_processes import Node, serve, work
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import Plan, create_user, set_plan
from vizsla.campaigns.senders import Secrets, seal_secrets
from vizsla.kit.clock import SystemClock
from vizsla.storage.database import Database
from vizsla.storage.open import Stores, open_database
from vizsla.storage.statement import statement

SERVERS, WORKERS, SENDERS = 3, 2, 24
SECRET = "0" * 64
PLENTY = "1000000/s"
SETTLES = 900.0
"""Seconds that leases of the dead may take to end, and their work to be done by others."""
_OPEN_LISTS = statement("SELECT count(*) FROM bulk_list WHERE due IS NOT NULL")
_OPEN_RECIPIENTS = statement("SELECT count(*) FROM recipient WHERE due IS NOT NULL")
_OPEN_MESSAGES = statement("SELECT count(*) FROM message WHERE state IN ('sending', 'retry', 'uncertain')")
_HELD = statement("SELECT count(*) FROM message WHERE state = 'held'")
_SPREAD = statement(
    "UPDATE recipient SET due = :now + id % :seconds",
    postgresql="UPDATE recipient SET due = :now::bigint + id % :seconds::bigint",
)
_SEAL = statement("UPDATE sender SET sealed = :sealed")


class Figure(msgspec.Struct, frozen=True):
    """One line of the table."""

    what: str
    count: int
    """How often it was tried, or came to be."""
    wrong: int
    """How often that went wrong."""
    allowed: int | None = 0
    """The most that is documented; None: a control, that must go wrong."""
    remark: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it is as promised; of a control, whether it shows anything."""
        return self.wrong > 0 if self.allowed is None else self.wrong <= self.allowed


class World(msgspec.Struct):
    """What nodes and clients live in."""

    stores: Stores
    environment: dict[str, str]
    home: Path
    sink: MailServer
    mail: MailWorld
    typical: tuple[str, ...]
    messages: int


def main(arguments: list[str]) -> None:
    """Measure and print."""

    def number(name: str, usual: int) -> int:
        return next((int(one.partition("=")[2]) for one in arguments if one.startswith(f"--{name}=")), usual)

    with (
        tempfile.TemporaryDirectory() as folder,
        _databases(pooled="--pgbouncer" in arguments) as urls,
        mail_world(round_trip=0.3) as mail,
    ):
        figures = asyncio.run(
            _measure(
                Path(folder), urls, mail, seconds=number("seconds", 300), every=number("every", 10),
                rows=number("rows", 2_400), messages=number("messages", 4_000), is_rolling="--no-rolling" not in arguments,
            )
        )  # fmt: skip
    if "--json" in arguments:
        sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
        return
    table = Table("what", "count", "went wrong", "allowed", "", "remark", title="Nodes that die")
    for one in figures:
        allowed = "a control" if one.allowed is None else f"{one.allowed:,}"
        mark = "kept" if one.is_kept else "BROKEN" if one.allowed is not None else "SHOWS NOTHING"
        table.add_row(one.what, f"{one.count:,}", f"{one.wrong:,}", allowed, mark, one.remark)
    Console(width=160).print(table)


@contextmanager
def _databases(*, pooled: bool) -> Iterator[dict[str, str]]:
    """URLs of two empty databases: straight, and as nodes are given them."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer
    from worlds.pgbouncer import pgbouncer

    server = PostgresServer(connections=200)
    try:
        asyncio.run(_create(server.url("postgres")))
        with pgbouncer(server.port, connections=20) if pooled else contextlib.nullcontext(server.port) as port:
            yield {name: server.url(name) for name in ("app", "index")} | {
                f"nodes_{name}": server.url(name, port=port) for name in ("app", "index")
            }
    finally:
        server.stop()


async def _create(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE app")
    await connection.execute("CREATE DATABASE index")
    await connection.close()


async def _measure(
    folder: Path, urls: dict[str, str], mail: MailWorld, *, seconds: int, every: int, rows: int, messages: int,
    is_rolling: bool,
) -> list[Figure]:  # fmt: skip
    made = await made_up.fill(urls["index"], addresses=20_000, largest=100)
    app, index = await open_database(urls["app"], "app"), await open_database(urls["index"], "index")
    sink = MailServer()
    smtp, copies = await listen(sink)
    environment = mail.environment(folder) | {
        "VIZSLA_DATABASE_URL": urls["nodes_app"], "VIZSLA_INDEX_URL": urls["nodes_index"], "VIZSLA_SECRET_KEY": SECRET,
        "VIZSLA_LOG": "warning", "VIZSLA_BASE_URL": "https://vizsla.example", "VIZSLA_RATE_COUNT": PLENTY,
    }  # fmt: skip
    world = World(Stores(app, index), environment, folder, sink, mail, made.typical, messages)
    keys = await _people(app)
    await fill(
        app, port=port_of(smtp), now=int(time.time()) - 10, senders=SENDERS, recipients=messages, journal="none",
        email="campaigns@bench.example",
    )  # fmt: skip
    async with app.write() as conn:
        await conn.execute(_SEAL, {"sealed": seal_secrets(Secrets(), SECRET.encode())})
        # Due one after the other until the end, so that each kill finds some under way.
        await conn.execute(_SPREAD, {"now": int(time.time()) + 10, "seconds": seconds})
    try:
        figures = await _kill(world, keys, seconds=seconds, every=every, rows=rows)
        if is_rolling:
            figures += [await _roll(world, keys["load"], drain) for drain in (1.0, 0.0)]
        return figures
    finally:
        await app.close()
        await index.close()
        smtp.close()
        copies.close()


async def _people(app: Database) -> dict[str, str]:
    """A key each: of who has plenty, who has the usual limits, and who has a small quota."""
    plans = {
        "load": Plan(plan_searches=10**9, plan_verifications=10**9, rate_search=PLENTY, rate_verify=PLENTY),
        "limited": Plan(plan_searches=10**9, rate_search="15/s,500/min"),
        "quota": Plan(plan_searches=QUOTA, rate_search=PLENTY),
    }
    keys = {}
    now = SystemClock().now()
    async with app.write() as conn:
        for name, plan in plans.items():
            member = await create_user(conn, f"{name}@bench.example", now=now)
            await set_plan(conn, member.account_id, plan)
            keys[name] = (await create_key(conn, member.account_id, name, now=now, member_id=member.id)).plaintext
    return keys


async def _kill(world: World, keys: dict[str, str], *, seconds: int, every: int, rows: int) -> list[Figure]:
    servers = [serve(world.environment, world.home / f"serve{n}", "--no-work") for n in range(SERVERS)]
    workers = [work(world.environment, world.home / f"work{n}") for n in range(WORKERS)]
    try:
        await asyncio.gather(*(node.ready() for node in servers))
        async with Clients([node.url for node in servers]) as clients:
            load = Load(clients, world.stores, keys, domains=world.typical, secret=SECRET.encode(), rows=rows)
            loading = asyncio.create_task(load.run(seconds))
            kills = await _kill_in_turn(servers, workers, every, loading)
            await loading
            world.mail.counts()
            began = time.monotonic()
            is_settled = await _settle(world.stores.app)
            settled = time.monotonic() - began
            return [
                Figure("kill -9 of a server and of a worker, each", kills, 0, remark=f"one of each every {every} s"),
                *await load.figures(Figure, kills, SERVERS, seconds),
                *await _of_campaign(world, kills),
                Figure(
                    "settled afterwards", int(settled), int(not is_settled), remark="seconds: leases of the dead end"
                ),
            ]
    finally:
        for node in servers + workers:
            node.stop()


async def _kill_in_turn(servers: list[Node], workers: list[Node], every: int, loading: "asyncio.Task[None]") -> int:
    kills = 0
    while True:
        await asyncio.wait([loading], timeout=every)
        if loading.done():
            return kills
        server, worker = servers[kills % len(servers)], workers[kills % len(workers)]
        await asyncio.gather(server.kill(), worker.kill())
        kills += 1
        server.begin()
        worker.begin()
        await server.ready()


async def _settle(app: Database) -> bool:
    """Until there is nothing left to do; False if that does not come."""
    end = time.monotonic() + SETTLES
    while time.monotonic() < end:
        rows = [await app.fetch_one(query) for query in (_OPEN_LISTS, _OPEN_RECIPIENTS, _OPEN_MESSAGES)]
        if not any(row and row[0] for row in rows):
            return True
        await asyncio.sleep(1)
    return False


async def _of_campaign(world: World, kills: int) -> list[Figure]:
    row = await world.stores.app.fetch_one(_HELD)
    held, taken = int(row[0]) if row else 0, len(world.sink.taken)
    lost = world.messages - taken - held
    return [
        Figure("messages of a campaign", world.messages, max(0, lost), remark="neither taken by a server nor shown to a person"),
        Figure("… taken twice by a server", taken, world.sink.duplicates),
        # Without a copy in the sender's own mailbox nothing is known of what was at the dot; one at a time for each sender.
        Figure("… shown to a person: at the dot when their worker died", held, held, allowed=kills * SENDERS),
    ]  # fmt: skip


async def _roll(world: World, key: str, drain: float) -> Figure:
    """Every node told to end and begun again, in order, behind a balancer."""
    from worlds.balancer import balancer

    environment = world.environment | {"VIZSLA_DRAIN": str(drain)}
    nodes = [serve(environment, world.home / f"roll{n}", "--no-work") for n in range(SERVERS)]
    try:
        async with balancer([node.port for node in nodes]) as one, Clients([""]) as clients:
            await asyncio.gather(*(one.is_ready(node.port) for node in nodes))
            over, statuses = asyncio.Event(), list[int]()
            url = f"http://127.0.0.1:{one.port}"
            asking = [
                asyncio.create_task(clients.keep_asking(url, key, world.typical[n:], over, statuses)) for n in range(16)
            ]
            for node in nodes * 2:
                await one.is_ready(node.port)
                await node.end()
                await one.is_ready(node.port, is_it=False)
                node.begin()
                await one.is_ready(node.port)
            over.set()
            await asyncio.gather(*asking)
        wrong = sum(status != 200 for status in statuses)
        what = "requests through 6 restarts in order" + (f", VIZSLA_DRAIN={drain:.0f}" if drain else ", VIZSLA_DRAIN=0")
        return Figure(what, len(statuses), wrong, allowed=0 if drain else None, remark="nothing is tried twice")
    finally:
        for node in nodes:
            node.stop()
