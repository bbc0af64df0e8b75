"""
Which tables remember what a site told us for the next crawl, which sites are still to be crawled, and how far the crawls are?

A crawl belongs to its domain, whoever asked; who did is kept with their account.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from vizsla.storage.schema import app_metadata, index_metadata

# Byte order on both stores, whatever the database's locale is.
_Bytewise = Text().with_variant(Text(collation="C"), "postgresql")

crawl_page = Table(
    "crawl_page",
    index_metadata,
    Column("domain", _Bytewise, primary_key=True),  # the registrable domain
    Column("uri", _Bytewise, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("fetched_at", BigInteger, nullable=False),  # the latest visit
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("captured_at", BigInteger, nullable=False),  # when the body of that digest was stored
    Column("missing_since", BigInteger),
)

# A domain to be crawled, and what came of it. The row is the work: see storage.lease.
crawl_request = Table(
    "crawl_request",
    index_metadata,
    Column("domain", _Bytewise, primary_key=True),  # the registrable domain
    Column("requested_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", Integer, nullable=False),
    Column("asked", Integer, nullable=False, server_default="0"),  # 1: by a person; 0: because a search found nothing
    Column("state", Text, nullable=False, server_default="waiting"),  # requests.State
    Column("max_pages", Integer, nullable=False, server_default="20"),
    Column("stop_at", BigInteger),  # when somebody asked that it end
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("pages", Integer, nullable=False, server_default="0"),  # fetched
    Column("unchanged", Integer, nullable=False, server_default="0"),  # of those, as they were at the crawl before
    Column("pending", Integer, nullable=False, server_default="0"),  # known and not yet fetched
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("addresses", Integer, nullable=False, server_default="0"),  # distinct, read so far
    Column("skipped", Text, nullable=False, server_default="{}"),  # JSON: reason → URLs
    Column("ending", Text, nullable=False, server_default=""),  # why it ended, as a sentence; never a URL of the site
    Index("crawl_request_due", "due"),
)

# Who asked for a crawl. Precious, for it is what people did here.
crawl_ask = Table(
    "crawl_ask",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("domain", Text, primary_key=True),  # the registrable domain
    Column("member_id", BigInteger),
    Column("asked_at", BigInteger, nullable=False),  # the last time
    Column("cancelled_at", BigInteger),
    Index("crawl_ask_page", "account_id", "asked_at"),
    Index("crawl_ask_domain", "domain"),
)

NO_PERSON = {
    "crawl_page.etag": "an identifier that a server made of a body",
    "crawl_page.last_modified": "a date",
    "crawl_page.digest": "a hash",
    "crawl_request.worker": "a process of ours",
    "crawl_request.state": "a word of ours",
    "crawl_request.skipped": "words of ours, and how often",
    "crawl_request.ending": "a sentence of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
