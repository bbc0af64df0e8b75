"""
What do both doors do with campaigns that needs more than their own room?

Whoever adds recipients asks after claims; lists of leads are added at once where that is quick, and behind the answer where it is not.
"""

from collections.abc import Sequence

import msgspec

from vizsla.accounts.callers import Caller
from vizsla.accounts.store import Member, find_member
from vizsla.campaigns.recipients import Added, InvalidRecipients, Recipient, Skipped, add_recipients
from vizsla.campaigns.starting import add_list
from vizsla.desk.services import Services
from vizsla.leads.lead import Lead
from vizsla.leads.lists import existing_lists
from vizsla.leads.store import leads_with_ids
from vizsla.storage.database import Connection, Reader

MOST_LISTS = 50


class Joined(msgspec.Struct, frozen=True):
    """What became of those who were to be added."""

    added: int
    skipped: tuple[Skipped, ...]
    is_over: bool
    """False: the rest of a long list is being added behind the answer."""


class Shown(msgspec.Struct, frozen=True):
    """A recipient, with the lead they are; None: it is gone."""

    recipient: Recipient
    lead: Lead | None


async def join(
    conn: Connection,
    services: Services,
    account_id: int,
    campaign_id: int,
    *,
    emails: Sequence[str] = (),
    lead_ids: Sequence[int] = (),
    list_ids: Sequence[int] = (),
    now: int,
) -> Joined:
    """
    Add addresses, leads and all leads of lists to a campaign.

    Raises CampaignNotFound, SequenceNotActive, and InvalidRecipients if one of them is malformed or unknown: then nobody is added.
    """
    if len(list_ids) > MOST_LISTS:
        raise InvalidRecipients(f"Add {MOST_LISTS} lists at most in one call.")
    strange = set(list_ids) - await existing_lists(conn, account_id, list_ids)
    if strange:
        raise InvalidRecipients(f"There is no leads list {', '.join(map(str, sorted(strange)))[:200]} of yours.")
    claims = services.claims
    done: Added = await add_recipients(conn, claims, account_id, campaign_id, emails=emails, lead_ids=lead_ids, now=now)
    added, skipped, is_over = done.added, list(done.skipped), True
    for list_id in dict.fromkeys(list_ids):
        begun = await add_list(conn, claims, account_id, campaign_id, list_id, now=now)
        added, is_over = added + begun.done, is_over and begun.is_over
        skipped += begun.skipped
    return Joined(added, tuple(skipped), is_over)


async def with_leads(reader: Reader, account_id: int, recipients: Sequence[Recipient]) -> list[Shown]:
    """The recipients with their leads."""
    ids = sorted({one.lead_id for one in recipients if one.lead_id is not None})
    leads = {one.id: one for one in await leads_with_ids(reader, account_id, ids)}
    return [Shown(one, leads.get(one.lead_id) if one.lead_id is not None else None) for one in recipients]


async def owner_of(reader: Reader, account_id: int, member_id: int) -> Member | None:
    """Who made a campaign; the account's first member if they are gone."""
    return await find_member(reader, account_id, member_id)


async def member_of(reader: Reader, caller: Caller) -> int:
    """Whose what the caller makes is: their own, or the account's first member's, for a key that is nobody's."""
    if caller.member_id is not None:
        return caller.member_id
    first = await find_member(reader, caller.account_id, None)
    assert first is not None
    return first.id
