"""Which table remembers what a site told us for the next crawl? ETags, digests, and since when a page is missing."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

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
