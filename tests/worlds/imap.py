"""
A mailbox on loopback: as much IMAP (RFC 3501, 2177) as a reader needs, and as nasty as it is told to be.

`changes` counts what a reader must never do: select for writing, store flags, fetch without peeking.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

from worlds.listening import listening

_LITERAL = re.compile(rb"\{(\d+)\+?\}$")


class Mailbox:
    """What is in it, and how it behaves."""

    def __init__(self) -> None:
        self.uidvalidity = 7
        self.uidnext = 1
        self.mails: dict[int, tuple[int, bytes]] = {}
        self.capabilities = "IMAP4rev1 IDLE AUTH=PLAIN AUTH=XOAUTH2"
        self.password = "secret"
        self.token = "ya29"
        self.folders = ('(\\HasNoChildren) "/" INBOX', '(\\HasNoChildren \\Sent) "/" Sent')
        self.commands: list[str] = []
        self.changes = 0
        self.breaks: dict[str, bytes] = {}
        """What is said instead of the answer to a command, before the server hangs up."""
        self.is_silent_at = ""
        self._changed = asyncio.Event()
        self._at_idle = asyncio.Event()

    def deliver(self, raw: bytes, at: int = 1_795_424_400) -> int:
        """A mail comes; its number."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.mails[uid] = (at, raw)
        self._changed.set()
        return uid

    def restore(self, uidvalidity: int) -> None:
        """From a backup: the same mails, by other numbers."""
        self.uidvalidity = uidvalidity
        mails, self.mails, self.uidnext = list(self.mails.values()), {}, 1
        for at, raw in mails:
            self.deliver(raw, at)

    async def wait_for_idle(self) -> None:
        """Until a reader waits for mails."""
        await asyncio.wait_for(self._at_idle.wait(), 10)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext | None
    ) -> None:
        session = _Session(self, reader, writer, tls)
        try:
            await session.run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


class _Session:
    def __init__(
        self, box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext | None
    ) -> None:
        self.box, self.reader, self.writer, self.tls = box, reader, writer, tls

    def say(self, text: str | bytes) -> None:
        self.writer.write((text.encode() if isinstance(text, str) else text) + b"\r\n")

    async def run(self) -> None:
        self.say("* OK ready")
        while line := await self.reader.readline():
            line = line.rstrip(b"\r\n")
            while found := _LITERAL.search(line):
                self.say("+ go on")
                line = line[: found.start()] + await self.reader.readexactly(int(found[1]))
                line += (await self.reader.readline()).rstrip(b"\r\n")
            tag, _, rest = line.decode("utf-8", "replace").partition(" ")
            name, _, arguments = rest.partition(" ")
            name = name.upper()
            if name == "UID":
                name, _, arguments = arguments.partition(" ")
                name = f"UID {name.upper()}"
            self.box.commands.append(f"{name} {arguments}".strip())
            if name == self.box.is_silent_at:
                await asyncio.Event().wait()
            if name in self.box.breaks:
                self.writer.write(self.box.breaks[name].replace(b"TAG", tag.encode()))
                await self.writer.drain()
                return
            if not await self.answer(tag, name, arguments):
                return
            await self.writer.drain()

    async def answer(self, tag: str, name: str, arguments: str) -> bool:
        box = self.box
        if name == "CAPABILITY":
            self.say(f"* CAPABILITY {box.capabilities}")
        elif name == "LOGOUT":
            self.say("* BYE")
            self.say(f"{tag} OK bye")
            return False
        elif name == "STARTTLS":
            self.say(f"{tag} OK begin")
            await self.writer.drain()
            assert self.tls is not None
            await self.writer.start_tls(self.tls)
            return True
        elif name in ("LOGIN", "AUTHENTICATE"):
            if not await self.is_let_in(name, arguments):
                self.say(f"{tag} NO [AUTHENTICATIONFAILED] wrong")
                return True
        elif name == "LIST":
            for folder in box.folders:
                self.say(f"* LIST {folder}")
        elif name in ("EXAMINE", "SELECT"):
            box.changes += name == "SELECT"
            self.say(f"* {len(box.mails)} EXISTS")
            self.say(f"* OK [UIDVALIDITY {box.uidvalidity}] ok")
            self.say(f"* OK [UIDNEXT {box.uidnext}] ok")
        elif name == "UID SEARCH":
            self.say("* SEARCH " + " ".join(map(str, self.search(arguments))))
        elif name == "UID FETCH":
            self.fetch(arguments)
        elif name == "IDLE":
            await self.idle()
        elif name not in ("NOOP", "CLOSE", "UNSELECT"):
            box.changes += 1
        self.say(f"{tag} OK done")
        return True

    async def is_let_in(self, name: str, arguments: str) -> bool:
        if name == "LOGIN":
            return arguments.endswith(f'"{self.box.password}"')
        self.say("+ ")
        said = base64.b64decode((await self.reader.readline()).strip()).decode()
        return said.endswith((f"\0{self.box.password}", f"auth=Bearer {self.box.token}\1\1"))

    def search(self, arguments: str) -> list[int]:
        uids = sorted(self.box.mails)
        if found := re.fullmatch(r"UID (\d+):\*", arguments):
            # As real servers do it: the last mail is in the range, wherever that begins.
            return [uid for uid in uids if uid >= int(found[1])] or uids[-1:]
        if found := re.fullmatch(r"SINCE (\S+)", arguments):
            since = datetime.strptime(found[1].strip('"'), "%d-%b-%Y").replace(tzinfo=UTC).timestamp()
            return [uid for uid in uids if self.box.mails[uid][0] >= since]
        if found := re.fullmatch(r'HEADER "?Message-ID"? "?(\S+?)"?', arguments):
            wanted = f"Message-ID: {found[1]}".lower().encode()
            return [uid for uid in uids if wanted in self.box.mails[uid][1].lower()]
        raise AssertionError(arguments)

    def fetch(self, arguments: str) -> None:
        numbers, _, items = arguments.partition(" ")
        self.box.changes += "BODY[" in items
        wanted = {uid for part in numbers.split(",") for uid in _span(part)}
        for place, uid in enumerate(sorted(self.box.mails), 1):
            if uid not in wanted:
                continue
            at, raw = self.box.mails[uid]
            if "RFC822.SIZE" in items:
                self.say(f"* {place} FETCH (UID {uid} RFC822.SIZE {len(raw)})")
            elif found := re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", items):
                when = datetime.fromtimestamp(at, UTC).strftime("%d-%b-%Y %H:%M:%S +0000")
                part = raw[: int(found[1])]
                self.writer.write(
                    f'* {place} FETCH (UID {uid} INTERNALDATE "{when}" BODY[]<0> {{{len(part)}}}\r\n'.encode()
                )
                self.writer.write(part + b")\r\n")
            else:
                lines = [line for line in raw.splitlines() if line.lower().startswith(b"message-id:")]
                part = b"".join(line + b"\r\n" for line in lines) + b"\r\n"
                name = "BODY[HEADER.FIELDS (MESSAGE-ID)]"
                self.writer.write(f"* {place} FETCH (UID {uid} {name} {{{len(part)}}}\r\n".encode() + part + b")\r\n")

    async def idle(self) -> None:
        self.box._changed.clear()
        self.say("+ idling")
        await self.writer.drain()
        self.box._at_idle.set()
        ended = asyncio.create_task(self.reader.readline())
        changed = asyncio.create_task(self.box._changed.wait())
        await asyncio.wait([ended, changed], return_when=asyncio.FIRST_COMPLETED)
        if changed.done():
            self.say(f"* {len(self.box.mails)} EXISTS")
            await self.writer.drain()
        changed.cancel()
        await ended
        self.box._at_idle.clear()


def _span(part: str) -> range:
    first, _, last = part.partition(":")
    return range(int(first), int(last or first) + 1)


@contextlib.asynccontextmanager
async def serving(
    box: Mailbox, *, tls: ssl.SSLContext | None = None, starts_tls: bool = False, port: int = 0
) -> AsyncIterator[int]:
    """*box* on loopback; its port. *starts_tls*: in clear text until asked."""
    async with listening(partial(box.serve, tls=tls), port=port, tls=None if starts_tls else tls) as listened:
        yield listened
