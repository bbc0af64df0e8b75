"""
How does an installation move from one kind of database to the other?

Table by table, in the order in which rows refer to one another, and each table in the order of its key; a batch of rows is one
transaction. So what is there after a kill is the beginning of the source, and the next run goes on behind it. In the end every
table is read again on both sides and compared: by the number of rows and a hash that the order of rows does not change, for the
two databases may sort text differently.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from sqlalchemy import Table, func, select

from vizsla.kit.errors import StoreError
from vizsla.storage.database import Database, Row
from vizsla.storage.statement import statement

_BATCH = 5_000
"""Rows of one transaction: some MB at most."""
_MODULUS = 1 << 128
_encode = msgspec.msgpack.Encoder().encode
Tell = Callable[[str, int, int], None]
"""Told the table, its rows that are done, and how many it has."""


class NotACopy(StoreError):
    """What is there already is no beginning of what is to be copied."""

    id = "not_a_copy"


class Contents(msgspec.Struct, frozen=True):
    """What a table holds, in whatever order."""

    rows: int = 0
    hash: int = 0
    """The sum of the rows' hashes: BLAKE2b of 128 bits over msgpack, modulo 2**128."""

    def add(self, rows: Sequence[Row]) -> "Contents":
        """The same and *rows*."""
        total = self.hash
        for row in rows:
            total += int.from_bytes(hashlib.blake2b(_encode(tuple(row)), digest_size=16).digest(), "big")
        return Contents(self.rows + len(rows), total % _MODULUS)


class Copied(msgspec.Struct, frozen=True):
    """A table that is the same on both sides now."""

    table: str
    rows: int
    written: int
    """Of them by this run; the others were there."""
    hash: str


async def copy_tables(source: Database, target: Database, tables: Sequence[Table], tell: Tell) -> list[Copied]:
    """
    Copy the rows of *tables*, those first that others refer to. Nobody may write to either database meanwhile.

    Raises NotACopy if a table of *target* holds anything but a beginning of the source's, and before anything is written to it.
    """
    return [await _copy_table(source, target, table, tell) for table in tables]


async def read_contents(database: Database, table: Table) -> Contents:
    """What *table* holds."""
    found = Contents()
    async for rows in _stream(database, table):
        found = found.add(rows)
    return found


async def _copy_table(source: Database, target: Database, table: Table, tell: Tell) -> Copied:
    count = statement(select(func.count()).select_from(table))
    ((total,),) = await source.fetch_all_slowly(count)
    there = await read_contents(target, table)
    read = Contents()
    tell(table.name, there.rows, total)
    async for batch in _stream(source, table):
        new = batch[max(0, there.rows - read.rows) :]
        old = batch[: len(batch) - len(new)]
        read = read.add(old)
        if read.rows <= there.rows and new and read != there:
            raise _no_copy(table)
        if new:
            async with target.write() as conn:
                await conn.load(table, new)
            read = read.add(new)
            tell(table.name, read.rows, total)
    if await read_contents(target, table) != read:
        raise _no_copy(table)
    await _count_on(target, table)
    return Copied(str(table.name), read.rows, read.rows - there.rows, f"{read.hash:032x}")


def _no_copy(table: Table) -> NotACopy:
    return NotACopy(
        f"The table {table.name} of the database that is copied to holds other rows than the one that is copied. "
        "Copy into an empty database, and stop everything that writes to either of them meanwhile."
    )


async def _stream(database: Database, table: Table) -> AsyncIterator[list[Row]]:
    query = statement(select(*table.c).order_by(*table.primary_key.columns))
    async for rows in database.stream(query, size=_BATCH):
        yield rows


async def _count_on(target: Database, table: Table) -> None:
    """Let keys that PostgreSQL counts up begin behind the last; SQLite does so by itself."""
    column = table.autoincrement_column
    if target.dialect != "postgresql" or column is None:
        return
    text = (
        f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), max({column.name})) "  # noqa: S608
        f"FROM {table.name} HAVING max({column.name}) IS NOT NULL"
    )
    async with target.write() as conn:
        await conn.fetch_all(statement("SELECT 1", postgresql=text))
