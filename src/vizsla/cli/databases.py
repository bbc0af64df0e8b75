"""`vizsla db copy`: an installation outgrows SQLite, or comes home to it."""

import asyncio
import shutil
from contextlib import ExitStack
from pathlib import Path

import msgspec

from vizsla.cli.output import put_json, put_table, talk
from vizsla.cli.progress import WorkLine
from vizsla.kit.errors import SettingsError, StoreError
from vizsla.storage.copying import Copied, copy_tables
from vizsla.storage.migrate import WHICH, Which, check_schema
from vizsla.storage.open import HomeLock, connect, open_database
from vizsla.storage.schema import list_tables


class Place(msgspec.Struct, frozen=True):
    """Where both databases of an installation are."""

    app: str
    index: str
    home: Path | None = None
    """Of SQLite."""

    def url(self, which: Which) -> str:
        return self.app if which == "app" else self.index


class CopiedTable(msgspec.Struct, frozen=True):
    """A table that is the same on both sides."""

    database: Which
    table: str
    rows: int
    written: int
    hash: str


def copy(source: str, target: str, /, *, json: bool = False) -> None:
    """
    Copy accounts, lists, leads, the index, everything. Stop `vizsla serve` and `vizsla work` first.

    Stopped half-way, the same command goes on where it was. In the end both sides are read again and compared.

    Parameters
    ----------
    source
        A home with SQLite databases, or the postgresql:// URL of both databases, or two URLs with a comma between: app, index.
    target
        The same; an empty place, or what an earlier run began.
    json
        Print what was copied as JSON.
    """
    here, there = parse_place(source), parse_place(target)
    if {here.app, here.index} & {there.app, there.index}:
        raise SettingsError("Both places are the same: there is nothing to copy.")
    if here.home is not None and not (here.home / "app.db").is_file():
        raise StoreError(f"There is no installation in {here.home}: it has no app.db.")
    with ExitStack() as stack:
        for place in (here, there):
            if place.home is not None:
                # Nobody else may write meanwhile.
                stack.enter_context(HomeLock(place.home))
        _bring_secret(here, there)
        line = stack.enter_context(WorkLine("rows"))
        copied = [one for which in WHICH for one in asyncio.run(_copy(which, here, there, line))]
    if json:
        put_json(copied)
        return
    put_table(("database", "table", "rows", "written now", "hash"), [msgspec.structs.astuple(one) for one in copied])
    talk(
        f"Copied and compared: {sum(one.rows for one in copied):,} rows are the same on both sides. {_next_step(there)}"
    )


def parse_place(text: str) -> Place:
    """The databases that *text* names. Raises SettingsError."""
    if "://" not in text:
        home = Path(text).expanduser().resolve()
        return Place(f"sqlite:///{home / 'app.db'}", f"sqlite:///{home / 'index.db'}", home)
    app, comma, index = text.partition(",")
    for url in (app, index) if comma else (app,):
        if not url.startswith(("postgresql://", "postgres://")):
            raise SettingsError("Name a folder (the home), or one or two URLs that begin with postgresql://.")
    return Place(app, index or app)


async def _copy(which: Which, here: Place, there: Place, line: WorkLine) -> list[CopiedTable]:
    source = await connect(here.url(which), which)
    try:
        if not (await check_schema(source, which)).is_current:
            raise StoreError(f"The {which} database is of an older version: run `vizsla migrate` on it first.")
        target = await open_database(there.url(which), which)
        try:
            tables = list_tables(which)

            def tell(table: str, done: int, total: int) -> None:
                line.move(done / max(total, 1), f"{which}: {table}: {done:,} of {total:,} rows")

            return [_shown(which, one) for one in await copy_tables(source, target, tables, tell)]
        finally:
            await target.close()
    finally:
        await source.close()


def _shown(which: Which, one: Copied) -> CopiedTable:
    return CopiedTable(which, one.table, one.rows, one.written, one.hash)


def _bring_secret(here: Place, there: Place) -> None:
    """The key goes with what is hashed and sealed with it."""
    if here.home is None or there.home is None:
        return
    key, target = here.home / "secret_key", there.home / "secret_key"
    if key.is_file() and not target.exists():
        shutil.copy2(key, target)


def _next_step(there: Place) -> str:
    if there.home is not None:
        return f"Start it with VIZSLA_HOME={there.home}, and the secret key that there was (VIZSLA_SECRET_KEY, or the file secret_key)."
    return (
        "Set VIZSLA_DATABASE_URL and VIZSLA_INDEX_URL to where they are now, and keep the secret key that there was "
        "(the file secret_key in the home, or VIZSLA_SECRET_KEY): without it no claim is recognised."
    )
