"""
How does a large file get here whole?

It is written beside its place and moved there when all of it has come, so a file that is there is complete. What has come of
it before a connection broke, or before this process died, is kept and the rest asked for (RFC 9110 14, with the validator
that the first answer gave: the rest of another file must not be glued to it).
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from vizsla.net.http import FetchError, HttpClient, Stream
from vizsla.net.retry_after import retry_after

STALL = 60.0
"""Seconds without a byte after which a connection is given up."""
TRIES, PAUSE = 4, 0.5
"""How often, and after how many seconds the second time; twice as many each time after."""
_PASSING = frozenset({"timeout", "broken", "unreachable"})
Progress = Callable[[int, int], None]


async def download(
    client: HttpClient,
    url: str,
    path: Path,
    *,
    progress: Progress = lambda done, total: None,
    stall: float = STALL,
    pause: float = PAUSE,
) -> None:
    """
    Bring *url* to *path*; *progress* is told of bytes done and in all (0: not said). What is there is not fetched again.

    Raises FetchError, EgressRefused, OSError.
    """
    part = _Part(path)
    if part.is_whole():
        return
    for attempt in range(TRIES):
        try:
            await _fetch_rest(client, url, part, progress, stall)
            break
        except FetchError as error:
            if error.reason not in _PASSING or attempt == TRIES - 1:
                raise FetchError(
                    error.reason, f"{url}: {error.details}", status=error.status, retry_after=error.retry_after
                ) from None
            await asyncio.sleep(pause * 2**attempt)
    part.finish()


async def _fetch_rest(client: HttpClient, url: str, part: "_Part", progress: Progress, stall: float) -> None:
    have, validator = part.find(url)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    async with client.stream(url, headers=headers, stall=stall) as answer:
        if answer.status == 416 and answer.header("Content-Range") == f"bytes */{have}":
            return  # all of it had come when the connection broke
        if answer.status not in (200, 206):
            wait = retry_after(answer.header("Retry-After"), int(time.time())) if answer.status in (429, 503) else None
            raise FetchError("status", f"the server answered {answer.status}", status=answer.status, retry_after=wait)
        if answer.status == 200:
            have = 0
        elif not answer.header("Content-Range").startswith(f"bytes {have}-"):
            raise FetchError("status", "the server sent another part than the one that was asked for")
        length = answer.header("Content-Length")
        total = have + int(length) if length.isdigit() else 0
        with part.open(have, url, answer) as file:
            async for piece in answer.pieces():
                file.write(piece)
                have += len(piece)
                progress(have, total)
    if total and have != total:
        raise FetchError("broken", f"{have:,} of {total:,} bytes came")


class _Note(msgspec.Struct):
    """Of what file a part is here."""

    url: str
    validator: str


class _Part:
    """What has come of a file so far: `<name>.part`, and of what, `<name>.part.json`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")

    def is_whole(self) -> bool:
        """Whether nothing is left to do."""
        return self._path.exists()

    def find(self, url: str) -> tuple[int, str]:
        """How many bytes of *url* are here, and their validator."""
        try:
            note = msgspec.json.decode(self._note.read_bytes(), type=_Note)
            return (self._part.stat().st_size, note.validator) if note.url == url else (0, "")
        except (FileNotFoundError, msgspec.DecodeError):
            return 0, ""

    def open(self, at: int, url: str, answer: Stream) -> BinaryIO:
        """To write from byte *at* on what *answer* brings."""
        self._part.parent.mkdir(parents=True, exist_ok=True)
        if at == 0:
            validator = answer.header("ETag") or answer.header("Last-Modified")
            # A weak validator does not vouch for bytes (RFC 9110 13.1.5): such a file is always begun again.
            if validator and not validator.startswith("W/"):
                self._note.write_bytes(msgspec.json.encode(_Note(url, validator)))
            else:
                self._note.unlink(missing_ok=True)
        file = self._part.open("r+b" if at else "wb")
        file.seek(at)
        return file

    def finish(self) -> None:
        """All of it is here."""
        self._part.replace(self._path)
        self._note.unlink(missing_ok=True)
