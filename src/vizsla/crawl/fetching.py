"""
What may still be asked of a site, and when?

One request at a time, each when it is its host's turn, until the budget is used up or somebody says stop.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

from vizsla.crawl.pace import Pace
from vizsla.crawl.report import Budget, EndedBy
from vizsla.crawl.robots import Robots, RobotsCache, fetch_robots
from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, HttpClient, Response

T = TypeVar("T")


class Ended(Exception):
    """The crawl is over."""

    def __init__(self, by: EndedBy) -> None:
        self.by = by


class Fetching:
    """The requests of one crawl. What they raise is Ended, with why the crawl is over."""

    def __init__(self, client: HttpClient, budget: Budget, *, delay: float) -> None:
        self.robots_cache = RobotsCache()
        self.answered: Callable[[str], None] = lambda url: None
        """Told each URL that was asked for."""
        self.stop = asyncio.Event()
        self.pace = Pace(delay)
        self.skipped: Counter[str] = Counter()
        self.requests = self.bytes = self.failures = 0
        self.details = ""
        """What went wrong last."""
        self.refused = False
        """Whether the egress guard forbade a request."""
        self._client = client
        self._budget = budget
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return max(self._budget.seconds - self.seconds, 0.0)

    async def get(self, url: str, robots: Robots, **options: Any) -> Response | None:
        """One request when it is its host's turn; None, counted, when it fails."""
        host = urlsplit(url).hostname or ""
        await self._turn(host)
        began = time.monotonic()
        try:
            seconds = min(self._budget.request_seconds, self.left)
            response = await self._unless_stopped(self._client.get(url, seconds=seconds, **options))
        except (FetchError, EgressRefused) as error:
            self.refused = self.refused or isinstance(error, EgressRefused)
            reason = error.reason if isinstance(error, FetchError) else "refused"
            self.skipped[reason] += 1
            self._answered(url, host, began, robots.delay)
            self.count(True, f"{url}: {error.details}")
            return None
        self.bytes += len(response.body)
        self._answered(url, host, began, robots.delay)
        return response

    async def robots(self, origin: str) -> Robots:
        """The rules of *origin*, asked for once."""
        robots = self.robots_cache.find(origin)
        if robots is None:
            host = urlsplit(origin).hostname or ""
            await self._turn(host)
            began = time.monotonic()
            seconds = min(self._budget.request_seconds, self.left)
            robots = await self._unless_stopped(fetch_robots(self._client, origin, seconds=seconds))
            self._answered(f"{origin}/robots.txt", host, began, robots.delay)
            if robots.unreachable:
                self.details = f"{origin}/robots.txt: {robots.unreachable}"
                self.refused = self.refused or robots.is_refused
            self.robots_cache.keep(origin, robots)
        return robots

    def count(self, failed: bool, details: str) -> None:
        """Note whether an answer was a failure: so many in a row as the budget says end the crawl."""
        self.failures = self.failures + 1 if failed else 0
        if failed:
            self.details = details
        if self.failures >= self._budget.errors:
            raise Ended("errors")

    async def _turn(self, host: str) -> None:
        """Wait until *host* may be asked; ends the crawl when the budget says so."""
        if self.bytes >= self._budget.total_bytes:
            raise Ended("bytes")
        if self.requests >= self._budget.requests:
            raise Ended("pages")
        wait = self.pace.ready_at(host) - time.monotonic()
        if wait >= self.left:
            raise Ended("time")
        await self._unless_stopped(asyncio.sleep(max(wait, 0)))

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What *work* gives; it is given up, and the crawl ends, when somebody says stop."""
        doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self.stop.is_set():
                raise Ended("cancelled")
            return await doing
        finally:
            for one in (doing, stopping):
                one.cancel()
            await asyncio.gather(doing, stopping, return_exceptions=True)

    def _answered(self, url: str, host: str, began: float, delay: float | None) -> None:
        now = time.monotonic()
        self.requests += 1
        self.pace.answered(host, now, now - began, delay)
        self.answered(url)
