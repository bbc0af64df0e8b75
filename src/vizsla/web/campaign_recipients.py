"""
Whom does a campaign write to, how far is it with each of them, and why did it stop?

Recipients are added from addresses, leads and lists; those who were skipped are named with the reason. Canceled ones are never added
again: so they do not come back with the next list.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.responses import Response, StreamingResponse

from vizsla.campaigns.campaign import list_campaigns
from vizsla.campaigns.facts import Ground
from vizsla.campaigns.held import note_it_left, release_all_late, send_all_the_same
from vizsla.campaigns.recipients import (
    MOST_AT_ONCE,
    Recipient,
    Skipped,
    cancel_recipients,
    get_recipient,
    list_recipients,
    mark_successful,
)
from vizsla.campaigns.starting import retry_failed
from vizsla.campaigns.stats import stop_reasons
from vizsla.campaigns.tasks import list_tasks
from vizsla.desk.campaigns import Joined, Shown, join, with_leads
from vizsla.kit.clock import time_text
from vizsla.kit.csv_file import harmless, write_rows
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.leads.lists import page_of_lists
from vizsla.web.campaigns import campaign_page, get_row
from vizsla.web.problems import problem_of
from vizsla.web.render import HEADERS
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_PAGE = 50
_MOST_LINES = 1_000
"""Addresses of one form."""
_SPLIT = re.compile(r"[\s,;]+")
_EXPORTED = 500
"""Rows that are read at once."""
WHY: Mapping[str, str] = {
    "replied": "they answered",
    "bounced": "the address does not exist",
    "soft_bounces": "the mailbox was full too often",
    "unsubscribed": "they unsubscribed",
    "complained": "they called it spam",
    "suppressed": "on the list of those who are not written to",
    "claimed": "they asked this server to be left alone",
    "company_replied": "somebody at their company answered",
    "removed": "canceled",
    "successful": "marked as successful",
    "archived": "the campaign was archived",
    "missing_value": "a merge field has no value",
    "error": "the message could not be sent",
    "stopped": "you stopped it",
}
"""Why a recipient gets nothing more."""
SKIPPED: Mapping[str, str] = {
    "duplicate": "is in this campaign already",
    "invalid": "is not an address that mail can be sent to",
    "removed": "was canceled in this campaign before",
    "bounced": "bounced before",
    "unsubscribed": "unsubscribed, or is on your list of those who are not written to",
    "claimed": "asked this server to be left alone",
}
"""Why somebody was not added."""
_STATUSES = ("pending", "sent", "opened", "clicked")


@views.get("/campaigns/{id:int}/recipients")
async def show_recipients(visit: Visit) -> Response:
    """A page of them."""
    return await _page(visit)


async def _page(
    visit: Visit, *, status: int = 200, problem: str = "", typed: str = "", joined: Joined | None = None
) -> Response:
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    id_, offset = row.campaign.id, visit.count("offset", most=2_000_000)
    reasons = await stop_reasons(app, account_id, id_)
    wanted = visit.query("status", most=30)
    shown = wanted if wanted in _STATUSES or wanted in reasons else ""
    found = await list_recipients(app, account_id, id_, limit=_PAGE + 1, offset=offset, status=shown or None)
    kept = f"status={shown}&" if shown else ""
    here = f"/campaigns/{id_}/recipients"
    tasks = await list_tasks(app, account_id, id_)
    return await campaign_page(
        visit,
        "campaign_recipients.html",
        row=row,
        status=status,
        problem=problem,
        typed=typed,
        joined=joined,
        skips=Counter(one.reason for one in joined.skipped) if joined else Counter[str](),
        shown=await with_leads(app, account_id, found[:_PAGE]),
        lists=await page_of_lists(app, account_id, limit=200),
        reasons=reasons,
        statuses=_STATUSES,
        chosen=shown,
        why=WHY,
        skipped=SKIPPED,
        tasks=[one for one in tasks if one.ended_at is None],
        failed=sum(reasons.get(word, 0) for word in ("error", "missing_value")),
        before=f"{here}?{kept}offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"{here}?{kept}offset={offset + _PAGE}" if len(found) > _PAGE else "",
        this=f"{here}?{kept}offset={offset}",
    )


@views.post("/campaigns/{id:int}/recipients")
async def add(visit: Visit) -> Response:
    """Addresses, leads, and all leads of lists: all of them, or nobody if one is malformed."""
    row, form = await get_row(visit), await visit.form()
    typed, id_ = form.text("emails", most=100_000), row.campaign.id
    try:
        joined = await _join(visit, id_, form, [text for text in _SPLIT.split(typed) if text])
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _page(visit, status=422 if status == 404 else status, problem=sentence, typed=typed)
    if joined.skipped:
        return await _page(visit, joined=joined)
    more = "" if joined.is_over else " The rest of the list follows."
    return visit.go(f"/campaigns/{id_}/recipients", f"{joined.added:,} added.{more}")


async def _join(visit: Visit, id_: int, form: Form, emails: list[str]) -> Joined:
    """One transaction, in parts as large as the API's. Raises what `desk.campaigns.join` does."""
    lead_ids, list_ids = _numbers(form, "lead_id"), _numbers(form, "list")
    if not emails and not lead_ids and not list_ids:
        raise WrongParams("Type some addresses, or choose a list.")
    if len(emails) > _MOST_LINES or len(lead_ids) > _MOST_LINES:
        raise WrongParams(f"Add {_MOST_LINES:,} addresses at once; more come as a list of leads.")
    added, skipped, is_over = 0, list[Skipped](), True
    services, account_id = visit.house.services, visit.visitor.account_id
    async with visit.stores.app.write() as conn:
        for start in range(0, max(len(emails), len(lead_ids), 1), MOST_AT_ONCE):
            part = slice(start, start + MOST_AT_ONCE)
            did = await join(
                conn, services, account_id, id_,
                emails=emails[part], lead_ids=lead_ids[part], list_ids=list_ids if not start else (), now=visit.now,
            )  # fmt: skip
            added, is_over = added + did.added, is_over and did.is_over
            skipped += did.skipped
    return Joined(added, tuple(skipped), is_over)


def _numbers(form: Form, name: str) -> list[int]:
    return _ids(form.texts(name))


@views.get("/campaigns/{id:int}/recipients.csv")
async def export(visit: Visit) -> Response:
    """All of them as a file."""
    row = await get_row(visit)
    headers = dict(HEADERS) | {"Content-Disposition": f'attachment; filename="campaign-{row.campaign.id}.csv"'}
    return StreamingResponse(_rows(visit, row.campaign.id), media_type="text/csv; charset=utf-8", headers=headers)


async def _rows(visit: Visit, campaign_id: int) -> AsyncIterator[str]:
    app, account_id = visit.stores.app, visit.visitor.account_id
    yield write_rows([("email", "first_name", "last_name", "company", "sending_status", "step", "next_message", "stopped_because",
                       "last_message", "trouble")])  # fmt: skip
    offset = 0
    while True:
        found = await list_recipients(app, account_id, campaign_id, limit=_EXPORTED, offset=offset)
        yield write_rows([_cells(one) for one in await with_leads(app, account_id, found)])
        offset += len(found)
        if len(found) < _EXPORTED:
            return


def _cells(shown: Shown) -> list[str]:
    one, lead = shown.recipient, shown.lead
    names = (lead.first_name, lead.last_name, lead.company) if lead else (None, None, None)
    cells = (
        one.address, *names, one.sending_status, str(one.step), _time(one.due), one.stop_reason, _time(one.sent_at), one.trouble,
    )  # fmt: skip
    return [harmless(text or "") for text in cells]


def _time(at: int | None) -> str | None:
    return time_text(at) if at else None


@views.post("/campaigns/{id:int}/recipients/retry")
async def retry(visit: Visit) -> Response:
    """Those who ended in an error, once more."""
    id_ = visit.id()
    async with visit.stores.app.write() as conn:
        did = await retry_failed(conn, visit.house.services.claims, visit.visitor.account_id, id_, visit.now)
    return visit.go(
        f"/campaigns/{id_}/recipients", f"{did.done:,} are tried again{'' if did.is_over else ', and more follow'}."
    )


@views.post("/campaigns/{id:int}/recipients/{recipient:int}/cancel")
async def cancel(visit: Visit) -> Response:
    """Nothing more to one of them, in this campaign."""
    one = await _recipient(visit)
    async with visit.stores.app.write() as conn:
        await cancel_recipients(conn, visit.visitor.account_id, one.campaign_id, [one.email], visit.now)
    return visit.go(f"/campaigns/{one.campaign_id}/recipients", f"{one.address} gets nothing more from this campaign.")


@views.post("/campaigns/{id:int}/recipients/{recipient:int}/success")
async def succeed(visit: Visit) -> Response:
    """They did what was hoped for: nothing more to them."""
    one = await _recipient(visit)
    async with visit.stores.app.write() as conn:
        await mark_successful(conn, visit.visitor.account_id, one.campaign_id, one.id, visit.now)
    return visit.go(f"/campaigns/{one.campaign_id}/recipients", f"{one.address} is marked as successful.")


@views.post("/campaigns/{id:int}/recipients/{recipient:int}/send")
async def send(visit: Visit) -> Response:
    """What waits for somebody to say so is sent."""
    id_, recipient = visit.id(), visit.id("recipient")
    async with visit.stores.app.write() as conn:
        await send_all_the_same(conn, _ground(visit), visit.visitor.account_id, id_, recipient, now=visit.now)
    return visit.go(f"/campaigns/{id_}", "It is sent.")


@views.post("/campaigns/{id:int}/recipients/{recipient:int}/left")
async def note_left(visit: Visit) -> Response:
    """They have it already."""
    id_, recipient = visit.id(), visit.id("recipient")
    async with visit.stores.app.write() as conn:
        await note_it_left(conn, _ground(visit), visit.visitor.account_id, id_, recipient, now=visit.now)
    return visit.go(f"/campaigns/{id_}", "It counts as sent.")


@views.post("/campaigns/{id:int}/recipients/release")
async def release(visit: Visit) -> Response:
    """All that is late is sent all the same."""
    id_ = visit.id()
    async with visit.stores.app.write() as conn:
        released = await release_all_late(conn, visit.visitor.account_id, id_, visit.now)
    return visit.go(f"/campaigns/{id_}", f"{released:,} are sent all the same, at the pace of the accounts.")


def _ground(visit: Visit) -> Ground:
    return Ground(visit.stores.index, visit.house.services.claims)


async def _recipient(visit: Visit) -> Recipient:
    return await get_recipient(visit.stores.app, visit.visitor.account_id, visit.id(), visit.id("recipient"))


class _Open(msgspec.Struct, frozen=True):
    id: int
    name: str


@views.get("/campaigns/add")
async def choose_campaign(visit: Visit) -> Response:
    """For leads that were chosen elsewhere (`lead_id`, or as the table of leads sends them) or lists (`list`): to which campaign?"""
    app, account_id = visit.stores.app, visit.visitor.account_id
    params = visit.request.query_params
    which = visit.query("which", most=10)
    chosen = [*params.getlist("lead_id"), *params.getlist("id")]
    if which == "page":
        chosen = params.get("shown", "").split(",")
    found = await list_campaigns(app, account_id, archived=False, limit=100)
    return visit.page(
        "campaign_add.html",
        campaigns=[_Open(one.id, one.name) for one in found],
        leads=_ids(chosen)[:_MOST_LINES],
        lists=_ids(params.getlist("list"))[:50],
        is_all=which == "all",
    )


def _ids(texts: list[str]) -> list[int]:
    return list(dict.fromkeys(int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19))
