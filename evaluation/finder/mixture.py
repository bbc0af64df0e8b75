"""
Which kinds of domains are there, by the templates that their people use?

A mixture of Dirichlet distributions over templates, fitted by expectation-maximisation (Minka's fixed point for the
concentrations) to the soft counts of each domain. An address that several templates could have made is shared between them
anew in every round, by what its domain is then believed to use.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from vizsla.naming.model import Clue
from vizsla.naming.prior import kind_of_tld

_TINY = 1e-6
_UNSEEN = 0.05
"""People that a template counts for which nobody uses."""
_RESHARED = 5
"""Rounds after which addresses of several templates are shared out anew."""
_FIXED_POINT_STEPS = 2

Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Domain, template and count, without zeros, domains together."""


class Shape(msgspec.Struct, frozen=True):
    """What is chosen by hand."""

    domains_a_component: int = 40
    """With fewer domains to each, components take chance for a habit: at 13 the majority of five colleagues was better."""
    rounds: int = 40
    most_concentration: float = 30.0
    least_people: int = 2
    kind_strength: float = 20.0
    """Domains that the weights of all kinds count for, in those of one kind."""
    least_of_a_kind: int = 25
    """Domains that make a kind of top-level domain one of its own."""
    warm_up: int = 50
    """Rounds in which all people are of one kind, to tell templates apart that most names cannot."""
    most_tried: int = 8
    """People a domain counts for at most: as many as are tried of it."""
    floor: float = 0.3
    """People by which the shares of all domains stand behind each component's own."""


class Mixture(msgspec.Struct, frozen=True):
    """Concentrations by component and template, weights by kind of top-level domain; `*` for all."""

    alpha: np.ndarray
    weights: dict[str, np.ndarray]


class Evidence:
    """The clues of many domains as flat arrays."""

    def __init__(self, domains: Sequence[Sequence[Clue]], templates: int) -> None:
        self.size, self.templates = len(domains), templates
        rows = [
            (who, at, place, share)
            for who, (at, clue) in enumerate((at, clue) for at, clues in enumerate(domains) for clue in clues)
            for place, share in clue or ((templates - 1, 1.0),)
        ]
        who, domain, template, share = zip(*rows, strict=True) if rows else ((), (), (), ())
        self.who, self.domain, self.template = (np.array(column, int) for column in (who, domain, template))
        self.share = np.array(share, float)
        self.people = sum(map(len, domains))

    def soften(self, theta: np.ndarray) -> Counts:
        """Soft counts given each domain's *theta*: (domain, template, count) without zeros."""
        likely = self.share * theta[self.domain, self.template]
        whole = np.bincount(self.who, likely, self.people)
        count = likely / np.maximum(whole[self.who], 1e-300)
        flat = np.bincount(self.domain * self.templates + self.template, count)
        at = np.flatnonzero(flat > 1e-9)
        return at // self.templates, at % self.templates, flat[at]

    def simplest(self, order: Sequence[int]) -> np.ndarray:
        """How many people's address is made by each template and by none that comes before it in *order*."""
        rank = np.array(order)[self.template]
        first = np.lexsort((rank, self.who))
        chosen = first[np.r_[True, self.who[first][1:] != self.who[first][:-1]]]
        return np.bincount(self.template[chosen], minlength=self.templates) + 0.01


def log_gamma(x: np.ndarray) -> np.ndarray:
    """Stirling's series, eight steps up."""
    shift = np.log(x)
    for step in range(1, 8):
        shift = shift + np.log(x + step)
    y = x + 8
    return (y - 0.5) * np.log(y) - y + 0.9189385332046727 + 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5) - shift


def digamma(x: np.ndarray) -> np.ndarray:
    """Its derivative, likewise."""
    shift = 1 / x
    for step in range(1, 8):
        shift = shift + 1 / (x + step)
    y = x + 8
    return np.log(y) - 1 / (2 * y) - 1 / (12 * y**2) + 1 / (120 * y**4) - 1 / (252 * y**6) - shift


def infer(mixture: Mixture, kinds: Sequence[str], evidence: Evidence, *, rounds: int = 3) -> np.ndarray:
    """The posterior mean of each domain's shares."""
    log_weights = np.log(np.stack([mixture.weights.get(kind, mixture.weights["*"]) for kind in kinds]) + 1e-12)
    theta = _mean(mixture.alpha, _normal(log_weights), None, evidence)
    for _ in range(rounds):
        counts = evidence.soften(theta)
        theta = _mean(
            mixture.alpha, responsibilities(mixture.alpha, log_weights, counts, evidence.size), counts, evidence
        )
    return theta


def responsibilities(alpha: np.ndarray, log_weights: np.ndarray, counts: Counts, size: int) -> np.ndarray:
    """How probably each domain is of each component."""
    domain, template, count = counts
    score = log_weights.copy()
    whole = np.bincount(domain, count, size)
    if not len(count):
        return _normal(score)
    total = alpha.sum(1)
    score += log_gamma(total)[None] - log_gamma(total[None] + whole[:, None])
    column = alpha[:, template]
    gain = log_gamma(column + count) - log_gamma(column)
    # Entries are sorted by domain, so that a domain's are a run.
    starts = np.flatnonzero(np.r_[True, domain[1:] != domain[:-1]])
    score[domain[starts]] += np.add.reduceat(gain, starts, axis=1).T
    return _normal(score)


def fit(
    domains: Sequence[Sequence[Clue]], names: Sequence[str], order: Sequence[int], shape: Shape, *, seed: int = 7
) -> Mixture:
    """
    The mixture of *domains*, each of which has its people's clues and a name.

    *order* ranks the templates from simple to special: an address is first taken for the simplest that makes it.
    """
    evidence = Evidence(domains, len(order))
    kinds = np.array([kind_of_tld(name) for name in names])
    overall, counts = _everybody(evidence, order, shape)
    alpha = _draw_components(overall, counts, evidence, shape, np.random.default_rng(seed))
    log_weights = np.zeros((evidence.size, len(alpha)))
    sizes = np.array([min(shape.most_tried, len(clues)) for clues in domains], float)
    worth = (sizes / sizes.mean())[:, None]
    for number in range(shape.rounds):
        belongs = responsibilities(alpha, log_weights, counts, evidence.size)
        alpha = _concentrate(alpha, belongs * worth, counts, overall, shape)
        weights = weigh_kinds(belongs * worth, kinds, shape)
        log_weights = np.log(np.stack([weights.get(kind, weights["*"]) for kind in kinds]) + 1e-12)
        if number % _RESHARED == _RESHARED - 1:
            counts = evidence.soften(_mean(alpha, belongs, counts, evidence))
    return Mixture(alpha, weights)


def _everybody(evidence: Evidence, order: Sequence[int], shape: Shape) -> tuple[np.ndarray, Counts]:
    """The shares of templates among all people, and each domain's counts by them."""
    overall = evidence.simplest(order)
    for _ in range(shape.warm_up):
        counts = evidence.soften(np.broadcast_to(overall / overall.sum(), (evidence.size, evidence.templates)))
        overall = np.bincount(counts[1], counts[2], evidence.templates)
    overall = overall + _UNSEEN
    return overall / overall.sum(), counts


def _draw_components(
    overall: np.ndarray, counts: Counts, evidence: Evidence, shape: Shape, dice: np.random.Generator
) -> np.ndarray:
    """Components to begin with: domains drawn by lot, large ones more often."""
    domain, template, count = counts
    dense = np.zeros((evidence.size, evidence.templates))
    dense[domain, template] = count
    people = dense.sum(1)
    components = max(2, evidence.size // shape.domains_a_component)
    seeds = dice.choice(evidence.size, components, replace=False, p=np.sqrt(people) / np.sqrt(people).sum())
    return 3.0 * (dense[seeds] + 2 * overall) / (people[seeds, None] + 2)


def weigh_kinds(belongs: np.ndarray, kinds: np.ndarray, shape: Shape) -> dict[str, np.ndarray]:
    """The weights of components for all domains and for each kind that has enough of them."""
    everywhere = belongs.sum(0) / belongs.sum()
    everywhere = (everywhere + 1e-4) / (everywhere + 1e-4).sum()
    weights = {"*": everywhere}
    for kind in np.unique(kinds):
        chosen = belongs[kinds == kind]
        if len(chosen) >= shape.least_of_a_kind:
            weights[str(kind)] = (chosen.sum(0) + shape.kind_strength * everywhere) / (
                chosen.sum() + shape.kind_strength
            )
    return weights


def _concentrate(
    alpha: np.ndarray, belongs: np.ndarray, counts: Counts, overall: np.ndarray, shape: Shape
) -> np.ndarray:
    domain, template, count = counts
    people = np.bincount(domain, count, len(belongs))[:, None]
    for _ in range(_FIXED_POINT_STEPS):
        column = alpha[:, template]
        gain = belongs[domain].T * (digamma(column + count) - digamma(column))
        above = np.stack([np.bincount(template, row, alpha.shape[1]) for row in gain])
        total = alpha.sum(1)
        below = (belongs * (digamma(people + total[None]) - digamma(total)[None])).sum(0)
        # A little of everybody's habits stands behind each component, so that none forbids a template.
        alpha = (alpha * above + shape.floor * overall) / (below[:, None] + shape.floor)
        alpha = np.maximum(alpha * np.minimum(1, shape.most_concentration / alpha.sum(1, keepdims=True)), _TINY)
    return alpha


def _mean(alpha: np.ndarray, belongs: np.ndarray, counts: Counts | None, evidence: Evidence) -> np.ndarray:
    whole = np.zeros(evidence.size)
    if counts is not None:
        whole = np.bincount(counts[0], counts[2], evidence.size)
    factor = belongs / (alpha.sum(1)[None] + whole[:, None])
    theta = factor @ alpha
    if counts is not None:
        theta[counts[0], counts[1]] += counts[2] * factor.sum(1)[counts[0]]
    return theta


def _normal(score: np.ndarray) -> np.ndarray:
    share = np.exp(score - score.max(1, keepdims=True))
    return share / share.sum(1, keepdims=True)
