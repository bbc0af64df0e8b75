"""Which campaigns does a sending account write for, and how much of it is still to come?"""

import msgspec

from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.stats import standings
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_PAGE = statement("""
    SELECT campaign.id, (
        SELECT count(*) FROM recipient WHERE recipient.account_id = campaign.account_id AND recipient.campaign_id = campaign.id
        AND recipient.sender_id = :id AND removed_at IS NULL
    ), (
        SELECT count(*) FROM recipient WHERE recipient.account_id = campaign.account_id AND recipient.campaign_id = campaign.id
        AND recipient.sender_id = :id AND due IS NOT NULL
    ) FROM campaign_sender JOIN campaign
    ON campaign.account_id = campaign_sender.account_id AND campaign.id = campaign_sender.campaign_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.sender_id = :id
    AND (:archived = 1 OR archived_at IS NULL) ORDER BY campaign.id DESC LIMIT :limit OFFSET :offset
""")
_COUNT = statement("""
    SELECT count(*) FROM campaign_sender JOIN campaign
    ON campaign.account_id = campaign_sender.account_id AND campaign.id = campaign_sender.campaign_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.sender_id = :id AND (:archived = 1 OR archived_at IS NULL)
""")


class Use(msgspec.Struct, frozen=True):
    """A campaign that is sent from an account, among others perhaps."""

    id: int
    name: str
    status: str
    recipients_allocated: int
    """Those that this account writes to."""
    emails_scheduled: int
    """Of them, those who have a message scheduled."""


async def list_uses(
    reader: Reader, account_id: int, sender_id: int, now: int, *, archived: bool, limit: int, offset: int
) -> list[Use]:
    """The campaigns of a sender, newest first; those that are *archived* too."""
    named = {"account_id": account_id, "id": sender_id, "archived": int(archived), "limit": limit, "offset": offset}
    rows = await reader.fetch_all(_PAGE, named)
    found = {row[0]: await get_campaign(reader, account_id, row[0]) for row in rows}
    words = await standings(reader, account_id, list(found.values()), now)
    return [Use(id_, found[id_].name, words[id_].word, allocated, due) for id_, allocated, due in rows]


async def count_uses(reader: Reader, account_id: int, sender_id: int, *, archived: bool) -> int:
    """How many there are."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id, "id": sender_id, "archived": int(archived)})
    return int(row[0]) if row else 0
