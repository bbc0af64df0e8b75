"""What leads are sorted by: their lists, their tags and the custom attributes of an account; made, renamed and deleted."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from starlette.responses import Response

from vizsla.kit.errors import VizslaError
from vizsla.leads.attributes import create_attribute, delete_attribute, list_attributes, relabel_attribute
from vizsla.leads.lists import count_lists, create_list, delete_list, get_list, page_of_lists, rename_list
from vizsla.leads.store import begin_change, count_leads
from vizsla.leads.tags import count_tags, create_tag, delete_tag, page_of_tags, update_tag
from vizsla.leads.tasks import add_task
from vizsla.storage.database import Connection
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
Kind = Literal["lists", "tags", "attributes"]
_PAGE = 50


class Named(msgspec.Struct, frozen=True):
    """A list, a tag or an attribute."""

    id: int
    name: str
    detail: str
    filter: str
    """The leads that have it, as an address of the table asks for them."""
    color: str = ""
    is_used: bool = True


class Subject(msgspec.Struct, frozen=True):
    """One of the three, in words."""

    kind: Kind
    title: str
    noun: str
    about: str
    placeholder: str
    kept: str
    """What becomes of the leads when it is deleted."""


SUBJECTS: dict[Kind, Subject] = {
    "lists": Subject(
        "lists", "Lists of leads", "list", "A lead can be in several; campaigns and imports fill one.", "Spring fair",
        "Its leads stay, without it.",
    ),
    "tags": Subject(
        "tags", "Tags", "tag", "A word that marks leads, whatever list they are in.", "Hot", "Its leads stay, without it."
    ),
    "attributes": Subject(
        "attributes", "Custom attributes", "attribute", "Fields of your own, which every lead can have.", "Customer ID",
        "What leads have of it is deleted as well, and cannot be brought back.",
    ),
}  # fmt: skip


@views.get("/leads/lists")
async def show_lists(visit: Visit) -> Response:
    """All lists, newest first."""
    return await _page(visit, "lists")


@views.get("/leads/tags")
async def show_tags(visit: Visit) -> Response:
    """All tags, newest first."""
    return await _page(visit, "tags")


@views.get("/leads/attributes")
async def show_attributes(visit: Visit) -> Response:
    """All custom attributes, newest first."""
    return await _page(visit, "attributes")


async def _page(visit: Visit, kind: Kind, *, status: int = 200, problem: str = "", typed: str = "") -> Response:
    offset = visit.count("offset", most=100_000)
    found, total = await _named(visit, kind, offset)
    return visit.page(
        "lead_names.html",
        status=status,
        problem=problem,
        typed=typed,
        subject=SUBJECTS[kind],
        subjects=SUBJECTS.values(),
        named=found,
        total=total,
        before=f"/leads/{kind}?offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"/leads/{kind}?offset={offset + _PAGE}" if offset + _PAGE < total else "",
    )


async def _named(visit: Visit, kind: Kind, offset: int) -> tuple[list[Named], int]:
    app, account_id = visit.stores.app, visit.visitor.account_id
    if kind == "lists":
        lists = await page_of_lists(app, account_id, limit=_PAGE, offset=offset)
        total = await count_lists(app, account_id)
        return [
            Named(one.id, one.name, f"{one.leads_count:,} lead{'s' if one.leads_count != 1 else ''}",
                  f"leads_list_id={one.id}", is_used=bool(one.leads_count))
            for one in lists
        ], total  # fmt: skip
    if kind == "tags":
        tags = await page_of_tags(app, account_id, limit=_PAGE, offset=offset)
        return [Named(one.id, one.name, "", f"tag_id={one.id}", one.color) for one in tags], await count_tags(
            app, account_id
        )
    found = await list_attributes(app, account_id)
    return [
        Named(one.id, one.label, f"`{one.slug}` in the API", f"custom_attributes[{one.slug}]=*")
        for one in found[offset : offset + _PAGE]
    ], len(found)


@views.post("/leads/lists")
async def add_list(visit: Visit) -> Response:
    """A new list."""
    return await _add(visit, "lists", lambda conn, name: create_list(conn, visit.visitor.account_id, name, visit.now))


@views.post("/leads/tags")
async def add_tag(visit: Visit) -> Response:
    """A new tag."""
    return await _add(visit, "tags", lambda conn, name: create_tag(conn, visit.visitor.account_id, name, visit.now))


@views.post("/leads/attributes")
async def add_attribute(visit: Visit) -> Response:
    """A new custom attribute."""
    return await _add(visit, "attributes", lambda conn, name: create_attribute(conn, visit.visitor.account_id, name))


async def _add(visit: Visit, kind: Kind, make: Callable[[Connection, str], Awaitable[object]]) -> Response:
    name = (await visit.form()).line("name")
    return await _try(visit, kind, name, make, f"{name} is made.")


@views.post("/leads/lists/{id:int}")
async def rename_a_list(visit: Visit) -> Response:
    """Another name."""
    return await _rename(
        visit, "lists", lambda conn, name: rename_list(conn, visit.visitor.account_id, visit.id(), name)
    )


@views.post("/leads/tags/{id:int}")
async def rename_a_tag(visit: Visit) -> Response:
    """Another name."""
    account_id = visit.visitor.account_id
    return await _rename(visit, "tags", lambda conn, name: update_tag(conn, account_id, visit.id(), name=name))


@views.post("/leads/attributes/{id:int}")
async def rename_an_attribute(visit: Visit) -> Response:
    """Another label; the name in the API stays."""
    account_id = visit.visitor.account_id
    return await _rename(visit, "attributes", lambda conn, name: relabel_attribute(conn, account_id, visit.id(), name))


async def _rename(visit: Visit, kind: Kind, rename: Callable[[Connection, str], Awaitable[object]]) -> Response:
    name = (await visit.form()).line("name")
    return await _try(visit, kind, name, rename, f"It is called {name} now.")


async def _try(
    visit: Visit, kind: Kind, name: str, act: Callable[[Connection, str], Awaitable[object]], said: str
) -> Response:
    try:
        async with visit.stores.app.write() as conn:
            await act(conn, name)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _page(visit, kind, status=status, problem=sentence, typed=name)
    return visit.go(f"/leads/{kind}", said)


@views.post("/leads/lists/{id:int}/delete")
async def delete_a_list(visit: Visit) -> Response:
    """The list goes, its leads stay."""
    account_id = visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        await begin_change(conn, account_id)
        found = await get_list(conn, account_id, visit.id())
        await delete_list(conn, account_id, found.id)
        if found.leads_count:
            await add_task(conn, account_id, "drop_list", ref_id=found.id, size=found.leads_count, now=visit.now)
    return visit.go("/leads/lists", f"{found.name} is deleted. Its leads stay.")


@views.post("/leads/tags/{id:int}/delete")
async def delete_a_tag(visit: Visit) -> Response:
    """The tag goes, its leads stay."""
    account_id = visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        await delete_tag(conn, account_id, visit.id())
        size = await count_leads(conn, account_id)
        await add_task(conn, account_id, "drop_tag", ref_id=visit.id(), size=size, now=visit.now)
    return visit.go("/leads/tags", "The tag is deleted. Its leads stay.")


@views.post("/leads/attributes/{id:int}/delete")
async def delete_an_attribute(visit: Visit) -> Response:
    """The attribute goes, and what leads have of it."""
    account_id = visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        await delete_attribute(conn, account_id, visit.id())
        size = await count_leads(conn, account_id)
        await add_task(conn, account_id, "drop_attribute", ref_id=visit.id(), size=size, now=visit.now)
    return visit.go("/leads/attributes", "The attribute is deleted, and what leads had of it.")
