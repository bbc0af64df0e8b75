"""
May we open a connection to this address?

Asked where the socket is made, with the address that is about to be dialled: a literal, a DNS answer, a redirect and a name
that changes its answer between two look-ups are then one case. `ipaddress.is_global` is not asked: it calls `::127.0.0.1`,
NAT64, 6to4, `fec0::/10` and multicast global.
"""

import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from vizsla.kit.errors import VizslaError

_DENIED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network: 0.0.0.0 reaches localhost on Linux
        "10.0.0.0/8",
        "100.64.0.0/10",  # RFC 6598, carrier-grade NAT; clouds keep metadata here too
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, with the metadata address of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # RFC 6890, protocol assignments
        "192.0.2.0/24",
        "192.88.99.0/24",  # RFC 7526, 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # RFC 2544, benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
"""All that IANA hands out for the public internet; what lies outside (ULA, link-local, site-local, multicast) is refused."""
_DENIED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # RFC 2928: Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "3fff::/20",  # RFC 9637, documentation
    )
)
_V4_MAPPED = IPv6Network("::ffff:0:0/96")
_V4_COMPATIBLE = IPv6Network("::/96")
_V4_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


class EgressRefused(VizslaError, OSError):
    """The address is private or reserved. Networks that may be reached all the same are named in VIZSLA_EGRESS_ALLOW."""

    # An OSError too, for that is what code which opens sockets expects to fail with.
    id = "egress_refused"

    def __init__(self, details: str | None = None) -> None:
        super().__init__(details)
        self.strerror = self.details

    def __str__(self) -> str:
        return self.details


class EgressGuard:
    """
    Tells public addresses from all others; *allow* names networks that are let through though they are private.

    With *only_allowed* no other network is: for what must not cross the internet in the clear.
    """

    def __init__(self, allow: Iterable[str] = (), *, only_allowed: bool = False) -> None:
        self._only_allowed = only_allowed
        self._allow = tuple(ipaddress.ip_network(network, strict=False) for network in allow)
        # A mail server is asked for once for each session, a site for each page.
        self._judged = lru_cache(4_096)(self._judge)

    def check(self, ip: str) -> None:
        """Raise EgressRefused unless a connection to *ip* (a numeric address) may be opened."""
        if refusal := self._judged(ip):
            raise EgressRefused(refusal)

    def is_named(self, ip: str) -> bool:
        """Whether the operator named the network of *ip* in VIZSLA_EGRESS_ALLOW: then it is a peer of theirs, on any port."""
        try:
            return self._is_allowed(ipaddress.ip_address(ip.partition("%")[0]))
        except ValueError:
            return False

    def _judge(self, ip: str) -> str:
        """Why no connection to *ip* may be opened; empty if one may."""
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return f"{ip!r} is not an IP address"
        carried = _carried_v4(address)
        if self._is_allowed(address) or (carried and self._is_allowed(carried)):
            return ""
        if self._only_allowed:
            return f"{ip} is in no network of VIZSLA_EGRESS_ALLOW; elsewhere only https is spoken."
        if _is_public(carried or address):
            return ""
        return f"{ip} is a private or reserved address. VIZSLA_EGRESS_ALLOW can name its network."

    def socket_factory(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an `addrinfo` tuple that passed `check`; for aiohttp's `TCPConnector(socket_factory=…)`."""
        family, kind, protocol, _, address = info
        if family not in (socket.AF_INET, socket.AF_INET6):
            raise EgressRefused("only IP connections are made")
        self.check(address[0])
        return socket.socket(family=family, type=kind, proto=protocol)

    def _is_allowed(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address.version == network.version and address in network for network in self._allow)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _DENIED_4)
    return address in _GLOBAL_6 and not any(address in network for network in _DENIED_6)


def _carried_v4(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway or the kernel would reach for this IPv6 one, if it carries one."""
    if isinstance(address, IPv4Address):
        return None
    bits = int(address)
    if any(address in network for network in (_V4_MAPPED, _V4_COMPATIBLE, _V4_TRANSLATED, _NAT64)):
        return IPv4Address(bits & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address((bits >> 80) & 0xFFFFFFFF)
    # 64:ff9b:1::/48 is refused whole, for it lies outside of 2000::/3: RFC 6052 2.2 puts the octets in one of four places,
    # which one only the local network knows, and by RFC 8215 they may be private.
    return None
