"""
How many of an account's leads match a filter, and which are on a page?

Neither store counts 400,000 matches of a part of a word among a million rows within 100 ms, whatever its indexes; and an index for
each field would make every write dearer. So what is filtered is held in memory by columns, in DuckDB, and scanned. The rows of
the store stay the truth: before each question a mirror takes what changed since the last one (`lead.change`, `lead_gone`), so an
answer is never older than its question, whichever process wrote. A mirror is made at an account's first question, and dropped
when others need its room. See docs/decisions/0006.
"""

import asyncio
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import duckdb
import msgspec
import pyarrow as pa

from vizsla.leads.filters import Filters, condition
from vizsla.leads.tables import lead
from vizsla.storage.database import Database, Row
from vizsla.storage.statement import statement

T = TypeVar("T")
MOST_ROWS = 2_000_000
"""Leads of all accounts that are held: some 300 bytes each."""
KEPT = 86_400 // 2
"""Seconds after which a mirror that nobody asked is made anew: by then what is gone may be forgotten (`lead_gone`)."""
_CHUNK = 5_000
_MOST_HOLES = 100_000
"""Rows that were written again since the table was: more, and more than there are, and it is written anew."""
_THREADS = 2
_TEXTS = (
    *("email", "first_name", "last_name", "position", "company", "company_industry", "company_size", "website"),
    *("country_code", "source", "linkedin_url", "phone_number", "twitter"),
)
_EXACT = ("sync_status", "sending_status", "verification_status", "lists", "tags")
_NUMBERS = ("confidence_score", "last_activity_at", "last_contacted_at", "created_at")
_COLUMNS = ("id", *_TEXTS, *_EXACT, *_NUMBERS)
_TYPES = {name: "BIGINT" if name in ("id", *_NUMBERS) else "VARCHAR" for name in _COLUMNS}
_SELECT = ", ".join([*_COLUMNS, "attributes"])
assert set(_COLUMNS) < set(lead.c.keys())

_CHANGES = statement("SELECT changes FROM lead_account WHERE account_id = :account_id")
_ALL = statement(f"SELECT {_SELECT} FROM lead WHERE account_id = :account_id ORDER BY id")  # noqa: S608
_CHANGED = statement(f"SELECT {_SELECT} FROM lead WHERE account_id = :account_id AND change > :since")  # noqa: S608
_GONE = statement("SELECT id FROM lead_gone WHERE account_id = :account_id AND change > :since")
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": _THREADS,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}
_attributes = msgspec.json.Decoder(dict[int, str]).decode


class Matches(msgspec.Struct, frozen=True):
    """What a filter matches."""

    count: int
    ids: list[int]
    """Of the page that was asked for, in its order."""


class _Mirror:
    """One account's columns. `since`: everything up to this change is in them."""

    def __init__(self, number: int) -> None:
        self.table = f"lead_{number:d}"
        self.since = -1
        self.rows = 0
        self.last_id = 0
        self.holes = 0
        self.asked_at = 0.0
        self.attributes: set[int] = set()
        self.turn = asyncio.Lock()
        self.users = 0


class Mirrors:
    """The mirrors of one process."""

    def __init__(
        self, database: Database, *, most_rows: int = MOST_ROWS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._most_rows = most_rows
        self._monotonic = monotonic
        self._mirrors: OrderedDict[int, _Mirror] = OrderedDict()
        self._numbers = itertools.count(1)
        self._threads = ThreadPoolExecutor(_THREADS, "leads")
        self._opening = threading.Lock()
        self._duck: duckdb.DuckDBPyConnection | None = None

    async def find(
        self, account_id: int, filters: Filters, *, limit: int, offset: int = 0, sort: str = "id", rising: bool = False
    ) -> Matches:
        """How many leads match, and the ids of one page, newest first unless sorted by another column of `filters.SORTS`."""
        where, values = condition(filters)
        order = f"{sort} {'ASC' if rising else 'DESC'} NULLS LAST"
        if sort != "id":
            order += ", id DESC"

        def ask(mirror: _Mirror, duck: duckdb.DuckDBPyConnection) -> Matches:
            # An attribute that no lead has is in no column.
            missing = [id_ for id_ in filters.attributes if id_ not in mirror.attributes]
            nulls = "".join(f", NULL::VARCHAR AS a{id_:d}" for id_ in missing)
            source = f"(SELECT *{nulls} FROM {mirror.table})" if missing else mirror.table  # noqa: S608
            chosen = f"FROM {source}" + (f" WHERE {where}" if where else "")
            page = f"SELECT id {chosen} ORDER BY {order} LIMIT {limit:d} OFFSET {offset:d}"
            duck.begin()  # both are answered of the same moment
            count = duck.execute(f"SELECT count(*) {chosen}", values).fetchone()
            ids = duck.execute(page, values).fetchall() if count and count[0] > offset and limit else []
            duck.commit()
            return Matches(count[0] if count else 0, [row[0] for row in ids])

        return await self._ask(account_id, ask)

    async def _ask(self, account_id: int, ask: Callable[[_Mirror, duckdb.DuckDBPyConnection], T]) -> T:
        mirror = self._mirrors.get(account_id)
        if mirror is None:
            mirror = self._mirrors[account_id] = _Mirror(next(self._numbers))
        self._mirrors.move_to_end(account_id)
        mirror.users += 1
        try:
            async with mirror.turn:
                await self._refresh(account_id, mirror)
            await self._make_room()
            return await self._run(lambda duck: ask(mirror, duck))
        finally:
            mirror.users -= 1

    async def _refresh(self, account_id: int, mirror: _Mirror) -> None:
        """Take what changed. What is read after `changes` may be newer: then it is taken again next time, and nothing is missed."""
        now = self._monotonic()
        row = await self._database.fetch_one(_CHANGES, {"account_id": account_id})
        changes = row[0] if row else 0
        is_stale = mirror.since < 0 or now - mirror.asked_at > KEPT or changes < mirror.since
        mirror.asked_at = now
        if not is_stale and changes == mirror.since:
            return
        values = {"account_id": account_id, "since": mirror.since}
        if is_stale:
            await self._run(lambda duck: _create(duck, mirror))
            rows = self._database.stream(_ALL, values, size=_CHUNK)
        else:
            rows = self._database.stream(_CHANGED, values, size=_CHUNK)
        try:
            async for chunk in rows:
                await self._run(lambda duck, chunk=chunk: _take(duck, mirror, chunk))  # type: ignore[misc]
            if not is_stale:
                # Read last: whatever is gone by now is not in what was read before.
                gone = await self._database.fetch_all_slowly(_GONE, values)
                await self._run(lambda duck: _delete(duck, mirror, [row[0] for row in gone]))
            await self._run(lambda duck: _settle(duck, mirror))
        except BaseException:
            mirror.since = -1  # half of it is in: begin anew
            raise
        mirror.since = changes

    async def _make_room(self) -> None:
        """Drop who was asked longest ago, as long as there are too many rows."""
        rows = sum(mirror.rows for mirror in self._mirrors.values())
        for account_id, mirror in list(self._mirrors.items()):
            if rows <= self._most_rows:
                return
            if not mirror.users:
                rows -= mirror.rows
                del self._mirrors[account_id]
                await self._run(lambda duck, table=mirror.table: duck.execute(f"DROP TABLE {table}"))  # type: ignore[misc]

    async def _run(self, act: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._on_thread, act)

    def _on_thread(self, act: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._opening:
            if self._duck is None:
                self._duck = duckdb.connect(":memory:", config=_CONFIG)
        with self._duck.cursor() as cursor:
            return act(cursor)

    def close(self) -> None:
        """Let go of all."""
        self._threads.shutdown()
        if self._duck is not None:
            self._duck.close()


def _create(duck: duckdb.DuckDBPyConnection, mirror: _Mirror) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
    duck.execute(f"CREATE OR REPLACE TABLE {mirror.table} ({columns})")
    mirror.attributes.clear()
    mirror.rows = mirror.last_id = mirror.holes = 0


def _take(duck: duckdb.DuckDBPyConnection, mirror: _Mirror, rows: Sequence[Row]) -> None:
    *columns, said = zip(*rows, strict=True)
    arrays = {
        name: pa.array(column, pa.int64() if _TYPES[name] == "BIGINT" else pa.string())
        for name, column in zip(_COLUMNS, columns, strict=True)
    }
    arrays |= _attribute_columns(said)
    chosen = [f"lower({name}) AS {name}" if name not in _NUMBERS and name != "id" else name for name in arrays]
    duck.begin()
    try:
        for name in arrays:
            if name not in _TYPES and int(name[1:]) not in mirror.attributes:
                duck.execute(f"ALTER TABLE {mirror.table} ADD COLUMN {name} VARCHAR")
        _delete(duck, mirror, [id_ for id_ in columns[0] if id_ <= mirror.last_id])
        duck.register("chunk", pa.table(arrays))
        duck.execute(f"INSERT INTO {mirror.table} BY NAME SELECT {', '.join(chosen)} FROM chunk")  # noqa: S608
        duck.unregister("chunk")
        duck.commit()
    except BaseException:
        duck.rollback()
        raise
    mirror.attributes |= {int(name[1:]) for name in arrays if name not in _TYPES}
    mirror.last_id = max(mirror.last_id, *columns[0])


def _attribute_columns(said: Sequence[str | None]) -> dict[str, pa.Array]:
    decoded = [_attributes(text) if text else {} for text in said]
    ids = {id_ for values in decoded for id_ in values}
    return {f"a{id_:d}": pa.array([values.get(id_) for values in decoded], pa.string()) for id_ in sorted(ids)}


def _delete(duck: duckdb.DuckDBPyConnection, mirror: _Mirror, ids: list[int]) -> None:
    if ids:
        duck.execute(f"DELETE FROM {mirror.table} WHERE id IN (SELECT unnest(?::BIGINT[]))", [ids])  # noqa: S608
        mirror.holes += len(ids)


def _settle(duck: duckdb.DuckDBPyConnection, mirror: _Mirror) -> None:
    row = duck.execute(f"SELECT count(*) FROM {mirror.table}").fetchone()  # noqa: S608
    mirror.rows = int(row[0]) if row else 0
    if mirror.holes > max(_MOST_HOLES, mirror.rows):
        duck.execute(f"CREATE OR REPLACE TABLE {mirror.table} AS SELECT * FROM {mirror.table} ORDER BY id")  # noqa: S608
        mirror.holes = 0
