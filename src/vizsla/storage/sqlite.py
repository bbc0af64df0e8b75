"""
SQLite as a store: one file, many processes, one writer at a time.

Write transactions and checkpoints of all processes take one lock on a file beside the database. It keeps writers fair,
and it keeps clear of the WAL-reset bug of SQLite 3.7.0 to 3.51.2 (two connections that write and checkpoint at once may
corrupt the file; Python's own SQLite is one of those), so automatic checkpoints are off.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Table

from vizsla.kit.errors import StoreError
from vizsla.storage.database import NOTHING, Dialect, Row, StoreUnavailable
from vizsla.storage.statement import Params, Statement

T = TypeVar("T")
CHECKPOINT_FRAMES = 2_000
"""Pages (4 KiB) in the WAL after which a writer checkpoints: 8 MB, some 10 ms of copying."""
_TRIES = 10
_PATIENCE = 10
"""Seconds that another program may hold the database before its user is told to come back."""
_OLDEST = (3, 38, 0)  # RETURNING, json_each and UPSERT as we use them


class SqliteConnection:
    """The write transaction that is open; its statements run where *run* has them run."""

    dialect: Dialect = "sqlite"

    def __init__(self, raw: sqlite3.Connection, run: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self._raw = raw
        self._run = run

    async def fetch_all(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        values = query.for_sqlite(params)
        rows: list[Row] = await self._run(lambda: self._raw.execute(query.sqlite, values).fetchall())
        return rows

    async def fetch_one(self, query: Statement, params: Params = NOTHING) -> Row | None:
        rows = await self.fetch_all(query, params)
        return rows[0] if rows else None

    async def execute(self, query: Statement, params: Params = NOTHING) -> int:
        values = query.for_sqlite(params)
        count: int = await self._run(lambda: self._raw.execute(query.sqlite, values).rowcount)
        return count

    async def execute_many(self, query: Statement, rows: Iterable[Params]) -> None:
        prepared = [query.for_sqlite(row) for row in rows]
        if prepared:
            # Closed here: a cursor that died on the loop would reset its statement while this thread runs it again.
            await self._run(lambda: self._raw.executemany(query.sqlite, prepared).close())

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(table.c))
        names = ", ".join(f'"{name}"' for name in table.c.keys())  # noqa: SIM118 - a collection of columns, not a mapping
        text = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - names of ours
        await self._run(lambda: self._raw.executemany(text, rows).close())


class SqliteDatabase:
    """One SQLite file, open for reading in the event loop and for writing on one thread."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path, *, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: 3.38 or newer is needed.")
        self.path = path
        self._synchronous = synchronous
        self._writer_thread = ThreadPoolExecutor(1, f"write {path.name}")
        self._reader_thread: ThreadPoolExecutor | None = None
        self._slow: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._writer = self._connect()
            self._reader = self._connect(read_only=True)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The database {path} cannot be opened: {error}.") from None
        self._turn = asyncio.Lock()

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        raw = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self.path.chmod(0o600)
        if raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            with self._locked():
                raw.execute("PRAGMA journal_mode=WAL")
        for pragma in (
            "wal_autocheckpoint=0",
            f"synchronous={self._synchronous}",
            "foreign_keys=ON",
            "secure_delete=ON",  # what a person asked us to forget must not linger in free pages
            "temp_store=MEMORY",
            "cache_size=-16000",
            "mmap_size=0",
        ):
            raw.execute(f"PRAGMA {pragma}")
        if read_only:
            raw.execute("PRAGMA query_only=ON")
        return raw

    async def fetch_all(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        try:
            return self._reader.execute(query.sqlite, query.for_sqlite(params)).fetchall()
        except sqlite3.OperationalError as error:
            raise _unavailable(error) from error

    async def fetch_one(self, query: Statement, params: Params = NOTHING) -> Row | None:
        try:
            cursor = self._reader.execute(query.sqlite, query.for_sqlite(params))
            row: Row | None = cursor.fetchone()
            cursor.close()
        except sqlite3.OperationalError as error:
            raise _unavailable(error) from error
        return row

    async def fetch_all_slowly(self, query: Statement, params: Params = NOTHING) -> list[Row]:
        return await self._off_loop(
            lambda raw: raw.execute(query.sqlite, query.for_sqlite(params)).fetchall(),
        )

    async def stream(
        self, query: Statement, params: Params = NOTHING, *, size: int = 1_000
    ) -> AsyncIterator[list[Row]]:
        cursor = await self._off_loop(lambda raw: raw.execute(query.sqlite, query.for_sqlite(params)))
        try:
            while rows := await self._off_loop(lambda _: cursor.fetchmany(size)):
                yield rows
        finally:
            await self._off_loop(lambda _: cursor.close())

    async def _off_loop(self, act: Callable[[sqlite3.Connection], T]) -> T:
        if self._reader_thread is None:
            self._reader_thread = ThreadPoolExecutor(1, f"read {self.path.name}")

        def run() -> T:
            if self._slow is None:
                self._slow = self._connect(read_only=True)
            return act(self._slow)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader_thread, run)
        except sqlite3.OperationalError as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def write(self, *, is_brief: bool = False) -> AsyncIterator[SqliteConnection]:
        loop = asyncio.get_running_loop()

        def run(act: Callable[[], T]) -> asyncio.Future[T]:
            return loop.run_in_executor(self._writer_thread, act)

        async with self._turn:
            try:
                try:
                    if not (is_brief and self._begin_at_once()):
                        await run(self._begin)
                    yield SqliteConnection(self._writer, _here if is_brief else run)
                    await run(self._commit)
                except BaseException:
                    # Shielded: a request that is cancelled must not leave its transaction open behind it.
                    await asyncio.shield(run(self._rollback))
                    raise
            except sqlite3.OperationalError as error:
                raise _unavailable(error) from error

    def _begin(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._writer.execute("BEGIN IMMEDIATE")

    def _begin_at_once(self) -> bool:
        """Begin if that needs no waiting: no other process of ours writes just now, and no other program."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._writer.execute("PRAGMA busy_timeout=0")
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            # Waited for on the thread, which keeps the lock that is ours by now.
            return False
        finally:
            self._writer.execute(f"PRAGMA busy_timeout={_PATIENCE * 1_000}")
        return True

    def _commit(self) -> None:
        self._writer.execute("COMMIT")
        self._checkpoint_if_long()
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _rollback(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _checkpoint_if_long(self) -> None:
        try:
            frames = (self.path.with_name(self.path.name + "-wal").stat().st_size) // 4_096
        except FileNotFoundError:
            return
        if frames > CHECKPOINT_FRAMES:
            self._checkpoint()

    def _checkpoint(self) -> bool:
        """Whether the WAL is empty now. Under the lock."""
        # RESTART waits for readers to leave the old WAL, so that it is overwritten instead of growing for ever;
        # readers here hold their snapshot for a millisecond, and PASSIVE is what happens if they do not.
        busy = self._writer.execute("PRAGMA busy_timeout").fetchone()[0]
        self._writer.execute("PRAGMA busy_timeout=20")
        try:
            return not self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError:
            return False  # what could not be copied now is copied by the next writer
        finally:
            self._writer.execute(f"PRAGMA busy_timeout={busy}")

    async def settle(self) -> None:
        """Empty the WAL, where pages stand as they were before."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            for _ in range(_TRIES):
                # A reader of another process may hold on to the old pages for a moment.
                if await loop.run_in_executor(self._writer_thread, self._settle):
                    return
                await asyncio.sleep(0.05)

    def _settle(self) -> bool:
        with self._locked():
            return self._checkpoint()

    def _locked(self) -> "_FileLock":
        return _FileLock(self._lock)

    async def close(self) -> None:
        def last() -> None:
            with self._locked():
                self._writer.close()  # the last connection to close checkpoints: under the lock as well

        self._reader.close()
        if self._reader_thread is not None:
            if self._slow is not None:
                await asyncio.get_running_loop().run_in_executor(self._reader_thread, self._slow.close)
            self._reader_thread.shutdown()
        await asyncio.get_running_loop().run_in_executor(self._writer_thread, last)
        self._writer_thread.shutdown()
        os.close(self._lock)


async def _here(act: Callable[[], T]) -> T:
    return act()


class _FileLock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def _unavailable(error: sqlite3.OperationalError) -> StoreUnavailable:
    return StoreUnavailable(f"The database cannot be used right now: {error}.")
