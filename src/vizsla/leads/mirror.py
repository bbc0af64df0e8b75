"""
How many of an account's leads match a filter, and which are on a page?

Neither store counts 400,000 matches of a part of a word among a million rows within 100 ms, whatever its indexes; and an index for
each field would make every write dearer. So what is filtered is held in memory by columns, in DuckDB, and scanned. The rows of
the store stay the truth: before each question a mirror takes what changed since the last one (`lead.change`, `lead_gone`), so an
answer is never older than its question, whichever process wrote. A mirror is made at an account's first question, and dropped
when others need its room. See docs/decisions/0007.
"""

import asyncio
import contextlib
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import duckdb
import msgspec

from vizsla.kit.errors import StoreError
from vizsla.leads.attributes import list_attributes
from vizsla.leads.columns import Columns, read_chunk, read_gone
from vizsla.leads.filters import Filters
from vizsla.storage.database import Database
from vizsla.storage.statement import statement

T = TypeVar("T")
MOST_ROWS = 2_000_000
"""Leads of all accounts that are held: some 300 bytes each."""
KEPT = 86_400 // 2
"""Seconds after which a mirror that nobody asked is made anew: by then what is gone may be forgotten (`lead_gone`)."""
_THREADS = 2
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": _THREADS,
    "memory_limit": "2GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}
_CHANGES = statement("SELECT changes FROM lead_account WHERE account_id = :account_id")


class TooMuchToFilter(StoreError):
    """There is not enough memory to filter these leads."""


class Matches(msgspec.Struct, frozen=True):
    """What a filter matches."""

    count: int
    ids: list[int]
    """Of the page that was asked for, in its order."""


class _Mirror:
    """One account's columns. `since`: everything up to this change is in them; -1: begin anew."""

    def __init__(self, number: int) -> None:
        self.columns = Columns(f"lead_{number:d}")
        self.since = -1
        self.asked_at = 0.0
        self.turn = asyncio.Lock()
        self.users = 0


class Mirrors:
    """The mirrors of one process."""

    def __init__(
        self, database: Database, *, most_rows: int = MOST_ROWS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._most_rows = most_rows
        self._monotonic = monotonic
        self._mirrors: OrderedDict[int, _Mirror] = OrderedDict()
        self._numbers = itertools.count(1)
        self._threads = ThreadPoolExecutor(_THREADS, "leads")
        self._opening = threading.Lock()
        self._duck: duckdb.DuckDBPyConnection | None = None
        self._warming: dict[int, asyncio.Task[None]] = {}

    def warm(self, account_id: int) -> None:
        """Make an account's mirror behind somebody who looks at their leads: what they ask next is a filter."""
        if account_id not in self._mirrors and account_id not in self._warming:
            task = self._warming[account_id] = asyncio.create_task(self._warm(account_id))
            task.add_done_callback(lambda _: self._warming.pop(account_id, None))

    async def _warm(self, account_id: int) -> None:
        # Whoever asks is told what is wrong.
        with contextlib.suppress(StoreError):
            await self.find(account_id, Filters(), limit=1)

    async def find(
        self, account_id: int, filters: Filters, *, limit: int, offset: int = 0, sort: str = "id", rising: bool = False
    ) -> Matches:
        """How many leads match, and the ids of one page, newest first unless sorted by another column of `filters.SORTS`."""
        mirror = self._mirrors.get(account_id)
        if mirror is None:
            mirror = self._mirrors[account_id] = _Mirror(next(self._numbers))
        self._mirrors.move_to_end(account_id)
        mirror.users += 1
        try:
            async with mirror.turn:
                await self._refresh(account_id, mirror)
                await self._make_room()
                act = partial(
                    mirror.columns.find, filters=filters, sort=sort, rising=rising, limit=limit, offset=offset
                )
                return Matches(*await self._run(act))
        finally:
            mirror.users -= 1

    async def _refresh(self, account_id: int, mirror: _Mirror) -> None:
        """Take what changed. What is read after `changes` may be newer: then it is taken again next time, and nothing is missed."""
        now = self._monotonic()
        changes = await self._changes(account_id)
        if mirror.since < 0 or now - mirror.asked_at > KEPT or changes < mirror.since:
            await self._begin(account_id, mirror)
        mirror.asked_at = now
        if changes > mirror.since:
            await self._catch_up(account_id, mirror, changes)

    async def _begin(self, account_id: int, mirror: _Mirror) -> None:
        """Read all, chunk by chunk: what changes meanwhile is caught up with."""
        mirror.since = -1  # half of it is in until the end
        changes = await self._changes(account_id)
        await self._run(mirror.columns.create)
        await self._add_attributes(account_id, mirror)
        place = (0, 0)
        while (chunk := await read_chunk(self._database, account_id, place, changed=False)) is not None:
            text, place = chunk
            await self._run(partial(mirror.columns.take, text=text))
        await self._run(mirror.columns.settle)
        mirror.since = changes

    async def _catch_up(self, account_id: int, mirror: _Mirror, changes: int) -> None:
        since, mirror.since = mirror.since, -1
        await self._add_attributes(account_id, mirror)
        place = (since + 1, 0)
        while (chunk := await read_chunk(self._database, account_id, place, changed=True)) is not None:
            text, place = chunk
            await self._run(partial(mirror.columns.take, text=text))
        # Read last: whatever is gone by now is not in what was read before.
        gone = await read_gone(self._database, account_id, since)
        await self._run(partial(mirror.columns.drop, ids=gone))
        await self._run(mirror.columns.settle)
        mirror.since = changes

    async def _add_attributes(self, account_id: int, mirror: _Mirror) -> None:
        known = [each.id for each in await list_attributes(self._database, account_id)]
        await self._run(partial(mirror.columns.add_attributes, ids=known))

    async def _changes(self, account_id: int) -> int:
        row = await self._database.fetch_one(_CHANGES, {"account_id": account_id})
        return row[0] if row else 0

    async def _make_room(self) -> None:
        """Drop who was asked longest ago, as long as there are too many rows."""
        for account_id, mirror in list(self._mirrors.items()):
            # Asked anew each time: others make room, and are asked, while one of them is taken down.
            if sum(other.columns.rows for other in self._mirrors.values()) <= self._most_rows:
                return
            if not mirror.users and self._mirrors.get(account_id) is mirror:
                del self._mirrors[account_id]
                await self._run(mirror.columns.remove)

    async def _run(self, act: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._on_thread, act)

    def _on_thread(self, act: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._opening:
            if self._duck is None:
                self._duck = duckdb.connect(":memory:", config=_CONFIG)
        try:
            with self._duck.cursor() as cursor:
                return act(cursor)
        except duckdb.OutOfMemoryException:
            raise TooMuchToFilter from None

    def close(self) -> None:
        """Let go of all."""
        for task in list(self._warming.values()):
            task.cancel()
        self._threads.shutdown()
        if self._duck is not None:
            self._duck.close()
            self._duck = None
