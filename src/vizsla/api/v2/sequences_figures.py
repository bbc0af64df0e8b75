"""`/v2/sequences/{id}/stats` and `/v2/messages`: what came of a campaign. Of today's public API; also under `/v2/campaigns`."""

from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.messages import Message, list_messages
from vizsla.campaigns.stats import StepFigures, figures, rate
from vizsla.campaigns.steps import list_steps
from vizsla.kit.clock import time_text

calls = Calls()


class MessagesParams(Params, frozen=True, kw_only=True):
    """Which of them."""

    campaign_id: Id | None = None
    """Only those of this campaign."""
    sequence_id: Id | None = None
    """The same."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class StepStatsData(msgspec.Struct, frozen=True):
    """What came of the messages of one step; rates are parts of what was delivered, from 0 to 1."""

    id: int
    step: int
    variant: None
    messages_sent: int
    delivered: int
    opened: int
    clicked: int
    replied: int
    bounced: int
    unsubscribed: int
    open_rate: float
    click_rate: float
    reply_rate: float
    bounce_rate: float
    """Of what was sent."""
    unsubscribe_rate: float


class StatsData(msgspec.Struct, frozen=True):
    """What came of a campaign: recipients, each counted once; rates are parts of those who were reached, from 0 to 1."""

    id: int
    name: str
    recipients_count: int
    sent: int
    delivered: int
    opened: int
    clicked: int
    replied: int
    bounced: int
    unsubscribed_recipients: int
    open_rate: float
    click_rate: float
    reply_rate: float
    bounce_rate: float
    """Of those to whom something was sent."""
    unsubscribed_recipients_rate: float
    follow_ups: tuple[StepStatsData, ...]


class StatsAnswer(msgspec.Struct, frozen=True):
    """What came of a campaign."""

    data: StatsData


class SentMessageData(msgspec.Struct, frozen=True):
    """One step to one recipient."""

    id: int
    campaign_id: int
    email: str
    lead_id: int | None
    email_account_id: int
    step: int
    status: Literal["sending", "retry", "sent", "uncertain", "held", "canceled", "error", "bounced"]
    subject: str | None
    server_reply: str | None
    """What the mail server said last."""
    sent_at: str | None
    delivered_at: str | None
    opened_at: str | None
    clicked_at: str | None
    bounced_at: str | None


class MessagesData(msgspec.Struct, frozen=True):
    """Newest first."""

    messages: tuple[SentMessageData, ...]


class MessagesMeta(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class MessagesAnswer(msgspec.Struct, frozen=True):
    """Messages of campaigns."""

    data: MessagesData
    meta: MessagesMeta


@calls("GET", "/v2/campaigns/{id}/stats")
async def show_stats(call: Call, params: NoParams) -> StatsAnswer:
    """
    What came of a campaign, as a whole and step by step. What machines opened and clicked is not counted.
    """
    reader, account_id, campaign_id = call.services.stores.app, call.caller.account_id, call.ids["id"]
    found = await get_campaign(reader, account_id, campaign_id)
    steps = await list_steps(reader, account_id, campaign_id)
    known = await figures(reader, account_id, campaign_id, len(steps))
    return StatsAnswer(
        StatsData(
            found.id,
            found.name,
            found.recipients_count,
            known.sent,
            known.delivered,
            known.opened,
            known.clicked,
            known.replied,
            known.bounced,
            known.unsubscribed,
            rate(known.opened, known.delivered),
            rate(known.clicked, known.delivered),
            rate(known.replied, known.delivered),
            rate(known.bounced, known.sent),
            rate(known.unsubscribed, known.delivered),
            tuple(map(_step, known.steps)),
        )
    )


@calls("GET", "/v2/messages", errors=("pagination_error",))
async def show_messages(call: Call, params: MessagesParams) -> MessagesAnswer:
    """
    Messages that campaigns sent or are sending, newest first.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    campaign_id = params.campaign_id or params.sequence_id
    page = await list_messages(reader, account_id, campaign_id=campaign_id, limit=params.limit, offset=params.offset)
    return MessagesAnswer(MessagesData(tuple(map(_message, page))), MessagesMeta(params.limit, params.offset))


def _step(one: StepFigures) -> StepStatsData:
    return StepStatsData(
        one.step + 1,
        one.step,
        None,
        one.sent,
        one.delivered,
        one.opened,
        one.clicked,
        one.replied,
        one.bounced,
        one.unsubscribed,
        rate(one.opened, one.delivered),
        rate(one.clicked, one.delivered),
        rate(one.replied, one.delivered),
        rate(one.bounced, one.sent),
        rate(one.unsubscribed, one.delivered),
    )


def _message(one: Message) -> SentMessageData:
    times = (one.sent_at, one.delivered_at, one.opened_at, one.clicked_at, one.bounced_at)
    return SentMessageData(
        one.id,
        one.campaign_id,
        one.email,
        one.lead_id,
        one.sender_id,
        one.step,
        one.state,  # type: ignore[arg-type]
        one.subject,
        one.reply,
        *(time_text(at) if at is not None else None for at in times),
    )
