"""
How is a list of addresses verified, and what does it cost?

A list is taken on as a whole or not at all: its rows are stored and counted in one transaction. Then its rows are asked for a few
at a time, and as their verifications end, verdicts are copied and what is free is given back: whatever dies in between, a
row ends once and is counted once. Duplicates in a list, and what was asked within a day, are free.
"""

from collections.abc import Iterable, Sequence

import msgspec

from vizsla.accounts.lists import ListNotFound, in_chunks
from vizsla.accounts.quota import Share
from vizsla.accounts.reserved import give_back, left, reserve, settle
from vizsla.index.verifications import find_confidences
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Reader
from vizsla.verifier.bulk import LONGEST, BulkJob, BulkList, BulkRow, Ending, Tally
from vizsla.verifier.bulk_csv import Table
from vizsla.verifier.bulk_store import (
    Begun,
    State,
    add_rows,
    begin_many,
    bulk_lists,
    cancel_list,
    delete_list,
    lock_list,
    note_progress,
    open_list,
    resume_list,
    start_list,
)
from vizsla.verifier.learning import NOTHING, Learned, load_learned
from vizsla.verifier.score import score
from vizsla.verifier.syntax import Address, parse_address
from vizsla.verifier.verdict import Verdict

_EMPTY = "There is no address in this row."
Text = tuple[str, str]
"""What stands in a row, and why the row could not be read, if it could not."""


class QuotaTooSmall(VizslaError):
    """The list has more addresses than verifications are left."""

    id = "too_many_requests"


def texts_of(table: Table) -> Iterable[Text]:
    """The rows of a CSV file."""
    for record in table.records:
        yield table.text_of(record), record.fault


async def accept(
    conn: Connection,
    account_id: int,
    texts: Iterable[Text],
    *,
    allowed: int,
    now: int,
    share: Share | None = None,
) -> BulkList:
    """
    Take on a list, and count its rows of the *allowed* a period; *share* is what of it whoever sent the list may use.

    Raises WrongParams for an empty one, TooManyRows, QuotaTooSmall; then nothing may be kept of the transaction.
    """
    member_id = share.member_id if share is not None else None
    list_id = await open_list(conn, account_id, now, member_id=member_id)
    room = await left(conn, account_id, "verifications", allowed=allowed, now=now, share=share)
    size, tally = 0, Tally()
    for first, chunk in in_chunks(texts):
        rows = [(text[:LONGEST], _unread(text, fault, now)) for text, fault in chunk]
        await add_rows(conn, account_id, list_id, first, rows)
        size += len(rows)
        if unread := sum(ending is not None for _, ending in rows):
            tally["malformed"] = tally.get("malformed", 0) + unread
    count = size - sum(tally.values())
    if not size:
        raise WrongParams("There are no addresses in this list.")
    if count > room:
        raise _too_small(count, room)
    period = await reserve(conn, account_id, "verifications", count=count, now=now, member_id=member_id)
    await start_list(conn, account_id, list_id, size=size, tally=tally, period=period, now=now)
    return await get(conn, account_id, list_id)


def _too_small(count: int, room: int) -> QuotaTooSmall:
    return QuotaTooSmall(
        f"The list has {count:,} addresses, and {room:,} verifications are left until the quota is renewed. "
        "Send fewer, or upgrade your plan."
    )


def _unread(text: str, fault: str, now: int) -> Ending | None:
    if fault or not text.strip():
        return Ending("malformed", now, fault or _EMPTY)
    return None


async def get(reader: Reader, account_id: int, list_id: int) -> BulkList:
    """The account's list. Raises ListNotFound."""
    return await bulk_lists.get(reader, account_id, list_id)


async def cancel(conn: Connection, account_id: int, list_id: int, *, now: int) -> BulkList:
    """Stop the list where it is, and give back what was not done. Raises ListNotFound."""
    found = await lock_list(conn, account_id, list_id)
    if found is None:
        raise ListNotFound
    if found.ended_at is None:
        undone = found.size - found.done
        given_back = found.given_back + undone
        await cancel_list(conn, account_id, list_id, given_back=given_back, now=now)
        await give_back(
            conn, account_id, "verifications", count=undone, period=found.period, now=now, member_id=found.member_id
        )
    return await get(conn, account_id, list_id)


async def resume(
    conn: Connection, account_id: int, list_id: int, *, allowed: int, now: int, share: Share | None = None
) -> BulkList:
    """
    Go on with a list that was cancelled: what was not done is counted again, of the *allowed* a period, as *share*'s member's.

    Raises ListNotFound and QuotaTooSmall.
    """
    found = await lock_list(conn, account_id, list_id)
    if found is None:
        raise ListNotFound
    if found.cancelled_at is not None:
        undone = found.size - found.done
        room = await left(conn, account_id, "verifications", allowed=allowed, now=now, share=share)
        if undone > room:
            raise _too_small(undone, room)
        member_id = share.member_id if share is not None else None
        period = await reserve(conn, account_id, "verifications", count=undone, now=now, member_id=member_id)
        await resume_list(conn, account_id, list_id, count=undone, period=period, member_id=member_id, now=now)
    return await get(conn, account_id, list_id)


async def delete(conn: Connection, account_id: int, list_id: int, *, now: int) -> None:
    """Stop the list and drop it with all of its rows. Raises ListNotFound."""
    await cancel(conn, account_id, list_id, now=now)
    await delete_list(conn, account_id, list_id)


# One step of a list


class Waiting(msgspec.Struct, frozen=True):
    """A row and the verification it waits for."""

    number: int
    address: Address
    verification_id: int


class Step(msgspec.Struct, frozen=True):
    """What a step came to."""

    progress: BulkList
    waiting: list[Waiting]
    """Rows that wait since this step."""
    ended: list[Ending]
    """How rows ended in it."""


def read_row(text: str, claims: Claims, now: int) -> Address | Ending:
    """The address in a row, or how the row ends without one."""
    if not text:
        return Ending("claimed", now)  # its text was forgotten since it came
    found = parse_address(text)
    if not isinstance(found, Address):
        return Ending("malformed", now, found.details)
    if claims.is_claimed(found.domain, found.local):
        return Ending("claimed", now)
    return found


def end_row(address: Address, state: State | None, confidence: int | None, learned: Learned, now: int) -> Ending:
    """How the row of *address* ends, now that its verification did; without one, its person had it forgotten."""
    if state is None or state.verdict is None:
        return Ending("claimed", now)
    verdict: Verdict = state.verdict
    return Ending(
        "failed" if verdict.has_failed else "verified",
        state.ended_at or now,
        domain=address.domain,
        local=address.local,
        regexp=address.regexp,
        score=score(verdict, confidence=confidence, age=max(0, now - (state.ended_at or now)), learned=learned),
        verdict=verdict,
    )


async def step(
    conn: Connection,
    index: Reader,
    claims: Claims,
    job: BulkJob,
    *,
    fresh: Sequence[tuple[int, Address | Ending]],
    ended: Sequence[tuple[Waiting, State | None]],
    begun: int,
    per_domain: int,
    until: int,
    now: int,
) -> Step | None:
    """
    Ask for the verifications of the *fresh* rows (up to number *begun*), and record those whose verifications *ended*.

    None if the list is another worker's by now: nothing may be kept of the transaction.
    """
    # First of all locks, as in `cancel`: who waits for the list holds nothing that the other needs.
    if await lock_list(conn, job.account_id, job.id) is None:
        return None
    endings = [(number, one) for number, one in fresh if isinstance(one, Ending)]
    addresses = [(number, one) for number, one in fresh if not isinstance(one, Ending)]
    asked = await begin_many(conn, (one for _, one in addresses), per_domain=per_domain, now=now)
    waiting, over = _sort_out(addresses, asked, endings, now)
    over += ended
    pairs = [(row.address.domain, row.address.local) for row, state in over if state is not None]
    sure = await find_confidences(index, pairs)
    learned = await load_learned(conn) if over else NOTHING
    for row, state in over:
        confidence = sure.get((row.address.domain, row.address.local))
        endings.append((row.number, end_row(row.address, state, confidence, learned, now)))
    questions = [claims.hash(f"{one.local}@{one.domain}") for _, one in endings if one.is_charged]
    given_back = (
        await settle(
            conn,
            job.account_id,
            "verifications",
            questions,
            free=len(endings) - len(questions),
            period=job.period,
            now=now,
            member_id=job.member_id,
        )
        if endings
        else 0
    )
    progress = await note_progress(
        conn,
        job,
        begun=begun,
        waiting=[(row.number, row.verification_id) for row in waiting],
        endings=endings,
        given_back=given_back,
        until=until,
        now=now,
    )
    return None if progress is None else Step(progress, waiting, [one for _, one in endings])


def _sort_out(
    addresses: Sequence[tuple[int, Address]], asked: Begun, endings: list[tuple[int, Ending]], now: int
) -> tuple[list[Waiting], list[tuple[Waiting, State | None]]]:
    """The rows that wait, and those whose verification is at its end already; what a limit leaves out goes to *endings*."""
    waiting: list[Waiting] = []
    over: list[tuple[Waiting, State | None]] = []
    for number, address in addresses:
        pair = address.domain, address.local
        if pair in asked.left_out:
            endings.append((number, Ending("domain_limit", now, domain=address.domain, local=address.local)))
            continue
        found = asked.found[pair]
        row = Waiting(number, address, found.id)
        if found.is_pending:
            waiting.append(row)
        else:
            over.append((row, State(False, found.verdict, found.ended_at)))
    return waiting, over


def is_shown(row: BulkRow, claims: Claims) -> bool:
    """Whether the row may be shown, or its person told us to stop since it ended."""
    ending = row.ending
    return ending is None or not ending.domain or not claims.is_claimed(ending.domain, ending.local)
