"""
How probable is each candidate after what mail servers and pages said?

Exactly one candidate is the person's address, or none of them is. Each observation is about one candidate: how probable it is
if that one is right, and if it is not. What is said of one changes all the others. Nothing here asks anybody.
"""

import math
from collections.abc import Iterable

import msgspec

from vizsla.naming.candidates import Candidate

MOST_BY_PATTERN = 0.92
"""A pattern by itself is never surer: beyond it, three of a hundred predictions held less than they said (32,500 measured)."""
FLOOR = 0.10
"""Below it, no address is given: nine in ten would be wrong."""
_LEAST, _MOST = 1e-6, 1 - 1e-6


class Likelihood(msgspec.Struct, frozen=True):
    """How probable an observation is of the right candidate, and of a wrong one."""

    if_right: float
    if_wrong: float


class Calibration(msgspec.Struct, frozen=True):
    """Platt's correction of a probability: slope and intercept on its log odds."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: float) -> float:
        """The corrected *probability*; one that is learnt from what came of answers."""
        if self.slope == 1.0 and self.intercept == 0.0:
            return probability
        return sigmoid(self.slope * logit(probability) + self.intercept)


class Belief(msgspec.Struct, frozen=True):
    """A candidate and its probability now."""

    candidate: Candidate
    probability: float


class Beliefs:
    """The candidates of one search."""

    def __init__(self, ranked: Iterable[Candidate], calibration: Calibration | None = None) -> None:
        calibration = calibration or Calibration()
        self._candidates = {one.local: one for one in ranked}
        shares = {one.local: calibration.apply(one.probability) for one in self._candidates.values()}
        whole = math.fsum(shares.values())
        # Corrected one by one, they may come out as more than certain together.
        scale = min(1.0, _MOST / whole) if whole > 0 else 1.0
        self._shares = {local: share * scale for local, share in shares.items()}

    @property
    def unknown(self) -> float:
        """How probable it is that none of them is right."""
        return max(0.0, 1.0 - math.fsum(self._shares.values()))

    def observe(self, local: str, likelihood: Likelihood) -> None:
        """Take in an observation about *local*."""
        share = self._shares.get(local)
        if share is None:
            return
        whole = _whole(share, likelihood)
        if whole <= 0:
            return
        others = likelihood.if_wrong / whole
        self._shares = {key: value * others for key, value in self._shares.items()}
        self._shares[local] = share * likelihood.if_right / whole

    def probability(self, local: str) -> float:
        """How probable *local* is."""
        return self._shares.get(local, 0.0)

    def ranked(self) -> list[Belief]:
        """All of them, the likeliest first."""
        beliefs = [Belief(self._candidates[local], share) for local, share in self._shares.items()]
        return sorted(beliefs, key=lambda belief: (-belief.probability, belief.candidate.local))


def updated(probability: float, likelihood: Likelihood) -> float:
    """What *probability* would be after such an observation."""
    whole = _whole(probability, likelihood)
    return probability * likelihood.if_right / whole if whole > 0 else probability


def _whole(share: float, likelihood: Likelihood) -> float:
    return share * likelihood.if_right + (1 - share) * likelihood.if_wrong


def score(probability: float, *, is_confirmed: bool) -> int | None:
    """The score of an answer; None for one that is not given. *is_confirmed*: more than a pattern speaks for it."""
    if probability < FLOOR:
        return None
    known = probability if is_confirmed else min(probability, MOST_BY_PATTERN)
    return min(99, max(1, round(100 * known)))


def logit(probability: float) -> float:
    """Log odds."""
    kept = min(_MOST, max(_LEAST, probability))
    return math.log(kept / (1 - kept))


def sigmoid(odds: float) -> float:
    """The probability of log *odds*."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))
