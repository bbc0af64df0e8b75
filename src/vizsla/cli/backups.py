"""`vizsla backup` and `vizsla restore`: what cannot be made anew, in one file."""

import asyncio
from pathlib import Path

from vizsla.cli.output import put_line, talk
from vizsla.kit.clock import SystemClock
from vizsla.kit.settings import load_settings
from vizsla.storage.backup import backup_path, make_backup, restore_backup
from vizsla.storage.open import HomeLock


def backup(destination: str = "") -> None:
    """
    Copy accounts, claims, lists and the secret key into one file, while everything goes on.

    Parameters
    ----------
    destination
        The file; by default one named after the time in `$VIZSLA_HOME/backups`.
    """
    settings = load_settings()
    path = Path(destination).expanduser() if destination else backup_path(settings.home, SystemClock().now())
    made = asyncio.run(make_backup(settings, path))
    put_line(str(path))
    talk(f"{made.size / 1e6:.1f} MB. Whoever has it can read everything in it: keep it as you keep the home.")


def restore(source: str) -> None:
    """
    Bring back a backup. What is there now is renamed, and nothing may run meanwhile.

    Parameters
    ----------
    source
        A file that `vizsla backup` made.
    """
    settings = load_settings()
    with HomeLock(settings.home):
        moved = restore_backup(settings, Path(source).expanduser())
    talk("Brought back. " + (f"What was there: {', '.join(str(path) for path in moved)}" if moved else ""))
