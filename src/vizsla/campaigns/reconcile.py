"""
Did a message leave of which nobody knows?

A claim whose worker is gone: what had not reached the dot has not left, and is sent anew. What was at the dot may have: after a
while it is looked for, by its name, where the sender's own copies are. What is found was sent; what is not is sent again, under the
same name. Where there is nothing to look at, the campaign says whether it waits for a person or is sent again.

Once and only once cannot be promised over SMTP (RFC 1047). What is left is a copy that arrives later than we look.
"""

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

import msgspec

from vizsla.campaigns.claiming import Claimed, wake_senders
from vizsla.campaigns.deliveries import RELEASED, Ended, Outcome, record_outcomes
from vizsla.campaigns.facts import Ground
from vizsla.campaigns.window import Window, local_day
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

AT_ONCE = 100
"""Messages of one sender that are settled together."""
LATER = 300
"""Seconds until a mailbox is asked again that could not be asked."""
LONGEST = 3_600
"""Seconds: no claim ends later, and nothing uncertain waits longer; what does was written under another clock."""
_ANY = statement("""
    SELECT 1 FROM message WHERE account_id = :account_id AND sender_id = :sender_id AND (due <= :now OR due > :most) LIMIT 1
""")
_MESSAGES = """
    SELECT message.id, message.token, message.message_id, message.attempts, message.claimed_at, message.campaign_id,
        message.recipient_id, message.step, message.sender_id, recipient.lead_id, recipient.email, recipient.address, message.state, message.phase,
        campaign.uncertain, campaign.timezone, campaign.days, campaign.start_second, campaign.end_second,
        sender.timezone, sender.days, sender.start_second, sender.end_second
    FROM message
    JOIN recipient ON recipient.account_id = message.account_id AND recipient.id = message.recipient_id
    JOIN campaign ON campaign.account_id = message.account_id AND campaign.id = message.campaign_id
    JOIN sender ON sender.account_id = message.account_id AND sender.id = message.sender_id
    WHERE message.account_id = :account_id
"""
_OVERDUE = statement(f"""
    {_MESSAGES} AND message.sender_id = :sender_id AND (message.due <= :now OR message.due > :most)
    AND message.state IN ('sending', 'uncertain') ORDER BY message.due LIMIT :limit
""")
_ONE = statement(f"{_MESSAGES} AND message.id = :id AND message.state = 'uncertain'")
_UNHOLD = statement("""
    UPDATE message SET state = 'uncertain', due = :now WHERE account_id = :account_id AND id = :id AND state = 'held'
    RETURNING recipient_id
""")
_GO_ON = statement("""
    UPDATE recipient SET state = 'scheduled', trouble = NULL WHERE account_id = :account_id AND id = :id AND state = 'held'
""")
_PUT_OFF = statement("""
    UPDATE message SET due = :due WHERE account_id = :account_id AND id IN :ids[bigint] AND state = 'uncertain'
""")
_UNKNOWN = "Whether this message left is not known: the connection ended before the mail server had answered."

Journal = Literal["none", "copy", "sent_folder"]


class NoEvidence(VizslaError):
    """The mailbox cannot be asked now."""

    id = "no_evidence"


class Evidence(Protocol):
    """Where copies of a sender's own messages are."""

    async def find_sent(self, account_id: int, sender_id: int, message_ids: Sequence[str]) -> Collection[str] | None:
        """Those of *message_ids* (without angles) of which there is a copy; None: this sender keeps none. Raises NoEvidence."""
        ...


class Overdue(msgspec.Struct, frozen=True):
    """A message whose claim has ended."""

    claimed: Claimed
    state: str
    phase: str | None
    policy: str
    """What the campaign wants: hold, resend."""


async def is_any_overdue(reader: Reader, account_id: int, sender_id: int, now: int) -> bool:
    """Whether there is something to settle."""
    values = {"account_id": account_id, "sender_id": sender_id, "now": now, "most": now + LONGEST}
    return await reader.fetch_one(_ANY, values) is not None


async def list_overdue(reader: Reader, account_id: int, sender_id: int, now: int) -> list[Overdue]:
    """What is to be settled of a sender, the longest first."""
    values = {"account_id": account_id, "sender_id": sender_id, "now": now, "most": now + LONGEST, "limit": AT_ONCE}
    return [_overdue(account_id, row) for row in await reader.fetch_all(_OVERDUE, values)]


async def settle(overdue: Sequence[Overdue], evidence: Evidence) -> list[Ended]:
    """What became of them, as far as it can be told; those that are not named are asked about later. Raises NoEvidence."""
    ended = [Ended(each.claimed, _of_claim(each)) for each in overdue if each.state == "sending"]
    open_ = [each for each in overdue if each.state == "uncertain"]
    if not open_:
        return ended
    first = open_[0].claimed
    found = await evidence.find_sent(first.account_id, first.sender_id, [each.claimed.message_id for each in open_])
    return ended + [Ended(each.claimed, _of_uncertain(each, found)) for each in open_]


async def decide(
    conn: Connection, ground: Ground, account_id: int, message_id: int, *, has_left: bool, now: int
) -> bool:
    """A person says whether a message that is held has left: if not, it is sent again. False if it is not held."""
    named = {"account_id": account_id, "id": message_id}
    row = await conn.fetch_one(_UNHOLD, {**named, "now": now})
    if row is None:
        return False
    await conn.execute(_GO_ON, {"account_id": account_id, "id": row[0]})
    found = await conn.fetch_one(_ONE, named)
    if found is None:
        return False
    overdue = _overdue(account_id, found)
    outcome = Outcome("sent", reply="Somebody said that it has left.") if has_left else RELEASED
    await record_outcomes(conn, ground, [Ended(overdue.claimed, outcome)], now)
    await wake_senders(conn, account_id, overdue.claimed.campaign_id, now)
    return True


async def put_off(conn: Connection, overdue: Sequence[Overdue], now: int) -> None:
    """The mailbox could not be asked: ask again later."""
    open_ = [each.claimed for each in overdue if each.state == "uncertain"]
    if open_:
        ids = [each.id for each in open_]
        await conn.execute(_PUT_OFF, {"account_id": open_[0].account_id, "ids": ids, "due": now + LATER})


def _of_claim(overdue: Overdue) -> Outcome:
    if overdue.phase == "dot":
        return Outcome("uncertain", reply=_UNKNOWN)
    return RELEASED


def _of_uncertain(overdue: Overdue, found: Collection[str] | None) -> Outcome:
    if found is None:
        return RELEASED if overdue.policy == "resend" else Outcome("held", reply=_UNKNOWN)
    if overdue.claimed.message_id in found:
        return Outcome("sent", reply="A copy of it was found.")
    return RELEASED


def _overdue(account_id: int, row: Row) -> Overdue:
    id_, token, name, attempts, claimed_at, campaign_id, recipient_id, step, sender_id = row[:9]
    lead_id, email, address, state, phase, policy = row[9:15]
    window, hours = Window(*row[15:19]), Window(*row[19:23])
    day = local_day(claimed_at, hours.timezone)
    claimed = Claimed(
        account_id, id_, token or "", name, attempts, claimed_at, claimed_at, day, sender_id, campaign_id, recipient_id, step, lead_id,
        email, address, window, hours,
    )  # fmt: skip
    return Overdue(claimed, state, phase, policy)
