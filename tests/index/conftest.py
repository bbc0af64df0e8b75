"""One PostgreSQL database for all tests of a module: making one costs a second, emptying it a millisecond."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from index.made_up import empty
from postgres import PostgresServer
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores, open_stores

_count = itertools.count()


async def _execute(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def shared_postgres(postgres: PostgresServer) -> Iterator[str]:
    name = f"index_{os.getpid()}_{next(_count)}"
    with ThreadPoolExecutor(1) as thread:
        thread.submit(
            asyncio.run, _execute(postgres.url("postgres"), f"CREATE DATABASE {name} TEMPLATE template_vizsla")
        ).result()
        yield postgres.url(name, port=postgres.asked_at)
        thread.submit(asyncio.run, _execute(postgres.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")).result()


@pytest.fixture
def settings(dialect: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    if dialect == "sqlite":
        return Settings(home=home, secret_key="0" * 64)
    url: str = request.getfixturevalue("shared_postgres")
    return Settings(home=home, secret_key="0" * 64, database_url=url, index_url=url)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        yield opened
        await empty(opened.index)
