"""Confidence: the worked examples, and what more evidence may do to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.index.confidence import LEAST_FIT, MOST_FIT, Source, certainty, confidence, survival
from vizsla.kit.clock import DAY

NOW = 1_763_856_000
YEAR = 365 * DAY


def source(owner: str = "acme.com", *, how: str = "mailto", age: int = 0, current: bool = True) -> Source:
    return Source(owner, owner == "acme.com", how, NOW - age, current)


def of(*sources: Source, status: str | None = None, verified: int | None = None) -> int:
    verified_at = None if verified is None else NOW - verified
    return confidence(certainty(sources, status=status, verified_at=verified_at, today=NOW))


def test_the_worked_examples() -> None:
    gone = source(age=YEAR, current=False)

    assert of(source()) == 97
    assert of(gone) == 86
    assert of(gone, status="valid", verified=0) == 99
    assert of(source(age=3 * YEAR, current=False)) == pytest.approx(72, abs=1)


@pytest.mark.parametrize(("years", "share"), [(1, 0.889), (2, 0.809), (3, 0.742), (5, 0.632), (7, 0.549), (10, 0.458)])
def test_survival_is_what_was_measured(years: int, share: float) -> None:
    assert survival(years * 365.25 * DAY) == pytest.approx(share, abs=0.02)


def test_a_page_that_nobody_fetched_lately_says_nothing_of_today() -> None:
    assert of(source(age=89 * DAY)) == 97
    assert of(source(age=91 * DAY)) < 97


def test_pages_of_one_owner_are_one_witness() -> None:
    assert of(source("a.com"), source("a.com"), source("a.com")) == of(source("a.com"))
    assert of(source("a.com"), source("b.com")) > of(source("a.com"))


def test_what_a_server_said() -> None:
    assert of(source(), status="invalid", verified=DAY) < 60
    assert of(source(how="text"), status="accept_all", verified=DAY) == of(source(how="text"))
    assert of(source(how="text"), status="unknown", verified=DAY) == of(source(how="text"))


sources = st.lists(
    st.builds(
        source, st.sampled_from(["acme.com", "a.com", "b.com"]), how=st.sampled_from(["mailto", "text", "obfuscated", "?"]),
        age=st.integers(-DAY, 40 * YEAR), current=st.booleans(),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@given(sources, st.sampled_from([None, "valid", "invalid", "accept_all"]), st.integers(-DAY, 9 * YEAR), st.randoms())
def test_one_to_ninety_nine_in_any_order(
    found: list[Source], status: str | None, verified: int, chance: object
) -> None:
    value = of(*found, status=status, verified=verified if status else None)
    chance.shuffle(found)  # type: ignore[attr-defined]

    assert 1 <= value <= 99
    assert of(*found, status=status, verified=verified if status else None) == value


@given(sources, sources)
def test_another_witness_never_makes_it_less_likely(found: list[Source], more: list[Source]) -> None:
    assert of(*found, *more) >= of(*found)


def test_how_an_address_is_made_moves_the_odds() -> None:
    assert confidence(0.8, MOST_FIT) == 92
    assert confidence(0.8, 1.0) == 80
    assert confidence(0.8, LEAST_FIT) == 57


def test_a_local_part_that_nobody_typed_is_doubted_until_a_server_says_yes() -> None:
    def doubted(status: str | None = None) -> int:
        return confidence(certainty([source()], status=status, verified_at=NOW, today=NOW, is_gibberish=True))

    assert doubted() == 76
    assert doubted("valid") == 99
