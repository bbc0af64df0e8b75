"""An installation moves to PostgreSQL and back: every kind of row, whole, even if the way was cut."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran
from test_erasure import seed
from vizsla.accounts.store import create_user
from vizsla.kit.settings import Settings
from vizsla.storage.copying import Contents, read_contents
from vizsla.storage.database import Database
from vizsla.storage.migrate import WHICH
from vizsla.storage.open import HomeLock, connect, open_stores
from vizsla.storage.schema import list_tables
from vizsla.storage.statement import statement

Command = Callable[..., Ran]
MANY = 30_000


@pytest.fixture
def lived_in(home: Path) -> Path:
    """A home with something in (nearly) every table."""

    async def fill() -> None:
        async with open_stores(Settings(home=home, secret_key="0" * 64)) as stores:
            await seed(stores)

    asyncio.run(fill())
    (home / "secret_key").write_text("f" * 64)
    return home


async def contents(url_of: Callable[[str], str]) -> dict[str, Contents]:
    found: dict[str, Contents] = {}
    for which in WHICH:
        database = await connect(url_of(which), which)
        for table in list_tables(which):
            found[f"{which}.{table.name}"] = await read_contents(database, table)
        await database.close()
    return found


def of_home(home: Path) -> dict[str, Contents]:
    return asyncio.run(contents(lambda which: f"sqlite:///{home / which}.db"))


def test_there_and_back_again(vizsla: Command, lived_in: Path, postgres_settings: Settings, tmp_path: Path) -> None:
    url, back = postgres_settings.app_url, tmp_path / "back"
    before = of_home(lived_in)
    assert sum(table.rows > 0 for table in before.values()) > 30

    there = vizsla("db", "copy", str(lived_in), url, "--json")
    assert there.code == 0, there.talk
    copied = {f"{one['database']}.{one['table']}": one for one in json.loads(there.out)}
    assert {name: one["rows"] for name, one in copied.items()} == {name: one.rows for name, one in before.items()}
    assert asyncio.run(contents(lambda _: url)) == before

    again = vizsla("db", "copy", str(lived_in), url, "--json")
    assert again.code == 0
    assert {one["written"] for one in json.loads(again.out)} == {0}

    home = vizsla("db", "copy", url, str(back))
    assert home.code == 0, home.talk
    assert of_home(back) == before


def test_keys_go_on_behind_the_last(vizsla: Command, lived_in: Path, postgres_settings: Settings) -> None:
    assert vizsla("db", "copy", str(lived_in), postgres_settings.app_url).code == 0

    async def make() -> int:
        async with open_stores(postgres_settings) as stores, stores.app.write() as conn:
            return (await create_user(conn, "next@initech.example", now=1)).account_id

    assert asyncio.run(make()) == 2


def test_the_secret_goes_from_home_to_home(vizsla: Command, lived_in: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    assert vizsla("db", "copy", str(lived_in), str(there)).code == 0
    assert (there / "secret_key").read_text() == "f" * 64
    assert of_home(there) == of_home(lived_in)


async def load_many(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute_many(
            statement(
                "INSERT INTO page (uri, digest, domain, first_fetched, last_fetched) VALUES (:uri, 'd', 'quux.example', 1, 1)"
            ),
            [{"uri": f"https://quux.example/{number}"} for number in range(MANY)],
        )


@pytest.mark.parametrize("way", ["to postgresql", "to sqlite"])
def test_a_copy_that_was_killed_goes_on(
    vizsla: Command, lived_in: Path, postgres_settings: Settings, tmp_path: Path, way: str
) -> None:
    async def fill() -> None:
        async with open_stores(Settings(home=lived_in, secret_key="0" * 64)) as stores:
            await load_many(stores.index)

    asyncio.run(fill())
    before = of_home(lived_in)
    source, target = str(lived_in), postgres_settings.app_url
    if way == "to sqlite":
        assert vizsla("db", "copy", source, target).code == 0
        source, target = target, str(tmp_path / "there")
    url = target if "://" in target else f"sqlite:///{Path(target) / 'index.db'}"
    process = subprocess.Popen([sys.executable, "-m", "vizsla.cli.main", "db", "copy", source, target], env=os.environ)
    held = _wait_until_some(url, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < held <= MANY

    done = vizsla("db", "copy", source, target, "--json")
    assert done.code == 0, done.talk
    pages = next(one for one in json.loads(done.out) if one["table"] == "page")
    assert pages["rows"] >= MANY and pages["written"] < pages["rows"]
    found = of_home(Path(target)) if way == "to sqlite" else asyncio.run(contents(lambda _: target))
    assert found == before


def _wait_until_some(url: str, process: subprocess.Popen[bytes]) -> int:
    """Rows of a table that is being copied, as soon as there are some."""

    async def look() -> int:
        if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).is_file():
            return 0
        database = await connect(url, "index")
        try:
            row = await database.fetch_one(statement("SELECT count(*) FROM page"))
            return int(row[0]) if row else 0
        except Exception:
            return 0  # the schema is still being made
        finally:
            await database.close()

    until = time.monotonic() + 60
    while not (rows := asyncio.run(look())):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    return rows


def test_what_is_there_already_is_left_alone(vizsla: Command, lived_in: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"

    async def make() -> None:
        async with open_stores(Settings(home=other, secret_key="0" * 64)) as stores, stores.app.write() as conn:
            await create_user(conn, "somebody@else.example", now=7)

    asyncio.run(make())
    before = of_home(other)
    refused = vizsla("db", "copy", str(lived_in), str(other))
    assert refused.code == 1
    assert "holds other rows" in refused.talk and "Traceback" not in refused.talk
    assert of_home(other) == before


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("{home}", "{home}", "nothing to copy"),
        ("{home}/none", "{home}", "There is no installation"),
        ("mysql://x/y", "{home}", "postgresql://"),
        ("{home}", "postgresql://a/b,redis://c", "postgresql://"),
        ("{home}", "postgresql://nobody@127.0.0.1:1/x", "cannot be reached"),
    ],
)
def test_what_cannot_be_copied_is_said(vizsla: Command, lived_in: Path, source: str, target: str, words: str) -> None:
    refused = vizsla("db", "copy", source.format(home=lived_in), target.format(home=lived_in))
    assert refused.code == 1
    assert words in refused.talk
    assert "Traceback" not in refused.talk


def test_a_home_that_is_served_is_not_copied(vizsla: Command, lived_in: Path, tmp_path: Path) -> None:
    with HomeLock(lived_in):
        refused = vizsla("db", "copy", str(lived_in), str(tmp_path / "there"))
    assert refused.code == 1
    assert "already runs" in refused.talk
