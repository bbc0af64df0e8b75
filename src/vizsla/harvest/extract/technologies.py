"""
What is a site made with?

Read from the home page and its response: no browser runs, so what only running scripts would show is not seen.
One pass of a google-re2 set over each kind of evidence; its time is linear in the page, whatever the page.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
import re2

from vizsla.harvest.extract import fingerprints
from vizsla.harvest.extract.head import MAX_HTML, MAX_TAG, Tag
from vizsla.harvest.extract.marks import MarkFinder
from vizsla.harvest.records import Page

MAX_INLINE = 20_000
"""Of one script; snippets of vendors stand at the beginning of theirs."""
MAX_INLINE_ALL = 300_000
MAX_TECHNOLOGIES = 100
MAX_MARKED = 2_000
_AFTER_MARK = 400
"""What a pattern still needs behind its mark: the longest, of Stimulus, looks at an action's name over a hundred characters."""

_tag_marks = MarkFinder([mark.encode() for mark in fingerprints.TAG_MARKS])
_END = re.compile("</script", re.IGNORECASE)
_COOKIE = re.compile(r"(?:^|[\n,])\s{0,8}([a-z0-9_.\-]{1,60})=")


class _Evidence(msgspec.Struct):
    addresses: list[str] = []
    calls: list[str] = []
    generators: list[str] = []
    root: str = ""
    """The `<html>` tag."""


def find_technologies(page: Page, html: str, raw: bytes, tags: Sequence[Tag]) -> list[str]:
    """The slugs of the technologies that *page*, its *html*, *raw* in bytes, and the *tags* of that give away, sorted."""
    html = html[:MAX_HTML]
    evidence = _read(html, tags)
    found = (
        _matches("HEADERS", _header_lines(page.headers))
        | _matches("COOKIES", "\n".join(_COOKIE.findall(page.headers.get("set-cookie", "")[:16_384].lower())))
        | _matches("GENERATORS", "\n".join(evidence.generators))
        | _matches("ADDRESSES", "\n".join(evidence.addresses))
        | _matches("CALLS", "\n".join(evidence.calls))
        | _matches("TAGS", evidence.root + _marked_tags(raw, html))
    )
    return sorted(_with_implied(found))[:MAX_TECHNOLOGIES]


def _header_lines(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {_line(value, 500)}" for name, value in list(headers.items())[:100])


def _read(html: str, tags: Sequence[Tag]) -> _Evidence:
    evidence = _Evidence()
    left = MAX_INLINE_ALL
    for tag in tags:
        attributes = tag.attributes
        if tag.name == "meta":
            if attributes.get("name", "").lower() == "generator":
                evidence.generators.append(_line(attributes.get("content", "")))
        elif tag.name == "link":
            # A canonical or alternate link leads to a page; only what the browser loads is at work.
            if (address := attributes.get("href")) and not _leads_to_page(attributes):
                evidence.addresses.append(_line(address))
        elif address := attributes.get("src"):
            evidence.addresses.append(_line(address))
        elif tag.name == "html":
            evidence.root = html[tag.start : tag.end]
        elif tag.name == "script" and left > 0 and "json" not in attributes.get("type", ""):
            limit = tag.end + min(MAX_INLINE, left)
            end = _END.search(html, tag.end, limit)
            script = html[tag.end : end.start() if end else limit]
            evidence.calls.append(_line(script, MAX_INLINE))
            left -= len(script)
    return evidence


def _marked_tags(raw: bytes, html: str) -> str:
    """The tags of *raw* in which a mark stands, each with what follows it; all of *html* when there are very many."""
    found = _tag_marks.ends(raw[:MAX_HTML], MAX_MARKED)
    if len(found) == MAX_MARKED:
        return html
    tags: dict[int, int] = {}
    for end, _ in found:
        start = raw.rfind(b"<", max(0, end - MAX_TAG), end)
        if start >= 0:
            tags[start] = end + _AFTER_MARK
    return b"\n".join([raw[start:end] for start, end in tags.items()]).decode("utf-8", "replace")


def _leads_to_page(attributes: Mapping[str, str]) -> bool:
    return bool(
        {"canonical", "alternate", "next", "prev", "author", "me", "shortlink"}.intersection(
            attributes.get("rel", "").lower().split()
        )
    )


def _line(text: str, limit: int = MAX_TAG) -> str:
    return text[:limit].replace("\n", " ").lower()


def _matches(kind: str, text: str) -> set[str]:
    if not text:
        return set()
    compiled, slugs = _compiled(kind)
    return {slugs[number] for number in compiled.Match(text.encode("utf-8", "replace")) or ()}


@cache
def _compiled(kind: str) -> tuple[re2.Set, list[str]]:
    table: dict[str, str] = getattr(fingerprints, kind)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_nl = False
    options.max_mem = 64 << 20
    compiled = re2.Set.SearchSet(options)
    for pattern in table.values():
        compiled.Add(f"(?m:{pattern})")
    compiled.Compile()
    return compiled, list(table)


def _with_implied(found: set[str]) -> set[str]:
    todo = list(found)
    while todo:
        for slug in fingerprints.IMPLIED.get(todo.pop(), ()):
            if slug not in found:
                found.add(slug)
                todo.append(slug)
    return found
