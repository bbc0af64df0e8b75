"""Made-up sightings, facts and visits, and what an index holds after them."""

from typing import Any

from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.merge import Merge, MergeReport
from vizsla.index.tables import index_metadata
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database
from vizsla.storage.statement import statement

TODAY = 1_763_856_000  # 2025-11-23
SECRET = b"0" * 32
NOBODY = Claims(SECRET)
TABLES = ("sighting", "fact", "page", "email", "domain", "domain_pattern", "facet", "company_name")


def claimed(*texts: str) -> Claims:
    return Claims(SECRET, [("email" if "@" in text else "domain", NOBODY.hash(text)) for text in texts])


def sighting(address: str, uri: str = "https://acme.com/team", seen: int = TODAY - DAY, **more: Any) -> Sighting:
    local, _, domain = address.partition("@")
    first = more.pop("first_seen", seen)
    more.setdefault("how", "mailto")
    if "last_name" in more:
        more.setdefault("name_score", 3)
    return Sighting(domain, local, uri, first, seen, **more)


def visit(
    uri: str = "https://acme.com/team", at: int = TODAY - DAY, digest: str = "a", domain: str = "acme.com"
) -> Visit:
    return Visit(uri, domain, at, digest)


def fact(key: str, value: str, uri: str = "https://acme.com/", seen: int = TODAY - DAY, weight: int = 1) -> Fact:
    return Fact("acme.com", key, value, uri, seen, weight)


async def put(
    index: Database, *items: Sighting | Fact | Visit, claims: Claims = NOBODY, today: int = TODAY
) -> MergeReport:
    """Merge *items* in steps, as a door does."""
    merging = Merge(
        sightings=[item for item in items if isinstance(item, Sighting)],
        facts=[item for item in items if isinstance(item, Fact)],
        visits=[item for item in items if isinstance(item, Visit)],
        claims=claims,
        today=today,
    )
    while merging.has_more:
        async with index.write() as conn:
            await merging.step(conn)
    return merging.report


async def dump(index: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the index."""
    rows = {}
    for name in TABLES:
        columns = ", ".join(column.name for column in index_metadata.tables[name].columns)
        found = await index.fetch_all_slowly(statement(f"SELECT {columns} FROM {name}"))
        rows[name] = sorted((tuple(row) for row in found), key=repr)
    return rows


async def empty(index: Database) -> None:
    async with index.write() as conn:
        for name in TABLES:
            await conn.execute(statement(f"DELETE FROM {name}"))


async def email_of(index: Database, address: str) -> dict[str, Any] | None:
    local, _, domain = address.partition("@")
    columns = [column.name for column in index_metadata.tables["email"].columns]
    row = await index.fetch_one(
        statement(f"SELECT {', '.join(columns)} FROM email WHERE domain = :domain AND local = :local"),
        {"domain": domain, "local": local},
    )
    return dict(zip(columns, row, strict=True)) if row else None
