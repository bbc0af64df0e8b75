"""`vizsla harvest` and `vizsla crawl`: fill the index."""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import msgspec

from vizsla.cli.output import put_json, put_table, talk
from vizsla.cli.progress import WorkLine
from vizsla.cli.workplace import Workplace, open_workplace
from vizsla.crawl import store as crawl_store
from vizsla.crawl.crawler import crawl as crawl_site
from vizsla.crawl.crawler import warc_path_for
from vizsla.crawl.report import Budget, CrawlReport
from vizsla.crawl.report import Progress as CrawlProgress
from vizsla.harvest.job import read_rows
from vizsla.harvest.local import Manifest, reduced_buckets
from vizsla.harvest.local import Progress as HarvestProgress
from vizsla.harvest.local import run as run_harvest
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.merge import Merge, MergeReport, alone
from vizsla.kit.domain_name import parse_domain, registrable_domain
from vizsla.kit.errors import InvalidDomain
from vizsla.kit.settings import load_settings
from vizsla.privacy.claims import LiveClaims

NICENESS = 10
"""A server on the same machine comes first: with it the slowest hundredth of its answers takes 1.15 times as long, without 1.4."""


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


def harvest(*paths: str, jobs: int | None = None, json: bool = False) -> int:
    """
    Read WARC, WARC.gz, WET and HTML files into the index. Stopped half-way, the same command goes on.

    Parameters
    ----------
    paths
        Files, folders or quoted patterns.
    jobs
        How many processes read; one a CPU by default.
    json
        The summary as JSON.
    """
    os.nice(NICENESS)
    settings = load_settings()

    async def run() -> HarvestSummary:
        async with open_workplace(settings) as place:
            return await harvest_into(place, list(paths), jobs=jobs)

    summary = asyncio.run(run())
    if json:
        put_json(summary)
    else:
        _tell_harvest(summary)
    return 1 if summary.files and len(summary.files_failed) == summary.files else 0


def crawl(*domains: str, max_pages: int = 50, json: bool = False) -> int:
    """
    Fetch the sites of domains, politely, into WARC files in the home, and harvest them.

    Parameters
    ----------
    domains
        acme.com globex.com …
    max_pages
        How many pages of each.
    json
        Summaries as JSON.
    """
    if not domains:
        raise InvalidDomain("Name at least one domain: vizsla crawl acme.com")
    os.nice(NICENESS)
    names = [_registrable(domain) for domain in domains]

    async def run() -> list[CrawlSummary]:
        async with open_workplace() as place:
            return [await crawl_into(place, name, max_pages=max_pages) for name in names]

    summaries = asyncio.run(run())
    if json:
        put_json(summaries)
    else:
        for one in summaries:
            size = f"{one.bytes / 1e6:.1f} MB"
            talk(f"{one.domain}: {one.pages} pages ({one.unchanged} unchanged), {size}, {one.addresses} addresses.")
            talk(f"  {one.ended}")
            if one.skipped:
                talk(f"  not fetched: {_reasons(one.skipped)}")
            if one.addresses:
                talk(f"  See them: vizsla search {one.domain}")
    return 0 if all(one.pages for one in summaries) else 1


def _registrable(text: str) -> str:
    name = registrable_domain(parse_domain(text))
    if name is None:
        raise InvalidDomain(f"{text} is no domain that somebody can register. Give a name such as stripe.com.")
    return name


class _Stopped(Exception):
    """Ctrl-C came while the harvest ran in its thread."""


async def harvest_into(place: Workplace, paths: list[str], *, jobs: int | None = None) -> HarvestSummary:
    """Read *paths* and merge what they say into the index."""
    # A thread cannot be cancelled, and the program waits for it to end: it is told here, and asks at every progress.
    stopped = threading.Event()
    with WorkLine("files") as line:

        def show(progress: HarvestProgress) -> None:
            if stopped.is_set():
                raise _Stopped
            if progress.stage == "reading":
                line.show(
                    progress.done,
                    progress.total,
                    pages=progress.pages,
                    addresses=progress.addresses,
                    size=progress.bytes_done,
                    share=progress.bytes_done / max(progress.bytes_total, 1),
                )
            else:
                line.say(f"folding {progress.done}/{progress.total}")

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
        merged = await _merge(place, manifest, line)
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


async def _merge(place: Workplace, manifest: Manifest, line: WorkLine) -> MergeReport:
    total = MergeReport()
    for batch in reduced_buckets(manifest):
        rows = _Rows(read_rows(batch))
        await merge_rows(place, total, sightings=rows.sightings, facts=rows.facts, visits=rows.visits)
        line.say(f"merging: {total.sightings:,} of {manifest.sightings:,} sightings")
    return total


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


async def crawl_into(place: Workplace, domain: str, *, max_pages: int) -> CrawlSummary:
    """Crawl *domain* (registrable), harvest what came, remember it for the next crawl."""
    path = warc_path_for(place.settings.home, domain, place.clock.now())
    # A crawl that somebody waits for at a terminal takes the time that its politeness asks for.
    budget = Budget(pages=max_pages, seconds=max(60, max_pages * 15 * max(place.settings.crawl_delay, 0.2)))
    with WorkLine("pages") as line:

        def show(progress: CrawlProgress) -> None:
            done = progress.pages
            line.show(
                done,
                max_pages,
                pages=done,
                addresses=None,
                size=progress.bytes,
                share=done / max_pages,
                at=progress.url,
            )

        report = await crawl_site(
            domain,
            settings=place.settings,
            warc_path=path,
            budget=budget,
            known=await crawl_store.known_pages(place.stores.index, domain),
            progress=show,
            clock=place.clock,
        )
    addresses = await _take_in(place, report)
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


async def _take_in(place: Workplace, report: CrawlReport) -> int:
    addresses = 0
    if report.warc is not None:
        addresses = (await harvest_into(place, [str(report.warc)], jobs=1)).addresses
    await merge_rows(place, MergeReport(), visits=report.gone)
    async with place.stores.index.write() as conn:
        await crawl_store.record_pages(conn, report.domain, report.states, [visit.uri for visit in report.gone])
    return addresses


async def load_sample(place: Workplace) -> None:
    """Harvest the companies that came with the program."""
    with resources.as_file(resources.files("vizsla.harvest.sample").joinpath("companies.warc.gz")) as path:
        summary = await harvest_into(place, [str(Path(path))], jobs=1)
    talk(f"Sample: {summary.pages} pages of invented companies, {summary.addresses} addresses.")


def _tell_harvest(summary: HarvestSummary) -> None:
    talk(
        f"{summary.pages:,} pages of {summary.files:,} files in {summary.seconds:.1f} s: "
        f"{summary.addresses:,} addresses, {summary.domains:,} domains."
    )
    if summary.dropped:
        talk("Left out, by reason:")
        put_table(("reason", "count"), Counter(summary.dropped).most_common())
    for failed in summary.files_failed:
        talk(f"Not read: {failed['path']}: {failed['reason']}")


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
