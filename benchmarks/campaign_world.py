"""
A made-up world for campaigns: senders, recipients, a mail server that can be told when to stall, and a clock that runs fast.

The mail server takes what it is given, writes down each message that it took responsibility for, and each copy in a sender's own
mailbox. What it is told to do at a phase of a dialog is done there and then: `rcpt` (the message is claimed), `354` (the body is on
its way), `dot` (all of it is there, and nothing was said to it), `250` (taken, and the worker has not written it down).
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import msgspec

from vizsla.accounts.store import create_user, next_ids
from vizsla.campaigns.compose import Writer
from vizsla.campaigns.sending import Session
from vizsla.mail.server import Server
from vizsla.mail.submission import Submission
from vizsla.net.guard import EgressGuard
from vizsla.storage.database import Connection, Database
from vizsla.storage.statement import statement

SECRET = b"0" * 64
BASE_URL = "https://vizsla.example"
LOOPBACK = EgressGuard(("127.0.0.0/8",))
SUBJECT = "A question for {{ company | default: 'your company' }}"
BODY = (
    "Hello {{ first_name | default: 'there' }},\n\nwe saw that {{ company | default: 'your company' }} is growing, and wondered who "
    "looks after the mail servers there. Ours are described at https://acme.example/servers, with figures.\n\n"
    + "It would be a pleasure to show you how they do it, on a call of ten minutes or with a page that you can read alone. "
    * 12
    + "\n\nBest wishes\nAnna"
)
_SENDER = statement("""
    INSERT INTO sender (account_id, id, member_id, email, name, smtp, login, auth, sealed, daily_cap, gap, timezone, days,
        start_second, end_second, journal, state, failures, created_at, due, attempt)
    VALUES (:account_id, :id, :member_id, :email, 'Anna Berg', :smtp, 'anna', 'password', '', :cap, :gap, 'UTC', 127, 0, 86400,
        :journal, 'ok', 0, 1, :due, 0)
""")
_CAMPAIGN = statement("""
    INSERT INTO campaign (account_id, id, member_id, name, timezone, days, start_second, end_second, created_at, started_at,
        paused_at, tracks_opens, tracks_clicks, adds_unsubscribe, stops_company, absence_days, max_lateness, uncertain, version,
        recipients_count)
    VALUES (:account_id, :id, :member_id, 'Made up', 'UTC', 127, 0, 86400, 1, 1, :paused_at, :tracks, :tracks, 1, 0, 3, 864000,
        :uncertain, 1, 0)
""")
_STEP = statement("""
    INSERT INTO campaign_step (account_id, campaign_id, number, wait_days, subject, body, format)
    VALUES (:account_id, :campaign_id, :number, 0, :subject, :body, :format)
""")
_LINK = statement("""
    INSERT INTO campaign_link (account_id, campaign_id, number, url, hash) VALUES (:account_id, :campaign_id, 1, :url, 'x')
""")
_OF = statement(
    "INSERT INTO campaign_sender (account_id, campaign_id, sender_id) VALUES (:account_id, :campaign_id, :sender_id)"
)
_RECIPIENT = statement("""
    INSERT INTO recipient (account_id, id, campaign_id, email, address, sender_id, step, due, state, soft_bounces, added_at)
    VALUES (:account_id, :id, :campaign_id, :email, :email, :sender_id, 0, :due, 'scheduled', 0, 1)
""")
_SENDER_ROW = statement(
    "SELECT email, name, smtp, signature, journal FROM sender WHERE account_id = :account_id AND id = :id"
)


class Filled(msgspec.Struct, frozen=True):
    """What was made."""

    account_id: int
    member_id: int
    senders: tuple[int, ...]
    campaigns: tuple[int, ...]


class StillClock:
    """Stands until it is set."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


class FastClock:
    """*speed* seconds pass in one."""

    def __init__(self, speed: float, began: float) -> None:
        self._speed, self._began = speed, began

    def now(self) -> int:
        return int(self._began + (time.time() - self._began) * self._speed)


async def fill(
    app: Database,
    *,
    port: int,
    now: int,
    senders: int,
    campaigns: int = 1,
    paused: Iterable[int] = (),
    recipients: int,
    gap: int = 0,
    cap: int = 1_000_000_000,
    journal: str = "copy",
    uncertain: str = "hold",
    tracks: bool = False,
    format: str = "text",
    steps: int = 1,
    email: str = "a@bench.example",
    host: str = "127.0.0.1",
) -> Filled:
    """An account whose recipients are all due; campaigns whose numbers are in *paused* (from 0) are."""
    async with app.write() as conn:
        member = await create_user(conn, email, now=1)
        account_id = member.account_id
        first = await next_ids(conn, account_id, senders + campaigns + recipients)
        sender_ids = tuple(range(first, first + senders))
        campaign_ids = tuple(range(first + senders, first + senders + campaigns))
        mine = {"account_id": account_id, "member_id": member.id}
        smtp = json.dumps({"host": host, "port": port, "security": "none"})
        await conn.execute_many(_SENDER, [
            {**mine, "id": id_, "email": f"anna{id_}@s{account_id}.test", "smtp": smtp, "cap": cap, "gap": gap, "journal": journal, "due": now}
            for id_ in sender_ids
        ])  # fmt: skip
        at_rest = set(paused)
        await conn.execute_many(_CAMPAIGN, [
            {**mine, "id": id_, "paused_at": 1 if n in at_rest else None, "tracks": int(tracks), "uncertain": uncertain}
            for n, id_ in enumerate(campaign_ids)
        ])  # fmt: skip
        for id_ in campaign_ids:
            rows = [
                {"account_id": account_id, "campaign_id": id_, "number": n, "subject": "" if n else SUBJECT, "body": BODY, "format": format}
                for n in range(steps)
            ]  # fmt: skip
            await conn.execute_many(_STEP, rows)
            if tracks:
                await conn.execute(
                    _LINK, {"account_id": account_id, "campaign_id": id_, "url": "https://acme.example/servers"}
                )
        await conn.execute_many(
            _OF,
            [{"account_id": account_id, "campaign_id": c, "sender_id": s} for c in campaign_ids for s in sender_ids],
        )
    await _add_recipients(
        app, account_id, sender_ids, campaign_ids, first=first + senders + campaigns, count=recipients, now=now
    )
    return Filled(account_id, member.id, sender_ids, campaign_ids)


async def _add_recipients(
    app: Database,
    account_id: int,
    senders: Sequence[int],
    campaigns: Sequence[int],
    *,
    first: int,
    count: int,
    now: int,
) -> None:
    for begin in range(0, count, 20_000):
        numbers = range(begin, min(begin + 20_000, count))
        rows = [
            {
                "account_id": account_id,
                "id": first + n,
                "campaign_id": campaigns[n // len(senders) % len(campaigns)],
                "sender_id": senders[n % len(senders)],
                "email": f"person{n}@d{n % 997}.test",
                "due": now - 1 - (count - n) % 3_000,
            }
            for n in numbers
        ]
        async with app.write() as conn:
            await conn.execute_many(_RECIPIENT, rows)


class PlainSenders:
    """Senders on loopback that nobody has to log in for."""

    def __init__(self, app: Database) -> None:
        self._app = app

    async def mark(self, account_id: int, sender_id: int) -> object:
        return await self._app.fetch_one(_SENDER_ROW, {"account_id": account_id, "id": sender_id})

    async def open(self, account_id: int, sender_id: int) -> Session:
        row = await self._app.fetch_one(_SENDER_ROW, {"account_id": account_id, "id": sender_id})
        assert row is not None
        email, name, smtp, signature, journal = row
        server = msgspec.json.decode(smtp, type=Server)
        submission = await Submission.open(server, None, LOOPBACK, "bench.test")
        return Session(submission, Writer(email, name, signature or "", keeps_copy=journal == "copy"), tuple(row))


class NoCopies:
    """A mailbox without copies."""

    async def find_sent(self, account_id: int, sender_id: int, message_ids: Sequence[str]) -> None:
        return None


class AskedCopies:
    """Asks the mail server in another process for the copies it has."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def find_sent(self, account_id: int, sender_id: int, message_ids: Sequence[str]) -> set[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(json.dumps(list(message_ids)).encode() + b"\n")
        found = json.loads(await reader.readline())
        writer.close()
        return set(found)


# The mail server

Act = Callable[[str, "Sink"], None]
_NAME = re.compile(rb"^Message-ID: <([^>]+)>", re.IGNORECASE | re.MULTILINE)
_REPLIES = {b"MAIL": b"250 2.1.0 Ok\r\n", b"RSET": b"250 2.0.0 Ok\r\n", b"NOOP": b"250 2.0.0 Ok\r\n"}


class MailServer:
    """What it took, and what it is to do next."""

    def __init__(self) -> None:
        self.taken = Counter[tuple[str, str]]()
        """By Message-ID and recipient."""
        self.copies: set[str] = set()
        self.at: Callable[[str], bool | None] = lambda phase: None
        """Called at each phase; False at `dot`: what was received is thrown away, and nothing said."""
        self.times: dict[str, float] = {}
        """When the dot of a message came."""

    def take(self, message: bytes, recipients: Sequence[str]) -> None:
        found = _NAME.search(message)
        name = found[1].decode() if found else ""
        for recipient in recipients:
            if "+sent@" in recipient:
                self.copies.add(name)
            else:
                self.taken[name, recipient] += 1

    @property
    def duplicates(self) -> int:
        return sum(count - 1 for count in self.taken.values())


class Sink(asyncio.Protocol):
    """One connection to it."""

    def __init__(self, world: MailServer) -> None:
        self._world = world
        self._buffer = b""
        self._body: list[bytes] | None = None
        self._recipients: list[str] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are transports without being asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        out = b""
        while self._buffer:
            if self._body is not None:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break  # the dot may be cut in two
                message, self._buffer, self._body = self._buffer[: end + 2], self._buffer[end + 5 :], None
                found = _NAME.search(message)
                self._world.times[found[1].decode() if found else ""] = time.monotonic()
                if self._world.at("dot") is False:
                    self._recipients = []
                    return
                self._world.take(message, self._recipients)
                self._recipients = []
                self._say(out + b"250 2.0.0 Ok: queued\r\n")
                out = b""
                self._world.at("250")
                continue
            line, found_end, rest = self._buffer.partition(b"\r\n")
            if not found_end:
                break
            self._buffer = rest
            out += self._answer(line)
        self._say(out)

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
            self._world.at("rcpt")
            return b"250 2.1.5 Ok\r\n"
        if verb == b"DATA":
            self._body = []
            self._world.at("354")
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        if verb == b"EHLO":
            return b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"MAIL":
            self._recipients = []
        if verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        return _REPLIES.get(verb, b"250 2.0.0 Ok\r\n")

    def _say(self, out: bytes) -> None:
        if out and self._transport is not None:
            self._transport.write(out)


async def listen(world: MailServer) -> tuple[asyncio.Server, asyncio.Server]:
    """The mail server, and where its copies are asked for."""
    loop = asyncio.get_running_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            wanted = json.loads(await reader.readline())
            writer.write(json.dumps([name for name in wanted if name in world.copies]).encode() + b"\n")
            await writer.drain()
        except (ValueError, ConnectionError):
            pass
        finally:
            writer.close()

    smtp = await loop.create_server(lambda: Sink(world), "127.0.0.1", 0)
    return smtp, await asyncio.start_server(answer, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


@contextmanager
def postgres_url() -> Iterator[str]:
    """A database server of our own, as the tests have it."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer

    server = PostgresServer()
    try:
        yield server.url("postgres")
    finally:
        server.stop()


async def count(reader: Connection | Database, text: str) -> int:
    row = await reader.fetch_one(statement(text))
    return int(row[0]) if row else 0
