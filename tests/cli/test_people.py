"""`vizsla user`: who may use this installation, and how they get in."""

import json
from pathlib import Path

import pytest

from cli.conftest import Ran
from cli.test_commands import Command


def link_in(ran: Ran) -> str:
    return next(word for word in ran.talk.split() if "/reset/" in word)


def test_who_is_added_gets_a_key_and_a_link_to_set_a_password(vizsla: Command, tmp_path: Path) -> None:
    added = vizsla("user", "add", "jane@acme.example")

    assert added.code == 0
    assert len(added.out.strip()) == 40
    link = link_in(added)
    assert link.startswith("http://127.0.0.1:8000/reset/")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("app.db*"))
    assert link.rpartition("/")[2].encode() not in kept


def test_users_are_listed(vizsla: Command) -> None:
    vizsla("user", "add", "zoe@acme.example")
    vizsla("user", "add", "jane@acme.example", "--admin")
    plain, listed = vizsla("user", "list"), json.loads(vizsla("user", "list", "--json").out)

    assert [one["email"] for one in listed] == ["jane@acme.example", "zoe@acme.example"]
    assert listed[0] | {"since": ""} == {
        "email": "jane@acme.example", "team_id": 2, "team_name": None, "role": "owner", "is_admin": True,
        "has_password": False, "plan": "free", "searches": 0, "verifications": 0, "since": "",
    }  # fmt: skip
    assert plain.out.splitlines()[0].split("\t")[0] == "email"
    assert len(plain.out.splitlines()) == 3


def test_a_password_link_is_printed(vizsla: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    vizsla("user", "add", "jane@acme.example")
    monkeypatch.setenv("VIZSLA_BASE_URL", "https://vizsla.acme.example")
    said = vizsla("user", "password", "jane@acme.example")
    made = json.loads(vizsla("user", "password", "jane@acme.example", "--json").out)

    assert said.out.startswith("https://vizsla.acme.example/reset/")
    assert made["email"] == "jane@acme.example"
    assert made["link"] != said.out.strip()


def test_an_account_gets_a_plan_that_is_defined(vizsla: Command, tmp_path: Path) -> None:
    vizsla("user", "add", "jane@acme.example")
    (tmp_path / "home" / "vizsla.toml").write_text("[plans.team]\nsearches = 5\n")

    assert vizsla("user", "plan", "jane@acme.example", "team").code == 0
    assert json.loads(vizsla("user", "list", "--json").out)[0]["plan"] == "team"
    unknown = vizsla("user", "plan", "jane@acme.example", "gold")
    assert unknown.code == 1
    assert "There are: free, team." in unknown.talk
    (tmp_path / "home" / "vizsla.toml").write_text("[plans.team]\nserches = 5\n")
    broken = vizsla("user", "list")
    assert broken.code == 1
    assert "plans.team" in broken.talk


@pytest.mark.parametrize("command", [("password",), ("plan", "free")])
def test_who_is_not_there_is_said(vizsla: Command, command: tuple[str, ...]) -> None:
    ran = vizsla("user", command[0], "nobody@acme.example", *command[1:])

    assert ran.code == 1
    assert "has no account here" in ran.talk
