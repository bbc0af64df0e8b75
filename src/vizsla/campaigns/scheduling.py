"""
Who writes to whom, from when on?

A recipient is given one of the campaign's senders, in turn, who writes them every step, and the time of the first step. When it really
leaves is the sender's to say: hours, cap and gap are kept where messages are claimed.
"""

from collections.abc import Sequence

from vizsla.campaigns.campaign import Campaign
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.status import put_statuses
from vizsla.storage.database import Connection
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

_OF_CAMPAIGN = """
    SELECT id FROM sender WHERE account_id = :account_id AND id IN (
        SELECT sender_id FROM campaign_sender WHERE account_id = :account_id AND campaign_id = :campaign_id
    ) ORDER BY id
"""
_HOLD = statement(_OF_CAMPAIGN, postgresql=f"{_OF_CAMPAIGN} FOR NO KEY UPDATE")
_SCHEDULE = RowsStatement(
    """
    UPDATE recipient SET sender_id = r.sender_id, due = :due FROM {rows}
    WHERE recipient.account_id = :account_id AND recipient.id = r.id AND recipient.state = 'scheduled'
    """,
    id="bigint",
    sender_id="bigint",
)


async def hold_senders(conn: Connection, account_id: int, campaign_id: int) -> None:
    """
    Wait for those who are claiming messages of the campaign's senders, and let them wait.

    Whoever locks several things takes the campaign first, then its senders, then recipients, leads, and last the account, where ids
    are counted: in one order nobody waits in a circle.
    """
    await conn.fetch_all(_HOLD, {"account_id": account_id, "campaign_id": campaign_id})


async def schedule(
    conn: Connection, account_id: int, campaign: Campaign, ids: Sequence[int], *, sender_ids: Sequence[int], now: int
) -> None:
    """Give recipients that have none a sender and the time of their next step, and wake those senders."""
    if not ids or not sender_ids:
        return
    due = campaign.first_slot(now)
    rows = [{"id": id_, "sender_id": sender_ids[id_ % len(sender_ids)]} for id_ in ids]
    await _SCHEDULE.execute(conn, rows, {"account_id": account_id, "due": due})
    await put_statuses(conn, account_id, ids)
    await wake_senders(conn, account_id, campaign.id, due)
