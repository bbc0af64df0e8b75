"""
How does a campaign do?

Figures of the whole are of recipients, each counted once whatever they did how often; those of a step are of its messages. What
machines opened and clicked is counted apart (`campaign_day`). Rates are parts of what was delivered, from 0 to 1.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from vizsla.campaigns.campaign import Campaign
from vizsla.kit.clock import DAY
from vizsla.storage.database import Database, Reader
from vizsla.storage.statement import Statement, statement

Word = Literal["draft", "preparing", "planned", "active", "paused", "completed", "error", "archived"]
# Plus nothing: what is grouped or compared so is not looked for in an index of the whole account.
# Of recipients: what is known of any message of theirs.
_WHOLE = statement("""
    SELECT count(CASE WHEN sent THEN 1 END), count(CASE WHEN sent AND NOT bounced THEN 1 END), count(CASE WHEN opened THEN 1 END),
        count(CASE WHEN clicked THEN 1 END)
    FROM (
        SELECT max(CASE WHEN sent_at IS NOT NULL THEN 1 ELSE 0 END) = 1 AS sent,
            max(CASE WHEN bounced_at IS NOT NULL THEN 1 ELSE 0 END) = 1 AS bounced,
            max(CASE WHEN opened_at IS NOT NULL OR clicked_at IS NOT NULL THEN 1 ELSE 0 END) = 1 AS opened,
            max(CASE WHEN clicked_at IS NOT NULL THEN 1 ELSE 0 END) = 1 AS clicked
        FROM message WHERE account_id = :account_id AND campaign_id = :campaign_id GROUP BY recipient_id + 0
    ) AS each
""")
_ENDS = statement("""
    SELECT count(replied_at), count(bounced_at), count(unsubscribed_at) FROM recipient
    WHERE account_id = :account_id AND campaign_id = :campaign_id
""")
_STEPS = statement("""
    SELECT step, count(sent_at), count(CASE WHEN sent_at IS NOT NULL AND bounced_at IS NULL THEN 1 END),
        count(CASE WHEN opened_at IS NOT NULL OR clicked_at IS NOT NULL THEN 1 END), count(clicked_at), count(bounced_at)
    FROM message WHERE account_id = :account_id AND campaign_id = :campaign_id GROUP BY step
""")
_DAYS = statement("""
    SELECT step, day, sent, opened, opened_by_bots, clicked, clicked_by_bots, replied, bounced, unsubscribed FROM campaign_day
    WHERE account_id = :account_id AND campaign_id = :campaign_id AND day >= :since ORDER BY day, step
""")
_ENDS_OF_STEPS = statement("""
    SELECT step, sum(replied), sum(unsubscribed) FROM campaign_day WHERE account_id = :account_id AND campaign_id = :campaign_id
    GROUP BY step
""")
_SENT_OF_STEPS = statement("""
    SELECT step, sum(sent) FROM campaign_day WHERE account_id = :account_id AND campaign_id = :campaign_id GROUP BY step
""")
_REASONS = statement("""
    SELECT stop_reason, count(*) FROM recipient WHERE account_id = :account_id AND campaign_id = :campaign_id
    AND stop_reason IS NOT NULL GROUP BY stop_reason ORDER BY 2 DESC
""")
_STANDINGS = statement("""
    SELECT campaign.id, (
        SELECT min((
            SELECT due FROM recipient WHERE recipient.account_id = one.account_id AND recipient.sender_id = one.sender_id
            AND recipient.campaign_id = one.campaign_id AND due IS NOT NULL ORDER BY due LIMIT 1
        )) FROM campaign_sender one WHERE one.account_id = campaign.account_id AND one.campaign_id = campaign.id
    ), EXISTS (
        SELECT 1 FROM campaign_sender one CROSS JOIN message
        WHERE one.account_id = campaign.account_id AND one.campaign_id = campaign.id
        AND message.account_id = one.account_id AND message.sender_id = one.sender_id AND message.due > 0
        AND message.campaign_id + 0 = campaign.id
    ), EXISTS (
        SELECT 1 FROM campaign_task WHERE campaign_task.account_id = campaign.account_id AND campaign_id = campaign.id
        AND ended_at IS NULL AND kind = 'start'
    ), (
        SELECT max(coalesce(trouble, '')) FROM campaign_sender JOIN sender
        ON sender.account_id = campaign_sender.account_id AND sender.id = campaign_sender.sender_id
        WHERE campaign_sender.account_id = campaign.account_id AND campaign_sender.campaign_id = campaign.id
        HAVING count(*) > 0 AND count(*) = count(CASE WHEN sender.state = 'error' THEN 1 END)
    )
    FROM campaign WHERE account_id = :account_id AND id IN :ids[bigint]
""")


class StepFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the messages of one step."""

    step: int
    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    replied: int = 0
    bounced: int = 0
    unsubscribed: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the recipients of a campaign."""

    sent: int
    delivered: int
    opened: int
    clicked: int
    replied: int
    bounced: int
    unsubscribed: int
    steps: tuple[StepFigures, ...]


class DayFigures(msgspec.Struct, frozen=True):
    """What happened on a day (since 1970-01-01, UTC) to the messages of a step."""

    step: int
    day: int
    sent: int
    opened: int
    opened_by_bots: int
    clicked: int
    clicked_by_bots: int
    replied: int
    bounced: int
    unsubscribed: int


class Standing(msgspec.Struct, frozen=True):
    """Where a campaign is, in a word."""

    word: Word
    reason: str | None = None
    """What the trouble is, of an error."""
    next_due: int | None = None
    """When the next message may leave, as far as its recipient goes."""


async def figures(reader: Database, account_id: int, campaign_id: int, steps: int) -> Figures:
    """The figures of a campaign with so many *steps*."""
    named = {"account_id": account_id, "campaign_id": campaign_id}
    sent, delivered, opened, clicked = await _one(reader, _WHOLE, named)
    replied, bounced, unsubscribed = await _one(reader, _ENDS, named)
    messages = {row[0]: row for row in await reader.fetch_all_slowly(_STEPS, named)}
    ends = {row[0]: (int(row[1]), int(row[2])) for row in await reader.fetch_all(_ENDS_OF_STEPS, named)}
    of_steps = []
    for number in range(max([steps - 1, *messages], default=-1) + 1):
        _, sent_, delivered_, opened_, clicked_, bounced_ = messages.get(number, (number, 0, 0, 0, 0, 0))
        replied_, unsubscribed_ = ends.get(number, (0, 0))
        of_steps.append(
            StepFigures(
                step=number,
                sent=sent_,
                delivered=delivered_,
                opened=opened_,
                clicked=clicked_,
                replied=replied_,
                bounced=bounced_,
                unsubscribed=unsubscribed_,
            )
        )
    return Figures(
        sent=sent,
        delivered=delivered,
        opened=opened,
        clicked=clicked,
        replied=replied,
        bounced=bounced,
        unsubscribed=unsubscribed,
        steps=tuple(of_steps),
    )


async def figures_by_day(reader: Reader, account_id: int, campaign_id: int, since: int) -> list[DayFigures]:
    """What happened on each day from *since* (seconds since 1970) on, by step."""
    named = {"account_id": account_id, "campaign_id": campaign_id, "since": since // DAY}
    return [DayFigures(*row) for row in await reader.fetch_all(_DAYS, named)]


async def sent_of_steps(reader: Reader, account_id: int, campaign_id: int) -> dict[int, int]:
    """How many messages of each step were sent."""
    rows = await reader.fetch_all(_SENT_OF_STEPS, {"account_id": account_id, "campaign_id": campaign_id})
    return {row[0]: int(row[1]) for row in rows}


async def stop_reasons(reader: Database, account_id: int, campaign_id: int) -> dict[str, int]:
    """Why recipients were stopped, and how many, the commonest reason first."""
    rows = await reader.fetch_all_slowly(_REASONS, {"account_id": account_id, "campaign_id": campaign_id})
    return {row[0]: row[1] for row in rows}


async def standings(reader: Reader, account_id: int, campaigns: Sequence[Campaign], now: int) -> dict[int, Standing]:
    """Where each of *campaigns* is, by its id."""
    ids = [one.id for one in campaigns]
    rows = await reader.fetch_all(_STANDINGS, {"account_id": account_id, "ids": ids})
    known = {row[0]: row[1:] for row in rows}
    return {one.id: _standing(one, *known.get(one.id, (None, 0, 0, None)), now=now) for one in campaigns}


def rate(part: int, whole: int) -> float:
    """*part* of *whole*, from 0 to 1 with four digits; 0 of nothing."""
    return round(part / whole, 4) if whole else 0.0


def _standing(
    one: Campaign, next_due: int | None, has_open: int, is_preparing: int, trouble: str | None, *, now: int
) -> Standing:
    if one.archived_at is not None:
        return Standing("archived")
    if one.is_draft:
        return Standing("draft")
    if one.paused_at is not None:
        return Standing("paused", None, next_due)
    if is_preparing:
        return Standing("preparing", None, next_due)
    if trouble is not None:
        return Standing("error", trouble or "The email account cannot send.", next_due)
    if one.start_at is not None and one.start_at > now:
        return Standing("planned", None, next_due)
    return Standing("active" if next_due is not None or has_open else "completed", None, next_due)


async def _one(reader: Database, query: Statement, named: dict[str, int]) -> tuple[int, ...]:
    (row,) = await reader.fetch_all_slowly(query, named)
    return tuple(map(int, row))
