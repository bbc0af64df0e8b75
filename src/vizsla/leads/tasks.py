"""
What is done to many leads, a step at a time?

A task is a row with `due` (`storage.lease`): a step is one transaction, writes how far it came, and may be another worker's next
time. A list, tag or attribute that is deleted is gone for its readers at once; what leads still have of it is scrubbed here.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec

from vizsla.accounts.store import next_id
from vizsla.leads.lead import Lead
from vizsla.leads.lists import existing_lists
from vizsla.leads.store import begin_change, delete_leads, leads_having, leads_with_ids, replace_leads
from vizsla.leads.tables import lead_task
from vizsla.leads.tags import MOST_OF_A_LEAD, tags_with_ids
from vizsla.leads.trash import restore_leads, trash_leads
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

Kind = Literal[
    "move", "delete", "drop_list", "drop_tag", "drop_attribute", "add", "remove", "tag", "untag", "enrich", "trash", "restore"
]  # fmt: skip
STEP = 1_000
_STEPS = {"enrich": 50}
"""Where the index is asked about each."""
_MOST_OF_A_TASK = 10_000
"""Ids in one row: it is written anew with each step."""
_MOST_LISTS = 50
"""Of a lead."""
tasks = lease(lead_task)
_ADD = statement("""
    INSERT INTO lead_task
        (account_id, id, kind, ref_id, target_id, lead_ids, last_id, size, done, created_at, due, attempt, batch_id)
    VALUES (:account_id, :id, :kind, :ref_id, :target_id, :lead_ids, 0, :size, 0, :now, :now, 0, :batch_id)
""")
_PROGRESS = statement("""
    UPDATE lead_task SET last_id = :last_id, done = done + :done, ended_at = :ended_at,
        lead_ids = CASE WHEN CAST(:ended_at AS bigint) IS NULL THEN lead_ids ELSE NULL END
    WHERE account_id = :account_id AND id = :id
""")
_IS_DUE = statement("SELECT 1 FROM lead_task WHERE due <= :now LIMIT 1")
_GET = statement("""
    SELECT id, kind, size, done, created_at, ended_at FROM lead_task WHERE account_id = :account_id AND id = :id
""")
_BATCHES = statement("""
    SELECT batch_id, min(kind), sum(size), sum(done) FROM lead_task
    WHERE account_id = :account_id AND batch_id IN
        (SELECT batch_id FROM lead_task WHERE account_id = :account_id AND due IS NOT NULL)
    GROUP BY batch_id ORDER BY batch_id DESC
""")
# Whoever works on it finds that it is theirs no more.
_STOP = statement("""
    UPDATE lead_task SET due = NULL, ended_at = :now, lead_ids = NULL, attempt = attempt + 1
    WHERE account_id = :account_id AND batch_id = :batch_id AND due IS NOT NULL
""")
_FORGET = statement("DELETE FROM lead_task WHERE ended_at <= :before")
_ids = msgspec.json.Decoder(list[int]).decode


class Task(msgspec.Struct, frozen=True):
    """What is to be done, and how far it is."""

    id: int
    kind: Kind
    size: int
    """Leads, as many as there were when it began."""
    done: int
    created_at: int
    ended_at: int | None


class Batch(msgspec.Struct, frozen=True):
    """What is being done to leads that were chosen together, and how far it is."""

    id: int
    kind: Kind
    size: int
    done: int


class Held(msgspec.Struct, frozen=True):
    """A task in the hands of a worker."""

    account_id: int
    id: int
    kind: Kind
    ref_id: int | None
    target_id: int | None
    lead_ids: list[int] | None
    last_id: int
    worker: str
    attempt: int


Enrich = Callable[[Connection, int, Sequence[Lead]], Awaitable[None]]
"""Fills what leads of an account lack: what the index knows is no matter of this room's."""


class Stepped(msgspec.Struct, frozen=True):
    """What a step did."""

    last_id: int
    is_over: bool


async def add_task(
    conn: Connection,
    account_id: int,
    kind: Kind,
    *,
    ref_id: int | None = None,
    target_id: int | None = None,
    lead_ids: Sequence[int] | None = None,
    size: int,
    now: int,
    batch_id: int | None = None,
) -> int:
    """Let *kind* be done to those of *lead_ids* that have *ref_id*; either may be None. The task's id."""
    assert ref_id is not None or lead_ids is not None
    task_id = await next_id(conn, account_id)
    values = {
        "account_id": account_id,
        "id": task_id,
        "kind": kind,
        "ref_id": ref_id,
        "target_id": target_id,
        "lead_ids": msgspec.json.encode(sorted(set(lead_ids))).decode() if lead_ids is not None else None,
        "size": size,
        "now": now,
        "batch_id": batch_id,
    }
    await conn.execute(_ADD, values)
    return task_id


async def add_batch(
    conn: Connection, account_id: int, kind: Kind, lead_ids: Sequence[int], *, target_id: int | None = None, now: int
) -> int:
    """Let *kind* be done to all of *lead_ids*, none of them twice; the batch's id, which is a deletion's where leads are deleted."""
    batch_id = await next_id(conn, account_id)
    rising = sorted(lead_ids)
    for at in range(0, len(rising), _MOST_OF_A_TASK):
        part = rising[at : at + _MOST_OF_A_TASK]
        target = batch_id if kind == "trash" else target_id
        await add_task(
            conn, account_id, kind, target_id=target, lead_ids=part, size=len(part), now=now, batch_id=batch_id
        )
    return batch_id


async def add_restoring(conn: Connection, account_id: int, deletion_id: int, *, size: int, now: int) -> None:
    """Let all leads of a deletion be brought back."""
    batch_id = await next_id(conn, account_id)
    await add_task(conn, account_id, "restore", ref_id=deletion_id, size=size, now=now, batch_id=batch_id)


async def list_batches(reader: Reader, account_id: int) -> list[Batch]:
    """What is being done to leads of the account."""
    return [Batch(*row) for row in await reader.fetch_all(_BATCHES, {"account_id": account_id})]


async def stop_batch(conn: Connection, account_id: int, batch_id: int, now: int) -> bool:
    """Do no more of it; what is done stays done. False if there was nothing left to do."""
    stopped = await conn.execute(_STOP, {"account_id": account_id, "batch_id": batch_id, "now": now})
    return bool(stopped)


async def find_task(reader: Reader, account_id: int, task_id: int) -> Task | None:
    """How far the account's task is."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": task_id})
    return Task(*row) if row else None


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a task waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_task(conn: Connection, *, now: int, until: int, worker: str) -> Held | None:
    """A task that is due, this worker's until *until*."""
    for row in await tasks.claim(conn, now=now, until=until, worker=worker, limit=1):
        named = dict(zip(lead_task.c.keys(), row, strict=True))
        ids = _ids(named["lead_ids"]) if named["lead_ids"] is not None else None
        fields = {name: named[name] for name in Held.__struct_fields__}
        return Held(**{**fields, "lead_ids": ids})
    return None


async def step(
    conn: Connection,
    held: Held,
    last_id: int,
    *,
    until: int,
    now: int,
    claims: Claims | None = None,
    enrich: Enrich | None = None,
) -> Stepped | None:
    """
    Do some more, past lead *last_id*. None if the task is another worker's by now.

    Whoever brings leads back needs the *claims* as they stand, and whoever enriches them *enrich*.
    """
    key = (held.account_id, held.id)
    if not await tasks.renew(conn, key, worker=held.worker, attempt=held.attempt, until=until):
        return None
    # Before they are read, or what is written meanwhile would be written over.
    await begin_change(conn, held.account_id)
    if held.kind == "restore":
        assert claims is not None
        assert held.ref_id is not None
        back = await restore_leads(conn, claims, held.account_id, held.ref_id, after=last_id, limit=STEP, now=now)
        done, reached = back.leads + back.kept_out, back.last_id
    else:
        found, reached = await _next(conn, held, last_id)
        done = len(found)
        if found and held.kind == "enrich":
            assert enrich is not None
            await enrich(conn, held.account_id, found)
        elif found:
            await apply(conn, held.account_id, held.kind, found, ref_id=held.ref_id, target_id=held.target_id, now=now)
    is_over = reached is None
    at = last_id if reached is None else reached
    await conn.execute(
        _PROGRESS,
        {
            "account_id": held.account_id,
            "id": held.id,
            "last_id": at,
            "done": done,
            "ended_at": now if is_over else None,
        },
    )
    if is_over:
        await tasks.finish(conn, key, worker=held.worker, attempt=held.attempt)
    return Stepped(at, is_over)


async def _next(conn: Connection, held: Held, last_id: int) -> tuple[list[Lead], int | None]:
    """The next leads that are meant, and the id up to which all were looked at; None: there are no more."""
    if held.lead_ids is not None:
        at, most = bisect_right(held.lead_ids, last_id), _STEPS.get(held.kind, STEP)
        ids = held.lead_ids[at : at + most]
        found = [
            one
            for one in await leads_with_ids(conn, held.account_id, ids)
            if held.ref_id is None or held.ref_id in one.lists
        ]
        return found, ids[-1] if len(ids) == most else None
    named = {"drop_tag": "tag_id", "drop_attribute": "attribute_id"}.get(held.kind, "list_id")
    found = await leads_having(conn, held.account_id, last_id, limit=STEP, **{named: held.ref_id})
    return found, found[-1].id if len(found) == STEP else None


async def apply(
    conn: Connection,
    account_id: int,
    kind: Kind,
    leads: Sequence[Lead],
    *,
    ref_id: int | None = None,
    target_id: int | None = None,
    now: int,
) -> None:
    """Do *kind* to these leads."""
    if kind == "delete":
        await delete_leads(conn, account_id, [one.id for one in leads], now)
        return
    if kind == "trash":
        assert target_id is not None
        await trash_leads(conn, account_id, leads, target_id, now)
        return
    change = await begin_change(conn, account_id)
    # What was deleted meanwhile is no target: they stay as they are.
    if kind in ("move", "add") and not await existing_lists(conn, account_id, [target_id or 0]):
        return
    if kind == "tag" and not await tags_with_ids(conn, account_id, [target_id or 0]):
        return
    pairs = [(one, _after(one, kind, ref_id, target_id)) for one in leads]
    await replace_leads(conn, account_id, change, [(before, after) for before, after in pairs if before != after])


def _after(one: Lead, kind: Kind, ref_id: int | None, target_id: int | None) -> Lead:
    if kind == "drop_tag":
        return msgspec.structs.replace(one, tags=tuple(id_ for id_ in one.tags if id_ != ref_id))
    if kind == "drop_attribute":
        kept = {id_: text for id_, text in one.attributes.items() if id_ != ref_id}
        return msgspec.structs.replace(one, attributes=kept)
    if kind == "drop_list":
        return msgspec.structs.replace(one, lists=tuple(id_ for id_ in one.lists if id_ != ref_id))
    assert target_id is not None
    if kind in ("tag", "untag"):
        return msgspec.structs.replace(one, tags=_with(one.tags, target_id, is_in=kind == "tag", most=MOST_OF_A_LEAD))
    if kind in ("add", "remove"):
        return msgspec.structs.replace(one, lists=_with(one.lists, target_id, is_in=kind == "add", most=_MOST_LISTS))
    # Out of the list they are moved from; out of all if none is named.
    kept_in = tuple(id_ for id_ in one.lists if id_ not in (ref_id, target_id)) if ref_id is not None else ()
    return msgspec.structs.replace(one, lists=(target_id, *kept_in))


def _with(ids: tuple[int, ...], id_: int, *, is_in: bool, most: int) -> tuple[int, ...]:
    """*ids* with or without *id_*; a lead that has as many as it may have stays as it is."""
    if not is_in:
        return tuple(each for each in ids if each != id_)
    return ids if id_ in ids or len(ids) >= most else (*ids, id_)


async def forget_tasks(conn: Connection, before: int) -> int:
    """Drop tasks that ended before."""
    return await conn.execute(_FORGET, {"before": before})
