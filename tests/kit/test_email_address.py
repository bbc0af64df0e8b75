"""Addresses as people publish them, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Jane.Doe@Acme.Example", "jane.doe@acme.example"),
        (" o'hara+x@acme.example ", "o'hara+x@acme.example"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
    ],
)
def test_an_address_is_read(text: str, address: str) -> None:
    assert str(parse_email(text)) == address


@pytest.mark.parametrize(
    "text",
    ["", "a@b", "@b.test", "a@", "a@@b.test", "a b@c.test", '"a b"@b.test', "a@[127.0.0.1]", ".a@b.test", "a.@b.test",
     "a..b@c.test", "a\r\nRCPT TO:<x@y.test>@b.test", "a@b.test\x00", "a" * 65 + "@b.test", "a@" + "b" * 5_000 + ".test", "\u212aim@b.test"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidEmail):
        parse_email(text)


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse_email(text)
    except InvalidEmail:
        return
    assert parse_email(str(address)) == address
