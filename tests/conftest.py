"""What every room's tests share: a home, both stores, and only loopback."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path

import pytest

from postgres import PostgresServer, Session, SharedDatabase
from vizsla.api import server
from vizsla.kit.settings import Settings
from vizsla.storage.migrate import WHICH, migrate
from vizsla.storage.open import Stores, open_stores
from worlds.pgbouncer import pgbouncer

DIALECTS = ("sqlite", "postgresql")
# Two of three seconds that a server takes to start would be the compiling of what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server a test process; its database `template_vizsla` is what migrations make of an empty one."""
    running = PostgresServer()
    try:
        with closing(Session(running.url("postgres"))) as session:
            session.execute("CREATE DATABASE template_vizsla")
        _migrate(*[running.url("template_vizsla")] * 2)
        with _between(running):
            yield running
    finally:
        running.stop()


def _migrate(*urls: str) -> None:
    async def both() -> None:
        for url, which in zip(urls, WHICH, strict=True):
            await migrate(url, which)

    # A test's event loop may be running in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(both())).result()


@contextmanager
def _between(server: PostgresServer) -> Iterator[None]:
    """With VIZSLA_TEST_POSTGRES=pgbouncer every test's database is reached through one, in transaction mode."""
    if os.environ.get("VIZSLA_TEST_POSTGRES") != "pgbouncer":
        yield
        return
    # A transaction on one database may wait for one on the other, and here both are one: there must be more than do so at once.
    with pgbouncer(server.port, connections=12) as port:
        server.asked_at = port
        yield


@pytest.fixture(scope="session")
def shared_postgres(postgres: PostgresServer) -> Iterator[SharedDatabase]:
    """The database that tests have one after the other."""
    with postgres.new_database() as url, closing(SharedDatabase(postgres, url)) as shared:
        yield shared


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite home at this program's schema, to be copied."""
    home = tmp_path_factory.mktemp("shared") / "home"
    _migrate(*(f"sqlite:///{home}/{which}.db" for which in WHICH))
    return home


@pytest.fixture(scope="session")
def sampled_home(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite home that has harvested the sample, to be copied."""
    home = tmp_path_factory.mktemp("sampled") / "home"
    shutil.copytree(shared_home, home)
    with resources.as_file(resources.files("vizsla.harvest.sample").joinpath("companies.warc.gz")) as path:
        arguments = [sys.executable, "-m", "vizsla.cli.main", "harvest", str(path), "--jobs", "1"]
        subprocess.run(arguments, env={**os.environ, "VIZSLA_HOME": str(home)}, check=True, capture_output=True)
    return home


@pytest.fixture(scope="session", autouse=True)
def _collector_of_the_tests() -> Iterator[None]:
    """A server looks through its process once, as it starts: through all that the tests loaded, for each that one of them starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_calm_collector", lambda: None)
        yield


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def postgres_settings(shared_postgres: SharedDatabase, home: Path) -> Iterator[Settings]:
    """Settings of an empty installation on PostgreSQL."""
    url = shared_postgres.url
    yield Settings(home=home, secret_key="0" * 64, database_url=url, index_url=url)
    shared_postgres.empty()


@pytest.fixture
def settings(dialect: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of an empty installation, on each store in turn."""
    if dialect == "sqlite":
        shutil.copytree(request.getfixturevalue("shared_home"), home)
        return Settings(home=home, secret_key="0" * 64)
    return request.getfixturevalue("postgres_settings")


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """Both databases, empty, at this program's schema."""
    async with open_stores(settings) as opened:
        yield opened
