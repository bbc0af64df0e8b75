"""
Which parts of a page are worth reading, given where addresses may stand?

A page is 180 KB and an address needs the few lines round it. Scripts, style sheets and comments are told apart in bytes, by
their openings alone, and the markup round each spot is cut out as a window; only windows are decoded and read. A page with
an address everywhere is one window. Everything here is one pass forward, whatever the page is.
"""

from collections.abc import Iterator, Sequence

import msgspec

from vizsla.harvest.extract.lexicon import ROLE_LOCALS
from vizsla.harvest.extract.marks import MarkFinder

BEFORE = 4_000
AFTER = 2_500
"""Bytes of markup kept before and after a spot: six lines of a card on pages with long class lists (2,136 pages, 2026-11)."""

_MARKS = ("<script", "</script", "<style", "</style", "<!--", "-->", "<pre", "</pre")
_CLOSINGS = {"<script": "</script", "<style": "</style", "<!--": "-->"}
MAX_MARKS = 100_000
MAX_NOINDEX = 50
_finder = MarkFinder([mark.encode() for mark in _MARKS])
_noindex = MarkFinder((b"noindex",))
ROLE_BEFORE, ROLE_AFTER = 1_200, 800
_ROLES = frozenset(local.encode() for local in ROLE_LOCALS)
_WORD = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_TAG_REACH = 2_048


class Region(msgspec.Struct, frozen=True, gc=False):
    """Bytes that are not markup: from the `<` of the opening to that of the end tag."""

    start: int
    end: int
    kind: str


class Window(msgspec.Struct, frozen=True, gc=False):
    """Markup to read, and whether it begins inside of `<pre>`."""

    start: int
    end: int
    in_pre: bool


class Marks(msgspec.Struct):
    """What one pass over the page's bytes found of the marks that matter to reading it."""

    regions: list[Region]
    """Scripts, style sheets and comments, in order."""
    pre: list[tuple[int, bool]]
    """Where `<pre>` begins (True) and ends, outside of the regions."""


def find_marks(body: bytes) -> Marks:
    """The marks of *body*."""
    marks = Marks([], [])
    opening, start, closing = "", 0, ""
    for end, number in _finder.ends(body, MAX_MARKS):
        mark = _MARKS[number]
        if closing:
            if mark == closing:
                marks.regions.append(Region(start, end - len(mark), opening))
                closing = ""
        elif mark in _CLOSINGS:
            opening, start, closing = mark, end - len(mark), _CLOSINGS[mark]
        elif mark in ("<pre", "</pre") and body[end : end + 1] in (b">", b" ", b"\n"):
            marks.pre.append((end, mark == "<pre"))
    if closing:
        marks.regions.append(Region(start, len(body), opening))
    return marks


def find_noindex(body: bytes) -> list[int]:
    """Where the word `noindex` stands in *body*, whatever it means there: the first few places."""
    return [end - len(b"noindex") for end, _ in _noindex.ends(body, MAX_NOINDEX)]


def split_spots(spots: Sequence[int], regions: Sequence[Region]) -> tuple[list[int], dict[Region, list[int]]]:
    """The spots in markup, and those in each region."""
    outside: list[int] = []
    inside: dict[Region, list[int]] = {}
    number = 0
    for spot in spots:
        while number < len(regions) and regions[number].end <= spot:
            number += 1
        if number < len(regions) and regions[number].start < spot:
            # The attributes of `<script data-cfemail=…>` are markup, but nobody puts an address there.
            inside.setdefault(regions[number], []).append(spot)
        else:
            outside.append(spot)
    return outside, inside


def cut_windows(body: bytes, spots: Sequence[int], marks: Marks) -> Iterator[Window]:
    """The windows round *spots* (ascending, outside of the regions), overlapping ones as one, each beginning at a tag or a line."""
    at = number = 0
    in_pre = False
    while at < len(spots):
        before, after = _reach(body, spots[at])
        start, end = spots[at] - before, spots[at] + after
        at += 1
        while at < len(spots):
            before, after = _reach(body, spots[at])
            if spots[at] - before > end:
                break
            end = max(end, spots[at] + after)
            at += 1
        start, end = _align(body, max(start, 0), min(end, len(body)), marks.regions)
        while number < len(marks.pre) and marks.pre[number][0] <= start:
            in_pre = marks.pre[number][1]
            number += 1
        yield Window(start, end, in_pre)


def _reach(body: bytes, spot: int) -> tuple[int, int]:
    """How far round *spot* to read: a function's mailbox has a phone close by, but no person."""
    before = body[max(0, spot - 24) : spot]
    rest = before.rstrip(_WORD)
    is_role = before[len(rest) :].lower() in _ROLES and not rest.endswith((b".", b"+"))
    return (ROLE_BEFORE, ROLE_AFTER) if is_role else (BEFORE, AFTER)


def _align(body: bytes, start: int, end: int, regions: Sequence[Region]) -> tuple[int, int]:
    if start:
        inside = _region_at(regions, start)
        if inside is not None:
            start = inside.end
        tag = body.find(b"<", start, start + BEFORE // 2)
        if tag >= 0:
            start = tag
        else:
            # No tag for two thousand bytes is running text: a line of it will do, or else a word.
            line = body.find(b"\n", start, start + BEFORE // 2)
            start = line + 1 if line >= 0 else max(body.find(b" ", start, start + BEFORE // 2), start)
    if end < len(body):
        tag = body.find(b"<", end, end + _TAG_REACH)
        end = tag if tag >= 0 else end
    return start, end


def _region_at(regions: Sequence[Region], place: int) -> Region | None:
    low, high = 0, len(regions)
    while low < high:
        middle = (low + high) // 2
        if regions[middle].end <= place:
            low = middle + 1
        else:
            high = middle
    return regions[low] if low < len(regions) and regions[low].start <= place else None
