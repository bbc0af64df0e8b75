"""
How likely does mail to this address arrive? A probability in percent.

By outcome: what a server says for certain is near 0 or 100, and ages, for people leave their jobs; where it could not be told,
what the web knows of the address counts (the index' confidence that it exists). 50 for webmail and disposable addresses is
the API's convention, not a probability.
"""

import math

from vizsla.kit.clock import DAY
from vizsla.verifier.verdict import Verdict

_HALF_LIFE = 3 * 365 * DAY
"""Of an address that took mail: lists of company addresses lose a fifth to a quarter of theirs a year."""
_VALID = 97
_INVALID = {"disabled": 3, "no_user": 2}
_UNHEARD_OF = 40
"""The confidence of an address that the index does not hold: somebody had a reason to ask about it."""


def score(verdict: Verdict, *, confidence: int | None, age: int) -> int:
    """
    The probability, 0 to 100.

    *confidence* is the index' own (None: it does not hold the address), *age* the seconds since the verification.
    """
    known = _UNHEARD_OF if confidence is None else confidence
    if verdict.gibberish and confidence is None:
        known = 0
    match verdict.status:
        case "webmail" | "disposable":
            return 50
        case "valid":
            return round(_VALID * math.pow(0.5, max(age, 0) / _HALF_LIFE))
        case "invalid":
            return _INVALID.get(verdict.reason, 0)
        case "accept_all":
            return round(20 + 0.65 * known)
        case "unknown":
            return round(30 + 0.30 * known)
