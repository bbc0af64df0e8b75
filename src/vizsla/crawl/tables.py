"""Which table remembers what a site told us for the next crawl? ETags, digests, and since when a page is missing."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from vizsla.storage.schema import index_metadata

crawl_page = Table(
    "crawl_page",
    index_metadata,
    Column("domain", Text, primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("captured_at", BigInteger, nullable=False),
    Column("fetched_at", BigInteger, nullable=False),
    Column("missing_since", BigInteger, nullable=True),
)
