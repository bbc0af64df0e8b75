"""
What do people's addresses teach about all others: spellings, kinds of domains, traits of names?

Everything that comes out is an aggregate over at least hundreds of people, and goes into `src/vizsla/naming/prior.json`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from evaluation.corpus import digest
from evaluation.finder.mixture import Evidence, Mixture, Shape, fit, infer
from evaluation.finder.people import KNOWN, Person, Trial, by_domain, draw_trials
from vizsla.naming.model import Clue, explain
from vizsla.naming.names import particles_of
from vizsla.naming.prior import Prior, Spelling, kind_of_tld
from vizsla.naming.spellings import fold
from vizsla.naming.templates import parse_template
from vizsla.naming.traits import VALUES, family_of, traits_of

SHAPE = Shape()
TRUST, TRUST_STRENGTH = 0.2, 0.3
"""Of four tried: more ranks better from three colleagues on and is surer than it may be at one."""
_SPELLING_ROUNDS = 3
_SPELLING_PEOPLE = 10.0
"""People that the spellings known before count for."""
_TRAIT_PEOPLE = 50.0
"""People of a family of templates that the factor 1 counts for."""
_TRAIT_ROUNDS = 6
_LEARNT_AT = KNOWN[:3]
_LEAST_LIKELY = 1e-6

_FIRST_GUESS = Spelling(
    first_hyphen={"keep": 0.4, "join": 0.24, "init": 0.22, "head": 0.11, "tail": 0.03},
    first_words={"join": 0.35, "dash": 0.05, "dot": 0.15, "us": 0.02, "head": 0.43},
    last_hyphen={"keep": 0.36, "join": 0.31, "head": 0.2, "tail": 0.1, "dot": 0.03},
    last_words={"join": 0.3, "dash": 0.1, "head": 0.2, "tail": 0.3, "dot": 0.08, "us": 0.02},
    last_particles={"join": 0.47, "core": 0.26, "dot": 0.16, "dash": 0.06, "us": 0.05},
    nickname={"explicit": 0.48, "dictionary": 0.0357},
    initials={"both": 0.3, "all_middles": 0.2},
    joined_middle={"first": 0.02, "last": 0.02},
    expand={"*": 0.5},
    middle_absent=0.0,
    digits=0.02,
)
"""Where learning begins, from counts of an earlier set. A middle name that a template wants and nobody told us is unknown."""


def learn(people: Sequence[Person], templates: Sequence[str], shape: Shape = SHAPE) -> Prior:
    """The prior that *people* teach of *templates*; the same people teach the same, octet for octet."""
    even = tuple(1.0 for _ in templates)
    start = Prior(
        version="", templates=tuple(templates), components=(even,), weights={"*": (1.0,)}, spelling=_FIRST_GUESS
    )
    prior = msgspec.structs.replace(start, spelling=learn_spelling(people, start))
    clues = {person: explain(person.local, person.name, person.domain, prior) for person in people}
    domains = {
        domain: everyone for domain, everyone in by_domain(people).items() if len(everyone) >= shape.least_people
    }
    mixture = fit(
        [[clues[person] for person in everyone] for everyone in domains.values()],
        list(domains),
        order_of_simplicity(prior.templates),
        shape,
    )
    trials = [trial for k in _LEARNT_AT for trial in draw_trials(people, k)]
    theta = infer_for(trials, clues, mixture, len(prior.templates))
    learnt = msgspec.structs.replace(
        prior,
        components=tuple(tuple(round(float(value), 4) for value in row) for row in mixture.alpha),
        weights={kind: tuple(round(float(value), 5) for value in row) for kind, row in sorted(mixture.weights.items())},
        traits=learn_traits(trials, clues, theta, prior.templates),
        trust=TRUST,
        trust_strength=TRUST_STRENGTH,
    )
    # What was counted with another prior is counted anew, so it has a name of its own.
    return msgspec.structs.replace(learnt, version=digest(msgspec.json.encode(learnt))[:12])


def infer_for(trials: Sequence[Trial], clues: Mapping[Person, Clue], mixture: Mixture, templates: int) -> np.ndarray:
    """What is believed of the domain of each trial, as `vizsla.naming.model` would, for many at once."""
    kinds = [kind_of_tld(trial.person.domain) for trial in trials]
    evidence = Evidence([[clues[other] for other in trial.known] for trial in trials], templates)
    theta = infer(mixture, kinds, evidence)
    means = mixture.alpha / mixture.alpha.sum(1, keepdims=True)
    start = np.stack([mixture.weights.get(kind, mixture.weights["*"]) for kind in kinds]) @ means
    domain, template, count = evidence.soften(theta)
    own = TRUST_STRENGTH * start
    own[domain, template] += count
    known = np.array([len(trial.known) for trial in trials])[:, None]
    return (1 - TRUST) * theta + TRUST * own / (known + TRUST_STRENGTH)


def learn_traits(
    trials: Sequence[Trial], clues: Mapping[Person, Clue], theta: np.ndarray, templates: Sequence[str]
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Factors by trait and family, fitted in turn until what is expected is what is seen (iterative proportional fitting)."""
    families = sorted({family_of(text) for text in templates})
    family = np.array([families.index(family_of(text)) for text in templates])
    in_family = np.eye(len(families))[family]
    values = {trait: np.array([traits_of(trial.person.name)[trait] for trial in trials]) for trait in VALUES}
    factors = {trait: np.ones((size, len(families))) for trait, size in VALUES.items()}
    who, place, share = _flatten([clues[trial.person] for trial in trials], len(templates))
    moved = np.ones((len(trials), len(families)))
    for _ in range(_TRAIT_ROUNDS):
        for trait, value in values.items():
            now = theta * moved[:, family]
            now /= now.sum(1, keepdims=True)
            made = share * now[who, place]
            made /= np.maximum(np.bincount(who, made, len(trials))[who], 1e-300)
            seen, expected = np.zeros_like(factors[trait]), np.zeros_like(factors[trait])
            np.add.at(seen, (value[who], family[place]), made)
            np.add.at(expected, value, now @ in_family)
            step = (seen + _TRAIT_PEOPLE) / (expected + _TRAIT_PEOPLE)
            factors[trait] *= step
            moved *= step[value]
    return {
        trait: {
            name: tuple(round(float(factor), 3) for factor in column)
            for name, column in zip(families, table.T, strict=True)
        }
        for trait, table in factors.items()
    }


def learn_spelling(people: Iterable[Person], start: Prior) -> Spelling:
    """Shares of the ways to spell, by expectation-maximisation from those of *start*."""
    spelling, theta = start.spelling, _plain_shares(people, start)
    told = [(person, table) for person in people for table in _tables_of(person)]
    for _ in range(_SPELLING_ROUNDS):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for person, table in told:
            counts[table].update(_ways_of(person, table, spelling, theta, start))
        spelling = _count_in(spelling, counts)
    digits = [person for person in people if person.local[-1:].isdigit()]
    prior = msgspec.structs.replace(start, spelling=spelling)
    numbered = sum(bool(explain(person.local, person.name, person.domain, prior)) for person in digits)
    return msgspec.structs.replace(spelling, digits=round(numbered / max(1, len(list(people))), 4))


def order_of_simplicity(templates: Sequence[str]) -> list[int]:
    """The rank of each template: whole names first, then what most names cannot tell from them."""

    def burden(text: str) -> int:
        if "{" not in text:
            return 99
        places = [place for place, _ in parse_template(text).steps]
        extra = sum((":" in p) * 5 + (p in ("m", "middle")) * 8 + (p == "given-initials") * 3 for p in places)
        return ("#" in text) * 4 + extra

    ranked = sorted(range(len(templates)), key=lambda at: (burden(templates[at]), at))
    return [rank for _, rank in sorted((at, rank) for rank, at in enumerate(ranked))]


def _plain_shares(people: Iterable[Person], prior: Prior) -> np.ndarray:
    """How often each template is used, all domains together."""
    people = list(people)[::3]
    evidence = Evidence(
        [[explain(person.local, person.name, person.domain, prior) for person in people]], len(prior.templates)
    )
    shares = evidence.simplest(order_of_simplicity(prior.templates))
    for _ in range(30):
        _, template, count = evidence.soften((shares / shares.sum())[None])
        shares = np.bincount(template, count, len(prior.templates)) + 0.01
    return shares / shares.sum()


def _tables_of(person: Person) -> list[str]:
    """Tables of spellings that this name has something to say about."""
    name, tables = person.name, []
    if "-" in name.first:
        tables.append("first_hyphen")
    elif " " in name.first:
        tables.append("first_words")
    before, core = particles_of(name.last)
    if before:
        tables.append("last_particles")
    if "-" in " ".join(core):
        tables.append("last_hyphen")
    elif len(core) > 1:
        tables.append("last_words")
    whole = f"{name.first} {name.last}"
    if fold(whole) != fold(whole, expand=True):
        tables.append("expand")
    if name.nickname:
        tables.append("explicit")
    return tables


def _ways_of(person: Person, table: str, spelling: Spelling, theta: np.ndarray, start: Prior) -> dict[str, float]:
    """How probably this person spelled the name in each way of *table*; nothing if no way explains the address."""
    if table == "expand":
        kind = kind_of_tld(person.domain)
        now = spelling.expand.get(kind, spelling.expand["*"])
        weights = {f"{way} {kind}": now if way == "yes" else 1 - now for way in ("yes", "no")}
        tried = {f"{way} {kind}": {"expand": {"*": float(way == "yes")}} for way in ("yes", "no")}
    elif table == "explicit":
        now = spelling.nickname["explicit"]
        weights = {"yes": now, "no": 1 - now}
        tried = {way: {"nickname": spelling.nickname | {"explicit": float(way == "yes")}} for way in weights}
    else:
        weights = getattr(spelling, table)
        tried = {way: {table: {way: 1.0}} for way in weights}
    likely = {}
    for way, changed in tried.items():
        prior = msgspec.structs.replace(start, spelling=msgspec.structs.replace(spelling, **changed))
        clue = _explain_uncached(person, prior)
        likely[way] = weights[way] * sum(share * float(theta[at]) for at, share in clue)
    whole = sum(likely.values())
    return {way: share / whole for way, share in likely.items()} if whole > _LEAST_LIKELY else {}


def _explain_uncached(person: Person, prior: Prior) -> Clue:
    return explain.__wrapped__(person.local, person.name, person.domain, prior)


def _count_in(spelling: Spelling, counts: Mapping[str, Counter[str]]) -> Spelling:
    changed: dict[str, object] = {}
    for table, seen in counts.items():
        if table == "expand":
            changed[table] = _expand(seen, spelling.expand)
        elif table == "explicit":
            share = (seen["yes"] + _SPELLING_PEOPLE * spelling.nickname["explicit"]) / (seen.total() + _SPELLING_PEOPLE)
            changed["nickname"] = spelling.nickname | {"explicit": round(share, 3)}
        else:
            known = getattr(spelling, table)
            sum_known = sum(known.values())
            changed[table] = {
                way: round((seen[way] + _SPELLING_PEOPLE * share / sum_known) / (seen.total() + _SPELLING_PEOPLE), 4)
                for way, share in known.items()
            }
    return msgspec.structs.replace(spelling, **changed)


def _expand(seen: Counter[str], known: Mapping[str, float]) -> dict[str, float]:
    kinds = {key.partition(" ")[2] for key in seen}
    yes = sum(seen[f"yes {kind}"] for kind in kinds if kind not in ("de", "nordic"))
    whole = yes + sum(seen[f"no {kind}"] for kind in kinds if kind not in ("de", "nordic"))
    everywhere = (yes + _SPELLING_PEOPLE * known["*"]) / (whole + _SPELLING_PEOPLE)
    learnt = {"*": round(everywhere, 3)}
    for kind in sorted(kinds):
        yes, no = seen[f"yes {kind}"], seen[f"no {kind}"]
        if yes + no >= 15:
            learnt[kind] = round((yes + _SPELLING_PEOPLE * everywhere) / (yes + no + _SPELLING_PEOPLE), 3)
    return learnt


def _flatten(clues: Sequence[Clue], templates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [(who, at, share) for who, clue in enumerate(clues) for at, share in clue or ((templates - 1, 1.0),)]
    who, place, share = zip(*rows, strict=True)
    return np.array(who), np.array(place), np.array(share)
