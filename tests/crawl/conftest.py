"""A site at acme.test, and a crawl of it that waits for nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio

from vizsla.crawl.crawler import crawl
from vizsla.crawl.report import Budget, CrawlReport
from vizsla.kit.settings import Settings
from worlds.web import Web, web

HOSTS = ("acme.test", "www.acme.test", "shop.acme.test", "other.test")
Crawl = Callable[..., Awaitable[CrawlReport]]


class FixedClock:
    """Stands where it was put."""

    def __init__(self, now: int = 1_790_000_000) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


def lab(site: Web, *, ports: tuple[int, ...] = (80,), hosts: tuple[str, ...] = HOSTS, **settings) -> Settings:
    return Settings(
        egress_allow=("127.0.0.1/32",),
        http_ports=ports,
        http_resolve=tuple(f"{host}:{port}=127.0.0.1:{site.port}" for host in hosts for port in ports if port != 443),
        crawl_delay=0,
        **settings,
    )


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Web]:
    async with web() as world:
        yield world


@pytest_asyncio.fixture
async def crawl_acme(site: Web, tmp_path: Path) -> Crawl:
    count = 0

    async def run(domain: str = "acme.test", *, settings: Settings | None = None, **options) -> CrawlReport:
        nonlocal count
        count += 1
        options.setdefault("budget", Budget(seconds=20, request_seconds=2))
        options.setdefault("clock", FixedClock())
        return await crawl(domain, settings=settings or lab(site), warc_path=tmp_path / f"{count}.warc.gz", **options)

    return run
