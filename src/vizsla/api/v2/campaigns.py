"""`/v2/campaigns`: which there are, to whom they write, and whether they run. Also as `/v2/sequences`."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import Id, NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.campaigns_shown import (
    CampaignData,
    RecipientData,
    SequenceData,
    SkippedData,
    shown_campaign,
    shown_recipient,
    shown_sequence,
    shown_skipped,
)
from vizsla.campaigns.campaign import Campaign, get_campaign, list_campaigns, pause
from vizsla.campaigns.recipients import (
    InvalidRecipients,
    RecipientNotFound,
    cancel_recipients,
    find_recipient,
    list_recipients,
    mark_successful,
)
from vizsla.campaigns.starting import archive_campaign, resume, retry_failed, start_campaign
from vizsla.desk.campaigns import join, owner_of, with_leads
from vizsla.kit.errors import WrongParams

calls = Calls()
ALIASES = {"sequences": "campaigns"}
_MOST_EMAILS = 50


class CampaignsParams(Params, frozen=True, kw_only=True):
    """Which of them."""

    started: bool | None = None
    """Only those that were started, or that were not."""
    archived: bool | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class RecipientsParams(Params, frozen=True, kw_only=True):
    """Which part of them."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class NewRecipientsParams(Params, frozen=True, kw_only=True):
    """Whom to write to: 50 addresses and 50 leads at most, and lists of leads."""

    emails: tuple[str, ...] = ()
    lead_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1_000)] = ()
    leads_list_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1_000)] = ()


class CancelParams(Params, frozen=True):
    """To whom nothing more is to be written: 50 addresses at most."""

    emails: tuple[str, ...]


class CampaignsData(msgspec.Struct, frozen=True):
    """Newest first."""

    campaigns: tuple[CampaignData, ...]


class CampaignsMeta(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class CampaignsAnswer(msgspec.Struct, frozen=True):
    """The account's campaigns."""

    data: CampaignsData
    meta: CampaignsMeta


class SequencesData(msgspec.Struct, frozen=True):
    """Newest first."""

    sequences: tuple[SequenceData, ...]


class SequencesAnswer(msgspec.Struct, frozen=True):
    """The account's campaigns."""

    data: SequencesData
    meta: CampaignsMeta


class RecipientsData(msgspec.Struct, frozen=True):
    """By time of addition."""

    recipients: tuple[RecipientData, ...]


class RecipientsAnswer(msgspec.Struct, frozen=True):
    """The recipients of a campaign."""

    data: RecipientsData
    meta: CampaignsMeta


class AddedData(msgspec.Struct, frozen=True):
    """How many were added, and who was not."""

    recipients_added: int
    skipped_recipients: tuple[SkippedData, ...]


class EmailsAsked(msgspec.Struct, frozen=True):
    """What was asked for."""

    emails: tuple[str, ...]


class EmailsMeta(msgspec.Struct, frozen=True):
    """What was asked for."""

    params: EmailsAsked


class AddedAnswer(msgspec.Struct, frozen=True):
    """Recipients that were added."""

    data: AddedData
    meta: EmailsMeta


class AddingAnswer(msgspec.Struct, frozen=True):
    """Recipients that were added so far: the rest of a long list follows behind this answer."""

    data: AddedData
    meta: EmailsMeta


class CanceledData(msgspec.Struct, frozen=True):
    """To whom nothing more is written, and how many messages were scheduled."""

    recipients_canceled: tuple[str, ...]
    messages_canceled: int


class CanceledAnswer(msgspec.Struct, frozen=True):
    """Recipients that were canceled."""

    data: CanceledData
    meta: EmailsMeta


class StartedData(msgspec.Struct, frozen=True):
    """What a start came to."""

    message: str
    recipients_count: int


class StartedAnswer(msgspec.Struct, frozen=True):
    """A campaign that runs."""

    data: StartedData


class PausedData(msgspec.Struct, frozen=True):
    """Whether it is paused."""

    id: int
    paused: bool


class PausedAnswer(msgspec.Struct, frozen=True):
    """A campaign that is paused."""

    data: PausedData


class MessageData(msgspec.Struct, frozen=True):
    """What was done."""

    message: str


class ResumedAnswer(msgspec.Struct, frozen=True):
    """A campaign that goes on."""

    data: MessageData


class ArchivedData(msgspec.Struct, frozen=True):
    """Whether it is archived."""

    id: int
    archived: bool


class ArchivedAnswer(msgspec.Struct, frozen=True):
    """A campaign that was put away."""

    data: ArchivedData


class RecipientsRetriedData(msgspec.Struct, frozen=True):
    """Recipients who had ended in an error, and are written to again."""

    recipients_retried: int
    status: str
    """`completed`, or `queued` if more follow behind this answer."""


class RecipientsRetriedAnswer(msgspec.Struct, frozen=True):
    """Recipients that are written to again."""

    data: RecipientsRetriedData


@calls("GET", "/v2/campaigns", errors=("pagination_error",))
async def show_campaigns(call: Call, params: CampaignsParams) -> CampaignsAnswer:
    """
    The account's campaigns, newest first.
    """
    page = await _page(call, params)
    return CampaignsAnswer(CampaignsData(tuple(map(shown_campaign, page))), CampaignsMeta(params.limit, params.offset))


@calls("GET", "/v2/sequences", errors=("pagination_error",))
async def show_sequences(call: Call, params: CampaignsParams) -> SequencesAnswer:
    """
    The account's campaigns under their newer name, newest first, and whose they are.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    page = await _page(call, params)
    owners = {id_: await owner_of(reader, account_id, id_) for id_ in {one.member_id for one in page}}
    shown = tuple(shown_sequence(one, owners[one.member_id]) for one in page)
    return SequencesAnswer(SequencesData(shown), CampaignsMeta(params.limit, params.offset))


@calls("GET", "/v2/campaigns/{id}/recipients", errors=("pagination_error",))
async def show_recipients(call: Call, params: RecipientsParams) -> RecipientsAnswer:
    """
    To whom a campaign writes, by time of addition.
    """
    reader, account_id, campaign_id = call.services.stores.app, call.caller.account_id, call.ids["id"]
    await get_campaign(reader, account_id, campaign_id)
    page = await list_recipients(reader, account_id, campaign_id, limit=params.limit, offset=params.offset)
    shown = await with_leads(reader, account_id, page)
    return RecipientsAnswer(
        RecipientsData(tuple(map(shown_recipient, shown))), CampaignsMeta(params.limit, params.offset)
    )


@calls(
    "POST",
    "/v2/campaigns/{id}/recipients",
    status=201,
    writes=True,
    pending=AddingAnswer,
    errors=("wrong_params", "validation_failed", "sequence_not_active"),
)
async def add_campaign_recipients(call: Call, params: NewRecipientsParams) -> AddedAnswer | AddingAnswer:
    """
    Let a campaign write to addresses, to leads, and to all leads of lists.

    Who is skipped is named with the reason; if one is malformed or unknown, nobody is added. An address that is no lead becomes
    one in the current list. In a campaign that runs, messages may leave shortly after this answer.
    """
    if not (params.emails or params.lead_ids or params.leads_list_ids):
        raise WrongParams("You are missing the emails parameter")
    joined = await join(
        call.transaction,
        call.services,
        call.caller.account_id,
        call.ids["id"],
        emails=params.emails,
        lead_ids=params.lead_ids,
        list_ids=params.leads_list_ids,
        now=call.now,
    )
    data = AddedData(joined.added, shown_skipped(joined.skipped))
    meta = EmailsMeta(EmailsAsked(params.emails))
    return AddedAnswer(data, meta) if joined.is_over else AddingAnswer(data, meta)


@calls("DELETE", "/v2/campaigns/{id}/recipients", writes=True, errors=("wrong_params", "validation_failed"))
async def cancel_campaign_recipients(call: Call, params: CancelParams) -> CanceledAnswer:
    """
    Write nothing more to these addresses in this campaign.

    Only what is scheduled is canceled, and they cannot be added to the campaign again.
    """
    if not params.emails:
        raise WrongParams("You are missing the emails parameter")
    return await _cancel(call, params.emails)


@calls("DELETE", "/v2/campaigns/{id}/recipients/{email}", writes=True, errors=("validation_failed",))
async def cancel_campaign_recipient(call: Call, params: NoParams) -> CanceledAnswer:
    """
    Write nothing more to this address in this campaign.
    """
    return await _cancel(call, (call.words["email"],))


@calls("POST", "/v2/campaigns/{id}/recipients/{email}/successful", status=204, writes=True)
async def mark_recipient_successful(call: Call, params: NoParams) -> None:
    """
    Note that what was hoped for came about: nothing more is written to this recipient.
    """
    account_id, campaign_id = call.caller.account_id, call.ids["id"]
    await get_campaign(call.transaction, account_id, campaign_id)
    try:
        found = await find_recipient(call.transaction, account_id, campaign_id, call.words["email"])
    except InvalidRecipients:
        found = None
    if found is None:
        raise RecipientNotFound
    await mark_successful(call.transaction, account_id, campaign_id, found.id, call.now)


@calls(
    "POST",
    "/v2/campaigns/{id}/start",
    writes=True,
    errors=("validation_failed", "sequence_not_active"),
)
async def start(call: Call, params: NoParams) -> StartedAnswer:
    """
    Start a draft.

    It is refused, with what is missing, if it has no message or no email account, or if a recipient has no value for a merge field
    that has no fallback.
    """
    conn, account_id, claims = call.transaction, call.caller.account_id, call.services.claims
    started = await start_campaign(conn, claims, account_id, call.ids["id"], call.now)
    if not started.is_new:
        return StartedAnswer(StartedData("Sequence already started.", started.recipients))
    plural = "" if started.recipients == 1 else "s"
    return StartedAnswer(StartedData(f"{started.recipients} email{plural} scheduled for sending.", started.recipients))


@calls("POST", "/v2/campaigns/{id}/pause", writes=True, errors=("sequence_not_active",))
async def pause_campaign(call: Call, params: NoParams) -> PausedAnswer:
    """
    Send nothing more until it is resumed.
    """
    await pause(call.transaction, call.caller.account_id, call.ids["id"], call.now)
    return PausedAnswer(PausedData(call.ids["id"], True))


@calls("DELETE", "/v2/campaigns/{id}/pause", writes=True, errors=("sequence_not_active", "validation_failed"))
async def resume_campaign(call: Call, params: NoParams) -> ResumedAnswer:
    """
    Go on after a pause.
    """
    was_paused = await resume(call.transaction, call.caller.account_id, call.ids["id"], call.now)
    return ResumedAnswer(MessageData("Sequence resumed." if was_paused else "Sequence is not paused."))


@calls("POST", "/v2/campaigns/{id}/archive", writes=True, errors=("sequence_not_started",))
async def archive(call: Call, params: NoParams) -> ArchivedAnswer:
    """
    Put a campaign that was started away: whatever was still scheduled is canceled.
    """
    conn, claims = call.transaction, call.services.claims
    await archive_campaign(conn, claims, call.caller.account_id, call.ids["id"], call.now)
    return ArchivedAnswer(ArchivedData(call.ids["id"], True))


@calls("POST", "/v2/campaigns/{id}/retry", writes=True, errors=("sequence_not_active",))
async def retry(call: Call, params: NoParams) -> RecipientsRetriedAnswer:
    """
    Write again to those recipients who ended in an error.
    """
    conn, claims = call.transaction, call.services.claims
    begun = await retry_failed(conn, claims, call.caller.account_id, call.ids["id"], call.now)
    return RecipientsRetriedAnswer(RecipientsRetriedData(begun.done, "completed" if begun.is_over else "queued"))


async def _page(call: Call, params: CampaignsParams) -> list[Campaign]:
    return await list_campaigns(
        call.services.stores.app,
        call.caller.account_id,
        started=params.started,
        archived=params.archived,
        limit=params.limit,
        offset=params.offset,
    )


async def _cancel(call: Call, emails: tuple[str, ...]) -> CanceledAnswer:
    canceled = await cancel_recipients(call.transaction, call.caller.account_id, call.ids["id"], emails, call.now)
    return CanceledAnswer(CanceledData(canceled.emails, canceled.messages), EmailsMeta(EmailsAsked(emails)))
