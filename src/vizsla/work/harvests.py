"""
Who reads the archives that an operator chose?

One row a harvest (`index.runs`), claimed and read here. A worker that dies is followed by another, which goes on where it
stopped, for the harvest itself is resumable.
"""

import asyncio

from vizsla.harvest.sources import HarvestError
from vizsla.index.runs import Counts, Record, is_harvest_due, runs, take_harvest
from vizsla.kit.errors import VizslaError
from vizsla.work.leased import LASTS, kept
from vizsla.work.recording import RunWatch, keeping
from vizsla.work.taking_in import harvest_recorded
from vizsla.work.watching import NOBODY
from vizsla.work.workplace import Tell, Workplace

ATTEMPTS = 5


async def harvest_one(place: Workplace, worker: str, tell: Tell) -> bool:
    """Do one harvest that is due. False if there is none."""
    index, now = place.stores.index, place.clock.now()
    if not await is_harvest_due(index, now):
        return False
    async with index.write() as conn:
        record = await take_harvest(conn, now=now, until=now + LASTS, worker=worker)
    if record is None:
        return False
    if record.attempt > ATTEMPTS:
        async with index.write() as conn:
            ending = "The processes that read it died each time."
            await record.end(conn, Counts(), state="failed", ending=ending, now=now)
        return True
    async with kept(index, runs, (record.id,), worker=worker, attempt=record.attempt, clock=place.clock):
        await _harvest(place, record, tell)
    return True


async def _harvest(place: Workplace, record: Record, tell: Tell) -> None:
    async with place.stores.index.write() as conn:
        await record.begin(conn, place.clock.now())
    folder = place.settings.home / "warc"
    watch = RunWatch(NOBODY)
    is_cancelled = False

    async def read() -> None:
        if missing := [name for name in record.names if not (folder / name).is_file()]:
            raise HarvestError(f"There is no {missing[0]} any more.")
        summary = await harvest_recorded(place, [str(folder / name) for name in record.names], watch=watch)
        tell("harvest", files=summary.files, pages=summary.pages, addresses=summary.addresses)

    reading = asyncio.ensure_future(read())

    def stop() -> None:
        nonlocal is_cancelled
        is_cancelled = True
        reading.cancel()

    try:
        async with keeping(place, record, watch, stop, is_due=True):
            try:
                await reading
            except asyncio.CancelledError:
                if not is_cancelled:
                    raise
                watch.ended(watch.counts, state="cancelled", ending="It was cancelled; what had been merged is kept.")
    except VizslaError as error:
        tell("harvest", level="warning", files=len(record.names), error=error.details)
    finally:
        reading.cancel()
        await asyncio.wait([reading])
