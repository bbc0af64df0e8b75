"""
One lead: what is known of it, changed in place, and what has happened.

Every form works by itself and sends only what it shows, so that two people who change two fields do not undo each other. With
scripts a field is changed where it stands.
"""

import msgspec
from starlette.responses import Response

from vizsla.desk.lead_bulk import act_on
from vizsla.desk.leads import change, enrich, save_new
from vizsla.kit.domain_name import registrable_domain
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.leads.attributes import list_attributes
from vizsla.leads.lead import LONGEST_NOTES, TEXTS, Draft, InvalidLead, Lead, draft
from vizsla.leads.lists import get_list, list_named, lists_with_ids
from vizsla.leads.store import get_lead
from vizsla.leads.tags import get_tag, tag_named, tags_of
from vizsla.leads.tasks import Kind
from vizsla.storage.database import Connection
from vizsla.verifier.store import find_attached, find_verification
from vizsla.web.leads import COLUMN_LABELS, find_choices
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit, own_path

views = Views()
_LABELS = {"email": "Email", **{name: COLUMN_LABELS[name] for name in TEXTS}, "confidence_score": "Confidence"}
_LONG = ("notes",)


class Field(msgspec.Struct, frozen=True):
    """One field as it is shown and changed."""

    name: str
    label: str
    value: str
    is_long: bool
    place: str
    """What it is called in the page: an id."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a lead."""

    at: int
    what: str
    word: str = ""
    """A status that belongs to it."""


@views.get("/leads/new")
async def ask(visit: Visit) -> Response:
    """The form for a lead by hand."""
    return await _new(visit, {})


async def _new(visit: Visit, typed: dict[str, str], *, status: int = 200, problem: str = "") -> Response:
    attributes = await list_attributes(visit.stores.app, visit.visitor.account_id)
    names = [
        *((name, label) for name, label in _LABELS.items()),
        *((f"custom_attributes[{one.slug}]", one.label) for one in reversed(attributes)),
    ]
    fields = [
        Field(name, label, typed.get(name, ""), name in _LONG, f"new-{at}") for at, (name, label) in enumerate(names)
    ]
    return visit.page(
        "lead_new.html", status=status, problem=problem, fields=fields, choices=await find_choices(visit), typed=typed
    )


@views.post("/leads/new")
async def add(visit: Visit) -> Response:
    """A lead by hand."""
    form, account_id = await visit.form(), visit.visitor.account_id
    try:
        async with visit.stores.app.write() as conn:
            wanted = await _draft(conn, account_id, form)
            list_id, name = form.number("list"), form.line("list_name", most=300)
            if not wanted.values.get("email"):
                raise InvalidLead("Type the address: a lead has one.")
            wanted = msgspec.structs.replace(
                wanted,
                list_name=name or None,
                list_ids=(list_id,) if list_id is not None and not name else None,
            )
            made = await save_new(conn, visit.house.services, account_id, wanted, visit.now)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        typed = {name: form.text(name, most=LONGEST_NOTES) for name in form.names()}
        return await _new(visit, typed, status=status, problem=sentence)
    return visit.go(f"/leads/{made.id}", f"{made.email} is a lead now.")


@views.get("/leads/{id:int}")
async def show(visit: Visit) -> Response:
    """Everything of it."""
    return await _page(visit)


async def _page(visit: Visit, *, status: int = 200, problem: str = "", form: Form | None = None) -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    one = await get_lead(app, account_id, visit.id())
    attributes = await list_attributes(app, account_id)
    lists = await lists_with_ids(app, account_id, one.lists)
    values = {name: _text(getattr(one, name)) for name in _LABELS}
    values |= {f"custom_attributes[{each.slug}]": one.attributes.get(each.id, "") for each in attributes}
    labels = _LABELS | {f"custom_attributes[{each.slug}]": each.label for each in reversed(attributes)}
    wrong = {name for name in labels if form is not None and form.has(name)}
    if form is not None:
        values |= {name: form.text(name, most=LONGEST_NOTES) for name in wrong}
    domain = one.email.rpartition("@")[2]
    return visit.page(
        "lead.html",
        status=status,
        problem=problem,
        lead=one,
        fields=[
            Field(name, label, values[name], name in _LONG, f"field-{at}")
            for at, (name, label) in enumerate(labels.items())
        ],
        edited=wrong or {visit.query("edit", most=300)},
        is_all_edited=visit.query("edit", most=300) == "all",
        lists=[lists[id_] for id_ in one.lists if id_ in lists],
        tags=await tags_of(app, account_id, one),
        choices=await find_choices(visit),
        events=_events(one),
        domain=registrable_domain(domain) or domain,
        verification=await _verification(visit, one),
    )


def _text(value: object) -> str:
    return str(value) if value is not None else ""


async def _verification(visit: Visit, one: Lead) -> int | None:
    """The account's number of the verification behind the lead's status: its page shows on what it rests."""
    local, _, domain = one.email.rpartition("@")
    found = await find_verification(visit.stores.app, domain, local)
    return await find_attached(visit.stores.app, visit.visitor.account_id, found.id) if found else None


def _events(one: Lead) -> list[Event]:
    """What is known to have happened, the latest first."""
    found = [Event(one.created_at, "Became a lead" + (f", from {one.source}" if one.source else ""))]
    if one.verified_at is not None:
        found.append(Event(one.verified_at, "Verified", one.verification_status or ""))
    if one.last_contacted_at is not None:
        found.append(Event(one.last_contacted_at, "Last contacted"))
    if one.last_activity_at is not None:
        found.append(Event(one.last_activity_at, "Last activity", one.sending_status or ""))
    return sorted(found, key=lambda event: -event.at)


@views.post("/leads/{id:int}")
async def edit(visit: Visit) -> Response:
    """Write the fields that were sent."""
    form, account_id = await visit.form(), visit.visitor.account_id
    try:
        async with visit.stores.app.write() as conn:
            wanted = await _draft(conn, account_id, form)
            await change(conn, visit.house.services, (account_id, visit.id()), wanted, visit.now)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _page(visit, status=status, problem=sentence, form=form)
    back = own_path(form.text("back", most=8_000))
    return visit.go(back if back != "/" else f"/leads/{visit.id()}", "It is saved.")


async def _draft(conn: Connection, account_id: int, form: Form) -> Draft:
    """What a form says of a lead: the fields it has. Raises InvalidLead."""
    most = LONGEST_NOTES + 1
    values = {name: form.text(name, most=most) for name in ("email", *TEXTS) if form.has(name)}
    if values.get("email") == "":
        raise InvalidLead("Type the address: a lead has one.")
    attributes = {
        each.slug: form.text(f"custom_attributes[{each.slug}]", most=most)
        for each in await list_attributes(conn, account_id)
        if form.has(f"custom_attributes[{each.slug}]")
    }
    score = _score(form) if form.has("confidence_score") else msgspec.UNSET
    return draft(values, confidence_score=score, attributes=attributes)


def _score(form: Form) -> int | None:
    text, number = form.text("confidence_score"), form.number("confidence_score")
    if text and number is None:
        raise InvalidLead("The confidence is a whole number from 0 to 100. Leave it empty if you do not know it.")
    return number


@views.post("/leads/{id:int}/lists")
async def sort_into_lists(visit: Visit) -> Response:
    """Into a list, or out of one."""
    form, account_id = await visit.form(), visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        one = await get_lead(conn, account_id, visit.id())
        if form.has("remove"):
            await _act(visit, conn, "remove", one, form.number("remove"))
        elif name := form.line("name", most=300):
            await _act(visit, conn, "add", one, await list_named(conn, account_id, name, visit.now))
        else:
            id_ = _chosen(form, "list")
            await _act(visit, conn, "add", one, (await get_list(conn, account_id, id_)).id)
    return visit.go(f"/leads/{visit.id()}", "It is saved.")


@views.post("/leads/{id:int}/tags")
async def mark(visit: Visit) -> Response:
    """With a tag, or without one."""
    form, account_id = await visit.form(), visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        one = await get_lead(conn, account_id, visit.id())
        if form.has("remove"):
            await _act(visit, conn, "untag", one, form.number("remove"))
        elif name := form.line("name", most=300):
            await _act(visit, conn, "tag", one, (await tag_named(conn, account_id, name, visit.now)).id)
        else:
            id_ = _chosen(form, "tag")
            await _act(visit, conn, "tag", one, (await get_tag(conn, account_id, id_)).id)
    return visit.go(f"/leads/{visit.id()}", "It is saved.")


def _chosen(form: Form, kind: str) -> int:
    id_ = form.number(kind)
    if id_ is None:
        raise WrongParams(f"Choose a {kind}, or type the name of a new one.")
    return id_


async def _act(visit: Visit, conn: Connection, kind: Kind, one: Lead, target_id: int | None) -> None:
    services, account_id = visit.house.services, visit.visitor.account_id
    await act_on(conn, services, account_id, kind, [one.id], target_id=target_id or 0, now=visit.now)


@views.post("/leads/{id:int}/enrich")
async def fill(visit: Visit) -> Response:
    """What it lacks, from the index."""
    services, account_id = visit.house.services, visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        before = await get_lead(conn, account_id, visit.id())
        after = await enrich(conn, services, account_id, visit.id(), visit.now)
    said = "What it lacked is filled from the index." if before != after else "Nothing more is known of this lead."
    return visit.go(f"/leads/{visit.id()}", said)


@views.post("/leads/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """It goes; for an hour it can be brought back."""
    services, account_id = visit.house.services, visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        one = await get_lead(conn, account_id, visit.id())
        done = await act_on(conn, services, account_id, "trash", [one.id], now=visit.now)
    return visit.go("/leads", f"{one.email} is deleted.", undo=f"/leads/undo/{done.id}")
