"""Whose address is it: names, positions, phones and accounts as they stand round addresses on real pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.harvest.extract.names import Name, agreement, parse_name
from vizsla.harvest.extract.page import extract
from vizsla.harvest.extract.phones import parse_phone
from vizsla.harvest.records import Observation, Page


def people(html: str, uri: str = "https://www.werft.de/team/42") -> dict[str, Observation]:
    return {one.local: one for one in extract(Page(uri, 0, html.encode())).observations}


def names(html: str) -> dict[str, str | None]:
    return {
        local: " ".join(part for part in (one.first_name, one.last_name) if part) or None
        for local, one in people(html).items()
    }


@pytest.mark.parametrize(
    ("html", "local", "name"),
    [
        ("<p>Mira Sol &lt;mira.sol@werft.de&gt;</p>", "mira.sol", "Mira Sol"),
        ("<p>Maintainer: Mira Sol &lt;moose@werft.de&gt;</p>", "moose", "Mira Sol"),
        ('<p>"Mira Sol" &lt;moose@werft.de&gt;</p>', "moose", "Mira Sol"),
        ("<p>moose@werft.de (Mira Sol)</p>", "moose", "Mira Sol"),
        ('<p><a href="mailto:moose@werft.de">Mira Sol</a></p>', "moose", "Mira Sol"),
        ("<p>Mira Sol (the elder) &lt;moose@werft.de&gt;</p>", "moose", "Mira Sol"),
        ("<p>Copyright 2004, 2005 Mira L. Sol &lt;moose@werft.de&gt;</p>", "moose", "Mira Sol"),
        (
            "<pre>- fix it\n\n -- Mira Sol &lt;moose@werft.de&gt;  Mon, 01 Jan 2024 10:00:00 +0100\n</pre>",
            "moose",
            "Mira Sol",
        ),
        ("<p>Written by SOL, Mira &lt;moose@werft.de&gt;</p>", "moose", "Mira Sol"),
        ("<p>MIRA SOL, Captain: mira.sol@werft.de</p>", "mira.sol", "Mira Sol"),
        ("<p>mira sol &lt;mira.sol@werft.de&gt;</p>", "mira.sol", "Mira Sol"),
        ("<p>Dr. Ludwig van der Berg, LL.M. &lt;berg@werft.de&gt;</p>", "berg", "Ludwig van der Berg"),
        ("<p>José Müller-Lüdenscheidt: jmueller@werft.de</p>", "jmueller", "José Müller-Lüdenscheidt"),
        ("<p>Write to our captain, Mira Sol, at msol@werft.de today.</p>", "msol", "Mira Sol"),
        ("<p>William Gates: bill.gates@werft.de</p>", "bill.gates", "William Gates"),
        ("<p>Kenneth Reitz, me@kennethreitz.org</p>", "me", "Kenneth Reitz"),
        ("<h3>Mira Sol</h3><p>Captain</p><p>msol@werft.de</p>", "msol", "Mira Sol"),
        ("<tr><td>Sol, Mira</td><td>Captain</td><td>sol.mira@werft.de</td></tr>", "sol.mira", "Mira Sol"),
        ("<span>Mira</span> <span>Sol</span><br><a href='mailto:m.sol@werft.de'>E-Mail</a>", "m.sol", "Mira Sol"),
        ("<b>Mira Sol</b><i>Captain</i><a href='mailto:m.sol@werft.de'>m.sol@werft.de</a>", "m.sol", "Mira Sol"),
    ],
)
def test_the_name_beside_an_address_is_found(html: str, local: str, name: str) -> None:
    assert names(html) == {local: name}


@pytest.mark.parametrize(
    "html",
    [
        "<h2>General Info</h2><p>contact@werft.de</p>",
        "<h2>Sales Team</h2><p>sales@werft.de</p>",
        "<p>Haben Sie Fragen? fragen@werft.de</p>",
        "<p>By Claire Martin</p><p>moose@werft.de</p>",
        "<p>Debian Mailing List &lt;debian-list@lists.werft.de&gt;</p>",
        "<p>Mira Sol &lt;webmaster@werft.de&gt;</p>",
        "<p>Press Office &lt;press@werft.de&gt;</p>",
        "<h2>Contact Werft</h2><p>werft@werft.de</p>",
    ],
)
def test_what_is_no_name_of_the_addressee_is_not_kept(html: str) -> None:
    assert set(names(html).values()) == {None}


def test_each_card_of_a_list_keeps_its_own() -> None:
    cards = [
        ("Mira Sol", "Captain", "msol", "0171 2345671"),
        ("Ben Ode", "First Engineer", "bode", "0171 2345672"),
        ("Ana Rey", "Harbour Agent", "arey", "0171 2345673"),
    ]
    html = "".join(
        f'<div><h3>{name}</h3><p>{position}</p><p>Tel.: {phone}</p><a href="mailto:{local}@werft.de">E-Mail</a>'
        f'<a href="https://twitter.com/{local}_x">x</a></div>'
        for name, position, local, phone in cards
    )

    seen = people(html)

    for name, position, local, phone in cards:
        one = seen[local]
        assert f"{one.first_name} {one.last_name}" == name
        assert one.position == position
        assert one.phone == "+49" + phone.replace(" ", "")[1:]
        assert one.twitter == f"{local}_x"


def test_a_fax_number_is_no_phone() -> None:
    assert people("<p>Mira Sol<br>Fax: +49 30 901820<br>mira.sol@werft.de</p>")["mira.sol"].phone is None


def test_a_share_button_is_nobodys_account() -> None:
    html = '<p>Mira Sol mira.sol@werft.de <a href="https://twitter.com/intent/tweet?x">share</a><a href="https://www.linkedin.com/in/mira-sol-7/">in</a></p>'

    seen = people(html)["mira.sol"]

    assert (seen.twitter, seen.linkedin) == (None, "mira-sol-7")


def test_the_author_in_the_head_owns_the_address_made_of_the_name() -> None:
    html = (
        '<meta name="author" content="Mira Sol">' + "<p>text</p>" * 3_000 + "<p>Contact the writer: msol@werft.de</p>"
    )

    assert names(html) == {"msol": "Mira Sol"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mira Sol", Name("Mira", "Sol")),
        ("Prof. Dr. Mira Sol, PhD", Name("Mira", "Sol")),
        ("Sol, Mira Anna", Name("Mira", "Sol", ("Anna",))),
        ("O'BRIEN, Pat", Name("Pat", "O'Brien")),
        ("Mira von der Sol", Name("Mira", "von der Sol")),
        ("J. Robert Smith", Name("Robert", "Smith")),
        ("Mira", Name("Mira", "")),
        ("Sales Manager", None),
        ("Mira Sol 2", None),
        ("mira sol", None),
        ("", None),
        ("About Us", None),
    ],
)
def test_a_name_is_parsed(text: str, name: Name | None) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    ("local", "score"),
    [("mira.sol", 3), ("sol.mira", 3), ("mirasol", 3), ("msol", 2), ("m.sol", 2), ("mira", 2), ("mira.sol2", 3), ("solar", 0), ("info", 0), ("ben.ode", 0), ("x", 0)],
)  # fmt: skip
def test_agreement_of_a_name_and_a_local_part(local: str, score: int) -> None:
    assert agreement(Name("Mira", "Sol"), local) == score


@pytest.mark.parametrize("local", ["michael", "mike", "mick"])
def test_any_form_of_a_first_name_alone_agrees_in_every_process(local: str) -> None:
    assert agreement(Name("Michael", ""), local) == 2


@given(st.text(max_size=120))
def test_any_text_may_be_asked_for_a_name_and_a_phone(text: str) -> None:
    name = parse_name(text, lower=True)
    parse_phone(text, "DE")

    if name is not None:
        assert name.first
        assert 0 <= agreement(name, "mira.sol") <= 3
