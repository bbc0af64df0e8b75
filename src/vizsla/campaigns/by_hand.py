"""
How does a person stop a campaign for one recipient, and let it go on?

Who was stopped by a person, or by an answer, may be written to again when a person says so. What somebody asked for themselves, and
what their mail server said, stays.
"""

from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.recipients import RecipientNotFound
from vizsla.campaigns.status import put_status
from vizsla.campaigns.steps import list_steps
from vizsla.campaigns.stopping import stop_recipients
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

STOPPED = "stopped"
"""Why a recipient is stopped whom a person stopped."""
RESUMABLE = (STOPPED, "replied", "company_replied", "successful")
_GET = statement("""
    SELECT campaign_id, sender_id, step, state, stop_reason, removed_at FROM recipient WHERE account_id = :account_id AND id = :id
""")
_RESUME = statement("""
    UPDATE recipient SET state = 'scheduled', stop_reason = NULL, due = :due WHERE account_id = :account_id AND id = :id
    AND state = 'stopped' AND removed_at IS NULL
""")


class CannotResume(VizslaError):
    """Nothing more can be sent to this recipient by this campaign."""

    id = "validation_failed"


async def stop_by_hand(conn: Connection, account_id: int, recipient_id: int, now: int) -> None:
    """Nothing more is written to a recipient until a person says so. Raises RecipientNotFound."""
    await _get(conn, account_id, recipient_id)
    await stop_recipients(conn, account_id, [recipient_id], STOPPED, now)


async def resume_by_hand(conn: Connection, account_id: int, recipient_id: int, now: int) -> int:
    """
    Let the campaign go on with a recipient who was stopped by a person or by an answer; when the next message is due.

    Raises RecipientNotFound, CannotResume.
    """
    campaign_id, sender_id, step, state, reason, removed_at = await _get(conn, account_id, recipient_id)
    if state != "stopped" or reason not in RESUMABLE or removed_at is not None or sender_id is None:
        raise CannotResume
    campaign = await get_campaign(conn, account_id, campaign_id)
    if campaign.archived_at is not None:
        raise CannotResume("The campaign is archived: it sends nothing more.")
    if step >= len(await list_steps(conn, account_id, campaign.id)):
        raise CannotResume("All messages of the campaign were sent to this recipient.")
    due = campaign.first_slot(now)
    await conn.execute(_RESUME, {"account_id": account_id, "id": recipient_id, "due": due})
    await put_status(conn, account_id, recipient_id)
    await wake_senders(conn, account_id, campaign.id, due)
    return due


async def _get(reader: Reader, account_id: int, recipient_id: int) -> Row:
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": recipient_id})
    if row is None:
        raise RecipientNotFound
    return row
