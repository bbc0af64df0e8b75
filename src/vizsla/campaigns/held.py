"""
What waits for a person, and what does the person say?

Two things are not decided here: whether a message that may have left did, and whether one that is far too late should. The recipient is
held until somebody says so; cancelling them is the third way.
"""

import msgspec

from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.facts import Ground, refresh_recipient
from vizsla.campaigns.lateness import release_late
from vizsla.campaigns.reconcile import decide
from vizsla.kit.errors import NotFound
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

_HELD = """
    FROM recipient LEFT JOIN message ON message.account_id = recipient.account_id AND message.recipient_id = recipient.id
    AND message.step = recipient.step AND message.state = 'held'
    WHERE recipient.account_id = :account_id AND recipient.campaign_id = :campaign_id AND recipient.state = 'held'
"""
_LIST = statement(f"""
    SELECT recipient.id, recipient.address, recipient.step, recipient.trouble, message.id, message.claimed_at {_HELD}
    ORDER BY recipient.id LIMIT :limit
""")
_ONE = statement(f"""
    SELECT recipient.id, recipient.address, recipient.step, recipient.trouble, message.id, message.claimed_at {_HELD}
    AND recipient.id = :id
""")
_COUNT = statement("""
    SELECT count(*) FROM recipient WHERE account_id = :account_id AND campaign_id = :campaign_id AND state = 'held'
""")
_AGAIN = statement("""
    UPDATE recipient SET state = 'scheduled', due = :due, trouble = NULL
    WHERE account_id = :account_id AND id = :id AND state = 'held'
""")


class NotHeld(NotFound):
    """This recipient does not wait for anybody any more."""


class Held(msgspec.Struct, frozen=True):
    """A recipient who waits for a person."""

    id: int
    address: str
    step: int
    trouble: str | None
    message_id: int | None
    """The message that may have left; None: it has not, it is late."""
    tried_at: int | None

    @property
    def may_have_left(self) -> bool:
        """Whether they may have the message already."""
        return self.message_id is not None


async def list_held(reader: Reader, account_id: int, campaign_id: int, *, limit: int) -> list[Held]:
    """Recipients of a campaign who wait for a person."""
    rows = await reader.fetch_all(_LIST, {"account_id": account_id, "campaign_id": campaign_id, "limit": limit})
    return [Held(*row) for row in rows]


async def count_held(reader: Reader, account_id: int, campaign_id: int) -> int:
    """How many there are."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id, "campaign_id": campaign_id})
    return int(row[0]) if row else 0


async def send_all_the_same(
    conn: Connection, ground: Ground, account_id: int, campaign_id: int, recipient_id: int, *, now: int
) -> None:
    """Send it, though it is late, or though they may have it: then it has the same name. Raises CampaignNotFound, NotHeld."""
    campaign = await get_campaign(conn, account_id, campaign_id)
    held = await _get(conn, account_id, campaign_id, recipient_id)
    if held.message_id is not None:
        await decide(conn, ground, account_id, held.message_id, has_left=False, now=now)
        return
    due = campaign.first_slot(now)
    await conn.execute(_AGAIN, {"account_id": account_id, "id": recipient_id, "due": due})
    await refresh_recipient(conn, account_id, recipient_id)
    await wake_senders(conn, account_id, campaign_id, due)


async def note_it_left(
    conn: Connection, ground: Ground, account_id: int, campaign_id: int, recipient_id: int, *, now: int
) -> None:
    """They have it, a person has seen: go on as if the server had said so. Raises NotHeld."""
    held = await _get(conn, account_id, campaign_id, recipient_id)
    if held.message_id is None:
        raise NotHeld("This message was not tried yet.")
    await decide(conn, ground, account_id, held.message_id, has_left=True, now=now)


async def release_all_late(conn: Connection, account_id: int, campaign_id: int, now: int) -> int:
    """Send all that is merely late; how many. Raises CampaignNotFound."""
    await get_campaign(conn, account_id, campaign_id)
    released = await release_late(conn, account_id, campaign_id, now)
    await wake_senders(conn, account_id, campaign_id, now)
    return released


async def _get(reader: Reader, account_id: int, campaign_id: int, recipient_id: int) -> Held:
    named = {"account_id": account_id, "campaign_id": campaign_id, "id": recipient_id}
    row = await reader.fetch_one(_ONE, named)
    if row is None:
        raise NotHeld
    return Held(*row)
