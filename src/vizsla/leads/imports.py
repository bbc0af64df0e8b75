"""
How do the rows of a file become leads?

A step takes the next rows, writes leads and says how far it came in one transaction: whoever dies, no row is lost and none comes twice.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from vizsla.kit.errors import ClaimedEmail, NotFound
from vizsla.leads.attributes import MOST, attribute_ids, create_attribute, list_attributes, read_label
from vizsla.leads.import_store import Import, ImportRow, get_import, read_plan, rows_after, settle_rows
from vizsla.leads.lead import Attribute, InvalidLead, Lead, clean_text
from vizsla.leads.lists import count_lists, create_list, current_list, get_list, last_list, list_named, lists_with_keys
from vizsla.leads.mapping import NEW, Plan, Wanted, check_plan, read_row
from vizsla.leads.merging import FIRST_LIST, Counts, Merging, Names, with_ids
from vizsla.leads.store import begin_change, leads_with_emails, write_leads
from vizsla.leads.tables import lead_import
from vizsla.leads.tags import count_tags, create_tag, tags_with_keys
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement
from vizsla.webhooks.outbox import announce

STEP = 500
"""Rows of a step."""
_FIRST_REFUSED = 10
imports = lease(lead_import)
_START = statement("""
    UPDATE lead_import SET plan = :plan, due = :now WHERE account_id = :account_id AND id = :id AND plan IS NULL
""")
_HOLD = statement("""
    UPDATE lead_import SET due = :until, worker = :worker, attempt = attempt + 1
    WHERE account_id = :account_id AND id = :id AND due IS NOT NULL RETURNING plan, done, attempt
""")
_PROGRESS = statement("""
    UPDATE lead_import SET done = :done, created = created + :created, updated = updated + :updated,
        skipped = skipped + :skipped, refused = refused + :refused, ended_at = :ended_at
    WHERE account_id = :account_id AND id = :id
""")
_IS_DUE = statement("SELECT 1 FROM lead_import WHERE due <= :now LIMIT 1")
_encode = msgspec.json.Encoder().encode
Numbered = tuple[int, Wanted]


class Checked(msgspec.Struct, frozen=True):
    """What would become of a file."""

    counts: Counts
    refused: list[ImportRow]
    """The first rows that would be refused, each with its fault."""


class HeldImport(msgspec.Struct, frozen=True):
    """An import in the hands of a worker."""

    account_id: int
    id: int
    plan: Plan
    done: int
    worker: str
    attempt: int


async def check_import(app: Database, claims: Claims, account_id: int, import_id: int, plan: Plan) -> Checked:
    """What would become of the rows, if it were done now; nothing is written. Raises ImportNotFound, InvalidLead."""
    found = await get_import(app, account_id, import_id)
    plan = await _checked_plan(app, account_id, found, plan)
    new = _new_attributes(plan, found.columns, await list_attributes(app, account_id))
    plan = _with_slugs(plan, [slug for _, slug in new])
    attributes = await attribute_ids(app, account_id) | {slug: -1 - at for at, (_, slug) in enumerate(new)}
    names = Names(lists=await count_lists(app, account_id), tags=await count_tags(app, account_id))
    if plan.list_name:
        await _learn(app, account_id, names, [plan.list_name], [])
        plan = msgspec.structs.replace(plan, list_id=names.list_id(plan.list_name))
    counts, refused, at = Counts(), list[ImportRow](), 0
    made: dict[str, Lead] = {}
    while rows := await rows_after(app, account_id, import_id, at, limit=STEP):
        await asyncio.sleep(0)  # reading may not wait for anything, and others want their turn
        at = rows[-1].number
        wanted, faults = _read(rows, plan, claims)
        await _learn_from(app, account_id, names, wanted)
        known = await leads_with_emails(app, account_id, {one.email for _, one in wanted} - made.keys())
        known |= {one.email: made[one.email] for _, one in wanted if one.email in made}
        merging = _merge(
            Merging(plan, attributes, names, known, own=FIRST_LIST if plan.list_id is None else plan.list_id, now=0),
            wanted,
            faults,
        )
        made |= {email: lead for email, lead in merging.leads.items() if lead != known.get(email)}
        counts.created += merging.counts.created
        counts.updated += merging.counts.updated
        counts.skipped += merging.counts.skipped
        counts.refused += len(faults)
        room = _FIRST_REFUSED - len(refused)
        refused += [ImportRow(row.number, row.cells, faults[row.number]) for row in rows if row.number in faults][:room]
    return Checked(counts, refused)


async def start_import(conn: Connection, account_id: int, import_id: int, plan: Plan, now: int) -> Import:
    """Let the rows become leads; the list and the attributes that the plan names anew are made. Raises ImportNotFound, InvalidLead."""
    found = await get_import(conn, account_id, import_id)
    plan = await _checked_plan(conn, account_id, found, plan)
    new = _new_attributes(plan, found.columns, await list_attributes(conn, account_id))
    plan = _with_slugs(plan, [(await create_attribute(conn, account_id, label)).slug for label, _ in new])
    if plan.list_name:
        list_id = await list_named(conn, account_id, plan.list_name, now)
        plan = msgspec.structs.replace(plan, list_id=list_id, list_name="")
    values = {"account_id": account_id, "id": import_id, "plan": _encode(plan).decode(), "now": now}
    if not await conn.execute(_START, values):
        raise InvalidLead("This import has begun already.")
    return await get_import(conn, account_id, import_id)


async def _checked_plan(reader: Reader, account_id: int, found: Import, plan: Plan) -> Plan:
    """The plan as it is kept. Raises InvalidLead."""
    check_plan(plan, found.columns, await list_attributes(reader, account_id))
    if plan.list_id is not None:
        try:
            await get_list(reader, account_id, plan.list_id)
        except NotFound:
            raise InvalidLead("This leads list does not exist.") from None
    return msgspec.structs.replace(plan, source=clean_text("source", plan.source) or "")


def _new_attributes(plan: Plan, columns: Sequence[str], known: Iterable[Attribute]) -> list[tuple[str, str]]:
    """The labels and slugs of the attributes that a plan makes of columns. Raises InvalidLead."""
    all_, new = list(known), list[tuple[str, str]]()
    for target, column in zip(plan.targets, columns, strict=True):
        if target == NEW:
            label, slug = read_label(column, all_)
            all_.append(Attribute(0, label, slug))
            new.append((label, slug))
    if new and len(all_) > MOST:
        raise InvalidLead(f"An account has {MOST} custom attributes at most.")
    return new


def _with_slugs(plan: Plan, slugs: Iterable[str]) -> Plan:
    """The plan with the slugs of its new attributes."""
    left = iter(slugs)
    return msgspec.structs.replace(plan, targets=tuple(next(left) if one == NEW else one for one in plan.targets))


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether an import waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_import(conn: Connection, *, now: int, until: int, worker: str) -> HeldImport | None:
    """An import that is due, this worker's until *until*."""
    for row in await imports.claim(conn, now=now, until=until, worker=worker, limit=1):
        named = dict(zip(lead_import.c.keys(), row, strict=True))
        return HeldImport(
            named["account_id"], named["id"], read_plan(named["plan"]), named["done"], worker, named["attempt"]
        )
    return None


async def hold_import(conn: Connection, account_id: int, import_id: int, *, until: int, worker: str) -> HeldImport:
    """The import that was started in this very transaction, this worker's until *until*: nobody else has seen that it is due."""
    values = {"account_id": account_id, "id": import_id, "until": until, "worker": worker}
    row = await conn.fetch_one(_HOLD, values)
    assert row is not None
    return HeldImport(account_id, import_id, read_plan(row[0]), row[1], worker, row[2])


async def step(conn: Connection, claims: Claims, held: HeldImport, done: int, *, until: int, now: int) -> int | None:
    """
    Make leads of the next rows past number *done*.

    The number of the last row; the same again: it is over. None if the import is another worker's, or gone.
    """
    key = (held.account_id, held.id)
    if not await imports.renew(conn, key, worker=held.worker, attempt=held.attempt, until=until):
        return None
    rows = await rows_after(conn, *key, done, limit=STEP)
    counts, at = Counts(), rows[-1].number if rows else done
    if rows:
        counts = await _write(conn, claims, held, rows, now=now, after=done)
    values = {"account_id": held.account_id, "id": held.id, "done": at, "ended_at": None if rows else now}
    await conn.execute(_PROGRESS, {**values, **msgspec.structs.asdict(counts)})
    if not rows:
        await imports.finish(conn, key, worker=held.worker, attempt=held.attempt)
        await _tell(conn, await get_import(conn, *key), held.account_id, now)
    return at


async def _tell(conn: Connection, one: Import, account_id: int, now: int) -> None:
    """Say that it is done; of its leads none is told by itself, for there may be 100,000."""
    counts = {"created": one.created, "updated": one.updated, "skipped": one.skipped, "refused": one.refused}
    await announce(conn, account_id, "import.completed", {"id": one.id, "rows": one.size, **counts}, now)


async def _write(
    conn: Connection, claims: Claims, held: HeldImport, rows: Sequence[ImportRow], *, now: int, after: int
) -> Counts:
    account_id, plan = held.account_id, held.plan
    change = await begin_change(conn, account_id)
    wanted, faults = _read(rows, plan, claims)
    names = Names(lists=await count_lists(conn, account_id), tags=await count_tags(conn, account_id))
    await _learn_from(conn, account_id, names, wanted)
    known = await leads_with_emails(conn, account_id, {one.email for _, one in wanted})
    own = plan.list_id if plan.list_id is not None else await last_list(conn, account_id) or FIRST_LIST
    attributes = await attribute_ids(conn, account_id)
    merging = _merge(Merging(plan, attributes, names, known, own=own, now=now), wanted, faults)
    await write_leads(conn, account_id, change, known, await _made(conn, account_id, names, merging, own=own, now=now))
    await settle_rows(conn, (account_id, held.id), faults, after=after, upto=rows[-1].number)
    merging.counts.refused = len(faults)
    return merging.counts


async def _made(conn: Connection, account_id: int, names: Names, merging: Merging, *, own: int, now: int) -> list[Lead]:
    """The leads with the lists and tags that had to be made for them."""
    if not names.new_lists and not names.new_tags and own != FIRST_LIST:
        return [*merging.leads.values()]
    used_lists = {id_ for one in merging.leads.values() for id_ in one.lists}
    used_tags = {id_ for one in merging.leads.values() for id_ in one.tags}
    lists = {
        number: (await create_list(conn, account_id, name, now)).id
        for number, name in names.new_lists.items()
        if number in used_lists
    }
    tags = {
        number: (await create_tag(conn, account_id, name, now)).id
        for number, name in names.new_tags.items()
        if number in used_tags
    }
    if FIRST_LIST in used_lists:
        lists[FIRST_LIST] = await current_list(conn, account_id, now)
    return with_ids(merging.leads.values(), lists, tags)


def _merge(merging: Merging, wanted: Iterable[Numbered], faults: dict[int, str]) -> Merging:
    """Take all rows; *faults* get the reasons of those that cannot be taken."""
    for number, one in wanted:
        try:
            merging.take(one)
        except InvalidLead as error:
            faults[number] = error.details
    return merging


async def _learn_from(reader: Reader, account_id: int, names: Names, wanted: Sequence[Numbered]) -> None:
    lists = [name for _, one in wanted for name in one.lists or ()]
    await _learn(reader, account_id, names, lists, [name for _, one in wanted for name in one.tags])


async def _learn(reader: Reader, account_id: int, names: Names, lists: Iterable[str], tags: Iterable[str]) -> None:
    """Look up the lists and tags with these names."""
    names.lists = await lists_with_keys(reader, account_id, lists) | names.lists
    names.tags = await tags_with_keys(reader, account_id, tags) | names.tags


def _read(rows: Sequence[ImportRow], plan: Plan, claims: Claims) -> tuple[list[Numbered], dict[int, str]]:
    """What rows say, and why others say nothing, by number."""
    wanted: list[Numbered] = []
    faults: dict[int, str] = {}
    for row in rows:
        if row.fault is not None:
            faults[row.number] = row.fault
            continue
        try:
            one = read_row(row.cells, plan)
        except InvalidLead as error:
            faults[row.number] = error.details
            continue
        local, _, domain = one.email.rpartition("@")
        if claims.is_claimed(domain, local):
            faults[row.number] = ClaimedEmail().details
        else:
            wanted.append((row.number, one))
    return wanted, faults
