"""
What is kept of verifications: the rows that are the work, who asked for them, what is known of each mail domain, and lists.

A verification belongs to an address, not to an account: two accounts that ask about one address at once have it probed
once. What an account may see of it hangs on its row in `verification_request`.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text, UniqueConstraint

from vizsla.storage.schema import Id, app_metadata

verification = Table(
    "verification",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("local", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),  # when the run that is on, or was last, began
    Column("due", BigInteger),  # see storage.lease; NULL: ended
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("deferred_at", BigInteger),  # when a server first said "later"
    Column("deferrals", BigInteger, nullable=False),
    Column("verdict", Text),  # JSON of records.Verdict: what the last run ended with
    Column("ended_at", BigInteger),
    Column("stale_at", BigInteger),  # from when on somebody who asks has it done anew
    Column("trail", Text, nullable=False),  # JSON of the steps of the run: see evidence
    Column("arrival", Text),  # what came of a message since: delivered, bounced; see learning
    UniqueConstraint("domain", "local"),
    Index("verification_due", "due"),
    Index("verification_stale_at", "stale_at"),
)

verification_request = Table(
    "verification_request",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("verification_id", BigInteger, ForeignKey("verification.id", ondelete="CASCADE"), nullable=False),
    UniqueConstraint("account_id", "verification_id"),
    Index("verification_request_verification_id", "verification_id"),
)

arrival_tally = Table(
    "arrival_tally",
    app_metadata,
    Column("provider", Text, primary_key=True),  # who runs the mail server; empty: nobody known
    Column("reason", Text, primary_key=True),  # of the verdict
    Column("delivered", BigInteger, nullable=False),
    Column("bounced", BigInteger, nullable=False),
)

mail_domain = Table(
    "mail_domain",
    app_metadata,
    Column("domain", Text, primary_key=True),
    Column("window_start", BigInteger, nullable=False),  # of the 24 hours that `started` counts
    Column("started", BigInteger, nullable=False),
    Column("accept_all", Text),  # yes, no, inconclusive; NULL: never asked
    Column("accept_all_at", BigInteger),
    Column("accept_all_trail", Text),  # JSON of the steps that showed it
)

bulk_list = Table(
    "bulk_list",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False),
    Column("period", BigInteger, nullable=False),  # of the usage that its rows were counted in
    Column("size", BigInteger, nullable=False),  # rows
    Column("counted", BigInteger, nullable=False),  # rows that were counted when it came
    Column("begun", BigInteger, nullable=False),  # up to which row verifications were asked for
    Column("done", BigInteger, nullable=False),  # rows that came to their end
    Column("given_back", BigInteger, nullable=False),  # rows that were counted at first, and are not
    Column("tally", Text, nullable=False),  # JSON: how many rows ended how
    Column("name", Text),  # of the file it came from
    Column("cancelled_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("due", BigInteger),  # see storage.lease; NULL: ended
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("member_id", BigInteger),  # whose it is counted as; NULL: the account's alone
    Index("bulk_list_due", "due"),
    Index("bulk_list_ended_at", "ended_at"),
)

bulk_row = Table(
    "bulk_row",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("list_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False),  # as it was sent; empty once its person told us to forget
    Column("verification_id", BigInteger),  # while it is waited for
    Column("ending", Text),  # JSON of bulk.Ending; NULL: none yet
    ForeignKeyConstraint(["account_id", "list_id"], ["bulk_list.account_id", "bulk_list.id"], ondelete="CASCADE"),
)

_WORDS = "words of ours"
NO_PERSON = {
    "verification.worker": "a process of ours",
    "verification.verdict": _WORDS,
    "verification.arrival": _WORDS,
    "arrival_tally.provider": "a company's name, from our list",
    "arrival_tally.reason": _WORDS,
    "mail_domain.accept_all": _WORDS,
    "bulk_list.tally": "words of ours, and how often",
    "bulk_list.worker": "a process of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
