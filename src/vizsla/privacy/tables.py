"""What is kept of those who said stop: a keyed hash, never the address."""

from sqlalchemy import BigInteger, Column, Table, Text

from vizsla.storage.schema import app_metadata

claim = Table(
    "claim",
    app_metadata,
    Column("kind", Text, primary_key=True),  # email, domain; check: proves that the key is the one used before
    Column("hash", Text, primary_key=True),  # HMAC-SHA256 in hex
    Column("created_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),  # when the index had forgotten it; NULL: not yet
    Column("label", Text),  # what `claim list` may show: j***@acme.com
)
