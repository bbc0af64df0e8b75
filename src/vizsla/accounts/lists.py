"""
Which lists has an account, which rows has a list, and whose turn is it to work on one?

A list is many questions asked at once: addresses to verify, people to find, domains to search. Each kind has its own two tables, a
list and its rows, and says itself what stands in a row; what is the same for all of them is here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, Literal, Protocol, TypeVar

import msgspec
from sqlalchemy import BindParameter, Table, bindparam, delete, func, null, select, update

from vizsla.kit.errors import NotFound, VizslaError
from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

MOST_ROWS = 100_000
_CHUNK = 1_000
Status = Literal["running", "done", "cancelled"]
ListT = TypeVar("ListT")
RowT = TypeVar("RowT")
JobT = TypeVar("JobT", bound=msgspec.Struct)
AnyT = TypeVar("AnyT")


class Claimed(Protocol):
    """A list that a worker has claimed."""

    @property
    def account_id(self) -> int: ...
    @property
    def id(self) -> int: ...
    @property
    def worker(self) -> str: ...
    @property
    def attempt(self) -> int: ...


class ListNotFound(NotFound):
    """This list does not exist."""


class TooManyRows(VizslaError):
    """A list has at most 100,000 rows. Send it in parts."""

    id = "payload_too_large"


def status_of(cancelled_at: int | None, ended_at: int | None) -> Status:
    """How far a list is, in one word."""
    if cancelled_at is not None:
        return "cancelled"
    return "running" if ended_at is None else "done"


async def forget_names(conn: Connection, tables: Iterable[str], whom: Whom) -> Counts:
    """Lists are nameless whose name (that of a file) speaks of *whom*; how many of each of *tables*."""
    counts: Counts = {}
    for table in tables:
        named = mentioning(f"SELECT account_id, id, name FROM {table} WHERE {says('name')}")  # noqa: S608
        empty = statement(f"UPDATE {table} SET name = NULL WHERE account_id = :account_id AND id = :id")  # noqa: S608
        found = [row for row in await conn.fetch_all(named, whom.needles) if whom.is_in_name(row[2])]
        await conn.execute_many(empty, [{"account_id": row[0], "id": row[1]} for row in found])
        counts[table] = len(found)
    return counts


class Lists(Generic[ListT, RowT]):
    """
    The lists of one kind.

    *table* has `account_id`, `id`, `size`, `done`, `cancelled_at`, `ended_at`, `name` and what a lease needs; *rows* has `account_id`,
    `list_id` and `number`. *columns* and *row_columns* are what the two readers are given.
    """

    def __init__(
        self,
        table: Table,
        rows: Table,
        *,
        columns: Sequence[str],
        read: Callable[[Row], ListT],
        row_columns: Sequence[str],
        read_row: Callable[[Row], RowT],
    ) -> None:
        self._names = [column.name for column in table.c]
        self._read, self._read_row = read, read_row
        self._lease = lease(table)
        whose = table.c.account_id == bindparam("account_id_")
        this = (whose, table.c.id == bindparam("id_"))
        shown = select(*(table.c[name] for name in columns))
        self._find = statement(shown.where(*this))
        self._lock = statement(shown.where(*this).with_for_update())
        newest = shown.where(whose).order_by(table.c.id.desc())
        self._page = statement(newest.limit(bindparam("limit_")).offset(bindparam("offset_")))
        self._count = statement(select(func.count()).select_from(table).where(whose))
        self._rows = statement(
            select(*(rows.c[name] for name in row_columns))
            .where(
                rows.c.account_id == bindparam("account_id_"),
                rows.c.list_id == bindparam("id_"),
                rows.c.number > bindparam("after_"),
            )
            .order_by(rows.c.number)
            .limit(bindparam("limit_"))
        )
        self._due = statement(select(table.c.id).where(table.c.due <= bindparam("now_")).limit(1))
        now: BindParameter[int] = bindparam("now_")
        # Whoever works on it loses it: the attempt is another one.
        stopped = {
            "cancelled_at": now,
            "ended_at": now,
            "due": null(),
            "worker": null(),
            "attempt": table.c.attempt + 1,
        }
        self._stop = statement(update(table).where(*this, table.c.ended_at.is_(None)).values(stopped))
        going_on = {"cancelled_at": null(), "ended_at": null(), "due": now}
        self._go_on = statement(update(table).where(*this, table.c.cancelled_at.is_not(None)).values(going_on))
        self._name = statement(update(table).where(*this).values(name=bindparam("name_")))
        self._delete = statement(delete(table).where(*this))
        self._forget = statement(delete(table).where(table.c.ended_at <= bindparam("before_")))
        self._pace = statement(
            select(table.c.done, table.c.created_at, table.c.ended_at)
            .where(table.c.ended_at.is_not(None), table.c.cancelled_at.is_(None), table.c.size >= bindparam("least_"))
            .order_by(table.c.ended_at.desc())
            .limit(bindparam("limit_"))
        )

    async def find(self, reader: Reader, account_id: int, list_id: int) -> ListT | None:
        """The account's list with this id."""
        row = await reader.fetch_one(self._find, {"account_id_": account_id, "id_": list_id})
        return self._read(row) if row else None

    async def get(self, reader: Reader, account_id: int, list_id: int) -> ListT:
        """The account's list with this id; raises ListNotFound."""
        found = await self.find(reader, account_id, list_id)
        if found is None:
            raise ListNotFound
        return found

    async def lock(self, conn: Connection, account_id: int, list_id: int) -> ListT | None:
        """The account's list, as it stays until the transaction ends."""
        row = await conn.fetch_one(self._lock, {"account_id_": account_id, "id_": list_id})
        return self._read(row) if row else None

    async def page(self, reader: Reader, account_id: int, *, limit: int, offset: int) -> list[ListT]:
        """The account's lists, newest first."""
        values = {"account_id_": account_id, "limit_": limit, "offset_": offset}
        return [self._read(row) for row in await reader.fetch_all(self._page, values)]

    async def count(self, reader: Reader, account_id: int) -> int:
        """How many lists the account has."""
        row = await reader.fetch_one(self._count, {"account_id_": account_id})
        return int(row[0]) if row else 0

    async def rows_after(self, reader: Reader, account_id: int, list_id: int, after: int, limit: int) -> list[RowT]:
        """Up to *limit* rows with numbers beyond *after*, in order."""
        values = {"account_id_": account_id, "id_": list_id, "after_": after, "limit_": limit}
        return [self._read_row(row) for row in await reader.fetch_all(self._rows, values)]

    async def cancel(self, conn: Connection, account_id: int, list_id: int, now: int) -> ListT:
        """Stop it where it is, whoever works on it; one that ended stays as it is. Raises ListNotFound."""
        await conn.execute(self._stop, {"account_id_": account_id, "id_": list_id, "now_": now})
        return await self.get(conn, account_id, list_id)

    async def resume(self, conn: Connection, account_id: int, list_id: int, now: int) -> ListT:
        """Let one that was cancelled be worked on again; others stay as they are. Raises ListNotFound."""
        await conn.execute(self._go_on, {"account_id_": account_id, "id_": list_id, "now_": now})
        return await self.get(conn, account_id, list_id)

    async def set_name(self, conn: Connection, account_id: int, list_id: int, name: str) -> None:
        """Say what the file was called that it came from."""
        await conn.execute(self._name, {"account_id_": account_id, "id_": list_id, "name_": name})

    async def delete(self, conn: Connection, account_id: int, list_id: int) -> None:
        """Stop it and forget its rows. Raises ListNotFound."""
        if not await conn.execute(self._delete, {"account_id_": account_id, "id_": list_id}):
            raise ListNotFound

    async def forget(self, conn: Connection, before: int) -> int:
        """Drop lists that ended before: why keep people's names and addresses?"""
        return await conn.execute(self._forget, {"before_": before})

    async def is_any_due(self, reader: Reader, now: int) -> bool:
        """Whether a list waits for a worker. Asked before a claim, for a claim is a write."""
        return await reader.fetch_one(self._due, {"now_": now}) is not None

    async def claim(
        self, conn: Connection, job: type[JobT], *, now: int, until: int, worker: str, limit: int
    ) -> list[JobT]:
        """Up to *limit* lists that are due, this worker's until *until*; a *job* has columns of the list for fields."""
        rows = await self._lease.claim(conn, now=now, until=until, worker=worker, limit=limit)
        named = (dict(zip(self._names, row, strict=True)) for row in rows)
        return [job(**{name: values[name] for name in job.__struct_fields__}) for values in named]

    async def put_back(self, conn: Connection, job: Claimed, due: int | None) -> bool:
        """Let a list go on at *due*, or never. False if it is another worker's by now."""
        key = (job.account_id, job.id)
        return await self._lease.finish(conn, key, worker=job.worker, attempt=job.attempt, due=due)

    async def seconds_a_row(self, reader: Reader, *, least: int = 20) -> float | None:
        """What a row took in the newest lists of at least *least* rows, whoever's they are; None if there were none."""
        rows = await reader.fetch_all(self._pace, {"least_": least, "limit_": 5})
        done = sum(row[0] for row in rows)
        return sum(row[2] - row[1] for row in rows) / done if done else None


def at_most(rows: Iterable[AnyT]) -> list[AnyT]:
    """*rows*, and of too many as many as `in_chunks` refuses."""
    return list(islice(rows, MOST_ROWS + 1))


def in_chunks(rows: Iterable[AnyT]) -> Iterator[tuple[int, list[AnyT]]]:
    """*rows* some at a time, each with the number of its first, from 1. Raises TooManyRows."""
    source, size = iter(rows), 0
    while chunk := list(islice(source, _CHUNK)):
        if size + len(chunk) > MOST_ROWS:
            raise TooManyRows
        yield size + 1, chunk
        size += len(chunk)
