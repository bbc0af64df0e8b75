"""
How is what was read kept, so that the order of reading does not matter?

Each row is the least upper bound of all that was said of its key: dates by minimum and maximum, the evidence of the newest
sighting. Saying a thing twice, late, or in pieces leaves the same rows.

A page is kept as the bodies it has had. An address that was read in a body is on the page whenever the page has that body
(a revisit record says no more than that it has), and gone once the page was fetched later with another one.
"""

from collections.abc import Iterable, Sequence

import msgspec

from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.evidence import MAX_VALUE, clean, encode_evidence
from vizsla.kit.domain_name import site_of
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

Pair = tuple[str, str]
"""The domain and the local part of an address."""

_PUT_SIGHTING = statement("""
    INSERT INTO sighting (domain, local, uri, first_seen, last_seen, evidence)
    VALUES (:domain, :local, :uri, :first_seen, :last_seen, :evidence)
    ON CONFLICT (domain, local, uri) DO UPDATE SET
        first_seen = CASE WHEN excluded.first_seen < sighting.first_seen
            THEN excluded.first_seen ELSE sighting.first_seen END,
        last_seen = CASE WHEN excluded.last_seen > sighting.last_seen
            THEN excluded.last_seen ELSE sighting.last_seen END,
        evidence = CASE WHEN (excluded.last_seen, excluded.evidence) > (sighting.last_seen, sighting.evidence)
            THEN excluded.evidence ELSE sighting.evidence END
""")
_PUT_FACT = statement("""
    INSERT INTO fact (domain, key, value, uri, first_seen, last_seen, weight)
    VALUES (:domain, :key, :value, :uri, :first_seen, :last_seen, :weight)
    ON CONFLICT (domain, key, value, uri) DO UPDATE SET
        first_seen = CASE WHEN excluded.first_seen < fact.first_seen THEN excluded.first_seen ELSE fact.first_seen END,
        last_seen = CASE WHEN excluded.last_seen > fact.last_seen THEN excluded.last_seen ELSE fact.last_seen END,
        weight = CASE WHEN excluded.weight > fact.weight THEN excluded.weight ELSE fact.weight END
""")
_PUT_PAGE = statement("""
    INSERT INTO page (domain, uri, digest, first_fetched, last_fetched)
    VALUES (:domain, :uri, :digest, :first_fetched, :last_fetched)
    ON CONFLICT (domain, uri, digest) DO UPDATE SET
        first_fetched = CASE WHEN excluded.first_fetched < page.first_fetched
            THEN excluded.first_fetched ELSE page.first_fetched END,
        last_fetched = CASE WHEN excluded.last_fetched > page.last_fetched
            THEN excluded.last_fetched ELSE page.last_fetched END
""")
_ON_PAGES = statement("SELECT DISTINCT domain, local FROM sighting WHERE uri IN :uris[text]")


class Body(msgspec.Struct, frozen=True):
    """The times at which a page is known to have had one body."""

    digest: str
    """Empty for a body whose digest is not known: it is like no other."""
    first_fetched: int
    last_fetched: int


async def record_sightings(conn: Connection, sightings: Iterable[Sighting]) -> None:
    """Keep *sightings*."""
    rows = [
        {
            "domain": one.domain,
            "local": one.local,
            "uri": one.uri,
            "first_seen": min(one.first_seen, one.last_seen),
            "last_seen": max(one.first_seen, one.last_seen),
            "evidence": encode_evidence(one),
        }
        for one in sightings
    ]
    # In the order of the key: neighbours share a database page, and two writers never wait for each other in a circle.
    await conn.execute_many(_PUT_SIGHTING, sorted(rows, key=lambda row: (row["domain"], row["local"], row["uri"])))


async def record_facts(conn: Connection, facts: Iterable[Fact]) -> None:
    """Keep *facts*."""
    rows = [
        {
            "domain": one.domain,
            "key": one.key,
            "value": clean(one.value, MAX_VALUE),
            "uri": one.uri,
            "first_seen": one.seen_at,
            "last_seen": one.seen_at,
            "weight": one.weight,
        }
        for one in facts
    ]
    await conn.execute_many(
        _PUT_FACT, sorted(rows, key=lambda row: (row["domain"], row["key"], row["value"], row["uri"]))
    )


async def record_visits(conn: Connection, visits: Iterable[Visit]) -> None:
    """Keep that pages were fetched."""
    rows = [
        {
            "domain": site_of(one.uri),
            "uri": one.uri,
            "digest": clean(one.digest, 100),
            "first_fetched": one.fetched_at,
            "last_fetched": one.fetched_at,
        }
        for one in visits
    ]
    await conn.execute_many(_PUT_PAGE, sorted(rows, key=lambda row: (row["domain"], row["uri"], row["digest"])))


async def list_addresses_on(conn: Connection, uris: Sequence[str]) -> list[Pair]:
    """The addresses that any of the pages ever showed, whosever they are: on PostgreSQL every partition is asked."""
    return [(row[0], row[1]) for row in await conn.fetch_all(_ON_PAGES, {"uris": list(uris)})]


def last_known_there(last_seen: int, bodies: Sequence[Body]) -> tuple[int, bool]:
    """
    The last time that what was read at *last_seen* is known to have been on a page with *bodies*, and whether it still is.

    Where two bodies alternate and their times overlap, it is not known which one held it, and it is taken for gone.
    """
    latest = max((body.last_fetched for body in bodies), default=last_seen)
    around = [body for body in bodies if body.digest and body.first_fetched <= last_seen <= body.last_fetched]
    known = max(last_seen, around[0].last_fetched) if len(around) == 1 else last_seen
    return known, known >= latest
