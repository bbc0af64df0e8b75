"""
Campaigns: who sends, what, to whom, what became of it and what came back; and whom an account no longer writes to.

Revision 0014, after 0013.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _numbers(*names: str, null: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=null) for name in names]


def _texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=null) for name in names]


def _create(
    name: str, *columns: list[Any], key: str = "id", more: tuple[str, ...] = (), of: tuple[str, ...] = ()
) -> None:
    """A table of an account whose rows go with it, and with what they are a part *of*."""
    keys = ("account_id", key, *more)
    op.create_table(
        name,
        *_numbers(*keys),
        *(column for some in columns for column in some),
        sa.PrimaryKeyConstraint(*keys, name=f"{name}_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        *(
            sa.ForeignKeyConstraint(
                ["account_id", f"{each}_id"], [f"{each}.account_id", f"{each}.id"], ondelete="CASCADE"
            )
            for each in of
        ),
    )


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    _create(
        "sender",
        _numbers("member_id"),
        _texts("email"),
        _texts("name", "signature", null=True),
        _texts("smtp"),
        _texts("imap", null=True),
        _texts("login", "auth", "sealed"),
        _texts("dkim_selector", "dkim_sealed", null=True),
        _numbers("daily_cap"),
        _numbers("ramp_start", "ramp_step", "ramp_since", null=True),
        _numbers("gap"),
        _texts("timezone"),
        _numbers("days", "start_second", "end_second"),
        _texts("journal", "state"),
        _texts("trouble", null=True),
        _numbers("failures", "created_at"),
        _numbers("free_at", "due", null=True),
        _texts("worker", null=True),
        _numbers("attempt"),
    )
    op.create_index("sender_due", "sender", ["due"])
    op.create_index("sender_email", "sender", ["account_id", "email"], unique=True)
    _create(
        "sender_day",
        _numbers("sent"),
        key="sender_id",
        more=("day",),
    )
    _create(
        "mailbox",
        _texts("folder"),
        _numbers("uidvalidity", null=True),
        _numbers("last_uid"),
        _texts("trouble", null=True),
        _numbers("due", null=True),
        _texts("worker", null=True),
        _numbers("attempt"),
        key="sender_id",
    )
    op.create_index("mailbox_due", "mailbox", ["due"])
    _create(
        "campaign",
        _numbers("member_id"),
        _texts("name", "timezone"),
        _numbers("days", "start_second", "end_second"),
        _numbers("start_at", null=True),
        _numbers("created_at"),
        _numbers("updated_at", "started_at", "paused_at", "archived_at", null=True),
        _numbers("tracks_opens", "tracks_clicks", "adds_unsubscribe", "stops_company", "absence_days", "max_lateness"),
        _texts("uncertain"),
        _texts("bcc", null=True),
        _numbers("version", "recipients_count"),
    )
    _create(
        "campaign_sender",
        key="campaign_id",
        more=("sender_id",),
        of=(
            "campaign",
            "sender",
        ),
    )
    op.create_index("campaign_sender_of", "campaign_sender", ["account_id", "sender_id"])
    _create(
        "campaign_step",
        _numbers("wait_days"),
        _texts("subject", "body", "format"),
        key="campaign_id",
        more=("number",),
        of=("campaign",),
    )
    _create(
        "campaign_attachment",
        _numbers("campaign_id", "step"),
        _texts("file_name", "content_type"),
        [sa.Column("body", sa.LargeBinary, nullable=False)],
        of=("campaign",),
    )
    op.create_index("campaign_attachment_of", "campaign_attachment", ["account_id", "campaign_id"])
    _create(
        "campaign_link",
        _texts("url", "hash"),
        key="campaign_id",
        more=("number",),
        of=("campaign",),
    )
    op.create_index("campaign_link_hash", "campaign_link", ["account_id", "campaign_id", "hash"], unique=True)
    _create(
        "recipient",
        _numbers("campaign_id"),
        _numbers("lead_id", null=True),
        _texts("email", "address"),
        _numbers("sender_id", null=True),
        _numbers("step"),
        _numbers("due", null=True),
        _texts("state"),
        _texts("stop_reason", "trouble", "sending_status", null=True),
        _numbers(
            "sent_at",
            "opened_at",
            "clicked_at",
            "replied_at",
            "absent_at",
            "bounced_at",
            "unsubscribed_at",
            "error_at",
            "removed_at",
            "successful_at",
            null=True,
        ),
        _numbers("soft_bounces", "added_at"),
        of=("campaign",),
    )
    op.create_index("recipient_address", "recipient", ["account_id", "email"])
    op.create_index("recipient_due", "recipient", ["account_id", "sender_id", "campaign_id", "due", "id"])
    op.create_index("recipient_email", "recipient", ["account_id", "campaign_id", "email"], unique=True)
    op.create_index("recipient_lead", "recipient", ["account_id", "lead_id"])
    op.create_index("recipient_of", "recipient", ["account_id", "campaign_id", "id"])
    _create(
        "campaign_task",
        _numbers("campaign_id"),
        _texts("kind"),
        _numbers("ref_id", null=True),
        _numbers("last_id", "size", "done", "skipped", "created_at"),
        _numbers("due", null=True),
        _texts("worker", null=True),
        _numbers("attempt"),
        _numbers("ended_at", null=True),
        of=("campaign",),
    )
    op.create_index("campaign_task_due", "campaign_task", ["due"])
    op.create_index("campaign_task_of", "campaign_task", ["account_id", "campaign_id"])
    _create(
        "message",
        _numbers("campaign_id", "recipient_id", "step", "sender_id"),
        _texts("message_id", "state"),
        _texts("phase", "token", null=True),
        _numbers("due", null=True),
        _numbers("attempts"),
        _numbers("code", null=True),
        _texts("reply", "subject", "body", "format", null=True),
        _numbers("claimed_at"),
        _numbers("sent_at", "delivered_at", "opened_at", "clicked_at", "bounced_at", null=True),
        of=("campaign",),
    )
    op.create_index("message_campaign", "message", ["account_id", "campaign_id", "id"])
    op.create_index("message_due", "message", ["account_id", "sender_id", "due"])
    op.create_index("message_name", "message", ["message_id"], unique=True)
    op.create_index("message_of", "message", ["account_id", "recipient_id", "step"], unique=True)
    _create(
        "event",
        _numbers("campaign_id", "recipient_id", "step"),
        _texts("kind", "actor"),
        _numbers("at"),
        _numbers("link", null=True),
        _texts("agent", null=True),
        _texts("dedupe"),
        of=("campaign",),
    )
    op.create_index("event_dedupe", "event", ["account_id", "dedupe"], unique=True)
    op.create_index("event_recipient", "event", ["account_id", "recipient_id", "at"])
    _create(
        "campaign_day",
        [
            sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
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
        ],
        key="campaign_id",
        more=(
            "step",
            "day",
        ),
        of=("campaign",),
    )
    _create(
        "inbound",
        _numbers("sender_id"),
        _texts("folder"),
        _numbers("uidvalidity", "uid"),
        _texts("message_id", null=True),
        _texts("kind"),
        _numbers("campaign_id", "recipient_id", null=True),
        _texts("email", "name", "subject", "text", "html", "label", null=True),
        _numbers("at"),
        _numbers("read_at", null=True),
    )
    op.create_index("inbound_at", "inbound", ["account_id", "at"])
    op.create_index("inbound_recipient", "inbound", ["account_id", "recipient_id", "at"])
    op.create_index("inbound_uid", "inbound", ["account_id", "sender_id", "folder", "uidvalidity", "uid"], unique=True)
    _create(
        "reply",
        _numbers("inbound_id", "recipient_id", "sender_id", "member_id"),
        _texts("message_id", "subject", "body"),
        _numbers("created_at"),
        _numbers("sent_at", null=True),
        _texts("trouble", null=True),
        _numbers("due", null=True),
        _texts("worker", null=True),
        _numbers("attempt"),
    )
    op.create_index("reply_due", "reply", ["due"])
    op.create_index("reply_name", "reply", ["message_id"], unique=True)
    op.create_index("reply_recipient", "reply", ["account_id", "recipient_id"])
    op.create_table(
        "suppression",
        *_numbers("account_id"),
        *_texts("hash", "kind"),
        *_texts("value", null=True),
        *_texts("reason"),
        *_numbers("campaign_id", null=True),
        *_numbers("at"),
        sa.PrimaryKeyConstraint("account_id", "hash", name="suppression_pkey"),
    )
    op.create_index("suppression_at", "suppression", ["account_id", "at"])
