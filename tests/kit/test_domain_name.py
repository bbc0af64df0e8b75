"""What people type for a domain, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.domain_name import is_known_suffix, parse_domain, registrable_domain, to_ascii
from vizsla.kit.errors import InvalidDomain


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("stripe.com", "stripe.com"),
        ("  STRIPE.com. ", "stripe.com"),
        ("https://www.stripe.com/jobs?x=1", "stripe.com"),
        ("http://user:secret@stripe.com:8080", "stripe.com"),
        ("stripe.com/jobs", "stripe.com"),
        ("stripe.com:443", "stripe.com"),
        ("www.com", "www.com"),
        ("münchen-bräu.de", "xn--mnchen-bru-y5a3z.de"),
        ("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"),
        ("acme.example", "acme.example"),
    ],
)
def test_what_people_type_is_understood(typed: str, meant: str) -> None:
    assert parse_domain(typed) == meant


@pytest.mark.parametrize(
    "typed",
    ["", "x", "a..com", ".com", "-a.com", f"{'a' * 64}.com", "127.0.0.1", "[::1]", "http://[::1", "\x00.com",
     "a b.com", "a.com\r\nX: y", "ü" * 300 + ".com", "a" * 5_000, "☃", "//", "a@b@c"],
)  # fmt: skip
def test_what_is_no_domain_name_is_refused(typed: str) -> None:
    with pytest.raises(InvalidDomain):
        parse_domain(typed)


@given(st.text(max_size=300))
def test_any_text_is_a_domain_name_or_refused(typed: str) -> None:
    try:
        name = parse_domain(typed)
    except InvalidDomain:
        return
    assert to_ascii(name) == name
    assert name.isascii()


@pytest.mark.parametrize(
    ("name", "registrable"),
    [
        ("blog.intercom.com", "intercom.com"),
        ("a.b.co.uk", "b.co.uk"),
        ("alice.github.io", "alice.github.io"),
        ("co.uk", None),
        ("www.acme.example", "acme.example"),
        ("nothing.notatld", None),
    ],
)
def test_a_registrable_domain_is_a_public_suffix_and_one_label(name: str, registrable: str | None) -> None:
    assert registrable_domain(name) == registrable


def test_a_suffix_is_known_or_it_is_not() -> None:
    assert is_known_suffix("com")
    assert is_known_suffix("example")
    assert not is_known_suffix("bylines")
