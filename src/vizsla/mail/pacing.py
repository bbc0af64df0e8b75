"""
How hard may we knock at one mail server?

Asked for each MX address, not each domain: a thousand domains may share one. Nothing here waits or opens sockets; the pool
brings the time and does as it is told. Numbers were measured on Postfix, Exim and OpenSMTPD with their default settings: more
than five sessions overload the smaller ones, ten refused recipients make Postfix pause for a second each.
"""

from collections import OrderedDict
from itertools import islice
from typing import Literal

import msgspec

DOWN_FIRST, DOWN_MOST = 60.0, 600.0
BLOCKED_FOR = 3_600.0
BLOCKS_IN_A_ROW = 3
"""Refusals at RCPT that say "you", without another answer between, until we believe that the host means us, not one domain of it."""
BUSY_IN_A_ROW = 3
"""Turned away before RCPT so often in a row: who waits is told so, instead of knocking for each of them."""
BUSY_FIRST, BUSY_MOST, BUSY_GROWS = 4.0, 60.0, 1.5
"""Seconds for which it is then left alone: most are done in a moment. One that turns the next away too is left alone longer."""
ONE_EVENT = 1.0
"""Seconds within which several "too fast" are one: five sessions that are turned away together halve the pace once."""
SILENCES_IN_A_ROW = 2
REMEMBERED_FOR = 600.0
"""Seconds for which a host that talked to us and cannot be reached now is thought to be restarting, and not gone."""

Verdict = Literal["fine", "busy", "block"]
"""What a reply says about us: nothing, too fast, or not welcome."""


class Pace(msgspec.Struct, frozen=True):
    """The bounds for one MX address; providers may have their own."""

    sessions: int = 5
    start_rate: float = 2.0
    """New sessions a second, in the long run, for a host that we do not know."""
    fastest: float = 4.0
    """The same for one that answers well: what all sessions need where each takes a second, as at 100 ms."""
    burst: int = 10
    """New sessions that may start at once after a rest: two rounds of all slots."""
    recipients: int = 8
    """A session, one in each transaction."""
    rejects: int = 5
    """A session, refused recipients."""


Shut = Literal["blocked", "busy", "away", "garbled", "down"]
"""`away`: it talked to us minutes ago. `garbled`: it talks, and not SMTP."""


class Closed(msgspec.Struct, frozen=True):
    """Why nobody may knock now, and until when (on the pool's clock)."""

    reason: Shut
    until: float
    details: str


class Lane:
    """
    What is known of one MX address: sessions allowed (additive increase, halved when it is busy), starts, silence.

    It begins with one session. Only a host that has spoken gets all of them, so that a dead one costs one slot and not five.
    """

    def __init__(self, pace: Pace, now: float) -> None:
        self.pace = pace
        self.held = 0
        self.proven = False
        self.lockstep = False
        """Whether it offers PIPELINING and cannot do it."""
        self.needs_tls = False
        self.answered = False
        """Whether it ever said anything of a recipient."""
        self.recipients = pace.recipients
        self.touched = now
        self._spoke_at: float | None = None
        self._eased_at = -ONE_EVENT
        self._allowed = 1.0
        self._rate = pace.start_rate
        self._tokens = float(pace.burst)
        self._filled = now
        self._silences = 0
        self._blocks = 0
        self._busy = 0
        self._busy_for = BUSY_FIRST
        self._down_for = DOWN_FIRST
        self._closed: Closed | None = None

    @property
    def allowed(self) -> int:
        return max(1, int(self._allowed))

    @property
    def idle(self) -> bool:
        return self.held == 0

    def closed(self, now: float) -> Closed | None:
        """Why it must be left alone at *now*, or None."""
        if self._closed and now >= self._closed.until:
            # It rested already: somebody must find out at once whether that was enough.
            self._fill(now)
            self._tokens = max(self._tokens, 1.0)
            self._closed = None
        return self._closed

    def wait(self, now: float) -> float | None:
        """Seconds until a session may start; None while all slots are held."""
        if self.held >= self.allowed:
            return None
        self._fill(now)
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._rate

    def start(self, now: float) -> None:
        """A session starts. Each call is followed by one of `end`, whatever happens."""
        self._fill(now)
        self._tokens -= 1
        self.held += 1
        self.touched = now

    def end(self, now: float) -> None:
        assert self.held > 0
        self.held -= 1
        self.touched = now

    def spoke(self, now: float) -> None:
        """The host greeted us."""
        self._spoke_at = now
        if not self.proven:
            self.proven = True
            self._allowed = float(self.pace.sessions)

    def spoke_lately(self, now: float) -> bool:
        """Whether the host greeted us within minutes."""
        return self._spoke_at is not None and now - self._spoke_at < REMEMBERED_FOR

    def silent(self, now: float, details: str, why: Shut = "down") -> None:
        """Nobody answered, nobody spoke, or a command was left without its reply."""
        self._silences += 1
        self._allowed = 1.0
        self.proven = False
        if self._silences >= SILENCES_IN_A_ROW:
            self._closed = Closed(why, now + self._down_for, details)
            self._down_for = min(DOWN_MOST, 2 * self._down_for)

    def judge(self, verdict: Verdict, now: float, *, whole_host: bool, details: str = "") -> None:
        """A reply said *verdict* of us; *whole_host* if it cannot have been about one recipient."""
        self._silences = 0
        self._down_for = DOWN_FIRST
        if verdict == "block":
            self._blocks += 1
            if whole_host or self._blocks >= BLOCKS_IN_A_ROW:
                self._closed = Closed("blocked", now + BLOCKED_FOR, details)
            return
        self._blocks = 0
        if verdict == "busy":
            if whole_host or now - self._eased_at >= ONE_EVENT:
                self._eased_at = now
                self._allowed = max(1.0, self._allowed / 2)
                self._rate = max(self.pace.start_rate / 32, self._rate / 2)
            self._tokens = min(self._tokens, 0.0)
            self._busy = self._busy + 1 if whole_host else 0
            if self._busy >= BUSY_IN_A_ROW:
                self._closed = Closed("busy", now + self._busy_for, details)
                self._busy_for = min(BUSY_MOST, BUSY_GROWS * self._busy_for)
        else:
            if self._busy:
                # It takes sessions again: a pause was what it needed. The slowest pace would take minutes to recover from.
                self._rate = max(self._rate, self.pace.start_rate / 4)
            self._busy = 0
            self._busy_for = BUSY_FIRST
            # One more session after as many good answers as there are sessions; the rate recovers with it.
            self._allowed = min(float(self.pace.sessions), self._allowed + 1 / (4 * self._allowed))
            # Beyond the rate for strangers it grows a fifth as fast: twice that rate takes seventy answers.
            growth = 1.05 if self._rate < self.pace.start_rate else 1.01
            self._rate = min(max(self.pace.start_rate, self.pace.fastest), self._rate * growth)

    def reused_too_often(self, used: int) -> None:
        """It gave up on a session after *used* recipients: do not ask for more next time."""
        self.recipients = max(1, min(self.recipients, used))

    def _fill(self, now: float) -> None:
        self._tokens = min(float(self.pace.burst), self._tokens + (now - self._filled) * self._rate)
        self._filled = now


class Slot:
    """The right to one session."""

    __slots__ = ("unproven",)

    def __init__(self, *, unproven: bool) -> None:
        self.unproven = unproven
        """Whether it counts to those that hosts share which have not spoken yet."""


class Lanes:
    """
    The lanes of all hosts, at most *limit* of them: the one untouched the longest is forgotten, never one in use.

    Hosts that have not spoken yet share half of all *sessions*, so that tarpits cannot take the place of the others.
    """

    def __init__(self, sessions: int = 1_000, limit: int = 50_000) -> None:
        self.sessions = sessions
        self._limit = limit
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._held = 0
        self._unproven = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def lane(self, ip: str, pace: Pace, now: float) -> Lane:
        lane = self._lanes.get(ip)
        if lane is None:
            lane = self._lanes[ip] = Lane(pace, now)
            self._shrink()
        else:
            self._lanes.move_to_end(ip)
        return lane

    def has_room(self, lane: Lane) -> bool:
        """Whether one more session fits, all hosts together."""
        if self._held >= self.sessions:
            return False
        return lane.proven or self._unproven < max(1, self.sessions // 2)

    def start(self, lane: Lane, now: float) -> Slot:
        """A session starts; its slot must be handed back to `end`."""
        lane.start(now)
        self._held += 1
        self._unproven += not lane.proven
        return Slot(unproven=not lane.proven)

    def greeted(self, lane: Lane, slot: Slot, now: float) -> None:
        lane.spoke(now)
        self._unproven -= slot.unproven
        slot.unproven = False

    def end(self, lane: Lane, slot: Slot, now: float) -> None:
        lane.end(now)
        self._held -= 1
        self._unproven -= slot.unproven

    def _shrink(self) -> None:
        if len(self._lanes) <= self._limit:
            return
        # At most `sessions` lanes are held, so that one more than that has an idle one; the newest is not it.
        oldest = islice(self._lanes.items(), min(self.sessions + 1, len(self._lanes) - 1))
        if ip := next((ip for ip, lane in oldest if lane.idle), None):
            del self._lanes[ip]
