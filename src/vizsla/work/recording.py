"""
How does whoever looks at the dashboard see how far a harvest or a crawl is?

A run has a row (`index.runs`) that is written at most once a second and a half, however often its watcher is told.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from vizsla.crawl.report import Progress as CrawlProgress
from vizsla.harvest.folder import Progress as HarvestProgress
from vizsla.index.runs import ByWhom, Counts, Kind, Record, State, begin_run
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.work.leased import name_worker
from vizsla.work.watching import Watcher
from vizsla.work.workplace import Workplace

EVERY = 1.5
"""Seconds between two writes of how far something is."""
_HEARTBEAT = 20
"""Writes that may be left out while nothing changes."""


class RunWatch(Watcher):
    """Keeps the newest of what it is told, and passes it on."""

    def __init__(self, shown: Watcher) -> None:
        self._shown = shown
        self.counts = Counts()
        self.stage, self.done, self.total = "", 0, 0
        self.state: State = "done"
        self.ending = ""

    def ended(self, counts: Counts, *, state: State, ending: str) -> None:
        """What came of it."""
        self.counts, self.state, self.ending = counts, state, ending

    def fetching(self, done: int, total: int) -> None:
        self.stage, self.done, self.total = "fetching", done, total
        self._shown.fetching(done, total)

    def reading(self, progress: HarvestProgress) -> None:
        is_reading = progress.stage == "reading"
        self.stage = progress.stage
        self.done = progress.bytes_done if is_reading else progress.done
        self.total = progress.bytes_total if is_reading else progress.total
        if is_reading:
            self.counts = Counts(
                files=progress.done, pages=progress.pages, addresses=progress.addresses, bytes=progress.bytes_done
            )
        self._shown.reading(progress)

    def merging(self, done: int, total: int) -> None:
        self.stage, self.done, self.total = "merging", done, total
        self._shown.merging(done, total)

    def crawling(self, progress: CrawlProgress) -> None:
        self.stage, self.done, self.total = "crawling", progress.pages, progress.pages + progress.pending
        self.counts = msgspec.structs.replace(self.counts, pages=progress.pages, bytes=progress.bytes)
        self._shown.crawling(progress)

    def found(self, addresses: int) -> None:
        self.counts = msgspec.structs.replace(self.counts, addresses=addresses)
        self._shown.found(addresses)


@asynccontextmanager
async def recorded(
    place: Workplace, kind: Kind, names: list[str], *, by_whom: ByWhom, watcher: Watcher
) -> AsyncIterator[RunWatch]:
    """A run that begins now: its row says how far it is, and at the end what came of it."""
    async with place.stores.index.write() as conn:
        record = await begin_run(conn, kind, names, by_whom=by_whom, worker=name_worker(), now=place.clock.now())
    async with keeping(place, record, RunWatch(watcher), lambda: None) as watch:
        yield watch


@asynccontextmanager
async def keeping(
    place: Workplace, record: Record, watch: RunWatch, stop: Callable[[], None], *, is_due: bool = False
) -> AsyncIterator[RunWatch]:
    """
    The row of a run that has begun; *stop* is called when it is to end.

    A run that *is_due* is put back when this process has to end before it.
    """
    index = place.stores.index

    async def write() -> bool:
        async with index.write() as conn:
            return await record.record(
                conn, watch.counts, stage=watch.stage, done=watch.done, total=watch.total, now=place.clock.now()
            )

    state: State = "stopped"
    ending = "It was stopped. Started again it goes on from there."
    writing = asyncio.create_task(
        write_now_and_then(write, lambda: (watch.counts, watch.stage, watch.done, watch.total), stop)
    )
    try:
        yield watch
        state, ending = watch.state, watch.ending
    except VizslaError as error:
        state, ending = "failed", error.details
        raise
    finally:
        writing.cancel()
        await asyncio.wait([writing])
        # Whatever ended it is what is to be heard of, not that it could not be written down.
        with contextlib.suppress(StoreError):
            async with index.write() as conn:
                now = place.clock.now()
                if is_due and state == "stopped":
                    await record.put_back(conn, now)
                else:
                    await record.end(conn, watch.counts, state=state, ending=ending, now=now)


async def write_now_and_then(
    write: Callable[[], Awaitable[bool]], look: Callable[[], object], stop: Callable[[], None]
) -> None:
    """Call *write* when what *look* shows has changed, or nothing was written for long; *stop* once it says so."""
    before: object = None
    left_out = 0
    while True:
        await asyncio.sleep(EVERY)
        now = look()
        left_out += 1
        if now == before and left_out < _HEARTBEAT:
            continue
        with contextlib.suppress(StoreError):
            if await write():
                stop()
            before, left_out = now, 0
