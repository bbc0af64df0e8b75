"""
Was the same mail domain looked up a moment ago?

A list has dozens of addresses at one domain, and single calls come in bursts too: each of them would ask the DNS cache for the
exchangers, and for the addresses of each. A whole look-up is kept a minute, never longer than its records, and who asks while
it is made waits for it. Equals are shuffled anew all the same (RFC 5321 5.1).
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from vizsla.verifier.exchangers import Exchangers

_LONGEST = 60.0
_MOST = 10_000
Find = Callable[[str], Awaitable[Exchangers]]


class _Kept(msgspec.Struct, frozen=True):
    found: Exchangers
    until: float
    has_equals: bool


class Lookups:
    """Looks domains up through *find*, and remembers."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._flights: dict[str, asyncio.Task[Exchangers]] = {}

    async def find(self, domain: str) -> Exchangers:
        """Where mail for *domain* goes."""
        kept = self._kept.get(domain)
        if kept is not None and time.monotonic() < kept.until:
            return _shuffled(kept.found) if kept.has_equals else kept.found
        flight = self._flights.get(domain)
        if flight is not None:
            return await asyncio.shield(flight)
        flight = self._flights[domain] = asyncio.ensure_future(self._find(domain))
        try:
            found = await asyncio.shield(flight)
        finally:
            del self._flights[domain]
        self._keep(domain, found)
        return found

    def _keep(self, domain: str, found: Exchangers) -> None:
        ttls = [answer.ttl for answer in found.answers if not answer.is_failure]
        if found.outcome == "dns_failure" or found.is_our_fault or not ttls or len(ttls) < len(found.answers):
            return
        answers = tuple(msgspec.structs.replace(answer, is_cached=True, ms=0) for answer in found.answers)
        until = time.monotonic() + min(_LONGEST, *ttls)
        preferences = {host.name: host.preference for host in found.hosts}
        has_equals = len(set(preferences.values())) < len(preferences)
        self._kept[domain] = _Kept(msgspec.structs.replace(found, answers=answers), until, has_equals)
        self._kept.move_to_end(domain)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)


def _shuffled(found: Exchangers) -> Exchangers:
    """*found* with exchangers of one preference in another order."""
    lot = {name: random.random() for name in {host.name for host in found.hosts}}  # noqa: S311
    hosts = tuple(sorted(found.hosts, key=lambda host: (host.preference, lot[host.name])))
    return msgspec.structs.replace(found, hosts=hosts)
