"""What every room's tests share: a home, both stores, and only loopback."""

import asyncio
import contextlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from postgres import PostgresServer
from vizsla.kit.settings import Settings
from vizsla.storage.migrate import migrate
from vizsla.storage.open import Stores, open_stores
from worlds.pgbouncer import pgbouncer

DIALECTS = ("sqlite", "postgresql")
# Tests start many processes: where the environment forbids to keep what was compiled, each would compile all of it anew.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / f"vizsla-compiled-{os.getuid()}"))
_count = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server a test process; its database `template_vizsla` is what migrations make of an empty one."""
    server = PostgresServer()
    try:
        _on_a_thread(_make_template(server))
        with _between(server):
            yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _between(server: PostgresServer) -> Iterator[None]:
    """With VIZSLA_TEST_POSTGRES=pgbouncer every test's database is reached through one, in transaction mode."""
    if os.environ.get("VIZSLA_TEST_POSTGRES") != "pgbouncer":
        yield
        return
    # A transaction on one database may wait for one on the other, and here both are one: there must be more than do so at once.
    with pgbouncer(server.port, connections=12) as port:
        server.asked_at = port
        yield


async def _execute(url: str, text: str) -> None:
    connection = await _connect(url)
    try:
        await connection.execute(text)
    finally:
        await connection.close()


async def _connect(url: str) -> asyncpg.Connection:
    for _ in range(100):
        # It listens before it lets anybody in.
        with contextlib.suppress(asyncpg.CannotConnectNowError):
            return await asyncpg.connect(url)
        await asyncio.sleep(0.1)
    return await asyncpg.connect(url)


async def _make_template(server: PostgresServer) -> None:
    await _execute(server.url("postgres"), "CREATE DATABASE template_vizsla")
    for which in ("app", "index"):
        await migrate(server.url("template_vizsla"), which)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def _database(server: PostgresServer) -> str:
    """The URL of a new database at this program's schema."""
    name = f"t{os.getpid()}_{next(_count)}"
    _on_a_thread(_execute(server.url("postgres"), f"CREATE DATABASE {name} TEMPLATE template_vizsla"))
    return server.url(name, port=server.asked_at)


def _drop(server: PostgresServer, url: str) -> None:
    _on_a_thread(_execute(server.url("postgres"), f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)"))


def _on_a_thread(task: Coroutine[Any, Any, None]) -> None:
    # A test's event loop may be running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, task).result()


@pytest.fixture
def postgres_settings(postgres: PostgresServer, home: Path) -> Iterator[Settings]:
    """Settings of an empty installation on PostgreSQL."""
    url = _database(postgres)
    yield Settings(home=home, secret_key="0" * 64, database_url=url, index_url=url)
    _drop(postgres, url)


@pytest.fixture(scope="session")
def shared_postgres(postgres: PostgresServer) -> Iterator[str]:
    """A database for rooms that empty it after each test: making one costs half a second."""
    url = _database(postgres)
    yield url
    _drop(postgres, url)


@pytest.fixture
def settings(dialect: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of an empty installation, on each store in turn."""
    if dialect == "sqlite":
        return Settings(home=home, secret_key="0" * 64)
    return request.getfixturevalue("postgres_settings")


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """Both databases, empty, at this program's schema."""
    async with open_stores(settings) as opened:
        yield opened
