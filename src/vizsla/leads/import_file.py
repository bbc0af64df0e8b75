"""
How is somebody's file taken on?

It is read to its end before anything is written, off the event loop: what cannot be read leaves nothing behind, and nobody waits for
it. Meanwhile its rows lie in a file of ours as they will be written, so that memory stays what it is.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from typing import IO, BinaryIO

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.csv_file import Record
from vizsla.kit.errors import WrongParams
from vizsla.kit.table_file import Table, open_table
from vizsla.leads.import_store import STEP, Import, Raw, add_file, add_rows, get_import
from vizsla.leads.mapping import join, looks_like_header, unguard
from vizsla.storage.database import Connection

LARGEST = 16_000_000
"""Bytes of a file."""
MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_LINES = 20_000
"""Lines that one row may go over: notes have that many characters."""
_IN_MEMORY = 4_000_000
_encode = msgspec.json.Encoder().encode
_raw = msgspec.json.Decoder(Raw).decode


class ReadFile:
    """A file that was read; its rows are held as long as one is `with` it."""

    def __init__(self, columns: list[str], sheet: str, others: tuple[str, ...]) -> None:
        self.columns = columns
        self.sheet = sheet
        """Of a workbook, the sheet that was read."""
        self.others = others
        """The sheets that were not."""
        self.size = 0
        self._rows: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115

    def add(self, record: Record, *, is_guarded: bool) -> None:
        """Keep a row."""
        cells = record.cells[: MOST_COLUMNS + 1]
        if is_guarded:
            cells = [unguard(cell) for cell in cells]
        self._rows.write(_encode(Raw(_encode(cells).decode(), record.fault or None)) + b"\n")
        self.size += 1

    def parts(self) -> Iterator[list[Raw]]:
        """The rows, some at a time."""
        self._rows.seek(0)
        part: list[Raw] = []
        for line in self._rows:
            part.append(_raw(line))
            if len(part) == STEP:
                yield part
                part = []
        if part:
            yield part

    def __enter__(self) -> "ReadFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the rows."""
        self._rows.close()


async def read_file(file: BinaryIO, *, sheet: str = "") -> ReadFile:
    """Read a file of leads to its end: CSV, TSV, a workbook's first *sheet* or the one named so, JSON lines. Raises WrongParams."""
    return await asyncio.to_thread(read, file, sheet=sheet)


def read(file: BinaryIO, *, sheet: str = "") -> ReadFile:
    """The same on this thread."""
    table = open_table(file, join=join, sheet=sheet, most_lines=MOST_LINES)
    try:
        return _read(table)
    finally:
        table.let_go()


def _read(table: Table) -> ReadFile:
    named = table.has_header if table.has_header is not None else looks_like_header(table.first.cells)
    if len(table.first.cells) > MOST_COLUMNS:
        raise WrongParams(f"A file has {MOST_COLUMNS} columns at most.")
    columns = [
        (cell.strip()[:200] if named else "") or f"Column {number}" for number, cell in enumerate(table.first.cells, 1)
    ]
    found = ReadFile(columns, table.sheet, tuple(name for name in table.sheets if name != table.sheet))
    try:
        for record in _body(table, has_header=named):
            if found.size == MOST_ROWS:
                raise WrongParams(f"A file has {MOST_ROWS:,} rows at most.")
            found.add(record, is_guarded=table.is_guarded)
        if not found.size:
            raise WrongParams("There are no rows in this file, or none below its header.")
    except BaseException:
        found.close()
        raise
    return found


def _body(table: Table, *, has_header: bool) -> Iterator[Record]:
    if not has_header:
        yield table.first
    yield from table.records


async def add_import(conn: Connection, account_id: int, found: ReadFile, *, file_name: str, now: int) -> Import:
    """Take on a file that was read."""
    key = (account_id, await next_id(conn, account_id))
    await add_file(conn, key, file_name=file_name, columns=found.columns, size=found.size, now=now)
    written = 0
    for part in found.parts():
        await add_rows(conn, key, written, part)
        written += len(part)
    return await get_import(conn, *key)
