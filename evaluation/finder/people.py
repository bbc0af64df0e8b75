"""
Who is tried on which colleagues, and on what training?

Everything is held out by registrable domain: no host of a company is in the training when another is tried. Of each mail
domain with at least three people up to eight are tried, each with k colleagues drawn once; the draws are the same for every
method and every run.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from evaluation.finder.pairs import Pair
from vizsla.kit.errors import VizslaError
from vizsla.naming.names import PersonName, parse_name

FOLDS = 5
LEAST_PEOPLE = 3
MOST_TRIED = 8
KNOWN = (0, 1, 3, 5, 10)


class Person(msgspec.Struct, frozen=True):
    """A pair whose name could be read."""

    name: PersonName
    full_name: str
    local: str
    domain: str
    fold: int
    origin: str


class Trial(msgspec.Struct, frozen=True):
    """Somebody whose address is asked for, and the colleagues whose address is known."""

    person: Person
    known: tuple[Person, ...]


def read_people(pairs: Iterable[Pair]) -> list[Person]:
    """The people of *pairs*, without those whose name says too little."""
    people = []
    for pair in pairs:
        try:
            name = parse_name(pair.name)
        except VizslaError:
            continue
        people.append(Person(name, pair.name, pair.local, pair.domain, fold_of(pair.registrable), pair.origin))
    return people


def fold_of(registrable: str) -> int:
    """The fold of a registrable domain; a domain that is added moves no other."""
    return hashlib.blake2s(registrable.encode()).digest()[0] % FOLDS


def by_domain(people: Iterable[Person]) -> dict[str, list[Person]]:
    """The people of each mail domain, in a fixed order."""
    domains: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        domains[person.domain].append(person)
    return {domain: sorted(domains[domain], key=lambda person: person.local) for domain in sorted(domains)}


def draw_trials(people: Iterable[Person], k: int) -> list[Trial]:
    """The trials with *k* known colleagues, at domains that have as many."""
    trials = []
    for domain, everyone in by_domain(people).items():
        if len(everyone) < max(LEAST_PEOPLE, k + 1):
            continue
        dice = random.Random(f"{domain} {len(everyone)}")
        tried = dice.sample(everyone, min(MOST_TRIED, len(everyone)))
        for person in tried:
            others = [other for other in everyone if other is not person]
            trials.append(Trial(person, tuple(dice.sample(others, len(others))[:k])))
    return trials
