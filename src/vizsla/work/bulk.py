"""
Who works on lists of addresses?

A worker claims a list and asks for the verifications of its rows, a window of them at a time, so that memory stays what it is
however long the list, and single calls find room between its rows. Verifications are done by whichever process claims them: on
PostgreSQL all nodes work on one list. What a dead worker had, the next one reads from the rows.
"""

import asyncio
import traceback
from collections.abc import Sequence

from vizsla.finder.bulk_verifications import Waiting, read_row, step
from vizsla.kit.errors import StoreError
from vizsla.leads.recording import Verified, record_verifications
from vizsla.privacy.claims import Claims, LiveClaims
from vizsla.verifier.bulk import BulkJob, Ending
from vizsla.verifier.bulk_store import claim_lists, give_back_list, is_any_list_due, rows_after, waiting_rows
from vizsla.verifier.syntax import Address
from vizsla.work.awaited import CHUNK, WINDOW, Awaited
from vizsla.work.leased import Lost, name_worker
from vizsla.work.orphans import free_orphans
from vizsla.work.workplace import Tell, Workplace

LISTS_AT_ONCE = 8
LASTS = 30
"""Seconds of a lease. It is renewed by every step, and by a step without work when half of it is over."""
LOOK = 1.0
"""Seconds between two looks for lists."""
_BREATH = 50
"""Rows read without letting others have the event loop: 3 ms."""


class Bulk:
    """The worker of this process for lists."""

    def __init__(self, place: Workplace, tell: Tell, *, window: int = WINDOW, lasts: int = LASTS) -> None:
        self._place = place
        self._tell = tell
        self._window = window
        self._lasts = lasts
        self._worker = name_worker()
        self._running: dict[asyncio.Task[None], BulkJob] = {}

    async def run(self) -> None:
        """Work until cancelled; then give back what is not finished, for another to go on with at once."""
        try:
            await free_orphans(self._place)
            while True:
                try:
                    await self._claim()
                except StoreError as error:
                    self._tell("bulk", level="warning", error=error.details)
                if self._running:
                    await asyncio.wait([*self._running], timeout=LOOK)
                else:
                    await asyncio.sleep(LOOK)
        finally:
            await self._leave()

    async def _claim(self) -> None:
        room = LISTS_AT_ONCE - len(self._running)
        app, now = self._place.stores.app, self._place.clock.now()
        if room <= 0 or not await is_any_list_due(app, now):
            return
        async with app.write() as conn:
            jobs = await claim_lists(conn, now=now, until=now + self._lasts, worker=self._worker, limit=room)
        for job in jobs:
            task = asyncio.create_task(self._work(job))
            self._running[task] = job
            task.add_done_callback(self._running.pop)

    async def _work(self, job: BulkJob) -> None:
        working = Working(self._place, job, lasts=self._lasts)
        try:
            with self._place.waiting.listening(working.awaited.hear):
                await working.take_over()
                while await working.step(self._window // max(1, len(self._running))):
                    await working.awaited.pause()
        except Lost:
            self._tell("bulk", level="warning", error="Another worker took over.")
        except Exception as error:
            # It is due again when its lease ends.
            trace = "".join(traceback.format_exception(error))[-4_000:]
            self._tell("bulk_failed", level="error", account=job.account_id, list=job.id, trace=trace)

    async def _leave(self) -> None:
        jobs = list(self._running.values())
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        try:
            async with self._place.stores.app.write() as conn:
                for job in jobs:
                    await give_back_list(conn, job, self._place.clock.now())
        except StoreError as error:
            self._tell("bulk", level="warning", error=error.details)


class Working:
    """One list in the hands of one worker."""

    def __init__(self, place: Workplace, job: BulkJob, *, lasts: int = LASTS) -> None:
        self._place = place
        self._job = job
        self._lasts = lasts
        self._claims = LiveClaims(place.stores.app, place.secret)
        self._begun = job.begun
        self._held_until = 0
        self.awaited = Awaited(place.stores.app)

    async def take_over(self) -> None:
        """Go on where whoever had the list before left it."""
        for number, text, id_ in await waiting_rows(self._place.stores.app, self._job.account_id, self._job.id):
            address = read_row(text, Claims(self._place.secret), 0)
            # What was forgotten since has no verification either, and the address no longer matters.
            self.awaited.add(Waiting(number, address if isinstance(address, Address) else Address("", ""), id_))
            if number % _BREATH == 0:
                await asyncio.sleep(0)

    async def step(self, window: int) -> bool:
        """Ask for more rows, record what ended. False once the list is done; raises Lost if it is another worker's."""
        # What is claimed in between is gone from the verifications: their rows end as claimed all the same.
        await self._claims.refresh()
        job, now = self._job, self._place.clock.now()
        ended = await self.awaited.take_ended()
        fresh, begun = await self._read_more(window, now)
        if not (fresh or ended or begun > self._begun or now + self._lasts // 2 >= self._held_until):
            return True
        until = now + self._lasts
        async with self._place.stores.app.write() as conn:
            done = await step(
                conn,
                self._place.stores.index,
                self._claims,
                job,
                fresh=fresh,
                ended=ended,
                begun=begun,
                per_domain=self._place.settings.verify_per_domain,
                until=until,
                now=now,
            )
            if done is None:
                raise Lost
            verified = [
                Verified(f"{one.local}@{one.domain}", one.verdict.status, one.at)
                for one in done.ended
                if one.verdict is not None and not one.verdict.has_failed
            ]
            await record_verifications(conn, job.account_id, verified)
        if begun - self._begun == CHUNK:
            self.awaited.hurry()
        self._begun, self._held_until = begun, until
        for row in done.waiting:
            self.awaited.add(row)
        if done.waiting:
            self._place.waiting.announce_work()
        return done.progress.ended_at is None

    async def _read_more(self, window: int, now: int) -> tuple[Sequence[tuple[int, Address | Ending]], int]:
        """Rows that were not asked for yet, as many as there is room for, and the number of the last one."""
        job, room = self._job, self.awaited.room(window)
        if self._begun >= job.size or room < min(window // 8, job.size - self._begun) or room <= 0:
            return [], self._begun
        rows = await rows_after(self._place.stores.app, job.account_id, job.id, self._begun, min(room, CHUNK))
        fresh: list[tuple[int, Address | Ending]] = []
        for at, row in enumerate(rows):
            if row.ending is None:
                fresh.append((row.number, read_row(row.email, self._claims, now)))
            if at % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        return fresh, rows[-1].number if rows else job.size
