"""
How far are campaigns, at a glance?

As many campaigns as a page shows, in one statement each, from counters and by index: a list of campaigns costs the same however many
recipients they have.
"""

from collections.abc import Sequence

from vizsla.campaigns.campaign import Campaign
from vizsla.campaigns.stats import Standing
from vizsla.campaigns.window import Window, next_in_both
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_WRITTEN_TO = statement("""
    SELECT campaign_id, sum(sent) FROM campaign_day WHERE account_id = :account_id AND campaign_id IN :ids[bigint] AND step = 0
    GROUP BY campaign_id
""")
_WINDOWS = statement("""
    SELECT campaign_sender.campaign_id, sender.timezone, sender.days, sender.start_second, sender.end_second
    FROM campaign_sender JOIN sender
    ON sender.account_id = campaign_sender.account_id AND sender.id = campaign_sender.sender_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.campaign_id IN :ids[bigint] AND sender.state <> 'paused'
""")


async def written_to(reader: Reader, account_id: int, ids: Sequence[int]) -> dict[int, int]:
    """How many recipients of each campaign were sent the introduction."""
    rows = await reader.fetch_all(_WRITTEN_TO, {"account_id": account_id, "ids": list(ids)})
    return {row[0]: int(row[1]) for row in rows}


async def next_times(
    reader: Reader, account_id: int, campaigns: Sequence[Campaign], standings: dict[int, Standing], now: int
) -> dict[int, int]:
    """
    When each campaign's next message may leave, by its hours and its senders'; none for those that send nothing as they are.

    What is left of a sender's cap on that day is not asked.
    """
    going = [
        one for one in campaigns
        if standings[one.id].word in ("preparing", "planned", "active") and standings[one.id].next_due is not None
    ]  # fmt: skip
    if not going:
        return {}
    rows = await reader.fetch_all(_WINDOWS, {"account_id": account_id, "ids": [one.id for one in going]})
    times: dict[int, int] = {}
    for one in going:
        first = max(now, one.start_at or 0, standings[one.id].next_due or 0)
        meets = [next_in_both(first, one.window, Window(*window)) for id_, *window in rows if id_ == one.id]
        if soonest := min((at for at in meets if at is not None), default=None):
            times[one.id] = soonest
    return times
