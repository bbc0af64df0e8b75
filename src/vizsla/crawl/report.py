"""How much may a crawl spend, and what came of it? The values that a door hands in and gets back."""

from pathlib import Path
from typing import Literal

import msgspec

from vizsla.crawl.pages import CrawledPage
from vizsla.harvest.records import Visit

EndedBy = Literal[
    "done", "pages", "bytes", "time", "errors", "robots", "refused", "unreachable", "moved", "busy", "cancelled"
]
ENDINGS: dict[EndedBy, str] = {
    "done": "Every page found was fetched.",
    "pages": "The number of pages asked for was reached.",
    "bytes": "The budget of bytes was used up.",
    "time": "The time was up.",
    "errors": "The site failed to answer several times in a row.",
    "robots": "The site's robots.txt does not let us in, or could not be read.",
    "refused": "The site's address is private or reserved; VIZSLA_EGRESS_ALLOW can name its network.",
    "unreachable": "The site does not answer.",
    "moved": "The site has moved to another domain.",
    "busy": "The site asked to be left alone for longer than the time we have.",
    "cancelled": "It was cancelled; what had been read is kept.",
}


class Budget(msgspec.Struct, frozen=True):
    """Upper bounds of one crawl."""

    pages: int = 50
    depth: int = 3
    """Clicks from the home page."""
    page_bytes: int = 2 << 20
    """Of one page, inflated; what is longer is cut there."""
    total_bytes: int = 20 << 20
    seconds: float = 60
    request_seconds: float = 10
    errors: int = 5
    """Failures in a row that end it."""

    @property
    def requests(self) -> int:
        """Redirects, missing pages and robots.txt are requests too; a site that has nothing else must come to an end."""
        return 3 * self.pages + 20


class Progress(msgspec.Struct, frozen=True):
    """Where a crawl stands, after each request."""

    url: str
    pages: int
    requests: int
    bytes: int
    pending: int
    seconds: float
    unchanged: int
    skipped: dict[str, int]
    """URLs that gave no page so far, by reason."""


class CrawlReport(msgspec.Struct, frozen=True):
    """What came of a crawl."""

    domain: str
    """The registrable domain."""
    started_at: int
    seconds: float
    ended_by: EndedBy
    pages: int
    """Pages fetched: stored, unchanged, or not to be stored."""
    unchanged: int
    requests: int
    bytes: int
    """Inflated."""
    skipped: dict[str, int]
    """URLs that gave no page, by reason."""
    warc: Path | None
    """What to harvest; None when nothing was captured."""
    moved_to: str = ""
    details: str = ""
    """What failed last, for a person to read."""
    states: list[CrawledPage] = []
    """What to remember for the next crawl (`store.record_pages`), once the WARC file is harvested."""
    gone: list[Visit] = []
    """Pages that are no more: visits for the index to merge, after which their addresses are no longer there."""

    @property
    def ending(self) -> str:
        """Why it ended, as a sentence."""
        return ENDINGS[self.ended_by] + (f" ({self.moved_to})" if self.moved_to else "")
