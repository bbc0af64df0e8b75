"""
How does one statement write many rows that differ?

They travel as one JSON text, and the statement joins them: `{rows}` in its text is a table of the columns that are named beside
it. On SQLite each statement is a hop to the writer's thread, on PostgreSQL a round trip; twenty rows are then one of them.
"""

from collections.abc import Iterable, Mapping

import msgspec

from vizsla.storage.database import Connection, Row
from vizsla.storage.statement import Params, Statement, statement

_encode = msgspec.json.Encoder().encode


class RowsStatement:
    """A statement over rows."""

    def __init__(self, text: str, *, postgresql: str | None = None, **columns: str) -> None:
        """*columns* with their types, bigint or text; the table of them is called `r`. Text that must differ is given beside it."""
        of_sqlite = ", ".join(f"value ->> '{name}' AS {name}" for name in columns)
        of_postgresql = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        # Never flattened into the statement, or SQLite reads the JSON anew for each column that is asked of it.
        sqlite = text.replace("{rows}", f"(SELECT {of_sqlite} FROM json_each(:rows) LIMIT -1) AS r")  # noqa: S608
        table = f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({of_postgresql})"
        self._statement: Statement = statement(sqlite, postgresql=(postgresql or text).replace("{rows}", table))

    async def execute(
        self, conn: Connection, rows: Iterable[Mapping[str, object]], params: Params | None = None
    ) -> int:
        """How many rows changed."""
        return await conn.execute(self._statement, {**(params or {}), "rows": _encode(list(rows)).decode()})

    async def fetch(
        self, conn: Connection, rows: Iterable[Mapping[str, object]], params: Params | None = None
    ) -> list[Row]:
        """What the statement returns."""
        return await conn.fetch_all(self._statement, {**(params or {}), "rows": _encode(list(rows)).decode()})
