"""What compose.yaml and the Dockerfile name is there: settings, commands, files, secrets, networks."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vizsla.api.server import GRACE
from vizsla.cli.serve import LEAVES, serve, work
from vizsla.kit.settings import load_settings

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def ours(compose: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in compose["services"].items() if name.startswith(("serve", "work"))}


def test_the_settings_of_every_node_are_settings(compose: dict[str, Any], tmp_path: Path) -> None:
    for node in ours(compose).values():
        key = tmp_path / "secret_key"
        key.write_text("0" * 64)
        settings = load_settings({**node["environment"], "VIZSLA_SECRET_KEY_FILE": str(key)})

        assert settings.database_url != settings.index_url  # or one pool would be both
        # Told to end, it is left the time that it may take.
        assert int(node["stop_grace_period"].rstrip("s")) > settings.drain + GRACE + LEAVES
        check = re.search(r"inter (\d+)s fall (\d+)", compose["configs"]["haproxy"]["content"])
        assert check is not None
        assert settings.drain > int(check[1]) * int(check[2]) + 5


def test_the_commands_of_every_node_are_commands(compose: dict[str, Any]) -> None:
    commands = {"serve": serve, "work": work}
    for node in ours(compose).values():
        name, *arguments = node["command"]
        options = inspect.signature(commands[name]).parameters
        used = {
            one.removeprefix("--").removeprefix("no-").replace("-", "_") for one in arguments if one.startswith("--")
        }
        assert used <= set(options)


def test_what_it_names_is_defined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for kind in ("networks", "secrets"):
            assert set(service.get(kind, ())) <= set(compose[kind]), name
        assert {one["source"] for one in service.get("configs", ())} <= set(compose["configs"]), name
        assert set(service.get("depends_on", ())) <= set(compose["services"]), name
        assert {one.partition(":")[0] for one in service.get("volumes", ())} <= set(compose["volumes"]), name
    databases = re.findall(r"(?m)^(\w+) = host=postgres", compose["configs"]["pgbouncer"]["content"])
    (node, *_) = ours(compose).values()
    for setting in ("VIZSLA_DATABASE_URL", "VIZSLA_INDEX_URL"):
        assert node["environment"][setting].rpartition("/")[2] in databases
    copied = re.findall(r"(?m)^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text())
    assert copied
    for sources in copied:
        assert all((ROOT / source).exists() for source in sources.split())
