"""`vizsla find`: the finder at the terminal."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran
from vizsla.finder.people_csv import COLUMNS

Run = Callable[..., Ran]
TEAM = ("Ada Brandt", "Bo Castell", "Cleo Dorn", "Dana Eklund")


@pytest.fixture(scope="module")
def team_home(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A team that writes `{f}{last}`, harvested from a page."""
    home = tmp_path_factory.mktemp("team") / "home"
    shutil.copytree(shared_home, home)
    people = "".join(
        f'<p>{name}: <a href="mailto:{name[0].lower()}{name.split()[1].lower()}@team.example">write</a></p>'
        for name in TEAM
    )
    page = home.parent / "team.html"
    page.write_text(
        f'<html><head><link rel="canonical" href="https://team.example/team"></head><body>{people}</body></html>'
    )
    arguments = [sys.executable, "-m", "vizsla.cli.main", "harvest", str(page)]
    subprocess.run(arguments, env={**os.environ, "VIZSLA_HOME": str(home)}, check=True, capture_output=True)
    return home


@pytest.fixture
def index(vizsla: Run, home: Path, team_home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The team's home, and no DNS."""
    shutil.copytree(team_home, home, dirs_exist_ok=True)
    monkeypatch.setenv("VIZSLA_DNS_SERVERS", "127.0.0.1:9")
    return vizsla


def test_somebody_who_was_seen_and_somebody_who_was_not(index: Run) -> None:
    known = json.loads(index("find", "team.example", "Ada Brandt", "--json").out)
    new = json.loads(index("find", "team.example", "Mira Quellenberg", "--json").out)

    assert known["email"] == "abrandt@team.example" and known["sources"]
    assert new["email"] == "mquellenberg@team.example" and not new["sources"]
    assert new["score"] < known["score"]


def test_the_table_and_why(index: Run) -> None:
    ran = index("find", "team.example", "Mira Quellenberg", "-v")
    lines = [line.split("\t") for line in ran.out.splitlines()]

    assert lines[0] == ["address", "score", "name", "position", "verification"]
    assert lines[1][0] == "mquellenberg@team.example"
    assert ["candidate", "probability", "by the pattern", "made by"] in lines
    assert any(line[0] == "{f}{last}" for line in lines)
    assert any(line[0] == "pattern" and line[1] == "mquellenberg" for line in lines)


def test_what_will_not_do_is_said(index: Run) -> None:
    for arguments, words in (
        (("find", "team.example", "Mira"), "full_name"),
        (("find", "team..example", "Mira Quell"), "domain"),
        (("find", "team.example", "Mira Quell", "--max-duration", "2"), "--max-duration"),
    ):
        ran = index(*arguments)
        assert ran.code == 1 and words in ran.talk and not ran.out


def test_nobody_is_an_empty_table(index: Run) -> None:
    ran = index("find", "No Such Company", "Mira Quell")

    assert ran.code == 0
    assert ran.out.splitlines() == ["address\tscore\tname\tposition\tverification"]
    assert "likely enough" in ran.talk


def test_calibration_of_nothing_says_so(index: Run) -> None:
    ran = index("calibration")

    assert ran.code == 0 and "nothing is known yet" in ran.talk
    assert [one["accept_all"] for one in json.loads(index("calibration", "--json").out)] == [False, True]


PEOPLE = """first_name;last_name;website;note
Ada;Brandt;https://team.example/about;"known; seen"
Mira;Quellenberg;team.example;
4;Quell;team.example;no name
Ida;Moll;;no place
Jörg;Möller;TEAM.example;last
"""


def found(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(), delimiter=";"))


def test_a_file_of_people(index: Run, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    source.write_text(PEOPLE, "utf-8")
    ran = index("find", "--file", str(source), "--json")
    head, *rows = found((tmp_path / "people.found.csv").read_text("utf-8"))

    assert {"rows": 5, "resumed": 0, "found": 3, "errors": 2}.items() <= json.loads(ran.out).items()
    assert head == ["first_name", "last_name", "website", "note", *COLUMNS]
    assert [row[3] for row in rows] == ["known; seen", "", "no name", "no place", "last"]
    assert [(row[4], row[-2]) for row in rows[:4]] == [
        ("abrandt@team.example", ""), ("mquellenberg@team.example", ""), ("", "invalid_first_name"), ("", "wrong_params"),
    ]  # fmt: skip
    assert rows[4][4] in ("jmoeller@team.example", "jmoller@team.example")
    assert not list(tmp_path.glob("*.part"))


def test_a_file_goes_on_after_the_last_whole_row(index: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "people.csv", tmp_path / "out.csv"
    source.write_text(PEOPLE, "utf-8")
    index("find", "--file", str(source), "--out", str(out))
    whole = out.read_text("utf-8")
    lines = whole.splitlines(keepends=True)
    for killed_at in (0, 1, 3, 6):
        out.unlink()
        (tmp_path / "out.csv.part").write_text(
            "".join(lines[:killed_at]) + (lines[killed_at][:9] if killed_at < 6 else ""), "utf-8"
        )
        ran = index("find", "--file", str(source), "--out", str(out), "--json")
        assert out.read_text("utf-8") == whole
        assert json.loads(ran.out)["resumed"] == max(0, killed_at - 1)


def test_rows_over_several_lines_and_rows_that_cannot_be_read(index: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "people.csv", tmp_path / "out.csv"
    people = 'name,domain,note\nAda Brandt,team.example,"one\ntwo"\nAda Brandt,team.example,"never closed\n,,\nAda Brandt,,x\n'
    source.write_text(people, "utf-16")
    ran = index("find", "--file", str(source), "--out", str(out), "--json")
    whole = out.read_text("utf-8")
    rows = list(csv.DictReader(whole.splitlines(keepends=True)))

    assert {"rows": 3, "found": 1, "errors": 2}.items() <= json.loads(ran.out).items()
    assert [(row["note"], row["email"]) for row in rows[:1]] == [("one\ntwo", "abrandt@team.example")]
    assert [row["error"] for row in rows[1:]] == ["wrong_params"] * 2
    assert ("not closed" in rows[1]["details"], "domain" in rows[2]["details"]) == (True, True)
    for end, resumed in (("one\n", 0), ("never", 1)):
        out.unlink()
        (tmp_path / "out.csv.part").write_text(whole[: whole.index(end) + len(end)], "utf-8")
        ran = index("find", "--file", str(source), "--out", str(out), "--json")
        assert (out.read_text("utf-8"), json.loads(ran.out)["resumed"]) == (whole, resumed)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("who,where\nAda Brandt,team.example\n", "columns"),
        ("full_name\nAda Brandt\n", "columns"),
        ("a\0b", "UTF-8"),
    ],
)
def test_a_file_that_will_not_do_is_refused(index: Run, tmp_path: Path, text: str, words: str) -> None:
    source = tmp_path / "people.csv"
    source.write_text(text, "utf-8")
    ran = index("find", "--file", str(source))

    assert ran.code == 1 and words in ran.talk


def test_what_is_there_of_another_file_is_not_gone_on_with(index: Run, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    source.write_text("full_name,domain\nAda Brandt,team.example\n", "utf-8")
    (tmp_path / "people.found.csv.part").write_text("full_name,domain,email\n", "utf-8")
    ran = index("find", "--file", str(source))

    assert ran.code == 1 and "another file" in ran.talk
    for arguments in (("--file", str(tmp_path / "none.csv")), ("--file", str(source), "--out", str(source))):
        assert index("find", *arguments).code == 1
