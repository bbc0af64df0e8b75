"""
A made-up internet for measuring: 200 mail domains whose servers share 50 addresses of loopback, 100 ms away.

One process on uvloop: a name server, and a mail server that offers PIPELINING and answers each packet a round trip later (two for
the greeting, for the handshake of a real connection takes one). Two of five people exist who are asked about, every fifth domain takes
mail for anybody. A server counts its connections, and hangs up after 20 refusals as Postfix does.
"""

import asyncio
import multiprocessing
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

ROUND_TRIP = 0.1
DOMAINS, HOSTS = 200, 50
US = "us.test"
"""Ourselves, at 127.0.0.1 and back: the self-test must be green."""
_A, _PTR, _MX = 1, 12, 15


def host_of(domain: int) -> str:
    return f"127.1.0.{domain % HOSTS + 1}"


def address(number: int) -> str:
    """The address with this number; its domain and whether it exists follow from it."""
    domain, person = number % DOMAINS, number // DOMAINS
    return f"{'anna.berg' if person % 5 < 2 else 'no.body'}{person}@d{domain}.test"


def status(number: int) -> str:
    """What is true of it."""
    if takes_anybody(number % DOMAINS):
        return "accept_all"
    return "valid" if number // DOMAINS % 5 < 2 else "invalid"


def takes_anybody(domain: int) -> bool:
    """Every fifth domain, and never two of one host."""
    return (domain % HOSTS + domain // HOSTS) % 5 == 0


def takes(recipient: str) -> bool:
    local, _, domain = recipient.partition("@")
    return local.startswith(("anna", "postmaster")) or takes_anybody(int(domain[1:].partition(".")[0]))


class Counts:
    def __init__(self) -> None:
        self.connections = self.recipients = self.most = 0
        self.open: Counter[str] = Counter()


class MailServer(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts, loop: asyncio.AbstractEventLoop, round_trip: float) -> None:
        self._counts, self._loop, self._round_trip = counts, loop, round_trip
        self._rejects = 0
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        counts = self._counts
        self._transport = transport
        self._ip = transport.get_extra_info("sockname")[0]
        counts.connections += 1
        counts.open[self._ip] += 1
        counts.most = max(counts.most, counts.open[self._ip])
        self._say(b"220 mx.test ESMTP\r\n", 2 * self._round_trip)

    def connection_lost(self, exc: Exception | None) -> None:
        self._counts.open[self._ip] -= 1

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        answer = b"".join(map(self._answer, lines))
        if answer:
            self._say(answer, self._round_trip)

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._counts.recipients += 1
            if takes(line.partition(b"<")[2].partition(b">")[0].decode()):
                return b"250 2.1.5 Ok\r\n"
            self._rejects += 1
            if self._rejects >= 20:
                return b"421 4.7.0 mx.test Error: too many errors\r\n"
            return b"550 5.1.1 " + line[8:] + b": Recipient address rejected: User unknown in virtual mailbox table\r\n"
        if verb == b"EHLO":
            return b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"
        return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"

    def _say(self, octets: bytes, later: float) -> None:
        self._loop.call_later(later, self._write, octets)

    def _write(self, octets: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(octets)
            if b"221 " in octets or b"421 " in octets:
                self._transport.close()


def _name(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".")) + b"\0"


class NameServer(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, query: bytes, peer: Any) -> None:
        end = query.index(0, 12) + 5
        name, kind = query[12 : end - 4], query[end - 3]
        record = _record(name.lower(), kind)
        answer = b""
        if record:
            answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 3_600, len(record)) + record
        head = struct.pack("!5H", 0x8183 if record is None else 0x8180, 1, bool(record), 0, 0)
        self._transport.sendto(query[:2] + head + query[12:end] + answer, peer)


def _record(name: bytes, kind: int) -> bytes | None:
    """Empty: the name has none of this kind; None: there is no such name."""
    if name == _name(US):
        exchanger = struct.pack("!H", 10) + _name("mx0.test")
        return {_A: bytes((127, 0, 0, 1)), _MX: exchanger}.get(kind, b"")
    if name == _name("1.0.0.127.in-addr.arpa"):
        return _name(US) if kind == _PTR else b""
    number = int("".join(filter(str.isdigit, name[1 : 1 + name[0]].decode("ascii", "replace"))) or DOMAINS)
    if number >= DOMAINS or not name.endswith(b"\x04test\0"):
        return None
    if kind == _MX and name[1:2] == b"d":
        return struct.pack("!H", 10) + _name(f"mx{number}.test")
    return socket.inet_aton(host_of(number)) if kind == _A else b""


def _serve(pipe: Connection, smtp_port: int, dns_port: int, round_trip: float) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        counts = Counts()

        def server() -> MailServer:
            return MailServer(counts, loop, round_trip)

        first = await loop.create_server(server, host_of(0), smtp_port, backlog=1_024)
        port = first.sockets[0].getsockname()[1]
        for domain in range(1, HOSTS):
            await loop.create_server(server, host_of(domain), port, backlog=1_024)
        names, _ = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", dns_port))
        names.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        pipe.send((port, names.get_extra_info("sockname")[1]))

        def report() -> None:
            pipe.recv()
            pipe.send((counts.connections, counts.recipients, counts.most))
            counts.connections = counts.recipients = counts.most = 0

        loop.add_reader(pipe.fileno(), report)
        await asyncio.Event().wait()

    uvloop.run(run())


class MailWorld:
    """The running process."""

    def __init__(self, pipe: Connection, smtp_port: int, dns_port: int) -> None:
        self._pipe = pipe
        self.smtp_port, self.dns_port = smtp_port, dns_port

    def environment(self, home: Path) -> dict[str, str]:
        """What makes Vizsla in *home* live in this world."""
        return {
            "VIZSLA_HOME": str(home),
            "VIZSLA_PROBE": "on",
            "VIZSLA_DNS_SERVERS": f"127.0.0.1:{self.dns_port}",
            "VIZSLA_SMTP_PORT": str(self.smtp_port),
            "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8",
            "VIZSLA_HELO_NAME": US,
            "VIZSLA_MAIL_FROM": f"probe@{US}",
            "VIZSLA_VERIFY_PER_DOMAIN": "100000",
            "VIZSLA_PLAN_VERIFICATIONS": "1000000",
        }

    def counts(self) -> tuple[int, int, int]:
        """Connections, recipients, and most connections at once to one address, since this was last asked."""
        self._pipe.send(None)
        return self._pipe.recv()  # type: ignore[no-any-return]


@contextmanager
def mail_world(smtp_port: int = 0, dns_port: int = 0, round_trip: float = ROUND_TRIP) -> Iterator[MailWorld]:
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, smtp_port, dns_port, round_trip), daemon=True
    )
    process.start()
    try:
        yield MailWorld(mine, *mine.recv())
    finally:
        process.kill()
        process.join()
