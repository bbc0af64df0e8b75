"""What people answer is shown in threads, without what it quotes and what could hurt; and is answered in the thread, once."""

from email import message_from_bytes
from email.policy import default

import pytest

from vizsla.accounts.store import Member
from vizsla.campaigns import inbox, replies
from vizsla.campaigns.cleaning import answer_of, clean_html
from vizsla.campaigns.compose import Writer
from vizsla.campaigns.facts import Ground
from vizsla.campaigns.incoming import Arrived, take_in
from vizsla.campaigns.sending import Session
from vizsla.kit.settings import Settings
from vizsla.mail.inbound import read_inbound
from vizsla.mail.server import Server
from vizsla.mail.submission import Submission
from vizsla.net.guard import EgressGuard
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work.replies import send_replies
from vizsla.work.workplace import Workplace
from worlds.campaign import SECRET, SENDER, SENT_AT, TOKENS, World, make_world
from worlds.smtp import AcceptsAll, smtp
from worlds.smtp import Session as Peer

CLAIMS = Claims(SECRET)
NOW = SENT_AT + 900


@pytest.fixture
async def world(stores: Stores, owner: Member) -> World:
    return await make_world(stores, owner)


async def come(
    world: World, recipient_id: int, text: str, *headers: str, uid: int = 1, who: str = "bob@target.test"
) -> None:
    name = TOKENS.message_name(world.account_id, 901, recipient_id, 0, "sender.test")
    lines = [
        f"From: Bob <{who}>",
        "Subject: Re: A question",
        f"Message-ID: <{uid}@target.test>",
        f"In-Reply-To: <{name}>",
    ]
    raw = "\r\n".join([*lines, *headers, "", text]).encode()
    arrived = Arrived(world.account_id, SENDER, "INBOX", 7, uid, SENT_AT + 60 * uid)
    async with world.stores.app.write() as conn:
        await take_in(conn, Ground(world.stores.index, CLAIMS), TOKENS, arrived, read_inbound(raw, "alice@sender.test"))


async def answer(world: World, body: str, inbound_id: int | None = None) -> int:
    if inbound_id is None:
        inbound_id = (await inbox.list_threads(world.stores.app, world.account_id))[0].inbound_id
    async with world.stores.app.write() as conn:
        return await replies.write_reply(
            conn, CLAIMS, world.account_id, member_id=1, inbound_id=inbound_id, body=body, now=NOW
        )


async def test_a_thread_is_what_both_sides_said(world: World) -> None:
    app, mine = world.stores.app, world.account_id
    await come(world, 1, "Tell me more.\r\n\r\n-- \r\nBob")
    await come(world, 2, "I am away.", "Auto-Submitted: auto-replied", uid=2, who="carol@target.test")
    await come(world, 1, "Well?", uid=3)
    await answer(world, "On Monday.")

    lines = await inbox.list_threads(app, mine)
    assert [(line.recipient_id, line.text, line.unread, line.label) for line in lines] == [
        (1, "Well?", 2, None),
        (2, "I am away.", 1, "out_of_office"),
    ]
    thread = await inbox.get_thread(app, mine, 1)
    assert [(entry.direction, entry.text, entry.state) for entry in thread.entries] == [
        ("sent", "Hello", "sent"),
        ("came", "Tell me more.", "human"),
        ("came", "Well?", "human"),
        ("answered", "On Monday.", "waiting"),
    ]
    assert (thread.email, thread.campaign, thread.sending_status) == ("bob@target.test", "Roofs", "replied")
    assert [line.recipient_id for line in await inbox.list_threads(app, mine, show="out_of_office")] == [2]
    assert await inbox.count_unread(app, mine) == 2


async def test_what_was_read_is_no_news_and_labels_are_of_a_list(world: World) -> None:
    app, mine = world.stores.app, world.account_id
    await come(world, 1, "Yes")
    line = (await inbox.list_threads(app, mine))[0]
    async with app.write() as conn:
        assert await inbox.mark_read(conn, mine, 1, NOW) == 1
        assert await inbox.mark_read(conn, mine, 1, NOW) == 0
        await inbox.put_label(conn, mine, line.inbound_id, "interested")
        with pytest.raises(inbox.WrongLabel):
            await inbox.put_label(conn, mine, line.inbound_id, "hot")
    assert await inbox.list_threads(app, mine, show="unread") == []
    assert [line.label for line in await inbox.list_threads(app, mine, show="interested")] == ["interested"]
    async with app.write() as conn:
        await inbox.mark_unread(conn, mine, 1)
    assert await inbox.count_unread(app, mine) == 1


async def test_another_account_sees_and_changes_nothing(world: World) -> None:
    app, other = world.stores.app, world.account_id + 1
    await come(world, 1, "Yes")
    line = (await inbox.list_threads(app, world.account_id))[0]

    assert await inbox.list_threads(app, other) == []
    with pytest.raises(inbox.ThreadNotFound):
        await inbox.get_thread(app, other, 1)
    async with app.write() as conn:
        assert await inbox.mark_read(conn, other, 1, NOW) == 0
        with pytest.raises(inbox.ThreadNotFound):
            await inbox.put_label(conn, other, line.inbound_id, None)
        with pytest.raises(replies.ReplyNotFound):
            await replies.write_reply(conn, CLAIMS, other, member_id=1, inbound_id=line.inbound_id, body="x", now=NOW)


HOSTILE = """
<p onclick="x()">Hi <script>alert(1)</script><img src="https://track.test/p.gif"><a href="javascript:x()">a</a>
<a href="https://ok.test" style="x">b</a><iframe src="https://x"></iframe><style>p{background:url(https://x)}</style>
<form action="https://x"><input name="password"></form><svg onload="x()"></svg><b>bold</b></p><base href="https://evil.test/">
"""


def test_of_html_nothing_is_left_that_runs_or_loads() -> None:
    clean = clean_html(HOSTILE).lower()

    for word in (
        "script",
        "img",
        "onclick",
        "onload",
        "javascript",
        "iframe",
        "style",
        "form",
        "input",
        "svg",
        "base",
        "track.test",
    ):
        assert word not in clean, word
    assert '<a href="https://ok.test" target="_blank" rel="noopener noreferrer nofollow">b</a>' in clean
    assert "<b>bold</b>" in clean


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, Nov 23, 2026 at 9:00 AM Alice <alice@sender.test> wrote:\n> Hello\n> Bob",
        "On Mon, Nov 23, 2026 at 9:00 AM Alice Example\n<alice@sender.test> wrote:\n> Hello",
        "Am 23.11.2026 um 09:00 schrieb Alice:\n> Hallo",
        "Le lun. 23 nov. 2026 à 09:00, Alice <alice@sender.test> a écrit :\n> Bonjour".replace(" :", ":"),
        "-----Original Message-----\nFrom: Alice\nSent: Monday\nHello",
        "________________________________\nFrom: Alice <alice@sender.test>\nSent: Monday\nTo: Bob\nSubject: A question\n\nHello",
        "Von: Alice\nGesendet: Montag\nAn: Bob\nBetreff: Frage\n\nHallo",
        "> Hello\n> Bob",
        "-- \nBob Stone\n+1 555 0100",
    ],
)
def test_what_is_quoted_is_cut(quoted: str) -> None:
    assert answer_of(f"Yes, please.\n\nCall me: Monday.\n\n{quoted}\n") == "Yes, please.\n\nCall me: Monday."


def test_answers_between_the_lines_are_kept() -> None:
    assert answer_of("> How many?\nTen.\n> When?\nMonday.") == "Ten.\nMonday."
    assert answer_of("From: my side all is well\nBye") == "From: my side all is well\nBye"


class Clock:
    def now(self) -> int:
        return NOW


class Peers:
    """Sessions with a server on loopback."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def mark(self, account_id: int, sender_id: int) -> object:
        return None

    async def open(self, account_id: int, sender_id: int) -> Session:
        guard = EgressGuard(["127.0.0.0/8"])
        submission = await Submission.open(Server("127.0.0.1", self.port, "none"), None, guard, "vizsla.test")
        return Session(submission, Writer("alice@sender.test", "Alice", "Alice Example"), None)


async def send(world: World, settings: Settings, script: AcceptsAll) -> list[bytes]:
    """Send what waits to a server that does as *script* says; what it got."""
    place = Workplace(settings, world.stores, SECRET, Clock())

    def tell(event: str, *, level: str = "info", **values: object) -> None: ...

    async with smtp(script) as server:
        await send_replies(place, "worker", tell, senders=Peers(server.port))
        return [message for session in server.sessions for message in session.data]


async def test_an_answer_leaves_in_its_thread_and_once(world: World, settings: Settings) -> None:
    await come(world, 1, "Tell me more.")
    await answer(world, "On Monday.\n.\nAlice")

    got = await send(world, settings, AcceptsAll()) + await send(world, settings, AcceptsAll())

    assert len(got) == 1
    mail = message_from_bytes(got[0], policy=default)
    first = TOKENS.message_name(world.account_id, 901, 1, 0, "sender.test")
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "bob@target.test",
        "Alice <alice@sender.test>",
        "Re: A question",
    )
    assert (mail["In-Reply-To"], mail["References"]) == ("<1@target.test>", f"<{first}> <1@target.test>")
    assert await world.rows("SELECT sent_at, due, trouble FROM reply") == [(NOW, None, None)]


class DiesAfterTheDot(AcceptsAll):
    async def message(self, session: Peer, message: bytes) -> None:
        session.hang_up()


class PutsOff(AcceptsAll):
    async def recipient(self, session: Peer, address: str) -> None:
        await session.say("450 4.2.1 try again later")


class Refuses(AcceptsAll):
    async def recipient(self, session: Peer, address: str) -> None:
        await session.say("550 5.1.1 no such user")


@pytest.mark.parametrize(
    ("script", "due", "says"),
    [
        (DiesAfterTheDot(), None, "not known"),
        (PutsOff(), NOW + 60, "try again later"),
        (Refuses(), None, "no such user"),
    ],
)
async def test_what_did_not_leave_for_sure_says_so(
    world: World, settings: Settings, script: AcceptsAll, due: int | None, says: str
) -> None:
    await come(world, 1, "Tell me more.")
    reply_id = await answer(world, "On Monday.")

    await send(world, settings, script)

    row = (await world.rows("SELECT sent_at, due, trouble FROM reply"))[0]
    assert row[:2] == (None, due)
    assert says in row[2]
    if due is None:
        async with world.stores.app.write() as conn:
            await replies.send_again(conn, world.account_id, reply_id, NOW)
        assert len(await send(world, settings, AcceptsAll())) == 1


async def test_who_wants_no_more_is_not_answered(world: World) -> None:
    await come(world, 1, "Please unsubscribe me")

    with pytest.raises(replies.WrongReply, match="unsubscribed"):
        await answer(world, "But why?")
    for body, says in (("  \n", "Write something"), ("x" * 50_001, "50,000")):
        with pytest.raises(replies.WrongReply, match=says):
            await come(world, 3, "Yes", uid=9, who="dave@other.test")
            await answer(world, body)


async def test_what_strangers_write_into_headers_breaks_no_answer(world: World, settings: Settings) -> None:
    await come(world, 1, "Hi", "References: <a@b> <\u20ac> <x y@z>", "X: y")
    async with world.stores.app.write() as conn:
        await conn.execute(
            statement("UPDATE inbound SET subject = :subject, message_id = :name"),
            {"subject": "Re: a\r\nBcc: eve@evil.test", "name": "x>\r\nBcc: <eve@evil.test"},
        )
    await answer(world, "Fine.")

    got = await send(world, settings, AcceptsAll())

    assert len(got) == 1
    assert message_from_bytes(got[0], policy=default)["Bcc"] is None


def test_an_answer_has_one_re() -> None:
    assert replies.answering("A question") == "Re: A question"
    assert replies.answering("RE: A question") == "RE: A question"
    assert replies.answering("AW: A question") == "AW: A question"
    assert replies.answering("") == "Re:"
