"""
What does a harvest leave on disk while it goes on, whichever engine runs it?

A job is a folder, `$VIZSLA_HOME/harvest/<id>`, named after what it reads:

    job.json            sources and options
    obs/<n>.parquet     rows of the n-th source        done/<n>.json   that source is finished, with its counts
    out/<b>.parquet     folded rows of a bucket        merged/<b>      that bucket is in the index

Each appears under its name only when it is whole (written beside it, then renamed), so after `kill -9` the next run with
the same sources goes on with what has no marker, and ends with the same rows. Who runs it is no part of the name: what one
engine began, the other may finish.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from vizsla import __version__
from vizsla.harvest.job import SCHEMA, Options, Report
from vizsla.harvest.sources import HarvestError, Source, find_sources

MERGE_ROWS = 32_768
ROW_GROUP = 8_192
BYTES_A_BUCKET = 4 << 30
"""Of archives. Their rows, unpacked, stay well below the memory that one worker folds in."""
LEAST_BUCKETS, MOST_BUCKETS = 4, 4_096

_HALF = f".tmp{platform.node()}."
"""With the process's number it is nobody else's, where machines share the folder too."""


class Progress(msgspec.Struct, frozen=True):
    """How far a harvest is."""

    stage: str
    """`reading`, then `folding`."""
    done: int
    total: int
    """Sources, then buckets."""
    bytes_done: int = 0
    bytes_total: int = 0
    """Of source files; compressed where they are."""
    pages: int = 0
    addresses: int = 0
    """While reading: observations so far; the same address on the same page counts once for each capture."""


class FileReport(msgspec.Struct, frozen=True):
    """A source that could not be read."""

    path: str
    reason: str


class Manifest(msgspec.Struct, frozen=True):
    """What a finished job read, found and left out."""

    folder: str
    """The job's folder; `reduced_buckets` reads it."""
    sources: int
    bytes: int
    pages: int
    pages_read: int
    visits: int
    addresses: int
    """Distinct ones."""
    sightings: int
    """Distinct (address, URI) pairs."""
    domains: int
    """Distinct ones of those addresses."""
    facts: int
    bytes_read: int
    seconds: float
    """Of this run."""
    peak_kib: int
    """The most memory that a worker had resident."""
    resumed: int
    """Sources that an earlier run had finished."""
    dropped: dict[str, int] = {}
    bad: list[FileReport] = []


class Engine(Protocol):
    """Reads everything under *paths*, or what an earlier run left over, and folds it."""

    def __call__(
        self, paths: Sequence[str], home: Path, *, decode_protected: bool, progress: Callable[[Progress], None]
    ) -> Manifest: ...


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


class BucketCount(msgspec.Struct, frozen=True):
    """What a folded bucket holds."""

    domains: int = 0
    addresses: int = 0
    sightings: int = 0
    facts: int = 0
    visits: int = 0


class _Identity(msgspec.Struct, frozen=True):
    """What makes a job this job and no other."""

    sources: list[Source]
    options: Options
    version: str


class Job:
    """A harvest and its folder, held by this process alone."""

    def __init__(self, folder: Path, sources: list[Source], options: Options) -> None:
        self.folder = folder
        self.sources = sources
        self.options = options
        self.size = sum(source.size for source in sources)
        self.finished: dict[int, Outcome] = {}
        """By the number of the source."""
        self.look_again()
        self._resumed = len(self.finished)
        self._begun = time.monotonic()

    def look_again(self) -> None:
        """Take in what others have finished since."""
        found = ((number, find_outcome(self.folder, number)) for number in self.unread())
        self.finished.update((number, outcome) for number, outcome in found if outcome is not None)

    def unread(self) -> list[int]:
        """The numbers of the sources that are not finished."""
        return [number for number in range(len(self.sources)) if number not in self.finished]

    def unfolded(self) -> list[int]:
        """The buckets that are not folded."""
        folded = {int(path.stem) for path in (self.folder / "out").glob("*.json")}
        return [bucket for bucket in range(self.options.buckets) if bucket not in folded]

    def give_up(self, number: int, reason: str) -> None:
        """Finish a source without its rows; it is listed with *reason*, a sentence without its subject."""
        self.finished[number] = give_up(self.folder, number, self.sources[number], reason)

    def reading(self, *, done: int = 0, bytes_running: int = 0, pages: int = 0, addresses: int = 0) -> Progress:
        """How far the reading is, when those sources that are not known to be finished are at these counts."""
        return Progress(
            stage="reading",
            done=len(self.finished) + done,
            total=len(self.sources),
            bytes_done=sum(self.sources[number].size for number in self.finished) + bytes_running,
            bytes_total=self.size,
            pages=sum(outcome.report.pages for outcome in self.finished.values()) + pages,
            addresses=sum(outcome.report.observations for outcome in self.finished.values()) + addresses,
        )

    def manifest(self) -> Manifest:
        """The whole job, when all is read and folded."""
        outcomes = [self.finished[number] for number in range(len(self.sources))]
        paths = (self.folder / "out").glob("*.json")
        counts = [msgspec.json.decode(path.read_bytes(), type=BucketCount) for path in paths]
        total = Report()
        for outcome in outcomes:
            total.add(outcome.report)
        return Manifest(
            folder=str(self.folder),
            sources=len(self.sources),
            bytes=self.size,
            pages=total.pages,
            pages_read=total.pages_read,
            visits=total.visits,
            addresses=sum(count.addresses for count in counts),
            sightings=sum(count.sightings for count in counts),
            domains=sum(count.domains for count in counts),
            facts=sum(count.facts for count in counts),
            bytes_read=total.bytes_read,
            seconds=time.monotonic() - self._begun,
            peak_kib=max(outcome.peak_kib for outcome in outcomes),
            resumed=self._resumed,
            dropped=dict(sorted(total.dropped.items())),
            bad=[FileReport(o.path, o.error) for o in outcomes if o.error],
        )


@contextmanager
def open_job(paths: Sequence[str], root: Path, *, decode_protected: bool) -> Iterator[Job]:
    """
    The job that reads everything under *paths*, new or begun before, in its folder of *root*.

    Raises HarvestError when there is nothing to read, or another process has the same job.
    """
    sources = find_sources(paths)
    size = sum(source.size for source in sources)
    options = Options(decode_protected, min(max(LEAST_BUCKETS, size // BYTES_A_BUCKET), MOST_BUCKETS))
    content = msgspec.json.encode(_Identity(sources, options, __version__))
    folder = root / hashlib.blake2b(content, digest_size=10).hexdigest()
    for name in ("obs", "done", "out", "merged", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        _sweep(folder)
        write_whole(folder / "job.json", content)
        yield Job(folder, sources, options)


def reduced_buckets(manifest: Manifest) -> Iterator[pa.RecordBatch]:
    """
    The folded rows of a finished job, in batches that `job.read_rows` understands, without the buckets merged before.

    A bucket counts as merged when the batch after it is asked for, so commit what came before asking. After the last one
    the job's folder is removed. Whoever stops half-way gets the open bucket again, whole: merging is idempotent.
    """
    folder = Path(manifest.folder)
    with _alone(folder):
        for path in sorted((folder / "out").glob("*.parquet")):
            marker = folder / "merged" / path.stem
            if not marker.exists():
                with pq.ParquetFile(path) as file:
                    yield from file.iter_batches(MERGE_ROWS)
                write_whole(marker, b"")
        shutil.rmtree(folder)


def find_outcome(folder: Path, number: int) -> Outcome | None:
    """
    The outcome of a source that was read before; None when it must be read again.

    Neither marker nor rows are synced to disk, which would cost more than reading a small source does. So after a power cut
    either may be there by name only: the checksum tells.
    """
    try:
        outcome = decode_outcome((folder / "done" / f"{number}.json").read_bytes())
        return outcome if outcome.checksum == checksum(folder / "obs" / f"{number}.parquet") else None
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def decode_outcome(content: bytes) -> Outcome:
    return msgspec.json.decode(content, type=Outcome, dec_hook=lambda kind, value: kind(value))


def give_up(folder: Path, number: int, source: Source, reason: str) -> Outcome:
    """Mark *source* done without rows, for *reason*."""
    (folder / "obs" / f"{number}.parquet").unlink(missing_ok=True)
    outcome = Outcome(source.path, Report(), error=reason)
    write_whole(folder / "done" / f"{number}.json", msgspec.json.encode(outcome))
    return outcome


def checksum(path: Path) -> int | None:
    """CRC-32 of a file, None where there is none."""
    if not path.exists():
        return None
    value = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            value = zlib.crc32(piece, value)
    return value


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
def appearing(path: Path) -> Iterator[_HalfWritten]:
    """A Parquet file that stands under *path* only when all of it was written; no file at all if nothing was."""
    half = _HalfWritten(path.with_suffix(f"{_HALF}{os.getpid()}"))
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
    half = path.with_suffix(f"{_HALF}{os.getpid()}")
    half.write_bytes(content)
    if synced:
        sync(half)
    half.replace(path)


def sync(path: Path) -> None:
    """Have what is in *path*, if it is there, on the disk."""
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HarvestError(f"This harvest runs already, in another process ({folder}).") from None
        yield


def _sweep(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for path in folder.glob("*/*.tmp*"):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "tmp")
    (folder / "tmp").mkdir()
