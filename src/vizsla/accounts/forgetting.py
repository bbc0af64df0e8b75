"""
How do accounts forget a person, or a whole domain?

Members stay: that somebody signs in with an address is between them and whoever runs this installation, and they end it themselves. What
goes is what others said: invitations to people who never came, answers kept for retries, paths that spell an address.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from vizsla.kit.csv_file import Record
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail
from vizsla.kit.whom import Counts, Whom, addresses_in
from vizsla.storage.database import Connection, Database
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_PLACES = (
    ("idempotency", "answer", ("account_id", "request")),
    ("request_log", "path", ("account_id", "id")),
    ("invitation", "email", ("account_id", "id")),
    ("sign_up", "email", ("hash",)),
)
"""Tables, the column that may speak of somebody, and their keys."""
_FIND = {
    table: mentioning(f"SELECT {column}, {', '.join(key)} FROM {table} WHERE {says(column)}")  # noqa: S608
    for table, column, key in _PLACES
}
_DELETE = {
    table: statement(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = :{name}' for name in key)}")  # noqa: S608
    for table, _, key in _PLACES
}


# All of them: a file waits for a day at most, and its cells are written in as many ways as people write.
_PARTS = statement("SELECT account_id, upload_id, number, rows FROM upload_part")
_REWRITE = statement("""
    UPDATE upload_part SET rows = :rows WHERE account_id = :account_id AND upload_id = :upload_id AND number = :number
""")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Record]).decode


async def forget(conn: Connection, whom: Whom) -> Counts:
    """Delete what speaks of *whom*. (Answers that are sealed show a key, and nobody's address.)"""
    counts: Counts = {}
    for table, _, key in _PLACES:
        found = [row[1:] for row in await conn.fetch_all(_FIND[table], whom.needles) if whom.is_in(row[0])]
        await conn.execute_many(_DELETE[table], [dict(zip(key, row, strict=True)) for row in found])
        counts[table] = len(found)
    return counts | {"upload_part": await _forget_rows(conn, whom)}


async def _forget_rows(conn: Connection, whom: Whom) -> int:
    """Empty the rows of files that wait; how many there were. The other rows of a file stay."""
    emptied = 0
    values = []
    for account_id, upload_id, number, text in await conn.fetch_all(_PARTS):
        rows = _decode(text)
        kept = [Record([]) if whom.is_row(row.cells) else row for row in rows]
        if kept != rows:
            emptied += sum(row is not other for row, other in zip(rows, kept, strict=True))
            key = {"account_id": account_id, "upload_id": upload_id, "number": number}
            values.append({**key, "rows": _encode(kept).decode()})
    await conn.execute_many(_REWRITE, values)
    return emptied


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """Every address in a file that waits."""
    async for parts in database.stream(_PARTS, size=20):
        cells = [cell for part in parts for row in _decode(part[3]) for cell in row.cells if "@" in cell]
        found: list[tuple[str, str | None]] = []
        for cell in cells:
            found += addresses_in([cell])
            with suppress(InvalidEmail):
                address = parse_email(cell)
                found.append((address.domain, address.local))
        yield found
