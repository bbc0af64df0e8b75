"""What is kept of those who said stop: a keyed hash, never the address."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from vizsla.storage.schema import Id, app_metadata

claim = Table(
    "claim",
    app_metadata,
    Column("kind", Text, primary_key=True),  # email, domain; check: proves that the key is the one used before
    Column("hash", Text, primary_key=True),  # HMAC-SHA256 in hex
    Column("created_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),  # when the index had forgotten it; NULL: not yet
    Column("label", Text),  # what `claim list` may show: j***@acme.com
)

# One row, counted up with every claim and every one taken back: whoever holds the claims in memory looks at it to learn of both.
claim_version = Table(
    "claim_version",
    app_metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # 1
    Column("version", BigInteger, nullable=False),
)

# What somebody asked for who has not yet shown that the address, or the domain, is theirs.
claim_request = Table(
    "claim_request",
    app_metadata,
    Column("hash", Text, primary_key=True),  # SHA-256 of the link's token, in hex
    Column("kind", Text, nullable=False),  # email, domain
    Column(
        "sealed", Text, nullable=False
    ),  # the address under the token alone; the domain under the secret key; in hex
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("due", BigInteger),  # when DNS is next asked, see storage.lease; NULL: never
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Index("claim_request_due", "due"),
    Index("claim_request_expires_at", "expires_at"),
)

# How often something was asked for on one day.
claim_limit = Table(
    "claim_limit",
    app_metadata,
    Column("hash", Text, primary_key=True),  # of the address, domain or client that is counted
    Column("day", BigInteger, primary_key=True, autoincrement=False),  # its first second
    Column("count", BigInteger, nullable=False),
)

# Whom an account no longer writes to. Once a person is forgotten `value` is empty, and the hash goes on to keep them from being written to.
suppression = Table(
    "suppression",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, primary_key=True),  # HMAC-SHA256 in hex, as in claim
    Column("kind", Text, nullable=False),  # email, domain
    Column("value", Text),
    Column("reason", Text, nullable=False),  # bounce, unsubscribe, complaint, manual
    Column("campaign_id", BigInteger),  # where it came from
    Column("at", BigInteger, nullable=False),
    Index("suppression_at", "account_id", "at"),
)

# The ledger. Rows are added and never changed: triggers see to it (migration 0008).
claim_event = Table(
    "claim_event",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),  # claimed, erased, removed
    Column("kind", Text, nullable=False),  # email, domain
    Column("hash", Text, nullable=False),  # as in claim
    Column("label", Text, nullable=False),  # j***@acme.com
    Column("word", Text, nullable=False),  # on whose: mail, dns, operator, restart
    Column("proof", Text, nullable=False),  # the DNS record, the operator's login name
    Column("counts", Text, nullable=False),  # JSON: rows that went, by table
    Index("claim_event_hash", "hash"),
)

_WORDS = "words of ours"
_HASH = "a keyed hash: that somebody is left alone must be remembered"
_LABEL = "j***@acme.com: enough to recognise, too little to write to"
NO_PERSON = {
    "claim.kind": _WORDS,
    "claim.hash": _HASH,
    "claim.label": _LABEL,
    "claim_request.hash": "a hash",
    "claim_request.kind": _WORDS,
    "claim_request.sealed": "sealed, and gone after a week at most",
    "claim_request.worker": "a process of ours",
    "claim_limit.hash": "a keyed hash, gone the next day",
    "suppression.hash": _HASH,
    "suppression.kind": _WORDS,
    "suppression.reason": _WORDS,
    "claim_event.what": _WORDS,
    "claim_event.kind": _WORDS,
    "claim_event.hash": _HASH,
    "claim_event.label": _LABEL,
    "claim_event.word": _WORDS,
    "claim_event.proof": "a DNS record, or the operator's own login name",
    "claim_event.counts": "numbers",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
