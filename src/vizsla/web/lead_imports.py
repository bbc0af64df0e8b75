"""
How does a person bring leads in? A file; then what each column is, with their own rows before their eyes; then what would become of
the rows; then it runs, and what was refused comes back as a file. Until it runs every choice stands in the address, so nothing is lost.
"""

import io
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response, StreamingResponse

from vizsla.desk.uploads import clean_name
from vizsla.kit.errors import NotFound, VizslaError, WrongParams
from vizsla.leads.attributes import list_attributes, read_label
from vizsla.leads.export import export_refused
from vizsla.leads.import_file import LARGEST, ReadFile, add_import, read_file
from vizsla.leads.import_store import (
    Import,
    delete_import,
    get_import,
    page_of_imports,
    refused_rows,
    sample_rows,
)
from vizsla.leads.imports import Checked, check_import, start_import
from vizsla.leads.lead import Attribute, InvalidLead, LeadsList
from vizsla.leads.lists import LONGEST_NAME, get_list, page_of_lists
from vizsla.leads.mapping import FIELDS, LISTS, NEW, Plan, propose
from vizsla.web.problems import problem_of
from vizsla.web.render import HEADERS
from vizsla.web.views import Views
from vizsla.web.visit import FormTooLarge, Visit

views = Views()
_ROUND_A_FILE = 20_000
"""Bytes of a form beside its file."""
_PAGE = 20
_LISTS = 100
_SHOWN = 25
"""Refused rows that a page shows; the file has all."""
_SAMPLES = 3
LABELS = {
    "email": "Email address", "first_name": "First name", "last_name": "Last name", "position": "Position", "company": "Company",
    "company_industry": "Industry", "company_size": "Company size", "website": "Website", "country_code": "Country code",
    "source": "Source", "linkedin_url": "LinkedIn", "phone_number": "Phone number", "twitter": "X / Twitter", "notes": "Notes",
    "confidence_score": "Confidence score", LISTS: "Lists", "tags": "Tags",
}  # fmt: skip
assert LABELS.keys() == set(FIELDS)


class Column(msgspec.Struct, frozen=True):
    """A column of a file on the page where it is said what it is."""

    name: str
    samples: list[str]
    target: str
    is_kept: bool
    may_be_new: bool
    """Whether a custom attribute could be called like it."""


class Choices(msgspec.Struct, frozen=True):
    """What was chosen so far, as an address or a form has it."""

    columns: tuple[str, ...]
    keep: frozenset[int]
    """Columns that fill what is empty, and write nothing over."""
    place: str
    """Of a list: its id; `new`; empty: wherever the file says."""
    list_name: str
    existing: str
    source: str

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """As an address has it."""
        pairs = [("c", target) for target in self.columns] + [("keep", str(at)) for at in sorted(self.keep)]
        rest = ("list", self.place), ("list_name", self.list_name), ("existing", self.existing), ("source", self.source)
        return [*pairs, *rest]

    def plan(self) -> Plan:
        """The same as leads know it. Raises WrongParams."""
        if self.place == "new" and not self.list_name:
            raise WrongParams("Give the new list a name, or choose another.")
        return Plan(
            self.columns,
            list_id=int(self.place) if self.place.isdigit() else None,
            list_name=self.list_name if self.place == "new" else "",
            # What a new attribute is called here is not known yet, and no lead has it.
            keep=tuple(
                dict.fromkeys(one for at, one in enumerate(self.columns) if at in self.keep and one not in ("", NEW))
            ),
            update=self.existing != "skip",
            source=self.source,
        )


@views.get("/leads/import")
async def show_all(visit: Visit) -> Response:
    """The form for a file, and the files that came before."""
    return await _start(visit)


async def _start(visit: Visit, *, sheet: str = "", status: int = 200, problem: str = "") -> Response:
    offset = visit.count("offset", most=100_000)
    found = await page_of_imports(visit.stores.app, visit.visitor.account_id, limit=_PAGE + 1, offset=offset)
    mark = "-".join(f"{one.id}.{one.done}" for one in found[:_PAGE])
    is_running = any(one.status == "running" for one in found[:_PAGE])
    if is_running and not problem and _is_unchanged(visit, mark):
        return Response(status_code=204)
    return visit.page(
        "leads_import_new.html",
        status=status,
        problem=problem,
        sheet=sheet or visit.query("sheet", most=200),
        largest=LARGEST,
        imports=found[:_PAGE],
        is_running=is_running,
        mark=mark,
        offset=offset,
        before=f"/leads/import?offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"/leads/import?offset={offset + _PAGE}" if len(found) > _PAGE else "",
    )


def _is_unchanged(visit: Visit, mark: str) -> bool:
    """Whether a page that asks for itself again has this already."""
    return "hx-request" in visit.request.headers and visit.query("seen", most=2_000) == mark


@views.post("/leads/import")
async def take(visit: Visit) -> Response:
    """Read the file and keep its rows; on to its columns."""
    sheet = ""
    try:
        form = await visit.form(largest=LARGEST + _ROUND_A_FILE)
        sheet = form.line("sheet", most=200)
        file = await form.file("file")
        if file is None:
            raise WrongParams("Choose a file first.")
        name, content = file
        if len(content) > LARGEST:
            raise FormTooLarge
        async with visit.house.services.uploads:
            found = await read_file(io.BytesIO(content), sheet=sheet)
        with found:
            async with visit.stores.app.write() as conn:
                made = await add_import(
                    conn, visit.visitor.account_id, found, file_name=clean_name(name) or "A file", now=visit.now
                )
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _start(visit, sheet=sheet, status=status, problem=sentence)
    return visit.go(f"/leads/import/{made.id}", _of_sheets(found))


def _of_sheets(found: ReadFile) -> str:
    if not found.others:
        return ""
    names = ", ".join(f"“{name[:30]}”" for name in found.others[:4])
    return f"These are the rows of the sheet “{found.sheet[:30]}”. For {names} send the file again, and name the sheet."


@views.get("/leads/import/{id:int}")
async def show_one(visit: Visit) -> Response:
    """What the columns are, as far as that can be guessed; once it runs, how far it is; then what came of it."""
    found = await _import(visit)
    if found.status == "mapping":
        attributes = await list_attributes(visit.stores.app, visit.visitor.account_id)
        return await _mapping(visit, found, attributes, _given(visit, found) or _proposed(found, attributes))
    if found.status == "running" and _is_unchanged(visit, str(found.done)):
        return Response(status_code=204)
    account_id = visit.visitor.account_id
    return visit.page(
        "leads_import.html",
        found=found,
        rows=await refused_rows(visit.stores.app, account_id, found.id, limit=_SHOWN) if found.refused else [],
        list=await _list_of(visit, found),
    )


async def _import(visit: Visit) -> Import:
    return await get_import(visit.stores.app, visit.visitor.account_id, visit.id())


async def _list_of(visit: Visit, found: Import) -> LeadsList | None:
    """The list that the leads went into, if it is there still."""
    if found.plan is None or found.plan.list_id is None:
        return None
    try:
        return await get_list(visit.stores.app, visit.visitor.account_id, found.plan.list_id)
    except NotFound:
        return None


def _proposed(found: Import, attributes: Sequence[Attribute]) -> Choices:
    stem = found.file_name.rpartition(".")[0] or found.file_name
    columns = propose(found.columns, attributes)
    # A file of ours says which list each lead is in.
    place = "" if LISTS in columns else "new"
    return Choices(columns, frozenset(), place, stem[:LONGEST_NAME].strip() or "Imported", "update", "")


def _given(visit: Visit, found: Import) -> Choices | None:
    """What an address says; None if it says nothing."""
    params = visit.request.query_params
    columns = params.getlist("c")
    if len(columns) != len(found.columns):
        return None
    return _choices(columns, params.getlist("keep"), visit.query)


def _choices(columns: Sequence[str], keep: Sequence[str], text: Callable[[str], str]) -> Choices:
    places = {int(one) for one in keep if one.isascii() and one.isdigit() and len(one) < 4}
    place = text("list")
    if not (place.isascii() and place.isdigit() and len(place) < 19):
        place = "new" if place == "new" else ""
    named = tuple(one.replace("\0", "")[:200] for one in columns)
    list_name = text("list_name")[:LONGEST_NAME]
    return Choices(named, frozenset(places), place, list_name, text("existing"), text("source"))


async def _mapping(
    visit: Visit,
    found: Import,
    attributes: Sequence[Attribute],
    chosen: Choices,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    account_id = visit.visitor.account_id
    rows = await sample_rows(visit.stores.app, account_id, found.id)
    columns = [
        Column(
            name,
            [row.cells[at][:80] for row in rows if at < len(row.cells) and row.cells[at].strip()][:_SAMPLES],
            chosen.columns[at],
            at in chosen.keep,
            _may_be_new(name, attributes),
        )
        for at, name in enumerate(found.columns)
    ]
    return visit.page(
        "leads_import_columns.html",
        status=status,
        problem=problem,
        found=found,
        columns=columns,
        chosen=chosen,
        labels=LABELS,
        new=NEW,
        attributes=sorted(attributes, key=lambda one: one.label.casefold()),
        lists=await page_of_lists(visit.stores.app, account_id, limit=_LISTS),
    )


def _may_be_new(name: str, attributes: Sequence[Attribute]) -> bool:
    try:
        read_label(name, list(attributes))
    except InvalidLead:
        return False
    return True


@views.get("/leads/import/{id:int}/check")
async def show_counts(visit: Visit) -> Response:
    """What would become of the rows; with the form of the columns again if nothing could."""
    found = await _import(visit)
    chosen = _given(visit, found)
    if chosen is None or found.status != "mapping":
        return visit.go(f"/leads/import/{found.id}")
    services, account_id = visit.house.services, visit.visitor.account_id
    try:
        plan = chosen.plan()
        checked = await check_import(services.stores.app, services.claims, account_id, found.id, plan)
        _check_counts(found, checked)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        attributes = await list_attributes(visit.stores.app, account_id)
        return await _mapping(visit, found, attributes, chosen, status=status, problem=sentence)
    return visit.page(
        "leads_import_check.html",
        found=found,
        counts=checked.counts,
        rows=checked.refused,
        chosen=chosen,
        new=[name for name, target in zip(found.columns, chosen.columns, strict=True) if target == NEW],
        list=await get_list(services.stores.app, account_id, plan.list_id) if plan.list_id is not None else None,
        back=f"/leads/import/{found.id}?{urlencode(chosen.pairs)}",
    )


def _check_counts(found: Import, checked: Checked) -> None:
    if checked.counts.refused == found.size:
        raise WrongParams(
            f"Every row would be refused. Of the first it is said: {checked.refused[0].fault} Choose others; nothing is lost."
        )


@views.post("/leads/import/{id:int}/run")
async def run(visit: Visit) -> Response:
    """Let the rows become leads."""
    found = await _import(visit)
    form = await visit.form()
    chosen = _choices(form.texts("c"), form.texts("keep"), form.text)
    here = f"/leads/import/{found.id}"
    if found.status != "mapping":
        return visit.go(here, "This import has begun already.")
    account_id = visit.visitor.account_id
    try:
        async with visit.stores.app.write() as conn:
            await start_import(conn, account_id, found.id, chosen.plan(), visit.now)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        attributes = await list_attributes(visit.stores.app, account_id)
        if len(chosen.columns) != len(found.columns):
            chosen = _proposed(found, attributes)
        return await _mapping(visit, found, attributes, chosen, status=status, problem=sentence)
    return visit.go(here, "It has begun. You can leave this page.")


@views.get("/leads/import/{id:int}/refused.csv")
async def download(visit: Visit) -> Response:
    """The rows that were refused, with their numbers and the reasons."""
    found = await _import(visit)
    parts = export_refused(visit.stores.app, visit.visitor.account_id, found)
    headers = dict(HEADERS) | {"Content-Disposition": f'attachment; filename="refused-{found.id}.csv"'}
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)


@views.get("/leads/import/{id:int}/delete")
async def ask_whether(visit: Visit) -> Response:
    """What would be lost, and a button."""
    return visit.page("leads_import_delete.html", found=await _import(visit))


@views.post("/leads/import/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """Stop an import and forget its rows."""
    found = await _import(visit)
    async with visit.stores.app.write() as conn:
        await delete_import(conn, visit.visitor.account_id, found.id)
    return visit.go("/leads/import", "The import and its rows are deleted. What became leads stays.")
