"""Which rows are there in somebody's file? What it is, its first bytes say, whatever it is called: a workbook, JSON lines, or CSV."""

from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

import msgspec

from vizsla.kit.csv_file import MOST_LINES, Record, open_sheet
from vizsla.kit.errors import WrongParams
from vizsla.kit.json_lines import Join, is_json_lines, open_json_lines
from vizsla.kit.xlsx_file import is_workbook, open_workbook

_HEAD = 512
_ALIENS = (
    (b"\x1f\x8b", "a compressed file (.gz)"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BZh", "a compressed file (.bz2)"),
    (b"\xfd7zXZ", "a compressed file (.xz)"),
    (b"7z\xbc\xaf", "a compressed file (.7z)"),
    (b"Rar!", "a compressed file (.rar)"),
    (b"{\\rtf", "a text of a word processor"),
)


class Table(msgspec.Struct, frozen=True):
    """A file, its rows not read yet."""

    first: Record
    """A header, or a row like the others."""
    records: Iterator[Record]
    """The rows below the first."""
    has_header: bool | None = None
    """Whether the first row names columns; None: who knows."""
    is_guarded: bool = False
    """Whether an apostrophe before a formula may only keep a spreadsheet from calculating it."""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    """Of a workbook: the one that is read, and all."""
    text: TextIOWrapper | None = None
    """What CSV is read from."""

    def let_go(self) -> None:
        """Leave the file as it was opened, to whoever opened it: what reads text of it would close it."""
        if self.text is not None:
            self.text.detach()


def open_table(file: BinaryIO, *, join: Join = " | ".join, sheet: str = "", most_lines: int = MOST_LINES) -> Table:
    """
    The rows in *file*.

    *sheet* of a workbook; rows of CSV go over *most_lines* lines at most; *join* makes one cell of a list of texts. Raises WrongParams,
    and so does each step of `records`.
    """
    head = file.read(_HEAD)
    file.seek(0)
    if is_workbook(head):
        book = open_workbook(file, sheet=sheet)
        first = next(book.records, None)
        if first is None:
            others = [name for name in book.sheets if name != book.sheet]
            hint = f" The workbook also has: {', '.join(name[:40] for name in others[:20])}." if others else ""
            raise WrongParams(f"There are no rows in the sheet “{book.sheet[:40]}”.{hint}")
        return Table(first, book.records, sheet=book.sheet, sheets=book.sheets)
    for mark, name in _ALIENS:
        if head.startswith(mark):
            raise WrongParams(f"This is {name}, not a table. Send a workbook (.xlsx), CSV, TSV or JSON lines.")
    if is_json_lines(head):
        keys, records = open_json_lines(file, join)
        return Table(Record(keys), records, has_header=True)
    found = open_sheet(file, most_lines=most_lines)
    return Table(found.first, found.records, is_guarded=True, text=found.text)
