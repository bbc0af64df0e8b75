"""
How does somebody's file become a list?

It is read once, when it comes, whatever encoding and marks it has; it waits until its columns are chosen and its cost was seen; then
its rows become a list in one transaction, and the file is gone.
"""

import asyncio
import io
from collections.abc import Iterator

from vizsla.accounts.lists import MOST_ROWS, TooManyRows
from vizsla.accounts.uploads import Kind, Upload, delete_upload, in_parts, keep_upload, rows_of
from vizsla.desk.asking import Asker
from vizsla.desk.columns import SAMPLE, Mapped, check_columns, person_of, propose, target_of, text_of
from vizsla.desk.estimate import parts_of
from vizsla.finder import bulk, bulk_searches
from vizsla.finder.bulk_verifications import accept
from vizsla.kit.csv_file import Record, open_sheet
from vizsla.kit.errors import WrongParams
from vizsla.storage.database import Connection, Reader
from vizsla.verifier.bulk_store import bulk_lists

LARGEST_FILE = 16_000_000
"""Bytes."""
_LONGEST_NAME = 120


async def take_file(asker: Asker, kind: Kind, name: str, content: bytes) -> int:
    """Keep a file until its columns are chosen; its id. Raises WrongParams for what is no table, TooManyRows."""
    async with asker.services.uploads:
        parts = await asyncio.to_thread(_read, content)
    head = parts[0][:SAMPLE]
    has_header = propose(kind, head).has_header
    if sum(map(len, parts)) - has_header > MOST_ROWS:
        raise TooManyRows
    async with asker.services.stores.app.write() as conn:
        return await keep_upload(
            conn,
            asker.caller.account_id,
            kind=kind,
            name=clean_name(name) or "Pasted text",
            parts=parts,
            has_header=has_header,
            now=asker.now,
        )


def _read(content: bytes) -> list[list[Record]]:
    sheet = open_sheet(io.BytesIO(content))
    parts, size = [], 0
    for part in in_parts(_all(sheet.first, sheet.records)):
        parts.append(part)
        size += len(part)
        if size > MOST_ROWS + 1:
            raise TooManyRows
    if not any(cell.strip() for part in parts for record in part for cell in record.cells):
        raise WrongParams("There is nothing in the rows of this file.")
    return parts


def _all(first: Record, others: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from others


def clean_name(name: str) -> str:
    """What a file is called, without folders and what cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:_LONGEST_NAME].strip()


async def first_rows(reader: Reader, account_id: int, upload: Upload, limit: int = SAMPLE) -> list[Record]:
    """The first rows of a file, a header among them."""
    found: list[Record] = []
    async for part in rows_of(reader, account_id, upload.id):
        found += part
        if len(found) >= limit:
            break
    return found[:limit]


async def start(
    conn: Connection, asker: Asker, upload: Upload, columns: Mapped, *, per_domain: int, max_duration: float
) -> int:
    """
    Make a list of a file, which is gone then; the list's id.

    Raises NoColumn, QuotaTooSmall, WrongParams for a list without rows; then nothing may be kept of the transaction.
    """
    account_id, now = asker.caller.account_id, asker.now
    check_columns(upload.kind, columns)
    records = [record async for part in parts_of(conn, account_id, upload) for record in part]
    await delete_upload(conn, account_id, upload.id)
    if upload.kind == "verifications":
        texts = (text_of(record, columns) for record in records)
        allowed, share = asker.caller.verifications, asker.caller.share("verifications")
        id_ = (await accept(conn, account_id, texts, allowed=allowed, now=now, share=share)).id
        await bulk_lists.set_name(conn, account_id, id_, upload.name)
    elif upload.kind == "findings":
        people = (person_of(record, columns) for record in records)
        made = await bulk.add_list(
            conn, account_id, people, max_duration=max_duration, now=now, member_id=asker.caller.member_id
        )
        id_ = made.id
        await bulk.findings.set_name(conn, account_id, id_, upload.name)
    else:
        targets = (target_of(record, columns) for record in records)
        searched = await bulk_searches.add_list(
            conn, account_id, targets, per_domain=per_domain, now=now, member_id=asker.caller.member_id
        )
        id_ = searched.id
        await bulk_searches.searches.set_name(conn, account_id, id_, upload.name)
    return id_
