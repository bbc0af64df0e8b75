"""`/v2/leads/imports` and `/v2/leads/export.…`: leads from files, and in them. Ours."""

from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.api.params import Id, NoParams, Params, parse_body
from vizsla.api.registry import Call, Calls, Streamed, Upload
from vizsla.api.v2.leads import LeadsParams, filters_of
from vizsla.desk.leads import export_leads
from vizsla.kit.clock import time_text
from vizsla.kit.errors import WrongParams
from vizsla.kit.xlsx_writing import CONTENT_TYPE as XLSX
from vizsla.leads.attributes import list_attributes
from vizsla.leads.export import export_refused
from vizsla.leads.import_file import LARGEST, ReadFile, add_import, read
from vizsla.leads.import_store import (
    Import,
    count_imports,
    delete_import,
    get_import,
    page_of_imports,
    sample_rows,
)
from vizsla.leads.imports import check_import, start_import
from vizsla.leads.mapping import Plan, propose
from vizsla.leads.merging import Counts
from vizsla.storage.database import Connection

calls = Calls()
_KINDS = (
    *(b"text/csv", b"text/tab-separated-values", XLSX.encode(), b"application/x-ndjson", b"application/jsonl"),
    *(b"application/octet-stream", b"application/vnd.ms-excel"),
)
_EXAMPLE = "email,first_name,company\njane@acme.com,Jane,Acme\n"


class FileParams(Params, frozen=True):
    """A file is the whole body; beside it stands what it is called."""

    file_name: Annotated[str, msgspec.Meta(max_length=200)] = "leads.csv"
    sheet: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Of a workbook; without it the first that can be seen."""


class ImportsParams(Params, frozen=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class PlanParams(Params, frozen=True, kw_only=True):
    """What is done with a file."""

    columns: Annotated[tuple[str, ...], msgspec.Meta(examples=[["email", "first_name", "company"]])] | None = None
    """For each column a field of leads, the slug of a custom attribute, `+` (a new one, called like the column), or an empty string; as it is proposed, if not given."""
    leads_list_id: Id | None = None
    """Where leads go that the file names no list for."""
    leads_list_name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """The same by name; made if there is none."""
    source: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    """The `source` of leads that have none."""
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


class RefusedRow(msgspec.Struct, frozen=True):
    """A row that would be refused."""

    row: int
    reason: str


class CheckMeta(msgspec.Struct, frozen=True):
    """The first rows that would be refused."""

    refused: tuple[RefusedRow, ...]


class CountsAnswer(msgspec.Struct, frozen=True):
    """What would become of the rows."""

    data: Counts
    meta: CheckMeta


async def _read(call: Call, params: FileParams) -> None:
    found = await call.read_file(lambda file: read(file, sheet=params.sheet))
    if found is None:
        raise WrongParams("Send the file as the body, with Content-Type: text/csv, or that of a workbook.")
    call.content = found
    call.closing.append(found.close)


@calls(
    "POST",
    "/v2/leads/imports",
    status=201,
    writes=True,
    before=_read,
    upload=Upload(_KINDS, LARGEST, parse_body, _EXAMPLE),
    errors=("wrong_params", "payload_too_large"),
)
async def create_import(call: Call, params: FileParams) -> ImportAnswer:
    """
    Send a file of up to 100,000 leads as the whole body: CSV, TSV, an Excel workbook (.xlsx) or JSON lines.

    What it is, its content says. The answer says what each column probably is. Nothing becomes a lead yet.
    """
    return await _added(call, call.transaction, call.content, params.file_name)


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
    found = await check_import(services.stores.app, services.claims, account_id, import_id, plan)
    refused = tuple(RefusedRow(row.number, row.fault or "") for row in found.refused)
    return CountsAnswer(found.counts, CheckMeta(refused))


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
    return Streamed(
        b"text/csv; charset=utf-8",
        f"refused-{found.id}.csv",
        export_refused(call.services.stores.app, call.caller.account_id, found),
    )


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
    parts = export_leads(services, account_id, filters, "csv")
    return Streamed(b"text/csv; charset=utf-8", "leads.csv", parts)


@calls("GET", "/v2/leads/export.jsonl", errors=("wrong_params", "pagination_error"))
async def export_leads_json(call: Call, params: LeadsParams) -> Streamed:
    """
    All leads that match the filters of `GET /v2/leads`, a JSON object on each line.
    """
    services, account_id = call.services, call.caller.account_id
    filters = await filters_of(services.stores.app, account_id, params)
    parts = export_leads(services, account_id, filters, "jsonl")
    return Streamed(b"application/x-ndjson", "leads.jsonl", parts)


@calls("GET", "/v2/leads/export.xlsx", errors=("wrong_params", "pagination_error"))
async def export_leads_xlsx(call: Call, params: LeadsParams) -> Streamed:
    """
    All leads that match the filters of `GET /v2/leads`, as an Excel workbook that can be imported again.

    Every cell but the score is text, so no spreadsheet takes one for a formula.
    """
    services, account_id = call.services, call.caller.account_id
    filters = await filters_of(services.stores.app, account_id, params)
    parts = export_leads(services, account_id, filters, "xlsx")
    return Streamed(XLSX.encode(), "leads.xlsx", parts)


async def _added(call: Call, conn: Connection, found: ReadFile, file_name: str) -> ImportAnswer:
    call.conn = conn
    made = await add_import(conn, call.caller.account_id, found, file_name=file_name, now=call.now)
    return ImportAnswer(await _shown(call, made))


async def _plan(call: Call, import_id: int, params: PlanParams) -> Plan:
    reader, account_id = call.services.stores.app, call.caller.account_id
    found = await get_import(reader, account_id, import_id)
    targets = params.columns
    if targets is None:
        targets = propose(found.columns, await list_attributes(reader, account_id))
    return Plan(
        targets,
        list_id=params.leads_list_id,
        list_name=params.leads_list_name.strip(),
        keep=params.keep,
        update=params.existing == "update",
        source=params.source,
    )


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
