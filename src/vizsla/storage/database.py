"""
How does a room talk to its database?

`fetch_*` on a Database are bounded, indexed reads of their own; on SQLite they run in the event loop, because a thread
costs three times the query. `write()` is one transaction. Rooms take the connection that a door opened and never commit.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from sqlalchemy import Table

from vizsla.kit.errors import StoreError
from vizsla.storage.statement import Params, Statement

Row = tuple[Any, ...]
Dialect = Literal["sqlite", "postgresql"]
NOTHING: Mapping[str, Any] = {}


class StoreUnavailable(StoreError):
    """The database does not answer. Try again in a moment."""

    id = "store_unavailable"


class Reader(Protocol):
    """What can be asked."""

    @property
    def dialect(self) -> Dialect:
        """Which database this is."""
        ...

    async def fetch_all(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        """Every row."""
        ...

    async def fetch_one(self, query: Statement, params: Params = NOTHING) -> Row | None:
        """The first row."""
        ...


class Connection(Reader, Protocol):
    """An open transaction."""

    async def execute(self, query: Statement, params: Params = NOTHING) -> int:
        """The number of rows that changed."""
        ...

    async def execute_many(self, query: Statement, rows: Iterable[Params]) -> None:
        """The same statement for every row."""
        ...

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        """Add whole rows, in the order of the columns of *table*, as fast as the database takes them."""
        ...


class Database(Reader, Protocol):
    """A database that is open."""

    async def fetch_all_slowly(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        """Every row of a query that may take long: off the event loop on SQLite."""
        ...

    def stream(self, query: Statement, params: Params = NOTHING, *, size: int = 1_000) -> AsyncIterator[list[Row]]:
        """Rows in batches of *size*, for what does not fit into memory."""
        ...

    def write(self, *, is_brief: bool = False) -> AbstractAsyncContextManager[Connection]:
        """
        One transaction: committed (and synced, as the database is set up) at the end, rolled back on an error.

        *is_brief* promises a few statements over a bounded number of rows, found by index: on SQLite they run in the event loop, as
        such reads do, and the commit alone on a thread.
        """
        ...

    async def settle(self) -> None:
        """Let what was deleted be gone from the disk too, as far as it is ours to say."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...
