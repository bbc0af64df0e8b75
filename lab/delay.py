"""
How far away are the mail servers?

    python -m lab.delay MILLISECONDS IP …

Kernels without netem have no delay of their own, so that port 25 of each address is a relay to the server's port, which holds
back what passes: half the round trip each way, and a whole one before the server hears of the connection, for the handshake.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import cast

import uvloop

PORT, SERVERS_PORT = 25, 2525
_MOST = 65_536


class _End(asyncio.Protocol):
    """One end of a relayed connection; what arrives is written to the other a while later, in order."""

    def __init__(self, one_way: float) -> None:
        self.one_way = one_way
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._later(lambda: self._pass_on(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._later(self._hang_up)

    def _later(self, what: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(self.one_way, what)

    def _pass_on(self, data: bytes) -> None:
        other = self.other
        if other is None:
            self.early.append(data)
        elif other.transport and not other.transport.is_closing():
            other.transport.write(data)

    def _hang_up(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.close()


class _Client(_End):
    """The end that came to port 25."""

    def __init__(self, ip: str, one_way: float) -> None:
        super().__init__(one_way)
        self.ip = ip
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.create_task(self._connect())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connect(self) -> None:
        await asyncio.sleep(2 * self.one_way)
        server = _End(self.one_way)
        server.other = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, self.ip, SERVERS_PORT)
        except OSError:
            assert self.transport
            self.transport.abort()
            return
        self.other = server
        for data in self.early:
            self._pass_on(data)


async def relay(ips: list[str], one_way: float) -> None:
    """Listen at every address, for ever."""
    loop = asyncio.get_running_loop()
    for ip in ips:
        await loop.create_server(lambda ip=ip: _Client(ip, one_way), ip, PORT, backlog=512)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(relay(sys.argv[2:], int(sys.argv[1]) / 2_000))
