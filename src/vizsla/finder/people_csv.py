"""
Who is looked for in each row of a CSV file, and how is what was found written beside it?

The columns are found by their names: `first_name` and `last_name`, or `full_name`; `domain`, or `company`. A row that names nobody
is a row with a reason; none is lost.
"""

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from vizsla.finder.bulk import Answer, Asked
from vizsla.kit.csv_file import Record, harmless, list_columns, match_columns, open_sheet
from vizsla.kit.errors import WrongParams

COLUMNS = ("email", "score", "accept_all", "verification_status", "position", "n_sources", "error", "details")
"""What is written beside the columns that were there."""
LONGEST_CELL = 400
"""Characters of a cell that are kept; no name is longer, and no domain."""
NAMES = {
    "first_name": ("first_name", "first name", "firstname", "given name", "vorname", "prénom", "prenom", "nombre"),
    "last_name": ("last_name", "last name", "lastname", "surname", "family name", "nachname", "nom", "apellido"),
    "full_name": ("full_name", "full name", "fullname", "name", "person", "contact"),
    "domain": ("domain", "domain name", "website", "url", "company domain", "company website"),
    "company": ("company", "company name", "organization", "organisation", "firma", "entreprise", "empresa"),
}


class Columns(msgspec.Struct, frozen=True):
    """Where things stand in a row, from 0."""

    first_name: int | None = None
    last_name: int | None = None
    full_name: int | None = None
    domain: int | None = None
    company: int | None = None

    @property
    def suffice(self) -> bool:
        """Whether there is a name, and a place to look for it."""
        has_name = self.full_name is not None or None not in (self.first_name, self.last_name)
        return has_name and not (self.domain is None and self.company is None)


class People(msgspec.Struct, frozen=True):
    """A file that was opened, its rows not read yet."""

    header: list[str]
    delimiter: str
    columns: Columns
    records: Iterator[Record]
    """The rows below the header that are not empty."""
    text: io.TextIOWrapper
    """What they are read from."""

    def asked(self) -> Iterator[tuple[Asked, str]]:
        """Who is looked for in each row, and why it could not be read, if it could not."""
        for record in self.records:
            yield read_asked(record.cells, self.columns), record.fault


def open_people(file: BinaryIO) -> People:
    """The people in *file*; WrongParams if it cannot be told who they are."""
    sheet = open_sheet(file)
    rows = (record for record in sheet.records if record.fault or any(cell.strip() for cell in record.cells))
    return People(sheet.first.cells, sheet.delimiter, find_columns(sheet.first.cells), rows, sheet.text)


def find_columns(header: Sequence[str]) -> Columns:
    """Which column is which; WrongParams if there is no name, or no place to look for it."""
    columns = Columns(**match_columns(header, NAMES))
    if not columns.suffice:
        raise WrongParams(
            "The first line must name the columns: first_name and last_name, or full_name; and domain, or company. "
            f"There are: {list_columns(header)}."
        )
    return columns


def read_asked(row: Sequence[str], columns: Columns) -> Asked:
    """Who is looked for in *row*."""
    first, last, full = (_cell(row, at) for at in (columns.first_name, columns.last_name, columns.full_name))
    if not full and not (first and last):
        # Both names in the column of one of them.
        first, last, full = None, None, first or last
    return Asked(first, last, full, _cell(row, columns.domain), _cell(row, columns.company))


def cells_of(answer: Answer) -> list[str]:
    """The values of COLUMNS."""
    data = answer.data
    if data is None:
        return [*[""] * (len(COLUMNS) - 2), answer.error or "", harmless(answer.details or "")]
    cells = (
        data.email,
        data.score,
        "true" if data.accept_all else "false",
        data.verification.status,
        data.position,
        len(msgspec.json.decode(data.sources, type=list[msgspec.Raw])) if data.email else None,
        None,
        None,
    )
    return [harmless("" if cell is None else str(cell)) for cell in cells]


def _cell(row: Sequence[str], at: int | None) -> str | None:
    return row[at].strip()[:LONGEST_CELL] or None if at is not None and at < len(row) else None
