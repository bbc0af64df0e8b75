"""Spellings: the ways in which people write their names, by country, and never more than all of the probability."""

import pytest
from hypothesis import given, settings

from naming.people import domains, people
from vizsla.naming.names import PersonName, parse_name
from vizsla.naming.prior import load_prior
from vizsla.naming.spellings import fold, spell

SPELLING = load_prior().spelling


def ways(text: str, place: str, domain: str = "acme.com") -> dict[str, float]:
    found: dict[str, float] = {}
    for spelled in spell(parse_name(text), domain, SPELLING):
        for way, share in spelled.places.get(place, {}).items():
            found[way] = found.get(way, 0.0) + spelled.share * share
    return found


def test_an_umlaut_is_written_out_where_the_country_does_so() -> None:
    german, swedish = ways("Jörg Müller", "last", "acme.de"), ways("Jörg Müller", "last", "acme.se")

    assert max(german, key=german.__getitem__) == "mueller"
    assert max(swedish, key=swedish.__getitem__) == "muller"
    assert german.keys() == swedish.keys() == {"mueller", "muller"}


@pytest.mark.parametrize(
    ("name", "place", "expected"),
    [
        ("Anna Weiß", "last", {"weiss"}),
        ("Łukasz Đorđević", "first", {"lukasz"}),
        ("Łukasz Đorđević", "last", {"dordevic"}),
        ("Søren Østergaard", "last", {"ostergaard", "oestergaard"}),
        ("Lotte van der Hoek", "last", {"vanderhoek", "hoek", "van.der.hoek", "van-der-hoek", "van_der_hoek"}),
        ("Lotte van der Hoek", "l", {"v", "h"}),
        ("Jean-Luc Marchand", "first", {"jean-luc", "jeanluc", "jean", "luc", "jl"}),
        ("Jean-Luc Marchand", "f", {"j", "l", "jl"}),
        ("Conor O'Hare", "last", {"ohare"}),
        ("Mira Q. Quell", "m", {"q"}),
        ("Mira Q. Quell", "middle", set()),
        ("Mira Quell", "last:7", {"quell"}),
        ("Mira Quellenstein", "last:7", {"quellen"}),
        ("王小明", "first", {"xiaoming"}),
        ("王小明", "last", {"wang"}),
        ("王小明", "given-initials", {"xm"}),
        ("Xiaoming Wang", "given-initials", {"xm"}),
        ("Diana Quell", "given-initials", {"d"}),
        ("김민수", "last", {"kim"}),
        ("Дарья Волкова", "last", {"volkova"}),
    ],
)
def test_a_place_takes_what_people_write_there(name: str, place: str, expected: set[str]) -> None:
    assert set(ways(name, place)) == expected


def test_a_nickname_stands_for_the_name_and_a_given_one_more_often() -> None:
    usual, given_ = ways("Robert Quell", "first"), ways('Robert "Bobo" Quell', "first")

    assert usual["bob"] < 0.02 < usual["robert"]
    assert 0.3 < given_["bobo"] < 0.6


@settings(deadline=None)
@given(people, domains)
def test_no_place_has_more_than_one_whole(name: PersonName, domain: str) -> None:
    spelled = spell(name, domain, SPELLING)

    assert sum(one.share for one in spelled) == pytest.approx(1)
    for one in spelled:
        for place, texts in one.places.items():
            assert sum(texts.values()) <= 1 + 1e-9, place
            assert all(text == text.lower() and text.isascii() for text in texts)


def test_kanji_have_no_reading_that_we_know() -> None:
    assert ways("山田 太郎", "last", "acme.jp") == {}
    assert ways("山田 太郎", "last", "acme.cn")
    assert ways("Taro Yamada", "last", "acme.jp") == {"yamada": 1.0}


def test_folding_keeps_hyphens_alone() -> None:
    assert fold("Åsa-Çelik O’Hare") == "asa-celik ohare"
    assert fold("Åsa", expand=True) == "aasa"
