"""
What is kept of accounts, their members, their keys and what they used.

An account is a team: what it owns and may do. A member is a person of it (the table is not called `user`, which PostgreSQL
reads as a function). Public numeric ids are counted per account, by `account.last_id`. NULL in a plan column means: as the
settings say.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text

from vizsla.storage.schema import Id, app_metadata

account = Table(
    "account",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False, server_default="0"),  # the newest public id of what it owns
    Column("plan_name", Text),
    Column("plan_level", BigInteger),
    Column("plan_searches", BigInteger),
    Column("plan_verifications", BigInteger),
    Column("rate_search", Text),  # "15/s,500/min"
    Column("rate_verify", Text),
    Column("rate_count", Text),
)

member = Table(
    "member",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False, unique=True),  # in lower case
    Column("first_name", Text),
    Column("last_name", Text),
    Column("is_admin", BigInteger, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
)

api_key = Table(
    "api_key",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", BigInteger),  # whose it is; NULL: the account's first member's
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256 in hex; the key itself is nowhere
    Column("last4", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

usage = Table(
    "usage",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),  # its first second
    Column("searches", BigInteger, nullable=False, server_default="0"),
    Column("verifications", BigInteger, nullable=False, server_default="0"),
)

usage_charge = Table(
    "usage_charge",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),  # searches, verifications
    Column("question", Text, primary_key=True),  # a hash of what was asked: the same within a day is free
    Column("charged_at", BigInteger, nullable=False),
    Index(None, "charged_at"),
)

idempotency = Table(
    "idempotency",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("request", Text, primary_key=True),  # a hash of method, path and Idempotency-Key
    Column("params", Text, nullable=False),  # a hash of what was sent
    Column("status", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),  # sealed where it shows a secret once
    Column("created_at", BigInteger, nullable=False),
    Index(None, "created_at"),
)

# Only in use on PostgreSQL, where it is UNLOGGED: written constantly, and nothing is lost with it.
rate_limit = Table(
    "rate_limit",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),  # 0: nobody's, a client address
    Column("bucket", Text, primary_key=True),
    Column("arrival", BigInteger, nullable=False),  # GCRA's theoretical arrival time, ns since 1970
    Column("granted", BigInteger, nullable=False),  # tokens that the last request was given
)

setup_token = Table(
    "setup_token",
    app_metadata,
    Column("hash", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

upload = Table(
    "upload",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),  # verifications, findings, searches
    Column("name", Text, nullable=False),  # of the file
    Column("created_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # rows, a header's among them
    Column("has_header", BigInteger, nullable=False),
    Index("upload_created_at", "created_at"),
)

upload_part = Table(
    "upload_part",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("upload_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", Text, nullable=False),  # JSON of kit.csv_file.Record, some of them
    ForeignKeyConstraint(["account_id", "upload_id"], ["upload.account_id", "upload.id"], ondelete="CASCADE"),
)
