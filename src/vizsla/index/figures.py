"""
How large and how fresh is the index?

Counting reads whole tables, so it is done once an hour, or when an operator asks, in pieces that are reads of their own; a
page shows what was counted last.
"""

from collections.abc import Sequence

import msgspec

from vizsla.index.tables import index_figures
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

EVERY = 3_600
LASTS = 600
"""Seconds that counting may take before another node begins."""
AGES = (("a day", DAY), ("a week", 7 * DAY), ("a month", 30 * DAY), ("three months", 91 * DAY), ("a year", 365 * DAY),
        ("three years", 1_096 * DAY))  # fmt: skip
OLDER = "older"

_counting = lease(index_figures)
_COUNTS = {
    "domains": statement("SELECT count(*) FROM domain"),
    "addresses": statement("SELECT count(*) FROM email"),
    "sightings": statement("SELECT count(*) FROM sighting"),
    "pages": statement("SELECT count(*) FROM page"),
    "facts": statement("SELECT count(*) FROM fact"),
}
_STEPS = " ".join(f"WHEN last_seen >= :now - {seconds} THEN {number}" for number, (_, seconds) in enumerate(AGES))
_BY_AGE = statement(
    f"SELECT CASE {_STEPS} ELSE {len(AGES)} END AS age, count(*), max(last_seen) FROM email GROUP BY age"  # noqa: S608
)
_BYTES = statement(
    "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    # A table in partitions takes no room by itself; one that is whole is its own only part.
    postgresql="""
        SELECT sum(pg_total_relation_size(relid)) FROM unnest(:tables::text[]) AS name,
            pg_partition_tree(quote_ident(name)::regclass)""",
)
_TABLES = ["crawl_page", "sighting", "fact", "page", "email", "domain", "domain_pattern", "facet", "company_name"]
_LAST = statement("SELECT figures, made_at, due FROM index_figures WHERE id = 1")
_NEXT = statement("SELECT due FROM index_figures WHERE id = 1")
_FIRST = statement(
    "INSERT INTO index_figures (id, due, attempt, figures) VALUES (1, :now, 0, '{}') ON CONFLICT (id) DO NOTHING"
)
_PUT = statement("UPDATE index_figures SET figures = :figures, made_at = :now WHERE id = 1")
_ASK = statement("UPDATE index_figures SET due = :now WHERE id = 1 AND due > :now AND worker IS NULL")
_FREE = statement("UPDATE index_figures SET worker = NULL WHERE id = 1 AND worker = :worker")


class Age(msgspec.Struct, frozen=True):
    """Addresses that were last seen at most so long ago, and not less than the age before it."""

    within: str
    addresses: int


class Figures(msgspec.Struct, frozen=True):
    """Rows, bytes, and how long ago addresses were last seen."""

    domains: int = 0
    addresses: int = 0
    sightings: int = 0
    pages: int = 0
    facts: int = 0
    bytes: int = 0
    newest: int | None = None
    """When the newest sighting of an address was."""
    ages: tuple[Age, ...] = ()


class Counted(msgspec.Struct, frozen=True):
    """What was counted last."""

    figures: Figures
    made_at: int | None
    is_due: bool
    """Whether it is about to be counted anew."""


async def read_figures(reader: Reader, now: int) -> Counted:
    """What was counted last; zeros if nothing was yet."""
    row = await reader.fetch_one(_LAST)
    if row is None:
        return Counted(Figures(), None, False)
    return Counted(msgspec.json.decode(row[0], type=Figures), row[1], row[2] is not None and row[2] <= now)


async def ask_for_count(conn: Connection, now: int) -> None:
    """Let it be counted now."""
    await conn.execute(_FIRST, {"now": now})
    await conn.execute(_ASK, {"now": now})


async def count_if_due(index: Database, *, worker: str, now: int) -> bool:
    """Count if nobody did for an hour. False if there was no need."""
    row = await index.fetch_one(_NEXT)
    if row is not None and row[0] > now:
        return False
    async with index.write() as conn:
        await conn.execute(_FIRST, {"now": now})
        rows = await _counting.claim(conn, now=now, until=now + LASTS, worker=worker, limit=1)
    if not rows:
        return False
    attempt = rows[0][3]
    figures = await count(index, now)
    async with index.write() as conn:
        await conn.execute(_PUT, {"figures": msgspec.json.encode(figures).decode(), "now": now})
        await _counting.finish(conn, (1,), worker=worker, attempt=attempt, due=now + EVERY)
        await conn.execute(_FREE, {"worker": worker})
    return True


async def count(index: Database, now: int) -> Figures:
    """Count everything. Reads whole tables, off the event loop."""
    counts = {name: (await index.fetch_all_slowly(query))[0][0] for name, query in _COUNTS.items()}
    by_age = await index.fetch_all_slowly(_BY_AGE, {"now": now})
    size = await index.fetch_all_slowly(_BYTES, {"tables": _TABLES} if index.dialect == "postgresql" else {})
    return Figures(
        **counts,
        bytes=int(size[0][0] or 0),
        newest=max((row[2] for row in by_age), default=None),
        ages=_ages(by_age),
    )


def _ages(rows: Sequence[tuple[int, int, int]]) -> tuple[Age, ...]:
    found = {row[0]: row[1] for row in rows}
    names = [*(name for name, _ in AGES), OLDER]
    return tuple(Age(name, found.get(number, 0)) for number, name in enumerate(names))
