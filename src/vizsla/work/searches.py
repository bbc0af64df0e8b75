"""
Who works on lists of domains?

A worker claims a list, searches some of its rows, keeps what came of them in one transaction and puts the list back: several lists
take turns, and whoever dies in between loses the rows of one turn, which were counted and are free when they are asked once more.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from vizsla.accounts.callers import find_payer
from vizsla.accounts.quota import Meter
from vizsla.finder.bulk_searches import (
    PAGE,
    Answer,
    Outcome,
    SameDomain,
    SearchJob,
    SearchRow,
    find_searched,
    keep_answers,
    read_target,
    refused,
    searches,
)
from vizsla.finder.domain_search import SearchQuery, search
from vizsla.finder.questions import question_of_search
from vizsla.index.company_names import find_domain
from vizsla.kit.errors import ClaimedEmail, NotFound, StoreError, VizslaError
from vizsla.privacy.claims import Claims, LiveClaims
from vizsla.work.findings import PlanUsedUp
from vizsla.work.workplace import Tell, Workplace

Charge = Callable[[str], Awaitable[bool]]
TURN = 50
"""Rows of a list that are searched before another has its turn."""
LASTS = 120
"""Seconds of a lease: far more than a turn takes."""
_AGAIN = 30


async def work_on_searches(place: Workplace, worker: str, tell: Tell) -> None:
    """Do all turns that are due."""
    meter = Meter(place.stores.app)
    while await take_turn(place, meter, worker, tell):
        pass


async def take_turn(place: Workplace, meter: Meter, worker: str, tell: Tell) -> bool:
    """Search some rows of a list that is due. False if there is none."""
    app, now = place.stores.app, place.clock.now()
    if not await searches.is_any_due(app, now):
        return False
    async with app.write() as conn:
        jobs = await searches.claim(conn, SearchJob, now=now, until=now + LASTS, worker=worker, limit=1)
    if not jobs:
        return False
    (job,) = jobs
    try:
        rows = await searches.rows_after(app, job.account_id, job.id, job.done, TURN)
        payer = await find_payer(app, place.settings, job.account_id, job.member_id)
        charge = partial(
            meter.charge,
            job.account_id,
            "searches",
            allowed=payer.searches,
            now=now,
            period_day=payer.period_day,
            share=payer.share("searches"),
        )
        claims = LiveClaims(app, place.secret)
        await claims.refresh()
        outcomes = await Turn(place, claims, job, charge, now).search(rows)
        async with app.write() as conn:
            # Claimed meanwhile: what is claimed after this moment is erased after this transaction.
            await claims.refresh()
            kept = [_without_claimed(one, claims) for one in outcomes]
            await keep_answers(conn, job, kept, place.clock.now())
    except StoreError as error:
        tell("bulk_search", level="warning", error=error.details)
        async with app.write() as conn:
            await searches.put_back(conn, job, place.clock.now() + _AGAIN)
        return False
    return True


class Turn(msgspec.Struct, frozen=True):
    """Some rows of one list in the hands of one worker."""

    place: Workplace
    claims: Claims
    job: SearchJob
    charge: Charge
    now: int

    async def search(self, rows: list[SearchRow]) -> list[Outcome]:
        """What comes of *rows*."""
        asked = [row.answer or await self._read(row) for row in rows]
        domains = {query.domain for query in asked if isinstance(query, SearchQuery) and query.domain}
        seen = await find_searched(self.place.stores.app, self.job, sorted(domains))
        return [await self._search_row(row.number, query, seen) for row, query in zip(rows, asked, strict=True)]

    async def _read(self, row: SearchRow) -> SearchQuery | Answer:
        try:
            query = read_target(row.asked, self.job.per_domain)
        except VizslaError as error:
            return refused(error)
        if query.domain is None and query.company is not None:
            return msgspec.structs.replace(query, domain=await find_domain(self.place.stores.search, query.company))
        return query

    async def _search_row(self, number: int, query: SearchQuery | Answer, seen: dict[str, int]) -> Outcome:
        if isinstance(query, Answer):
            return Outcome(number, query)
        domain = query.domain
        if domain is None:
            return Outcome(number, refused(NotFound("No company of this name is known here.")))
        if self.claims.is_claimed(domain):
            return Outcome(number, refused(ClaimedEmail()))
        first = seen.setdefault(domain, number)
        if first < number:
            return Outcome(number, refused(SameDomain(f"The same domain as in row {first}: its addresses are there.")))
        return await self._search_domain(number, domain, query)

    async def _search_domain(self, number: int, domain: str, query: SearchQuery) -> Outcome:
        """Page by page, each counted, until there are enough, no more, or none left to count."""
        found: list[str] = []
        answer, most = Answer(), self.job.per_domain
        while len(found) < most:
            query = msgspec.structs.replace(query, limit=min(PAGE, most - len(found)), offset=len(found))
            page = await search(self.place.stores.search, self.claims, query, now=self.now)
            if page.data.emails and not await self.charge(question_of_search(domain, query)):
                answer = refused(PlanUsedUp())
                break
            answer = Answer(page.data.pattern, page.data.organization, page.results)
            found += (email.value.rpartition("@")[0] for email in page.data.emails)
            most = min(most, page.results)
            if not page.data.emails:
                break
        return Outcome(number, answer, domain, tuple(found))


def _without_claimed(outcome: Outcome, claims: Claims) -> Outcome:
    if outcome.domain is None:
        return outcome
    if claims.is_claimed(outcome.domain):
        return Outcome(outcome.number, refused(ClaimedEmail()))
    kept = tuple(local for local in outcome.locals if not claims.is_address_claimed(outcome.domain, local))
    return msgspec.structs.replace(outcome, locals=kept)
