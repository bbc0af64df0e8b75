"""How are campaigns, their recipients and their steps shown?"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from vizsla.accounts.store import Member
from vizsla.campaigns.campaign import Campaign
from vizsla.campaigns.recipients import Skipped
from vizsla.campaigns.stats import Standing
from vizsla.campaigns.steps import Step
from vizsla.campaigns.window import days_of, local_date
from vizsla.desk.campaigns import Shown
from vizsla.kit.clock import time_text
from vizsla.leads.lead import SendingStatus

Format = Literal["text", "html"]


class CampaignData(msgspec.Struct, frozen=True):
    """One campaign."""

    id: int
    name: str
    recipients_count: int
    editable: bool
    started: bool
    archived: bool
    paused: bool


class OwnerData(msgspec.Struct, frozen=True):
    """Who made it."""

    id: int
    email: str


class SequenceData(CampaignData, frozen=True):
    """One campaign, and who made it."""

    owner: OwnerData | None


class RecipientData(msgspec.Struct, frozen=True):
    """Somebody whom a campaign writes to."""

    email: str
    first_name: str | None
    last_name: str | None
    position: str | None
    company: str | None
    website: str | None
    sending_status: SendingStatus | None
    lead_id: int | None


class SkippedData(msgspec.Struct, frozen=True):
    """Somebody who was not added, and why."""

    email: str
    reason: Literal["duplicate", "invalid", "removed", "bounced", "unsubscribed", "claimed"]


class ScheduleData(msgspec.Struct, frozen=True):
    """When messages may leave."""

    start_at: str | None
    """Not before this day."""
    time_start: str
    """As the clocks of the time zone show it, `HH:MM`."""
    time_end: str
    days: tuple[int, ...]
    """0 is Sunday."""
    timezone: str
    next_sends: tuple[str, ...]
    """When the next ten messages could leave, by the hours and gaps of the campaign and its email accounts."""


class SettingsData(msgspec.Struct, frozen=True):
    """How messages are made."""

    tracked: bool
    tracked_links: bool
    add_unsubscribe_link: bool
    ai_assistant_enabled: bool
    bcc_recipient: str | None


class StepsData(msgspec.Struct, frozen=True):
    """How many steps there are."""

    unique_steps_count: int
    steps: tuple[int, ...]


class DetailData(msgspec.Struct, frozen=True):
    """A campaign with all that is set of it."""

    id: int
    name: str
    status: Literal["draft", "preparing", "planned", "active", "paused", "completed", "error", "archived"]
    status_reason: str | None
    """What the trouble is, of an error."""
    recipients_count: int
    started: bool
    paused: bool
    archived: bool
    schedule: ScheduleData
    settings: SettingsData
    email_account_ids: tuple[int, ...]
    follow_ups: StepsData
    owner: OwnerData | None
    created_at: str
    updated_at: str


class FollowUpData(msgspec.Struct, frozen=True):
    """One step: 0 is the introduction, the others follow up."""

    id: int
    step: int
    wait_days: int
    message_format: Format
    messages_sent: int
    subject: str
    """Where it has none of its own, that of the step before."""
    body: str
    variant: None


def shown_campaign(one: Campaign) -> CampaignData:
    """A campaign as the reference shows it."""
    return CampaignData(*_shown(one))


def shown_sequence(one: Campaign, owner: Member | None) -> SequenceData:
    """The same with its owner."""
    return SequenceData(*_shown(one), shown_owner(owner))


def shown_owner(owner: Member | None) -> OwnerData | None:
    """A member as the owner of something."""
    return OwnerData(owner.id, owner.email) if owner is not None else None


def shown_recipient(shown: Shown) -> RecipientData:
    """A recipient, with what their lead says of them."""
    lead, recipient = shown.lead, shown.recipient
    if lead is None:
        return RecipientData(recipient.address, None, None, None, None, None, recipient.sending_status, None)
    return RecipientData(
        recipient.address,
        lead.first_name,
        lead.last_name,
        lead.position,
        lead.company,
        lead.website,
        recipient.sending_status,
        lead.id,
    )


def shown_skipped(skipped: tuple[Skipped, ...]) -> tuple[SkippedData, ...]:
    """Those who were skipped."""
    return tuple(SkippedData(one.email, one.reason) for one in skipped)


def shown_detail(
    one: Campaign,
    *,
    standing: Standing,
    sender_ids: list[int],
    steps: list[Step],
    owner: Member | None,
    next_sends: list[int],
) -> DetailData:
    """A campaign with all that is set of it."""
    schedule = ScheduleData(
        local_date(one.start_at, one.timezone) if one.start_at is not None else None,
        _clock(one.start_second),
        _clock(one.end_second),
        tuple(days_of(one.days)),
        one.timezone,
        tuple(map(time_text, next_sends)),
    )
    settings = SettingsData(one.tracks_opens, one.tracks_clicks, one.adds_unsubscribe, False, one.bcc)
    return DetailData(
        one.id,
        one.name,
        standing.word,
        standing.reason,
        one.recipients_count,
        one.started_at is not None,
        one.paused_at is not None,
        one.archived_at is not None,
        schedule,
        settings,
        tuple(sender_ids),
        StepsData(len(steps), tuple(step.number for step in steps)),
        shown_owner(owner),
        time_text(one.created_at),
        time_text(one.updated_at or one.created_at),
    )


def shown_step(step: Step, subject: str, sent: Mapping[int, int]) -> FollowUpData:
    """A step; ids of steps are counted per campaign, from 1."""
    return FollowUpData(
        step.number + 1, step.number, step.wait_days, step.format, sent.get(step.number, 0), subject, step.body, None
    )


def _shown(one: Campaign) -> tuple[int, str, int, bool, bool, bool, bool]:
    started, archived, paused = (at is not None for at in (one.started_at, one.archived_at, one.paused_at))
    return one.id, one.name, one.recipients_count, True, started, archived, paused


def _clock(second: int) -> str:
    return f"{second // 3_600:02}:{second % 3_600 // 60:02}"
