"""
Which published packages is Vizsla compared to?

Pinned, each in a venv of its own under the lab's cache, asked through its adapter in `adapters`. They are run beside Vizsla, and
are no part of it. One that cannot be had is reported and left out.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lab import names
from lab.roster import Case
from lab.score import STATUSES, Said

_LONGEST = 600.0
_ADAPTERS = Path(__file__).parent / "adapters"


class Package(msgspec.Struct, frozen=True):
    """A verifier that somebody published."""

    name: str
    version: str
    adapter: str

    @property
    def is_node(self) -> bool:
        return self.adapter.endswith(".mjs")


PACKAGES = (
    Package("pigeontrust", "0.2.0", "pigeontrust_each.py"),
    Package("listwash", "0.1.0", "listwash_all.py"),
    Package("lupaxa-verify-email", "0.1.1", "lupaxa_each.py"),
    Package("py3-validate-email", "1.0.5.post2", "py3_validate_email_each.py"),
    Package("mailscout", "0.1.1", "mailscout_each.py"),
    Package("grey-verifier", "0.1.7", "grey_verifier_each.py"),
    Package("deep-email-validator", "0.1.27", "deep_each.mjs"),
)


class CannotInstall(Exception):
    """Why a package is left out."""


class Failed(Exception):
    """A package came to no end."""


def install(package: Package, cache: Path) -> None:
    """Put *package* under *cache*, unless it is there."""
    home = cache / package.name
    stamp = home / ".installed"
    if stamp.is_file() and stamp.read_text() == package.version:
        return
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if package.is_node:
        if shutil.which("npm") is None:
            raise CannotInstall("npm is not there")
        commands = [["npm", "install", "--silent", "--prefix", str(home), f"{package.name}@{package.version}"]]
    else:
        wanted = f"{package.name}=={package.version}"
        commands = [
            [sys.executable, "-m", "venv", str(home)],
            [str(home / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", wanted],
        ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise CannotInstall(
                done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it cannot be installed"
            )
    stamp.write_text(package.version)


def ask_all(package: Package, cache: Path, cases: Sequence[Case], log: Path) -> tuple[dict[str, Said], float]:
    """What *package* says of all *cases*, and how long it took; its own output goes to *log*."""
    home, adapter = cache / package.name, str(_ADAPTERS / package.adapter)
    command = ["node", adapter, str(home)] if package.is_node else [str(home / "bin/python"), adapter]
    question = {"emails": [case.email for case in cases], "helo": names.OUR_NAME, "sender": names.OUR_SENDER}
    # Lists are as new as the package: there is nothing outside to be fetched from.
    environ = {**os.environ, "PY3VE_IGNORE_UPDATER": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    began = time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
            cwd=home,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(json.dumps(question).encode(), timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    wall = time.monotonic() - began
    said = {}
    for email, status, seconds in map(json.loads, output.splitlines()):
        said[email] = Said(status if status in STATUSES else "unknown", seconds)
    if not said:
        tail = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
        raise Failed(tail[0] if tail else "it said nothing")
    return said, wall
