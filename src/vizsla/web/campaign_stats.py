"""What came of a campaign: how it stands, how many were written to and what they did, by message and by day, with machines or without."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from vizsla.campaigns.campaign import Campaign
from vizsla.campaigns.held import count_held, list_held
from vizsla.campaigns.stats import DayFigures, Figures, figures, figures_by_day, rate, stop_reasons
from vizsla.campaigns.steps import list_steps
from vizsla.kit.clock import DAY, day
from vizsla.web.campaign_recipients import WHY
from vizsla.web.campaigns import Row, campaign_page, get_row
from vizsla.web.charts import Bar
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_FEW = 5_000
"""Recipients up to whom the page looks every other second: counting them takes milliseconds."""
_HELD = 50
"""Recipients who wait for a person that are shown."""
_DAYS = 60
"""Days that are shown."""


class _Line(msgspec.Struct, frozen=True):
    """A line of a table of figures."""

    label: str
    counts: tuple[int, ...]
    """In the order of `_COLUMNS`."""
    rates: tuple[float, ...] = ()


_COLUMNS = ("sent", "opened", "clicked", "replied", "bounced", "unsubscribed")


@views.get("/campaigns/{id:int}")
async def show_results(visit: Visit) -> Response:
    """The page asks for itself again while messages leave or may be answered."""
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    one, bots = row.campaign, visit.query("bots") == "1"
    steps = await list_steps(app, account_id, one.id)
    mark = ""
    values: dict[str, Any] = {}
    if not one.is_draft:
        whole = await figures(app, account_id, one.id, len(steps))
        days = await figures_by_day(app, account_id, one.id, visit.now - _DAYS * DAY)
        mark = f"{_mark(row, whole, days)}-{bots}"
        if "hx-request" in visit.request.headers and visit.query("seen") == mark:
            return Response(status_code=204)
        values = _values(one, whole, days, bots=bots)
        values["held"] = await list_held(app, account_id, one.id, limit=_HELD)
        values["held_count"] = await count_held(app, account_id, one.id) if values["held"] else 0
        values["reasons"] = await stop_reasons(app, account_id, one.id)
    return await campaign_page(
        visit,
        "campaign.html",
        row=row,
        steps=steps,
        bots=bots,
        mark=mark,
        why=WHY,
        columns=_COLUMNS,
        is_moving=row.standing.word in ("active", "preparing", "completed"),
        pace=2 if one.recipients_count <= _FEW else 60,
        **values,
    )


def _mark(row: Row, whole: Figures, days: Sequence[DayFigures]) -> str:
    """Other as soon as the page says something else."""
    counts = [whole.sent, whole.opened, whole.clicked, whole.replied, whole.bounced, whole.unsubscribed]
    counts += [sum(one.opened_by_bots + one.clicked_by_bots for one in days), row.campaign.recipients_count]
    return f"{row.standing.word}-{row.next_at}-{'-'.join(map(str, counts))}"


def _values(one: Campaign, whole: Figures, days: Sequence[DayFigures], *, bots: bool) -> dict[str, Any]:
    opened_by_bots = sum(each.opened_by_bots for each in days) if bots else 0
    clicked_by_bots = sum(each.clicked_by_bots for each in days) if bots else 0
    stages = [Bar("Written to", (float(whole.sent), 0.0))]
    if one.tracks_opens or whole.opened:
        stages.append(Bar("Opened", (float(whole.opened), float(opened_by_bots))))
    if one.tracks_clicks or whole.clicked:
        stages.append(Bar("Clicked", (float(whole.clicked), float(clicked_by_bots))))
    stages.append(Bar("Answered", (float(whole.replied), 0.0)))
    stages.append(Bar("Bounced", (float(whole.bounced), 0.0)))
    stages.append(Bar("Unsubscribed", (float(whole.unsubscribed), 0.0)))
    by_day = _by_day(days, bots=bots)
    return {
        "figures": whole,
        "stages": stages,
        "machines": opened_by_bots + clicked_by_bots,
        "lines": [
            _Line(
                "Introduction" if each.step == 0 else f"Follow-up {each.step}",
                tuple(getattr(each, name) for name in _COLUMNS),
                tuple(rate(getattr(each, name), each.delivered) for name in _COLUMNS),
            )
            for each in whole.steps
        ],
        "days": [_Line(day(at * DAY), counts) for at, counts in sorted(by_day.items(), reverse=True)],
        "sent_by_day": [Bar(day(at * DAY)[5:], (float(counts[0]),)) for at, counts in sorted(by_day.items())],
        "back_by_day": [
            Bar(day(at * DAY)[5:], (float(counts[3]), float(counts[4]), float(counts[5])))
            for at, counts in sorted(by_day.items())
        ],
        "has_answers": any(any(counts[3:]) for counts in by_day.values()),
    }


def _by_day(days: Sequence[DayFigures], *, bots: bool) -> dict[int, tuple[int, ...]]:
    """All steps of a day together, in the order of `_COLUMNS`."""
    found = defaultdict[int, list[int]](lambda: [0] * len(_COLUMNS))
    for one in days:
        counts = (
            one.sent,
            one.opened + (one.opened_by_bots if bots else 0),
            one.clicked + (one.clicked_by_bots if bots else 0),
            one.replied,
            one.bounced,
            one.unsubscribed,
        )
        found[one.day] = [total + more for total, more in zip(found[one.day], counts, strict=True)]
    return {at: tuple(counts) for at, counts in found.items()}
