"""An account, a receiver on loopback, and a place to work at that may reach it."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from accounts.conftest import owner
from api.conftest import Moment
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.work.workplace import Workplace
from worlds.receiver import Receiver, receiver

__all__ = ["owner"]


@pytest.fixture
async def ear() -> AsyncIterator[Receiver]:
    async with receiver() as world:
        yield world


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def place(stores: Stores, settings: Settings, ear: Receiver, clock: Moment) -> Workplace:
    reaching = msgspec.structs.replace(settings, egress_allow=("127.0.0.0/8",), http_ports=(80, 443, ear.port))
    return Workplace(reaching, stores, b"0" * 64, clock)
