"""
What does one worker do, of the pool or of Spark?

It reads a source into a Parquet file, or folds a bucket into one, and leaves a marker. While it reads it says where it is,
in a mapped file that others see: for the progress line, and to know at which page it died.
"""

import gc
import mmap
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from struct import Struct
from typing import Self

import msgspec
import pyarrow as pa

from vizsla.harvest.folder import BucketCount, Outcome, appearing, checksum, sync, write_whole
from vizsla.harvest.job import Options, Report, fold_files, map_file, open_duckdb
from vizsla.harvest.sources import HarvestError, Source

NICENESS = 19
"""Where there is no SCHED_IDLE."""
COLLECTOR = (20_000, 20, 50)
"""A page makes thousands of values and hardly a cycle; Python's own thresholds cost a fifth of reading one with 10,000 addresses."""
STUCK_SECONDS = 20
"""Of CPU time on one page, most of it in native code that no exception reaches: then the worker is killed. Not of wall time, for an idle worker gets next to none on a busy machine."""
MAX_ATTEMPTS = 3
"""At a source that cannot be read, or whose reader dies between two pages."""
MAX_DEATHS = 20
DIED = "the process that read it died each time"

_BEAT = Struct("<qqqqq")
_SLOT = 64
_IDLE, _RUNNING, _IN_PAGE, _DONE = range(4)


class Stopped(Exception):
    """The parent wants no more."""


class Beat(msgspec.Struct, frozen=True):
    """Where the reader of a source is."""

    state: int
    number: int
    position: int
    pages: int
    observations: int

    @property
    def is_done(self) -> bool:
        return self.state == _DONE


class Beats:
    """A file of one slot a source, mapped by all who read or watch; the first slot tells them to stop."""

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

    def finish(self, source: int, size: int, report: Report) -> None:
        self.write(source, _DONE, 0, size, report)

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


def read_beats(path: Path) -> list[Beat]:
    """All slots of a file of Beats that others map, on other machines perhaps: opened anew it shows what they wrote."""
    content = path.read_bytes()
    return [Beat(*_BEAT.unpack_from(content, start)) for start in range(_SLOT, len(content), _SLOT)]


def crashing_pages(deaths: Sequence[int]) -> frozenset[int]:
    """Those pages among *deaths* (where readers of a source died, -1 for no page) that are to be passed over."""
    return frozenset(page for page in deaths if page >= 0 and deaths.count(page) > 1)


def is_hopeless(deaths: Sequence[int]) -> bool:
    """Whether readers of a source died so often that it is given up."""
    return deaths.count(-1) >= MAX_ATTEMPTS or len(deaths) >= MAX_DEATHS


class SlotWatch:
    """Writes where the reader is into the *source*-th slot of *beats*, and passes over the pages *crashing*."""

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
    """Make this process a polite and mortal worker of a pool."""
    _come_last()
    leave_interrupts_to_others()
    settle_in()
    threading.Thread(target=_die_with_parent, daemon=True).start()


def leave_interrupts_to_others() -> None:
    """Ctrl-C reaches the whole group of processes; the one that a person started decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def settle_in() -> None:
    """Give this process what reading asks of it."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    pa.set_cpu_count(1)
    gc.freeze()
    gc.set_threshold(*COLLECTOR)


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


def map_source_in_pool(folder: str, number: int, source: Source, options: Options, crashing: frozenset[int]) -> Outcome:
    """`map_source` for the worker of a pool, whose sources share one file of beats."""
    job = Path(folder)
    return map_source(job, number, source, options, SlotWatch(Beats(job / "tmp" / "beats"), number, crashing))


def map_source(folder: Path, number: int, source: Source, options: Options, watch: SlotWatch) -> Outcome:
    """
    Read *source* into `obs/<number>.parquet` of the job's *folder* and mark it done.

    What is no archive is done too, with an error. Raises OSError when the machine cannot read or write.
    """
    outcome = Outcome(source.path, Report())
    watch.outside(0, 0, outcome.report)
    path = folder / "obs" / f"{number}.parquet"
    try:
        with appearing(path) as half:
            for batch in map_file(source, options, outcome.report, watch):
                half.write(batch)
    except HarvestError as error:
        outcome.error = error.details.removeprefix(f"{source.path} ")
        path.unlink(missing_ok=True)
    outcome.checksum = checksum(path)
    outcome.peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_whole(folder / "done" / f"{number}.json", msgspec.json.encode(outcome))
    return outcome


def reduce_files(folder: str, bucket: int) -> None:
    """Fold the rows of *bucket* in all of `obs/` into `out/<bucket>.parquet`, and mark it done."""
    job = Path(folder)
    files = sorted(str(path) for path in (job / "obs").glob("*.parquet"))
    write_bucket(job, bucket, fold_files(files, bucket, str(job / "tmp" / f"duckdb{bucket}")))


def write_bucket(folder: Path, bucket: int, rows: Iterable[pa.RecordBatch]) -> None:
    """Write folded *rows* to `out/<bucket>.parquet`, and mark it done."""
    path = folder / "out" / f"{bucket}.parquet"
    with appearing(path) as half:
        for batch in rows:
            half.write(batch)
    count = _count(path) if path.exists() else BucketCount()
    sync(path)
    write_whole(path.with_suffix(".json"), msgspec.json.encode(count), synced=True)


def _count(path: Path) -> BucketCount:
    with open_duckdb() as connection:
        row = connection.execute(
            "select count(distinct domain) filter (kind = 0), count(distinct (domain, local)) filter (kind = 0), count(*) filter (kind = 0),"
            " count(*) filter (kind = 1), count(*) filter (kind = 2) from read_parquet(?)",
            [str(path)],
        ).fetchone()
    return BucketCount(*row) if row else BucketCount()
