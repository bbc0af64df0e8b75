"""
Is the pattern of a domain the one that more colleagues would show, and is it left open where there is none?

At domains with at least eleven people the pattern of k is compared to that of up to forty. The true share is how many of all
people of the domain follow the pattern that most of them follow.
"""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec

from evaluation.finder.people import Person, by_domain
from vizsla.naming.model import Counts, explain, infer_posterior
from vizsla.naming.pattern import infer_pattern, pattern_of
from vizsla.naming.prior import Prior
from vizsla.naming.segments import NAMELESS_WEIGHT, read_nameless

LEAST_PEOPLE, REFERENCE, DRAWS = 11, 40, 5
KNOWN = (1, 2, 3, 5, 10)


class PatternScore(msgspec.Struct, frozen=True):
    """Of many draws at many domains."""

    domains: int
    agreement: float
    """With what forty colleagues show, nothing included."""
    clear: int
    """Domains at which at least half follow one pattern."""
    agreement_where_clear: float
    unclear: int
    null_where_unclear: float
    wrong: float
    """Draws that give a pattern which is not the one of most people."""


class Drawn(msgspec.Struct, frozen=True):
    """What one draw at a domain gave."""

    pattern: str | None
    reference: str | None
    usual: str | None
    share: float


def draw_patterns(people: Sequence[Person], prior: Prior, k: int, *, named: bool) -> list[Drawn]:
    """The patterns of *k* colleagues at each domain that has enough people."""
    drawn = []
    for domain, everyone in by_domain(people).items():
        if len(everyone) < LEAST_PEOPLE:
            continue
        dice = random.Random(f"{domain} pattern")
        reference = infer_pattern(
            _posterior(dice.sample(everyone, min(REFERENCE, len(everyone))), domain, prior, named=True)
        )
        usual, share = find_usual(everyone, domain, prior)
        for _ in range(DRAWS):
            few = dice.sample(everyone, k)
            pattern = infer_pattern(_posterior(few, domain, prior, named=named))
            drawn.append(Drawn(pattern, reference, usual, share))
    return drawn


def score_patterns(drawn: Sequence[Drawn]) -> PatternScore:
    clear = [row for row in drawn if row.share >= 0.5]
    unclear = [row for row in drawn if row.share < 0.5]

    def share(rows: Sequence[Drawn], right: int) -> float:
        return right / max(1, len(rows))

    return PatternScore(
        domains=len(drawn) // DRAWS,
        agreement=share(drawn, sum(row.pattern == row.reference for row in drawn)),
        clear=len(clear) // DRAWS,
        agreement_where_clear=share(clear, sum(row.pattern == row.usual for row in clear)),
        unclear=len(unclear) // DRAWS,
        null_where_unclear=share(unclear, sum(row.pattern is None for row in unclear)),
        wrong=share(drawn, sum(row.pattern not in (None, row.usual) for row in drawn)),
    )


def find_usual(everyone: Sequence[Person], domain: str, prior: Prior) -> tuple[str | None, float]:
    """The pattern that most of *everyone* follow, and their share."""
    counts: Counter[str] = Counter()
    for person in everyone:
        clue = explain(person.local, person.name, domain, prior)
        patterns = {pattern_of(prior.templates[at]): share for at, share in clue}
        counts.update({pattern: 1 for pattern in patterns if pattern})
    if not counts:
        return None, 0.0
    usual, most = max(counts.items(), key=lambda item: (item[1], item[0]))
    return usual, most / len(everyone)


def _posterior(people: Sequence[Person], domain: str, prior: Prior, *, named: bool):
    counts = Counts()
    for person in people:
        if named:
            counts.add(explain(person.local, person.name, domain, prior))
        elif clue := read_nameless(person.local, domain, prior):
            counts.add(clue, NAMELESS_WEIGHT)
    return infer_posterior(counts, domain, prior)
