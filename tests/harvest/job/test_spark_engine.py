"""A whole harvest on a Spark cluster: the rows of the pool, whatever dies meanwhile."""

import json
import os
import platform
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import gz, page_about, request, response
from vizsla.harvest import shards, spark
from vizsla.harvest.job import Options
from vizsla.harvest.sources import HarvestError, find_sources
from worlds.spark_cluster import SparkCluster, has_java

FILES = 300
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}

# Python imports a `sitecustomize` at start, so this reaches every process that reads. One page kills its reader, one file
# cannot be read; on the cluster pages take long enough for somebody to be killed in the midst of them.
ODD_PAGES = """
import os, time
from vizsla.harvest import job
extract, read_captures = job.extract, job.read_captures
def broken(source, dropped):
    if source.path.endswith("broken.warc"):
        raise OSError(5, "Input/output error")
    return read_captures(source, dropped)
def odd(page, *spots, **options):
    if page.uri == "https://www.a7.example/1":
        os.kill(os.getpid(), 11)
    if "SPARK_CONF_DIR" in os.environ:
        time.sleep(0.005)
    return extract(page, *spots, **options)
job.extract, job.read_captures = odd, broken
"""


def write_archives(folder: Path) -> None:
    folder.mkdir()
    for file in range(FILES):
        site = f"a{file % 60}.example"
        team = [f"p{n}@{site}" for n in range(file % 5 + 1)]
        pages = [
            response(f"https://www.a{file}.example/{n}", page_about("Team", *team, "x@shared.example"))
            for n in range(3)
        ]
        (folder / f"{file:05}.warc.gz").write_bytes(gz(*pages))
    (folder / "bad.warc").write_bytes(b"not an archive at all")
    (folder / "broken.warc").write_bytes(request("https://www.broken.example/"))


def harvest(home: Path, environ: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vizsla.cli.main", "harvest", *map(str, arguments), "--json"],
        env={**environ, "VIZSLA_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> dict:
    said, talk = process.communicate(timeout=300)
    assert process.returncode == 0, talk
    return json.loads(said)


def truth(home: Path) -> list[list[tuple]]:
    with sqlite3.connect(home / "index.db") as connection:
        rows = [
            sorted(connection.execute(f"select * from {table}"), key=repr) for table in ("sighting", "fact", "page")
        ]
    connection.close()
    return rows


def finished(home: Path) -> int:
    return len(list(home.glob("harvest/*/done/*.json")))


def await_finished(home: Path, count: int) -> None:
    deadline = time.monotonic() + 180
    while finished(home) < count:
        assert time.monotonic() < deadline, [path.read_text() for path in home.glob("harvest/*/tmp/spark.log")]
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not has_java(), reason="NO JAVA: whether Spark gives the rows of the pool is NOT TESTED here")
def test_spark_gives_the_rows_of_the_pool_though_its_readers_die(tmp_path, home):
    """Stopped by Ctrl-C, started again, an executor killed, a page that kills, a file that is none and one that cannot be read."""
    archives = tmp_path / "in"
    write_archives(archives)
    (tmp_path / "sitecustomize.py").write_text(ODD_PAGES)
    environ = {"PYTHONPATH": str(tmp_path)}
    pool = harvest(tmp_path / "pool", {**os.environ, **environ}, archives)
    with SparkCluster(tmp_path / "cluster", environ) as cluster:
        expected = ended(pool)

        # Without executors of its own, which would take some seconds to come.
        process = harvest(home, cluster.environ, archives, "--engine", "spark", "--master", "local[2]")
        await_finished(home, 20)
        assert cluster.listening() <= LOOPBACK
        os.killpg(process.pid, signal.SIGINT)
        _, talk = process.communicate(timeout=60)
        assert process.returncode == 130, talk
        before = finished(home)
        assert 20 <= before < FILES, "Ctrl-C came too late to show anything"

        process = harvest(home, cluster.environ, archives, "--engine", "spark", "--master", cluster.master)
        await_finished(home, before + 20)
        assert cluster.listening() <= LOOPBACK
        os.kill(cluster.executors()[0], signal.SIGKILL)
        assert finished(home) < FILES, "the kill came too late to show anything"
        answer = ended(process)

    assert truth(home) == truth(tmp_path / "pool")
    assert [len(rows) for rows in truth(home)] == [FILES * 3 * 4 - 4, 0, FILES * 3]
    # Spark adds on which machine it could not be read.
    [bad, broken], [pool_bad, pool_broken] = answer.pop("files_failed"), expected.pop("files_failed")
    assert bad == pool_bad
    assert broken == {**pool_broken, "reason": f"{pool_broken['reason']} (on {platform.node()})"}
    assert broken["reason"].startswith("cannot be read: [Errno 5] Input/output error")
    assert expected["dropped"] == {"page_crashed": 1, "record_broken": 1}
    assert {**answer, "seconds": 0} == {**expected, "seconds": 0}
    assert not list((home / "harvest").iterdir())


def test_what_is_missing_is_said_before_anything_starts(tmp_path, home, monkeypatch):
    write = gz(response("https://a.example/", page_about("Team", "jane@a.example")))
    (tmp_path / "one.warc.gz").write_bytes(write)

    def said(master: str) -> str:
        with pytest.raises(HarvestError) as error:
            spark.run([str(tmp_path / "one.warc.gz")], home, master=master)
        return error.value.details

    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "Nobody answers at spark://127.0.0.1" in said(f"spark://127.0.0.1:{taken.getsockname()[1]}")
    assert "Nobody answers" in said("spark://127.0.0.1")
    assert "is no Spark master" in said("https://127.0.0.1:7077")
    assert "is no Spark master" in said("localhost:7077")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "Spark needs Java 17 or newer" in said("local[2]")
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert "pip install 'vizsla[spark]'" in said("local[2]")
    assert not home.exists()


def test_spark_that_does_not_start_is_an_error_with_a_place_to_look(tmp_path, home, monkeypatch):
    (tmp_path / "one.warc.gz").write_bytes(gz(response("https://a.example/", page_about("Team", "jane@a.example"))))
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'Unsupported class version' >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))

    with pytest.raises(HarvestError, match=r"Spark did not start\. It needs Java 17 or newer; .*spark\.log says more"):
        spark.run([str(tmp_path / "one.warc.gz")], home)
    [log] = home.rglob("spark.log")
    assert "Unsupported class version" in log.read_text()


def test_a_machine_without_the_folder_says_so(tmp_path):
    [row] = pa.Table.from_batches(shards.read_shard(str(tmp_path / "nowhere"), "0-0")).to_pylist()

    assert row["source"] == -1
    assert "It must be a folder that all machines share" in row["error"]


def job_folder(tmp_path: Path, *pages: bytes) -> tuple[Path, list]:
    folder = tmp_path / "job"
    for name in ("obs", "done", "out", "tmp"):
        (folder / name).mkdir(parents=True)
    (tmp_path / "one.warc.gz").write_bytes(gz(*pages))
    return folder, list(enumerate(find_sources([str(tmp_path / "one.warc.gz")])))


def test_a_machine_with_another_vizsla_says_so(tmp_path, monkeypatch):
    folder, sources = job_folder(tmp_path, response("https://a.example/", page_about("Team", "jane@a.example")))
    shards.write_shard(folder, "0-0", sources, Options())
    monkeypatch.setattr(shards, "__version__", "9.9")
    [row] = pa.Table.from_batches(shards.read_shard(str(folder), "0-0")).to_pylist()

    assert row["source"] == -1
    assert "has Vizsla 9.9" in row["error"]


@given(
    weights=st.dictionaries(st.integers(0, 200), st.integers(1, 10 * spark.SHARD_BYTES), min_size=1),
    cores=st.integers(1, 64),
)
def test_every_source_is_in_one_shard_and_no_shard_is_empty_or_needlessly_heavy(weights, cores):
    planned = spark.plan_shards(weights, cores)

    assert sorted(number for shard in planned for number in shard) == sorted(weights)
    heaviest = max(sum(weights[number] for number in shard) for shard in planned)
    assert all(planned) or len(planned) > len(weights)
    assert heaviest <= max(*weights.values(), 2 * spark.SHARD_BYTES, sum(weights.values()) / len(planned) * 2)
