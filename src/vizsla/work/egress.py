"""
Do we keep knocking when the trouble is ours?

The self-test of this installation: at start, every hour, and every five minutes while it is red. The pipeline asks `trouble`
before it asks a mail server; whoever comes before the first report waits for it.
"""

import asyncio
import socket
from functools import partial

from vizsla.kit.clock import Clock
from vizsla.kit.settings import Settings
from vizsla.mail.probe import Identity
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.verifier.egress import Report, State, examine_egress
from vizsla.work.workplace import Tell, Workplace

_LOOK = 60.0
"""Seconds between two looks at whether a self-test is due, or whether somebody else made one."""


def identity_of(settings: Settings) -> Identity:
    """Who we are to other people's mail servers."""
    helo = settings.helo_name or socket.getfqdn()
    return Identity(helo, settings.mail_from, settings.smtp_port, settings.egress_bind)


async def examine(settings: Settings, clock: Clock) -> Report:
    """A self-test, now."""
    async with DnsClient(settings.dns_servers) as dns:
        return await examine_egress(
            dns,
            EgressGuard(settings.egress_allow),
            identity_of(settings),
            hosts=settings.self_test_hosts,
            lists=settings.dnsbls,
            at=clock.now(),
        )


async def find_report(place: Workplace) -> Report:
    """The newest report, made now if there is none that holds."""
    return await place.way_out.look(partial(examine, place.settings, place.clock), place.clock.now())


async def find_trouble(place: Workplace) -> str:
    """Why no mail server can be asked from here, or nothing."""
    return (await find_report(place)).trouble


async def watch_egress(place: Workplace, tell: Tell, pause: float = _LOOK) -> None:
    """Keep the report new, and say when its colour changes; until cancelled."""
    before: State | None = None
    while True:
        report = await find_report(place)
        if report.state != before:
            level = "warning" if report.is_red else "info"
            checks = {check.what: f"{check.state}: {check.details}" for check in report.checks}
            tell("egress", level=level, state=report.state, before=before, **checks)
            before = report.state
        await asyncio.sleep(pause)
