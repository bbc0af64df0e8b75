"""
Who sends what campaigns have due?

Senders that have something to do are held one at a time by one worker (`campaigns.claiming`), each in a task of its own: first what an earlier
worker left behind is settled, then its messages are claimed and sent, until there is nothing to do for now. What is held is renewed
while it is worked on. When the process ends no dot goes any more, those that are under way are waited for, and the rest is given back.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable

from vizsla.campaigns.claiming import (
    LASTS,
    Held,
    Turn,
    claim_messages,
    claim_senders,
    heal_senders,
    is_any_sender_due,
    let_go,
    renew_senders,
)
from vizsla.campaigns.drafting import Drafting
from vizsla.campaigns.lateness import forgive, hold_late
from vizsla.campaigns.reconcile import Evidence, NoEvidence, is_any_overdue, list_overdue, put_off, settle
from vizsla.campaigns.sender_checks import Means
from vizsla.campaigns.sending import Sending
from vizsla.campaigns.sessions import MailboxCopies, StoredSenders
from vizsla.campaigns.tracking import Tokens
from vizsla.kit.clock import Clock
from vizsla.kit.errors import StoreError
from vizsla.mail.xoauth2 import Tokens as OAuthTokens
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient
from vizsla.privacy.claims import Claims, following
from vizsla.storage.database import Database
from vizsla.work.leased import name_worker
from vizsla.work.workplace import Tell, Workplace

AT_ONCE = 100
"""Senders that one process works for at a time."""
LOOK = 0.5
"""Seconds between two looks for senders that have something to do."""
LEAVES = 30.0
"""Seconds that a process which is told to end waits for messages at the dot."""
_TIDY = 30.0
"""Seconds between two rounds of hanging up where nothing is said, and of what keeps clocks and claims right."""
_DOORS = 3
"""Claims at one time: connections to PostgreSQL are few, and others want some."""
_JUMP = 60
"""Seconds that a clock which is set forward gains on one that nobody sets."""


async def send_campaigns(place: Workplace, tell: Tell) -> None:
    """Send what is due, as the settings have it, until cancelled."""
    app, settings, secret = place.stores.app, place.settings, place.secret
    guard = EgressGuard(settings.egress_allow)
    async with following(app, secret) as claims, DnsClient(settings.dns_servers) as dns, HttpClient(settings) as http:
        means = Means(guard, dns, OAuthTokens(http, place.clock), settings.helo_name)
        tokens = Tokens(secret)
        drafting = Drafting(app, tokens, settings.base_url)
        sending = Sending(
            app, place.stores.index, StoredSenders(app, secret, means), drafting, claims=claims, clock=place.clock
        )
        copies = MailboxCopies(app, secret, means)
        await Campaigning(app, sending, copies, claims=claims, tokens=tokens, clock=place.clock, tell=tell).run()


class Campaigning:
    """The worker of this process."""

    def __init__(
        self,
        app: Database,
        sending: Sending,
        evidence: Evidence,
        *,
        claims: Claims,
        tokens: Tokens,
        clock: Clock,
        tell: Tell,
        at_once: int = AT_ONCE,
        renews: float = LASTS / 8,
    ) -> None:
        self._app = app
        self._sending = sending
        self._evidence = evidence
        self._claims = claims
        self._tokens = tokens
        self._clock = clock
        self._tell = tell
        self._at_once = at_once
        self._renews = renews
        self._worker = name_worker()
        self._held: dict[asyncio.Task[None], Held] = {}
        self._doors = asyncio.Semaphore(_DOORS)
        self._is_leaving = False
        self._looked_at = (clock.now(), _steady())

    async def run(self) -> None:
        """Work until cancelled."""
        keeping = [
            asyncio.create_task(self._again_and_again(self._renews, self._renew)),
            asyncio.create_task(self._again_and_again(_TIDY, self._tidy)),
        ]
        try:
            while True:
                await self._try(self._take_up())
                await asyncio.sleep(LOOK)
        finally:
            await self._leave()
            for task in keeping:
                task.cancel()

    async def work_off(self) -> None:
        """Do all that is due now, and return."""
        while await self._take_up() or self._held:
            await asyncio.wait([*self._held], return_when=asyncio.FIRST_COMPLETED)

    async def _take_up(self) -> int:
        limit, now = self._at_once - len(self._held), self._clock.now()
        jumped, self._looked_at = now - self._looked_at[0] - (_steady() - self._looked_at[1]), (now, _steady())
        if limit <= 0 or not await is_any_sender_due(self._app, now):
            return 0
        async with self._app.write() as conn:
            if jumped > _JUMP:
                await forgive(conn, now)
            late = await hold_late(conn, now, limit)
            held = await claim_senders(conn, now, self._worker, limit)
        for campaign_id, count in late.items():
            self._tell("campaign_late", level="warning", campaign=campaign_id, held=count)
        for each in held:
            task = asyncio.create_task(self._try(self._work_for(each)))
            self._held[task] = each
            task.add_done_callback(lambda done: self._held.pop(done, None))
        return len(held)

    async def _work_for(self, held: Held) -> None:
        try:
            await self._settle(held)
            while not self._is_leaving:
                async with self._doors, self._app.write(is_brief=True) as conn:
                    turn = await claim_messages(conn, held, self._claims, self._tokens, self._clock.now())
                if not turn.claimed:
                    return
                if not await self._sending.send(turn.claimed, turn.gap) or turn.gap:
                    break
        except StoreError as error:
            self._tell("campaigns", level="warning", error=error.details)
            await asyncio.sleep(LOOK)
        # What is said of the gap and of trouble stands in the sender's row: the next claim reads it.
        now = self._clock.now()
        async with self._app.write(is_brief=True) as conn:
            await let_go(conn, held, Turn("gap", look_at=now + 1), now)

    async def _settle(self, held: Held) -> None:
        """Find out about what a worker before us left behind."""
        now = self._clock.now()
        if not await is_any_overdue(self._app, held.account_id, held.id, now):
            return
        overdue = await list_overdue(self._app, held.account_id, held.id, now)
        try:
            ended = await settle(overdue, self._evidence)
        except NoEvidence as error:
            self._tell("sender_not_asked", level="warning", sender=held.id, error=error.details)
            async with self._app.write() as conn:
                await put_off(conn, overdue, now)
            ended = await settle([each for each in overdue if each.state == "sending"], self._evidence)
        await self._sending.settle(ended)
        for each in ended:
            if each.outcome.kind != "released":
                self._tell("message_settled", message=each.message.id, outcome=each.outcome.kind)

    async def _renew(self) -> None:
        held = list(self._held.values())
        if held:
            async with self._app.write() as conn:
                await renew_senders(conn, held, self._clock.now())
            await self._sending.renew()

    async def _tidy(self) -> None:
        await self._sending.close_idle()
        async with self._app.write() as conn:
            await heal_senders(conn, self._clock.now())

    async def _leave(self) -> None:
        self._is_leaving = True
        self._sending.leave()
        held = list(self._held.values())
        if tasks := list(self._held):
            await asyncio.wait(tasks, timeout=LEAVES)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._try(self._sending.close())
        await self._try(self._give_back(held))

    async def _give_back(self, held: list[Held]) -> None:
        await self._sending.give_back()
        now = self._clock.now()
        async with self._app.write() as conn:
            for each in held:
                await let_go(conn, each, Turn("gap", look_at=now), now)

    async def _again_and_again(self, pause: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(pause)
            await self._try(act())

    async def _try(self, work: Awaitable[object]) -> None:
        """Do it; what fails says so, and its claims end by themselves."""
        try:
            await work
        except StoreError as error:
            self._tell("campaigns", level="warning", error=error.details)
        except Exception as error:
            self._tell("campaigns_failed", level="error", trace="".join(traceback.format_exception(error))[-4_000:])


def _steady() -> float:
    """Seconds of a clock that nobody sets; it goes on while the machine sleeps, where the system has one that does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
