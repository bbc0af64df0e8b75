"""What do commands and loops need? The settings, both stores, the claims, a clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from vizsla.kit.clock import Clock, SystemClock
from vizsla.kit.settings import Settings, load_settings
from vizsla.mail.post import choose_post
from vizsla.privacy.claims import Claims, load_claims
from vizsla.storage.open import Stores, open_stores
from vizsla.storage.secret import find_secret
from vizsla.verifier.egress import WayOut
from vizsla.verifier.waiting import Waiting


class Tell(Protocol):
    """Writes a line of the log."""

    def __call__(self, event: str, *, level: str = "info", **values: object) -> None: ...


class Workplace(msgspec.Struct, frozen=True):
    """An installation, open."""

    settings: Settings
    stores: Stores
    secret: bytes
    clock: Clock
    waiting: Waiting = msgspec.field(default_factory=Waiting)
    """Who in this process waits for a verification."""
    way_out: WayOut = msgspec.field(default_factory=WayOut)
    """Whether mail servers can be asked from here."""

    async def claims(self) -> Claims:
        """The claims as they stand now."""
        return await load_claims(self.stores.app, self.secret)


@asynccontextmanager
async def open_workplace(settings: Settings | None = None) -> AsyncIterator[Workplace]:
    """The installation that the environment names; refused if it cannot be used."""
    settings = settings or load_settings()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = find_secret(settings)
    async with open_stores(settings) as stores:
        place = Workplace(settings, stores, secret, SystemClock())
        await place.claims()  # a wrong secret key stops every command, before it does anything
        choose_post(settings)  # so does a wrong relay
        yield place
