"""
The table of leads: which are shown, in which order, with which columns.

What is filtered and counted among a million is for `leads.mirror`. A member's columns are kept; a view is a name for all of it.
"""

from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import Response, StreamingResponse

from vizsla.desk.leads import export_leads
from vizsla.kit.errors import NotFound
from vizsla.kit.xlsx_writing import CONTENT_TYPE as XLSX
from vizsla.leads.attributes import list_attributes
from vizsla.leads.export import FileFormat
from vizsla.leads.filters import SORTED_DEEP, SORTS, Filters
from vizsla.leads.lead import TEXTS, Attribute, LeadsList, Tag
from vizsla.leads.lists import lists_with_ids, page_of_lists
from vizsla.leads.pages import Page, Shown, find_page
from vizsla.leads.tags import page_of_tags, tags_with_ids
from vizsla.leads.tasks import list_batches
from vizsla.leads.trash import list_deletions
from vizsla.leads.views import Chosen, choose_columns, find_columns, list_views
from vizsla.web.lead_filters import LABELS, STATUSES, TIMES, Asked, add_filters, id_of, read_filters
from vizsla.web.render import HEADERS
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
ROWS = (20, 50, 100)
"""Leads on a page."""
MOST_CHOICES = 200
"""Lists and tags in a chooser: the newest."""
_DEEPEST = 100_000
_FILES: dict[FileFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": XLSX,
}
_MANY = 20_000
"""Leads from which on a first filter would be waited for: by then they are in memory already."""
COLUMN_LABELS = {
    **{("company_industry" if name == "industry" else name): text for name, text in LABELS.items() if name != "email"},
    "confidence_score": "Confidence",
    "lists": "Lists",
    "tags": "Tags",
    "verification_status": "Verification",
    "sending_status": "Sending",
    "sync_status": "Sync",
    "last_contacted_at": "Last contacted",
    "last_activity_at": "Last activity",
    "created_at": "Added",
    "notes": "Notes",
}
"""Columns beside the address, which always comes first."""
_EDITABLE = {name: name for name in (*TEXTS, "confidence_score")}
"""Columns that are changed in the table, and what a form calls them."""
_USUAL = ("position", "company", "lists", "tags", "verification_status", "created_at")
DOING = {
    "move": "Moving leads to a list",
    "add": "Adding leads to a list",
    "remove": "Taking leads out of a list",
    "tag": "Tagging leads",
    "untag": "Taking a tag from leads",
    "enrich": "Filling what leads lack",
    "trash": "Deleting leads",
    "restore": "Bringing leads back",
}


class Column(msgspec.Struct, frozen=True):
    """A column of the table."""

    name: str
    label: str
    sort: str
    """What it is ordered by; empty: it cannot be."""


class Choices(msgspec.Struct, frozen=True):
    """The lists, tags and attributes one can choose from."""

    lists: Mapping[int, LeadsList]
    tags: Mapping[int, Tag]
    attributes: Sequence[Attribute]


async def find_choices(visit: Visit, leads: Sequence[Shown] = ()) -> Choices:
    """The account's newest lists and tags, those of *leads*, and all attributes."""
    app, account_id = visit.stores.app, visit.visitor.account_id
    params = visit.request.query_params
    lists = {one.id: one for one in await page_of_lists(app, account_id, limit=MOST_CHOICES)}
    tags = {one.id: one for one in await page_of_tags(app, account_id, limit=MOST_CHOICES)}
    some = {id_ for name in ("leads_list_id", "tag_id") if (id_ := id_of(params.get(name))) is not None}
    lists |= await lists_with_ids(
        app, account_id, some | {id_ for shown in leads for id_ in shown.lead.lists} - set(lists)
    )
    tags |= await tags_with_ids(app, account_id, some | {id_ for shown in leads for id_ in shown.lead.tags} - set(tags))
    return Choices(lists, tags, await list_attributes(app, account_id))


@views.get("/leads")
async def show_leads(visit: Visit) -> Response:
    """The table."""
    pairs = visit.request.query_params.multi_items()
    choices = await find_choices(visit)
    added = add_filters(pairs)
    asked = read_filters(pairs if added is None else added, choices.attributes, choices.lists, choices.tags)
    if added is not None:
        return visit.go(f"/leads?{asked.query}")
    who, app = visit.visitor, visit.stores.app
    batches = await list_batches(app, who.account_id)
    mark = "-".join(f"{one.id}.{one.done}" for one in batches)
    if "hx-request" in visit.request.headers and batches and visit.query("seen") == mark:
        return Response(status_code=204)
    saved = await list_views(app, who.account_id, who.member_id)
    view = next((one for one in saved if str(one.id) == visit.query("view", most=20)), None)
    chosen = await find_columns(app, who.account_id, who.member_id) or Chosen(_USUAL, ROWS[0])
    if view is not None and view.columns:
        chosen = msgspec.structs.replace(chosen, columns=view.columns)
    offset = visit.count("offset", most=_deepest(asked))
    page = await find_page(
        app,
        visit.house.services.mirrors,
        who.account_id,
        asked.filters,
        limit=chosen.rows,
        offset=offset,
        sort=asked.sort,
        rising=asked.rising,
    )
    if page.total >= _MANY:
        visit.house.services.mirrors.warm(who.account_id)
    choices = await find_choices(visit, page.leads)
    return visit.page(
        "leads.html",
        asked=asked,
        page=page,
        offset=offset,
        columns=_columns(chosen.columns, choices.attributes),
        chosen=chosen,
        all_columns=_all_columns(choices.attributes),
        choices=choices,
        fields=[*LABELS.items(), *((f"custom_attributes[{one.slug}]", one.label) for one in choices.attributes)],
        statuses=STATUSES,
        times=TIMES,
        row_counts=ROWS,
        lead_views=saved,
        view=view,
        batches=batches,
        doing=DOING,
        mark=mark,
        edited=_edited(visit, page),
        editable=_EDITABLE | {f"a{one.id}": f"custom_attributes[{one.slug}]" for one in choices.attributes},
        deletions=await list_deletions(app, who.account_id, visit.now),
        pages=_pages(asked, page, f"view={view.id}" if view else "", (offset, chosen.rows)),
    )


def _edited(visit: Visit, page: Page) -> int | None:
    """The lead of this page that is changed where it stands."""
    wanted = visit.query("edit", most=20)
    return next((shown.lead.id for shown in page.leads if str(shown.lead.id) == wanted), None)


class Pages(msgspec.Struct, frozen=True):
    """The addresses of the pages round one."""

    before: str
    after: str
    here: str
    is_cut: bool
    """Whether there are more, further down than can be shown."""


def _pages(asked: Asked, page: Page, view: str, place: tuple[int, int]) -> Pages:
    offset, rows = place
    query = "&".join(filter(None, (asked.query, view)))
    joined = f"/leads?{query}&" if query else "/leads?"
    deepest = _deepest(asked) + rows
    return Pages(
        before=f"{joined}offset={max(0, offset - rows)}" if offset else "",
        after=f"{joined}offset={offset + rows}" if offset + rows < min(page.count, deepest) else "",
        here=f"{joined}offset={offset}" if offset else joined[:-1],
        is_cut=offset + rows >= deepest and page.count > deepest,
    )


def _deepest(asked: Asked) -> int:
    return _DEEPEST if asked.sort == "id" else SORTED_DEEP


def column_of(name: str, attributes: Sequence[Attribute]) -> Column | None:
    """The column *name*; None if there is none."""
    if name in COLUMN_LABELS:
        sort = "id" if name == "created_at" else name if name in SORTS else ""
        return Column(name, COLUMN_LABELS[name], sort)
    found = next((one for one in attributes if name == f"a{one.id}"), None)
    return Column(name, found.label, name) if found else None


def _columns(names: Sequence[str], attributes: Sequence[Attribute]) -> list[Column]:
    return [found for name in names if (found := column_of(name, attributes))]


def _all_columns(attributes: Sequence[Attribute]) -> list[Column]:
    return _columns([*COLUMN_LABELS, *(f"a{one.id}" for one in reversed(attributes))], attributes)


@views.post("/leads/columns")
async def choose(visit: Visit) -> Response:
    """What this member's table shows from now on."""
    form, who = await visit.form(), visit.visitor
    attributes = await list_attributes(visit.stores.app, who.account_id)
    names = tuple(dict.fromkeys(name for name in form.texts("column") if column_of(name, attributes)))
    rows = form.number("rows")
    async with visit.stores.app.write() as conn:
        chosen = Chosen(names, rows if rows in ROWS else ROWS[0])
        await choose_columns(conn, who.account_id, who.member_id, chosen)
    return visit.go(back_to(form.text("query", most=8_000)), "Your table shows these columns from now on.")


def back_to(query: str) -> str:
    """The table with these filters."""
    return f"/leads?{query}" if query else "/leads"


@views.get("/leads/export.{format}")
async def export(visit: Visit) -> Response:
    """All leads that match, as a file that can be imported again."""
    wanted = visit.request.path_params["format"]
    for file_format, kind in _FILES.items():
        if file_format == wanted:
            filters = await asked_filters(visit)
            parts = export_leads(visit.house.services, visit.visitor.account_id, filters, file_format)
            headers = dict(HEADERS) | {"Content-Disposition": f'attachment; filename="leads.{file_format}"'}
            return StreamingResponse(parts, media_type=kind, headers=headers)
    raise NotFound


async def asked_filters(visit: Visit) -> Filters:
    """Which leads the address asks for."""
    attributes = await list_attributes(visit.stores.app, visit.visitor.account_id)
    return read_filters(visit.request.query_params.multi_items(), attributes, {}, {}).filters
