"""
What was asked with which key, lately?

Noting a request appends to a list in memory and returns: nothing about it can be slow or fail for whoever asked. Once a second what has
come together is written in one transaction, and with it when each key was last used. A crash loses that second; a database
that does not take it loses it, too; and when more comes than can be kept, what came first goes first. It is a log to look
things up in, not what anybody is charged by.

Paths are kept without their query: keys and the people who were asked about stand there.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import bindparam, select

from vizsla.accounts.tables import api_key, request_log
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.statement import statement

KEPT_FOR = 30 * DAY
WRITE_EVERY = 1.0
"""Seconds."""
MOST_WAITING = 20_000
"""Requests that wait to be written: some 8 MB."""
USED_EVERY = 60
"""Seconds that `last_used_at` of a key may lag behind."""
_BATCH = 2_000
_LONGEST_PATH = 200
_MOST_KEYS = 10_000
_encode = msgspec.json.Encoder().encode

_COLUMNS = ("id", "account_id", "key_id", "member_id", "at", "method", "path", "call", "status", "ms", "request_id")
_TEXT = {"method", "path", "call", "request_id"}
# A batch is one parameter: to hand over each row by itself costs more than to write it.
_ADD = statement(
    f"INSERT INTO request_log ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"SELECT {', '.join(f'value ->> {at}' for at in range(len(_COLUMNS)))} FROM json_each(:rows) WHERE true "
    "ON CONFLICT (account_id, id) DO NOTHING",
    postgresql=f"INSERT INTO request_log ({', '.join(_COLUMNS)}) SELECT "  # noqa: S608
    + ", ".join(
        f"value ->> {at}" if name in _TEXT else f"CAST(value ->> {at} AS bigint)" for at, name in enumerate(_COLUMNS)
    )
    + " FROM jsonb_array_elements(CAST(:rows AS jsonb)) ON CONFLICT (account_id, id) DO NOTHING",
)
_USED = statement(
    "UPDATE api_key SET last_used_at = :at WHERE account_id = :account_id AND id = :id "
    "AND (last_used_at IS NULL OR last_used_at < :at)",
    postgresql="UPDATE api_key SET last_used_at = :at::bigint WHERE account_id = :account_id AND id = :id "
    "AND (last_used_at IS NULL OR last_used_at < :at::bigint)",
)
_SHOWN = tuple(request_log.c[name] for name in _COLUMNS)
_NEWEST = (request_log.c.account_id == bindparam("account_id_"), request_log.c.id < bindparam("before_"))
_LIST = statement(select(*_SHOWN).where(*_NEWEST).order_by(request_log.c.id.desc()).limit(bindparam("limit_")))
_LIST_OF_KEY = statement(
    select(*_SHOWN)
    .where(*_NEWEST, request_log.c.key_id == bindparam("key_id_"))
    .order_by(request_log.c.id.desc())
    .limit(bindparam("limit_"))
)
_KEYS_OF = statement(
    select(api_key.c.id)
    .where(api_key.c.account_id == bindparam("account_id_"), api_key.c.member_id == bindparam("member_id_"))
    .order_by(api_key.c.id.desc())
    .limit(100)
)
# Account by account, oldest first, along the primary key: an index on the time would cost each request more than this does.
_FORGET = statement(
    "DELETE FROM request_log WHERE (account_id, id) IN (SELECT r.account_id, r.id FROM account CROSS JOIN request_log AS r "
    "ON r.account_id = account.id AND r.id < :before LIMIT :limit)",
    postgresql="DELETE FROM request_log WHERE (account_id, id) IN (SELECT account.id, r.id FROM account CROSS JOIN LATERAL "
    "(SELECT id FROM request_log WHERE account_id = account.id AND id < :before ORDER BY id LIMIT :limit) AS r LIMIT :limit)",
)


class Logged(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One request, as it is kept."""

    id: int
    """In the order of time, within an account."""
    account_id: int
    key_id: int
    member_id: int | None
    """Whose key it was then."""
    at: int
    method: str
    path: str
    call: str
    """Method and path of the call: `GET /v2/api-keys/{id}`."""
    status: int
    ms: int
    """How long the answer took."""
    request_id: str
    """As in the answer's header X-Request-Id."""


class RequestLog:
    """Takes down requests; one for each process that answers any."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.on_fault: Callable[[Exception], None] | None = None
        """Told when requests could not be written down."""
        self._waiting: deque[Logged] = deque(maxlen=MOST_WAITING)
        self._used: dict[tuple[int, int], int] = {}
        self._number = secrets.randbits(30)
        self._writing: asyncio.Task[None] | None = None
        self.lost = 0
        """Requests that could not be written down."""

    def note(
        self,
        *,
        account_id: int,
        key_id: int,
        member_id: int | None,
        at: int,
        method: str,
        path: str,
        call: str,
        status: int,
        seconds: float,
        request_id: str,
    ) -> None:
        """Take down one request that was answered; written within a second or so."""
        self._number = (self._number + 1) & 0x3FFFFFFF
        waiting = self._waiting
        if len(waiting) == MOST_WAITING:
            self.lost += 1
        waiting.append(
            Logged(
                # Seconds, then a count that begins anywhere: in order here, and no other node's.
                at << 30 | self._number,
                account_id,
                key_id,
                member_id,
                at,
                method,
                path,
                call,
                status,
                int(seconds * 1_000),
                request_id,
            )
        )
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_later())

    async def _write_later(self) -> None:
        try:
            await asyncio.sleep(WRITE_EVERY)
            await self.flush()
        finally:
            self._writing = None

    async def flush(self) -> None:
        """Write what is waiting."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                async with self._database.write() as conn:
                    await conn.execute(_ADD, {"rows": _encode([_readable(one) for one in batch]).decode()})
                    await self._note_used(conn, batch)
            except Exception as error:
                self.lost += len(batch)
                if self.on_fault is not None:
                    self.on_fault(error)

    async def close(self) -> None:
        """Write what is waiting, for the last time."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing
        await self.flush()

    async def _note_used(self, conn: Connection, batch: Sequence[Logged]) -> None:
        newest = {(one.account_id, one.key_id): one.at for one in batch}
        due = {key: at for key, at in newest.items() if at - self._used.get(key, 0) >= USED_EVERY}
        if not due:
            return
        # In one order, so that nodes that note the same keys wait for each other instead of deadlocking.
        rows = [{"account_id": key[0], "id": key[1], "at": at} for key, at in sorted(due.items())]
        await conn.execute_many(_USED, rows)
        if len(self._used) + len(due) > _MOST_KEYS:
            self._used.clear()
        self._used |= due


def _readable(one: Logged) -> Logged:
    """The same without what a database or a terminal would stumble over."""
    if one.path.isprintable() and len(one.path) <= _LONGEST_PATH:
        return one
    path = "".join(mark if mark.isprintable() else "\ufffd" for mark in one.path[:_LONGEST_PATH])
    return msgspec.structs.replace(one, path=path)


async def list_requests(
    reader: Reader,
    account_id: int,
    *,
    key_id: int | None = None,
    member_id: int | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Logged]:
    """
    The account's requests, newest first: all of them, of one key, or of one member's (newest 100) keys.

    *before* is the id of the last one on the page before. What was asked a second ago may not be there yet.
    """
    values = {"account_id_": account_id, "before_": before or 1 << 62, "limit_": limit}
    if key_id is None and member_id is None:
        return [Logged(*row) for row in await reader.fetch_all(_LIST, values)]
    keys = [key_id] if key_id is not None else []
    if member_id is not None:
        theirs = await reader.fetch_all(_KEYS_OF, {"account_id_": account_id, "member_id_": member_id})
        keys = [row[0] for row in theirs if key_id is None or row[0] == key_id]
    rows = [row for key in keys for row in await reader.fetch_all(_LIST_OF_KEY, values | {"key_id_": key})]
    return sorted((Logged(*row) for row in rows), key=lambda one: -one.id)[:limit]


async def forget_requests(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that are older than thirty days."""
    return await conn.execute(_FORGET, {"before": (now - KEPT_FOR + 1) << 30, "limit": limit})
