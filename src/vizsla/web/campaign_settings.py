"""Who sends a campaign, at what hours, and how does it behave? What is settled by its start is shown, and cannot be changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from msgspec import UNSET
from starlette.responses import Response

from vizsla.campaigns.campaign import Campaign, Changes, InvalidCampaign, change_campaign, senders_of
from vizsla.campaigns.senders import list_senders
from vizsla.campaigns.starting import next_sends
from vizsla.campaigns.window import bits_of, days_of
from vizsla.kit.clock import DAY
from vizsla.kit.errors import VizslaError
from vizsla.web.campaigns import campaign_page, get_row
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_WEEK = ((1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (0, "Sun"))
_LATENESS = ((3_600, "an hour"), (DAY, "a day"), (3 * DAY, "three days"), (7 * DAY, "a week"), (30 * DAY, "a month"))


@cache
def timezones() -> list[str]:
    """Those that people name: places, and UTC."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))]


@views.get("/campaigns/{id:int}/settings")
async def show_settings(visit: Visit) -> Response:
    """The form, with the next ten times at which messages may leave."""
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    chosen = await senders_of(app, account_id, row.campaign.id)
    return await _page(visit, _shown(row.campaign, chosen))


async def _page(visit: Visit, given: Mapping[str, Any], *, status: int = 200, problem: str = "") -> Response:
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    one = row.campaign
    return await campaign_page(
        visit,
        "campaign_settings.html",
        row=row,
        status=status,
        problem=problem,
        given=given,
        is_open=one.is_draft and one.archived_at is None,
        senders=await list_senders(app, account_id),
        week=_WEEK,
        zones=sorted({*timezones(), one.timezone}),
        lateness=sorted({*_LATENESS, (one.max_lateness, _spelled(one.max_lateness))}),
        times=await next_sends(app, account_id, one, visit.now),
    )


def _spelled(seconds: int) -> str:
    known = dict(_LATENESS)
    return known.get(seconds) or (
        f"{seconds // DAY} days" if seconds >= 2 * DAY else f"{max(1, seconds // 60)} minutes"
    )


def _shown(one: Campaign, chosen: list[int]) -> dict[str, Any]:
    """What stands in the fields."""
    return {
        "name": one.name,
        "senders": set(chosen),
        "timezone": one.timezone,
        "days": set(days_of(one.days)),
        "start": _clock(one.start_second),
        "end": _clock(one.end_second),
        "start_at": _wall(one.start_at, one.timezone),
        "tracks_opens": one.tracks_opens,
        "tracks_clicks": one.tracks_clicks,
        "adds_unsubscribe": one.adds_unsubscribe,
        "stops_company": one.stops_company,
        "absence_days": one.absence_days,
        "max_lateness": one.max_lateness,
        "uncertain": one.uncertain,
        "bcc": one.bcc or "",
    }


@views.post("/campaigns/{id:int}/settings")
async def save(visit: Visit) -> Response:
    """Write what was said."""
    row, form = await get_row(visit), await visit.form()
    account_id, one = visit.visitor.account_id, row.campaign
    is_open = one.is_draft and one.archived_at is None
    try:
        changes = _read(form, is_open=is_open)
        async with visit.stores.app.write() as conn:
            await change_campaign(conn, account_id, one.id, changes, visit.now)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        settled = _shown(one, await senders_of(visit.stores.app, account_id, one.id))
        return await _page(visit, settled | _typed(form, is_open=is_open), status=status, problem=sentence)
    return visit.go(f"/campaigns/{one.id}/settings", "Saved.")


def _typed(form: Form, *, is_open: bool) -> dict[str, Any]:
    """The fields as they were sent, to be shown again."""
    flags = {name: form.has(name) for name in ("adds_unsubscribe", "stops_company")}
    typed: dict[str, Any] = {
        "name": form.line("name", most=200),
        "absence_days": form.text("absence_days", most=6),
        "uncertain": form.text("uncertain", most=10),
        "bcc": form.text("bcc", most=320),
        **flags,
    }
    if is_open:
        typed |= {
            "senders": set(_numbers(form, "sender")),
            "timezone": form.text("timezone", most=60),
            "days": set(_numbers(form, "day")),
            "start": form.text("start", most=8),
            "end": form.text("end", most=8),
            "start_at": form.text("start_at", most=20),
            "tracks_opens": form.has("tracks_opens"),
            "tracks_clicks": form.has("tracks_clicks"),
        }
    return typed


def _read(form: Form, *, is_open: bool) -> Changes:
    """What the form says. Raises InvalidCampaign."""
    zone = form.text("timezone", most=60)
    absence, lateness = form.number("absence_days"), form.number("max_lateness")
    return Changes(
        name=form.line("name", most=200),
        sender_ids=tuple(_numbers(form, "sender")) if is_open else UNSET,
        timezone=zone if is_open else UNSET,
        days=bits_of([day for day in _numbers(form, "day") if day < 7]) if is_open else UNSET,
        start_second=_second(form.text("start"), is_end=False) if is_open else UNSET,
        end_second=_second(form.text("end"), is_end=True) if is_open else UNSET,
        start_at=_seconds(form.text("start_at"), zone) if is_open else UNSET,
        tracks_opens=form.has("tracks_opens") if is_open else UNSET,
        tracks_clicks=form.has("tracks_clicks") if is_open else UNSET,
        adds_unsubscribe=form.has("adds_unsubscribe"),
        stops_company=form.has("stops_company"),
        absence_days=-1 if absence is None else absence,
        max_lateness=UNSET if lateness is None else lateness,
        uncertain=form.text("uncertain", most=10),
        bcc=form.text("bcc", most=320) or None,
    )


def _numbers(form: Form, name: str) -> list[int]:
    return [int(text) for text in form.texts(name) if text.isascii() and text.isdigit() and len(text) < 19]


def _clock(second: int) -> str:
    """`09:00`; the end of the day is midnight, as clocks show it."""
    return f"{second // 3_600 % 24:02}:{second // 60 % 60:02}"


def _second(text: str, *, is_end: bool) -> int:
    """Of the day. Raises InvalidCampaign."""
    hours, _, minutes = text[:5].partition(":")
    if not (hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()):
        raise InvalidCampaign("Give the hours as 09:00.")
    second = int(hours) * 3_600 + int(minutes) * 60
    return DAY if is_end and second == 0 else second


def _wall(at: int | None, zone: str) -> str:
    """As a field for date and time wants it."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if at else ""


def _seconds(text: str, zone: str) -> int | None:
    """What the clocks of *zone* show, in seconds since 1970; None of nothing. Raises InvalidCampaign."""
    if not text:
        return None
    try:
        wall = datetime.fromisoformat(text)
        there = ZoneInfo(zone) if zone in available_timezones() else UTC
        return int(wall.replace(tzinfo=there).timestamp())
    except (ValueError, OverflowError):
        raise InvalidCampaign("Give the start as a date and a time, such as 2026-12-01 09:00.") from None
