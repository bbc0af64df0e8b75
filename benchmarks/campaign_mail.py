"""
How many messages a second does one core write, sign and hand over?

A text with its HTML twin, 6 KB, personal to each recipient, to a sink of our own in another process that keeps nothing. Ours is what
campaigns use: `mail.mime`, `mail.dkim`, `mail.submission`, with a question before each dot. Beside it, in the same run and to the
same sink: the standard library's EmailMessage with dkimpy and aiosmtplib, which keeps its connections too; and Postfix's
smtp-source, which writes no messages at all, where it is installed. Ways take turns; processor time of this process alone counts,
and the best of all rounds, for other things run on the machine.

    make bench ARGS="campaign_mail [--json] [--messages=N] [--rounds=N] [--sessions=N] [--smtp-source=PATH]"
"""

import asyncio
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from multiprocessing.connection import Connection
from pathlib import Path

import aiosmtplib
import dkim
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from vizsla.mail.dkim import Signer, generate_key
from vizsla.mail.mime import Outgoing, build
from vizsla.mail.server import Server
from vizsla.mail.submission import Submission
from vizsla.net.guard import EgressGuard

MESSAGES, ROUNDS, SESSIONS = 2_000, 3, 10
SLOW = 10
"""Of the ways that take ten times as long, so many times fewer messages."""
NOW = 1_795_000_000
SENDER = "ada.lovelace@acme.test"
UNSUBSCRIBE = "https://vizsla.example/u/AQAAAAAAAAAqAAAAAAAAAAfZ0cZ3mYk3bq1n2w"
LINE = (
    "I saw that your team in Zürich is growing, and thought of how we helped others to grow without the usual pains.\n"
)
GOALS = {"ours": 3_000, "ours, RSA-2048": 1_000}


class Figure(msgspec.Struct):
    """What one way does."""

    way: str
    messages: int
    cpu_us: float
    """Of this process, a message."""
    wall: float
    """Messages a second."""

    @property
    def a_core(self) -> float:
        """Messages a second that a core does."""
        return 1_000_000 / self.cpu_us if self.cpu_us else 0.0


# The sink


class Sink(asyncio.Protocol):
    """Says yes to everything, in as few writes as the client's."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._buffer = b""
        self._in_data = False
        self._transport.write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        while True:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self._buffer, self._in_data = self._buffer[end + 5 :], False
                Sink.taken += 1
                answers.append(b"250 2.0.0 Ok\r\n")
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                break
            self._buffer = rest
            answers.append(self._answer(line[:4].upper()))
        if answers:
            self._transport.write(b"".join(answers))

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink.test\r\n250-PIPELINING\r\n250-SIZE 99999999\r\n250 8BITMIME\r\n"
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 2.1.0 Ok\r\n"


def _serve_sink(pipe: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)
        pipe.send(Sink.taken)
        server.close()

    uvloop.run(run())


@contextmanager
def sink() -> Iterator[tuple[int, Callable[[], int]]]:
    """Its port, and how to end it and hear what it took."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve_sink, args=(theirs,), daemon=True)
    process.start()

    def end() -> int:
        ours.send(None)
        return int(ours.recv())

    try:
        yield ours.recv(), end
    finally:
        process.terminate()
        process.join()


# The ways


def texts(number: int) -> tuple[str, str, str]:
    """Subject, text and HTML for one recipient."""
    name = f"Zoë {number}"
    text = f"Hi {name},\n\n" + LINE * 22 + "\nBest,\nAda\n"
    html = f"<p>Hi {name},</p>\n" + f"<p>{LINE}</p>" * 21 + f'<p><a href="{UNSUBSCRIBE}">Unsubscribe</a></p>'
    return f"{name}, a question about Zürich", text, html


def our_message(number: int) -> bytes:
    subject, text, html = texts(number)
    return build(
        Outgoing(
            from_email=SENDER,
            from_name="Ada Lovelace",
            to=f"p{number}@target.test",
            subject=subject,
            text=text,
            html=html,
            message_id=f"c1.r{number}.s0.abcdefgh@acme.test",
            at=NOW,
            unsubscribe_url=UNSUBSCRIBE,
            unsubscribe_mailto=f"mailto:{SENDER}?subject=unsubscribe-{number}",
        )
    )


def naive_message(number: int) -> bytes:
    subject, text, html = texts(number)
    message = EmailMessage()
    message["From"] = f"Ada Lovelace <{SENDER}>"
    message["To"] = f"p{number}@target.test"
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(NOW, UTC))
    message["Message-ID"] = f"<c1.r{number}.s0.abcdefgh@acme.test>"
    message["List-Unsubscribe"] = f"<{UNSUBSCRIBE}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes(policy=SMTP)


async def _yes() -> bool:
    return True


class Ways:
    """What takes turns."""

    def __init__(self, port: int, sessions: int) -> None:
        rsa = generate_key()
        self._rsa, self._pem = Signer("acme.test", "v1", rsa), rsa.encode()
        self._ed25519 = Signer("acme.test", "v1", generate_key("ed25519"))
        self._port, self._sessions = port, sessions

    def all(self) -> dict[str, tuple[Callable[[int], Awaitable[None]], int]]:
        """Each way, and by how much fewer messages it gets."""
        return {
            "ours": (lambda n: self._ours(n, our_message), 1),
            "ours, Ed25519": (lambda n: self._ours(n, lambda i: self._ed25519.sign(our_message(i))), 1),
            "ours, RSA-2048": (lambda n: self._ours(n, lambda i: self._rsa.sign(our_message(i))), 1),
            "ours, one message over and over": (self._ours_alone, 1),
            "naive": (lambda n: self._naive(n, naive_message), SLOW),
            "naive, RSA-2048": (lambda n: self._naive(n, self._dkimpy), SLOW),
            "write only": (lambda n: self._only(n, our_message), 1),
            "write and sign only, RSA-2048": (lambda n: self._only(n, lambda i: self._rsa.sign(our_message(i))), 1),
            "write only, naive": (lambda n: self._only(n, naive_message), SLOW),
        }

    def _dkimpy(self, number: int) -> bytes:
        message = naive_message(number)
        return (
            bytes(dkim.sign(message, b"v1", b"acme.test", self._pem, canonicalize=(b"relaxed", b"relaxed"))) + message
        )

    async def _only(self, count: int, make: Callable[[int], bytes]) -> None:
        for number in range(count):
            make(number)

    async def _ours_alone(self, count: int) -> None:
        message = our_message(1)
        await self._ours(count, lambda _: message)

    async def _ours(self, count: int, make: Callable[[int], bytes]) -> None:
        guard, server = EgressGuard(("127.0.0.0/8",)), Server("127.0.0.1", self._port, "none")
        numbers = iter(range(count))

        async def send() -> None:
            session = await Submission.open(server, None, guard, "bench.test")
            for number in numbers:
                await session.deliver(SENDER, [f"p{number}@target.test"], make(number), before_dot=_yes)
            session.abort()

        await asyncio.gather(*(send() for _ in range(self._sessions)))

    async def _naive(self, count: int, make: Callable[[int], bytes]) -> None:
        numbers = iter(range(count))

        async def send() -> None:
            client = aiosmtplib.SMTP(
                hostname="127.0.0.1", port=self._port, start_tls=False, local_hostname="bench.test"
            )
            await client.connect()
            for number in numbers:
                await client.sendmail(SENDER, [f"p{number}@target.test"], make(number))
            client.close()

        await asyncio.gather(*(send() for _ in range(self._sessions)))


def measure(way: str, run: Callable[[int], Awaitable[None]], count: int) -> Figure:
    """One round of one way."""

    async def timed() -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        await run(count)
        return time.process_time() - cpu, time.perf_counter() - wall

    cpu, wall = uvloop.run(timed())
    return Figure(way, count, cpu / count * 1_000_000, count / wall)


def measure_smtp_source(path: str, port: int, count: int, sessions: int) -> Figure:
    """The same with Postfix's own client, 6 KB a message."""
    command = [path, "-d", "-m", str(count), "-s", str(sessions), "-l", "6400", "-f", SENDER, "-t", "p@target.test"]
    # Beside it, where the package was only unpacked.
    root = Path(path).resolve().parents[2]
    libraries = f"{root}/usr/lib/postfix:{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib/aarch64-linux-gnu"
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, f"inet:127.0.0.1:{port}"], check=True, env=os.environ | {"LD_LIBRARY_PATH": libraries})
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figure("smtp-source", count, cpu / count * 1_000_000, count / wall)


def run(messages: int, rounds: int, sessions: int, smtp_source: str | None) -> list[Figure]:
    """The best round of each way. The sink must have taken what was sent, each once."""
    found: dict[str, list[Figure]] = {}
    sent = 0
    with sink() as (port, end):
        ways = Ways(port, sessions).all()
        for _ in range(rounds):
            for way, (go, fewer) in ways.items():
                figure = measure(way, go, max(1, messages // fewer))
                found.setdefault(way, []).append(figure)
                sent += 0 if way.startswith("write") else figure.messages
            if smtp_source:
                figure = measure_smtp_source(smtp_source, port, messages, sessions)
                found.setdefault("smtp-source", []).append(figure)
                sent += figure.messages
        taken = end()
    if taken != sent:
        raise SystemExit(f"{sent} messages were sent, and the sink took {taken}.")
    return [
        Figure(way, rounds[0].messages, min(one.cpu_us for one in rounds), max(one.wall for one in rounds))
        for way, rounds in found.items()
    ]


def show(figures: list[Figure]) -> None:
    """As a table."""
    by_way = {figure.way: figure for figure in figures}
    table = Table(
        "way",
        "µs CPU a message",
        "messages/s/core",
        "messages/s",
        "to naive",
        "goal",
        title="Messages of 6 KB, two parts",
    )
    for figure in figures:
        naive = by_way["naive, RSA-2048" if "RSA" in figure.way else "naive"]
        goal = GOALS.get(figure.way)
        table.add_row(
            figure.way,
            f"{figure.cpu_us:,.0f}",
            f"{figure.a_core:,.0f}",
            f"{figure.wall:,.0f}",
            f"{figure.a_core / naive.a_core:.1f}×",
            f"{goal:,} {'met' if figure.a_core >= goal else 'missed'}" if goal else "",
        )
    Console().print(table)


def main(arguments: list[str]) -> None:
    """See the module."""

    def option(name: str, otherwise: int) -> int:
        return next((int(each.partition("=")[2]) for each in arguments if each.startswith(f"--{name}=")), otherwise)

    named = next((each.partition("=")[2] for each in arguments if each.startswith("--smtp-source=")), "")
    smtp_source = named or shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    figures = run(option("messages", MESSAGES), option("rounds", ROUNDS), option("sessions", SESSIONS), smtp_source)
    if "--json" in arguments:
        json.dump([msgspec.to_builtins(figure) | {"a_core": figure.a_core} for figure in figures], sys.stdout)
        return
    show(figures)
    if not smtp_source:
        print("smtp-source was not found: it comes with Postfix.")
