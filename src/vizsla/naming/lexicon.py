"""
How common is a word as a first or last name?

Of words that are in `lexicon.txt` that is known; of all others it is judged by their letters, three at a time.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate
from math import prod
from typing import Literal

Kind = Literal["first", "last"]

_KNOWN = 0.9
"""The share of people whose name is in the list."""
_END = "$"
_ALPHABET = 27
_MOST_KEPT = 30_000
"""More than three letters make: signs of all scripts may be asked about."""


class Lexicon:
    """The names of one kind."""

    def __init__(self, shares: dict[str, float]) -> None:
        total = sum(shares.values())
        self._words = sorted(shares)
        self._shares = {word: shares[word] / total for word in self._words}
        self._sums = [0.0, *accumulate(self._shares[word] for word in self._words)]
        self._letters = _Letters(self._shares)
        # Short beginnings come again and again.
        self.word = lru_cache(65_536)(self._word)
        """The share of people with this name."""
        self.prefix = lru_cache(65_536)(self._prefix)
        """The share of people whose name begins so and is longer."""

    def _word(self, word: str) -> float:
        listed = self._shares.get(word)
        return _KNOWN * listed if listed is not None else (1 - _KNOWN) * self._letters.word(word)

    def _prefix(self, head: str) -> float:
        start, end = bisect_left(self._words, head), bisect_left(self._words, head + "{")
        listed = self._sums[end] - self._sums[start] - self._shares.get(head, 0.0)
        return _KNOWN * max(0.0, listed) + (1 - _KNOWN) * self._letters.prefix(head)


class _Letters:
    """A model of letters: each after the two before it, smoothed by the one before it."""

    def __init__(self, shares: dict[str, float]) -> None:
        self._three: Counter[str] = Counter()
        self._two: Counter[str] = Counter()
        self._one: Counter[str] = Counter()
        for word, share in shares.items():
            # Rare names count for more than their share: it is the rare ones that the list does not hold.
            weight = share**0.25
            padded = f"^^{word}{_END}"
            for at in range(2, len(padded)):
                self._three[padded[at - 2 : at + 1]] += weight
                self._two[padded[at - 2 : at]] += weight
                self._one[padded[at]] += weight
        self._whole = sum(self._one.values())
        self._shares = _Shares(self.judge)

    def word(self, word: str) -> float:
        return self._run(word + _END)

    def prefix(self, head: str) -> float:
        return self._run(head) * (1 - self._shares[f"^^{head}"[-2:] + _END])

    def _run(self, text: str) -> float:
        padded, shares = f"^^{text}", self._shares
        return prod([shares[padded[at : at + 3]] for at in range(len(text))])

    def judge(self, three: str) -> float:
        """How probable the last of *three* signs is after the other two."""
        before, sign = three[:2], three[2]
        # One weight of ten for what was not seen after these two letters.
        flat = (self._one[sign] + 1) / (self._whole + _ALPHABET)
        seen = self._two[before]
        strength = 0.5
        return (self._three[three] + strength * flat) / (seen + strength)


class _Shares(dict[str, float]):
    """What was judged of three signs."""

    def __init__(self, judge: Callable[[str], float]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, three: str) -> float:
        share = self._judge(three)
        if len(self) < _MOST_KEPT:
            self[three] = share
        return share


@lru_cache(2)
def load_lexicon(kind: Kind) -> Lexicon:
    """The names of *kind*; read when they are first asked for."""
    shares: dict[str, float] = {}
    for line in files("vizsla.naming").joinpath("lexicon.txt").read_text("ascii").splitlines():
        head, _, rest = line.partition(" ")
        bits, _, words = rest.partition(" ")
        if head == kind and bits.isdigit():
            shares |= dict.fromkeys(words.split(), 2.0 ** -int(bits))
    return Lexicon(shares)
