"""
How do people look after the mail accounts that their campaigns send from?

The same for both doors: what each has sent today, whether it works, and where it may lead. Secrets go in here, and never out.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from vizsla.campaigns.presets import Preset, preset_for
from vizsla.campaigns.sender_checks import Finding, Means, check_health, test_sender
from vizsla.campaigns.senders import (
    Draft,
    Secrets,
    Sender,
    WrongSender,
    cap_of,
    check_draft,
    create_sender,
    dkim_key_of,
    get_sender,
    list_senders,
    open_secrets,
    resume_sender,
    sent_on,
    update_sender,
)
from vizsla.campaigns.window import local_day
from vizsla.desk.asking import Asker
from vizsla.desk.services import Services
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail
from vizsla.mail.server import IMAP_PORTS, SMTP_PORTS, check_server
from vizsla.mail.xoauth2 import Tokens
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient
from vizsla.storage.database import Reader

_testing = asyncio.Semaphore(8)
"""Tests that run at one time: each may hold connections for a minute."""
_GUESSING = 4.0
"""Seconds that a form waits for DNS."""


class Overview(msgspec.Struct, frozen=True):
    """A sending account, and its day."""

    sender: Sender
    cap_today: int
    """With the ramp."""
    sent_today: int

    @property
    def is_warming(self) -> bool:
        """Whether the ramp keeps it under its cap."""
        return self.cap_today < self.sender.daily_cap


class Checked(msgspec.Struct, frozen=True):
    """What a test found."""

    connection: Sequence[Finding]
    health: Sequence[Finding]

    @property
    def works(self) -> bool:
        """Whether it can send and listen."""
        return all(finding.look != "bad" for finding in self.connection)


async def overview_of(reader: Reader, sender: Sender, now: int) -> Overview:
    """*sender* with its day."""
    cap = cap_of(sender, local_day(now, sender.window.timezone))
    return Overview(sender, cap, await sent_on(reader, sender, now))


async def list_overviews(reader: Reader, account_id: int, now: int, *, limit: int, offset: int) -> list[Overview]:
    """The account's senders with their day, the newest first."""
    found = await list_senders(reader, account_id, limit=limit, offset=offset)
    return [await overview_of(reader, sender, now) for sender in found]


async def suggest(services: Services, email: str) -> Preset:
    """The likeliest servers of an address. Raises WrongSender if it is none."""
    try:
        domain = parse_email(email).domain
    except InvalidEmail:
        raise WrongSender("Give the e-mail address that messages are from, such as ada@example.com.") from None
    hosts: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GUESSING), DnsClient(services.settings.dns_servers) as dns:
            hosts = [record.value for record in (await dns.ask(domain, "MX")).records]
    return preset_for(email, hosts)


async def add_sender(asker: Asker, draft: Draft, secrets: Secrets, *, member_id: int, secret: bytes) -> Sender:
    """A new sending account. Raises WrongSender, WrongServer, WrongWindow."""
    draft = _checked(asker.services, draft)
    async with asker.services.stores.app.write() as conn:
        return await create_sender(
            conn, asker.caller.account_id, member_id, draft, secrets, secret=secret, now=asker.now
        )


async def change_sender(
    asker: Asker, sender_id: int, draft: Draft, secrets: Secrets | None, *, secret: bytes
) -> Sender:
    """Change a sending account; None as *secrets* keeps them. Raises as `add_sender`, and SenderNotFound."""
    draft = _checked(asker.services, draft)
    async with asker.services.stores.app.write() as conn:
        return await update_sender(
            conn, asker.caller.account_id, sender_id, draft, secrets, secret=secret, now=asker.now
        )


async def check_sender(asker: Asker, sender_id: int, *, secret: bytes) -> Checked:
    """
    Log in to its servers and ask DNS of its domain; an account in error that works goes on sending.

    Raises SenderNotFound, SecretsLost, TooFast.
    """
    services, account_id = asker.services, asker.caller.account_id
    sender = await get_sender(services.stores.app, account_id, sender_id)
    secrets = open_secrets(sender.sealed, secret)
    pem = dkim_key_of(sender, secret)
    await asker.keep_pace("verify", "/senders/test")
    settings = services.settings
    async with _testing, DnsClient(settings.dns_servers) as dns, HttpClient(settings) as http:
        tokens = Tokens(http, services.clock)
        means = Means(EgressGuard(settings.egress_allow), dns, tokens, settings.helo_name)
        connection, health = await asyncio.gather(
            test_sender(sender, secrets, means), check_health(sender, dns, dkim_pem=pem)
        )
    checked = Checked(connection, health)
    if checked.works and sender.state == "error":
        async with services.stores.app.write() as conn:
            await resume_sender(conn, account_id, sender_id, asker.now)
    return checked


def _checked(services: Services, draft: Draft) -> Draft:
    """What can be told before connecting; where a name leads is judged when it is dialled."""
    draft, guard = check_draft(draft), EgressGuard(services.settings.egress_allow)
    check_server(draft.smtp, SMTP_PORTS, guard)
    if draft.imap is not None:
        check_server(draft.imap, IMAP_PORTS, guard)
    return draft
