"""
How are many recipients asked about without wearing out any server, and without one slow server holding up the rest?

Each MX address has its own queue and its own few sessions; nothing waits for another host's. Sessions are re-used within their
bounds, started at the lane's pace, and every slot comes back whatever happens to the task that held it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

import msgspec

from vizsla.kit.errors import VizslaError
from vizsla.mail.pacing import Closed, Lane, Lanes, Pace, Slot, Verdict
from vizsla.mail.probe import Identity, Opener, Probe, ProbeSession, direct_opener, is_about_session
from vizsla.mail.smtp import path
from vizsla.mail.wire import DialogBroken, Limits
from vizsla.net.guard import EgressGuard

WAITING_MOST = 10_000
"""Recipients that may wait for one MX address; who brings more waits himself."""
STALLED, STALLED_FIRST = 10.0, 2.0
"""
Seconds without a word from a host, after which who waits for it is told to come back: a tarpit holds one of us, not all.

The second of one that never answered yet. A slow one has by the time they come back.
"""
LINGER = 0.3
"""Seconds that an idle session is kept: the random recipient is asked for right after the target's answer."""
FAREWELL = 1.0
"""Seconds that a server may take to hang up after QUIT. Until it has, the session is one of those that it counts."""
DEFAULT_PACE = Pace()
DEFAULT_LIMITS = Limits()

_STALLED = Closed("busy", 0.0, "not a word from it for a while")

Judge = Callable[[Probe], Verdict]
is_urgent: ContextVar[Callable[[], bool]] = ContextVar("is_urgent", default=lambda: False)
"""Whether somebody waits for what is asked in this context: it goes before those of whom nobody waits for the next."""


class TooManyWaiting(VizslaError):
    """Too many recipients wait for this mail server. Try again in a few minutes."""

    id = "too_many_waiting"


class PoolClosed(VizslaError):
    """We are stopping; nothing more is asked of mail servers."""

    id = "stopping"


class _Asked:
    """A recipient and the future of its answer."""

    __slots__ = ("answer", "recipient", "used_before")

    def __init__(self, recipient: str, answer: "asyncio.Future[Probe]") -> None:
        self.recipient = recipient
        self.answer = answer
        self.used_before: int | None = None
        """Asked on a session that gave up after so many others; the next answer is from a fresh one, and counts."""


class _Host:
    """What waits for one MX address, and who works on it."""

    __slots__ = (
        "idle",
        "ip",
        "lane",
        "limits",
        "name",
        "opening",
        "queue",
        "stalled",
        "timer",
        "watch",
        "woken",
        "words",
        "words_seen",
        "workers",
    )

    def __init__(self, ip: str, name: str, lane: Lane, limits: Limits) -> None:
        self.ip = ip
        self.name = name
        self.lane = lane
        self.limits = limits
        self.queue: deque[_Asked] = deque()
        self.workers: set[asyncio.Task[None]] = set()
        self.opening: set[Slot] = set()
        self.woken = 0
        self.idle: deque[asyncio.Future[bool]] = deque()
        self.timer: asyncio.TimerHandle | None = None
        self.watch: asyncio.TimerHandle | None = None
        self.words = self.words_seen = 0
        """Greetings and replies, by now and when the watch was set."""
        self.stalled = False

    @property
    def short(self) -> bool:
        """Whether more wait than sessions are about to take them."""
        return self.next() is not None and len(self.queue) > len(self.opening) + self.woken

    def next(self) -> _Asked | None:
        """Who waits the longest, and still waits."""
        while self.queue and self.queue[0].answer.done():
            self.queue.popleft()
        return self.queue[0] if self.queue else None


class ProbePool:
    """Asks servers about recipients. Make and close it in one event loop."""

    def __init__(
        self,
        identity: Identity,
        guard: EgressGuard,
        *,
        judge: Judge | None = None,
        sessions: int = 1_000,
        opener: Opener | None = None,
    ) -> None:
        self._identity = identity
        self._opener = opener or direct_opener(guard, identity)
        self._judge = judge or judge_by_code
        self._loop = asyncio.get_running_loop()
        self._lanes = Lanes(sessions)
        self._hosts: dict[str, _Host] = {}
        self._hungry: dict[str, _Host] = {}
        """Hosts that would start a session if there were room for one, in the order they asked."""
        self._closing = False

    @property
    def sessions(self) -> int:
        """How many sessions are open or being opened."""
        return sum(host.lane.held for host in self._hosts.values())

    async def probe(
        self, ip: str, recipient: str, *, host: str = "", pace: Pace = DEFAULT_PACE, limits: Limits = DEFAULT_LIMITS
    ) -> Probe:
        """
        The answer of the server at *ip*, called *host* in DNS, about *recipient*.

        Waits for a slot as long as it takes: bring your own timeout; who is cancelled has left the queue. Raises UnsafeAddress,
        TooManyWaiting, PoolClosed.
        """
        path(recipient)
        if self._closing:
            raise PoolClosed
        known = self._hosts.get(ip)
        if known is None:
            lane = self._lanes.lane(ip, pace, self._loop.time())
            known = self._hosts[ip] = _Host(ip, host, lane, limits)
        if known.stalled:
            return _skipped(ip, recipient, _STALLED)
        if len(known.queue) >= WAITING_MOST:
            known.queue = deque(asked for asked in known.queue if not asked.answer.done())
            if len(known.queue) >= WAITING_MOST:
                raise TooManyWaiting
        asked = _Asked(recipient, self._loop.create_future())
        if is_urgent.get()():
            known.queue.appendleft(asked)
        else:
            known.queue.append(asked)
        self._watch(known)
        self._serve(known)
        return await asked.answer

    async def close(self) -> None:
        """Hang up everywhere; who still waits gets PoolClosed."""
        self._closing = True
        workers = [worker for host in self._hosts.values() for worker in host.workers]
        for host in self._hosts.values():
            for timer in filter(None, (host.timer, host.watch)):
                timer.cancel()
            while asked := host.next():
                asked.answer.set_exception(PoolClosed())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._hosts.clear()

    # Slots

    def _serve(self, host: _Host) -> None:
        """See to it that who waits for *host* is asked about: by an idle session, by a new one, or when there is a slot."""
        now = self._loop.time()
        if closed := host.lane.closed(now):
            self._skip_all(host, closed)
        while host.idle and host.short:
            idle = host.idle.popleft()
            if not idle.done():
                idle.set_result(True)
                host.woken += 1
        while not self._closing and host.short:
            wait = host.lane.wait(now)
            if wait is None:
                return
            if wait > 0:
                host.timer = host.timer or self._loop.call_later(wait, self._rested, host)
                return
            if not self._lanes.has_room(host.lane):
                self._hungry[host.ip] = host
                return
            self._start(host, now)
        if not (host.workers or host.queue or host.timer):
            if host.watch:
                host.watch.cancel()
            self._hosts.pop(host.ip, None)

    def _rested(self, host: _Host) -> None:
        host.timer = None
        self._serve(host)

    def _watch(self, host: _Host) -> None:
        if host.watch is None:
            host.words_seen = host.words
            host.watch = self._loop.call_later(STALLED if host.lane.answered else STALLED_FIRST, self._look, host)

    def _look(self, host: _Host) -> None:
        """Send away who waits, if somebody is being asked about and nothing was heard since the watch was set."""
        host.watch = None
        if host.workers and host.words == host.words_seen:
            host.stalled = True
            while len(host.queue) > len(host.opening):
                asked = host.queue.pop()
                if not asked.answer.done():
                    asked.answer.set_result(_skipped(host.ip, asked.recipient, _STALLED))
        if host.queue:
            self._watch(host)

    def _heard(self, host: _Host) -> None:
        host.words += 1
        host.stalled = False

    def _start(self, host: _Host, now: float) -> None:
        slot = self._lanes.start(host.lane, now)
        host.opening.add(slot)
        worker = self._loop.create_task(self._work(host, slot))
        host.workers.add(worker)
        # Not a `finally` in the task: one that is cancelled before its first step never gets there.
        worker.add_done_callback(lambda worker: self._ended(host, slot, worker))

    def _ended(self, host: _Host, slot: Slot, worker: "asyncio.Task[None]") -> None:
        self._lanes.end(host.lane, slot, self._loop.time())
        host.workers.discard(worker)
        host.opening.discard(slot)
        host.stalled = host.stalled and bool(host.workers)
        if not worker.cancelled() and (error := worker.exception()):
            self._loop.call_exception_handler({"message": "a probe session failed", "exception": error, "task": worker})
        self._serve(host)
        hungry, self._hungry = self._hungry, {}
        for other in hungry.values():
            self._serve(other)

    # Sessions

    async def _work(self, host: _Host, slot: Slot) -> None:
        session = ProbeSession(
            host.ip,
            host.name,
            host.lane,
            identity=self._identity,
            limits=host.limits,
            on_greeting=lambda: self._greeted(host, slot),
        )
        try:
            try:
                await session.open(self._opener)
            except DialogBroken as error:
                self._not_opened(host, session, error)
                return
            except Exception as error:
                # A fault of ours. Who waits is told, or the next session would run into it, and the next.
                if asked := host.next():
                    asked.answer.set_exception(error)
                raise
            finally:
                host.opening.discard(slot)
            while await self._has_work(host, session):
                asked = host.queue.popleft()
                try:
                    self._settle(host, session, asked, await session.ask(asked.recipient))
                except BaseException as error:
                    if not asked.answer.done():
                        asked.answer.set_exception(PoolClosed() if self._closing else error)
                    raise
            await session.leave(FAREWELL)
        finally:
            session.abort()

    def _greeted(self, host: _Host, slot: Slot) -> None:
        self._lanes.greeted(host.lane, slot, self._loop.time())
        self._heard(host)
        # It has proven to be alive: more sessions may start now.
        self._loop.call_soon(self._serve, host)

    async def _has_work(self, host: _Host, session: ProbeSession) -> bool:
        """Whether this session may ask about the head of the queue. An idle one waits a moment for somebody to come."""
        while not (asked := host.next()):
            if session.spent:
                return False
            idle: asyncio.Future[bool] = self._loop.create_future()
            host.idle.append(idle)
            timer = self._loop.call_later(LINGER, _give_up, idle)
            try:
                if not await idle:
                    return False
            finally:
                timer.cancel()
                if idle.done() and not idle.cancelled() and idle.result():
                    host.woken -= 1
                elif idle in host.idle:
                    host.idle.remove(idle)
        # A session that was refused answers with that refusal, once.
        return session.used == 0 or not (session.spent or asked.used_before is not None)

    def _settle(self, host: _Host, session: ProbeSession, asked: _Asked, probe: Probe) -> None:
        """Learn from *probe*; hand it out, or ask once more where the session is what failed."""
        lane, now = host.lane, self._loop.time()
        if asked.used_before is None and not asked.answer.done():
            if not probe.fresh and is_about_session(probe):
                asked.used_before = session.used - 1
            elif session.pipelined and is_intolerant(probe):
                lane.lockstep = True
                asked.used_before = lane.recipients
            if asked.used_before is not None:
                host.queue.appendleft(asked)
                session.abort()
                return
        elif asked.used_before is not None and not is_about_session(probe):
            lane.reused_too_often(asked.used_before)
        if probe.reply is not None:
            self._heard(host)
            lane.answered = True
            lane.judge(self._judge(probe), now, whole_host=probe.phase != "rcpt", details=_shown(probe))
        elif probe.broken in ("timeout", "deadline"):
            lane.silent(now, probe.details)
        if not asked.answer.done():
            asked.answer.set_result(probe)

    def _not_opened(self, host: _Host, session: ProbeSession, error: DialogBroken) -> None:
        lane = host.lane
        # Who limits connections answers the one too many, or lets it wait; where nobody listens it is refused.
        crowded = lane.proven and lane.held > 1 and error.cause != "refused"
        if error.cause == "egress":
            while asked := host.next():
                asked.answer.set_result(session.failure(asked.recipient, error))
            return
        if crowded:
            # This one says nothing about any recipient.
            lane.judge("busy", self._loop.time(), whole_host=False)
            return
        now = self._loop.time()
        # Gone between connecting and greeting: a proxy whose server is being restarted.
        away = error.phase in ("connect", "banner") and error.cause != "garbled" and lane.spoke_lately(now)
        garbled = error.cause in ("garbled", "unsolicited")
        lane.silent(now, error.details, "away" if away else "garbled" if garbled else "down")
        if asked := host.next():
            if asked.used_before is not None:
                # It was not the group of commands that the last session broke at.
                lane.lockstep = False
            asked.answer.set_result(msgspec.structs.replace(session.failure(asked.recipient, error), away=away))

    def _skip_all(self, host: _Host, closed: Closed) -> None:
        while asked := host.next():
            asked.answer.set_result(_skipped(host.ip, asked.recipient, closed))


def judge_by_code(probe: Probe) -> Verdict:
    """What the code alone says of us. Who reads texts too brings a better judge."""
    assert probe.reply is not None
    if probe.reply.code == 421 or (probe.phase != "rcpt" and probe.reply.code < 500):
        return "fine" if probe.reply.positive else "busy"
    return "block" if probe.phase == "banner" and not probe.reply.positive else "fine"


def is_intolerant(probe: Probe) -> bool:
    """Whether a group of commands may have been too much for the server."""
    if probe.phase not in ("rset", "mail", "rcpt"):
        return False
    return probe.broken in ("closed", "garbled", "unsolicited") or (probe.reply is not None and probe.reply.code == 503)


def _shown(probe: Probe) -> str:
    return f"{probe.reply.code} {probe.reply.text}"[:200] if probe.reply else probe.details


def _skipped(ip: str, recipient: str, closed: Closed) -> Probe:
    away = closed.reason == "away"
    return Probe(ip, recipient, None, None, skipped=closed.reason, away=away, details=closed.details)


def _give_up(idle: "asyncio.Future[bool]") -> None:
    if not idle.done():
        idle.set_result(False)
