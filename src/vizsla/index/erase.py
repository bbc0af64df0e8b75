"""
How does the index forget a person, or a whole domain?

Every row about them goes, and what others' rows say of them: pages whose URI spells the address, facts that quote it. That they are
not read again is for `vizsla.privacy` to see to, before this is called.
"""

from vizsla.index.merge import alone
from vizsla.index.refresh import ADDRESSES_AT_ONCE, DOMAINS_AT_ONCE, refresh_addresses, refresh_domains
from vizsla.index.truth import Pair
from vizsla.kit.clock import SystemClock
from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection, Reader
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_OWN_SIGHTINGS = statement("SELECT domain, local, uri FROM sighting WHERE domain = :domain AND local = :local")
_SIGHTINGS = mentioning(f"SELECT domain, local, uri, evidence FROM sighting WHERE {says('uri', 'evidence')}")  # noqa: S608
_FACTS = mentioning(f"SELECT domain, key, value, uri FROM fact WHERE {says('uri', 'value')}")  # noqa: S608
_PAGES = mentioning(f"SELECT domain, uri FROM page WHERE {says('uri')}")  # noqa: S608
_RUN_TEXT = "lower(names || ' ' || counts || ' ' || ending)"
_RUNS = mentioning(f"SELECT id, {_RUN_TEXT} FROM harvest_run WHERE instr({_RUN_TEXT}, :name) > 0")  # noqa: S608
_DELETE_RUN = statement("DELETE FROM harvest_run WHERE id = :id")
_DELETE_SIGHTING = statement("DELETE FROM sighting WHERE domain = :domain AND local = :local AND uri = :uri")
_DELETE_FACT = statement("DELETE FROM fact WHERE domain = :domain AND key = :key AND value = :value AND uri = :uri")
_DELETE_PAGE = statement("DELETE FROM page WHERE domain = :domain AND uri = :uri")
_DELETE_EMAIL = statement("DELETE FROM email WHERE domain = :domain AND local = :local")

_BELOW = """
    SELECT domain FROM domain WHERE domain = :domain OR {suffix} = :suffix
    UNION SELECT domain FROM sighting WHERE domain = :domain OR {suffix} = :suffix
    UNION SELECT domain FROM fact WHERE domain = :domain OR {suffix} = :suffix
    UNION SELECT domain FROM page WHERE domain = :domain OR {suffix} = :suffix"""
_FIND_BELOW = statement(
    _BELOW.format(suffix="substr(domain, -length(:suffix))"),
    postgresql=_BELOW.format(suffix="right(domain, length(CAST(:suffix AS text)))"),
)
_DOMAIN_TABLES = ("sighting", "fact", "email", "facet", "company_name", "page", "domain_pattern", "domain")
_DELETE_DOMAIN = {
    table: statement(f"DELETE FROM {table} WHERE domain IN :domains[text]")  # noqa: S608
    for table in _DOMAIN_TABLES
}
_NAMES = statement("SELECT DISTINCT first_name, last_name FROM email WHERE domain = :domain AND local = :local")
EVERY_DOMAIN = statement("SELECT domain, NULL FROM domain ORDER BY domain")
EVERY_ADDRESS = statement("SELECT domain, local FROM email ORDER BY domain, local")


async def names_of(index: Reader, domain: str, local: str) -> frozenset[str]:
    """The full names, in lower case, under which pages show the address."""
    rows = await index.fetch_all(_NAMES, {"domain": domain, "local": local})
    return frozenset(f"{first} {last}".lower() for first, last in rows if first and last)


async def forget(conn: Connection, whom: Whom, *, today: int | None = None) -> Counts:
    """Delete all about *whom*."""
    await alone(conn)
    counts: Counts = {}
    if whom.local is None:
        rows = await conn.fetch_all(_FIND_BELOW, {"domain": whom.domain, "suffix": whom.below})
        domains = {"domains": sorted({whom.domain, *(row[0] for row in rows)})}
        for table, query in _DELETE_DOMAIN.items():
            counts[table] = await conn.execute(query, domains)
    runs = [row[0] for row in await conn.fetch_all(_RUNS, _names(whom)) if whom.local is None or whom.is_in(row[1])]
    await conn.execute_many(_DELETE_RUN, [{"id": id_} for id_ in runs])
    counts["harvest_run"] = len(runs)
    await _forget_mentions(conn, whom, counts, SystemClock().now() if today is None else today)
    return counts


def _names(whom: Whom) -> dict[str, str]:
    # Of a company's crawl its files are named after it, so that all names with the domain in them are its own.
    return {"name": whom.domain if whom.local is None else f"{whom.local}@{whom.domain}"}


async def _forget_mentions(conn: Connection, whom: Whom, counts: Counts, today: int) -> None:
    """What still speaks of *whom*; rows that were made of it are made anew."""
    own = []
    if whom.local is not None:
        own = await conn.fetch_all(_OWN_SIGHTINGS, {"domain": whom.domain, "local": whom.local})
    sightings = {(row[0], row[1], row[2]) for row in own}
    for domain, local, uri, evidence in await conn.fetch_all(_SIGHTINGS, whom.needles):
        if whom.is_in(uri) or whom.is_in(evidence):
            sightings.add((domain, local, uri))
    facts = [row for row in await conn.fetch_all(_FACTS, whom.needles) if whom.is_in(row[2]) or whom.is_in(row[3])]
    pages = [row for row in await conn.fetch_all(_PAGES, whom.needles) if whom.is_in(row[1])]
    await conn.execute_many(
        _DELETE_SIGHTING, [dict(zip(("domain", "local", "uri"), key, strict=True)) for key in sorted(sightings)]
    )
    await conn.execute_many(
        _DELETE_FACT, [dict(zip(("domain", "key", "value", "uri"), key, strict=True)) for key in facts]
    )
    await conn.execute_many(_DELETE_PAGE, [{"domain": row[0], "uri": row[1]} for row in pages])
    if whom.local is not None:
        counts["email"] = await conn.execute(_DELETE_EMAIL, {"domain": whom.domain, "local": whom.local})
    for table, gone in (("sighting", sightings), ("fact", facts), ("page", pages)):
        counts[table] = counts.get(table, 0) + len(gone)
    pairs: set[Pair] = {(domain, local) for domain, local, _ in sightings}
    domains = {row[0] for row in facts} | {pair[0] for pair in pairs}
    if whom.local is not None:
        pairs.add((whom.domain, whom.local))
        domains.add(whom.domain)
    await _refresh(conn, pairs, domains, today)


async def _refresh(conn: Connection, pairs: set[Pair], domains: set[str], today: int) -> None:
    ordered, names = sorted(pairs), sorted(domains)
    for at in range(0, len(ordered), ADDRESSES_AT_ONCE):
        await refresh_addresses(conn, ordered[at : at + ADDRESSES_AT_ONCE], today)
    for at in range(0, len(names), DOMAINS_AT_ONCE):
        await refresh_domains(conn, names[at : at + DOMAINS_AT_ONCE], today)
