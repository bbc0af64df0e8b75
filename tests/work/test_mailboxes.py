"""What comes to a sender's mailbox changes what is sent: once, whatever becomes of the mailbox, the server or the one who listens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from accounts.conftest import owner
from vizsla.accounts.store import Member
from vizsla.campaigns.mailboxes import LOOKS_BACK, Box, Start, plan
from vizsla.campaigns.sender_checks import Means
from vizsla.campaigns.senders import Secrets, seal_secrets
from vizsla.kit.settings import Settings
from vizsla.mail.imap import Folder
from vizsla.net.guard import EgressGuard
from vizsla.privacy.claims import LiveClaims
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work import mailboxes
from vizsla.work.mailboxes import Listening
from vizsla.work.workplace import Workplace
from worlds.campaign import CAMPAIGN, SECRET, SENDER, SENT_AT, TOKENS, World, make_world
from worlds.imap import Mailbox, serving

__all__ = ["owner"]
GOLDEN = Path(__file__).parents[1] / "golden/mail"
_SET = statement("UPDATE sender SET imap = :imap, sealed = :sealed WHERE account_id = :account_id AND id = :id")
_LISTEN = statement("""
    INSERT INTO mailbox (account_id, sender_id, folder, last_uid, due, attempt) VALUES (:account_id, :id, 'INBOX', 0, 0, 0)
""")
_DUE = statement("UPDATE mailbox SET due = 0")


class Clock:
    def now(self) -> int:
        return SENT_AT + 86_400


class Listener:
    """A worker, and the mailbox it listens to."""

    def __init__(self, world: World, box: Mailbox, listening: Listening, told: list[dict[str, Any]]) -> None:
        self.world, self.box, self.told = world, box, told
        self.listening = listening

    async def until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        for _ in range(500):
            if await is_so():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(self.told)

    async def read_all(self) -> None:
        """Listen until all is read that there is."""

        async def is_read() -> bool:
            rows = await self.world.rows("SELECT last_uid, uidvalidity FROM mailbox")
            return rows[0] == (self.box.uidnext - 1, self.box.uidvalidity)

        async with self.world.stores.app.write() as conn:
            await conn.execute(_DUE)
        running = asyncio.create_task(self.listening.run())
        try:
            await self.until(is_read)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def kept(self) -> list[tuple[Any, ...]]:
        return await self.world.rows("SELECT kind, recipient_id, label FROM inbound ORDER BY id")


@pytest.fixture
async def listener(
    stores: Stores, owner: Member, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    monkeypatch.setattr(mailboxes, "LOOK", 0.02)
    world, box, told = await make_world(stores, owner), Mailbox(), list[dict[str, Any]]()
    async with serving(box) as port:
        imap = msgspec.json.encode({"host": "127.0.0.1", "port": port, "security": "none"}).decode()
        async with stores.app.write() as conn:
            values = {"account_id": world.account_id, "id": SENDER}
            await conn.execute(
                _SET, {**values, "imap": imap, "sealed": seal_secrets(Secrets(password="secret"), SECRET)}
            )
            await conn.execute(_LISTEN, values)
        place = Workplace(settings, stores, SECRET, Clock())
        means = Means(EgressGuard(["127.0.0.0/8"]))

        def tell(event: str, *, level: str = "info", **more: object) -> None:
            told.append({"event": event, "level": level, **more})

        def make() -> Listener:
            return Listener(world, box, Listening(place, LiveClaims(stores.app, SECRET), means, tell), told)

        yield make


def name_of(recipient_id: int, step: int = 0, account_id: int = 1) -> str:
    return TOKENS.message_name(account_id, CAMPAIGN, recipient_id, step, "sender.test")


def answer(
    world: World, recipient_id: int, *headers: str, who: str = "bob@target.test", text: str = "Yes!", n: int = 1
) -> bytes:
    to = f"In-Reply-To: <{name_of(recipient_id, account_id=world.account_id)}>"
    lines = [
        f"From: {who}",
        "To: alice@sender.test",
        "Subject: Re: A question",
        f"Message-ID: <{n}.{recipient_id}@x.test>",
        to,
    ]
    return "\r\n".join(
        [*lines, *headers, "", text, "", "On Mon, Nov 23 2026, Alice <alice@sender.test> wrote:", "> Hello"]
    ).encode()


def report(world: World, recipient_id: int, golden: str = "postfix_unknown_user", name: str = "") -> bytes:
    raw = (GOLDEN / f"{golden}.eml").read_bytes()
    return raw.replace(
        b"c7.r9.s0.abcd2345@sender.test", (name or name_of(recipient_id, account_id=world.account_id)).encode()
    )


async def statuses(world: World) -> list[Any]:
    return [row[0] for row in await world.rows("SELECT sending_status FROM recipient ORDER BY id")]


async def test_each_kind_of_mail_does_what_it_means(listener: Callable[[], Listener]) -> None:
    one = listener()
    world, box = one.world, one.box
    box.deliver(b"From: mum@home.test\r\nSubject: Dinner\r\n\r\nOn Sunday?")
    box.deliver(answer(world, 1))
    box.deliver(answer(world, 2, "Auto-Submitted: auto-replied", who="carol@target.test", text="I am away."))
    box.deliver(report(world, 3).replace(b"bob@target.test", b"dave@other.test"))

    await one.read_all()

    assert await statuses(world) == ["replied", "pending", "bounced"]
    assert await one.kept() == [("human", 1, None), ("automatic", 2, "out_of_office"), ("bounce", 3, None)]
    assert await world.rows("SELECT text FROM inbound WHERE recipient_id = 1") == [("Yes!",)]
    assert await world.row("recipient", 2, "due") == (SENT_AT + 3 * 86_400,)
    assert box.changes == 0
    assert [line for line in one.told if line["level"] != "info"] == []


@pytest.mark.parametrize("name", ["c901.r3.s0.aaaaaaaa@sender.test", "c901.r3.s0@sender.test", "<script>"])
async def test_a_report_that_nobody_but_us_could_not_have_written_does_nothing(
    listener: Callable[[], Listener], name: str
) -> None:
    one = listener()
    raw = report(one.world, 3, name=name).replace(b"bob@target.test", b"dave@other.test")
    one.box.deliver(raw)
    one.box.deliver(raw.replace(b"To: alice@sender.test", b"To: alice+b.aaaaaaaaaaaaaaaaaaaaaaaaaaaa@sender.test"))

    await one.read_all()

    assert await statuses(one.world) == [None, None, None]
    assert await one.kept() == []
    assert await one.world.rows("SELECT 1 FROM suppression") == []


async def test_the_envelope_sender_of_a_message_tells_which_came_back(listener: Callable[[], Listener]) -> None:
    one = listener()
    path = TOKENS.return_path("alice@sender.test", one.world.account_id, 13)
    one.box.deliver(
        report(one.world, 3, name="gone@x.test").replace(
            b"Delivered-To: alice@sender.test", f"Delivered-To: {path}".encode()
        )
    )

    await one.read_all()

    assert (await statuses(one.world))[2] == "bounced"


async def test_who_answers_without_saying_what_is_known_by_who_and_what_about(listener: Callable[[], Listener]) -> None:
    one = listener()
    one.box.deliver(b"From: bob@target.test\r\nSubject: AW: A question\r\n\r\nYes")
    one.box.deliver(b"From: carol@target.test\r\nSubject: Something else\r\n\r\nHi")
    one.box.deliver(b"From: eve@target.test\r\nSubject: Re: A question\r\n\r\nHi")

    await one.read_all()

    assert await statuses(one.world) == ["replied", None, None]


async def test_unsubscribe_in_an_answer_and_by_mailto(listener: Callable[[], Listener]) -> None:
    one = listener()
    token = TOKENS.unsubscribe_token(one.world.account_id, 3, "dave@other.test")
    one.box.deliver(answer(one.world, 1, text="Please unsubscribe me"))
    one.box.deliver(f"From: whoever@x.test\r\nSubject: unsubscribe {token}\r\n\r\n".encode())
    one.box.deliver(f"From: whoever@x.test\r\nSubject: unsubscribe {token[:-4]}AAAA\r\n\r\n".encode())

    await one.read_all()

    assert await statuses(one.world) == ["unsubscribed", None, "unsubscribed"]
    assert await one.kept() == [("human", 1, "unsubscribe"), ("human", 3, "unsubscribe")]


async def test_a_mailbox_that_was_restored_is_read_anew_and_nothing_counts_twice(
    listener: Callable[[], Listener],
) -> None:
    one = listener()
    one.box.deliver(b"From: mum@home.test\r\n\r\nx")
    one.box.deliver(answer(one.world, 1))
    await one.read_all()
    before = await one.world.rows("SELECT dedupe, at FROM event")

    # Under a new name, and with a mail that came while nobody listened.
    one.box.restore(8)
    one.box.deliver(answer(one.world, 3, who="dave@other.test"))
    await listener().read_all()

    assert await statuses(one.world) == ["replied", None, "replied"]
    assert await one.kept() == [("human", 1, None), ("human", 3, None)]
    assert before[0] in await one.world.rows("SELECT dedupe, at FROM event")

    # By a server that forgot to give it one: its numbers are lower than what was read.
    del one.box.mails[3], one.box.mails[1]
    one.box.restore(8)
    one.box.deliver(report(one.world, 2).replace(b"bob@target.test", b"carol@target.test"))
    assert one.box.uidnext == 3
    await listener().read_all()
    assert (await statuses(one.world))[1] == "bounced"


async def test_a_mail_is_heard_of_while_it_comes(listener: Callable[[], Listener]) -> None:
    one = listener()
    running = asyncio.create_task(one.listening.run())
    await one.box.wait_for_idle()
    one.box.deliver(answer(one.world, 1))

    async def is_stopped() -> bool:
        return (await statuses(one.world))[0] == "replied"

    await one.until(is_stopped)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await one.world.rows("SELECT due, trouble FROM mailbox") == [(SENT_AT + 86_400, None)]


async def test_a_mail_that_cannot_be_taken_in_stands_in_nobodys_way(
    listener: Callable[[], Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = listener()
    taken = mailboxes.take_in

    async def stumble(conn: Any, ground: Any, tokens: Any, arrived: Any, inbound: Any) -> Any:
        if inbound.subject == "Trap":
            raise LookupError("a mail of a new kind")
        return await taken(conn, ground, tokens, arrived, inbound)

    monkeypatch.setattr(mailboxes, "take_in", stumble)
    one.box.deliver(b"From: x@x.test\r\nSubject: Trap\r\n\r\nx")
    one.box.deliver(answer(one.world, 1))

    await one.read_all()

    assert (await statuses(one.world))[0] == "replied"
    assert "mail_failed" in {line["event"] for line in one.told}


async def test_a_password_that_changed_is_said_and_asked_for_an_hour_later(listener: Callable[[], Listener]) -> None:
    one = listener()
    one.box.password = "new"
    running = asyncio.create_task(one.listening.run())

    async def is_said() -> bool:
        return (await one.world.rows("SELECT trouble FROM mailbox"))[0][0] is not None

    await one.until(is_said)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    rows = await one.world.rows("SELECT trouble, due FROM mailbox")
    assert "refused the login" in rows[0][0]
    assert rows[0][1] == SENT_AT + 86_400 + 3_600
    assert "secret" not in str(one.told)


def test_from_where_it_is_read_on() -> None:
    box, now = Box(1, 2, "INBOX", 7, 20, False, "w", 1), 100 * 86_400
    assert plan(box, Folder(7, 30), 0, now) == Start("uid", 20)
    assert plan(box, Folder(7, 21), 0, now) == Start("uid", 20)
    assert plan(box, Folder(7, 20), 0, now) == Start("day", now - LOOKS_BACK)
    assert plan(box, Folder(8, 30), 0, now) == Start("day", now - LOOKS_BACK)
    assert plan(box, Folder(8, 30), now - 5, now) == Start("day", now - 5)
    assert plan(msgspec.structs.replace(box, uidvalidity=None), Folder(7, 30), 5, now) == Start("day", 5)
