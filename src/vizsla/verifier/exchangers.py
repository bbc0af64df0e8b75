"""
Which hosts take mail for this domain, and in which order are they tried?

The truth table of RFC 5321 5.1 and RFC 7505 over DNS answers. Only what the domain itself says makes it a domain without
mail: that it does not exist, that it has neither exchanger nor address, that it wants no mail, that its exchangers do not
exist. Whatever went wrong on the way there is a `dns_failure`, and a fault of ours if our own resolver is silent.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from itertools import groupby
from typing import Literal, Protocol

import msgspec

from vizsla.kit.domain_name import is_public_suffix
from vizsla.net.dns import Answer, Kind, Record
from vizsla.net.guard import EgressGuard, EgressRefused

MOST_ADDRESSES = 4
_MOST_HOSTS = 16
_HOSTS_AT_ONCE = 4
_SURE = "a.root-servers.net"
"""It exists as long as DNS does."""
LONGEST_LOOK_UP = 12.0
"""Seconds. What is not answered by then has timed out."""

Outcome = Literal["takes_mail", "no_domain", "no_mail_server", "null_mx", "dns_failure", "private"]
"""
`private`: the exchangers are at private or reserved addresses, where we do not go. It settles nothing, not even for 0.0.0.0:
resolvers that filter answer so for what they block, and those of an office for what stands in its cellar.
"""


class Resolver(Protocol):
    """Asks DNS; `net.dns.DnsClient` is one."""

    async def ask(self, name: str, kind: Kind) -> Answer: ...

    async def is_reachable(self) -> bool: ...


class MailHost(msgspec.Struct, frozen=True):
    """An address that takes mail, and the exchanger that it is one of."""

    name: str
    ip: str
    preference: int


class Exchangers(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail for a domain goes."""

    domain: str
    outcome: Outcome
    mx_records: bool
    """Whether the domain names exchangers; without any, mail goes to its own address (implicit MX)."""
    names: tuple[str, ...] = ()
    """The exchangers, most preferred first."""
    hosts: tuple[MailHost, ...] = ()
    """In the order to try; equals are shuffled anew each time, as RFC 5321 5.1 wants it."""
    is_our_fault: bool = False
    """Whether our own resolver is out of reach, or knows nothing of the internet."""
    answers: tuple[Answer, ...] = ()
    """Everything that was asked, as evidence."""

    @property
    def is_undeliverable(self) -> bool:
        """Whether DNS settles that nobody at the domain gets mail."""
        return self.outcome in ("no_domain", "no_mail_server", "null_mx")


async def find_exchangers(resolver: Resolver, guard: EgressGuard, domain: str) -> Exchangers:
    """Where mail for *domain* (A-labels) goes. Takes LONGEST_LOOK_UP seconds at most."""
    asking = _Asking(resolver, time.monotonic() + LONGEST_LOOK_UP)
    found = await _find(asking, guard, domain)
    if found.outcome == "dns_failure" and not found.is_our_fault and not await asking.is_reachable():
        found = msgspec.structs.replace(found, is_our_fault=True)
    return msgspec.structs.replace(found, answers=tuple(asking.answers))


async def _find(asking: "_Asking", guard: EgressGuard, domain: str) -> Exchangers:
    mx = await asking.ask(domain, "MX")
    if mx.rcode in ("NXDOMAIN", "BADNAME"):
        # Some servers say NXDOMAIN to any kind of question they do not know (RFC 4074 4.2); an address would belie it.
        mx = await asking.ask(domain, "A")
        if mx.rcode in ("NXDOMAIN", "BADNAME"):
            if await _is_blind(asking, domain):
                return Exchangers(domain=domain, outcome="dns_failure", mx_records=False, is_our_fault=True)
            return Exchangers(domain=domain, outcome="no_domain", mx_records=False)
        mx = msgspec.structs.replace(mx, records=())
    if mx.is_failure:
        return Exchangers(domain=domain, outcome="dns_failure", mx_records=False)
    # A null MX stands alone (RFC 7505 3); beside others it is a mistake that says nothing.
    records = [record for record in mx.records if record.value]
    if mx.records and not records:
        return Exchangers(domain=domain, outcome="null_mx", mx_records=False)
    names = _in_order(records) if records else [(0, domain)]
    reached = await _reach(asking, guard, names)
    return Exchangers(
        domain=domain,
        outcome=_judge(reached, asked_all=len(reached) == len(names) and not mx.left_out),
        mx_records=bool(records),
        names=tuple(name for _, name in names) if records else (),
        hosts=_choose(reached),
    )


async def _is_blind(asking: "_Asking", domain: str) -> bool:
    """Whether our resolver knows nothing of the internet that *domain* would be on: some say NXDOMAIN to all that is outside."""
    if not is_public_suffix(domain.rpartition(".")[2]):
        return False
    return (await asking.ask(_SURE, "A")).rcode == "NXDOMAIN"


class _Reached(msgspec.Struct, frozen=True):
    """What is known of one exchanger."""

    hosts: tuple[MailHost, ...]
    is_failure: bool
    is_private: bool


def _judge(reached: list[_Reached], *, asked_all: bool) -> Outcome:
    if any(one.hosts for one in reached):
        return "takes_mail"
    if any(one.is_failure for one in reached) or not asked_all:
        return "dns_failure"
    return "private" if any(one.is_private for one in reached) else "no_mail_server"


def _in_order(records: Iterable[Record]) -> list[tuple[int, str]]:
    """(preference, name) of each exchanger once, by preference, equals shuffled."""
    best: dict[str, int] = {}
    for record in records:
        best[record.value] = min(record.preference, best.get(record.value, record.preference))
    ordered = []
    for preference, names in groupby(sorted(best, key=lambda name: best[name]), key=lambda name: best[name]):
        equals = list(names)
        random.shuffle(equals)
        ordered += [(preference, name) for name in equals]
    return ordered


async def _reach(asking: "_Asking", guard: EgressGuard, names: list[tuple[int, str]]) -> list[_Reached]:
    """What is known of the first exchangers: as many as it takes to have addresses enough."""
    reached: list[_Reached] = []
    while len(reached) < min(len(names), _MOST_HOSTS) and sum(len(one.hosts) for one in reached) < MOST_ADDRESSES:
        batch = names[len(reached) : min(len(reached) + _HOSTS_AT_ONCE, _MOST_HOSTS)]
        reached += await asyncio.gather(*(_reach_one(asking, guard, *exchanger) for exchanger in batch))
    return reached


async def _reach_one(asking: "_Asking", guard: EgressGuard, preference: int, name: str) -> _Reached:
    answers = await asyncio.gather(asking.ask(name, "A"), asking.ask(name, "AAAA"))
    allowed, is_private = [], False
    # A, AAAA, A, AAAA …: whichever family does not work here, the second try is of the other.
    for ip in _alternate(*([record.value for record in answer.records] for answer in answers)):
        try:
            guard.check(ip)
        except EgressRefused:
            is_private = True
        else:
            allowed.append(MailHost(name, ip, preference))
    return _Reached(tuple(allowed), any(answer.is_failure for answer in answers), is_private)


def _choose(reached: list[_Reached]) -> tuple[MailHost, ...]:
    """The addresses to try: two of each exchanger, more of one that stands alone, none twice."""
    with_hosts = [one.hosts for one in reached if one.hosts]
    each = MOST_ADDRESSES if len(with_hosts) == 1 else 2
    chosen: dict[str, MailHost] = {}
    for hosts in with_hosts:
        for host in hosts[:each]:
            chosen.setdefault(host.ip, host)
    return tuple(chosen.values())[:MOST_ADDRESSES]


def _alternate(first: list[str], second: list[str]) -> list[str]:
    both = min(len(first), len(second))
    return [ip for pair in zip(first, second, strict=False) for ip in pair] + first[both:] + second[both:]


class _Asking:
    """One domain's questions: what was answered, and until when there is time."""

    def __init__(self, resolver: Resolver, until: float) -> None:
        self._resolver, self._until = resolver, until
        self.answers: list[Answer] = []

    async def ask(self, name: str, kind: Kind) -> Answer:
        started = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._until - started)):
                answer = await self._resolver.ask(name, kind)
        except TimeoutError:
            took = round((time.monotonic() - started) * 1_000)
            answer = Answer(name=name, kind=kind, rcode="TIMEOUT", ms=took)
        self.answers.append(answer)
        return answer

    async def is_reachable(self) -> bool:
        return await self._resolver.is_reachable()
