"""
What does Spark cost beside the pool, for each file more?

The same archives through the pool and through a standalone master with two workers on this machine: N files and four times as
many, in turns. Counted is the CPU time of every process that took part (master, workers, JVMs, Python), from the first
start to the last exit; what is fixed falls out of the difference, and the slopes are compared. The rows must be equal.

    make bench ARGS="spark [--json] [--files=24] [--pages=2000] [--rounds=2]"
"""

import ctypes
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import corpus

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from worlds.spark_cluster import SparkCluster

PR_SET_CHILD_SUBREAPER = 36
LIMIT = 1.1
DIFFERENT = 8
HARVEST = """
import sys, zlib
from functools import partial
from pathlib import Path
from vizsla.harvest import local, spark
from vizsla.harvest.folder import reduced_buckets
if __name__ == "__main__":
    master, archives, home = sys.argv[1:]
    run = partial(spark.run, master=master) if master else partial(local.run, jobs=2)
    manifest = run([archives], Path(home))
    rows = sorted(repr(row) for batch in reduced_buckets(manifest) for row in batch.to_pylist())
    print(manifest.pages, len(manifest.bad), len(rows), zlib.crc32("\\n".join(rows).encode()))
"""


class Measure(msgspec.Struct):
    engine: str
    files: int
    cpu: float = 1e9
    """Seconds, the least of the rounds."""
    wall: float = 1e9


def main(arguments: Sequence[str] = ()) -> None:
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    files, pages, rounds = (
        int(options.get(name, some)) for name, some in (("files", 24), ("pages", 2_000), ("rounds", 2))
    )
    if shutil.which("java") is None:
        sys.exit("Spark needs Java, and there is none here.")
    # What loses its parent becomes our child, so that its time is counted, too.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    measures = [Measure(engine, amount) for engine in ("pool", "spark") for amount in (files, 4 * files)]
    said: dict[int, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        archives = {amount: _write(Path(folder) / f"in{amount}", amount, pages) for amount in (files, 4 * files)}
        for turn in range(rounds):
            for one in measures:
                place = Path(folder) / f"{one.engine}{one.files}-{turn}"
                place.mkdir()
                begun = time.monotonic()
                cpu, answer = _counted(_pool if one.engine == "pool" else _spark, archives[one.files], place)
                one.cpu, one.wall = min(one.cpu, cpu), min(one.wall, time.monotonic() - begun)
                said.setdefault(one.files, set()).add(answer)
                print(f"{one.engine}, {one.files} files: {cpu:.1f} s of CPU; {answer}", file=sys.stderr)
    result = _result(measures, said)
    if "json" in options:
        print(json.dumps(result, indent=1))
    else:
        _show(result, measures)


def _write(folder: Path, amount: int, pages: int) -> Path:
    """*amount* archives of *pages* documentation and web pages each; eight that differ, the others under other names."""
    every = corpus.web() + corpus.docs()
    if not every:
        sys.exit("Neither Debian nor PyPI can be reached, and there is nothing to read.")
    folder.mkdir()
    for number in range(amount):
        path = folder / f"{number:04}.warc.gz"
        if number < DIFFERENT:
            # A stride that has no factor in common with their number mixes small and large ones.
            some = (every[(number * pages + place) * 7_919 % len(every)] for place in range(pages))
            bodies = ((uri.replace("://", f"://f{number}.", 1), body) for uri, body in corpus.bodies(some))
            corpus.write_warc(path, bodies)
        else:
            path.hardlink_to(folder / f"{number % DIFFERENT:04}.warc.gz")
    return folder


def _counted(run: Callable[[Path, Path], str], archives: Path, place: Path) -> tuple[float, str]:
    """The CPU seconds of everything that *run* started, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = run(archives, place)
    while _reap():
        time.sleep(0.05)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, answer


def _reap() -> bool:
    """Whether there is still a child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _pool(archives: Path, place: Path) -> str:
    return _harvest("", archives, place, dict(os.environ))


def _spark(archives: Path, place: Path) -> str:
    defaults = "spark.executor.memory 512m\nspark.driver.memory 512m\n"
    with SparkCluster(place / "cluster", defaults=defaults) as cluster:
        return _harvest(cluster.master, archives, place, cluster.environ)


def _harvest(master: str, archives: Path, place: Path, environ: dict[str, str]) -> str:
    script = place / "harvest.py"
    script.write_text(HARVEST)
    out = place / "said"
    with out.open("wb") as said:
        # Not subprocess: its wait and our reaping of orphans would take each other's children.
        command = [sys.executable, str(script), master, str(archives), str(place / "home")]
        pid = os.posix_spawn(sys.executable, command, environ, file_actions=[(os.POSIX_SPAWN_DUP2, said.fileno(), 1)])
        _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"The harvest in {place} failed.")
    return out.read_text().strip()


def _result(measures: list[Measure], said: dict[int, set[str]]) -> dict[str, object]:
    slopes = {}
    for engine in ("pool", "spark"):
        few, many = (one for one in measures if one.engine == engine)
        slopes[engine] = (many.cpu - few.cpu) / (many.files - few.files)
    fixed = {one.engine: one.cpu - one.files * slopes[one.engine] for one in measures}
    return {
        "measures": [msgspec.to_builtins(one) for one in measures],
        "cpu_a_file": {engine: round(slope, 4) for engine, slope in slopes.items()},
        "fixed_cpu": {engine: round(seconds, 1) for engine, seconds in fixed.items()},
        "ratio": round(slopes["spark"] / slopes["pool"], 3),
        "limit": LIMIT,
        "same_rows": all(len(answers) == 1 for answers in said.values()),
    }


def _show(result: dict[str, object], measures: list[Measure]) -> None:
    console = Console(width=max(110, Console().width))
    table = Table(title="A harvest on the pool and on Spark (master, 2 workers of 1 core, on this machine)")
    for heading in ("engine", "files", "CPU s", "wall s"):
        table.add_column(heading, justify="left" if heading == "engine" else "right")
    for one in measures:
        table.add_row(one.engine, str(one.files), f"{one.cpu:.1f}", f"{one.wall:.1f}")
    console.print(table)
    for name in ("cpu_a_file", "fixed_cpu", "ratio", "limit", "same_rows"):
        console.print(f"{name}: {result[name]}", highlight=False)
