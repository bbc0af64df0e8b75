"""
What is kept of accounts, their members, their keys and what they used.

An account is a team: what it owns and may do. A member is a person of it (the table is not called `user`, which PostgreSQL
reads as a function). Public numeric ids are counted per account, by `account.last_id`. NULL in a plan column means: as the
plan of that name, or the settings, say.

Secrets are nowhere in here: of tokens, keys and recovery codes there is a SHA-256, of passwords an Argon2 hash, and the secret
of one-time codes is sealed.
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
    Column("name", Text),  # of the team; NULL: it has none
    Column(
        "period_day", BigInteger, nullable=False, server_default="1"
    ),  # of the month, 1 to 31, on which periods begin
)

member = Table(
    "member",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False, unique=True),  # in lower case
    Column("first_name", Text),
    Column("last_name", Text),
    Column("is_admin", BigInteger, nullable=False, server_default="0"),  # of this installation
    Column("created_at", BigInteger, nullable=False),
    Column("role", Text, nullable=False, server_default="owner"),  # owner, admin, member: in the team
    Column("limit_searches", BigInteger),  # of the account's in a period; NULL: no limit of their own
    Column("limit_verifications", BigInteger),
    Column("password", Text),  # Argon2id in PHC format; NULL: none was set
    Column("totp_secret", Text),  # sealed, in hex; NULL: no one-time codes
    Column("totp_since", BigInteger),  # when the first code was right; NULL: it is being set up
    Column("totp_step", BigInteger),  # the 30 seconds of the last code that was taken: each is taken once
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
    Column("last_used_at", BigInteger),  # to about a minute
)

# What is kept of callers in memory is forgotten when a row is added here: a key was revoked, a plan or a member changed.
caller_change = Table(
    "caller_change",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

usage = Table(
    "usage",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),  # its first second
    Column("searches", BigInteger, nullable=False, server_default="0"),
    Column("verifications", BigInteger, nullable=False, server_default="0"),
)

# What of `usage` was whose. Without a foreign key: who left the team used what they used.
member_usage = Table(
    "member_usage",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", BigInteger, primary_key=True, autoincrement=False),
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


def _member_columns(*, in_key: bool) -> tuple[Column[int], Column[int], ForeignKeyConstraint]:
    """Whose a row is; it goes with its member."""
    return (
        Column("account_id", BigInteger, primary_key=in_key, autoincrement=False, nullable=False),
        Column("member_id", BigInteger, primary_key=in_key, autoincrement=False, nullable=False),
        ForeignKeyConstraint(["account_id", "member_id"], ["member.account_id", "member.id"], ondelete="CASCADE"),
    )


session = Table(
    "session",
    app_metadata,
    *_member_columns(in_key=False),
    Column("id", BigInteger, nullable=False),  # public, counted per account
    Column("hash", Text, primary_key=True),  # of the token in the cookie
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),  # to a few minutes
    Column("expires_at", BigInteger, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index("session_member", "account_id", "member_id"),
    Index("session_expires_at", "expires_at"),
)

# What a member can do once with a secret they were given: set a password, finish signing in.
ticket = Table(
    "ticket",
    app_metadata,
    *_member_columns(in_key=False),
    Column("hash", Text, primary_key=True),
    Column("purpose", Text, nullable=False),  # password, code
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("ticket_member", "account_id", "member_id"),
    Index("ticket_expires_at", "expires_at"),
)

recovery_code = Table(
    "recovery_code",
    app_metadata,
    *_member_columns(in_key=True),
    Column("hash", Text, primary_key=True),
)

# Somebody who wants an account and has yet to show that the address is theirs.
sign_up = Table(
    "sign_up",
    app_metadata,
    Column("hash", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("sign_up_email", "email"),
    Index("sign_up_expires_at", "expires_at"),
)

invitation = Table(
    "invitation",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    Column("role", Text),  # in the team; NULL: to an account of their own
    Column("invited_by", BigInteger, nullable=False),  # a member of the account
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("invitation_expires_at", "expires_at"),
)

# How often somebody guessed at a password or a code lately.
guess = Table(
    "guess",
    app_metadata,
    Column("bucket", Text, primary_key=True),  # a hash of what is guessed at, or of who guesses
    Column("arrival", BigInteger, nullable=False),  # GCRA's theoretical arrival time, seconds since 1970
    Index("guess_arrival", "arrival"),
)

request_log = Table(
    "request_log",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # in the order of time; see request_log.py
    Column("key_id", BigInteger, nullable=False),
    Column("member_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),  # without its query
    Column("call", Text, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("ms", BigInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    Index("request_log_key", "account_id", "key_id", "id"),
    sqlite_with_rowid=False,  # one tree less to write to for each request
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

_MEMBERS = "a member's own, who signs in here and ends that in their settings"
_HASH = "a hash, or sealed"
_WORDS = "words of ours"
NO_PERSON = {
    "account.plan_name": "the operator's word",
    "account.rate_search": _WORDS,
    "account.rate_verify": _WORDS,
    "account.rate_count": _WORDS,
    "account.name": _MEMBERS,
    "member.email": _MEMBERS,
    "member.first_name": _MEMBERS,
    "member.last_name": _MEMBERS,
    "member.role": _WORDS,
    "member.password": _HASH,
    "member.totp_secret": _HASH,
    "api_key.name": _MEMBERS,
    "api_key.hash": _HASH,
    "api_key.last4": "a piece of a random text",
    "usage_charge.kind": _WORDS,
    "usage_charge.question": "a keyed hash",
    "idempotency.request": _HASH,
    "idempotency.params": _HASH,
    "rate_limit.bucket": "a path, and the network address of whoever calls without a key",
    "setup_token.hash": _HASH,
    "session.hash": _HASH,
    "session.user_agent": _MEMBERS,
    "session.address": _MEMBERS,
    "ticket.hash": _HASH,
    "ticket.purpose": _WORDS,
    "recovery_code.hash": _HASH,
    "sign_up.hash": _HASH,
    "invitation.hash": _HASH,
    "invitation.role": _WORDS,
    "guess.bucket": _HASH,
    "request_log.method": _WORDS,
    "request_log.call": _WORDS,
    "request_log.request_id": "a random text",
    "upload.kind": _WORDS,
    "upload.name": "what a member called their file, for a day",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
