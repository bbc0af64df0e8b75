"""`/v2/sequences/{id}/follow-ups`: what a campaign says, step by step. Of today's public API; also under `/v2/campaigns`."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.campaigns_shown import FollowUpData, Format, shown_step
from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.readiness import preview
from vizsla.campaigns.recipients import find_recipient
from vizsla.campaigns.stats import sent_of_steps
from vizsla.campaigns.steps import add_step, change_step, delete_last_step, get_step, list_steps, subject_of
from vizsla.kit.errors import WrongParams
from vizsla.leads.store import get_lead
from vizsla.storage.database import Reader

calls = Calls()
_ERRORS = ("wrong_params", "validation_failed", "sequence_locked")
_Wait = Annotated[int, msgspec.Meta(ge=0, le=30)]


class FollowUpsParams(Params, frozen=True, kw_only=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class NewFollowUpParams(Params, frozen=True, kw_only=True):
    """A step to append: the first one is the introduction."""

    body: Annotated[str, msgspec.Meta(examples=["<p>Hi {{ first_name | default: 'there' }}!</p>"])]
    """Liquid: `{{ first_name | default: "there" }}` is the lead's first name, or else there."""
    subject: Annotated[str, msgspec.Meta(examples=["A question for {{ company | default: 'you' }}"])] = ""
    """Liquid; without it, a follow-up goes on under the subject of the step before."""
    wait_days: _Wait = 0
    """Days after the step before."""
    message_format: Format = "html"


class FollowUpParams(Params, frozen=True, kw_only=True):
    """What is to be changed of a step."""

    clears: ClassVar = True

    body: str | None = None
    subject: str | None = None
    """Empty: it goes on under the subject of the step before."""
    wait_days: _Wait | None = None
    message_format: Format | None = None


class PreviewParams(Params, frozen=True, kw_only=True):
    """To whom it is to read: an address (a recipient's, or anybody's) or a lead."""

    email: Annotated[str, msgspec.Meta(examples=["patrick@stripe.com"])] | None = None
    lead_id: Id | None = None


class FollowUpsData(msgspec.Struct, frozen=True):
    """First to last."""

    follow_ups: tuple[FollowUpData, ...]


class FollowUpsMeta(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class FollowUpsAnswer(msgspec.Struct, frozen=True):
    """The steps of a campaign."""

    data: FollowUpsData
    meta: FollowUpsMeta


class FollowUpAnswer(msgspec.Struct, frozen=True):
    """One step."""

    data: FollowUpData


class OneFollowUpData(msgspec.Struct, frozen=True):
    """A step."""

    follow_up: FollowUpData


class FollowUpAsked(msgspec.Struct, frozen=True):
    """What was asked for."""

    sequence_id: int
    step: int
    wait_days: int


class FollowUpMeta(msgspec.Struct, frozen=True):
    """What was asked for."""

    params: FollowUpAsked


class NewFollowUpAnswer(msgspec.Struct, frozen=True):
    """A step that was appended."""

    data: OneFollowUpData
    meta: FollowUpMeta


class PreviewData(msgspec.Struct, frozen=True):
    """A step as it would read."""

    subject: str
    body: str
    message_format: Format


class PreviewAnswer(msgspec.Struct, frozen=True):
    """A step as it would read to somebody."""

    data: PreviewData


@calls("GET", "/v2/campaigns/{id}/follow-ups", errors=("pagination_error",))
async def show_follow_ups(call: Call, params: FollowUpsParams) -> FollowUpsAnswer:
    """
    The steps of a campaign: 0 is the introduction, the others follow up.
    """
    shown = await _steps(call, call.services.stores.app)
    part = shown[params.offset : params.offset + params.limit]
    return FollowUpsAnswer(FollowUpsData(tuple(part)), FollowUpsMeta(params.limit, params.offset))


@calls("POST", "/v2/campaigns/{id}/follow-ups", status=201, writes=True, errors=_ERRORS)
async def create_follow_up(call: Call, params: NewFollowUpParams) -> NewFollowUpAnswer:
    """
    Append a step to a draft. Its templates are read at once, and refused with what is wrong in them.
    """
    conn, account_id, campaign_id = call.transaction, call.caller.account_id, call.ids["id"]
    step = await add_step(
        conn,
        account_id,
        campaign_id,
        subject=params.subject,
        body=params.body,
        format=params.message_format,
        wait_days=params.wait_days,
    )
    shown = (await _steps(call, conn))[step.number]
    return NewFollowUpAnswer(
        OneFollowUpData(shown), FollowUpMeta(FollowUpAsked(campaign_id, step.number, step.wait_days))
    )


@calls("GET", "/v2/campaigns/{id}/follow-ups/{step_id}")
async def read_follow_up(call: Call, params: NoParams) -> FollowUpAnswer:
    """
    One step. Steps have ids of their own in each campaign: the introduction is 1.
    """
    return FollowUpAnswer(await _step(call, call.services.stores.app))


@calls("PUT", "/v2/campaigns/{id}/follow-ups/{step_id}", writes=True, errors=_ERRORS)
async def change_follow_up(call: Call, params: FollowUpParams) -> FollowUpAnswer:
    """
    Change a step of a draft.
    """
    await change_step(
        call.transaction,
        call.caller.account_id,
        call.ids["id"],
        call.ids["step_id"] - 1,
        subject=params.subject,
        body=params.body,
        format=params.message_format,
        wait_days=params.wait_days,
    )
    return FollowUpAnswer(await _step(call, call.transaction))


@calls(
    "DELETE",
    "/v2/campaigns/{id}/follow-ups/{step_id}",
    status=204,
    writes=True,
    errors=("validation_failed", "sequence_locked"),
)
async def delete_follow_up(call: Call, params: NoParams) -> None:
    """
    Take the last step of a draft away; the introduction stays.
    """
    await delete_last_step(call.transaction, call.caller.account_id, call.ids["id"], call.ids["step_id"] - 1)


@calls("GET", "/v2/campaigns/{id}/follow-ups/{step_id}/preview", errors=("wrong_params", "validation_failed"))
async def preview_follow_up(call: Call, params: PreviewParams) -> PreviewAnswer:
    """
    A step as it would read to one person: nothing is sent.
    """
    reader, account_id, campaign_id = call.services.stores.app, call.caller.account_id, call.ids["id"]
    await get_campaign(reader, account_id, campaign_id)
    step = await get_step(reader, account_id, campaign_id, call.ids["step_id"] - 1)
    email: str
    lead_id: int | None
    if params.lead_id is not None:
        email, lead_id = (await get_lead(reader, account_id, params.lead_id)).email, params.lead_id
    elif params.email is not None:
        known = await find_recipient(reader, account_id, campaign_id, params.email)
        email, lead_id = params.email, known.lead_id if known is not None else None
    else:
        raise WrongParams("You are missing the email parameter")
    shown = await preview(reader, account_id, campaign_id, step.number, email=email, lead_id=lead_id)
    return PreviewAnswer(PreviewData(shown.subject, shown.body, step.format))


async def _steps(call: Call, reader: Reader) -> list[FollowUpData]:
    account_id, campaign_id = call.caller.account_id, call.ids["id"]
    await get_campaign(reader, account_id, campaign_id)
    steps = await list_steps(reader, account_id, campaign_id)
    sent = await sent_of_steps(reader, account_id, campaign_id)
    return [shown_step(step, subject_of(steps, step.number), sent) for step in steps]


async def _step(call: Call, reader: Reader) -> FollowUpData:
    account_id, campaign_id = call.caller.account_id, call.ids["id"]
    await get_campaign(reader, account_id, campaign_id)
    number = (await get_step(reader, account_id, campaign_id, call.ids["step_id"] - 1)).number
    return (await _steps(call, reader))[number]
