"""
How is an installation kept safe, and brought back?

A backup is one tar file with what cannot be made anew: the app database (a copy at one instant, while everything goes on), the
secret key without which claims are not recognised, and the settings. The index can be read again from its WARC files.
PostgreSQL has its own tools; there a backup is refused with their names.
"""

import asyncio
import contextlib
import os
import sqlite3
import tarfile
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vizsla.kit.errors import VizslaError
from vizsla.kit.settings import Settings

_BESIDE = ("secret_key", "vizsla.toml")
"""Files of the home that go with the database, where they are."""


class BackupError(VizslaError):
    """The backup could not be made or brought back."""

    id = "backup"


class Backup(msgspec.Struct, frozen=True):
    """A backup that is there."""

    name: str
    size: int
    made_at: int


def list_backups(home: Path) -> list[Backup]:
    """Those in `$VIZSLA_HOME/backups`, the newest first."""
    found = []
    for path in (home / "backups").glob("*.tar"):
        with contextlib.suppress(OSError):
            entry = path.stat()
            found.append(Backup(path.name, entry.st_size, int(entry.st_mtime)))
    return sorted(found, key=lambda one: (-one.made_at, one.name))[:500]


def backup_path(home: Path, now: int) -> Path:
    """Where a backup made *now* goes unless somebody says otherwise."""
    return home / "backups" / f"vizsla-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.tar"


async def make_backup(settings: Settings, path: Path) -> Backup:
    """Write a backup to *path*, which must not be there yet. Raises BackupError."""
    return await asyncio.to_thread(_make, settings, path)


def restore_backup(settings: Settings, path: Path) -> list[Path]:
    """
    Bring back what *path* holds; the files that were in its place, renamed. Raises BackupError.

    Nothing else may use the home meanwhile: the caller holds `storage.open.HomeLock`.
    """
    database = _database(settings)
    if not path.is_file():
        raise BackupError(f"There is no file {path}.")
    try:
        with tarfile.open(path, "r:") as archive, tempfile.TemporaryDirectory(dir=settings.home) as scratch:
            names = set(archive.getnames())
            if "app.db" not in names:
                raise BackupError(f"{path} is no backup of Vizsla: there is no app.db in it.")
            found = {}
            for name in ("app.db", *_BESIDE):
                if name in names and (content := archive.extractfile(name)) is not None:
                    found[name] = Path(scratch, name)
                    with found[name].open("wb") as file:
                        while piece := content.read(1 << 20):
                            file.write(piece)
                    found[name].chmod(0o600)
            _must_be_sound(found["app.db"])
            return _put_in_place(found, database, settings.home)
    except tarfile.TarError:
        raise BackupError(f"{path} is no backup of Vizsla, or it is damaged.") from None
    except OSError as error:
        raise BackupError(f"{path} cannot be brought back: {error}") from None


def _put_in_place(found: dict[str, Path], database: Path, home: Path) -> list[Path]:
    moved = []
    mark = f"before-{int(time.time())}"
    for name, source in found.items():
        target = database if name == "app.db" else home / name
        # The WAL of the database that was there would be played into the one that comes.
        for old in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm") if name == "app.db")):
            if old.exists():
                aside = old.with_name(f"{old.name}.{mark}")
                old.replace(aside)
                moved.append(aside)
        source.replace(target)
    return moved


def _make(settings: Settings, path: Path) -> Backup:
    database = _database(settings)
    if path.exists():
        raise BackupError(f"{path} is there already. Name a file that is not.")
    half = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as scratch:
            copy = Path(scratch, "app.db")
            _copy(database, copy)
            with half.open("xb") as file:
                half.chmod(0o600)
                with tarfile.open(fileobj=file, mode="w") as archive:
                    archive.add(copy, "app.db", filter=_anonymous)
                    for name in _BESIDE:
                        if (beside := settings.home / name).is_file():
                            archive.add(beside, name, filter=_anonymous)
                file.flush()
                os.fsync(file.fileno())
        half.replace(path)
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        half.unlink(missing_ok=True)
        raise BackupError(f"{path} cannot be written: {error}") from None
    entry = path.stat()
    return Backup(path.name, entry.st_size, int(entry.st_mtime))


def _copy(database: Path, copy: Path) -> None:
    """SQLite's own online backup: a consistent copy at one instant, however much is written meanwhile."""
    with (
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _must_be_sound(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as raw:
        try:
            state = raw.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            state = str(error)
    if state != "ok":
        raise BackupError(f"The database in this backup is damaged: {state}")


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names and numbers of whoever runs this machine."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _database(settings: Settings) -> Path:
    url = settings.app_url
    if not url.startswith("sqlite:///"):
        raise BackupError(
            "The app database is PostgreSQL, which is backed up with its own tools: pg_dump, or pg_basebackup. "
            f"Keep {settings.home / 'secret_key'} beside it."
        )
    return Path(url.removeprefix("sqlite:///"))
