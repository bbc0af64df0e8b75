"""
Who sends leads to the systems that accounts connected?

Each connector is in one worker's hands: what changed is found, and sent lead by lead. A worker that dies after a write there and
before it is written down here has it written once more, to the same record.
"""

import asyncio
import time
from collections.abc import Callable

from vizsla.leads.pushing import Pushed, System
from vizsla.leads.sync import (
    HeldConnector,
    Waiting,
    claim_connectors,
    due_leads,
    follow,
    is_any_due,
    leave,
    record,
    release,
)
from vizsla.leads.systems import system_of
from vizsla.webhooks.sending import Courier
from vizsla.work.leased import work_off
from vizsla.work.workplace import Tell, Workplace

LASTS = 120
"""Seconds of a lease, which every lead renews: more than the four requests that one may take."""
_AT_ONCE = 8
_READ = 20
_VISIT = 10.0
"""Seconds after which it is another account's turn."""


async def sync_leads(place: Workplace, worker: str, tell: Tell) -> int:
    """Do all that is due; how many connectors had something to do."""
    if not await is_any_due(place.stores.app, place.clock.now()):
        return 0
    async with Courier(place.settings) as courier:
        return await work_off(
            place,
            is_any_due,
            lambda conn, now: claim_connectors(
                conn, key=place.secret, now=now, until=now + LASTS, worker=worker, limit=_AT_ONCE
            ),
            lambda held: _sync_one(place, courier, held, tell),
        )


async def _sync_one(place: Workplace, courier: Courier, held: HeldConnector, tell: Tell) -> None:
    def system() -> System:
        return system_of(courier, held, held.secret, place.clock.now())

    if held.is_leaving:
        await _leave(place, held)
    elif (followed := await _follow(place, held, system)) is not None and await _send(place, followed, system, tell):
        async with place.stores.app.write() as conn:
            await release(conn, followed, place.clock.now())


async def _leave(place: Workplace, held: HeldConnector) -> None:
    more: bool | None = True
    while more:
        async with place.stores.app.write() as conn:
            more = await leave(conn, held, until=place.clock.now() + LASTS)
        await asyncio.sleep(0)


async def _follow(place: Workplace, held: HeldConnector, system: Callable[[], System]) -> HeldConnector | None:
    while True:
        async with place.stores.app.write() as conn:
            now = place.clock.now()
            followed = await follow(conn, held, system(), until=now + LASTS, now=now)
        if followed is None or followed == held:
            return followed
        held = followed
        await asyncio.sleep(0)


async def _send(place: Workplace, held: HeldConnector, system: Callable[[], System], tell: Tell) -> bool:
    """Send what is due. Whether the connector is still this worker's."""
    app, until = place.stores.app, time.monotonic() + _VISIT
    while waiting := await due_leads(app, held, system(), now=place.clock.now(), limit=_READ):
        for one in waiting:
            pushed = await _push(held, one, system())
            now = place.clock.now()
            async with app.write() as conn:
                is_mine = await record(conn, held, one, pushed, now=now, until=now + LASTS)
            if pushed.error is not None:
                tell("crm", level="warning", connector=held.id, lead=one.lead_id, error=pushed.error)
            if not is_mine:
                return False
            if time.monotonic() >= until:
                return True
    return True


async def _push(held: HeldConnector, one: Waiting, system: System) -> Pushed:
    if one.is_known:
        return Pushed("success", one.external_id)
    if held.secret is None:
        return Pushed("refused", error="Its key was sealed under another VIZSLA_SECRET_KEY. Give it again.")
    return await system.push(one.fields, one.external_id, f"sync_{held.id}_{one.lead_id}_{one.hash}")
