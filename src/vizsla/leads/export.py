"""
How are leads written to a file?

Oldest first, a thousand at a time, so that memory stays what it is however many there are. What is read from a file of ours
(`leads.import_file`) is what was written to it.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec

from vizsla.kit.clock import time_text
from vizsla.kit.csv_file import write_rows
from vizsla.kit.xlsx_writing import WorkbookStream
from vizsla.leads.attributes import list_attributes
from vizsla.leads.filters import Filters
from vizsla.leads.import_store import Import, refused_rows
from vizsla.leads.lead import TEXTS, Attribute, Lead
from vizsla.leads.lists import lists_with_ids
from vizsla.leads.mapping import FIELDS, LISTS, TAGS, guard, join
from vizsla.leads.mirror import Mirrors
from vizsla.leads.store import leads_after, leads_with_ids
from vizsla.leads.tags import tags_with_ids
from vizsla.storage.database import Database, Reader

FileFormat = Literal["csv", "jsonl", "xlsx"]
_CHUNK = 1_000
_SHOWN = ("verification_status", "verification_date", "sending_status", "created_at")
"""What a file says of leads beside what can be read back from it."""
_encode = msgspec.json.Encoder().encode


class Exported(msgspec.Struct, frozen=True):
    """A lead with the names of its lists and tags."""

    lead: Lead
    lists: list[str]
    tags: list[str]


async def export_csv(app: Database, mirrors: Mirrors, account_id: int, filters: Filters) -> AsyncIterator[bytes]:
    """The leads that match, as CSV; cells that a spreadsheet would take for a formula begin with an apostrophe."""
    attributes = (await list_attributes(app, account_id))[::-1]
    yield write_rows([_columns(attributes)]).encode()
    async for chunk in _chunks(app, mirrors, account_id, filters):
        yield write_rows([[guard(str(cell)) for cell in _cells(one, attributes)] for one in chunk]).encode()


async def export_xlsx(app: Database, mirrors: Mirrors, account_id: int, filters: Filters) -> AsyncIterator[bytes]:
    """The leads that match, as a workbook; past a million rows it goes on in a next sheet."""
    attributes = (await list_attributes(app, account_id))[::-1]
    workbook = WorkbookStream("Leads", _columns(attributes))
    yield workbook.head()
    async for chunk in _chunks(app, mirrors, account_id, filters):
        yield workbook.rows([_cells(one, attributes) for one in chunk])
    yield workbook.end()


async def export_json_lines(app: Database, mirrors: Mirrors, account_id: int, filters: Filters) -> AsyncIterator[bytes]:
    """The leads that match, an object on each line."""
    attributes = (await list_attributes(app, account_id))[::-1]
    async for chunk in _chunks(app, mirrors, account_id, filters):
        yield b"".join(_encode(_object(one, attributes)) + b"\n" for one in chunk)


WRITERS = {"csv": export_csv, "jsonl": export_json_lines, "xlsx": export_xlsx}


async def export_refused(reader: Reader, account_id: int, found: Import) -> AsyncIterator[bytes]:
    """The rows of a file that were refused, as they came, with their numbers and the reasons, as CSV."""
    at = 0
    yield write_rows([("row", "reason", *map(guard, found.columns))]).encode()
    while rows := await refused_rows(reader, account_id, found.id, after=at):
        at = rows[-1].number
        yield write_rows([(str(row.number), row.fault or "", *map(guard, row.cells)) for row in rows]).encode()


async def _chunks(app: Database, mirrors: Mirrors, account_id: int, filters: Filters) -> AsyncIterator[list[Exported]]:
    at = 0
    while True:
        if filters.is_empty:
            leads = await leads_after(app, account_id, at, limit=_CHUNK)
            last = leads[-1].id if leads else None
        else:
            past = msgspec.structs.replace(filters, after=at)
            matches = await mirrors.find(account_id, past, limit=_CHUNK, rising=True)
            leads = await leads_with_ids(app, account_id, matches.ids)
            last = matches.ids[-1] if matches.ids else None
        if last is None:
            return
        at = last
        yield await _named(app, account_id, leads)


async def _named(app: Database, account_id: int, leads: Sequence[Lead]) -> list[Exported]:
    lists = await lists_with_ids(app, account_id, (id_ for one in leads for id_ in one.lists))
    tags = await tags_with_ids(app, account_id, (id_ for one in leads for id_ in one.tags))
    return [
        Exported(
            one,
            [lists[id_].name for id_ in one.lists if id_ in lists],
            [tags[id_].name for id_ in one.tags if id_ in tags],
        )
        for one in leads
    ]


def _columns(attributes: Sequence[Attribute]) -> list[str]:
    return [*FIELDS, *(each.slug for each in attributes), *_SHOWN]


def _cells(exported: Exported, attributes: Sequence[Attribute]) -> list[str | int]:
    one = exported.lead
    said: list[Any] = [one.email, *(getattr(one, name) for name in TEXTS), one.confidence_score]
    said += [join(exported.lists), join(exported.tags), *(one.attributes.get(each.id) for each in attributes)]
    said += [one.verification_status, _time(one.verified_at), one.sending_status, time_text(one.created_at)]
    return ["" if one is None else one for one in said]


def _object(exported: Exported, attributes: Sequence[Attribute]) -> dict[str, Any]:
    one = exported.lead
    said = {"id": one.id, **{name: getattr(one, name) for name in ("email", *TEXTS, "confidence_score")}}
    said |= {LISTS: exported.lists, TAGS: exported.tags}
    said |= {each.slug: one.attributes.get(each.id) for each in attributes}
    shown = (one.verification_status, _time(one.verified_at), one.sending_status, time_text(one.created_at))
    return said | dict(zip(_SHOWN, shown, strict=True))


def _time(seconds: int | None) -> str | None:
    return time_text(seconds) if seconds is not None else None
