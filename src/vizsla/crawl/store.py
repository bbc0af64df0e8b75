"""What did the last crawl of a domain see? Read before a crawl, written after its WARC file is harvested."""

import msgspec

from vizsla.crawl.pages import CrawledPage
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

MAX_KNOWN = 2_000
_FIELDS = [field.name for field in msgspec.structs.fields(CrawledPage)]
_KNOWN = statement(
    f"SELECT {', '.join(_FIELDS)} FROM crawl_page WHERE domain = :domain ORDER BY fetched_at DESC, uri LIMIT {MAX_KNOWN}"  # noqa: S608
)
_KEEP = statement(
    f"INSERT INTO crawl_page (domain, {', '.join(_FIELDS)}) VALUES (:domain, {', '.join(':' + name for name in _FIELDS)}) "  # noqa: S608
    "ON CONFLICT (domain, uri) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _FIELDS if name != "uri")
    + " WHERE crawl_page.fetched_at <= excluded.fetched_at"
)
_FORGET = statement("DELETE FROM crawl_page WHERE domain = :domain AND uri = :uri")


async def known_pages(conn: Reader, domain: str) -> dict[str, CrawledPage]:
    """The pages of *domain* (registrable) by URI as last crawled, the newest 2,000."""
    rows = await conn.fetch_all(_KNOWN, {"domain": domain})
    return {page.uri: page for page in (CrawledPage(**dict(zip(_FIELDS, row, strict=True))) for row in rows)}


async def record_pages(conn: Connection, domain: str, pages: list[CrawledPage], gone: list[str]) -> None:
    """Remember *pages* for the next crawl, forget the URIs that are *gone*."""
    await conn.execute_many(_KEEP, [{"domain": domain, **msgspec.structs.asdict(page)} for page in pages])
    await conn.execute_many(_FORGET, [{"domain": domain, "uri": uri} for uri in gone])
