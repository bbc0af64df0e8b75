"""An account to charge, in stores that are made once: a PostgreSQL database emptied after each test, a SQLite home to copy."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from argon2 import PasswordHasher

from vizsla.accounts import passwords
from vizsla.accounts.store import Member, create_user
from vizsla.accounts.tables import account
from vizsla.campaigns.tables import campaign
from vizsla.crawl.tables import crawl_ask
from vizsla.finder.tables import finder_outcome
from vizsla.index.tables import index_metadata
from vizsla.kit.settings import Settings
from vizsla.leads.tables import lead
from vizsla.mail.tables import mail_out
from vizsla.privacy.tables import claim
from vizsla.storage.open import Stores, open_stores
from vizsla.verifier.tables import verification
from vizsla.webhooks.tables import webhook_endpoint

NOW = 1_795_000_000
# All of the app's, so every room's tables must have been imported by now.
_TABLES = {
    name
    for table in (account, campaign, claim, crawl_ask, finder_outcome, lead, mail_out, verification, webhook_endpoint)
    for name in table.metadata.tables
} | index_metadata.tables.keys()
# The ledger of claims lets no line of it be deleted.
_EMPTY = ";".join(("TRUNCATE " if table == "claim_event" else "DELETE FROM ") + table for table in sorted(_TABLES))


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite home at this program's schema."""
    home = tmp_path_factory.mktemp("shared") / "home"

    async def make() -> None:
        async with open_stores(Settings(home=home, secret_key="0" * 64)):
            pass

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return home


@pytest.fixture
def settings(dialect: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    url: str = ""
    if dialect == "sqlite":
        shutil.copytree(request.getfixturevalue("shared_home"), home)
    else:
        url = request.getfixturevalue("shared_postgres")
    return Settings(home=home, secret_key="0" * 64, database_url=url, index_url=url)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        yield opened
    if settings.database_url:
        async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=1) as pool:
            await pool.execute(f"{_EMPTY}; ALTER SEQUENCE account_id_seq RESTART")


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least of work: what is tested is what is made of it."""
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def owner(stores: Stores) -> Member:
    async with stores.app.write() as conn:
        return await create_user(conn, "owner@acme.example", now=NOW, is_admin=True)
