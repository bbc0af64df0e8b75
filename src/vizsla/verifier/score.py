"""
How likely does mail to this address arrive? A probability in percent.

By outcome: what a server says for certain is near 0 or 100, and ages, for people leave their jobs; where it could not be told,
what the web knows of the address counts (the index' confidence that it exists). What came of our own mail moves all of one
provider and reason. 50 for webmail and disposable addresses is the API's convention, not a probability.
"""

import math

from vizsla.kit.clock import DAY
from vizsla.verifier.learning import NOTHING, Learned
from vizsla.verifier.verdict import Verdict

_HALF_LIFE = 3 * 365 * DAY
"""Of an address that took mail: lists of company addresses lose a fifth to a quarter of theirs a year."""
_VALID = 0.97
_INVALID = {"disabled": 0.03, "no_user": 0.02}
"""Where there is no mail server, nothing arrives."""
_UNHEARD_OF = 40
"""The confidence of an address that the index does not hold: somebody had a reason to ask about it."""


def score(verdict: Verdict, *, confidence: int | None, age: int, learned: Learned = NOTHING) -> int:
    """
    The probability, 0 to 100.

    *confidence* is the index' own (None: it does not hold the address), *age* the seconds since the verification.
    """
    if verdict.status in ("webmail", "disposable"):
        return 50
    known = _UNHEARD_OF if confidence is None else confidence
    if verdict.gibberish and confidence is None:
        known = 0
    prior = _expect(verdict, _UNHEARD_OF)
    if not prior:
        return 0
    probability = learned.adjust(_expect(verdict, known), verdict, prior=prior)
    if verdict.status == "valid":
        probability *= math.pow(0.5, max(age, 0) / _HALF_LIFE)
    return round(100 * probability)


def _expect(verdict: Verdict, known: int) -> float:
    """What is expected before anything was sent, of an address that the index is *known* percent sure of."""
    match verdict.status:
        case "valid":
            return _VALID
        case "invalid":
            return _INVALID.get(verdict.reason, 0.0)
        case "accept_all":
            return 0.20 + 0.0065 * known
    return 0.30 + 0.0030 * known
