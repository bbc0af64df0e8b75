"""
What did a process of this machine have in hand when it was killed?

Leases end by themselves, and on PostgreSQL nothing else can be known of other nodes. SQLite means one machine: there a worker whose
process is gone will not come back, and what it had is due again at once.
"""

import os
import socket

from vizsla.storage.migrate import Which
from vizsla.storage.statement import statement
from vizsla.work.workplace import Workplace

_LONGEST = 600
"""Seconds: no lease lasts longer."""
_TABLES: dict[Which, tuple[str, ...]] = {
    "app": ("verification", "bulk_list", "bulk_finding", "lead_import", "lead_task"),
    "index": ("crawl_request", "harvest_run"),
}
_HELD = "due > :now AND due <= :until"
_WORKERS = {
    table: statement(f"SELECT DISTINCT worker FROM {table} WHERE {_HELD} AND worker IS NOT NULL")  # noqa: S608
    for tables in _TABLES.values()
    for table in tables
}
_FREE = {
    table: statement(f"UPDATE {table} SET due = :now, worker = NULL WHERE worker = :worker AND {_HELD}")  # noqa: S608
    for table in _WORKERS
}


async def free_orphans(place: Workplace, which: Which = "app") -> int:
    """Make due what dead processes of this machine had in one of the databases; how many rows that were."""
    database, now = place.stores.app if which == "app" else place.stores.index, place.clock.now()
    if database.dialect != "sqlite":
        return 0
    freed = 0
    for table in _TABLES[which]:
        span = {"now": now, "until": now + _LONGEST}
        dead = [row[0] for row in await database.fetch_all_slowly(_WORKERS[table], span) if _is_dead(row[0])]
        if dead:
            async with database.write() as conn:
                for worker in dead:
                    freed += await conn.execute(_FREE[table], {**span, "worker": worker})
    return freed


def _is_dead(worker: str) -> bool:
    """Whether *worker* (`leased.name_worker`) is a process of this machine that is no more."""
    host, _, rest = worker.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
