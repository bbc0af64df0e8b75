"""
How is one address verified?

Step by step, and no further than the first definite answer: what the address shows by itself, what DNS says of its domain,
what its mail servers say. Every step leaves its evidence. A run takes the row's state and gives back what follows from it;
it writes nothing itself.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

import msgspec

from vizsla.kit.clock import Clock
from vizsla.mail.pool import TooManyWaiting
from vizsla.mail.smtp import UnsafeAddress
from vizsla.net.dns import Answer
from vizsla.verifier.asking import Asking, Heard, Later, Server
from vizsla.verifier.evidence import Stage, Step, Trail, cut
from vizsla.verifier.exchangers import Exchangers
from vizsla.verifier.flags import infer_flags
from vizsla.verifier.outcome import Ended, Memo, Outcome, PutOff
from vizsla.verifier.providers import find_provider
from vizsla.verifier.schedule import PATIENCE, next_busy, next_retry
from vizsla.verifier.store import Job
from vizsla.verifier.syntax import Address, Malformed, parse_address
from vizsla.verifier.verdict import REASONS, Reason, Seen, conclude

SMTP_SECONDS = 150.0
"""For all that is asked of mail servers in one run, the waiting for a turn included."""

FindExchangers = Callable[[str], Awaitable[Exchangers]]
FindTrouble = Callable[[], Awaitable[str]]
"""Says why no mail server can be asked from here; nothing if one can."""


async def _no_trouble() -> str:
    return ""


class Pipeline:
    """Runs verifications. Without *asking*, SMTP is off and DNS alone is asked."""

    def __init__(
        self,
        find_exchangers: FindExchangers,
        asking: Asking | None,
        clock: Clock,
        find_trouble: FindTrouble = _no_trouble,
    ) -> None:
        self._find_exchangers = find_exchangers
        self._find_trouble = find_trouble
        self._asking = asking
        self._clock = clock

    async def run(self, job: Job) -> Outcome:
        """What comes of *job*."""
        run = _Run(job, self._clock)
        address = parse_address(f"{job.local}@{job.domain}")
        if isinstance(address, Malformed):
            return run.end("gave_up")
        flags = infer_flags(address)
        run.see(gibberish=flags.gibberish, disposable=flags.disposable, webmail=flags.webmail)
        if flags.disposable:
            return run.end("disposable")
        exchangers = await self._find_exchangers(address.domain)
        run.note_answers(exchangers.answers)
        flags = infer_flags(address, exchangers.names)
        run.see(mx_records=exchangers.mx_records, disposable=flags.disposable, webmail=flags.webmail)
        if exchangers.outcome != "takes_mail":
            return run.end("resolver_away" if exchangers.is_our_fault else exchangers.outcome)
        if flags.disposable:
            return run.end("disposable")
        if self._asking is None:
            return run.end("probe_off")
        servers = _servers(exchangers, run.came_from)
        run.see(provider=servers[0].provider_name)
        return await self._ask(self._asking, address, servers, run)

    async def _ask(self, asking: Asking, address: Address, servers: Sequence[Server], run: "_Run") -> Outcome:
        memo = await asking.known(address.domain)
        if memo is not None and memo.accept_all == "yes":
            run.see(smtp_server=True)
            run.note("memo", "does the domain take mail for anybody?", f"yes, found out at {memo.at}")
            return run.end("accepts_all")
        if trouble := await self._find_trouble():
            run.note("egress", "can mail servers be asked from here?", trouble)
            return run.end("self_test")
        try:
            async with asyncio.timeout(SMTP_SECONDS):
                heard = await asking.ask(address, servers, run.trail)
        except UnsafeAddress:
            return run.end("not_askable")
        except (TimeoutError, TooManyWaiting):
            run.note("wait", "wait for a turn at the mail server", "not yet")
            return run.put_off_busy(None)
        run.see(smtp_server=heard.talked)
        if not isinstance(heard.found, Later):
            return run.end(heard.found.reason, heard.memo)
        return run.put_off(heard) if heard.found.why == "deferred" else run.put_off_busy(heard.memo)


class _Run:
    """What has been found out so far."""

    def __init__(self, job: Job, clock: Clock) -> None:
        self.job = job
        self.trail: Trail = list(job.trail)
        self._seen = Seen()
        self._clock = clock

    @property
    def came_from(self) -> str:
        """The server that told us to come back: greylists of two servers need not know of each other."""
        return next((step.host for step in reversed(self.job.trail) if step.host and step.stage == "smtp"), "")

    def see(self, **values: bool | str) -> None:
        self._seen = msgspec.structs.replace(self._seen, **values)

    def note(self, stage: Stage, did: str, got: str, *, ms: int | None = None) -> None:
        self.trail.append(Step(self._clock.now(), stage, did, cut(got), ms))

    def note_answers(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            did, got = _shown(answer)
            self.note("dns", did, got, ms=answer.ms)

    def end(self, reason: Reason, memo: Memo | None = None) -> Ended:
        self.note("end", reason, REASONS[reason])
        return Ended(conclude(reason, self._seen), self.trail, memo)

    def put_off(self, heard: Heard) -> Outcome:
        now = self._clock.now()
        deferred_at, deferrals = self.job.deferred_at or now, self.job.deferrals + 1
        due = next_retry(deferred_at, deferrals, now)
        if due is None:
            return self.end("deferred", heard.memo)
        self.note("wait", "come back later, as the mail server asked", f"in {due - now} s")
        return PutOff(due, deferred_at, deferrals, self.trail, heard.memo)

    def put_off_busy(self, memo: Memo | None) -> Outcome:
        now = self._clock.now()
        if now - self.job.asked_at >= PATIENCE:
            return self.end("busy", memo)
        pause = next_busy(self.job.asked_at, now)
        # Spread, so that a thousand that were turned away together do not come back together.
        due = now + pause + random.randrange(pause)  # noqa: S311
        self.note("wait", "come back when the mail server is less busy", f"in {due - now} s")
        return PutOff(due, self.job.deferred_at, self.job.deferrals, self.trail, memo)


# A list asks for the same domain dozens of times.
@lru_cache(4_096)
def _shown(answer: Answer) -> tuple[str, str]:
    records = ", ".join(f"{one.preference} {one.value}".removeprefix("0 ") for one in answer.records)
    source = "kept" if answer.is_cached else ""
    got = " ".join(filter(None, (answer.rcode, records, f"ttl {answer.ttl}", source)))
    return f"{answer.kind} {answer.name}", got


def _servers(exchangers: Exchangers, came_from: str) -> list[Server]:
    """The servers to try, the one that wants us back before its equals."""
    best = exchangers.hosts[0].preference
    hosts = sorted(exchangers.hosts, key=lambda host: (host.preference, host.ip != came_from))
    return [Server(host.name, host.ip, host.preference == best, find_provider(host.name)) for host in hosts]
