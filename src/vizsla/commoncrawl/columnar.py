"""
Which captures does the columnar index list?

300 Parquet files a crawl, sorted by `url_surtkey`, some 200 GB in all. Their footers say which keys each row group holds, so only
the groups that can hold what is asked for are read, and of them only the columns that are needed; DuckDB chooses the rows.
Footers are read once a crawl and kept. Works on files wherever they are: what is read comes through `Archive.read`.
"""

import asyncio
import io
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from vizsla.commoncrawl.archive import Archive
from vizsla.commoncrawl.listed import CommonCrawlError, Listed, judge_row
from vizsla.harvest.job import open_duckdb

T = TypeVar("T")
Span = tuple[str, str]
_KEY = "url_surtkey"
COLUMNS = (
    _KEY, "url", "fetch_time", "fetch_status", "content_mime_type", "content_mime_detected", "content_digest",
    "warc_filename", "warc_record_offset", "warc_record_length",
)  # fmt: skip
MAX_FOOTER, MAX_GROUP = 64 << 20, 2 << 30
"""Bytes of a footer, and of the columns of a row group as they are unpacked; what is larger is no file of Common Crawl."""
_TAIL = 256 << 10
_ROWS = 8_192
_CHOOSE = """
    select url, epoch(fetch_time)::bigint, content_mime_type, content_mime_detected, content_digest,
        warc_filename, warc_record_offset::bigint, warc_record_length::bigint
    from captures join spans on url_surtkey >= low and url_surtkey < high
    where fetch_status = 200
"""


class Group(msgspec.Struct, frozen=True):
    """A row group, and the first and the last key in it (None: not said)."""

    number: int
    low: str | None
    high: str | None
    unpacked: int


class IndexFile(msgspec.Struct, frozen=True):
    """A file of the index as its footer describes it."""

    name: str
    size: int
    groups: list[Group]

    def groups_for(self, spans: Sequence[Span]) -> list[int]:
        """The row groups that can hold rows of *spans*."""
        return [
            group.number
            for group in self.groups
            if group.low is None or group.high is None
            or any(low <= group.high and group.low < high for low, high in spans)
        ]  # fmt: skip


class Footers:
    """What the footers of a crawl's index say, kept in a file: 300 of them are 600 requests."""

    def __init__(self, path: Path, archive: Archive) -> None:
        self._path = path
        self._archive = archive
        self._known: dict[str, IndexFile] = {}

    async def find(self, names: Sequence[str], progress: Callable[[int, int], None]) -> list[IndexFile]:
        """Those of *names*, read or remembered; *progress* is told how many there are."""
        self._load()
        files = []
        for number, name in enumerate(names, 1):
            if name not in self._known:
                self._keep(await self._read(name))
            files.append(self._known[name])
            progress(number, len(names))
        return files

    def _load(self) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                file = msgspec.json.decode(line, type=IndexFile)
            except msgspec.DecodeError:
                continue  # half a line, of a process that died
            self._known[file.name] = file

    def _keep(self, file: IndexFile) -> None:
        self._known[file.name] = file
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as out:
            out.write(b"\n" + msgspec.json.encode(file))

    async def _read(self, name: str) -> IndexFile:
        size = await self._archive.size(name)
        start = max(0, size - _TAIL)
        tail = await self._archive.read(name, start, size - start)
        length = int.from_bytes(tail[-8:-4], "little")
        if tail[-4:] != b"PAR1" or not 0 < length < min(size, MAX_FOOTER):
            raise CommonCrawlError(f"{name} is not a Parquet file.")
        if length + 8 > len(tail):
            start = size - length - 8
            tail = await self._archive.read(name, start, length + 8)
        try:
            # A Parquet file that is nothing but its end has all that a footer can say.
            described = pq.read_metadata(io.BytesIO(b"PAR1" + tail[-length - 8 :]))
            return IndexFile(name, size, _groups(described))
        except (pa.ArrowException, ValueError, KeyError, OSError) as error:
            raise CommonCrawlError(f"{name} is not a file of the columnar index: {str(error)[:200]}") from None


def _groups(described: Any) -> list[Group]:
    names = described.schema.to_arrow_schema().names
    if missing := sorted(set(COLUMNS) - set(names)):
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    wanted = [names.index(name) for name in COLUMNS]
    groups = []
    for number in range(described.num_row_groups):
        group = described.row_group(number)
        keys = group.column(wanted[0]).statistics
        is_said = keys is not None and keys.has_min_max
        low, high = (str(keys.min), str(keys.max)) if is_said else (None, None)
        unpacked = sum(group.column(at).total_uncompressed_size for at in wanted)
        groups.append(Group(number, low, high, unpacked))
    return groups


def scan(
    files: Sequence[IndexFile],
    spans: Sequence[Span],
    archive: Archive,
    *,
    loop: asyncio.AbstractEventLoop,
    dropped: Counter[str],
    progress: Callable[[int, int], None],
    is_wanted: Callable[[str], bool] | None = None,
) -> Iterator[Listed]:
    """
    The captures of good pages in *spans*, in the order of *files*. Runs in a thread; *loop* reads.

    With *is_wanted*, only those whose URI it takes: nine of ten rows then cost no more than their URI.
    *progress* is told of row groups done and in all, and may raise to end it.
    """
    wanted = [(file, groups) for file in files if (groups := file.groups_for(spans))]
    total, done = sum(len(groups) for _, groups in wanted), 0
    table = pa.table({"low": [low for low, _ in spans], "high": [high for _, high in spans]})
    for file, groups in wanted:
        sizes = {group.number: group.unpacked for group in file.groups}
        with pq.ParquetFile(_Opened(file, archive, loop), pre_buffer=True) as opened:
            for number in groups:
                progress(done, total)
                done += 1
                if sizes[number] > MAX_GROUP:
                    dropped["index_group_too_large"] += 1
                    continue
                yield from _chosen(opened, number, table, dropped, is_wanted)
    progress(done, total)


def _chosen(
    opened: Any, number: int, spans: pa.Table, dropped: Counter[str], is_wanted: Callable[[str], bool] | None
) -> Iterator[Listed]:
    schema = pa.schema([opened.schema_arrow.field(name) for name in COLUMNS])
    batches = opened.iter_batches(_ROWS, row_groups=[number], columns=list(COLUMNS))
    try:
        with open_duckdb(memory_limit="1GB") as connection:
            connection.register("captures", pa.RecordBatchReader.from_batches(schema, batches))
            connection.register("spans", spans)
            for batch in connection.sql(_CHOOSE).to_arrow_reader(_ROWS):
                if is_wanted is not None:
                    uris = batch.column(0).to_pylist()
                    batch = batch.take([at for at, uri in enumerate(uris) if is_wanted(uri or "")])  # noqa: PLW2901
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    if listed := _listed(row, dropped):
                        yield listed
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise CommonCrawlError(f"The columnar index cannot be read: {str(error)[:300]}") from None


def _listed(row: tuple[Any, ...], dropped: Counter[str]) -> Listed | None:
    uri, fetched_at, sent, detected, digest, filename, offset, length = row
    return judge_row(
        dropped,
        uri=uri,
        fetched_at=fetched_at,
        mime=detected if sent in (None, "", "unk") else sent,
        digest=digest,
        filename=filename,
        offset=offset,
        length=length,
    )


class _Opened(io.RawIOBase):
    """A file of the archive as pyarrow wants it, read from a thread while *loop* runs in another."""

    def __init__(self, file: IndexFile, archive: Archive, loop: asyncio.AbstractEventLoop) -> None:
        self._file = file
        self._archive = archive
        self._loop = loop
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._file.size - self._at)
        size = left if size < 0 else min(size, left)
        data = self._run(self._archive.read(self._file.name, self._at, size)) if size else b""
        self._at += len(data)
        return data

    def _run(self, reading: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(reading, self._loop).result()
