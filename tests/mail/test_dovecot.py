"""What our own mailbox of tests cannot show: a real server's answers."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vizsla.mail.imap import MailboxSession
from vizsla.mail.server import Credentials, Server
from vizsla.net.guard import EgressGuard
from worlds.dovecot import deliver, dovecot, find_dovecot

needs_dovecot = pytest.mark.skipif(
    find_dovecot() is None,
    reason="NO DOVECOT, so no real IMAP server was tried: install dovecot-imapd",
)
MAIL = b"From: bob@target.test\r\nMessage-ID: <c1.r%d.s0.abcd2345@sender.test>\r\nSubject: hi\r\n\r\nhello\r\n"


@pytest.fixture
def maildir() -> Iterator[tuple[MailboxSession, Path]]:
    with dovecot(password="pässwörd") as (port, folder):
        deliver(folder, "1.a.host", MAIL % 1)
        deliver(folder, "2.b.host", MAIL % 2)
        server, login = Server("127.0.0.1", port, "none"), Credentials("alice@sender.test", password="pässwörd")
        with MailboxSession.open(server, "127.0.0.1", login, EgressGuard(["127.0.0.0/8"])) as session:
            yield session, folder


@needs_dovecot
def test_a_real_mailbox_is_read_and_nothing_in_it_changes(maildir: tuple[MailboxSession, Path]) -> None:
    session, folder = maildir

    found = session.examine("INBOX")
    mails = list(session.fetch(session.list_after(0)))

    assert [one.raw for one in mails] == [MAIL % 1, MAIL % 2]
    assert found.uidnext == 3
    assert session.list_after(2) == []
    assert session.list_since(mails[0].at) == [1, 2]
    assert session.find_ids(["c1.r2.s0.abcd2345@sender.test", "c1.r9.s0.abcd2345@sender.test"]) == {
        "c1.r2.s0.abcd2345@sender.test"
    }
    # Read-only: no mail was moved out of `new`, and none has a flag.
    assert sorted(path.name for path in (folder / "new").iterdir()) == ["1.a.host", "2.b.host"]


@needs_dovecot
def test_a_real_server_tells_of_a_mail_that_comes(maildir: tuple[MailboxSession, Path]) -> None:
    session, folder = maildir
    session.examine("INBOX")
    coming = threading.Timer(0.3, deliver, (folder, "3.c.host", MAIL % 3))
    coming.start()

    assert session.can_idle
    assert session.idle(30)
    session.examine("INBOX")
    assert session.list_after(2) == [3]
    coming.join()
