"""
Who carries a mail of the product's own away?

The relay that the operator named (VIZSLA_SMTP_URL), or nobody: then it is laid into `outbox` in the home, where a person finds it.

The egress guard is not asked about the relay: it keeps strangers' names and addresses from leading us into the private network,
and the relay is the operator's own word, most often in that network.
"""

import asyncio
import os
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from vizsla.kit.errors import SettingsError, VizslaError
from vizsla.kit.settings import Settings
from vizsla.mail.letter import Letter, compose
from vizsla.mail.smtp import AuthRefused, MessageRefused, SmtpDialog
from vizsla.mail.wire import DialogBroken, Limits, Wire, connect
from vizsla.net.guard import EgressGuard

_ANYWHERE = EgressGuard(("0.0.0.0/0", "::/0"))
# Less than RFC 5321's ten minutes after the dot: a letter that came twice has one Message-ID, and nobody waits for its lease.
_LIMITS = Limits(connect=10, banner=30, reply=30, dialog=120, dot=300)
_URL = (
    "VIZSLA_SMTP_URL must be smtp://user:password@host:587 or smtps://host:465, with user and password percent-encoded"
)


class NotSent(VizslaError):
    """The mail was not taken."""

    id = "mail_not_sent"

    def __init__(self, details: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        """Whether another try would be answered alike."""
        super().__init__(details)


class Post(Protocol):
    """Takes responsibility for a letter."""

    async def send(self, letter: Letter, mark: str, at: int) -> None:
        """Returns once the letter cannot be lost any more. Raises NotSent, whose text names nobody; InvalidEmail."""
        ...


def choose_post(settings: Settings) -> Post:
    """The relay of *settings*, or the outbox."""
    sender = sender_of(settings)
    if settings.smtp_url:
        return RelayPost(parse_relay(settings.smtp_url), sender, settings.helo_name)
    return OutboxPost(outbox_of(settings), sender)


def outbox_of(settings: Settings) -> Path:
    """Where mails are laid when there is no relay."""
    return settings.home / "outbox"


def sender_of(settings: Settings) -> str:
    """Whom mails are from: VIZSLA_SMTP_FROM, the relay's user if that is an address, or vizsla@ the host of VIZSLA_BASE_URL."""
    if settings.smtp_from:
        return settings.smtp_from
    if settings.smtp_url and "@" in (user := parse_relay(settings.smtp_url).user):
        return user
    host = urlsplit(settings.base_url).hostname or ""
    return f"vizsla@{host}" if "." in host and not host.replace(".", "").isdigit() else "vizsla@vizsla.invalid"


# The relay


class Relay(msgspec.Struct, frozen=True):
    """A mail server that sends for us."""

    host: str
    port: int
    is_tls: bool
    """From the first octet (RFC 8314), not by STARTTLS."""
    may_be_clear: bool
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Relay({self.host}:{self.port})"


def parse_relay(url: str) -> Relay:
    """The relay at *url*, or SettingsError; what it says never holds the password."""
    try:
        parts = urlsplit(url)
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        tls = options.pop("tls", ["required"])[-1]
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/") or options:
            raise SettingsError(_URL)
        if tls not in ("required", "off") or (tls == "off" and parts.scheme == "smtps"):
            raise SettingsError("VIZSLA_SMTP_URL: ?tls= may be `off` with smtp://, or be left out")
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
    except ValueError:
        raise SettingsError(_URL) from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Relay(parts.hostname, port, parts.scheme == "smtps", tls == "off", user, password)


class RelayPost:
    """Submits to a relay (RFC 6409), one connection a letter: they are few."""

    def __init__(self, relay: Relay, sender: str, helo: str = "", *, context: ssl.SSLContext | None = None) -> None:
        self._relay, self._sender, self._helo = relay, sender, helo
        self._context = context

    async def send(self, letter: Letter, mark: str, at: int) -> None:
        """See Post."""
        message = compose(letter, sender=self._sender, mark=mark, at=at)
        try:
            dialog = await self._open()
            async with dialog:
                await self._introduce(dialog)
                await dialog.deliver(self._sender, [letter.to], message)
                dialog.quit()
        except MessageRefused as error:
            # A refused recipient or message stays refused; a refused sender is a setting that somebody will mend.
            is_final = error.reply.code >= 500 and error.phase in ("rcpt", "dot")
            raise NotSent(f"the relay answered {error.reply.code} at {error.phase}", is_final=is_final) from None
        except AuthRefused as error:
            raise NotSent(f"the relay refused the user name and password: {error.details[:200]}") from None
        except DialogBroken as error:
            raise NotSent(f"the relay {self._relay.host}: {error.details[:200]}") from None

    async def _open(self) -> SmtpDialog:
        wire = await self._connect()
        dialog = SmtpDialog(wire, _LIMITS)
        try:
            if self._relay.is_tls:
                await wire.start_tls(self._tls(), self._relay.host, _LIMITS.reply)
        except BaseException:
            dialog.abort()
            raise
        return dialog

    async def _connect(self) -> Wire:
        loop, relay = asyncio.get_running_loop(), self._relay
        try:
            async with asyncio.timeout(_LIMITS.connect):
                found = await loop.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise NotSent(f"the relay {relay.host} has no address") from None
        broken: DialogBroken | None = None
        for ip in dict.fromkeys(str(entry[4][0]) for entry in found):
            try:
                return await connect(ip, relay.port, guard=_ANYWHERE, limits=_LIMITS)
            except DialogBroken as error:
                broken = error
        raise broken or NotSent(f"the relay {relay.host} has no address")

    async def _introduce(self, dialog: SmtpDialog) -> None:
        is_near = self._is_near(dialog.local_ip)
        name = self._helo or _literal(dialog.local_ip)
        reply = await dialog.greet(name)
        if not reply.positive:
            raise NotSent(f"the relay answered {reply.code} to our greeting")
        if not (dialog.secure or self._relay.may_be_clear or is_near):
            if not dialog.offers("STARTTLS"):
                raise NotSent(
                    "the relay offers no STARTTLS; `?tls=off` in VIZSLA_SMTP_URL sends in clear text all the same"
                )
            reply = await dialog.start_tls(self._tls(), self._relay.host)
            if not reply.positive:
                raise NotSent(f"the relay answered {reply.code} to STARTTLS")
        if self._relay.user:
            in_clear = self._relay.may_be_clear or is_near
            await dialog.authenticate(self._relay.user, self._relay.password, in_clear=in_clear)

    def _is_near(self, ip: str) -> bool:
        """Whether what is said stays on this machine."""
        return ip_address(ip).is_loopback

    def _tls(self) -> ssl.SSLContext:
        # With the system's authorities, or those that OpenSSL's SSL_CERT_FILE names.
        self._context = self._context or ssl.create_default_context()
        return self._context


def _literal(ip: str) -> str:
    """*ip* as who has no name greets with (RFC 5321 4.1.3)."""
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"


# The outbox


class OutboxPost:
    """Lays letters into a folder, as .eml files whose names sort by time. None is ever written over."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender
        self._turn = asyncio.Lock()

    async def send(self, letter: Letter, mark: str, at: int) -> None:
        """See Post."""
        message = compose(letter, sender=self._sender, mark=mark, at=at)
        try:
            # One after the other, so that they lie there in the order in which they came.
            async with self._turn:
                await asyncio.to_thread(self._lay, message, letter.about)
        except OSError as error:
            raise NotSent(f"{self._folder} cannot be written: {error.strerror}") from None

    def _lay(self, message: bytes, about: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = time.time_ns()
        when = datetime.fromtimestamp(now // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{when}.{now % 1_000_000_000:09}-{about}-{secrets.token_hex(4)}.eml"
        draft = self._folder / f".{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, self._folder / name)  # fails, rather than writing over another
        finally:
            draft.unlink()
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def forget_letters(folder: Path, is_theirs: Callable[[str], bool]) -> int:
    """Delete the letters in the outbox *folder* to addresses that are *is_theirs*; how many there were."""
    forgotten = 0
    for path in sorted(folder.glob("*.eml")):
        try:
            with path.open("rb") as file:
                head: Message = BytesHeaderParser().parse(file)
            if is_theirs(parseaddr(str(head["To"]))[1]):
                path.unlink()
                forgotten += 1
        except FileNotFoundError:
            continue  # somebody took it away
    return forgotten
