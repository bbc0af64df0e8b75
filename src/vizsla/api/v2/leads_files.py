"""`/v2/leads/imports` and `/v2/leads/export.…`: leads from files, and in them. Ours."""

import io
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.api.params import Id, NoParams, Params, parse_body
from vizsla.api.registry import Call, Calls, Streamed, Upload
from vizsla.api.v2.leads import LeadsParams, filters_of
from vizsla.desk.leads import tell_export
from vizsla.kit.clock import time_text
from vizsla.kit.csv_file import write_rows
from vizsla.kit.errors import WrongParams
from vizsla.leads.attributes import list_attributes
from vizsla.leads.export import export_csv, export_json_lines
from vizsla.leads.imports import (
    Counts,
    Import,
    add_import,
    check_import,
    count_imports,
    delete_import,
    get_import,
    page_of_imports,
    refused_rows,
    sample_rows,
    start_import,
)
from vizsla.leads.mapping import Plan, guard, propose

calls = Calls()
LARGEST = 16_000_000
"""Bytes of a file."""


_EXAMPLE = "email,first_name,company\njane@acme.com,Jane,Acme\n"


class FileParams(Params, frozen=True):
    """A file is the whole body; beside it stands what it is called."""

    file_name: Annotated[str, msgspec.Meta(max_length=200)] = "leads.csv"


class ImportsParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class PlanParams(Params, frozen=True, kw_only=True):
    """What is done with a file."""

    columns: Annotated[tuple[str, ...], msgspec.Meta(examples=[["email", "first_name", "company"]])] | None = None
    """For each column a field of leads, the slug of a custom attribute, or an empty string; as it is proposed, if not given."""
    leads_list_id: Id | None = None
    """Where leads go that the file names no list for."""
    keep: tuple[str, ...] = ()
    """Fields that are not written over where a lead has them already."""
    existing: Literal["update", "skip"] = "update"
    """What is done with rows of leads that are known."""

    whole: ClassVar = frozenset({"columns"})


class ImportColumn(msgspec.Struct, frozen=True):
    """A column of a file, what it probably is, and what its first cells are."""

    name: str
    field: str
    sample: tuple[str, ...]


class ImportData(msgspec.Struct, frozen=True):
    """A file, and how far it is."""

    id: int
    file_name: str
    status: Literal["mapping", "running", "done"]
    rows: int
    done: int
    created: int
    updated: int
    skipped: int
    refused: int
    columns: tuple[ImportColumn, ...]
    created_at: str
    ended_at: str | None


class ImportAnswer(msgspec.Struct, frozen=True):
    """One import."""

    data: ImportData


class ImportsData(msgspec.Struct, frozen=True):
    """Newest first."""

    imports: tuple[ImportData, ...]


class ImportsPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class ImportsMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: ImportsPage


class ImportsAnswer(msgspec.Struct, frozen=True):
    """The account's imports."""

    data: ImportsData
    meta: ImportsMeta


class CountsAnswer(msgspec.Struct, frozen=True):
    """What would become of the rows."""

    data: Counts


@calls(
    "POST",
    "/v2/leads/imports",
    status=201,
    writes=True,
    upload=Upload((b"text/csv", b"text/tab-separated-values"), LARGEST, parse_body, _EXAMPLE),
    errors=("wrong_params", "payload_too_large"),
)
async def create_import(call: Call, params: FileParams) -> ImportAnswer:
    """
    Send a file of up to 100,000 leads, CSV or TSV, as the whole body.

    The answer says what each column probably is. Nothing becomes a lead yet.
    """
    if call.file is None:
        raise WrongParams("Send the file as the body, with Content-Type: text/csv.")
    conn, account_id = call.transaction, call.caller.account_id
    made = await add_import(conn, account_id, io.BytesIO(call.file), file_name=params.file_name, now=call.now)
    return ImportAnswer(await _shown(call, made))


@calls("GET", "/v2/leads/imports", errors=("pagination_error",))
async def list_imports(call: Call, params: ImportsParams) -> ImportsAnswer:
    """
    The account's imports, newest first. Each is kept for 30 days.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    page = await page_of_imports(reader, account_id, limit=params.limit, offset=params.offset)
    meta = ImportsMeta(await count_imports(reader, account_id), ImportsPage(params.limit, params.offset))
    return ImportsAnswer(ImportsData(tuple([await _shown(call, one) for one in page])), meta)


@calls("GET", "/v2/leads/imports/{id}", errors=("not_found",))
async def read_import(call: Call, params: NoParams) -> ImportAnswer:
    """
    How far an import is, what its columns probably are, and their first cells.
    """
    found = await get_import(call.services.stores.app, call.caller.account_id, call.ids["id"])
    return ImportAnswer(await _shown(call, found))


@calls("POST", "/v2/leads/imports/{id}/check", errors=("wrong_params", "not_found", "validation_failed"))
async def check_leads_import(call: Call, params: PlanParams) -> CountsAnswer:
    """
    What would become of the rows. Nothing is written.
    """
    services, account_id, import_id = call.services, call.caller.account_id, call.ids["id"]
    plan = await _plan(call, import_id, params)
    return CountsAnswer(await check_import(services.stores.app, services.claims, account_id, import_id, plan))


@calls(
    "POST",
    "/v2/leads/imports/{id}/run",
    status=202,
    writes=True,
    errors=("wrong_params", "not_found", "validation_failed"),
)
async def run_leads_import(call: Call, params: PlanParams) -> ImportAnswer:
    """
    Let the rows become leads, in the background.
    """
    plan = await _plan(call, call.ids["id"], params)
    started = await start_import(call.transaction, call.caller.account_id, call.ids["id"], plan, call.now)
    return ImportAnswer(await _shown(call, started))


@calls("GET", "/v2/leads/imports/{id}/refused.csv", errors=("not_found",))
async def download_refused(call: Call, params: NoParams) -> Streamed:
    """
    The rows that were refused, as they came, with their numbers and the reasons.
    """
    found = await get_import(call.services.stores.app, call.caller.account_id, call.ids["id"])
    return Streamed(b"text/csv; charset=utf-8", f"refused-{found.id}.csv", _refused(call, found))


@calls("DELETE", "/v2/leads/imports/{id}", status=204, writes=True, errors=("not_found",))
async def delete_leads_import(call: Call, params: NoParams) -> None:
    """
    Stop an import and forget its rows. What became leads stays.
    """
    await delete_import(call.transaction, call.caller.account_id, call.ids["id"])


@calls("GET", "/v2/leads/export.csv", errors=("wrong_params", "pagination_error"))
async def export_leads_csv(call: Call, params: LeadsParams) -> Streamed:
    """
    All leads that match the filters of `GET /v2/leads`, as a CSV file that can be imported again.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    services, account_id = call.services, call.caller.account_id
    filters = await filters_of(services.stores.app, account_id, params)
    parts = export_csv(services.stores.app, services.mirrors, account_id, filters)
    told = tell_export(services.stores.app, account_id, parts, format_="csv", clock=services.clock)
    return Streamed(b"text/csv; charset=utf-8", "leads.csv", told)


@calls("GET", "/v2/leads/export.jsonl", errors=("wrong_params", "pagination_error"))
async def export_leads_json(call: Call, params: LeadsParams) -> Streamed:
    """
    All leads that match the filters of `GET /v2/leads`, a JSON object on each line.
    """
    services, account_id = call.services, call.caller.account_id
    filters = await filters_of(services.stores.app, account_id, params)
    parts = export_json_lines(services.stores.app, services.mirrors, account_id, filters)
    told = tell_export(services.stores.app, account_id, parts, format_="jsonl", clock=services.clock)
    return Streamed(b"application/x-ndjson", "leads.jsonl", told)


async def _plan(call: Call, import_id: int, params: PlanParams) -> Plan:
    reader, account_id = call.services.stores.app, call.caller.account_id
    found = await get_import(reader, account_id, import_id)
    targets = params.columns
    if targets is None:
        targets = propose(found.columns, await list_attributes(reader, account_id))
    return Plan(targets, params.leads_list_id, params.keep, params.existing == "update")


async def _shown(call: Call, one: Import) -> ImportData:
    reader, account_id = call.conn or call.services.stores.app, call.caller.account_id
    targets = one.plan.targets if one.plan else propose(one.columns, await list_attributes(reader, account_id))
    rows = await sample_rows(reader, account_id, one.id) if one.plan is None else []
    columns = tuple(
        ImportColumn(name, target, tuple(row.cells[at][:200] for row in rows if at < len(row.cells)))
        for at, (name, target) in enumerate(zip(one.columns, targets, strict=True))
    )
    return ImportData(
        id=one.id,
        file_name=one.file_name,
        status=one.status,
        rows=one.size,
        done=one.done,
        created=one.created,
        updated=one.updated,
        skipped=one.skipped,
        refused=one.refused,
        columns=columns,
        created_at=time_text(one.created_at),
        ended_at=time_text(one.ended_at) if one.ended_at is not None else None,
    )


async def _refused(call: Call, found: Import) -> AsyncIterator[bytes]:
    reader, account_id, at = call.services.stores.app, call.caller.account_id, 0
    yield write_rows([("row", "reason", *map(guard, found.columns))]).encode()
    while rows := await refused_rows(reader, account_id, found.id, after=at):
        at = rows[-1].number
        yield write_rows([(str(row.number), row.fault or "", *map(guard, row.cells)) for row in rows]).encode()
