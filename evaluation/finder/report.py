"""
How are the finder's figures printed, and under which floors must they not fall?

Floors are set on pairs that everybody may have other ones of (Debian moves on, git histories are given by hand), so they are
gains over the majority baseline of the same run, and calibration; no absolute accuracy.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from evaluation.finder.domain_patterns import score_patterns
from evaluation.finder.measuring import ALL, MAJORITY, OURS, SMOOTHED, Measured
from evaluation.finder.pairs import HISTORY
from evaluation.finder.people import KNOWN, LEAST_PEOPLE, Person, by_domain
from evaluation.finder.scores import Outcome, interval, is_first, is_in_three, reliability, score

FLOORS = Path(__file__).with_name("floors.json")
FEWEST_DOMAINS = 150
"""Domains with at least three people, under which nothing is judged."""


class Floors(msgspec.Struct, frozen=True):
    """The least that passes; `ece` and `ece_nameless` are the most."""

    gain_top1: float
    """Over the majority baseline, at the k where it is least."""
    gain_top1_at_1: float
    gain_top3: float
    ece: float
    """At the k where it is greatest."""
    brier_over_majority: float
    """The majority's Brier score less ours, where that is least; its shares are smoothed first."""
    log_loss_over_majority: float
    pattern_named: float
    """Agreement with forty colleagues, of five with names."""
    pattern_nameless: float
    null_where_unclear: float
    """Of the domains of which nobody is half, at five named colleagues."""


def print_report(people: Sequence[Person], measured: Measured) -> None:
    domains = by_domain(people)
    tried = sum(len(everyone) >= LEAST_PEOPLE for everyone in domains.values())
    from_debian = sum(person.origin == "apt" for person in people)
    print(
        f"{len(people)} people at {len(domains)} domains, {tried} with {LEAST_PEOPLE} or more; {from_debian} out of Debian\n"
    )
    print(f"{'':34}{'k':>3}{'n':>7}{'top-1':>8}{'top-3':>8}{'Brier':>8}{'log loss':>10}{'ECE':>7}")
    for method, by_k in measured.outcomes.items():
        for k, rows in by_k.items():
            one = score(rows)
            has_shares = any(row.probability for row in rows)
            shares = (
                f"{one.brier:8.4f}{one.log_loss:10.4f}{one.ece:7.3f}" if has_shares else f"{'-':>8}{'-':>10}{'-':>7}"
            )
            print(
                f"{method if k == KNOWN[0] else '':34}{'all' if k == ALL else k:>3}{one.n:>7}{one.top1:8.4f}{one.top3:8.4f}{shares}"
            )
    reached = [row.rank > 0 for row in measured.outcomes[OURS][KNOWN[0]]]
    print(
        f'\n{sum(reached) / len(reached):.3f} of the right ones are among our candidates; "all" knows every other colleague'
    )
    if measured.lacking:
        print(f"! published packages are not beside: {measured.lacking}")
    print("\ngain over the majority, points, with 95 % intervals (domains drawn with replacement)")
    for k in KNOWN:
        ours, theirs = measured.outcomes[OURS][k], measured.outcomes[MAJORITY][k]
        cells = [_gain(ours, theirs, value) for value in (is_first, is_in_three)]
        print(f"  k = {k:<3} top-1 {cells[0]}   top-3 {cells[1]}")
    print("\ntop-1 by where the person is known from: " + _by_origin(measured))
    print("\nreliability, all k: said → seen (n)")
    print("  " + "  ".join(
        f"{row.predicted:.2f} → {row.observed:.2f} ({row.n})" for row in reliability([row for k in KNOWN for row in measured.outcomes[OURS][k]])
    ))  # fmt: skip
    for title, drawn in (("names", measured.named_patterns), ("no names", measured.nameless_patterns)):
        print(f"\npattern, of colleagues with {title}")
        print(f"{'k':>5}{'agrees with 40':>17}{'…where half follow':>20}{'null where nobody is half':>28}{'wrong':>8}")
        for k, rows in drawn.items():
            one = score_patterns(rows)
            print(f"{k:>5}{one.agreement:>17.3f}{one.agreement_where_clear:>13.3f} ({one.clear:>4})"
                  f"{one.null_where_unclear:>21.3f} ({one.unclear:>4}){one.wrong:>8.3f}")  # fmt: skip


def _gain(ours: Sequence[Outcome], theirs: Sequence[Outcome], value) -> str:
    gain = sum(value(a) - value(b) for a, b in zip(ours, theirs, strict=True)) / len(ours)
    low, high = interval(ours, theirs, value)
    return f"{100 * gain:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def _by_origin(measured: Measured) -> str:
    cells = []
    for origin in ("apt", "history"):
        for k in (0, 1, 3):
            rows = [row for row in measured.outcomes[OURS][k] if row.origin == origin]
            theirs = [row for row in measured.outcomes[MAJORITY][k] if row.origin == origin]
            if rows:
                cells.append(
                    f"{origin} k={k} {score(rows).top1:.3f} (majority {score(theirs).top1:.3f}, n={len(rows)})"
                )
    return "; ".join(cells)


def find_floors(measured: Measured) -> Floors:
    """What was measured, in the terms of the floors."""
    ours = {k: score(rows) for k, rows in measured.outcomes[OURS].items()}
    theirs = {k: score(rows) for k, rows in measured.outcomes[MAJORITY].items()}
    smoothed = {k: score(rows) for k, rows in measured.outcomes[SMOOTHED].items()}
    named = score_patterns(measured.named_patterns[5])
    return Floors(
        gain_top1=min(ours[k].top1 - theirs[k].top1 for k in KNOWN),
        gain_top1_at_1=ours[1].top1 - theirs[1].top1,
        gain_top3=min(ours[k].top3 - theirs[k].top3 for k in KNOWN),
        ece=max(ours[k].ece for k in KNOWN),
        brier_over_majority=min(smoothed[k].brier - ours[k].brier for k in KNOWN),
        log_loss_over_majority=min(smoothed[k].log_loss - ours[k].log_loss for k in KNOWN),
        pattern_named=named.agreement,
        pattern_nameless=score_patterns(measured.nameless_patterns[5]).agreement,
        null_where_unclear=named.null_where_unclear,
    )


def load_floors() -> dict[str, Floors]:
    """The floors by the kind of pairs they were set on."""
    return msgspec.json.decode(FLOORS.read_bytes(), type=dict[str, Floors]) if FLOORS.exists() else {}


def save_floors(floors: dict[str, Floors]) -> None:
    FLOORS.write_bytes(msgspec.json.format(msgspec.json.encode(floors), indent=2) + b"\n")


def kind_of_pairs(people: Sequence[Person]) -> str:
    """Which floors hold for *people*: a machine with Debian alone has a third of the pairs, older ones."""
    return "histories" if any(person.origin == HISTORY for person in people) else "debian"


def find_breaches(floors: Floors, found: Floors) -> list[str]:
    """A sentence for each floor that *found* is under."""
    breaches = []
    for field in msgspec.structs.fields(Floors):
        floor, value = getattr(floors, field.name), getattr(found, field.name)
        if value > floor if field.name == "ece" else value < floor:
            side = "over" if field.name == "ece" else "under"
            breaches.append(f"finder: {field.name.replace('_', ' ')} {value:.4f} is {side} its floor {floor:.4f}")
    return breaches


def pin(floors: Floors | None, found: Floors) -> Floors:
    """The floors tightened to *found*, to the hundredth that it reaches; none is loosened."""
    values = {}
    for field in msgspec.structs.fields(Floors):
        new, old = getattr(found, field.name), getattr(floors, field.name, None)
        if field.name == "ece":
            new = math.ceil(new * 100) / 100
            values[field.name] = new if old is None else min(old, new)
        else:
            new = math.floor(new * 100) / 100
            values[field.name] = new if old is None else max(old, new)
    return Floors(**values)
