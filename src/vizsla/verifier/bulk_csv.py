"""
Which cell of each row of a CSV file is the address?

With or without a header: the column is found by its name, or where the first address stands.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from vizsla.kit.csv_file import Record, list_columns, open_sheet
from vizsla.kit.errors import WrongParams

EMAIL_NAMES = (
    "email", "e-mail", "email address", "e-mail address", "emailaddress", "email_address", "mail", "work email",
    "business email", "email 1", "adresse e-mail", "adresse email", "courriel", "correo", "correo electronico", "e-mail-adresse",
)  # fmt: skip


class Table(msgspec.Struct, frozen=True):
    """A file, its rows not read yet."""

    header: list[str]
    """Empty if there is none."""
    column: int
    """Where the addresses are, from 0."""
    delimiter: str
    records: Iterator[Record]
    """The rows below the header."""
    text: io.TextIOWrapper
    """What they are read from: it closes the file when nobody holds it any more."""

    def text_of(self, record: Record) -> str:
        """What stands where an address should."""
        return record.cells[self.column].strip() if self.column < len(record.cells) else ""


def open_table(file: BinaryIO, column: str = "") -> Table:
    """
    The table in *file*, from where it stands.

    *column* is the name of the one with the addresses, or its number from 1; without it, it is found. Raises WrongParams.
    """
    sheet = open_sheet(file)
    head = sheet.first
    has_header = not any("@" in cell for cell in head.cells) and not head.fault
    if has_header:
        names = [cell.strip() for cell in head.cells]
        return Table(head.cells, _find_column(names, column), sheet.delimiter, sheet.records, sheet.text)
    return Table([], _number_of(head, column), sheet.delimiter, _after(head, sheet.records), sheet.text)


def _after(head: Record, records: Iterator[Record]) -> Iterator[Record]:
    yield head
    yield from records


def _find_column(names: list[str], wanted: str) -> int:
    folded = [name.casefold() for name in names]
    if wanted:
        if folded.count(wanted.strip().casefold()) == 1:
            return folded.index(wanted.strip().casefold())
        if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            return int(wanted) - 1
        raise WrongParams(f"There is no one column {wanted[:80]!r}. There are: {list_columns(names)}.")
    for name in EMAIL_NAMES:
        if folded.count(name) == 1:
            return folded.index(name)
        if name in folded:
            raise WrongParams(f"There are several columns {name!r}. Say which by its number, from 1.")
    like = [at for at, name in enumerate(folded) if "mail" in name]
    if len(like) == 1:
        return like[0]
    raise WrongParams(f"Which column has the addresses? Name it; there are: {list_columns(names)}.")


def _number_of(head: Record, wanted: str) -> int:
    if wanted:
        if wanted.isdecimal() and 1 <= int(wanted) <= len(head.cells):
            return int(wanted) - 1
        raise WrongParams(f"The file has no header, so name the column by its number, from 1 to {len(head.cells)}.")
    return next((at for at, cell in enumerate(head.cells) if "@" in cell), 0)
