"""
Which column of somebody's file is what?

A guess by the names that columns have, or by what stands in them where there are none, for a person to correct; and the rows as the
three kinds of list take them, once that person has said so.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import get_args

import msgspec

from vizsla.accounts.uploads import Kind
from vizsla.finder.bulk import Asked
from vizsla.finder.bulk_searches import Target
from vizsla.finder.domains_csv import DOMAIN_NAMES, find_domain_column, read_target_cells
from vizsla.finder.people_csv import NAMES, Columns, read_asked
from vizsla.kit.csv_file import Record, match_columns
from vizsla.kit.errors import WrongParams
from vizsla.verifier.bulk_csv import EMAIL_NAMES

KINDS: tuple[Kind, ...] = get_args(Kind)
SAMPLE = 50
"""Rows that a guess looks at."""


class Field(msgspec.Struct, frozen=True):
    """What a column can be."""

    name: str
    label: str
    hint: str = ""


FIELDS: dict[Kind, tuple[Field, ...]] = {
    "verifications": (Field("email", "Email address"),),
    "findings": (
        Field("first_name", "First name"),
        Field("last_name", "Last name"),
        Field("full_name", "Full name", "Instead of the two, where both stand in one column."),
        Field("domain", "Domain", "Or a web address."),
        Field("company", "Company", "Where there is no domain, its name is looked up."),
    ),
    "searches": (
        Field("domain", "Domain", "Or a web address."),
        Field("company", "Company", "Where there is no domain, its name is looked up."),
    ),
}
_NAMES: dict[Kind, Mapping[str, Sequence[str]]] = {
    "verifications": {"email": EMAIL_NAMES},
    "findings": NAMES,
    "searches": DOMAIN_NAMES,
}
Mapped = Mapping[str, int | None]
"""Where each field's column is, from 0."""


class Proposal(msgspec.Struct, frozen=True):
    """What we think of a file."""

    has_header: bool
    columns: dict[str, int | None]


class NoColumn(WrongParams):
    """A column is missing."""


def propose(kind: Kind, rows: Sequence[Record], *, has_header: bool | None = None) -> Proposal:
    """A guess by the first *rows* of a file; whether the first of them is a header is guessed as well if it is None."""
    head = rows[0].cells if rows else []
    named = match_columns(head, _NAMES[kind])
    if has_header is None:
        has_header = any(at is not None for at in named.values()) or not _is_data(head)
    columns: dict[str, int | None] = dict(named) if has_header else dict.fromkeys(named)
    body = [row.cells for row in rows[1 if has_header else 0 :]]
    if "email" in columns and columns["email"] is None:
        columns["email"] = _commonest(body, lambda cells: [at for at, cell in enumerate(cells) if "@" in cell])
    if "domain" in columns and columns["domain"] is None and columns["company"] is None:
        columns["domain"] = _commonest(body, lambda cells: [at for at in [find_domain_column(cells)] if at is not None])
    if kind == "findings" and body and columns["domain"] is not None and not Columns(**columns).suffice:
        # Without names of columns: what stands beside the domain is the person.
        others = [at for at in range(len(body[0])) if at != columns["domain"]]
        if len(others) == 1:
            columns["full_name"] = others[0]
        elif len(others) == 2:
            columns["first_name"], columns["last_name"] = others
    return Proposal(has_header, columns)


def _is_data(cells: Sequence[str]) -> bool:
    return any("@" in cell for cell in cells) or find_domain_column(cells) is not None


def _commonest(rows: Sequence[Sequence[str]], places: Callable[[Sequence[str]], list[int]]) -> int | None:
    counts = Counter(at for cells in rows for at in places(cells))
    return min(counts, key=lambda at: (-counts[at], at)) if counts else None


def check_columns(kind: Kind, columns: Mapped) -> None:
    """Raises NoColumn, with a sentence that says which is missing, if the rows could not be read with *columns*."""
    chosen = [at for at in columns.values() if at is not None]
    if len(set(chosen)) < len(chosen):
        raise NoColumn("One column is chosen twice. Choose another for one of them, or “none”.")
    if kind == "verifications" and columns["email"] is None:
        raise NoColumn(
            "No column is chosen for the addresses. Choose the one that holds them; nothing of the file is lost."
        )
    if kind == "searches" and not chosen:
        raise NoColumn(
            "No column is chosen. Choose the one with the domains or the companies; nothing of the file is lost."
        )
    if kind == "findings" and not Columns(**columns).suffice:
        raise NoColumn(
            "Choose the columns that say who and where: first and last name, or the full name; and the domain or the company. "
            "Nothing of the file is lost."
        )


def body_of(records: Sequence[Record]) -> Iterator[Record]:
    """The rows that are not empty."""
    return (record for record in records if record.fault or any(cell.strip() for cell in record.cells))


def text_of(record: Record, columns: Mapped) -> tuple[str, str]:
    """The address in a row, and why it could not be read, if it could not."""
    at = columns["email"]
    return record.cells[at].strip() if at is not None and at < len(record.cells) else "", record.fault


def person_of(record: Record, columns: Mapped) -> tuple[Asked, str]:
    """Who is looked for in a row, and why it could not be read, if it could not."""
    return read_asked(record.cells, Columns(**columns)), record.fault


def target_of(record: Record, columns: Mapped) -> tuple[Target, str]:
    """What is searched in a row, and why it could not be read, if it could not."""
    return read_target_cells(record.cells, columns["domain"], columns["company"]), record.fault
