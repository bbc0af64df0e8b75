"""
What goes on while a server runs?

One loop for each concern, every one over rows that are due, so that any number of processes may run them on one PostgreSQL.
A loop that fails says so and goes on: a database that was away for a minute must not end them.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from vizsla.accounts.uploads import KEPT as UPLOADS_KEPT
from vizsla.accounts.uploads import forget_uploads
from vizsla.crawl.requests import forget_crawls
from vizsla.finder.bulk import findings
from vizsla.finder.bulk_searches import searches
from vizsla.index.ageing import Ageing
from vizsla.index.figures import count_if_due
from vizsla.index.runs import KEPT as RUNS_KEPT
from vizsla.index.runs import forget_runs
from vizsla.kit.clock import DAY
from vizsla.kit.errors import StoreError
from vizsla.mail.outgoing import forget_mail
from vizsla.storage.migrate import is_outgrown
from vizsla.verifier.bulk_store import forget_lists
from vizsla.verifier.store import forget_stale
from vizsla.work.bulk import Bulk
from vizsla.work.campaign_tasks import forget as forget_campaign_tasks
from vizsla.work.campaign_tasks import work_on_campaign_tasks
from vizsla.work.campaigns import send_campaigns
from vizsla.work.claims import finish_pending, look_for_proofs
from vizsla.work.crawls import crawl_one
from vizsla.work.crm import sync_leads
from vizsla.work.egress import watch_egress
from vizsla.work.findings import work_on_lists
from vizsla.work.harvests import harvest_one
from vizsla.work.leads import forget as forget_leads_tasks
from vizsla.work.leads import work_on_imports, work_on_tasks
from vizsla.work.learning import learn
from vizsla.work.leased import Lost, name_worker
from vizsla.work.mail import send_mail
from vizsla.work.mailboxes import listen_to_mailboxes
from vizsla.work.orphans import free_orphans
from vizsla.work.replies import send_replies
from vizsla.work.searches import work_on_searches
from vizsla.work.tidying import tidy
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.webhooks import tell_endpoints, tidy_deliveries
from vizsla.work.workplace import Tell, Workplace

CRAWLS_AT_ONCE = 4
"""Most of a crawl is waiting until it is polite to ask again."""
LOOK = 2.0
"""Seconds between two looks for work, where there was none."""
_HOUR = 3_600.0
_KEPT = 30 * DAY
"""Seconds for which a verification is kept after its verdict went stale (its evidence may still be asked for), a list after its end."""
_SCHEMA = 5.0
"""Seconds between two looks whether the databases are still of the shape this program knows."""
_BREATH = 0.05
"""Seconds between two steps of what nobody waits for."""
Concern = Callable[[], Awaitable[object]]


class Outgrown(StoreError):
    """A newer Vizsla has changed the databases meanwhile: this one does not touch them any more. Start the newer version here."""


async def run_loops(place: Workplace, tell: Tell) -> None:
    """Run them all until cancelled. Raises Outgrown, all that is in hand given back, when a newer version migrates the databases."""
    await free_orphans(place, "index")
    loops = [asyncio.create_task(_forever(concern, pause, tell)) for concern, pause in _concerns(place, tell)]
    try:
        await _until_outgrown(place)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
    tell("outgrown", level="error", error=Outgrown().details)
    raise Outgrown


async def _until_outgrown(place: Workplace) -> None:
    stores = place.stores
    while True:
        await asyncio.sleep(_SCHEMA)
        with contextlib.suppress(StoreError):
            if await is_outgrown(stores.app, "app") or await is_outgrown(stores.index, "index"):
                return


def _concerns(place: Workplace, tell: Tell) -> Iterator[tuple[Concern, float]]:
    """What there is to do, and the seconds between two looks whether there is more."""
    postman, notary, finder, searcher, clerk, porter, herald, envoy, usher, scribe = (name_worker() for _ in range(10))
    yield lambda: _verify(place, tell), LOOK
    yield Bulk(place, tell).run, LOOK
    yield lambda: work_on_lists(place, finder, tell), LOOK
    yield lambda: work_on_searches(place, searcher, tell), LOOK
    yield lambda: send_mail(place, postman, tell), LOOK
    yield lambda: tell_endpoints(place, herald, tell), LOOK
    yield lambda: sync_leads(place, envoy, tell), LOOK
    yield lambda: send_campaigns(place, tell), LOOK
    yield lambda: listen_to_mailboxes(place, tell), LOOK
    yield lambda: send_replies(place, scribe, tell), LOOK
    yield lambda: look_for_proofs(place, notary, tell), LOOK
    yield lambda: work_on_tasks(place, clerk), LOOK
    yield lambda: work_on_imports(place, porter), LOOK
    yield lambda: work_on_campaign_tasks(place, usher), LOOK
    for _ in range(CRAWLS_AT_ONCE):
        yield partial(_crawl, place, name_worker(), tell), LOOK
    yield lambda: _harvest(place, name_worker(), tell), LOOK
    yield lambda: count_if_due(place.stores.index, worker=name_worker(), now=place.clock.now()), LOOK
    if place.settings.probe:
        yield lambda: watch_egress(place, tell), LOOK
    yield lambda: finish_pending(place, tell), _HOUR
    yield lambda: _age(place), _HOUR
    yield lambda: _forget(place), _HOUR
    yield lambda: _learn(place, tell), DAY


async def _forever(work: Concern, pause: float, tell: Tell) -> None:
    while True:
        try:
            await work()
        except Exception as error:
            tell("work_failed", level="error", trace="".join(traceback.format_exception(error))[-4_000:])
        await asyncio.sleep(pause)


async def _age(place: Workplace) -> None:
    index, ageing = place.stores.index, Ageing(place.clock.now())
    while await ageing.has_more(index):
        async with index.write() as conn:
            await ageing.step(conn)
        await asyncio.sleep(_BREATH)


async def _learn(place: Workplace, tell: Tell) -> None:
    for accept_all, calibration in (await learn(place)).items():
        tell("calibrated", accept_all=accept_all, slope=calibration.slope, intercept=calibration.intercept)


async def _verify(place: Workplace, tell: Tell) -> None:
    async with open_pipeline(place) as pipeline:
        await Verifying(place, pipeline, tell).run()


async def _forget(place: Workplace) -> None:
    async with place.stores.index.write() as conn:
        await forget_runs(conn, place.clock.now())
        await forget_crawls(conn, place.clock.now() - RUNS_KEPT)
    async with place.stores.app.write() as conn:
        await forget_stale(conn, place.clock.now() - _KEPT)
        await forget_lists(conn, place.clock.now() - _KEPT)
        await findings.forget(conn, place.clock.now() - _KEPT)
        await forget_mail(conn, place.clock.now() - _KEPT)
        await searches.forget(conn, place.clock.now() - _KEPT)
        await forget_uploads(conn, place.clock.now() - UPLOADS_KEPT)
    await tidy(place)
    await forget_leads_tasks(place, _KEPT)
    await tidy_deliveries(place)
    await forget_campaign_tasks(place, _KEPT)


async def _crawl(place: Workplace, worker: str, tell: Tell) -> None:
    try:
        while await crawl_one(place, worker, tell):
            pass
    except Lost:
        tell("crawl", level="warning", error="Another worker took over.")


async def _harvest(place: Workplace, worker: str, tell: Tell) -> None:
    try:
        while await harvest_one(place, worker, tell):
            pass
    except Lost:
        tell("harvest", level="warning", error="Another worker took over.")
