"""Which domains has somebody asked about that are still to be crawled?"""

from vizsla.crawl.tables import crawl_request
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

AGAIN = 7 * DAY
"""Seconds before a domain that was asked about and crawled is crawled because somebody asks again."""
MOST_WAITING = 1_000
"""Requests that may wait. Whoever can ask can name any number of domains; each of them costs its owner and us a crawl."""

requests = lease(crawl_request)
_REQUEST = statement(f"""
    INSERT INTO crawl_request (domain, requested_at, due, attempt)
    SELECT :domain, :now, :now, 0
    WHERE (SELECT count(*) FROM crawl_request WHERE due IS NOT NULL) < {MOST_WAITING}
    ON CONFLICT (domain) DO UPDATE SET requested_at = excluded.requested_at, due = excluded.due, attempt = 0
    WHERE crawl_request.due IS NULL AND crawl_request.requested_at <= :before
""")  # noqa: S608
_IS_DUE = statement("SELECT 1 FROM crawl_request WHERE due <= :now LIMIT 1")


async def request_crawl(conn: Connection, domain: str, now: int) -> None:
    """Let *domain* (registrable) be crawled, unless it waits already, was asked for lately, or too many wait."""
    await conn.execute(_REQUEST, {"domain": domain, "now": now, "before": now - AGAIN})


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a request waits for somebody to take it. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None
