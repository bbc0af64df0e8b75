"""
How fast does a file become leads, and what is lost when the worker dies?

A file of 100,000 rows, one in twenty of them bad, in the hands of a worker in a process of its own; beside it the bare
`executemany` (SQLite) or `COPY` (PostgreSQL) of the same rows into the same table, and the same file with `kill -9` ten times.

    make bench ARGS="leads_import [--json] [--rows=N] [--kills=N] [--no-postgres] [--no-sqlite]"
"""

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.leads import COLUMNS, NOW, _execute, _postgres, _write, rows
from vizsla.accounts.store import create_user
from vizsla.kit.clock import SystemClock
from vizsla.kit.csv_file import write_rows
from vizsla.kit.settings import Settings, load_settings
from vizsla.leads.import_file import add_import, read
from vizsla.leads.import_store import Import, get_import
from vizsla.leads.imports import start_import
from vizsla.leads.mapping import Plan, propose
from vizsla.leads.store import count_leads
from vizsla.storage.open import open_stores
from vizsla.storage.statement import statement
from vizsla.work.leads import work_on_imports
from vizsla.work.workplace import open_workplace

_SHOWN = ("email", "first_name", "last_name", "position", "company", "website", "phone_number", "notes")
_DISTINCT = statement("SELECT count(*), count(DISTINCT email) FROM lead WHERE account_id = 1")


def file_of(size: int) -> tuple[bytes, int]:
    """A file, and how many of its rows are good."""
    some, places, lines, good = random.Random(3), [COLUMNS.index(name) for name in _SHOWN], [list(_SHOWN)], 0
    for number, row in enumerate(rows(1, size, 1, 1, 1)):
        cells = [str(row[place] or "") for place in places]
        if number % 20 == 19:
            cells[0] = some.choice(["", "nobody", "a@b@c", "x@localhost"])
        else:
            good += 1
        lines.append(cells)
    return write_rows(lines).encode(), good


async def _account(settings: Settings) -> None:
    async with open_stores(settings) as stores, stores.app.write() as conn:
        await create_user(conn, "bench@bench.example", now=NOW)


async def _begin(settings: Settings, file: bytes) -> float:
    """The file, ready to run; seconds that taking it on took."""
    async with open_stores(settings) as stores:
        account_id = 1
        began = time.perf_counter()
        with read(io.BytesIO(file)) as found:
            async with stores.app.write() as conn:
                made = await add_import(conn, account_id, found, file_name="bench.csv", now=NOW)
        took = time.perf_counter() - began
        async with stores.app.write() as conn:
            await start_import(conn, account_id, made.id, Plan(propose(made.columns, [])), SystemClock().now())
    return took


async def _state(settings: Settings) -> tuple[Import, int, tuple[int, int]]:
    async with open_stores(settings) as stores:
        row = await stores.app.fetch_one(statement("SELECT max(id) FROM lead_import"))
        assert row is not None
        counted = (await stores.app.fetch_all_slowly(_DISTINCT))[0]
        done = await get_import(stores.app, 1, row[0])
        return done, await count_leads(stores.app, 1), (counted[0], counted[1])


async def _done(settings: Settings) -> int:
    """Rows of the newest import that are leads, or refused."""
    async with open_stores(settings) as stores:
        row = await stores.app.fetch_one(statement("SELECT done FROM lead_import ORDER BY id DESC LIMIT 1"))
        assert row is not None
        return int(row[0])


def _worker(settings: Settings) -> "subprocess.Popen[bytes]":
    variables = {
        "VIZSLA_HOME": str(settings.home), "VIZSLA_SECRET_KEY": settings.secret_key,
        "VIZSLA_DATABASE_URL": settings.database_url, "VIZSLA_INDEX_URL": settings.index_url,
    }  # fmt: skip
    others = {name: value for name, value in os.environ.items() if not name.startswith("VIZSLA_")}
    command = [sys.executable, "-m", "benchmarks.leads_import", "--worker"]
    return subprocess.Popen(command, env=others | {name: value for name, value in variables.items() if value})


def measure(settings: Settings, size: int, kills: int) -> dict[str, object]:
    """One store."""
    file, good = file_of(size)
    asyncio.run(_account(settings))
    taking = asyncio.run(_begin(settings, file))
    began = time.perf_counter()
    _worker(settings).wait()
    seconds = time.perf_counter() - began
    done, leads, (there, distinct) = asyncio.run(_state(settings))
    assert (done.created, done.refused, leads, there, distinct) == (good, size - good, good, good, good), done
    asyncio.run(_execute(settings, "DELETE FROM lead", "DELETE FROM lead_account"))
    bare = time.perf_counter()
    asyncio.run(_write(settings, rows(1, size, 1, 1, 1)))
    bare = time.perf_counter() - bare
    asyncio.run(_execute(settings, "DELETE FROM lead"))

    asyncio.run(_begin(settings, file))
    some = random.Random(5)
    killed = 0
    while killed < kills:
        worker = _worker(settings)
        # Somewhere in the next part of the file: each kill finds it at work.
        wanted = (killed + some.random()) * size / kills
        while worker.poll() is None and asyncio.run(_done(settings)) <= wanted:
            time.sleep(0.005)
        if worker.poll() is not None:
            break
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        killed += 1
        asyncio.run(
            _execute(settings, "UPDATE lead_import SET due = 0 WHERE due IS NOT NULL")
        )  # as if its lease had ended
    _worker(settings).wait()
    after, leads, (there, distinct) = asyncio.run(_state(settings))
    return {
        "rows": size,
        "rows_per_second": size / seconds,
        "bare_rows_per_second": size / bare,
        "of_bare": bare / seconds,
        "taken_on_seconds": taking,
        "kills": killed,
        "lost": good - there,
        "twice": there - distinct,
        "counted_right": (after.created, after.refused, leads) == (good, size - good, good),
    }


async def _work() -> None:
    async with open_workplace(load_settings()) as place:
        await work_on_imports(place, f"bench{os.getpid()}")


def main(arguments: Sequence[str] = ()) -> None:
    if "--worker" in arguments:
        asyncio.run(_work())
        return
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    size, kills = int(options.get("rows", 100_000)), int(options.get("kills", 10))
    result = {}
    if "no-sqlite" not in options:
        with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder:
            result["sqlite"] = measure(Settings(home=Path(folder) / "home", secret_key="0" * 64), size, kills)
    if "no-postgres" not in options:
        with tempfile.TemporaryDirectory(prefix="vizsla-bench-") as folder, _postgres() as url:
            settings = Settings(home=Path(folder) / "home", secret_key="0" * 64, database_url=url, index_url=url)
            result["postgresql"] = measure(settings, size, kills)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
