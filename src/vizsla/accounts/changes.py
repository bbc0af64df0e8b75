"""
Did anything change that is remembered of callers?

A revoked key, a plan, a role, a member's limit: whoever changes one adds a row, in the same transaction. What is remembered is
good as long as the number of rows and the newest of them are the same; each process looks twice a second while it is asked
anything, whoever made the change: another node, the dashboard, the command line.

Adding a row locks nothing, unlike counting one up. Counted as well as compared by the newest: of two transactions, the one with
the smaller id may be committed last.
"""

from sqlalchemy import bindparam, delete, func, insert, select

from vizsla.accounts.tables import caller_change
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

KEPT_FOR = 600
"""Seconds; longer than anybody remembers a caller."""
State = tuple[int, int]

_ADD = statement(insert(caller_change).values(account_id=bindparam("account_id"), changed_at=bindparam("changed_at")))
_STATE = statement(select(func.count(), func.coalesce(func.max(caller_change.c.id), 0)).select_from(caller_change))
# The newest stays, or SQLite would give its id to the next one.
_FORGET = statement(
    delete(caller_change).where(
        caller_change.c.id.in_(
            select(caller_change.c.id)
            .where(
                caller_change.c.changed_at <= bindparam("expired_"),
                caller_change.c.id < select(func.max(caller_change.c.id)).scalar_subquery(),
            )
            .limit(bindparam("limit_"))
        )
    )
)


async def note_change(conn: Connection, account_id: int, now: int) -> None:
    """Callers of this account are to be looked up anew, within a second, in every process."""
    await conn.execute(_ADD, {"account_id": account_id, "changed_at": now})


async def find_state(reader: Reader) -> State:
    """What is different after any change."""
    row = await reader.fetch_one(_STATE)
    assert row is not None
    return int(row[0]), int(row[1])


async def forget_changes(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that everybody has seen."""
    return await conn.execute(_FORGET, {"expired_": now - KEPT_FOR, "limit_": limit})
