"""
How does it stand with a recipient, in the one word that the API has for it?

The word is made of facts alone, whatever came first: a bounce that is read after the reply it overtook changes nothing. It speaks
of the last message that was sent; what ends the writing stands above it, and a message that is still to come above what became of
the one before.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import cast

import msgspec

from vizsla.leads.lead import SendingStatus
from vizsla.leads.recording import Contact, record_contacts
from vizsla.storage.database import Connection
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

OPEN_STATES = ("sending", "retry", "uncertain", "held")
"""States of a message of which it is not settled that it left, or that it never will."""
_InCampaign = tuple[SendingStatus | None, int | None, int | None, int | None, int | None, int | None, int | None]
_FACTS = ("sent_at", "opened_at", "clicked_at", "replied_at", "bounced_at", "unsubscribed_at", "error_at")
_GET = statement(f"""
    SELECT {", ".join(_FACTS)}, CASE WHEN due IS NULL THEN 0 ELSE 1 END, CASE WHEN EXISTS (
        SELECT 1 FROM message WHERE message.account_id = recipient.account_id AND recipient_id = recipient.id
        AND message.state IN ('sending', 'retry', 'uncertain', 'held')
    ) THEN 1 ELSE 0 END, lead_id, sending_status, id FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint]
""")  # noqa: S608
_PUT = RowsStatement(
    """
    UPDATE recipient SET sending_status = r.status FROM {rows}
    WHERE recipient.account_id = :account_id AND recipient.id = r.id
    """,
    id="bigint",
    status="text",
)
# Not ordered by id here, or SQLite reads all recipients of the account in that order.
_OF_LEADS = statement("""
    SELECT id, lead_id, sending_status, unsubscribed_at, bounced_at, sent_at, opened_at, clicked_at, replied_at FROM recipient
    WHERE account_id = :account_id AND lead_id IN :lead_ids[bigint]
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
    await put_statuses(conn, account_id, [recipient_id])


async def put_statuses(conn: Connection, account_id: int, recipient_ids: Collection[int]) -> None:
    """The same for many: as many statements as for one."""
    changed, lead_ids = [], set()
    for row in await conn.fetch_all(_GET, {"account_id": account_id, "ids": sorted(recipient_ids)}):
        times, (is_scheduled, has_open, lead_id, before, id_) = dict(zip(_FACTS, row, strict=False)), row[len(_FACTS) :]
        status = sending_status(Facts(**times, is_scheduled=bool(is_scheduled), has_open_message=bool(has_open)))
        if status != before:
            changed.append({"id": id_, "status": status})
        if lead_id is not None:
            lead_ids.add(lead_id)
    if changed:
        await _PUT.execute(conn, changed, {"account_id": account_id})
    await put_lead_statuses(conn, account_id, lead_ids)


async def put_lead_status(conn: Connection, account_id: int, lead_id: int) -> None:
    """Write into a lead how it stands with them, by all campaigns they are in."""
    await put_lead_statuses(conn, account_id, [lead_id])


async def put_lead_statuses(conn: Connection, account_id: int, lead_ids: Collection[int]) -> None:
    """The same for many."""
    if not lead_ids:
        return
    by_lead = defaultdict[int, list[_InCampaign]](list)
    found = await conn.fetch_all(_OF_LEADS, {"account_id": account_id, "lead_ids": sorted(lead_ids)})
    for _, lead_id, *row in sorted(found, key=lambda each: -each[0]):
        by_lead[lead_id].append(cast(_InCampaign, tuple(row)))
    contacts = {lead_id: contact for lead_id, rows in by_lead.items() if (contact := contact_of(rows)) is not None}
    await record_contacts(conn, account_id, contacts)


def contact_of(rows: Sequence[_InCampaign]) -> Contact | None:
    """
    What all campaigns together say of a lead; *rows* as in `_OF_LEADS`, the newest first. None if they are in no campaign.

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
