"""Which mails of the product's own wait to be sent, and what became of those that were?"""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from vizsla.storage.schema import Id, app_metadata

mail_out = Table(
    "mail_out",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("about", Text, nullable=False),  # letter.About
    Column("created_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # when to give up
    Column("due", BigInteger),  # see storage.lease; NULL: sent, or given up
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("sealed", Text),  # the letter, in hex; NULL once it is no longer needed
    Column("ended_at", BigInteger),
    Column("trouble", Text),  # why it was not sent, the last time; never what a server said, for that may name a person
    Index("mail_out_due", "due"),
    Index("mail_out_ended_at", "ended_at"),
)

NO_PERSON = {
    "mail_out.about": "a word of ours",
    "mail_out.worker": "a process of ours",
    "mail_out.sealed": "sealed, sent within a day, and then gone",
    "mail_out.trouble": "what went wrong, in our own words and the relay's code",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
