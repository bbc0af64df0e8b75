"""A small internet on loopback: a DNS, mail servers of all kinds on one port, and an installation that verifies."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from api.conftest import Moment
from vizsla.finder.email_verifier import begin, find_answered, read_address
from vizsla.kit.settings import Settings
from vizsla.mail.wire import Limits
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.verifier.evidence import Trail
from vizsla.verifier.store import Verification, get_verification, show_trail
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Workplace
from worlds.dns import World, dns
from worlds.smtp import Script, Server, smtp
from worlds.told import Told

IMPATIENT = Limits(connect=1.0, banner=0.6, reply=0.6, dialog=5.0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Internet:
    """Domains and their mail servers."""

    def __init__(self, dns_world: World, stack: AsyncExitStack) -> None:
        self.dns = dns_world
        self.port = _free_port()
        self.servers: dict[str, Server] = {}
        self._stack = stack
        self._hosts = 1

    async def domain(self, name: str, *scripts: Script | None) -> None:
        """*name* with a mail server for each script, best first; None is a host where nothing listens."""
        self.dns.zone(name)
        for number, script in enumerate(scripts):
            self._hosts += 1
            ip, exchanger = f"127.0.{self._hosts // 250}.{self._hosts % 250}", f"mx{number}.{name}"
            self.dns.add(name, "MX", (10 * number, exchanger))
            self.dns.add(exchanger, "A", ip)
            if script is not None:
                server = await self._stack.enter_async_context(smtp(script, ip, self.port))
                self.servers[name if not number else exchanger] = server


class House:
    """An installation on that internet."""

    def __init__(self, place: Workplace, internet: Internet, clock: Moment) -> None:
        self.place = place
        self.net = internet
        self.clock = clock
        self.told = Told()

    async def verify(self, *emails: str) -> Verification:
        """Ask about *emails* and work off what is due; the last one as it is then."""
        await self.ask(*emails)
        await self.work()
        address = read_address(emails[-1])
        found = await find_answered(self.place.stores.app, address, self.clock.at)
        assert found is not None
        return found

    async def ask(self, *emails: str) -> None:
        async with self.place.stores.app.write() as conn:
            for email in emails:
                await begin(conn, read_address(email), per_domain=100_000, now=self.clock.at)

    async def work(self) -> None:
        async with self.working() as verifying:
            await verifying.work_off()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Verifying]:
        """A worker with a pipeline of its own."""
        settings = msgspec.structs.replace(
            self.place.settings, dns_servers=(self.net.dns.server,), smtp_port=self.net.port
        )
        place = msgspec.structs.replace(self.place, settings=settings)
        async with open_pipeline(place, limits=IMPATIENT) as pipeline:
            yield Verifying(place, pipeline, self.told)
        assert self.told.lines == []

    async def trail(self, verification: Verification) -> Trail:
        return await show_trail(self.place.stores.app, verification.id)

    async def reload(self, verification: Verification) -> Verification:
        found = await get_verification(self.place.stores.app, verification.id)
        assert found is not None
        return found


@pytest.fixture
def dialect() -> str:
    """What is found out does not depend on where it is kept."""
    return "sqlite"


@pytest.fixture
async def house(stores: Stores, settings: Settings) -> AsyncIterator[House]:
    clock = Moment()
    settings = msgspec.structs.replace(
        settings,
        probe=True,
        egress_allow=("127.0.0.0/8",),
        helo_name="probe.vizsla.test",
        mail_from="probe@vizsla.test",
    )
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(dns())
        # We are who we say: the self-test lets us ask.
        world.add("probe.vizsla.test", "A", "127.0.0.1")
        world.add("1.0.0.127.in-addr.arpa", "PTR", "probe.vizsla.test")
        place = Workplace(settings, stores, find_secret(settings), clock)
        yield House(place, Internet(world, stack), clock)
