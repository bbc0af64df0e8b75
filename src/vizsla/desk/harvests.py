"""Which archives lie in the home, and how does an operator have them read?"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vizsla.desk.services import Services
from vizsla.harvest.sources import ARCHIVE_SUFFIXES
from vizsla.index.runs import count_waiting, request_harvest
from vizsla.kit.errors import VizslaError, WrongParams

MOST_LISTED = 500
_MOST_LOOKED_AT = 20_000
MOST_WAITING = 20


class TooManyHarvests(VizslaError):
    """Twenty harvests wait already. Let some of them end first."""

    id = "too_many_requests"


class Archive(msgspec.Struct, frozen=True):
    """A file that can be harvested."""

    name: str
    """Its path below the folder of archives."""
    size: int
    modified: int


def list_archives(home: Path) -> list[Archive]:
    """The newest archives in `$VIZSLA_HOME/warc`, at most 500. Reads folders: not for the event loop."""
    found = sorted(_walk(home / "warc"), key=lambda one: (-one.modified, one.name))
    return found[:MOST_LISTED]


def _walk(root: Path) -> Iterator[Archive]:
    looked_at = 0
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            looked_at += 1
            if looked_at > _MOST_LOOKED_AT:
                return
            path = Path(folder, name)
            if not name.lower().endswith(ARCHIVE_SUFFIXES) or path.is_symlink():
                continue
            try:
                entry = path.stat()
            except OSError:
                continue  # it was there a moment ago
            yield Archive(path.relative_to(root).as_posix(), entry.st_size, int(entry.st_mtime))


async def ask_for_harvest(services: Services, names: Sequence[str], archives: Sequence[Archive], now: int) -> int:
    """Have the files *names*, out of *archives*, read; the run's id. Raises WrongParams, TooManyHarvests."""
    known = {one.name for one in archives}
    chosen = [name for name in dict.fromkeys(names) if name in known]
    if not chosen or len(chosen) < len(set(names)):
        raise WrongParams("Choose at least one file of the list.")
    if await count_waiting(services.stores.index) >= MOST_WAITING:
        raise TooManyHarvests
    async with services.stores.index.write() as conn:
        return await request_harvest(conn, chosen, now)
