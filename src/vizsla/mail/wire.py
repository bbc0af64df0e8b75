"""
How do octets get to a mail server and replies back, without ever waiting for long?

A connection that knows which command is in flight (`phase`), so that whoever sees it die knows what the server may have done.
Where it may lead is judged by the egress guard, on the numeric address that is dialled.
"""

import asyncio
import errno
import socket
import ssl
from contextlib import suppress
from typing import Literal, cast

import msgspec

from vizsla.kit.errors import VizslaError
from vizsla.mail.reply import Garbled, Reply, ReplyReader
from vizsla.net.guard import EgressGuard, EgressRefused

Phase = Literal[
    "connect",
    "banner",
    "ehlo",
    "helo",
    "starttls",
    "tls",
    "auth",
    "rset",
    "mail",
    "rcpt",
    "data",
    "body",
    "dot",
    "quit",
]
"""The command in flight. `body`: the server cannot have taken the message. `dot`: it may have, and nobody knows."""
Cause = Literal[
    "timeout", "deadline", "closed", "refused", "unreachable", "egress", "tls", "garbled", "unsolicited", "unsupported"
]
_REFUSED = {errno.ECONNREFUSED, errno.ECONNRESET}


class Limits(msgspec.Struct, frozen=True):
    """Seconds that we wait. Well under RFC 5321 4.5.3.2: a probe may give up and say so, a delivery brings its own."""

    connect: float = 10.0
    banner: float = 15.0
    reply: float = 15.0
    """For a whole reply, however it drips."""
    dialog: float = 120.0
    """For everything from connecting to QUIT."""
    dot: float = 600.0
    """After the final dot: RFC 5321 4.5.3.2.6. Giving up early is how messages are sent twice."""


class DialogBroken(VizslaError):
    """The SMTP dialog did not come to its end."""

    id = "smtp_dialog"

    def __init__(self, phase: Phase, cause: Cause, details: str = "") -> None:
        self.phase = phase
        self.cause = cause
        super().__init__(f"{cause} at {phase}" + (f": {details}" if details else ""))


class Wire(asyncio.Protocol):
    """One TCP connection. A single task uses it; it must end with `close` or `abort`."""

    def __init__(self, deadline: float) -> None:
        self.phase: Phase = "connect"
        self.secure = False
        self._loop = asyncio.get_running_loop()
        self._deadline = deadline
        self._reader = ReplyReader()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended: tuple[Cause, str] | None = None
        self._writable = True

    # What the event loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are transports without being asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)
        # So that drain() means what it says.
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            self._reader.feed(data)
        except Garbled as error:
            self._end("garbled", str(error))
            return
        if len(self._reader):
            self._wake()

    def eof_received(self) -> None:
        self._end("closed", "")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("closed", str(exc or ""))

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    # What the dialog asks of us

    @property
    def ended(self) -> bool:
        """Whether nothing more can come. Replies that came before the end can still be read."""
        return self._ended is not None

    @property
    def local_ip(self) -> str:
        """The address that we sent from; empty once the connection is gone."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        return str(name[0]) if name else ""

    async def read(self, phase: Phase, seconds: float) -> Reply:
        """The reply to *phase*. Raises DialogBroken; the wire is of no use after that."""
        self.phase = phase
        # Until the next reply is complete: what drips an octet a second is as slow as what is silent.
        until = min(self._loop.time() + seconds, self._deadline)
        while not len(self._reader):
            if self._ended:
                raise DialogBroken(phase, *self._ended)
            await self._wait(until)
        return self._reader.take()

    def write(self, phase: Phase, octets: bytes) -> None:
        """Send a command, or a group of them (RFC 2920). Raises DialogBroken if the server talked out of turn."""
        self.phase = phase
        if goodbye := self.check_quiet():
            raise DialogBroken(phase, "closed", f"421 {goodbye}")
        if self._ended or self._transport is None:
            raise DialogBroken(phase, *(self._ended or ("closed", "")))
        self._transport.write(octets)

    def check_quiet(self) -> str:
        """
        Raises DialogBroken if the server said more than it was asked: nobody can tell which reply was meant for what.

        RFC 5321 3.8: a server that shuts down may say so at any moment. What it says then, if it did.
        """
        if self._reader.idle:
            return ""
        if len(self._reader) and (early := self._reader.peek()).code == 421:
            return early.text or "closing"
        raise self._broken("unsolicited", "the server spoke before it was asked")

    async def drain(self, seconds: float) -> None:
        """Wait until all that was written has been given to the kernel."""
        until = min(self._loop.time() + seconds, self._deadline)
        while not self._writable:
            if self._ended:
                raise DialogBroken(self.phase, *self._ended)
            await self._wait(until)

    def extend(self, seconds: float) -> None:
        """Let the dialog last *seconds* from now, for a message has left and its answer must be heard."""
        self._deadline = max(self._deadline, self._loop.time() + seconds)

    async def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Go on under TLS. Whatever came in clear text after the server's 220 is dropped."""
        assert self._transport is not None
        self.phase = "tls"
        if self._ended:
            raise DialogBroken("tls", *self._ended)
        self._reader.clear()
        # Its own time-out, for a handshake that is cancelled leaves its transport open; the one round it is for a connection
        # that was lost just now, which it does not see.
        left = max(0.01, min(seconds, self._deadline - self._loop.time()))
        try:
            async with asyncio.timeout(left + 1):
                transport = await self._loop.start_tls(
                    self._transport,
                    self,
                    context,
                    server_hostname=host or None,
                    ssl_handshake_timeout=left,
                    ssl_shutdown_timeout=1.0,
                )
        except (ConnectionAbortedError, TimeoutError):
            raise self._broken("timeout", "TLS handshake") from None
        except (ssl.SSLError, OSError, ValueError) as error:
            raise self._broken("tls", str(error)[:200]) from None
        if transport is None:
            raise DialogBroken("tls", "closed")
        # One octet, not none: sslproto pauses at its limit where plain transports pause beyond it, so that with 0 an empty
        # buffer is full at every other write, and drain() waits for ever.
        transport.set_write_buffer_limits(high=1)
        self._transport, self._writable = transport, True
        self.secure = True

    def close(self, farewell: bytes = b"") -> None:
        """Hang up after *farewell*, without waiting: nothing depends on the answer."""
        if self._transport is not None and not self._transport.is_closing():
            if farewell and not self._ended:
                self._transport.write(farewell)
            self._end("closed", "")
            self._transport.close()
            # close() waits for the peer to take what is buffered; a peer that takes nothing shall not hold the socket.
            self._loop.call_later(5.0, self._transport.abort)

    async def leave(self, farewell: bytes, seconds: float) -> None:
        """Say *farewell* and hang up once the server has, or after *seconds*."""
        if self._transport is not None and not self._ended:
            self._transport.write(farewell)
            until = self._loop.time() + seconds
            while not self._ended and self._loop.time() < until:
                self._waiter = waiter = self._loop.create_future()
                timer = self._loop.call_at(until, self._wake)
                try:
                    await waiter
                finally:
                    timer.cancel()
                    self._waiter = None
        self.close()

    def abort(self) -> None:
        self._end("closed", "")
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, until: float) -> None:
        self._waiter = waiter = self._loop.create_future()
        timer = self._loop.call_at(until, self._wake)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        if self._loop.time() >= until and not len(self._reader) and not self._ended:
            raise self._broken("deadline" if until >= self._deadline else "timeout", "")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _broken(self, cause: Cause, details: str) -> DialogBroken:
        self._end(cause, details)
        self.abort()
        return DialogBroken(self.phase, cause, details)

    def _end(self, cause: Cause, details: str) -> None:
        if self._ended is None:
            self._ended = (cause, details)
            if cause == "garbled" and self._transport is not None:
                # Here and now: a server that sends at full speed must not fill our memory while nobody reads.
                self._transport.abort()
        self._wake()


async def connect(ip: str, port: int, *, guard: EgressGuard, bind: str = "", limits: Limits | None = None) -> Wire:
    """A connection to *ip*, a numeric address, from the local address *bind*. Raises DialogBroken."""
    limits = limits or Limits()
    loop = asyncio.get_running_loop()
    wire = Wire(loop.time() + limits.dialog)
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    if bind and (":" in bind) != (":" in ip):
        raise DialogBroken("connect", "egress", f"VIZSLA_EGRESS_BIND is {bind}, and {ip} is of the other family")
    try:
        sock = guard.socket_factory((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port)))
    except EgressRefused as error:
        raise DialogBroken("connect", "egress", error.details) from None
    try:
        sock.setblocking(False)
        if bind:
            _bind(sock, bind)
        async with asyncio.timeout(min(limits.connect, limits.dialog)):
            await loop.sock_connect(sock, (ip, port))
        await loop.create_connection(lambda: wire, sock=sock)
    except TimeoutError:
        sock.close()
        raise DialogBroken("connect", "timeout") from None
    except OSError as error:
        sock.close()
        raise DialogBroken(
            "connect", "refused" if error.errno in _REFUSED else "unreachable", error.strerror or str(error)
        ) from None
    except BaseException:
        # Cancelled, or not ours to bind: the transport, if there is one by now, owns the socket.
        wire.abort()
        with suppress(OSError):
            sock.close()
        raise
    wire.phase = "banner"
    return wire


def _bind(sock: socket.socket, ip: str) -> None:
    try:
        sock.bind((ip, 0))
    except OSError as error:
        raise DialogBroken(
            "connect", "egress", f"cannot send from {ip} (VIZSLA_EGRESS_BIND): {error.strerror}"
        ) from None
