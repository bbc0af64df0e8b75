"""What does a message of a campaign look like to one recipient? And as mail, in one's own mailbox."""

import msgspec
from starlette.responses import Response

from vizsla.campaigns.attachments import list_attached
from vizsla.campaigns.campaign import senders_of
from vizsla.campaigns.readiness import preview
from vizsla.campaigns.recipients import Recipient, get_recipient, list_recipients
from vizsla.campaigns.senders import Sender, list_senders
from vizsla.campaigns.steps import Step, list_steps
from vizsla.campaigns.templates import Rendered
from vizsla.desk.trial_sends import Trial, send_trial
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.web.campaigns import campaign_page, get_row
from vizsla.web.letters import frame
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_CHOICES = 100
"""Recipients that the page offers; any other is seen from the list of recipients."""


class _Chosen(msgspec.Struct, frozen=True):
    step: Step
    recipient: Recipient | None
    """None: nobody, as there are none yet."""
    sender: Sender | None


@views.get("/campaigns/{id:int}/preview")
async def show_preview(visit: Visit) -> Response:
    """A step as a recipient would get it."""
    return await _page(visit, visit.count("step", most=99), visit.count("recipient"))


async def _page(visit: Visit, number: int, recipient_id: int, *, status: int = 200, problem: str = "") -> Response:
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    id_ = row.campaign.id
    steps = await list_steps(app, account_id, id_)
    recipients = await list_recipients(app, account_id, id_, limit=_CHOICES)
    chosen = None
    if steps:
        recipient = recipients[0] if recipients else None
        if recipient_id:
            recipient = await get_recipient(app, account_id, id_, recipient_id)
        step = steps[min(number, len(steps) - 1)]
        chosen = _Chosen(step, recipient, await _sender_of(visit, id_, recipient))
    shown: Rendered | None = None
    missing = ""
    if chosen is not None:
        try:
            shown = await _render(visit, id_, chosen)
        except VizslaError as error:
            missing = error.details
    return await campaign_page(
        visit,
        "campaign_preview.html",
        row=row,
        status=status,
        problem=problem,
        steps=steps,
        recipients=recipients,
        chosen=chosen,
        shown=shown,
        missing=missing,
        framed=frame(shown.body, "The message") if shown and chosen and chosen.step.format == "html" else "",
        files=[one for one in await list_attached(app, account_id, id_) if chosen and one.step == chosen.step.number],
    )


async def _sender_of(visit: Visit, campaign_id: int, recipient: Recipient | None) -> Sender | None:
    """Who writes to them: settled by the start, before it the first account that was chosen."""
    app, account_id = visit.stores.app, visit.visitor.account_id
    ids = await senders_of(app, account_id, campaign_id)
    if recipient is not None and recipient.sender_id is not None:
        ids = [recipient.sender_id]
    senders = {one.id: one for one in await list_senders(app, account_id)}
    return next((senders[id_] for id_ in ids if id_ in senders), None)


async def _render(visit: Visit, campaign_id: int, chosen: _Chosen) -> Rendered:
    one = chosen.recipient
    return await preview(
        visit.stores.app,
        visit.visitor.account_id,
        campaign_id,
        chosen.step.number,
        email=one.email if one else visit.visitor.email,
        lead_id=one.lead_id if one else None,
    )


@views.post("/campaigns/{id:int}/test")
async def send_test(visit: Visit) -> Response:
    """The same as mail, to whoever asks."""
    form, row = await visit.form(), await get_row(visit)
    app, account_id, id_ = visit.stores.app, visit.visitor.account_id, row.campaign.id
    number, recipient_id = min(form.number("step") or 0, 99), form.number("recipient") or 0
    recipient = await get_recipient(app, account_id, id_, recipient_id) if recipient_id else None
    sender = await _sender_of(visit, id_, recipient)
    try:
        if sender is None:
            raise WrongParams("Choose a sending account in the settings of the campaign first.")
        trial = Trial(sender, id_, number, recipient, visit.visitor.email)
        await send_trial(await visit.asker(), trial, secret=visit.house.secret, base_url=visit.house.base_url)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _page(visit, number, recipient_id, status=status, problem=sentence)
    here = f"/campaigns/{id_}/preview?step={number}" + (f"&recipient={recipient_id}" if recipient_id else "")
    return visit.go(here, f"A test is on its way to {visit.visitor.email}.")
