"""
Which items with properties does a page mark up, as microdata or hCard?

Fed tag by tag. The innermost item alone watches for its end tag, so that a nest costs no more than its tags.
"""

import html as entities

import msgspec

from vizsla.harvest.extract.attributes import CONTENT, find_href, find_value, value_pattern
from vizsla.harvest.extract.lines import Scope

MAX_SCOPES = 1_000
_ITEMPROP = value_pattern("itemprop")
_ITEMTYPE = value_pattern("itemtype")
_CLASS = value_pattern(r"(?<![\w-])class")
_HCARD = {"fn": "name", "n": "name", "email": "email", "u-email": "email", "p-name": "name", "p-job-title": "jobTitle", "tel": "telephone",
          "title": "jobTitle", "role": "jobTitle", "p-tel": "telephone"}  # fmt: skip
_CARD_CLASSES = frozenset(["vcard", "h-card"])
_WITHOUT_END = frozenset(["meta", "link", "img", "input", "br"])


class _Property(msgspec.Struct, gc=False):
    """A property whose value is the text of an element that is still open."""

    scope: Scope
    name: str
    tag: str
    depth: int = 1
    words: list[str] = []


class _Open(msgspec.Struct, gc=False):
    """An item whose element is still open, and how many of that element's name are open in it, itself included."""

    scope: Scope
    tag: str
    depth: int = 1


class ScopeReader:
    """The items of a stretch of markup, which must be told of every tag while `watches`, and before that of those that may open one."""

    def __init__(self) -> None:
        self.found: list[Scope] = []
        self.watches = False
        self._open: list[_Open] = []
        self._property: _Property | None = None

    def start(self, name: str, attributes: str, line: int) -> None:
        """A start tag, in the line number *line*."""
        depth, watched = len(self._open), self._property
        if attributes and len(self.found) < MAX_SCOPES:
            self._read(name, attributes, line)
        if self._open and len(self._open) == depth:
            innermost = self._open[-1]
            innermost.depth += innermost.tag == name
            if watched is not None and watched is self._property:
                watched.depth += watched.tag == name
        self.watches = bool(self._open) or self._property is not None

    def end(self, name: str) -> None:
        """An end tag."""
        if self._property is not None and self._property.tag == name:
            self._property.depth -= 1
            if not self._property.depth:
                self.end_property()
        if self._open and self._open[-1].tag == name:
            self._open[-1].depth -= 1
            if not self._open[-1].depth:
                self._open.pop()
        self.watches = bool(self._open) or self._property is not None

    def text(self, words: str) -> None:
        """Text, with the space before it."""
        if self._property is not None:
            self._property.words.append(words)

    def end_property(self) -> None:
        """Take the property whose text is being read for ended."""
        if self._property is not None:
            if text := " ".join("".join(self._property.words).split())[:500]:
                self._property.scope.props.append((self._property.name, text))
            self._property = None

    def _read(self, name: str, attributes: str, line: int) -> None:
        value = find_value(_ITEMPROP, attributes) if "itemprop" in attributes else None
        if "itemscope" in attributes or "itemtype" in attributes:
            kind = (find_value(_ITEMTYPE, attributes) or "").rstrip("/").rpartition("/")[2].lower()
            self._begin(kind, name, line)
        elif "card" in attributes and not _CARD_CLASSES.isdisjoint(_classes(attributes)):
            self._begin("hcard", name, line)
            return
        elif self._open and value is None and self._open[-1].scope.kind == "hcard" and "class" in attributes:
            value = next((_HCARD[each] for each in _classes(attributes) if each in _HCARD), None)
        if value and self._open and "itemscope" not in attributes:
            self._begin_property(value, name, attributes)
        elif value == "email" and not self._open and (given := find_value(CONTENT, attributes)):
            self.found.append(Scope("", line, [("email", entities.unescape(given))]))

    def _begin(self, kind: str, name: str, line: int) -> None:
        if name not in _WITHOUT_END:
            scope = Scope(kind, line)
            self.found.append(scope)
            self._open.append(_Open(scope, name))

    def _begin_property(self, property_name: str, name: str, attributes: str) -> None:
        scope = self._open[-1].scope
        given = find_value(CONTENT, attributes)
        if given is None and property_name == "email" and name == "a":
            given = (find_href(attributes) or "").removeprefix("mailto:").partition("?")[0] or None
        if given is not None:
            scope.props.append((property_name, entities.unescape(given)))
        elif name not in _WITHOUT_END:
            self.end_property()
            self._property = _Property(scope, property_name, name)


def _classes(attributes: str) -> list[str]:
    return (find_value(_CLASS, attributes) or "").lower().split()
