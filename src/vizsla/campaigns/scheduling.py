"""
Who writes to whom, from when on?

A recipient is given one of the campaign's senders, in turn, who writes them every step, and the time of the first step. When it really
leaves is the sender's to say: hours, cap and gap are kept where messages are claimed.
"""

from collections.abc import Sequence

from vizsla.campaigns.campaign import Campaign
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.window import next_slot
from vizsla.leads.store import record_sending
from vizsla.storage.database import Connection
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

_SCHEDULE = RowsStatement(
    """
    UPDATE recipient SET sender_id = r.sender_id, due = :due, sending_status = 'pending' FROM {rows}
    WHERE recipient.account_id = :account_id AND recipient.id = r.id AND recipient.state = 'scheduled'
    """,
    id="bigint",
    sender_id="bigint",
)
# Whose newest campaign this is, and who was not lost to all of them.
_LEADS = statement("""
    SELECT r.lead_id FROM recipient r WHERE r.account_id = :account_id AND r.id IN :ids[bigint] AND r.lead_id IS NOT NULL
    AND r.sending_status = 'pending' AND NOT EXISTS (
        SELECT 1 FROM recipient other WHERE other.account_id = r.account_id AND other.lead_id = r.lead_id
        AND (other.bounced_at IS NOT NULL OR other.unsubscribed_at IS NOT NULL OR other.id > r.id)
    )
""")


async def schedule(
    conn: Connection, account_id: int, campaign: Campaign, ids: Sequence[int], *, sender_ids: Sequence[int], now: int
) -> None:
    """Give recipients that have none a sender and the time of their next step, and wake those senders."""
    if not ids or not sender_ids:
        return
    due = next_slot(max(now, campaign.start_at or 0), campaign.window)
    rows = [{"id": id_, "sender_id": sender_ids[id_ % len(sender_ids)]} for id_ in ids]
    await _SCHEDULE.execute(conn, rows, {"account_id": account_id, "due": due})
    await note_pending(conn, account_id, ids)
    await wake_senders(conn, account_id, campaign.id, due)


async def note_pending(conn: Connection, account_id: int, ids: Sequence[int]) -> None:
    """Let the leads of recipients that were scheduled say so."""
    leads = [row[0] for row in await conn.fetch_all(_LEADS, {"account_id": account_id, "ids": list(ids)})]
    await record_sending(conn, account_id, leads, "pending")
