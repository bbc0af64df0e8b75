"""What runs here? What to name when something is reported."""

import platform
import sqlite3

import msgspec

from vizsla import __version__
from vizsla.kit.settings import Settings, mask_url
from vizsla.storage.database import Database
from vizsla.storage.migrate import WHICH, Which, check_schema
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

_SERVER = statement("SHOW server_version")


class Version(msgspec.Struct, frozen=True):
    """One thing, and which."""

    name: str
    value: str


async def list_versions(settings: Settings, stores: Stores) -> list[Version]:
    """Of the program, what it runs on, and both databases."""
    return [
        Version("Vizsla", __version__),
        Version("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *[await _database(settings, stores, which) for which in WHICH],
    ]


async def _database(settings: Settings, stores: Stores, which: Which) -> Version:
    database: Database = stores.app if which == "app" else stores.index
    url = settings.app_url if which == "app" else settings.index_database_url
    state = await check_schema(database, which)
    if database.dialect == "sqlite":
        server = f"SQLite {sqlite3.sqlite_version}"
    else:
        row = await database.fetch_one(_SERVER)
        server = f"PostgreSQL {row[0] if row else ''}"
    return Version(f"{which.capitalize()} database", f"{server}, {mask_url(url)}, schema {state.current}")
