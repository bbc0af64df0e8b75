"""An account to charge."""

import pytest

from vizsla.accounts.store import Member, create_user
from vizsla.storage.open import Stores

NOW = 1_795_000_000


@pytest.fixture
async def owner(stores: Stores) -> Member:
    async with stores.app.write() as conn:
        return await create_user(conn, "owner@acme.example", now=NOW, is_admin=True)
