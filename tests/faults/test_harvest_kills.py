"""
`kill -9` during a harvest, again and again, changes no row.

`make bench ARGS=faults` (or VIZSLA_BENCH=1) runs it with 2,000 files and 20 kills, the suite with fewer.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archives import gz, page_about, response

FULL = bool(os.environ.get("VIZSLA_BENCH"))
FILES, KILLS = (2_000, 20) if FULL else (150, 5)

# Harvests, then merges into a small store of its own with the properties of the index: a bucket a transaction, upserts.
HARVEST = """
import sqlite3, sys
from pathlib import Path
from vizsla.harvest.job import SCHEMA
from vizsla.harvest.folder import reduced_buckets
from vizsla.harvest.local import run
if __name__ == "__main__":
    print("begun", flush=True)
    manifest = run([sys.argv[1]], Path(sys.argv[2]), jobs=2)
    store = sqlite3.connect(sys.argv[3])
    names = SCHEMA.names
    store.execute(f"create table if not exists row ({', '.join(names)}, unique (kind, domain, local, uri, key, value))")
    for batch in reduced_buckets(manifest):
        with store:
            store.executemany(
                f"insert or replace into row values ({', '.join('?' * len(names))})",
                [["" if value is None else value for value in row.values()] for row in batch.to_pylist()],
            )
    print("resumed", manifest.resumed, "bad", len(manifest.bad), flush=True)
"""


def rows_in(store: Path) -> list[tuple]:
    with sqlite3.connect(store) as connection:
        rows = connection.execute("select * from row order by kind, domain, local, uri, key, value").fetchall()
    connection.close()
    return rows


class Harvest:
    """A harvest as a process of its own, in a session of its own, so that it can be killed with all its workers."""

    def __init__(self, script: Path, *arguments: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n"

    def kill(self, with_workers: bool) -> None:
        os.killpg(self.process.pid, signal.SIGKILL) if with_workers else self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self) -> str:
        said, _ = self.process.communicate(timeout=300)
        assert self.process.returncode == 0
        return said


def alive(session: int) -> list[str]:
    stats = (process / "stat" for process in Path("/proc").iterdir() if process.name.isdigit())
    found = []
    for stat in stats:
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.slow
def test_twenty_kills_change_no_row(tmp_path):
    script = tmp_path / "harvest.py"
    script.write_text(HARVEST)
    archives = tmp_path / "in"
    archives.mkdir()
    for file in range(FILES):
        team = [f"p{n}@a{file % 97}.example" for n in range(6)]
        pages = [response(f"https://www.a{file % 97}.example/{file}/{n}", page_about("Team", *team)) for n in range(8)]
        (archives / f"{file:05}.warc.gz").write_bytes(gz(*pages))
    begun = time.monotonic()
    Harvest(script, archives, tmp_path / "quiet", tmp_path / "quiet.db").end()
    took = time.monotonic() - begun

    chance = random.Random(20261123)
    sessions = []
    done = []
    for number in range(KILLS):
        harvest = Harvest(script, archives, tmp_path / "home", tmp_path / "killed.db")
        sessions.append(harvest.process.pid)
        # Somewhere in what is left, late ones in folding and merging: a run needs half a second before its first file.
        time.sleep(0.4 + chance.random() * max(0.2, took / KILLS))
        harvest.kill(with_workers=bool(number % 2))
        done.append(len(list((tmp_path / "home").glob("harvest/*/done/*.json"))))
    said = Harvest(script, archives, tmp_path / "home", tmp_path / "killed.db").end()

    print(
        f"{FILES} files, {KILLS} kills, {took:.1f} s undisturbed; files done after each kill: {done}; then: {said.strip()}"
    )
    assert rows_in(tmp_path / "killed.db") == rows_in(tmp_path / "quiet.db")
    assert len(rows_in(tmp_path / "quiet.db")) >= FILES * 8
    assert any(0 < count < FILES for count in done), "no kill came between two files"
    deadline = time.monotonic() + 60  # they run only where nobody else wants to
    while any(alive(session) for session in sessions):
        assert time.monotonic() < deadline, "workers outlived their harvest"
        time.sleep(0.1)
