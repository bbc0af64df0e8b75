"""
Whose turn is it to do this row's work?

A room's own rows are its work: a `due` column is both the time to start and, once claimed, the time at which another
worker may take over; NULL is done. Delay, retry, back-off and take-over of a dead worker are that one column. `attempt`
counts claims and fences: whoever lost a row to another worker can neither renew nor finish it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam, select, tuple_, update

from vizsla.storage.database import Connection, Row
from vizsla.storage.statement import Statement, statement


class Lease(msgspec.Struct, frozen=True):
    """The statements that hand out the rows of one table with `due`, `worker` and `attempt`."""

    claim_query: Statement
    put_query: Statement
    key: tuple[str, ...]

    async def claim(self, conn: Connection, *, now: int, until: int, worker: str, limit: int) -> list[Row]:
        """Up to *limit* rows that are due, all columns, this worker's until *until*."""
        return await conn.fetch_all(
            self.claim_query, {"now_": now, "until_": until, "worker_": worker, "limit_": limit}
        )

    async def renew(self, conn: Connection, key: Row, *, worker: str, attempt: int, until: int) -> bool:
        """Keep a row until *until*. False if it is another worker's by now: stop working on it."""
        return bool(await conn.execute(self.put_query, self._of(key, worker, attempt) | {"until_": until}))

    async def finish(self, conn: Connection, key: Row, *, worker: str, attempt: int, due: int | None = None) -> bool:
        """Put a row back: done (*due* None) or due again. False if it is another worker's by now."""
        return bool(await conn.execute(self.put_query, self._of(key, worker, attempt) | {"until_": due}))

    def _of(self, key: Row, worker: str, attempt: int) -> dict[str, object]:
        return {f"{name}_": value for name, value in zip(self.key, key, strict=True)} | {
            "worker_": worker,
            "attempt_": attempt,
        }


def lease(table: Table, *, first: Sequence[ColumnElement[Any]] = ()) -> Lease:
    """
    The lease of *table*, which has `due` (seconds or NULL), `worker` (text or NULL) and `attempt` (integer).

    Of the rows that are due those that come *first* are handed out before the others, and then the longest due.
    """
    key = list(table.primary_key.columns)
    due, attempt = table.c.due, table.c.attempt
    waiting = select(*key).where(due <= bindparam("now_")).order_by(*first, due, *key).limit(bindparam("limit_"))
    # SKIP LOCKED hands two workers different rows at once; SQLite has one writer, and ignores it.
    # Materialized, or PostgreSQL may ask it anew for each row of the table, and hand out more than the limit.
    waiting = waiting.with_for_update(skip_locked=True)
    picked = select(waiting.cte("picked").prefix_with("MATERIALIZED", dialect="postgresql"))
    claimed = (
        update(table)
        .where(tuple_(*key).in_(picked) if len(key) > 1 else key[0].in_(picked))
        .values(due=bindparam("until_"), worker=bindparam("worker_"), attempt=attempt + 1)
        .returning(*table.c)
    )
    mine = [column == bindparam(f"{column.name}_") for column in key]
    held = (*mine, table.c.worker == bindparam("worker_"), attempt == bindparam("attempt_"))
    put = update(table).where(*held).values(due=bindparam("until_"))
    return Lease(statement(claimed), statement(put), tuple(column.name for column in key))
