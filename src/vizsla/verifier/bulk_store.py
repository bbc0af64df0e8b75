"""
Where are the lists, their rows, and the verifications that rows wait for?

A list is claimed by one worker at a time, which asks for the verifications of its rows and copies their verdicts; the
verifications themselves are anybody's, so all nodes share a list's work. Statements take a batch of rows as one JSON text:
a statement a row would cost more than all else that is done for it.
"""

from collections.abc import Iterable, Sequence

import msgspec

from vizsla.accounts.lists import Lists
from vizsla.accounts.store import next_id
from vizsla.storage.database import Connection, Database, Reader, Row
from vizsla.storage.statement import Statement, statement
from vizsla.verifier.bulk import BulkJob, BulkList, BulkRow, Ending, Tally
from vizsla.verifier.store import WINDOW, Verification
from vizsla.verifier.syntax import Address
from vizsla.verifier.tables import bulk_list, bulk_row
from vizsla.verifier.verdict import Verdict


def _batch(text: str) -> Statement:
    """A statement over `:rows`, a JSON array, as `j.value` (and `j.place`, from 0)."""
    return statement(
        text.replace("BATCH", "(SELECT value, key AS place FROM json_each(:rows)) AS j"),
        postgresql=text.replace(
            "BATCH",
            "(SELECT value, ord - 1 AS place FROM jsonb_array_elements(CAST(:rows AS jsonb)) "
            "WITH ORDINALITY AS each(value, ord)) AS j",
        ),
    )


_OPEN = statement("""
    INSERT INTO bulk_list (account_id, id, created_at, period, size, counted, begun, done, given_back, tally, attempt,
        member_id)
    VALUES (:account_id, :id, :now, 0, 0, 0, 0, 0, 0, '{}', 0, :member_id)
""")
_ADD = _batch("""
    INSERT INTO bulk_row (account_id, list_id, number, email, ending)
    SELECT CAST(:account_id AS BIGINT), CAST(:list_id AS BIGINT), CAST(:first AS BIGINT) + j.place, j.value ->> 0,
        j.value ->> 1
    FROM BATCH
""")
_START = statement("""
    UPDATE bulk_list SET size = :size, counted = :counted, done = :done, tally = :tally, period = :period, due = :now
    WHERE account_id = :account_id AND id = :id
""")
_WAITING = statement("""
    SELECT number, email, verification_id FROM bulk_row
    WHERE account_id = :account_id AND list_id = :list_id AND verification_id IS NOT NULL
""")
_WAIT = statement("""
    UPDATE bulk_row SET verification_id = :verification_id
    WHERE account_id = :account_id AND list_id = :list_id AND number = :number
""")
_END = statement("""
    UPDATE bulk_row SET verification_id = NULL, ending = :ending,
        email = CASE WHEN :is_claimed = 1 THEN '' ELSE email END
    WHERE account_id = :account_id AND list_id = :list_id AND number = :number
""")
_NOTE = statement("""
    UPDATE bulk_list SET begun = :begun, done = :done, given_back = :given_back, tally = :tally, due = :due,
        ended_at = :ended_at
    WHERE account_id = :account_id AND id = :id AND worker = :worker AND attempt = :attempt
""")
_GIVE_BACK = statement("UPDATE bulk_list SET given_back = :given_back WHERE account_id = :account_id AND id = :id")
_LET_GO = statement("""
    UPDATE bulk_row SET verification_id = NULL
    WHERE account_id = :account_id AND list_id = :list_id AND verification_id IS NOT NULL
""")
_RECOUNT = statement("""
    UPDATE bulk_list SET counted = counted + :count, period = :period, begun = 0, member_id = :member_id
    WHERE account_id = :account_id AND id = :id
""")

_FIND_MANY = _batch("""
    SELECT v.id, v.domain, v.local, v.asked_at, v.due, v.verdict, v.ended_at, v.stale_at
    FROM BATCH CROSS JOIN verification AS v WHERE v.domain = j.value ->> 0 AND v.local = j.value ->> 1
""")
_BEGIN_MANY = _batch("""
    INSERT INTO verification (domain, local, asked_at, due, attempt, deferrals, trail)
    SELECT j.value ->> 0, j.value ->> 1, CAST(:now AS BIGINT), CAST(:now AS BIGINT), 0, 0, '[]' FROM BATCH WHERE 1 = 1
    ON CONFLICT (domain, local) DO UPDATE SET asked_at = excluded.asked_at, due = excluded.due, worker = NULL,
        attempt = 0, deferred_at = NULL, deferrals = 0, trail = '[]'
    WHERE verification.due IS NULL AND verification.stale_at <= excluded.asked_at
""")
_COUNT_MANY = _batch("""
    INSERT INTO mail_domain (domain, window_start, started)
    SELECT j.value ->> 0, CAST(:now AS BIGINT), CAST(j.value ->> 1 AS BIGINT) FROM BATCH WHERE 1 = 1
    ON CONFLICT (domain) DO UPDATE SET
        window_start = CASE WHEN mail_domain.window_start <= :expired THEN excluded.window_start
            ELSE mail_domain.window_start END,
        started = CASE WHEN mail_domain.window_start <= :expired THEN excluded.started
            ELSE mail_domain.started + excluded.started END
    RETURNING domain, started
""")
_UNCOUNT = statement("UPDATE mail_domain SET started = started - :count WHERE domain = :domain")
_STATES = statement("SELECT id, due, verdict, ended_at FROM verification WHERE id IN :ids[bigint]")

_decode = msgspec.json.Decoder(Verdict).decode
_decode_ending = msgspec.json.Decoder(Ending).decode
_decode_tally = msgspec.json.Decoder(Tally).decode
_encode = msgspec.json.Encoder().encode


def _list(row: Row) -> BulkList:
    values = list(row)
    values[9] = _decode_tally(values[9])
    return BulkList(*values)


def _row(row: Row) -> BulkRow:
    number, email, ending = row
    return BulkRow(number, email, _decode_ending(ending) if ending else None)


# Lists

bulk_lists = Lists(
    bulk_list,
    bulk_row,
    columns=BulkList.__struct_fields__,
    read=_list,
    row_columns=("number", "email", "ending"),
    read_row=_row,
)
find_list, lock_list, rows_after = bulk_lists.find, bulk_lists.lock, bulk_lists.rows_after
page_of_lists, count_lists = bulk_lists.page, bulk_lists.count
forget_lists, is_any_list_due = bulk_lists.forget, bulk_lists.is_any_due


async def open_list(conn: Connection, account_id: int, now: int, *, member_id: int | None = None) -> int:
    """A new list without rows, counted as *member_id*'s; nobody works on it before `start_list`."""
    id_ = await next_id(conn, account_id)
    await conn.execute(_OPEN, {"account_id": account_id, "id": id_, "now": now, "member_id": member_id})
    return id_


async def add_rows(
    conn: Connection, account_id: int, list_id: int, first: int, texts: Sequence[tuple[str, Ending | None]]
) -> None:
    """Add the rows from number *first* on; an ending is known of those that could not be read."""
    rows = _encode([(text, _encode(ending).decode() if ending else None) for text, ending in texts]).decode()
    await conn.execute(_ADD, {"account_id": account_id, "list_id": list_id, "first": first, "rows": rows})


async def start_list(
    conn: Connection, account_id: int, list_id: int, *, size: int, tally: Tally, period: int, now: int
) -> None:
    """Its *size* rows are all there, *tally* have ended, and the rest is counted in *period*."""
    done = {"counted": size - sum(tally.values()), "done": sum(tally.values()), "tally": _encode(tally).decode()}
    whose = {"account_id": account_id, "id": list_id}
    await conn.execute(_START, {**whose, **done, "size": size, "period": period, "now": now})


async def waiting_rows(database: Database, account_id: int, list_id: int) -> list[tuple[int, str, int]]:
    """Number, text and verification of the rows that wait: for whoever takes a list over."""
    values = {"account_id": account_id, "list_id": list_id}
    return [(row[0], row[1], row[2]) for row in await database.fetch_all_slowly(_WAITING, values)]


async def cancel_list(conn: Connection, account_id: int, list_id: int, *, given_back: int, now: int) -> None:
    """Whoever works on it has lost it; what was not done will not be."""
    await bulk_lists.cancel(conn, account_id, list_id, now)
    await conn.execute(_GIVE_BACK, {"account_id": account_id, "id": list_id, "given_back": given_back})
    await conn.execute(_LET_GO, {"account_id": account_id, "list_id": list_id})


async def resume_list(
    conn: Connection, account_id: int, list_id: int, *, count: int, period: int, member_id: int | None, now: int
) -> None:
    """Go on with one that was cancelled; the *count* rows that are left were counted in *period*, as *member_id*'s."""
    values = {"account_id": account_id, "id": list_id, "count": count, "period": period, "member_id": member_id}
    # Rows that wait for nothing and did not end may stand anywhere: it is gone through once more.
    await conn.execute(_RECOUNT, values)
    await bulk_lists.resume(conn, account_id, list_id, now)


async def delete_list(conn: Connection, account_id: int, list_id: int) -> None:
    """Drop it and its rows."""
    await bulk_lists.delete(conn, account_id, list_id)


# Work


async def claim_lists(conn: Connection, *, now: int, until: int, worker: str, limit: int) -> list[BulkJob]:
    """Up to *limit* lists that are due, this worker's until *until*."""
    return await bulk_lists.claim(conn, BulkJob, now=now, until=until, worker=worker, limit=limit)


async def note_progress(
    conn: Connection,
    job: BulkJob,
    *,
    begun: int,
    waiting: Iterable[tuple[int, int]],
    endings: Sequence[tuple[int, Ending]],
    given_back: int,
    until: int,
    now: int,
) -> BulkList | None:
    """
    Rows up to *begun* were asked for, *waiting* (number, verification) wait, *endings* (number, how) ended.

    The list as it is then; None, and nothing may be kept of this transaction, if it is another worker's by now.
    """
    found = await lock_list(conn, job.account_id, job.id)
    if found is None:
        return None
    done, tally = found.done + len(endings), dict(found.tally)
    for _, ending in endings:
        tally[ending.counts_as] = tally.get(ending.counts_as, 0) + 1
    has_ended = done == found.size
    values = {
        "account_id": job.account_id,
        "id": job.id,
        "worker": job.worker,
        "attempt": job.attempt,
        "begun": max(begun, found.begun),
        "done": done,
        "given_back": found.given_back + given_back,
        "tally": _encode(tally).decode(),
        "due": None if has_ended else until,
        "ended_at": now if has_ended else None,
    }
    if not await conn.execute(_NOTE, values):
        return None
    whose = {"account_id": job.account_id, "list_id": job.id}
    await conn.execute_many(_WAIT, [{**whose, "number": number, "verification_id": id_} for number, id_ in waiting])
    ended = [
        {**whose, "number": number, "ending": _encode(ending).decode(), "is_claimed": int(ending.why == "claimed")}
        for number, ending in endings
    ]
    await conn.execute_many(_END, ended)
    return await find_list(conn, job.account_id, job.id)


async def give_back_list(conn: Connection, job: BulkJob, due: int) -> None:
    """Let another worker go on with it at *due*."""
    await bulk_lists.put_back(conn, job, due)


# Verifications


class Begun(msgspec.Struct, frozen=True):
    """What came of asking for many: verifications by address, and the addresses that a domain's limit left out."""

    found: dict[tuple[str, str], Verification]
    left_out: frozenset[tuple[str, str]]


async def begin_many(conn: Connection, addresses: Iterable[Address], *, per_domain: int, now: int) -> Begun:
    """The verifications of *addresses*: begun, joined, or ones that hold."""
    # In one order everywhere, so that nodes never wait for each other in a circle.
    wanted = sorted({(address.domain, address.local) for address in addresses})
    found = await find_many(conn, wanted)
    fresh = [pair for pair in wanted if pair not in found or not (found[pair].is_pending or found[pair].holds(now))]
    if not fresh:
        return Begun(found, frozenset())
    left_out = await _count_many(conn, fresh, per_domain, now)
    begun = [pair for pair in fresh if pair not in left_out]
    await conn.execute(_BEGIN_MANY, {"rows": _encode(begun).decode(), "now": now})
    found.update(await find_many(conn, begun))
    return Begun(found, left_out)


async def find_many(reader: Reader, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Verification]:
    """The verifications of these addresses (domain, local part), on or ended; those that were never asked for are missing."""
    rows = await reader.fetch_all(_FIND_MANY, {"rows": _encode(pairs).decode()})
    return {(row[1], row[2]): _verification(row) for row in rows}


async def _count_many(
    conn: Connection, pairs: Sequence[tuple[str, str]], most: int, now: int
) -> frozenset[tuple[str, str]]:
    """Count *pairs* at their mail domains; those for which there was no room."""
    by_domain: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        by_domain.setdefault(pair[0], []).append(pair)
    rows = _encode([(domain, len(of_domain)) for domain, of_domain in by_domain.items()]).decode()
    left_out: list[tuple[str, str]] = []
    for domain, started in await conn.fetch_all(_COUNT_MANY, {"rows": rows, "now": now, "expired": now - WINDOW}):
        if (over := min(started - most, len(by_domain[domain]))) > 0:
            await conn.execute(_UNCOUNT, {"domain": domain, "count": over})
            left_out += by_domain[domain][-over:]
    return frozenset(left_out)


class State(msgspec.Struct, frozen=True):
    """How far a verification is."""

    is_pending: bool
    verdict: Verdict | None
    ended_at: int | None


async def states_of(reader: Reader, ids: Sequence[int]) -> dict[int, State]:
    """How far these verifications are; those that were forgotten are missing."""
    rows = await reader.fetch_all(_STATES, {"ids": list(ids)})
    return {
        id_: State(due is not None, _decode(verdict) if due is None and verdict else None, ended_at)
        for id_, due, verdict, ended_at in rows
    }


def _verification(row: Row) -> Verification:
    id_, domain, local, asked_at, due, verdict, ended_at, stale_at = row
    return Verification(id_, domain, local, asked_at, due, _decode(verdict) if verdict else None, ended_at, stale_at)
