"""
What came to a mailbox since we last looked?

IMAP (RFC 9051, 3501) by IMAPClient, in a thread of the caller's: every call here blocks. The folder is examined and mails are peeked
at, so that nothing changes for the person whose mailbox it is, not even a flag. What the server says is bounded in octets and in
time, and the address that is dialled was judged by whoever found it (`mail.server.check_address`).
"""

import imaplib
import io
import re
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import msgspec
from imapclient.exceptions import IMAPClientError, LoginError
from imapclient.imapclient import SENT, IMAPClient

from vizsla.kit.errors import VizslaError
from vizsla.mail.reply import clean
from vizsla.mail.server import Credentials, Server, verifying_context
from vizsla.net.guard import EgressGuard

LARGEST_MAIL = 256_000
"""Octets of a mail that are fetched: what somebody wrote, and what a report says, stands before what is attached."""
LARGEST_BATCH = 4_000_000
"""Octets of mails that are fetched at once."""
MOST_AT_ONCE = 100
"""Mails of one batch."""
_ANSWER, _LINE = 2_000_000, 50
"""Octets that a server may say to one command beside the mails that were asked for, and what a line counts beside its length."""
_SECONDS = 60.0
"""To wait for the next octet."""
_COMMAND_LASTS = 180.0
_OVERHEAD = 2_000
_MOST_FOUND = 5
_ID = re.compile(rb"<([^<>\s]{3,998})>")


class MailboxBroken(VizslaError):
    """The mailbox could not be read."""

    id = "mailbox"

    def __init__(self, details: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        """Whether somebody has to type something anew: the login was refused."""
        super().__init__(details)


class Folder(msgspec.Struct, frozen=True):
    """A folder as it stands."""

    uidvalidity: int
    """Another number when the server gives its numbers to other mails (RFC 9051 2.3.1.1)."""
    uidnext: int
    """No mail in it has this number yet, or a higher one."""


class Fetched(msgspec.Struct, frozen=True):
    """A mail."""

    uid: int
    at: int
    """When the server took it, in seconds since 1970."""
    raw: bytes
    """The first `LARGEST_MAIL` octets."""


class _Bounded(imaplib.IMAP4):
    """A connection that says so much in so much time, and no more."""

    file: io.BufferedReader

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None, host: str) -> None:
        self._given = sock
        self._context = context
        self._name = host
        self.left = _ANSWER
        self.until = time.monotonic() + _COMMAND_LASTS
        super().__init__(host)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        if self._context is None:
            return self._given
        return self._context.wrap_socket(self._given, server_hostname=self._name)

    def read(self, size: int) -> bytes:
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._spend(len(line) + _LINE)
        return line

    def _spend(self, octets: int) -> None:
        self.left -= octets
        if self.left < 0:
            raise self.abort("the server says more than it was asked for")
        if time.monotonic() > self.until:
            raise self.abort("the server takes too long")


class _Client(IMAPClient):  # type: ignore[misc]
    def __init__(self, connection: _Bounded, host: str) -> None:
        self._made = connection
        super().__init__(host, ssl=False, timeout=_SECONDS)

    def _create_IMAP4(self) -> _Bounded:  # noqa: N802
        return self._made

    def _poll_socket(self, sock: socket.socket, timeout: float | None = None) -> Any:
        # What came in one packet with the server's consent to IDLE is read from the socket by now, and no poll tells of it.
        with suppress(OSError):
            if self._made.file.peek(1):
                return [sock]
        return super()._poll_socket(sock, timeout)


class MailboxSession:
    """One login, for one thread. Use as a context manager; `interrupt` may be called by any other."""

    def __init__(self, client: Any, connection: _Bounded, sock: socket.socket) -> None:
        self._client = client
        self._connection = connection
        self._wire = sock
        self._is_idle = False

    @classmethod
    def open(
        cls,
        server: Server,
        ip: str,
        credentials: Credentials,
        guard: EgressGuard,
        *,
        context: ssl.SSLContext | None = None,
    ) -> Self:
        """Connect to *ip*, an address of *server*'s, and log in. Raises MailboxBroken, EgressRefused. *context* is there for tests."""
        context = context or verifying_context()
        sock = _dial(ip, server.port, guard)
        connection: _Bounded | None = None
        wire = sock.dup()
        try:
            connection = _Bounded(sock, context if server.security == "tls" else None, server.host)
            session = cls(_Client(connection, server.host), connection, wire)
            session._log_in(credentials, context if server.security == "starttls" else None)
        except BaseException as error:
            if connection is not None:
                with suppress(Exception):
                    connection.shutdown()
            sock.close()
            wire.close()
            raise _told(error) from None
        return session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out, if the server still listens, and hang up."""
        self._spend_anew(_ANSWER)
        with suppress(Exception):
            self._client.socket().settimeout(2.0)
            if self._is_idle:
                self._client.idle_done()
            self._client.logout()
        with suppress(Exception):
            self._client.shutdown()
        self._wire.close()

    def interrupt(self) -> None:
        """Make whatever another thread waits for end now, with MailboxBroken."""
        with suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)

    @property
    def can_idle(self) -> bool:
        """Whether the server tells us when something comes."""
        with _telling():
            return bool(self._client.has_capability("IDLE"))

    def examine(self, folder: str) -> Folder:
        """Look into *folder* from now on, without changing anything."""
        self._spend_anew(_ANSWER)
        with _telling():
            found = self._client.select_folder(folder, readonly=True)
            uidvalidity, uidnext = found.get(b"UIDVALIDITY"), found.get(b"UIDNEXT")
            if not isinstance(uidnext, int):
                uidnext = self._client.folder_status(folder, ["UIDNEXT"]).get(b"UIDNEXT")
            if not isinstance(uidvalidity, int) or not isinstance(uidnext, int):
                raise MailboxBroken("The server does not number its mails (UIDVALIDITY, UIDNEXT).")
            return Folder(uidvalidity, uidnext)

    def find_sent_folder(self) -> str | None:
        """Where the server keeps what was sent (RFC 6154), or what is usually called so."""
        self._spend_anew(_ANSWER)
        with _telling():
            found = self._client.find_special_folder(SENT)
        return str(found) if found else None

    def list_after(self, uid: int) -> list[int]:
        """The numbers of the mails past *uid*, the lowest first."""
        # `n:*` names the last mail even if that is below n (RFC 9051 6.4.9).
        return [found for found in self._search(["UID", f"{uid + 1}:*"]) if found > uid]

    def list_since(self, at: int) -> list[int]:
        """The numbers of the mails that came on the day of *at* or later, the lowest first."""
        return self._search(["SINCE", datetime.fromtimestamp(at, UTC).date()])

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """These mails, as far as they are there, in small batches."""
        for batch in self._batches(list(uids)):
            self._spend_anew(_ANSWER + LARGEST_BATCH * 2)
            with _telling():
                found = self._client.fetch(batch, [f"BODY.PEEK[]<0.{LARGEST_MAIL}>", "INTERNALDATE"])
            for uid in sorted(uid for uid in found if uid in batch):
                data = found[uid]
                raw = data.get(b"BODY[]<0>", data.get(b"BODY[]"))
                if isinstance(raw, bytes):
                    yield Fetched(uid, _seconds(data.get(b"INTERNALDATE")), raw[:LARGEST_MAIL])

    def find_ids(self, message_ids: Collection[str]) -> set[str]:
        """Those of *message_ids* (without angles) of which there is a mail in the folder."""
        found: set[str] = set()
        for message_id in message_ids:
            uids = self._search(["HEADER", "Message-ID", f"<{message_id}>"])[-_MOST_FOUND:]
            if uids and message_id.encode() in self._ids_of(uids):
                found.add(message_id)
        return found

    def idle(self, seconds: float) -> bool:
        """Wait until something changes in the folder, *seconds* at most; whether it did."""
        self._spend_anew(_ANSWER)
        with _telling():
            self._client.idle()
            self._is_idle = True
            until, told = time.monotonic() + seconds, False
            self._connection.until = until + _COMMAND_LASTS
            while not told and (left := until - time.monotonic()) > 0:
                said = self._client.idle_check(timeout=left)
                # Polled to be readable and nothing read: the server has hung up.
                if not said:
                    break
                told = any(len(line) > 1 and line[1] in (b"EXISTS", b"EXPUNGE", b"RECENT") for line in said)
                if any(line[0] == b"BYE" for line in said):
                    raise MailboxBroken("The server has hung up.")
            self._connection.until = time.monotonic() + _COMMAND_LASTS
            self._client.idle_done()
            self._is_idle = False
        return told

    def _log_in(self, credentials: Credentials, context: ssl.SSLContext | None) -> None:
        client = self._client
        if context is not None:
            client.starttls(context)
        if credentials.access_token:
            client.oauth2_login(credentials.login, credentials.access_token)
        elif client.has_capability("AUTH=PLAIN"):
            # Any character, where LOGIN takes ASCII alone.
            client.plain_login(credentials.login, credentials.password)
        elif client.has_capability("LOGINDISABLED"):
            raise MailboxBroken("The server takes no password.", is_final=True)
        else:
            client.login(credentials.login, credentials.password)

    def _search(self, criteria: list[object]) -> list[int]:
        self._spend_anew(_ANSWER)
        with _telling():
            return sorted({int(uid) for uid in self._client.search(criteria)})

    def _ids_of(self, uids: Sequence[int]) -> set[bytes]:
        self._spend_anew(_ANSWER)
        with _telling():
            found = self._client.fetch(uids, ["BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"])
        values = [value for data in found.values() for value in data.values() if isinstance(value, bytes)]
        return {id_ for value in values for id_ in _ID.findall(value)}

    def _batches(self, uids: list[int]) -> Iterator[list[int]]:
        for at in range(0, len(uids), MOST_AT_ONCE):
            some = uids[at : at + MOST_AT_ONCE]
            self._spend_anew(_ANSWER)
            with _telling():
                sizes = self._client.fetch(some, ["RFC822.SIZE"])
            yield from _by_size((uid, sizes[uid].get(b"RFC822.SIZE")) for uid in some if uid in sizes)

    def _spend_anew(self, octets: int) -> None:
        self._connection.left = octets
        self._connection.until = time.monotonic() + _COMMAND_LASTS


class _telling:  # noqa: N801
    """Whatever goes wrong with the server inside is a MailboxBroken."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            raise _told(error) from None


def _told(error: BaseException) -> BaseException:
    if isinstance(error, LoginError):
        # RFC 5530: it is the server that is not well, or somebody else who is in.
        said = _said(error)
        is_passing = any(code in said.upper() for code in ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]"))
        return MailboxBroken(f"The server refused the login: {said}", is_final=not is_passing)
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailboxBroken(f"The server's certificate is not valid: {error.verify_message}.")
    if isinstance(error, TimeoutError):
        return MailboxBroken("The server does not answer.")
    # Garbage makes IMAPClient stumble in many ways: over a missing key, a number that is none, octets that are no text.
    known = (
        IMAPClientError,
        imaplib.IMAP4.error,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    )
    if isinstance(error, known) and not isinstance(error, VizslaError):
        return MailboxBroken(f"The server cannot be understood, or hung up: {_said(error)}")
    return error


def _said(error: BaseException) -> str:
    text = error.args[0] if error.args else ""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return clean(shown.encode("utf-8", "replace"))[:200] or type(error).__name__


def _dial(ip: str, port: int, guard: EgressGuard) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sock = guard.socket_factory((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port)))
    try:
        sock.settimeout(_SECONDS)
        sock.connect((ip, port))
    except OSError as error:
        sock.close()
        raise _told(error) from None
    return sock


def _by_size(sizes: Iterable[tuple[int, object]]) -> Iterator[list[int]]:
    batch, octets = list[int](), 0
    for uid, said in sizes:
        size = min(said, LARGEST_MAIL) if isinstance(said, int) else LARGEST_MAIL
        if batch and octets + size + _OVERHEAD > LARGEST_BATCH:
            yield batch
            batch, octets = [], 0
        batch.append(uid)
        octets += size + _OVERHEAD
    if batch:
        yield batch


def _seconds(at: object) -> int:
    # IMAPClient gives the time of this machine's zone, without a zone.
    try:
        return int(at.astimezone(UTC).timestamp()) if isinstance(at, datetime) else 0
    except (ValueError, OverflowError, OSError):
        return 0
