"""
Which files did an account send, and which of their rows are still there?

A file's rows are kept as they were read until they are leads; then only those that were refused stay, with the reason.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from vizsla.kit.errors import ClaimedEmail, NotFound
from vizsla.kit.whom import Whom
from vizsla.leads.mapping import Plan
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

STEP = 500
"""Rows that are read at once, unless a caller says otherwise."""
_SAMPLE = 5
_COLUMNS = "id, file_name, columns, plan, size, done, created, updated, skipped, refused, created_at, due, ended_at"
_ADD = statement("""
    INSERT INTO lead_import
        (account_id, id, file_name, columns, size, done, created, updated, skipped, refused, created_at, attempt)
    VALUES (:account_id, :id, :file_name, :columns, :size, 0, 0, 0, 0, 0, :now, 0)
""")
_ADD_ROW = statement("""
    INSERT INTO lead_import_row (account_id, import_id, number, cells, fault)
    VALUES (:account_id, :id, :number, :cells, :fault)
""")
_GET = statement(f"SELECT {_COLUMNS} FROM lead_import WHERE account_id = :account_id AND id = :id")  # noqa: S608
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM lead_import WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM lead_import WHERE account_id = :account_id")
_ROWS = statement("""
    SELECT number, cells, fault FROM lead_import_row
    WHERE account_id = :account_id AND import_id = :id AND number > :after ORDER BY number LIMIT :limit
""")
_REFUSED = statement("""
    SELECT number, cells, fault FROM lead_import_row WHERE account_id = :account_id AND import_id = :id
        AND number > :after AND fault IS NOT NULL ORDER BY number LIMIT :limit
""")
_REFUSE = statement("""
    UPDATE lead_import_row SET fault = :fault WHERE account_id = :account_id AND import_id = :id AND number = :number
""")
_TAKEN = statement("""
    DELETE FROM lead_import_row
    WHERE account_id = :account_id AND import_id = :id AND number > :after AND number <= :upto AND fault IS NULL
""")
_DELETE = statement("DELETE FROM lead_import WHERE account_id = :account_id AND id = :id")
_FORGET_OLD = statement("DELETE FROM lead_import WHERE created_at <= :before")
_NAMING = mentioning(
    f"SELECT account_id, import_id, number, cells FROM lead_import_row WHERE {says('cells')}"  # noqa: S608
)
_FILES_NAMING = mentioning(f"SELECT account_id, id, file_name FROM lead_import WHERE {says('file_name')}")  # noqa: S608
_UNNAME = statement("UPDATE lead_import SET file_name = '' WHERE account_id = :account_id AND id = :id")
_PLANS_NAMING = mentioning(f"SELECT account_id, id, plan FROM lead_import WHERE {says('plan')}")  # noqa: S608
_REPLAN = statement("UPDATE lead_import SET plan = :plan WHERE account_id = :account_id AND id = :id")
_BLANK = statement("""
    UPDATE lead_import_row SET cells = '[]', fault = :fault
    WHERE account_id = :account_id AND import_id = :id AND number = :number
""")
_encode = msgspec.json.Encoder().encode
_cells = msgspec.json.Decoder(list[str]).decode
_columns = msgspec.json.Decoder(tuple[str, ...]).decode
read_plan = msgspec.json.Decoder(Plan).decode


class ImportNotFound(NotFound):
    """This import does not exist."""


class Import(msgspec.Struct, frozen=True):
    """A file, and how far it is."""

    id: int
    file_name: str
    columns: tuple[str, ...]
    plan: Plan | None
    size: int
    done: int
    created: int
    updated: int
    skipped: int
    refused: int
    created_at: int
    due: int | None
    ended_at: int | None

    @property
    def status(self) -> Literal["mapping", "running", "done"]:
        """Whether somebody still has to say what its columns are."""
        return "mapping" if self.plan is None else "running" if self.ended_at is None else "done"


class ImportRow(msgspec.Struct, frozen=True):
    """One row of a file."""

    number: int
    """From 1, below the header."""
    cells: list[str]
    fault: str | None


class Raw(msgspec.Struct, frozen=True, array_like=True):
    """A row as it is written: its cells are JSON already."""

    cells: str
    fault: str | None


async def add_file(
    conn: Connection, key: tuple[int, int], *, file_name: str, columns: Iterable[str], size: int, now: int
) -> None:
    """Write down that a file came, under this account and id; `add_rows` has its rows."""
    account_id, import_id = key
    named = {"file_name": file_name[:200], "columns": _encode(tuple(columns)).decode(), "size": size}
    await conn.execute(_ADD, {"account_id": account_id, "id": import_id, "now": now, **named})


async def add_rows(conn: Connection, key: tuple[int, int], after: int, rows: Iterable[Raw]) -> None:
    """Rows of a file, numbered from *after* on."""
    account_id, import_id = key
    await conn.execute_many(
        _ADD_ROW,
        [
            {"account_id": account_id, "id": import_id, "number": number, "cells": row.cells, "fault": row.fault}
            for number, row in enumerate(rows, after + 1)
        ],
    )


async def get_import(reader: Reader, account_id: int, import_id: int) -> Import:
    """The account's import; raises ImportNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": import_id})
    if row is None:
        raise ImportNotFound
    return _import(row)


async def page_of_imports(reader: Reader, account_id: int, *, limit: int, offset: int = 0) -> list[Import]:
    """The account's imports, newest first."""
    rows = await reader.fetch_all(_PAGE, {"account_id": account_id, "limit": limit, "offset": offset})
    return [_import(row) for row in rows]


async def count_imports(reader: Reader, account_id: int) -> int:
    """How many imports the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def rows_after(
    reader: Reader, account_id: int, import_id: int, after: int, *, limit: int = STEP
) -> list[ImportRow]:
    """The rows past number *after* that are there still."""
    values = {"account_id": account_id, "id": import_id, "after": after, "limit": limit}
    return [ImportRow(row[0], _cells(row[1]), row[2]) for row in await reader.fetch_all(_ROWS, values)]


async def sample_rows(reader: Reader, account_id: int, import_id: int) -> list[ImportRow]:
    """The first rows of a file that still wait."""
    return await rows_after(reader, account_id, import_id, 0, limit=_SAMPLE)


async def refused_rows(
    reader: Reader, account_id: int, import_id: int, *, after: int = 0, limit: int = STEP
) -> list[ImportRow]:
    """Rows past number *after* that were refused."""
    values = {"account_id": account_id, "id": import_id, "after": after, "limit": limit}
    return [ImportRow(row[0], _cells(row[1]), row[2]) for row in await reader.fetch_all(_REFUSED, values)]


async def settle_rows(conn: Connection, key: tuple[int, int], faults: dict[int, str], *, after: int, upto: int) -> None:
    """Keep the *faults* of rows by number; those of the others up to number *upto* are gone."""
    account_id, import_id = key
    refused = [{"account_id": account_id, "id": import_id, "number": n, "fault": why} for n, why in faults.items()]
    await conn.execute_many(_REFUSE, refused)
    await conn.execute(_TAKEN, {"account_id": account_id, "id": import_id, "after": after, "upto": upto})


async def delete_import(conn: Connection, account_id: int, import_id: int) -> None:
    """Stop an import and forget its rows; what became leads stays. Raises ImportNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": import_id}):
        raise ImportNotFound


async def forget_old(conn: Connection, before: int) -> int:
    """Drop files that came before, and what was refused of them."""
    return await conn.execute(_FORGET_OLD, {"before": before})


async def forget_rows(conn: Connection, whom: Whom) -> int:
    """Empty the rows of files that speak of *whom*, and what the files are called; how many rows there were."""
    for account_id, import_id, name in await conn.fetch_all(_FILES_NAMING, whom.needles):
        if whom.is_in_name(name):
            await conn.execute(_UNNAME, {"account_id": account_id, "id": import_id})
    for account_id, import_id, text in await conn.fetch_all(_PLANS_NAMING, whom.needles):
        plan = read_plan(text)
        if whom.is_in_name(plan.source):
            nameless = _encode(msgspec.structs.replace(plan, source="")).decode()
            await conn.execute(_REPLAN, {"account_id": account_id, "id": import_id, "plan": nameless})
    emptied = 0
    for account_id, import_id, number, cells in await conn.fetch_all(_NAMING, whom.needles):
        if any(whom.has(cell) for cell in _cells(cells)):
            key = {"account_id": account_id, "id": import_id, "number": number}
            emptied += await conn.execute(_BLANK, {**key, "fault": ClaimedEmail().details})
    return emptied


def _import(row: Row) -> Import:
    id_, file_name, columns, plan, *rest = row
    return Import(id_, file_name, _columns(columns), read_plan(plan) if plan else None, *rest)
