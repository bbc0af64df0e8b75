"""
What did a process of this machine have in hand when it was killed?

Leases end by themselves, and on PostgreSQL nothing else can be known of other nodes. SQLite means one machine: there a worker whose
process is gone will not come back, and what it had is due again at once.
"""

import os
import socket

from vizsla.storage.statement import statement
from vizsla.work.workplace import Workplace

_LONGEST = 600
"""Seconds: no lease lasts longer."""
_TABLES = ("verification", "bulk_list")
_WORKERS = {
    table: statement(
        f"SELECT DISTINCT worker FROM {table} WHERE due > :now AND due <= :until AND worker IS NOT NULL"  # noqa: S608
    )
    for table in _TABLES
}
_FREE = {
    table: statement(
        f"UPDATE {table} SET due = :now, worker = NULL WHERE worker = :worker AND due > :now AND due <= :until"  # noqa: S608
    )
    for table in _TABLES
}


async def free_orphans(place: Workplace) -> int:
    """Make due what dead processes of this machine had; how many rows that were."""
    app, now = place.stores.app, place.clock.now()
    if app.dialect != "sqlite":
        return 0
    freed = 0
    for table in _TABLES:
        span = {"now": now, "until": now + _LONGEST}
        dead = [row[0] for row in await app.fetch_all_slowly(_WORKERS[table], span) if _is_dead(row[0])]
        if dead:
            async with app.write() as conn:
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
