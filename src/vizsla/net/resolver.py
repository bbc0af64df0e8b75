"""
Which addresses does a host have, for HTTP?

The system's answer, but for hosts that `http_resolve` names: those go where it says and never to DNS. Nothing is judged here;
the guard sees whatever address is dialled.
"""

import socket
from collections.abc import Iterable

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from vizsla.kit.errors import SettingsError


def parse_overrides(entries: Iterable[str]) -> dict[tuple[str, int], tuple[str, int]]:
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

    def __init__(self, overrides: dict[tuple[str, int], tuple[str, int]]) -> None:
        self._overrides = overrides
        self._overridden_hosts = {host for host, _ in overrides}
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        target = self._overrides.get((host, port))
        if target:
            ip, ip_port = target
            kind = socket.AF_INET6 if ":" in ip else socket.AF_INET
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            return [ResolveResult(hostname=host, host=ip, port=ip_port, family=kind, proto=0, flags=flags)]
        if host in self._overridden_hosts:
            raise OSError(None, f"http_resolve names {host}, but not its port {port}")
        return await self._system.resolve(host, port, family)

    async def close(self) -> None:
        await self._system.close()


def _host_port(text: str) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if not (host and colon and 0 < int(port) < 65_536):
        raise ValueError(text)
    return host.strip("[]").lower(), int(port)
