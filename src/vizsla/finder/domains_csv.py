"""
Which domain or company is in each row of a CSV file, and how is what was found written to one?

With a header, the columns are found by their names: `domain` or `company`. Without one, the first column that holds a domain name is
the one. What was found has a row for each address.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import BinaryIO

import msgspec

from vizsla.finder.bulk_searches import SearchedRow, Target
from vizsla.finder.domain_search import FoundEmail
from vizsla.finder.people_csv import LONGEST_CELL, NAMES
from vizsla.kit.csv_file import Record, harmless, list_columns, match_columns, open_sheet
from vizsla.kit.domain_name import is_public_suffix, parse_domain
from vizsla.kit.errors import InvalidDomain, WrongParams

ADDRESS_COLUMNS = (
    "email", "type", "confidence", "first_name", "last_name", "position", "seniority", "department", "linkedin", "twitter",
    "phone_number", "verification_status", "verification_date", "n_sources", "sources",
)  # fmt: skip
COLUMNS = ("number", "done", "domain", "organization", "pattern", "results", *ADDRESS_COLUMNS, "error", "details")
DOMAIN_NAMES = {field: NAMES[field] for field in ("domain", "company")}
_OF_EMAIL = (
    "value", "type", "confidence", "first_name", "last_name", "position", "seniority", "department", "linkedin", "twitter",
    "phone_number",
)  # fmt: skip


class _Source(msgspec.Struct):
    uri: str


_sources = msgspec.json.Decoder(list[_Source]).decode


class Targets(msgspec.Struct, frozen=True):
    """A file that was opened, its rows not read yet."""

    domain: int | None
    company: int | None
    records: Iterator[Record]
    text: io.TextIOWrapper
    """What they are read from."""

    def targets(self) -> Iterator[tuple[Target, str]]:
        """What is searched in each row, and why it could not be read, if it could not."""
        for record in self.records:
            if record.fault or any(cell.strip() for cell in record.cells):
                yield read_target_cells(record.cells, self.domain, self.company), record.fault


def open_targets(file: BinaryIO) -> Targets:
    """The domains in *file*; WrongParams if it cannot be told where they are."""
    sheet = open_sheet(file)
    head = sheet.first
    found = match_columns(head.cells, DOMAIN_NAMES)
    if found["domain"] is not None or found["company"] is not None:
        return Targets(found["domain"], found["company"], sheet.records, sheet.text)
    column = find_domain_column(head.cells)
    if column is None:
        raise WrongParams(
            f"The first line must name a column: domain, or company. There are: {list_columns(head.cells)}."
        )
    return Targets(column, None, chain([head], sheet.records), sheet.text)


def find_domain_column(cells: Sequence[str]) -> int | None:
    """The first of *cells* that holds a domain name of the public internet, or one that is reserved for tests."""
    return next((at for at, cell in enumerate(cells) if _is_domain(cell)), None)


def _is_domain(text: str) -> bool:
    try:
        name = parse_domain(text[:LONGEST_CELL].rpartition("@")[2])
    except InvalidDomain:
        return False
    last = name.rpartition(".")[2]
    return is_public_suffix(last) or last in ("test", "example")


def read_target_cells(row: Sequence[str], domain: int | None, company: int | None) -> Target:
    """What is searched in *row*."""
    return Target(*(row[at].strip()[:LONGEST_CELL] or None if at is not None and at < len(row) else None
                    for at in (domain, company)))  # fmt: skip


def lines_of(row: SearchedRow) -> list[list[str]]:
    """The values of COLUMNS: a line for each address, or one without."""
    answer = row.answer
    head: list[object] = [row.number, "false" if answer is None else "true", row.domain or row.asked.domain]
    if answer is None:
        return [_line([*head, row.asked.company])]
    head += [answer.organization or row.asked.company, answer.pattern, answer.results or None]
    tail = [answer.error, answer.details]
    if not row.emails:
        return [_line([*head, *[None] * (len(COLUMNS) - len(head) - 2), *tail])]
    return [[*_texts(head), *cells_of(email), *_texts(tail)] for email in row.emails]


def cells_of(email: FoundEmail) -> list[str]:
    """The values of ADDRESS_COLUMNS."""
    uris = [source.uri for source in _sources(email.sources)]
    values = [getattr(email, name) for name in _OF_EMAIL]
    return _texts([*values, email.verification.status, email.verification.date, len(uris), " ".join(uris)])


def _line(cells: Sequence[object]) -> list[str]:
    return _texts(cells) + [""] * (len(COLUMNS) - len(cells))


def _texts(cells: Sequence[object]) -> list[str]:
    return [harmless("" if cell is None else str(cell)) for cell in cells]
