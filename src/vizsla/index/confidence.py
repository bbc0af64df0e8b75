"""
How probable is it that this address reaches its owner today?

The extraction was right (over independent sources) × the address still lives (its age), moved by what a mail server said and
by whether the domain makes its addresses so. A probability in percent, 1 to 99: nobody knows for certain.
"""

import math
from collections.abc import Iterable

import msgspec

from vizsla.kit.clock import DAY

# How often an address read this way is the address its author meant. Starting values, to be set by evaluation/.
_PRECISION = {
    "mailto": 0.97,
    "jsonld": 0.97,
    "microdata": 0.97,
    "hcard": 0.97,
    "text": 0.93,
    "entity": 0.93,
}
_DECODED = 0.85
_THIRD_PARTY = 0.85
_DRAWN = 0.1
"""How far the odds move for a local part that nobody typed: made for one day, or by a machine. A starting value."""
LEAST_FIT, MOST_FIT = 1 / 3, 3.0
"""How far the odds may move for how an address is made: habits are no proof."""
_INDEPENDENT = 5
"""Sources past the fifth repeat more than they confirm."""
FRESH = 90 * DAY
_YEAR = 365.25 * DAY
# Odds for and against, of an address that is right (delivers to its owner): a server's "valid" is said of .96 of them and
# of .04 of the others, "invalid" of .03 and .95. Starting values; `accept_all` and `unknown` say nothing.
_ODDS = {"valid": 0.96 / 0.04, "invalid": 0.03 / 0.95}


class Source(msgspec.Struct, frozen=True):
    """One page that shows the address."""

    owner: str
    """The registrable domain of the page: pages of one owner are one witness."""
    is_own: bool
    """Whether the page is on the address's own domain."""
    how: str
    last_seen: int
    is_current: bool
    """Still there when the page was last fetched."""


def survival(seconds: float) -> float:
    """The share of addresses in use that still are after *seconds*: measured on 18,290 people in 23 dated histories."""
    return math.exp(-0.118 * (max(0.0, seconds) / _YEAR) ** 0.83)


def certainty(
    sources: Iterable[Source], *, status: str | None, verified_at: int | None, today: int, is_gibberish: bool = False
) -> float:
    """The probability given the local part and all that pages and mail servers said, as of *today* (seconds)."""
    witnesses: dict[str, float] = {}
    last_seen = 0
    is_fresh = False
    for source in sources:
        precision = _PRECISION.get(source.how, _DECODED)
        if not source.is_own:
            precision = min(precision, _THIRD_PARTY)
        witnesses[source.owner] = max(precision, witnesses.get(source.owner, 0.0))
        last_seen = max(last_seen, source.last_seen)
        is_fresh = is_fresh or (source.is_current and source.last_seen >= today - FRESH)
    best = sorted(witnesses.values(), reverse=True)[:_INDEPENDENT]
    right = 1 - math.prod(1 - precision for precision in best)
    if is_gibberish:
        right = _updated(right, _DRAWN)
    if verified_at is not None and status in _ODDS:
        # What the server said is of its own day; the address may have died since.
        right *= survival(verified_at - last_seen)
        right = _updated(right, _ODDS[status])
        last_seen = max(last_seen, verified_at)
        is_fresh = is_fresh or last_seen >= today - FRESH
    if not is_fresh:
        right *= survival(today - last_seen)
    return min(right, 1 - 1e-6)


def confidence(certain: float, fit: float = 1.0) -> int:
    """In percent, with the odds changed by how well the address *fits* what its domain does; 1 to 99."""
    return min(99, max(1, round(100 * _updated(certain, fit))))


def _updated(probability: float, ratio: float) -> float:
    odds = probability / max(1e-9, 1 - probability) * ratio
    return odds / (1 + odds)
