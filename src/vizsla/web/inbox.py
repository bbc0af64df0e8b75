"""
What came back, and what is answered?

A thread is opened by looking at it, and read by saying so: looking changes nothing. What others wrote is shown as text, or in a frame in
which nothing runs and nothing is loaded.
"""

from urllib.parse import urlencode

from starlette.responses import Response

from vizsla.campaigns.by_hand import RESUMABLE, resume_by_hand, stop_by_hand
from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.inbox import (
    LABELS,
    Label,
    Thread,
    count_unread,
    get_thread,
    list_threads,
    mark_read,
    mark_unread,
    put_label,
)
from vizsla.campaigns.recipients import get_recipient
from vizsla.campaigns.replies import LONGEST, WrongReply, send_again, write_reply
from vizsla.campaigns.senders import SenderNotFound, get_sender
from vizsla.kit.errors import VizslaError
from vizsla.web.campaign_recipients import WHY
from vizsla.web.letters import frame
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 30
_LARGEST_FORM = 500_000
WORDS: dict[Label, str] = {
    "out_of_office": "out of office",
    "unsubscribe": "unsubscribe",
    "interested": "interested",
    "not_interested": "not interested",
}
assert set(WORDS) == set(LABELS)
_TABS = {"all": "Answers", "unread": "Unread", "reports": "With bounces"}


@views.get("/inbox")
async def show_inbox(visit: Visit) -> Response:
    """Threads, the newest answer first."""
    app, account_id = visit.stores.app, visit.visitor.account_id
    show = next((one for one in (*_TABS, *LABELS) if one == visit.query("show")), "all")
    offset = visit.count("offset", most=100_000)
    found = await list_threads(
        app, account_id, show=show, with_reports=show == "reports", limit=_PAGE + 1, offset=offset
    )  # fmt: skip

    def at(where: int) -> str:
        return f"/inbox?{urlencode({'show': show, 'offset': where})}"

    return visit.page(
        "inbox.html",
        threads=found[:_PAGE],
        show=show,
        tabs=_TABS,
        words=WORDS,
        unread=await count_unread(app, account_id),
        before=at(max(0, offset - _PAGE)) if offset else "",
        after=at(offset + _PAGE) if len(found) > _PAGE else "",
    )


@views.get("/inbox/{id:int}")
async def show_thread(visit: Visit) -> Response:
    """All that went to and fro with one recipient."""
    return await _thread(visit)


async def _thread(visit: Visit, *, status: int = 200, problem: str = "", typed: str = "") -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    thread = await get_thread(app, account_id, visit.id())
    who = await get_recipient(app, account_id, thread.campaign_id, thread.recipient_id)
    sender = None
    if who.sender_id is not None:
        try:
            sender = await get_sender(app, account_id, who.sender_id)
        except SenderNotFound:
            sender = None
    campaign = await get_campaign(app, account_id, thread.campaign_id)
    return visit.page(
        "thread.html",
        status=status,
        problem=problem,
        typed=typed,
        thread=thread,
        who=who,
        answerable=_answerable(thread),
        is_resumable=who.state == "stopped" and who.stop_reason in RESUMABLE and campaign.archived_at is None,
        sender=sender,
        campaign=campaign,
        at=f"/inbox/{thread.recipient_id}",
        words=WORDS,
        why=WHY,
        frame=frame,
        longest=LONGEST,
    )


def _answerable(thread: Thread) -> int | None:
    """The last mail of a person or of their machine, which is answered and labelled; None if there is none."""
    came = (
        one.id for one in reversed(thread.entries) if one.direction == "came" and one.state in ("human", "automatic")
    )
    return next(came, None)


@views.post("/inbox/{id:int}/reply")
async def answer(visit: Visit) -> Response:
    """In the thread, from the account that was written to. It is sent in a moment."""
    app, account_id, id_ = visit.stores.app, visit.visitor.account_id, visit.id()
    typed = (await visit.form(largest=_LARGEST_FORM)).exact("body", most=LONGEST + 1).replace("\0", "\ufffd")
    answered = _answerable(await get_thread(app, account_id, id_))
    try:
        if answered is None:
            raise WrongReply("Nothing has come that could be answered.")
        async with app.write() as conn:
            await write_reply(
                conn, visit.house.services.claims, account_id,
                member_id=visit.visitor.member_id, inbound_id=answered, body=typed, now=visit.now,
            )  # fmt: skip
            await mark_read(conn, account_id, id_, visit.now)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _thread(visit, status=status, problem=sentence, typed=typed)
    return visit.go(f"/inbox/{id_}", "Your answer is on its way.")


@views.post("/inbox/{id:int}/replies/{reply:int}/again")
async def repeat(visit: Visit) -> Response:
    """An answer that did not leave, once more."""
    id_ = visit.id()
    async with visit.stores.app.write() as conn:
        await send_again(conn, visit.visitor.account_id, visit.id("reply"), visit.now)
    return visit.go(f"/inbox/{id_}", "It is sent once more.")


@views.post("/inbox/{id:int}/read")
async def note_read(visit: Visit) -> Response:
    """Seen; undone by the button beside the note."""
    id_ = visit.id()
    await get_thread(visit.stores.app, visit.visitor.account_id, id_)
    async with visit.stores.app.write() as conn:
        await mark_read(conn, visit.visitor.account_id, id_, visit.now)
    return visit.go("/inbox", "Marked as read.", undo=f"/inbox/{id_}/unread")


@views.post("/inbox/{id:int}/unread")
async def note_unread(visit: Visit) -> Response:
    """To be looked at again."""
    async with visit.stores.app.write() as conn:
        await mark_unread(conn, visit.visitor.account_id, visit.id())
    return visit.go("/inbox", "Marked as unread.")


@views.post("/inbox/{id:int}/label")
async def label_it(visit: Visit) -> Response:
    """What the last answer is."""
    id_, word = visit.id(), (await visit.form()).text("label")
    label = next((one for one in LABELS if one == word), None)
    app, account_id = visit.stores.app, visit.visitor.account_id
    labelled = _answerable(await get_thread(app, account_id, id_))
    if labelled is not None:
        async with app.write() as conn:
            await put_label(conn, account_id, labelled, label)
    return visit.go(f"/inbox/{id_}", "The label is saved.")


@views.post("/inbox/{id:int}/stop")
async def stop(visit: Visit) -> Response:
    """Nothing more to them from the campaign."""
    id_ = visit.id()
    async with visit.stores.app.write() as conn:
        await stop_by_hand(conn, visit.visitor.account_id, id_, visit.now)
    return visit.go(f"/inbox/{id_}", "The campaign sends them nothing more.", undo=f"/inbox/{id_}/resume")


@views.post("/inbox/{id:int}/resume")
async def resume(visit: Visit) -> Response:
    """Let the campaign go on with them."""
    id_ = visit.id()
    try:
        async with visit.stores.app.write() as conn:
            await resume_by_hand(conn, visit.visitor.account_id, id_, visit.now)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _thread(visit, status=status, problem=sentence)
    return visit.go(f"/inbox/{id_}", "The campaign goes on with them.")
