"""The command line, run as a person would: arguments in; output, talk and an exit code out."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from vizsla.cli.main import main


class Ran(NamedTuple):
    """What a command said."""

    code: int
    out: str
    talk: str


@pytest.fixture
def home(home: Path, shared_home: Path) -> Path:
    """At this program's schema already."""
    return shutil.copytree(shared_home, home)


@pytest.fixture
def vizsla(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`vizsla("search", "acme.example")` in a home of the test's own."""
    monkeypatch.setenv("VIZSLA_HOME", str(home))

    def run(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        captured = capfd.readouterr()
        return Ran(int(left.value.code or 0), captured.out, captured.err)

    return run
