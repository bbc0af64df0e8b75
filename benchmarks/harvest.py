"""
What does it cost to read the web?

Pages a second a core beside the limit (fastwarc inflating and handing over bodies, nothing else) and beside what people
write by hand (BeautifulSoup on lxml, its text and its links, the usual regular expression), on the same files in the same
run, in turns, in CPU time. Then hostile pages, memory at one and four times the input, and a whole harvest on all cores.

    make bench ARGS="harvest [--json] [--rounds=N] [--pages=N]"
"""

import gc
import json
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import msgspec
from bs4 import BeautifulSoup
from fastwarc.warc import ArchiveIterator, WarcRecordType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks import corpus, hostile
from vizsla.harvest.extract.gate import find_spots
from vizsla.harvest.extract.page import extract
from vizsla.harvest.extract.profile_paths import is_profile_path
from vizsla.harvest.folder import reduced_buckets
from vizsla.harvest.job import Options, Report, map_file
from vizsla.harvest.local import run
from vizsla.harvest.records import Page
from vizsla.harvest.sources import find_sources
from vizsla.harvest.worker import COLLECTOR

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
SOUP_PAGES = 200
"""BeautifulSoup reads some 50 pages a second: a sample must do."""


class Measure(msgspec.Struct):
    """One way to read one corpus."""

    corpus: str
    way: str
    pages: int
    megabytes: float
    seconds: float = 1e9

    @property
    def pages_a_second(self) -> float:
        return self.pages / self.seconds


def main(arguments: Sequence[str] = ()) -> None:
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    rounds, limit = int(options.get("rounds", 5)), int(options.get("pages", 3_000))
    build = corpus.CACHE / "warc"
    build.mkdir(parents=True, exist_ok=True)
    docs, web = corpus.docs(), corpus.web()
    if not docs and not web:
        sys.exit("Neither Debian nor PyPI can be reached, and there is nothing to read.")
    some_docs = docs[:: max(1, len(docs) // limit)]
    gc.freeze()  # as in a worker
    gc.set_threshold(*COLLECTOR)
    result: dict[str, object] = {
        "hostile": {name: round(_time_page(body) * 1_000, 1) for name, body in hostile.pages()}
    }
    measures: list[Measure] = []
    for name, pages in (("docs", some_docs), ("web", web)):
        if pages:
            measures += _measure(name, pages, build, rounds)
    result["reading"] = [_with_ratios(one, measures) for one in measures]
    result["memory"] = _memory(some_docs + web, build)
    result["whole"] = _whole(docs + web, build)
    if "json" in options:
        print(json.dumps(result, indent=1))
    else:
        _show(result)


def _measure(name: str, pages: list[tuple[str, Path]], build: Path, rounds: int) -> list[Measure]:
    everything = list(corpus.bodies(pages))
    away = [
        (uri, body)
        for uri, body in everything
        if not find_spots(body, decode_protected=False) and not is_profile_path(uri)
    ]
    files = {
        name: (corpus.write_warc(build / f"{name}.warc.gz", everything), everything),
        f"{name}, turned away": (corpus.write_warc(build / f"{name}-away.warc.gz", away), away),
    }
    sample = everything[:: max(1, len(everything) // SOUP_PAGES)]
    sample_file = corpus.write_warc(build / f"{name}-sample.warc.gz", sample)
    ways: list[tuple[Measure, Callable[[], object]]] = []
    for label, (file, of) in files.items():
        for way, function in (("fastwarc alone", _read_only), ("vizsla", _harvest)):
            ways.append((_new(label, way, of), lambda function=function, file=file: function(file)))
    ways.append((_new(name, "BeautifulSoup", sample), lambda: _soup(sample_file)))
    for turn in range(rounds):
        for measure, function in ways:
            if measure.way == "BeautifulSoup" and turn >= 2:
                continue
            begun = time.process_time()
            function()
            measure.seconds = min(measure.seconds, time.process_time() - begun)
    return [measure for measure, _ in ways]


def _new(label: str, way: str, pages: list[tuple[str, bytes]]) -> Measure:
    return Measure(label, way, len(pages), sum(len(body) for _, body in pages) / 1e6)


def _read_only(file: Path) -> int:
    records = ArchiveIterator(str(file), record_types=WarcRecordType.response, fsspec_args=False)
    return sum(len(record.reader.read()) for record in records)


def _harvest(file: Path) -> int:
    [source] = find_sources([str(file)])
    return sum(batch.num_rows for batch in map_file(source, Options(), Report()))


def _soup(file: Path) -> int:
    found = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for record in ArchiveIterator(str(file), record_types=WarcRecordType.response, fsspec_args=False):
            soup = BeautifulSoup(record.reader.read(), "lxml")
            links = [link["href"] for link in soup.find_all("a", href=True)]
            mailto = [link[7:].partition("?")[0] for link in links if link.startswith("mailto:")]
            found.update(chain(ADDRESS.findall(soup.get_text(" ")), mailto))
    return len(found)


def _with_ratios(one: Measure, measures: list[Measure]) -> dict[str, object]:
    same = {measure.way: measure for measure in measures if measure.corpus == one.corpus}
    soup = same.get("BeautifulSoup")
    return {
        "corpus": one.corpus,
        "way": one.way,
        "pages": one.pages,
        "kb_a_page": round(one.megabytes * 1_000 / one.pages, 1),
        "pages_a_second": round(one.pages_a_second),
        "megabytes_a_second": round(one.megabytes / one.seconds, 1),
        "of_fastwarc": round(one.pages_a_second / same["fastwarc alone"].pages_a_second, 4),
        "times_soup": round(one.pages_a_second / soup.pages_a_second, 1) if soup else None,
    }


def _time_page(body: bytes) -> float:
    best = 1e9
    for _ in range(3):
        begun = time.process_time()
        if spots := find_spots(body, decode_protected=True):
            extract(Page("https://www.hostile.example/about", 0, body), spots, decode_protected=True)
        best = min(best, time.process_time() - begun)
    return best


def _memory(pages: list[tuple[str, Path]], build: Path) -> dict[str, float]:
    """Peak MiB of the one worker that reads, for an archive and for one four times as long."""
    found = {}
    once = corpus.write_warc(build / "once.warc.gz", corpus.bodies(pages))
    for times in (1, 4):
        file = build / f"times{times}.warc.gz"
        with file.open("wb") as out:
            for _ in range(times):
                out.write(once.read_bytes())
        with tempfile.TemporaryDirectory() as home:
            found[f"{times}x"] = round(run([str(file)], Path(home), jobs=1).peak_kib / 1_024, 1)
        file.unlink()
    return found


def _whole(pages: list[tuple[str, Path]], build: Path) -> dict[str, object]:
    """Everything through the pool, folded."""
    folder = build / "whole"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    step = 1_000
    for start in range(0, len(pages), step):
        corpus.write_warc(folder / f"{start:06}.warc.gz", corpus.bodies(pages[start : start + step]))
    with tempfile.TemporaryDirectory() as home:
        manifest = run([str(folder)], Path(home))
        rows = sum(batch.num_rows for batch in reduced_buckets(manifest))
    shutil.rmtree(folder)
    return {
        "pages": manifest.pages,
        "pages_read": manifest.pages_read,
        "addresses": manifest.addresses,
        "sightings": manifest.sightings,
        "facts": manifest.facts,
        "rows": rows,
        "seconds": round(manifest.seconds, 2),
        "html_megabytes_a_second": round(manifest.bytes_read / 1e6 / manifest.seconds, 1),
        "dropped": manifest.dropped,
    }


def _show(result: dict[str, object]) -> None:
    console = Console(width=max(110, Console().width))
    table = Table(title="Harvest, one core, CPU time, best of the rounds")
    for heading in ("corpus", "way", "pages", "KB a page", "pages/s", "MB/s", "of fastwarc", "x BeautifulSoup"):
        table.add_column(heading, justify="left" if heading in {"corpus", "way"} else "right")
    for row in result["reading"]:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
    table = Table(title="Hostile pages of 1 MB, gate and extraction")
    table.add_column("page")
    table.add_column("ms", justify="right")
    for name, milliseconds in sorted(result["hostile"].items(), key=lambda item: -item[1]):
        table.add_row(Text(name), str(milliseconds))
    console.print(table)
    memory = result["memory"]
    console.print(f"Peak memory of a worker: {memory['1x']} MiB at 1x, {memory['4x']} MiB at 4x input", highlight=False)
    console.print("Whole harvest, all cores, wall time:", result["whole"], highlight=False)
