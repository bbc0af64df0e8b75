"""
How do pages become rows of the index? Archives and sites in, merged rows and a summary out.

What is taken in leaves a row of `index.runs`, which says how far it is as long as it goes on.
"""

import asyncio
import contextlib
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path

import msgspec

from vizsla.crawl import store as crawl_store
from vizsla.crawl.crawler import crawl, warc_path_for
from vizsla.crawl.report import Budget, CrawlReport, EndedBy
from vizsla.harvest.folder import Engine, Manifest, reduced_parts
from vizsla.harvest.folder import Progress as HarvestProgress
from vizsla.harvest.job import read_rows
from vizsla.harvest.local import run as run_harvest
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.bulk import AT_ONCE, AT_ONCE_ALONE, Load
from vizsla.index.merge import Merge, MergeReport, alone
from vizsla.index.runs import ByWhom, Counts, FailedFile, State
from vizsla.kit.errors import VizslaError
from vizsla.kit.whom import addresses_in
from vizsla.net.download import download
from vizsla.net.http import HttpClient
from vizsla.privacy.claims import LiveClaims
from vizsla.work.recording import RunWatch, recorded
from vizsla.work.watching import NOBODY, Watcher
from vizsla.work.workplace import Workplace

PAUSE = 2.0
"""Seconds between two pieces of a crawl that are read while it goes on."""
ONE_PROCESS: Engine = partial(run_harvest, jobs=1)
"""For what one process reads in no time."""
_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]")


class HarvestSummary(msgspec.Struct, frozen=True):
    """What a harvest read, kept and left out: `vizsla harvest --json`."""

    files: int
    files_failed: list[dict[str, str]]
    pages: int
    addresses: int
    """Distinct ones on those pages, whether the index knew them before or not."""
    sightings: int
    domains: int
    dropped: dict[str, int]
    seconds: float


class CrawlSummary(msgspec.Struct, frozen=True):
    """What a crawl fetched and what was read from it: one element of `vizsla crawl --json`."""

    domain: str
    pages: int
    unchanged: int
    bytes: int
    seconds: float
    ended: str
    skipped: dict[str, int]
    warc: str | None
    addresses: int
    ended_by: EndedBy = "done"
    moved_to: str = ""


async def fetch_archives(place: Workplace, paths: list[str], *, watcher: Watcher = NOBODY) -> list[str]:
    """*paths* with files of the home in the place of URLs: fetched now, or before."""
    local = []
    async with HttpClient(place.settings) as client:
        for path in paths:
            if path.startswith(("http://", "https://")):
                name = f"{blake2b(path.encode(), digest_size=6).hexdigest()}-{_NOT_NAME.sub('_', path.rpartition('/')[2])[-80:]}"
                file = place.settings.home / "warc" / "fetched" / name
                await download(client, path, file, progress=watcher.fetching)
                local.append(str(file))
            else:
                local.append(path)
    return local


class _Stopped(Exception):
    """The caller was cancelled while the harvest ran in its thread."""


async def harvest_into(
    place: Workplace,
    paths: list[str],
    *,
    engine: Engine = run_harvest,
    watcher: Watcher = NOBODY,
    names: list[str] | None = None,
) -> HarvestSummary:
    """Read *paths* and merge what they say into the index; *names* are what they are called in the run's row."""
    async with recorded(place, "harvest", names or paths, by_whom="command line", watcher=watcher) as watch:
        return await harvest_recorded(place, paths, engine=engine, watch=watch)


async def harvest_recorded(
    place: Workplace, paths: list[str], *, engine: Engine = run_harvest, watch: RunWatch
) -> HarvestSummary:
    """Read *paths* for a run that has its row."""
    summary = summary_of(*await read_archives(place, paths, engine=engine, watcher=watch))
    watch.ended(
        Counts(
            files=summary.files,
            pages=summary.pages,
            addresses=summary.addresses,
            sightings=summary.sightings,
            domains=summary.domains,
            bytes=watch.counts.bytes,
            dropped=summary.dropped,
            failed=tuple(FailedFile(one["path"].rpartition("/")[2], one["reason"]) for one in summary.files_failed),
        ),
        state="failed" if summary.files and len(summary.files_failed) == summary.files else "done",
        ending="No file could be read." if len(summary.files_failed) == summary.files else "Everything was read.",
    )
    return summary


async def read_archives(
    place: Workplace,
    paths: list[str],
    *,
    engine: Engine = run_harvest,
    watcher: Watcher = NOBODY,
    seen: set[tuple[str, str]] | None = None,
) -> tuple[Manifest, MergeReport]:
    """Read *paths* into the index; the addresses that were read are added to *seen*."""
    # A thread cannot be cancelled, and the program waits for it to end: it is told here, and asks at every progress.
    stopped = threading.Event()

    def show(progress: HarvestProgress) -> None:
        if stopped.is_set():
            raise _Stopped
        watcher.reading(progress)

    harvesting = asyncio.ensure_future(
        asyncio.to_thread(
            engine,
            paths,
            place.settings.home,
            decode_protected=place.settings.decode_protected,
            progress=show,
        )
    )
    try:
        manifest = await asyncio.shield(harvesting)
    except asyncio.CancelledError:
        stopped.set()
        # Whoever goes on with the same files must find them free.
        await asyncio.wait([harvesting])
        harvesting.exception()
        raise
    merged = MergeReport()
    for part in reduced_parts(manifest):
        loading = Loading(place)
        for batch in part:
            rows = list(read_rows(batch))
            if seen is not None:
                seen.update((one.domain, one.local) for one in rows if isinstance(one, Sighting))
            await loading.add(rows)
            watcher.merging(merged.sightings + loading.report.sightings, manifest.sightings)
        await loading.end()
        _add(merged, loading.report)
    return manifest, merged


def summary_of(manifest: Manifest, merged: MergeReport) -> HarvestSummary:
    """What a harvest came to."""
    return HarvestSummary(
        files=manifest.sources,
        files_failed=[{"path": bad.path, "reason": bad.reason} for bad in manifest.bad],
        pages=manifest.pages,
        addresses=manifest.addresses,
        sightings=manifest.sightings,
        domains=manifest.domains,
        dropped=dict(sorted((Counter(manifest.dropped) + merged.dropped).items())),
        seconds=round(manifest.seconds, 3),
    )


async def merge_rows(
    place: Workplace,
    total: MergeReport,
    *,
    sightings: list[Sighting] | None = None,
    facts: list[Fact] | None = None,
    visits: list[Visit] | None = None,
) -> None:
    """Merge rows in steps short enough for a running server not to notice, counting into *total*."""
    claims = LiveClaims(place.stores.app, place.secret)
    merging = Merge(
        sightings=sightings or (), facts=facts or (), visits=visits or (), claims=claims, today=place.clock.now()
    )
    while merging.has_more:
        async with place.stores.index.write() as conn:
            await alone(conn)
            await claims.refresh()
            await merging.step(conn)
    _add(total, merging.report)


def _add(total: MergeReport, report: MergeReport) -> None:
    for name in ("sightings", "facts", "visits", "addresses", "domains"):
        setattr(total, name, getattr(total, name) + getattr(report, name))
    total.dropped.update(report.dropped)


class Loading:
    """Folded rows on their way into the index, in steps short enough for a running server not to notice."""

    def __init__(self, place: Workplace) -> None:
        self._index = place.stores.index
        self._claims = LiveClaims(place.stores.app, place.secret)
        at_once = AT_ONCE_ALONE if self._index.dialect == "postgresql" else AT_ONCE
        self._load = Load(claims=self._claims, today=place.clock.now(), at_once=at_once)

    @property
    def report(self) -> MergeReport:
        """What was taken in so far."""
        return self._load.report

    async def add(self, rows: Iterable[Sighting | Fact | Visit]) -> None:
        """Take in what comes next: all visits first, then facts before sightings, both sorted by domain."""
        self._load.add(rows)
        await self._take_steps()

    async def end(self) -> None:
        """Take in what waited for more."""
        self._load.end()
        await self._take_steps()

    async def _take_steps(self) -> None:
        while self._load.has_more:
            async with self._index.write() as conn:
                await alone(conn)
                await self._claims.refresh()
                await self._load.step(conn)


async def crawl_into(
    place: Workplace,
    domain: str,
    *,
    max_pages: int,
    watcher: Watcher = NOBODY,
    stop: asyncio.Event | None = None,
    by_whom: ByWhom = "command line",
) -> CrawlSummary:
    """
    Crawl *domain* (registrable), harvest what came, remember it for the next crawl.

    Pages are read into the index while the crawl goes on, and all of them once more at its end: reading twice changes
    nothing, and whatever went wrong along the way is mended. When *stop* is set, what was fetched until then is kept.
    """
    async with recorded(place, "crawl", [domain], by_whom=by_whom, watcher=watcher) as watch:
        async with reading_along(place, domain, watch) as written:
            report = await crawl(
                domain,
                settings=place.settings,
                warc_path=warc_path_for(place.settings.home, domain, place.clock.now()),
                # A crawl takes the time that its politeness asks for.
                budget=Budget(pages=max_pages, seconds=max(60, max_pages * 15 * max(place.settings.crawl_delay, 0.2))),
                known=await crawl_store.known_pages(place.stores.index, domain),
                progress=watch.crawling,
                written=written,
                stop=stop,
                clock=place.clock,
            )
        counts = await _take_in(place, report)
        state: State = "cancelled" if report.ended_by == "cancelled" else "done" if report.pages else "failed"
        watch.ended(counts, state=state, ending=report.ending)
    return CrawlSummary(
        domain=domain,
        pages=report.pages,
        unchanged=report.unchanged,
        bytes=report.bytes,
        seconds=round(report.seconds, 3),
        ended=f"{report.ending}{f' {report.details}' if report.details else ''}",
        skipped=report.skipped,
        warc=str(report.warc) if report.warc else None,
        addresses=counts.addresses,
        ended_by=report.ended_by,
        moved_to=report.moved_to,
    )


async def _take_in(place: Workplace, report: CrawlReport) -> Counts:
    """What was read from the pages of a crawl, all of them."""
    counts = Counts(pages=report.pages, bytes=report.bytes)
    if report.warc is not None:
        manifest, merged = await read_archives(place, [str(report.warc)], engine=ONE_PROCESS)
        read = summary_of(manifest, merged)
        counts = msgspec.structs.replace(
            counts,
            files=1,
            addresses=read.addresses,
            sightings=read.sightings,
            domains=read.domains,
            dropped=read.dropped,
        )
    await merge_rows(place, MergeReport(), visits=report.gone)
    async with place.stores.index.write() as conn:
        # Asked within the transaction, as a merge does: who says stop later deletes after it.
        claims = await place.claims()
        states = [] if claims.is_claimed(report.domain) else report.states
        kept = [page for page in states if not any(claims.is_claimed(*one) for one in addresses_in([page.uri]))]
        await crawl_store.record_pages(conn, report.domain, kept, [visit.uri for visit in report.gone])
    return counts


@asynccontextmanager
async def reading_along(place: Workplace, domain: str, watcher: Watcher) -> AsyncIterator[Callable[[Path, int], None]]:
    """Inside, what a crawl of *domain* has written is read into the index, some seconds after it came."""
    reading = _ReadingAlong(place, domain, watcher)
    going_on = asyncio.create_task(reading.run())
    try:
        yield reading.written
        reading.is_over = True
        reading.more.set()
        await going_on
    finally:
        going_on.cancel()
        await asyncio.wait([going_on])
        reading.path.unlink(missing_ok=True)


class _ReadingAlong:
    """
    Reads a WARC file that is still being written, piece by piece: each piece is whole records, hence an archive itself.

    What fails here fails quietly, as the whole file is read at the end.
    """

    def __init__(self, place: Workplace, domain: str, watcher: Watcher) -> None:
        self._place = place
        self._watcher = watcher
        self._source: Path | None = None
        self._size = self._read = 0
        self._seen: set[tuple[str, str]] = set()
        self.path = place.settings.home / "harvest" / "along" / f"{domain}.warc.gz"
        self.more = asyncio.Event()
        self.is_over = False

    def written(self, source: Path, size: int) -> None:
        """There are *size* bytes of whole records in the file *source*."""
        self._source, self._size = source, size
        self.more.set()

    async def run(self) -> None:
        """Until it is over."""
        while await self.more.wait() and not self.is_over:
            self.more.clear()
            with contextlib.suppress(VizslaError, OSError):
                if await asyncio.to_thread(self._cut):
                    await read_archives(self._place, [str(self.path)], engine=ONE_PROCESS, seen=self._seen)
                    self._watcher.found(len(self._seen))
            await self._pause()

    async def _pause(self) -> None:
        """Let some pages come together, for each piece costs half a second of a processor."""
        for _ in range(round(PAUSE / 0.1)):
            if self.is_over:
                return
            await asyncio.sleep(0.1)

    def _cut(self) -> bool:
        """Copy what is new into a file of its own. False if nothing is."""
        if self._source is None or self._size == self._read:
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = self._size
        with self._source.open("rb") as source:
            source.seek(self._read)
            self.path.write_bytes(source.read(size - self._read))
        self._read = size
        return True
