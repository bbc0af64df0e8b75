"""
What came back, and what is answered?

A thread is opened by looking at it, and read by saying so: looking changes nothing. What others wrote is shown as text, or in a frame in
which nothing runs and nothing is loaded.
"""

from urllib.parse import urlencode

from starlette.responses import Response

from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.senders import SenderNotFound, get_sender
from vizsla.campaigns.threads import (
    LABELS,
    Label,
    Which,
    count_unread,
    get_thread,
    list_threads,
    mark_read,
    mark_unread,
    put_label,
    resume_by_hand,
    stop_by_hand,
)
from vizsla.kit.errors import VizslaError
from vizsla.web.campaign_recipients import WHY
from vizsla.web.letters import frame
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 30
WORDS: dict[Label, str] = {
    "out_of_office": "out of office",
    "unsubscribe": "unsubscribe",
    "interested": "interested",
    "not_interested": "not interested",
}
assert set(WORDS) == set(LABELS)
_TABS: dict[Which, str] = {"answers": "Answers", "unread": "Unread", "returned": "Bounces and complaints"}


@views.get("/inbox")
async def show_inbox(visit: Visit) -> Response:
    """Threads, the newest answer first."""
    app, account_id = visit.stores.app, visit.visitor.account_id
    which: Which = next((one for one in _TABS if one == visit.query("show")), "answers")
    label = next((one for one in LABELS if one == visit.query("label")), None)
    offset = visit.count("offset", most=100_000)
    found = await list_threads(app, account_id, which=which, label=label, limit=_PAGE + 1, offset=offset)
    kept = {name: word for name, word in (("show", which), ("label", label or "")) if word and word != "answers"}

    def at(where: int) -> str:
        return f"/inbox?{urlencode({**kept, 'offset': where})}"

    return visit.page(
        "inbox.html",
        threads=found[:_PAGE],
        which=which,
        label=label,
        tabs=_TABS,
        words=WORDS,
        unread=await count_unread(app, account_id),
        before=at(max(0, offset - _PAGE)) if offset else "",
        after=at(offset + _PAGE) if len(found) > _PAGE else "",
        this=at(offset),
    )


@views.get("/inbox/{id:int}")
async def show_thread(visit: Visit) -> Response:
    """All that went to and fro with one recipient."""
    return await _thread(visit)


async def _thread(visit: Visit, *, status: int = 200, problem: str = "", typed: str = "") -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    thread = await get_thread(app, account_id, visit.id())
    sender = None
    if thread.who.sender_id is not None:
        try:
            sender = await get_sender(app, account_id, thread.who.sender_id)
        except SenderNotFound:
            sender = None
    return visit.page(
        "thread.html",
        status=status,
        problem=problem,
        typed=typed,
        thread=thread,
        who=thread.who,
        sender=sender,
        campaign=await get_campaign(app, account_id, thread.who.campaign_id),
        at=f"/inbox/{thread.recipient_id}",
        words=WORDS,
        why=WHY,
        frame=frame,
    )


@views.post("/inbox/{id:int}/read")
async def note_read(visit: Visit) -> Response:
    """Seen; undone by the button beside the note."""
    id_ = visit.id()
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
    async with visit.stores.app.write() as conn:
        await put_label(conn, visit.visitor.account_id, id_, label)
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
