"""
What is a page when it is read: lines of text, with what was linked and marked in them.

Values only; `markup` makes them of HTML.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

MAX_LINE = 4_000
"""Longer runs of text without a block tag are cut: no person stands four thousand characters from an address."""


class Link(msgspec.Struct, gc=False):
    """A link: where its text stands in the line, and where it leads. `how` names the disguise the href was in."""

    start: int
    end: int
    href: str
    how: str = ""


class Span(msgspec.Struct, gc=False):
    """Characters of a line that the page did not write plainly."""

    start: int
    end: int
    how: str


class Line(msgspec.Struct, gc=False):
    """One line as a reader sees it, white space run together."""

    text: str
    tag: str = ""
    """The block tag it stands in: `h3`, `td`, `pre` …"""
    cuts: Sequence[int] = ()
    """Offsets at which an inline element begins or ends, ascending."""
    links: Sequence[Link] = ()
    spans: Sequence[Span] = ()
    notes: Sequence[tuple[int, str, str]] = ()
    """Texts of `title` and `alt`, which browsers show, and JSON in attributes: the offset of the element, `how`, the text."""

    def cuts_between(self, start: int, end: int) -> Sequence[int]:
        """The cuts after *start* and before *end*."""
        return self.cuts[bisect_right(self.cuts, start) : bisect_left(self.cuts, end)] if self.cuts else ()


class Scope(msgspec.Struct):
    """A microdata item or an hCard."""

    kind: str
    """The schema.org type in lower case, `hcard` for a vcard class."""
    line: int
    """The number of the line in which it opens."""
    props: list[tuple[str, str]] = []


class Text(msgspec.Struct):
    """A piece of a page as lines."""

    lines: list[Line] = []
    scopes: list[Scope] = []
    protected: int = 0
    """Disguises seen and left alone."""
    placeholders: int = 0


def read_plain(text: str) -> Text:
    """The lines of text that has no markup."""
    return Text([Line(" ".join(line.split()), "pre") for part in text.splitlines() for line in _pieces(part)])


def _pieces(text: str) -> list[str]:
    return [text[at : at + MAX_LINE] for at in range(0, len(text), MAX_LINE)] or [""]
