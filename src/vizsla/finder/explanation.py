"""
Why this address, and with this score?

The candidates with their probabilities, what is believed of the domain with what speaks for and against it, and each thing that
moved the score. Nothing is worked out here that the answer itself does not rest on.
"""

from typing import Any

import msgspec

from vizsla.finder.finding import Finding, Term
from vizsla.index.persons import list_examples
from vizsla.naming.model import explain
from vizsla.naming.names import PersonName
from vizsla.naming.pattern import infer_pattern, list_habits, pattern_of
from vizsla.naming.prior import load_prior
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Reader

MOST_CANDIDATES = 10
_MOST_TEMPLATES = 8
_MOST_EXAMPLES = 50
_MOST_SHOWN = 5


class CandidateShown(msgspec.Struct, frozen=True):
    """A candidate: how probable by the pattern, and after all that spoke."""

    email: str
    probability: float
    by_pattern: float
    templates: tuple[str, ...]
    """Those that make it, the likeliest first."""


class HabitShown(msgspec.Struct, frozen=True):
    """A pattern: the share of people that it is believed to hold for, and the weight of the addresses that follow it."""

    pattern: str
    probability: float
    weight: float


class PatternShown(msgspec.Struct, frozen=True):
    """What is believed of how the domain makes addresses."""

    pattern: str | None
    """What domain search would show; null while too little speaks for one."""
    habits: tuple[HabitShown, ...]
    unknown: float
    """The share of people whose address no pattern makes."""
    evidence: float
    """How many addresses, in weight, this rests on."""
    examples: tuple[str, ...]
    """Known addresses that follow the pattern."""
    counterexamples: tuple[str, ...]
    """Known addresses that do not."""


class Explanation(msgspec.Struct, frozen=True):
    """What an answer rests on."""

    email: str | None
    score: int | None
    candidates: tuple[CandidateShown, ...]
    unknown: float
    """How probable it is that none of the candidates is right."""
    pattern: PatternShown | None
    terms: tuple[Term, ...]
    """In order, each thing that moved the probability of an address, with what it was afterwards."""


async def explain_finding(index: Reader, claims: Claims, finding: Finding) -> Explanation:
    """What *finding* rests on."""
    return Explanation(
        finding.data.email,
        finding.data.score,
        _candidates(finding),
        round(max(0.0, 1 - sum(belief.probability for belief in finding.ranked)), 4) if finding.ranked else 1.0,
        await _pattern(index, claims, finding),
        finding.terms,
    )


def _candidates(finding: Finding) -> tuple[CandidateShown, ...]:
    domain = finding.data.domain
    return tuple(
        CandidateShown(
            f"{belief.candidate.local}@{domain}",
            round(belief.probability, 4),
            round(belief.candidate.probability, 4),
            tuple(text for text, _ in belief.candidate.parts[:3]),
        )
        for belief in finding.ranked[:MOST_CANDIDATES]
    )


async def _pattern(index: Reader, claims: Claims, finding: Finding) -> PatternShown | None:
    posterior, domain = finding.posterior, finding.data.domain
    if posterior is None or domain is None:
        return None
    habits = list_habits(posterior)[:_MOST_TEMPLATES]
    best = infer_pattern(posterior) or habits[0].pattern
    following: list[str] = []
    others: list[str] = []
    for row in await list_examples(index, domain, _MOST_EXAMPLES):
        if claims.is_address_claimed(domain, row[0]):
            continue
        (following if _follows(row, domain, best) else others).append(f"{row[0]}@{domain}")
    return PatternShown(
        infer_pattern(posterior),
        tuple(HabitShown(habit.pattern, round(habit.share, 4), round(habit.weight, 2)) for habit in habits),
        round(posterior.unknown, 4),
        round(posterior.evidence, 2),
        tuple(following[:_MOST_SHOWN]),
        tuple(others[:_MOST_SHOWN]),
    )


def _follows(row: Any, domain: str, pattern: str) -> bool:
    prior = load_prior()
    clue = explain(row[0], PersonName(row[1], row[2]), domain, prior)
    return any(pattern_of(prior.templates[at]) == pattern for at, _ in clue)
