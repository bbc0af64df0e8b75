"""
How do the records of a plan get here, each once?

Range by range, a few at a time; what came of a range is a file that appears whole. When all of a piece is here it becomes one
WARC file, records as they were, for the harvest to read.
"""

import asyncio
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from vizsla.commoncrawl.archive import CONNECTIONS, Archive
from vizsla.commoncrawl.asking import NotRead, error_of_server
from vizsla.commoncrawl.listed import Listed
from vizsla.commoncrawl.plan import Plan
from vizsla.commoncrawl.ranges import Range, join_ranges, judge_record, records_in
from vizsla.harvest.folder import write_whole
from vizsla.kit.errors import VizslaError

MOST_FAILURES = 5
"""Ranges in a row that fail before the server is taken to be unable or unwilling."""
_OF_THE_FILE = frozenset({"missing", "no_such_file", "record_cut"})
"""Reasons that say nothing of the server: a mirror may hold a part of the crawl, and a row may be wrong."""
Progress = Callable[[int, int], None]


class Fetched(msgspec.Struct):
    """What was fetched so far, in this process."""

    records: int = 0
    bytes: int = 0
    """As they were asked for, the gaps between them included."""
    ranges: int = 0
    failed: Counter[str] = msgspec.field(default_factory=Counter)
    """Records that could not be had, by reason."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a plan whose records are here."""

    number: int
    path: Path | None
    """The WARC file; None if none of its records could be had."""


async def fetch_plan(
    plan: Plan, archive: Archive, fetched: Fetched, *, prefix: Path, progress: Progress
) -> AsyncGenerator[Piece]:
    """
    The pieces of *plan* that are not in the index, as they come, in files whose names begin with *prefix*.

    Raises CommonCrawlError, OSError.
    """
    total, done = plan.size().bytes, 0
    for number, rows in plan.pieces():
        size = sum(row.length for row in rows)
        if not plan.is_read(number):
            fetching = _Fetching(plan.folder / "parts" / str(number), archive, fetched)

            def show(bytes_done: int, before: int = done) -> None:
                progress(before + bytes_done, total)

            yield Piece(number, await fetching.run(rows, _path_for(prefix, rows), show))
        done += size
        progress(done, total)


def _path_for(prefix: Path, rows: Sequence[Listed]) -> Path:
    # Named after what is in it: the same question may be asked again later, and come to other records.
    places = msgspec.json.encode([(row.filename, row.offset, row.length) for row in rows])
    return prefix.with_name(f"{prefix.name}-{hashlib.blake2b(places, digest_size=6).hexdigest()}.warc.gz")


class _Fetching:
    def __init__(self, folder: Path, archive: Archive, fetched: Fetched) -> None:
        self._folder = folder
        self._archive = archive
        self._fetched = fetched
        self._in_a_row = 0
        self._trouble: Exception | None = None

    async def run(self, rows: Sequence[Listed], target: Path, show: Callable[[int], None]) -> Path | None:
        if await asyncio.to_thread(self._is_joined, target):
            return target
        waiting = iter(list(enumerate(join_ranges(rows))))
        self._done, self._show = 0, show
        workers = [asyncio.ensure_future(self._work(waiting)) for _ in range(CONNECTIONS)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if self._trouble is not None:
            raise self._trouble
        return await asyncio.to_thread(self._join, target)

    def _is_joined(self, target: Path) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        return target.exists()

    async def _work(self, waiting: Iterator[tuple[int, Range]]) -> None:
        for number, part in waiting:
            path = self._folder / str(number)
            try:
                if not path.exists():
                    await self._fetch(part, path)
            except (VizslaError, OSError) as trouble:
                # The others keep what is on its way to them, and then end.
                self._trouble = self._trouble or trouble
            if self._trouble is not None:
                return
            self._done += sum(row.length for row in part.rows)
            self._show(self._done)

    async def _fetch(self, part: Range, path: Path) -> None:
        try:
            data = await self._archive.read(part.filename, part.start, part.length)
        except NotRead as error:
            self._fetched.failed[error.reason] += len(part.rows)
            self._in_a_row += error.reason not in _OF_THE_FILE
            if self._in_a_row >= MOST_FAILURES:
                raise error_of_server(
                    f"{self._in_a_row} times in a row nothing could be had: {error.details}."
                ) from None
            return  # and nothing is written: the next run tries again
        self._in_a_row = 0
        self._fetched.ranges += 1
        self._fetched.bytes += len(data)
        await asyncio.to_thread(self._keep, part, data, path)

    def _keep(self, part: Range, data: bytes, path: Path) -> None:
        good = []
        for row, record in records_in(part, data):
            if reason := judge_record(row, record):
                self._fetched.failed[reason] += 1
            else:
                good.append(record)
        self._fetched.records += len(good)
        write_whole(path, b"".join(good))

    def _join(self, target: Path) -> Path | None:
        """One file of all parts; None if there is nothing in them."""
        parts = sorted(
            (path for path in self._folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name)
        )
        if any(path.stat().st_size for path in parts):
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_name(f"{target.name}.{os.getpid()}.partial")
            try:
                with half.open("wb") as out:
                    for path in parts:
                        with path.open("rb") as source:
                            shutil.copyfileobj(source, out)
                    out.flush()
                    os.fsync(out.fileno())
                half.replace(target)
            finally:
                half.unlink(missing_ok=True)
        with suppress(OSError):
            shutil.rmtree(self._folder)
        return target if target.exists() else None
