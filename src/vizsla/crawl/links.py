"""
Where does a page lead, and what does it ask of robots?

A scan for tags, not a parser: links are needed of every page, hostile ones too, so the cost must be one pass over the bytes
whatever they are. What the scan misreads (a link inside a comment) costs a request at worst.
"""

import heapq
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

import msgspec

from vizsla.crawl.words import word_score

MAX_LINKS = 1_000
"""Links of one page that are passed on, best first."""
_MAX_TAGS = 100_000
_MAX_SCORED = 10_000
"""Links at either end of a page that are weighed; menus and footers are there, what lies between is a list."""
_MAX_TAG = 4_096
_MAX_TEXT = 300
_LINK = re.compile(rb"<(?:a|area|i?frame)[\s/]", re.IGNORECASE)
_BASE = re.compile(rb"<base\s", re.IGNORECASE)
_META = re.compile(rb"<meta\s", re.IGNORECASE)
_TARGET = re.compile(rb"""\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_NAME = re.compile(rb"""\bname\s*=\s*["']?(?:robots|vizsla)["'\s/]""", re.IGNORECASE)
_CONTENT = re.compile(rb"""\bcontent\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_INSIDE = re.compile(rb"<[^>]*>")
_WORDS = re.compile(r"[a-z]+")
_ADDRESSED = re.compile(r"\s*([\w-]+)\s*:")
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


class Link(msgspec.Struct, frozen=True):
    """A link as written, and the text that is clicked on."""

    href: str
    text: str


class PageLinks(msgspec.Struct, frozen=True):
    """What a page says to a crawler."""

    links: list[Link]
    base: str = ""
    """`<base href>`, as written."""
    directives: frozenset[str] = frozenset()
    """noindex, nofollow, noarchive … of `<meta name=robots>`."""


def read_links(body: bytes) -> PageLinks:
    """The links of an HTML page that is in any charset compatible with ASCII; `rel=nofollow` ones left out."""
    base = next(_targets(body, _BASE), ("", ""))[0]
    directives: set[str] = set()
    for match in _META.finditer(body, 0, 100_000):
        attributes = _attributes(body, match.end())[0] + b" "
        if _NAME.search(attributes) and (content := _CONTENT.search(attributes)):
            directives |= read_directives(_text(content[1] or content[2] or content[3] or b""))
    found: dict[str, str] = {}
    if "nofollow" not in directives:
        for href, text in _targets(body, _LINK):
            if not found.get(href):
                found[href] = text
            if len(found) >= _MAX_TAGS:
                break
    links = [Link(href, text) for href, text in found.items()]
    if len(links) > 2 * _MAX_SCORED:
        links = links[:_MAX_SCORED] + links[-_MAX_SCORED:]
    if len(links) > MAX_LINKS:
        links = heapq.nlargest(MAX_LINKS, links, key=lambda link: word_score(unquote(link.href[:300]), link.text))
    return PageLinks(links, base, frozenset(directives))


def read_directives(text: str, *, agent: str = "vizsla") -> frozenset[str]:
    """The directives of a robots meta tag or one X-Robots-Tag header; `otherbot: noindex` says nothing to us."""
    text = text.lower()
    addressed = _ADDRESSED.match(text)
    if addressed and addressed[1] not in _WITH_VALUE:
        if addressed[1] != agent:
            return frozenset()
        text = text[addressed.end() :]
    said = set(_WORDS.findall(text))
    return frozenset(said | {"noindex", "nofollow"} if "none" in said else said)


def _targets(body: bytes, tag: re.Pattern[bytes]) -> Iterator[tuple[str, str]]:
    for match in tag.finditer(body):
        attributes, end = _attributes(body, match.end())
        target = _TARGET.search(attributes)
        if not target or b"nofollow" in attributes.lower():
            continue
        href = unescape(_text(target[1] or target[2] or target[3] or b"")).strip()
        if href and not href.startswith(("#", "mailto:", "tel:", "javascript:", "data:")):
            text = body[end + 1 : end + 1 + _MAX_TEXT].partition(b"</a")[0]
            yield href, " ".join(unescape(_text(_INSIDE.sub(b" ", text))).split())


def _attributes(body: bytes, start: int) -> tuple[bytes, int]:
    end = body.find(b">", start, start + _MAX_TAG)
    return (body[start:end], end) if end >= 0 else (b"", start)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
