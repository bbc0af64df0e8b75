"""
How long does it take to say who is next, and how many messages leave in a second?

Claims: a million recipients of 20 senders and 50 campaigns, half of which are paused, and theirs are due first; each claim a
transaction with its commit. Throughput: the whole way (claim, template, tracking, MIME, signature, SMTP with pipelining, the dot's
row, the outcome's rows) to a mail server in another process, and in the same run a naive pipeline over the same rows:
EmailMessage, dkimpy, aiosmtplib, a commit for each message. Processor time of the sending process alone.

    make bench ARGS="campaigns [--json] [--recipients=N] [--messages=N] [--naive=N] [--no-postgres] [--no-sqlite] [--no-claims] [--no-sending]"
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import aiosmtplib
import dkim
import msgspec
from liquid import Environment
from rich.console import Console
from rich.table import Table

from benchmarks.campaign_faults import database
from benchmarks.campaign_world import (
    BASE_URL,
    BODY,
    SECRET,
    SUBJECT,
    MailServer,
    NoCopies,
    PlainSenders,
    count,
    fill,
    listen,
    port_of,
    postgres_url,
)
from vizsla.api.server import run as run_loop
from vizsla.campaigns.claiming import BATCH, claim_messages, claim_senders
from vizsla.campaigns.drafting import Drafting
from vizsla.campaigns.sending import Sending, Session
from vizsla.campaigns.tracking import Tokens
from vizsla.kit.clock import SystemClock
from vizsla.mail.dkim import Signer, generate_key
from vizsla.privacy.claims import LiveClaims
from vizsla.storage.database import Database
from vizsla.storage.open import open_database
from vizsla.storage.statement import statement
from vizsla.work.campaigns import Campaigning

SENDERS, CAMPAIGNS = 20, 50
CLAIMS = 400
_SEND = 20
"""Senders of the run that counts messages."""
_DUE = statement("SELECT id, email FROM recipient WHERE due IS NOT NULL ORDER BY due, id LIMIT 1")
_MARK = statement("UPDATE recipient SET due = NULL, state = 'done' WHERE id = :id")
_EARLIER = statement("""
    UPDATE recipient SET due = due - 100000 WHERE campaign_id IN (SELECT id FROM campaign WHERE paused_at IS NOT NULL)
""")


class Claimed(msgspec.Struct):
    """How long claims took, in milliseconds."""

    store: str
    recipients: int
    batch: int
    p50: float
    p99: float


class Sent(msgspec.Struct):
    """How fast messages left."""

    store: str
    way: str
    messages: int
    a_second: float
    cpu_us: float
    """Of one message, in the sending process."""
    memory_mb: float
    """More of it at the end than after the first tenth."""


def main(arguments: list[str]) -> None:
    """Measure and print."""

    def number(name: str, usual: int) -> int:
        return next((int(one.partition("=")[2]) for one in arguments if one.startswith(f"--{name}=")), usual)

    claims: list[Claimed] = []
    sent: list[Sent] = []
    for store, url in _stores(arguments):
        if "--no-claims" not in arguments:
            with database(url) as one:
                claims += run_loop(_measure_claims(store, one, number("recipients", 1_000_000)))
        messages, naive = number("messages", 20_000), number("naive", 1_000)
        for way in () if "--no-sending" in arguments else ("ours", "ours, RSA-2048", "naive", "naive, RSA-2048"):
            with database(url) as one:
                sent.append(run_loop(_measure_sending(store, one, way, naive if way.startswith("naive") else messages)))
    if "--json" in arguments:
        sys.stdout.write(msgspec.json.encode({"claims": claims, "sent": sent}).decode() + "\n")
        return
    table = Table("store", "recipients", "batch", "p50 ms", "p99 ms", title="A claim, commit included")
    for each in claims:
        table.add_row(each.store, f"{each.recipients:,}", str(each.batch), f"{each.p50:.2f}", f"{each.p99:.2f}")
    Console().print(table)
    table = Table(
        "store",
        "way",
        "messages",
        "a second",
        "CPU µs each",
        "a second and core",
        "of naive",
        "memory MB",
        title="Sending",
    )
    for one_sent in sent:
        base = next(
            each for each in sent if each.store == one_sent.store and each.way == one_sent.way.replace("ours", "naive")
        )
        table.add_row(
            one_sent.store, one_sent.way, f"{one_sent.messages:,}", f"{one_sent.a_second:,.0f}", f"{one_sent.cpu_us:.0f}",
            f"{1e6 / one_sent.cpu_us:,.0f}", f"{base.cpu_us / one_sent.cpu_us:.1f}", f"{one_sent.memory_mb:+.1f}",
        )  # fmt: skip
    Console(width=140).print(table)


def _stores(arguments: list[str]) -> Iterator[tuple[str, str]]:
    if "--no-sqlite" not in arguments:
        yield "SQLite", ""
    if "--no-postgres" not in arguments:
        with postgres_url() as url:
            yield "PostgreSQL", url


# Claims


async def _measure_claims(store: str, url: str, recipients: int) -> list[Claimed]:
    app = await open_database(url, "app")
    now = int(time.time())
    await fill(
        app, port=1, now=now, senders=SENDERS, campaigns=CAMPAIGNS, paused=range(0, CAMPAIGNS, 2), recipients=recipients
    )
    async with app.write() as conn:
        await conn.execute(_EARLIER)
    if app.dialect == "postgresql":
        async with app.write() as conn:
            await conn.execute(statement("ANALYZE"))
    claims, tokens = LiveClaims(app, SECRET), Tokens(SECRET)
    await claims.refresh()
    async with app.write() as conn:
        held = await claim_senders(conn, now, "bench", SENDERS)
    figures = []
    for gap, batch in ((30, 1), (0, BATCH)):
        async with app.write() as conn:
            await conn.execute(statement(f"UPDATE sender SET gap = {gap}, free_at = NULL"))
        took = []
        for number in range(CLAIMS):
            began = time.perf_counter()
            async with app.write(is_brief=True) as conn:
                turn = await claim_messages(
                    conn, held[number % len(held)], claims, tokens, now + 60 * (number // len(held))
                )
            took.append((time.perf_counter() - began) * 1e3)
            assert len(turn.claimed) == batch, turn
        cuts = statistics.quantiles(took, n=100)
        figures.append(Claimed(store, recipients, batch, cuts[49], cuts[98]))
    await app.close()
    return figures


# Throughput


@contextmanager
def _sink() -> Iterator[tuple[int, Callable[[], int]]]:
    """The mail server in a process of its own: its port, and how many messages it has."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    port = here.recv()

    def taken() -> int:
        here.send("how many")
        return int(here.recv())

    try:
        yield port, taken
    finally:
        process.kill()
        process.join()


def _serve(pipe: "multiprocessing.connection.Connection") -> None:
    async def serve() -> None:
        world = MailServer()
        smtp, _ = await listen(world)
        pipe.send(port_of(smtp))
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.fileno(), lambda: (pipe.recv(), pipe.send(len(world.taken))))
        await asyncio.Event().wait()

    run_loop(serve())


class _Signing(PlainSenders):
    """Senders whose messages are signed."""

    def __init__(self, app: Database, signer: Signer | None) -> None:
        super().__init__(app)
        self._signer = signer

    async def open(self, account_id: int, sender_id: int) -> Session:
        session = await super().open(account_id, sender_id)
        if self._signer is not None:
            session.writer = msgspec.structs.replace(session.writer, sign=self._signer.sign)
        return session


async def _measure_sending(store: str, url: str, way: str, messages: int) -> Sent:
    app = await open_database(url, "app")
    with _sink() as (port, taken):
        key = generate_key("rsa") if way.endswith("2048") else None
        await fill(
            app, port=port, now=int(time.time()), senders=_SEND, campaigns=2, recipients=messages, tracks=True, journal="none",
        )  # fmt: skip
        began, cpu, early = time.perf_counter(), time.process_time(), 0.0
        if way.startswith("ours"):
            signer = Signer("s1.test", "vizsla1", key) if key else None
            working = asyncio.create_task(_ours(app, signer))
            while not working.done():
                await asyncio.wait([working], timeout=0.2)
                if not early and await count(app, "SELECT count(*) FROM campaign_day") and taken() > messages // 10:
                    early = _memory()
            await working
        else:
            await _naive(app, port, key)
        took, spent = time.perf_counter() - began, time.process_time() - cpu
        got = taken()
        assert got == messages, f"{got} of {messages}"
    await app.close()
    return Sent(store, way, messages, messages / took, spent / messages * 1e6, _memory() - early if early else 0.0)


async def _ours(app: Database, signer: Signer | None) -> None:
    clock, claims, tokens = SystemClock(), LiveClaims(app, SECRET), Tokens(SECRET)
    await claims.refresh()
    sending = Sending(app, app, _Signing(app, signer), Drafting(app, tokens, BASE_URL), claims=claims, clock=clock)

    def tell(event: str, *, level: str = "info", **values: object) -> None:
        sys.stderr.write(f"{event} {values}\n")

    await Campaigning(app, sending, NoCopies(), claims=claims, tokens=tokens, clock=clock, tell=tell).work_off()
    await sending.close()


async def _naive(app: Database, port: int, key: str | None) -> None:
    """As it is done where nobody has measured: one after the other, each from the beginning."""
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, use_tls=False)
    await client.connect()
    while row := await app.fetch_one(_DUE):
        id_, email = row
        message = EmailMessage()
        message["From"], message["To"] = "Anna Berg <anna@s1.test>", email
        message["Subject"] = Environment().from_string(SUBJECT).render(company="Acme")
        message["Message-ID"] = f"<r{id_}@s1.test>"
        message.set_content(Environment().from_string(BODY).render(first_name="Ada"))
        octets = message.as_bytes()
        if key:
            octets = dkim.sign(octets, b"vizsla1", b"s1.test", key.encode()) + octets
        await client.sendmail("anna@s1.test", [email], octets)
        async with app.write() as conn:
            await conn.execute(_MARK, {"id": id_})
    await client.quit()


def _memory() -> float:
    """MB resident now."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
