"""
What does a domain publish, asked politely and within a budget?

One crawl is one registrable domain, one request at a time, best pages first, and ends in a WARC file for `harvest` and a
report for the door. It reads no address and touches no database. However hostile the site is, what it costs us is bounded by
the budget: requests, bytes, seconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from vizsla.crawl.answers import HTML, header_directives, judge
from vizsla.crawl.fetching import Ended, Fetching
from vizsla.crawl.frontier import Candidate, Frontier, canonical
from vizsla.crawl.links import PageLinks, read_links
from vizsla.crawl.pages import CrawledPage, conditions, is_gone, missing, seen
from vizsla.crawl.report import Budget, CrawlReport, EndedBy, Progress
from vizsla.crawl.robots import Robots, RobotsCache, origin_of
from vizsla.crawl.sitemap import MAX_BYTES as MAX_SITEMAP_BYTES
from vizsla.crawl.sitemap import parse_sitemap
from vizsla.crawl.warc_writer import Earlier, WarcWriter, payload_digest
from vizsla.harvest.records import Visit
from vizsla.kit.clock import Clock, SystemClock
from vizsla.kit.domain_name import parse_domain, registrable_domain
from vizsla.kit.errors import InvalidDomain, VizslaError
from vizsla.kit.settings import Settings
from vizsla.net.http import MAX_REDIRECTS, HttpClient, Response, user_agent
from vizsla.net.retry_after import retry_after

MAX_SITEMAPS = 3
SITEMAP_URLS = 2_000
"""URLs of one sitemap that are offered to the frontier."""
_HOME, _REDIRECTED, _KNOWN, _HINT = 1_000.0, 200.0, 10.0, -10.0
_SILENT = frozenset({"unreachable", "tls", "timeout", "broken", "port"})
"""Ways in which an origin may simply not be served; the next one (http, www) is tried then."""


async def crawl(
    domain: str,
    *,
    settings: Settings,
    warc_path: Path,
    budget: Budget | None = None,
    known: Mapping[str, CrawledPage] | None = None,
    progress: Callable[[Progress], None] | None = None,
    written: Callable[[Path, int], None] | None = None,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
    robots_cache: RobotsCache | None = None,
) -> CrawlReport:
    """
    Crawl *domain* (a name or a URL) into *warc_path*; *known* is what `store.known_pages` remembers of it.

    *written* is told the file in the making and how many of its bytes are whole records, whenever there are more. When
    *stop* is set the crawl ends at once, as if its budget were used up.

    Never raises for what a site does. InvalidDomain if *domain* is none, or a public suffix; CrawlError if the file cannot
    be written. When it is cancelled or fails, no file is left.
    """
    host = parse_domain(domain)
    registrable = registrable_domain(host)
    if registrable is None:
        raise InvalidDomain(f"{host} is no domain that somebody can register. Give a name such as stripe.com.")
    clock = clock or SystemClock()
    try:
        writer = WarcWriter(warc_path, agent=user_agent(settings), started_at=clock.now())
    except OSError as error:
        raise CrawlError(f"{warc_path} cannot be written: {error.strerror}") from None
    try:
        async with HttpClient(settings) as client:
            job = _Crawl(
                registrable,
                client=client,
                writer=writer,
                settings=settings,
                budget=budget or Budget(),
                known=known or {},
                clock=clock,
            )
            job.fetching.robots_cache = robots_cache or job.fetching.robots_cache
            job.fetching.stop = stop or job.fetching.stop
            job.written = written or job.written
            if progress is not None:
                job.fetching.answered = lambda url: progress(job.progress(url))
            ended_by = await job.run(host)
            warc = await asyncio.to_thread(writer.finish)
    except OSError as error:
        writer.discard()
        raise CrawlError(f"{warc_path} cannot be written: {error.strerror}") from error
    except BaseException:
        writer.discard()
        raise
    return job.report(ended_by, warc)


def warc_path_for(home: Path, domain: str, now: int) -> Path:
    """Where under *home* the crawl of *domain* that begins *now* is kept."""
    return home / "warc" / domain / f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.warc.gz"


class CrawlError(VizslaError):
    """The crawl could not be written down."""

    id = "crawl"


class _Crawl:
    def __init__(
        self,
        domain: str,
        *,
        client: HttpClient,
        writer: WarcWriter,
        settings: Settings,
        budget: Budget,
        known: Mapping[str, CrawledPage],
        clock: Clock,
    ) -> None:
        self.domain = domain
        self.writer = writer
        self.settings = settings
        self.budget = budget
        self.known = known
        self.clock = clock
        self.written: Callable[[Path, int], None] = lambda path, size: None
        self.frontier = Frontier(domain, max_depth=budget.depth)
        self.fetching = Fetching(client, budget, delay=settings.crawl_delay)
        self.skipped = self.fetching.skipped
        self.states: list[CrawledPage] = []
        self.gone: list[Visit] = []
        self.pages = self.unchanged = 0
        self.retried: set[str] = set()
        self.moved_to = ""
        self.started_at = clock.now()

    async def run(self, host: str) -> EndedBy:
        """All of it; why it ended."""
        try:
            origin = await self._open(host)
            self.frontier.add(f"{origin}/", bonus=_HOME)
            while not self.pages and await self._visit_next():
                pass  # the home page may be some redirects away
            for page in self.known.values():
                if page.digest:
                    self.frontier.add(page.uri, depth=1, bonus=_KNOWN)
            await self._read_sitemaps(origin)
            while await self._visit_next():
                pass
        except Ended as ended:
            return "unreachable" if ended.by == "errors" and not self.pages else ended.by
        if self.moved_to and not self.pages:
            return "moved"
        if not self.pages and self.fetching.refused:
            return "refused"
        if not self.pages and self.fetching.failures:
            return "unreachable"
        return "robots" if not self.pages and self.skipped["robots"] else "done"

    def report(self, ended_by: EndedBy, warc: Path | None) -> CrawlReport:
        """What came of it."""
        return CrawlReport(
            domain=self.domain,
            started_at=self.started_at,
            seconds=self.fetching.seconds,
            ended_by=ended_by,
            pages=self.pages,
            unchanged=self.unchanged,
            requests=self.fetching.requests,
            bytes=self.fetching.bytes,
            skipped=dict(self.skipped + self.frontier.skipped),
            warc=warc,
            moved_to=self.moved_to,
            details="" if ended_by in {"done", "pages"} else self.fetching.details,
            states=self.states,
            gone=self.gone,
        )

    def progress(self, url: str) -> Progress:
        """How far it is, *url* being what was asked for last."""
        return Progress(
            url=url,
            pages=self.pages,
            requests=self.fetching.requests,
            bytes=self.fetching.bytes,
            pending=len(self.frontier),
            seconds=self.fetching.seconds,
            unchanged=self.unchanged,
            skipped=dict(self.skipped + self.frontier.skipped),
        )

    async def _open(self, host: str) -> str:
        """The first origin of *host* that answers at all."""
        silences = set()
        for origin in _origins(host, self.settings.http_ports):
            robots = await self.fetching.robots(origin)
            if not robots.unreachable:
                return origin
            if robots.unreachable not in _SILENT:
                raise Ended("refused" if self.fetching.refused else "robots")
            silences.add(robots.unreachable)
        raise Ended("robots" if silences & {"timeout", "broken"} else "unreachable")

    async def _visit_next(self) -> bool:
        """Fetch the best page that robots.txt lets us have. False when there is none left."""
        while candidate := self.frontier.take():
            if self.pages >= self.budget.pages:
                raise Ended("pages")
            robots = await self.fetching.robots(origin_of(candidate.url))
            if robots.allows(candidate.url):
                await self._visit(candidate, robots)
                return True
            self.skipped["robots"] += 1
            await asyncio.sleep(0)  # a long list of forbidden URLs must not hold up the event loop
        return False

    async def _visit(self, candidate: Candidate, robots: Robots) -> None:
        url = candidate.url
        # Links come from the home page, so it is asked for whole even when it has not changed.
        known = self.known.get(url)
        headers = conditions(known) if candidate.depth else {}
        limit = min(self.budget.page_bytes, self.budget.total_bytes - self.fetching.bytes)
        response = await self.fetching.get(url, robots, limit=limit, headers=headers, only=HTML)
        if response is None:
            return
        if response.truncated and response.body and limit < self.budget.page_bytes:
            raise Ended("bytes")  # cut by what was left, not by what we take of a page: its addresses may be missing
        answer = judge(response, known)
        if answer.kind == "page":
            await self._keep(candidate, response, known)
        elif answer.kind == "unchanged" and known:
            await self._keep_unchanged(response, known)
        elif answer.kind == "busy":
            self._back_off(candidate, response, answer.reason)
        else:
            self.skipped[answer.reason or answer.kind] += 1
            if answer.kind == "redirect":
                self._redirect(candidate, response)
            if response.status in {301, 308, 404, 410} and known and known.digest:
                self._miss(missing(known, response.status, self.clock.now()))
        self.fetching.count(answer.kind in {"failed", "busy"}, answer.reason)

    async def _keep(self, candidate: Candidate, response: Response, known: CrawledPage | None) -> None:
        self.pages += 1
        links = await self._links(response.body)
        directives = links.directives | header_directives(response)
        if "nofollow" not in directives:
            self._follow(candidate, response.url, links)
        if "noarchive" in directives:
            self.skipped["noarchive"] += 1
            return
        now = self.clock.now()
        digest = payload_digest(response.body)
        if known and known.digest == digest:
            await self._unchanged(response, known, now)
            return
        await asyncio.to_thread(self.writer.write_response, response, now)
        self.written(self.writer.partial, self.writer.whole)
        self.states.append(
            CrawledPage(
                uri=response.url,
                status=200,
                fetched_at=now,
                etag=response.header("etag")[:200],
                last_modified=response.header("last-modified")[:50],
                digest=digest,
                captured_at=now,
            )
        )

    async def _keep_unchanged(self, response: Response, known: CrawledPage) -> None:
        self.pages += 1
        await self._unchanged(response, known, self.clock.now())

    async def _unchanged(self, response: Response, known: CrawledPage, now: int) -> None:
        self.unchanged += 1
        await asyncio.to_thread(self.writer.write_revisit, response, now, Earlier(known.captured_at, known.digest))
        self.written(self.writer.partial, self.writer.whole)
        self.states.append(seen(known, now))

    def _follow(self, candidate: Candidate, url: str, links: PageLinks) -> None:
        base = canonical(links.base, url) or url
        for link in links.links:
            self.frontier.add(link.href, base=base, text=link.text, depth=candidate.depth + 1)

    def _redirect(self, candidate: Candidate, response: Response) -> None:
        """Where it leads is a page like any other: robots.txt, pace and budget apply, and a loop meets what was seen."""
        target = canonical(response.location or "", response.url)
        if target is None or not self.frontier.owns(target):
            self.skipped["redirect elsewhere"] += 1
            if candidate.depth == 0 and target and not self.pages:
                self.moved_to = urlsplit(target).hostname or ""
        elif candidate.hops >= MAX_REDIRECTS:
            self.skipped["redirects"] += 1
        else:
            self.frontier.add(target, depth=candidate.depth, hops=candidate.hops + 1, bonus=_REDIRECTED)

    def _back_off(self, candidate: Candidate, response: Response, reason: str) -> None:
        wait = retry_after(response.header("retry-after"), self.clock.now())
        self.fetching.details = f"{candidate.url}: {reason}, Retry-After {wait:g} s"
        if wait >= self.fetching.left:
            raise Ended("busy")
        self.fetching.pace.hold(urlsplit(candidate.url).hostname or "", time.monotonic() + wait)
        if candidate.url in self.retried:
            self.skipped[reason] += 1
        else:
            self.retried.add(candidate.url)
            self.frontier.put_back(candidate)

    def _miss(self, page: CrawledPage) -> None:
        if is_gone(page):
            # A digest that no body has, so that the index takes the page for changed.
            self.gone.append(Visit(page.uri, self.domain, page.fetched_at, f"status:{page.status}"))
        else:
            self.states.append(page)

    async def _read_sitemaps(self, origin: str) -> None:
        """Offer what the site's sitemaps name; three files at most, each once, so an index of itself ends."""
        robots = await self.fetching.robots(origin)
        waiting = robots.sitemaps or [f"{origin}/sitemap.xml"]
        done: set[str] = set()
        while waiting and len(done) < MAX_SITEMAPS and len(self.frontier) < self.budget.pages:
            url = canonical(waiting.pop(0), origin)
            if url is None or url in done or not self.frontier.owns(url):
                continue
            done.add(url)
            rules = await self.fetching.robots(origin_of(url))
            limit = min(MAX_SITEMAP_BYTES, self.budget.total_bytes - self.fetching.bytes)
            response = await self.fetching.get(url, rules, limit=limit) if rules.allows(url) else None
            if response is None or response.status != 200:
                continue
            sitemap = await asyncio.to_thread(parse_sitemap, response.body)
            if sitemap.refused:
                self.skipped[f"sitemap {sitemap.refused}"] += 1
            waiting += sitemap.sitemaps
            for href in sitemap.urls[:SITEMAP_URLS]:
                self.frontier.add(href, depth=1, bonus=_HINT)

    async def _links(self, body: bytes) -> PageLinks:
        return read_links(body) if len(body) < 100_000 else await asyncio.to_thread(read_links, body)


def _origins(host: str, ports: tuple[int, ...]) -> list[str]:
    """Where a site may answer: the bare name before `www.`, https before http, ports that the operator named last."""
    hosts = [host] if host.startswith("www.") else [host, f"www.{host}"]
    schemes = [(443, "https", ""), (80, "http", "")]
    schemes += [(port, "http", f":{port}") for port in ports if port not in {80, 443}]
    return [f"{scheme}://{name}{suffix}" for name in hosts for port, scheme, suffix in schemes if port in ports]
