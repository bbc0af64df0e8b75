"""
Can mail servers be asked from here at all?

The self-test before we blame anybody: does a mail server outside answer us, is the name that we greet with the name of the
address that they see (forward and reverse DNS agree), and is that address on none of the lists that the operator names. A
`red` check means that answers would be about us, so that nobody is asked. What could not be found out is `open`, and stops
nothing. Only hosts and lists from the settings are asked; without hosts, the servers of our own MAIL FROM.
"""

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

import msgspec

from vizsla.mail.probe import Identity
from vizsla.mail.reply import Reply
from vizsla.mail.smtp import UnsafeAddress, open_dialog
from vizsla.mail.wire import DialogBroken, Limits
from vizsla.net.guard import EgressGuard, EgressRefused
from vizsla.verifier.classify import classify
from vizsla.verifier.exchangers import Exchangers, MailHost, Resolver, find_exchangers

State = Literal["green", "red", "open"]
What = Literal["port", "helo", "lists"]
EVERY, EVERY_RED = 3_600, 300
"""Seconds that a report holds; a red one less, for somebody is at work on it."""
_LIMITS = Limits(connect=8.0, banner=15.0, reply=10.0, dialog=18.0)
_MOST_NAMES, _MOST_LISTS = 8, 32
_PUBLIC = EgressGuard()
_SEEN = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{3,45})\]")
_LISTED = ipaddress.ip_network("127.0.0.0/8")
_REFUSAL = ipaddress.ip_network("127.255.255.0/24")
"""What lists say to resolvers that they do not serve (Spamhaus and others): it is no listing."""


class Check(msgspec.Struct, frozen=True):
    """One question of the self-test."""

    what: What
    state: State
    details: str


class Report(msgspec.Struct, frozen=True):
    """What a self-test found."""

    at: int
    checks: tuple[Check, ...]

    @property
    def state(self) -> State:
        """Red if anything is, green if all is."""
        states = {check.state for check in self.checks}
        return "red" if "red" in states else "open" if "open" in states else "green"

    @property
    def is_red(self) -> bool:
        return self.state == "red"

    @property
    def trouble(self) -> str:
        """What is wrong with us, in sentences; empty if nothing is known to be."""
        return " ".join(check.details for check in self.checks if check.state == "red")

    @property
    def due(self) -> int:
        """When it must be found out anew."""
        return self.at + (EVERY_RED if self.is_red else EVERY)


Examine = Callable[[], Awaitable[Report]]


class WayOut:
    """The newest report of this process, made once however many ask for it."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self._making: asyncio.Task[Report] | None = None

    async def look(self, examine: Examine, now: int) -> Report:
        """
        The report that counts at *now*.

        Nobody waits for the next one while the last was good; while it was red, or there is none, everybody does.
        """
        report = self.report
        if report is not None and now < report.due:
            return report
        self.begin(examine)
        assert self._making is not None
        if report is not None and not report.is_red and now < report.due + EVERY:
            return report
        return await asyncio.shield(self._making)

    @property
    def is_making(self) -> bool:
        """Whether a report is being made."""
        return self._making is not None and not self._making.done()

    def begin(self, examine: Examine) -> None:
        """Have a report made now, whether the last one still holds or not; nobody waits for it."""
        if not self.is_making:
            self._making = asyncio.create_task(self._make(examine))
            self._making.add_done_callback(lambda made: made.cancelled() or made.exception())

    async def _make(self, examine: Examine) -> Report:
        self.report = report = await examine()
        return report


async def examine_egress(
    resolver: Resolver,
    guard: EgressGuard,
    identity: Identity,
    *,
    hosts: Sequence[str],
    lists: Sequence[str],
    at: int,
    limits: Limits = _LIMITS,
) -> Report:
    """Knock at the mail servers of *hosts* and look us up in DNS and in *lists*. Takes half a minute at most."""
    names = tuple(hosts[:_MOST_NAMES]) or tuple(filter(None, [identity.mail_from.rpartition("@")[2]]))
    found = await asyncio.gather(*(find_exchangers(resolver, guard, name) for name in names))
    targets = [host for one in found for host in _choose(one, identity.bind)]
    knocks = await asyncio.gather(*(_knock(host, guard, identity, limits) for host in targets))
    seen = tuple(dict.fromkeys(knock.seen_as for knock in knocks if knock.seen_as))
    helo, addresses = await _check_helo(resolver, identity, seen)
    return Report(at, (_check_port(names, knocks, identity.port), helo, await _check_lists(resolver, addresses, lists)))


# Does anybody answer?


class _Knock(msgspec.Struct, frozen=True):
    """What came of connecting to one server."""

    host: MailHost
    reply: Reply | None = None
    """To EHLO, or the banner that turned us away."""
    is_refusal: bool = False
    seen_as: str = ""
    """The address that we came from, as far as it can be told."""
    failure: str = ""


def _choose(found: Exchangers, bind: str) -> Iterable[MailHost]:
    """The best address of each family that we can send from."""
    chosen: dict[bool, MailHost] = {}
    for host in found.hosts:
        if _can_send(bind, host.ip):
            chosen.setdefault(":" in host.ip, host)
    return chosen.values()


async def _knock(host: MailHost, guard: EgressGuard, identity: Identity, limits: Limits) -> _Knock:
    try:
        async with await open_dialog(
            host.ip, guard=guard, port=identity.port, bind=identity.bind, limits=limits
        ) as dialog:
            local = dialog.local_ip
            reply = await dialog.greet(identity.helo)
            meaning = classify(reply, dialog.phase)
            dialog.quit()
    except DialogBroken as error:
        return _Knock(host, failure=error.details)
    except UnsafeAddress:
        # Nobody can be greeted with that; the check of the name says so.
        return _Knock(host, failure="we have no name to greet with")
    return _Knock(host, reply, meaning.outcome == "block", find_own_address(local, host.ip, reply))


def find_own_address(local: str, remote: str, reply: Reply) -> str:
    """Our address as *remote* sees it, or nothing: behind NAT, most servers say it in their answer to EHLO, *reply*."""
    if _is_public(local) or not _is_public(remote):
        return local
    echoed = _SEEN.search(reply.lines[0] if reply.lines else "")
    return echoed[1] if echoed and _is_public(echoed[1]) else ""


def _check_port(names: Sequence[str], knocks: Sequence[_Knock], port: int) -> Check:
    if not names:
        return Check("port", "open", "No mail server to try: set VIZSLA_SELF_TEST_HOSTS, or VIZSLA_MAIL_FROM.")
    if not knocks:
        return Check("port", "open", f"DNS knows no mail server of {', '.join(names)} that could be tried.")
    answered = [knock for knock in knocks if knock.reply is not None]
    if not answered:
        tried = ", ".join(f"{knock.host.name} [{knock.host.ip}]: {knock.failure}" for knock in knocks[:4])
        return Check(
            "port",
            "red",
            f"No mail server answers on port {port} ({tried}). Many networks block it: ask yours to open it.",
        )
    welcome = [knock for knock in answered if not knock.is_refusal]
    if not welcome:
        said = answered[0].reply
        assert said is not None
        return Check("port", "red", f"{answered[0].host.name} turns us away: {said.code} {said.text[:200]}")
    return Check(
        "port", "green", f"{len(answered)} of {len(knocks)} mail servers answer, {welcome[0].host.name} first."
    )


# Are we who we say?


async def _check_helo(resolver: Resolver, identity: Identity, seen: tuple[str, ...]) -> tuple[Check, tuple[str, ...]]:
    """Whether the name and the address are each other's; and our addresses, those of the name where none was seen."""
    helo = identity.helo
    if "." not in helo.strip(".") or helo.startswith("["):
        return Check("helo", "red", f"{helo!r} is not a full host name: set VIZSLA_HELO_NAME."), seen
    answers = await asyncio.gather(resolver.ask(helo, "A"), resolver.ask(helo, "AAAA"))
    forward = tuple(record.value for answer in answers for record in answer.records)
    addresses = seen or tuple(ip for ip in forward if _can_send(identity.bind, ip))
    if any(answer.is_failure for answer in answers):
        return Check("helo", "open", f"DNS did not answer for {helo}."), addresses
    if not forward:
        return Check("helo", "red", f"{helo} has no address in DNS: set VIZSLA_HELO_NAME to this machine's name."), seen
    for address in addresses:
        if not any(_is_same(address, one) for one in forward):
            return Check(
                "helo", "red", f"We greet as {helo}, which is {', '.join(forward)}, and are seen as {address}."
            ), addresses
        reverse = await resolver.ask(ipaddress.ip_address(address).reverse_pointer, "PTR")
        if reverse.is_failure:
            return Check("helo", "open", f"DNS did not answer for the name of {address}."), addresses
        names = [record.value for record in reverse.records]
        if helo.lower().rstrip(".") not in names:
            called = f"is called {', '.join(names[:3])}" if names else "has no name"
            return Check("helo", "red", f"We greet as {helo}, and our address {address} {called} in DNS."), addresses
    return Check("helo", "green", f"{helo} is {', '.join(addresses)}, and back."), addresses


# Are we listed?


async def _check_lists(resolver: Resolver, addresses: Sequence[str], lists: Sequence[str]) -> Check:
    if not lists:
        return Check("lists", "open", "No list of senders is asked: name some in VIZSLA_DNSBLS.")
    if not addresses:
        return Check("lists", "open", "It is not known which address to look for in the lists.")
    zones = [zone.strip(".").lower() for zone in lists[:_MOST_LISTS]]
    working = await asyncio.gather(*(_is_working(resolver, zone) for zone in zones))
    asked = [zone for zone, works in zip(zones, working, strict=True) if works]
    silent = [zone for zone in zones if zone not in asked]
    pairs = [(address, zone) for address in addresses for zone in asked]
    found = await asyncio.gather(*(_codes(resolver, address, zone) for address, zone in pairs))
    if listed := [(pair, codes) for pair, codes in zip(pairs, found, strict=True) if codes]:
        said = ", ".join(f"{address} in {zone} ({' '.join(codes)})" for (address, zone), codes in listed)
        return Check("lists", "red", f"We are listed: {said}.")
    if any(codes is None for codes in found):
        silent += [zone for (_, zone), codes in zip(pairs, found, strict=True) if codes is None]
    unheard = f"These do not serve us: {', '.join(dict.fromkeys(silent))}." if silent else ""
    if len(set(silent)) == len(set(zones)):
        return Check("lists", "open", unheard)
    return Check("lists", "green", f"{', '.join(addresses)} is on none of {len(asked)} lists. {unheard}".strip())


async def _is_working(resolver: Resolver, zone: str) -> bool:
    """Whether *zone* is a list that answers us: RFC 5782 5, 127.0.0.2 is always listed and 127.0.0.1 never."""
    listed, unlisted = await asyncio.gather(_codes(resolver, "127.0.0.2", zone), _codes(resolver, "127.0.0.1", zone))
    # A list that was given up often lists the whole world.
    return bool(listed) and unlisted == ()


async def _codes(resolver: Resolver, address: str, zone: str) -> tuple[str, ...] | None:
    """The codes under which *address* is listed in *zone*; None if the list gives no answer."""
    pointer = ipaddress.ip_address(address).reverse_pointer
    reverse = pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    answer = await resolver.ask(f"{reverse}.{zone}", "A")
    if answer.is_failure:
        return None
    codes = [record.value for record in answer.records]
    if any(ipaddress.ip_address(code) in _REFUSAL for code in codes):
        return None
    return tuple(code for code in codes if ipaddress.ip_address(code) in _LISTED)


def _can_send(bind: str, ip: str) -> bool:
    """Whether *ip* is of the family of the address that we are bound to, if we are."""
    return not bind or (":" in bind) == (":" in ip)


def _is_public(ip: str) -> bool:
    try:
        _PUBLIC.check(ip)
    except EgressRefused:
        return False
    return True


def _is_same(one: str, other: str) -> bool:
    return ipaddress.ip_address(one) == ipaddress.ip_address(other)
