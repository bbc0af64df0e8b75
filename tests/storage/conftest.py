"""A store of each test's own: here tables are made, locked and left as they should not be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres import PostgresServer
from vizsla.kit.settings import Settings


@pytest.fixture
def postgres_settings(postgres: PostgresServer, home: Path) -> Iterator[Settings]:
    with postgres.new_database() as url:
        yield Settings(home=home, secret_key="0" * 64, database_url=url, index_url=url)
