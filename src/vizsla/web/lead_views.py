"""Saved views of the leads: a name for filters, an order and columns; a member's own or the team's."""

import msgspec
from starlette.responses import Response

from vizsla.kit.errors import VizslaError
from vizsla.leads.attributes import list_attributes
from vizsla.leads.views import View, change_view, create_view, delete_view, get_view, list_views
from vizsla.web.lead_filters import pairs_of, read_filters
from vizsla.web.leads import column_of
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()


@views.get("/leads/views")
async def show_views(visit: Visit) -> Response:
    """All of them, with what can be done with each."""
    return await _page(visit)


async def _page(visit: Visit, *, status: int = 200, problem: str = "") -> Response:
    who = visit.visitor
    saved = await list_views(visit.stores.app, who.account_id, who.member_id)
    return visit.page("lead_views.html", status=status, problem=problem, lead_views=saved, view=None)


@views.post("/leads/views")
async def save(visit: Visit) -> Response:
    """What the table shows now, under a name."""
    form, who, app = await visit.form(), visit.visitor, visit.stores.app
    attributes = await list_attributes(app, who.account_id)
    asked = read_filters(pairs_of(form.text("query", most=8_000)), attributes, {}, {})
    columns = tuple(name for name in form.text("columns", most=8_000).split() if column_of(name, attributes))
    view = View(0, form.line("name"), asked.query, columns, form.has("shared"))
    try:
        async with app.write() as conn:
            made = await create_view(conn, who.account_id, who.member_id, view, visit.now)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _page(visit, status=status, problem=sentence)
    return visit.go(address_of(made), f"{made.name} is saved. You find it above the table.")


def address_of(view: View) -> str:
    """Where a view is looked at."""
    return "/leads?" + "&".join(filter(None, (view.query, f"view={view.id}")))


@views.post("/leads/views/{id:int}")
async def change(visit: Visit) -> Response:
    """Another name, and whose it is."""
    form, who, app = await visit.form(), visit.visitor, visit.stores.app
    try:
        async with app.write() as conn:
            known = await get_view(conn, who.account_id, who.member_id, visit.id())
            after = msgspec.structs.replace(known, name=form.line("name"), is_shared=form.has("shared"))
            await change_view(conn, who.account_id, who.member_id, after)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _page(visit, status=status, problem=sentence)
    return visit.go("/leads/views", "The view is changed.")


@views.post("/leads/views/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """The name goes; the leads stay."""
    who = visit.visitor
    async with visit.stores.app.write() as conn:
        await delete_view(conn, who.account_id, who.member_id, visit.id())
    return visit.go("/leads/views", "The view is deleted. Its leads stay.")
