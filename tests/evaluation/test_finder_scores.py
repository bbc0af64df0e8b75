"""Figures of the finder are what they say, on outcomes made up for it."""

import random

import pytest
from evaluation.finder.baselines import Majority, fill, matching
from evaluation.finder.people import Person, Trial
from evaluation.finder.report import Floors, find_breaches, pin
from evaluation.finder.scores import Outcome, fit_platt, interval, is_first, reliability, score

from vizsla.naming.names import parse_name


def outcome(probability: float, rank: int, domain: str = "acme.com") -> Outcome:
    return Outcome(domain, 0, "apt", rank, probability)


def person(name: str, local: str) -> Person:
    return Person(parse_name(name), name, local, "acme.com", 0, "apt")


def test_scores_by_hand() -> None:
    one = score([outcome(0.8, 1), outcome(0.8, 1), outcome(0.8, 3), outcome(0.2, 0)])

    assert (one.n, one.top1, one.top3) == (4, 0.5, 0.75)
    assert one.brier == pytest.approx((0.04 + 0.04 + 0.64 + 0.04) / 4)
    assert one.ece == pytest.approx((3 * abs(0.8 - 2 / 3) + 0.2) / 4)


def test_bins_hold_everything_once() -> None:
    dice = random.Random(1)
    rows = [outcome(dice.random(), dice.randint(0, 2)) for _ in range(500)] + [outcome(1.0, 1), outcome(0.0, 0)]

    assert sum(row.n for row in reliability(rows)) == len(rows)
    assert all(row.low <= row.predicted <= row.high for row in reliability(rows))


def test_platt_undoes_what_was_done() -> None:
    dice = random.Random(2)
    shares = [dice.random() for _ in range(4_000)]
    rows = [outcome(share**2, 1 if dice.random() < share else 0) for share in shares]
    line = fit_platt(rows)
    corrected = [Outcome(row.domain, 0, "apt", row.rank, line.correct(row.probability)) for row in rows]

    assert score(corrected).ece < 0.04 < score(rows).ece
    assert score(corrected).log_loss < score(rows).log_loss


def test_an_interval_is_over_domains_and_holds_the_mean() -> None:
    few = [outcome(0.5, number % 2, f"d{number % 4}.com") for number in range(400)]
    many = [outcome(0.5, number % 2, f"d{number}.com") for number in range(400)]

    assert interval(few, few, is_first) == (0.0, 0.0)
    # d0 and d2 have no hit, d1 and d3 nothing else: four domains say little, however many people they have.
    assert interval(few, None, is_first) == (0.0, 1.0)
    low, high = interval(many, None, is_first)
    assert 0.4 < low < 0.5 < high < 0.6


def test_the_majority_wins_and_usual_things_break_ties() -> None:
    training = [person("Ada Quell", "ada.quell"), person("Ivo Vos", "ivo.vos"), person("Mira Brandt", "mbrandt")]
    majority = Majority(training)
    asked = person("Zeno Dorn", "zdorn")

    assert majority.answer(Trial(asked, ()))[0][:2] == ["zeno.dorn", "zdorn"]
    assert majority.answer(Trial(asked, (training[2],))) == (majority.answer(Trial(asked, (training[2],)))[0], 1.0)
    assert majority.answer(Trial(asked, (training[2],)))[0][0] == "zdorn"
    assert majority.answer(Trial(asked, (training[2], training[0])))[0][0] == "zeno.dorn"
    assert majority.answer(Trial(asked, (person("Nil Nowhere", "kraken"),)))[0][0] == "zeno.dorn"
    assert matching(training[2]) == ["{f}{last}"]
    assert fill(person("Zoë O'Neil", "x"))["{first}.{last}"] == "zoe.oneil"


def test_floors_only_get_tighter() -> None:
    names = list(Floors.__struct_fields__)
    low, high = Floors(**dict.fromkeys(names, 0.011)), Floors(**dict.fromkeys(names, 0.039))
    pinned = pin(pin(None, low), high)

    assert pinned.ece == 0.02
    assert pinned.gain_top1 == 0.03
    assert find_breaches(pinned, pinned) == []
    assert pin(pinned, low) == pinned
    assert len(find_breaches(pinned, low)) == len(names) - 1
    assert find_breaches(pinned, high) == ["finder: ece 0.0390 is over its floor 0.0200"]
