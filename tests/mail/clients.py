"""Clients that tests of the SMTP dialog share, with a guard that lets loopback through and little patience."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vizsla.mail.pool import Judge, ProbePool, judge_by_code
from vizsla.mail.probe import Identity
from vizsla.mail.smtp import SmtpDialog, open_dialog
from vizsla.mail.wire import Limits
from vizsla.net.guard import EgressGuard

LOOPBACK = EgressGuard(("127.0.0.0/8",))
QUICK = Limits(connect=2.0, banner=0.4, reply=0.4, dialog=5.0, dot=0.4)


@asynccontextmanager
async def dialog(port: int, limits: Limits = QUICK) -> AsyncIterator[SmtpDialog]:
    async with await open_dialog("127.0.0.1", guard=LOOPBACK, port=port, limits=limits) as opened:
        yield opened


@asynccontextmanager
async def pool(port: int, judge: Judge = judge_by_code, sessions: int = 100) -> AsyncIterator[ProbePool]:
    identity = Identity("probe.vizsla.test", "verify@vizsla.test", port)
    made = ProbePool(identity, LOOPBACK, judge=judge, sessions=sessions)
    try:
        yield made
    finally:
        await made.close()
        assert made.sessions == 0
