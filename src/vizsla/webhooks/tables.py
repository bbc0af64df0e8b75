"""
Where are events to be told, and which still have to be?

An endpoint is leased as a whole (`storage.lease`), so that one worker tells it one event after the other; a delivery has the
time of its next try alone.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text

from vizsla.storage.schema import app_metadata

webhook_endpoint = Table(
    "webhook_endpoint",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),  # JSON: words of webhooks.events
    Column("state", Text, nullable=False),  # webhooks.endpoints.State
    Column("secret", Text, nullable=False),  # sealed, in hex
    Column("old_secret", Text),  # what it was before it was changed: signs too, until `old_until`
    Column("old_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),  # in a row
    Column("failing_since", BigInteger),
    Column("due", BigInteger),  # when a worker may tell it something; NULL: it is off
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
)

webhook_delivery = Table(
    "webhook_delivery",
    app_metadata,
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # in the order of events
    Column("endpoint_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("mark", Text, nullable=False),  # webhook-id: of the event, the same for each endpoint and each try
    Column("body", Text),  # JSON, as it is signed and sent; NULL: forgotten
    Column("state", Text, nullable=False),  # waiting, done, dead
    Column("created_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # when to give up
    Column("due", BigInteger),  # the next try; NULL: there is none
    Column("tries", BigInteger, nullable=False),
    Column("tried_at", BigInteger),
    Column("status", BigInteger),  # of the last answer
    Column("trouble", Text),  # why the last try failed, in our words: nothing of an answer's body is kept
    Column("took", BigInteger),  # milliseconds of the last try
    Column("ended_at", BigInteger),
    ForeignKeyConstraint(
        ["account_id", "endpoint_id"], ["webhook_endpoint.account_id", "webhook_endpoint.id"], ondelete="CASCADE"
    ),
    Index("webhook_delivery_next", "account_id", "endpoint_id", "due", "id"),
    Index("webhook_delivery_endpoint", "account_id", "endpoint_id", "id"),
    Index("webhook_delivery_due", "due"),
    Index("webhook_delivery_ended_at", "ended_at"),
)

NO_PERSON = {
    "webhook_endpoint.url": "where a program of the account's own listens",
    "webhook_endpoint.events": "words of ours",
    "webhook_endpoint.state": "a word of ours",
    "webhook_endpoint.secret": "sealed",
    "webhook_endpoint.old_secret": "sealed",
    "webhook_endpoint.worker": "a process of ours",
    "webhook_delivery.event": "a word of ours",
    "webhook_delivery.mark": "a random text",
    "webhook_delivery.state": "a word of ours",
    "webhook_delivery.trouble": "a sentence of ours, with an address of the endpoint's host",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
