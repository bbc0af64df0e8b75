"""
Which reply does a mail server give to RCPT for this address?

One session with one server, within the bounds that servers bear: one recipient in each transaction (Microsoft answers 452 to
two that are unrelated), few of them, few refusals. A session takes part in no judging: the reply comes back with the phase it
was given in, and with all that was said.
"""

import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import msgspec

from vizsla.mail.pacing import Lane, Shut
from vizsla.mail.reply import Reply
from vizsla.mail.smtp import Exchange, SmtpDialog, open_dialog, opportunistic_context
from vizsla.mail.wire import Cause, DialogBroken, Limits, Phase
from vizsla.net.guard import EgressGuard


class Identity(msgspec.Struct, frozen=True):
    """Who we are to other people's servers. Greylists know us by all of it, so it stays the same between retries."""

    helo: str
    mail_from: str
    port: int = 25
    bind: str = ""


class Probe(msgspec.Struct, frozen=True):
    """What came of asking one server about one recipient."""

    ip: str
    recipient: str
    phase: Phase | None
    """Where it was decided; `rcpt` alone can be about the mailbox. None: not asked, see *skipped*."""
    reply: Reply | None
    """None if the dialog broke, or was not begun."""
    broken: Cause | None = None
    skipped: Shut | None = None
    """Why this host is left alone for now."""
    away: bool = False
    """Whether the host cannot be reached and talked to us minutes ago: it may be restarting."""
    details: str = ""
    fresh: bool = True
    """Whether the session had not been used before."""
    secure: bool = False
    banner: str = ""
    opening: tuple[Exchange, ...] = ()
    """Banner, EHLO, STARTTLS of the session, shared by all its probes."""
    exchanges: tuple[Exchange, ...] = ()


def is_about_session(probe: Probe) -> bool:
    """Whether, on a session used before, this is about the session: it is asked again on a fresh one before it counts."""
    if probe.reply is None:
        return probe.broken != "unsupported"
    # 452 4.2.2 is a full mailbox on whatever session.
    return probe.reply.code in (421, 503) or (probe.reply.code == 452 and probe.reply.enhanced != "4.2.2")


class Opener(Protocol):
    """Connects to a server; tests and proxies bring their own."""

    async def __call__(self, ip: str, limits: Limits) -> SmtpDialog: ...


@lru_cache(1)
def _shared_context() -> ssl.SSLContext:
    return opportunistic_context()


def direct_opener(guard: EgressGuard, identity: Identity) -> Opener:
    async def opener(ip: str, limits: Limits) -> SmtpDialog:
        return await open_dialog(ip, guard=guard, port=identity.port, bind=identity.bind, limits=limits)

    return opener


class ProbeSession:
    """One connection and the probes made on it; `lane` says what is known of the host and learns from it."""

    def __init__(
        self, ip: str, host: str, lane: Lane, *, identity: Identity, limits: Limits, on_greeting: Callable[[], None]
    ) -> None:
        self.used = 0
        self.rejects = 0
        self.pipelined = False
        """Whether commands went out in a group last time."""
        self.opening: tuple[Exchange, ...] = ()
        self._ip = ip
        self._host = host
        self._lane = lane
        self._identity = identity
        self._limits = limits
        self._on_greeting = on_greeting
        self._dialog: SmtpDialog | None = None
        self._refusal: tuple[Phase, Reply] | None = None

    @property
    def spent(self) -> bool:
        """Whether the next recipient needs another session."""
        if self._dialog is None or self._dialog.ended or self._refusal:
            return True
        return self.used >= self._lane.recipients or self.rejects >= self._lane.pace.rejects

    async def open(self, opener: Opener) -> None:
        """Connect and greet. A refusal is the answer to whatever is asked next. Raises DialogBroken."""
        self._dialog = dialog = await opener(self._ip, self._limits)
        try:
            reply = await dialog.greet(self._identity.helo)
            if dialog.banner.positive:
                self._on_greeting()
            if not reply.positive:
                self._refusal = (dialog.phase, reply)
            elif self._lane.needs_tls and dialog.offers("STARTTLS"):
                await self._secure(dialog)
        finally:
            self.opening = dialog.take_log()

    async def ask(self, recipient: str) -> Probe:
        """The server's answer about *recipient*. Never raises DialogBroken: that is an answer too."""
        assert self._dialog is not None
        dialog = self._dialog
        self.used += 1
        fresh = self.used == 1
        try:
            phase, reply = self._refusal or await self._transaction(dialog, recipient, reset=not fresh)
        except DialogBroken as error:
            return self.failure(recipient, error)
        if phase == "rcpt" and not reply.positive:
            self.rejects += 1
        if 300 <= reply.code < 400:
            # No command of ours is answered so: the server has lost count, or means harm. The next one needs another session.
            dialog.abort()
        return self._probe(recipient, phase, reply)

    async def leave(self, seconds: float) -> None:
        """Say goodbye, and wait as long for the server to hang up."""
        if self._dialog is not None:
            await self._dialog.leave(seconds)
            self._dialog = None

    def abort(self) -> None:
        """Hang up, unless that was done."""
        if self._dialog is not None:
            self._dialog.abort()

    async def _transaction(self, dialog: SmtpDialog, recipient: str, *, reset: bool) -> tuple[Phase, Reply]:
        sender, pipelined = self._identity.mail_from, not self._lane.lockstep
        self.pipelined = pipelined and dialog.offers("PIPELINING")
        phase, reply = await dialog.mail_rcpt(sender, recipient, reset=reset, pipelined=pipelined)
        if wants_tls(reply) and not dialog.secure and dialog.offers("STARTTLS"):
            self._lane.needs_tls = True
            if refusal := await self._secure(dialog):
                return refusal
            # RFC 3207 4.2: the server has forgotten all that came before, the transaction too.
            return await dialog.mail_rcpt(sender, recipient, reset=False, pipelined=pipelined)
        return phase, reply

    async def _secure(self, dialog: SmtpDialog) -> tuple[Phase, Reply] | None:
        reply = await dialog.start_tls(_shared_context(), self._host)
        if reply.positive and dialog.secure:
            return None
        self._refusal = (dialog.phase, reply)
        return self._refusal

    def failure(self, recipient: str, error: DialogBroken) -> Probe:
        """The dialog broke before there was an answer for *recipient*."""
        return self._probe(recipient, error.phase, None, error.cause, error.details)

    def _probe(
        self, recipient: str, phase: Phase, reply: Reply | None, broken: Cause | None = None, details: str = ""
    ) -> Probe:
        dialog = self._dialog
        return Probe(
            ip=self._ip,
            recipient=recipient,
            phase=phase,
            reply=reply,
            broken=broken,
            details=details,
            fresh=self.used <= 1,
            secure=dialog.secure if dialog else False,
            banner=dialog.banner.text if dialog else "",
            opening=self.opening,
            exchanges=dialog.take_log() if dialog else (),
        )


def wants_tls(reply: Reply) -> bool:
    """Whether the server asks for STARTTLS first (RFC 3207 4: 530 5.7.0)."""
    if reply.code == 530 or reply.enhanced in ("5.7.10", "4.7.10"):
        return True
    return reply.enhanced in ("5.7.0", "4.7.0") and "starttls" in reply.text.casefold()
