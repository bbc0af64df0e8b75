"""
How is a server that serves everybody asked?

For a part of a file or for lines, again after a while when it is busy, as late as it says; not at all once it says no.
Every answer is bounded by what was asked for.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from vizsla.commoncrawl.listed import CommonCrawlError
from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, HttpClient, Stream
from vizsla.net.retry_after import retry_after

T = TypeVar("T")
TRIES = 4
PAUSE = 1.0
"""Seconds before the second try of what failed in passing; twice as many each time after."""
LONGEST_WAIT = 120.0
"""Seconds of a Retry-After that are waited for; who wants more is to be asked another day."""
STALL, SLOWEST = 30.0, 10_000
"""Seconds without a byte, and bytes a second of a whole answer, below which one is given up."""
MAX_LINE = 16 << 10
_PASSING = frozenset({"timeout", "broken", "unreachable", "tls"})
_PASSING_STATUS = frozenset({500, 502, 504})
_BUSY = frozenset({429, 503})


class NotRead(CommonCrawlError):
    """A file, or a part of one, could not be had; others may be."""

    def __init__(self, reason: str, details: str = "") -> None:
        self.reason = reason
        super().__init__(details or reason)


class LeftAlone(CommonCrawlError):
    """The server wants to be left alone."""


class _Again(Exception):
    def __init__(self, error: CommonCrawlError, seconds: float | None = None) -> None:
        self.error = error
        self.seconds = seconds


def error_of_server(details: str) -> CommonCrawlError:
    """An error that ends the whole work."""
    return CommonCrawlError(f"{details} What was fetched is kept; the same command goes on from there.")


class Asking:
    """Asks one server. Once it has said that it wants to be left alone, nothing more is asked."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._ready = 0.0
        self._refusal: LeftAlone | None = None

    async def part_of(self, url: str, wanted: str, start: int, length: int) -> tuple[bytes, int]:
        """The bytes that the Range *wanted* names, and the size of the whole file."""
        headers = {"Range": wanted, "Accept": "*/*", "Accept-Encoding": "identity"}
        return await self._repeated(lambda: self._part(url, headers, start, length))

    async def _part(self, url: str, headers: dict[str, str], start: int, length: int) -> tuple[bytes, int]:
        async with (
            asyncio.timeout(STALL + length / SLOWEST),
            self._client.stream(url, headers=headers, stall=STALL) as answer,
        ):
            if answer.status == 416:
                raise NotRead("record_cut", f"{url} ends before {start:,}")
            _judge(answer, url)
            if answer.status == 206:
                first, total = _content_range(answer.header("Content-Range"))
            else:
                size = answer.header("Content-Length")
                first, total = 0, int(size) if size.isdecimal() else 0
            if first != start:
                # The whole file, from its beginning, is a gigabyte for a page.
                raise NotRead("range_ignored", f"{url}: the server does not send the part that is asked for.")
            data = bytearray()
            async for piece in answer.pieces():
                data += piece
                if len(data) >= length:
                    break
        expected = min(length, total - start) if total else length
        if len(data) < expected:
            raise _Again(NotRead("record_cut", f"{url}: {len(data):,} of {expected:,} bytes came"), None)
        return bytes(data[:length]), total

    async def lines(self, url: str, *, most_bytes: int, dropped: Counter[str]) -> AsyncIterator[bytes]:
        """The lines of a page of text; none when there is no such page. Longer ones, and what is beyond the limit, are counted."""
        for line in await self._repeated(lambda: self._lines(url, most_bytes, dropped)):
            yield line

    async def _lines(self, url: str, most_bytes: int, dropped: Counter[str]) -> list[bytes]:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        data = bytearray()
        async with (
            asyncio.timeout(STALL + most_bytes / SLOWEST),
            self._client.stream(url, headers=headers, stall=STALL) as answer,
        ):
            if answer.status == 404:
                return []
            _judge(answer, url)
            async for piece in answer.pieces():
                data += piece
                if len(data) > most_bytes:
                    dropped["index_page_cut"] += 1
                    break
        lines = bytes(data[:most_bytes]).split(b"\n")
        if len(data) > most_bytes:
            lines.pop()  # half a line
        kept = [line for line in lines if 0 < len(line) <= MAX_LINE]
        if too_long := sum(len(line) > MAX_LINE for line in lines):
            dropped["index_row_broken"] += too_long
        return kept

    async def patiently(self, ask: Callable[[], Awaitable[None]]) -> None:
        """*ask* for a whole file."""
        await self._repeated(ask)

    async def _repeated(self, ask: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(TRIES):
            await asyncio.sleep(max(0.0, self._ready - time.monotonic()))
            if self._refusal is not None:
                raise self._refusal
            try:
                return await ask()
            except _Again as again:
                error, wait = again.error, again.seconds
            except TimeoutError:
                error, wait = NotRead("timeout", "the answer came too slowly"), None
            except EgressRefused:
                raise
            except FetchError as failed:
                error, wait = NotRead(_reason(failed.status) or failed.reason, failed.details), None
                if failed.status in _BUSY:
                    wait = failed.retry_after
                elif failed.reason not in _PASSING:
                    raise error from None
            if wait is not None and wait > LONGEST_WAIT:
                self._refusal = LeftAlone(
                    f"The server asks to be left alone for {wait:,.0f} seconds. What was fetched is kept; run it again then."
                )
                raise self._refusal
            if attempt == TRIES - 1:
                raise error
            if wait is None:
                await asyncio.sleep(PAUSE * 2**attempt)
            else:
                # Whoever else asks this server waits as well.
                self._ready = max(self._ready, time.monotonic() + wait)
        raise AssertionError


def _judge(answer: Stream, url: str) -> None:
    status = answer.status
    if status in (200, 206):
        return
    if status in _BUSY:
        wait = retry_after(answer.header("Retry-After"), int(time.time()))
        raise _Again(NotRead(f"status_{status}", f"{url}: the server is busy"), wait)
    error = NotRead(_reason(status), f"{url}: the server answered {status}")
    raise _Again(error) if status in _PASSING_STATUS else error


def _reason(status: int) -> str:
    """What an answer is counted under; empty if there was none."""
    return "missing" if status in (404, 410) else f"status_{status}" if status else ""


def _content_range(text: str) -> tuple[int, int]:
    """The first byte and the size of the whole (0: not said) in `bytes 10-19/100`."""
    span, _, total = text.removeprefix("bytes ").partition("/")
    first = span.partition("-")[0]
    return (int(first) if first.isdecimal() else -1), (int(total) if total.isdecimal() else 0)
