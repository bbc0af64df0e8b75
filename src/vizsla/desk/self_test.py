"""How is the self-test of the way to other people's mail servers made with the settings as they are?"""

import socket

from vizsla.kit.clock import Clock
from vizsla.kit.settings import Settings
from vizsla.mail.probe import Identity
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.verifier.egress import Report, examine_egress


def identity_of(settings: Settings) -> Identity:
    """Who we are to other people's mail servers."""
    helo = settings.helo_name or socket.getfqdn()
    return Identity(helo, settings.mail_from, settings.smtp_port, settings.egress_bind)


async def examine(settings: Settings, clock: Clock) -> Report:
    """A self-test, now. Takes half a minute at most."""
    async with DnsClient(settings.dns_servers) as dns:
        return await examine_egress(
            dns,
            EgressGuard(settings.egress_allow),
            identity_of(settings),
            hosts=settings.self_test_hosts,
            lists=settings.dnsbls,
            at=clock.now(),
        )
