"""
What happens in the lab, from the first process of its namespace on.

    python -m lab.inside DEBIAN_TREE EMPTY_FOLDER ROUND_TRIP_MS CACHE timed|untimed PACKAGE …
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import finding, ours, outreach
from lab.namespace import CannotIsolate, furnish
from lab.packages import PACKAGES, Failed, Package, ask_all
from lab.restart import Survived, restart_meanwhile
from lab.roster import Case, cases
from lab.score import WITHIN, Score, score, show_all, show_confusion, show_wrong
from lab.world import NotReady, World, running


def main(arguments: Sequence[str]) -> int:
    tree, memory, round_trip, cache, timing, *names = arguments
    try:
        furnish(Path(tree), Path(memory))
    except CannotIsolate as error:
        print(f"The lab cannot run here: {error}", file=sys.stderr)
        return 2
    folder = Path(memory) / "lab"
    folder.mkdir()
    began = time.monotonic()
    try:
        with running(folder, int(round_trip)) as world:
            asked = cases()
            print(
                f"{len(asked)} addresses at {len({case.domain for case in asked})} domains, {round_trip} ms away; "
                f"all daemons answer after {time.monotonic() - began:.1f} s.",
                flush=True,
            )
            packages = [package for package in PACKAGES if package.name in names]
            return run(world, asked, packages, Path(cache), is_timed=timing == "timed")
    except NotReady as error:
        print(f"The lab cannot run here: {error}", file=sys.stderr)
        return 2
    except ours.DidNotStart as error:
        print(f"! {error}", file=sys.stderr)
        return 1


def run(world: World, asked: list[Case], packages: Sequence[Package], cache: Path, *, is_timed: bool) -> int:
    """Everybody's turn in the same world; 0 if Vizsla met the goal."""
    with ours.serving(world.folder / "vizsla") as service:
        said, wall = ours.ask_all(service, asked)
        complaints = service.complaints()
    own = score("vizsla", asked, said, wall)
    tell(own, complaints)
    with ours.serving(world.folder / "vizsla-restarts") as service:
        survived = restart_meanwhile(world, service)
    tell_survived(survived)
    found = finding.find_all(world.folder / "finding")
    print(f"\n{finding.show(found)}", flush=True)
    campaign = outreach.run(world)
    print(f"\n{outreach.show(campaign)}", flush=True)
    scores = [own, *compare(world, asked, packages, cache)]
    print(f"\n{show_all(scores)}\n")
    misses = own.misses(is_timed=is_timed) + found.misses(is_timed=is_timed) + campaign.misses()
    if survived.false_invalid:
        misses.append(f"{survived.false_invalid} are called invalid because their server restarted")
    for miss in misses:
        print(f"! The goal is missed: {miss}.", file=sys.stderr)
    return 1 if misses else 0


def compare(world: World, asked: list[Case], packages: Sequence[Package], cache: Path) -> list[Score]:
    scores = []
    for package in packages:
        world.forget()
        log = world.folder / f"{package.name}.log"
        try:
            said, wall = ask_all(package, cache / "packages", asked, log)
        except (Failed, OSError) as error:
            print(f"! {package.name} {package.version} is left out: {error}", file=sys.stderr)
            continue
        scores.append(score(f"{package.name} {package.version}", asked, said, wall))
        print(f"\n{show_confusion(scores[-1])}", flush=True)
    return scores


def tell(own: Score, complaints: Sequence[str]) -> None:
    print(f"\n{show_confusion(own)}")
    if own.wrong:
        print(show_wrong(own))
    late = ", ".join(f"{domain} {count}" for domain, count in own.late.most_common())
    print(f"  answered later than {WITHIN:.0f} s: {late or 'none'}")
    for complaint in complaints:
        print(f"  logged: {complaint[:2_000]}")
    sys.stdout.flush()


def tell_survived(survived: Survived) -> None:
    statuses = ", ".join(f"{count} {status}" for status, count in survived.statuses.most_common())
    print(
        f"\nmail servers restarted {survived.restarts} times, {survived.statuses.total()} people asked about: {statuses}"
    )
    for why, count in survived.unknown.most_common(5):
        print(f"  {count} unknown: {why}")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
