"""
What do pages say, as rows, and what is left when the rows of many files are folded?

Two pure functions of one schema: `map_file` turns a source into rows, `reduce_bucket` folds the rows of a bucket. Folding what
was folded changes nothing, in whatever order and pieces it is done, so any engine may run them: `local` does on a
process pool; Spark's `mapInArrow` and `applyInArrow` take them as they are.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from vizsla.harvest.extract.charset import charset_of, decode
from vizsla.harvest.extract.gate import find_spots
from vizsla.harvest.extract.page import extract
from vizsla.harvest.extract.profile import extract_facts, is_profile_path
from vizsla.harvest.guard import PageTooSlow, end_page, page_limits, start_page
from vizsla.harvest.records import Extraction, Fact, Observation, Page, Sighting, Visit
from vizsla.harvest.sources import Source
from vizsla.harvest.warc import Capture, read_captures
from vizsla.kit.arrow import leave_pandas_out
from vizsla.kit.domain_name import site_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

leave_pandas_out()

SIGHTING, FACT, VISIT = 0, 1, 2
_FACT_COLUMNS = {"seen_at": "last_seen"}
_VISIT_COLUMNS = {"fetched_at": "last_seen"}
BATCH_ROWS = 4_096
"""Few, so that what waits in memory does not grow with the input."""

SCHEMA = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("kind", pa.int8(), nullable=False),
        pa.field("domain", pa.string()),
        pa.field("local", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("key", pa.string()),
        pa.field("value", pa.string()),
        pa.field("first_seen", pa.int64()),
        pa.field("last_seen", pa.int64()),
        pa.field("digest", pa.string()),
        pa.field("how", pa.string()),
        pa.field("first_name", pa.string()),
        pa.field("last_name", pa.string()),
        pa.field("name_score", pa.int8()),
        pa.field("position", pa.string()),
        pa.field("phone", pa.string()),
        pa.field("twitter", pa.string()),
        pa.field("linkedin", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("weight", pa.int16()),
    ]
)
_EVIDENCE = ("last_name", "first_name", "position", "phone", "linkedin", "twitter", "lang", "how", "digest")

# One statement folds all three kinds, each by the columns that it has; the others are null and do not tell rows apart.
# `latest` is the greatest row in a total order that begins with the time: whoever folds first, the same row wins.
# max() of a struct compares field by field; a null would be the greatest of all, hence the coalescing.
_FOLD = f"""
select bucket, kind, domain, local, uri, key, value, first_seen, last_seen,
       nullif(latest.digest, '') as digest, nullif(latest.how, '') as how,
       nullif(latest.first_name, '') as first_name, nullif(latest.last_name, '') as last_name,
       nullif(latest.name_score, -1)::tinyint as name_score, nullif(latest.position, '') as position,
       nullif(latest.phone, '') as phone, nullif(latest.twitter, '') as twitter,
       nullif(latest.linkedin, '') as linkedin, nullif(latest.lang, '') as lang,
       nullif(latest.weight, -1)::smallint as weight
from (
    select bucket, kind, domain, local, uri, key, value,
           min(first_seen) as first_seen, max(last_seen) as last_seen,
           max({{
               'at': last_seen, 'name_score': coalesce(name_score, -1), 'weight': coalesce(weight, -1),
               {", ".join(f"'{name}': coalesce({name}, '')" for name in _EVIDENCE)}
           }}) as latest
    from rows
    group by bucket, kind, domain, local, uri, key, value
)
order by bucket, kind, domain, local, key, value, uri
"""  # noqa: S608 (our own column names)


class Options(msgspec.Struct, frozen=True):
    """What changes the rows that a source gives."""

    decode_protected: bool = False
    buckets: int = 16


class Report(msgspec.Struct):
    """What was read from a source."""

    bytes_read: int = 0
    """Of pages, after decompression."""
    pages: int = 0
    pages_read: int = 0
    """Those of them that the gate let through."""
    visits: int = 0
    observations: int = 0
    facts: int = 0
    dropped: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, other: "Report") -> None:
        for name in ("bytes_read", "pages", "pages_read", "visits", "observations", "facts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.dropped.update(other.dropped)


class Watch(Protocol):
    """Told what the map is at, so that somebody can look, or tell it to stop (by raising)."""

    def enter_page(self, number: int, position: int, report: Report) -> bool:
        """Before the *number*-th capture of the source, *position* bytes into it, is extracted; False: pass over it."""
        ...

    def outside(self, number: int, position: int, report: Report) -> None:
        """After a page, and now and then while pages are turned away."""
        ...


def map_file(source: Source, options: Options, report: Report, watch: Watch | None = None) -> Iterator[pa.RecordBatch]:
    """
    The rows of *source*, in batches of one kind and sorted by bucket; *report* counts along.

    A page that cannot be extracted is counted and passed over. Raises HarvestError for what is no archive, OSError.
    """
    rows = _Rows(options.buckets)
    with page_limits() as limited:
        # The hot loop: nine of ten pages of a crawl end at the gate.
        for number, capture in enumerate(read_captures(source, report.dropped)):
            uri = capture.uri
            if not capture.plain:
                report.visits += 1
                rows.visit(uri, site_of(uri), capture.fetched_at, capture.digest)
            body = capture.body
            if body is None:
                continue
            report.pages += 1
            report.bytes_read += len(body)
            spots = find_spots(body, decode_protected=options.decode_protected)
            if spots or is_profile_path(uri):
                report.pages_read += 1
                if watch is None or watch.enter_page(number, capture.position, report):
                    _extract(capture, spots, options, rows, report, limited=limited)
                else:
                    report.dropped["page_crashed"] += 1
                if watch is not None:
                    watch.outside(number, capture.position, report)
            elif watch is not None and not number & 0xFF:
                watch.outside(number, capture.position, report)
            # Its memory, still in the processor's cache, is for the next one: 2 % of a page that is turned away.
            capture.body = body = None
            if rows.size >= BATCH_ROWS:
                yield from rows.taken()
    yield from rows.taken()


def _extract(
    capture: Capture, spots: list[int], options: Options, rows: "_Rows", report: Report, *, limited: bool
) -> None:
    try:
        try:
            if limited:
                start_page()
            page = capture.page()
            found = extract(page, spots, decode_protected=options.decode_protected)
            facts = _facts_beside(found, page)
        finally:
            if limited:
                end_page()
    except PageTooSlow:
        report.dropped["page_too_slow"] += 1
        return
    except Exception as error:  # a bug of ours on one page in a million must not cost the million
        report.dropped[f"page_failed:{type(error).__name__}"] += 1
        return
    report.observations += len(found.observations)
    report.facts += len(facts)
    report.dropped.update(found.dropped)
    for observation in found.observations:
        rows.sighting(observation, capture.digest)
    rows.facts.extend(facts)
    rows.size += len(facts)


def _facts_beside(found: Extraction, page: Page) -> list[Fact]:
    """
    What *page* says of its company.

    `extract` asks the pages on which a company speaks of itself. Any other is asked only when it shows an address of its
    own domain: often no better page of that company is in the archive. On all others the answer would cost a fifth of
    reading the page, and nobody would look it up.
    """
    site = site_of(page.uri)
    if (
        page.plain
        or is_profile_path(page.uri)
        or not any(one.domain == site or one.domain.endswith(f".{site}") for one in found.observations)
    ):
        return found.facts
    return [*found.facts, *extract_facts(page, decode(page.body, charset_of(page.body, page.content_type)))]


class _Rows:
    """Rows on their way into batches: columns of plain lists, as nothing is cheaper."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        self._sightings: list[Observation] = []
        self._digests: list[str] = []
        self.facts: list[Fact] = []
        self._visits: tuple[list[str], list[str], list[int], list[str]] = ([], [], [], [])

    def sighting(self, observation: Observation, digest: str) -> None:
        self._sightings.append(observation)
        self._digests.append(digest)
        self.size += 1

    def visit(self, uri: str, domain: str, fetched_at: int, digest: str) -> None:
        uris, domains, times, digests = self._visits
        uris.append(uri)
        domains.append(domain)
        times.append(fetched_at)
        digests.append(digest)
        self.size += 1

    def taken(self) -> Iterator[pa.RecordBatch]:
        """All rows so far, as one batch of each kind there is; empty afterwards."""
        uris, domains, times, digests = self._visits
        if self._sightings:
            columns = {name: [getattr(o, name) for o in self._sightings] for name in Observation.__struct_fields__}
            seen_at = columns.pop("seen_at")
            yield self._batch(
                SIGHTING, {**columns, "first_seen": seen_at, "last_seen": seen_at, "digest": self._digests}
            )
        if self.facts:
            columns = {name: [getattr(f, name) for f in self.facts] for name in Fact.__struct_fields__}
            seen_at = columns.pop("seen_at")
            yield self._batch(FACT, {**columns, "first_seen": seen_at, "last_seen": seen_at})
        if uris:
            columns = {"uri": uris, "domain": domains, "first_seen": times, "last_seen": times, "digest": digests}
            yield self._batch(VISIT, columns)
        self._clear()

    def _batch(self, kind: int, columns: dict[str, list[Any]]) -> pa.RecordBatch:
        size = len(columns["domain"])
        columns["bucket"] = [bucket_of(domain, self._buckets) for domain in columns["domain"]]
        order = pc.sort_indices(pa.array(columns["bucket"], pa.int32()))
        arrays = []
        for field in SCHEMA:
            if field.name == "kind":
                array = pa.repeat(pa.scalar(kind, pa.int8()), size)
            elif field.name in columns:
                array = _column(columns[field.name], field.type).take(order)
            else:
                array = pa.nulls(size, field.type)
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """*values* as Arrow, and as every store takes them: no lone surrogates (Arrow), no NUL (PostgreSQL)."""
    try:
        array = pa.array(values, kind)
    except UnicodeEncodeError:
        clean = [value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in values]
        array = pa.array(clean, kind)
    if pa.types.is_string(kind) and pc.any(pc.match_substring(array, "\0")).as_py():
        array = pc.replace_substring(array, "\0", "")
    return array


def reduce_bucket(rows: pa.Table) -> pa.Table:
    """*rows*, of one bucket or several, folded to one a (domain, local part, URI), (domain, key, value, URI) and (URI)."""
    with open_duckdb() as connection:
        connection.register("rows", rows)
        return connection.sql(_FOLD).to_arrow_table().cast(SCHEMA)


def open_duckdb(**config: str) -> "DuckDBPyConnection":
    """An empty database in memory, on one thread."""
    # Here, for only workers fold: whoever has imported it says at its end that things were leaked.
    import duckdb

    return duckdb.connect(":memory:", config={"threads": 1, **config})


def fold_files(files: Sequence[str], bucket: int, scratch: str, memory: str = "1GB") -> Iterator[pa.RecordBatch]:
    """
    The rows of *bucket* in Parquet *files*, folded as `reduce_bucket` does, in batches.

    What does not fit into *memory* goes to the folder *scratch*, and 64 GB of disk at most.
    """
    if not files:
        return
    limits = {"memory_limit": memory, "temp_directory": scratch, "max_temp_directory_size": "64GB"}
    with open_duckdb(**limits) as connection:
        chosen = connection.read_parquet(list(files)).filter(f"bucket = {bucket:d}")
        connection.register("rows", chosen)
        for batch in connection.sql(_FOLD).to_arrow_reader(BATCH_ROWS):
            yield batch.cast(SCHEMA)


def read_rows(rows: pa.Table | pa.RecordBatch) -> Iterator[Sighting | Fact | Visit]:
    """The values that *rows* (of `map_file` or `reduce_bucket`) stand for, in their order."""
    columns = {field.name: rows.column(field.name).to_pylist() for field in SCHEMA}
    sighting = zip(*(columns[name] for name in Sighting.__struct_fields__), strict=True)
    fact = zip(*(columns[_FACT_COLUMNS.get(name, name)] for name in Fact.__struct_fields__), strict=True)
    visit = zip(*(columns[_VISIT_COLUMNS.get(name, name)] for name in Visit.__struct_fields__), strict=True)
    for kind, as_sighting, as_fact, as_visit in zip(columns["kind"], sighting, fact, visit, strict=True):
        if kind == SIGHTING:
            yield Sighting(*as_sighting)
        elif kind == FACT:
            yield Fact(*as_fact)
        else:
            yield Visit(*as_visit)


@lru_cache(65_536)
def bucket_of(domain: str, buckets: int) -> int:
    """The bucket of everything that is said of *domain*."""
    return zlib.crc32(domain.encode("utf-8", "replace")) % buckets
