"""
A balancer as it should be, and no better: it asks each node at `/readyz` whether it is ready, keeps connections to nodes as long as
they let it, sends a request to one node, and tries nothing twice. What a node did not answer is a 502.
"""

import asyncio
import contextlib
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence

LOOK = 0.1
"""Seconds between two questions whether a node is ready."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """Between clients and the nodes on *ports* of this machine."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ready = dict.fromkeys(ports, False)
        self.sent = Counter[int]()
        """Requests by the port that they were sent to."""
        self.failed: list[str] = []
        """Why requests were not answered."""
        self.port = 0
        self._kept: dict[int, list[Wire]] = {port: [] for port in ports}
        self._turns = itertools.count()

    async def is_ready(self, port: int, *, is_it: bool = True) -> None:
        """Wait until it is, or is not any more."""
        while self.ready[port] is not is_it:
            await asyncio.sleep(0.02)

    async def look(self, port: int) -> None:
        """Ask whether a node is ready, for ever."""
        while True:
            answer = b""
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(1.0):
                    wire = await asyncio.open_connection("127.0.0.1", port)
                    answer = await _exchange(wire, b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    wire[1].close()
            self.ready[port] = answer.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(LOOK)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                writer.write(await self._pass_on(await _read_message(reader)))
                await writer.drain()
        writer.close()

    async def _pass_on(self, request: bytes) -> bytes:
        ports = [port for port, is_ready in self.ready.items() if is_ready]
        if not ports:
            self.failed.append("no node is ready")
            return _BAD_GATEWAY
        port = ports[next(self._turns) % len(ports)]
        self.sent[port] += 1
        try:
            wire = self._find(port) or await asyncio.open_connection("127.0.0.1", port)
            answer = await _exchange(wire, request)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.failed.append(f"{type(error).__name__} at {port}: {error}")
            return _BAD_GATEWAY
        if _CLOSE.search(answer[: answer.index(b"\r\n\r\n") + 2]):
            wire[1].close()
        else:
            self._kept[port].append(wire)
        return _CLOSE.sub(b"", answer, count=1)

    def _find(self, port: int) -> Wire | None:
        while self._kept[port]:
            reader, writer = self._kept[port].pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    def close(self) -> None:
        """Let go of the nodes."""
        for wires in self._kept.values():
            for _, writer in wires:
                writer.close()


@contextlib.asynccontextmanager
async def balancer(ports: Sequence[int]) -> AsyncIterator[Balancer]:
    """One that listens at its `port`."""
    one = Balancer(ports)
    looking = [asyncio.create_task(one.look(port)) for port in ports]
    server = await asyncio.start_server(one.answer, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        one.close()


async def _exchange(wire: Wire, request: bytes) -> bytes:
    reader, writer = wire
    writer.write(request)
    await writer.drain()
    return await _read_message(reader)


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """Head and body, whose length the head says."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")
