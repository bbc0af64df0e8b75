"""The truth table of mail routing, against a DNS that misbehaves."""

import asyncio
import time
from collections import Counter

import pytest

from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.verifier.exchangers import MOST_ADDRESSES, Exchangers, find_exchangers
from worlds.dns import World, dns

LOCAL = EgressGuard(("127.0.0.0/8", "::1/128", "fd00::/8"))


async def find(world: World, domain: str, guard: EgressGuard = LOCAL) -> Exchangers:
    async with DnsClient((world.server,), timeout=0.25, pauses=(0.02,)) as resolver:
        return await find_exchangers(resolver, guard, domain)


def hosts(found: Exchangers) -> list[str]:
    return [host.ip for host in found.hosts]


async def test_exchangers_are_tried_by_preference_and_both_families() -> None:
    async with dns() as world:
        world.add("acme.test", "MX", (20, "b.acme.test"), (10, "a.acme.test"))
        world.add("a.acme.test", "A", "127.0.1.1", "127.0.1.2", "127.0.1.3")
        world.add("a.acme.test", "AAAA", "fd00::1")
        world.add("b.acme.test", "A", "127.0.2.1")
        world.add("b.acme.test", "AAAA", "fd00::2")
        found = await find(world, "acme.test")

    assert (found.outcome, found.mx_records, found.names) == ("takes_mail", True, ("a.acme.test", "b.acme.test"))
    assert {host.name for host in found.hosts[:2]} == {"a.acme.test"}
    assert hosts(found)[1] == "fd00::1"
    assert hosts(found)[2:] == ["127.0.2.1", "fd00::2"]
    assert [host.preference for host in found.hosts] == [10, 10, 20, 20]
    assert Counter(answer.kind for answer in found.answers) == {"MX": 1, "A": 2, "AAAA": 2}


async def test_a_lone_exchanger_gives_all_its_addresses() -> None:
    async with dns() as world:
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.add("mx.acme.test", "A", *(f"127.0.1.{number}" for number in range(1, 10)))

        assert len((await find(world, "acme.test")).hosts) == MOST_ADDRESSES


async def test_equals_are_shuffled() -> None:
    async with dns() as world, DnsClient((world.server,)) as resolver:
        world.add("acme.test", "MX", *((10, f"mx{number}.acme.test") for number in range(3)), (5, "first.acme.test"))
        for number in range(3):
            world.add(f"mx{number}.acme.test", "A", f"127.0.1.{number + 1}")
        world.add("first.acme.test", "A", "127.0.1.9")
        orders = {(await find_exchangers(resolver, LOCAL, "acme.test")).names for _ in range(60)}

    assert {order[0] for order in orders} == {"first.acme.test"}
    assert len(orders) > 3


@pytest.mark.parametrize(
    ("domain", "outcome", "mx_records"),
    [
        ("good", "takes_mail", True),
        ("implicit", "takes_mail", False),
        ("implicit6", "takes_mail", False),
        ("null", "null_mx", False),
        ("null-and-mx", "takes_mail", True),
        ("gone", "no_domain", False),
        ("belied", "takes_mail", False),
        ("empty", "no_mail_server", False),
        ("mx-gone", "no_mail_server", True),
        ("mx-bare", "no_mail_server", True),
        ("mx-one-of-two", "takes_mail", True),
        ("mx-gone-or-broken", "dns_failure", True),
        ("mx-broken", "dns_failure", True),
        ("mx-text-address", "no_mail_server", True),
        ("alias", "takes_mail", True),
        ("mx-alias", "takes_mail", True),
        ("ring", "dns_failure", False),
        ("servfail", "dns_failure", False),
        ("refused", "dns_failure", False),
        ("silent", "dns_failure", False),
        ("garbage", "dns_failure", False),
        ("implicit-broken", "dns_failure", False),
        ("alias-broken", "dns_failure", False),
        ("xn--bcher-kva", "takes_mail", True),
    ],
)
async def test_what_dns_says_is_told_from_what_it_fails_to_say(domain: str, outcome: str, mx_records: bool) -> None:
    async with dns() as world:
        world.zone("test")
        for name in ("good", "xn--bcher-kva", "real"):
            world.add(f"{name}.test", "MX", (10, "mx.good.test"))
        world.add("mx.good.test", "A", "127.0.1.1")
        world.add("implicit.test", "A", "127.0.1.1")
        world.add("implicit6.test", "AAAA", "::1")
        world.add("null.test", "MX", (0, "."))
        world.add("null.test", "A", "127.0.1.1")
        world.add("null-and-mx.test", "MX", (0, "."), (10, "mx.good.test"))
        world.add("belied.test", "A", "127.0.1.1")
        world.behave("belied.test", "nxdomain", kind="MX")
        world.zone("empty.test")
        world.add("mx-gone.test", "MX", (10, "gone1.test"), (20, "gone2.test"))
        world.add("mx-gone.test", "A", "127.0.1.1")
        world.add("mx-bare.test", "MX", (10, "empty.test"))
        world.add("mx-one-of-two.test", "MX", (10, "gone1.test"), (20, "mx.good.test"))
        world.add("mx-gone-or-broken.test", "MX", (10, "gone1.test"), (20, "servfail.test"))
        world.add("mx-broken.test", "MX", (10, "servfail.test"))
        world.add("mx-text-address.test", "MX", (10, "127.0.1.1"))
        world.add("alias.test", "CNAME", "real.test")
        world.add("mx-alias.test", "MX", (10, "alias-host.test"))
        world.add("alias-host.test", "CNAME", "mx.good.test")
        world.add("ring.test", "CNAME", "ring2.test")
        world.add("ring2.test", "CNAME", "ring.test")
        for kind in ("A", "AAAA"):
            world.behave("implicit-broken.test", "servfail", kind=kind)
        world.zone("implicit-broken.test")
        world.add("alias-broken.test", "CNAME", "servfail.test")
        world.behave("alias-broken.test", "unfollowed")
        for how, name in (("servfail", "servfail"), ("refuse", "refused"), ("drop", "silent"), ("garbage", "garbage")):
            world.behave(f"{name}.test", how)
        found = await find(world, f"{domain}.test")

    assert (found.outcome, found.mx_records) == (outcome, mx_records)
    assert bool(found.hosts) is (outcome == "takes_mail")
    assert found.is_undeliverable is (outcome in ("no_domain", "no_mail_server", "null_mx"))
    assert not found.is_our_fault
    assert found.answers


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0"])
async def test_private_exchangers_are_not_dialled_and_settle_nothing(ip: str) -> None:
    async with dns() as world:
        world.add("sly.test", "MX", (10, "mx.sly.test"))
        world.add("mx.sly.test", "AAAA" if ":" in ip else "A", ip)
        world.add("half.test", "MX", (10, "mx.sly.test"), (20, "mx.half.test"))
        world.add("mx.half.test", "A", "8.8.8.8")
        found = await find(world, "sly.test", EgressGuard())
        half = await find(world, "half.test", EgressGuard())

    assert (found.outcome, found.hosts, found.is_undeliverable) == ("private", (), False)
    assert (half.outcome, hosts(half)) == ("takes_mail", ["8.8.8.8"])


async def test_two_hundred_exchangers_cost_a_bounded_number_of_questions() -> None:
    async with dns() as world:
        world.zone("test")
        world.add("many.test", "MX", *((number, f"mx{number}.many.test") for number in range(200)))
        world.add("mx3.many.test", "A", "127.0.1.1")
        world.add("dead.test", "MX", *((number, f"gone{number}.test") for number in range(200)))
        many = await find(world, "many.test")
        asked = world.asked.total()
        dead = await find(world, "dead.test")

    assert (many.outcome, hosts(many)) == ("takes_mail", ["127.0.1.1"])
    assert asked < 60
    # Two hundred were named, sixteen were asked for: the others may be there.
    assert dead.outcome == "dns_failure"


async def test_a_resolver_that_is_gone_is_our_fault() -> None:
    async with dns() as world:
        pass
    found = await find(world, "acme.test")

    assert (found.outcome, found.is_our_fault, found.is_undeliverable) == ("dns_failure", True, False)


async def test_a_resolver_that_is_silent_to_everything_is_our_fault() -> None:
    async with dns() as world:
        world.behave("acme.test", "drop")
        world.behave("", "drop")

        assert (await find(world, "acme.test")).is_our_fault


async def test_many_who_ask_for_one_domain_cost_one_look_up() -> None:
    async with dns() as world, DnsClient((world.server,)) as resolver:
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.add("mx.acme.test", "A", "127.0.1.1")
        await asyncio.gather(*(find_exchangers(resolver, LOCAL, "acme.test") for _ in range(200)))

        assert world.asked["acme.test", "MX"] == 1
        assert world.asked["mx.acme.test", "A"] == 1


async def test_a_look_up_ends(monkeypatch) -> None:
    monkeypatch.setattr("vizsla.verifier.exchangers.LONGEST_LOOK_UP", 0.5)
    async with dns() as world:
        world.add("slow.test", "MX", *((10, f"mx{number}.slow.test") for number in range(30)))
        for number in range(30):
            world.behave(f"mx{number}.slow.test", "drop")
        started = time.monotonic()
        found = await find(world, "slow.test")

    assert found.outcome == "dns_failure"
    assert time.monotonic() - started < 5


async def test_a_resolver_that_knows_nothing_of_the_internet_is_our_fault() -> None:
    async with dns() as world:
        world.zone("com")
        world.zone("net")
        blind = await find(world, "acme.com")
        own = await find(world, "gone.test")
        world.add("a.root-servers.net", "A", "127.0.1.1")
        seeing = await find(world, "acme.com")

    assert (blind.outcome, blind.is_our_fault) == ("dns_failure", True)
    assert (seeing.outcome, own.outcome) == ("no_domain", "no_domain")
