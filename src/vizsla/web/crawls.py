"""Crawls: have a domain read that is not known yet, watch it, stop it. And what was read into the index altogether."""

import asyncio
from urllib.parse import quote

from starlette.responses import Response

from vizsla.crawl.requests import PAGES_ASKED
from vizsla.desk.crawls import ask_for_crawl, cancel_crawl, crawlable, find_asked, list_asked
from vizsla.desk.harvests import ask_for_harvest, list_archives
from vizsla.index.runs import find_run, list_runs, stop_run
from vizsla.kit.errors import InvalidDomain, NotFound, VizslaError
from vizsla.web.reasons import explain
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 30


@views.get("/crawls")
async def show_crawls(visit: Visit) -> Response:
    """The crawls that this account asked for."""
    return await _crawls(visit)


async def _crawls(visit: Visit, *, text: str = "", problem: str | None = None, status: int = 200) -> Response:
    asked = await list_asked(visit.house.services, visit.visitor.account_id)
    return visit.page(
        "crawls.html",
        asked=asked,
        is_any_on=any(one.is_on for one in asked),
        text=text,
        problem=problem,
        most=PAGES_ASKED,
        delay=visit.house.services.settings.crawl_delay,
        status=status,
    )


@views.post("/crawls")
async def begin_crawl(visit: Visit) -> Response:
    """Have a domain crawled."""
    form = await visit.form()
    text, who = form.text("domain", most=300), visit.visitor
    try:
        begun = await ask_for_crawl(visit.house.services, who.account_id, who.member_id, text, visit.now)
    except VizslaError as error:
        return await _crawls(visit, text=text, problem=error.details, status=_status(error))
    note = (
        ""
        if begun.is_new
        else f"{begun.domain} was crawled a short while ago, or is being crawled: this is how it stands."
    )
    return visit.go(_address(begun.domain), note)


def _status(error: VizslaError) -> int:
    return {"claimed_email": 451, "too_many_requests": 429}.get(error.id, 422)


@views.get("/crawls/{domain}")
async def show_crawl(visit: Visit) -> Response:
    """One crawl, live."""
    domain = _domain(visit)
    asked = await find_asked(visit.house.services, visit.visitor.account_id, domain)
    if asked is None:
        raise NotFound(f"You have not asked for a crawl of {domain}.")
    skipped = explain(asked.crawl.skipped) if asked.crawl else []
    return visit.page("crawl.html", asked=asked, crawl=asked.crawl, domain=domain, skipped=skipped)


@views.post("/crawls/{domain}/cancel")
async def stop_crawling(visit: Visit) -> Response:
    """Stop one; what was read is kept."""
    domain = _domain(visit)
    stopped = await cancel_crawl(visit.house.services, visit.visitor.account_id, domain, visit.now)
    return visit.go(_address(domain), "Cancelled. What was read is kept." if stopped else "It was over already.")


def _domain(visit: Visit) -> str:
    try:
        return crawlable(visit.request.path_params["domain"])
    except InvalidDomain:
        raise NotFound("There is no such crawl.") from None


def _address(domain: str) -> str:
    return f"/crawls/{quote(domain)}"


@views.get("/harvests", operator=True)
async def show_harvests(visit: Visit) -> Response:
    """Every run that read something into the index, and the archives that could be read."""
    return await _harvests(visit)


async def _harvests(visit: Visit, *, problem: str | None = None, status: int = 200) -> Response:
    before = visit.query("before")
    last = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    runs = await list_runs(visit.stores.index, before=last, most=_PAGE + 1, now=visit.now)
    shown = runs[:_PAGE]
    return visit.page(
        "harvests.html",
        runs=shown,
        is_any_on=any(run.is_on for run in shown),
        archives=await asyncio.to_thread(list_archives, visit.house.services.settings.home),
        folder=str(visit.house.services.settings.home / "warc"),
        newer="/harvests" if last else "",
        older=f"/harvests?before={shown[-1].id}" if len(runs) > _PAGE else "",
        problem=problem,
        status=status,
    )


@views.post("/harvests", operator=True)
async def begin_harvest(visit: Visit) -> Response:
    """Have archives read."""
    form = await visit.form()
    services = visit.house.services
    archives = await asyncio.to_thread(list_archives, services.settings.home)
    try:
        run_id = await ask_for_harvest(services, form.texts("archive"), archives, visit.now)
    except VizslaError as error:
        return await _harvests(visit, problem=error.details, status=422)
    return visit.go(f"/harvests/{run_id}")


@views.get("/harvests/{run_id}", operator=True)
async def show_harvest(visit: Visit) -> Response:
    """One run, live."""
    run = await find_run(visit.stores.index, _run_id(visit), visit.now)
    if run is None:
        raise NotFound("There is no such run. Those of the last 90 days are kept.")
    return visit.page("harvest.html", run=run, dropped=explain(run.counts.dropped))


@views.post("/harvests/{run_id}/cancel", operator=True)
async def stop_harvest(visit: Visit) -> Response:
    """Stop one that was asked for here."""
    run_id = _run_id(visit)
    async with visit.stores.index.write() as conn:
        stopped = await stop_run(conn, run_id, visit.now)
    return visit.go(
        f"/harvests/{run_id}", "It ends at the next page." if stopped else "It cannot be stopped from here."
    )


def _run_id(visit: Visit) -> int:
    text = visit.request.path_params["run_id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such run.")
    return int(text)
