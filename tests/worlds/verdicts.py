"""A worker in the API's process that asks no mail server: the local part says how its verification ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from api.conftest import Api
from vizsla.storage.secret import find_secret
from vizsla.verifier.evidence import Step
from vizsla.verifier.outcome import Ended, Outcome, PutOff
from vizsla.verifier.store import Job
from vizsla.verifier.verdict import Reason, Seen, conclude
from vizsla.work.verifications import Verifying
from vizsla.work.workplace import Workplace

SEEN = Seen(mx_records=True, smtp_server=True)


class Runner:
    """Ends each run as the local part says: `no_user@…` with that reason, `later@…` on the second try, `never@…` never."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    async def run(self, job: Job) -> Outcome:
        self.runs.append(job.local)
        name = job.local.partition(".")[0]
        trail = [*job.trail, Step(job.asked_at, "smtp", "RCPT TO", "250 ok", 12, "192.0.2.1")]
        if name == "never":
            await asyncio.Event().wait()
        if name == "later" and not job.deferrals:
            return PutOff(job.asked_at + 60, job.asked_at, 1, trail)
        reason: Reason = msgspec.convert(name if name not in ("later", "info") else "accepted", Reason)
        return Ended(conclude(reason, SEEN), trail)


@contextlib.asynccontextmanager
async def working(api: Api) -> AsyncIterator[Runner]:
    """A worker for *api*, as a server has one."""
    services = api.app.services
    place = Workplace(services.settings, services.stores, find_secret(services.settings), api.clock, services.waiting)
    runner = Runner()
    task = asyncio.create_task(Verifying(place, runner, lambda *_, **__: None).run())
    try:
        yield runner
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
