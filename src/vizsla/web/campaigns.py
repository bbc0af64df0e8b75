"""
Campaigns: all of them with how far they are, a new one, and what is done to one as a whole.

A campaign is made in four pages, its tabs: messages, recipients, settings, preview. Before it starts a page of its own says what is
missing, and when the first messages would leave.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from vizsla.campaigns.campaign import (
    Campaign,
    Changes,
    create_campaign,
    delete_campaign,
    get_campaign,
    list_campaigns,
    pause,
    senders_of,
)
from vizsla.campaigns.overview import next_times, written_to
from vizsla.campaigns.readiness import Lacking, find_lacking
from vizsla.campaigns.senders import list_senders
from vizsla.campaigns.starting import archive_campaign, duplicate, next_sends, resume, start_campaign
from vizsla.campaigns.stats import Standing, Word, standings
from vizsla.campaigns.steps import list_steps
from vizsla.kit.errors import VizslaError
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 25
LABELS: dict[Word, tuple[str, str]] = {
    "draft": ("draft", ""),
    "preparing": ("active", "active"),
    "planned": ("planned", "waiting"),
    "active": ("active", "active"),
    "paused": ("paused", "waiting"),
    "error": ("on hold", "error"),
    "completed": ("completed", "done"),
    "archived": ("archived", ""),
}
"""What a standing is called, and its colour."""


class Row(msgspec.Struct, frozen=True):
    """A campaign in the list."""

    campaign: Campaign
    standing: Standing
    label: str
    look: str
    written: int
    """Recipients who were sent the introduction."""
    next_at: int | None


async def rows_of(visit: Visit, campaigns: list[Campaign]) -> list[Row]:
    """*campaigns* as they are shown."""
    app, account_id = visit.stores.app, visit.visitor.account_id
    found = await standings(app, account_id, campaigns, visit.now)
    written = await written_to(app, account_id, [one.id for one in campaigns])
    times = await next_times(app, account_id, campaigns, found, visit.now)
    return [
        Row(one, found[one.id], *LABELS[found[one.id].word], written.get(one.id, 0), times.get(one.id))
        for one in campaigns
    ]


async def get_row(visit: Visit) -> Row:
    """The campaign of the path, as its pages show it. Raises CampaignNotFound."""
    found = await get_campaign(visit.stores.app, visit.visitor.account_id, visit.id())
    return (await rows_of(visit, [found]))[0]


async def campaign_page(
    visit: Visit, name: str, *, row: Row | None = None, status: int = 200, problem: str = "", **values: Any
) -> Response:
    """A page of one campaign: its head and its tabs, and what the template *name* shows below."""
    row = row or await get_row(visit)
    return visit.page(
        name,
        status=status,
        problem=problem,
        row=row,
        campaign=row.campaign,
        at=f"/campaigns/{row.campaign.id}",
        **values,
    )


@views.get("/campaigns")
async def show_all(visit: Visit) -> Response:
    """Campaigns, newest first; those that were put away on a page of their own."""
    return await _all(visit)


async def _all(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    archived = visit.query("archived") == "1"
    offset = visit.count("offset", most=100_000)
    found = await list_campaigns(app, account_id, archived=archived, limit=_PAGE + 1, offset=offset)
    rows = await rows_of(visit, found[:_PAGE])
    kept = "archived=1&" if archived else ""
    return visit.page(
        "campaigns.html",
        status=status,
        problem=problem,
        rows=rows,
        archived=archived,
        offset=offset,
        has_senders=bool(await list_senders(app, account_id, limit=1)),
        is_moving=any(row.standing.word in ("active", "preparing") for row in rows),
        before=f"/campaigns?{kept}offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"/campaigns?{kept}offset={offset + _PAGE}" if len(found) > _PAGE else "",
    )


@views.post("/campaigns")
async def create(visit: Visit) -> Response:
    """A draft, sent from the only account there is, if there is one alone, within its hours."""
    name = (await visit.form()).line("name", most=200)
    who, app = visit.visitor, visit.stores.app
    senders = await list_senders(app, who.account_id, limit=2)
    wanted = Changes(name=name)
    if len(senders) == 1:
        hours = senders[0].window
        wanted = Changes(
            name=name,
            sender_ids=(senders[0].id,),
            timezone=hours.timezone,
            days=hours.days,
            start_second=hours.start_second,
            end_second=hours.end_second,
        )
    try:
        async with app.write() as conn:
            made = await create_campaign(conn, who.account_id, who.member_id, wanted, visit.now)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _all(visit, status=status, problem=sentence)
    return visit.go(f"/campaigns/{made.id}/messages")


@views.get("/campaigns/{id:int}/start")
async def ask_to_start(visit: Visit) -> Response:
    """What is missing, and when the first messages would leave."""
    return await _check(visit)


async def _check(visit: Visit, *, status: int = 200, problem: str = "") -> Response:
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    id_ = row.campaign.id
    chosen = set(await senders_of(app, account_id, id_))
    lacking: list[Lacking] = []
    try:
        lacking = await find_lacking(app, account_id, id_)
    except VizslaError as error:
        problem = problem or error.details
    return await campaign_page(
        visit,
        "campaign_start.html",
        row=row,
        status=status,
        problem=problem,
        senders=[one for one in await list_senders(app, account_id) if one.id in chosen],
        steps=await list_steps(app, account_id, id_),
        lacking=lacking,
        times=await next_sends(app, account_id, row.campaign, visit.now),
    )


@views.post("/campaigns/{id:int}/start")
async def start(visit: Visit) -> Response:
    """Let it run."""
    account_id, id_ = visit.visitor.account_id, visit.id()
    try:
        async with visit.stores.app.write() as conn:
            await start_campaign(conn, visit.house.services.claims, account_id, id_, visit.now)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _check(visit, status=status, problem=sentence)
    return visit.go(f"/campaigns/{id_}", "The campaign is started.", undo=f"/campaigns/{id_}/pause")


@views.post("/campaigns/{id:int}/pause")
async def stop_for_now(visit: Visit) -> Response:
    """Nothing leaves until it is resumed."""
    id_ = visit.id()
    async with visit.stores.app.write() as conn:
        await pause(conn, visit.visitor.account_id, id_, visit.now)
    return visit.go(f"/campaigns/{id_}", "Paused: nothing leaves until you go on.", undo=f"/campaigns/{id_}/resume")


@views.post("/campaigns/{id:int}/resume")
async def go_on(visit: Visit) -> Response:
    """Go on after a pause."""
    id_ = visit.id()
    async with visit.stores.app.write() as conn:
        await resume(conn, visit.visitor.account_id, id_, visit.now)
    return visit.go(f"/campaigns/{id_}", "It goes on.")


@views.post("/campaigns/{id:int}/duplicate")
async def copy(visit: Visit) -> Response:
    """A draft like it, without recipients."""
    who = visit.visitor
    async with visit.stores.app.write() as conn:
        made = await duplicate(conn, who.account_id, who.member_id, visit.id(), visit.now)
    return visit.go(f"/campaigns/{made.id}/messages", "This is the copy: a draft, without recipients.")


@views.get("/campaigns/{id:int}/archive")
async def ask_to_archive(visit: Visit) -> Response:
    """What that means, and a button."""
    return await campaign_page(visit, "campaign_sure.html", what="archive")


@views.post("/campaigns/{id:int}/archive")
async def put_away(visit: Visit) -> Response:
    """For good: whoever waits for a message gets none."""
    account_id, id_ = visit.visitor.account_id, visit.id()
    async with visit.stores.app.write() as conn:
        await archive_campaign(conn, visit.house.services.claims, account_id, id_, visit.now)
    return visit.go(f"/campaigns/{id_}", "Archived. What was sent, and what came back, stays here.")


@views.get("/campaigns/{id:int}/delete")
async def ask_to_delete(visit: Visit) -> Response:
    """What would be lost, and a button."""
    return await campaign_page(visit, "campaign_sure.html", what="delete")


@views.post("/campaigns/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """Drop a draft."""
    async with visit.stores.app.write() as conn:
        await delete_campaign(conn, visit.visitor.account_id, visit.id())
    return visit.go("/campaigns", "The draft is deleted.")
