"""The self-test: what is wrong with us is found out, said, and never the address's fault; and when it is over, that is noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import pytest

from verifier.conftest import House
from vizsla.mail.probe import Identity
from vizsla.mail.reply import make_reply
from vizsla.mail.wire import Limits
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.verifier.egress import EVERY, EVERY_RED, Report, WayOut, examine_egress, find_own_address
from vizsla.work.egress import watch_egress
from vizsla.work.loops import run_loops
from worlds.dns import World, dns
from worlds.smtp import Replies, Script, Tarpit, smtp

US = "127.0.0.77"
"""The address that we send from."""
HELO = "probe.vizsla.test"
QUICK = Limits(connect=0.5, banner=0.5, reply=0.5, dialog=2.0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """DNS as it should be for us, a list of senders that we are not on, and `there.test` with a mail server to try."""
    async with dns() as world:
        world.add(HELO, "A", US)
        world.add("77.0.0.127.in-addr.arpa", "PTR", HELO)
        world.zone("dnsbl.test")
        world.add("2.0.0.127.dnsbl.test", "A", "127.0.0.2")
        world.zone("there.test")
        world.add("there.test", "MX", (10, "mx.there.test"))
        world.add("mx.there.test", "A", "127.0.0.1")
        yield world


async def examine(
    world: World,
    script: Script | None = None,
    *,
    hosts: Sequence[str] = ("there.test",),
    lists: Sequence[str] = ("dnsbl.test",),
    helo: str = HELO,
    mail_from: str = "probe@there.test",
    bind: str = US,
) -> Report:
    """A self-test with *script* on the server of there.test; None where nothing listens."""
    async with DnsClient([world.server], pauses=(0.01,), timeout=0.2) as resolver, smtp(script or Script()) as server:
        port = server.port if script else 9
        return await examine_egress(
            resolver,
            EgressGuard(["127.0.0.0/8"]),
            Identity(helo, mail_from, port, bind),
            hosts=hosts,
            lists=lists,
            at=0,
            limits=QUICK,
        )


def states(report: Report) -> dict[str, str]:
    return {check.what: check.state for check in report.checks}


def details(report: Report, what: str) -> str:
    return next(check.details for check in report.checks if check.what == what)


async def test_all_is_well(world: World) -> None:
    report = await examine(world, Script())

    assert states(report) == {"port": "green", "helo": "green", "lists": "green"}
    assert (report.state, report.trouble, report.due) == ("green", "", EVERY)


async def test_no_message_is_begun(world: World) -> None:
    async with DnsClient([world.server]) as resolver, smtp(Script()) as server:
        identity = Identity(HELO, "probe@there.test", server.port, US)
        guard = EgressGuard(["127.0.0.0/8"])
        await examine_egress(resolver, guard, identity, hosts=("there.test",), lists=(), at=0, limits=QUICK)
        for _ in range(100):
            if "QUIT" in server.verbs:
                break
            await asyncio.sleep(0.01)

    assert server.verbs == {"EHLO": 1, "QUIT": 1}


@pytest.mark.parametrize(
    "script", [None, Tarpit(), Replies("connected", b"", hang_up=True)], ids=lambda one: type(one).__name__
)
async def test_a_port_that_nobody_answers_on_is_red(world: World, script: Script | None) -> None:
    report = await examine(world, script)

    assert states(report)["port"] == "red"
    assert report.is_red
    assert report.due == EVERY_RED
    assert "mx.there.test" in report.trouble


@pytest.mark.parametrize(
    ("local", "remote", "said", "address"),
    [
        ("10.0.0.5", "8.8.4.4", "250-mx.test at your service, [9.9.9.9]\r\n250 SIZE", "9.9.9.9"),
        ("10.0.0.5", "8.8.4.4", "250 mx.test Hello probe.test [9.9.9.9], pleased to meet you", "9.9.9.9"),
        ("fd00::5", "2606:4700::1", "250 mx.test Hello [IPv6:2620:fe::9]", "2620:fe::9"),
        ("10.0.0.5", "8.8.4.4", "250 mx.test", ""),
        ("10.0.0.5", "8.8.4.4", "250 mx.test Hello [10.0.0.5]", ""),
        ("10.0.0.5", "8.8.4.4", "250 mx.test Hello [::::::]", ""),
        ("9.9.9.9", "8.8.4.4", "250 mx.test Hello [1.1.1.1]", "9.9.9.9"),
        ("10.0.0.5", "10.0.0.6", "250 mx.test Hello [9.9.9.9]", "10.0.0.5"),
    ],
)
def test_behind_nat_the_server_says_who_we_are(local: str, remote: str, said: str, address: str) -> None:
    lines = [line[4:] for line in said.split("\r\n")]

    assert find_own_address(local, remote, make_reply(250, lines)) == address


async def test_one_server_of_several_is_enough(world: World) -> None:
    world.add("gone.test", "MX", (10, "mx.gone.test"))
    world.add("mx.gone.test", "A", "127.0.0.3")

    report = await examine(world, Script(), hosts=("gone.test", "there.test"))

    assert states(report)["port"] == "green"


async def test_being_turned_away_by_all_is_red_and_being_put_off_is_not(world: World) -> None:
    refused = await examine(world, Replies("connected", b"554 5.7.1 Client host blocked using zen.spamhaus.org\r\n"))
    busy = await examine(world, Replies("connected", b"421 4.3.2 All server ports are busy\r\n"))

    assert states(refused)["port"] == "red"
    assert "zen.spamhaus.org" in refused.trouble
    assert states(busy)["port"] == "green"


async def test_without_hosts_the_servers_of_our_own_sender_are_tried(world: World) -> None:
    assert states(await examine(world, Script(), hosts=()))["port"] == "green"
    nobody = await examine(world, Script(), hosts=(), mail_from="")
    assert states(nobody)["port"] == "open"
    assert "VIZSLA_SELF_TEST_HOSTS" in details(nobody, "port")


async def test_hosts_that_dns_does_not_know_settle_nothing(world: World) -> None:
    world.behave("lost.test", "servfail")

    assert states(await examine(world, Script(), hosts=("lost.test", "never.there.test")))["port"] == "open"


@pytest.mark.parametrize("helo", ["localhost", "", "[127.0.0.77]", "other.vizsla.test", "two words.test"])
async def test_a_name_that_is_not_ours_is_red(world: World, helo: str) -> None:
    world.zone("vizsla.test")

    assert states(await examine(world, Script(), helo=helo))["helo"] == "red"


async def test_forward_and_reverse_must_agree(world: World) -> None:
    elsewhere = await examine(world, Script(), bind="127.0.0.78")
    world.records["77.0.0.127.in-addr.arpa", "PTR"].clear()
    world.add("77.0.0.127.in-addr.arpa", "PTR", "static-77.isp.test")
    renamed = await examine(world, Script())
    world.add("77.0.0.127.in-addr.arpa", "PTR", HELO)
    both = await examine(world, Script())

    assert states(elsewhere)["helo"] == "red"
    assert "127.0.0.78" in elsewhere.trouble
    assert states(renamed)["helo"] == "red"
    assert "static-77.isp.test" in renamed.trouble
    assert states(both)["helo"] == "green"


async def test_dns_that_does_not_answer_settles_nothing(world: World) -> None:
    world.behave("77.0.0.127.in-addr.arpa", "servfail")

    assert states(await examine(world, Script()))["helo"] == "open"


async def test_only_addresses_that_we_send_from_count(world: World) -> None:
    world.add(HELO, "AAAA", "::1")

    assert states(await examine(world, Script(), hosts=(), mail_from="")) == {
        "port": "open",
        "helo": "green",
        "lists": "green",
    }
    assert states(await examine(world, Script(), hosts=(), mail_from="", bind=""))["helo"] == "red"


async def test_a_listing_is_red_and_a_refusal_of_the_list_is_not(world: World) -> None:
    world.add("77.0.0.127.dnsbl.test", "A", "127.255.255.254", ttl=0)
    refused = await examine(world, Script())
    world.records["77.0.0.127.dnsbl.test", "A"].clear()
    world.add("77.0.0.127.dnsbl.test", "A", "127.0.0.4", ttl=0)
    listed = await examine(world, Script())

    assert states(refused)["lists"] == "open"
    assert states(listed)["lists"] == "red"
    assert "127.0.0.77 in dnsbl.test (127.0.0.4)" in listed.trouble


async def test_a_list_that_lists_the_world_or_nobody_is_passed_over(world: World) -> None:
    world.add("1.0.0.127.dnsbl.test", "A", "127.0.0.2")
    world.add("77.0.0.127.dnsbl.test", "A", "127.0.0.2")
    world.zone("empty.test")
    world.behave("2.0.0.127.dead.test", "servfail")

    report = await examine(world, Script(), lists=("dnsbl.test", "empty.test", "dead.test"))

    assert states(report)["lists"] == "open"
    assert all(zone in details(report, "lists") for zone in ("dnsbl.test", "empty.test", "dead.test"))


async def test_where_nobody_answers_we_are_looked_up_by_our_name(world: World) -> None:
    world.add("77.0.0.127.dnsbl.test", "A", "127.0.0.4")

    report = await examine(world, None)

    assert states(report) == {"port": "red", "helo": "green", "lists": "red"}


async def test_a_report_is_made_once_for_all_who_ask_and_again_when_it_is_due() -> None:
    made = 0

    async def examine() -> Report:
        nonlocal made
        made += 1
        await asyncio.sleep(0.01)
        return Report(made * 1_000, ())

    way_out = WayOut()
    reports = await asyncio.gather(*(way_out.look(examine, 1_000) for _ in range(20)))

    assert {report.at for report in reports} == {1_000}
    assert (await way_out.look(examine, 1_000 + EVERY - 1)).at == 1_000
    # While the last one was good, nobody waits for the next.
    assert (await way_out.look(examine, 1_000 + EVERY)).at == 1_000
    await _until(lambda: way_out.report is not None and way_out.report.at == 2_000)
    assert (await way_out.look(examine, 1_000 + EVERY)).at == 2_000
    assert (await way_out.look(examine, 2_000 + 2 * EVERY)).at == 3_000


async def test_a_self_test_that_breaks_is_made_again() -> None:
    async def broken() -> Report:
        raise OSError("no sockets left")

    async def works() -> Report:
        return Report(1, ())

    way_out = WayOut()
    with pytest.raises(OSError, match="no sockets left"):
        await way_out.look(broken, 1)

    assert (await way_out.look(works, 1)).at == 1


async def test_whoever_gives_up_waiting_does_not_stop_the_others() -> None:
    async def examine() -> Report:
        await asyncio.sleep(0.05)
        return Report(1, ())

    way_out = WayOut()
    first = asyncio.create_task(way_out.look(examine, 1))
    second = asyncio.create_task(way_out.look(examine, 1))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).at == 1


async def test_while_it_is_red_nobody_is_asked_and_nobody_is_called_invalid(house: House) -> None:
    house.net.dns.behave("1.0.0.127.in-addr.arpa", "nxdomain", times=1)
    await house.net.domain("acme.test", Script())

    red = await house.verify("ada@acme.test", "nobody@acme.test")
    steps = await house.trail(red)

    assert red.verdict is not None
    assert (red.verdict.status, red.verdict.reason, red.verdict.mx_records) == ("unknown", "self_test", True)
    assert any(step.stage == "egress" and "has no name" in step.got for step in steps)
    assert house.net.servers["acme.test"].sessions == []

    house.clock.at += EVERY
    green = await house.verify("nobody@acme.test")
    there = await house.verify("ada@acme.test")

    assert green.verdict is not None
    assert there.verdict is not None
    assert (green.verdict.status, there.verdict.status) == ("invalid", "valid")


async def test_what_dns_settles_is_settled_while_it_is_red(house: House) -> None:
    house.net.dns.behave("probe.vizsla.test", "nxdomain")
    house.net.dns.zone("null.test")
    house.net.dns.add("null.test", "MX", (0, ""))

    found = await house.verify("ada@null.test")

    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.reason) == ("invalid", "null_mx")


async def test_a_change_of_colour_is_told_once(house: House) -> None:
    settings = msgspec.structs.replace(house.place.settings, dns_servers=(house.net.dns.server,))
    place = msgspec.structs.replace(house.place, settings=settings)
    house.net.dns.behave("1.0.0.127.in-addr.arpa", "nxdomain", times=1)
    watching = asyncio.create_task(watch_egress(place, house.told, pause=0.01))
    try:
        await _until(lambda: len(house.told.lines) == 1)
        await asyncio.sleep(0.05)
        house.clock.at += EVERY_RED
        await _until(lambda: len(house.told.lines) == 2)
    finally:
        watching.cancel()

    assert [(line["level"], line["before"], line["state"]) for line in house.told.lines] == [
        ("warning", None, "red"),
        ("info", "red", "open"),
    ]


@pytest.mark.parametrize("probe", [True, False])
async def test_the_loops_test_us_at_the_start_and_only_where_we_may_ask(house: House, *, probe: bool) -> None:
    settings = msgspec.structs.replace(house.place.settings, probe=probe, dns_servers=(house.net.dns.server,))
    loops = asyncio.create_task(run_loops(msgspec.structs.replace(house.place, settings=settings), house.told))
    try:
        if probe:
            await _until(lambda: any(line["event"] == "egress" for line in house.told.lines))
        else:
            await asyncio.sleep(0.2)
    finally:
        loops.cancel()
        await asyncio.wait([loops])

    assert bool(house.net.dns.asked) is probe


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)
