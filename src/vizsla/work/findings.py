"""
Who works on lists of people to find?

A worker claims a list, finds some of its rows side by side, keeps what came of them in one transaction and puts the list back:
several lists take turns, and whoever dies in between loses the rows of one turn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from vizsla.accounts.callers import find_payer
from vizsla.accounts.quota import Meter
from vizsla.finder.bulk import (
    Answer,
    FindingJob,
    FindingRow,
    claim_list,
    findings,
    keep_answers,
    refused,
    rows_after,
)
from vizsla.finder.email_finder import find_email
from vizsla.finder.finding import FinderQuery, Finding, Means
from vizsla.finder.learning import load_learnt
from vizsla.finder.outcomes import record_finding
from vizsla.finder.probing import VerifierProber
from vizsla.finder.questions import question_of, read_query
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.privacy.claims import following
from vizsla.verifier.exchangers import find_exchangers
from vizsla.work.workplace import Tell, Workplace

Charge = Callable[[str], Awaitable[bool]]
TURN = 32
"""Rows of a list that are found before another has its turn."""
LASTS = 120
"""Seconds of a lease: more than a turn of rows that all wait for a tarpit."""
_AGAIN = 30


class PlanUsedUp(VizslaError):
    """You have reached your usage limit. Upgrade your plan if necessary."""

    id = "too_many_requests"


@asynccontextmanager
async def open_means(place: Workplace) -> AsyncIterator[Means]:
    """What the finder works with, as the settings have it; verifications are for a worker of this process to do, or another."""
    settings, app = place.settings, place.stores.app
    async with DnsClient(settings.dns_servers) as dns, following(app, place.secret) as claims:
        learnt = await load_learnt(app)
        yield Means(
            stores=place.stores,
            claims=claims,
            prober=VerifierProber(app, place.waiting, place.clock, per_domain=settings.verify_per_domain)
            if settings.probe
            else None,
            find_exchangers=partial(find_exchangers, dns, EgressGuard(settings.egress_allow)),
            likelihoods=learnt.likelihoods,
            calibrations=learnt.calibrations,
        )


async def work_on_lists(place: Workplace, worker: str, tell: Tell) -> None:
    """Do all turns that are due."""
    if not await findings.is_any_due(place.stores.app, place.clock.now()):
        return
    async with open_means(place) as means:
        while await take_turn(place, means, worker, tell):
            pass


async def take_turn(place: Workplace, means: Means, worker: str, tell: Tell) -> bool:
    """Find some rows of a list that is due. False if there is none."""
    app, now = place.stores.app, place.clock.now()
    if not await findings.is_any_due(app, now):
        return False
    async with app.write() as conn:
        job = await claim_list(conn, now=now, until=now + LASTS, worker=worker)
    if job is None:
        return False
    try:
        rows = await rows_after(app, job.account_id, job.id, after=job.done, limit=TURN)
        payer = await find_payer(app, place.settings, job.account_id, job.member_id)
        charge = partial(
            Meter(app).charge,
            job.account_id,
            "searches",
            allowed=payer.searches,
            now=now,
            period_day=payer.period_day,
            share=payer.share("searches"),
        )
        answers = await asyncio.gather(*(_answer(place, means, job, row, charge) for row in rows))
    except StoreError as error:
        tell("bulk_finding", level="warning", error=error.details)
        async with app.write() as conn:
            await findings.put_back(conn, job, place.clock.now() + _AGAIN)
        return False
    async with app.write() as conn:
        numbered = [(row.number, answer) for row, (answer, _) in zip(rows, answers, strict=True)]
        if await keep_answers(conn, job, numbered, place.clock.now()):
            for _, finding in answers:
                if finding is not None and finding.answered:
                    await record_finding(conn, finding, place.clock.now())
    return True


async def _answer(
    place: Workplace, means: Means, job: FindingJob, row: FindingRow, charge: Charge
) -> tuple[Answer, Finding | None]:
    if row.answer is not None:
        return row.answer, None  # it could not be read
    now = place.clock.now()
    try:
        query: FinderQuery = read_query(row.asked, max_duration=job.max_duration)
        finding = await find_email(means, query, now=now)
    except StoreError:
        raise
    except VizslaError as error:
        return refused(error), None
    if finding.data.email is not None:
        question = question_of(means.claims, query, finding.data.domain)
        if not await charge(question):
            return refused(PlanUsedUp()), finding
    return Answer(data=finding.data), finding
