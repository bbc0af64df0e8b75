"""Passwords: what will do, what is the same, and that a hash is worked out for nobody as well."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.accounts.passwords import (
    LONGEST,
    WeakPassword,
    check_password,
    hash_password,
    hasher,
    is_common,
    is_outdated,
    is_password,
    prepare,
)

TAKEN = [
    "a" * 64,
    "päss wörd mit leerzeichen 1",
    "🐎" * 10,
    "correct horse battery staple",
    "x" * LONGEST,
    "  eight  ",
    "\0" * 9,
    "\ud800" * 9,
]
REFUSED = [
    "short7!",
    "",
    "password",
    "password1234",
    "Password123!",
    "12345678",
    "QWERTYUIOP",
    "iloveyou1",
    "!football99",
    "x" * (LONGEST + 1),
]


@pytest.mark.parametrize("password", TAKEN)
def test_long_and_unusual_passwords_are_taken(password: str) -> None:
    check_password(password, email="jane@acme.example")


@pytest.mark.parametrize("password", REFUSED)
def test_short_and_common_passwords_are_refused_with_a_sentence(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_password(password)

    assert refused.value.details.endswith(".")


@pytest.mark.parametrize("password", ["jane.porter@acme.example", "Jane.Porter", "acme.example", "jane.porteracme"])
def test_nobody_is_kept_out_by_their_own_address(password: str) -> None:
    with pytest.raises(WeakPassword, match="your own address"):
        check_password(password, email="jane.porter@acme.example")


async def test_a_password_opens_and_its_neighbours_do_not() -> None:
    stored = await hash_password("correct horse battery staple")

    assert stored.startswith("$argon2id$")
    assert not is_outdated(stored)
    assert await is_password("correct horse battery staple", stored)
    for other in ("correct horse battery staple ", " correct horse battery staple", "Correct horse battery staple"):
        assert not await is_password(other, stored)
    assert not await is_password("correct horse battery staple", None)


@pytest.mark.usefixtures("quick_passwords")
async def test_all_of_a_long_password_counts() -> None:
    stored = await hash_password("a" * 200 + "b")

    assert await is_password("a" * 200 + "b", stored)
    assert not await is_password("a" * 200 + "c", stored)


@pytest.mark.usefixtures("quick_passwords")
async def test_the_same_keys_on_another_machine_are_the_same_password() -> None:
    typed = "Zażółć gęślą jaźń"
    stored = await hash_password(unicodedata.normalize("NFD", typed))

    assert await is_password(unicodedata.normalize("NFC", typed), stored)
    assert await is_password(typed.replace(" ", "\u00a0"), stored)
    assert not await is_password(typed.lower(), stored)


def test_what_was_made_with_other_parameters_is_outdated(quick_passwords: None) -> None:
    assert is_outdated(hasher.hash("x"))


async def test_what_is_no_hash_opens_nothing(quick_passwords: None) -> None:
    for stored in ("", "x", "$argon2id$", "plain"):
        assert not await is_password(stored, stored)


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_preparing_twice_is_preparing_once(text: str) -> None:
    assert prepare(prepare(text)) == prepare(text)
    assert is_common(prepare(text).casefold()) in (True, False)
