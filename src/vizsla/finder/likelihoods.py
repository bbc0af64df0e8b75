"""
How do mail servers answer about a right address, and about a wrong one?

Beta counters by provider, which learn. What is known of nobody in particular stands in for a provider of which little is
known, and a guess, worth some fifty answers, for that.
"""

from collections.abc import Iterable, Mapping

import msgspec

from vizsla.finder.beliefs import Likelihood
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

SAYS_NOTHING = Likelihood(1.0, 1.0)
ANYBODY = ""
_STRENGTH = 50.0
"""Answers that what is known of all providers is worth beside what is known of one."""
_GUESS: Mapping[tuple[bool, str], tuple[float, float]] = {
    # Of so many addresses that were right (wrong), so many were said to be that. "Valid" of a wrong one: someone else's mailbox
    # (one to three of a hundred candidates, measured), and servers that refuse later. Guesses, to be overtaken by what is seen.
    (True, "valid"): (48.0, 50.0),
    (True, "invalid"): (1.5, 50.0),
    (False, "valid"): (3.0, 75.0),
    (False, "invalid"): (71.25, 75.0),
}
_LIST = statement("SELECT provider, is_right, outcome, n FROM finder_likelihood")
_ADD = statement("""
    INSERT INTO finder_likelihood (provider, is_right, outcome, n) VALUES (:provider, :is_right, :outcome, :n)
    ON CONFLICT (provider, is_right, outcome) DO UPDATE SET n = finder_likelihood.n + excluded.n
""")
_ALL = "all"
"""The outcome under which every answer is counted."""


class Likelihoods:
    """What is known of providers' answers."""

    def __init__(self, counted: Iterable[tuple[str, bool, str, float]] = ()) -> None:
        self._counts: dict[tuple[str, bool, str], float] = {}
        self._pooled: dict[tuple[bool, str], float] = {}
        for provider, is_right, outcome, n in counted:
            self._counts[provider, is_right, outcome] = n
            self._pooled[is_right, outcome] = self._pooled.get((is_right, outcome), 0.0) + n

    def of(self, provider: str, outcome: str) -> Likelihood:
        """How much *outcome* of a server of *provider* says."""
        if outcome not in ("valid", "invalid"):
            return SAYS_NOTHING
        return Likelihood(self._share(provider, True, outcome), self._share(provider, False, outcome))

    def _share(self, provider: str, is_right: bool, outcome: str) -> float:
        said, asked = _GUESS[is_right, outcome]
        pooled = (said + self._pooled.get((is_right, outcome), 0.0)) / (asked + self._pooled.get((is_right, _ALL), 0.0))
        own, own_asked = (self._counts.get((provider, is_right, what), 0.0) for what in (outcome, _ALL))
        return min(0.999, max(0.001, (_STRENGTH * pooled + own) / (_STRENGTH + own_asked)))


class Answered(msgspec.Struct, frozen=True):
    """What a server said of an address whose truth is known, or how probably it is."""

    provider: str
    outcome: str
    probability: float
    """That the address is right."""


async def load_likelihoods(reader: Reader) -> Likelihoods:
    """All that was counted."""
    return Likelihoods((row[0], bool(row[1]), row[2], float(row[3])) for row in await reader.fetch_all(_LIST))


async def count_answers(conn: Connection, answered: Iterable[Answered]) -> None:
    """Count what servers said; an address of which it is only probable that it is right counts for both, in parts."""
    counts: dict[tuple[str, int, str], float] = {}
    for one in answered:
        for is_right, share in ((1, one.probability), (0, 1 - one.probability)):
            if share > 0:
                for outcome in (one.outcome, _ALL):
                    key = (one.provider, is_right, outcome)
                    counts[key] = counts.get(key, 0.0) + share
    await conn.execute_many(
        _ADD,
        [
            {"provider": provider, "is_right": is_right, "outcome": outcome, "n": n}
            for (provider, is_right, outcome), n in sorted(counts.items())
        ],
    )
