"""
How good are answers that are a ranking and a probability?

A hit is the exact local part that was seen in public: an alias that also delivers counts as wrong. The probability is that of
the first candidate.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

BOOTSTRAPS = 1_000
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_CLIP = 0.005


class Outcome(msgspec.Struct, frozen=True):
    """What came of one answer."""

    domain: str
    fold: int
    origin: str
    rank: int
    """The place of the right one among the answers, from 1; 0 where it is none of them."""
    probability: float


class Score(msgspec.Struct, frozen=True):
    """What was measured of many."""

    n: int
    top1: float
    top3: float
    brier: float
    log_loss: float
    ece: float


def score(outcomes: Sequence[Outcome]) -> Score:
    hits = [outcome.rank == 1 for outcome in outcomes]
    shares = [min(1 - _CLIP, max(_CLIP, outcome.probability)) for outcome in outcomes]
    n = max(1, len(outcomes))
    return Score(
        n=len(outcomes),
        top1=sum(hits) / n,
        top3=sum(0 < outcome.rank <= 3 for outcome in outcomes) / n,
        brier=sum((share - hit) ** 2 for share, hit in zip(shares, hits, strict=True)) / n,
        log_loss=-sum(math.log(share if hit else 1 - share) for share, hit in zip(shares, hits, strict=True)) / n,
        ece=sum(abs(row.predicted - row.observed) * row.n for row in reliability(outcomes)) / n,
    )


class Bin(msgspec.Struct, frozen=True):
    """Answers of about the same probability."""

    low: float
    high: float
    n: int
    predicted: float
    observed: float


def reliability(outcomes: Sequence[Outcome]) -> list[Bin]:
    bins: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        bins[min(len(BINS) - 2, int(outcome.probability * (len(BINS) - 1)))].append(outcome)
    edges = list(pairwise(BINS))
    return [
        Bin(
            *edges[at],
            len(rows),
            sum(row.probability for row in rows) / len(rows),
            sum(row.rank == 1 for row in rows) / len(rows),
        )
        for at, rows in sorted(bins.items())
    ]


def interval(
    ours: Sequence[Outcome], theirs: Sequence[Outcome] | None, value: Callable[[Outcome], float]
) -> tuple[float, float]:
    """The 95 % interval of the mean of *value*, or of its gain over *theirs*, drawing domains with replacement."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for at, outcome in enumerate(ours):
        sums[outcome.domain][0] += value(outcome) - (value(theirs[at]) if theirs else 0.0)
        sums[outcome.domain][1] += 1
    rows, dice, means = list(sums.values()), random.Random(5), []
    for _ in range(BOOTSTRAPS):
        drawn = dice.choices(rows, k=len(rows))
        means.append(sum(row[0] for row in drawn) / sum(row[1] for row in drawn))
    means.sort()
    return means[int(BOOTSTRAPS * 0.025)], means[int(BOOTSTRAPS * 0.975)]


def is_first(outcome: Outcome) -> float:
    return float(outcome.rank == 1)


def is_in_three(outcome: Outcome) -> float:
    return float(0 < outcome.rank <= 3)


class Platt(msgspec.Struct, frozen=True):
    """A correction of probabilities: slope and intercept on their log odds."""

    slope: float = 1.0
    intercept: float = 0.0

    def correct(self, probability: float) -> float:
        odds = _logit(probability) * self.slope + self.intercept
        return 1 / (1 + math.exp(-odds))


def fit_platt(outcomes: Sequence[Outcome], ridge: float = 1.0, rounds: int = 30) -> Platt:
    """By Newton's method, held to (1, 0) by *ridge*."""
    slope, intercept = 1.0, 0.0
    rows = [(_logit(outcome.probability), outcome.rank == 1) for outcome in outcomes]
    for _ in range(rounds):
        g0, g1 = ridge * (intercept - 0.0), ridge * (slope - 1.0)
        h00, h01, h11 = ridge, 0.0, ridge
        for x, hit in rows:
            p = 1 / (1 + math.exp(-(slope * x + intercept)))
            w, error = p * (1 - p), p - hit
            g0, g1 = g0 + error, g1 + error * x
            h00, h01, h11 = h00 + w, h01 + w * x, h11 + w * x * x
        whole = h00 * h11 - h01 * h01
        slope -= (h00 * g1 - h01 * g0) / whole
        intercept -= (h11 * g0 - h01 * g1) / whole
    return Platt(slope, intercept)


def _logit(probability: float) -> float:
    clipped = min(1 - 1e-4, max(1e-4, probability))
    return math.log(clipped / (1 - clipped))
