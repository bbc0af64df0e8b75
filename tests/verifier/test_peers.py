"""Mail servers that mean harm: bounded, classified, never believed, never sent a message."""

import asyncio
import itertools
import ssl
import time

import msgspec
import pytest

from mail.conftest import certificate
from verifier.conftest import House
from vizsla.mail import pacing, pool
from vizsla.verifier.store import Verification, find_verification
from worlds.smtp import (
    AcceptsAll,
    BareLineFeeds,
    Crowded,
    DripsAt,
    Floods,
    Intolerant,
    Replies,
    Script,
    Session,
    Tarpit,
    TlsOnly,
    smtp,
)

__all__ = ["certificate"]
MANY = b"250-yes\r\n" * 5_000 + b"250 yes\r\n"


async def check(house: House, script: Script, expected: str) -> Verification:
    """`ada@acme.test` and `nobody@acme.test` at *script*, in bounded time: *expected* is `status reason` of each."""
    await house.net.domain("acme.test", script)
    began = time.monotonic()
    await house.verify("ada@acme.test", "nobody@acme.test")
    assert time.monotonic() - began < 15

    found = {}
    for local in ("ada", "nobody"):
        row = await find_verification(house.place.stores.app, "acme.test", local)
        assert row is not None
        assert row.verdict is not None
        found[local] = f"{row.verdict.status} {row.verdict.reason}"
        assert row.verdict.has_failed is (row.verdict.reason == "protocol")
        trail = await house.trail(row)
        assert len(msgspec.json.encode(trail)) < 100_000
        assert not {character for step in trail for character in step.got} & set("\0\r\x1b")
    ada, _, nobody = expected.partition(", ")
    assert found == {"ada": ada, "nobody": nobody or ada}
    for server in house.net.servers.values():
        assert not set(server.verbs) - {"EHLO", "HELO", "MAIL", "RCPT", "RSET", "QUIT", "STARTTLS"}
    return row


RIGHT = "valid accepted, invalid no_user"
CASES: dict[str, tuple[Script, str]] = {
    "closes at the banner": (Replies("connected", b"", hang_up=True), "unknown unreachable"),
    "closes at EHLO": (Replies("ehlo", b"", hang_up=True), "unknown unreachable"),
    "closes at MAIL": (Replies("mail", b"", hang_up=True), "unknown unreachable"),
    "closes at RCPT": (Replies("rcpt", b"", hang_up=True), "unknown unreachable"),
    "closes at RSET": (Replies("rset", b"", hang_up=True), RIGHT),
    "closes at QUIT": (Replies("quit", b"", hang_up=True), RIGHT),
    "closes in the middle of a reply": (Replies("rcpt", b"250-2.1", hang_up=True), "unknown unreachable"),
    "drips at the banner": (DripsAt("connected"), "unknown timeout"),
    "drips at EHLO": (DripsAt("ehlo"), "unknown timeout"),
    "drips at RCPT": (DripsAt("rcpt"), "unknown timeout"),
    "ten megabytes of banner": (Floods(), "unknown protocol"),
    "ten megabytes without a line": (Floods(b"2" * 65_536, times=160), "unknown protocol"),
    "5,000 lines at EHLO": (Replies("ehlo", MANY), "unknown protocol"),
    "5,000 lines at RCPT": (Replies("rcpt", MANY), "unknown protocol"),
    "a line of 10 KB": (Replies("rcpt", b"550 5.1.1 " + b"User unknown " * 800 + b"\r\n"), "invalid no_user"),
    "NULs in a reply": (Replies("rcpt", b"250 2.1.5 \0O\0k\0\x1b[31m\xff\r\n"), "accept_all accepts_all"),
    "NULs before a reply": (Replies("rcpt", b"\0\0250 Ok\r\n"), "unknown protocol"),
    "bare line feeds": (BareLineFeeds(), RIGHT),
    "250 to everything": (AcceptsAll(), "accept_all accepts_all"),
    "no code": (Replies("rcpt", b"hello there\r\n"), "unknown protocol"),
    "half a code": (Replies("rcpt", b"2x0 maybe\r\n"), "unknown protocol"),
    "code 999": (Replies("rcpt", b"999 \xff\x00\r\n"), "unknown protocol"),
    "code 100": (Replies("rcpt", b"100 go on\r\n"), "unknown protocol"),
    "354 at RCPT": (Replies("rcpt", b"354 send it\r\n"), "unknown protocol"),
    "two codes in a reply": (Replies("rcpt", b"250-yes\r\n550 no\r\n"), "unknown protocol"),
    "answers nobody asked for": (Replies("mail", b"250 ok\r\n250 ok\r\n250 ok\r\n"), "unknown protocol"),
    "offers pipelining and cannot": (Intolerant(), RIGHT),
    "one connection at a time": (Crowded(1), RIGHT),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_server_of_this_kind_is_borne(house: House, case: str) -> None:
    await check(house, *CASES[case])


async def test_a_flood_is_not_read_to_its_end(house: House) -> None:
    flood = Floods()
    await check(house, flood, "unknown protocol")

    # What the kernels of both sides hold is not in our memory.
    assert flood.sent < 2 * 10_500_000


async def test_what_is_injected_before_tls_counts_for_nothing(house: House, certificate: ssl.SSLContext) -> None:
    injected = b"250 2.1.0 Ok\r\n250 2.1.5 injected\r\n550 5.1.1 injected\r\n"

    last = await check(house, TlsOnly(certificate, injected), RIGHT)
    assert "injected" not in str(await house.trail(last))


@pytest.mark.parametrize(
    ("kind", "ip"),
    [
        ("A", "127.0.0.1"),
        ("A", "10.1.2.3"),
        ("A", "192.168.0.1"),
        ("A", "169.254.169.254"),
        ("A", "0.0.0.0"),
        ("A", "100.64.0.1"),
        ("AAAA", "::1"),
        ("AAAA", "::ffff:127.0.0.1"),
        ("AAAA", "fe80::1"),
        ("AAAA", "fd00::1"),
    ],
)
async def test_a_mail_server_inside_our_network_is_not_knocked_at(house: House, kind: str, ip: str) -> None:
    settings = msgspec.structs.replace(house.place.settings, egress_allow=())
    house.place = msgspec.structs.replace(house.place, settings=settings)
    house.net.dns.zone("acme.test")
    house.net.dns.add("acme.test", "MX", (10, "mx.acme.test"))
    house.net.dns.add("mx.acme.test", kind, ip)
    async with smtp(Script(), "127.0.0.1", house.net.port) as server:
        found = await house.verify("ada@acme.test")

    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.reason, found.verdict.smtp_server) == ("unknown", "private", False)
    assert server.sessions == []


async def test_a_ring_of_aliases_ends(house: House) -> None:
    house.net.dns.zone("test")
    house.net.dns.add("acme.test", "CNAME", "ring.test")
    house.net.dns.add("ring.test", "CNAME", "acme.test")

    found = await house.verify("ada@acme.test")

    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.reason) == ("unknown", "dns_failure")


async def test_of_two_hundred_mail_servers_four_are_tried(house: House) -> None:
    world = house.net.dns
    world.zone("acme.test")
    for number in range(200):
        world.add("acme.test", "MX", (number, f"mx{number}.acme.test"))
        world.add(f"mx{number}.acme.test", "A", f"127.0.9.{number + 1}")

    found = await house.verify("ada@acme.test")
    trail = await house.trail(found)

    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.reason) == ("unknown", "unreachable")
    assert len({step.host for step in trail if step.host}) == 4
    assert sum(world.asked.values()) < 60


class Unhurried(Script):
    """Half of a hundred people are there; every reply takes a while, as across an ocean."""

    people = frozenset({*(f"u{number}" for number in range(0, 100, 2)), "postmaster"})

    def __init__(self, pause: float = 0.02) -> None:
        self.pause = pause

    async def mail(self, session: Session, line: str) -> None:
        await asyncio.sleep(self.pause)
        await super().mail(session, line)


async def test_tarpits_leave_the_others_their_pace(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "STALLED_FIRST", 1.0)
    for number in range(20):
        await house.net.domain(f"good{number}.test", Unhurried(0.2))
        await house.net.domain(f"bad{number}.test", Tarpit("rcpt" if number % 2 else "banner"))

    async def took(turn: int, *kinds: str) -> float:
        """Seconds until the last of the good is known."""
        people = [f"u{number}" for number in range(20 * turn, 20 * turn + 20)]
        await house.ask(*(f"{name}@{kind}{n}.test" for name, n, kind in itertools.product(people, range(20), kinds)))
        good = [(f"good{n}.test", name) for name in people for n in range(20)]
        async with house.working() as verifying:
            verifying._at_once = 450
            began = time.monotonic()
            working = asyncio.create_task(verifying.work_off())
            app = house.place.stores.app
            for domain, local in good:
                while (row := await find_verification(app, domain, local)) and row.is_pending:
                    assert time.monotonic() - began < 60
                    await asyncio.sleep(0.02)
                assert row is not None
                assert row.verdict is not None
                assert row.verdict.status in ("valid", "invalid")
            seconds = time.monotonic() - began
            working.cancel()
            await asyncio.wait([working])
            await verifying._leave()
        return seconds

    alone = await took(0, "good")
    among = await took(1, "good", "bad")
    assert alone / among >= 0.65  # 0.87 on an idle machine


@pytest.mark.parametrize("has_proxy", [False, True])
async def test_a_server_that_is_restarted_is_come_back_to(
    house: House, monkeypatch: pytest.MonkeyPatch, has_proxy: bool
) -> None:
    """While it is away nobody listens, or a proxy in front of it hangs up."""
    monkeypatch.setattr(pacing, "DOWN_FIRST", 0.1)
    people = [f"u{number}" for number in range(60)]
    await house.net.domain("acme.test", None)
    await house.ask(*(f"{name}@acme.test" for name in people))
    running = smtp(Unhurried(), "127.0.0.2", house.net.port)
    server = await running.__aenter__()
    async with house.working() as verifying:
        working = asyncio.create_task(verifying.work_off())
        while server.verbs["RCPT"] < 20:
            await asyncio.sleep(0.01)
        await running.__aexit__(None, None, None)
        if has_proxy:
            async with smtp(Replies("connected", b"", hang_up=True), "127.0.0.2", house.net.port):
                await working
        else:
            await working
        assert await statuses(house, people, "pending")
        async with smtp(Unhurried(), "127.0.0.2", house.net.port):
            for _ in range(20):
                await asyncio.sleep(0.1)
                house.clock.at += 60
                await verifying.work_off()

    assert await statuses(house, people, "pending") == []
    there, absent = await statuses(house, people, "valid"), await statuses(house, people, "invalid")
    assert set(there) <= Unhurried.people
    assert not set(absent) & Unhurried.people
    # Those who were just being asked about, five sessions at most.
    assert len(there) + len(absent) >= 54


async def statuses(house: House, people: list[str], status: str) -> list[str]:
    """Whose verification has this *status*."""
    found = []
    for name in people:
        row = await find_verification(house.place.stores.app, "acme.test", name)
        assert row is not None
        is_so = "pending" if row.is_pending or row.verdict is None else row.verdict.status
        if is_so == status:
            found.append(name)
    return found
