"""
Which mail accounts do campaigns send from, and do they work?

Every member sees them; a member changes their own, a manager all. What an account logs in with goes in and is never shown again.
Looking asks nobody but DNS, for a guess of servers; logging in is a button.
"""

from starlette.responses import Response

from vizsla.accounts.roles import NotAllowed, is_manager
from vizsla.campaigns.sender_use import list_uses
from vizsla.campaigns.senders import (
    Secrets,
    Sender,
    WrongSender,
    count_senders,
    count_waiting,
    delete_sender,
    dkim_key_of,
    get_sender,
    pause_sender,
    put_dkim,
    remove_dkim,
    resume_sender,
)
from vizsla.campaigns.window import Window, days_of
from vizsla.desk.senders import (
    Checked,
    add_sender,
    change_sender,
    check_sender,
    list_overviews,
    overview_of,
    suggest,
)
from vizsla.kit.errors import VizslaError
from vizsla.mail.dkim import dns_record, generate_key
from vizsla.web.sender_form import (
    DAYS,
    JOURNALS,
    SECURITIES,
    clock_text,
    draft_of,
    read_typed,
    secrets_of,
    show_form,
    typed_of,
    typed_of_preset,
)
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 50
_SHOWN = 20
"""Campaigns that an account's page names."""
_LONGEST_KEY = 20_000


# Looking


@views.get("/senders")
async def show_senders(visit: Visit) -> Response:
    """All of them, with their day."""
    app, account_id, offset = visit.stores.app, visit.visitor.account_id, visit.count("offset", most=100_000)
    total = await count_senders(app, account_id)
    return visit.page(
        "senders.html",
        senders=await list_overviews(app, account_id, visit.now, limit=_PAGE, offset=offset),
        before=f"/senders?offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"/senders?offset={offset + _PAGE}" if offset + _PAGE < total else "",
        describe=describe_hours,
    )


@views.get("/senders/new")
async def show_new(visit: Visit) -> Response:
    """Whose it is; then, with the address in the query, the rest, as far as it can be guessed."""
    email = visit.query("email", most=320)
    if not email:
        return visit.page("sender_new.html", email="", problem=None)
    try:
        preset = await suggest(visit.house.services, email)
    except VizslaError as error:
        return visit.page("sender_new.html", status=422, email=email, problem=error.details)
    return show_form(visit, typed_of_preset(email, preset), why=preset.why)


@views.get("/senders/{id:int}")
async def show_sender(visit: Visit) -> Response:
    """One of them."""
    return await _sender(visit)


@views.get("/senders/{id:int}/edit")
async def show_edit(visit: Visit) -> Response:
    """The form with what is there; secrets stay where they are."""
    sender = await _mine(visit)
    return show_form(visit, typed_of(sender.draft), sender=sender)


async def _sender(
    visit: Visit, *, checked: Checked | None = None, problem: str | None = None, at: str = "", typed: str = ""
) -> Response:
    app, who = visit.stores.app, visit.visitor
    sender = await get_sender(app, who.account_id, visit.id())
    record = None
    if sender.dkim_sealed is not None and (pem := dkim_key_of(sender, visit.house.secret)):
        record = dns_record(pem)
    return visit.page(
        "sender.html",
        status=422 if problem else 200,
        one=await overview_of(app, sender, visit.now),
        sender=sender,
        uses=await list_uses(app, who.account_id, sender.id, visit.now, archived=False, limit=_SHOWN, offset=0),
        waiting=await count_waiting(app, who.account_id, sender.id),
        may_change=_may_change(visit, sender),
        checked=checked,
        problem=problem,
        at=at,
        typed=typed,
        record=record,
        describe=describe_hours,
        securities=SECURITIES,
        journals=JOURNALS,
    )


def describe_hours(window: Window) -> str:
    """`Mon–Fri 09:00–18:00 Europe/Paris`."""
    days = days_of(window.days)
    if len(days) == 7:
        named = "Every day"
    elif len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        named = f"{DAYS[days[0]][:3]}–{DAYS[days[-1]][:3]}"
    else:
        named = ", ".join(DAYS[each][:3] for each in days)
    return f"{named} {clock_text(window.start_second)}–{clock_text(window.end_second)} {window.timezone}"


# Changing


@views.post("/senders/new")
async def add(visit: Visit) -> Response:
    """A new one."""
    form = await visit.form()
    typed = read_typed(form)
    try:
        draft, secrets = draft_of(typed), secrets_of(form, typed)
        asker = await visit.asker()
        made = await add_sender(
            asker, draft, secrets or Secrets(), member_id=visit.visitor.member_id, secret=visit.house.secret
        )
    except VizslaError as error:
        return show_form(visit, typed, problem=error.details)
    return visit.go(f"/senders/{made.id}", "The account is saved. Test its connection next.")


@views.post("/senders/{id:int}/edit")
async def change(visit: Visit) -> Response:
    """Other servers, hours or caps."""
    sender = await _mine(visit)
    form = await visit.form()
    typed = read_typed(form)
    try:
        draft, secrets = draft_of(typed), secrets_of(form, typed)
        await change_sender(await visit.asker(), sender.id, draft, secrets, secret=visit.house.secret)
    except VizslaError as error:
        return show_form(visit, typed, sender=sender, problem=error.details)
    return visit.go(f"/senders/{sender.id}", "The changes are saved.")


@views.post("/senders/{id:int}/test")
async def test(visit: Visit) -> Response:
    """Log in to both servers, and look at the domain."""
    sender = await get_sender(visit.stores.app, visit.visitor.account_id, visit.id())
    try:
        checked = await check_sender(await visit.asker(), sender.id, secret=visit.house.secret)
    except VizslaError as error:
        return await _sender(visit, problem=error.details, at="test")
    return await _sender(visit, checked=checked)


@views.post("/senders/{id:int}/pause")
async def pause(visit: Visit) -> Response:
    """Send nothing from it."""
    sender = await _mine(visit)
    async with visit.stores.app.write() as conn:
        await pause_sender(conn, sender.account_id, sender.id, visit.now)
    return visit.go(f"/senders/{sender.id}", f"{sender.email} is paused.", undo=f"/senders/{sender.id}/resume")


@views.post("/senders/{id:int}/resume")
async def resume(visit: Visit) -> Response:
    """Go on."""
    sender = await _mine(visit)
    async with visit.stores.app.write() as conn:
        await resume_sender(conn, sender.account_id, sender.id, visit.now)
    return visit.go(f"/senders/{sender.id}", f"{sender.email} goes on, within its hours and its cap.")


@views.post("/senders/{id:int}/dkim")
async def sign(visit: Visit) -> Response:
    """Sign with a key that is typed, or a new one."""
    sender = await _mine(visit)
    form = await visit.form()
    selector, pem = form.text("selector", most=64).lower(), form.exact("key", most=_LONGEST_KEY)
    try:
        async with visit.stores.app.write() as conn:
            await put_dkim(conn, sender, selector, pem.strip() or generate_key(), secret=visit.house.secret)
    except VizslaError as error:
        return await _sender(visit, problem=error.details, at="dkim", typed=selector)
    return visit.go(f"/senders/{sender.id}", "Messages are signed from now on: publish the record that is shown.")


@views.post("/senders/{id:int}/dkim/remove")
async def sign_no_more(visit: Visit) -> Response:
    """Leave it to its server."""
    sender = await _mine(visit)
    async with visit.stores.app.write() as conn:
        await remove_dkim(conn, sender.account_id, sender.id)
    return visit.go(
        f"/senders/{sender.id}", "We sign no more. The record in DNS may stay for a week, for mails on their way."
    )


@views.post("/senders/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """Take it away; the box must be ticked."""
    sender = await _mine(visit)
    try:
        if (await visit.form()).text("sure") != "yes":
            raise WrongSender("Tick the box to say that you mean it.")
        async with visit.stores.app.write() as conn:
            await delete_sender(conn, sender.account_id, sender.id)
    except VizslaError as error:
        return await _sender(visit, problem=error.details, at="delete")
    return visit.go("/senders", f"{sender.email} is deleted, with what it logged in with.")


async def _mine(visit: Visit) -> Sender:
    """The sender in the path, if the visitor may change it. Raises SenderNotFound, NotAllowed."""
    sender = await get_sender(visit.stores.app, visit.visitor.account_id, visit.id())
    if not _may_change(visit, sender):
        raise NotAllowed("Only whoever added this account, and the team's owners and admins, may change it.")
    return sender


def _may_change(visit: Visit, sender: Sender) -> bool:
    return is_manager(visit.visitor.role) or sender.member_id == visit.visitor.member_id
