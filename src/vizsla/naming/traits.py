"""
What does a name by itself say about the address of the one who bears it?

`john@` is taken early in every company, `ewa@` rarely; who signs with a middle initial has it in the address; a Chinese family
name of two letters does not stand alone. So the shares of templates that a domain has are moved, for one name, by factors that
were learnt for families of templates: aggregates over many thousand people, no name among them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from vizsla.naming.lexicon import load_lexicon
from vizsla.naming.names import PersonName
from vizsla.naming.prior import OTHER, Prior
from vizsla.naming.scripts import is_chinese_surname
from vizsla.naming.spellings import fold
from vizsla.naming.templates import parse_template

_COMMON_FIRST = (-18.0, -15.0, -12.5, -10.5, -8.5)
_COMMON_LAST = (-22.0, -17.0, -14.0, -12.0, -10.0)
"""Bits of a name's share among people: the steps from rare to common."""
_LETTERS_LAST = (3, 4, 5, 8)
VALUES = {
    "first is common": len(_COMMON_FIRST) + 1,
    "last is common": len(_COMMON_LAST) + 1,
    "last is long": len(_LETTERS_LAST) + 1,
    "last is Chinese": 2,
    "middle is known": 3,
}
"""Each trait, and how many values it has."""


@lru_cache(8_192)
def traits_of(name: PersonName) -> Mapping[str, int]:
    """The value of each trait of *name*."""
    first, last = (fold(part).replace(" ", "").replace("-", "") for part in (name.first, name.last))
    middles = [middle for middle in name.middles if len(middle.strip(".")) > 1]
    return {
        "first is common": _step(math.log2(load_lexicon("first").word(first) + 1e-9), _COMMON_FIRST),
        "last is common": _step(math.log2(load_lexicon("last").word(last) + 1e-9), _COMMON_LAST),
        "last is long": _step(len(last), _LETTERS_LAST),
        "last is Chinese": int(is_chinese_surname(last)),
        "middle is known": 2 if middles else 1 if name.middles else 0,
    }


def move(theta: Sequence[float], name: PersonName, prior: Prior) -> Sequence[float]:
    """The shares *theta* of a domain's templates, for somebody called *name*."""
    if not prior.traits:
        return theta
    factors = _factors(tuple(traits_of(name).items()), prior)
    moved = [share * factor for share, factor in zip(theta, factors, strict=True)]
    whole = math.fsum(moved)
    return [share / whole for share in moved]


@lru_cache(256)
def _factors(values: tuple[tuple[str, int], ...], prior: Prior) -> tuple[float, ...]:
    """What the share of each template is multiplied with."""
    by_family: dict[str, float] = {}
    for trait, value in values:
        for family, factors in prior.traits.get(trait, {}).items():
            by_family[family] = by_family.get(family, 1.0) * factors[value]
    return tuple(by_family.get(family_of(text), 1.0) for text in prior.templates)


@lru_cache(1_024)
def family_of(template: str) -> str:
    """The family of templates that *template* is one of, as keys of `Prior.traits`."""
    if template == OTHER:
        return OTHER
    steps = parse_template(template).steps
    places = [place for place, _ in steps]
    is_marked = any(mark for _, mark in steps)
    if all(place in ("f", "m", "l", "given-initials") for place in places):
        return "initials"
    if any(place in ("m", "middle") for place in places):
        return "middle"
    if len(places) == 1:
        return places[0] if ":" not in places[0] else "cut"
    left, right = places[0].partition(":")[0], places[-1].partition(":")[0]
    if places == ["first", "last"]:
        return "first.last" if is_marked else "firstlast"
    if places == ["last", "first"]:
        return "lastfirst"
    if places[-1] == "last" or (places[0] in ("f", "first:1") and right == "last"):
        return "f.last" if is_marked else "flast"
    if left == "last" and right in ("f", "given-initials"):
        return "lastf"
    return "firstl" if places[0] == "first" and right == "l" else "cut"


def _step(value: float, edges: Sequence[float]) -> int:
    return sum(value > edge for edge in edges)
