"""
What has served its time?

Sessions and links that ran out, guesses that hold nobody back, charges that make nothing free any more, requests older than
thirty days. In portions, each a transaction of its own: a month of a busy log must not keep the writers out.
"""

import asyncio
from typing import Protocol

from vizsla.accounts.changes import forget_changes
from vizsla.accounts.guesses import forget_guesses
from vizsla.accounts.invitations import forget_invitations
from vizsla.accounts.quota import forget_charges
from vizsla.accounts.request_log import forget_requests
from vizsla.accounts.sessions import forget_sessions
from vizsla.accounts.sign_up import forget_sign_ups
from vizsla.accounts.tickets import forget_tickets
from vizsla.storage.database import Connection
from vizsla.work.workplace import Workplace

PORTION = 5_000
"""Rows of one transaction: some 20 ms of a writer."""
_BREATH = 0.05


class Forget(Protocol):
    """Drops up to *limit* rows that have served their time by *now*; how many there were."""

    async def __call__(self, conn: Connection, now: int, *, limit: int) -> int: ...


FORGETTERS: tuple[Forget, ...] = (
    forget_sessions,
    forget_tickets,
    forget_sign_ups,
    forget_invitations,
    forget_guesses,
    forget_charges,
    forget_requests,
    forget_changes,
)


async def tidy(place: Workplace, *, portion: int = PORTION) -> int:
    """Drop all of it; how many rows there were."""
    dropped = 0
    for forget in FORGETTERS:
        while True:
            async with place.stores.app.write() as conn:
                count = await forget(conn, place.clock.now(), limit=portion)
            dropped += count
            if count < portion:
                break
            await asyncio.sleep(_BREATH)
    return dropped
