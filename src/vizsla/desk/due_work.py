"""
Which work is due, and which is stuck?

Every room's own rows are its work (`storage.lease`), so that one look at each table tells. Bounded: of each table the thousand
rows that were due first.
"""

from typing import Literal

import msgspec

from vizsla.storage.database import Reader
from vizsla.storage.open import Stores
from vizsla.storage.statement import Statement, statement

MOST = 1_000
LATE = 900
"""Seconds after which work that is due, and that nobody took, is stuck."""
MANY = 3
"""Attempts from which on a row is looked at as stuck."""


class Kind(msgspec.Struct, frozen=True):
    """Work of one table."""

    table: str
    store: Literal["app", "index"]
    name: str
    may_retry: bool = True
    """False where waiting is what others asked for: a mail server that says later means it."""


KINDS = (
    Kind("verification", "app", "Verifications", may_retry=False),
    Kind("bulk_list", "app", "Lists to verify"),
    Kind("bulk_finding", "app", "Lists of people to find"),
    Kind("lead_task", "app", "Leads, many at once"),
    Kind("lead_import", "app", "Files of leads"),
    Kind("mail_out", "app", "Mails of our own"),
    Kind("crawl_request", "index", "Crawls"),
    Kind("harvest_run", "index", "Harvests"),
)
_EACH = "SELECT due, worker, attempt FROM {0} WHERE due IS NOT NULL ORDER BY due LIMIT {1}"
_LOOK = """
    SELECT count(*), coalesce(sum(CASE WHEN due <= :now THEN 1 ELSE 0 END), 0),
        coalesce(sum(CASE WHEN due > :now AND worker IS NOT NULL THEN 1 ELSE 0 END), 0),
        coalesce(sum(CASE WHEN attempt >= {many} THEN 1 ELSE 0 END), 0), min(due)
    FROM (SELECT due, worker, attempt FROM {table} WHERE due IS NOT NULL ORDER BY due LIMIT {most}) AS first
"""
_LOOKS: dict[str, Statement] = {
    kind.table: statement(_LOOK.format(table=kind.table, most=MOST, many=MANY)) for kind in KINDS
}
_RETRY: dict[str, Statement] = {
    kind.table: statement(
        f"UPDATE {kind.table} SET due = :now, attempt = 0 WHERE due > :now AND attempt > 0 AND "  # noqa: S608
        "(worker IS NULL OR due > :held)"
    )
    for kind in KINDS
    if kind.may_retry
}
_LEASE = 600
"""Seconds that no lease exceeds: what is due later waits, and is in nobody's hands."""


class Due(msgspec.Struct, frozen=True):
    """The work of one table."""

    kind: Kind
    waiting: int
    """Rows that are not done, `MOST` at most."""
    due: int
    """Of those, the ones that could be begun."""
    in_hand: int
    """Of those, the ones that a worker has."""
    troubled: int
    """Of those, the ones that were begun several times."""
    oldest: int | None
    """Since when the first one has been due."""

    def is_stuck(self, now: int) -> bool:
        """Whether somebody should look."""
        return bool(self.due and self.oldest is not None and now - self.oldest > LATE)


async def look_at_work(stores: Stores, now: int) -> list[Due]:
    """What is due in each table."""
    return [Due(kind, *await _look(_reader(stores, kind), kind, now)) for kind in KINDS]


async def retry(stores: Stores, table: str, now: int) -> int:
    """Let what waits for another attempt be begun now; how many rows that were. Nothing for what may not be hurried."""
    kind = next((kind for kind in KINDS if kind.table == table and kind.may_retry), None)
    if kind is None:
        return 0
    database = stores.app if kind.store == "app" else stores.index
    async with database.write() as conn:
        return await conn.execute(_RETRY[table], {"now": now, "held": now + _LEASE})


def _reader(stores: Stores, kind: Kind) -> Reader:
    return stores.app if kind.store == "app" else stores.index


async def _look(reader: Reader, kind: Kind, now: int) -> tuple[int, int, int, int, int | None]:
    row = await reader.fetch_one(_LOOKS[kind.table], {"now": now})
    assert row is not None
    waiting, due, in_hand, troubled, oldest = row
    return waiting, due, in_hand, troubled, oldest if oldest is not None and oldest <= now else None
