"""
What can be done to many leads at once: those that were ticked, those of the page, or all that match.

Three steps at most: the choice, where a list or tag goes with it (or all of an account are meant) a page that says what will happen,
and then it happens. What is deleted can be brought back for an hour.
"""

from typing import Literal, get_args

import msgspec
from starlette.responses import Response

from vizsla.desk.lead_bulk import AT_ONCE, Done, act_on, ids_of, undo, upload_addresses
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.leads.attributes import list_attributes
from vizsla.leads.lists import get_list, list_named
from vizsla.leads.tags import get_tag, tag_named
from vizsla.leads.trash import KEPT, list_deletions
from vizsla.storage.database import Connection
from vizsla.web.lead_filters import pairs_of, read_filters
from vizsla.web.leads import back_to, find_choices
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
Act = Literal["move", "add", "remove", "tag", "untag", "verify", "enrich", "trash"]
Which = Literal["ticked", "page", "all"]
_TARGETS = {"move": "list", "add": "list", "remove": "list", "tag": "tag", "untag": "tag"}
_MOST_TICKED = 1_000
_MINUTES = KEPT // 60
_SAID = {
    "move": "moved",
    "add": "in the list now",
    "remove": "out of the list",
    "tag": "tagged",
    "untag": "without the tag now",
    "enrich": "filled with what is known of them",
    "trash": "deleted",
}


class Choice(msgspec.Struct, frozen=True):
    """Which leads, and what is to be done to them."""

    act: Act
    which: Which
    ids: list[int]
    query: str
    """The filters, as in the address of the table."""


async def _choice(visit: Visit, form: Form) -> Choice:
    """Raises WrongParams."""
    act = next((act for act in get_args(Act) if act == form.text("act")), None)
    if act is None:
        raise WrongParams("Say what is to be done: choose it in the list beside the button.")
    which: Which = next((which for which in get_args(Which) if which == form.text("which")), "ticked")
    query = form.text("query", most=8_000)
    if which == "all":
        attributes = await list_attributes(visit.stores.app, visit.visitor.account_id)
        asked = read_filters(pairs_of(query), attributes, {}, {})
        return Choice(act, "all", await ids_of(visit.house.services, visit.visitor.account_id, asked.filters), query)
    texts = form.text("shown", most=20_000).split(",") if which == "page" else form.texts("id")
    ids = [int(text) for text in texts[:_MOST_TICKED] if text.isascii() and text.isdigit() and len(text) < 19]
    if not ids:
        raise WrongParams("Tick at least one lead, or choose all that match.")
    return Choice(act, which, list(dict.fromkeys(ids)), query)


@views.post("/leads/bulk")
async def act(visit: Visit) -> Response:
    """Ask what is missing, or do it."""
    form = await visit.form()
    try:
        choice = await _choice(visit, form)
    except WrongParams as error:
        return visit.go(back_to(form.text("query", most=8_000)), error.details)
    try:
        if choice.act == "verify":
            services, account_id = visit.house.services, visit.visitor.account_id
            upload = await upload_addresses(services, account_id, choice.ids, visit.now)
            return visit.go(f"/lists/uploads/{upload}/estimate?header=0&email=1")
        if not form.has("sure") and _must_ask(choice):
            return await _ask(visit, choice)
        return await _do(visit, form, choice)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _ask(visit, choice, status=status, problem=sentence)


def _must_ask(choice: Choice) -> bool:
    return choice.act in _TARGETS or (choice.which == "all" and len(choice.ids) > AT_ONCE)


async def _ask(visit: Visit, choice: Choice, *, status: int = 200, problem: str = "") -> Response:
    return visit.page(
        "lead_bulk.html",
        status=status,
        problem=problem,
        choice=choice,
        target=_TARGETS.get(choice.act, ""),
        choices=await find_choices(visit),
        back=back_to(choice.query),
        minutes=_MINUTES,
    )


async def _do(visit: Visit, form: Form, choice: Choice) -> Response:
    assert choice.act != "verify"
    services, account_id = visit.house.services, visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        target_id = await _target(visit, conn, form, choice)
        done = await act_on(conn, services, account_id, choice.act, choice.ids, target_id=target_id, now=visit.now)
    path = f"/leads/undo/{done.id}" if choice.act == "trash" else ""
    return visit.go(back_to(choice.query), _say(choice.act, done), undo=path)


async def _target(visit: Visit, conn: Connection, form: Form, choice: Choice) -> int | None:
    """The list or tag that is meant, made if it is new. Raises WrongParams, NotFound, InvalidLead."""
    kind, account_id = _TARGETS.get(choice.act), visit.visitor.account_id
    if kind is None:
        return None
    name, id_ = form.line("name", most=300), form.number("target")
    takes_new = choice.act in ("move", "add", "tag")
    if name and takes_new:
        if kind == "list":
            return await list_named(conn, account_id, name, visit.now)
        return (await tag_named(conn, account_id, name, visit.now)).id
    if id_ is None:
        raise WrongParams(f"Choose a {kind}{', or type the name of a new one' if takes_new else ''}.")
    return (await get_list(conn, account_id, id_)).id if kind == "list" else (await get_tag(conn, account_id, id_)).id


def _say(act: str, done: Done) -> str:
    count = f"{done.leads:,} lead{'s' if done.leads != 1 else ''}"
    if not done.is_over:
        return f"{count}: it is being done. You can leave this page."
    if act == "enrich" and not done.leads:
        return "Nothing more is known of these leads."
    return f"{count} {'is' if done.leads == 1 else 'are'} {_SAID[act]}."


@views.post("/leads/undo/{id:int}")
async def bring_back(visit: Visit) -> Response:
    """What was deleted, as it was."""
    async with visit.stores.app.write() as conn:
        back = await undo(conn, visit.house.services, visit.visitor.account_id, visit.id(), visit.now)
    count = f"{back.leads:,} lead{'s' if back.leads != 1 else ''}"
    if not back.is_over:
        return visit.go("/leads", f"{count} are being brought back. You can leave this page.")
    said = f"{count} {'is' if back.leads == 1 else 'are'} back." if back.leads else "No lead had to be brought back."
    if back.kept_out:
        said += f" {back.kept_out:,} stayed away: the address is a lead again, or its owner asked us to stop."
    return visit.go("/leads", said)


@views.get("/leads/deleted")
async def show_deleted(visit: Visit) -> Response:
    """What can be brought back."""
    found = await list_deletions(visit.stores.app, visit.visitor.account_id, visit.now)
    return visit.page("leads_deleted.html", deletions=found, minutes=_MINUTES, kept=KEPT)
