"""A mailbox is read by IMAP: what is new, nothing else, nothing changed, and no server makes it wait or fill up."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from vizsla.mail import imap
from vizsla.mail.imap import Fetched, Folder, MailboxBroken, MailboxSession
from vizsla.mail.server import Credentials, Server
from vizsla.net.guard import EgressGuard, EgressRefused
from worlds.imap import Mailbox, serving

GUARD = EgressGuard(["127.0.0.0/8"])
LOGIN = Credentials("alice@sender.test", password="secret")
MAIL = b"From: bob@target.test\r\nMessage-ID: <%d@target.test>\r\nSubject: hi\r\n\r\nhello\r\n"


async def within(
    box: Mailbox,
    act: Callable[[MailboxSession], Any],
    *,
    credentials: Credentials = LOGIN,
    tls: ssl.SSLContext | None = None,
    security: Any = "none",
    host: str = "mx.test",
) -> Any:
    """What *act* finds in *box*, in a thread as the loop has it."""
    trusting = ssl.create_default_context()
    if tls is not None:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    def run(port: int) -> Any:
        with MailboxSession.open(
            Server(host, port, security), "127.0.0.1", credentials, GUARD, context=trusting
        ) as session:
            return act(session)

    async with serving(box, tls=tls, starts_tls=security == "starttls") as port:
        return await asyncio.to_thread(run, port)


def everything(session: MailboxSession) -> tuple[Folder, list[Fetched]]:
    folder = session.examine("INBOX")
    return folder, list(session.fetch(session.list_after(0)))


@pytest.mark.parametrize("security", ["none", "tls", "starttls"])
async def test_new_mails_are_read_and_nothing_is_changed(security: str, certificate: ssl.SSLContext) -> None:
    box = Mailbox()
    box.capabilities += " STARTTLS"
    for number in range(3):
        box.deliver(MAIL % number, at=1_795_424_400 + number)

    tls = certificate if security != "none" else None
    folder, mails = await within(box, everything, tls=tls, security=security)

    assert folder == Folder(7, 4)
    assert mails == [Fetched(number + 1, 1_795_424_400 + number, MAIL % number) for number in range(3)]
    assert box.changes == 0


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: ssl.SSLContext) -> None:
    def run(port: int) -> None:
        with pytest.raises(MailboxBroken, match="certificate is not valid"):
            MailboxSession.open(Server("mx.test", port), "127.0.0.1", LOGIN, GUARD)

    async with serving(Mailbox(), tls=certificate) as port:
        await asyncio.to_thread(run, port)


@pytest.mark.parametrize(
    "credentials",
    [
        LOGIN,
        Credentials("alice@sender.test", password="pässwörd"),
        Credentials("alice@sender.test", access_token="ya29"),
    ],
)
async def test_each_way_to_log_in(credentials: Credentials) -> None:
    box = Mailbox()
    box.password = credentials.password or "other"

    await within(box, everything, credentials=credentials)


async def test_login_is_used_where_nothing_else_is_offered() -> None:
    box = Mailbox()
    box.capabilities = "IMAP4rev1"

    await within(box, everything)

    assert any(command.startswith("LOGIN") for command in box.commands)


async def test_a_login_that_is_refused_is_a_persons_business() -> None:
    with pytest.raises(MailboxBroken, match="refused the login") as caught:
        await within(Mailbox(), everything, credentials=Credentials("alice@sender.test", password="old"))

    assert caught.value.is_final


def test_a_private_address_is_not_dialled() -> None:
    with pytest.raises(EgressRefused):
        MailboxSession.open(Server("mx.test", 993), "127.0.0.1", LOGIN, EgressGuard())


async def test_the_last_mail_is_not_taken_for_a_new_one() -> None:
    box = Mailbox()
    uid = box.deliver(MAIL % 1)

    def look(session: MailboxSession) -> list[int]:
        session.examine("INBOX")
        return session.list_after(uid)

    assert await within(box, look) == []


async def test_of_a_large_mail_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "LARGEST_MAIL", 1_000)
    monkeypatch.setattr(imap, "LARGEST_BATCH", 6_000)
    box = Mailbox()
    for number in range(7):
        box.deliver(MAIL % number + b"x" * 100_000)

    _, mails = await within(box, everything)

    assert [len(one.raw) for one in mails] == [1_000] * 7
    assert sum(command.startswith("UID FETCH") and "BODY" in command for command in box.commands) == 4


async def test_copies_of_our_own_are_found_by_their_name() -> None:
    box = Mailbox()
    box.deliver(b"Message-ID: <c1.r2.s0.abcd2345@sender.test>\r\n\r\nhello")
    box.deliver(b"Message-ID: <c1.r2.s0.abcd2345@sender.test.evil>\r\n\r\nhello")

    def look(session: MailboxSession) -> tuple[str | None, set[str]]:
        session.examine("INBOX")
        return session.find_sent_folder(), session.find_ids(
            ["c1.r2.s0.abcd2345@sender.test", "c1.r3.s0.abcd2345@sender.test"]
        )

    assert await within(box, look) == ("Sent", {"c1.r2.s0.abcd2345@sender.test"})


async def test_who_waits_is_told_when_a_mail_comes() -> None:
    box = Mailbox()

    def wait(session: MailboxSession) -> tuple[bool, list[int]]:
        session.examine("INBOX")
        return session.idle(20), session.list_after(0)

    waiting = asyncio.create_task(within(box, wait))
    await box.wait_for_idle()
    box.deliver(MAIL % 1)

    assert await waiting == (True, [1])


async def test_who_waits_in_vain_waits_no_longer_than_told() -> None:
    def wait(session: MailboxSession) -> tuple[bool, list[int]]:
        session.examine("INBOX")
        return session.idle(0.05), session.list_after(0)

    assert await within(Mailbox(), wait) == (False, [])


async def test_a_thread_that_waits_can_be_called_off() -> None:
    box, sessions = Mailbox(), list[MailboxSession]()

    def wait(session: MailboxSession) -> None:
        sessions.append(session)
        session.examine("INBOX")
        session.idle(60)

    waiting = asyncio.create_task(within(box, wait))
    await box.wait_for_idle()
    sessions[0].interrupt()

    with pytest.raises(MailboxBroken):
        await waiting


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("EXAMINE", b""),
        ("EXAMINE", b"* OK [UIDVALIDITY nonsense] x\r\nTAG OK done\r\n"),
        ("EXAMINE", b"TAG NO there is no such folder\r\n"),
        ("EXAMINE", b"\xff\xfe\x00\r\n" * 100),
        ("UID SEARCH", b"* SEARCH one two\r\nTAG OK done\r\n"),
        ("UID SEARCH", b"* SEARCH " + b"1 " * 600_000 + b"\r\nTAG OK done\r\n"),
        ("UID FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE {99999999999}\r\n"),
        ("UID FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE 10\r\nTAG OK done\r\n"),
        ("UID FETCH", b"* 1 FETCH " + b"(" * 5_000 + b"\r\nTAG OK done\r\n"),
        ("UID FETCH", b"* 1 EXISTS\r\n" * 900_000),
        ("AUTHENTICATE", b"* BYE go away\r\n"),
        ("CAPABILITY", b"\x00" * 2_000_000),
    ],
)
async def test_what_a_broken_server_says_is_trouble_and_no_more(command: str, said: bytes) -> None:
    box = Mailbox()
    box.deliver(MAIL % 1)
    box.breaks[command] = said

    with pytest.raises(MailboxBroken):
        await within(box, everything)


async def test_a_server_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "_SECONDS", 0.2)
    box = Mailbox()
    box.is_silent_at = "EXAMINE"

    with pytest.raises(MailboxBroken, match="does not answer"):
        await within(box, everything)
