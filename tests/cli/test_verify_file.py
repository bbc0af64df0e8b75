"""`vizsla verify --file`: rows in their order beside their other columns, none lost, whatever they hold."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.mail_world import MailWorld, address, mail_world, status

from cli.conftest import Ran, vizsla

__all__ = ["vizsla"]


@pytest.fixture(scope="module")
def world() -> Iterator[MailWorld]:
    with mail_world(round_trip=0.01) as running:
        yield running


@pytest.fixture
def verify(
    vizsla: Callable[..., Ran], world: MailWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    for name, value in world.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: vizsla("verify", *arguments)


def read(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_rows_keep_their_order_and_their_columns(verify: Callable[..., Ran], tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = [f'Änn {number};{address(number)};"a;b\n{number}"' for number in range(120)]
    source.write_text("﻿Name;E-Mail;Note\n" + "\n".join(lines) + "\n", encoding="utf-8")

    ran = verify("--file", str(source), "--out", str(out), "--json")

    assert ran.code == 0, ran.talk
    summary = json.loads(ran.out)
    assert (summary["rows"], summary["resumed"], summary["out"]) == (120, 0, str(out))
    rows = read(out, ";")
    assert [row["E-Mail"] for row in rows] == [address(number) for number in range(120)]
    assert [row["verification_status"] for row in rows] == [status(number) for number in range(120)]
    assert rows[7]["Name"] == "Änn 7"
    assert rows[7]["Note"] == "a;b\n7"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.csv", "out.csv"]


def test_bad_rows_stay_with_their_reason(
    verify: Callable[..., Ran], vizsla: Callable[..., Ran], tmp_path: Path
) -> None:
    assert vizsla("claim", "add", address(2)).code == 0
    source, out = tmp_path / "in.csv", tmp_path / "in.verified.csv"
    source.write_text(
        f'email,x\n{address(0)},1\nno address,2\n,3\n{address(2)},4\n{address(0).upper()},5,more,cells\n"{address(1)},6\n{address(1)},7\n'
    )

    ran = verify("--file", str(source))

    assert ran.code == 0, ran.talk
    with out.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [
        address(0), "no address", "", address(2), address(0).upper(), f"{address(1)},6\n", address(1),
    ][:1] + [row[0] for row in rows[2:]]  # fmt: skip
    assert [row[2] or row[5] for row in rows[1:]] == [
        status(0), "malformed", "malformed", "claimed", status(0), "malformed", status(1),
    ]  # fmt: skip
    assert rows[5][-2:] == ["more", "cells"]
    assert len({len(row) for row in rows if row[-1] != "cells"}) == 1


def test_what_was_done_is_not_done_again(verify: Callable[..., Ran], world: MailWorld, tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("email\n" + "".join(f"{address(number)}\n" for number in range(30)))
    assert verify("--file", str(source), "--out", str(out)).code == 0
    first = out.read_bytes()
    world.counts()
    assert verify("--file", str(source), "--out", str(out)).code == 0
    assert out.read_bytes() == first
    assert world.counts()[1] <= 1  # the self-test's connection, no recipient


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (None, (), "no file"),
        ("email\na@a.test\n", ("--out", "in.csv"), "another file"),
        ("email\na@a.test\n", ("--out", "nowhere/out.csv"), "no folder"),
        ("a,b\n1,2\n", (), "there are: a, b"),
        ("", (), "no rows"),
        ("email\na@a.test\n", ("--column", "phone"), "phone"),
        ("email\na@a.test\n", ("jane@acme.test",), "not both"),
    ],
)
def test_what_cannot_be_done_is_said(
    verify: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "in.csv").write_text(content)
    ran = verify("--file", "in.csv", *arguments)
    assert (ran.code, words in ran.talk) == (1, True), ran.talk
    assert "Traceback" not in ran.talk


def test_a_journal_of_another_file_is_not_mixed_in(verify: Callable[..., Ran], tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"email\n{address(0)}\n")
    (tmp_path / "out.csv.part").write_text("vizsla 1 something else \n")
    ran = verify("--file", str(source), "--out", str(out))
    assert ran.code == 1
    assert "was begun for another file" in ran.talk
    assert not out.exists()
