"""Pages of Common Crawl come into the index, the records that are wanted and no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from api.conftest import Moment
from vizsla.commoncrawl.listed import CommonCrawlError
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.work.common_crawl import Wanted, take_crawl, take_pages
from vizsla.work.workplace import Workplace
from worlds.common_crawl import CRAWL, NEXT, CommonCrawl, common_crawl, people

_FOUND = statement("SELECT local FROM email WHERE domain = :domain ORDER BY local")
ACME = Wanted("domain", ("acme.com",), crawl=CRAWL)


@pytest.fixture
async def crawl() -> AsyncIterator[CommonCrawl]:
    async with common_crawl() as world:
        yield world


@pytest.fixture
def place(stores: Stores, settings: Settings, crawl: CommonCrawl) -> Workplace:
    settings = crawl.settings(settings)
    return Workplace(settings, stores, find_secret(settings), Moment())


async def found(place: Workplace, domain: str = "acme.com") -> list[str]:
    return [row[0] for row in await place.stores.index.fetch_all(_FOUND, {"domain": domain})]


def with_acme(crawl: CommonCrawl) -> None:
    crawl.add(
        1,
        {
            "https://acme.com/team": people("Team", "jane@acme.com"),
            "https://globex.com/": people("Globex", "hal@globex.com"),
            "https://www.acme.com/about": people("About", "info@acme.com"),
        },
    )
    crawl.add(2, {"https://acme.com/": people("Acme", "office@acme.com"), "https://acme.com.evil.net/": b"<p>"})


async def test_a_domain_comes_record_by_record_and_once(place: Workplace, crawl: CommonCrawl) -> None:
    with_acme(crawl)

    summary = await take_pages(place, ACME)

    assert await found(place) == ["info", "jane", "office"]
    assert await found(place, "globex.com") == []
    assert (summary.chosen, summary.fetched, summary.failed) == (3, 3, {})
    assert len(crawl.ranges) == summary.requests == 2  # two records of one file lie near each other
    assert summary.harvest is not None
    assert (summary.harvest.pages, summary.harvest.addresses) == (3, 3)

    crawl.site.asked.clear()
    again = await take_pages(place, ACME)
    assert (again.unchanged, again.fetched, crawl.ranges) == (3, 0, [])
