"""
Who is looked for in each row of a CSV file, and how is what was found written beside it?

The columns are found by their names: `first_name` and `last_name`, or `full_name`; `domain`, or `company`. Files come with commas,
semicolons or tabs, in UTF-8 or in the Windows letters of Western Europe. A row that names nobody is a row with a reason; none is
lost.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vizsla.finder.finding import EmailFinderData, FinderQuery
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.naming.names import PersonName, parse_name, parse_parts

COLUMNS = ("email", "score", "accept_all", "verification_status", "position", "n_sources", "error")
"""What is written beside the columns that were there."""
LONGEST_CELL = 2_000
_NAMES = {
    "first_name": ("first_name", "first name", "firstname", "given name", "vorname", "prénom", "prenom", "nombre"),
    "last_name": ("last_name", "last name", "lastname", "surname", "family name", "nachname", "nom", "apellido"),
    "full_name": ("full_name", "full name", "fullname", "name", "person", "contact"),
    "domain": ("domain", "domain name", "website", "url", "company domain", "company website"),
    "company": ("company", "company name", "organization", "organisation", "firma", "entreprise", "empresa"),
}
_DELIMITERS = ",;\t"
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Columns(msgspec.Struct, frozen=True):
    """Where things stand in a row, from 0."""

    first_name: int | None = None
    last_name: int | None = None
    full_name: int | None = None
    domain: int | None = None
    company: int | None = None


class People(msgspec.Struct, frozen=True):
    """A file that was opened, its rows not read yet."""

    header: list[str]
    delimiter: str
    columns: Columns
    rows: Iterator[list[str]]


def read_people(path: Path) -> People:
    """The people in the file at *path*; WrongParams if it cannot be told who they are."""
    data = path.read_bytes()
    if b"\0" in data[:4_096]:
        raise WrongParams("This is not a CSV file, or not in UTF-8. Save it as “CSV UTF-8”.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise WrongParams("There are no rows in this file.")
    delimiter = max(_DELIMITERS, key=first.count)
    rows = (row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in row))
    header = next(rows)
    return People(header, delimiter, find_columns(header), rows)


def find_columns(header: Sequence[str]) -> Columns:
    """Which column is which; WrongParams if there is no name, or no place to look for it."""
    folded = [cell.strip().casefold() for cell in header]
    found = {
        field: next((folded.index(name) for name in names if name in folded), None) for field, names in _NAMES.items()
    }
    columns = Columns(**found)
    has_name = columns.full_name is not None or None not in (columns.first_name, columns.last_name)
    if not has_name or (columns.domain is None and columns.company is None):
        raise WrongParams(
            "The first line must name the columns: first_name and last_name, or full_name; and domain, or company. "
            f"There are: {', '.join(cell.strip()[:40] or '(empty)' for cell in header[:20])}."
        )
    return columns


def read_query(row: Sequence[str], columns: Columns, *, max_duration: float) -> FinderQuery:
    """Who is looked for in *row*; raises VizslaError with the reason if nobody is."""
    domain, company = _cell(row, columns.domain), _cell(row, columns.company)
    if not domain and not company:
        raise WrongParams("There is no domain and no company in this row.")
    return FinderQuery(
        name=_name(row, columns),
        domain=parse_domain(domain) if domain else None,
        company=company or None,
        max_duration=max_duration,
    )


def cells_of(answer: EmailFinderData | VizslaError) -> list[str]:
    """The values of COLUMNS."""
    if isinstance(answer, VizslaError):
        return [*[""] * (len(COLUMNS) - 1), answer.id]
    n_sources = len(msgspec.json.decode(answer.sources, type=list[msgspec.Raw]))
    cells = (
        answer.email,
        answer.score,
        "true" if answer.accept_all else "false",
        answer.verification.status,
        answer.position,
        n_sources if answer.email else None,
        None,
    )
    return [_harmless("" if cell is None else str(cell)) for cell in cells]


def write_row(row: Sequence[str], delimiter: str) -> str:
    """*row* as RFC 4180 has it, with a line feed alone."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(row)
    return text.getvalue()


def _name(row: Sequence[str], columns: Columns) -> PersonName:
    first, last = _cell(row, columns.first_name), _cell(row, columns.last_name)
    if first and last:
        return parse_parts(first, last)
    return parse_name(_cell(row, columns.full_name) or f"{first} {last}".strip())


def _cell(row: Sequence[str], at: int | None) -> str:
    return row[at].strip()[:LONGEST_CELL] if at is not None and at < len(row) else ""


def _harmless(cell: str) -> str:
    """*cell* such that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
