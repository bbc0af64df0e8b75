"""From a request to other people's mail servers and back: who waits, who does not, who is not flooded."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest

from api.conftest import PLENTY, Api, Reply
from vizsla.mail.wire import Limits
from vizsla.storage.secret import find_secret
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Workplace
from worlds.dns import World, dns
from worlds.smtp import Greylists, Replies, Script, Server, Tarpit, smtp


class Net:
    """`good.test`, `tarpit.test`, `grey.test`, `broken.test`, and what their servers saw."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers: dict[str, Server] = {}


@pytest.fixture
async def net(api: Api) -> AsyncIterator[Net]:
    scripts = {"good": Script(), "tarpit": Tarpit(), "grey": Greylists(), "broken": Replies("rcpt", b"eh?\r\n")}
    services = api.app.services
    services.patience = 1.5
    for account_id in (1, 2):
        await api.plan(account_id, rate_verify=PLENTY)
    async with dns() as world, asyncio.TaskGroup() as group:
        made, port, stops = Net(world), 0, []
        world.add("probe.vizsla.test", "A", "127.0.0.1")
        world.add("1.0.0.127.in-addr.arpa", "PTR", "probe.vizsla.test")
        for number, (name, script) in enumerate(scripts.items(), 20):
            world.zone(f"{name}.test")
            world.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
            world.add(f"mx.{name}.test", "A", f"127.0.0.{number}")
            running = smtp(script, f"127.0.0.{number}", port)
            made.servers[name] = await running.__aenter__()
            port = made.servers[name].port
            stops.append(running)
        services.settings = msgspec.structs.replace(
            services.settings,
            probe=True,
            egress_allow=("127.0.0.0/8",),
            dns_servers=(world.server,),
            smtp_port=port,
            helo_name="probe.vizsla.test",
            mail_from="probe@vizsla.test",
        )
        place = Workplace(
            services.settings, services.stores, find_secret(services.settings), api.clock, services.waiting
        )
        async with open_pipeline(place, limits=Limits(banner=3.0, reply=3.0)) as pipeline:
            working = group.create_task(Verifying(place, pipeline, lambda *_, **__: None).run())
            yield made
            working.cancel()
        for running in stops:
            await running.__aexit__(None, None, None)


async def ask(api: Api, email: str, key: str | None = None) -> Reply:
    return await api("GET", f"/v2/email-verifier?email={email}", key=key or api.a)


async def used(api: Api) -> int:
    reply = await api("GET", "/v2/account", key=api.a)
    return int(reply.body["data"]["requests"]["verifications"]["used"])


async def test_a_tarpit_is_a_202_at_the_end_of_our_patience_and_unknown_in_the_end(api: Api, net: Net) -> None:
    began = time.monotonic()
    waiting = asyncio.create_task(ask(api, "a@tarpit.test"))
    took = []
    for number in range(20):
        at = time.monotonic()
        reply = await ask(api, f"u{number}@good.test", api.b)
        assert (reply.status, reply.body["data"]["status"]) == (200, "invalid")
        took.append(time.monotonic() - at)
    pending = await waiting
    assert pending.status == 202
    assert 1.4 < time.monotonic() - began < 4
    assert sorted(took)[18] < 1

    while (reply := await ask(api, "a@tarpit.test")).status == 202:
        assert time.monotonic() - began < 30
    data, meta = reply.body["data"], reply.body["meta"]
    assert (data["status"], data["smtp_server"], data["block"], meta["reason"]) == ("unknown", False, False, "timeout")
    assert await used(api) == 1


async def test_a_greylist_is_waited_out_behind_a_202(api: Api, net: Net) -> None:
    pending = await asyncio.gather(ask(api, "ada@grey.test"), ask(api, "nobody@grey.test"))
    assert [reply.status for reply in pending] == [202, 202]
    api.clock.at += 60
    done = await asyncio.gather(ask(api, "ada@grey.test"), ask(api, "nobody@grey.test"))

    assert [reply.body["data"]["status"] for reply in done] == ["valid", "invalid"]
    assert await used(api) == 2


async def test_a_server_that_talks_nonsense_is_a_222(api: Api, net: Net) -> None:
    reply = await ask(api, "ada@broken.test")

    assert (reply.status, reply.error["id"]) == (222, "verification_failed")
    assert await used(api) == 0


async def test_nobody_is_flooded_through_us(api: Api, net: Net) -> None:
    """A thousand requests for one victim, whose second domain has the same server."""
    services = api.app.services
    services.settings = msgspec.structs.replace(services.settings, verify_per_domain=40)
    net.world.zone("other.test")
    net.world.add("other.test", "MX", (10, "mx.good.test"))
    # Not all at once: a database that is kept busy by four hundred answers 503, and that is not the question here.
    at_once = asyncio.Semaphore(25)

    async def one(email: str) -> Reply:
        async with at_once:
            return await ask(api, email)

    replies = await asyncio.gather(
        *(one(f"u{number}@{domain}.test") for number in range(200) for domain in ("good", "other"))
    )

    counted = Counter(reply.status for reply in replies)
    assert counted[429] == 400 - 80, counted
    assert counted[200] + counted[202] == 80
    assert {reply.error["id"] for reply in replies if reply.status == 429} == {"too_many_requests"}
    server = net.servers["good"]
    assert server.open_most <= 5
    # Five refusals end a session, and a few random recipients are asked about too; not one connection an address.
    assert len(server.sessions) <= 40
    assert max(session.recipients for session in server.sessions) <= 8
