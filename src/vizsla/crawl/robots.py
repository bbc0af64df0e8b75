"""
May we fetch this URL, and how often?

RFC 9309: 4xx means that everything is allowed, 5xx or no answer that nothing is. Crawl-delay and Request-rate are not in the RFC;
they are honoured up to 30 s because their authors meant them.
"""

import asyncio
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from protego import Protego

from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, HttpClient

PRODUCT = "Vizsla"
MAX_BYTES = 512_000
"""RFC 9309 2.5: at least 500 KiB are read; what lies beyond is not."""
MAX_AGE = 24 * 3600
MAX_DELAY = 30.0
_PRODUCT_TOKEN = re.compile(r"[a-z_-]+", re.IGNORECASE)


class Robots(msgspec.Struct, frozen=True):
    """What the robots.txt of one origin says to us."""

    rules: Protego | None
    """None when there is no file: everything is allowed, or nothing if *unreachable*."""
    unreachable: str = ""
    """Why the file could not be had; then nothing may be fetched."""
    is_refused: bool = False
    """Whether it was our own guard that did not let us ask."""

    def allows(self, url: str) -> bool:
        """Whether *url* may be fetched."""
        if self.unreachable:
            return False
        return self.rules is None or bool(self.rules.can_fetch(url, PRODUCT))

    @property
    def delay(self) -> float | None:
        """Seconds between two requests, if the file names any."""
        if self.rules is None:
            return None
        delay = self.rules.crawl_delay(PRODUCT)
        rate = self.rules.request_rate(PRODUCT)
        asked = [delay] if delay is not None else []
        if rate is not None and rate.start_time is None:
            asked.append(rate.seconds / rate.requests)
        return min(max(asked), MAX_DELAY) if asked else None

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps that the file names."""
        return list(self.rules.sitemaps)[:100] if self.rules else []


def parse_robots(body: bytes) -> Robots:
    """The rules of a robots.txt; of anything else (an HTML page) none."""
    return Robots(Protego.parse(_our_groups(body[:MAX_BYTES].decode("utf-8-sig", "replace"))))


async def fetch_robots(client: HttpClient, origin: str, *, seconds: float) -> Robots:
    """The robots.txt of *origin* (`https://host`), by the rules of RFC 9309 2.3.1."""
    try:
        response = await client.follow(f"{origin}/robots.txt", seconds=seconds, limit=MAX_BYTES)
    except EgressRefused as error:
        return Robots(None, unreachable=error.details, is_refused=True)
    except FetchError as error:
        # RFC 9309 2.3.1.2: after five redirects the file counts as unavailable, not as unreachable.
        if error.reason == "redirects":
            return Robots(None)
        return Robots(None, unreachable=error.reason)
    if response.status >= 500 or response.status == 429:
        return Robots(None, unreachable=f"status {response.status}")
    if response.status != 200:
        return Robots(None)
    return await asyncio.to_thread(parse_robots, response.body)


class RobotsCache:
    """robots.txt by origin, for 24 hours at most."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[str, tuple[float, Robots]] = {}

    def find(self, origin: str) -> Robots | None:
        """What *origin* said within the last day."""
        fetched, robots = self._known.get(origin, (0.0, None))
        return robots if robots and self._now() - fetched < MAX_AGE else None

    def keep(self, origin: str, robots: Robots) -> None:
        """Remember what *origin* said."""
        self._known[origin] = (self._now(), robots)


def origin_of(url: str) -> str:
    """`scheme://host:port` of *url*, as written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _our_groups(text: str) -> str:
    """
    The lines that can concern us: groups for our token or for everyone, sitemaps.

    The others are dropped before parsing: twenty thousand agents over twenty thousand rules fit into 500 KB and would be
    parsed into their product.
    """
    kept: list[str] = []
    agents: set[str] = set()
    in_rules = True
    for line in text.splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        if not colon:
            continue
        name, value = name.strip().lower(), value.strip()
        if name == "user-agent":
            if in_rules:
                agents, in_rules = set(), False
            product = _PRODUCT_TOKEN.match(value)
            agent = "*" if value.startswith("*") else product[0].lower() if product else ""
            if agent in {"*", PRODUCT.lower()} and agent not in agents:
                agents.add(agent)
                kept.append(f"User-agent: {agent}")
        elif name == "sitemap":
            kept.append(f"Sitemap: {value}")
        else:
            in_rules = True
            if agents:
                kept.append(f"{name}: {value}")
    return "\n".join(kept)
