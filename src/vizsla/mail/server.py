"""
Where is the mail server that a person named, and may we log in there?

A name or an address, a port of mail, and TLS that is verified. Strangers type these names: where they lead is judged by the egress
guard on each address that is dialled, whatever the name said when it was saved.
"""

import asyncio
import ssl
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

import msgspec

from vizsla.kit.domain_name import to_ascii
from vizsla.kit.errors import VizslaError
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard, EgressRefused
from vizsla.net.resolver import HttpResolver

Security = Literal["tls", "starttls", "none"]
"""TLS from the first octet (RFC 8314), by STARTTLS, or clear text: that only where VIZSLA_EGRESS_ALLOW names the network."""
SMTP_PORTS = frozenset({25, 465, 587, 2525})
IMAP_PORTS = frozenset({143, 993})
_SYSTEM = HttpResolver({})
_LOOK_UP = 15.0
"""Seconds."""


class WrongServer(VizslaError):
    """This is no mail server that can be used."""

    id = "wrong_params"


class Server(msgspec.Struct, frozen=True):
    """A mail server, as a person named it."""

    host: str
    port: int
    security: Security = "tls"


class Credentials(msgspec.Struct, frozen=True):
    """Who logs in, and how: with a password, or an OAuth 2 access token."""

    login: str
    password: str = ""
    access_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.login!r})"


def clean_host(text: str) -> str:
    """The host in what a person typed, in lower case; raises WrongServer."""
    host = text.strip().rstrip(".").lower().removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    # A single label is a machine in the operator's own network, such as another container.
    name = to_ascii(host if "." in host else f"{host}.test") if len(host) <= 253 else None
    if name is None:
        raise WrongServer(f"{text[:60]!r} is not the name of a mail server. It looks like smtp.example.com.")
    return name if "." in host else name.removesuffix(".test")


def check_server(server: Server, ports: frozenset[int], guard: EgressGuard) -> None:
    """
    Raise WrongServer for what can be told before connecting: a private address, a port that is none of mail's.

    The port of a name cannot be judged before it is known where that leads; see `check_address`.
    """
    if not 0 < server.port < 65_536:
        raise WrongServer(f"{server.port} is not a port.")
    try:
        ip_address(server.host)
    except ValueError:
        return
    check_address(server, server.host, ports, guard)


def check_address(server: Server, ip: str, ports: frozenset[int], guard: EgressGuard) -> None:
    """Raise WrongServer unless *ip*, where *server* led, may be dialled on its port and with its security."""
    try:
        guard.check(ip)
    except EgressRefused:
        raise WrongServer(
            f"{server.host} leads to a private or reserved address. VIZSLA_EGRESS_ALLOW can name its network."
        ) from None
    if guard.is_named(ip):
        return
    if server.port not in ports:
        known = ", ".join(map(str, sorted(ports)))
        raise WrongServer(f"Port {server.port} is not one of mail servers. Use one of {known}.")
    if server.security == "none":
        raise WrongServer("A password is not sent without TLS. Choose TLS or STARTTLS.")


async def find_addresses(host: str, dns: DnsClient | None = None) -> list[str]:
    """
    The numeric addresses of *host*, IPv4 first. Raises WrongServer if there is none.

    *dns* is asked first, then the system, whose own names DNS does not know.
    """
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    if dns is not None:
        answers = await asyncio.gather(dns.ask(host, "A"), dns.ask(host, "AAAA"))
        if found := [record.value for answer in answers for record in answer.records]:
            return found
    try:
        async with asyncio.timeout(_LOOK_UP):
            return list(dict.fromkeys(result["host"] for result in await _SYSTEM.resolve(host)))
    except (OSError, UnicodeError, TimeoutError):
        raise WrongServer(f"There is no server of the name {host}. Is it spelled right?") from None


@lru_cache(1)
def verifying_context() -> ssl.SSLContext:
    """TLS that verifies, with the system's authorities or those of OpenSSL's SSL_CERT_FILE. Loaded once: it takes 20 ms."""
    return ssl.create_default_context()
