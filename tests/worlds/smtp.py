"""
Mail servers that mean harm, or are merely old: a raw SMTP server on loopback whose scripts say octet by octet what they send.

A `Script` answers each command; its subclasses misbehave in one way each. What was asked is in the log, so that a test can say
what was never sent.
"""

import asyncio
import base64
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from worlds.listening import listening

UNKNOWN = {
    "postfix": "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table",
    "exim": "550 Unrouteable address",
    "opensmtpd": "524 5.2.4 Mailing list expansion problem: <{rcpt}>",
    "m365": "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [DB5EUR03FT040.eop-EUR03.prod.protection.outlook.com 2026-11-23T12:00:00.000Z 08DB9F5D0E4C1A2B]",
}


@dataclass
class Session:
    """One connection as the script sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    """Which connection of this server it is, from 1."""
    crowd: int
    """How many were open when it came, with it."""
    recipients: int = 0
    rejects: int = 0
    secure: bool = False
    sender: str | None = None
    data: list[bytes] = field(default_factory=list)

    async def say(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.encode() + b"\r\n")
        await self.writer.drain()

    def hang_up(self) -> None:
        self.writer.close()


class Script:
    """A well-behaved server: `people` exist, everybody else does not."""

    people: frozenset[str] = frozenset({"ada", "postmaster"})
    unknown = UNKNOWN["postfix"]
    keywords: Sequence[str] = ("PIPELINING", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")

    async def connected(self, session: Session) -> None:
        await session.say("220 mx.test ESMTP")

    async def ehlo(self, session: Session, line: str) -> None:
        lines = ["mx.test", *self.keywords]
        await session.say("\r\n".join(f"250-{text}" for text in lines[:-1]) + f"\r\n250 {lines[-1]}")

    async def helo(self, session: Session, line: str) -> None:
        await session.say("250 mx.test")

    async def mail(self, session: Session, line: str) -> None:
        if session.sender is not None:
            await session.say("503 5.5.1 Error: nested MAIL command")
            return
        session.sender = line
        await session.say("250 2.1.0 Ok")

    async def rcpt(self, session: Session, line: str) -> None:
        if session.sender is None:
            await session.say("503 5.5.1 Error: need MAIL command")
            return
        address = line.partition("<")[2].partition(">")[0]
        session.recipients += 1
        await self.recipient(session, address)

    async def recipient(self, session: Session, address: str) -> None:
        if address.partition("@")[0] in self.people:
            await session.say("250 2.1.5 Ok")
        else:
            session.rejects += 1
            await session.say(self.unknown.format(rcpt=address))

    async def rset(self, session: Session, line: str) -> None:
        session.sender = None
        await session.say("250 2.0.0 Ok")

    async def data(self, session: Session, line: str) -> None:
        await session.say("354 End data with <CR><LF>.<CR><LF>")
        message = await session.reader.readuntil(b"\r\n.\r\n")
        session.data.append(message)
        session.sender = None
        await self.message(session, message)

    async def message(self, session: Session, message: bytes) -> None:
        await session.say("250 2.0.0 Ok: queued as 4XyZ")

    async def quit(self, session: Session, line: str) -> None:
        await session.say("221 2.0.0 Bye")
        session.hang_up()

    async def other(self, session: Session, line: str) -> None:
        await session.say("502 5.5.2 Error: command not recognized")


@dataclass
class Server:
    """A running script and what happened to it."""

    script: Script
    port: int
    commands: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    open_now: int = 0
    open_most: int = 0

    @property
    def verbs(self) -> Counter[str]:
        return Counter(command.split(" ")[0].partition(":")[0].upper() for command in self.commands)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_now += 1
        session = Session(reader, writer, len(self.sessions) + 1, self.open_now)
        self.sessions.append(session)
        self.open_most = max(self.open_most, self.open_now)
        try:
            await self.script.connected(session)
            while not session.writer.is_closing():
                line = await session.reader.readuntil(b"\n")
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                self.commands.append(text)
                await self._answer(session, text)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            pass
        finally:
            self.open_now -= 1
            session.writer.close()

    def _answer(self, session: Session, text: str) -> Awaitable[None]:
        verb = text.split(" ", 1)[0].lower()
        answer: Callable[[Session, str], Awaitable[None]] = getattr(self.script, verb, self.script.other)
        if verb not in ("ehlo", "helo", "mail", "rcpt", "rset", "data", "quit", "starttls", "auth"):
            answer = self.script.other
        return answer(session, text)


@asynccontextmanager
async def smtp(
    script: Script, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server; whatever is still dripping is cut off at the end."""
    world = Server(script, port)
    async with listening(world.serve, host, port, tls=tls) as world.port:
        yield world


# Ways to misbehave


class AcceptsAll(Script):
    async def recipient(self, session: Session, address: str) -> None:
        await session.say("250 2.1.5 Ok")


class Drips(Script):
    """The banner, an octet at a time, for ever."""

    def __init__(self, pause: float = 0.05) -> None:
        self.pause = pause

    async def connected(self, session: Session) -> None:
        while True:
            for octet in b"220-drip drip\r\n":
                await session.say(bytes([octet]))
                await asyncio.sleep(self.pause)


class DripsAt(Script):
    """Its reply to the command *at*, an octet at a time; it never ends."""

    def __init__(self, at: str, pause: float = 0.02) -> None:
        self.pause = pause
        setattr(self, at, self._drip)

    async def _drip(self, session: Session, line: str = "") -> None:
        while True:
            for octet in b"250-drip drip\r\n":
                await session.say(bytes([octet]))
                await asyncio.sleep(self.pause)


class Tarpit(Script):
    """Says nothing at all; with *at* it is `rcpt` that is never answered."""

    def __init__(self, at: str = "banner") -> None:
        self.at = at

    async def connected(self, session: Session) -> None:
        if self.at == "banner":
            await asyncio.sleep(3600)
        await super().connected(session)

    async def recipient(self, session: Session, address: str) -> None:
        await asyncio.sleep(3600)


class Floods(Script):
    """*lines* of banner at full speed, before one that would end it."""

    def __init__(self, line: bytes = b"220-x\r\n", times: int = 1_500_000) -> None:
        self.line = line
        self.times = times
        self.sent = 0

    async def connected(self, session: Session) -> None:
        chunk = self.line * max(1, 65_536 // len(self.line))
        for _ in range(-(-self.times * len(self.line) // len(chunk))):
            await session.say(chunk)
            self.sent += len(chunk)
        await session.say("220 mx.test")


class Replies(Script):
    """Says *reply*, octet by octet as given, to the command *at* (`connected` for the banner)."""

    def __init__(self, at: str, reply: bytes, hang_up: bool = False) -> None:
        self.reply = reply
        self.then_hang_up = hang_up
        self.at = at
        setattr(self, at, self._say)

    async def _say(self, session: Session, line: str = "") -> None:
        if self.reply:
            await session.say(self.reply)
        if self.then_hang_up:
            session.hang_up()


class BareLineFeeds(Script):
    async def connected(self, session: Session) -> None:
        say = session.say

        async def bare(text: str | bytes) -> None:
            await say((text if isinstance(text, bytes) else text.encode() + b"\r\n").replace(b"\r\n", b"\n"))

        session.say = bare  # type: ignore[method-assign]
        await super().connected(session)


class Few(Script):
    """Serves *recipients* a connection, then says *goodbye* and hangs up; nothing to say is hanging up at once."""

    def __init__(self, recipients: int = 1, goodbye: str = "421 4.7.0 Too many recipients for this session") -> None:
        self.limit = recipients
        self.goodbye = goodbye

    async def recipient(self, session: Session, address: str) -> None:
        if session.recipients > self.limit:
            if self.goodbye:
                await session.say(self.goodbye)
            session.hang_up()
            return
        await super().recipient(session, address)


class Crowded(Script):
    """Turns away whoever comes while *limit* connections are open."""

    def __init__(self, limit: int = 2) -> None:
        self.limit = limit

    async def connected(self, session: Session) -> None:
        if session.crowd > self.limit:
            session.hang_up()
            return
        await super().connected(session)


class Intolerant(Script):
    """Offers PIPELINING and hangs up on whoever uses it."""

    async def mail(self, session: Session, line: str) -> None:
        await asyncio.sleep(0.02)
        if session.reader._buffer:  # type: ignore[attr-defined]
            session.hang_up()
            return
        await super().mail(session, line)


class Greylists(Script):
    """Puts off everybody whom it sees for the first time."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    async def recipient(self, session: Session, address: str) -> None:
        if address in self.seen or address.startswith("postmaster@"):
            await super().recipient(session, address)
            return
        self.seen.add(address)
        await session.say(f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted, see http://postgrey.test/")


class TlsOnly(Script):
    """STARTTLS first; *injected* octets follow the 220 in clear text."""

    def __init__(self, context: ssl.SSLContext, injected: bytes = b"") -> None:
        self.context = context
        self.injected = injected
        self.keywords = (*Script.keywords, "STARTTLS")

    async def mail(self, session: Session, line: str) -> None:
        if not session.secure:
            await session.say("530 5.7.0 Must issue a STARTTLS command first")
            return
        await super().mail(session, line)

    async def starttls(self, session: Session, line: str) -> None:
        # The client's handshake must not be read as a command.
        session.writer.transport.pause_reading()
        await session.say(b"220 2.0.0 Ready to start TLS\r\n" + self.injected)
        await session.writer.start_tls(self.context)
        session.secure = True
        session.sender = None


class Authenticates(TlsOnly):
    """Takes mail from `ada` with her password."""

    def __init__(self, context: ssl.SSLContext, mechanisms: str = "PLAIN LOGIN") -> None:
        super().__init__(context)
        self.keywords = (*self.keywords, f"AUTH {mechanisms}")
        self.credentials: list[bytes] = []

    async def auth(self, session: Session, line: str) -> None:
        words = line.split(" ")
        if words[1] in ("PLAIN", "XOAUTH2"):
            self.credentials.append(base64.b64decode(words[2]))
        else:
            for question in (b"Username:", b"Password:"):
                await session.say(f"334 {base64.b64encode(question).decode()}")
                self.credentials.append(base64.b64decode(await session.reader.readuntil(b"\n")))
        good = self.credentials[-1].rpartition(b"\0")[2] in (b"s3cret", b"user=ada\1auth=Bearer t0ken\1\1")
        if words[1] == "XOAUTH2" and not good:
            await session.say("334 " + base64.b64encode(b'{"status":"400"}').decode())
            await session.reader.readuntil(b"\n")
        await session.say(
            "235 2.7.0 Authentication successful" if good else "535 5.7.8 Authentication credentials invalid"
        )
