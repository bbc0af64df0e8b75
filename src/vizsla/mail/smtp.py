"""
How is one SMTP dialog held?

RFC 5321 with PIPELINING (2920), STARTTLS (3207), AUTH (4954), SIZE (1870), 8BITMIME (6152) and SMTPUTF8 (6531), for probing and
for sending. VRFY and EXPN are never sent, DATA only by `deliver`. Every command and reply is kept as evidence. What a reply
means for an address is not judged here.
"""

import base64
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from vizsla.kit.errors import VizslaError
from vizsla.mail.mime import with_crlf
from vizsla.mail.reply import Reply
from vizsla.mail.wire import DialogBroken, Limits, Phase, Wire, connect
from vizsla.net.guard import EgressGuard

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")
_UNSAFE_QUOTED = re.compile(r"[\x00-\x1f\x7f<>\ud800-\udfff]")
_KEPT = 500


class Exchange(msgspec.Struct, frozen=True):
    """A command and its reply, as evidence."""

    command: str
    """Empty for connecting and the banner; secrets are left out."""
    code: int
    """0: there was no reply."""
    reply: str
    """With the enhanced code; without a reply, what happened instead."""
    ms: int
    """From sending the command, or the group it went out with, to its reply."""


class UnsafeAddress(VizslaError):
    """This address cannot stand in an SMTP command."""

    id = "invalid_email"


class AuthRefused(VizslaError):
    """The mail server did not take the user name and password."""

    id = "smtp_auth"

    def __init__(self, details: str, reply: Reply | None = None) -> None:
        self.reply = reply
        """None: it was not asked."""
        super().__init__(details)

    @property
    def is_temporary(self) -> bool:
        """Whether the same may be taken later (RFC 4954 6: 454)."""
        return self.reply is not None and 400 <= self.reply.code < 500


class MessageRefused(VizslaError):
    """The mail server did not take the message."""

    id = "smtp_refused"

    def __init__(self, phase: Phase, reply: Reply, recipient: str = "") -> None:
        self.phase = phase
        self.reply = reply
        self.recipient = recipient
        """Whom it refused, at `rcpt`."""
        super().__init__(said(reply))


class Withheld(VizslaError):
    """The message was called off before its end, and nobody has got it."""

    id = "smtp_withheld"


class SmtpDialog:
    """One connection to one server, used by one task. Use as an async context manager, or end with `quit` or `abort`."""

    def __init__(self, wire: Wire, limits: Limits) -> None:
        self.banner = Reply(0, "")
        self.keywords: dict[str, str] = {}
        """What EHLO offered, in capitals, with the parameters as one text. Empty after HELO."""
        self.secure_details = ""
        self._wire = wire
        self._limits = limits
        self._helo = ""
        self._log: list[Exchange] = []
        self._needs_reset = False
        self._sent_at = time.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    @property
    def phase(self) -> Phase:
        """The command in flight, or the last one that was."""
        return self._wire.phase

    @property
    def ended(self) -> bool:
        return self._wire.ended

    @property
    def is_leaving(self) -> bool:
        """Whether the server said goodbye, or anything else, without being asked: nothing can be asked any more."""
        try:
            return bool(self._wire.check_quiet())
        except DialogBroken:
            return True

    @property
    def secure(self) -> bool:
        return self._wire.secure

    @property
    def local_ip(self) -> str:
        """The address that we sent from."""
        return self._wire.local_ip

    def offers(self, keyword: str) -> bool:
        return keyword in self.keywords

    def take_log(self) -> tuple[Exchange, ...]:
        """What was said since this was last asked."""
        log, self._log = tuple(self._log), []
        return log

    # Opening

    async def greet(self, helo: str) -> Reply:
        """Hear the banner and say EHLO, HELO where that is unknown. The reply that decided: not positive if we are not wanted."""
        self.banner = await self._read("banner", "", self._limits.banner)
        if not self.banner.positive:
            return self.banner
        return await self._ehlo(helo)

    async def start_tls(self, context: ssl.SSLContext, host: str = "") -> Reply:
        """Upgrade and say EHLO again (RFC 3207 4.2), *host* being the name for SNI. The reply that decided."""
        reply = await self._command("starttls", "STARTTLS")
        if reply.code != 220:
            return reply
        self._sent_at = time.monotonic()
        try:
            await self._wire.start_tls(context, host, self._limits.reply)
        except DialogBroken as error:
            self._record("(TLS)", 0, error.details)
            raise
        self._record("(TLS)", 0, "handshake done")
        return await self._ehlo(self._helo)

    async def authenticate(self, user: str, password: str, *, in_clear: bool = False) -> None:
        """Log in with PLAIN or LOGIN. Raises AuthRefused; without TLS it needs *in_clear*."""
        mechanisms = self._mechanisms(user + password, in_clear=in_clear)
        if "PLAIN" in mechanisms:
            reply = await self._command("auth", "AUTH PLAIN " + _base64(f"\0{user}\0{password}"), "AUTH PLAIN ***")
        elif "LOGIN" in mechanisms:
            reply = await self._command("auth", "AUTH LOGIN")
            for answer in (user, password):
                if reply.code == 334:
                    reply = await self._command("auth", _base64(answer), "***")
        else:
            raise AuthRefused(
                f"The server offers neither AUTH PLAIN nor LOGIN, but {' '.join(mechanisms) or 'nothing'}."
            )
        if reply.code != 235:
            raise AuthRefused(said(reply), reply)

    async def authenticate_by_token(self, user: str, token: str, *, in_clear: bool = False) -> None:
        """Log in with an OAuth 2 access token (XOAUTH2, as Gmail and Microsoft 365 know it). Raises AuthRefused."""
        mechanisms = self._mechanisms(user + token, in_clear=in_clear)
        if "XOAUTH2" not in mechanisms:
            raise AuthRefused(f"The server does not offer AUTH XOAUTH2, but {' '.join(mechanisms) or 'nothing'}.")
        reply = await self._command("auth", "AUTH XOAUTH2 " + xoauth2(user, token), "AUTH XOAUTH2 ***")
        if reply.code == 334:
            # What is wrong with it, as JSON in base64; it wants an answer before it says 535.
            reply = await self._command("auth", "")
        if reply.code != 235:
            raise AuthRefused(said(reply), reply)

    def _mechanisms(self, secrets: str, *, in_clear: bool) -> list[str]:
        if not self.secure and not in_clear:
            raise AuthRefused("A password is not sent without TLS.")
        if "\0" in secrets or "\1" in secrets:
            raise AuthRefused("A user name or password has no control characters.")
        return self.keywords.get("AUTH", "").upper().split()

    # Transactions

    async def mail_rcpt(
        self, sender: str, recipient: str, *, reset: bool, pipelined: bool = True
    ) -> tuple[Phase, Reply]:
        """
        A transaction with one recipient and no message: the phase that decided, and its reply.

        *reset* ends the transaction before it. What is offered is used: with PIPELINING it is one write, one round trip.
        """
        parameters = ""
        if not (sender + recipient).isascii():
            if not self.offers("SMTPUTF8"):
                raise DialogBroken("mail", "unsupported", "the server does not offer SMTPUTF8 (RFC 6531)")
            parameters = " SMTPUTF8"
        commands: list[tuple[Phase, str]] = [
            ("mail", f"MAIL FROM:{path(sender)}{parameters}"),
            ("rcpt", f"RCPT TO:{path(recipient)}"),
        ]
        if reset:
            commands.insert(0, ("rset", "RSET"))
        if pipelined and self.offers("PIPELINING"):
            self._send(commands[0][0], "".join(f"{text}\r\n" for _, text in commands))
            found = await self._read_group(commands)
        else:
            for phase, text in commands:
                found = phase, await self._command(phase, text)
                if not found[1].positive:
                    break
        self._wire.check_quiet()
        return found

    async def deliver(
        self,
        sender: str,
        recipients: Sequence[str],
        message: bytes,
        *,
        before_dot: Callable[[], Awaitable[bool]] | None = None,
    ) -> Reply:
        """
        Deliver *message* to all *recipients*, or to nobody. The reply after the dot.

        *before_dot* is awaited when all but the final dot has left: if it says no, Withheld is raised and the connection dropped,
        so that the server throws away what it has (RFC 5321 4.1.1.4). Raises MessageRefused, after which the dialog goes on, or
        DialogBroken, whose `phase` tells what may have happened: at `dot` the server may have taken the message, before it cannot.
        """
        wanted = self._parameters(sender, recipients, message)
        commands: list[tuple[Phase, str, str]] = [("mail", f"MAIL FROM:{path(sender)}{wanted}", "")]
        commands += [("rcpt", f"RCPT TO:{path(recipient)}", recipient) for recipient in recipients]
        commands.append(("data", "DATA", ""))
        if self._needs_reset:
            commands.insert(0, ("rset", "RSET", ""))
        self._wire.extend(self._limits.dialog)
        self._needs_reset = True
        if refused := await self._ask_for_go_ahead(commands):
            raise refused
        self._send("body", stuffed(message))
        await self._wire.drain(self._limits.dot)
        if before_dot is not None:
            await self._ask_before_dot(before_dot)
        self._wire.extend(self._limits.dot)
        try:
            self._send("dot", b".\r\n")
        except DialogBroken as error:
            # It was not written: what the server has, it throws away.
            raise DialogBroken("body", error.cause, error.details) from None
        reply = await self._read("dot", "(message)", self._limits.dot)
        if not reply.positive:
            raise self._refusal("dot", reply)
        self._needs_reset = False
        return reply

    async def _ask_for_go_ahead(self, commands: Sequence[tuple[Phase, str, str]]) -> MessageRefused | None:
        """
        Say all up to DATA, in one group where PIPELINING is offered: one round trip. The first refusal, if there is one.

        RFC 2920 3.1 lets DATA stand in the group; a server may then say 354 though somebody was refused. A dot would end that,
        and give an empty message to whoever was not refused: so the connection is dropped instead. Postfix, Exim and Exchange
        answer 503 or 554 where nobody is left, so it costs a connection only where one of several is refused.
        """
        pipelined = self.offers("PIPELINING")
        if pipelined:
            self._send(commands[0][0], "".join(f"{text}\r\n" for _, text, _ in commands))
        refused: MessageRefused | None = None
        for phase, text, recipient in commands:
            if not pipelined:
                self._send(phase, f"{text}\r\n")
            try:
                reply = await self._read(phase, text, self._limits.reply)
            except DialogBroken:
                # "421 go away" and a closed door: the first says what the second means.
                if refused:
                    break
                raise
            if reply.code < 400 and (reply.code == 354) != (phase == "data"):
                # Somebody else's answer: from here on nobody can tell whose is whose.
                self.abort()
                raise DialogBroken(phase, "unsolicited", f"{reply.code} is no answer to it")
            if reply.code == 354 and refused:
                self.abort()
            elif reply.code >= 400 and refused is None:
                refused = self._refusal(phase, reply, recipient)
                if not pipelined:
                    break
        return refused

    def _refusal(self, phase: Phase, reply: Reply, recipient: str = "") -> MessageRefused:
        if reply.code == 421:
            # RFC 5321 3.8: it hangs up.
            self.quit()
        return MessageRefused(phase, reply, recipient)

    async def _ask_before_dot(self, before_dot: Callable[[], Awaitable[bool]]) -> None:
        try:
            may_leave = await before_dot()
        except BaseException:
            self.abort()
            raise
        if not may_leave:
            self.abort()
            raise Withheld

    def quit(self) -> None:
        """Say goodbye and hang up without waiting for the answer."""
        self._wire.close(b"QUIT\r\n")

    async def leave(self, seconds: float) -> None:
        """Say goodbye and hang up once the server has, or after *seconds*: until then we are on its count."""
        await self._wire.leave(b"QUIT\r\n", seconds)

    def abort(self) -> None:
        self._wire.abort()

    async def _read_group(self, commands: Sequence[tuple[Phase, str]]) -> tuple[Phase, Reply]:
        decisive: tuple[Phase, Reply] | None = None
        for phase, text in commands:
            try:
                answer = (phase, await self._read(phase, text, self._limits.reply))
            except DialogBroken:
                # "554 go away" and a closed door: the first says what the second means.
                if decisive is None:
                    raise
                return decisive
            if decisive is None and not answer[1].positive:
                # What stands behind a refusal is its echo ("503 need MAIL first").
                decisive = answer
        return decisive or answer

    def _parameters(self, sender: str, recipients: Sequence[str], message: bytes) -> str:
        wanted = ""
        limit = self.keywords.get("SIZE", "")
        if "SIZE" in self.keywords:
            if limit.isdecimal() and 0 < int(limit[:18]) < len(message):
                raise MessageRefused("mail", Reply(552, f"{len(message)} octets; the server takes {limit}", "5.3.4"))
            wanted += f" SIZE={len(message)}"
        if not message.isascii():
            if not self.offers("8BITMIME"):
                raise MessageRefused(
                    "mail", Reply(554, "the message has 8-bit octets, and 8BITMIME is not offered", "5.6.3")
                )
            wanted += " BODY=8BITMIME"
        if not all(address.isascii() for address in (sender, *recipients)):
            if not self.offers("SMTPUTF8"):
                raise DialogBroken("mail", "unsupported", "the server does not offer SMTPUTF8 (RFC 6531)")
            wanted += " SMTPUTF8"
        return wanted

    async def _ehlo(self, helo: str) -> Reply:
        if _UNSAFE.search(helo) or not helo:
            raise UnsafeAddress(
                f"{helo!r} is not a name to greet with. Set VIZSLA_HELO_NAME to this machine's host name."
            )
        self._helo = helo
        self.keywords = {}
        reply = await self._command("ehlo", f"EHLO {helo}")
        if reply.positive:
            self.keywords = parse_keywords(reply)
            return reply
        # RFC 5321 3.2: only who does not know EHLO is asked in the old way. A 421 or 554 is an answer.
        return await self._command("helo", f"HELO {helo}") if reply.code in (500, 501, 502, 504) else reply

    async def _command(self, phase: Phase, text: str, shown: str = "") -> Reply:
        self._send(phase, f"{text}\r\n")
        return await self._read(phase, shown or text, self._limits.reply)

    def _send(self, phase: Phase, text: str | bytes) -> None:
        self._sent_at = time.monotonic()
        try:
            self._wire.write(phase, text.encode() if isinstance(text, str) else text)
        except DialogBroken as error:
            self._record(f"({phase} not sent)", 0, error.details)
            raise

    async def _read(self, phase: Phase, shown: str, seconds: float) -> Reply:
        try:
            reply = await self._wire.read(phase, seconds)
        except DialogBroken as error:
            self._record(shown, 0, error.details)
            raise
        self._record(shown, reply.code, f"{reply.enhanced} {reply.text}" if reply.enhanced else reply.text)
        return reply

    def _record(self, command: str, code: int, reply: str) -> None:
        self._log.append(Exchange(command, code, reply[:_KEPT], round((time.monotonic() - self._sent_at) * 1000)))


async def open_dialog(
    ip: str, *, guard: EgressGuard, port: int = 25, bind: str = "", limits: Limits | None = None
) -> SmtpDialog:
    """A dialog with the server at *ip*, nothing said yet. Raises DialogBroken."""
    limits = limits or Limits()
    return SmtpDialog(await connect(ip, port, guard=guard, bind=bind, limits=limits), limits)


def opportunistic_context() -> ssl.SSLContext:
    """
    TLS with whoever answers: a probe sends nothing worth reading, and old servers are not worth losing.

    Make one and share it; loading one for each connection costs more than the dialog.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def path(address: str) -> str:
    """*address* in angle brackets; empty is the null path. Raises UnsafeAddress for what would break out of a command."""
    unsafe = _UNSAFE_QUOTED if address.startswith('"') else _UNSAFE
    if len(address) > 320 or unsafe.search(address):
        raise UnsafeAddress(f"{address[:80]!r} cannot stand in an SMTP command.")
    return f"<{address}>"


def parse_keywords(reply: Reply) -> dict[str, str]:
    """The service extensions in the reply to EHLO, its first line left out."""
    keywords: dict[str, str] = {}
    for line in reply.lines[1:]:
        name, _, parameters = line.partition(" ")
        if name.upper().startswith("AUTH="):
            # Servers of the nineties, still copied.
            name, parameters = "AUTH", f"{name[5:]} {parameters}"
        if name:
            keywords[name.upper()] = f"{keywords.get(name.upper(), '')} {parameters}".strip()
    return keywords


def stuffed(message: bytes) -> bytes:
    """*message* ready for DATA, the final dot left out: every line ends with CRLF, and no line of it can end the message."""
    # A lone CR or LF is an end of line to some servers (SMTP smuggling), so it must be one to all.
    body = with_crlf(message)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b"\n." in body:
        body = body.replace(b"\r\n.", b"\r\n..")
    return b"." + body if body.startswith(b".") else body


def said(reply: Reply) -> str:
    """*reply* in one line: `550 5.1.1 User unknown`."""
    return " ".join(f"{reply.code} {reply.enhanced or ''} {reply.text}".split())


def xoauth2(user: str, token: str) -> str:
    """What proves an OAuth 2 access *token* to SMTP and IMAP servers, in base64."""
    return _base64(f"user={user}\1auth=Bearer {token}\1\1")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
