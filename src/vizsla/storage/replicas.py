"""
Which copy of the index answers a search?

A streaming replica of PostgreSQL, if one is near enough to the primary; the primary otherwise. How far a replica is behind is told
by the log's positions: now and then the primary is asked for its own, and a replica that has replayed it is no further behind
than that moment is past. Time stamps of the log would not do: a primary where nothing happens sends none, and a replica that hears
nothing more believes that it is up to date.

What was claimed is kept back by whoever serves it, whichever copy it came from.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import msgspec

from vizsla.kit.errors import StoreError
from vizsla.storage.database import NOTHING, Connection, Database, Dialect, Row
from vizsla.storage.migrate import HEADS
from vizsla.storage.postgres import OF_PARTITIONS, PostgresDatabase
from vizsla.storage.statement import Params, Statement, statement

LOOK = 1.0
"""Seconds between two looks at how far replicas are behind, as long as anybody asks."""
_HOLDS = 3.0
"""Seconds for which a look holds; then the primary answers until there is a new one."""
ANSWER = 0.6
"""Seconds that a replica's bounded read may take: the primary has its own ones after it, and no search waits for two."""
_REMEMBERED = 1_000
_POSITION = statement("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
_REPLAYED = statement("""
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END,
        (SELECT version_num FROM alembic_version_index)
""")
Read = Callable[[Database], Coroutine[Any, Any, Any]]


class Standing(msgspec.Struct):
    """What the last look found about one replica."""

    lag: float | None = None
    """Seconds that it is behind at most; None: not known."""
    trouble: str = "not looked at yet"
    """Why it is not to be asked at all; empty: it may be."""

    def may_answer(self, most_lag: float | None) -> bool:
        """Whether it is as near as *most_lag* seconds; None: however far."""
        return not self.trouble and (most_lag is None or (self.lag is not None and self.lag <= most_lag))


class ReplicatedDatabase:
    """A database whose reads are answered by replicas, if they are near enough. Everything else is the primary's."""

    dialect: Dialect = "postgresql"

    def __init__(self, primary: Database, urls: Iterable[str], most_lag: float) -> None:
        self.primary = primary
        self.answered = Counter[str]()
        """Reads by who answered them: `primary`, or `replica`."""
        self._replicas = [PostgresDatabase(url, answer=ANSWER, session=OF_PARTITIONS) for url in urls]
        self.standings = [Standing() for _ in self._replicas]
        self.most_lag = most_lag
        self._positions: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._is_primary_away = False
        self._turns = itertools.count()
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def fetch_all(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        """As the primary would, but for what happened in the last seconds."""
        rows: list[Row] = await self._read(lambda database: database.fetch_all(query, params))
        return rows

    async def fetch_one(self, query: Statement, params: Params = NOTHING) -> Row | None:
        """As the primary would, but for what happened in the last seconds."""
        row: Row | None = await self._read(lambda database: database.fetch_one(query, params))
        return row

    async def fetch_all_slowly(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        """As the primary would, but for what happened in the last seconds."""
        rows: list[Row] = await self._read(lambda database: database.fetch_all_slowly(query, params))
        return rows

    def stream(self, query: Statement, params: Params = NOTHING, *, size: int = 1_000) -> AsyncIterator[list[Row]]:
        """Of the primary."""
        return self.primary.stream(query, params, size=size)

    def write(self, *, is_brief: bool = False) -> AbstractAsyncContextManager[Connection]:
        """On the primary."""
        return self.primary.write(is_brief=is_brief)

    async def settle(self) -> None:
        """On the primary; replicas follow."""
        await self.primary.settle()

    async def close(self) -> None:
        """Let go of the replicas. The primary is its owner's to close."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        for replica in self._replicas:
            await replica.close()

    async def look(self) -> None:
        """Find out how far every replica is behind."""
        asked_at = time.monotonic()
        try:
            row = await self.primary.fetch_one(_POSITION)
            assert row is not None
            self._positions.append((asked_at, int(row[0])))
            self._is_primary_away = False
        except (StoreError, asyncpg.PostgresError):
            self._is_primary_away = True
        found = await asyncio.gather(*(self._look_at(replica) for replica in self._replicas))
        self.standings = list(found)
        self._looked_at = asked_at

    async def _look_at(self, replica: Database) -> Standing:
        try:
            row = await replica.fetch_one(_REPLAYED)
        except (StoreError, asyncpg.PostgresError) as error:
            return Standing(trouble=f"{type(error).__name__}: {error}")
        assert row is not None
        position, revision = row
        if position is None:
            return Standing(trouble="it is no replica, or one no more")
        if revision != HEADS["index"]:
            return Standing(trouble=f"it is at schema {revision}, the index at {HEADS['index']}")
        now = time.monotonic()
        lag = next((now - at for at, needed in reversed(self._positions) if needed <= position), None)
        return Standing(lag, "")

    async def _read(self, read: Read) -> Any:
        for at in self._near():
            try:
                answer = await read(self._replicas[at])
            except (StoreError, asyncpg.PostgresError) as error:
                # A statement that it gave up because of what it replays (a conflict with recovery) is one of these.
                self.standings[at] = Standing(trouble=f"{type(error).__name__}: {error}")
            else:
                self.answered["replica"] += 1
                return answer
        self.answered["primary"] += 1
        return await read(self.primary)

    def _near(self) -> Sequence[int]:
        """Replicas that may answer now, the one whose turn it is first."""
        now = time.monotonic()
        if now - self._looked_at > LOOK and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self.look())
        if now - self._looked_at > _HOLDS:
            return ()
        # Where there is no newer answer to be had, an older one is better than none.
        most_lag = None if self._is_primary_away else self.most_lag
        near = [at for at, standing in enumerate(self.standings) if standing.may_answer(most_lag)]
        turn = next(self._turns) % len(near) if near else 0
        return near[turn:] + near[:turn]
