"""A whole harvest on the process pool."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from archives import gz, page_about, record, response
from vizsla.harvest.folder import Manifest, Progress, reduced_buckets
from vizsla.harvest.job import read_rows
from vizsla.harvest.local import run
from vizsla.harvest.records import Sighting, Visit
from vizsla.harvest.sources import HarvestError

GIB = 1 << 30


def rows_of(manifest: Manifest) -> list:
    return list(chain.from_iterable(read_rows(batch) for batch in reduced_buckets(manifest)))


def write_site(folder: Path, files: int, pages: int = 3) -> None:
    folder.mkdir(exist_ok=True)
    for file in range(files):
        records = [
            response(
                f"https://www.a{file}.example/{n}", page_about("Team", f"p{n}@a{file}.example", "x@shared.example")
            )
            for n in range(pages)
        ]
        (folder / f"{file:05}.warc.gz").write_bytes(gz(*records))


def test_a_harvest_gives_every_row_once_and_leaves_nothing_behind(tmp_path, home):
    write_site(tmp_path / "in", files=5)
    (tmp_path / "in" / "bad.warc").write_bytes(b"not an archive at all")
    seen: list[Progress] = []
    manifest = run([str(tmp_path / "in")], home, jobs=2, progress=seen.append)
    rows = rows_of(manifest)

    assert (manifest.sources, manifest.pages, manifest.visits) == (6, 15, 15)
    assert (manifest.addresses, manifest.sightings, manifest.domains) == (16, 30, 6)
    assert [(Path(bad.path).name, bad.reason.split()[-3:]) for bad in manifest.bad] == [
        ("bad.warc", ["a", "WARC", "file."])
    ]
    assert len({(r.domain, r.local, r.uri) for r in rows if isinstance(r, Sighting)}) == 30
    assert len({r.uri for r in rows if isinstance(r, Visit)}) == 15
    assert seen[-1] == Progress("folding", 4, 4)
    assert any(
        p.stage == "reading" and p.done == 6 and p.addresses == 30 and p.bytes_done == p.bytes_total for p in seen
    )
    assert list((home / "harvest").iterdir()) == []


def test_a_merge_that_stops_goes_on_with_the_open_bucket(tmp_path, home):
    write_site(tmp_path / "in", files=6)
    manifest = run([str(tmp_path / "in")], home, jobs=1)
    everything = set()
    first = []
    for batch in reduced_buckets(manifest):
        first.append(batch)
        if len(first) == 3:
            break  # two were asked past, so two are merged
    again = run([str(tmp_path / "in")], home, jobs=1)
    rest = list(reduced_buckets(again))

    assert again.resumed == 6
    assert 0 < len(rest) < 4
    for batch in first + rest:
        everything |= {row.uri for row in read_rows(batch) if isinstance(row, Visit)}
    assert len(everything) == 18


def test_the_same_harvest_twice_at_once_is_refused(tmp_path, home):
    write_site(tmp_path / "in", files=2)
    manifest = run([str(tmp_path / "in")], home, jobs=1)
    merging = reduced_buckets(manifest)
    next(merging)
    with pytest.raises(HarvestError, match="runs already"):
        run([str(tmp_path / "in")], home, jobs=1)
    merging.close()


def test_a_gigabyte_of_zeros_stays_small(tmp_path, home):
    """In the record itself, and in an encoded body; what follows is read."""
    import gzip
    import zlib

    uri = "https://a.example/bomb"
    head = record(uri, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n").removesuffix(b"\r\n\r\n")
    head = head.replace(b"Content-Length: 44", b"Content-Length: %d" % (44 + GIB))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    member = [packer.compress(head), *(packer.compress(zeros) for _ in range(GIB >> 20))]
    member += [packer.compress(b"\r\n\r\n"), packer.flush()]
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join([*(squeezer.compress(zeros) for _ in range(GIB >> 20)), squeezer.flush()])
    encoded = gzip.compress(response(uri, body, "Content-Encoding: gzip"))
    (tmp_path / "bomb.warc.gz").write_bytes(
        b"".join(member) + encoded + gz(response("https://b.example/x", page_about("x", "jane@b.example")))
    )
    begun = time.monotonic()
    manifest = run([str(tmp_path / "bomb.warc.gz")], home, jobs=1)

    assert time.monotonic() - begun < 60
    assert manifest.peak_kib < 300 << 10
    assert manifest.dropped["body_cut_at_limit"] == 2
    assert {(row.local, row.domain) for row in rows_of(manifest) if isinstance(row, Sighting)} == {
        ("jane", "b.example")
    }


def test_what_progress_raises_stops_the_harvest_and_leaves_it_resumable(tmp_path, home):
    class Enough(Exception):
        pass

    def show(progress: Progress) -> None:
        if progress.done >= 5:
            raise Enough

    write_site(tmp_path / "in", files=40)
    with pytest.raises(Enough):
        run([str(tmp_path / "in")], home, jobs=2, progress=show)
    deadline = time.monotonic() + 60  # they run only where nobody else wants to
    while workers() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not workers()
    manifest = run([str(tmp_path / "in")], home, jobs=2)
    assert manifest.resumed >= 5
    assert manifest.sightings == 240


def children_of(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def workers() -> set[int]:
    """The workers of this process: children of the fork server (PostgreSQL has children too)."""
    servers = [pid for pid in children_of(os.getpid()) if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return {worker for server in servers for worker in children_of(server)}


def test_killed_workers_cost_time_but_no_rows(tmp_path, home):
    write_site(tmp_path / "in", files=60, pages=20)
    expected = rows_of(run([str(tmp_path / "in")], tmp_path / "quiet", jobs=2))
    done = threading.Event()
    killed = []

    def is_reading() -> bool:
        return len(list(home.rglob("done/*.json"))) < 60

    def kill() -> None:
        # Only while it reads: whoever folds is given up after the third death.
        while not done.wait(0.1) and len(killed) < 6 and is_reading():
            for worker in list(workers())[:1]:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        manifest = run([str(tmp_path / "in")], home, jobs=2)
    finally:
        done.set()
        killer.join()

    assert killed
    assert manifest.bad == []
    assert rows_of(manifest) == expected


# Python imports a `sitecustomize` at start, so this reaches every process of the harvest; the extractor itself has no such page.
CRASHES = """
import os
from vizsla.harvest import job
extract = job.extract
def crashing(page, *spots, **options):
    if page.uri == "https://www.a1.example/2":
        os.kill(os.getpid(), 11)
    return extract(page, *spots, **options)
job.extract = crashing
"""
HARVEST = """
import sys
from pathlib import Path
import msgspec
from vizsla.harvest.local import run
if __name__ == "__main__":
    print(msgspec.json.encode(run([sys.argv[1]], Path(sys.argv[2]), jobs=2)).decode())
"""


def test_a_page_that_kills_its_reader_is_passed_over(tmp_path, home):
    write_site(tmp_path / "in", files=3, pages=5)
    (tmp_path / "sitecustomize.py").write_text(CRASHES)
    (tmp_path / "harvest.py").write_text(HARVEST)
    answer = subprocess.run(
        [sys.executable, tmp_path / "harvest.py", tmp_path / "in", home],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    manifest = msgspec.json.decode(answer.stdout, type=Manifest)

    assert (manifest.bad, manifest.dropped) == ([], {"page_crashed": 1})
    assert (manifest.pages, manifest.visits, manifest.sightings) == (15, 15, 28)
