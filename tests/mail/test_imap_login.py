"""A look into a mailbox says which folders there are, or where it ended; nothing of it is read."""

import ssl

import pytest
from clients import LOOPBACK

from vizsla.mail.imap_login import Mailbox as Found
from vizsla.mail.imap_login import MailboxTrouble, look_into
from vizsla.mail.server import Credentials, Server, WrongServer
from vizsla.net.guard import EgressGuard
from worlds.imap_login import Mailbox, imap

ADA = Credentials("ada", password="s3cret")
FOUND = Found(("INBOX", "Gesendete Elemente", 'a "quoted" one'), "Gesendete Elemente")


async def look(world: Mailbox, credentials: Credentials = ADA, security: str = "none", **options: object) -> Found:
    server = Server("127.0.0.1", world.port, security)  # type: ignore[arg-type]
    return await look_into(server, credentials, LOOPBACK, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("credentials", "capabilities"),
    [
        (ADA, "AUTH=PLAIN"),
        (ADA, "IMAP4rev1"),
        (Credentials("ada", access_token="t0ken"), "AUTH=PLAIN AUTH=XOAUTH2"),
    ],
)
async def test_a_login_shows_the_folders(credentials: Credentials, capabilities: str) -> None:
    world = Mailbox()
    world.capabilities = capabilities
    async with imap(world):
        assert await look(world, credentials) == FOUND
    assert not {"SELECT", "EXAMINE", "FETCH", "STORE"} & set(world.commands)


@pytest.mark.parametrize(
    ("credentials", "capabilities", "says"),
    [
        (Credentials("ada", password="wrong"), "AUTH=PLAIN", "AUTHENTICATIONFAILED"),
        (Credentials("ada", password="wrong"), "", "AUTHENTICATIONFAILED"),
        (Credentials("ada", access_token="old"), "AUTH=XOAUTH2", "AUTHENTICATIONFAILED"),
        (Credentials("ada", access_token="t0ken"), "AUTH=PLAIN", "does not offer AUTH=XOAUTH2"),
        (ADA, "LOGINDISABLED", "does not offer AUTH=PLAIN"),
        (Credentials("ada", password='x"\r\nA LOGOUT'), "", "ASCII"),
    ],
)
async def test_a_refused_login_is_told_with_the_words_of_the_server(
    credentials: Credentials, capabilities: str, says: str
) -> None:
    world = Mailbox()
    world.capabilities = capabilities
    async with imap(world):
        with pytest.raises(MailboxTrouble, match=says) as trouble:
            await look(world, credentials)
    assert trouble.value.phase == "login"
    assert "LOGOUT" not in world.commands


async def test_the_certificate_is_verified_before_anything_is_said(certificate: ssl.SSLContext) -> None:
    for security, tls in (("tls", certificate), ("starttls", None)):
        world = Mailbox(certificate)
        async with imap(world, tls):
            with pytest.raises(MailboxTrouble) as trouble:
                await look(world, security=security)
        assert trouble.value.phase == "tls"
        assert not world.secrets
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    world = Mailbox(certificate)
    async with imap(world):
        assert await look(world, security="starttls", context=trusting) == FOUND


@pytest.mark.parametrize(
    ("greeting", "flood", "phase"),
    [
        (b"", False, "banner"),
        (b"* BYE full\r\n", False, "banner"),
        (b"* " + b"x" * 100_000, False, "banner"),
        (b"* OK\r\n", True, "list"),
    ],
)
async def test_a_mailbox_that_is_silent_or_never_stops_is_left(greeting: bytes, flood: bool, phase: str) -> None:
    world = Mailbox()
    world.greeting, world.flood = greeting, flood
    async with imap(world):
        with pytest.raises(MailboxTrouble) as trouble:
            await look(world, seconds=0.3)
    assert trouble.value.phase == phase


async def test_it_leads_into_no_private_network() -> None:
    async with imap(Mailbox()) as world:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(WrongServer, match="private"):
                await look_into(Server(host, world.port), ADA, EgressGuard())
    assert not world.commands
