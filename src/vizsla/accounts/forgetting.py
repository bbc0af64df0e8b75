"""
How do accounts forget a person, or a whole domain?

Members stay: that somebody signs in with an address is between them and whoever runs this installation, and they end it themselves. What
goes is what others said: invitations to people who never came, answers kept for retries, paths that spell an address.
"""

from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection
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


async def forget(conn: Connection, whom: Whom) -> Counts:
    """Delete what speaks of *whom*. (Answers that are sealed show a key, and nobody's address.)"""
    counts: Counts = {}
    for table, _, key in _PLACES:
        found = [row[1:] for row in await conn.fetch_all(_FIND[table], whom.needles) if whom.is_in(row[0])]
        await conn.execute_many(_DELETE[table], [dict(zip(key, row, strict=True)) for row in found])
        counts[table] = len(found)
    return counts
