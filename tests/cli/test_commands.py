"""What each command promises."""

import getpass
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vizsla.harvest.sample import RICHEST_DOMAIN

SAMPLE = str(Path(__file__).parents[2] / "src/vizsla/harvest/sample/companies.warc.gz")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(vizsla: Command, home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Command:
    """An installation that has harvested the sample, on each store."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("sampled_home"), home, dirs_exist_ok=True)
    else:
        settings = request.getfixturevalue("postgres_settings")
        monkeypatch.setenv("VIZSLA_DATABASE_URL", settings.database_url)
        monkeypatch.setenv("VIZSLA_INDEX_URL", settings.index_url)
        code, _, talk = vizsla("harvest", SAMPLE, "--jobs", "1")
        assert code == 0, talk
    return vizsla


def addresses(vizsla: Command, domain: str = RICHEST_DOMAIN) -> list[str]:
    _, out, _ = vizsla("search", domain, "--limit", "100", "--json")
    return [email["value"] for email in json.loads(out)["emails"]]


def test_a_newcomer_asks_who_can_be_written_to(filled: Command) -> None:
    code, out, talk = filled("search", RICHEST_DOMAIN)

    assert code == 0
    assert f"@{RICHEST_DOMAIN}" in out
    assert f"https://{RICHEST_DOMAIN}" in out or f"https://www.{RICHEST_DOMAIN}" in out
    assert f"at {RICHEST_DOMAIN}" in talk


def test_count_is_what_search_finds(filled: Command) -> None:
    _, out, _ = filled("count", RICHEST_DOMAIN, "--json")

    assert json.loads(out)["total"] == len(addresses(filled)) >= 20


def test_harvesting_again_changes_nothing(filled: Command) -> None:
    _, before, _ = filled("search", RICHEST_DOMAIN, "--limit", "100", "--json")
    code, out, _ = filled("harvest", SAMPLE, "--jobs", "1", "--json")
    _, after, _ = filled("search", RICHEST_DOMAIN, "--limit", "100", "--json")

    assert code == 0
    assert json.loads(out)["pages"] >= 60
    assert json.loads(out)["dropped"]
    assert before == after


def test_who_said_stop_is_nowhere_and_stays_away(filled: Command) -> None:
    stopped, *others = addresses(filled)
    total = json.loads(filled("count", RICHEST_DOMAIN, "--json")[1])["total"]

    assert filled("claim", "add", stopped)[0] == 0
    assert addresses(filled) == others
    assert filled("harvest", SAMPLE, "--jobs", "1")[0] == 0
    assert stopped not in addresses(filled)
    assert json.loads(filled("count", RICHEST_DOMAIN, "--json")[1])["total"] == total - 1
    _, listed, _ = filled("claim", "list")
    assert stopped not in listed
    assert f"{stopped[0]}***@{RICHEST_DOMAIN}" in listed
    _, history, _ = filled("claim", "list", "--history", "--json")
    erased, claimed = json.loads(history)
    assert stopped not in history
    assert (claimed["what"], claimed["who"], claimed["proof"]) == ("claimed", "operator", getpass.getuser())
    assert (erased["what"], erased["erased"]["email"]) == ("erased", 1)


def test_a_claim_taken_back_lets_the_next_harvest_find_the_address(filled: Command) -> None:
    stopped = addresses(filled)[0]
    filled("claim", "add", stopped)

    assert filled("claim", "remove", stopped)[0] == 0
    filled("harvest", SAMPLE, "--jobs", "1")

    assert stopped in addresses(filled)


def test_a_whole_domain_can_say_stop(filled: Command) -> None:
    assert filled("claim", "add", RICHEST_DOMAIN)[0] == 0
    filled("harvest", SAMPLE, "--jobs", "1")

    assert addresses(filled) == []
    assert json.loads(filled("count", RICHEST_DOMAIN, "--json")[1])["total"] == 0


def test_an_empty_answer_says_what_to_do_next(vizsla: Command) -> None:
    code, out, talk = vizsla("search", "nobody.example")

    assert (code, out) == (0, "")
    assert "vizsla crawl nobody.example" in talk


def test_a_key_is_printed_once_and_only_its_hash_is_kept(vizsla: Command, tmp_path: Path) -> None:
    code, out, _ = vizsla("user", "add", "Jane@Acme.example", "--admin", "--json")
    made = json.loads(out)
    _, second, _ = vizsla("key", "add", "jane@acme.example")

    assert code == 0
    assert made["email"] == "jane@acme.example"
    assert len(made["api_key"]) == 40
    assert second.strip() != made["api_key"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("app.db*"))
    assert made["api_key"].encode() not in kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "add", "nobody"), "not valid"),
        (("key", "add", "stranger@acme.example"), "has no account here"),
        (("search", "a..com"), "not a domain name"),
        (("search", "acme.example", "--type", "robot"), "personal, generic"),
        (("search", "acme.example", "--limit", "0"), "between 1 and 100"),
        (("count", "acme.example", "--type", "robot"), "personal, generic"),
        (("harvest", "/nowhere/at/all.warc"), "There is no"),
        (("harvest",), "no WARC"),
        (("crawl",), "Name at least one domain"),
        (("crawl", "co.uk"), "somebody can register"),
        (("claim", "add", "x"), "not a domain name"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_1(vizsla: Command, arguments: tuple[str, ...], said: str) -> None:
    code, out, talk = vizsla(*arguments)

    assert code == 1
    assert out == ""
    assert said in talk
    assert "Traceback" not in talk


def test_a_command_that_is_not_understood_is_exit_code_2(vizsla: Command) -> None:
    assert vizsla("serach", "acme.example")[0] == 2
    assert vizsla("search", "acme.example", "--lmit", "3")[0] == 2


def test_a_wrong_setting_stops_every_command_with_its_name(vizsla: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIZSLA_EGRES_ALLOW", "127.0.0.0/8")

    code, _, talk = vizsla("count", "acme.example")

    assert code == 1
    assert "VIZSLA_EGRES_ALLOW" in talk


def test_secrets_are_shown_nowhere(vizsla: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIZSLA_DATABASE_URL", "postgresql://u:CanaryPg-88@127.0.0.1:1/none")
    monkeypatch.setenv("VIZSLA_SECRET_KEY", "CanaryKey-0123456789")

    said = "".join(text for command in ("config", "doctor", "migrate") for text in vizsla(command)[1:])

    assert "Canary" not in said
    assert "cannot be reached" in said


def test_another_secret_key_is_refused_once_there_are_claims(vizsla: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert vizsla("claim", "add", "jane@acme.example")[0] == 0
    monkeypatch.setenv("VIZSLA_SECRET_KEY", "another-key-altogether")

    code, _, talk = vizsla("search", "acme.example")

    assert code == 1
    assert "secret_key" in talk


def test_the_doctor_finds_a_new_home_well(vizsla: Command) -> None:
    code, out, _ = vizsla("doctor", "--json")

    assert code == 0
    assert {finding["what"] for finding in json.loads(out)} >= {"app database", "index database", "disk", "home"}


def test_the_doctor_says_why_mail_servers_cannot_be_asked(vizsla: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PROBE": "on", "HELO_NAME": "localhost", "DNS_SERVERS": "127.0.0.1:9"}.items():
        monkeypatch.setenv(f"VIZSLA_{name}", value)

    code, out, _ = vizsla("doctor", "--json")
    found = {finding["what"]: finding for finding in json.loads(out)}

    assert code == 1
    assert not found["egress: helo"]["ok"]
    assert "VIZSLA_HELO_NAME" in found["egress: helo"]["details"]
    # What was not asked for is not tried, and is nothing bad.
    assert found["egress: port"]["ok"]
    assert found["egress: lists"]["ok"]


def test_migrate_check_tells_a_new_home_from_one_that_is_ready(vizsla: Command, home: Path) -> None:
    shutil.rmtree(home)
    assert vizsla("migrate", "--check")[0] == 1
    assert vizsla("migrate")[0] == 0
    assert vizsla("migrate", "--check")[0] == 0


@pytest.mark.parametrize("arguments", [("leads", "export", "--where", "company=\udcff"), ("harvest", "\udcff.warc")])
def test_what_is_not_utf_8_is_no_fault_of_ours(vizsla: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    vizsla("user", "add", "ada@acme.example")
    (tmp_path / "\udcff.warc").write_bytes(b"")

    code, _, talk = vizsla(*arguments[:-1], arguments[-1].replace("\udcff.warc", str(tmp_path / "\udcff.warc")))

    assert (code, "is not UTF-8" in talk) == (1, True), talk
