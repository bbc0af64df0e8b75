"""Names: what people type is cut as they mean it, and what is no name is said to be none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.kit.errors import VizslaError
from vizsla.naming.names import (
    InvalidFirstName,
    InvalidFullName,
    InvalidLastName,
    PersonName,
    is_name,
    parse_name,
    parse_parts,
)


@pytest.mark.parametrize(
    ("text", "first", "last", "middles"),
    [
        ("Mira Quell", "Mira", "Quell", ()),
        ("  mira   quell ", "mira", "quell", ()),
        ("MIRA QUELL", "Mira", "Quell", ()),
        ("Dr. Mira Q. Quell Jr.", "Mira", "Quell", ("Q.",)),
        ("Prof. Dr. Mira Quell", "Mira", "Quell", ()),
        ("Quell, Mira Q.", "Mira", "Quell", ("Q.",)),
        ("Mira Quell, PhD", "Mira", "Quell", ()),
        ("Mira Quell PhD MBA", "Mira", "Quell", ()),
        ("QUELL Mira", "Mira", "Quell", ()),
        ("Jean-Luc MARCHAND", "Jean-Luc", "Marchand", ()),
        ("Lotte van der Hoek", "Lotte", "van der Hoek", ()),
        ("Lotte Marie van der Hoek", "Lotte", "van der Hoek", ("Marie",)),
        ("Inés de la Torre Ruiz", "Inés", "de la Torre Ruiz", ()),
        ("Pau Riba y Soler", "Pau", "Riba y Soler", ()),
        ("Conor O'Hare", "Conor", "O'Hare", ()),
        ("Conor O’Hare", "Conor", "O'Hare", ()),
        ("Anna-Lena Müller-Lüdtke", "Anna-Lena", "Müller-Lüdtke", ()),
        ("王小明", "小明", "王", ()),
        ("欧阳小明", "小明", "欧阳", ()),
        ("김민수", "민수", "김", ()),
        ("山田 太郎", "太郎", "山田", ()),
        ("Wang Xiaoming", "Xiaoming", "Wang", ()),
        ("Xiaoming Wang", "Xiaoming", "Wang", ()),
        ("Дарья Волкова", "Дарья", "Волкова", ()),
        ("Jack Ma", "Jack", "Ma", ()),
    ],
)
def test_a_name_is_cut_as_its_bearer_means_it(text: str, first: str, last: str, middles: tuple[str, ...]) -> None:
    assert parse_name(text) == PersonName(first, last, middles)


@pytest.mark.parametrize(
    "text", ['Robert "Bob" Quell', "Robert (Bob) Quell", "Robert “Bob” Quell", "Robert 'Bob' Quell"]
)
def test_a_nickname_is_set_apart(text: str) -> None:
    assert parse_name(text) == PersonName("Robert", "Quell", (), "Bob")


@pytest.mark.parametrize(
    "text",
    ["", " ", "Mira", "Mira 2", "m1ra quell", "mira@acme.example", "Mira <b>Quell", "http://a b", "- -", ". .",
     "Mira \x00Quell", "\u202emira quell", "a" * 200 + " b", "x " * 50, "Dr. Quell", "😀 😀", "Mira; DROP TABLE people"],
)  # fmt: skip
def test_what_is_no_full_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidFullName) as refused:
        parse_name(text)
    assert refused.value.id == "invalid_full_name"


@pytest.mark.parametrize("bad", ["", " ", "4", "M1ra", "a@b", "<b>", "..", "\u200b", "x" * 500])
def test_the_part_that_is_no_name_is_the_one_refused(bad: str) -> None:
    with pytest.raises(InvalidFirstName):
        parse_parts(bad, "Quell")
    with pytest.raises(InvalidLastName):
        parse_parts("Mira", bad)


def test_parts_keep_what_belongs_to_them() -> None:
    assert parse_parts("Mira Q.", "Quell Jr.") == PersonName("Mira", "Quell", ("Q.",))
    assert parse_parts("Mary Jane", "van der Hoek") == PersonName("Mary Jane", "van der Hoek")
    assert parse_parts("M.", "Q") == PersonName("M.", "Q")
    assert is_name("Mira", "Quell") and not is_name("Mira", "7")


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = parse_name(text)
    except VizslaError:
        return
    assert name.first.strip() and name.last.strip()
