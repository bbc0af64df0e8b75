"""
Who verifies the addresses that were asked about?

Rows that are due (`verifier.store`) are claimed in batches, run side by side, and recorded in batches: one transaction for
all that came to an end within a few milliseconds. A run is shorter than its lease, so a lease is never renewed; what a dead
worker had is due again by itself. What was found goes to the index first: whoever dies between the two does it once more.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from vizsla.desk.self_test import identity_of
from vizsla.index.verifications import find_confidences, record_accept_all, record_verification
from vizsla.kit.errors import StoreError
from vizsla.mail.pool import ProbePool, is_urgent
from vizsla.mail.wire import Limits
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.verifier.asking import Asking
from vizsla.verifier.classify import judge_pace
from vizsla.verifier.exchangers import find_exchangers
from vizsla.verifier.lookups import Lookups
from vizsla.verifier.memo import find_memo, put_memo
from vizsla.verifier.outcome import Ended, Outcome, PutOff
from vizsla.verifier.pipeline import Pipeline
from vizsla.verifier.schedule import MOST_ATTEMPTS
from vizsla.verifier.store import Job, claim_jobs, end_jobs, find_kept, give_back_job, is_any_due, put_off_jobs
from vizsla.verifier.verdict import Seen, conclude
from vizsla.work.egress import find_trouble
from vizsla.work.leased import name_worker
from vizsla.work.workplace import Tell, Workplace

AT_ONCE = 5_000
"""Runs in memory. Most of them wait for a turn at their mail server, which costs 3 KB each."""
BATCH = 200
LASTS = 240
"""Seconds of a lease."""
LONGEST = 200.0
"""Seconds of a run, waiting for a turn included: it must end before its lease does."""
PROBE_LIMITS = Limits(banner=30.0, reply=30.0, dialog=90.0)
"""RFC 5321 4.5.3.2 asks for minutes; some servers take half of one on purpose, before they talk to strangers."""
LOOK = 1.0
"""Seconds between two looks for work that nobody in this process announced."""
_GATHER = 0.005
"""Seconds that a result waits for others to be committed with."""
_AGAIN = 30
"""Seconds after which a run that failed through a fault of ours is due again."""


class Runner(Protocol):
    """Does one run."""

    async def run(self, job: Job) -> Outcome:
        """What comes of *job*; never raises for anything that a server or the network does."""
        ...


@asynccontextmanager
async def open_pipeline(place: Workplace, *, limits: Limits = PROBE_LIMITS) -> AsyncIterator[Pipeline]:
    """What runs verifications as the settings have it: with mail servers only where VIZSLA_PROBE lets us."""
    settings, guard = place.settings, EgressGuard(place.settings.egress_allow)
    async with DnsClient(settings.dns_servers) as dns:
        find = Lookups(partial(find_exchangers, dns, guard)).find
        if not settings.probe:
            yield Pipeline(find, None, place.clock)
            return
        pool = ProbePool(identity_of(settings), guard, judge=judge_pace)
        try:
            known = partial(find_memo, place.stores.app)
            asking = Asking(pool, known, place.secret, place.clock, limits)
            yield Pipeline(find, asking, place.clock, partial(find_trouble, place))
        finally:
            await pool.close()


class Verifying:
    """The worker of this process."""

    def __init__(self, place: Workplace, runner: Runner, tell: Tell, *, at_once: int = AT_ONCE) -> None:
        self._place = place
        self._runner = runner
        self._tell = tell
        self._at_once = at_once
        self._worker = name_worker()
        self._running: dict[asyncio.Task[None], Job] = {}
        self._results: list[tuple[Job, Outcome | None]] = []
        self._recording: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until cancelled; then give back what is not finished, for another to take up at once."""
        try:
            while True:
                try:
                    claimed = await self._claim()
                except StoreError as error:
                    self._tell("verify", level="warning", error=error.details)
                    claimed = 0
                if claimed < BATCH:
                    await self._place.waiting.wait_for_work(LOOK)
        finally:
            await self._leave()

    async def work_off(self) -> None:
        """Do all that is due now, and return: what was put off is left."""
        while await self._claim() or self._running:
            await asyncio.wait([*self._running], return_when=asyncio.FIRST_COMPLETED)

    async def _claim(self) -> int:
        limit = min(BATCH, self._at_once - len(self._running))
        app, now = self._place.stores.app, self._place.clock.now()
        if limit <= 0 or not await is_any_due(app, now):
            return 0
        async with app.write() as conn:
            jobs = await claim_jobs(conn, now=now, until=now + LASTS, worker=self._worker, limit=limit)
        for job in jobs:
            task = asyncio.create_task(self._run(job))
            self._running[task] = job
            task.add_done_callback(self._ended)
        return len(jobs)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if len(self._running) + 1 == self._at_once:
            self._place.waiting.announce_work()

    async def _run(self, job: Job) -> None:
        outcome: Outcome | None = None
        if job.attempt > MOST_ATTEMPTS:
            outcome = Ended(conclude("gave_up", Seen()), job.trail)
        else:
            # Somebody's call does not queue behind thousands of rows of a list. Asked when it matters: a call comes to wait a
            # moment after its row may have been claimed.
            is_urgent.set(partial(self._place.waiting.is_waited_for, job.id))
            try:
                async with asyncio.timeout(LONGEST):
                    outcome = await self._runner.run(job)
            except Exception as error:
                # Unknown to us, so it says nothing of the address: the row is due again, and ends as `gave_up` in the end.
                trace = "".join(traceback.format_exception(error))[-4_000:]
                self._tell("verify_failed", level="error", verification=job.id, trace=trace)
        await self._record(job, outcome)

    async def _record(self, job: Job, outcome: Outcome | None) -> None:
        self._results.append((job, outcome))
        if self._recording is None or self._recording.done():
            self._recording = asyncio.create_task(self._flush())
        await asyncio.shield(self._recording)

    async def _flush(self) -> None:
        while self._results:
            await asyncio.sleep(_GATHER)
            batch, self._results = self._results, []
            try:
                await self._commit(batch)
            except StoreError as error:
                # The rows stay ours until their leases end, and then are done once more.
                self._tell("verify", level="warning", error=error.details)
            for job, _ in batch:
                self._place.waiting.announce_end(job.id)

    async def _commit(self, batch: list[tuple[Job, Outcome | None]]) -> None:
        now, stores = self._place.clock.now(), self._place.stores
        found = [(job, outcome) for job, outcome in batch if outcome is not None]
        kept = await find_kept(stores.app, [job.id for job, outcome in found if outcome.memo is not None])
        memos = {job.domain: outcome.memo for job, outcome in found if outcome.memo is not None and job.id in kept}
        ended = {(job.domain, job.local): outcome for job, outcome in found if isinstance(outcome, Ended)}
        # Most addresses of a list are not in the index: nothing is written for them.
        known = await find_confidences(stores.index, list(ended))
        if memos or known:
            async with stores.index.write() as conn:
                for domain, memo in sorted(memos.items()):
                    await record_accept_all(conn, domain, accept_all=memo.truth, at=memo.at)
                for domain, local in sorted(known):
                    status = ended[domain, local].verdict.status
                    await record_verification(conn, domain, local, status=status, at=now, today=now)
        # In one order everywhere, so that nodes never wait for each other in a circle.
        batch = sorted(batch, key=lambda pair: pair[0].id)
        async with stores.app.write() as conn:
            for domain, memo in sorted(memos.items()):
                await put_memo(conn, domain, memo)
            over = [(job, one.verdict, one.trail) for job, one in batch if isinstance(one, Ended)]
            await end_jobs(conn, over, now)
            await put_off_jobs(conn, [(job, one) for job, one in batch if isinstance(one, PutOff)])
            for job, result in batch:
                if result is None:
                    await give_back_job(conn, job, now + _AGAIN)

    async def _leave(self) -> None:
        jobs = list(self._running.values())
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._recording is not None:
            await self._recording
        try:
            async with self._place.stores.app.write() as conn:
                for job in jobs:
                    await give_back_job(conn, job, self._place.clock.now())
        except StoreError as error:
            self._tell("verify", level="warning", error=error.details)
