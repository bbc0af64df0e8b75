"""
What do servers do that cannot be installed here?

    python -m lab.simulators

Mail services that are sold rather than installed, in the words they are known for, and servers that are old, strict, slow or
want nothing of us. One class each; the roster names them.
"""

import asyncio
import contextlib
import time

import uvloop

from lab.delay import SERVERS_PORT
from lab.roster import EVERY_SITE, Site, disabled_of, people_of

CONTROL = ("127.0.0.61", 2500)
"""Whoever connects here makes all simulators forget what was."""
ACCEPTED = "250 2.1.5 Ok"


class HangUp(Exception):
    """The server has had enough."""


class Server:
    """A well-behaved server, the base of all others: people of the site exist, nobody else does."""

    banner = "220 {host} ESMTP"
    keywords: tuple[str, ...] = ("PIPELINING", "SIZE 35882577", "8BITMIME", "ENHANCEDSTATUSCODES")
    unknown = "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown"

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host = site.mx[-1].split()[-1].format(domain=site.domain).rstrip(".") if site.mx else site.domain

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its banner to its end."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, HangUp):
            await self.talk(reader, Session(writer))
        writer.close()

    async def talk(self, reader: asyncio.StreamReader, session: "Session") -> None:
        await self.greet(session)
        while not session.writer.is_closing():
            line = (await reader.readuntil(b"\n")).decode("utf-8", "replace").strip()
            verb, _, rest = line.partition(" ")
            answer = getattr(self, f"on_{verb.lower()}", None)
            if answer is None:
                await session.say("502 5.5.2 Command not recognized")
            else:
                await answer(session, rest)

    async def greet(self, session: "Session") -> None:
        await session.say(self.banner.format(host=self.host))

    async def on_ehlo(self, session: "Session", rest: str) -> None:
        lines = [self.host, *self.keywords]
        await session.say("\r\n".join(f"250-{line}" for line in lines[:-1]) + f"\r\n250 {lines[-1]}")

    async def on_helo(self, session: "Session", rest: str) -> None:
        await session.say(f"250 {self.host}")

    async def on_mail(self, session: "Session", rest: str) -> None:
        session.recipients_of_transaction = 0
        await session.say("250 2.1.0 Ok")

    async def on_rcpt(self, session: "Session", rest: str) -> None:
        recipient = rest.partition("<")[2].partition(">")[0].lower()
        session.recipients += 1
        session.recipients_of_transaction += 1
        await self.recipient(session, recipient)

    async def recipient(self, session: "Session", recipient: str) -> None:
        await session.say(ACCEPTED if self.exists(recipient) else self.unknown.format(rcpt=recipient))

    async def on_rset(self, session: "Session", rest: str) -> None:
        await session.say("250 2.0.0 Ok")

    async def on_noop(self, session: "Session", rest: str) -> None:
        await session.say("250 2.0.0 Ok")

    async def on_data(self, session: "Session", rest: str) -> None:
        await session.say("451 4.3.0 This server takes no mail")

    async def on_quit(self, session: "Session", rest: str) -> None:
        await session.say("221 2.0.0 Bye")
        raise HangUp

    def exists(self, recipient: str) -> bool:
        local = recipient.partition("@")[0]
        return local == "postmaster" or local in people_of(self.site)

    def forget(self) -> None:
        """Be as on the first day, for the next who is measured."""


class Session:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.recipients = 0
        self.recipients_of_transaction = 0

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()


# Mail services


class Google(Server):
    banner = "220 mx.google.com ESMTP 5b1f17b1804b1-lab - gsmtp"
    unknown = (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n"
        "550-5.1.1 double-checking the recipient's email address for typos or\r\n"
        "550-5.1.1 unnecessary spaces. For more information, go to\r\n"
        "550 5.1.1  https://support.google.com/mail/?p=NoSuchUser 5b1f17b1804b1-lab - gsmtp"
    )
    disabled = (
        "550-5.2.1 The email account that you tried to reach is inactive. For more\r\n"
        "550-5.2.1 information, go to\r\n"
        "550 5.2.1  https://support.google.com/mail/?p=DisabledUser 5b1f17b1804b1-lab - gsmtp"
    )

    async def recipient(self, session: Session, recipient: str) -> None:
        if recipient.partition("@")[0] in disabled_of(self.site):
            await session.say(self.disabled)
        elif self.exists(recipient):
            await session.say("250 2.1.5 OK 5b1f17b1804b1-lab - gsmtp")
        else:
            await session.say(self.unknown)


class Exchange(Server):
    """Exchange Online: edge blocking in place of a user list, and one recipient in a transaction if two are unrelated."""

    banner = "220 DB5EUR03FT040.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready"
    unknown = (
        "550 5.4.1 Recipient address rejected: Access denied. [DB5EUR03FT040.eop-EUR03.prod.protection.outlook.com]"
    )

    async def recipient(self, session: Session, recipient: str) -> None:
        if session.recipients_of_transaction > 1:
            await session.say("452 4.5.3 Too many recipients (AS780090)")
        else:
            await super().recipient(session, recipient)


class AcceptsAll(Server):
    def exists(self, recipient: str) -> bool:
        return True


# Old, strict, slow, overrun


class SlowRecipient(Server):
    """Takes its time over every recipient."""

    async def recipient(self, session: Session, recipient: str) -> None:
        await asyncio.sleep(12)
        await super().recipient(session, recipient)


class OneRecipient(Server):
    """Serves one recipient a connection."""

    async def recipient(self, session: Session, recipient: str) -> None:
        if session.recipients > 1:
            await session.say("421 4.7.0 One recipient for each connection, please")
            raise HangUp
        await super().recipient(session, recipient)


class HeloOnly(Server):
    """Of before 1995, with neither extensions nor enhanced codes."""

    unknown = "550 <{rcpt}>... User unknown"

    async def on_ehlo(self, session: Session, rest: str) -> None:
        await session.say("500 Command unrecognized")


class Greylist(Server):
    """Takes nobody whom it has not known for some seconds."""

    seconds = 8

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.first_seen: dict[str, float] = {}

    async def recipient(self, session: Session, recipient: str) -> None:
        now = time.monotonic()
        if now - self.first_seen.setdefault(recipient, now) < self.seconds:
            await session.say("451 4.7.1 Greylisting in action, please come back later")
        else:
            await super().recipient(session, recipient)

    def forget(self) -> None:
        self.first_seen.clear()


class BusyAtFirst(Server):
    """Turns everybody away until it has been asked for some seconds."""

    seconds = 10

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.began: float | None = None

    def forget(self) -> None:
        self.began = None

    async def greet(self, session: Session) -> None:
        now = time.monotonic()
        self.began = self.began or now
        if now - self.began < self.seconds:
            await session.say("421 4.3.2 Too many connections, try again later")
            raise HangUp
        await super().greet(session)


class PlainRefusal(Server):
    """Does not say why: only the difference between recipients tells."""

    unknown = "550 Requested action not taken"


# Those who tell nothing


class SlowBanner(Server):
    """Holds whoever comes, and then has no time."""

    async def greet(self, session: Session) -> None:
        await asyncio.sleep(45)
        await session.say("421 4.3.2 Service not available")
        raise HangUp


class Drips(Server):
    """A sign a second for one minute: for ever would hang most programs, and end nobody's measurement."""

    async def greet(self, session: Session) -> None:
        for sign in "220-please hold\r\n" * 4:
            session.writer.write(sign.encode())
            await session.writer.drain()
            await asyncio.sleep(1)
        raise HangUp


class ClosesAtConnect(Server):
    async def greet(self, session: Session) -> None:
        raise HangUp


class ClosesAtRecipient(Server):
    async def recipient(self, session: Session, recipient: str) -> None:
        raise HangUp


class RefusesAtBanner(Server):
    async def greet(self, session: Session) -> None:
        await session.say("554 5.7.1 No SMTP service for 127.0.0.1 here")
        raise HangUp


class RefusesAtMail(Server):
    async def on_mail(self, session: Session, rest: str) -> None:
        await session.say("550 5.7.1 Service unavailable; client host [127.0.0.1] is on our block list")

    async def on_rcpt(self, session: Session, rest: str) -> None:
        await session.say("503 5.5.1 Need MAIL command")


class RefusesEverybody(Server):
    """Says at RCPT, of everybody and of postmaster too, what is meant for us."""

    async def recipient(self, session: Session, recipient: str) -> None:
        await session.say("550 5.7.1 Message rejected due to local policy")


class Garbage(Server):
    async def recipient(self, session: Session, recipient: str) -> None:
        await session.say("\x00\x01\x02 what was the question?")


class AlwaysBusy(Server):
    async def greet(self, session: Session) -> None:
        await session.say("421 4.3.2 System not accepting network messages")
        raise HangUp


async def serve_all() -> None:
    """Every simulated site, until the process ends."""
    servers: list[Server] = []
    for site in EVERY_SITE:
        simulator = globals().get(site.server) if site.server else None
        if simulator is not None:
            server = simulator(site)
            await asyncio.start_server(server.serve, site.ip, SERVERS_PORT, backlog=512)
            servers.append(server)

    async def forget(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for server in servers:
            server.forget()
        writer.close()

    await asyncio.start_server(forget, *CONTROL)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve_all())
