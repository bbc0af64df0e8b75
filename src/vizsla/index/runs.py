"""
What was read into the index, when, and what was left out?

One row for each harvest and each crawl, whoever began it. A harvest that an operator asks for is a row that waits; one from
the command line only says here how far it is, and is not taken over: its command goes on from where it stopped.
"""

from typing import Literal

import msgspec

from vizsla.index.tables import harvest_run
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

Kind = Literal["harvest", "crawl"]
State = Literal["waiting", "running", "done", "failed", "cancelled", "stopped"]
ByWhom = Literal["command line", "operator", "person", "search"]
SILENT = 300
"""Seconds without a word after which a run of a command is taken for stopped."""
KEPT = 90 * DAY
_MOST_NAMES, _LONGEST_NAME, _MOST_FAILED = 50, 300, 20

runs = lease(harvest_run)


class FailedFile(msgspec.Struct, frozen=True):
    """A file that could not be read."""

    name: str
    reason: str


class Counts(msgspec.Struct, frozen=True):
    """What was read so far."""

    files: int = 0
    pages: int = 0
    addresses: int = 0
    sightings: int = 0
    domains: int = 0
    bytes: int = 0
    dropped: dict[str, int] = {}
    failed: tuple[FailedFile, ...] = ()


class Run(msgspec.Struct, frozen=True):
    """A harvest or a crawl."""

    id: int
    kind: Kind
    names: list[str]
    """The files, at most fifty, or the domain."""
    by_whom: ByWhom
    state: State
    requested_at: int
    is_stopping: bool
    started_at: int | None
    heard_at: int | None
    ended_at: int | None
    stage: str
    done: int
    total: int
    counts: Counts
    ending: str

    @property
    def is_on(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in ("waiting", "running")


_COLUMNS = (
    "id, kind, names, by_whom, state, requested_at, stop_at, started_at, heard_at, ended_at, stage, done, total, counts, "
    "ending"
)
_ADD = statement("""
    INSERT INTO harvest_run
        (kind, names, by_whom, state, requested_at, due, worker, attempt, started_at, heard_at, stage, done, total, counts,
        ending)
    VALUES (:kind, :names, :by_whom, :state, :now, :due, :worker, :attempt, :started_at, :started_at, '', 0, 0, '{}', '')
    RETURNING id
""")
_HELD = "id = :id AND worker = :worker AND attempt = :attempt"
_BEGIN = statement(f"UPDATE harvest_run SET state = 'running', started_at = :now, heard_at = :now WHERE {_HELD}")  # noqa: S608
_RECORD = statement(f"""
    UPDATE harvest_run SET heard_at = :now, stage = :stage, done = :done, total = :total, counts = :counts
    WHERE {_HELD} RETURNING stop_at
""")  # noqa: S608
_END = statement(f"""
    UPDATE harvest_run SET state = :state, due = NULL, heard_at = :now, ended_at = :now, ending = :ending, counts = :counts
    WHERE {_HELD}
""")  # noqa: S608
_PUT_BACK = statement(
    f"UPDATE harvest_run SET state = 'waiting', due = :now, worker = NULL, attempt = attempt - 1 WHERE {_HELD}"  # noqa: S608
)
_LIST = statement(f"SELECT {_COLUMNS} FROM harvest_run WHERE id < :before ORDER BY id DESC LIMIT :most")  # noqa: S608
_FIND = statement(f"SELECT {_COLUMNS} FROM harvest_run WHERE id = :id")  # noqa: S608
_IS_DUE = statement("SELECT 1 FROM harvest_run WHERE due <= :now LIMIT 1")
_WAITING = statement("SELECT count(*) FROM harvest_run WHERE due IS NOT NULL")
_STOP_WAITING = statement("""
    UPDATE harvest_run SET state = 'cancelled', due = NULL, ended_at = :now, ending = 'It was cancelled before it began.'
    WHERE id = :id AND state = 'waiting'
""")
_STOP_RUNNING = statement(
    "UPDATE harvest_run SET stop_at = :now WHERE id = :id AND state = 'running' AND due IS NOT NULL"
)
_FORGET = statement(
    "DELETE FROM harvest_run WHERE id IN (SELECT id FROM harvest_run WHERE requested_at < :before AND due IS NULL ORDER BY id LIMIT 1000)"
)


class Record(msgspec.Struct, frozen=True):
    """A worker's hold on the row of a run."""

    id: int
    names: list[str]
    worker: str
    attempt: int

    @property
    def _key(self) -> dict[str, object]:
        return {"id": self.id, "worker": self.worker, "attempt": self.attempt}

    async def begin(self, conn: Connection, now: int) -> None:
        """It runs, after it waited."""
        await conn.execute(_BEGIN, self._key | {"now": now})

    async def record(self, conn: Connection, counts: Counts, *, stage: str, done: int, total: int, now: int) -> bool:
        """Write down how far it is. True if it is to end: somebody asked for that, or another worker has it."""
        standing = {"counts": _encode(counts), "stage": stage, "done": done, "total": total, "now": now}
        row = await conn.fetch_one(_RECORD, self._key | standing)
        return row is None or row[0] is not None

    async def put_back(self, conn: Connection, now: int) -> None:
        """Let another go on: this worker has to end, and the attempt does not count."""
        await conn.execute(_PUT_BACK, self._key | {"now": now})

    async def end(self, conn: Connection, counts: Counts, *, state: State, ending: str, now: int) -> None:
        """Write down what came of it. Nothing if another worker has it."""
        said = {"counts": _encode(counts), "state": state, "ending": ending[:1_000], "now": now}
        await conn.execute(_END, self._key | said)


async def begin_run(
    conn: Connection, kind: Kind, names: list[str], *, by_whom: ByWhom, worker: str, now: int
) -> Record:
    """A run that begins now, in the hands of *worker*."""
    said = _names(names)
    values = {
        "kind": kind, "names": said, "by_whom": by_whom, "state": "running", "now": now, "due": None,
        "worker": worker, "attempt": 1, "started_at": now,
    }  # fmt: skip
    row = await conn.fetch_one(_ADD, values)
    assert row is not None
    return Record(row[0], names, worker, 1)


async def request_harvest(conn: Connection, names: list[str], now: int) -> int:
    """Let the files *names*, relative to the folder of archives, be harvested when somebody comes to it; the run's id."""
    values = {
        "kind": "harvest", "names": msgspec.json.encode(names).decode(), "by_whom": "operator", "state": "waiting",
        "now": now, "due": now, "worker": None, "attempt": 0, "started_at": None,
    }  # fmt: skip
    row = await conn.fetch_one(_ADD, values)
    assert row is not None
    return int(row[0])


async def take_harvest(conn: Connection, *, now: int, until: int, worker: str) -> Record | None:
    """The harvest that was asked for first, this worker's until *until*."""
    for row in await runs.claim(conn, now=now, until=until, worker=worker, limit=1):
        one = dict(zip(harvest_run.columns.keys(), row, strict=True))
        return Record(one["id"], msgspec.json.decode(one["names"], type=list[str]), worker, one["attempt"])
    return None


async def is_harvest_due(reader: Reader, now: int) -> bool:
    """Whether a harvest waits for somebody to take it."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def count_waiting(reader: Reader) -> int:
    """Harvests that wait or run."""
    row = await reader.fetch_one(_WAITING)
    return int(row[0]) if row else 0


async def stop_run(conn: Connection, run_id: int, now: int) -> bool:
    """Let a harvest end that an operator asked for. False if it is over, or a command's."""
    named = {"id": run_id, "now": now}
    return bool(await conn.execute(_STOP_WAITING, named)) or bool(await conn.execute(_STOP_RUNNING, named))


async def list_runs(reader: Reader, *, before: int | None = None, most: int = 50, now: int) -> list[Run]:
    """The newest runs, or those with ids below *before*."""
    rows = await reader.fetch_all(_LIST, {"before": before if before is not None else 1 << 62, "most": most})
    return [_run(row, now) for row in rows]


async def find_run(reader: Reader, run_id: int, now: int) -> Run | None:
    """That run."""
    row = await reader.fetch_one(_FIND, {"id": run_id})
    return _run(row, now) if row else None


async def forget_runs(conn: Connection, now: int) -> None:
    """Forget some of the runs that are older than `KEPT`."""
    await conn.execute(_FORGET, {"before": now - KEPT})


def _run(row: Row, now: int) -> Run:
    one = dict(zip(_COLUMNS.split(", "), row, strict=True))
    if one["state"] == "running" and one["by_whom"] == "command line" and now - (one["heard_at"] or 0) > SILENT:
        one |= {"state": "stopped", "ending": "Its process was stopped. The same command goes on from there."}
    return Run(
        **one
        | {
            "is_stopping": one.pop("stop_at") is not None,
            "names": msgspec.json.decode(one["names"], type=list[str]),
            "counts": msgspec.json.decode(one["counts"], type=Counts),
        }
    )


def _names(names: list[str]) -> str:
    return msgspec.json.encode([name[:_LONGEST_NAME] for name in names[:_MOST_NAMES]]).decode()


def _encode(counts: Counts) -> str:
    return msgspec.json.encode(msgspec.structs.replace(counts, failed=counts.failed[:_MOST_FAILED])).decode()
