"""
How is a harvest run on one machine, so that nothing stops it for good?

A job is a folder, `$VIZSLA_HOME/harvest/<id>`, named after what it reads:

    job.json            sources and options
    obs/<n>.parquet     rows of the n-th source        done/<n>.json   that source is finished, with its counts
    out/<b>.parquet     folded rows of a bucket        merged/<b>      that bucket is in the index

Each appears under its name only when it is whole (written beside it, then renamed), so after `kill -9` the next run with
the same sources goes on with what has no marker, and ends with the same rows. Workers that die take a page with them at
most: see `_Reading`.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, resource_tracker
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vizsla import __version__
from vizsla.harvest.job import FACT, SIGHTING, VISIT, Options, Report
from vizsla.harvest.sources import HarvestError, Source, find_sources
from vizsla.harvest.worker import (
    Beats,
    BucketCount,
    Outcome,
    begin_worker,
    find_outcome,
    map_source,
    reduce_files,
    write_whole,
)

MAX_ATTEMPTS = 3
MAX_DEATHS = 20
MERGE_ROWS = 32_768
MOST_IN_ONE_PART = 500_000
"""Rows, of which the names of what they touch are held in memory until the end."""
BYTES_A_BUCKET = 4 << 30
"""Of archives. Their rows, unpacked, stay well below the memory that one worker folds in."""
LEAST_BUCKETS, MOST_BUCKETS = 4, 4_096


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


class _Job(msgspec.Struct, frozen=True):
    """What makes a job this job and no other."""

    sources: list[Source]
    options: Options
    version: str


def run(
    paths: Sequence[str],
    home: Path,
    *,
    decode_protected: bool = False,
    jobs: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """
    Read everything under *paths* on *jobs* processes (default: one a CPU), or what an earlier run left over, and fold it.

    Raises HarvestError when there is nothing to read, or the same job runs already. A source that cannot be read is in the
    manifest, not an error. What comes out is read with `reduced_buckets`.

    *progress* is called some four times a second, in this thread. What it raises stops the harvest: workers end at their
    next page, and the exception comes out here.
    """
    begun = time.monotonic()
    sources = find_sources(paths)
    size = sum(source.size for source in sources)
    buckets = min(max(LEAST_BUCKETS, size // BYTES_A_BUCKET), MOST_BUCKETS)
    job = _Job(sources, Options(decode_protected, buckets), __version__)
    content = msgspec.json.encode(job)
    folder = home / "harvest" / hashlib.blake2b(content, digest_size=10).hexdigest()
    for name in ("obs", "done", "out", "merged", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        _sweep(folder)
        write_whole(folder / "job.json", content)
        workers = jobs or len(os.sched_getaffinity(0))
        resumed, outcomes = _read(folder, job, workers, progress or (lambda _: None))
        counts = _fold(folder, job, workers, progress or (lambda _: None))
    total = Report()
    for outcome in outcomes:
        total.add(outcome.report)
    return Manifest(
        folder=str(folder),
        sources=len(sources),
        bytes=size,
        pages=total.pages,
        pages_read=total.pages_read,
        visits=total.visits,
        addresses=sum(count.addresses for count in counts),
        sightings=sum(count.sightings for count in counts),
        domains=sum(count.domains for count in counts),
        facts=sum(count.facts for count in counts),
        bytes_read=total.bytes_read,
        seconds=time.monotonic() - begun,
        peak_kib=max(outcome.peak_kib for outcome in outcomes),
        resumed=resumed,
        dropped=dict(sorted(total.dropped.items())),
        bad=[FileReport(o.path, o.error) for o in outcomes if o.error],
    )


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


def reduced_parts(manifest: Manifest) -> Iterator[Iterator[pa.RecordBatch]]:
    """
    The same rows in the order in which they are quickest to load: the visits of all buckets, then of each bucket the facts
    before the sightings; all in one part where they are few. A part counts as merged when the next is asked for.
    """
    folder = Path(manifest.folder)
    with _alone(folder):
        paths = [path for path in sorted((folder / "out").glob("*.parquet")) if not _is_merged(folder, path.stem)]
        if manifest.visits + manifest.facts + manifest.sightings <= MOST_IN_ONE_PART:
            parts: list[tuple[list[Path], tuple[int, ...], str]] = [(paths, (VISIT, FACT, SIGHTING), "")]
        else:
            visits, others = ((VISIT,), ".visits"), ((FACT, SIGHTING), "")
            parts = [([path], *kinds) for kinds in (visits, others) for path in paths]
        for some, kinds, suffix in parts:
            markers = [f"{path.stem}{suffix}" for path in some]
            if not all(_is_merged(folder, marker) for marker in markers):
                yield (batch for kind in kinds for path in some for batch in read_kind(path, kind))
                for marker in markers:
                    write_whole(folder / "merged" / marker, b"")
        shutil.rmtree(folder)


def _is_merged(folder: Path, marker: str) -> bool:
    return (folder / "merged" / marker).exists()


def read_kind(path: Path, kind: int) -> Iterator[pa.RecordBatch]:
    """The rows of a folded bucket that are of this *kind*, in their order."""
    with pq.ParquetFile(path) as file:
        column = file.schema_arrow.get_field_index("kind")
        said = [file.metadata.row_group(at).column(column).statistics for at in range(file.num_row_groups)]
        groups = [at for at, one in enumerate(said) if one is None or one.min <= kind <= one.max]
        for batch in file.iter_batches(MERGE_ROWS, row_groups=groups):
            if (some := batch.filter(pc.equal(batch["kind"], kind))).num_rows:
                yield some


def _read(folder: Path, job: _Job, workers: int, progress: Callable[[Progress], None]) -> tuple[int, list[Outcome]]:
    """How many sources were finished before, and the outcome of each."""
    reading = _Reading(folder, job, progress)
    resumed = len(reading.finished)
    reading.run(workers)
    return resumed, [reading.finished[number] for number in range(len(job.sources))]


class _Reading:
    """
    Sources on their way through a pool of workers.

    A dead worker breaks the whole pool and does not say who it was. So whatever was running then is run again one at a time:
    who dies alone is to blame. Dying twice at one page, the page is passed over (counted as `page_crashed`); dying three
    times elsewhere, or failing three times, the source is given up and listed.
    """

    def __init__(self, folder: Path, job: _Job, progress: Callable[[Progress], None]) -> None:
        self._folder = folder
        self._job = job
        self._progress = progress
        self._beats = Beats.make(folder / "tmp" / "beats", len(job.sources))
        before = ((number, find_outcome(folder, number)) for number in range(len(job.sources)))
        self.finished = {number: outcome for number, outcome in before if outcome is not None}
        self._deaths: dict[int, list[int]] = {}
        self._failures: dict[int, int] = {}

    def run(self, workers: int) -> None:
        waiting = [number for number in range(len(self._job.sources)) if number not in self.finished]
        suspects: list[int] = []
        idle = 0
        while waiting or suspects:
            before = len(self.finished), sum(map(len, self._deaths.values()))
            if suspects:
                if self._through_pool(suspects[:1], 1):
                    self._blame(suspects[0])
                suspects = [number for number in suspects if number not in self.finished]
            else:
                suspects = self._through_pool(waiting, workers)
            waiting = [number for number in waiting if number not in self.finished and number not in suspects]
            idle = idle + 1 if before == (len(self.finished), sum(map(len, self._deaths.values()))) else 0
            if idle > MAX_DEATHS:
                raise HarvestError("The processes that read die before they begin. Is there enough memory?")

    def _through_pool(self, numbers: Sequence[int], workers: int) -> list[int]:
        """Run the sources *numbers*; those that were running when a worker died, or none."""
        left = iter(numbers)
        running: dict[Future[Outcome], int] = {}
        with _pool(workers) as pool:
            try:
                while True:
                    while len(running) < workers * 2 and (number := next(left, None)) is not None:
                        running[self._submit(pool, number)] = number
                    if not running:
                        return []
                    done, _ = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._settle(running[future], future)
                        del running[future]
                    self._tell(running.values())
            except BrokenProcessPool:
                return [
                    number for number in running.values() if number not in self.finished and self._beats.runs(number)
                ]
            except BaseException:
                self._beats.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def _submit(self, pool: ProcessPoolExecutor, number: int) -> Future[Outcome]:
        deaths = self._deaths.get(number, [])
        crashing = frozenset(page for page in deaths if page >= 0 and deaths.count(page) > 1)
        self._beats.clear(number)
        return pool.submit(
            map_source, str(self._folder), number, self._job.sources[number], self._job.options, crashing
        )

    def _settle(self, number: int, future: Future[Outcome]) -> None:
        try:
            self.finished[number] = future.result()
        except OSError as error:
            failures = self._failures[number] = self._failures.get(number, 0) + 1
            if failures >= MAX_ATTEMPTS:
                self._give_up(number, f"cannot be read: {error}")

    def _blame(self, number: int) -> None:
        deaths = self._deaths.setdefault(number, [])
        deaths.append(self._beats.page_of(number))
        if deaths.count(-1) >= MAX_ATTEMPTS or len(deaths) >= MAX_DEATHS:
            self._give_up(number, "the process that read it died each time")

    def _give_up(self, number: int, reason: str) -> None:
        (self._folder / "obs" / f"{number}.parquet").unlink(missing_ok=True)
        outcome = Outcome(self._job.sources[number].path, Report(), error=reason)
        write_whole(self._folder / "done" / f"{number}.json", msgspec.json.encode(outcome))
        self.finished[number] = outcome

    def _tell(self, running: Iterable[int]) -> None:
        sources = self._job.sources
        beats = [self._beats.read(number) for number in running]
        self._progress(
            Progress(
                stage="reading",
                done=len(self.finished),
                total=len(sources),
                bytes_done=sum(sources[n].size for n in self.finished) + sum(b.position for b in beats),
                bytes_total=sum(source.size for source in sources),
                pages=sum(o.report.pages for o in self.finished.values()) + sum(b.pages for b in beats),
                addresses=sum(o.report.observations for o in self.finished.values())
                + sum(b.observations for b in beats),
            )
        )


def _fold(folder: Path, job: _Job, workers: int, progress: Callable[[Progress], None]) -> list[BucketCount]:
    """Fold the rows of every bucket that is not folded yet; the counts of all."""
    counts = {int(path.stem): path for path in (folder / "out").glob("*.json")}
    todo = [bucket for bucket in range(job.options.buckets) if bucket not in counts]
    attempts = 0
    while todo:
        try:
            with _pool(min(workers, len(todo))) as pool:
                futures = {pool.submit(reduce_files, str(folder), bucket): bucket for bucket in todo}
                try:
                    for done in as_completed(futures):
                        done.result()
                        todo.remove(futures[done])
                        progress(Progress("folding", job.options.buckets - len(todo), job.options.buckets))
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        except BrokenProcessPool:
            attempts += 1
            if attempts == MAX_ATTEMPTS:
                raise HarvestError(
                    "The processes that fold the rows died three times. Is there enough memory?"
                ) from None
    paths = sorted((folder / "out").glob("*.json"))
    return [msgspec.json.decode(path.read_bytes(), type=BucketCount) for path in paths]


def _pool(workers: int) -> ProcessPoolExecutor:
    # A fork server: starts a worker in milliseconds, and none inherits the threads, locks and sockets of a running program.
    # It is started with Ctrl-C blocked, or one during its imports would end it with a traceback on the terminal.
    context = get_context("forkserver")
    context.set_forkserver_preload(["vizsla.harvest.worker"])
    resource_tracker.ensure_running()  # first, for it unblocks
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker)


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
    for path in (folder / "tmp").glob("duckdb*"):
        path.unlink(missing_ok=True)
