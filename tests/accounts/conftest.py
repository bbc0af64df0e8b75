"""An account to charge."""

import pytest
from argon2 import PasswordHasher

from vizsla.accounts import passwords
from vizsla.accounts.store import Member, create_user
from vizsla.storage.open import Stores

NOW = 1_795_000_000


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least of work: what is tested is what is made of it."""
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def owner(stores: Stores) -> Member:
    async with stores.app.write() as conn:
        return await create_user(conn, "owner@acme.example", now=NOW, is_admin=True)
