"""
What is known of a page from one crawl to the next, and what does a new answer change?

Pure. A page that answers 404 or 410 (or has moved for good) is gone when it still does so on a visit a day or more later;
errors of the server or of ours change nothing.
"""

import msgspec

from vizsla.kit.clock import DAY

MISSING = frozenset({301, 308, 404, 410})
"""Answers that say: not here any more."""


class CrawledPage(msgspec.Struct, frozen=True):
    """A page as last crawled."""

    uri: str
    status: int
    fetched_at: int
    etag: str = ""
    last_modified: str = ""
    digest: str = ""
    """Of the body that was last stored; empty if none ever was."""
    captured_at: int = 0
    """When that body was stored."""
    missing_since: int | None = None


def conditions(page: CrawledPage | None) -> dict[str, str]:
    """Headers that ask for *page* only if it has changed (RFC 9110 13.1)."""
    if page is None or not page.digest:
        return {}
    headers = {"If-None-Match": page.etag, "If-Modified-Since": page.last_modified}
    return {name: value for name, value in headers.items() if value}


def seen(page: CrawledPage, fetched_at: int) -> CrawledPage:
    """*page* found unchanged."""
    return msgspec.structs.replace(page, status=200, fetched_at=fetched_at, missing_since=None)


def missing(page: CrawledPage, status: int, fetched_at: int) -> CrawledPage:
    """*page* not found where it was."""
    since = page.missing_since if page.missing_since is not None else fetched_at
    return msgspec.structs.replace(page, status=status, fetched_at=fetched_at, missing_since=since)


def is_gone(page: CrawledPage) -> bool:
    """Whether *page* was missing on two visits at least a day apart."""
    return page.missing_since is not None and page.fetched_at - page.missing_since >= DAY
