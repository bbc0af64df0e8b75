"""
Which mail accounts do campaigns send from, and do they work?

Every member sees them; a member changes their own, a manager all. What an account logs in with goes in and is never shown again.
Looking asks nobody but DNS, for a guess of servers; logging in is a button.
"""

import re
from functools import cache
from typing import TypeVar
from zoneinfo import available_timezones

import msgspec
from starlette.responses import Response

from vizsla.accounts.roles import NotAllowed, is_manager
from vizsla.campaigns.presets import Preset
from vizsla.campaigns.sender_use import list_uses
from vizsla.campaigns.senders import (
    Auth,
    Draft,
    Journal,
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
from vizsla.campaigns.window import Window, bits_of, days_of
from vizsla.desk.senders import (
    Checked,
    add_sender,
    change_sender,
    check_sender,
    list_overviews,
    overview_of,
    suggest,
)
from vizsla.kit.clock import DAY
from vizsla.kit.errors import VizslaError
from vizsla.mail.dkim import dns_record, generate_key
from vizsla.mail.server import Security, Server
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_PAGE = 50
_SHOWN = 20
"""Campaigns that an account's page names."""
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SECURITY: dict[Security, str] = {"tls": "TLS", "starttls": "STARTTLS", "none": "None, in your own network"}
_AUTH: dict[Auth, str] = {"password": "A password", "xoauth2": "OAuth 2"}
_JOURNAL: dict[Journal, str] = {
    "sent_folder": "Its server keeps a copy in the folder of sent mail (Google, Microsoft)",
    "copy": "A copy is sent to the account itself, with each message",
    "none": "Nothing: a message that may have left waits for you",
}
_CONTINENTS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_TOO_LONG = 20_000
_CLOCK = re.compile("([01]?[0-9]|2[0-4]):([0-5][0-9])(?::[0-9.]+)?")
"""Some browsers send the seconds too."""
Choice = TypeVar("Choice", bound=str)


class Typed(msgspec.Struct, frozen=True):
    """The form as a person has it before them: texts, whatever they are."""

    email: str = ""
    name: str = ""
    signature: str = ""
    smtp_host: str = ""
    smtp_port: str = ""
    smtp_security: str = "tls"
    imap_host: str = ""
    imap_port: str = "993"
    imap_security: str = "tls"
    login: str = ""
    auth: str = "password"
    token_url: str = ""
    client_id: str = ""
    daily_cap: str = "50"
    ramp_start: str = ""
    ramp_step: str = ""
    gap: str = "60"
    timezone: str = "UTC"
    days: tuple[int, ...] = (1, 2, 3, 4, 5)
    start: str = "09:00"
    end: str = "18:00"
    journal: str = "copy"


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
    return _form(visit, _typed_of_preset(email, preset), why=preset.why)


@views.get("/senders/{id:int}")
async def show_sender(visit: Visit) -> Response:
    """One of them."""
    return await _sender(visit)


@views.get("/senders/{id:int}/edit")
async def show_edit(visit: Visit) -> Response:
    """The form with what is there; secrets stay where they are."""
    sender = await _mine(visit)
    return _form(visit, _typed_of(sender.draft), sender=sender)


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
        securities=_SECURITY,
        journals=_JOURNAL,
    )


def describe_hours(window: Window) -> str:
    """`Mon–Fri 09:00–18:00 Europe/Paris`."""
    days = days_of(window.days)
    if len(days) == 7:
        named = "Every day"
    elif len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        named = f"{_DAYS[days[0]][:3]}–{_DAYS[days[-1]][:3]}"
    else:
        named = ", ".join(_DAYS[each][:3] for each in days)
    return f"{named} {_clock(window.start_second)}–{_clock(window.end_second)} {window.timezone}"


# Changing


@views.post("/senders/new")
async def add(visit: Visit) -> Response:
    """A new one."""
    form = await visit.form()
    typed = _read(form)
    try:
        draft, secrets = _draft(typed), _secrets(form, typed)
        asker = await visit.asker()
        made = await add_sender(
            asker, draft, secrets or Secrets(), member_id=visit.visitor.member_id, secret=visit.house.secret
        )
    except VizslaError as error:
        return _form(visit, typed, problem=error.details)
    return visit.go(f"/senders/{made.id}", "The account is saved. Test its connection next.")


@views.post("/senders/{id:int}/edit")
async def change(visit: Visit) -> Response:
    """Other servers, hours or caps."""
    sender = await _mine(visit)
    form = await visit.form()
    typed = _read(form)
    try:
        draft, secrets = _draft(typed), _secrets(form, typed)
        await change_sender(await visit.asker(), sender.id, draft, secrets, secret=visit.house.secret)
    except VizslaError as error:
        return _form(visit, typed, sender=sender, problem=error.details)
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
    selector, pem = form.text("selector", most=64).lower(), form.exact("key", most=_TOO_LONG)
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


# The form


def _form(
    visit: Visit, typed: Typed, *, sender: Sender | None = None, why: str = "", problem: str | None = None
) -> Response:
    return visit.page(
        "sender_form.html",
        status=422 if problem else 200,
        typed=typed,
        sender=sender,
        why=why,
        problem=problem,
        days=_DAYS,
        securities=_SECURITY,
        auths=_AUTH,
        journals=_JOURNAL,
        zones=sorted({"UTC", typed.timezone, *_zones()}),
    )


def _read(form: Form) -> Typed:
    texts = {
        name: form.text(name, most=_TOO_LONG) for name in Typed.__struct_fields__ if name not in ("days", "signature")
    }
    days = tuple(sorted({int(each) for each in form.texts("days") if each in "0123456" and len(each) == 1}))
    return Typed(**texts, days=days, signature=form.text("signature", most=_TOO_LONG))


def _draft(typed: Typed) -> Draft:
    """What was typed. Raises WrongSender for what is no number, time or choice; the rest is judged where it is kept."""
    ramp = typed.ramp_start or typed.ramp_step
    return Draft(
        email=typed.email,
        name=typed.name,
        signature=typed.signature,
        smtp=_server(typed.smtp_host, typed.smtp_port, typed.smtp_security, "SMTP"),
        imap=_server(typed.imap_host, typed.imap_port, typed.imap_security, "IMAP") if typed.imap_host else None,
        login=typed.login,
        auth=_one_of(_AUTH, typed.auth, "way to log in"),
        daily_cap=_number(typed.daily_cap, "The cap of a day"),
        ramp_start=_number(typed.ramp_start, "The first day's messages") if ramp else None,
        ramp_step=_number(typed.ramp_step, "The messages more each day") if ramp else None,
        gap=_number(typed.gap, "The gap"),
        window=Window(typed.timezone, bits_of(typed.days), _second(typed.start), _second(typed.end) or DAY),
        journal=_one_of(_JOURNAL, typed.journal, "proof that a message left"),
    )


def _secrets(form: Form, typed: Typed) -> Secrets | None:
    """What was typed to log in with; None: nothing was, so what is there stays."""
    most = 5_000
    if typed.auth != "xoauth2":
        password = form.exact("password", most=most)
        return Secrets(password=password) if password else None
    refresh_token, client_secret = form.text("refresh_token", most=most), form.text("client_secret", most=most)
    if not (refresh_token or client_secret):
        return None
    return Secrets(
        token_url=typed.token_url, client_id=typed.client_id, client_secret=client_secret, refresh_token=refresh_token
    )


def _server(host: str, port: str, security: str, kind: str) -> Server:
    return Server(host, _number(port, f"The {kind} port"), _one_of(_SECURITY, security, f"encryption of {kind}"))


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WrongSender(f"{what} is a number.")
    return int(text)


def _one_of(choices: dict[Choice, str], text: str, what: str) -> Choice:
    for choice in choices:
        if choice == text:
            return choice
    raise WrongSender(f"Choose the {what}.")


def _second(text: str) -> int:
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise WrongSender("Give hours as 09:00 and 18:00.")
    return int(clock[1]) * 3_600 + int(clock[2]) * 60


@cache
def _zones() -> tuple[str, ...]:
    """The names that people know: of places, without the aliases that old systems have."""
    return tuple(
        name for name in available_timezones() if name.partition("/")[0] in _CONTINENTS and name.count("/") < 3
    )


def _clock(second: int) -> str:
    return f"{second // 3_600 % 24:02}:{second // 60 % 60:02}"


def _typed_of(draft: Draft) -> Typed:
    window, imap = draft.window, draft.imap
    return Typed(
        email=draft.email,
        name=draft.name,
        signature=draft.signature,
        smtp_host=draft.smtp.host,
        smtp_port=str(draft.smtp.port),
        smtp_security=draft.smtp.security,
        imap_host=imap.host if imap else "",
        imap_port=str(imap.port) if imap else "993",
        imap_security=imap.security if imap else "tls",
        login=draft.login,
        auth=draft.auth,
        daily_cap=str(draft.daily_cap),
        ramp_start=str(draft.ramp_start or ""),
        ramp_step=str(draft.ramp_step or ""),
        gap=str(draft.gap),
        timezone=window.timezone,
        days=tuple(days_of(window.days)),
        start=_clock(window.start_second),
        end=_clock(window.end_second),
        journal=draft.journal,
    )


def _typed_of_preset(email: str, preset: Preset) -> Typed:
    draft = Draft(
        email=email,
        smtp=preset.smtp,
        imap=preset.imap,
        auth=preset.auth,
        daily_cap=preset.daily_cap,
        journal=preset.journal,
    )
    return msgspec.structs.replace(_typed_of(draft), login=email, token_url=preset.token_url)
