"""
`kill -9` while a list is verified, again and again: every row comes out, each once, and is counted once.

Over the API with `vizsla serve`, and with `vizsla verify --file` (and Ctrl-C, once); 200 mail domains in a process that lives on. `make bench
ARGS=verify_faults` (or VIZSLA_BENCH=1) runs it with 10,000 rows and 20 kills, the suite with fewer.
"""

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.mail_world import MailWorld, address, mail_world, status

from cli.test_serve import get, read_until

FULL = bool(os.environ.get("VIZSLA_BENCH"))
ROWS, KILLS = (10_000, 20) if FULL else (2_400, 2)
PATH = "/v2/bulk/verifications"


@pytest.fixture
def world() -> Iterator[MailWorld]:
    with mail_world(round_trip=0.1) as running:
        yield running


@pytest.fixture
def environment(world: MailWorld, tmp_path: Path) -> dict[str, str]:
    return {**os.environ, **world.environment(tmp_path / "home")}


def begin(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vizsla.cli.main", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def kill(process: subprocess.Popen[str]) -> None:
    time.sleep(random.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def until(count: Callable[[], int], least: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while count() < least:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < end, f"{count()} of {least} rows"
        time.sleep(0.02)


def check(rows: list[dict[str, str]], column: str) -> None:
    assert [row["email"] for row in rows] == [address(number) for number in range(ROWS)]
    assert [row[column] for row in rows] == [status(number) for number in range(ROWS)]


def test_a_list_of_the_api(environment: dict[str, str], world: MailWorld) -> None:
    added = subprocess.run(
        [sys.executable, "-m", "vizsla.cli.main", "user", "add", "a@a.example", "--json"],
        env=environment, capture_output=True, check=True,
    )  # fmt: skip
    key = {"X-API-KEY": json.loads(added.stdout)["api_key"]}
    url = list_ = ""
    seen = []

    def ask(path: str, data: bytes | None = None, **headers: str) -> str:
        code, body = get(url + path, {**key, **headers}, data)
        assert code < 300, body
        return body

    def done() -> int:
        return int(json.loads(ask(list_))["data"]["done"])

    def serve() -> subprocess.Popen[str]:
        nonlocal url
        process = begin(environment, "serve", "--port", "0")
        url = re.findall(r"http://[\d.:]+", read_until(process, "Ctrl-C"))[0]
        return process

    process = serve()
    try:
        emails = json.dumps({"emails": [address(number) for number in range(ROWS)]}).encode()
        made = json.loads(ask(PATH, emails, **{"Content-Type": "application/json"}))
        list_ = f"{PATH}/{made['data']['id']}"
        for number in range(1, KILLS + 1):
            until(done, ROWS * number // (KILLS + 1), process)
            seen.append(done())
            kill(process)
            process = serve()
        until(done, ROWS, process)
        data = json.loads(ask(list_))["data"]
        assert (data["status"], data["done"], data["charged"]) == ("done", ROWS, ROWS)
        used = json.loads(ask("/v2/account"))["data"]["requests"]["verifications"]["used"]
        assert used == ROWS
        check(list(csv.DictReader(io.StringIO(ask(f"{list_}/results.csv")))), "status")
    finally:
        process.kill()
        process.communicate()
    assert seen == sorted(set(seen)), "no kill came after the end of the list"
    assert seen[-1] < ROWS
    connections, recipients, most = world.counts()
    print(
        f"\nAPI: {ROWS} rows, {KILLS} kills at {seen}; counted {used}; {recipients} recipients, {connections} connections, at most {most} at once"
    )
    assert most <= 10  # five of a killed process may still hang while its successor opens five


def test_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("name,email\n" + "".join(f'"P, {number}",{address(number)}\n' for number in range(ROWS)))
    part = tmp_path / "out.csv.part"
    arguments = ("verify", "--file", str(source), "--out", str(out), "--json")
    seen = []

    def done() -> int:
        return max(0, part.read_bytes().count(b"\n") - 1) if part.exists() else 0

    for number in range(1, KILLS + 1):
        process = begin(environment, *arguments)
        until(done, ROWS * number // (6 * KILLS), process)  # enough is left for Ctrl-C
        seen.append(done())
        kill(process)
        assert not out.exists()
    process = begin(environment, *arguments)
    until(done, done() + 1, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    with part.open("ab") as journal:
        journal.write(b'{"n":77,"e":{"why":"ver')  # as a kill in the middle of a write leaves it
    last = begin(environment, *arguments)
    summary = json.loads(last.communicate(timeout=120)[0])

    assert summary["rows"] == ROWS
    assert seen[-1] <= summary["resumed"] <= ROWS
    assert sum(summary["tally"].values()) == ROWS
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    check(rows, "verification_status")
    assert [row["name"] for row in rows] == [f"P, {number}" for number in range(ROWS)]
    assert not part.exists()
    print(f"\nFile: {ROWS} rows, {KILLS} kills at {seen}")
