"""
Which addresses may a person have at a domain, and how probable is each?

Every template that the domain may use is filled in with every way to spell the name; what gives the same local part is one
candidate. What is left is unknown: people whose address no template makes, middle names that nobody told us, digits.
"""

from collections.abc import Collection

import msgspec

from vizsla.naming.matching import lacks_middle
from vizsla.naming.model import Posterior
from vizsla.naming.names import PersonName
from vizsla.naming.prior import templates_of
from vizsla.naming.spellings import spell
from vizsla.naming.templates import render
from vizsla.naming.traits import move

LEAST_THETA = 1e-3
"""Templates that are rarer at the domain are not filled in: it is twice as fast, and the order of the first three stays."""
_LEAST = 1e-5


class Candidate(msgspec.Struct, frozen=True):
    """A local part, and how probably it is the person's."""

    local: str
    probability: float
    parts: tuple[tuple[str, float], ...] = ()
    """The templates that make it, the likeliest first, with their shares of the probability."""


class Candidates(msgspec.Struct, frozen=True):
    """All that are worth a look, the likeliest first; their probabilities and *unknown* add up to 1."""

    ranked: tuple[Candidate, ...]
    unknown: float


def list_candidates(
    name: PersonName, posterior: Posterior, *, excluded: Collection[str] = (), least_theta: float = LEAST_THETA
) -> Candidates:
    """
    The addresses that *name* may have.

    Those of *excluded* are other people's, or known to be wrong: their probability becomes unknown, and does not pass to
    others.
    """
    made = _mass(name, posterior, least_theta)
    texts = posterior.prior.templates
    found = []
    known = 0.0
    for local, parts in made.items():
        probability = sum(parts.values())
        if probability < _LEAST or local in excluded:
            continue
        known += probability
        shares = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
        found.append(Candidate(local, probability, tuple((texts[at], share) for at, share in shares)))
    found.sort(key=lambda candidate: (-candidate.probability, candidate.local))
    return Candidates(tuple(found), max(0.0, 1.0 - known))


def probability_of(local: str, name: PersonName, posterior: Posterior) -> float:
    """How probably a person called *name* has exactly *local*."""
    return sum(_mass(name, posterior, 0.0).get(local, {}).values())


def _mass(name: PersonName, posterior: Posterior, least_theta: float) -> dict[str, dict[int, float]]:
    """Of each local part, the probability that each template lends it."""
    prior = posterior.prior
    absent, without_digits = prior.spelling.middle_absent, 1 - prior.spelling.digits
    made: dict[str, dict[int, float]] = {}
    shares = move(posterior.theta, name, prior)
    spellings = spell(name, posterior.domain, prior.spelling)
    for at, template in enumerate(templates_of(prior.templates)):
        theta = shares[at] * without_digits
        if theta < least_theta or theta <= 0:
            continue
        for spelled in spellings:
            share, locals_ = theta * spelled.share, render(template, spelled.places)
            if (
                not locals_
                and absent
                and template.without_middle is not None
                and lacks_middle(template, spelled.places)
            ):
                share, locals_ = share * absent, render(template.without_middle, spelled.places)
            for local, weight in locals_.items():
                parts = made.setdefault(local, {})
                parts[at] = parts.get(at, 0.0) + share * weight
    return made
