"""
How often is the finder right, and does its probability hold, on people whose whole company it has never seen?

The prior is learnt anew for each fold, on the other folds; what answers is the code that ships. The Platt line is fitted on the
answers of the other folds, so that nobody's own outcome corrects their probability.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from evaluation.finder import domain_patterns, peers
from evaluation.finder.baselines import Majority
from evaluation.finder.domain_patterns import Drawn
from evaluation.finder.people import FOLDS, KNOWN, Person, Trial, by_domain, draw_trials
from evaluation.finder.scores import Outcome, Platt, fit_platt
from evaluation.finder.training import learn
from vizsla.naming.candidates import Candidates, list_candidates
from vizsla.naming.model import Counts, explain, infer_posterior
from vizsla.naming.prior import Prior, load_prior
from vizsla.naming.segments import NAMELESS_WEIGHT, read_nameless

OURS, NAMELESS = "vizsla", "vizsla, colleagues without names"
PLATT = "vizsla, Platt"
MAJORITY, SMOOTHED = "majority", "majority, share smoothed"
ALL = -1
"""In the place of k: all others of the domain are known."""
_SMOOTHING = 2.0

Table = dict[str, dict[int, list[Outcome]]]
"""Outcomes by method and k; those of one k are of the same trials, in the same order."""


class Fold(msgspec.Struct, frozen=True):
    """What one fold gave."""

    outcomes: Table
    named_patterns: dict[int, list[Drawn]]
    nameless_patterns: dict[int, list[Drawn]]


class Measured(msgspec.Struct, frozen=True):
    """What all folds gave together."""

    outcomes: Table
    named_patterns: dict[int, list[Drawn]]
    nameless_patterns: dict[int, list[Drawn]]
    lacking: str
    """Why there are no published packages beside, if there are none."""


def measure(people: Sequence[Person], *, with_peers: bool = True, jobs: int = 0) -> Measured:
    """Every fold, in as many processes as there are cores."""
    jobs = jobs or os.cpu_count() or 1
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
        folds = list(pool.map(_measure_fold, [people] * FOLDS, range(FOLDS)))
    outcomes: Table = {}
    for fold in folds:
        for method, by_k in fold.outcomes.items():
            for k, rows in by_k.items():
                outcomes.setdefault(method, {}).setdefault(k, []).extend(rows)
    outcomes[PLATT] = {k: correct(rows) for k, rows in outcomes[OURS].items() if k != ALL}
    lacking = ""
    if with_peers:
        try:
            for k in KNOWN:
                trials = [t for fold in range(FOLDS) for t in draw_trials(_of_fold(people, fold), k)]
                for peer, rows in ask_peers(trials).items():
                    outcomes.setdefault(peer, {})[k] = rows
        except (peers.Missing, OSError) as error:
            lacking = str(error)
    return Measured(
        outcomes,
        _joined(fold.named_patterns for fold in folds),
        _joined(fold.nameless_patterns for fold in folds),
        lacking,
    )


def correct(rows: Sequence[Outcome]) -> list[Outcome]:
    """*rows* with the correction that the other folds teach."""
    lines: dict[int, Platt] = {
        fold: fit_platt([row for row in rows if row.fold != fold]) for fold in {row.fold for row in rows}
    }
    return [msgspec.structs.replace(row, probability=lines[row.fold].correct(row.probability)) for row in rows]


def answer(trial: Trial, prior: Prior, *, named: bool = True) -> Candidates:
    """What the finder would say, probing off."""
    counts, domain = Counts(), trial.person.domain
    for other in trial.known:
        if named:
            counts.add(explain(other.local, other.name, domain, prior))
        elif clue := read_nameless(other.local, domain, prior):
            counts.add(clue, NAMELESS_WEIGHT)
    posterior = infer_posterior(counts, domain, prior)
    return list_candidates(trial.person.name, posterior, excluded={other.local for other in trial.known})


def ask_peers(trials: Sequence[Trial]) -> dict[str, list[Outcome]]:
    """The outcomes of each package; those that give no probability are given 0."""
    found: dict[str, list[Outcome]] = {name: [] for name in peers.NAMES}
    for trial, answers in zip(trials, peers.ask(trials), strict=True):
        for name in peers.NAMES:
            locals_ = [local for local, _ in answers[name]]
            found[name].append(_outcome(trial, locals_, answers[name][0][1] if answers[name] else 0.0))
    return found


def _measure_fold(people: Sequence[Person], fold: int) -> Fold:
    training = [person for person in people if person.fold != fold]
    tried = _of_fold(people, fold)
    prior = learn(training, load_prior().templates)
    majority, smoothed = Majority(training), Majority(training, _SMOOTHING)
    outcomes: Table = {method: {} for method in (OURS, NAMELESS, MAJORITY, SMOOTHED)}
    for k in KNOWN:
        trials = draw_trials(tried, k)
        for method, named in ((OURS, True), (NAMELESS, False)):
            answers = [answer(trial, prior, named=named).ranked for trial in trials]
            outcomes[method][k] = [
                _outcome(trial, [one.local for one in ranked], ranked[0].probability if ranked else 0.0)
                for trial, ranked in zip(trials, answers, strict=True)
            ]
        for method, baseline in ((MAJORITY, majority), (SMOOTHED, smoothed)):
            outcomes[method][k] = [_outcome(trial, *baseline.answer(trial)) for trial in trials]
    everybody = by_domain(tried)
    for trial in draw_trials(tried, 0):
        others = tuple(other for other in everybody[trial.person.domain] if other is not trial.person)
        informed = Trial(trial.person, others)
        ranked = answer(informed, prior).ranked
        shown = [one.local for one in ranked], ranked[0].probability if ranked else 0.0
        outcomes[OURS].setdefault(ALL, []).append(_outcome(informed, *shown))
        outcomes[MAJORITY].setdefault(ALL, []).append(_outcome(informed, *majority.answer(informed)))
    named = {k: domain_patterns.draw_patterns(tried, prior, k, named=True) for k in domain_patterns.KNOWN}
    nameless = {k: domain_patterns.draw_patterns(tried, prior, k, named=False) for k in domain_patterns.KNOWN}
    return Fold(outcomes, named, nameless)


def _outcome(trial: Trial, locals_: Sequence[str], probability: float) -> Outcome:
    person = trial.person
    rank = locals_.index(person.local) + 1 if person.local in locals_ else 0
    return Outcome(person.domain, person.fold, person.origin, rank, probability)


def _of_fold(people: Sequence[Person], fold: int) -> list[Person]:
    return [person for person in people if person.fold == fold]


def _joined(parts) -> dict[int, list[Drawn]]:
    whole: dict[int, list[Drawn]] = {}
    for part in parts:
        for k, rows in part.items():
            whole.setdefault(k, []).extend(rows)
    return whole
