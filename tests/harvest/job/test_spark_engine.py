"""A whole harvest on a Spark cluster: the rows of the pool, whatever dies meanwhile."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from archives import gz, page_about, request, response
from vizsla.harvest import shards, spark
from vizsla.harvest.job import Options
from vizsla.harvest.sources import HarvestError, find_sources
from worlds.spark_cluster import SparkCluster, has_java

FILES = 300

# Python imports a `sitecustomize` at start, so this reaches every process that reads. One page kills its reader; on the
# cluster pages take long enough for somebody to be killed in the midst of them.
ODD_PAGES = """
import os, time
from vizsla.harvest import job
extract = job.extract
def odd(page, *spots, **options):
    if page.uri == "https://www.a7.example/1":
        os.kill(os.getpid(), 11)
    if "SPARK_CONF_DIR" in os.environ:
        time.sleep(0.005)
    return extract(page, *spots, **options)
job.extract = odd
"""


def write_archives(folder: Path) -> None:
    folder.mkdir()
    for file in range(FILES):
        site = f"a{file % 60}.example"
        team = [f"p{n}@{site}" for n in range(file % 5 + 1)]
        pages = [response(f"https://www.a{file}.example/{n}", page_about("Team", *team, "x@shared.example")) for n in range(3)]
        (folder / f"{file:05}.warc.gz").write_bytes(gz(*pages))
    (folder / "bad.warc").write_bytes(b"not an archive at all")
    (folder / "zzz-gone.warc").write_bytes(request("https://www.gone.example/") * 20)


def harvest(home: Path, environ: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vizsla.cli.main", "harvest", *map(str, arguments), "--json"],
        env={**environ, "VIZSLA_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> dict:
    said, talk = process.communicate(timeout=150)
    assert process.returncode == 0, talk
    return json.loads(said)


def truth(home: Path) -> list[list[tuple]]:
    with sqlite3.connect(home / "index.db") as connection:
        rows = [sorted(connection.execute(f"select * from {table}"), key=repr) for table in ("sighting", "fact", "page")]
    connection.close()
    return rows


def finished(home: Path) -> int:
    return len(list(home.glob("harvest/*/done/*.json")))


def await_finished(home: Path, count: int) -> None:
    deadline = time.monotonic() + 90
    while finished(home) < count:
        assert time.monotonic() < deadline, [path.read_text() for path in home.glob("harvest/*/tmp/spark.log")]
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not has_java(), reason="NO JAVA: whether Spark gives the rows of the pool is NOT TESTED here")
def test_spark_gives_the_rows_of_the_pool_though_its_readers_die(tmp_path, home):
    """Stopped by Ctrl-C, started again, an executor killed, a page that kills, a file that is none and one that goes away."""
    archives = tmp_path / "in"
    write_archives(archives)
    (tmp_path / "sitecustomize.py").write_text(ODD_PAGES)
    environ = {"PYTHONPATH": str(tmp_path)}
    pool = harvest(tmp_path / "pool", {**os.environ, **environ}, archives)
    with SparkCluster(tmp_path / "cluster", environ) as cluster:
        expected = ended(pool)
        arguments = (archives, "--engine", "spark", "--master", cluster.master)

        process = harvest(home, cluster.environ, *arguments)
        await_finished(home, 20)
        listening = cluster.listening()
        os.killpg(process.pid, signal.SIGINT)
        _, talk = process.communicate(timeout=60)
        assert process.returncode == 130, talk
        before = finished(home)
        assert 20 <= before < FILES, "Ctrl-C came too late to show anything"
        assert listening <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}

        process = harvest(home, cluster.environ, *arguments)
        await_finished(home, before + 20)
        (archives / "zzz-gone.warc").unlink()
        os.kill(cluster.executors()[0], signal.SIGKILL)
        assert finished(home) < FILES, "the kill came too late to show anything"
        answer = ended(process)

    assert truth(home) == truth(tmp_path / "pool")
    assert [len(rows) for rows in truth(home)] == [2_697 + 900 - 1 , 0, 900]
    reasons = {Path(one["path"]).name: one["reason"] for one in answer.pop("files_failed")}
    assert reasons.pop("zzz-gone.warc").startswith("cannot be read: [Errno 2] No such file")
    assert reasons == {Path(one["path"]).name: one["reason"] for one in expected.pop("files_failed")}
    assert expected["dropped"] == {"page_crashed": 1, "record_broken": 1}
    assert {**answer, "seconds": 0} == {**expected, "seconds": 0}
    assert not list((home / "harvest").iterdir())
