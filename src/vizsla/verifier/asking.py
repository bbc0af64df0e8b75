"""
What do a domain's mail servers say of an address?

The servers are tried in the order that DNS gives; the target is asked about first, and only if it is accepted a local part
that nobody has: a server that takes that one too tells nothing. A refusal that could be meant for us is weighed against
`postmaster` and the random recipient on the same server. What is found out of a whole domain is kept, and asked for once
however many wait for it.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

from vizsla.kit.clock import DAY, Clock
from vizsla.mail.pacing import Pace
from vizsla.mail.probe import Probe
from vizsla.mail.wire import Limits
from vizsla.verifier.evidence import Step, Trail, cut
from vizsla.verifier.judgement import Judgement, Outcome, judge
from vizsla.verifier.memo import HOLDS
from vizsla.verifier.outcome import AcceptAll, Memo
from vizsla.verifier.providers import Provider
from vizsla.verifier.syntax import Address
from vizsla.verifier.verdict import Reason

T = TypeVar("T")
MOST_SERVERS = 4
"""Addresses of mail servers that are tried."""
_REMEMBERED = 20_000
_CONTROL_HOLDS = 600
"""Seconds for which the control probes of a domain are not made again."""

_ANYBODYS = Pace()
_PROVIDERS = Pace(sessions=2)
"""Those who run mail for millions count the connections of a stranger, and remember."""

_FIRST = "ada bela cora dorin edda femi gwen hilde ivo jarl katya lior mira nadim odile pavel quim rosa sven tomas uwe vida wim yara zeno".split()
_LAST = "abelnik bramsted corvallo dunmarsh eltsova fjordal garvenko holmqvar istvanek jorunsky kelmarin lundvall morvane nystrup orlanik petrisko quelloz ravendal sorvino tarkov ulvaeng vestrik wolmarin ystad zelinko".split()


_NEXT: frozenset[Outcome] = frozenset({"away", "unreachable", "timeout", "tls", "egress", "weird"})
"""After these the next server is asked."""
_ACCEPT_ALL: dict[Outcome, AcceptAll] = {"accepted": "yes", "no_user": "no", "disabled": "no", "full": "yes"}
_REASON: dict[Outcome, Reason] = {
    "full": "full",
    "disabled": "disabled",
    "block": "refused_us",
    "need_tls": "tls",
    "tls": "tls",
    "weird": "protocol",
    "unreachable": "unreachable",
    "timeout": "timeout",
    "eai": "eai",
    "egress": "private",
}


class Pool(Protocol):
    """Asks one server about one recipient: `mail.pool.ProbePool`."""

    async def probe(self, ip: str, recipient: str, *, host: str, pace: Pace, limits: Limits) -> Probe: ...


class Server(msgspec.Struct, frozen=True):
    """One address of one mail server of a domain."""

    name: str
    ip: str
    is_first_choice: bool
    """Whether none has a better preference: a backup may take mail for anybody, and pass it on later."""
    provider: Provider | None = None

    @property
    def provider_name(self) -> str:
        """Whose server it is, in one word; empty for anybody's."""
        return self.provider.name if self.provider is not None else ""


Said = tuple[int, str | None, str]
"""Code, enhanced code and text of a reply."""


class _Control(msgspec.Struct, frozen=True):
    """How a server treats recipients that must exist and that cannot."""

    at: int
    takes_postmaster: bool
    postmaster: Said | None
    random: Said | None


class Settled(msgspec.Struct, frozen=True):
    """What the servers said settles it."""

    reason: Reason


class Later(msgspec.Struct, frozen=True):
    """Nothing is settled: ask again later. Only a *deferred* one used up one of the greylist's tries."""

    why: Literal["deferred", "busy"]


class Heard(msgspec.Struct, frozen=True):
    """What came of asking."""

    found: Settled | Later
    talked: bool
    """Whether a mail server greeted us."""
    memo: Memo | None = None
    """What was found out of the whole domain just now."""


FindMemo = Callable[[str, int], Awaitable[Memo | None]]


class Asking:
    """Asks about addresses; one for a process, so that it knows what was found out a moment ago."""

    def __init__(self, pool: Pool, find_memo: FindMemo, secret: bytes, clock: Clock, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits
        self._find_memo = find_memo
        self._secret = secret
        self._clock = clock
        self._memos: OrderedDict[str, Memo] = OrderedDict()
        self._turns: dict[str, asyncio.Lock] = {}
        self._controls: OrderedDict[str, _Control] = OrderedDict()

    async def known(self, domain: str) -> Memo | None:
        """What is known of the whole domain, if it still holds."""
        now = self._clock.now()
        memo = self._memos.get(domain)
        if memo is None or now - memo.at >= HOLDS[memo.accept_all]:
            memo = await self._find_memo(domain, now)
            if memo is not None:
                self._keep(domain, memo)
        return memo

    async def ask(self, address: Address, servers: Sequence[Server], trail: Trail) -> Heard:
        """What *servers*, best first, say of *address*. What was said is added to *trail*."""
        answer = await self._first_answer(address, servers, trail)
        if answer is None:
            return Heard(Settled("unreachable"), talked=False)
        server, probe, judgement = answer
        talked = bool(probe.banner)
        match judgement.outcome:
            case "accepted":
                found, memo = await self._weigh_acceptance(address, server, trail)
                return Heard(found, talked, memo)
            case "ambiguous":
                return Heard(await self._weigh_refusal(address, server, probe, trail), talked)
            case "defer":
                # So that the random recipient's greylisting runs out together with the target's.
                await self._knock_early(address, server, trail)
                return Heard(Later("deferred"), talked)
            case "busy" | "away":
                return Heard(Later("busy"), talked)
            case "no_user":
                return Heard(Settled("no_user"), talked, self._renewed(address.domain, server))
        return Heard(Settled(_REASON[judgement.outcome]), talked)

    async def _first_answer(
        self, address: Address, servers: Sequence[Server], trail: Trail
    ) -> tuple[Server, Probe, Judgement] | None:
        """
        The first answer that a mail server gave, or the last failure; None if there was nobody to ask.

        Where a server may be restarting, that counts: it will be back.
        """
        last = away = None
        for server in servers[:MOST_SERVERS]:
            for is_last_try in (False, True):
                probe = await self._put(str(address), server, trail, "smtp")
                judgement = judge(probe, server.provider_name)
                trail.append(self._step("rule", judgement.rule, judgement.outcome))
                last = server, probe, judgement
                # Octets that are no reply may have been an accident; on two connections they are the server's nature.
                if judgement.outcome != "weird" or is_last_try:
                    break
            if judgement.outcome not in _NEXT:
                return last
            if judgement.outcome == "away":
                away = last
        return away or last

    async def _weigh_acceptance(
        self, address: Address, server: Server, trail: Trail
    ) -> tuple[Settled | Later, Memo | None]:
        """Whether a server that takes *address* takes any."""
        domain = address.domain
        if server.provider is not None and server.provider.settles_later:
            trail.append(self._step("memo", f"what does {server.provider_name} tell at RCPT?", "nothing"))
            return Settled("accepts_all"), None
        whose = _whose(domain, server)
        async with self._turn(domain):
            memo = await self.known(whose)
            fresh = None
            if memo is None:
                memo = fresh = await self._test(domain, server, trail)
                self._keep(whose, memo)
        if fresh is None:
            trail.append(self._step("memo", "does the domain take mail for anybody?", memo.accept_all))
        kept = fresh if server.is_first_choice else None
        match memo.accept_all:
            case "yes":
                return Settled("accepts_all"), kept
            case "no":
                return Settled("accepted"), kept
        return Later("deferred"), kept

    async def _test(self, domain: str, server: Server, trail: Trail) -> Memo:
        """Ask *server* about local parts that nobody has."""
        # A security gateway now and then accepts what the server behind it refuses: one recipient is not enough there.
        tries = 2 if server.provider is not None and server.provider.gateway else 1
        steps: Trail = []
        accept_all: AcceptAll = "inconclusive"
        for number in range(tries):
            probe = await self._put(f"{self._nobody(domain, number)}@{domain}", server, steps, "accept_all")
            outcome = judge(probe, server.provider_name).outcome
            accept_all = _ACCEPT_ALL.get(outcome, "inconclusive")
            if accept_all != "yes":
                break
        if accept_all == "inconclusive" and outcome == "ambiguous":
            # The target was taken and this one was not, on the same server within a second: it can tell them apart.
            accept_all = "no"
        trail += steps
        return Memo(accept_all, self._clock.now(), steps)

    async def _weigh_refusal(self, address: Address, server: Server, refused: Probe, trail: Trail) -> Settled | Later:
        """Whether a refusal that can be read in two ways was about *address* or about us."""
        domain = address.domain
        async with self._turn(domain):
            now = self._clock.now()
            control = self._controls.get(domain)
            if control is None or now - control.at >= _CONTROL_HOLDS:
                postmaster = await self._put(f"postmaster@{domain}", server, trail, "control")
                random = await self._put(f"{self._nobody(domain, 0)}@{domain}", server, trail, "control")
                control = _Control(
                    now, judge(postmaster, server.provider_name).outcome == "accepted", _said(postmaster), _said(random)
                )
                self._controls[domain] = control
                _shrink(self._controls)
            else:
                trail.append(self._step("control", "postmaster and a random recipient", "asked a moment ago"))
        said = _said(refused)
        if control.takes_postmaster:
            return Settled("no_user" if control.random == said else "ambiguous")
        # RFC 5321 4.5.1: every server takes mail for postmaster. One that does not, in the same words, does not want us.
        return Settled("refused_us" if control.postmaster == said else "ambiguous")

    async def _knock_early(self, address: Address, server: Server, trail: Trail) -> None:
        domain = address.domain
        async with self._turn(domain):
            if await self.known(_whose(domain, server)) is None:
                memo = await self._test(domain, server, trail)
                self._keep(_whose(domain, server), memo)

    def _renewed(self, domain: str, server: Server) -> Memo | None:
        """
        What is known of a domain that does not take all, known for longer: free, for it refused one more.

        Only where it was found out before. A domain that takes all may refuse those who left by name.
        """
        known = self._memos.get(domain)
        now = self._clock.now()
        if known is None or known.accept_all != "no" or not server.is_first_choice:
            return None
        if not HOLDS["no"] // 2 <= now - known.at < HOLDS["no"]:
            return None
        memo = Memo("no", now, [Step(now, "memo", "a recipient was refused")])
        self._keep(domain, memo)
        return memo

    async def _put(
        self, recipient: str, server: Server, trail: Trail, stage: Literal["smtp", "accept_all", "control"]
    ) -> Probe:
        pace = _ANYBODYS if server.provider is None else _PROVIDERS
        probe = await self._pool.probe(server.ip, recipient, host=server.name, pace=pace, limits=self._limits)
        trail += steps_of(probe, stage, self._clock.now())
        return probe

    def _nobody(self, domain: str, number: int) -> str:
        """
        A local part that looks like a person's and is nobody's, the same for a week.

        The same, for greylists know us by it; not the same for every domain and installation, or servers would learn it.
        """
        week = self._clock.now() // (7 * DAY)
        bits = int.from_bytes(hashlib.blake2b(f"{domain}/{number}/{week}".encode(), key=self._secret[:64]).digest()[:8])
        bits, first = divmod(bits, len(_FIRST))
        bits, last = divmod(bits, len(_LAST))
        return f"{_FIRST[first]}.{_LAST[last]}{bits % 90 + 10}"

    def _turn(self, domain: str) -> asyncio.Lock:
        """One at a time finds out what is true of a whole domain; the others are told."""
        lock = self._turns.get(domain)
        if lock is None:
            if len(self._turns) >= _REMEMBERED:
                self._turns = {name: lock for name, lock in self._turns.items() if lock.locked()}
            lock = self._turns[domain] = asyncio.Lock()
        return lock

    def _keep(self, domain: str, memo: Memo) -> None:
        self._memos[domain] = memo
        self._memos.move_to_end(domain)
        _shrink(self._memos)

    def _step(self, stage: Literal["memo", "control", "rule"], did: str, got: str) -> Step:
        return Step(self._clock.now(), stage, did, got)


def _whose(domain: str, server: Server) -> str:
    """A backup that takes mail for anybody must not pass for the server that refuses: it has a memo of its own."""
    return domain if server.is_first_choice else f"{domain} {server.ip}"


def steps_of(probe: Probe, stage: Literal["smtp", "accept_all", "control"], at: int) -> Trail:
    """What was said, as evidence: the opening of the session once, by whoever was first on it."""
    spoken = (*(probe.opening if probe.fresh else ()), *probe.exchanges)
    steps = [
        Step(at, stage, one.command or "connect", cut(f"{one.code or ''} {one.reply}".strip()), one.ms, probe.ip)
        for one in spoken
    ]
    if probe.reply is None:
        happened = f"{probe.broken or 'not asked'} at {probe.phase or 'connect'}: {probe.details}".rstrip(": ")
        steps.append(Step(at, stage, "give up", cut(happened), host=probe.ip))
    return steps


def _said(probe: Probe) -> Said | None:
    """What a reply says, without what differs from one recipient to the next: addresses, and words with digits in them."""
    if probe.reply is None:
        return None
    words = (word for word in probe.reply.text.casefold().split() if "@" not in word)
    text = " ".join(word for word in words if not any(map(str.isdigit, word)))
    return probe.reply.code, probe.reply.enhanced, text


def _shrink(kept: OrderedDict[str, T]) -> None:
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
