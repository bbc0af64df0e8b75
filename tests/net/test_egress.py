"""Nothing private is reached, however its address is written: a canary on loopback must see no connection."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.settings import Settings
from vizsla.net.guard import EgressGuard, EgressRefused
from vizsla.net.http import FetchError, HttpClient
from worlds.web import page, redirect, web

_PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255
    198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::7f00:1 64:ff9b:1::808:808 2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe::
    2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:db8::1 3fff::1 5f00::1
    fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1 feff::1 ff02::1 ff0e::1 100::1 4000::1
"""
_PUBLIC = """
    1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 198.17.255.255 223.255.255.255
    2606:4700:4700::1111 2a00:1450:4001::200e ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
"""
_SPELLINGS = """
    127.0.0.1 127.1 127.0.1 127.0.0.01 2130706433 0x7f000001 0x7f.1 0x7f.0.0.1 017700000001 0177.0.0.1 0177.1 0 0.0.0.0 0x0
    127.0.0.1. 127.000.000.001 [::1] [::] [0:0:0:0:0:0:0:1] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] [::ffff:7f00:1]
    [::ffff:0:127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [fe80::1] [fec0::1] [ff02::1] localhost
    LOCALHOST localhost. 169.254.169.254 0xa9fea9fe 2852039166 10.0.0.1 192.168.1.1 100.64.0.1 198.18.0.1 ①②⑦.0.0.1
    127。0。0。1 user@127.0.0.1 127.0.0.1%2f@example.com example.com\\@127.0.0.1 127.0.0.1#@example.com
    127.0.0.1\t [::1%25lo] [::ffff:127.0.0.1%25lo]
"""
PRIVATE, PUBLIC, SPELLINGS = _PRIVATE.split(), _PUBLIC.split(), _SPELLINGS.split()


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_and_reserved_addresses_are_refused(ip: str) -> None:
    with pytest.raises(EgressRefused):
        EgressGuard().check(ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_pass(ip: str) -> None:
    EgressGuard().check(ip)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "①②⑦.0.0.1", "example.com", "1.2.3.4/8"]
)
def test_what_is_not_a_numeric_address_is_refused(text: str) -> None:
    with pytest.raises(EgressRefused):
        EgressGuard().check(text)


def test_an_allowed_network_is_let_through_in_every_spelling_and_no_other_is() -> None:
    guard = EgressGuard(("127.0.0.0/8", "fd00::/8"))

    for ip in ("127.0.0.1", "::ffff:127.0.0.1", "fd00::1"):
        guard.check(ip)
    for ip in ("10.0.0.1", "::1", "fc00::1", "::ffff:10.0.0.1"):
        with pytest.raises(EgressRefused):
            guard.check(ip)


@given(st.ip_addresses(v=4))
def test_an_address_carried_in_another_is_judged_as_itself(address) -> None:
    def passes(text: str) -> bool:
        try:
            EgressGuard().check(text)
        except EgressRefused:
            return False
        return True

    expected = passes(str(address))

    assert passes(f"::ffff:{address}") == expected
    assert passes(f"::{address}") == expected
    assert passes(f"64:ff9b::{address}") == expected
    bits = int(address)
    assert passes(f"2002:{bits >> 16:x}:{bits & 0xFFFF:x}::1") == expected


def test_what_getaddrinfo_makes_of_a_spelling_is_refused() -> None:
    """The system's parser takes short, octal, hexadecimal and full-width forms that Python's `ipaddress` does not."""
    taken = []
    for spelling in SPELLINGS:
        try:
            answers = socket.getaddrinfo(spelling.strip("[]"), 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            continue
        taken.append(spelling)
        for answer in answers:
            with pytest.raises(EgressRefused):
                EgressGuard().socket_factory(answer)

    assert {"127.1", "2130706433", "0x7f.1", "017700000001", "0", "①②⑦.0.0.1", "[::ffff:7f00:1]"} <= set(taken)
    assert len(taken) >= 30


async def test_no_spelling_of_a_private_address_reaches_the_canary() -> None:
    async with web() as canary:
        canary.route("/", "secret")
        settings = Settings(http_ports=(canary.port,))
        async with HttpClient(settings) as client:
            for host in SPELLINGS:
                with pytest.raises((FetchError, EgressRefused)):
                    await client.get(f"http://{host}:{canary.port}/", seconds=3, limit=1_000)

        assert len(SPELLINGS) >= 37
        assert canary.connections == 0


async def test_the_canary_would_have_sung() -> None:
    async with web() as canary:
        canary.route("/", "secret")
        settings = Settings(http_ports=(canary.port,), egress_allow=("127.0.0.0/8",))
        async with HttpClient(settings) as client:
            response = await client.get(f"http://127.0.0.1:{canary.port}/", seconds=3, limit=1_000)

    assert response.body == b"secret"
    assert canary.connections == 1


async def test_a_name_that_changes_its_address_is_judged_by_the_one_that_is_dialled(monkeypatch) -> None:
    asked = []

    def rebinding(host, port, **options):
        asked.append(host)
        ip = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    # Whoever had checked this first answer would now be content.
    assert socket.getaddrinfo("rebind.test", 80)[0][4][0] == "93.184.216.34"
    async with web() as canary:
        async with HttpClient(Settings(http_ports=(canary.port,))) as client:
            with pytest.raises(EgressRefused):
                await client.get(f"http://rebind.test:{canary.port}/", seconds=3, limit=1_000)

        assert len(asked) == 2
        assert canary.connections == 0


async def test_redirects_to_private_addresses_and_other_schemes_are_refused() -> None:
    async with web() as site, web("127.0.0.2") as canary:
        settings = Settings(
            http_ports=(80, canary.port),
            egress_allow=("127.0.0.1/32",),
            http_resolve=(f"a.test:80=127.0.0.1:{site.port}",),
        )
        targets = [
            f"http://127.0.0.2:{canary.port}/", f"//127.0.0.2:{canary.port}", f"http://2130706434:{canary.port}/",
            f"http://[::ffff:127.0.0.2]:{canary.port}/", "file:///etc/passwd", "gopher://127.0.0.2:25/_x", "ftp://127.0.0.2/",
            "http://user:pw@a.test/", "http://a.test:22/", "/loop",
        ]  # fmt: skip
        for number, target in enumerate(targets):
            site.route(f"/{number}", redirect(target))
        site.route("/loop", redirect("/loop", 301))
        site.route("/good", redirect("/there"))
        site.route("/there", page("found"))
        async with HttpClient(settings) as client:
            for number in range(len(targets)):
                with pytest.raises((FetchError, EgressRefused)):
                    await client.follow(f"http://a.test/{number}", seconds=3, limit=1_000)
            good = await client.follow("http://a.test/good", seconds=3, limit=1_000)

        assert good.body == b"found"
        assert canary.connections == 0
