"""
What is done to many leads, a step at a time?

A task is a row with `due` (`storage.lease`): a step is one transaction, writes how far it came, and may be another worker's next
time. A list, tag or attribute that is deleted is gone for its readers at once; what leads still have of it is scrubbed here.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

import msgspec

from vizsla.accounts.store import next_id
from vizsla.leads.lead import Lead
from vizsla.leads.lists import existing_lists
from vizsla.leads.store import begin_change, delete_leads, leads_having, leads_with_ids, replace_leads
from vizsla.leads.tables import lead_task
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

Kind = Literal["move", "delete", "drop_list", "drop_tag", "drop_attribute"]
STEP = 1_000
tasks = lease(lead_task)
_ADD = statement("""
    INSERT INTO lead_task (account_id, id, kind, ref_id, target_id, lead_ids, last_id, size, done, created_at, due, attempt)
    VALUES (:account_id, :id, :kind, :ref_id, :target_id, :lead_ids, 0, :size, 0, :now, :now, 0)
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
    }
    await conn.execute(_ADD, values)
    return task_id


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


async def step(conn: Connection, held: Held, last_id: int, *, until: int, now: int) -> Stepped | None:
    """Do some more, past lead *last_id*. None if the task is another worker's by now."""
    key = (held.account_id, held.id)
    if not await tasks.renew(conn, key, worker=held.worker, attempt=held.attempt, until=until):
        return None
    found, reached = await _next(conn, held, last_id)
    if found:
        await apply(conn, held.account_id, held.kind, found, ref_id=held.ref_id, target_id=held.target_id, now=now)
    is_over = reached is None
    at = last_id if reached is None else reached
    await conn.execute(
        _PROGRESS,
        {
            "account_id": held.account_id,
            "id": held.id,
            "last_id": at,
            "done": len(found),
            "ended_at": now if is_over else None,
        },
    )
    if is_over:
        await tasks.finish(conn, key, worker=held.worker, attempt=held.attempt)
    return Stepped(at, is_over)


async def _next(conn: Connection, held: Held, last_id: int) -> tuple[list[Lead], int | None]:
    """The next leads that are meant, and the id up to which all were looked at; None: there are no more."""
    if held.lead_ids is not None:
        at = bisect_right(held.lead_ids, last_id)
        ids = held.lead_ids[at : at + STEP]
        found = [
            one
            for one in await leads_with_ids(conn, held.account_id, ids)
            if held.ref_id is None or held.ref_id in one.lists
        ]
        return found, ids[-1] if len(ids) == STEP else None
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
    change = await begin_change(conn, account_id)
    if kind == "move" and not await existing_lists(conn, account_id, [target_id or 0]):
        return  # deleted meanwhile: they stay where they are
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
    # Out of the list they are moved from; out of all if none is named.
    kept_in = tuple(id_ for id_ in one.lists if id_ not in (ref_id, target_id)) if ref_id is not None else ()
    return msgspec.structs.replace(one, lists=(target_id, *kept_in))


async def forget_tasks(conn: Connection, before: int) -> int:
    """Drop tasks that ended before."""
    return await conn.execute(_FORGET, {"before": before})
