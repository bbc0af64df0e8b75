"""
What does it cost to take pages from Common Crawl?

The columnar index, made up and sorted as theirs is: rows looked through a second and how much of the files was read, for a domain
and for a suffix, beside DuckDB reading the same Parquet files by itself. Then records fetched a second from a server on loopback
in neighbourhood and alone. At one and four times the rows.

    make bench ARGS="common_crawl [--rows=N] [--records=N] [--json]"
"""

import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from vizsla.commoncrawl.archive import Mirror, open_archive
from vizsla.commoncrawl.choosing import choose_by_domain
from vizsla.commoncrawl.columnar import COLUMNS, Footers, scan
from vizsla.commoncrawl.fetching import Fetched, fetch_plan
from vizsla.commoncrawl.listed import Listed, surt_spans
from vizsla.commoncrawl.paths import list_index_files
from vizsla.commoncrawl.plan import Asked, Plan
from vizsla.harvest.extract.profile_paths import is_profile_path
from vizsla.kit.settings import Settings
from worlds.common_crawl import CRAWL, common_crawl, people

GROUP = 100_000
PATHS = ("/", "/kontakt", "/impressum", *(f"/blog/{number}" for number in range(17)))


class Measure(msgspec.Struct):
    """One line of the table."""

    what: str
    seconds: float
    units: int
    share: float | None = None
    """Of the index's bytes that was read."""


class Counting:
    """A mirror that counts what is read of it."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mirror, name)

    async def read(self, name: str, start: int, length: int) -> bytes:
        self.bytes += length
        return await self._mirror.read(name, start, length)


def write_index(root: Path, rows: int) -> list[Path]:
    """An index of *rows* captures, twenty a domain, in two files."""
    chance = random.Random(1)
    paths = []
    for number, suffix in enumerate(("com", "de")):
        path = root / f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=warc/part-{number:05}.c000.gz.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = sorted(f"{chance.getrandbits(40):x}" for _ in range(rows // 40))
        pages = [(name, path_) for name in names for path_ in sorted(PATHS)]
        count = len(pages)
        columns: dict[str, list[Any]] = {
            "url_surtkey": [f"{suffix},{name}){path_}" for name, path_ in pages],
            "url": [f"https://{name}.{suffix}{path_}" for name, path_ in pages],
            "fetch_time": [1_790_000_000_000] * count,
            "fetch_status": [200] * count,
            "content_mime_type": ["text/html"] * count,
            "content_mime_detected": ["text/html"] * count,
            "content_digest": [f"{chance.getrandbits(160):032X}"[:32] for _ in range(count)],
            "warc_filename": [
                f"crawl-data/{CRAWL}/segments/1/warc/{CRAWL}-{chance.randrange(90_000):05}.warc.gz"
                for _ in range(count)
            ],
            "warc_record_offset": [chance.randrange(1 << 30) for _ in range(count)],
            "warc_record_length": [30_000] * count,
        }
        table = pa.table({name: columns[name] for name in COLUMNS})
        table = table.set_column(2, "fetch_time", table.column(2).cast(pa.timestamp("ms", "UTC")))
        pq.write_table(table, path, row_group_size=GROUP, compression="gzip")
        paths.append(path)
    return paths


def look_through(root: Path, archive: Any, domains: list[str], suffixes: list[str]) -> int:
    async def run() -> int:
        loop = asyncio.get_running_loop()
        files = await Footers(root / "footers", archive).find(
            await list_index_files(archive, CRAWL), lambda done, total: None
        )
        spans = surt_spans(domains, suffixes)

        def choose() -> int:
            wanted = is_profile_path if suffixes else None
            nothing = lambda done, total: None  # noqa: E731
            rows = scan(files, spans, archive, loop=loop, dropped=Counter(), progress=nothing, is_wanted=wanted)
            return sum(1 for _ in (choose_by_domain(rows, 200, only_profiles=True) if suffixes else rows))

        return await asyncio.to_thread(choose)

    return asyncio.run(run())


def timed(what: str, units: int, work: Callable[[], object]) -> Measure:
    begun = time.process_time()
    work()
    return Measure(what, time.process_time() - begun, units)


def measure_index(root: Path, rows: int) -> list[Measure]:
    paths = write_index(root, rows)
    size = sum(path.stat().st_size for path in paths)
    known = pq.read_table(paths[0], columns=["url"]).column(0)[rows // 4].as_py().split("/")[2]
    measures = []
    for what, domains, suffixes in (("a domain", [known], []), ("a suffix, focus", [], ["de"])):
        archive = Counting(Mirror(str(root)))
        look_through(root, archive, domains, suffixes)  # footers
        archive.bytes = 0
        one = timed(
            f"{rows:,} rows: {what}", rows, lambda a=archive, d=domains, s=suffixes: look_through(root, a, d, s)
        )
        one.share = archive.bytes / size
        measures.append(one)
    low, high = surt_spans([], ["de"])[0]
    where = f"url_surtkey >= '{low}' and url_surtkey < '{high}' and fetch_status = 200"
    text = f"select {', '.join(COLUMNS)} from read_parquet({[str(path) for path in paths]}) where {where}"
    with duckdb.connect(config={"threads": 1}) as connection:
        measures.append(timed("  DuckDB alone, the same suffix", rows, lambda: connection.sql(text).to_arrow_table()))
    return measures


async def measure_fetching(root: Path, records: int) -> list[Measure]:
    async with common_crawl() as world:
        pages = {f"https://acme.com/{number}": people("P" * 20_000, f"p{number}@acme.com") for number in range(records)}
        for start in range(0, records, 20):
            world.add(start, dict(list(pages.items())[start : start + 20]))
        rows = [
            Listed(row["url"], 1, "", row["filename"], int(row["offset"]), int(row["length"]))
            for row in world.rows[CRAWL]
        ]
        measures = []
        for what, chosen in (("records side by side", rows), ("one record of each file", rows[::20])):
            plan = Plan(root, Asked(what, CRAWL, ""))
            fetched = Fetched()
            begun = time.process_time()
            async with open_archive(world.settings(Settings(home=root))) as archive:
                with plan.held():
                    with plan.settling() as add:
                        add(chosen)
                    async for _ in fetch_plan(
                        plan, archive, fetched, prefix=root / "got", progress=lambda done, total: None
                    ):
                        pass
            measures.append(
                Measure(f"{what} ({fetched.ranges:,} requests)", time.process_time() - begun, fetched.records)
            )
        return measures


def main(arguments: Sequence[str] = ()) -> None:
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    rows, records = int(options.get("rows", "400000")), int(options.get("records", "1000"))
    measures = []
    for times in (1, 4):
        with tempfile.TemporaryDirectory() as folder:
            measures += measure_index(Path(folder), rows * times)
    with tempfile.TemporaryDirectory() as folder:
        measures += asyncio.run(measure_fetching(Path(folder), records))
    if "json" in options:
        print(json.dumps([msgspec.structs.asdict(one) for one in measures]))
        return
    table = Table("what", "CPU s", "a second", "of the index read")
    for one in measures:
        share = "" if one.share is None else f"{one.share:.1%}"
        table.add_row(one.what, f"{one.seconds:.2f}", f"{one.units / max(one.seconds, 1e-9):,.0f}", share)
    console = Console()
    console.print(table)
    console.print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
