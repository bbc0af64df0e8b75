"""
How do pages that Common Crawl fetched become rows of the index?

Three ways, one more thorough than the other: the pages of some domains, the pages on which companies speak of themselves below
some suffixes, and whole crawls. The records that are wanted become WARC files in the home, and those are read as any other.
What the index knows to be unchanged is not fetched: that it was there again is enough.
"""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from vizsla.commoncrawl.archive import Archive, Mirror, open_archive
from vizsla.commoncrawl.asking import NotRead
from vizsla.commoncrawl.choosing import Choice, choose_by_domain
from vizsla.commoncrawl.columnar import Footers, scan
from vizsla.commoncrawl.fetching import Fetched, fetch_plan
from vizsla.commoncrawl.index_server import IndexServer
from vizsla.commoncrawl.listed import CommonCrawlError, Listed, check_crawl, surt_spans
from vizsla.commoncrawl.paths import list_index_files, list_warc_files, newest_crawl, shard_of
from vizsla.commoncrawl.plan import BYTES_A_PIECE, Asked, Plan, Size
from vizsla.harvest.extract.profile_paths import is_profile_path
from vizsla.harvest.folder import Engine, write_whole
from vizsla.harvest.local import run as run_harvest
from vizsla.harvest.records import Visit
from vizsla.index.merge import MergeReport
from vizsla.index.refresh import find_bodies
from vizsla.index.runs import ByWhom, Counts
from vizsla.index.visited import list_evidence
from vizsla.kit.domain_name import site_of
from vizsla.net.http import HttpClient
from vizsla.work.recording import RunWatch, recorded
from vizsla.work.taking_in import ONE_PROCESS, HarvestSummary, merge_rows, read_archives, summary_of
from vizsla.work.watching import NOBODY, Watcher
from vizsla.work.workplace import Workplace

T = TypeVar("T")
MOST_PAGES = 200
"""Of a domain, unless somebody says otherwise."""
MOST_DOMAINS = 10_000
AT_ONCE = 2
"""Files of a whole crawl that are read together, while as many are fetched."""
_EVIDENCE = 5_000
Mode = Literal["domain", "focus", "full"]


class Wanted(msgspec.Struct, frozen=True):
    """Which pages are wanted."""

    mode: Mode
    domains: tuple[str, ...] = ()
    """Registrable ones."""
    suffixes: tuple[str, ...] = ()
    """`de`, `co.uk`: everything below them, of mode `focus`."""
    crawl: str | None = None
    """CC-MAIN-…; None: the newest."""
    most: int = MOST_PAGES
    """Pages of a domain."""
    shard: str = "1/1"
    """Of mode `full`: part i/n of the crawl's files."""


class CommonCrawlSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at Common Crawl and what was read from it: `vizsla harvest --domain … --json`."""

    crawl: str
    mode: Mode
    dry_run: bool = False
    chosen: int = 0
    """Captures that the index lists and that are wanted."""
    unchanged: int = 0
    """Of those, pages that the index knew to be so: not fetched."""
    older: int = 0
    """Of those, captures from before our own latest visit: not fetched either."""
    to_fetch: Size = Size(0, 0, 0)
    fetched: int = 0
    """Records fetched this time."""
    requests: int = 0
    """Ranges or files that they came in."""
    bytes: int = 0
    failed: dict[str, int] = {}
    """Records (of mode `full`: files) that could not be had, by reason."""
    left_out: dict[str, int] = {}
    """Rows of the index that are no pages to be had, by reason."""
    warcs: list[str] = []
    harvest: HarvestSummary | None = None


class _Settled(msgspec.Struct):
    chosen: int = 0
    unchanged: int = 0
    older: int = 0
    to_fetch: Size = Size(0, 0, 0)


async def take_pages(
    place: Workplace,
    wanted: Wanted,
    *,
    engine: Engine = ONE_PROCESS,
    dry_run: bool = False,
    watcher: Watcher = NOBODY,
    by_whom: ByWhom = "command line",
    kind: Literal["harvest", "crawl"] = "harvest",
) -> CommonCrawlSummary:
    """
    Bring the pages that are *wanted* (mode `domain` or `focus`) here, record by record, and read them into the index.

    Stopped half-way, the same call goes on. Raises CommonCrawlError, EgressRefused, OSError.
    """
    async with _opened(place) as (archive, server):
        crawl = await _crawl_of(wanted, archive, server)
        asked = Asked(wanted.mode, crawl, place.settings.common_crawl, wanted.domains, wanted.suffixes, wanted.most)
        plan = Plan(place.settings.home, asked)
        with plan.held():
            left_out: Counter[str] = Counter()
            if not plan.is_listed:
                rows = _Listing(place, wanted, crawl, left_out, watcher)
                await rows.write(plan, archive, server)
            settled = await _settle(place, plan, dry_run=dry_run)
            summary = CommonCrawlSummary(
                crawl=crawl,
                mode=wanted.mode,
                dry_run=dry_run,
                chosen=settled.chosen,
                unchanged=settled.unchanged,
                older=settled.older,
                to_fetch=settled.to_fetch,
                left_out=dict(sorted(left_out.items())),
            )
            if dry_run:
                return summary
            if settled.to_fetch.records:
                await asyncio.to_thread(_make_sure_it_fits, place.settings.home, settled.to_fetch.bytes)
                names = [*wanted.domains, *(f"*.{suffix}" for suffix in wanted.suffixes)]
                async with recorded(place, kind, names, by_whom=by_whom, watcher=watcher) as watch:
                    summary = await _fetch_and_read(place, plan, archive, summary=summary, watch=watch, engine=engine)
            await asyncio.to_thread(plan.remove)
            return summary


@asynccontextmanager
async def _opened(place: Workplace) -> AsyncIterator[tuple[Archive, IndexServer | None]]:
    async with AsyncExitStack() as stack:
        archive = await stack.enter_async_context(open_archive(place.settings))
        server = None
        if place.settings.common_crawl_index:
            client = await stack.enter_async_context(HttpClient(place.settings))
            server = IndexServer(client, place.settings.common_crawl_index, place.settings.crawl_delay)
        yield archive, server


def _make_sure_it_fits(home: Path, size: int) -> None:
    # What is fetched, and that of one piece twice while it becomes a file.
    needed, free = size + min(size, BYTES_A_PIECE), shutil.disk_usage(home).free
    if needed > free:
        raise CommonCrawlError(
            f"That is {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free in {home}. Ask for fewer pages (--most), or in parts."
        )


async def _crawl_of(wanted: Wanted, archive: Archive, server: IndexServer | None) -> str:
    if wanted.crawl:
        return check_crawl(wanted.crawl)
    found = await server.newest_crawl() if server else await newest_crawl(archive)
    if found is None:
        raise CommonCrawlError(
            "Which crawl? Name it (--crawl CC-MAIN-2026-40), or set VIZSLA_COMMON_CRAWL_INDEX to a server that lists them."
        )
    return found


class _Listing:
    """Asks an index for what is wanted."""

    def __init__(self, place: Workplace, wanted: Wanted, crawl: str, left_out: Counter[str], watcher: Watcher) -> None:
        self._place = place
        self._wanted = wanted
        self._crawl = crawl
        self._left_out = left_out
        self._watcher = watcher
        self._evidence: set[str] = set()

    def _is_wanted(self, uri: str) -> bool:
        return is_profile_path(uri) or uri in self._evidence

    async def write(self, plan: Plan, archive: Archive, server: IndexServer | None) -> None:
        """The captures that are best, into *plan*."""
        claims = await self._place.claims()
        domains = [domain for domain in self._wanted.domains if not claims.is_claimed(domain)]
        if claimed := len(self._wanted.domains) - len(domains):
            self._left_out["claimed"] += claimed
        choices = {domain: await self._choice(domain) for domain in domains}
        if server and self._wanted.mode == "domain":
            for number, (domain, choice) in enumerate(choices.items()):
                self._watcher.listing(number, len(choices))
                async for row in server.captures(self._crawl, domain, self._left_out):
                    choice.offer(row)
            plan.write_listed(row for choice in choices.values() for row in choice.taken())
            return

        def choose(rows: Iterator[Listed]) -> None:
            rest = self._unnamed(rows, choices, claims.is_claimed)
            others = choose_by_domain(rest, self._wanted.most, only_profiles=True)
            plan.write_listed(_chained(others, choices))

        await self._scan(domains, archive, choose)

    async def _choice(self, domain: str) -> Choice:
        evidence = await list_evidence(self._place.stores.index, domain, _EVIDENCE)
        own = frozenset(uri for uri in evidence if site_of(uri) == domain)
        self._evidence |= own
        return Choice(self._wanted.most, own, only_profiles=self._wanted.mode == "focus")

    def _unnamed(
        self, rows: Iterator[Listed], choices: dict[str, Choice], is_claimed: Callable[[str], bool]
    ) -> Iterator[Listed]:
        """Those of *rows* that are of no domain which was named; the others are offered to its choice."""
        for row in rows:
            if choice := choices.get(row.domain):
                choice.offer(row)
            elif not self._wanted.suffixes:
                self._left_out["other_domain"] += 1
            elif is_claimed(row.domain):
                self._left_out["claimed"] += 1
            else:
                yield row

    async def _scan(self, domains: list[str], archive: Archive, choose: Callable[[Iterator[Listed]], None]) -> None:
        spans = surt_spans(domains, self._wanted.suffixes)
        names = await list_index_files(archive, self._crawl)
        if not names:
            raise CommonCrawlError(
                f"There is no columnar index of {self._crawl} at {self._place.settings.common_crawl}."
            )
        footers = Footers(self._place.settings.home / "commoncrawl" / f"{self._crawl}.footers", archive)
        files = await footers.find(names, self._watcher.listing)
        stopped = False
        loop = asyncio.get_running_loop()

        def show(done: int, total: int) -> None:
            if stopped:
                raise _Stopped
            self._watcher.listing(done, total)

        def run() -> None:
            choose(
                scan(
                    files,
                    spans,
                    archive,
                    loop=loop,
                    dropped=self._left_out,
                    progress=show,
                    is_wanted=self._is_wanted if self._wanted.mode == "focus" else None,
                )
            )

        scanning = asyncio.ensure_future(asyncio.to_thread(run))
        try:
            await asyncio.shield(scanning)
        except asyncio.CancelledError:
            stopped = True
            await asyncio.wait([scanning])
            scanning.exception()
            raise


class _Stopped(Exception):
    """The caller was cancelled while the index was read in its thread."""


def _chained(others: Iterator[Listed], choices: dict[str, Choice]) -> Iterator[Listed]:
    """First all of *others*, for reading them is what fills the *choices*."""
    yield from others
    for choice in choices.values():
        yield from choice.taken()


async def _settle(place: Workplace, plan: Plan, *, dry_run: bool) -> _Settled:
    """
    Compare what is listed with what the index knows: only what can say something new is to be fetched.

    A capture with a body that the page is known to have had is a visit: what was read in that body was there again, or once more.
    """
    settled = _Settled()
    if plan.is_made:
        settled.to_fetch = await asyncio.to_thread(plan.size)
        return settled
    merged = MergeReport()
    with plan.settling() as add:
        for rows in plan.read_listed():
            known = await find_bodies(place.stores.index, [row.uri for row in rows])
            visits, new = [], []
            for row in rows:
                bodies = known.get(row.uri, [])
                if row.digest and any(body.digest == row.digest for body in bodies):
                    visits.append(Visit(row.uri, row.domain, row.fetched_at, row.digest))
                elif any(body.last_fetched >= row.fetched_at for body in bodies):
                    settled.older += 1
                else:
                    new.append(row)
            settled.chosen += len(rows)
            settled.unchanged += len(visits)
            add(new)
            if visits and not dry_run:
                await merge_rows(place, merged, visits=visits)
    settled.to_fetch = await asyncio.to_thread(plan.size)
    if dry_run:
        plan.unsettle()
    return settled


async def _fetch_and_read(
    place: Workplace,
    plan: Plan,
    archive: Archive,
    *,
    summary: CommonCrawlSummary,
    watch: RunWatch,
    engine: Engine,
) -> CommonCrawlSummary:
    fetched = Fetched()
    folder = place.settings.home / "warc" / "commoncrawl" / summary.crawl
    label = plan.asked.domains[0] if len(plan.asked.domains) == 1 and not plan.asked.suffixes else summary.mode

    warcs: list[str] = []
    read = _Read()
    coming = fetch_plan(plan, archive, fetched, prefix=folder / label, progress=watch.fetching)
    async with aclosing(_ahead(coming)) as pieces:
        async for piece in pieces:
            if piece.path is not None:
                warcs.append(str(piece.path))
                read.add(await _read(place, [str(piece.path)], engine, watch))
            plan.mark_read(piece.number)
    total = read.total()
    watch.ended(
        msgspec.structs.replace(_counts(total), bytes=fetched.bytes),
        state="done" if warcs or not fetched.failed else "failed",
        ending=_told(summary.crawl, fetched),
    )
    return msgspec.structs.replace(
        summary,
        fetched=fetched.records,
        requests=fetched.ranges,
        bytes=fetched.bytes,
        failed=dict(sorted(fetched.failed.items())),
        warcs=warcs,
        harvest=total,
    )


def _told(crawl: str, fetched: Fetched) -> str:
    said = f"{fetched.records:,} pages came from Common Crawl ({crawl})."
    if failed := fetched.failed.total():
        said += f" {failed:,} could not be had."
    return said


async def take_crawl(
    place: Workplace,
    wanted: Wanted,
    *,
    engine: Engine = run_harvest,
    at_once: int = AT_ONCE,
    keep: bool = False,
    dry_run: bool = False,
    watcher: Watcher = NOBODY,
) -> CommonCrawlSummary:
    """
    Read the WARC files of a crawl, or the part of them that *wanted.shard* names, some at a time; each goes once it is read.

    Stopped half-way, the same call goes on. Raises CommonCrawlError, EgressRefused, OSError.
    """
    async with _opened(place) as (archive, server):
        crawl = await _crawl_of(wanted, archive, server)
        names = shard_of(await list_warc_files(archive, crawl), wanted.shard)
        plan = Plan(place.settings.home, Asked("full", crawl, place.settings.common_crawl))
        # Parts may be cut otherwise the next time: what is read is marked file by file.
        marks = plan.folder / "read"
        left = [name for name in names if not _mark(marks, name).exists()]
        summary = CommonCrawlSummary(
            crawl=crawl, mode="full", dry_run=dry_run, chosen=len(names), unchanged=len(names) - len(left),
            to_fetch=Size(len(left), 0, len(left)),
        )  # fmt: skip
        if dry_run or not left:
            return summary
        title = f"{crawl} {wanted.shard}"
        with plan.held():
            async with recorded(place, "harvest", [title], by_whom="command line", watcher=watcher) as watch:
                return await _read_files(
                    place,
                    archive,
                    left,
                    summary=summary,
                    watch=watch,
                    engine=engine,
                    at_once=at_once,
                    marks=marks,
                    keep=keep,
                )


async def _read_files(
    place: Workplace,
    archive: Archive,
    names: list[str],
    *,
    summary: CommonCrawlSummary,
    watch: RunWatch,
    engine: Engine,
    at_once: int,
    marks: Path,
    keep: bool,
) -> CommonCrawlSummary:
    folder = place.settings.home / "warc" / "commoncrawl" / summary.crawl
    is_ours = not isinstance(archive, Mirror)
    failed: Counter[str] = Counter()
    size = requests = 0

    async def groups() -> AsyncGenerator[list[tuple[str, Path]]]:
        nonlocal requests
        for start in range(0, len(names), at_once):
            group = []
            for name in names[start : start + at_once]:
                try:
                    path = await archive.bring(name, folder / name.rpartition("/")[2], watch.fetching)
                except NotRead as error:
                    failed[error.reason] += 1
                    if failed.total() >= MOST_FAILED and failed.total() > requests:
                        raise
                    continue
                requests += 1
                group.append((name, path))
            yield group

    read = _Read()
    async with aclosing(_ahead(groups())) as coming:
        async for group in coming:
            if not group:
                continue
            read.add(await _read(place, [str(path) for _, path in group], engine, watch))
            for name, path in group:
                size += await asyncio.to_thread(_let_go, path, remove=is_ours and not keep)
                write_whole(_mark(marks, name), b"")
    total = read.total()
    ending = f"{requests:,} files of Common Crawl ({summary.crawl}) were read."
    watch.ended(
        msgspec.structs.replace(_counts(total), bytes=size), state="done" if requests else "failed", ending=ending
    )
    return msgspec.structs.replace(
        summary, fetched=requests, requests=requests, bytes=size, failed=dict(sorted(failed.items())), harvest=total
    )


MOST_FAILED = 5
"""Files that may be missing before the whole is given up, if fewer could be had."""


def _mark(marks: Path, name: str) -> Path:
    return marks / name.replace("/", "~")


def _let_go(path: Path, *, remove: bool) -> int:
    size = path.stat().st_size
    if remove:
        path.unlink()
    return size


async def _ahead(pieces: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """*pieces*, each next one fetched while the one before is read."""

    async def advance() -> tuple[T, ...]:
        async for piece in pieces:
            return (piece,)
        return ()

    upcoming = asyncio.ensure_future(advance())
    try:
        while found := await upcoming:
            upcoming = asyncio.ensure_future(advance())
            yield found[0]
    finally:
        upcoming.cancel()
        await asyncio.wait([upcoming])
        if not upcoming.cancelled():
            upcoming.exception()
        await pieces.aclose()


async def _read(place: Workplace, paths: list[str], engine: Engine, watcher: Watcher) -> HarvestSummary:
    return summary_of(*await read_archives(place, paths, engine=engine, watcher=watcher))


class _Read:
    """What several harvests come to. An address that is in two of them counts twice."""

    def __init__(self) -> None:
        self._all: list[HarvestSummary] = []
        self._begun = time.monotonic()

    def add(self, summary: HarvestSummary) -> None:
        self._all.append(summary)

    def total(self) -> HarvestSummary:
        dropped: Counter[str] = Counter()
        for one in self._all:
            dropped.update(one.dropped)
        return HarvestSummary(
            files=sum(one.files for one in self._all),
            files_failed=[failed for one in self._all for failed in one.files_failed],
            pages=sum(one.pages for one in self._all),
            addresses=sum(one.addresses for one in self._all),
            sightings=sum(one.sightings for one in self._all),
            domains=sum(one.domains for one in self._all),
            dropped=dict(sorted(dropped.items())),
            seconds=round(time.monotonic() - self._begun, 3),
        )


def _counts(total: HarvestSummary) -> Counts:
    return Counts(
        files=total.files,
        pages=total.pages,
        addresses=total.addresses,
        sightings=total.sightings,
        domains=total.domains,
        dropped=total.dropped,
    )
