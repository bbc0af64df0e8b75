"""
How long may a client take to say what it wants, and how much may it say?

uvicorn waits for ever for the rest of a request, and for an answer to be read, so that a few hundred sockets hold a server's
memory and its descriptors for as long as they like. Here a request's head and body have a deadline and a largest size each,
an answer has a deadline, and whatever is refused before the app sees it is refused in the API's own words.
"""

from asyncio import TimerHandle
from functools import partial
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from vizsla.api.door import ANSWER
from vizsla.api.errors import render_error

LINGER = 2.0
"""Seconds that a refused client may take to read why."""


class Stop(msgspec.Struct):
    """Whether the server is about to end: from then on it is not ready, and each answer ends its connection."""

    is_near: bool = False


class Patience(msgspec.Struct, frozen=True):
    """What one connection may cost."""

    head: float = 10.0
    """Seconds from the connection, or from the first byte of a request, to the end of its headers."""
    body: float = 30.0
    """Seconds from the end of the headers to the end of the body."""
    answer: float = 60.0
    """Seconds in which an answer must be read once the system's own buffers are full."""
    largest_head: int = 32_768
    largest_url: int = 16_384
    most_headers: int = 100
    largest_body: int = 20_000_000
    """Bytes of a body, with its chunks' sizes and trailers, that are read at all, wanted by the app or not."""


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with deadlines and bounds."""

    patience = Patience()
    stop = Stop()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: TimerHandle | None = None
        self._stalled: TimerHandle | None = None
        self._waits_for: str | None = "head"
        self._head_size = 0
        self._body_size = 0
        self._refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Writing is paused as soon as the system takes no more: what waits in memory is one answer, and its clock runs.
        transport.set_write_buffer_limits(high=0)
        self._arm(self.patience.head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self.resume_writing()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to stay: a client that has said everything may still listen (`nc -N`)."""
        cycle = self.cycle
        if self._refused or self._waits_for is not None or cycle is None or cycle.response_complete:
            return False
        cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.patience.answer, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._body_size += len(data)
            if self._body_size > self.patience.largest_body:
                self.transport.close()
            return
        before = self._waits_for
        if before == "body":
            self._body_size += len(data)
            if self._body_size > self.patience.largest_body:
                self._refuse("payload_too_large", "The body is larger than 1 MB.")
                return
        else:
            self._head_size += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._waits_for == "head" and self._head_size > self.patience.largest_head:
            self._refuse("headers_too_large", "The headers are too large.")
        elif self._waits_for is None and self.cycle.response_complete:
            # Blank lines after an answer, or a body that came after it, have stopped the clock of idle connections.
            self._waits_for = "head"
            self._arm(self.patience.head)
        elif self._waits_for is None:
            # The usual case: a whole request in one piece, and no timer was needed.
            if self._deadline is not None:
                self._disarm()
        elif self._waits_for != before or self._deadline is None:
            self._arm(self.patience.head if self._waits_for == "head" else self.patience.body)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waits_for = "head"
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.patience.largest_url:
            self._refuse("uri_too_long", "The address is too long.")

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        if len(self.headers) > self.patience.most_headers or self._is_head_too_large():
            self._refuse("headers_too_large", "The headers are too large or too many.")
            return
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            # RFC 9112 3.2.
            self._refuse("bad_request", "An HTTP/1.1 request has one Host header.")
            return
        self._waits_for = "body"
        self._head_size = 0
        before = self.cycle
        # uvicorn starts the app in a task of its own, not before this returns: what is added here is there in time.
        super().on_headers_complete()
        # Trailers go nowhere: a key or a length after the body is no header (RFC 9110 6.5.1).
        self.headers = []
        if self.cycle is not before:
            if self.stop.is_near:
                self.cycle.keep_alive = False
            if self.scope["method"] not in ("GET", "HEAD"):
                self.cycle.transport = _Lingering(self)  # type: ignore[assignment]
            self.scope["extensions"] = {ANSWER: partial(_write_answer, self.cycle)}  # type: ignore[dict-item]

    def _is_head_too_large(self) -> bool:
        if self._head_size <= self.patience.largest_head:
            return False
        # More came in than a head may have; a body may be among it.
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        return size > self.patience.largest_head

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._waits_for = None
        self._head_size = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse("bad_request", "This is not a valid HTTP request.")

    def _unsupported_upgrade_warning(self) -> None:
        """An Upgrade is ignored, as RFC 9110 7.8 allows: nothing to warn of."""

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing() or self._waits_for is None:
            return
        if self._head_size == 0 and self._waits_for == "head":
            self.transport.close()  # nothing was said: nothing is answered
        else:
            self._refuse("request_timeout", "The request did not arrive in time.")

    def _refuse(self, id_: str, details: str) -> None:
        """Answer what is not answered yet, and close."""
        if self._refused:
            return
        self._refused = True
        self._disarm()
        cycle = self.cycle
        unanswered = cycle is not None and not cycle.response_complete
        is_answered = cycle is not None and (cycle.response_started if unanswered else self._waits_for == "body")
        if unanswered:
            # The app is told that its client is gone; what it may still say goes nowhere.
            cycle.disconnected = True
            cycle.message_event.set()
        if is_answered or self.pipeline:
            self.transport.close()
            return
        status, body = render_error(id_, details)
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.linger()

    def linger(self) -> None:
        """Close for writing, and for reading in a moment: a close while a client still sends would lose it the answer."""
        self._refused = True
        self._body_size = 0
        self._disarm()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER, self.transport.close)

    @property
    def is_reading_body(self) -> bool:
        """Whether the client has not sent all of its request."""
        return self._waits_for == "body"


def _write_answer(cycle: RequestResponseCycle, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
    """
    Write a whole answer at once; False if that cannot be done now, and the usual way must be gone.

    *headers* are the app's own, names in lower case, content-length among them: nothing is checked again. One write instead
    of two is one packet instead of two, and 8 us of the 20 that a server's hello takes.
    """
    # This very function, bound to the cycle, is in its scope: left there, each request would be garbage that only a collection
    # finds, and a collection is a stall of 50 ms for all who wait.
    del cycle.scope["extensions"]
    if cycle.response_started or cycle.disconnected or cycle.flow.write_paused or cycle.scope["method"] == "HEAD":
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    parts = [STATUS_LINE[status]]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    parts.append(body)
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


class _Lingering:
    """The transport as an answer to a request with a body sees it: it closes once the body is read."""

    def __init__(self, protocol: PatientProtocol) -> None:
        self._protocol = protocol
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        if self._protocol.is_reading_body and not self.is_closing():
            self._protocol.linger()
        else:
            self._protocol.transport.close()


def patient(patience: Patience, stop: Stop) -> type[PatientProtocol]:
    """The protocol with bounds of one's own, of a server that ends when *stop* says so."""
    return type("PatientProtocol", (PatientProtocol,), {"patience": patience, "stop": stop})
