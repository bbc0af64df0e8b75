"""The finder and real mail servers, over DNS and SMTP: found, everybody taken, tarpits, domains without mail."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial

import msgspec
import pytest

from api.conftest import PLENTY, Api
from api.test_finder import ask, mixed_team, put
from vizsla.mail.wire import Limits
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.storage.secret import find_secret
from vizsla.verifier.exchangers import find_exchangers
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Workplace
from worlds.dns import World, dns
from worlds.smtp import AcceptsAll, Script, Tarpit, smtp


class Mailboxes(Script):
    people = frozenset({"mira.quellenberg", "postmaster"})


@pytest.fixture
async def net(api: Api) -> AsyncIterator[World]:
    """`strict.test`, `lax.test` and `tarpit.test`, which all make addresses in two ways; `nomail.test` takes none."""
    scripts = {"strict": Mailboxes(), "lax": AcceptsAll(), "tarpit": Tarpit()}
    services = api.app.services
    await api.plan(1, rate_verify=PLENTY)
    async with contextlib.AsyncExitStack() as stack:
        world = await stack.enter_async_context(dns())
        world.add("probe.vizsla.test", "A", "127.0.0.1")
        world.add("1.0.0.127.in-addr.arpa", "PTR", "probe.vizsla.test")
        world.zone("nomail.test")
        world.add("nomail.test", "MX", (0, "."))
        port = 0
        for number, (name, script) in enumerate(scripts.items(), 20):
            world.zone(f"{name}.test")
            world.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
            world.add(f"mx.{name}.test", "A", f"127.0.0.{number}")
            port = (await stack.enter_async_context(smtp(script, f"127.0.0.{number}", port))).port
            await put(api, *mixed_team(f"{name}.test"))
        services.settings = msgspec.structs.replace(
            services.settings,
            probe=True,
            egress_allow=("127.0.0.0/8",),
            dns_servers=(world.server,),
            smtp_port=port,
            helo_name="probe.vizsla.test",
            mail_from="probe@vizsla.test",
        )
        client = await stack.enter_async_context(DnsClient((world.server,)))
        services.find_exchangers = partial(find_exchangers, client, EgressGuard(("127.0.0.0/8",)))
        place = Workplace(
            services.settings, services.stores, find_secret(services.settings), api.clock, services.waiting
        )
        pipeline = await stack.enter_async_context(open_pipeline(place, limits=Limits(banner=30.0, reply=30.0)))
        working = asyncio.create_task(Verifying(place, pipeline, lambda *_, **__: None).run())
        yield world
        working.cancel()
        await asyncio.wait([working])


async def test_who_does_not_follow_the_pattern_is_found(api: Api, net: World) -> None:
    reply = await ask(api, "domain=strict.test&full_name=Mira+Quellenberg")
    data = reply.body["data"]

    assert reply.status == 200
    assert (data["email"], data["accept_all"]) == ("mira.quellenberg@strict.test", False)
    assert data["verification"]["status"] == "valid"
    assert data["score"] > 60


async def test_what_its_server_refuses_is_not_given(api: Api, net: World) -> None:
    asked = "domain=strict.test&full_name=Nora+Feldhusen"
    why = (await ask(api, asked, path="/v2/email-finder/explain")).body["data"]
    refused = {term["local"] for term in why["terms"] if term["what"] == "invalid"}
    data = (await ask(api, asked)).body["data"]

    assert len(refused) == 5
    assert (data["email"], data["score"]) == (None, None)
    # Its probability stays what it is: servers lie to strangers now and then.
    first = why["candidates"][0]
    assert first["email"].partition("@")[0] in refused
    assert first["probability"] > 0.1


async def test_a_server_that_takes_everybody_leaves_the_probability(api: Api, net: World) -> None:
    services = api.app.services
    asking, services.settings = services.settings, msgspec.structs.replace(services.settings, probe=False)
    by_pattern = (await ask(api, "domain=lax.test&full_name=Mira+Quellenberg")).body["data"]
    services.settings = asking
    data = (await ask(api, "domain=lax.test&full_name=Mira+Quellenberg")).body["data"]

    assert (data["email"], data["score"]) == (by_pattern["email"], by_pattern["score"])
    assert (data["accept_all"], data["verification"]["status"]) == (True, "accept_all")


async def test_a_tarpit_is_not_waited_for_longer_than_was_asked(api: Api, net: World) -> None:
    began = time.monotonic()
    reply = await ask(api, "domain=tarpit.test&full_name=Mira+Quellenberg&max_duration=3")

    assert time.monotonic() - began < 3.5
    assert reply.body["data"]["email"] is not None
    assert reply.body["data"]["verification"]["status"] is None


async def test_a_domain_that_takes_no_mail_is_invalid(api: Api, net: World) -> None:
    for name in ("nomail.test", "does-not-exist.test"):
        reply = await ask(api, f"domain={name}&full_name=Mira+Quellenberg")
        assert (reply.status, reply.error["id"]) == (400, "invalid_domain")
