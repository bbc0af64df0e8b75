"""How do crawls forget a person, or a whole domain?"""

from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_PAGES = mentioning(f"SELECT domain, uri FROM crawl_page WHERE {says('uri')}")  # noqa: S608
_DELETE_PAGE = statement("DELETE FROM crawl_page WHERE domain = :domain AND uri = :uri")
_OF_DOMAIN = "domain = :domain OR substr(domain, length(domain) - length(:domain)) = :below"
_DELETE_PAGES = statement(f"DELETE FROM crawl_page WHERE {_OF_DOMAIN}")  # noqa: S608
_DELETE_REQUESTS = statement(f"DELETE FROM crawl_request WHERE {_OF_DOMAIN}")  # noqa: S608


_DELETE_ASKS = statement(f"DELETE FROM crawl_ask WHERE {_OF_DOMAIN}")  # noqa: S608


async def forget_asks(conn: Connection, whom: Whom) -> Counts:
    """Delete that anybody wanted a site of *whom*'s crawled; in the app database."""
    if whom.local is not None:
        return {}
    return {"crawl_ask": await conn.execute(_DELETE_ASKS, {"domain": whom.domain, "below": whom.below})}


async def forget(conn: Connection, whom: Whom) -> Counts:
    """Delete what crawls remember of *whom*."""
    rows = await conn.fetch_all(_PAGES, whom.needles)
    pages = [{"domain": domain, "uri": uri} for domain, uri in rows if whom.is_in(uri)]
    await conn.execute_many(_DELETE_PAGE, pages)
    counts = {"crawl_page": len(pages)}
    if whom.local is None:
        key = {"domain": whom.domain, "below": whom.below}
        counts["crawl_page"] += await conn.execute(_DELETE_PAGES, key)
        counts["crawl_request"] = await conn.execute(_DELETE_REQUESTS, key)
    return counts
