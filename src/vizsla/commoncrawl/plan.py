"""
What is to be fetched, and what of it is here?

A plan is a folder, `$VIZSLA_HOME/commoncrawl/<id>`, named after what was asked for:

    listed.parquet      the captures that were chosen     plan.parquet    those to be fetched, by file and place
    parts/<n>/<i>       the records of the i-th range of the n-th piece
    read/<n>            that piece is in the index

Each appears under its name only when it is whole, so whoever begins again after `kill -9` goes on with what is not here. A
piece becomes one WARC file, and its parts go.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from vizsla.commoncrawl.listed import CommonCrawlError, Listed
from vizsla.harvest.folder import write_whole
from vizsla.harvest.job import open_duckdb

RECORDS_A_PIECE, BYTES_A_PIECE = 2_000, 256 << 20
_ROWS = 1_000
_ORDER = ("filename", "offset", "uri")
_SORTED_IN_MEMORY = 200_000
"""Captures; some 60 MB."""
_SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string()),
        pa.field("fetched_at", pa.int64()),
        pa.field("digest", pa.string()),
        pa.field("filename", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int64()),
    ]
)


class Asked(msgspec.Struct, frozen=True):
    """What makes a plan this plan and no other."""

    mode: str
    crawl: str
    place: str
    domains: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    most: int = 0

    @property
    def id(self) -> str:
        """A name for files."""
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=8).hexdigest()


class Size(msgspec.Struct, frozen=True):
    """How much a plan comes to."""

    records: int
    bytes: int
    files: int
    """Of Common Crawl, that the records lie in."""


class Plan:
    """The folder of one plan."""

    def __init__(self, home: Path, asked: Asked) -> None:
        self.asked = asked
        self.folder = home / "commoncrawl" / asked.id
        self._listed = self.folder / "listed.parquet"
        self._plan = self.folder / "plan.parquet"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, no other process works on this plan. Raises CommonCrawlError if one does."""
        (self.folder / "read").mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommonCrawlError(f"Another process fetches the same pages already ({self.folder}).") from None
            for path in self.folder.rglob("*.tmp*"):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            yield

    @property
    def is_listed(self) -> bool:
        """Whether the index was asked."""
        return self._listed.exists()

    @property
    def is_made(self) -> bool:
        """Whether it is known what to fetch."""
        return self._plan.exists()

    def write_listed(self, rows: Iterable[Listed]) -> None:
        """Keep what was chosen from the index."""
        _write(self._listed, rows)

    def read_listed(self) -> Iterator[list[Listed]]:
        """What was chosen, some at a time."""
        return _read(self._listed)

    @contextmanager
    def settling(self) -> Iterator[Callable[[Sequence[Listed]], None]]:
        """Inside, hand in what is to be fetched, in any order and pieces; afterwards it is settled."""
        unsorted, half = self.folder / "rows.tmp", self.folder / "plan.tmp"
        with pq.ParquetWriter(unsorted, _SCHEMA, compression="zstd", compression_level=1) as writer:
            writer.write_batch(_batch([]))
            yield lambda rows: writer.write_batch(_batch(rows))
        if pq.read_metadata(unsorted).num_rows <= _SORTED_IN_MEMORY:
            rows = pq.read_table(unsorted).sort_by([(name, "ascending") for name in _ORDER])
            pq.write_table(rows, half)
        else:
            limits = {"memory_limit": "512MB", "temp_directory": str(self.folder / "duckdb.tmp")}
            with open_duckdb(**limits) as connection:
                connection.read_parquet(str(unsorted)).order(", ".join(_ORDER)).write_parquet(str(half))
        unsorted.unlink()
        half.replace(self._plan)

    def unsettle(self) -> None:
        """Settle it anew the next time."""
        self._plan.unlink()

    def size(self) -> Size:
        """How much there is to fetch in all."""
        records = size = files = 0
        before = None
        for rows in _read(self._plan):
            for row in rows:
                records, size, files = records + 1, size + row.length, files + (row.filename != before)
                before = row.filename
        return Size(records, size, files)

    def pieces(self) -> Iterator[tuple[int, list[Listed]]]:
        """The plan in pieces, each for one WARC file, with their numbers; always the same ones."""
        number, size, piece = 0, 0, list[Listed]()
        for rows in _read(self._plan):
            for row in rows:
                if piece and (len(piece) >= RECORDS_A_PIECE or size + row.length > BYTES_A_PIECE):
                    yield number, piece
                    number, size, piece = number + 1, 0, []
                piece.append(row)
                size += row.length
        if piece:
            yield number, piece

    def is_read(self, number: int) -> bool:
        """Whether a piece is in the index."""
        return (self.folder / "read" / str(number)).exists()

    def mark_read(self, number: int) -> None:
        """A piece is in the index."""
        write_whole(self.folder / "read" / str(number), b"")

    def remove(self) -> None:
        """All of it is in the index."""
        shutil.rmtree(self.folder)


def _write(path: Path, rows: Iterable[Listed]) -> None:
    half = path.with_suffix(f".tmp{os.getpid()}")
    with pq.ParquetWriter(half, _SCHEMA, compression="zstd", compression_level=1) as writer:
        some: list[Listed] = []
        for row in rows:
            some.append(row)
            if len(some) == _ROWS * 8:
                writer.write_batch(_batch(some))
                some = []
        writer.write_batch(_batch(some))
    half.replace(path)


def _batch(rows: Sequence[Listed]) -> pa.RecordBatch:
    arrays = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in _SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def _read(path: Path) -> Iterator[list[Listed]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS):
            yield [Listed(*values) for values in zip(*(column.to_pylist() for column in batch.columns), strict=True)]
