"""
Does the finder find, and does its probability hold?

    python -m evaluation.finder build [GIT-HISTORY …]     the pairs, out of Debian and of histories, into the user's cache
    python -m evaluation.finder measure [--debian-only] [--no-peers] [--pin-floors]
    python -m evaluation.finder train                     write src/vizsla/naming/prior.json

Aggregates alone are printed and shipped. Exit code 1: a floor does not hold. 2: too few pairs to judge.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from evaluation.corpus import ROOT
from evaluation.finder import pairs
from evaluation.finder.people import LEAST_PEOPLE, by_domain, read_people

PRIOR = ROOT.parent / "src" / "vizsla" / "naming" / "prior.json"
HOW = "python -m evaluation.finder build"


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    if options.verb == "build":
        found = pairs.build(options.histories)
        print(f"{len(found)} people at {len({pair.domain for pair in found})} domains, in the cache")
        return 0
    if options.verb == "train":
        return train()
    return measure(peers=options.peers, pinning=options.pin_floors, debian_only=options.debian_only)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evaluation.finder", description="Accuracy of the finder.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="gather the pairs into the user's cache")
    build.add_argument("histories", nargs="*", type=Path, metavar="GIT-HISTORY", help="a repository to read as well")
    measuring = verbs.add_parser("measure", help="domain-held-out cross-validation")
    measuring.add_argument("--no-peers", dest="peers", action="store_false", help="without the published packages")
    measuring.add_argument("--debian-only", action="store_true", help="leave out what only histories know")
    measuring.add_argument("--pin-floors", action="store_true", help="lift the floors to what was measured")
    verbs.add_parser("train", help="write the prior that ships")
    return parser.parse_args(arguments)


def measure(*, peers: bool, pinning: bool, debian_only: bool = False) -> int:
    from evaluation.finder import measuring, report

    people = read_people(pair for pair in pairs.load() if pair.origin == pairs.APT or not debian_only)
    if sum(len(everyone) >= LEAST_PEOPLE for everyone in by_domain(people).values()) < report.FEWEST_DOMAINS:
        print(
            f"! the finder is not measured: its pairs are not here, or too few; `{HOW}` gathers them", file=sys.stderr
        )
        return 2
    measured = measuring.measure(people, with_peers=peers)
    report.print_report(people, measured)
    found = report.find_floors(measured)
    floors, kind = report.load_floors(), report.kind_of_pairs(people)
    if pinning:
        floors[kind] = report.pin(floors.get(kind), found)
        report.save_floors(floors)
    breaches = report.find_breaches(floors[kind], found) if kind in floors else []
    for breach in breaches:
        print(f"! {breach}", file=sys.stderr)
    return 1 if breaches else 0


def train() -> int:
    from evaluation.finder.training import learn
    from vizsla.naming.prior import load_prior

    people = read_people(pairs.load())
    if not people:
        print(f"! there is nothing to learn from: `{HOW}` gathers the pairs", file=sys.stderr)
        return 2
    prior = learn(people, load_prior().templates)
    PRIOR.write_bytes(msgspec.json.encode(prior) + b"\n")
    print(f"{PRIOR.name}: {len(prior.components)} components, {len(prior.traits)} traits, of {len(people)} people")
    return 0


if __name__ == "__main__":
    sys.exit(main())
