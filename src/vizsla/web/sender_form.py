"""What does somebody type who adds a mail account or changes one? Texts, until they are read."""

import re
from functools import cache
from typing import TypeVar
from zoneinfo import available_timezones

import msgspec
from starlette.responses import Response

from vizsla.campaigns.presets import Preset
from vizsla.campaigns.senders import Auth, Draft, Journal, Secrets, Sender, WrongSender
from vizsla.campaigns.window import Window, bits_of, days_of
from vizsla.kit.clock import DAY
from vizsla.mail.server import Security, Server
from vizsla.web.visit import Form, Visit

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
SECURITIES: dict[Security, str] = {"tls": "TLS", "starttls": "STARTTLS", "none": "None, in your own network"}
_AUTH: dict[Auth, str] = {"password": "A password", "xoauth2": "OAuth 2"}
JOURNALS: dict[Journal, str] = {
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


def show_form(
    visit: Visit, typed: Typed, *, sender: Sender | None = None, why: str = "", problem: str | None = None
) -> Response:
    return visit.page(
        "sender_form.html",
        status=422 if problem else 200,
        typed=typed,
        sender=sender,
        why=why,
        problem=problem,
        days=DAYS,
        securities=SECURITIES,
        auths=_AUTH,
        journals=JOURNALS,
        zones=sorted({"UTC", typed.timezone, *_zones()}),
    )


def read_typed(form: Form) -> Typed:
    texts = {
        name: form.text(name, most=_TOO_LONG) for name in Typed.__struct_fields__ if name not in ("days", "signature")
    }
    days = tuple(sorted({int(each) for each in form.texts("days") if each in "0123456" and len(each) == 1}))
    return Typed(**texts, days=days, signature=form.text("signature", most=_TOO_LONG))


def draft_of(typed: Typed) -> Draft:
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
        journal=_one_of(JOURNALS, typed.journal, "proof that a message left"),
    )


def secrets_of(form: Form, typed: Typed) -> Secrets | None:
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
    return Server(host, _number(port, f"The {kind} port"), _one_of(SECURITIES, security, f"encryption of {kind}"))


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


def clock_text(second: int) -> str:
    return f"{second // 3_600 % 24:02}:{second // 60 % 60:02}"


def typed_of(draft: Draft) -> Typed:
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
        start=clock_text(window.start_second),
        end=clock_text(window.end_second),
        journal=draft.journal,
    )


def typed_of_preset(email: str, preset: Preset) -> Typed:
    draft = Draft(
        email=email,
        smtp=preset.smtp,
        imap=preset.imap,
        auth=preset.auth,
        daily_cap=preset.daily_cap,
        journal=preset.journal,
    )
    return msgspec.structs.replace(typed_of(draft), login=email, token_url=preset.token_url)
