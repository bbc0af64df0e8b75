"""
`make lab` or `python -m lab [--quick] [--untimed] [--only NAME …] [--round-trip MS]`: the lab, and Vizsla and other verifiers in it.

Exit code 0: the goal is met. 1: it is missed, or a step failed. 2: this machine cannot hold the lab; says what it lacks.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from lab.debian import CannotFetch, missing_tools, unpack
from lab.namespace import CannotIsolate, check_isolation, run_inside
from lab.packages import PACKAGES, CannotInstall, install

CACHE = Path(__file__).parent.parent / ".lab"


def main() -> int:
    options = parse_arguments()
    if reason := reason_against():
        print(f"The lab cannot run here: {reason}", file=sys.stderr)
        return 2
    try:
        check_isolation()
        packages = unpack(CACHE / "debian")
    except (CannotIsolate, CannotFetch) as error:
        print(f"The lab cannot run here: {error}", file=sys.stderr)
        return 2
    peers = [] if options.quick else [name for name in options.only or names_of_packages() if has(name)]
    with tempfile.TemporaryDirectory(prefix="vizsla-lab-") as memory:
        command = [
            sys.executable,
            "-m",
            "lab.inside",
            str(packages),
            memory,
            str(options.round_trip),
            str(CACHE),
            "untimed" if options.untimed else "timed",
            *peers,
        ]
        return run_inside(command)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description="Vizsla against real mail servers.")
    parser.add_argument("--quick", action="store_true", help="Vizsla alone, without the packages it is compared to")
    parser.add_argument("--untimed", action="store_true", help="the goal is what is said, and not how soon")
    parser.add_argument("--only", action="append", choices=names_of_packages(), help="compare to this package alone")
    parser.add_argument("--round-trip", type=int, default=100, metavar="MS", help="how far away the servers are")
    return parser.parse_args()


def names_of_packages() -> list[str]:
    return [package.name for package in PACKAGES]


def reason_against() -> str:
    """Why this machine cannot hold the lab; empty if it can, as far as can be seen."""
    if not sys.platform.startswith("linux"):
        return "it needs the namespaces of Linux."
    if missing := missing_tools():
        return f"{', '.join(missing)} not found. It needs Debian or a child of it: apt-get install iproute2 util-linux."
    if os.geteuid() != 0:
        return "its daemons change users, so that it needs root: sudo make lab. Nothing is installed or changed by it."
    return ""


def has(name: str) -> bool:
    """Whether the package is there to be compared to, now that it was tried."""
    package = next(package for package in PACKAGES if package.name == name)
    try:
        install(package, CACHE / "packages")
    except (CannotInstall, OSError) as error:
        print(f"! {package.name} {package.version} is left out: {error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
