"""
What does a machine of a cluster do with a harvest?

It reads the sources of a shard one after the other, or folds a bucket, into the job's folder, which it must see under the
same path as whoever asked; what came of it goes back as Arrow, too. Spark is not known here.

A shard is a file in that folder, `tmp/<name>.json`, with a file of beats beside it. Whoever takes a shard up after a worker
that died finds in the beats where that was: the same page twice is passed over, as on the pool.
"""

import platform
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec
import pyarrow as pa

from vizsla import __version__
from vizsla.harvest.folder import Outcome, find_outcome, give_up, write_whole
from vizsla.harvest.job import Options, reduce_bucket
from vizsla.harvest.sources import Source
from vizsla.harvest.worker import (
    DIED,
    Beat,
    Beats,
    SlotWatch,
    crashing_pages,
    is_hopeless,
    map_source,
    read_beats,
    settle_in,
    write_bucket,
)

READ = pa.schema([("source", pa.int32()), ("outcome", pa.binary()), ("error", pa.string())])
"""What came of a source: how it ended, or why it has to be tried again. Of no source (-1): why the machine is of no use."""
FOLDED = pa.schema([("bucket", pa.int32())])


class _Shard(msgspec.Struct, frozen=True):
    sources: list[tuple[int, Source]]
    """With their numbers."""
    options: Options
    version: str


def write_shard(folder: Path, name: str, sources: Sequence[tuple[int, Source]], options: Options) -> None:
    """Leave a shard for some machine to read."""
    Beats.make(_beats(folder, name), len(sources))
    content = msgspec.json.encode(_Shard(list(sources), options, __version__))
    write_whole(folder / "tmp" / f"{name}.json", content)


def beats_of(folder: Path, name: str) -> list[Beat]:
    """How far the sources of a shard are, in their order."""
    return read_beats(_beats(folder, name))


def count_deaths(folder: Path) -> int:
    """How often readers died in this run."""
    paths = (folder / "tmp").glob("deaths-*.json")
    return sum(len(msgspec.json.decode(path.read_bytes(), type=list[int])) for path in paths)


def read_shard(folder: str, name: str) -> Iterator[pa.RecordBatch]:
    """Read what an earlier attempt at the shard has not finished; one row of READ for each source."""
    _settle_in()
    job = Path(folder)
    here = platform.node()
    try:
        shard = msgspec.json.decode((job / "tmp" / f"{name}.json").read_bytes(), type=_Shard)
        beats = Beats(_beats(job, name))
    except FileNotFoundError:
        yield _row(-1, error=f"{here} does not see the folder {job.parent}. It must be one that all machines share.")
        return
    if shard.version != __version__:
        yield _row(-1, error=f"{here} has Vizsla {__version__}, and this is {shard.version}. Install the same version.")
        return
    for slot, (number, source) in enumerate(shard.sources):
        outcome = find_outcome(job, number)
        try:
            if outcome is None:
                deaths = _deaths(job, number, beats, slot)
                if is_hopeless(deaths):
                    outcome = give_up(job, number, source, DIED)
                else:
                    watch = SlotWatch(beats, slot, crashing_pages(deaths))
                    outcome = map_source(job, number, source, shard.options, watch)
            beats.finish(slot, source.size, outcome.report)
            yield _row(number, outcome)
        except OSError as error:
            beats.clear(slot)
            yield _row(number, error=f"{error} (on {here})")


def fold_bucket(folder: str, rows: pa.Table) -> pa.Table:
    """Fold *rows*, all there are of one bucket, and write them down."""
    _settle_in()
    bucket: int = rows.column("bucket")[0].as_py()
    write_bucket(Path(folder), bucket, reduce_bucket(rows).to_batches())
    return pa.table({"bucket": [bucket]}, schema=FOLDED)


def _beats(folder: Path, name: str) -> Path:
    return folder / "tmp" / f"{name}.beats"


def _deaths(folder: Path, number: int, beats: Beats, slot: int) -> list[int]:
    """The pages at which readers of a source died in this run; the last of them is found in the beats."""
    path = folder / "tmp" / f"deaths-{number}.json"
    deaths = msgspec.json.decode(path.read_bytes(), type=list[int]) if path.exists() else []
    if beats.runs(slot):
        deaths.append(beats.page_of(slot))
        beats.clear(slot)
        write_whole(path, msgspec.json.encode(deaths))
    return deaths


def _row(number: int, outcome: Outcome | None = None, *, error: str | None = None) -> pa.RecordBatch:
    content = None if outcome is None else msgspec.json.encode(outcome)
    return pa.RecordBatch.from_pydict({"source": [number], "outcome": [content], "error": [error]}, schema=READ)


_settle_in = cache(settle_in)
