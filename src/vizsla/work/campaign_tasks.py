"""Who does what is to be done to many recipients of a campaign?"""

import asyncio
from functools import partial

from vizsla.campaigns.tasks import Held, claim_task, forget_tasks, is_any_due, step
from vizsla.work.leased import Lost, one_by_one
from vizsla.work.workplace import Workplace

LASTS = 60
"""Seconds of a lease, which every step renews."""
_BREATH = 0.02
"""Seconds between two steps, for others to write in."""


async def work_on_campaign_tasks(place: Workplace, worker: str) -> None:
    """Do all that is due. Raises Lost if another worker took over."""
    await one_by_one(
        place,
        is_any_due,
        lambda conn, now: claim_task(conn, now=now, until=now + LASTS, worker=worker),
        partial(_finish, place),
    )


async def _finish(place: Workplace, held: Held) -> None:
    at = held.last_id
    while at >= 0:
        async with place.stores.app.write() as conn:
            # Read in here, they leave no gap: a claim that comes later deletes after this, for it waits for the same lock.
            claims, now = await place.claims(), place.clock.now()
            reached = await step(conn, claims, held, at, until=now + LASTS, now=now)
        if reached is None:
            raise Lost
        at = reached
        await asyncio.sleep(_BREATH)


async def forget(place: Workplace, kept: int) -> None:
    """Drop tasks that ended *kept* seconds ago."""
    async with place.stores.app.write() as conn:
        await forget_tasks(conn, place.clock.now() - kept)
