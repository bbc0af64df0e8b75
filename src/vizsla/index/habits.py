"""
What do a domain's addresses say of how it makes them?

Each address is a clue (`naming.model`), weighted by how surely it is right today; the clues of a domain are kept, so that the
finder need not read its addresses. They are a function of the rows, like all that is served: an address that is erased, or
found invalid, takes with it exactly what it had added.
"""

from collections.abc import Iterable

import msgspec

from vizsla.index.confidence import LEAST_FIT, MOST_FIT
from vizsla.naming.model import Clue, Counts, Posterior, explain, fit, infer_posterior
from vizsla.naming.names import PersonName
from vizsla.naming.prior import Prior, load_prior
from vizsla.naming.segments import NAMELESS_WEIGHT, read_nameless

MOST_NAMED = 75
"""Addresses with a name that are looked at, the surest first: the weight of more would be capped (`naming.model`)."""
MOST_NAMELESS = 6
"""Addresses without one: reading one is dear, and five tell nearly what fifty do (top-1 .544 and .541, measured)."""
_ENOUGH = 2.0
"""Weight of named addresses beside which those without a name are not read."""
_FEWEST_TO_JUDGE = 3
"""Addresses from which on a domain's habit says something of one of them."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[Clue, float]]).decode


class Known(msgspec.Struct, frozen=True):
    """An address of a person, as the index has it."""

    local: str
    first_name: str | None
    last_name: str | None
    certainty: float
    """How probably it is right today, without regard to how it is made."""
    status: str | None = None
    """Of its verification."""

    @property
    def name(self) -> PersonName | None:
        """Whose it is, if both names are known."""
        return PersonName(self.first_name, self.last_name) if self.first_name and self.last_name else None


class Habits(msgspec.Struct, frozen=True):
    """What a domain's addresses say together."""

    counts: Counts
    n_named: int
    n_nameless: int


def read_habits(domain: str, addresses: Iterable[Known], prior: Prior | None = None) -> Habits:
    """What *addresses* of persons at *domain* say, in whichever order they come."""
    prior = prior or load_prior()
    ordered = sorted(addresses, key=lambda one: (-one.certainty, one.local))
    usable = [one for one in ordered if one.status != "invalid" and one.certainty > 0]
    named = [(one, name) for one in usable if (name := one.name) is not None][:MOST_NAMED]
    counts = Counts((explain(one.local, name, domain, prior), round(one.certainty, 3)) for one, name in named)
    n_nameless = 0
    if counts.total < _ENOUGH:
        for one in [one for one in usable if one.name is None][:MOST_NAMELESS]:
            if clue := read_nameless(one.local, domain, prior):
                counts.add(clue, round(NAMELESS_WEIGHT * one.certainty, 3))
                n_nameless += 1
    return Habits(counts, len(named), n_nameless)


def fit_of(one: Known, habits: Habits, posterior: Posterior) -> float:
    """By how much the odds of a named address change for how it is made; 1 where too little is known."""
    name = one.name
    if name is None or habits.n_named + habits.n_nameless < _FEWEST_TO_JUDGE:
        return 1.0
    clue = explain(one.local, name, posterior.domain, posterior.prior)
    return min(MOST_FIT, max(LEAST_FIT, fit(clue, posterior)))


def dump_clues(counts: Counts) -> str:
    """*counts* as they are kept."""
    return _encode(counts.items()).decode()


def load_clues(text: str) -> Counts:
    """Counts as they were kept."""
    return Counts(_decode(text))


def infer_habits(domain: str, habits: Habits, prior: Prior | None = None) -> Posterior:
    """What is believed of *domain* after *habits*."""
    return infer_posterior(habits.counts, domain, prior or load_prior())
