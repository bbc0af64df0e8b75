"""Which tables remember what a site told us for the next crawl, and which sites are still to be crawled?"""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from vizsla.storage.schema import index_metadata

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

# A domain that somebody asked about and that we know nothing of. The row is the work: see storage.lease.
crawl_request = Table(
    "crawl_request",
    index_metadata,
    Column("domain", _Bytewise, primary_key=True),  # the registrable domain
    Column("requested_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", Integer, nullable=False),
    Index("crawl_request_due", "due"),
)

NO_PERSON = {
    "crawl_page.etag": "an identifier that a server made of a body",
    "crawl_page.last_modified": "a date",
    "crawl_page.digest": "a hash",
    "crawl_request.worker": "a process of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
