"""
Which files wait to become lists?

A person sends a file, says which column is what, and reads what it will cost; until then its rows are kept, for a day at most, as
they were read and not as octets. So a page needs only the first of them, and a person who says stop goes from the rows of a file
that somebody else sent, while the others stay.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Literal

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.clock import DAY
from vizsla.kit.csv_file import Record
from vizsla.kit.errors import NotFound
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

Kind = Literal["verifications", "findings", "searches"]
"""Which questions the list will ask."""
KEPT = DAY
"""Seconds."""
LONGEST_CELL = 400
"""Characters of a cell that are kept: no address, name or domain is longer."""
_MOST = 20
"""Files of one account that wait; the oldest goes when one more comes."""
_PART_ROWS, _PART_CELLS = 250, 10_000
_COLUMNS = "id, kind, name, created_at, size, has_header"
_ADD = statement("""
    INSERT INTO upload (account_id, id, kind, name, created_at, size, has_header)
    VALUES (:account_id, :id, :kind, :name, :now, 0, :has_header)
""")
_ADD_PART = statement("""
    INSERT INTO upload_part (account_id, upload_id, number, rows) VALUES (:account_id, :id, :number, :rows)
""")
_SIZE = statement("UPDATE upload SET size = :size WHERE account_id = :account_id AND id = :id")
_FIND = statement(f"SELECT {_COLUMNS} FROM upload WHERE account_id = :account_id AND id = :id")  # noqa: S608
_LIST = statement(f"SELECT {_COLUMNS} FROM upload WHERE account_id = :account_id ORDER BY id DESC")  # noqa: S608
_PART = statement("""
    SELECT number, rows FROM upload_part
    WHERE account_id = :account_id AND upload_id = :id AND number > :after ORDER BY number LIMIT 1
""")
_CROWD = statement("""
    DELETE FROM upload WHERE account_id = :account_id
        AND id NOT IN (SELECT id FROM upload WHERE account_id = :account_id ORDER BY id DESC LIMIT :most)
""")
_DELETE = statement("DELETE FROM upload WHERE account_id = :account_id AND id = :id")
_FORGET = statement("DELETE FROM upload WHERE created_at <= :before")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Record]).decode


class UploadNotFound(NotFound):
    """This file is not here any more: a file waits for a day. Upload it again."""


class Upload(msgspec.Struct, frozen=True):
    """A file that waits."""

    id: int
    kind: Kind
    name: str
    created_at: int
    size: int
    """Rows, a header among them."""
    has_header: int


async def keep_upload(
    conn: Connection,
    account_id: int,
    *,
    kind: str,
    name: str,
    parts: Iterable[list[Record]],
    has_header: bool,
    now: int,
) -> int:
    """Keep the rows of a file, *parts* of them at a time (`in_parts`); its id."""
    id_ = await next_id(conn, account_id)
    key = {"account_id": account_id, "id": id_}
    await conn.execute(_ADD, {**key, "kind": kind, "name": name, "now": now, "has_header": int(has_header)})
    size = 0
    for number, rows in enumerate(parts, 1):
        await conn.execute(_ADD_PART, {**key, "number": number, "rows": _encode(rows).decode()})
        size += len(rows)
    await conn.execute(_SIZE, {**key, "size": size})
    await conn.execute(_CROWD, {"account_id": account_id, "most": _MOST})
    return id_


def in_parts(records: Iterable[Record]) -> Iterable[list[Record]]:
    """*records*, their cells no longer than they are kept, as many at a time as one row of a table holds well."""
    part: list[Record] = []
    cells = 0
    for record in records:
        part.append(Record([_kept(cell) for cell in record.cells], record.fault))
        cells += len(record.cells)
        if len(part) == _PART_ROWS or cells >= _PART_CELLS:
            yield part
            part, cells = [], 0
    if part:
        yield part


def _kept(cell: str) -> str:
    # PostgreSQL keeps no text with NUL or half a character.
    return cell[:LONGEST_CELL].replace("\0", "�").encode(errors="replace").decode()


async def get_upload(reader: Reader, account_id: int, upload_id: int) -> Upload:
    """The account's file. Raises UploadNotFound."""
    row = await reader.fetch_one(_FIND, {"account_id": account_id, "id": upload_id})
    if row is None:
        raise UploadNotFound
    return Upload(*row)


async def list_uploads(reader: Reader, account_id: int) -> list[Upload]:
    """The account's files that wait, newest first."""
    return [Upload(*row) for row in await reader.fetch_all(_LIST, {"account_id": account_id})]


async def rows_of(reader: Reader, account_id: int, upload_id: int) -> AsyncIterator[list[Record]]:
    """All rows, a part at a time, in order."""
    after = 0
    while (
        row := await reader.fetch_one(_PART, {"account_id": account_id, "id": upload_id, "after": after})
    ) is not None:
        after = row[0]
        # Whoever reads on does so without waiting for anything: a hundred thousand rows would hold up everybody.
        await asyncio.sleep(0)
        yield _decode(row[1])


async def delete_upload(conn: Connection, account_id: int, upload_id: int) -> None:
    """Drop a file. Raises UploadNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": upload_id}):
        raise UploadNotFound


async def forget_uploads(conn: Connection, before: int) -> int:
    """Drop files that came before."""
    return await conn.execute(_FORGET, {"before": before})
