"""
Which templates does a domain use, given the addresses seen there?

A mixture of Dirichlet distributions over templates, conditioned on the top-level domain, updated by soft counts: an address
may be made by several templates, and which one is settled by the domain's other addresses. What is made by none of them is
counted as OTHER, so that part of the probability is always nobody's.

An address counts through its clue alone, the templates that could have made it; equal clues add up. So counts do not depend
on the order in which addresses came, and taking one away undoes exactly what it had added.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import repeat
from operator import add, itemgetter, mul

import msgspec

from vizsla.naming.matching import match
from vizsla.naming.names import PersonName
from vizsla.naming.prior import Prior, kind_of_tld
from vizsla.naming.spellings import spell

MOST_WEIGHT = 60.0
"""Weight of all evidence of a domain: beyond it the model would be surer of itself than a domain is of its habits."""
_ROUNDS = 3
"""How often the clues of a domain are weighed against each other; they settle after two or three."""
_LEAST_SHARE = 1e-3
"""Components that matter less than this, beside all, are left out of the mean."""
_BROAD_WEIGHT = 0.03
_BROAD_SIZE = 0.8
"""
Three of a hundred domains write their addresses as none of the learnt components does, and are of one mind about it: without
this, three `{first}-{last}` in a row would still be taken for exceptions.
"""
_LEAST_COUNT = 5e-3
"""Counts that are less than this beside the greatest are dropped: a nameless address may be made by thirty templates."""
_BARE_DIGITS = 0.02
"""How probable digits behind a local part are of one that would be explained without them: john.smith2."""

Clue = tuple[tuple[int, float], ...]
"""Templates (by place in the prior) that could have made an address, each with how probably it makes it; empty: none."""


class Counts:
    """The evidence of one domain: how much weight each clue has. Not more than a multiset; order leaves no trace."""

    __slots__ = ("_weights", "version")

    def __init__(self, clues: Iterable[tuple[Clue, float]] = ()) -> None:
        self._weights: dict[Clue, float] = {}
        self.version = 0
        for clue, weight in clues:
            self.add(clue, weight)

    def add(self, clue: Clue, weight: float = 1.0) -> None:
        """Count an address."""
        if weight > 0:
            self._weights[clue] = self._weights.get(clue, 0.0) + weight
            self.version += 1

    def remove(self, clue: Clue, weight: float = 1.0) -> None:
        """Undo `add` of the same."""
        left = self._weights.get(clue, 0.0) - weight
        if left > 1e-9:
            self._weights[clue] = left
        else:
            self._weights.pop(clue, None)
        self.version += 1

    @property
    def total(self) -> float:
        """The weight of all addresses."""
        return math.fsum(self._weights.values())

    def items(self) -> list[tuple[Clue, float]]:
        """Every clue with its weight, sorted: sums made of them are the same however they came."""
        return sorted(self._weights.items())


class Posterior(msgspec.Struct, frozen=True, dict=True):
    """How probable each template is for the next person of a domain."""

    prior: Prior
    domain: str
    counts: Mapping[int, float]
    """How much of the evidence each template explains, after it was weighed."""
    evidence: float
    """The weight of the evidence, before it was capped."""

    @cached_property
    def theta(self) -> tuple[float, ...]:
        """By place in `prior.templates`, OTHER last; the sum is 1. Worked out when asked for: a pattern seldom needs it."""
        return _believe(tuple(self.counts.items()), kind_of(self.domain, self.prior), self.prior)

    def share(self, at: int) -> float:
        """One of `theta`, without the rest of it."""
        return self._mixture.share(at)

    @cached_property
    def _mixture(self) -> "_Mixture":
        return _mix(self.counts, kind_of(self.domain, self.prior), self.prior)

    @property
    def unknown(self) -> float:
        """The share of people whose address no template makes."""
        return self.theta[-1]


@lru_cache(16_384)
def explain(local: str, name: PersonName, domain: str, prior: Prior) -> Clue:
    """The clue that *local* is, being the address of *name*: empty if no template makes it."""
    clue = _explain(local, name, domain, prior)
    bare = local.rstrip("0123456789").rstrip("._-")
    if not clue and bare and bare != local:
        clue = tuple((at, share * _BARE_DIGITS) for at, share in _explain(bare, name, domain, prior))
    return clue


def _explain(local: str, name: PersonName, domain: str, prior: Prior) -> Clue:
    found: dict[int, float] = {}
    for spelled in spell(name, domain, prior.spelling):
        for at, share in match(local, spelled, prior.templates, prior.spelling.middle_absent).items():
            found[at] = found.get(at, 0.0) + spelled.share * share
    return tuple((at, round(share, 4)) for at, share in sorted(found.items()) if share >= 1e-4)


def prior_posterior(domain: str, prior: Prior) -> Posterior:
    """What is believed of a domain of which nothing is known."""
    return Posterior(prior, domain, {}, 0.0)


def infer_posterior(counts: Counts, domain: str, prior: Prior) -> Posterior:
    """What is believed of *domain* after *counts*."""
    soft, total = _infer(tuple(counts.items()), kind_of(domain, prior), prior)
    return Posterior(prior, domain, soft, total)


@lru_cache(4_096)
def _infer(clues: tuple[tuple[Clue, float], ...], kind: str, prior: Prior) -> tuple[Mapping[int, float], float]:
    """
    How much each template explains, and the weight of all. Many domains have shown the same: most have one address.
    """
    if not clues:
        return {}, 0.0
    total = math.fsum(weight for _, weight in clues)
    scale = min(1.0, MOST_WEIGHT / total)
    soft = _weigh(clues, start_of_kind(kind, prior), scale, prior)
    if any(len(clue) > 1 for clue, _ in clues):
        places = {at for clue, _ in clues for at, _ in clue}
        for _ in range(_ROUNDS - 1):
            soft = _weigh(clues, _update_at(places, soft, kind, prior), scale, prior)
    return soft, total


@lru_cache(4_096)
def _believe(counts: tuple[tuple[int, float], ...], kind: str, prior: Prior) -> tuple[float, ...]:
    soft = dict(counts)
    start = start_of_kind(kind, prior)
    return _trust(_update(soft, kind, prior), soft, start, prior) if soft else start


class _Mixture(msgspec.Struct, frozen=True):
    """What a template's share is made of."""

    prior: Prior
    soft: Mapping[int, float]
    start: Sequence[float]
    likely: list[tuple[float, int]]
    own: float
    """What each count of the domain's own adds."""
    known: dict[int, float]

    def share(self, at: int) -> float:
        if (share := self.known.get(at)) is None:
            share = self.known[at] = self._share(at)
        return share

    def _share(self, at: int) -> float:
        count = self.soft.get(at, 0.0)
        alphas = _columns(self.prior)[at].alphas
        mean = 0.0
        for factor, number in self.likely:
            mean += factor * (alphas[number] + count)
        trust = self.prior.trust
        return (1 - trust) * mean + self.own * (self.prior.trust_strength * self.start[at] + count)


def _mix(soft: Mapping[int, float], kind: str, prior: Prior) -> _Mixture:
    start, components = start_of_kind(kind, prior), _components(prior)
    total = math.fsum(soft.values())
    likely = _list_likely(soft, kind, prior)
    whole = math.fsum(factor * (components[number].size + total) for factor, number in likely)
    own = prior.trust / (total + prior.trust_strength) if prior.trust else 0.0
    return _Mixture(prior, soft, start, [(factor / whole, number) for factor, number in likely], own, {})


def _trust(
    theta: tuple[float, ...], soft: Mapping[int, float], start: Sequence[float], prior: Prior
) -> tuple[float, ...]:
    """
    *theta* with a part in which the domain's own addresses stand by themselves.

    The mixture is too sure that a domain is of a kind it has seen: of three addresses, two of one pattern and one of a usual
    one, it believes the usual one.
    """
    if not prior.trust:
        return theta
    own = prior.trust / (math.fsum(soft.values()) + prior.trust_strength)
    mixed = [
        (1 - prior.trust) * share + own * prior.trust_strength * first
        for share, first in zip(theta, start, strict=True)
    ]
    for at, count in soft.items():
        mixed[at] += own * count
    return tuple(mixed)


def responsibilities(clue: Clue, theta: Sequence[float]) -> dict[int, float]:
    """How probably each template made the address of *clue*; OTHER for an empty one."""
    return _divide(clue, theta) if clue else {len(theta) - 1: 1.0}


def _divide(clue: Clue, theta: Sequence[float] | Mapping[int, float]) -> dict[int, float]:
    parts = {at: share * theta[at] for at, share in clue}
    total = math.fsum(parts.values())
    if total <= 0:
        return {at: 1 / len(clue) for at, _ in clue}
    return {at: part / total for at, part in parts.items()}


def _weigh(
    clues: Iterable[tuple[Clue, float]], theta: Sequence[float] | Mapping[int, float], scale: float, prior: Prior
) -> dict[int, float]:
    """How much each template explains, if *theta* is believed."""
    soft: dict[int, float] = {}
    other = {len(prior.templates) - 1: 1.0}
    for clue, weight in clues:
        for at, share in (_divide(clue, theta) if clue else other).items():
            soft[at] = soft.get(at, 0.0) + scale * weight * share
    least = _LEAST_COUNT * max(soft.values())
    return {at: count for at, count in soft.items() if count > least}


def _update(soft: Mapping[int, float], kind: str, prior: Prior) -> tuple[float, ...]:
    """The mean of the mixture after *soft* counts."""
    components = _components(prior)
    counted = list(soft.items())
    theta = [0.0] * len(prior.templates)
    for factor, number in _list_likely(soft, kind, prior):
        theta = list(map(add, theta, map(mul, repeat(factor), components[number].alpha)))
        for at, count in counted:
            theta[at] += factor * count
    whole = math.fsum(theta)
    return tuple(value / whole for value in theta)


def _update_at(places: Iterable[int], soft: Mapping[int, float], kind: str, prior: Prior) -> dict[int, float]:
    """As `_update`, at these *places* alone and correct up to a factor."""
    likely = _list_likely(soft, kind, prior)
    columns = _columns(prior)
    theta = {}
    for at in places:
        alphas, count, value = columns[at].alphas, soft.get(at, 0.0), 0.0
        for factor, number in likely:
            value += factor * (alphas[number] + count)
        theta[at] = value
    whole = math.fsum(theta.values())
    return {at: value / whole for at, value in theta.items()} if whole else theta


def _list_likely(soft: Mapping[int, float], kind: str, prior: Prior) -> list[tuple[float, int]]:
    """The components that matter after *soft* counts, each with what its concentrations count for in the mean."""
    total = math.fsum(soft.values())
    components, log_weights = _logarithms(kind, prior)
    gains = [_gains(at, round(count, 2), prior) for at, count in soft.items()]
    scores = list(map(sum, zip(log_weights, _sizes(round(total, 2), prior), *gains, strict=True)))
    best = max(scores)
    least = best - 14
    likely = [(math.exp(score - best), number) for number, score in enumerate(scores) if score > least]
    norm = math.fsum(share for share, _ in likely)
    return [
        (share / norm / (components[number].size + total), number)
        for share, number in likely
        if share >= _LEAST_SHARE * norm
    ]


def kind_of(domain: str, prior: Prior) -> str:
    """The kind of top-level domain by which *prior* weighs its components."""
    kind = kind_of_tld(domain)
    if kind in prior.weights:
        return kind
    return "other" if "other" in prior.weights else "*"


class _Component(msgspec.Struct, frozen=True):
    """A Dirichlet distribution, with what is needed of it again and again."""

    alpha: tuple[float, ...]
    size: float
    log_size: float


def _component(alpha: Sequence[float]) -> _Component:
    # A concentration of nothing would forbid a template for ever.
    kept = tuple(max(value, 1e-6) for value in alpha)
    size = math.fsum(kept)
    return _Component(kept, size, math.lgamma(size))


class _Column(msgspec.Struct, frozen=True):
    """The concentrations of all components at one template. Most components share the least: 17 of 71 differ."""

    alphas: tuple[float, ...]
    distinct: list[tuple[float, float]]
    """Each with its log gamma."""
    spread: Callable[[list[float]], tuple[float, ...]]
    """Gives each component its one of what was worked out of those that differ."""


@lru_cache(8)
def _columns(prior: Prior) -> list[_Column]:
    columns = []
    for alphas in zip(*(one.alpha for one in _components(prior)), strict=True):
        number = {alpha: at for at, alpha in enumerate(dict.fromkeys(alphas))}
        spread = itemgetter(*(number[alpha] for alpha in alphas))
        columns.append(_Column(alphas, [(alpha, math.lgamma(alpha)) for alpha in number], spread))
    return columns


@lru_cache(256)
def _logarithms(kind: str, prior: Prior) -> tuple[list[_Component], list[float]]:
    """The components and the logarithms of their weights."""
    weights = [*(weight * (1 - _BROAD_WEIGHT) for weight in prior.weights[kind]), _BROAD_WEIGHT]
    return _components(prior), [math.log(max(weight, 1e-12)) for weight in weights]


@lru_cache(8)
def _components(prior: Prior) -> list[_Component]:
    """The learnt ones; and a domain with a habit that none of them has: any template, and then that one for nearly all."""
    simple = [text for text in prior.templates if ":" not in text and "#" not in text and "m" not in text]
    broad = [
        _BROAD_SIZE * ((0.8 / len(simple) if text in simple else 0.0) + 0.2 / len(prior.templates))
        for text in prior.templates
    ]
    return [*(_component(alpha) for alpha in prior.components), _component(broad)]


@lru_cache(4_096)
def _gains(at: int, count: float, prior: Prior) -> tuple[float, ...]:
    """By how much the logarithm of each component's evidence grows for *count* at a template; log gamma is most of the work."""
    column = _columns(prior)[at]
    return column.spread([math.lgamma(alpha + count) - log for alpha, log in column.distinct])


@lru_cache(4_096)
def _sizes(total: float, prior: Prior) -> tuple[float, ...]:
    """What all counts together take from it."""
    return tuple(one.log_size - math.lgamma(one.size + total) for one in _components(prior))


@lru_cache(256)
def start_of_kind(kind: str, prior: Prior) -> tuple[float, ...]:
    """How probable each template is at a domain of *kind* of which nothing is known."""
    return _update({}, kind, prior)


def fit(clue: Clue, posterior: Posterior) -> float:
    """How many times more probable an address with *clue* is at this domain than at one of which nothing is known."""
    start = start_of_kind(kind_of(posterior.domain, posterior.prior), posterior.prior)
    clue = clue or ((len(start) - 1, 1.0),)
    before = math.fsum(share * start[at] for at, share in clue)
    return math.fsum(share * posterior.share(at) for at, share in clue) / before if before > 0 else 1.0
