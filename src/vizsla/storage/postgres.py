"""PostgreSQL as a store, through asyncpg: any number of processes and machines."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Table

from vizsla.kit.errors import StoreError
from vizsla.storage.database import NOTHING, Dialect, Row, StoreUnavailable
from vizsla.storage.statement import Params, Statement

_TROUBLE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,  # given up for another: the same once more goes through
    asyncpg.InsufficientResourcesError,
)
PATIENCE = 5.0
"""Seconds that a connection, or the beginning of a transaction, may take before its user is told to come back."""
ANSWER = 1.4
"""Seconds that a bounded read may take, connection and all: with a server that hangs, no search waits for two."""
_SESSION = {"jit": "off", "application_name": "vizsla"}
OF_PARTITIONS = {"plan_cache_mode": "force_generic_plan", "random_page_cost": "1.1"}
"""
What sessions need that ask tables in partitions. A plan for any value is reckoned to cost what all partitions would, though it
runs on one: so the server would rather plan each search anew (2.4 times its CPU), and rather read a table of 80,000 rows from
end to end than look a hundred of them up (docs/explanation/storage).
"""


class PostgresConnection:
    """A transaction that is open."""

    dialect: Dialect = "postgresql"

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def fetch_all(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        rows: list[Row] = await self._raw.fetch(query.postgresql, *query.for_postgresql(params))
        return rows

    async def fetch_one(self, query: Statement, params: Params = NOTHING) -> Row | None:
        row: Row | None = await self._raw.fetchrow(query.postgresql, *query.for_postgresql(params))
        return row

    async def execute(self, query: Statement, params: Params = NOTHING) -> int:
        status: str = await self._raw.execute(query.postgresql, *query.for_postgresql(params))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, query: Statement, rows: Iterable[Params]) -> None:
        await self._raw.executemany(query.postgresql, [query.for_postgresql(row) for row in rows])

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        await self._raw.copy_records_to_table(table.name, records=rows, columns=table.c.keys())


class PostgresDatabase:
    """A pool of connections to one database."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, *, max_size: int = 10, session: Mapping[str, str] = NOTHING) -> None:
        self._url = url
        self._session = {**_SESSION, **session}
        self._max_size = max_size
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def open(self) -> None:
        """Connect now rather than at the first question. Raises StoreError if nothing answers."""
        async with self._opening:
            if self._pool is not None:
                return
            try:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=self._max_size,
                    timeout=PATIENCE,
                    # Nobody sets session state, so the RESET after each use is a round trip for nothing.
                    reset=_nothing_to_reset,
                    server_settings=self._session,
                )
            except (*_TROUBLE, asyncpg.PostgresError, ValueError) as error:
                # Never the URL: it holds the password.
                raise StoreError(f"PostgreSQL cannot be reached: {type(error).__name__}: {error}.") from None

    @asynccontextmanager
    async def _connection(self, seconds: float | None = None) -> AsyncIterator[Any]:
        if self._is_closed:
            raise StoreUnavailable("The database was closed.")
        if self._pool is None:
            await self.open()
        try:
            async with asyncio.timeout(seconds), self._pool.acquire(timeout=PATIENCE) as raw:
                try:
                    yield raw
                except (asyncio.CancelledError, TimeoutError):
                    raw.terminate()  # or the pool would wait for the end of what is cancelled
                    raise
        except _TROUBLE as error:
            raise StoreUnavailable from error

    async def fetch_all(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        async with self._connection(ANSWER) as raw:
            rows: list[Row] = await raw.fetch(query.postgresql, *query.for_postgresql(params))
            return rows

    async def fetch_one(self, query: Statement, params: Params = NOTHING) -> Row | None:
        async with self._connection(ANSWER) as raw:
            row: Row | None = await raw.fetchrow(query.postgresql, *query.for_postgresql(params))
            return row

    async def fetch_all_slowly(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        async with self._connection() as raw:
            rows: list[Row] = await raw.fetch(query.postgresql, *query.for_postgresql(params))
            return rows

    async def stream(
        self, query: Statement, params: Params = NOTHING, *, size: int = 1_000
    ) -> AsyncIterator[list[Row]]:
        async with self._connection() as raw, raw.transaction(readonly=True):
            cursor = await raw.cursor(query.postgresql, *query.for_postgresql(params))
            while rows := await cursor.fetch(size):
                yield rows

    @asynccontextmanager
    async def write(self) -> AsyncIterator[PostgresConnection]:
        async with self._connection() as raw:
            transaction = raw.transaction()
            # What is written may take its time, but a server that is there begins at once.
            async with asyncio.timeout(PATIENCE):
                await transaction.start()
            try:
                yield PostgresConnection(raw)
            except BaseException:
                await transaction.rollback()
                raise
            await transaction.commit()

    async def settle(self) -> None:
        """Dead rows are for autovacuum to take away; no dump shows them."""

    async def close(self) -> None:
        # Whoever still has something to write must not open it again behind its owner's back.
        self._is_closed = True
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


async def _nothing_to_reset(_: Any) -> None:
    return None
