"""
How are messages handed to the mail server of a person's account?

One session for many messages (RFC 6409): logged in once, MAIL, RCPT and DATA in one round trip, and no word between two messages.
TLS is verified. What can go wrong says at which command, so that whoever sends knows whether the message may have left.
"""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from vizsla.mail.reply import Reply
from vizsla.mail.server import (
    SMTP_PORTS,
    Credentials,
    Server,
    WrongServer,
    check_address,
    find_addresses,
    verifying_context,
)
from vizsla.mail.smtp import AuthRefused, Exchange, MessageRefused, SmtpDialog, Withheld
from vizsla.mail.wire import DialogBroken, Limits, Wire, connect
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard

__all__ = ["AuthRefused", "Broken", "Refused", "Submission", "Withheld", "WrongServer"]

Refused = MessageRefused
"""The server said no at `phase`, with `reply`. The session goes on, but after 421."""
Broken = DialogBroken
"""The session came to an end at `phase`, from `cause`: at `dot` the message may have left, at any other it has not."""
SUBMISSION_LIMITS = Limits(connect=15.0, banner=60.0, reply=60.0, dialog=300.0, dot=600.0)


class Submission:
    """A session with one account's server. A single task uses it; it ends with `close` or `abort`."""

    def __init__(self, dialog: SmtpDialog) -> None:
        self._dialog = dialog
        self.delivered = 0
        """Messages that the server took in this session."""

    @classmethod
    async def open(
        cls,
        server: Server,
        credentials: Credentials | None,
        guard: EgressGuard,
        helo: str = "",
        limits: Limits = SUBMISSION_LIMITS,
        *,
        dns: DnsClient | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Self:
        """
        Connect, greet, encrypt and log in. *helo* is our name, empty: our address. *context* is there for tests.

        Raises WrongServer, where it leads nowhere we may go; Broken; Refused; AuthRefused.
        """
        wire = await _reach(server, guard, limits, dns)
        dialog = SmtpDialog(wire, limits)
        context = context or verifying_context()
        try:
            if server.security == "tls":
                await wire.start_tls(context, server.host, limits.reply)
            await _introduce(dialog, server, helo, context)
            if credentials is not None:
                # Clear text was allowed for this address, or there is none.
                await _log_in(dialog, credentials, in_clear=server.security == "none")
        except BaseException:
            dialog.abort()
            raise
        return cls(dialog)

    @property
    def is_open(self) -> bool:
        """Whether another message can be tried in this session."""
        return not (self._dialog.ended or self._dialog.is_leaving)

    @property
    def is_secure(self) -> bool:
        return self._dialog.secure

    def take_log(self) -> tuple[Exchange, ...]:
        """What was said about the last message, without secrets."""
        return self._dialog.take_log()

    async def deliver(
        self,
        mail_from: str,
        recipients: Sequence[str],
        message: bytes,
        *,
        before_dot: Callable[[], Awaitable[bool]] | None = None,
    ) -> Reply:
        """
        Deliver to all *recipients*, or to nobody; the server's reply after the dot.

        *before_dot* is awaited after 354 and the body, just before the final dot: if it is False nobody gets the message, the
        connection is dropped, and Withheld raised; what it raises comes out alike. Raises Refused, Broken, and UnsafeAddress.
        """
        self._dialog.take_log()
        try:
            reply = await self._dialog.deliver(mail_from, recipients, message, before_dot=before_dot)
        except DialogBroken:
            self._dialog.abort()
            raise
        self.delivered += 1
        return reply

    async def close(self) -> None:
        """Say goodbye, and hang up within two seconds."""
        await self._dialog.leave(2.0)

    def abort(self) -> None:
        """Hang up at once."""
        self._dialog.abort()


async def _reach(server: Server, guard: EgressGuard, limits: Limits, dns: DnsClient | None) -> Wire:
    broken: DialogBroken | None = None
    for ip in (await find_addresses(server.host, dns))[:4]:
        check_address(server, ip, SMTP_PORTS, guard)
        try:
            return await connect(ip, server.port, guard=guard, limits=limits)
        except DialogBroken as error:
            broken = error
    raise broken or WrongServer


async def _introduce(dialog: SmtpDialog, server: Server, helo: str, context: ssl.SSLContext) -> None:
    reply = await dialog.greet(helo or _literal(dialog.local_ip))
    if not reply.positive:
        raise MessageRefused(dialog.phase, reply)
    if server.security == "starttls":
        if not dialog.offers("STARTTLS"):
            raise DialogBroken("starttls", "unsupported", "the server does not offer STARTTLS")
        reply = await dialog.start_tls(context, server.host)
        if not reply.positive:
            raise MessageRefused(dialog.phase, reply)


async def _log_in(dialog: SmtpDialog, credentials: Credentials, *, in_clear: bool) -> None:
    if credentials.access_token:
        await dialog.authenticate_by_token(credentials.login, credentials.access_token, in_clear=in_clear)
    elif credentials.password:
        await dialog.authenticate(credentials.login, credentials.password, in_clear=in_clear)


def _literal(ip: str) -> str:
    """*ip* as who has no name greets with (RFC 5321 4.1.3)."""
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"
