"""
How do sightings become what is served?

Merging is cut into steps of some fifty milliseconds, each a transaction of the door's: on SQLite a step holds the one write
lock, and a harvest of an hour must not stop everybody else. What was merged is refreshed in the same or a later step; a
merge that died is merged again from its beginning, and comes to the same rows.

    merging = Merge(sightings=…, facts=…, visits=…, claims=…, today=…)
    while merging.has_more:
        async with index.write() as conn:
            await merging.step(conn)
    merging.report
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.evidence import MAX_URI, clean
from vizsla.index.refresh import ADDRESSES_AT_ONCE, DOMAINS_AT_ONCE, refresh_addresses, refresh_domains
from vizsla.index.truth import Pair, list_addresses_on, record_facts, record_sightings, record_visits
from vizsla.kit.mail_hosts import is_disposable, is_webmail
from vizsla.kit.whom import addresses_in
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

T = TypeVar("T")
STEP = 0.04
"""Seconds after which a step begins nothing more."""
_ROWS_AT_ONCE = 200
_MOST_ADDRESSES, _MOST_DOMAINS = 20_000, 2_000
"""What may wait to be made anew: what comes again in the meantime is made once."""

_ALONE = statement("SELECT 1", postgresql="SELECT pg_advisory_xact_lock(7601122)")


class MergeReport(msgspec.Struct):
    """What was merged, and what was not and why."""

    sightings: int = 0
    facts: int = 0
    visits: int = 0
    dropped: Counter[str] = msgspec.field(default_factory=Counter)
    """By reason: claimed, webmail, disposable, uri_too_long, malformed."""
    addresses: int = 0
    """Rows of addresses that were made anew."""
    domains: int = 0


class Merge:
    """A merge in steps. Rows are taken from the iterables as they are needed."""

    def __init__(
        self,
        *,
        sightings: Iterable[Sighting] = (),
        facts: Iterable[Fact] = (),
        visits: Iterable[Visit] = (),
        claims: Claims,
        today: int,
    ) -> None:
        self.report = MergeReport()
        self._claims = claims
        self._today = today
        self._sightings = iter(sightings)
        self._facts = iter(facts)
        self._visits = iter(visits)
        self._is_read = self._is_full = False
        self._most_domains = _MOST_DOMAINS
        # Dicts, for a set that keeps its order.
        self._addresses: dict[Pair, None] = {}
        self._domains: dict[str, None] = {}

    @property
    def has_more(self) -> bool:
        """Whether a step is left to do."""
        return not self._is_read or bool(self._addresses) or bool(self._domains)

    @property
    def _is_over(self) -> bool:
        """Whether no more is to come that could change what waits to be made anew."""
        return self._is_read

    async def step(self, conn: Connection, *, seconds: float = STEP) -> None:
        """Do as much as fits into some *seconds*, at least one piece."""
        await alone(conn)
        end = time.monotonic() + seconds
        while self.has_more:
            await self._do_piece(conn)
            if time.monotonic() >= end:
                return

    async def _do_piece(self, conn: Connection) -> None:
        if len(self._addresses) >= _MOST_ADDRESSES:
            self._is_full = True
        if self._addresses and (self._is_over or self._is_full):
            pairs = _take(self._addresses, ADDRESSES_AT_ONCE)
            await refresh_addresses(conn, pairs, self._today)
            self.report.addresses += len(pairs)
            self._domains.update(dict.fromkeys(pair[0] for pair in pairs))
        elif self._domains and (self._is_over or len(self._domains) >= self._most_domains):
            domains = _take(self._domains, DOMAINS_AT_ONCE)
            await refresh_domains(conn, domains, self._today)
            self.report.domains += len(domains)
        else:
            self._is_full = False
            await self._read(conn)

    async def _read(self, conn: Connection) -> None:
        if visits := list(islice(self._visits, _ROWS_AT_ONCE)):
            made = [one for one in visits if self._is_sound(one.domain or "-", one.uri) and self._may_note(one)]
            await record_visits(conn, made)
            pairs = await list_addresses_on(conn, sorted({one.uri for one in made}))
            self._addresses.update(dict.fromkeys(pairs))
            self._domains.update(dict.fromkeys(one.domain for one in made if one.domain))
            self.report.visits += len(made)
        elif sightings := list(islice(self._sightings, _ROWS_AT_ONCE)):
            kept = list(self._kept(sightings))
            await record_sightings(conn, kept)
            self._addresses.update(dict.fromkeys((one.domain, one.local) for one in kept))
            self.report.sightings += len(kept)
        elif facts := list(islice(self._facts, _ROWS_AT_ONCE)):
            spoken = [one for one in facts if self._is_sound(one.domain, one.uri, one.key) and self._may_say(one)]
            await record_facts(conn, spoken)
            self._domains.update(dict.fromkeys(one.domain for one in spoken))
            self.report.facts += len(spoken)
        else:
            self._is_read = True

    def _kept(self, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        for one in sightings:
            if not self._is_sound(one.domain, one.uri, one.local):
                continue
            if self._claims.is_claimed(one.domain, one.local) or self._speaks_of_claimed(one.uri, one.position):
                self.report.dropped["claimed"] += 1
            elif is_webmail(one.domain):
                self.report.dropped["webmail"] += 1
            elif is_disposable(one.domain):
                self.report.dropped["disposable"] += 1
            else:
                yield one

    def _may_say(self, fact: Fact) -> bool:
        if self._claims.is_claimed(fact.domain) or self._speaks_of_claimed(fact.uri, fact.value):
            self.report.dropped["claimed"] += 1
            return False
        return bool(fact.value)

    def _may_note(self, visit: Visit) -> bool:
        if self._claims.is_claimed(visit.domain) or self._speaks_of_claimed(visit.uri):
            self.report.dropped["claimed"] += 1
            return False
        return True

    def _speaks_of_claimed(self, *texts: str | None) -> bool:
        """Whether one of *texts* spells an address that is claimed: a page's own address may."""
        return any(self._claims.is_claimed(domain, local) for domain, local in addresses_in(texts))

    def _is_sound(self, domain: str, uri: str, word: str = "-") -> bool:
        if len(uri) > MAX_URI or len(uri.encode("utf-8", "replace")) > MAX_URI:
            self.report.dropped["uri_too_long"] += 1
            return False
        is_clean = all(len(one) > 0 and clean(one, 2 * MAX_URI) == one for one in (domain, uri, word))
        if not is_clean or len(domain) > 253 or len(word) > 64:
            self.report.dropped["malformed"] += 1
            return False
        return True


async def merge(
    conn: Connection,
    *,
    sightings: Iterable[Sighting] = (),
    facts: Iterable[Fact] = (),
    visits: Iterable[Visit] = (),
    claims: Claims,
    today: int,
) -> MergeReport:
    """Merge all of it in the transaction that is open: for little, or where nobody waits. `Merge` does it in steps."""
    merging = Merge(sightings=sightings, facts=facts, visits=visits, claims=claims, today=today)
    while merging.has_more:
        await merging.step(conn)
    return merging.report


async def alone(conn: Connection) -> None:
    """
    Let nobody else change the index until the transaction ends.

    A row is made anew from all sightings of its address: of two transactions that each see only their own new sighting,
    the later would undo the earlier. SQLite has one writer anyway.
    """
    await conn.fetch_one(_ALONE)


def _take(waiting: dict[T, None], most: int) -> list[T]:
    taken = list(islice(waiting, most))
    for one in taken:
        del waiting[one]
    return taken
