"""How is a database opened? By URL, brought up to date, or refused with the reason."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

import msgspec

from vizsla.kit.errors import StoreBusy, StoreError
from vizsla.kit.settings import Settings
from vizsla.storage.database import NOTHING, Database
from vizsla.storage.migrate import Which, check_schema, migrate
from vizsla.storage.postgres import OF_PARTITIONS, PostgresDatabase
from vizsla.storage.sqlite import SqliteDatabase


class Stores(msgspec.Struct, frozen=True):
    """Both databases, open."""

    app: Database
    index: Database


async def open_database(url: str, which: Which) -> Database:
    """The database at *url*, migrated if it is older than this program."""
    database = await connect(url, which)
    try:
        state = await check_schema(database, which)
        if not state.is_current:
            await migrate(url, which)
    except BaseException:
        await database.close()
        raise
    return database


async def connect(url: str, which: Which) -> Database:
    """The database at *url* as it is, migrated or not."""
    if url.startswith("sqlite:///"):
        # What the web said can be read again from its pages; what people entrusted to us cannot.
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), synchronous="FULL" if which == "app" else "NORMAL")
    database = PostgresDatabase(url, session=OF_PARTITIONS if which == "index" else NOTHING)
    await database.open()
    return database


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Both databases of *settings*, closed at the end."""
    app = await open_database(settings.app_url, "app")
    try:
        index = await open_database(settings.index_database_url, "index")
        try:
            yield Stores(app, index)
        finally:
            await index.close()
    finally:
        await app.close()


class HomeLock:
    """
    The right to be the one `vizsla serve` on a home whose databases are SQLite.

    Held until the process ends, however it ends: the kernel lets go of it.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "serve.lock"
        self._descriptor = -1

    def __enter__(self) -> "HomeLock":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{self._path.parent} cannot be used: {error.strerror}. Set VIZSLA_HOME.") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StoreBusy(
                f"Another `vizsla serve` (process {holder}) already runs on {self._path.parent}. SQLite means one "
                "server on one home: stop that one, give this one its own VIZSLA_HOME, or move to PostgreSQL "
                "(VIZSLA_DATABASE_URL, VIZSLA_INDEX_URL). Every other command works beside a running server."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
