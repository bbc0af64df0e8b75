"""Names are no gibberish, whatever their language; what a robot draws is."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.naming.gibberish import is_gibberish, score_gibberish

NAMES = """
    patrick jane.doe jsmith jane_doe-85 o.brzeczyszczykiewicz krzysztof nguyenvt hanhntm vtnguyen zhangxy lixm wangyifan kimjh
    schwarzenegger papadopoulos oyelaran bjork.gudmundsdottir siobhan f.vandenberg mcdonnell quetzalcoatl wojciech
    xkcd bkdr mdx qrst u0012345 a123456 jones1985 12345678 smith.j2 x j
    newsletter kundenservice webmaster datenschutz no-reply pkg-lxqt-devel mailer-daemon
"""
GIBBERISH = "e65rc109q 1e49cs1pb6 x8f3k2d9 mbj2x8 9f86d081884c7d65 a1b2c3d4e5 rbhgsxkq zxqjvkwp q7w2k 4kd8fj20xk+tag"


@pytest.mark.parametrize("local", NAMES.split())
def test_names_initials_numbers_and_roles_are_no_gibberish(local: str) -> None:
    assert not is_gibberish(local)


@pytest.mark.parametrize("local", GIBBERISH.split())
def test_what_nobody_typed_is(local: str) -> None:
    assert is_gibberish(local)


def test_drawn_letters_and_digits_score_above_every_day_names() -> None:
    dice = random.Random(3)
    drawn = ["".join(dice.choice(string.ascii_lowercase + string.digits) for _ in range(10)) for _ in range(500)]
    highest = max(
        score_gibberish(name) for name in ("jane.doe", "jsmith", "krzysztof", "nguyenvt", "zhangxy", "patrick")
    )

    assert sum(score_gibberish(local) > highest for local in drawn) > 490
    assert sum(map(is_gibberish, drawn)) > 470


@pytest.mark.parametrize("tag", ["x8f3k2d9q", "newsletters-2026"])
def test_what_follows_a_plus_sign_is_the_owners_affair(tag: str) -> None:
    assert not is_gibberish(f"jane.doe+{tag}")


@given(st.text(max_size=64))
def test_any_local_part_is_judged(local: str) -> None:
    assert is_gibberish(local.lower()) in (True, False)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", max_size=5), st.text(alphabet=string.digits, max_size=9))
def test_five_letters_are_too_few_to_tell(letters: str, digits: str) -> None:
    assert not is_gibberish(letters + digits)
