"""
What does a campaign say? All of its messages in one form, so that none is lost by saving another, and the files that go with them.

What was typed stays in its field whatever is wrong with it; nothing is saved before everything is right.
"""

from starlette.responses import Response

from vizsla.campaigns.attachments import LARGEST, MOST, InvalidAttachment, attach, detach, list_attached
from vizsla.campaigns.campaign import lock_draft
from vizsla.campaigns.steps import MOST_STEPS, MOST_WAIT, Step, add_step, change_step, delete_last_step, list_steps
from vizsla.campaigns.templates import FORMATS, LEAD_FIELDS, LONGEST_BODY, LONGEST_SUBJECT, Format
from vizsla.kit.errors import VizslaError
from vizsla.leads.attributes import list_attributes
from vizsla.storage.database import Connection
from vizsla.web.campaigns import campaign_page, get_row
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_LARGEST_FORM = 4_000_000
"""Bytes: twenty messages of the longest kind, as browsers send them."""
_ROUND_A_FILE = 10_000
_FALLBACKS = {
    "first_name": "there", "last_name": "", "company": "your company", "position": "your work", "company_industry": "your industry",
    "website": "your website",
}  # fmt: skip
"""What may stand where a lead has no value."""


@views.get("/campaigns/{id:int}/messages")
async def show_messages(visit: Visit) -> Response:
    """The steps, to be written; once the campaign was started, to be read."""
    await get_row(visit)
    steps = await list_steps(visit.stores.app, visit.visitor.account_id, visit.id())
    return await _page(visit, steps or [Step(0, 0, "", "", "text")])


async def _page(
    visit: Visit, steps: list[Step], *, status: int = 200, problem: str = "", wrong: int | None = None
) -> Response:
    app, account_id, row = visit.stores.app, visit.visitor.account_id, await get_row(visit)
    attributes = await list_attributes(app, account_id)
    return await campaign_page(
        visit,
        "campaign_messages.html",
        row=row,
        status=status,
        problem=problem,
        wrong=wrong,
        steps=steps,
        is_open=row.campaign.is_draft and row.campaign.archived_at is None,
        fields=[(name, name.replace("_", " "), _FALLBACKS.get(name, "")) for name in LEAD_FIELDS]
        + [(one.slug, one.label, "") for one in attributes],
        files=await list_attached(app, account_id, row.campaign.id),
        saved=len(await list_steps(app, account_id, row.campaign.id)),
        most_steps=MOST_STEPS,
        most_wait=MOST_WAIT,
        longest_subject=LONGEST_SUBJECT,
        longest_body=LONGEST_BODY,
        largest=LARGEST,
    )


@views.post("/campaigns/{id:int}/messages")
async def save(visit: Visit) -> Response:
    """Write all of them, and perhaps one more."""
    account_id, id_ = visit.visitor.account_id, visit.id()
    await get_row(visit)
    form = await visit.form(largest=_LARGEST_FORM)
    steps, what = _read(form), form.text("do")
    at: int | None = None
    try:
        async with visit.stores.app.write() as conn:
            await lock_draft(conn, account_id, id_)
            saved = len(await list_steps(conn, account_id, id_))
            for step in steps:
                at = step.number
                await _write(conn, account_id, id_, step, is_new=step.number >= saved)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _page(visit, steps, status=status, problem=sentence, wrong=at)
    if what == "add" and len(steps) < MOST_STEPS:
        return await _page(visit, [*steps, Step(len(steps), 3, "", "", steps[-1].format)])
    here = f"/campaigns/{id_}"
    return visit.go(f"{here}/preview" if what == "preview" else f"{here}/messages", "Saved.")


async def _write(conn: Connection, account_id: int, campaign_id: int, step: Step, *, is_new: bool) -> None:
    if is_new:
        await add_step(
            conn, account_id, campaign_id,
            subject=step.subject, body=step.body, format=step.format, wait_days=step.wait_days,
        )  # fmt: skip
    else:
        await change_step(
            conn, account_id, campaign_id, step.number,
            subject=step.subject, body=step.body, format=step.format, wait_days=step.wait_days,
        )  # fmt: skip


def _read(form: Form) -> list[Step]:
    """The messages of the form, one after the other. Too long a text is kept so long that it is seen to be too long."""
    steps: list[Step] = []
    while len(steps) < MOST_STEPS and form.has(f"body-{len(steps)}"):
        at = len(steps)
        wait = form.number(f"wait-{at}")
        steps.append(
            Step(
                at,
                min(wait, 999) if wait is not None else 0,
                form.text(f"subject-{at}", most=LONGEST_SUBJECT + 50),
                form.exact(f"body-{at}", most=LONGEST_BODY + 1).replace("\r\n", "\n").replace("\0", "\ufffd"),
                _format(form.text(f"format-{at}")),
            )
        )
    return steps or [Step(0, 0, "", "", "text")]


def _format(text: str) -> Format:
    return next((one for one in FORMATS if one == text), "text")


@views.post("/campaigns/{id:int}/messages/{number:int}/delete")
async def drop_step(visit: Visit) -> Response:
    """The last follow-up."""
    account_id, id_ = visit.visitor.account_id, visit.id()
    async with visit.stores.app.write() as conn:
        await delete_last_step(conn, account_id, id_, visit.id("number"))
    return visit.go(f"/campaigns/{id_}/messages", "The last follow-up is taken away.")


@views.post("/campaigns/{id:int}/files")
async def add_file(visit: Visit) -> Response:
    """A file that goes with a message."""
    account_id, id_ = visit.visitor.account_id, visit.id()
    await get_row(visit)
    try:
        form = await visit.form(largest=LARGEST + _ROUND_A_FILE)
        found = await form.file("file")
        if found is None:
            raise InvalidAttachment("Choose a file.")
        name, content = found
        async with visit.stores.app.write() as conn:
            await attach(
                conn, account_id, id_, form.number("step") or 0,
                file_name=name, content_type=form.file_kind("file"), body=content,
            )  # fmt: skip
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        if error.id == "payload_too_large":
            sentence = f"The file is too large: a message carries {MOST} files at most, of 5 MB together."
        steps = await list_steps(visit.stores.app, account_id, id_)
        return await _page(visit, steps, status=status, problem=sentence)
    return visit.go(f"/campaigns/{id_}/messages", "The file is attached.")


@views.post("/campaigns/{id:int}/files/{file:int}/delete")
async def drop_file(visit: Visit) -> Response:
    """Take a file away."""
    account_id, id_ = visit.visitor.account_id, visit.id()
    async with visit.stores.app.write() as conn:
        await detach(conn, account_id, id_, visit.id("file"))
    return visit.go(f"/campaigns/{id_}/messages", "The file is taken away.")
