"""How does an operator make a backup without waiting for it? One at a time, in this process, and the last word is kept."""

import asyncio

from vizsla.kit.clock import Clock
from vizsla.kit.errors import VizslaError
from vizsla.kit.settings import Settings
from vizsla.storage.backup import Backup, backup_path, list_backups, make_backup


class Backups:
    """The backups of one server."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._making: asyncio.Task[None] | None = None
        self.problem = ""
        """Why the last one could not be made."""

    @property
    def is_making(self) -> bool:
        """Whether one is being made."""
        return self._making is not None and not self._making.done()

    async def list(self) -> list[Backup]:
        """Those in `$VIZSLA_HOME/backups`, the newest first."""
        return await asyncio.to_thread(list_backups, self._settings.home)

    async def begin(self, *, patience: float = 1.0) -> None:
        """Make one, unless one is being made; small ones are done when this returns."""
        if not self.is_making:
            self._making = asyncio.create_task(self._make())
        assert self._making is not None
        await asyncio.wait([self._making], timeout=patience)

    async def _make(self) -> None:
        self.problem = ""
        try:
            await make_backup(self._settings, backup_path(self._settings.home, self._clock.now()))
        except VizslaError as error:
            self.problem = error.details
