"""
When does a campaign run?

It is started once, when it has what it takes: steps, somebody to send from, hours, and recipients who can all be written to. Pausing
and resuming change one row. What is done to each recipient at a start is done in steps (`campaigns.tasks`).
"""

import msgspec

from vizsla.campaigns import campaign as campaigns
from vizsla.campaigns.attachments import copy_attached
from vizsla.campaigns.campaign import Campaign, Changes, InvalidCampaign, SequenceNotActive, lock_campaign, senders_of
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.readiness import Lacking, find_lacking
from vizsla.campaigns.steps import copy_steps, list_steps, parse_steps
from vizsla.campaigns.tasks import Begun, begin
from vizsla.campaigns.telling import tell_pause
from vizsla.campaigns.window import Window, check_window, next_slots
from vizsla.leads.lists import get_list
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

_USABLE = statement("""
    SELECT sender.email, sender.state, sender.trouble FROM campaign_sender JOIN sender
    ON sender.account_id = campaign_sender.account_id AND sender.id = campaign_sender.sender_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.campaign_id = :campaign_id ORDER BY sender.id
""")
_PACES = statement("""
    SELECT sender.timezone, sender.days, sender.start_second, sender.end_second, sender.gap FROM campaign_sender JOIN sender
    ON sender.account_id = campaign_sender.account_id AND sender.id = campaign_sender.sender_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.campaign_id = :campaign_id
""")


class CannotStart(InvalidCampaign):
    """The campaign cannot be started as it is."""


class Started(msgspec.Struct, frozen=True):
    """What a start came to."""

    recipients: int
    is_new: bool
    """False: it ran already."""


async def start_campaign(conn: Connection, claims: Claims, account_id: int, campaign_id: int, now: int) -> Started:
    """
    Let it run: its recipients get their senders in turn, and the time of their first step.

    Raises CampaignNotFound, SequenceNotActive (it is archived), WrongTemplate, and CannotStart with what is missing.
    """
    found = await lock_campaign(conn, account_id, campaign_id)
    if found.archived_at is not None:
        raise SequenceNotActive("The campaign is archived. Duplicate it to send it again.")
    if not found.is_draft:
        return Started(found.recipients_count, False)
    await _check_means(conn, account_id, found)
    lacking = await find_lacking(conn, account_id, campaign_id)
    if lacking:
        raise CannotStart(_say(lacking))
    await campaigns.put_time(conn, account_id, campaign_id, "started_at", now)
    await begin(conn, claims, account_id, campaign_id, "start", size=found.recipients_count, now=now)
    return Started(found.recipients_count, True)


async def resume(conn: Connection, account_id: int, campaign_id: int, now: int) -> bool:
    """Go on after a pause; False if it runs already. Raises CampaignNotFound, SequenceNotActive, CannotStart."""
    found = await lock_campaign(conn, account_id, campaign_id)
    if found.is_draft or found.archived_at is not None:
        raise SequenceNotActive
    if found.paused_at is None:
        return False
    await _check_means(conn, account_id, found)
    await campaigns.put_time(conn, account_id, campaign_id, "paused_at", None)
    await wake_senders(conn, account_id, campaign_id, now)
    await tell_pause(conn, account_id, campaign_id, now, is_over=True)
    return True


async def archive_campaign(conn: Connection, claims: Claims, account_id: int, campaign_id: int, now: int) -> None:
    """Put it away: nothing more is sent, whoever was waiting is stopped. Raises CampaignNotFound, SequenceNotStarted."""
    if await campaigns.archive(conn, account_id, campaign_id, now):
        found = await lock_campaign(conn, account_id, campaign_id)
        await begin(conn, claims, account_id, campaign_id, "stop", size=found.recipients_count, now=now)


async def retry_failed(conn: Connection, claims: Claims, account_id: int, campaign_id: int, now: int) -> Begun:
    """Write again to those who ended in an error. Raises CampaignNotFound, SequenceNotActive."""
    found = await lock_campaign(conn, account_id, campaign_id)
    if found.is_draft or found.archived_at is not None:
        raise SequenceNotActive
    return await begin(conn, claims, account_id, campaign_id, "retry", size=found.recipients_count, now=now)


async def add_list(
    conn: Connection, claims: Claims, account_id: int, campaign_id: int, list_id: int, *, now: int
) -> Begun:
    """Add the leads of a list, as they are now. Raises CampaignNotFound, ListNotFound, SequenceNotActive."""
    found = await lock_campaign(conn, account_id, campaign_id)
    if found.archived_at is not None:
        raise SequenceNotActive("The campaign is archived.")
    size = (await get_list(conn, account_id, list_id)).leads_count
    return await begin(conn, claims, account_id, campaign_id, "add_list", ref_id=list_id, size=size, now=now)


async def duplicate(conn: Connection, account_id: int, member_id: int, campaign_id: int, now: int) -> Campaign:
    """A draft of *member_id* with the same steps, files, senders and hours, and without recipients. Raises CampaignNotFound."""
    found = await campaigns.get_campaign(conn, account_id, campaign_id)
    copied = (
        "timezone", "days", "start_second", "end_second", "tracks_opens", "tracks_clicks", "adds_unsubscribe", "stops_company",
        "absence_days", "max_lateness", "uncertain", "bcc",
    )  # fmt: skip
    changes = Changes(
        name=f"{found.name[: campaigns.LONGEST_NAME - 7]} (copy)",
        sender_ids=tuple(await senders_of(conn, account_id, campaign_id)),
        **{name: getattr(found, name) for name in copied},
    )
    made = await campaigns.create_campaign(conn, account_id, member_id, changes, now)
    await copy_steps(conn, account_id, campaign_id, made.id)
    await copy_attached(conn, account_id, campaign_id, made.id)
    return made


async def next_sends(reader: Reader, account_id: int, found: Campaign, now: int, count: int = 10) -> list[int]:
    """
    When the next *count* messages could leave, were there as many: the hours of the campaign and of its senders, and their gaps.

    What a day's cap leaves, and what other campaigns of the same senders take, is not asked.
    """
    rows = await reader.fetch_all(_PACES, {"account_id": account_id, "campaign_id": found.id})
    at = max(now, found.start_at or 0)
    if not rows:
        return next_slots(at, found.window, found.window, count, 30)
    times: list[int] = []
    for *window, gap in rows:
        times += next_slots(at, found.window, Window(*window), count, gap)
    return sorted(times)[:count]


async def _check_means(reader: Reader, account_id: int, found: Campaign) -> None:
    steps = await list_steps(reader, account_id, found.id)
    if not steps:
        raise CannotStart("The campaign has no message yet. Write the introduction first.")
    parse_steps(steps)
    check_window(found.window)
    senders = await reader.fetch_all(_USABLE, {"account_id": account_id, "campaign_id": found.id})
    if not senders:
        raise CannotStart("Choose an email account to send from.")
    if all(state == "error" for _, state, _ in senders):
        email, _, trouble = senders[0]
        raise CannotStart(f"The email account {email} cannot send: {trouble or 'test its connection'}")


def _say(lacking: list[Lacking]) -> str:
    fields = sorted({name for one in lacking for name in one.fields})
    who = f"{len(lacking)} recipients have" if len(lacking) > 1 else f"{lacking[0].email} has"
    few = ", ".join(one.email for one in lacking[:3])
    return (
        f"{who} no value for {', '.join(fields)} ({few}{' …' if len(lacking) > 3 else ''}). Fill these leads in, or write a fallback, such as "
        f'{{{{ {fields[0]} | default: "there" }}}}.'
    )
