"""How well noise is told from names is counted as the textbook counts it."""

import random

import pytest
from evaluation.gibberish import NOISES, area_under_curve
from evaluation.gibberish_model import count_table, fold

from vizsla.naming.gibberish import SYMBOLS


@pytest.mark.parametrize(
    ("names", "noise", "area"), [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 2], [1, 2], 0.5), ([1, 3], [2, 4], 0.75)]
)  # fmt: skip
def test_the_area_is_the_chance_that_noise_scores_higher(names: list[float], noise: list[float], area: float) -> None:
    assert area_under_curve(names, noise) == area


@pytest.mark.parametrize(
    ("name", "typed"),
    [("Jürgen", "jurgen"), ("Weiß", "weiss"), ("Łukasz", "lukasz"), ("O’Neill", "oneill"), ("Щербаков", "shcherbakov"),
     ("Παπαδόπουλος", "papadopoulos"), ("Nguyễn", "nguyen"), ("李", ""), ("Jean-Luc", "jean-luc")],
)  # fmt: skip
def test_names_are_typed_in_ascii(name: str, typed: str) -> None:
    assert fold(name) == typed


def test_what_was_counted_is_cheaper_than_what_was_not() -> None:
    table = count_table(["anna"] * 50)
    size = len(SYMBOLS)

    def octet(trigram: str) -> int:
        a, b, c = (SYMBOLS.index(symbol) for symbol in trigram)
        return table[(a * size + b) * size + c]

    assert len(table) == size**3
    assert octet("^an") < octet("^ax")
    assert octet("nna") < octet("nn0")


def test_each_noise_is_drawn_anew() -> None:

    for draw in NOISES.values():
        drawn = [draw(random.Random(seed)) for seed in range(20)]
        assert len(set(drawn)) == 20
        assert all(text.isalnum() and len(text) >= 7 for text in drawn)
