"""
Which verifications are there, and how far are they?

One row an address. Somebody who asks attaches to the run that is on, is answered by a verdict that still holds, or begins a
new run; a worker claims the row (`storage.lease`), and ends the run or puts it off. Nothing else changes a row, so a process
that dies leaves a row that another takes over.
"""

from collections.abc import Iterable, Sequence

import msgspec

from vizsla.accounts.store import next_id
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement
from vizsla.verifier.evidence import Trail, dump_trail, load_trail
from vizsla.verifier.outcome import PutOff
from vizsla.verifier.schedule import holds_for
from vizsla.verifier.tables import verification
from vizsla.verifier.verdict import Verdict

WINDOW = 86_400
"""Seconds in which the verifications of one mail domain are counted."""

verifications = lease(verification)
_COLUMNS = "id, domain, local, asked_at, due, verdict, ended_at, stale_at"
_FIND = statement(f"SELECT {_COLUMNS} FROM verification WHERE domain = :domain AND local = :local")  # noqa: S608
_GET = statement(f"SELECT {_COLUMNS} FROM verification WHERE id = :id")  # noqa: S608
_BEGIN = statement(f"""
    INSERT INTO verification (domain, local, asked_at, due, attempt, deferrals, trail)
    VALUES (:domain, :local, :now, :now, 0, 0, '[]')
    ON CONFLICT (domain, local) DO UPDATE SET asked_at = excluded.asked_at, due = excluded.due, worker = NULL,
        attempt = 0, deferred_at = NULL, deferrals = 0, trail = '[]'
    WHERE verification.due IS NULL AND verification.stale_at <= excluded.asked_at
    RETURNING {_COLUMNS}
""")  # noqa: S608
_END = statement("""
    UPDATE verification SET verdict = :verdict, ended_at = :now, stale_at = :stale_at, trail = :trail, arrival = NULL
    WHERE id = :id
""")
_END_HELD = statement("""
    UPDATE verification SET due = NULL, worker = NULL, verdict = :verdict, ended_at = :now, stale_at = :stale_at,
        trail = :trail, arrival = NULL
    WHERE id = :id AND worker = :worker AND attempt = :attempt
""")
_PUT_OFF_HELD = statement("""
    UPDATE verification SET due = :due, deferred_at = :deferred_at, deferrals = :deferrals, trail = :trail, worker = NULL
    WHERE id = :id AND worker = :worker AND attempt = :attempt
""")
_IS_DUE = statement("SELECT 1 FROM verification WHERE due <= :now LIMIT 1")
_ATTACHED = statement(
    "SELECT id FROM verification_request WHERE account_id = :account_id AND verification_id = :verification_id"
)
# From the row itself, which may have been forgotten a moment ago.
_ATTACH = statement("""
    INSERT INTO verification_request (account_id, id, verification_id)
    SELECT CAST(:account_id AS bigint), CAST(:id AS bigint), id FROM verification WHERE id = :verification_id
""")
_SHOW = statement("""
    SELECT v.id, v.domain, v.local, v.asked_at, v.due, v.verdict, v.ended_at, v.stale_at, v.deferrals, v.trail,
        CASE WHEN v.worker IS NULL THEN v.due END
    FROM verification_request AS r JOIN verification AS v ON v.id = r.verification_id
    WHERE r.account_id = :account_id AND r.id = :id
""")
_LIST_SHOWN = statement("""
    SELECT r.id, v.id, v.domain, v.local, v.asked_at, v.due, v.verdict, v.ended_at, v.stale_at
    FROM verification_request AS r JOIN verification AS v ON v.id = r.verification_id
    WHERE r.account_id = :account_id ORDER BY r.id DESC LIMIT :limit
""")
_FORGET_STALE = statement("DELETE FROM verification WHERE due IS NULL AND stale_at <= :before")
_KEPT = statement("SELECT id FROM verification WHERE id IN :ids[bigint]")
_NEXT_TRY = statement("SELECT due FROM verification WHERE id = :id AND worker IS NULL")
_TRAIL = statement("SELECT trail FROM verification WHERE id = :id")
_COUNT_STARTED = statement("SELECT window_start, started FROM mail_domain WHERE domain = :domain")
_START = statement("""
    INSERT INTO mail_domain (domain, window_start, started) VALUES (:domain, :now, 1)
    ON CONFLICT (domain) DO UPDATE SET
        window_start = CASE WHEN mail_domain.window_start <= :expired THEN excluded.window_start
            ELSE mail_domain.window_start END,
        started = CASE WHEN mail_domain.window_start <= :expired THEN 1 ELSE mail_domain.started + 1 END
    WHERE mail_domain.window_start <= :expired OR mail_domain.started < :most
""")


class Verification(msgspec.Struct, frozen=True):
    """One address, and how far its verification is."""

    id: int
    domain: str
    local: str
    asked_at: int
    due: int | None
    verdict: Verdict | None
    """Of the last run that ended; while one is on, an old one."""
    ended_at: int | None
    stale_at: int | None

    @property
    def is_pending(self) -> bool:
        """Whether a run is on."""
        return self.due is not None

    def holds(self, now: int) -> bool:
        """Whether its verdict is an answer for who asks now."""
        return self.due is None and self.verdict is not None and self.stale_at is not None and now < self.stale_at


class Shown(msgspec.Struct, frozen=True):
    """A verification with its trail."""

    verification: Verification
    deferrals: int
    trail: Trail
    next_try: int | None
    """When it goes on; None if it does now, or ended."""


class Job(msgspec.Struct, frozen=True):
    """A run that a worker has claimed."""

    id: int
    domain: str
    local: str
    asked_at: int
    worker: str
    attempt: int
    deferred_at: int | None
    deferrals: int
    trail: Trail


_decode = msgspec.json.Decoder(Verdict).decode
_encode = msgspec.json.Encoder().encode


def _verification(row: Row) -> Verification:
    id_, domain, local, asked_at, due, verdict, ended_at, stale_at = row
    return Verification(id_, domain, local, asked_at, due, _decode(verdict) if verdict else None, ended_at, stale_at)


async def find_verification(reader: Reader, domain: str, local: str) -> Verification | None:
    """The row of this address."""
    row = await reader.fetch_one(_FIND, {"domain": domain, "local": local})
    return _verification(row) if row else None


async def get_verification(reader: Reader, id_: int) -> Verification | None:
    """The row with this id, which may have been forgotten meanwhile."""
    row = await reader.fetch_one(_GET, {"id": id_})
    return _verification(row) if row else None


async def begin_verification(conn: Connection, domain: str, local: str, now: int) -> tuple[Verification, bool]:
    """The row of this address, and whether a run began by this: none does while one is on or its verdict holds."""
    row = await conn.fetch_one(_BEGIN, {"domain": domain, "local": local, "now": now})
    if row is not None:
        return _verification(row), True
    found = await find_verification(conn, domain, local)
    assert found is not None
    return found, False


async def attach_account(conn: Connection, account_id: int, verification_id: int) -> int:
    """Let the account see the evidence; the id under which it does."""
    row = await conn.fetch_one(_ATTACHED, {"account_id": account_id, "verification_id": verification_id})
    if row is None:
        # Locks the account's row, so two requests cannot both find nothing and add.
        id_ = await next_id(conn, account_id)
        row = await conn.fetch_one(_ATTACHED, {"account_id": account_id, "verification_id": verification_id})
        if row is None:
            await conn.execute(_ATTACH, {"account_id": account_id, "id": id_, "verification_id": verification_id})
            return id_
    return int(row[0])


async def find_attached(reader: Reader, account_id: int, verification_id: int) -> int | None:
    """The id under which the account may see the evidence."""
    row = await reader.fetch_one(_ATTACHED, {"account_id": account_id, "verification_id": verification_id})
    return int(row[0]) if row else None


async def show_verification(reader: Reader, account_id: int, id_: int) -> Shown | None:
    """What the account asked about under this id, with its trail."""
    row = await reader.fetch_one(_SHOW, {"account_id": account_id, "id": id_})
    if row is None:
        return None
    *columns, deferrals, trail, next_try = row
    return Shown(_verification(tuple(columns)), deferrals, load_trail(trail), next_try)


async def list_shown(reader: Reader, account_id: int, *, limit: int) -> list[tuple[int, Verification]]:
    """What the account asked about last, newest first, each with the account's own number of it."""
    rows = await reader.fetch_all(_LIST_SHOWN, {"account_id": account_id, "limit": limit})
    return [(row[0], _verification(tuple(row[1:]))) for row in rows]


async def find_next_try(reader: Reader, id_: int) -> int | None:
    """When the run goes on that was put off; None if nobody waits."""
    row = await reader.fetch_one(_NEXT_TRY, {"id": id_})
    return row[0] if row else None


async def show_trail(reader: Reader, id_: int) -> Trail:
    """The trail of a verification, for whoever owns the installation."""
    row = await reader.fetch_one(_TRAIL, {"id": id_})
    return load_trail(row[0]) if row else []


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a run waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_jobs(conn: Connection, *, now: int, until: int, worker: str, limit: int) -> list[Job]:
    """Up to *limit* runs that are due, this worker's until *until*."""
    jobs = []
    for row in await verifications.claim(conn, now=now, until=until, worker=worker, limit=limit):
        named = dict(zip(verification.c.keys(), row, strict=True))
        jobs.append(
            Job(
                named["id"],
                named["domain"],
                named["local"],
                named["asked_at"],
                worker,
                named["attempt"],
                named["deferred_at"],
                named["deferrals"],
                load_trail(named["trail"]),
            )
        )
    return jobs


async def end_job(conn: Connection, job: Job, verdict: Verdict, trail: Trail, now: int) -> bool:
    """The run ended. False, and nothing changed, if it is another worker's by now or its row is forgotten."""
    if not await verifications.finish(conn, (job.id,), worker=job.worker, attempt=job.attempt):
        return False
    stale_at = now + holds_for(verdict)
    values = {"id": job.id, "verdict": _encode(verdict).decode(), "now": now, "stale_at": stale_at}
    await conn.execute(_END, {**values, "trail": dump_trail(trail)})
    return True


async def end_jobs(conn: Connection, ended: Iterable[tuple[Job, Verdict, Trail]], now: int) -> None:
    """Those runs ended; nothing changes for one that is another worker's by now, or whose row is forgotten."""
    rows = []
    for job, verdict, trail in ended:
        whose = {"id": job.id, "worker": job.worker, "attempt": job.attempt}
        values = {"verdict": _encode(verdict).decode(), "now": now, "stale_at": now + holds_for(verdict)}
        rows.append({**whose, **values, "trail": dump_trail(trail)})
    await conn.execute_many(_END_HELD, rows)


async def put_off_jobs(conn: Connection, put_off: Iterable[tuple[Job, PutOff]]) -> None:
    """Those runs go on later; nothing changes for one that is another worker's by now, or whose row is forgotten."""
    rows = []
    for job, found in put_off:
        whose = {"id": job.id, "worker": job.worker, "attempt": job.attempt}
        values = {"due": found.due, "deferred_at": found.deferred_at, "deferrals": found.deferrals}
        rows.append({**whose, **values, "trail": dump_trail(found.trail)})
    await conn.execute_many(_PUT_OFF_HELD, rows)


async def give_back_job(conn: Connection, job: Job, due: int) -> bool:
    """Let the run begin once more at *due*, as if it had not begun. False if it is another worker's by now."""
    return await verifications.finish(conn, (job.id,), worker=job.worker, attempt=job.attempt, due=due)


async def count_left(reader: Reader, domain: str, *, most: int, now: int) -> int:
    """How many verifications may still begin at this mail domain within the window of 24 hours."""
    row = await reader.fetch_one(_COUNT_STARTED, {"domain": domain})
    started = row[1] if row is not None and row[0] > now - WINDOW else 0
    return max(0, most - started)


async def count_started(conn: Connection, domain: str, *, most: int, now: int) -> bool:
    """Count one more at this mail domain. False, and nothing counted, if *most* began within the window."""
    values = {"domain": domain, "now": now, "expired": now - WINDOW, "most": most}
    return bool(await conn.execute(_START, values))


async def find_kept(reader: Reader, ids: Sequence[int]) -> set[int]:
    """Those of *ids* that were not forgotten: of the others nothing may be kept, not of their domains either."""
    return {row[0] for row in await reader.fetch_all(_KEPT, {"ids": list(ids)})} if ids else set()


async def forget_stale(conn: Connection, before: int) -> int:
    """Drop what nobody would be answered with since *before*: why keep people's addresses?"""
    return await conn.execute(_FORGET_STALE, {"before": before})
