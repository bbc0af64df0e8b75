"""
Lists of people to find, and of domains to search; and what is kept of what came of answers, so that the next ones are better.

The latter has no name, no address and no domain of anybody.

`finder_likelihood` counts how mail servers answered about addresses that turned out right or wrong, by provider.
`finder_outcome` has one row for each answer whose truth became known; `finder_calibration` the corrections learnt from them.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
)

from vizsla.storage.schema import Id, app_metadata

finder_likelihood = Table(
    "finder_likelihood",
    app_metadata,
    Column("provider", Text, primary_key=True),  # as verifier.providers names it; empty for anybody's server
    Column("is_right", Integer, primary_key=True, autoincrement=False),
    Column("outcome", Text, primary_key=True),  # valid, invalid
    Column("n", Double, nullable=False),
)

finder_outcome = Table(
    "finder_outcome",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("probability", Double, nullable=False),  # of the pattern, before any correction
    Column("n_known", Integer, nullable=False),  # addresses of the domain that were known
    Column("tld", Text, nullable=False),  # its kind: com, de, edu …
    Column("accept_all", Integer, nullable=False),
    Column("version", Text, nullable=False),  # of the prior
    Column("label", Text, nullable=False),  # valid, invalid, bounce, reply
    Column("is_right", Integer, nullable=False),
    Index("finder_outcome_at", "accept_all", "at"),
)

bulk_finding = Table(
    "bulk_finding",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False),
    Column("max_duration", Double, nullable=False),  # seconds for each row
    Column("size", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("due", BigInteger),  # see storage.lease; NULL: ended
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("name", Text),  # of the file it came from
    Column("cancelled_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("member_id", BigInteger),  # whose it is counted as; NULL: the account's alone
    Index("bulk_finding_due", "due"),
    Index("bulk_finding_ended_at", "ended_at"),
)

bulk_finding_row = Table(
    "bulk_finding_row",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("list_id", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("asked", Text, nullable=False),  # JSON of bulk.Asked
    Column("answer", Text),  # JSON of bulk.Answer; NULL: not yet done
    Column("domain", Text),  # of the address that was found
    Column("local", Text),
    ForeignKeyConstraint(["account_id", "list_id"], ["bulk_finding.account_id", "bulk_finding.id"], ondelete="CASCADE"),
    Index("bulk_finding_row_found", "domain", "local"),
)

bulk_search = Table(
    "bulk_search",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False),
    Column("per_domain", BigInteger, nullable=False),  # addresses at most
    Column("size", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),  # rows with an address
    Column("addresses", BigInteger, nullable=False),  # of all rows
    Column("due", BigInteger),  # see storage.lease; NULL: ended
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("name", Text),  # of the file it came from
    Column("cancelled_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("member_id", BigInteger),  # who asked, where a person did
    Index("bulk_search_due", "due"),
    Index("bulk_search_ended_at", "ended_at"),
)

bulk_search_row = Table(
    "bulk_search_row",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("list_id", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("asked", Text, nullable=False),  # JSON of bulk_searches.Target
    Column("answer", Text),  # JSON of bulk_searches.Answer; NULL: not yet done
    Column("domain", Text),  # that was searched
    Column("locals", Text),  # JSON: the local parts that were found; what is said of them is the index's
    ForeignKeyConstraint(["account_id", "list_id"], ["bulk_search.account_id", "bulk_search.id"], ondelete="CASCADE"),
    Index("bulk_search_row_domain", "domain", "account_id", "list_id"),
)

finder_calibration = Table(
    "finder_calibration",
    app_metadata,
    Column("accept_all", Integer, primary_key=True, autoincrement=False),
    Column("slope", Double, nullable=False),
    Column("intercept", Double, nullable=False),
    Column("n", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

NO_PERSON = {
    "finder_likelihood.provider": "a company's name, from our list",
    "finder_likelihood.outcome": "a word of ours",
    "finder_outcome.tld": "a top-level domain",
    "finder_outcome.version": "of our prior",
    "finder_outcome.label": "a word of ours",
    "bulk_finding.worker": "a process of ours",
    "bulk_search.worker": "a process of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
