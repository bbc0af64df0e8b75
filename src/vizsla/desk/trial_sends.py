"""
How does somebody see a message of a campaign in their own mailbox?

It is written as for the recipient, sent by the same account in the same way, to the person who asked and to nobody else. It is
counted nowhere, and its links lead where they should without telling anything.
"""

import asyncio
import secrets as random
from collections.abc import Callable, Mapping

import msgspec

from vizsla.campaigns.attachments import files_of_step
from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.claiming import Claimed
from vizsla.campaigns.compose import Draft, Script, ScriptStep, Thread, Writer, compose
from vizsla.campaigns.links import list_links
from vizsla.campaigns.readiness import fields_by_recipient, preview
from vizsla.campaigns.recipients import Recipient
from vizsla.campaigns.sender_checks import Means
from vizsla.campaigns.senders import Sender
from vizsla.campaigns.sending import NotUsable, Session
from vizsla.campaigns.sessions import StoredSenders
from vizsla.campaigns.steps import list_steps
from vizsla.campaigns.templates import parse_step
from vizsla.campaigns.tracking import Tokens
from vizsla.desk.asking import Asker
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.mail.mime import attach
from vizsla.mail.xoauth2 import Tokens as OAuthTokens
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient

PATIENCE = 45.0
"""Seconds that somebody waits for it."""
_at_once = asyncio.Semaphore(8)


class TrialFailed(VizslaError):
    """The test could not be sent."""

    id = "validation_failed"


class Trial(msgspec.Struct, frozen=True):
    """What is sent, from where, and to whom."""

    sender: Sender
    campaign_id: int
    step: int
    recipient: Recipient | None
    """As whom; None: as somebody of whom nothing but the address is known."""
    to: str


async def send_trial(asker: Asker, trial: Trial, *, secret: bytes, base_url: str) -> None:
    """
    Send it, once, to `trial.to` alone.

    Raises TrialFailed with what went wrong, TooFast, CampaignNotFound, StepNotFound, WrongTemplate.
    """
    sender = trial.sender
    script, fields, thread = await _read(asker, trial)
    await asker.keep_pace("verify", "/campaigns/test")
    services = asker.services
    settings = services.settings
    claimed = Claimed(
        account_id=asker.caller.account_id,
        id=0,
        token="",
        message_id=f"test.{random.token_hex(12)}@{sender.domain}",
        attempts=0,
        claimed_at=asker.now,
        due=asker.now,
        day=0,
        sender_id=sender.id,
        campaign_id=trial.campaign_id,
        recipient_id=0,
        step=trial.step,
        lead_id=None,
        email=trial.to.lower(),
        address=trial.to,
        window=script.campaign.window,
        hours=sender.window,
    )
    try:
        async with (
            asyncio.timeout(PATIENCE),
            _at_once,
            DnsClient(settings.dns_servers) as dns,
            HttpClient(settings) as http,
        ):
            tokens = OAuthTokens(http, services.clock)
            means = Means(EgressGuard(settings.egress_allow), dns, tokens, settings.helo_name)
            session = await StoredSenders(services.stores.app, secret, means).open(claimed.account_id, sender.id)
            await _send(
                session,
                lambda writer: compose(
                    script,
                    claimed,
                    fields,
                    thread=thread,
                    writer=writer,
                    tokens=Tokens(secret),
                    base_url=base_url,
                    at=asker.now,
                ),
            )
    except TimeoutError:
        raise TrialFailed(f"{sender.smtp.host} took longer than {PATIENCE:.0f} seconds. Test the account.") from None
    except NotUsable as error:
        raise TrialFailed(f"{sender.email} cannot send: {error.details}") from None
    except StoreError:
        raise
    except VizslaError as error:
        raise TrialFailed(f"{sender.smtp.host} did not take it: {error.details[:300]}") from None


async def _read(asker: Asker, trial: Trial) -> tuple[Script, Mapping[str, str], Thread]:
    """The campaign as it would be sent, what fills it, and the subject that a follow-up goes on under."""
    app, account_id, campaign_id = asker.services.stores.app, asker.caller.account_id, trial.campaign_id
    campaign = await get_campaign(app, account_id, campaign_id)
    email, lead_id = (trial.recipient.email, trial.recipient.lead_id) if trial.recipient else (trial.to, None)
    shown = await preview(app, account_id, campaign_id, trial.step, email=email, lead_id=lead_id)
    steps = []
    for step in await list_steps(app, account_id, campaign_id):
        files = await files_of_step(app, account_id, campaign_id, step.number) if step.number == trial.step else []
        parsed = parse_step(step.subject, step.body, step.format)
        steps.append(ScriptStep(parsed, step.format, tuple(attach(*file) for file in files)))
    links = await list_links(app, account_id, campaign_id) if campaign.tracks_clicks else {}
    fields = (await fields_by_recipient(app, account_id, [(0, email, lead_id)]))[0]
    # No copy to the CRM of what was not sent to anybody.
    return Script(msgspec.structs.replace(campaign, bcc=None), tuple(steps), links), fields, Thread(shown.subject)


async def _send(session: Session, write: Callable[[Writer], Draft]) -> None:
    try:
        draft = write(msgspec.structs.replace(session.writer, keeps_copy=False))
        await session.submission.deliver(draft.mail_from, draft.recipients, draft.message)
    finally:
        await session.submission.close()
