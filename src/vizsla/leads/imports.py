"""
How do the rows of a file become leads?

A file's rows are kept as they were read until they are leads; then only those that were refused stay, with the reason. A step
takes the next rows, writes leads and says how far it came in one transaction: whoever dies, no row is lost and none comes twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Literal

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.csv_file import Record, open_sheet
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import ClaimedEmail, NotFound, WrongParams
from vizsla.kit.whom import Whom
from vizsla.leads.attributes import attribute_ids, list_attributes
from vizsla.leads.lead import InvalidLead, Lead, name_key
from vizsla.leads.lists import current_list, get_list, list_named
from vizsla.leads.mapping import Plan, Wanted, check_plan, looks_like_header, read_row
from vizsla.leads.store import begin_change, leads_with_emails, write_leads
from vizsla.leads.tables import lead_import
from vizsla.leads.tags import tag_named
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Database, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement
from vizsla.webhooks.outbox import announce

MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_LINES = 20_000
"""Lines that one row may go over: notes have that many characters."""
STEP = 500
_SAMPLE = 5
imports = lease(lead_import)
_COLUMNS = "id, file_name, columns, plan, size, done, created, updated, skipped, refused, created_at, due, ended_at"
_ADD = statement("""
    INSERT INTO lead_import
        (account_id, id, file_name, columns, size, done, created, updated, skipped, refused, created_at, attempt)
    VALUES (:account_id, :id, :file_name, :columns, 0, 0, 0, 0, 0, 0, :now, 0)
""")
_ADD_ROW = statement("""
    INSERT INTO lead_import_row (account_id, import_id, number, cells, fault)
    VALUES (:account_id, :import_id, :number, :cells, :fault)
""")
_SET_SIZE = statement("UPDATE lead_import SET size = :size WHERE account_id = :account_id AND id = :id")
_GET = statement(f"SELECT {_COLUMNS} FROM lead_import WHERE account_id = :account_id AND id = :id")  # noqa: S608
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM lead_import WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM lead_import WHERE account_id = :account_id")
_ROWS = statement("""
    SELECT number, cells, fault FROM lead_import_row
    WHERE account_id = :account_id AND import_id = :id AND number > :after ORDER BY number LIMIT :limit
""")
_REFUSED = statement("""
    SELECT number, cells, fault FROM lead_import_row WHERE account_id = :account_id AND import_id = :id
        AND number > :after AND fault IS NOT NULL ORDER BY number LIMIT :limit
""")
_START = statement("""
    UPDATE lead_import SET plan = :plan, due = :now WHERE account_id = :account_id AND id = :id AND plan IS NULL
""")
_REFUSE = statement("""
    UPDATE lead_import_row SET fault = :fault WHERE account_id = :account_id AND import_id = :id AND number = :number
""")
_TAKEN = statement("""
    DELETE FROM lead_import_row
    WHERE account_id = :account_id AND import_id = :id AND number > :after AND number <= :upto AND fault IS NULL
""")
_PROGRESS = statement("""
    UPDATE lead_import SET done = :done, created = created + :created, updated = updated + :updated,
        skipped = skipped + :skipped, refused = refused + :refused, ended_at = :ended_at
    WHERE account_id = :account_id AND id = :id
""")
_IS_DUE = statement("SELECT 1 FROM lead_import WHERE due <= :now LIMIT 1")
_DELETE = statement("DELETE FROM lead_import WHERE account_id = :account_id AND id = :id")
_FORGET_OLD = statement("DELETE FROM lead_import WHERE created_at <= :before")
_NAMING = mentioning(
    f"SELECT account_id, import_id, number, cells FROM lead_import_row WHERE {says('cells')}"  # noqa: S608
)
_FILES_NAMING = mentioning(f"SELECT account_id, id, file_name FROM lead_import WHERE {says('file_name')}")  # noqa: S608
_UNNAME = statement("UPDATE lead_import SET file_name = '' WHERE account_id = :account_id AND id = :id")
_BLANK = statement("""
    UPDATE lead_import_row SET cells = '[]', fault = :fault
    WHERE account_id = :account_id AND import_id = :id AND number = :number
""")
_encode = msgspec.json.Encoder().encode
_cells = msgspec.json.Decoder(list[str]).decode
_columns = msgspec.json.Decoder(tuple[str, ...]).decode
_plan = msgspec.json.Decoder(Plan).decode


class ImportNotFound(NotFound):
    """This import does not exist."""


class Import(msgspec.Struct, frozen=True):
    """A file, and how far it is."""

    id: int
    file_name: str
    columns: tuple[str, ...]
    plan: Plan | None
    size: int
    done: int
    created: int
    updated: int
    skipped: int
    refused: int
    created_at: int
    due: int | None
    ended_at: int | None

    @property
    def status(self) -> Literal["mapping", "running", "done"]:
        """Whether somebody still has to say what its columns are."""
        return "mapping" if self.plan is None else "running" if self.ended_at is None else "done"


class ImportRow(msgspec.Struct, frozen=True):
    """One row of a file."""

    number: int
    """From 1, below the header."""
    cells: list[str]
    fault: str | None


class Counts(msgspec.Struct):
    """What becomes of rows."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    """Of leads that are known, and stay as they are."""
    refused: int = 0


class HeldImport(msgspec.Struct, frozen=True):
    """An import in the hands of a worker."""

    account_id: int
    id: int
    plan: Plan
    done: int
    worker: str
    attempt: int


async def add_import(conn: Connection, account_id: int, file: BinaryIO, *, file_name: str, now: int) -> Import:
    """
    Take on a file of CSV or TSV.

    Raises WrongParams for what is none, or too long; then nothing may be kept of the transaction.
    """
    sheet = open_sheet(file, most_lines=MOST_LINES)
    named = looks_like_header(sheet.first.cells)
    columns = [
        (cell.strip()[:200] if named else "") or f"Column {number}" for number, cell in enumerate(sheet.first.cells, 1)
    ]
    if len(columns) > MOST_COLUMNS:
        raise WrongParams(f"A file has {MOST_COLUMNS} columns at most.")
    import_id = await next_id(conn, account_id)
    key = {"account_id": account_id, "id": import_id}
    await conn.execute(_ADD, {**key, "file_name": file_name[:200], "columns": _encode(columns).decode(), "now": now})
    size = 0
    for part in _parts(sheet.records if named else _with(sheet.first, sheet.records)):
        if size + len(part) > MOST_ROWS:
            raise WrongParams(f"A file has {MOST_ROWS:,} rows at most.")
        await conn.execute_many(
            _ADD_ROW,
            [
                {
                    "account_id": account_id,
                    "import_id": import_id,
                    "number": number,
                    "cells": _encode(record.cells[: MOST_COLUMNS + 1]).decode(),
                    "fault": record.fault or None,
                }
                for number, record in enumerate(part, size + 1)
            ],
        )
        size += len(part)
    if not size:
        raise WrongParams("There are no rows in this file.")
    await conn.execute(_SET_SIZE, {**key, "size": size})
    return await get_import(conn, account_id, import_id)


def _with(first: Record, rest: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _parts(records: Iterator[Record]) -> Iterator[list[Record]]:
    part: list[Record] = []
    for record in records:
        part.append(record)
        if len(part) == STEP:
            yield part
            part = []
    if part:
        yield part


async def get_import(reader: Reader, account_id: int, import_id: int) -> Import:
    """The account's import; raises ImportNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": import_id})
    if row is None:
        raise ImportNotFound
    return _import(row)


async def page_of_imports(reader: Reader, account_id: int, *, limit: int, offset: int = 0) -> list[Import]:
    """The account's imports, newest first."""
    rows = await reader.fetch_all(_PAGE, {"account_id": account_id, "limit": limit, "offset": offset})
    return [_import(row) for row in rows]


async def count_imports(reader: Reader, account_id: int) -> int:
    """How many imports the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def sample_rows(reader: Reader, account_id: int, import_id: int) -> list[ImportRow]:
    """The first rows of a file that still wait."""
    return await _rows(reader, account_id, import_id, after=0, limit=_SAMPLE)


async def refused_rows(
    reader: Reader, account_id: int, import_id: int, *, after: int = 0, limit: int = STEP
) -> list[ImportRow]:
    """Rows past number *after* that were refused."""
    values = {"account_id": account_id, "id": import_id, "after": after, "limit": limit}
    return [ImportRow(row[0], _cells(row[1]), row[2]) for row in await reader.fetch_all(_REFUSED, values)]


async def check_import(app: Database, claims: Claims, account_id: int, import_id: int, plan: Plan) -> Counts:
    """What would become of the rows, if it were done now; nothing is written. Raises ImportNotFound, InvalidLead."""
    found = await get_import(app, account_id, import_id)
    await _check_plan(app, account_id, found, plan)
    counts, at = Counts(), 0
    new: dict[str, Lead] = {}
    names = _Names()
    while rows := await _rows(app, account_id, import_id, after=at, limit=STEP):
        at = rows[-1].number
        wanted, faults = _read(rows, plan, claims)
        counts.refused += len(faults)
        known = await leads_with_emails(app, account_id, [one.email for _, one in wanted])
        attributes = await attribute_ids(app, account_id)
        merged = _Merging(
            plan, attributes, names, known | {email: new[email] for email in new.keys() & _emails(wanted)}
        )
        for _, one in wanted:
            merged.take(one, now=0)
        new |= {email: merged.leads[email] for email in merged.fresh}
        counts.created += merged.counts.created
        counts.updated += merged.counts.updated
        counts.skipped += merged.counts.skipped
    return counts


async def start_import(conn: Connection, account_id: int, import_id: int, plan: Plan, now: int) -> Import:
    """Let the rows become leads. Raises ImportNotFound, InvalidLead."""
    found = await get_import(conn, account_id, import_id)
    await _check_plan(conn, account_id, found, plan)
    values = {"account_id": account_id, "id": import_id, "plan": _encode(plan).decode(), "now": now}
    if not await conn.execute(_START, values):
        raise InvalidLead("This import has begun already.")
    return await get_import(conn, account_id, import_id)


async def _check_plan(reader: Reader, account_id: int, found: Import, plan: Plan) -> None:
    check_plan(plan, found.columns, await list_attributes(reader, account_id))
    if plan.list_id is not None:
        try:
            await get_list(reader, account_id, plan.list_id)
        except NotFound:
            raise InvalidLead("This leads list does not exist.") from None


async def delete_import(conn: Connection, account_id: int, import_id: int) -> None:
    """Stop an import and forget its rows; what became leads stays. Raises ImportNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": import_id}):
        raise ImportNotFound


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether an import waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_import(conn: Connection, *, now: int, until: int, worker: str) -> HeldImport | None:
    """An import that is due, this worker's until *until*."""
    for row in await imports.claim(conn, now=now, until=until, worker=worker, limit=1):
        named = dict(zip(lead_import.c.keys(), row, strict=True))
        return HeldImport(
            named["account_id"], named["id"], _plan(named["plan"]), named["done"], worker, named["attempt"]
        )
    return None


async def step(conn: Connection, claims: Claims, held: HeldImport, done: int, *, until: int, now: int) -> int | None:
    """
    Make leads of the next rows past number *done*.

    The number of the last row; the same again: it is over. None if the import is another worker's, or gone.
    """
    key = (held.account_id, held.id)
    if not await imports.renew(conn, key, worker=held.worker, attempt=held.attempt, until=until):
        return None
    account_id, plan = held.account_id, held.plan
    rows = await _rows(conn, account_id, held.id, after=done, limit=STEP)
    counts, at = Counts(), rows[-1].number if rows else done
    if rows:
        change = await begin_change(conn, account_id)
        wanted, faults = _read(rows, plan, claims)
        attributes = await attribute_ids(conn, account_id)
        wanted, gone = _without_unknown(wanted, attributes)
        faults |= gone
        names = await _name(conn, account_id, plan, [one for _, one in wanted], now)
        known = await leads_with_emails(conn, account_id, [one.email for _, one in wanted])
        merging = _Merging(plan, attributes, names, known)
        for _, one in wanted:
            merging.take(one, now=now)
        await write_leads(conn, account_id, change, known, merging.leads.values())
        counts = merging.counts
        counts.refused = len(faults)
        refused = [{"account_id": account_id, "id": held.id, "number": n, "fault": why} for n, why in faults.items()]
        await conn.execute_many(_REFUSE, refused)
        await conn.execute(_TAKEN, {"account_id": account_id, "id": held.id, "after": done, "upto": at})
    values = {"account_id": account_id, "id": held.id, "done": at, "ended_at": None if rows else now}
    await conn.execute(_PROGRESS, {**values, **msgspec.structs.asdict(counts)})
    if not rows:
        await imports.finish(conn, key, worker=held.worker, attempt=held.attempt)
        await _tell(conn, await get_import(conn, account_id, held.id), account_id, now)
    return at


async def _tell(conn: Connection, one: Import, account_id: int, now: int) -> None:
    """Say that it is done; of its leads none is told by itself, for there may be 100,000."""
    counts = {"created": one.created, "updated": one.updated, "skipped": one.skipped, "refused": one.refused}
    await announce(conn, account_id, "import.completed", {"id": one.id, "rows": one.size, **counts}, now)


async def forget_old(conn: Connection, before: int) -> int:
    """Drop files that came before, and what was refused of them."""
    return await conn.execute(_FORGET_OLD, {"before": before})


async def forget_rows(conn: Connection, whom: Whom) -> int:
    """Empty the rows of files that speak of *whom*, and their names; how many rows there were."""
    for account_id, import_id, name in await conn.fetch_all(_FILES_NAMING, whom.needles):
        if whom.is_in_name(name):
            await conn.execute(_UNNAME, {"account_id": account_id, "id": import_id})
    emptied = 0
    for account_id, import_id, number, cells in await conn.fetch_all(_NAMING, whom.needles):
        if any(whom.has(cell) for cell in _cells(cells)):
            key = {"account_id": account_id, "id": import_id, "number": number}
            emptied += await conn.execute(_BLANK, {**key, "fault": ClaimedEmail().details})
    return emptied


async def _rows(reader: Reader, account_id: int, import_id: int, *, after: int, limit: int) -> list[ImportRow]:
    values = {"account_id": account_id, "id": import_id, "after": after, "limit": limit}
    return [ImportRow(row[0], _cells(row[1]), row[2]) for row in await reader.fetch_all(_ROWS, values)]


def _read(rows: Sequence[ImportRow], plan: Plan, claims: Claims) -> tuple[list[tuple[int, Wanted]], dict[int, str]]:
    """What rows say, and why others say nothing, by number."""
    wanted: list[tuple[int, Wanted]] = []
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
        address = parse_email(one.email)
        if claims.is_claimed(address.domain, address.local):
            faults[row.number] = ClaimedEmail().details
        else:
            wanted.append((row.number, one))
    return wanted, faults


def _without_unknown(
    wanted: list[tuple[int, Wanted]], attributes: dict[str, int]
) -> tuple[list[tuple[int, Wanted]], dict[int, str]]:
    """Rows whose attributes are there still: one may have been deleted since the plan was made."""
    gone = {
        number: f"There is no custom attribute with the slug {slug} any more."
        for number, one in wanted
        for slug in one.draft.attributes
        if slug not in attributes
    }
    return [(number, one) for number, one in wanted if number not in gone], gone


def _emails(wanted: Iterable[tuple[int, Wanted]]) -> set[str]:
    return {one.email for _, one in wanted}


class _Names:
    """Lists and tags by name; those that are not there get a number of their own, for who only asks."""

    def __init__(self, default: int = 0) -> None:
        self.default = default
        self.lists: dict[str, int] = {}
        self.tags: dict[str, int] = {}

    def list_id(self, name: str) -> int:
        return self.lists.setdefault(name_key(name), -1 - len(self.lists))

    def tag_id(self, name: str) -> int:
        return self.tags.setdefault(name_key(name), -1 - len(self.tags))


async def _name(conn: Connection, account_id: int, plan: Plan, wanted: Sequence[Wanted], now: int) -> _Names:
    names = _Names(plan.list_id or 0)
    for name in {name_key(name): name for one in wanted for name in one.lists or ()}.values():
        names.lists[name_key(name)] = await list_named(conn, account_id, name[:100], now)
    for name in {name_key(name): name for one in wanted for name in one.tags}.values():
        names.tags[name_key(name)] = (await tag_named(conn, account_id, name[:255], now)).id
    if not names.default and any(one.lists is None for one in wanted):
        names.default = await current_list(conn, account_id, now)
    return names


class _Merging:
    """Leads as they are after some rows; of two rows with one address the later one writes over the earlier."""

    def __init__(self, plan: Plan, attributes: dict[str, int], names: _Names, known: dict[str, Lead]) -> None:
        self._plan = plan
        self._attributes = attributes
        self._names = names
        self.leads = dict(known)
        self.fresh: set[str] = set()
        self.counts = Counts()

    def take(self, wanted: Wanted, *, now: int) -> None:
        before = self.leads.get(wanted.email)
        if before is None:
            named = wanted.lists
            lists = tuple(map(self._names.list_id, named)) if named is not None else (self._names.default,)
            self.fresh.add(wanted.email)
            self.counts.created += 1
            # Its id is given when it is written.
            self.leads[wanted.email] = self._written(
                Lead(id=0, email=wanted.email, lists=lists, created_at=now), wanted
            )
            return
        if not self._plan.update:
            self.counts.skipped += 1
            return
        after = self._written(before, wanted)
        if wanted.lists:
            after = msgspec.structs.replace(after, lists=tuple(map(self._names.list_id, wanted.lists)))
        elif self._plan.list_id is not None:
            others = tuple(id_ for id_ in before.lists if id_ != self._plan.list_id)
            after = msgspec.structs.replace(after, lists=(self._plan.list_id, *others))
        if after == before:
            self.counts.skipped += 1
        else:
            self.counts.updated += 1
            self.leads[wanted.email] = after

    def _written(self, before: Lead, wanted: Wanted) -> Lead:
        keep = self._plan.keep
        values: dict[str, Any] = {
            name: value
            for name, value in wanted.draft.values.items()
            if name not in keep or getattr(before, name) is None
        }
        said = {
            self._attributes.get(slug, 0): text
            for slug, text in wanted.draft.attributes.items()
            if slug not in keep or self._attributes.get(slug) not in before.attributes
        }
        if said:
            values["attributes"] = {**before.attributes, **said}
        if wanted.tags:
            tags = (*before.tags, *map(self._names.tag_id, wanted.tags))
            values["tags"] = tuple(dict.fromkeys(tags))
        return msgspec.structs.replace(before, **values)


def _import(row: Row) -> Import:
    id_, file_name, columns, plan, *rest = row
    return Import(id_, file_name, _columns(columns), _plan(plan) if plan else None, *rest)
