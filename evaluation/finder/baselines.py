"""
What would others answer?

*majority*: the pattern that most known colleagues follow, of thirteen, else `{first}.{last}`: what a good practitioner does.
The packages are those that PyPI has for the task; they are run beside, in an environment of their own, by `peers`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from anyascii import anyascii

from evaluation.finder.people import Person, Trial

PATTERNS = (
    "{first}.{last}", "{f}{last}", "{first}", "{last}", "{first}{l}", "{f}.{last}", "{first}{last}", "{first}_{last}",
    "{last}{f}", "{last}.{first}", "{f}{l}", "{last}{first}", "{first}-{last}",
)  # fmt: skip
Answer = tuple[list[str], float]
"""Local parts, the likeliest first, and the probability given for the first."""


class Majority:
    """The pattern of most colleagues. The order of the others, and what stands for it at k = 0, are learnt."""

    def __init__(self, training: Sequence[Person], smoothing: float = 0.0) -> None:
        counts = Counter(pattern for person in training for pattern in matching(person)[:1])
        self._order = sorted(PATTERNS, key=lambda pattern: -counts[pattern])
        self._share = {pattern: counts[pattern] / max(1, len(training)) for pattern in PATTERNS}
        self._smoothing = smoothing

    def answer(self, trial: Trial) -> Answer:
        votes = Counter(pattern for other in trial.known for pattern in matching(other))
        # Ties are broken by what is usual elsewhere; without any vote it is first.last.
        ranked = sorted(self._order, key=lambda pattern: -votes[pattern])
        if not votes:
            ranked = ["{first}.{last}", *(pattern for pattern in self._order if pattern != "{first}.{last}")]
        best = ranked[0]
        known, prior = len(trial.known), self._share[best]
        if self._smoothing or not known:
            share = (votes[best] + self._smoothing * prior) / (known + self._smoothing) if known else prior
        else:
            share = votes[best] / known if votes else prior
        forms = fill(trial.person)
        return list(dict.fromkeys(forms[pattern] for pattern in ranked)), share


def fill(person: Person) -> Mapping[str, str]:
    """What each pattern makes of the name in plain letters."""
    first, last = plain(person.name.first), plain(person.name.last)
    values = {"first": first, "last": last, "f": first[:1], "l": last[:1]}
    return {pattern: pattern.format(**values) for pattern in PATTERNS}


def matching(person: Person) -> list[str]:
    return [pattern for pattern, local in fill(person).items() if local == person.local]


def plain(name: str) -> str:
    return "".join(sign for sign in anyascii(name).lower() if sign.isalpha())
