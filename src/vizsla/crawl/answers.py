"""
What does an answer mean for a crawl?

Pure: a status and headers in, one of few kinds out.
"""

from typing import Literal

import msgspec

from vizsla.crawl.links import read_directives
from vizsla.crawl.pages import MISSING, CrawledPage
from vizsla.net.http import Response

HTML = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})


class Answer(msgspec.Struct, frozen=True):
    """What came back, in a word."""

    kind: Literal["page", "unchanged", "redirect", "missing", "busy", "failed", "useless"]
    """failed: a fault of the server, which counts against it. useless: a proper answer that is no page."""
    reason: str = ""
    """What to count it under."""


def judge(response: Response, known: CrawledPage | None) -> Answer:
    """The meaning of *response* for a page that was *known* before, or not."""
    status = response.status
    if status == 304:
        return Answer("unchanged") if known and known.digest else Answer("failed", "status 304")
    if response.location is not None:
        return Answer("redirect")
    if status in MISSING:
        return Answer("missing", f"status {status}")
    if status == 429 or (status == 503 and response.header("retry-after")):
        return Answer("busy", f"status {status}")
    if status >= 500 or status < 200:
        return Answer("failed", f"status {status}")
    if status != 200:
        return Answer("useless", f"status {status}")
    if (response.content_type or "text/html") not in HTML:
        return Answer("useless", "not a page")
    if not response.body:
        return Answer("useless", "empty")
    return Answer("page")


def header_directives(response: Response) -> frozenset[str]:
    """What the X-Robots-Tag headers ask for."""
    said: frozenset[str] = frozenset()
    for name, value in response.headers:
        if name.lower() == "x-robots-tag":
            said |= read_directives(value)
    return said
