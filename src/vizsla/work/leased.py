"""Whose is a row, and how is it kept while its work takes longer than its lease?"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from vizsla.kit.clock import Clock
from vizsla.kit.errors import StoreError
from vizsla.storage.database import Connection, Database, Row
from vizsla.storage.lease import Lease
from vizsla.work.workplace import Workplace

T = TypeVar("T")

LASTS = 120
"""Seconds after which another worker takes over what a dead one had."""


def name_worker() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


class Lost(Exception):
    """Another worker has the row by now."""


async def work_off(
    place: Workplace,
    is_due: Callable[[Database, int], Awaitable[bool]],
    claim: Callable[[Connection, int], Awaitable[Sequence[T]]],
    act: Callable[[T], Awaitable[object]],
) -> int:
    """Claim what is due, as many rows at once as *claim* takes, and act on them side by side, until there is none; how many."""
    app, count = place.stores.app, 0
    while await is_due(app, now := place.clock.now()):
        async with app.write() as conn:
            held = await claim(conn, now)
        if not held:
            break  # others have what is left
        await asyncio.gather(*map(act, held))
        count += len(held)
    return count


async def one_by_one(
    place: Workplace,
    is_due: Callable[[Database, int], Awaitable[bool]],
    claim: Callable[[Connection, int], Awaitable[T | None]],
    finish: Callable[[T], Awaitable[None]],
) -> None:
    """Claim one row that is due and finish it, until there is none. What *finish* raises comes out: Lost, if another took over."""
    app, clock = place.stores.app, place.clock
    while await is_due(app, clock.now()):
        async with app.write() as conn:
            held = await claim(conn, clock.now())
        if held is None:
            return
        await finish(held)


@asynccontextmanager
async def kept(
    database: Database, lease: Lease, key: Row, *, worker: str, attempt: int, clock: Clock, lasts: float = LASTS
) -> AsyncIterator[None]:
    """Renew the lease of the row with *key* while inside. When that fails the work is cancelled, and Lost comes out."""
    working = asyncio.current_task()
    assert working is not None
    lost = False

    async def renew() -> None:
        nonlocal lost
        while not lost:
            await asyncio.sleep(lasts / 4)
            try:
                async with database.write() as conn:
                    until = clock.now() + int(lasts)
                    lost = not await lease.renew(conn, key, worker=worker, attempt=attempt, until=until)
            except StoreError:
                pass  # most of the lease is left: whether the row is still ours, the next try will tell
        working.cancel()

    renewing = asyncio.create_task(renew())
    try:
        yield
    except asyncio.CancelledError:
        if not lost:
            raise
        working.uncancel()
        raise Lost from None
    finally:
        renewing.cancel()
