"""A Common Crawl of the test's own, and an installation that may reach it."""

from collections.abc import AsyncIterator

import pytest

from api.conftest import Moment
from vizsla.commoncrawl import asking
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.work.workplace import Workplace
from worlds.common_crawl import CommonCrawl, common_crawl


@pytest.fixture
def dialect() -> str:
    """The rows that come of it are tested on both stores elsewhere, and here once."""
    return "sqlite"


@pytest.fixture
async def crawl(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CommonCrawl]:
    monkeypatch.setattr(asking, "PAUSE", 0.0)
    async with common_crawl() as world:
        yield world


@pytest.fixture
def place(stores: Stores, settings: Settings, crawl: CommonCrawl) -> Workplace:
    chosen = crawl.settings(settings)
    return Workplace(chosen, stores, find_secret(chosen), Moment())
