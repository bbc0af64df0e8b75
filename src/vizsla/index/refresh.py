"""
How are the rows that are served made anew from the truth?

Rows are a function of what was read and of the day. Nothing is counted up or down, so nothing drifts, and a merge that
died half-way is repaired by merging again. The callers bound how much is made at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table

from vizsla.index.addresses import MOST_SIGHTINGS, Seen, infer_address
from vizsla.index.company_names import list_names
from vizsla.index.evidence import decode_evidence
from vizsla.index.patterns import NamedAddress, infer
from vizsla.index.profile import FIELDS, Vote, infer_profile
from vizsla.index.tables import company_name, domain, email, facet
from vizsla.index.truth import Body, Pair, last_known_there
from vizsla.kit.clock import midnight
from vizsla.storage.database import Connection, Row
from vizsla.storage.statement import Statement, statement

T = TypeVar("T")
Kind = tuple[str, str, str, int]
"""Type, seniority, department (empty for none) and fields of an address."""
FACETS_FROM = 500
"""Addresses from which a domain's counts are kept instead of being counted when asked (14 µs against 5 ms at 50,000)."""
ADDRESSES_AT_ONCE, DOMAINS_AT_ONCE = 100, 50
_ROWS_AT_ONCE = 20_000
_NAMED = 200
"""Addresses, the surest first, whose names say what the pattern is."""
_VALUES = 100
"""Values of one key that are looked at, the most said first: a page may be made to say thousands."""


def _put(table: Table, *, keep: frozenset[str] = frozenset(), first: frozenset[str] = frozenset()) -> Statement:
    """Write a row over the one with its key, but for the columns to *keep*, and those that only its *first* writing sets."""
    key = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.columns if column.name not in keep]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {*key, *first})
    values = ", ".join(f":{name}" for name in names)
    return statement(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
    )


# What mail servers said is not in the pages: it stays when a row is made anew.
_PUT_EMAIL = _put(email, keep=frozenset({"verification_status", "verified_at"}))
# Some of a domain's addresses are made anew when they are read again, all of them by index.ageing.
_PUT_DOMAIN = _put(domain, keep=frozenset({"accept_all", "accept_all_at"}), first=frozenset({"made_on"}))
_PUT_FACET = _put(facet)
_PUT_NAME = _put(company_name)

_WANTED = """
    SELECT json_extract(value, '$[0]') AS domain, json_extract(value, '$[1]') AS local FROM json_each(:pairs)"""
_WANTED_PG = "SELECT pair->>0 AS domain, pair->>1 AS local FROM json_array_elements(:pairs::json) AS pair"
_SIGHTINGS = """
    SELECT domain, local, uri, first_seen, last_seen, evidence, n, earliest FROM (
        SELECT sighting.domain, sighting.local, uri, first_seen, last_seen, evidence,
            count(*) OVER address AS n,
            min(first_seen) OVER address AS earliest,
            row_number() OVER (
                PARTITION BY sighting.domain, sighting.local ORDER BY last_seen DESC, uri
            ) AS place
        FROM ({wanted}) AS wanted CROSS JOIN sighting
        WHERE sighting.domain = wanted.domain AND sighting.local = wanted.local
        WINDOW address AS (PARTITION BY sighting.domain, sighting.local)
    ) AS placed WHERE place <= :most"""
_FIND_SIGHTINGS = statement(_SIGHTINGS.format(wanted=_WANTED), postgresql=_SIGHTINGS.format(wanted=_WANTED_PG))
_VERIFICATIONS = """
    SELECT email.domain, email.local, verification_status, verified_at FROM ({wanted}) AS wanted CROSS JOIN email
    WHERE email.domain = wanted.domain AND email.local = wanted.local AND verified_at IS NOT NULL"""
_FIND_VERIFICATIONS = statement(
    _VERIFICATIONS.format(wanted=_WANTED), postgresql=_VERIFICATIONS.format(wanted=_WANTED_PG)
)
_BODIES = statement("SELECT uri, digest, first_fetched, last_fetched FROM page WHERE uri IN :uris[text]")
_DELETE_EMAIL = statement("DELETE FROM email WHERE domain = :domain AND local = :local")

_SIZES = statement("SELECT domain, count(*) FROM email WHERE domain IN :domains[text] GROUP BY domain")
_KINDS = "coalesce(seniority, '') AS seniority, coalesce(department, '') AS department, fields"
_SMALL = statement(f"SELECT domain, type, {_KINDS} FROM email WHERE domain IN :domains[text]")  # noqa: S608
_LARGE = statement(f"""
    SELECT domain, type, {_KINDS}, rank, local FROM email WHERE domain = :domain AND (rank, local) > (:rank, :local)
    ORDER BY rank, local LIMIT :most
""")  # noqa: S608
_NAMED_OF = "SELECT {key} FROM email AS e WHERE e.domain = w.domain AND type = 'personal' AND (fields & 1) = 1 ORDER BY rank, local LIMIT :most"
_NAMES = statement(
    "SELECT email.domain, local, first_name, last_name "  # noqa: S608
    "FROM (SELECT value AS domain FROM json_each(:domains)) AS w CROSS JOIN email "
    f"ON email.rowid IN ({_NAMED_OF.format(key='e.rowid')})",
    postgresql="SELECT n.domain, local, first_name, last_name "  # noqa: S608
    "FROM (SELECT json_array_elements_text(:domains::json) AS domain) AS w "
    f"CROSS JOIN LATERAL ({_NAMED_OF.format(key='e.domain, local, first_name, last_name')}) AS n",
)
# A page says a thing now unless it was fetched later with a body that it did not have before.
_VOTES = statement("""
    SELECT domain, key, value, current, weight, last_seen FROM (
        SELECT domain, key, value, current, weight, last_seen,
            row_number() OVER (PARTITION BY domain, key ORDER BY current DESC, weight DESC, last_seen DESC, value) AS place
        FROM (
            SELECT domain, key, value, sum(weight) AS weight, max(last_seen) AS last_seen,
                sum(CASE WHEN EXISTS (
                    SELECT 1 FROM page WHERE page.uri = fact.uri AND last_fetched > fact.last_seen
                    AND (digest = '' OR first_fetched > fact.last_seen)
                ) THEN 0 ELSE weight END) AS current
            FROM fact WHERE domain IN :domains[text] GROUP BY domain, key, value
        ) AS said
    ) AS placed WHERE place <= :most
""")
_ACCEPTING = statement("SELECT domain FROM domain WHERE domain IN :domains[text] AND accept_all_at IS NOT NULL")
_DELETE_DOMAINS = statement("DELETE FROM domain WHERE domain IN :domains[text]")
_DELETE_NAMES = statement("DELETE FROM company_name WHERE domain IN :domains[text]")
_DELETE_FACETS = statement("DELETE FROM facet WHERE domain IN :domains[text]")


async def refresh_addresses(conn: Connection, pairs: Sequence[Pair], today: int) -> None:
    """Make the rows of the addresses *pairs* anew; those that nothing shows any more are deleted."""
    today = midnight(today)  # so that rows made twice in a day are the same rows
    wanted = {"pairs": msgspec.json.encode(sorted(pairs)).decode()}
    rows = await conn.fetch_all(_FIND_SIGHTINGS, wanted | {"most": MOST_SIGHTINGS})
    verified = {(row[0], row[1]): (row[2], row[3]) for row in await conn.fetch_all(_FIND_VERIFICATIONS, wanted)}
    bodies = await _find_bodies(conn, {row[2] for row in rows})
    sightings: dict[Pair, list[Row]] = defaultdict(list)
    for row in rows:
        sightings[row[0], row[1]].append(row)
    made = []
    for (mail_domain, local), found in sorted(sightings.items()):
        status, verified_at = verified.get((mail_domain, local), (None, None))
        address = infer_address(
            mail_domain, local, [_seen(row, bodies) for row in found],
            n_sources=found[0][6], first_seen=found[0][7], status=status, verified_at=verified_at, today=today,
        )  # fmt: skip
        made.append(msgspec.structs.asdict(address))
    await conn.execute_many(_PUT_EMAIL, made)
    gone = sorted(set(pairs) - sightings.keys())
    await conn.execute_many(_DELETE_EMAIL, [{"domain": one[0], "local": one[1]} for one in gone])


async def refresh_domains(conn: Connection, domains: Sequence[str], today: int) -> None:
    """Make the rows of at most some fifty *domains* anew."""
    named: dict[str, list[NamedAddress]] = defaultdict(list)
    votes: dict[str, list[Vote]] = defaultdict(list)
    some = {"domains": list(domains)}
    counts = await _count(conn, domains)
    as_json = {"domains": msgspec.json.encode(domains).decode(), "most": _NAMED}
    for name, local, first, last in await conn.fetch_all(_NAMES, as_json):
        named[name].append(NamedAddress(local, first, last))
    for row in await conn.fetch_all(_VOTES, some | {"most": _VALUES}):
        votes[row[0]].append(Vote(*row[1:]))
    accepting = {row[0] for row in await conn.fetch_all(_ACCEPTING, some)}

    rows: list[dict[str, Any]] = []
    names: list[dict[str, Any]] = []
    for name in sorted(domains):
        n_emails = counts[name].total()
        n_personal = sum(n for kind, n in counts[name].items() if kind[0] == "personal")
        if not (n_emails or votes[name] or name in accepting):
            continue
        profile = infer_profile(votes[name])
        rows.append({
            "domain": name, "made_on": midnight(today), "n_emails": n_emails, "n_personal": n_personal,
            "n_generic": n_emails - n_personal, "pattern": infer(named[name]),
            "technologies": profile.technologies, "linked_domains": profile.linked_domains,
            **{field: profile.fields[field] for field in FIELDS},
        })  # fmt: skip
        names += [
            {"name": spelling, "domain": name, "weight": weight}
            for spelling, weight in list_names(name, profile.names, n_emails)
        ]
    there = {row["domain"] for row in rows}
    await conn.execute(_DELETE_DOMAINS, {"domains": [name for name in domains if name not in there]})
    await conn.execute_many(_PUT_DOMAIN, rows)
    await conn.execute(_DELETE_NAMES, some)
    await conn.execute_many(_PUT_NAME, names)
    await conn.execute(_DELETE_FACETS, some)
    facets = [
        {"domain": name, "type": kind[0], "seniority": kind[1], "department": kind[2], "fields": kind[3], "n": n}
        for name in domains
        if counts[name].total() > FACETS_FROM
        for kind, n in sorted(counts[name].items())
    ]
    await conn.execute_many(_PUT_FACET, facets)


async def _count(conn: Connection, domains: Sequence[str]) -> dict[str, Counter[Kind]]:
    """How many addresses of each kind each domain has. Counted here: SQLite groups by sorting, four times as long."""
    counts: dict[str, Counter[Kind]] = defaultdict(Counter)
    sizes = {row[0]: row[1] for row in await conn.fetch_all(_SIZES, {"domains": list(domains)})}
    small = [name for name, n in sizes.items() if n <= FACETS_FROM]
    for name, *kind in await conn.fetch_all(_SMALL, {"domains": small}):
        counts[name][kind[0], kind[1], kind[2], kind[3]] += 1
    for name in sizes.keys() - set(small):
        after: dict[str, Any] = {"rank": -1, "local": ""}
        while rows := await conn.fetch_all(_LARGE, {"domain": name, "most": _ROWS_AT_ONCE, **after}):
            counts[name].update(row[1:5] for row in rows)
            after = {"rank": rows[-1][5], "local": rows[-1][6]}
    return counts


async def _find_bodies(conn: Connection, uris: Iterable[str]) -> dict[str, list[Body]]:
    bodies: dict[str, list[Body]] = defaultdict(list)
    for uri, digest, first, last in await conn.fetch_all(_BODIES, {"uris": sorted(uris)}):
        bodies[uri].append(Body(digest, first, last))
    return bodies


def _seen(row: Row, bodies: dict[str, list[Body]]) -> Seen:
    uri, first_seen, last_seen, evidence = row[2:6]
    known, still_there = last_known_there(last_seen, bodies.get(uri, ()))
    return Seen(uri, first_seen, known, still_there, decode_evidence(evidence))


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))
