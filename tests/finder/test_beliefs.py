"""Bayes: the table of the design, row by row, and what no observation may do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.finder.beliefs import Beliefs, Calibration, Likelihood, logit, score, sigmoid, updated
from vizsla.naming.candidates import Candidate

VALID, INVALID, NOTHING = Likelihood(0.96, 0.04), Likelihood(0.03, 0.95), Likelihood(1.0, 1.0)
shares = st.lists(st.floats(0.001, 1.0), min_size=1, max_size=8).flatmap(
    lambda values: st.floats(0.3, 0.99).map(lambda whole: [value / sum(values) * whole for value in values])
)
likelihoods = st.builds(Likelihood, st.floats(0.01, 0.99), st.floats(0.01, 0.99))


def beliefs(*probabilities: float) -> Beliefs:
    return Beliefs([Candidate(chr(97 + at), share) for at, share in enumerate(probabilities)])


@pytest.mark.parametrize(
    ("seen", "before", "after"),
    [
        (VALID, 0.35, 0.93), (VALID, 0.54, 0.97), (VALID, 0.85, 0.99),
        (INVALID, 0.35, 0.02), (INVALID, 0.54, 0.04), (INVALID, 0.85, 0.15),
        (NOTHING, 0.35, 0.35), (NOTHING, 0.54, 0.54), (NOTHING, 0.85, 0.85),
    ],
)  # fmt: skip
def test_the_rows_of_the_table(seen: Likelihood, before: float, after: float) -> None:
    known = beliefs(before)
    known.observe("a", seen)

    assert known.probability("a") == pytest.approx(after, abs=0.0051)
    assert known.probability("a") == pytest.approx(updated(before, seen))


def test_an_invalid_candidate_gives_way_to_the_next() -> None:
    known = beliefs(0.5, 0.2, 0.1)
    known.observe("a", INVALID)

    first = known.ranked()[0]
    assert first.candidate.local == "b"
    assert first.probability == pytest.approx(0.2 * 0.95 / (0.5 * 0.03 + 0.5 * 0.95))
    assert known.probability("b") / known.probability("c") == pytest.approx(2)


@given(shares, st.lists(st.tuples(st.integers(0, 7), likelihoods), max_size=6))
def test_the_whole_is_always_one(probabilities: list[float], seen: list[tuple[int, Likelihood]]) -> None:
    known = beliefs(*probabilities)
    for at, likelihood in seen:
        known.observe(chr(97 + at), likelihood)

    everything = math.fsum(belief.probability for belief in known.ranked()) + known.unknown
    assert everything == pytest.approx(1, abs=1e-9)
    assert all(0 <= belief.probability <= 1 for belief in known.ranked())


@given(shares, st.lists(st.tuples(st.integers(0, 7), likelihoods), min_size=2, max_size=5))
def test_the_order_of_observations_does_not_matter(
    probabilities: list[float], seen: list[tuple[int, Likelihood]]
) -> None:
    here, there = beliefs(*probabilities), beliefs(*probabilities)
    for at, likelihood in seen:
        here.observe(chr(97 + at), likelihood)
    for at, likelihood in reversed(seen):
        there.observe(chr(97 + at), likelihood)

    for at in range(len(probabilities)):
        assert here.probability(chr(97 + at)) == pytest.approx(there.probability(chr(97 + at)), abs=1e-9)


@given(shares, st.integers(0, 7))
def test_a_server_that_takes_everybody_changes_nothing(probabilities: list[float], at: int) -> None:
    known = beliefs(*probabilities)
    known.observe(chr(97 + at), Likelihood(0.7, 0.7))

    for number, share in enumerate(probabilities):
        assert known.probability(chr(97 + number)) == pytest.approx(share, abs=1e-12)


def test_a_score_is_the_probability_and_no_more_than_a_pattern_can_know() -> None:
    assert score(0.35, is_confirmed=False) == 35
    assert score(0.97, is_confirmed=False) == 92
    assert score(0.97, is_confirmed=True) == 97
    assert score(0.9999, is_confirmed=True) == 99
    assert score(0.0999, is_confirmed=False) is None


@given(st.floats(0.001, 0.999), st.floats(0.1, 3), st.floats(-2, 2))
def test_a_correction_keeps_the_order(probability: float, slope: float, intercept: float) -> None:
    calibration = Calibration(slope, intercept)

    assert Calibration().apply(probability) == probability
    assert 0 < calibration.apply(probability) < 1
    assert calibration.apply(probability) <= calibration.apply(min(0.9995, probability + 0.0004))
    assert sigmoid(logit(probability)) == pytest.approx(probability)


def test_corrected_candidates_are_not_more_than_certain() -> None:
    known = Beliefs([Candidate("a", 0.5), Candidate("b", 0.45)], Calibration(1.0, 3.0))

    assert math.fsum(belief.probability for belief in known.ranked()) <= 1
