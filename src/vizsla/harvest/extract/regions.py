"""
Which parts of a page are worth reading, given where addresses may stand?

A page is 180 KB and an address needs the few lines round it. Scripts, style sheets and comments are told apart in bytes, by
their openings alone, and the markup round each spot is cut out as a window; only windows are decoded and read. A page with
an address everywhere is one window. Everything here is one pass forward, whatever the page is.
"""

from collections.abc import Iterator, Sequence

import msgspec

BEFORE = 4_000
AFTER = 2_500
"""Bytes of markup kept before and after a spot: six lines of a card on pages with long class lists (2,136 pages, 2026-11)."""

_OPENINGS = (b"<script", b"<style", b"<!--")
_CLOSINGS = {b"<script": b"</script", b"<style": b"</style", b"<!--": b"-->"}
_TAG_REACH = 2_048


class Region(msgspec.Struct, frozen=True, gc=False):
    """Bytes that are not markup: from the `<` of the opening to that of the end tag."""

    start: int
    end: int
    kind: bytes


class Window(msgspec.Struct, frozen=True, gc=False):
    """Markup to read, and whether it begins inside of `<pre>`."""

    start: int
    end: int
    in_pre: bool


def find_regions(body: bytes, until: int) -> list[Region]:
    """The scripts, style sheets and comments of *body* that begin before *until*, in order."""
    # Capitals throughout, as in the 1990s, are common enough; mixed ones are not.
    capitals = b"<SCRIPT" in body or b"<STYLE" in body
    openings = [_Finder(body, mark, until) for mark in (*_OPENINGS, b"<SCRIPT", b"<STYLE")[: 5 if capitals else 3]]
    closings = {
        mark: [_Finder(body, each, len(body)) for each in {end, end.upper()}] for mark, end in _CLOSINGS.items()
    }
    regions: list[Region] = []
    at = 0
    while True:
        start, opening = min((finder.after(at), finder.mark) for finder in openings)
        if start >= until:
            return regions
        kind = opening.lower()
        at = min(finder.after(start + 2) for finder in closings[kind])
        regions.append(Region(start, at, kind))


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


def cut_windows(body: bytes, spots: Sequence[int], regions: Sequence[Region]) -> Iterator[Window]:
    """The windows round *spots* (ascending, outside of *regions*), overlapping ones as one, each beginning at a tag or a line."""
    pre = _PreState(body)
    at = 0
    while at < len(spots):
        start, end = spots[at] - BEFORE, spots[at] + AFTER
        while at < len(spots) and spots[at] - BEFORE <= end:
            end = spots[at] + AFTER
            at += 1
        start, end = _align(body, max(start, 0), min(end, len(body)), regions)
        yield Window(start, end, pre.at(start))


class _PreState:
    """Whether a place is inside of `<pre>`; asked in ascending order."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0
        self._inside = False
        self._possible = b"<pre" in body or b"<PRE" in body

    def at(self, place: int) -> bool:
        if self._possible:
            opened, closed = (
                max(self._body.rfind(mark, self._at, place), self._body.rfind(mark.upper(), self._at, place))
                for mark in (b"<pre", b"</pre")
            )
            if opened != closed:
                self._inside = opened > closed
            self._at = place
        return self._inside


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


class _Finder:
    """Where a mark comes next; asked in ascending order, it looks at each byte once, found or not."""

    def __init__(self, body: bytes, mark: bytes, end: int) -> None:
        self.mark = mark
        self._body = body
        self._end = end
        self._next = -1

    def after(self, place: int) -> int:
        """The first place from *place* on, the end if there is none."""
        if self._next < place:
            found = self._body.find(self.mark, place, self._end)
            self._next = found if found >= 0 else self._end
        return self._next
