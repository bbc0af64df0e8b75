"""
What does one worker of the pool do?

It reads a source into a Parquet file, or folds a bucket into one, and leaves a marker. While it reads it says where it is,
in a page of memory that its parent sees: for the progress line, and to know at which page it died.
"""

import gc
import mmap
import os
import resource
import signal
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from struct import Struct
from typing import Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from vizsla.harvest.job import SCHEMA, Options, Report, fold_files, map_file, open_duckdb
from vizsla.harvest.sources import HarvestError, Source

NICENESS = 19
"""Where there is no SCHED_IDLE."""
COLLECTOR = (20_000, 20, 50)
"""A page makes thousands of values and hardly a cycle; Python's own thresholds cost a fifth of reading one with 10,000 addresses."""
STUCK_SECONDS = 20
"""Of CPU time on one page, most of it in native code that no exception reaches: then the worker is killed. Not of wall time, for an idle worker gets next to none on a busy machine."""
ROW_GROUP = 8_192

_BEAT = Struct("<qqqqq")
_SLOT = 64
_IDLE, _RUNNING, _IN_PAGE = 0, 1, 2


class Stopped(Exception):
    """The parent wants no more."""


class Outcome(msgspec.Struct):
    """What came of one source."""

    path: str
    report: Report
    error: str | None = None
    """Why it could not be read, for a person; None when it was."""
    checksum: int | None = None
    """CRC-32 of the file of its rows; None when there is no such file."""
    peak_kib: int = 0
    """The most memory that the worker ever had resident, until then."""


def find_outcome(folder: Path, number: int) -> Outcome | None:
    """
    The outcome of a source that was read before; None when it must be read again.

    Neither marker nor rows are synced to disk, which would cost more than reading a small source does. So after a power cut
    either may be there by name only: the checksum tells.
    """
    try:
        marker = (folder / "done" / f"{number}.json").read_bytes()
        outcome = msgspec.json.decode(marker, type=Outcome, dec_hook=lambda kind, value: kind(value))
        return outcome if outcome.checksum == _checksum(folder / "obs" / f"{number}.parquet") else None
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _checksum(path: Path) -> int | None:
    if not path.exists():
        return None
    value = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            value = zlib.crc32(piece, value)
    return value


class BucketCount(msgspec.Struct, frozen=True):
    """What a folded bucket holds."""

    domains: int = 0
    addresses: int = 0
    sightings: int = 0
    facts: int = 0
    visits: int = 0


class Beat(msgspec.Struct, frozen=True):
    state: int
    number: int
    position: int
    pages: int
    observations: int


class Beats:
    """A file of one slot a source, mapped by the parent and all workers; the first slot tells them to stop."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @classmethod
    def make(cls, path: Path, sources: int) -> Self:
        path.write_bytes(bytes(_SLOT * (sources + 1)))
        return cls(path)

    def write(self, source: int, state: int, number: int, position: int, report: Report) -> None:
        _BEAT.pack_into(self._map, _SLOT * (source + 1), state, number, position, report.pages, report.observations)
        if self._map[0]:
            raise Stopped

    def read(self, source: int) -> Beat:
        return Beat(*_BEAT.unpack_from(self._map, _SLOT * (source + 1)))

    def clear(self, source: int) -> None:
        _BEAT.pack_into(self._map, _SLOT * (source + 1), _IDLE, 0, 0, 0, 0)

    def stop(self) -> None:
        self._map[0] = 1

    def runs(self, source: int) -> bool:
        return self.read(source).state != _IDLE

    def page_of(self, source: int) -> int:
        """The number of the page that *source* was at, -1 for none."""
        beat = self.read(source)
        return beat.number if beat.state == _IN_PAGE else -1


class _Watch:
    def __init__(self, beats: Beats, source: int, crashing: frozenset[int]) -> None:
        self._beats = beats
        self._source = source
        self._crashing = crashing

    def enter_page(self, number: int, position: int, report: Report) -> bool:
        if number in self._crashing:
            return False
        self._beats.write(self._source, _IN_PAGE, number, position, report)
        signal.setitimer(signal.ITIMER_PROF, STUCK_SECONDS)
        return True

    def outside(self, number: int, position: int, report: Report) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._beats.write(self._source, _RUNNING, number, position, report)


def begin_worker() -> None:
    """Make this process a polite and mortal worker."""
    _come_last()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    pa.set_cpu_count(1)
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _come_last() -> None:
    """
    Run only where nobody else wants to: a server on the same machine wakes up at once, not when a time slice ends.

    Beside workers of niceness 10 or 19 the slowest hundredth of its answers took 1.6 times as long, beside idle ones 1.3 times.
    """
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(NICENESS)


def _die_with_parent() -> None:
    # A pool's workers hold the writing end of their own queue, so they would wait for work for ever when it is killed.
    if parent := parent_process():
        wait([parent.sentinel])
        os._exit(1)


def map_source(folder: str, number: int, source: Source, options: Options, crashing: frozenset[int]) -> Outcome:
    """
    Read *source* into `obs/<number>.parquet` and mark it done, but for the captures with numbers in *crashing*.

    What is no archive is done too, with an error. Raises OSError when the machine cannot read or write.
    """
    job = Path(folder)
    outcome = Outcome(source.path, Report())
    watch = _Watch(Beats(job / "tmp" / "beats"), number, crashing)
    watch.outside(0, 0, outcome.report)
    path = job / "obs" / f"{number}.parquet"
    try:
        with _appearing(path) as half:
            for batch in map_file(source, options, outcome.report, watch):
                half.write(batch)
    except HarvestError as error:
        outcome.error = error.details.removeprefix(f"{source.path} ")
        path.unlink(missing_ok=True)
    outcome.checksum = _checksum(path)
    outcome.peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_whole(job / "done" / f"{number}.json", msgspec.json.encode(outcome))
    return outcome


def reduce_files(folder: str, bucket: int) -> None:
    """Fold the rows of *bucket* in all of `obs/` into `out/<bucket>.parquet`, and mark it done."""
    job = Path(folder)
    files = sorted(str(path) for path in (job / "obs").glob("*.parquet"))
    path = job / "out" / f"{bucket}.parquet"
    with _appearing(path) as half:
        for batch in fold_files(files, bucket, str(job / "tmp" / f"duckdb{bucket}")):
            half.write(batch)
    count = _count(path) if path.exists() else BucketCount()
    _sync(path)
    write_whole(path.with_suffix(".json"), msgspec.json.encode(count), synced=True)


def _count(path: Path) -> BucketCount:
    with open_duckdb() as connection:
        row = connection.execute(
            "select count(distinct domain) filter (kind = 0), count(distinct (domain, local)) filter (kind = 0), count(*) filter (kind = 0),"
            " count(*) filter (kind = 1), count(*) filter (kind = 2) from read_parquet(?)",
            [str(path)],
        ).fetchone()
    return BucketCount(*row) if row else BucketCount()


class _HalfWritten:
    """A Parquet file that is made when its first rows come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, SCHEMA, compression="zstd", compression_level=1)
        self._writer.write_batch(batch, row_group_size=ROW_GROUP)

    def close(self) -> bool:
        """Whether there is a file."""
        if self._writer is not None:
            self._writer.close()
        return self._writer is not None


@contextmanager
def _appearing(path: Path) -> Iterator[_HalfWritten]:
    """A Parquet file that stands under *path* only when all of it was written; no file at all if nothing was."""
    half = _HalfWritten(path.with_suffix(f".tmp{os.getpid()}"))
    try:
        yield half
    except BaseException:
        half.close()
        half.path.unlink(missing_ok=True)
        raise
    if half.close():
        half.path.replace(path)


def write_whole(path: Path, content: bytes, *, synced: bool = False) -> None:
    """Write *path* so that it is there whole or not at all; when *synced* after a power cut too."""
    half = path.with_suffix(f".tmp{os.getpid()}")
    half.write_bytes(content)
    if synced:
        _sync(half)
    half.replace(path)


def _sync(path: Path) -> None:
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())
