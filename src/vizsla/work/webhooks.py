"""
Who tells endpoints what happened?

An endpoint at a time is told its events one after the other, several endpoints side by side. What a dead worker had told but
not written down is told again, under the same webhook-id: twice is better than never, and its receiver can tell.
"""

import time

import msgspec

from vizsla.accounts.team import list_members
from vizsla.mail.messages import webhook_stopped
from vizsla.mail.outgoing import queue_mail
from vizsla.storage.database import Connection
from vizsla.webhooks.outbox import (
    KEPT,
    Held,
    Outcome,
    claim_endpoints,
    due_deliveries,
    forget_deliveries,
    give_up_late,
    is_any_due,
    record,
    release,
)
from vizsla.webhooks.sending import SECONDS, Courier
from vizsla.work.leased import work_off
from vizsla.work.workplace import Tell, Workplace

LASTS = 60
"""Seconds of a lease, which every try renews: four times what one may take."""
assert LASTS > 2 * SECONDS
_AT_ONCE = 16
_READ = 20
"""Deliveries that are read at once."""
_VISIT = 5.0
"""Seconds after which it is somebody else's turn: one account's ten thousand events must not hold up another's one."""


async def tell_endpoints(place: Workplace, worker: str, tell: Tell) -> int:
    """Tell all that is due; how many endpoints had something to hear."""
    if not await is_any_due(place.stores.app, place.clock.now()):
        return 0
    async with Courier(place.settings) as courier:
        return await work_off(
            place,
            is_any_due,
            lambda conn, now: claim_endpoints(
                conn, key=place.secret, now=now, until=now + LASTS, worker=worker, limit=_AT_ONCE
            ),
            lambda held: _tell_one(place, courier, held, tell),
        )


async def _tell_one(place: Workplace, courier: Courier, held: Held, tell: Tell) -> None:
    app, until = place.stores.app, time.monotonic() + _VISIT
    is_over = False
    while not is_over and (waiting := await due_deliveries(app, held, now=place.clock.now(), limit=_READ)):
        for due in waiting:
            if due.body is None:
                continue  # somebody it spoke of asked us to stop while it was in our hands
            outcome = await courier.deliver(held.url, held.secrets, due.mark, due.body.encode(), place.clock.now())
            now = place.clock.now()
            async with app.write() as conn:
                verdict = await record(conn, held, due, outcome, now=now, until=now + LASTS)
                if verdict in ("gone", "disabled"):
                    await _write_to_owners(conn, place, held, outcome, now)
            if verdict != "told":
                tell("webhook", level="warning", webhook=held.id, verdict=verdict, error=outcome.trouble)
                return
            held = msgspec.structs.replace(held, failures=0, failing_since=None)
            if is_over := time.monotonic() >= until:
                break
    async with app.write() as conn:
        await release(conn, held, place.clock.now())


async def _write_to_owners(conn: Connection, place: Workplace, held: Held, outcome: Outcome, now: int) -> None:
    """Nobody looks at a page every day to see whether all is well."""
    link = f"{place.settings.base_url}/webhooks/{held.id}" if place.settings.base_url else ""
    for each in await list_members(conn, held.account_id):
        if each.member.role == "owner":
            letter = webhook_stopped(each.member.email, url=held.url, why=outcome.trouble or "", link=link)
            await queue_mail(conn, letter, secret=place.secret, now=now)


async def tidy_deliveries(place: Workplace) -> None:
    """End what could not be told in time, and forget what ended long ago."""
    now = place.clock.now()
    async with place.stores.app.write() as conn:
        await give_up_late(conn, now)
        await forget_deliveries(conn, now - KEPT)
