"""
How is a harvest run on a Spark cluster?

As on the pool: `map_file` for each source, through `mapInArrow`; `reduce_bucket` for each bucket, through `groupBy` and
`applyInArrow`; the same folder, so that either engine goes on where the other stopped. Spark places tasks, tries them again
and shuffles rows; which sources are left, what failed three times and what a page killed is ours (`shards`). This is the
driver. Only this module knows PySpark, and only while it runs.
"""

import heapq
import os
import platform
import re
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

import pyarrow as pa

from vizsla import __version__
from vizsla.harvest.folder import Job, Manifest, Progress, decode_outcome, open_job
from vizsla.harvest.job import SCHEMA
from vizsla.harvest.shards import FOLDED, READ, beats_of, count_deaths, fold_bucket, read_shard, write_shard
from vizsla.harvest.sources import HarvestError
from vizsla.harvest.worker import MAX_ATTEMPTS, leave_interrupts_to_others, write_bucket

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

T = TypeVar("T")

SHARD_BYTES = 4 << 30
"""Of archives: three minutes of a core. A task costs the driver some 50 ms, a lost one what it had not finished."""
SHARDS_A_CORE = 4
"""At least, while there are as many sources: so that at the end all cores are done at about the same time."""
SOURCE_WEIGHT = 1 << 20
"""What a source weighs beside its bytes: the folder of a thousand small ones is not one shard."""
MASTER_SECONDS = 10
EXECUTOR_SECONDS = 120
FOLDER_SECONDS = 90
"""A file that one machine has made may take a minute to be listed on another (NFS, acdirmax)."""
_MASTERS = re.compile(r"local(\[[^]]+\])?$|spark://|yarn$|k8s://")
_LOOPBACK = re.compile(r"local(\[|$)|spark://(127\.|localhost:|\[::1\])")
_SQL = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "string": "string",
    "binary": "binary",
}


def run(
    paths: Sequence[str],
    home: Path,
    *,
    master: str = "local[*]",
    folder: Path | None = None,
    decode_protected: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Manifest:
    """
    Read everything under *paths* on the cluster of *master*, or what an earlier run left over, and fold it.

    *folder* (`harvest` in *home* by default) is where work in progress is kept; this machine and those of the cluster
    must see it, and the sources, under the same path. As `local.run` otherwise; raises HarvestError also when there is no
    Java, no PySpark, no cluster, or none that can be used.
    """
    tell = progress or (lambda _: None)
    _check(master)
    root = (folder or home / "harvest").absolute()
    with open_job(paths, root, decode_protected=decode_protected) as job:
        if job.unread() or job.unfolded():
            with _Cluster(master, job.folder, lambda: tell(job.reading())) as cluster:
                _Reading(cluster, job, tell).run()
                _fold(cluster, job, tell)
        return job.manifest()


class _Reading:
    """
    Sources on their way through a cluster, in rounds.

    What a round could not read is tried again in the next, with luck on another machine, and given up after the third. A
    round that Spark ends, because one of its tasks died four times, is followed by another as long as each gets on.
    """

    def __init__(self, cluster: "_Cluster", job: Job, progress: Callable[[Progress], None]) -> None:
        self._cluster = cluster
        self._job = job
        self._progress = progress
        self._failures: Counter[int] = Counter()
        self._shards: list[str] = []
        """Those of this round whose beats still move."""
        self._read_through: Counter[str] = Counter()
        """What was read of the others."""
        self._look_at = 0.0

    def run(self) -> None:
        for turn in count():
            unread = self._job.unread()
            if not unread:
                break
            before = count_deaths(self._job.folder)
            try:
                self._settle(self._round(turn, unread))
            except _GaveUp:
                self._job.look_again()
                if len(self._job.unread()) == len(unread) and count_deaths(self._job.folder) == before:
                    raise
        self._progress(self._job.reading())

    def _round(self, turn: int, numbers: list[int]) -> "list[Row]":
        job = self._job
        weights = {number: job.sources[number].size + SOURCE_WEIGHT for number in numbers}
        shards = {f"{turn}-{place}": shard for place, shard in enumerate(plan_shards(weights, self._cluster.cores))}
        for name, shard in shards.items():
            write_shard(job.folder, name, [(number, job.sources[number]) for number in shard], job.options)
        self._shards, self._read_through, self._look_at = list(shards), Counter(), 0.0
        folder = str(job.folder)

        def read(places: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            leave_interrupts_to_others()
            for batch in places:
                for place in batch.column(0).to_pylist():
                    yield from read_shard(folder, f"{turn}-{place}")

        return self._cluster.collect(
            lambda spark: spark.range(0, len(shards), 1, len(shards)).mapInArrow(read, _in_sql(READ)), self._look
        )

    def _settle(self, rows: "list[Row]") -> None:
        for row in rows:
            if row.outcome is not None:
                self._job.finished[row.source] = decode_outcome(row.outcome)
        for row in rows:
            if row.source < 0:
                raise HarvestError(row.error)
            if row.error is not None:
                self._failures[row.source] += 1
                if self._failures[row.source] >= MAX_ATTEMPTS:
                    self._job.give_up(row.source, f"cannot be read: {row.error}")

    def _look(self) -> None:
        """Show how far the shards are. Seldom where they are many: their beats are files, perhaps of a network."""
        begun = time.monotonic()
        if begun < self._look_at:
            return
        running: Counter[str] = Counter()
        moving = []
        for name in self._shards:
            beats = beats_of(self._job.folder, name)
            counts = Counter(
                done=sum(beat.is_done for beat in beats),
                bytes_running=sum(beat.position for beat in beats),
                pages=sum(beat.pages for beat in beats),
                addresses=sum(beat.observations for beat in beats),
            )
            if counts["done"] < len(beats):
                moving.append(name)
                running += counts
            else:
                self._read_through += counts
        self._shards = moving
        self._progress(self._job.reading(**(running + self._read_through)))
        self._look_at = begun + 10 * (time.monotonic() - begun)


def plan_shards(weights: Mapping[int, int], cores: int) -> list[list[int]]:
    """Sources in shards of about the same weight (bytes): the heaviest source goes to the lightest shard, one by one."""
    size = sum(weights.values())
    amount = max(-(-size // SHARD_BYTES), min(len(weights), cores * SHARDS_A_CORE))
    shards: list[tuple[int, int, list[int]]] = [(0, place, []) for place in range(amount)]
    for number in sorted(weights, key=lambda number: (-weights[number], number)):
        weight, place, shard = shards[0]
        shard.append(number)
        heapq.heapreplace(shards, (weight + weights[number], place, shard))
    return [sorted(shard) for _, _, shard in sorted(shards, key=lambda one: (-one[0], one[1]))]


def _fold(cluster: "_Cluster", job: Job, progress: Callable[[Progress], None]) -> None:
    """Fold the rows of every bucket that is not folded yet."""
    todo = job.unfolded()
    folder = str(job.folder)

    def fold(rows: pa.Table) -> pa.Table:
        leave_interrupts_to_others()
        return fold_bucket(folder, rows)

    def plan(spark: "SparkSession") -> "DataFrame":
        spark.conf.set("spark.sql.shuffle.partitions", str(job.options.buckets))
        # Hadoop would take some characters of a path for a pattern.
        path = re.sub(r"([\\{}\[\]*?])", r"\\\1", f"{folder}/obs")
        rows = spark.read.schema(_in_sql(SCHEMA)).option("pathGlobFilter", "*.parquet").parquet(f"file://{path}")
        return rows.where(rows.bucket.isin(todo)).groupBy("bucket").applyInArrow(fold, _in_sql(FOLDED))

    def tell() -> None:
        progress(Progress("folding", job.options.buckets - len(job.unfolded()), job.options.buckets))

    read = {f"{number}.parquet" for number, outcome in job.finished.items() if outcome.checksum is not None}
    _await_files(job.folder / "obs", read, tell)
    folded = {row.bucket for row in cluster.collect(plan, tell)} if todo and read else set()
    _await_files(job.folder / "out", {f"{bucket}.parquet" for bucket in folded}, tell)
    _await_files(job.folder / "out", {f"{bucket}.json" for bucket in folded}, tell)
    for bucket in set(todo) - folded:
        write_bucket(job.folder, bucket, [])
    tell()


def _await_files(folder: Path, names: set[str], tell: Callable[[], None]) -> None:
    """Wait until this machine lists what others have written: whoever lists less, loses rows."""
    deadline = time.monotonic() + FOLDER_SECONDS
    while missing := names - {path.name for path in folder.iterdir()}:
        if time.monotonic() > deadline:
            raise HarvestError(
                f"The cluster wrote {len(missing)} files into {folder} that are not seen here. It must be a folder that all machines share."
            )
        tell()
        time.sleep(0.5)


class _Cluster:
    """
    A Spark application of our own.

    Spark is spoken to from a second thread, while the caller's says how far things are: when that raises, what runs is
    cancelled.
    """

    def __init__(self, master: str, folder: Path, tell: Callable[[], None]) -> None:
        self._master = master
        self._folder = folder
        self._log = folder / "tmp" / "spark.log"
        self._tell = tell
        self._gateway: Any = None
        self._context: Any = None
        self._is_wanted = True
        self.cores = 0

    def __enter__(self) -> Self:
        try:
            self._attend(self._start, self._tell, self._kill)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        from pyspark import SparkContext

        with suppress(Exception):  # whatever it is, the process ends below
            if self._context is not None:
                self._context.stop()
        if self._gateway is not None:
            with suppress(Exception):
                self._gateway.shutdown()
            self._gateway.proc.stdin.close()
            try:
                self._gateway.proc.wait(10)
            except TimeoutExpired:
                self._kill()
            # PySpark keeps both for the life of the process; the next harvest begins with a JVM of its own.
            SparkContext._gateway = SparkContext._jvm = None

    def collect(self, plan: "Callable[[SparkSession], DataFrame]", tell: Callable[[], None]) -> "list[Row]":
        """The rows of what *plan* makes of a session. Raises HarvestError; _GaveUp if it is worth another try."""
        from pyspark.sql import SparkSession

        group = uuid4().hex

        def work() -> "list[Row]":
            self._context.setJobGroup(group, f"vizsla {self._folder.name}", interruptOnCancel=True)
            return plan(SparkSession(self._context)).collect()

        return self._attend(work, tell, lambda: self._context.cancelJobGroup(group))

    def _attend(self, work: Callable[[], T], tell: Callable[[], None], cancel: Callable[[], None]) -> T:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            try:
                while not wait([future], timeout=0.25).done:
                    tell()
            except BaseException:
                with suppress(Exception):
                    cancel()
                raise
        try:
            return future.result()
        except HarvestError:
            raise
        except Exception as error:
            # A reader on this machine that was not at work yet hears of Ctrl-C too, and may fail before it is known here.
            time.sleep(0.25)
            tell()
            raise self._explained(error) from error

    def _kill(self) -> None:
        self._is_wanted = False
        if self._gateway is not None:
            self._gateway.proc.kill()
            self._gateway.proc.wait()

    def _start(self) -> None:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway

        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        conf = SparkConf(loadDefaults=False)
        for name, value in self._settings().items():
            conf.set(name, value)
        with self._log.open("wb") as log:
            self._gateway = launch_gateway(conf, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
        if self._is_wanted:
            # Without the settings: the JVM has them, and those that the operator's own files and variables put before ours.
            self._context = SparkContext(gateway=self._gateway)
            self._await_executors()
            self.cores = self._context.defaultParallelism

    def _settings(self) -> dict[str, str]:
        settings = {
            "spark.master": self._master,
            "spark.app.name": f"vizsla harvest {self._folder.name}",
            "spark.ui.enabled": "false",  # it listens on all addresses and asks nobody for a password
            "spark.ui.showConsoleProgress": "false",
            "spark.speculation": "false",  # who reads a source must be alone with its beats
        }
        if "PYTHONPATH" in os.environ:
            settings["spark.executorEnv.PYTHONPATH"] = os.environ["PYTHONPATH"]
        if _LOOPBACK.match(self._master):
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        return settings

    def _await_executors(self) -> None:
        """Until there is somebody to work, and for half a second no more come."""
        tracker = self._context._jsc.sc().statusTracker()
        deadline = time.monotonic() + EXECUTOR_SECONDS
        before = here = -1
        while not self._master.startswith("local") and (here < 2 or here != before):
            before, here = here, len(tracker.getExecutorInfos())
            if self._context._jsc.sc().isStopped():
                raise HarvestError(
                    f"{self._master} did not take the harvest. Is its Spark of the same version as PySpark?"
                )
            if time.monotonic() > deadline:
                raise HarvestError(
                    f"{self._master} gave no executor within {EXECUTOR_SECONDS} s. Has it workers with free cores and memory?"
                )
            if not self._is_wanted:
                return
            time.sleep(0.5)

    def _explained(self, error: Exception) -> HarvestError:
        """What to do about a failure of Spark's."""
        said = str(error)
        python = os.environ.get("PYSPARK_PYTHON", "")
        for mark, sentence in (
            (
                "No module named 'vizsla",
                f"The cluster's Python has no Vizsla. Install vizsla {__version__} for {python} there, or name another Python in PYSPARK_PYTHON.",
            ),
            (
                "No module named",
                f"The cluster's Python lacks a module ({_line_with('No module named', said)}). Install vizsla[spark] {__version__} there.",
            ),
            ("Cannot run program", f"The cluster has no {python}. Name its Python in PYSPARK_PYTHON."),
            (
                "PYTHON_VERSION_MISMATCH",
                f"The cluster's Python is of another version than this one ({platform.python_version()}). Name a fitting one in PYSPARK_PYTHON.",
            ),
            ("JAVA_GATEWAY_EXITED", f"Spark did not start. It needs Java 17 or newer; {self._log} says more."),
            (
                "All masters are unresponsive",
                f"{self._master} does not answer as a Spark master of the version of PySpark.",
            ),
        ):
            if mark in said:
                return HarvestError(sentence)
        return _GaveUp(f"Spark gave up: {said.strip().splitlines()[0][:300]}. {self._log} says more.")


class _GaveUp(HarvestError):
    """Spark tried a task four times."""


def _line_with(mark: str, text: str) -> str:
    return next((line.strip() for line in text.splitlines() if mark in line), mark)


def _check(master: str) -> None:
    """Raise HarvestError for what can be known to be missing before anything is started."""
    if not _MASTERS.match(master):
        raise HarvestError(f"{master} is no Spark master. Give local[*], spark://HOST:PORT, yarn or k8s://HOST:PORT.")
    if find_spec("pyspark") is None or find_spec("pandas") is None:
        raise HarvestError("PySpark is not installed. Install it with: pip install 'vizsla[spark]'")
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise HarvestError("Spark needs Java 17 or newer, and there is none. Install it, or set JAVA_HOME.")
    if master.startswith("spark://"):
        addresses = [one.rpartition(":") for one in master.removeprefix("spark://").split(",")]
        if not any(_is_listening(host.strip("[]"), port) for host, _, port in addresses):
            raise HarvestError(f"Nobody answers at {master}. Is the Spark master running, and is this its address?")


def _is_listening(host: str, port: str) -> bool:
    try:
        with socket.create_connection((host, int(port)), MASTER_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _in_sql(schema: pa.Schema) -> str:
    return ", ".join(f"`{field.name}` {_SQL[str(field.type)]}" for field in schema)
