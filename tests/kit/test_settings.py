"""A wrong setting stops the start with its name, and never shows a secret."""

from pathlib import Path

import pytest

from vizsla.kit.errors import SettingsError
from vizsla.kit.settings import PlanTerms, Settings, load_settings


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "vizsla.toml").write_text('plan_searches = 5\nhttp_ports = [80]\nprobe = true\nlog = "debug"\n')

    settings = load_settings(
        {"VIZSLA_HOME": str(tmp_path), "VIZSLA_PLAN_SEARCHES": "7", "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8, ::1/128"}
    )

    assert settings.plan_searches == 7
    assert settings.http_ports == (80,)
    assert settings.probe is True
    assert settings.log == "debug"
    assert settings.egress_allow == ("127.0.0.0/8", "::1/128")
    assert settings.app_url == f"sqlite:///{tmp_path}/app.db"


@pytest.mark.parametrize(("text", "value"), [("on", True), ("off", False), ("true", True), ("0", False), ("", False)])
def test_switches_take_the_usual_words(text: str, value: bool) -> None:
    assert load_settings({"VIZSLA_DECODE_PROTECTED": text}).decode_protected is value


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VIZSLA_HOEM", "x"),
        ("VIZSLA_SMTP_PORT", "many"),
        ("VIZSLA_SIGNUP", "perhaps"),
        ("VIZSLA_EGRESS_ALLOW", "127.0.0.1/99"),
        ("VIZSLA_PROBE", "maybe"),
        ("VIZSLA_INDEX_URL", "mysql://x"),
        ("VIZSLA_SECRET_KEY_FILE", "/nowhere/at/all"),
    ],
)
def test_what_is_wrong_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load_settings({variable: value})


def test_an_unknown_name_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "vizsla.toml").write_text("plan_serches = 5\n")

    with pytest.raises(SettingsError, match="plan_serches"):
        load_settings({"VIZSLA_HOME": str(tmp_path)})


def test_a_secret_may_come_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("CanaryKey-0123456789\n")
    settings = load_settings({"VIZSLA_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert settings.secret_key == "CanaryKey-0123456789"

    with pytest.raises(SettingsError) as caught:
        load_settings({"VIZSLA_DATABASE_URL": "mysql://u:CanaryPg-88@127.0.0.1/none"})
    assert "CanaryPg-88" not in str(caught.value)


def plans(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "vizsla.toml").write_text(text)
    return load_settings({"VIZSLA_HOME": str(tmp_path)})


def test_plans_are_tables_of_the_file(tmp_path: Path) -> None:
    found = plans(
        tmp_path,
        'trial = false\n[plans.team]\nsearches = 5000\nrate_search = "5/s, 100/min"\nlevel = 2\n[plans."Big one"]\n',
    )

    assert found.plans["team"] == PlanTerms(searches=5_000, rate_search="5/s, 100/min", level=2)
    assert found.plans["Big one"] == PlanTerms()
    assert found.trial is False


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("plans = 5\n", "plans"),
        ("[plans]\nteam = 5\n", "plans.team"),
        ("[plans.team]\nserches = 5\n", "plans.team.*serches"),
        ("[plans.team]\nsearches = -1\n", "plans.team.*searches"),
        ('[plans.team]\nsearches = "many"\n', "plans.team.*searches"),
        ('[plans.team]\nrate_verify = "fast"\n', "plans.team.*rate_verify"),
        ('[plans.team]\nrate_search = "5/s,"\n', "plans.team.*rate_search"),
        ('[plans."a/b"]\n', "plans.a/b"),
        ('[plans.""]\n', "plans."),
    ],
)
def test_a_plan_that_will_not_do_is_named(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        plans(tmp_path, text)


def test_plans_are_not_taken_from_a_variable() -> None:
    with pytest.raises(SettingsError, match=r"VIZSLA_PLANS.*vizsla\.toml"):
        load_settings({"VIZSLA_PLANS": "team"})
