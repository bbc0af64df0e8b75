"""
Which pattern is a domain's, as the API writes it?

In `{first}`, `{last}`, `{f}` and `{l}` alone: middle names, truncations and digits fold into the pattern that they are forms
of. None rather than a guess: a pattern reaches its reader as an address, and costs them a bounce.
"""

import math
from functools import lru_cache

import msgspec

from vizsla.naming.model import Posterior
from vizsla.naming.templates import parse_template

_PAIRS = (("{first}", "{last}"), ("{f}", "{last}"), ("{first}", "{l}"), ("{f}", "{l}"))
_MARKS = ("", ".", "_", "-")
PATTERNS: frozenset[str] = frozenset(
    ["{first}", "{last}"]
    + [f"{left}{mark}{right}" for pair in _PAIRS for mark in _MARKS for left, right in (pair, pair[::-1])]
)
"""All that the API can write."""
LEAST_WEIGHT = 0.5
"""Weight of the addresses that must speak for a pattern: one that is more probably right than not."""
LEAST_SHARE = 0.5
"""The share of people that it must hold for, by what was seen and what is believed together."""
_BELIEF = 1.0
"""Addresses that the belief counts for, beside those that were seen."""
_EVEN = 0.98
"""Two patterns that weigh this nearly the same are a tie."""
_ROUNDING = 1e-9
_WHOLE = 4
"""Letters from which on a cut name stands for the whole: `{last:7}` is `{last}` for most people, `{last:2}` for nobody."""


class Habit(msgspec.Struct, frozen=True):
    """One pattern, and how much of a domain it is."""

    pattern: str
    share: float
    """How probably the next person's address follows it."""
    weight: float
    """The weight of the addresses that do."""


def list_habits(posterior: Posterior) -> list[Habit]:
    """Every pattern that the API can write, the most probable first."""
    shares: dict[str, float] = {}
    weights = dict.fromkeys(PATTERNS, 0.0) | _weigh(posterior)
    for at, pattern in enumerate(_patterns(posterior.prior.templates)):
        if pattern is not None:
            shares[pattern] = shares.get(pattern, 0.0) + posterior.theta[at]
    habits = [Habit(pattern, share, weights[pattern]) for pattern, share in shares.items()]
    return sorted(habits, key=lambda habit: (-habit.share, habit.pattern))


def infer_pattern(posterior: Posterior) -> str | None:
    """The domain's pattern; None if too little speaks for one, or as much for another."""
    weights = sorted(((weight, pattern) for pattern, weight in _weigh(posterior).items()), reverse=True)
    if not weights:
        return None
    weight, best = weights[0]
    if weight < LEAST_WEIGHT or (len(weights) > 1 and weights[1][0] > _EVEN * weight):
        return None
    seen = math.fsum(posterior.counts.values())
    # What a pattern's own addresses add to its share is known without the mixture, and is mostly enough.
    least = weight * posterior.prior.trust / (seen + posterior.prior.trust_strength)
    if weight + _BELIEF * least >= LEAST_SHARE * (seen + _BELIEF) + _ROUNDING:
        return best
    share = sum(posterior.share(at) for at, one in enumerate(_patterns(posterior.prior.templates)) if one == best)
    return best if (weight + _BELIEF * share) / (seen + _BELIEF) >= LEAST_SHARE else None


def _weigh(posterior: Posterior) -> dict[str, float]:
    """The weight of the addresses that follow each pattern, if any do."""
    patterns = _patterns(posterior.prior.templates)
    weights: dict[str, float] = {}
    for at, count in sorted(posterior.counts.items()):
        if (pattern := patterns[at]) is not None:
            weights[pattern] = weights.get(pattern, 0.0) + count
    return weights


@lru_cache(8)
def _patterns(templates: tuple[str, ...]) -> tuple[str | None, ...]:
    """Of each of the *templates*, the pattern; OTHER, the last, has none."""
    return (*(pattern_of(text) for text in templates[:-1]), None)


@lru_cache(1_024)
def pattern_of(template: str) -> str | None:
    """The pattern that *template* is a form of; None if the API has no word for it."""
    steps = parse_template(template).steps
    places = {place for place, _ in steps}
    has_first = any(place.startswith(("first", "f", "given")) for place in places)
    parts: list[tuple[str, str]] = []
    for place, mark in steps:
        if place in ("middle", "m"):
            if has_first:
                continue
            # People who go by their middle name.
            parts.append(("{first}" if place == "middle" else "{f}", mark))
            continue
        name, _, size = place.partition(":")
        if size == "1":
            parts.append((f"{{{name[0]}}}", mark))
        elif size and int(size) < _WHOLE:
            return None
        else:
            parts.append(("{f}" if name == "given-initials" else f"{{{name}}}", mark))
    pattern = "".join(part + mark for part, mark in parts).rstrip("._-")
    return pattern if pattern in PATTERNS else None
