"""
Who crawls a domain that somebody asked for, or asked about when we knew nothing of it?

One row a domain (`crawl.requests`), claimed, crawled and taken in here; while it goes on the row says how far it is, and
whoever asked may stop it. A worker that dies is followed by another once its lease has run out; a site that does not
answer is tried again twice, unless a person waits for it: they are told.

What a search asks for is looked for at Common Crawl first, if that is set up: then the site is left in peace. A person who says
"crawl this" means the site as it is now.
"""

import asyncio

import msgspec

from vizsla.crawl.report import ENDINGS
from vizsla.crawl.report import Progress as CrawlProgress
from vizsla.crawl.requests import Standing, State, Turn, is_any_due, requests, take_turn
from vizsla.kit.errors import VizslaError
from vizsla.work.common_crawl import Wanted, take_pages
from vizsla.work.leased import LASTS, kept
from vizsla.work.recording import write_now_and_then
from vizsla.work.taking_in import CrawlSummary, crawl_into
from vizsla.work.watching import Watcher
from vizsla.work.workplace import Tell, Workplace

ATTEMPTS, RETRY = 3, 3_600
"""How often, and after how many seconds, a site that gave nothing is tried again."""


class _End(msgspec.Struct, frozen=True):
    """How a turn ended."""

    state: State
    ending: str


class _Watch(Watcher):
    """What the row is to say."""

    def __init__(self) -> None:
        self.standing = Standing()

    def crawling(self, progress: CrawlProgress) -> None:
        self.standing = msgspec.structs.replace(
            self.standing,
            pages=progress.pages,
            unchanged=progress.unchanged,
            pending=progress.pending,
            bytes=progress.bytes,
            skipped=progress.skipped,
        )

    def found(self, addresses: int) -> None:
        self.standing = msgspec.structs.replace(self.standing, addresses=addresses)

    def ended(self, summary: CrawlSummary) -> None:
        """Nothing more comes. Pages that had not changed were not read again, so that fewer addresses may be counted."""
        self.standing = Standing(
            pages=summary.pages,
            unchanged=summary.unchanged,
            bytes=summary.bytes,
            addresses=max(summary.addresses, self.standing.addresses),
            skipped=summary.skipped,
        )


async def crawl_one(place: Workplace, worker: str, tell: Tell) -> bool:
    """Do one request that is due. False if there is none."""
    index, now = place.stores.index, place.clock.now()
    if not await is_any_due(index, now):
        return False
    async with index.write() as conn:
        turn = await take_turn(conn, now=now, until=now + LASTS, worker=worker)
    if turn is None:
        return False
    watch = _Watch()
    end = await _refuse(place, turn)
    if end is None:
        try:
            async with kept(index, requests, (turn.domain,), worker=worker, attempt=turn.attempt, clock=place.clock):
                end = await _crawl(place, turn, watch, tell)
        except asyncio.CancelledError:
            async with index.write() as conn:
                await turn.put_back(conn, place.clock.now())
            raise
    is_tried_again = end.state == "failed" and not turn.asked and turn.attempt < ATTEMPTS
    now = place.clock.now()
    async with index.write() as conn:
        await turn.end(
            conn,
            watch.standing,
            state="waiting" if is_tried_again else end.state,
            ending=end.ending,
            now=now,
            due=now + RETRY if is_tried_again else None,
        )
    return True


async def _refuse(place: Workplace, turn: Turn) -> _End | None:
    """Why it is not crawled at all, or None."""
    if turn.attempt > ATTEMPTS:  # whoever made the rest of the attempts died of it
        return _End("failed", "The processes that crawled it died each time.")
    if turn.is_stopped:
        return _End("cancelled", ENDINGS["cancelled"])
    if not turn.asked and not place.settings.crawl_on_miss:
        return _End("cancelled", "It was not asked for by a person, and VIZSLA_CRAWL_ON_MISS is off.")
    if (await place.claims()).is_claimed(turn.domain):
        return _End("cancelled", "Its owner asked that this domain be left alone.")
    return None


async def _crawl(place: Workplace, turn: Turn, watch: _Watch, tell: Tell) -> _End:
    index, stop = place.stores.index, asyncio.Event()

    async def write() -> bool:
        async with index.write() as conn:
            return await turn.record(conn, watch.standing)

    async with index.write() as conn:
        await turn.begin(conn, place.clock.now())
    # Whether somebody wants it to end is read as often as it is written how far it is.
    writing = asyncio.create_task(write_now_and_then(write, object, stop.set))
    try:
        if not turn.asked and (end := await _take_from_common_crawl(place, turn, watch, tell)):
            return end
        summary = await crawl_into(
            place,
            turn.domain,
            max_pages=turn.max_pages,
            watcher=watch,
            stop=stop,
            by_whom="person" if turn.asked else "search",
        )
    except VizslaError as error:
        tell("crawl", domain=turn.domain, error=error.details)
        return _End("failed", error.details)
    finally:
        writing.cancel()
        await asyncio.wait([writing])
    watch.ended(summary)
    tell("crawl", asked=turn.asked, **msgspec.structs.asdict(summary))
    return _how_it_ended(summary)


async def _take_from_common_crawl(place: Workplace, turn: Turn, watch: _Watch, tell: Tell) -> _End | None:
    """How it ended; None if the site itself must be asked: Common Crawl is not set up, has no page of it, or does not answer."""
    if not place.settings.common_crawl:
        return None
    wanted = Wanted("domain", (turn.domain,), most=turn.max_pages)
    try:
        taken = await take_pages(place, wanted, by_whom="search", kind="crawl")
    except VizslaError as error:
        tell("common_crawl", level="warning", domain=turn.domain, error=error.details)
        return None
    read = taken.harvest
    pages = (read.pages if read else 0) + taken.unchanged
    tell(
        "common_crawl", domain=turn.domain, crawl=taken.crawl, pages=pages, requests=taken.requests, failed=taken.failed
    )
    if not pages:
        return None
    watch.standing = Standing(
        pages=pages,
        unchanged=taken.unchanged,
        bytes=taken.bytes,
        addresses=read.addresses if read else 0,
        skipped=taken.failed,
    )
    return _End("done", f"Its pages came from Common Crawl ({taken.crawl}); the site itself was not asked.")


def _how_it_ended(summary: CrawlSummary) -> _End:
    ending = ENDINGS[summary.ended_by] + (f" ({summary.moved_to})" if summary.moved_to else "")
    if summary.ended_by == "cancelled":
        return _End("cancelled", ending)
    if summary.pages:
        return _End("done", ending)
    return _End("failed", "The site has no page that can be read." if summary.ended_by == "done" else ending)
