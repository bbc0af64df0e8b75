"""
Can we log in to this mailbox, and which folders does it have?

Only as much IMAP (RFC 9051) as that takes, so that it can be asked while somebody waits: nothing is selected, read or changed.
What a server says is bounded in lines, in octets and in seconds.
"""

import asyncio
import base64
import re
import socket
import ssl

import msgspec

from vizsla.kit.errors import VizslaError
from vizsla.mail.reply import clean
from vizsla.mail.server import (
    IMAP_PORTS,
    Credentials,
    Server,
    WrongServer,
    check_address,
    find_addresses,
    verifying_context,
)
from vizsla.mail.smtp import xoauth2
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard

_SECONDS = 30.0
_MOST_LINES, _LONGEST_LINE = 2_000, 16_384
_LIST = re.compile(r'\* LIST \(([^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (?:"((?:[^"\\]|\\.)*)"|(\S+))\Z', re.IGNORECASE)
_SENT_NAMES = ("sent", "sent items", "sent mail", "sent messages", "[gmail]/sent mail", "inbox.sent", "inbox/sent")


class MailboxTrouble(VizslaError):
    """The mailbox could not be opened."""

    id = "imap"

    def __init__(self, phase: str, details: str) -> None:
        self.phase = phase
        """connect, tls, banner, starttls, login, list: where it ended."""
        super().__init__(details)


class Mailbox(msgspec.Struct, frozen=True):
    """What a login shows."""

    folders: tuple[str, ...]
    sent: str | None
    """Where its server keeps what was sent (RFC 6154), or what is usually called so."""


async def look_into(
    server: Server,
    credentials: Credentials,
    guard: EgressGuard,
    *,
    dns: DnsClient | None = None,
    context: ssl.SSLContext | None = None,
    seconds: float = _SECONDS,
) -> Mailbox:
    """Log in, list the folders, log out. Raises MailboxTrouble, WrongServer. *context* is there for tests."""
    context = context or verifying_context()
    session = _Session()
    try:
        async with asyncio.timeout(seconds):
            await session.connect(server, await find_addresses(server.host, dns), guard, context)
            return await session.look(server, credentials, context)
    except TimeoutError:
        raise MailboxTrouble(session.phase, f"no answer within {seconds:g} seconds") from None
    except ssl.SSLError as error:
        raise MailboxTrouble("tls", str(error)[:200]) from None
    except (OSError, EOFError, ValueError) as error:
        raise MailboxTrouble(session.phase, str(error)[:200] or "the server hung up") from None
    finally:
        session.hang_up()


class _Session:
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter | None = None

    def __init__(self) -> None:
        self.phase = "connect"
        self._lines = 0
        self._number = 0

    async def connect(self, server: Server, ips: list[str], guard: EgressGuard, context: ssl.SSLContext) -> None:
        """To the first of *ips* that takes us. Raises OSError, WrongServer."""
        failed: OSError | None = None
        for ip in ips[:4]:
            check_address(server, ip, IMAP_PORTS, guard)
            try:
                await self._dial(ip, server, guard, context)
            except ssl.SSLError:
                raise
            except OSError as error:
                failed = error
            else:
                return
        raise failed or WrongServer

    async def _dial(self, ip: str, server: Server, guard: EgressGuard, context: ssl.SSLContext) -> None:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        sock = guard.socket_factory((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, server.port)))
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (ip, server.port))
            is_tls = server.security == "tls"
            self._reader, self._writer = await asyncio.open_connection(
                sock=sock,
                limit=_LONGEST_LINE,
                ssl=context if is_tls else None,
                server_hostname=server.host if is_tls else None,
            )
        except BaseException:
            sock.close()
            raise

    def hang_up(self) -> None:
        """At once: nothing that was said is lost by it."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def look(self, server: Server, credentials: Credentials, context: ssl.SSLContext) -> Mailbox:
        assert self._writer is not None
        self.phase = "banner"
        greeting = await self._line()
        if not greeting.upper().startswith(("* OK", "* PREAUTH")):
            raise MailboxTrouble("banner", greeting[:200])
        if server.security == "starttls":
            await self._command("starttls", "STARTTLS")
            self.phase = "tls"
            await self._writer.start_tls(context, server_hostname=server.host)
        await self._log_in(credentials)
        mailbox = _read_folders(await self._command("list", 'LIST "" "*"'))
        self._writer.write(b"z LOGOUT\r\n")
        return mailbox

    async def _log_in(self, credentials: Credentials) -> None:
        if credentials.access_token:
            mechanism, answer = "XOAUTH2", xoauth2(credentials.login, credentials.access_token)
        else:
            plain = f"\0{credentials.login}\0{credentials.password}".encode()
            mechanism, answer = "PLAIN", base64.b64encode(plain).decode()
        capabilities = " ".join(await self._command("login", "CAPABILITY")).upper()
        if f"AUTH={mechanism}" in capabilities:
            await self._command("login", f"AUTHENTICATE {mechanism}", answer)
        elif mechanism == "PLAIN" and "LOGINDISABLED" not in capabilities:
            await self._command("login", f"LOGIN {_quoted(credentials.login)} {_quoted(credentials.password)}")
        else:
            raise MailboxTrouble("login", f"the server does not offer AUTH={mechanism}")

    async def _command(self, phase: str, text: str, answer: str | None = None) -> list[str]:
        """The untagged lines of the reply. Raises MailboxTrouble if it is not OK. *answer* is for the server's question."""
        assert self._writer is not None
        self.phase = phase
        self._number += 1
        tag = f"v{self._number}"
        self._writer.write(f"{tag} {text}\r\n".encode())
        found: list[str] = []
        while True:
            line = await self._line()
            if line.startswith("+"):
                # Of XOAUTH2 a second question is what is wrong; an empty answer gets it said.
                self._writer.write(f"{answer or ''}\r\n".encode())
                answer = None
            elif line.startswith(f"{tag} "):
                if line[len(tag) + 1 :].upper().startswith("OK"):
                    return found
                raise MailboxTrouble(phase, line[len(tag) + 1 :][:200])
            else:
                found.append(line)

    async def _line(self) -> str:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise MailboxTrouble(self.phase, "the server talks without end")
        octets = await self._reader.readline()
        if not octets.endswith(b"\n"):
            raise EOFError("the server hung up")
        return clean(octets)


def _read_folders(lines: list[str]) -> Mailbox:
    folders, sent = [], None
    for line in lines:
        if found := _LIST.match(line):
            name = found[3] or (found[2] or "").replace('\\"', '"').replace("\\\\", "\\")
            folders.append(name)
            if "\\sent" in found[1].lower().split():
                sent = name
    if sent is None:
        sent = next((name for name in folders if name.lower() in _SENT_NAMES), None)
    return Mailbox(tuple(folders), sent)


def _quoted(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise MailboxTrouble("login", "the server takes ASCII alone in user names and passwords")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
