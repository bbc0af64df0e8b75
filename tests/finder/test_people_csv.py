"""Files of people: which column is which, and that no row is lost."""

import io

import pytest

from vizsla.finder.bulk import Asked
from vizsla.finder.people_csv import LONGEST_CELL, open_people


def read(text: str) -> list[tuple[Asked, str]]:
    return list(open_people(io.BytesIO(text.encode())).asked())


@pytest.mark.parametrize(
    "text",
    [
        "first_name,last_name,domain\nAda,Brandt,team.example\n",
        "note\tVorname\tNachname\tWebsite\n\tAda\tBrandt\tteam.example\n",
        "Company Website|Surname|Given Name\n team.example | Brandt | Ada \n",
        '"domain","first name","last name"\r\n"team.example","Ada","Brandt"\r\n\r\n',
    ],
)
def test_columns_are_found_by_their_names(text: str) -> None:
    assert read(text) == [(Asked(first_name="Ada", last_name="Brandt", domain="team.example"), "")]


def test_both_names_may_stand_in_one_column() -> None:
    for row in ("Ada Brandt,,", ",Ada Brandt,", ",,Ada Brandt", "Ada,,Ada Brandt"):
        (asked, _), *_ = read(f"first_name,last_name,name,company\n{row},Team\n")
        assert asked.full_name == "Ada Brandt" and asked.company == "Team"


def test_rows_that_are_empty_are_skipped_and_those_that_cannot_be_read_are_not() -> None:
    rows = read("name,domain\n,\n \nAda Brandt\n" + "x" * 900 + ',team.example\n,team.example\n"')

    assert [(asked.full_name, asked.domain, bool(fault)) for asked, fault in rows] == [
        ("Ada Brandt", None, False),
        ("x" * LONGEST_CELL, "team.example", False),
        (None, "team.example", False),
        (None, None, True),
    ]
