"""
What is done after nobody worked for a long time?

A sender that nobody has looked at since it was due was not served: the machine was off. What came due meanwhile is not sent as if
nothing had been: where that is longer ago than the campaign allows (`max_lateness`), it waits for a person, who is told since when.
What waits for its turn under a cap is not late, for its sender is looked at every few minutes.
"""

from collections import defaultdict
from datetime import UTC, datetime

from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

LEAST = 3_600
"""Seconds: less is never late, for a worker that died is missed for minutes."""
_SENDERS = statement("SELECT account_id, id, due FROM sender WHERE due <= :before ORDER BY due LIMIT :limit")
_CAMPAIGNS = statement("""
    SELECT campaign.id, max_lateness FROM campaign_sender JOIN campaign
    ON campaign.account_id = campaign_sender.account_id AND campaign.id = campaign_sender.campaign_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.sender_id = :sender_id
    AND started_at IS NOT NULL AND paused_at IS NULL AND archived_at IS NULL
""")
_HOLD = statement("""
    UPDATE recipient SET state = 'held', due = NULL, trouble = :trouble WHERE account_id = :account_id
    AND sender_id = :sender_id AND campaign_id = :campaign_id AND due <= :before AND state = 'scheduled'
""")
_FORGIVE = statement("UPDATE sender SET due = :now WHERE due <= :before")
_RELEASE = statement("""
    UPDATE recipient SET state = 'scheduled', due = :now, trouble = NULL WHERE account_id = :account_id
    AND campaign_id = :campaign_id AND state = 'held' AND NOT EXISTS (
        SELECT 1 FROM message WHERE message.account_id = recipient.account_id AND message.recipient_id = recipient.id
        AND message.state = 'held'
    )
""")


async def hold_late(conn: Connection, now: int, limit: int) -> dict[int, int]:
    """
    Hold what is too late of the senders that were not served for long; how many recipients, by campaign.

    Called before senders are claimed, in the same transaction: afterwards nobody knows any more since when they were due.
    """
    held = defaultdict[int, int](int)
    for account_id, sender_id, due in await conn.fetch_all(_SENDERS, {"before": now - LEAST, "limit": limit}):
        named = {"account_id": account_id, "sender_id": sender_id}
        for campaign_id, allowed in await conn.fetch_all(_CAMPAIGNS, named):
            if now - due > max(allowed, LEAST):
                since = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M UTC")
                trouble = f"It is too late: nothing was sent since {since}. Release it, or cancel it."
                values = {"campaign_id": campaign_id, "before": now - max(allowed, LEAST), "trouble": trouble}
                held[campaign_id] += await conn.execute(_HOLD, {**named, **values})
    return {campaign_id: count for campaign_id, count in held.items() if count}


async def forgive(conn: Connection, now: int) -> None:
    """The clock was set forward while somebody worked: nobody was late."""
    await conn.execute(_FORGIVE, {"now": now, "before": now - LEAST})


async def release_late(conn: Connection, account_id: int, campaign_id: int, now: int) -> int:
    """A person says that what is held for being late is sent all the same; how many. Wake the campaign's senders after it."""
    return await conn.execute(_RELEASE, {"account_id": account_id, "campaign_id": campaign_id, "now": now})
