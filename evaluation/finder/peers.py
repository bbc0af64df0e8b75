"""
What do published packages answer to the same questions?

They are installed into an environment of their own in the cache, outside the lock, and asked in a process of their own.
"""

import json
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

import msgspec

from evaluation.finder.pairs import CACHE
from evaluation.finder.people import Trial
from vizsla.naming.spellings import fold

PACKAGES = ("emailguesser==0.4.0", "email-permutations==0.6.0", "coldreach==0.1.0")
NAMES = tuple(package.partition("=")[0] for package in PACKAGES)
_INSTALL_SECONDS = 300

Answers = list[tuple[str, float]]


class Missing(Exception):
    """The packages could not be had; the message says why."""


def ask(trials: Sequence[Trial]) -> list[dict[str, Answers]]:
    """The answers of each package to each of *trials*."""
    lines = "".join(json.dumps(_question(trial)) + "\n" for trial in trials)
    return [msgspec.json.decode(line, type=dict[str, Answers]) for line in _run(lines).splitlines()]


def _question(trial: Trial) -> list[object]:
    # They read Latin letters only, so they are given them, folded as well as we can.
    name = trial.person.name
    parts = [fold(part).title() for part in (name.first, " ".join(name.middles), name.last)]
    return [*parts, trial.person.domain, [[fold(other.full_name).title(), other.local] for other in trial.known]]


def _run(text: str) -> str:
    script = Path(__file__).with_name("peer_answers.py")
    done = subprocess.run([_python(), script], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return done.stdout


def _python() -> Path:
    home = CACHE.parent / "peers"
    python, done = home / "bin" / "python", home / "-".join(NAMES)
    if not done.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        venv.create(home, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        if asked.returncode:
            raise Missing((asked.stderr.strip().splitlines() or ["no reason given"])[-1])
        done.touch()
    return python
