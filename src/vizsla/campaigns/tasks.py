"""
What is done to many recipients, a step at a time?

A task is a row with `due` (`storage.lease`): a step is one short transaction, writes how far it came, and may be another worker's
next time. The first step is done by whoever asks, so that with few recipients nothing is left to do behind their back.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from vizsla.accounts.store import next_id
from vizsla.campaigns.campaign import Campaign, get_campaign, lock_campaign, senders_of
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.readiness import mark_missing
from vizsla.campaigns.recipients import Skipped, add_leads
from vizsla.campaigns.scheduling import hold_senders, schedule
from vizsla.campaigns.status import put_statuses
from vizsla.campaigns.stopping import stop_recipients
from vizsla.campaigns.tables import campaign_task
from vizsla.leads.store import leads_having, nth_lead_after
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

Kind = Literal["add_list", "start", "stop", "retry"]
STEP = 500
"""Recipients of one transaction."""
LOOKED_AT = 20_000
"""Leads of which one transaction asks whether they are in a list: on SQLite nobody else writes meanwhile."""
tasks = lease(campaign_task)
_ADD = statement("""
    INSERT INTO campaign_task (account_id, id, campaign_id, kind, ref_id, last_id, size, done, skipped, created_at, due, attempt)
    VALUES (:account_id, :id, :campaign_id, :kind, :ref_id, :last_id, :size, :done, :skipped, :now, :now, 0)
""")
_PROGRESS = statement("""
    UPDATE campaign_task SET last_id = :last_id, done = done + :done, skipped = skipped + :skipped, ended_at = :ended_at
    WHERE account_id = :account_id AND id = :id
""")
_IS_DUE = statement("SELECT 1 FROM campaign_task WHERE due <= :now LIMIT 1")
_OF_CAMPAIGN = statement("""
    SELECT id, kind, size, done, skipped, created_at, ended_at FROM campaign_task
    WHERE account_id = :account_id AND campaign_id = :campaign_id ORDER BY id DESC LIMIT 20
""")
_FORGET = statement("DELETE FROM campaign_task WHERE ended_at <= :before")
_NEXT = "SELECT id FROM recipient WHERE account_id = :account_id AND campaign_id = :campaign_id AND id > :after"
_UNSCHEDULED = statement(
    f"{_NEXT} AND sender_id IS NULL AND state = 'scheduled' AND removed_at IS NULL ORDER BY id LIMIT :limit"
)
_GOING_ON = statement(f"{_NEXT} AND state IN ('scheduled', 'held') ORDER BY id LIMIT :limit")
_FAILED = statement(f"""
    {_NEXT} AND error_at IS NOT NULL AND removed_at IS NULL AND bounced_at IS NULL AND unsubscribed_at IS NULL
    AND replied_at IS NULL AND successful_at IS NULL ORDER BY id LIMIT :limit
""")
_RETRY = statement("""
    UPDATE recipient SET error_at = NULL, trouble = NULL, stop_reason = NULL, state = 'scheduled', due = :now
    WHERE account_id = :account_id AND id IN :ids[bigint]
""")

# With another column, or SQLite prefers to read all of an index that has these two.
_UNASSIGNED = statement(
    "SELECT id, state FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint] AND coalesce(sender_id, 0) = 0"
)


class Task(msgspec.Struct, frozen=True):
    """What is being done, and how far it is."""

    id: int
    kind: Kind
    size: int
    """Recipients or leads, as many as there were when it began."""
    done: int
    skipped: int
    created_at: int
    ended_at: int | None


class Held(msgspec.Struct, frozen=True):
    """A task in the hands of a worker."""

    account_id: int
    id: int
    campaign_id: int
    kind: Kind
    ref_id: int | None
    last_id: int
    worker: str
    attempt: int


class Did(msgspec.Struct, frozen=True):
    """What one step did."""

    done: int
    last_id: int | None
    """The last one it looked at; None: there are no more."""
    skipped: tuple[Skipped, ...] = ()


class Begun(msgspec.Struct, frozen=True):
    """What was done at once, and whether the rest is being done."""

    done: int
    skipped: tuple[Skipped, ...]
    is_over: bool


async def begin(
    conn: Connection,
    claims: Claims,
    account_id: int,
    campaign_id: int,
    kind: Kind,
    *,
    ref_id: int | None = None,
    size: int,
    now: int,
) -> Begun:
    """Do the first step of *kind* now, and leave what there is beyond it to a worker."""
    did = await _do(conn, claims, account_id, campaign_id, kind=kind, ref_id=ref_id, after=0, now=now)
    if did.last_id is not None:
        values = {
            "account_id": account_id,
            "id": await next_id(conn, account_id),
            "campaign_id": campaign_id,
            "kind": kind,
            "ref_id": ref_id,
            "last_id": did.last_id,
            "size": size,
            "done": did.done,
            "skipped": len(did.skipped),
            "now": now,
        }
        await conn.execute(_ADD, values)
    return Begun(did.done, did.skipped, did.last_id is None)


async def list_tasks(reader: Reader, account_id: int, campaign_id: int) -> list[Task]:
    """The last things that were, or are being, done to a campaign's recipients, newest first."""
    rows = await reader.fetch_all(_OF_CAMPAIGN, {"account_id": account_id, "campaign_id": campaign_id})
    return [Task(*row) for row in rows]


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a task waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_task(conn: Connection, *, now: int, until: int, worker: str) -> Held | None:
    """A task that is due, this worker's until *until*."""
    for row in await tasks.claim(conn, now=now, until=until, worker=worker, limit=1):
        named = dict(zip(campaign_task.c.keys(), row, strict=True))
        return Held(**{name: named[name] for name in Held.__struct_fields__})
    return None


async def step(conn: Connection, claims: Claims, held: Held, last_id: int, *, until: int, now: int) -> int | None:
    """
    Do some more, past *last_id*; the last that was looked at, or -1 once there are no more.

    None if the task is another worker's by now. *claims* were read within this transaction, so that nobody is added who said stop.
    """
    key = (held.account_id, held.id)
    if not await tasks.renew(conn, key, worker=held.worker, attempt=held.attempt, until=until):
        return None
    did = await _do(
        conn, claims, held.account_id, held.campaign_id, kind=held.kind, ref_id=held.ref_id, after=last_id, now=now
    )
    is_over = did.last_id is None
    values = {
        "account_id": held.account_id,
        "id": held.id,
        "last_id": last_id if did.last_id is None else did.last_id,
        "done": did.done,
        "skipped": len(did.skipped),
        "ended_at": now if is_over else None,
    }
    await conn.execute(_PROGRESS, values)
    if is_over:
        await tasks.finish(conn, key, worker=held.worker, attempt=held.attempt)
    return -1 if did.last_id is None else did.last_id


async def forget_tasks(conn: Connection, before: int) -> int:
    """Drop tasks that ended before."""
    return await conn.execute(_FORGET, {"before": before})


async def _do(
    conn: Connection,
    claims: Claims,
    account_id: int,
    campaign_id: int,
    *,
    kind: Kind,
    ref_id: int | None,
    after: int,
    now: int,
) -> Did:
    if kind == "add_list":
        if (await get_campaign(conn, account_id, campaign_id)).archived_at is not None:
            return Did(0, None)
        up_to = await nth_lead_after(conn, account_id, after, LOOKED_AT)
        found = await leads_having(conn, account_id, after, limit=STEP, list_id=ref_id, up_to=up_to)
        added = await add_leads(conn, claims, account_id, campaign_id, found, now=now)
        return Did(added.added, found[-1].id if len(found) == STEP else up_to, added.skipped)
    campaign = await lock_campaign(conn, account_id, campaign_id)
    await hold_senders(conn, account_id, campaign_id)
    query = {"start": _UNSCHEDULED, "stop": _GOING_ON, "retry": _FAILED}[kind]
    values = {"account_id": account_id, "campaign_id": campaign_id, "after": after, "limit": STEP}
    ids = [row[0] for row in await conn.fetch_all(query, values)]
    if kind == "start":
        await _start(conn, account_id, campaign, ids, now)
    elif kind == "stop":
        await stop_recipients(conn, account_id, ids, "archived", now)
    else:
        await _retry(conn, account_id, campaign, ids, now)
    return Did(len(ids), ids[-1] if len(ids) == STEP else None)


async def _start(conn: Connection, account_id: int, campaign: Campaign, ids: Sequence[int], now: int) -> None:
    missing = await mark_missing(conn, account_id, campaign.id, ids, now)
    sender_ids = await senders_of(conn, account_id, campaign.id)
    ready = [id_ for id_ in ids if id_ not in missing]
    await schedule(conn, account_id, campaign, ready, sender_ids=sender_ids, now=now)


async def _retry(conn: Connection, account_id: int, campaign: Campaign, ids: Sequence[int], now: int) -> None:
    missing = await mark_missing(conn, account_id, campaign.id, ids, now)
    again = [id_ for id_ in ids if id_ not in missing]
    await conn.execute(_RETRY, {"account_id": account_id, "ids": again, "now": now})
    unassigned = [row[0] for row in await conn.fetch_all(_UNASSIGNED, {"account_id": account_id, "ids": again})]
    sender_ids = await senders_of(conn, account_id, campaign.id)
    await schedule(conn, account_id, campaign, unassigned, sender_ids=sender_ids, now=now)
    await put_statuses(conn, account_id, again)
    await wake_senders(conn, account_id, campaign.id, now)
