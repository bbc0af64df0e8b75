"""
How do an account's leads come into columns, and stay there?

The store writes a chunk of leads as one text in CSV's form, and Arrow reads it: a million rows never become objects of Python,
which would take four times as long and keep every other request waiting.
"""

import io
from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from vizsla.kit.arrow import leave_pandas_out
from vizsla.leads.filters import SORTS, Filters, condition
from vizsla.leads.tables import lead
from vizsla.storage.database import Database
from vizsla.storage.statement import Statement, statement

leave_pandas_out()

CHUNK = 5_000
"""Leads that are read at once: some megabyte."""
_MOST_HOLES = 100_000
"""Rows that were written again since the table was: more, and more than there are, and it is written anew."""
_NEAR = 1_000
"""Ids at an end of the order that are kept while all are counted."""
_TEXTS = (
    *("email", "first_name", "last_name", "position", "company", "company_industry", "company_size", "website"),
    *("country_code", "source", "linkedin_url", "phone_number", "twitter"),
    *("sync_status", "sending_status", "verification_status", "lists", "tags"),
)
_NUMBERS = ("id", "confidence_score", "last_activity_at", "last_contacted_at", "created_at")
_COLUMNS = (*_NUMBERS, *_TEXTS)
_READ = (*_COLUMNS, "attributes")
assert set(_READ) < set(lead.c.keys())


def _cell(name: str) -> str:
    if name in _NUMBERS:
        return f"coalesce(CAST({name} AS text), '')"
    return f"""coalesce('"' || replace({name}, '"', '""') || '"', '')"""


def _chunk(condition: str, order: str, last: str) -> Statement:
    line = " || ',' || ".join(map(_cell, _READ))
    text = f"""
        WITH chunk AS (
            SELECT id, change, {line} AS line FROM lead WHERE account_id = :account_id AND {condition}
            ORDER BY {order} LIMIT :limit
        )
        SELECT {last}, {{joined}} FROM chunk"""  # noqa: S608
    return statement(
        text.format(joined="group_concat(line, char(10))"), postgresql=text.format(joined="string_agg(line, chr(10))")
    )


_ALL = _chunk("id > :after", "id", "0, max(id)")
_CHANGED = _chunk(
    "(change, id) > (:since, :after)",
    "change, id",
    "max(change), (SELECT max(id) FROM chunk WHERE change = (SELECT max(change) FROM chunk))",
)
_GONE = statement("SELECT id FROM lead_gone WHERE account_id = :account_id AND change > :since")
_parse = pa.csv.ParseOptions(newlines_in_values=True)
_convert = pa.csv.ConvertOptions(
    column_types={name: pa.int64() if name in _NUMBERS else pa.string() for name in _READ},
    null_values=[""],
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
)
_read = pa.csv.ReadOptions(column_names=list(_READ), block_size=16_000_000)


Place = tuple[int, int]
"""Where a chunk ends: a change and the id of a lead."""


async def read_chunk(database: Database, account_id: int, place: Place, *, changed: bool) -> tuple[bytes, Place] | None:
    """
    Some leads after *place*, and where they end; None: there are no more.

    By id; or, if only what *changed* after that change is wanted, by change.
    """
    values = {"account_id": account_id, "since": place[0], "after": place[1], "limit": CHUNK}
    ((change, last_id, text),) = await database.fetch_all_slowly(_CHANGED if changed else _ALL, values)
    # Without the line feed Arrow takes a last cell that is empty for an empty text.
    return (text.encode() + b"\n", (change, last_id)) if text is not None else None


async def read_gone(database: Database, account_id: int, since: int) -> list[int]:
    """Leads that were deleted after change *since*."""
    rows = await database.fetch_all_slowly(_GONE, {"account_id": account_id, "since": since})
    return [row[0] for row in rows]


class Columns:
    """One account's leads in a table of DuckDB. What takes a cursor runs on a thread."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.rows = 0
        self.attributes: set[int] = set()
        self._last_id = 0
        self._holes = 0
        self._ids: pa.Array | None = None
        """All, rising; None: not sorted since they changed."""

    def create(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Begin anew, with nothing."""
        columns = ", ".join(f"{name} {'BIGINT' if name in _NUMBERS else 'VARCHAR'}" for name in _COLUMNS)
        duck.execute(f"CREATE OR REPLACE TABLE {self.table} ({columns})")
        self.attributes = set()
        self.rows = self._last_id = self._holes = 0
        self._ids = None

    def add_attributes(self, duck: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> None:
        """Columns for custom attributes that have none yet: what leads say of them is in what is taken from now on."""
        for id_ in sorted(set(ids) - self.attributes):
            duck.execute(f"ALTER TABLE {self.table} ADD COLUMN a{id_:d} VARCHAR")
            self.attributes.add(id_)

    def take(self, duck: duckdb.DuckDBPyConnection, text: bytes) -> None:
        """Leads in the form of `read_chunk`, instead of what was known of them."""
        read = pa.csv.read_csv(io.BytesIO(text), _read, _parse, _convert)
        ids = read.column("id")
        chosen = [*_NUMBERS, *(f"lower({name}) AS {name}" for name in _TEXTS)]
        chosen += [f"""lower(json_extract_string(attributes, '$."{id_:d}"')) AS a{id_:d}""" for id_ in self.attributes]
        self._ids = None
        duck.begin()
        try:
            self.drop(duck, [id_ for id_ in ids.to_pylist() if id_ <= self._last_id])
            duck.register("chunk", read)
            duck.execute(f"INSERT INTO {self.table} BY NAME SELECT {', '.join(chosen)} FROM chunk")  # noqa: S608
            duck.unregister("chunk")
            duck.commit()
        except BaseException:
            duck.rollback()
            raise
        self._last_id = max(self._last_id, pa.compute.max(ids).as_py())

    def drop(self, duck: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> None:
        """Leads that are gone."""
        if ids:
            self._ids = None
            duck.execute(f"DELETE FROM {self.table} WHERE id IN (SELECT unnest(?::BIGINT[]))", [ids])  # noqa: S608
            self._holes += len(ids)

    def settle(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Count, and close holes if there are many."""
        row = duck.execute(f"SELECT count(*) FROM {self.table}").fetchone()  # noqa: S608
        self.rows = int(row[0]) if row else 0
        if self._holes > max(_MOST_HOLES, self.rows):
            duck.execute(f"CREATE OR REPLACE TABLE {self.table} AS SELECT * FROM {self.table} ORDER BY id")  # noqa: S608
            self._holes = 0

    def remove(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Make room."""
        duck.execute(f"DROP TABLE IF EXISTS {self.table}")

    def find(
        self, duck: duckdb.DuckDBPyConnection, filters: Filters, *, sort: str, rising: bool, limit: int, offset: int
    ) -> tuple[int, list[int]]:
        """How many leads match, and the ids of a page."""
        if filters.is_empty and sort == "id":
            return self._page_of_all(duck, rising=rising, limit=limit, offset=offset)
        if sort not in SORTS and not (sort[:1] == "a" and sort[1:].isdecimal() and int(sort[1:]) in self.attributes):
            sort = "id"  # by an attribute that no lead has
        where, values = condition(filters)
        # An attribute that no lead has is in no column.
        nulls = "".join(f", NULL::VARCHAR AS a{id_:d}" for id_ in filters.attributes if id_ not in self.attributes)
        source = f"(SELECT *{nulls} FROM {self.table})" if nulls else self.table  # noqa: S608
        chosen = f"FROM {source}" + (f" WHERE {where}" if where else "")
        if sort == "id" and offset + limit <= _NEAR:
            # Both in one walk over the columns: where few leads match, a page takes as long as the count.
            ends = f"{'min' if rising else 'max'}(id, {offset + limit:d})"
            row = duck.execute(f"SELECT count(*), {ends} {chosen}", values).fetchone()
            return (row[0], (row[1] or [])[offset:]) if row else (0, [])
        row = duck.execute(f"SELECT count(*) {chosen}", values).fetchone()
        count = int(row[0]) if row else 0
        if count <= offset:
            return count, []
        order = f"{sort} {'ASC' if rising else 'DESC'} NULLS LAST, id DESC"
        page = f"SELECT id {chosen} ORDER BY {order} LIMIT {limit:d} OFFSET {offset:d}"
        return count, [row[0] for row in duck.execute(page, values).fetchall()]

    def _page_of_all(
        self, duck: duckdb.DuckDBPyConnection, *, rising: bool, limit: int, offset: int
    ) -> tuple[int, list[int]]:
        """A page without a filter: an offset of 100,000 costs what offset 0 does."""
        if self._ids is None:
            read = duck.sql(f"SELECT id FROM {self.table} ORDER BY id").to_arrow_table()  # noqa: S608
            self._ids = read.column("id").combine_chunks()
        count = len(self._ids)
        first = offset if rising else max(0, count - offset - limit)
        page = self._ids[first : offset + limit if rising else max(0, count - offset)].to_pylist()
        return count, page if rising else page[::-1]
