"""
Which addresses does a host have, for HTTP?

The system's answer, but for hosts that `http_resolve` names: those go where it says and never to DNS. Nothing is judged here;
the guard sees whatever address is dialled.
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from vizsla.kit.errors import SettingsError

# Threads of their own: look-ups that hang must not take those that the event loop keeps for everyone's files.
_threads = ThreadPoolExecutor(16, thread_name_prefix="dns")
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

HostPort = tuple[str, int]


def parse_overrides(entries: Iterable[str]) -> dict[HostPort, HostPort]:
    """The `host:port=ip:port` entries of the setting `http_resolve`, or SettingsError."""
    overrides = {}
    for entry in entries:
        asked, _, target = entry.partition("=")
        try:
            overrides[_host_port(asked)] = _host_port(target)
        except ValueError:
            raise SettingsError(f"VIZSLA_HTTP_RESOLVE: {entry!r} is not of the form host:port=ip:port") from None
    return overrides


class HttpResolver(AbstractResolver):
    """Resolves through *overrides* first, then as the system does."""

    def __init__(self, overrides: dict[HostPort, HostPort]) -> None:
        self._overrides = overrides
        self._overridden_hosts = {host for host, _ in overrides}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if target := self._overrides.get((host, port)):
            return [_result(host, *target)]
        if host in self._overridden_hosts:
            raise OSError(None, f"VIZSLA_HTTP_RESOLVE names {host}, but not its port {port}")
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(_threads, _system_addresses, host, port, family)
        return [_result(host, ip, port) for ip in answers]

    async def close(self) -> None:
        """There is nothing to let go of."""


def _system_addresses(host: str, port: int, family: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(address[0]) for *_, address in answers]


def _result(host: str, ip: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    return ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=_NUMERIC)


def _host_port(text: str) -> HostPort:
    host, colon, port = text.strip().rpartition(":")
    if not (host and colon and 0 < int(port) < 65_536):
        raise ValueError(text)
    return host.strip("[]").lower(), int(port)
