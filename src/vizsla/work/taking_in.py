"""How do pages become rows of the index? Archives and sites in, merged rows and a summary out."""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from vizsla.crawl import store as crawl_store
from vizsla.crawl.crawler import crawl, warc_path_for
from vizsla.crawl.report import Budget, CrawlReport
from vizsla.crawl.report import Progress as CrawlProgress
from vizsla.harvest.job import read_rows
from vizsla.harvest.local import Manifest, reduced_buckets
from vizsla.harvest.local import Progress as HarvestProgress
from vizsla.harvest.local import run as run_harvest
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.merge import Merge, MergeReport, alone
from vizsla.kit.whom import addresses_in
from vizsla.net.download import download
from vizsla.net.http import HttpClient
from vizsla.privacy.claims import LiveClaims
from vizsla.work.workplace import Workplace

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


class Watcher:
    """Is told how far the work has come; this one does not care."""

    def fetching(self, done: int, total: int) -> None:
        """*done* bytes of an archive have come, of *total* (0: not known)."""

    def reading(self, progress: HarvestProgress) -> None:
        """Archives are read, or what was read is folded."""

    def merging(self, done: int, total: int) -> None:
        """*done* of *total* sightings are merged."""

    def crawling(self, progress: CrawlProgress) -> None:
        """A page was fetched."""


NOBODY = Watcher()


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
    place: Workplace, paths: list[str], *, jobs: int | None = None, watcher: Watcher = NOBODY
) -> HarvestSummary:
    """Read *paths* and merge what they say into the index."""
    # A thread cannot be cancelled, and the program waits for it to end: it is told here, and asks at every progress.
    stopped = threading.Event()

    def show(progress: HarvestProgress) -> None:
        if stopped.is_set():
            raise _Stopped
        watcher.reading(progress)

    try:
        manifest = await asyncio.to_thread(
            run_harvest,
            paths,
            place.settings.home,
            decode_protected=place.settings.decode_protected,
            jobs=jobs,
            progress=show,
        )
    except asyncio.CancelledError:
        stopped.set()
        raise
    merged = MergeReport()
    for batch in reduced_buckets(manifest):
        rows = _Rows(read_rows(batch))
        await merge_rows(place, merged, sightings=rows.sightings, facts=rows.facts, visits=rows.visits)
        watcher.merging(merged.sightings, manifest.sightings)
    return _summary(manifest, merged)


def _summary(manifest: Manifest, merged: MergeReport) -> HarvestSummary:
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
    for name in ("sightings", "facts", "visits", "addresses", "domains"):
        setattr(total, name, getattr(total, name) + getattr(merging.report, name))
    total.dropped.update(merging.report.dropped)


class _Rows:
    """The rows of one batch by their kind."""

    def __init__(self, rows: Iterator[Sighting | Fact | Visit]) -> None:
        self.sightings: list[Sighting] = []
        self.facts: list[Fact] = []
        self.visits: list[Visit] = []
        for row in rows:
            if isinstance(row, Sighting):
                self.sightings.append(row)
            elif isinstance(row, Fact):
                self.facts.append(row)
            else:
                self.visits.append(row)


async def crawl_into(place: Workplace, domain: str, *, max_pages: int, watcher: Watcher = NOBODY) -> CrawlSummary:
    """Crawl *domain* (registrable), harvest what came, remember it for the next crawl."""
    report = await crawl(
        domain,
        settings=place.settings,
        warc_path=warc_path_for(place.settings.home, domain, place.clock.now()),
        # A crawl takes the time that its politeness asks for.
        budget=Budget(pages=max_pages, seconds=max(60, max_pages * 15 * max(place.settings.crawl_delay, 0.2))),
        known=await crawl_store.known_pages(place.stores.index, domain),
        progress=watcher.crawling,
        clock=place.clock,
    )
    addresses = await _take_in(place, report, watcher)
    return CrawlSummary(
        domain=domain,
        pages=report.pages,
        unchanged=report.unchanged,
        bytes=report.bytes,
        seconds=round(report.seconds, 3),
        ended=f"{report.ending}{f' {report.details}' if report.details else ''}",
        skipped=report.skipped,
        warc=str(report.warc) if report.warc else None,
        addresses=addresses,
    )


async def _take_in(place: Workplace, report: CrawlReport, watcher: Watcher) -> int:
    addresses = 0
    if report.warc is not None:
        addresses = (await harvest_into(place, [str(report.warc)], jobs=1, watcher=watcher)).addresses
    await merge_rows(place, MergeReport(), visits=report.gone)
    async with place.stores.index.write() as conn:
        # Asked within the transaction, as a merge does: who says stop later deletes after it.
        claims = await place.claims()
        states = [] if claims.is_claimed(report.domain) else report.states
        kept = [page for page in states if not any(claims.is_claimed(*one) for one in addresses_in([page.uri]))]
        await crawl_store.record_pages(conn, report.domain, kept, [visit.uri for visit in report.gone])
    return addresses
