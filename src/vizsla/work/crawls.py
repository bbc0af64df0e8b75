"""
Who crawls a domain that somebody asked about and that we know nothing of?

One row a domain (`crawl.requests`), claimed, crawled and taken in here. A worker that dies is followed by another once its
lease has run out; a site that does not answer is tried again twice.
"""

import msgspec

from vizsla.crawl.requests import is_any_due, requests
from vizsla.kit.errors import VizslaError
from vizsla.work.leased import LASTS, kept
from vizsla.work.taking_in import crawl_into
from vizsla.work.workplace import Tell, Workplace

PAGES = 20
"""Of one site: contact, about, team and imprint come first, and somebody waits."""
ATTEMPTS, RETRY = 3, 3_600
"""How often, and after how many seconds, a site that gave nothing is tried again."""


async def crawl_one(place: Workplace, worker: str, tell: Tell) -> bool:
    """Do one request that is due. False if there is none."""
    index, now = place.stores.index, place.clock.now()
    if not await is_any_due(index, now):
        return False
    async with index.write() as conn:
        rows = await requests.claim(conn, now=now, until=now + LASTS, worker=worker, limit=1)
    for domain, _requested_at, _due, _worker, attempt in rows:
        is_done = False
        if attempt <= ATTEMPTS:  # whoever made the rest of the attempts died of it
            async with kept(index, requests, (domain,), worker=worker, attempt=attempt, clock=place.clock):
                is_done = await _crawl(place, domain, tell)
        due = None if is_done or attempt >= ATTEMPTS else place.clock.now() + RETRY
        async with index.write() as conn:
            await requests.finish(conn, (domain,), worker=worker, attempt=attempt, due=due)
    return bool(rows)


async def _crawl(place: Workplace, domain: str, tell: Tell) -> bool:
    """Whether there is nothing left to do at *domain*."""
    if (await place.claims()).is_claimed(domain):
        return True
    try:
        summary = await crawl_into(place, domain, max_pages=PAGES)
    except VizslaError as error:
        tell("crawl_on_miss", domain=domain, error=error.details)
        return False
    tell("crawl_on_miss", **msgspec.structs.asdict(summary))
    return summary.pages > 0
