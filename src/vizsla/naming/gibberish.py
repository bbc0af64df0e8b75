"""
Was this local part typed by nobody, such as `e65rc109q`?

A trigram model of names: for each symbol after two others, how many bits more (or fewer) it costs than it would if letters
and digits were drawn at random. Local parts made of names cost fewer, drawn ones more. Short ones say too little: initials
are as rare as noise.

`gibberish.bin` holds the table, an octet for each of 29 x 29 x 29 trigrams. It was counted, with Witten-Bell smoothing, over
local parts made of the names of Faker 40.54.0 (MIT; 70 locales, folded to ASCII) and of the words for roles, 2026-11-23.
`python -m evaluation.gibberish_model` counts it anew; `make eval` measures it on names that Faker does not have.
"""

import math
import re
from functools import lru_cache
from importlib.resources import files

from vizsla.kit.role_words import is_role

SYMBOLS = "^abcdefghijklmnopqrstuvwxyz0."
"""What the model tells apart: both ends, letters, digits (all alike), marks (all alike)."""
STEP, SHIFT = 0.1, 80
"""An octet of the table is bits / STEP + SHIFT."""
THRESHOLD = 3.0
"""One in six hundred unseen names is called gibberish, and 98 in a hundred drawings of letters and digits; see `make eval`."""

_TO_SYMBOL = {ord(letter): SYMBOLS.index(letter) for letter in SYMBOLS[1:27]} | dict.fromkeys(b"0123456789", 27)
_MARKS = {code: 28 for code in range(128) if code not in _TO_SYMBOL}
_TO_SYMBOL |= _MARKS
_SHORT = 6
_DIGIT_INSIDE = re.compile(r"[0-9][a-z]")
_table = files("vizsla.naming").joinpath("gibberish.bin").read_bytes()


@lru_cache(8_192)
def is_gibberish(local: str) -> bool:
    """Whether *local* (lower case) looks drawn at random; what follows a plus sign is not looked at."""
    # Years and staff numbers stand at the end; u0012345 is somebody's.
    base = local.partition("+")[0].rstrip("0123456789._-")
    if len(base) < _SHORT and not _DIGIT_INSIDE.search(base):
        return False
    if not base.isascii() or base.startswith('"'):
        return False
    return score_gibberish(base) > THRESHOLD and not is_role(local)


def score_gibberish(local: str) -> float:
    """
    How much dearer *local* is as a name than as noise: bits, over the square root of its length.

    The sum alone would let long names of odd parts pass for noise, the mean would not tell that more noise is surer noise.
    """
    size = len(SYMBOLS)
    before, last, octets = 0, 0, 0
    symbols = to_symbols(local)
    for symbol in symbols:
        octets += _table[(before * size + last) * size + symbol]
        before, last = last, symbol
    return (octets - SHIFT * len(symbols)) * STEP / math.sqrt(len(symbols))


def to_symbols(local: str) -> bytes:
    """*local* (ASCII) as indices into SYMBOLS, and the end."""
    return local.translate(_TO_SYMBOL).encode("ascii") + b"\0"
