"""
Is the database of the shape this program knows?

One Alembic chain for each of the two databases, both dialects. A start brings an older database up to date (several nodes
may start at once: one migrates, the others wait) and refuses a newer one, for what an old program does not know it would
damage.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from vizsla.kit.errors import StoreError
from vizsla.storage.database import Database
from vizsla.storage.statement import statement

Which = Literal["app", "index"]
WHICH: tuple[Which, ...] = ("app", "index")
HEADS: dict[Which, str] = {"app": "0014", "index": "0005"}
"""The newest revision of each chain; a test compares it with the files."""
_HERE = Path(__file__).parent / "migrations"


class SchemaState(msgspec.Struct, frozen=True):
    """Where a database stands."""

    which: Which
    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether nothing is to be done."""
        return self.current == self.head


async def find_revision(database: Database, which: Which) -> str | None:
    """The revision a database is at; None for an empty one."""
    there = statement(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = :name",
        postgresql="SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename = :name",
    )
    if await database.fetch_one(there, {"name": f"alembic_version_{which}"}) is None:
        return None
    row = await database.fetch_one(statement(f"SELECT version_num FROM alembic_version_{which}"))  # noqa: S608
    return row[0] if row else None


async def check_schema(database: Database, which: Which) -> SchemaState:
    """Where *database* stands; StoreError if a newer Vizsla made it."""
    current = await find_revision(database, which)
    if current is not None and current > HEADS[which]:
        raise StoreError(
            f"The {which} database was made by a newer Vizsla (schema {current}, this one knows {HEADS[which]}). "
            "Install that version again, or restore a backup from before."
        )
    return SchemaState(which, current, HEADS[which])


async def migrate(url: str, which: Which) -> None:
    """Bring the database at *url* to this program's schema."""
    await asyncio.to_thread(_upgrade, url, which)


def _upgrade(url: str, which: Which) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE / which))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    config.attributes["which"] = which
    with _alone(url):
        command.upgrade(config, "head")


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """One migration of a SQLite file at a time; PostgreSQL has its advisory lock (migrations/environment.py)."""
    if not url.startswith("sqlite:///"):
        yield
        return
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
