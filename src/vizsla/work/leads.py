"""Who does what is to be done to many leads?"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from vizsla.desk.leads import enrich_all
from vizsla.leads import imports
from vizsla.leads.import_store import forget_old
from vizsla.leads.imports import HeldImport
from vizsla.leads.lead import Lead
from vizsla.leads.store import forget_gone
from vizsla.leads.tasks import Held, claim_task, forget_tasks, is_any_due, step
from vizsla.leads.trash import forget_trash
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection
from vizsla.work.leased import Lost, one_by_one
from vizsla.work.workplace import Workplace

LASTS = 60
"""Seconds of a lease, which every step renews."""
_GONE_KEPT = 86_400
"""Seconds: twice what a mirror that nobody asks is kept (`leads.mirror.KEPT`)."""
_BREATH = 0.02
"""Seconds between two steps, for others to write in."""


async def work_on_tasks(place: Workplace, worker: str) -> None:
    """Do all that is due. Raises Lost if another worker took over."""
    await one_by_one(
        place,
        is_any_due,
        lambda conn, now: claim_task(conn, now=now, until=now + LASTS, worker=worker),
        partial(_finish, place),
    )


async def _finish(place: Workplace, held: Held) -> None:
    at, is_over = held.last_id, False
    while not is_over:
        async with place.stores.app.write() as conn:
            now = place.clock.now()
            claims = await place.claims() if held.kind in ("restore", "enrich") else Claims(place.secret)

            async def enrich(conn: Connection, account_id: int, leads: Sequence[Lead]) -> None:
                await enrich_all(conn, place.stores.index, claims, account_id, leads)  # noqa: B023

            stepped = await step(conn, held, at, until=now + LASTS, now=now, claims=claims, enrich=enrich)
        if stepped is None:
            raise Lost
        at, is_over = stepped.last_id, stepped.is_over
        await asyncio.sleep(_BREATH)


async def work_on_imports(place: Workplace, worker: str) -> None:
    """Make leads of all files that are due. Raises Lost if another worker took over."""
    await one_by_one(
        place,
        imports.is_any_due,
        lambda conn, now: imports.claim_import(conn, now=now, until=now + LASTS, worker=worker),
        partial(finish_import, place),
    )


async def finish_import(place: Workplace, held: HeldImport, reached: Callable[[int], None] = lambda _: None) -> None:
    """Make leads of all rows of a file; *reached* hears the number of rows that are done. Raises Lost if another worker took over."""
    done, before = held.done, -1
    while done != before:
        async with place.stores.app.write() as conn:
            # Read in here, they leave no gap: a claim that comes later deletes after this, for it waits for the same lock.
            claims, now = await place.claims(), place.clock.now()
            at = await imports.step(conn, claims, held, done, until=now + LASTS, now=now)
        if at is None:
            raise Lost
        before, done = done, at
        reached(done)
        await asyncio.sleep(0)


async def forget(place: Workplace, kept: int) -> None:
    """Drop what nobody needs any more: tasks that ended *kept* seconds ago, leads that are gone for a day, trash."""
    now = place.clock.now()
    async with place.stores.app.write() as conn:
        await forget_tasks(conn, now - kept)
        await forget_gone(conn, now - _GONE_KEPT)
        await forget_old(conn, now - kept)
    has_more = True
    while has_more:
        async with place.stores.app.write() as conn:
            has_more = await forget_trash(conn, now)
        await asyncio.sleep(_BREATH)
