"""
How does it stand with a recipient, in the one word that the API has for it?

The word is made of facts alone, whatever came first: a bounce that is read after the reply it overtook changes nothing. It speaks
of the last message that was sent; what ends the writing stands above it, and a message that is still to come above what became of
the one before.
"""

import msgspec

from vizsla.leads.lead import SendingStatus
from vizsla.leads.store import Contact, record_contact
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

OPEN_STATES = ("sending", "retry", "uncertain", "held")
"""States of a message of which it is not settled that it left, or that it never will."""
_FACTS = ("sent_at", "opened_at", "clicked_at", "replied_at", "bounced_at", "unsubscribed_at", "error_at")
_GET = statement(f"""
    SELECT {", ".join(_FACTS)}, CASE WHEN due IS NULL THEN 0 ELSE 1 END, EXISTS (
        SELECT 1 FROM message WHERE message.account_id = recipient.account_id AND recipient_id = recipient.id
        AND message.state IN ('sending', 'retry', 'uncertain', 'held')
    ), lead_id, sending_status FROM recipient WHERE account_id = :account_id AND id = :id
""")  # noqa: S608
_PUT = statement("UPDATE recipient SET sending_status = :status WHERE account_id = :account_id AND id = :id")
_OF_LEAD = statement("""
    SELECT sending_status, unsubscribed_at, bounced_at, sent_at, opened_at, clicked_at, replied_at FROM recipient
    WHERE account_id = :account_id AND lead_id = :lead_id ORDER BY id DESC
""")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a recipient; times are seconds since 1970."""

    sent_at: int | None = None
    """The last message."""
    opened_at: int | None = None
    """That message, by a person."""
    clicked_at: int | None = None
    replied_at: int | None = None
    """By a person, not by a machine."""
    bounced_at: int | None = None
    """For good."""
    unsubscribed_at: int | None = None
    error_at: int | None = None
    is_scheduled: bool = False
    """Whether a step has its time."""
    has_open_message: bool = False
    """Whether a message is on its way."""


def sending_status(facts: Facts) -> SendingStatus | None:
    """The word; None if nothing was sent and nothing will be."""
    if facts.unsubscribed_at is not None:
        return "unsubscribed"
    if facts.bounced_at is not None:
        return "bounced"
    if facts.replied_at is not None:
        return "replied"
    if facts.error_at is not None:
        return "error"
    if facts.is_scheduled or facts.has_open_message:
        return "pending"
    if facts.clicked_at is not None:
        return "clicked"
    if facts.opened_at is not None:
        return "opened"
    return "sent" if facts.sent_at is not None else None


async def put_status(conn: Connection, account_id: int, recipient_id: int) -> None:
    """Write the word anew, for the recipient and for the lead they are. Called in the transaction of every fact."""
    row = await conn.fetch_one(_GET, {"account_id": account_id, "id": recipient_id})
    if row is None:
        return
    times, (is_scheduled, has_open, lead_id, before) = dict(zip(_FACTS, row, strict=False)), row[len(_FACTS) :]
    status = sending_status(Facts(**times, is_scheduled=bool(is_scheduled), has_open_message=bool(has_open)))
    if status != before:
        await conn.execute(_PUT, {"account_id": account_id, "id": recipient_id, "status": status})
    if lead_id is not None:
        await put_lead_status(conn, account_id, lead_id)


async def put_lead_status(conn: Connection, account_id: int, lead_id: int) -> None:
    """Write into a lead how it stands with them, by all campaigns they are in."""
    rows = await conn.fetch_all(_OF_LEAD, {"account_id": account_id, "lead_id": lead_id})
    contact = contact_of(rows)
    if contact is not None:
        await record_contact(conn, account_id, lead_id, contact)


def contact_of(rows: list[tuple[SendingStatus | None, int | None, int | None, int | None, int | None, int | None, int | None]]) -> Contact | None:  # fmt: skip
    """
    What all campaigns together say of a lead; *rows* as in `_OF_LEAD`, the newest first. None if they are in no campaign.

    Who left one campaign, or cannot be reached, left or cannot be reached by all.
    """
    if not rows:
        return None
    unsubscribed, bounced = [row[1] for row in rows], [row[2] for row in rows]
    status = rows[0][0]
    if any(at is not None for at in bounced):
        status = "bounced"
    if any(at is not None for at in unsubscribed):
        status = "unsubscribed"
    active = [at for row in rows for at in (row[1], row[2], *row[4:]) if at is not None]
    sent = [row[3] for row in rows if row[3] is not None]
    return Contact(status, max(sent, default=None), max(active, default=None))
