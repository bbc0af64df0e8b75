"""
How does the index forget a person, or a whole domain?

Every row about them goes, and what others' rows say of them: pages whose URI spells the address, facts that quote it. That
reads whole tables; it is rare, and complete is worth more here than quick. That they are not read again is for
`vizsla.privacy` to see to, before this is called.
"""

from vizsla.index.merge import alone
from vizsla.index.refresh import ADDRESSES_AT_ONCE, DOMAINS_AT_ONCE, refresh_addresses, refresh_domains
from vizsla.index.truth import Pair
from vizsla.kit.clock import SystemClock
from vizsla.storage.database import Connection
from vizsla.storage.statement import Statement, statement


def _where(text: str) -> Statement:
    """*text* with `mentions(column)` as each dialect says it."""
    return statement(text.replace("mentions(", "instr("), postgresql=text.replace("mentions(", "strpos("))


_SPELLED = "(mentions(lower({0}), :address) > 0 OR mentions(lower({0}), :escaped) > 0)"
_URI, _EVIDENCE, _VALUE = (_SPELLED.format(column) for column in ("uri", "evidence", "value"))
_MENTIONED = _where(f"SELECT DISTINCT domain, local FROM sighting WHERE {_URI} OR {_EVIDENCE}")  # noqa: S608
_SAYING = _where(f"SELECT DISTINCT domain FROM fact WHERE {_URI} OR {_VALUE}")  # noqa: S608
_DELETE_MENTIONS = tuple(
    _where(text)
    for text in (
        f"DELETE FROM sighting WHERE {_URI} OR {_EVIDENCE}",  # noqa: S608
        f"DELETE FROM fact WHERE {_URI} OR {_VALUE}",  # noqa: S608
        f"DELETE FROM page WHERE {_URI}",  # noqa: S608
    )
)
_DELETE_SIGHTINGS = statement("DELETE FROM sighting WHERE domain = :domain AND local = :local")

_BELOW = """
    SELECT domain FROM domain WHERE domain = :domain OR {suffix} = :suffix
    UNION SELECT domain FROM sighting WHERE domain = :domain OR {suffix} = :suffix
    UNION SELECT domain FROM fact WHERE domain = :domain OR {suffix} = :suffix"""
_FIND_BELOW = statement(
    _BELOW.format(suffix="substr(domain, -length(:suffix))"),
    postgresql=_BELOW.format(suffix="right(domain, length(CAST(:suffix AS text)))"),
)
_DELETE_DOMAIN = tuple(
    statement(f"DELETE FROM {table} WHERE domain IN :domains[text]")  # noqa: S608
    for table in ("sighting", "fact", "email", "facet", "company_name", "page", "domain_pattern", "domain")
)


async def forget(conn: Connection, domain: str, local: str | None = None, *, today: int | None = None) -> None:
    """Delete all about *local*@*domain*; without *local*, all about *domain* and the hosts below it."""
    await alone(conn)
    if local is None:
        rows = await conn.fetch_all(_FIND_BELOW, {"domain": domain, "suffix": f".{domain}"})
        for query in _DELETE_DOMAIN:
            await conn.execute(query, {"domains": sorted({domain, *(row[0] for row in rows)})})
    else:
        await _forget_address(conn, domain, local, SystemClock().now() if today is None else today)


async def _forget_address(conn: Connection, domain: str, local: str, today: int) -> None:
    spelled = {"address": f"{local}@{domain}", "escaped": f"{local}%40{domain}"}
    pairs: set[Pair] = {(row[0], row[1]) for row in await conn.fetch_all(_MENTIONED, spelled)} | {(domain, local)}
    domains = {row[0] for row in await conn.fetch_all(_SAYING, spelled)} | {pair[0] for pair in pairs}
    await conn.execute(_DELETE_SIGHTINGS, {"domain": domain, "local": local})
    for query in _DELETE_MENTIONS:
        await conn.execute(query, spelled)
    ordered, names = sorted(pairs), sorted(domains)
    for at in range(0, len(ordered), ADDRESSES_AT_ONCE):
        await refresh_addresses(conn, ordered[at : at + ADDRESSES_AT_ONCE], today)
    for at in range(0, len(names), DOMAINS_AT_ONCE):
        await refresh_domains(conn, names[at : at + DOMAINS_AT_ONCE], today)
