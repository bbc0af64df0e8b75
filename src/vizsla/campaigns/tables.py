"""
What is kept of campaigns: who sends, what, to whom, what became of each message, and what came back.

A recipient is one row, of whom only the next step is scheduled; a message is made when it is claimed, one for each recipient and
step, so that no step can be sent twice. Its name (`message_id`) is fixed then. `due` of a recipient is when the next step may
leave; NULL: nothing is scheduled. Whether the campaign runs is asked of the campaign, in the claim: pausing changes one row.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Table, Text

from vizsla.storage.schema import app_metadata


def _account() -> Column[int]:
    return Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)


def _key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


# A mail account of a person, that campaigns send from and listen to.
sender = Table(
    "sender",
    app_metadata,
    _account(),
    _key("id"),
    Column("member_id", BigInteger, nullable=False),
    Column("email", Text, nullable=False),  # as it stands in From
    Column("name", Text),
    Column("signature", Text),
    Column("smtp", Text, nullable=False),  # JSON of senders.Server: host, port, security
    Column("imap", Text),  # the same; NULL: nobody listens
    Column("login", Text, nullable=False),
    Column("auth", Text, nullable=False),  # password, xoauth2
    Column("sealed", Text, nullable=False),  # the secrets, sealed, in hex
    Column("dkim_selector", Text),
    Column("dkim_sealed", Text),  # a private key in PEM, sealed, in hex
    Column("daily_cap", BigInteger, nullable=False),
    Column("ramp_start", BigInteger),  # messages of the first day; NULL: no ramp
    Column("ramp_step", BigInteger),  # more on each day after it
    Column("ramp_since", BigInteger),  # when the ramp began
    Column("gap", BigInteger, nullable=False),  # seconds between two messages
    Column("timezone", Text, nullable=False),  # IANA name; of the cap's day and of the hours
    Column("days", BigInteger, nullable=False),  # bits, 1 is Sunday
    Column("start_second", BigInteger, nullable=False),  # of the day
    Column("end_second", BigInteger, nullable=False),
    Column("journal", Text, nullable=False),  # what proves that a message left: none, copy, sent_folder
    Column("state", Text, nullable=False),  # ok, paused, error
    Column("trouble", Text),  # why it is in error, in our words and the server's code
    Column("failures", BigInteger, nullable=False),  # in a row, of the connection or the login
    Column("free_at", BigInteger),  # not before: the gap after the last message, or the server wants to be left alone
    Column("created_at", BigInteger, nullable=False),
    Column("due", BigInteger),  # when it may send again, see storage.lease; NULL: not before something is scheduled
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Index("sender_email", "account_id", "email", unique=True),
    Index("sender_due", "due"),
)

# How many messages reached the dot on a day of the sender's own time.
sender_day = Table(
    "sender_day",
    app_metadata,
    _account(),
    _key("sender_id"),
    _key("day"),  # days since 1970-01-01
    Column("sent", BigInteger, nullable=False),
)

# How far a sender's mail was read.
mailbox = Table(
    "mailbox",
    app_metadata,
    _account(),
    _key("sender_id"),
    Column("folder", Text, nullable=False),
    Column("uidvalidity", BigInteger),
    Column("last_uid", BigInteger, nullable=False),
    Column("trouble", Text),
    Column("due", BigInteger),  # see storage.lease
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Index("mailbox_due", "due"),
)

campaign = Table(
    "campaign",
    app_metadata,
    _account(),
    _key("id"),
    Column("member_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("days", BigInteger, nullable=False),  # bits, 1 is Sunday
    Column("start_second", BigInteger, nullable=False),
    Column("end_second", BigInteger, nullable=False),
    Column("start_at", BigInteger),  # not before; NULL: at once
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),  # the last change by a person; NULL: none since
    Column("started_at", BigInteger),
    Column("paused_at", BigInteger),
    Column("archived_at", BigInteger),
    Column("tracks_opens", BigInteger, nullable=False),
    Column("tracks_clicks", BigInteger, nullable=False),
    Column(
        "adds_unsubscribe", BigInteger, nullable=False
    ),  # a line with the link, below the text; the header is always there
    Column("stops_company", BigInteger, nullable=False),  # an answer ends it for all at that domain
    Column("absence_days", BigInteger, nullable=False),  # how long follow-ups wait after an out-of-office
    Column("max_lateness", BigInteger, nullable=False),  # seconds after which a message that is late waits for a person
    Column("uncertain", Text, nullable=False),  # what is done with messages that may have left: hold, resend
    Column("bcc", Text),
    Column("version", BigInteger, nullable=False),  # counted up with each change of a step: parsed templates hang on it
    Column("recipients_count", BigInteger, nullable=False),  # those that were not removed
)

campaign_sender = Table(
    "campaign_sender",
    app_metadata,
    _account(),
    _key("campaign_id"),
    _key("sender_id"),
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["account_id", "sender_id"], ["sender.account_id", "sender.id"], ondelete="CASCADE"),
    Index("campaign_sender_of", "account_id", "sender_id"),
)

campaign_step = Table(
    "campaign_step",
    app_metadata,
    _account(),
    _key("campaign_id"),
    _key("number"),  # from 0
    Column("wait_days", BigInteger, nullable=False),  # after the step before
    Column("subject", Text, nullable=False),  # Liquid; empty: the thread's
    Column("body", Text, nullable=False),  # Liquid
    Column("format", Text, nullable=False),  # text, html
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
)

campaign_attachment = Table(
    "campaign_attachment",
    app_metadata,
    _account(),
    _key("id"),
    Column("campaign_id", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    Index("campaign_attachment_of", "account_id", "campaign_id"),
)

# Where a tracked link leads: the link itself says a number alone.
campaign_link = Table(
    "campaign_link",
    app_metadata,
    _account(),
    _key("campaign_id"),
    _key("number"),
    Column("url", Text, nullable=False),
    Column("hash", Text, nullable=False),  # SHA-256 of the URL in hex
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    Index("campaign_link_hash", "account_id", "campaign_id", "hash", unique=True),
)

recipient = Table(
    "recipient",
    app_metadata,
    _account(),
    _key("id"),
    Column("campaign_id", BigInteger, nullable=False),
    Column("lead_id", BigInteger),
    Column("email", Text, nullable=False),  # as it is compared, in lower case
    Column("address", Text, nullable=False),  # as it was written, and is written to
    Column("sender_id", BigInteger),  # who writes all steps; NULL until the campaign is started
    Column("step", BigInteger, nullable=False),  # the next one
    Column("due", BigInteger),
    Column("state", Text, nullable=False),  # scheduled, held, done, stopped
    Column("stop_reason", Text),  # see deliveries: replied, bounced, unsubscribed, claimed, removed, ...
    Column("trouble", Text),
    Column("sending_status", Text),  # as the API says it, made by campaigns.status of what follows
    Column("sent_at", BigInteger),  # the last message
    Column("opened_at", BigInteger),  # the same message, by a person
    Column("clicked_at", BigInteger),
    Column("replied_at", BigInteger),
    Column("absent_at", BigInteger),  # an out-of-office
    Column("bounced_at", BigInteger),  # for good
    Column("unsubscribed_at", BigInteger),
    Column("error_at", BigInteger),
    Column("removed_at", BigInteger),
    Column("successful_at", BigInteger),
    Column("soft_bounces", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    Index("recipient_email", "account_id", "campaign_id", "email", unique=True),
    Index("recipient_due", "account_id", "sender_id", "campaign_id", "due", "id"),
    Index("recipient_of", "account_id", "campaign_id", "id"),
    Index("recipient_lead", "account_id", "lead_id"),
    Index("recipient_address", "account_id", "email"),
)

# What is done to many recipients, in steps: see storage.lease.
campaign_task = Table(
    "campaign_task",
    app_metadata,
    _account(),
    _key("id"),
    Column("campaign_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # as campaigns.tasks.Kind
    Column("ref_id", BigInteger),  # the leads list whose leads are added
    Column("last_id", BigInteger, nullable=False),  # the last lead or recipient that was looked at
    Column("size", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    Index("campaign_task_due", "due"),
    Index("campaign_task_of", "account_id", "campaign_id"),
)

message = Table(
    "message",
    app_metadata,
    _account(),
    _key("id"),
    Column("campaign_id", BigInteger, nullable=False),
    Column("recipient_id", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("sender_id", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),  # RFC 5322 3.6.4, without angles
    Column("state", Text, nullable=False),  # sending, retry, sent, uncertain, held, canceled, error, bounced
    Column("phase", Text),  # while sending: claimed, dot
    Column("token", Text),  # of the claim; whoever has another one may neither send nor record
    Column("due", BigInteger),  # sending: when the claim ends; retry and uncertain: when to look again
    Column("attempts", BigInteger, nullable=False),
    Column("code", BigInteger),  # the last reply of the server
    Column("reply", Text),
    Column("subject", Text),  # as it was sent
    Column("body", Text),
    Column("format", Text),
    Column("claimed_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("opened_at", BigInteger),
    Column("clicked_at", BigInteger),
    Column("bounced_at", BigInteger),
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    Index("message_of", "account_id", "recipient_id", "step", unique=True),
    Index("message_name", "message_id", unique=True),
    Index("message_due", "account_id", "sender_id", "due"),
    Index("message_campaign", "account_id", "campaign_id", "id"),
)

# What was seen: kept as it came, so that counts can be made anew.
event = Table(
    "event",
    app_metadata,
    _account(),
    _key("id"),
    Column("campaign_id", BigInteger, nullable=False),
    Column("recipient_id", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # open, click, reply, bounce, unsubscribe, complaint
    Column("actor", Text, nullable=False),  # human, bot, proxy
    Column("at", BigInteger, nullable=False),
    Column("link", BigInteger),
    Column("agent", Text),  # User-Agent, shortened
    Column("dedupe", Text, nullable=False),  # what makes it the same event again
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
    Index("event_dedupe", "account_id", "dedupe", unique=True),
    Index("event_recipient", "account_id", "recipient_id", "at"),
)

campaign_day = Table(
    "campaign_day",
    app_metadata,
    _account(),
    _key("campaign_id"),
    _key("step"),
    _key("day"),  # days since 1970-01-01, UTC
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "sent",
            "opened",
            "opened_by_bots",
            "clicked",
            "clicked_by_bots",
            "replied",
            "bounced",
            "unsubscribed",
        )
    ),
    ForeignKeyConstraint(["account_id", "campaign_id"], ["campaign.account_id", "campaign.id"], ondelete="CASCADE"),
)

# What came to a sender's mailbox and has to do with a campaign.
inbound = Table(
    "inbound",
    app_metadata,
    _account(),
    _key("id"),
    Column("sender_id", BigInteger, nullable=False),
    Column("folder", Text, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("message_id", Text),
    Column("kind", Text, nullable=False),  # human, automatic, bounce, complaint, receipt, journal, other
    Column("campaign_id", BigInteger),
    Column("recipient_id", BigInteger),
    Column("email", Text),  # who wrote
    Column("name", Text),
    Column("subject", Text),
    Column("text", Text),  # without what it quotes
    Column("html", Text),  # sanitised
    Column("label", Text),  # out_of_office, unsubscribe, interested, not_interested
    Column("at", BigInteger, nullable=False),
    Column("read_at", BigInteger),
    Index("inbound_uid", "account_id", "sender_id", "folder", "uidvalidity", "uid", unique=True),
    Index("inbound_recipient", "account_id", "recipient_id", "at"),
    Index("inbound_at", "account_id", "at"),
)

# What a person answers from the dashboard.
reply = Table(
    "reply",
    app_metadata,
    _account(),
    _key("id"),
    Column("inbound_id", BigInteger, nullable=False),
    Column("recipient_id", BigInteger, nullable=False),
    Column("sender_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("trouble", Text),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Index("reply_due", "due"),
    Index("reply_recipient", "account_id", "recipient_id"),
    Index("reply_name", "message_id", unique=True),
)

_WORDS = "words of ours"
_OWN = "the account's own mail account"
_SAID = "what an account says to everybody it writes to"
NO_PERSON = {
    "sender.email": _OWN,
    "sender.name": _OWN,
    "sender.signature": _OWN,
    "sender.smtp": _OWN,
    "sender.imap": _OWN,
    "sender.login": _OWN,
    "sender.auth": _WORDS,
    "sender.sealed": "sealed",
    "sender.dkim_selector": _OWN,
    "sender.dkim_sealed": "sealed",
    "sender.timezone": "a time zone",
    "sender.journal": _WORDS,
    "sender.state": _WORDS,
    "sender.worker": "a process of ours",
    "mailbox.folder": _OWN,
    "mailbox.worker": "a process of ours",
    "campaign.name": "what an account calls its campaign",
    "campaign.timezone": "a time zone",
    "campaign.uncertain": _WORDS,
    "campaign_step.subject": _SAID,
    "campaign_step.body": _SAID,
    "campaign_step.format": _WORDS,
    "campaign_attachment.content_type": _WORDS,
    "campaign_link.hash": "a hash of what stands beside it",
    "recipient.state": _WORDS,
    "recipient.stop_reason": _WORDS,
    "recipient.sending_status": _WORDS,
    "campaign_task.kind": _WORDS,
    "campaign_task.worker": "a process of ours",
    "message.message_id": "numbers, at the domain of the account's own mail account",
    "message.state": _WORDS,
    "message.phase": _WORDS,
    "message.token": "a random text",
    "message.format": _WORDS,
    "event.kind": _WORDS,
    "event.actor": _WORDS,
    "inbound.folder": _OWN,
    "inbound.kind": _WORDS,
    "inbound.label": _WORDS,
    "reply.message_id": "numbers, at the domain of the account's own mail account",
    "reply.worker": "a process of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
