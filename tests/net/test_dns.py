"""What DNS says, what it leaves unsaid, and how long either holds: against a name server that misbehaves."""

import asyncio
import time

import pytest

from vizsla.kit.errors import SettingsError
from vizsla.net.dns import LONGEST_LIFE, MOST_RECORDS, NO_SOA_LIFE, DnsClient, parse_servers
from worlds.dns import World, dns


def client(world: World, **options) -> DnsClient:
    return DnsClient((world.server,), **{"timeout": 0.25, "pauses": (0.05, 0.1), **options})


async def test_records_come_by_preference() -> None:
    async with dns() as world, client(world) as resolver:
        world.add("acme.test", "MX", (20, "B.acme.test"), (10, "a.acme.test"), ttl=120)

        answer = await resolver.ask("ACME.test.", "MX")

    assert (answer.rcode, answer.ttl, answer.is_cached) == ("NOERROR", 120, False)
    assert [(record.preference, record.value) for record in answer.records] == [
        (10, "a.acme.test"),
        (20, "b.acme.test"),
    ]


@pytest.mark.parametrize(
    ("how", "rcode"),
    [("servfail", "SERVFAIL"), ("refuse", "REFUSED"), ("garbage", "BADRESP"), ("drop", "TIMEOUT")],
)
async def test_a_failure_is_asked_again_and_says_nothing_of_the_domain(how: str, rcode: str) -> None:
    async with dns() as world, client(world) as resolver:
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.behave("acme.test", how)

        answer = await resolver.ask("acme.test", "MX")

        assert (answer.rcode, answer.is_failure, answer.attempts) == (rcode, True, 3)
        assert world.asked["acme.test", "MX"] >= 3


@pytest.mark.parametrize("how", ["servfail", "refuse", "garbage", "drop"])
async def test_a_failure_that_passes_is_forgotten(how: str) -> None:
    async with dns() as world, client(world) as resolver:
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.behave("acme.test", how, times=2)

        answer = await resolver.ask("acme.test", "MX")

    assert answer.rcode == "NOERROR"


@pytest.mark.parametrize("how", ["wrong_id", "other_question"])
async def test_an_answer_to_another_question_is_not_ours(how: str) -> None:
    async with dns() as world, client(world) as resolver:
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.behave("acme.test", how)

        answer = await resolver.ask("acme.test", "MX")

    assert answer.rcode == "NOERROR"


async def test_whatever_octets_come_an_answer_is_given() -> None:
    answers = []
    async with dns() as world, client(world, timeout=0.02, pauses=()) as resolver:
        for number in range(80):
            world.add(f"{number}.test", "MX", (10, "mx.acme.test"), (0, "."), (20, f"mx.{number}.test"))
            world.behave(f"{number}.test", "mangle")
            answers.append(await resolver.ask(f"{number}.test", "MX"))

    assert {answer.rcode for answer in answers} > {"NOERROR"}
    assert all(bool(answer.records) is (answer.rcode == "NOERROR") for answer in answers)


async def test_nonsense_about_one_name_leaves_others_their_answers() -> None:
    """c-ares drops the whole socket at a malformed message, and whatever else was asked over it; that is asked again."""
    async with dns() as world, client(world) as resolver:
        world.behave("bad.test", "garbage")
        for number in range(50):
            world.add(f"{number}.test", "A", "127.0.0.9")
            world.delays[f"{number}.test"] = 0.03
        asking = [resolver.ask(f"{number}.test", "A") for number in range(50)]
        *answers, bad = await asyncio.gather(*asking, resolver.ask("bad.test", "A"))

    assert {answer.rcode for answer in answers} == {"NOERROR"}
    assert bad.rcode == "BADRESP"


async def test_no_such_name_and_no_such_record_are_told_apart_and_kept_as_long_as_the_zone_says() -> None:
    async with dns() as world, client(world) as resolver:
        world.zone("acme.test", minimum=77)
        world.zone("long.test", minimum=999_999, ttl=999_999)
        world.add("acme.test", "A", "127.0.0.9")

        missing = await resolver.ask("gone.acme.test", "MX")
        bare = await resolver.ask("acme.test", "MX")
        long = await resolver.ask("long.test", "MX")
        orphan = await resolver.ask("nowhere.invalid", "MX")

    assert (missing.rcode, missing.ttl) == ("NXDOMAIN", 77)
    assert (bare.rcode, bare.ttl) == ("NODATA", 77)
    assert (long.rcode, long.ttl) == ("NODATA", LONGEST_LIFE)
    assert (orphan.rcode, orphan.ttl) == ("NXDOMAIN", NO_SOA_LIFE)


async def test_answers_are_kept_for_their_life_and_no_longer() -> None:
    now = 1_000.0
    async with dns() as world, client(world, clock=lambda: now, channel_seconds=0) as resolver:
        world.zone("acme.test", minimum=10)
        world.add("acme.test", "MX", (10, "mx.acme.test"), ttl=30)
        await resolver.ask("acme.test", "MX")
        await resolver.ask("acme.test", "A")
        now += 9
        kept = [await resolver.ask("acme.test", kind) for kind in ("MX", "A")]
        assert [(answer.is_cached, answer.ttl) for answer in kept] == [(True, 21), (True, 1)]
        now += 2
        assert not (await resolver.ask("acme.test", "A")).is_cached
        now += 20
        world.add("acme.test", "A", "127.0.0.9")

        assert not (await resolver.ask("acme.test", "MX")).is_cached
        assert (await resolver.ask("acme.test", "A")).rcode == "NOERROR"
        assert world.asked["acme.test", "MX"] == 2


async def test_what_lives_no_second_is_not_kept() -> None:
    async with dns() as world, client(world, channel_seconds=0) as resolver:
        world.add("acme.test", "A", "127.0.0.9", ttl=0)

        assert not (await resolver.ask("acme.test", "A")).is_cached
        assert not (await resolver.ask("acme.test", "A")).is_cached


async def test_the_cache_is_bounded() -> None:
    async with dns() as world, client(world, cache_size=50) as resolver:
        for number in range(200):
            world.add(f"{number}.test", "A", "127.0.0.9")
        await asyncio.gather(*(resolver.ask(f"{number}.test", "A") for number in range(200)))
        again = [await resolver.ask(f"{number}.test", "A") for number in range(200)]

    assert sum(answer.is_cached for answer in again) <= 50


async def test_who_asks_the_same_at_once_shares_one_question_though_the_first_goes_away() -> None:
    async with dns() as world, client(world) as resolver:
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.delays["acme.test"] = 0.1
        asking = [asyncio.create_task(resolver.ask("acme.test", "MX")) for _ in range(50)]
        await asyncio.sleep(0.02)
        asking[0].cancel()
        answers = await asyncio.gather(*asking, return_exceptions=True)

        assert isinstance(answers[0], asyncio.CancelledError)
        assert {answer.rcode for answer in answers[1:]} == {"NOERROR"}
        assert world.asked["acme.test", "MX"] == 1


@pytest.mark.parametrize("how", ["truncate", ""])
async def test_what_does_not_fit_comes_over_tcp_and_is_bounded(how: str) -> None:
    async with dns() as world, client(world) as resolver:
        world.add("big.test", "MX", *((number % 7, f"mx{number}.some.long.name.big.test") for number in range(200)))
        if how:
            world.behave("big.test", how)

        answer = await resolver.ask("big.test", "MX")

        assert world.over_tcp["big.test"]
    assert (answer.rcode, len(answer.records), answer.left_out) == ("NOERROR", MOST_RECORDS, 200 - MOST_RECORDS)
    assert answer.records[-1].preference < 3


async def test_aliases_are_followed_whoever_should_have_and_rings_are_seen() -> None:
    async with dns() as world, client(world) as resolver:
        world.zone("test")
        world.add("alias.test", "CNAME", "real.test")
        world.add("lazy.test", "CNAME", "real.test")
        world.behave("lazy.test", "unfollowed")
        world.add("real.test", "MX", (10, "mx.real.test"))
        world.add("dead.test", "CNAME", "nowhere.test")
        world.add("bare.test", "CNAME", "mute.test")
        world.add("mute.test", "A", "127.0.0.9")
        world.add("ring.test", "CNAME", "ring2.test")
        world.add("ring2.test", "CNAME", "ring.test")
        world.add("self.test", "CNAME", "self.test")
        world.add("lazyring.test", "CNAME", "lazyring2.test")
        world.add("lazyring2.test", "CNAME", "lazyring.test")
        for name in ("lazyring.test", "lazyring2.test"):
            world.behave(name, "unfollowed")
        for number in range(30):
            world.add(f"chain{number}.test", "CNAME", f"chain{number + 1}.test")
        world.add("chain30.test", "MX", (10, "mx.real.test"))

        rcodes = {
            name: (await resolver.ask(f"{name}.test", "MX")).rcode
            for name in ("alias", "lazy", "dead", "bare", "ring", "self", "lazyring", "chain0")
        }

    assert rcodes == {
        "alias": "NOERROR", "lazy": "NOERROR", "dead": "NXDOMAIN", "bare": "NODATA", "ring": "LOOP", "self": "LOOP",
        "lazyring": "LOOP", "chain0": "LOOP",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["a" * 64 + ".test", "a..test", "x" * 300, "a b.test", "é.test", "-", "*.test", "\0.test"]
)
async def test_no_name_makes_it_raise(name: str) -> None:
    async with dns() as world, client(world) as resolver:
        world.zone("test")

        assert (await resolver.ask(name, "MX")).rcode in ("NXDOMAIN", "BADNAME")


async def test_a_server_that_is_not_there_is_no_statement_of_anybody() -> None:
    async with dns() as world:
        gone = world.server
    async with DnsClient((gone,), timeout=0.25, pauses=(0.01,)) as resolver:
        answer = await resolver.ask("acme.test", "MX")

        assert (answer.rcode, answer.is_failure) == ("UNREACHABLE", True)
        assert not await resolver.is_reachable()


async def test_a_silent_domain_is_told_from_a_silent_server() -> None:
    async with dns() as world, client(world, pauses=()) as resolver:
        world.behave("acme.test", "drop")
        world.behave("", "servfail")
        assert (await resolver.ask("acme.test", "MX")).rcode == "TIMEOUT"
        assert await resolver.is_reachable()
    async with dns() as world, client(world, pauses=()) as resolver:
        world.behave("", "drop")
        assert not await resolver.is_reachable()


async def test_another_server_answers_where_the_first_is_gone() -> None:
    async with dns() as world, dns("127.0.0.2") as gone:
        world.add("acme.test", "A", "127.0.0.9")
        gone.behave("acme.test", "drop")
        async with DnsClient((gone.server, world.server), timeout=0.25, pauses=()) as resolver:
            assert (await resolver.ask("acme.test", "A")).rcode == "NOERROR"


async def test_closing_ends_what_is_being_asked() -> None:
    async with dns() as world:
        world.behave("acme.test", "drop")
        resolver = client(world, timeout=5)
        asking = asyncio.create_task(resolver.ask("acme.test", "MX"))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await resolver.close()

        with pytest.raises(asyncio.CancelledError):
            await asking
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("entry", ["127.0.0.1", "dns.test:53", "127.0.0.1:0", "127.0.0.1:x", "::1", ""])
def test_a_server_is_an_address_and_a_port(entry: str) -> None:
    with pytest.raises(SettingsError, match="VIZSLA_DNS_SERVERS"):
        parse_servers([entry])


def test_servers_are_written_as_c_ares_reads_them() -> None:
    assert parse_servers(["127.0.0.1:5353", "[::1]:53"]) == ["127.0.0.1:5353", "[::1]:53"]
