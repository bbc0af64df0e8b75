"""
Is a message lost, or sent twice, when whoever sends it is killed?

The worker of `vizsla work` in a process of its own, before a mail server that says when a dialog comes to a phase: there and then,
or some milliseconds later, the process gets `kill -9` and another one goes on. At `dot` the server takes the message in one half of
the cases and throws it away in the other. Frozen workers (SIGSTOP) are left behind while a second one takes over, and wake up again
when it has. Beside it two ways to send that others have, in the same harness: sending and marking then, and moving a
cursor when a batch is fetched. The clock runs sixty times as fast, so that every lease and wait is the one of the program.

    make bench ARGS="campaign_faults [--json] [--messages=N] [--kills=N] [--freezes=N] [--no-postgres] [--no-sqlite] [--no-controls]"
"""

import asyncio
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.campaign_world import (
    BASE_URL,
    SECRET,
    AskedCopies,
    FastClock,
    MailServer,
    PlainSenders,
    count,
    fill,
    listen,
    port_of,
    postgres_url,
)
from vizsla.campaigns.claiming import LASTS
from vizsla.campaigns.drafting import Drafting
from vizsla.campaigns.sending import Sending
from vizsla.campaigns.tracking import Tokens
from vizsla.privacy.claims import LiveClaims
from vizsla.storage.database import Database
from vizsla.storage.open import open_database
from vizsla.storage.statement import statement
from vizsla.work.campaigns import Campaigning

Way = Literal["ours", "send, then mark", "cursor at fetch"]
WAYS: tuple[Way, ...] = ("ours", "send, then mark", "cursor at fetch")
POINTS = ("rcpt", "354", "dot", "250")
SPEED = 60
SENDERS, AT_ONCE = 48, 6
_PATIENCE = 120.0
"""Seconds without a message, after which the rest is called lost."""
_WITHIN = {"rcpt": 0.0, "354": 0.004, "dot": 0.0, "250": 0.003}
"""Seconds after a phase within which the kill comes."""
_processes = multiprocessing.get_context("forkserver")
_FETCH = statement(
    "SELECT id, email FROM recipient WHERE sender_id = :sender_id AND due IS NOT NULL ORDER BY id LIMIT :limit"
)
_MARK = statement("UPDATE recipient SET due = NULL, state = 'done' WHERE id = :id")
_OPEN = "SELECT count(*) FROM recipient WHERE due IS NOT NULL"
_UNSETTLED = "SELECT count(*) FROM message WHERE state IN ('sending', 'retry', 'uncertain')"
_AT_DOT = statement("SELECT account_id, id, token FROM message WHERE state = 'sending' AND phase = 'dot'")


class Fate(msgspec.Struct):
    """What became of all messages of one run."""

    store: str
    way: Way
    messages: int
    kills: dict[str, int]
    freezes: int
    lost: int
    duplicated: int
    uncertain: int
    """Messages that were at the dot when their worker was killed: what had to be looked up."""
    unsettled: int
    """Of these, those that nothing is known of in the end."""
    seconds: float


def main(arguments: list[str]) -> None:
    """Measure and print."""

    def number(name: str, usual: int) -> int:
        return next((int(one.partition("=")[2]) for one in arguments if one.startswith(f"--{name}=")), usual)

    messages, kills, freezes = number("messages", 10_000), number("kills", 50), number("freezes", 10)
    ways = WAYS[:1] if "--no-controls" in arguments else WAYS
    fates = []
    for store, url in _stores(arguments):
        for way in ways:
            with database(url) as one:
                share = 1 if way == "ours" else 5
                fates.append(asyncio.run(suffer(
                    store, one, way, messages=messages // share, kills=max(1, kills // share), freezes=freezes if way == "ours" else 0,
                )))  # fmt: skip
    if "--json" in arguments:
        sys.stdout.write(msgspec.json.encode(fates).decode() + "\n")
        return
    columns = (
        "store",
        "way",
        "messages",
        "kills",
        "freezes",
        "lost",
        "duplicated",
        "looked up",
        "never known",
        "seconds",
    )
    table = Table(*columns, title="kill -9 while campaigns are sent")
    for fate in fates:
        killed = " ".join(f"{point} {n}" for point, n in fate.kills.items())
        table.add_row(
            fate.store, fate.way, f"{fate.messages:,}", killed, str(fate.freezes), str(fate.lost), str(fate.duplicated),
            str(fate.uncertain), str(fate.unsettled), f"{fate.seconds:.0f}",
        )  # fmt: skip
    Console(width=160).print(table)


def _stores(arguments: list[str]) -> Iterator[tuple[str, str]]:
    if "--no-sqlite" not in arguments:
        yield "SQLite", ""
    if "--no-postgres" not in arguments:
        with postgres_url() as url:
            yield "PostgreSQL", url


@contextmanager
def database(url: str) -> Iterator[str]:
    """An empty database: a file, or one of the server at *url*."""
    if not url:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/app.db"
        return
    import asyncpg

    name = f"faults_{time.time_ns()}"

    async def make() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(make())
    yield f"{url.rpartition('/')[0]}/{name}"


class Killer:
    """Starts workers, and ends them when a dialog comes to the phase that is chosen for each."""

    def __init__(self, world: MailServer, begin: "Begin", kills: int, chance: random.Random) -> None:
        self._world, self._begin, self._chance = world, begin, chance
        self.left = [point for point in POINTS for _ in range(kills)]
        chance.shuffle(self.left)
        self.done = Counter[str]()
        self.worker = begin()
        self._point, self._after = "", 0
        self._is_struck = asyncio.Event()

    async def run(self, app: Database) -> int:
        """All kills; how many messages were at the dot then."""
        uncertain = set[tuple[object, ...]]()
        self._world.at = self._at
        while self.left:
            self._is_struck.clear()
            self._point, self._after = self.left.pop(), self._chance.randint(1, 40)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._is_struck.wait()
            except TimeoutError:
                self._point = ""
                break  # there is nothing left to send
            await end(self.worker)
            uncertain.update(tuple(row) for row in await app.fetch_all(_AT_DOT))
            self.worker = self._begin()
        return len(uncertain)

    def _at(self, phase: str) -> bool | None:
        if phase != self._point:
            return None
        self._after -= 1
        if self._after > 0:
            return None
        self._point = ""
        self.done[phase] += 1
        within = self._chance.random() * _WITHIN[phase]
        if within:
            asyncio.get_running_loop().call_later(within, self._strike)
        else:
            self._strike()
        return self._chance.random() < 0.5 if phase == "dot" else None

    def _strike(self) -> None:
        assert self.worker.pid is not None
        os.kill(self.worker.pid, signal.SIGKILL)
        self._is_struck.set()


class Begin:
    """How a worker is begun."""

    def __init__(self, url: str, way: Way, copies: int, began: float, speed: int) -> None:
        self._arguments = (url, way, copies, began, speed)

    def __call__(self) -> BaseProcess:
        process = _processes.Process(target=work, args=self._arguments, daemon=True)
        process.start()
        return process


async def end(process: BaseProcess) -> None:
    """`kill -9`, and wait until it is gone."""
    process.kill()
    await asyncio.to_thread(process.join)


async def suffer(
    store: str, url: str, way: Way, *, messages: int, kills: int, freezes: int = 0, seed: int = 1, speed: int = SPEED
) -> Fate:
    """Send *messages* under *kills* at each point, and *freezes*."""
    _processes.set_forkserver_preload(["benchmarks.campaign_faults"])
    world, began, at = MailServer(), time.time(), time.monotonic()
    smtp, copies = await listen(world)
    app = await open_database(url, "app")
    await fill(app, port=port_of(smtp), now=int(began) - 10, senders=SENDERS, recipients=messages)
    begin = Begin(url, way, port_of(copies), began, speed)
    killer = Killer(world, begin, kills, random.Random(seed))
    uncertain = await killer.run(app)
    world.at = lambda phase: None
    frozen = 0
    for _ in range(freezes):
        frozen += await _freeze(world, killer, begin, random.Random(seed + frozen))
    await _settle(app, world)
    await end(killer.worker)
    unsettled = await count(app, _UNSETTLED) if way == "ours" else 0
    await app.close()
    smtp.close()
    copies.close()
    return Fate(
        store, way, messages, dict(killer.done), frozen, messages - len(world.taken), world.duplicates, uncertain, unsettled,
        time.monotonic() - at,
    )  # fmt: skip


async def _freeze(world: MailServer, killer: Killer, begin: Begin, chance: random.Random) -> int:
    """Freeze the worker at a phase until another one has taken over what it had, and wake it. How often: once, or nothing was left."""
    phase, struck = chance.choice(("rcpt", "354", "354", "dot", "250")), asyncio.Event()
    pid = killer.worker.pid
    assert pid is not None

    def freeze() -> None:
        os.kill(pid, signal.SIGSTOP)
        struck.set()

    def at(now: str) -> None:
        if now == phase and not struck.is_set():
            world.at = lambda _: None
            asyncio.get_running_loop().call_later(chance.random() * 0.004, freeze)

    world.at = at
    try:
        async with asyncio.timeout(5):
            await struck.wait()
    except TimeoutError:
        world.at = lambda _: None
        return 0
    other = begin()
    # The leases of the frozen one end, and what it had at the dot is looked up.
    await asyncio.sleep((LASTS + 120 + 60) / SPEED + 1)
    os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(0.3)
    await end(killer.worker)
    killer.worker = other
    return 1


async def _settle(app: Database, world: MailServer) -> None:
    """Until there is nothing left to do, or nothing happens any more."""
    seen, since = -1, time.monotonic()
    while await count(app, _OPEN) or await count(app, _UNSETTLED):
        if len(world.taken) != seen:
            seen, since = len(world.taken), time.monotonic()
        if time.monotonic() - since > _PATIENCE:
            return
        await asyncio.sleep(0.1)


# In the worker's process


def work(url: str, way: Way, copies: int, began: float, speed: int) -> None:
    """Send until killed."""
    asyncio.run(_ours(url, copies, began, speed) if way == "ours" else _theirs(url, way))


async def _ours(url: str, copies: int, began: float, speed: int) -> None:
    app, clock = await open_database(url, "app"), FastClock(speed, began)
    claims, tokens = LiveClaims(app, SECRET), Tokens(SECRET)
    await claims.refresh()
    sending = Sending(app, app, PlainSenders(app), Drafting(app, tokens, BASE_URL), claims=claims, clock=clock)

    def tell(event: str, *, level: str = "info", **values: object) -> None:
        if level == "error":
            sys.stderr.write(f"{event} {values.get('trace', values)}\n")

    evidence = AskedCopies(copies)
    await Campaigning(
        app,
        sending,
        evidence,
        claims=claims,
        tokens=tokens,
        clock=clock,
        tell=tell,
        at_once=AT_ONCE,
        renews=LASTS / 8 / speed,
    ).run()


async def _theirs(url: str, way: Way) -> None:
    """What others do, on the same rows and with the same SMTP."""
    app = await open_database(url, "app")
    rows = await app.fetch_all(statement("SELECT account_id, id FROM sender ORDER BY id"))
    chances = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_send_all(app, PlainSenders(app), row, way, chances) for row in rows))
    await asyncio.sleep(3_600)


async def _send_all(
    app: Database, senders: PlainSenders, sender: tuple[int, int], way: Way, chances: asyncio.Semaphore
) -> None:
    async with chances:
        session = await senders.open(*sender)
        while rows := await app.fetch_all(_FETCH, {"sender_id": sender[1], "limit": 20}):
            if way == "cursor at fetch":
                async with app.write() as conn:
                    await conn.execute_many(_MARK, [{"id": id_} for id_, _ in rows])
            for id_, email in rows:
                message = f"Message-ID: <r{id_}@bench.test>\r\nSubject: Hello\r\n\r\nHello\r\n".encode()
                await session.submission.deliver(session.writer.email, [email], message)
                if way == "send, then mark":
                    async with app.write() as conn:
                        await conn.execute(_MARK, {"id": id_})
