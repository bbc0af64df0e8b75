"""
How is a harvest run on one machine, so that nothing stops it for good?

A pool of processes reads and folds. Workers that die take a page with them at most: see `_Reading`. What it leaves on disk,
and how a run goes on where another stopped, is `folder`'s to say.
"""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context, resource_tracker
from pathlib import Path

from vizsla.harvest.folder import Job, Manifest, Outcome, Progress, open_job
from vizsla.harvest.sources import HarvestError
from vizsla.harvest.worker import (
    DIED,
    MAX_ATTEMPTS,
    MAX_DEATHS,
    Beats,
    begin_worker,
    crashing_pages,
    is_hopeless,
    map_source_in_pool,
    reduce_files,
)


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
    manifest, not an error. What comes out is read with `folder.reduced_buckets`.

    *progress* is called some four times a second, in this thread. What it raises stops the harvest: workers end at their
    next page, and the exception comes out here.
    """
    workers = jobs or len(os.sched_getaffinity(0))
    tell = progress or (lambda _: None)
    with open_job(paths, home / "harvest", decode_protected=decode_protected) as job:
        _Reading(job, tell).run(workers)
        _fold(job, workers, tell)
        return job.manifest()


class _Reading:
    """
    Sources on their way through a pool of workers.

    A dead worker breaks the whole pool and does not say who it was. So whatever was running then is run again one at a time:
    who dies alone is to blame. Dying twice at one page, the page is passed over (counted as `page_crashed`); dying three
    times elsewhere, or failing three times, the source is given up and listed.
    """

    def __init__(self, job: Job, progress: Callable[[Progress], None]) -> None:
        self._job = job
        self._progress = progress
        self._beats = Beats.make(job.folder / "tmp" / "beats", len(job.sources))
        self._deaths: dict[int, list[int]] = {}
        self._failures: dict[int, int] = {}

    def run(self, workers: int) -> None:
        finished = self._job.finished
        waiting = self._job.unread()
        suspects: list[int] = []
        idle = 0
        while waiting or suspects:
            before = len(finished), sum(map(len, self._deaths.values()))
            if suspects:
                if self._through_pool(suspects[:1], 1):
                    self._blame(suspects[0])
                suspects = [number for number in suspects if number not in finished]
            else:
                suspects = self._through_pool(waiting, workers)
            waiting = [number for number in waiting if number not in finished and number not in suspects]
            idle = idle + 1 if before == (len(finished), sum(map(len, self._deaths.values()))) else 0
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
                finished = self._job.finished
                return [number for number in running.values() if number not in finished and self._beats.runs(number)]
            except BaseException:
                self._beats.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def _submit(self, pool: ProcessPoolExecutor, number: int) -> Future[Outcome]:
        crashing = crashing_pages(self._deaths.get(number, []))
        self._beats.clear(number)
        job = self._job
        return pool.submit(map_source_in_pool, str(job.folder), number, job.sources[number], job.options, crashing)

    def _settle(self, number: int, future: Future[Outcome]) -> None:
        try:
            self._job.finished[number] = future.result()
        except OSError as error:
            failures = self._failures[number] = self._failures.get(number, 0) + 1
            if failures >= MAX_ATTEMPTS:
                self._job.give_up(number, f"cannot be read: {error}")

    def _blame(self, number: int) -> None:
        deaths = self._deaths.setdefault(number, [])
        deaths.append(self._beats.page_of(number))
        if is_hopeless(deaths):
            self._job.give_up(number, DIED)

    def _tell(self, running: Iterable[int]) -> None:
        beats = [self._beats.read(number) for number in running]
        self._progress(
            self._job.reading(
                bytes_running=sum(beat.position for beat in beats),
                pages=sum(beat.pages for beat in beats),
                addresses=sum(beat.observations for beat in beats),
            )
        )


def _fold(job: Job, workers: int, progress: Callable[[Progress], None]) -> None:
    """Fold the rows of every bucket that is not folded yet."""
    todo = job.unfolded()
    attempts = 0
    while todo:
        try:
            with _pool(min(workers, len(todo))) as pool:
                futures = {pool.submit(reduce_files, str(job.folder), bucket): bucket for bucket in todo}
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
