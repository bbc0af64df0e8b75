"""
Which templates make this local part of this name, and how probably?

A template's marks must be in the local part in their order, unless the name itself is written with one: by that alone most
templates need not be tried, and those that begin alike share where the rest begins.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from string import ascii_lowercase

import msgspec

from vizsla.naming.prior import templates_of
from vizsla.naming.spellings import Spelled
from vizsla.naming.templates import Places, Template, Ways, likelihood

Step = tuple[str, str]

_MARKS = "._-"
_ANY_LETTER: Ways = dict.fromkeys(ascii_lowercase, 1 / 26)
"""A middle name that nobody told us shows in one of thirty addresses: any letter."""


class _Tried(msgspec.Struct, frozen=True):
    """The templates that may make a local part with certain marks, by place in the prior."""

    by_first: list[tuple[Step, list[tuple[int, tuple[Step, ...]]]]]
    """By their first step, with the steps after it."""
    cut: list[tuple[int, Template, int]]
    """Those that cut the whole short, with the fewest characters that a local part of theirs with these marks can have."""


def match(local: str, spelled: Spelled, texts: tuple[str, ...], absent: float) -> dict[int, float]:
    """
    How probably each of the templates *texts* makes *local*, by place; those that do not are left out.

    *absent* is how often an address of a template with a middle name is made without one that is not known.
    """
    known = spelled.places
    places = known if "m" in known else {**known, "m": _ANY_LETTER}
    marks = "".join(sign for sign in local if sign in _MARKS)
    is_marked = any(sign in spelled.marks for sign in marks)
    found = dict(_shares(local, places, _tried(texts, marks, is_marked=is_marked, without_middle=False)))
    if absent:
        lacking = _lacking(texts, "middle" in known, "m" in known)
        for at, share in _shares(local, places, _tried(texts, marks, is_marked=is_marked, without_middle=True)):
            if at in lacking and at not in found:
                found[at] = absent * share
    return found


def lacks_middle(template: Template, places: Mapping[str, object]) -> bool:
    """Whether *template* wants a middle name, or an initial, that this name does not have."""
    return any(place in ("middle", "m") and place not in places for place, _ in template.steps)


@lru_cache(32)
def _lacking(texts: tuple[str, ...], has_middle: bool, has_m: bool) -> frozenset[int]:
    places = {place: 1 for place, is_there in (("middle", has_middle), ("m", has_m)) if is_there}
    return frozenset(at for at, template in enumerate(templates_of(texts)) if lacks_middle(template, places))


@lru_cache(512)
def _tried(texts: tuple[str, ...], marks: str, *, is_marked: bool, without_middle: bool) -> _Tried:
    groups: dict[Step, list[tuple[int, tuple[Step, ...]]]] = {}
    cut: list[tuple[int, Template, int]] = []
    for at, whole in enumerate(templates_of(texts)):
        template = whole.without_middle if without_middle else whole
        if template is None:
            continue
        own = "".join(mark for _, mark in template.steps)
        if template.cut:
            # A mark that is not there was the last character before the cut, or behind it.
            cut.append((at, template, 1 if set(own) <= set(marks) else template.cut - 1))
        elif own == marks or (is_marked and set(own) <= set(marks)):
            groups.setdefault(template.steps[0], []).append((at, template.steps[1:]))
    return _Tried(list(groups.items()), cut)


def _shares(local: str, places: Places, tried: _Tried) -> Iterable[tuple[int, float]]:
    for (place, mark), templates in tried.by_first:
        ways = places.get(place)
        if not ways:
            continue
        starts = _starts(ways, mark, local, 0)
        if not starts:
            continue
        tails = [(local[start:], weight) for start, weight in starts]
        for at, steps in templates:
            share = 0.0
            if not steps:
                share = ways.get(local, 0.0)
            elif len(steps) > 1:
                for start, weight in starts:
                    share += weight * _rest(steps, places, local, start)
            elif last := places.get(steps[0][0]):
                for text, weight in tails:
                    if text in last:
                        share += weight * last[text]
            if share:
                yield at, share
    for at, template, least in tried.cut:
        if least <= len(local) <= template.cut and (share := likelihood(template, places, local)):
            yield at, share


def _rest(steps: Sequence[Step], places: Places, local: str, start: int) -> float:
    place, mark = steps[0]
    ways = places.get(place)
    if not ways:
        return 0.0
    if len(steps) == 1:
        return ways.get(local[start:], 0.0)
    total = 0.0
    for after, weight in _starts(ways, mark, local, start):
        total += weight * _rest(steps[1:], places, local, after)
    return total


def _starts(ways: Ways, mark: str, local: str, start: int) -> list[tuple[int, float]]:
    """Where what is left of *local* begins after each of *ways* and the mark, with the share of that way."""
    if ways is _ANY_LETTER:
        letter = local[start : start + 1]
        return [(start + 1 + len(mark), ways[letter])] if letter in ways and local.startswith(mark, start + 1) else []
    return [
        (start + len(text) + len(mark), weight)
        for text, weight in ways.items()
        if local.startswith(text, start) and local.startswith(mark, start + len(text))
    ]
