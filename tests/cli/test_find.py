"""`vizsla find`: the finder at the terminal."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran

Run = Callable[..., Ran]
TEAM = ("Ada Brandt", "Bo Castell", "Cleo Dorn", "Dana Eklund")


@pytest.fixture
def index(vizsla: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A team that writes `{f}{last}`, harvested from a page; and no DNS."""
    monkeypatch.setenv("VIZSLA_DNS_SERVERS", "127.0.0.1:9")
    people = "".join(
        f'<p>{name}: <a href="mailto:{name[0].lower()}{name.split()[1].lower()}@team.example">write</a></p>'
        for name in TEAM
    )
    page = tmp_path / "team.html"
    page.write_text(
        f'<html><head><link rel="canonical" href="https://team.example/team"></head><body>{people}</body></html>'
    )
    assert vizsla("harvest", str(page)).code == 0
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
