"""Addresses by RFC 5321 and its extensions, and what is none."""

from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vizsla.verifier import syntax
from vizsla.verifier.syntax import Address, Malformed, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Jane.Doe@Acme.Example", "jane.doe@acme.example"),
        (" o'hara+x@acme.test\n", "o'hara+x@acme.test"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@STRASSE.de", "a@strasse.de"),
        ("Jürgen@x.test", "jürgen@x.test"),
        ("ju\u0308rgen@x.test", "jürgen@x.test"),
        ("用户@例子.中国", "用户@xn--fsqu00a.xn--fiqs8s"),
        ('"A b"@acme.test', '"a b"@acme.test'),
        ('"a@b"@acme.test', '"a@b"@acme.test'),
        ('"jane.doe"@acme.test', "jane.doe@acme.test"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    found = parse_address(text)

    assert str(found) == address
    assert parse_address(address) == found


@pytest.mark.parametrize(
    ("text", "regexp", "needs_smtputf8"),
    [("a@b.test", True, False), ('"a b"@b.test', False, False), ("é@b.test", True, True), ("a@é.test", True, False)],
)
def test_what_a_server_must_be_able_to_do_is_said(text: str, regexp: bool, needs_smtputf8: bool) -> None:
    found = parse_address(text)

    assert isinstance(found, Address)
    assert (found.regexp, found.needs_smtputf8) == (regexp, needs_smtputf8)


@pytest.mark.parametrize(
    "text",
    ["", "@", "a", "a@", "@b.test", "a@b", "a@@b.test", "a b@c.test", ".a@b.test", "a.@b.test", "a..b@c.test", "a＠b.test",
     "a@[127.0.0.1]", "a@127.0.0.1", "a@b.local", "a@b.onion", "a@b_c.test", "a@-b.test", "a@b.test.", "a@☕.test",
     "a@" + "b" * 64 + ".test", "a" * 65 + "@b.test", "a@" + "b." * 130 + "test", "é" * 40 + "@b.test",
     "Jane <a@b.test>", "a@b.test, c@d.test", "mailto:a@b.test", '"a b@c.test', "a\u200bb@c.test", "\u202ea@c.test",
     "a\r\nRCPT TO:<x@y.test>@b.test", '"a\r\nb"@c.test', '"a\x00b"@c.test', "a@b.test\r\nDATA", "a@b.test\x00"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    found = parse_address(text)

    assert isinstance(found, Malformed)
    assert found.details.endswith(".")


def test_nothing_long_is_looked_at() -> None:
    assert parse_address('"' * 1_000_000 + "@" * 1_000_000) == parse_address("a" * 321)


@given(st.text(max_size=330) | st.from_regex(r"[a-zA-Zéß\".@ \\-]{1,20}@[a-z.ß-]{1,20}", fullmatch=True))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    found = parse_address(text)

    if isinstance(found, Address):
        assert parse_address(str(found)) == found
        assert not any(c in str(found) for c in "\r\n\0")
    else:
        assert found.details


_PARTS = st.text("abxyz09-_+.é", min_size=0, max_size=9)


@given(
    st.builds(
        "{}@{}.{}".format, _PARTS, _PARTS, st.sampled_from(["com", "test", "xn--p1ai", "c0m", "a", "museum", "local"])
    )
)
@example("a@a--b.com")
@example("a@ab--c.com")
@example("a@a-.com")
@example("a@invalid.test")
@example("ab@x" + "y" * 63 + ".com")
@example("a@" + "x.y" * 80 + ".com")
def test_the_short_way_says_what_the_library_says(text: str) -> None:
    with mock.patch.object(syntax, "_is_plain", lambda _: None):
        slowly = parse_address(text)
    assert isinstance(parse_address(text), Malformed) == isinstance(slowly, Malformed)
    if isinstance(slowly, Address):
        assert parse_address(text) == slowly
