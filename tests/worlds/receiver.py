"""A program that listens: an HTTP server on loopback that reads whole requests and answers what the test says, or nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from worlds.listening import listening


@dataclass
class Got:
    """A request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Says:
    """What is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    after: float = 0.0
    """Seconds before the answer."""
    hangs_up: bool = False


@dataclass
class Receiver:
    """What came in; *says* is asked what to answer."""

    says: Callable[[Got], Awaitable[Says]]
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *lines = head.decode("latin-1").rstrip().split("\r\n")
                method, target, _ = line.split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                got = Got(method, target, headers, body)
                self.got.append(got)
                said = await self.says(got)
                if said.after:
                    await asyncio.sleep(said.after)
                if said.hangs_up:
                    break
                extra = "".join(f"{name}: {value}\r\n" for name, value in said.headers.items())
                writer.write(
                    f"HTTP/1.1 {said.status} X\r\nContent-Length: {len(said.body)}\r\n{extra}\r\n".encode() + said.body
                )
                await writer.drain()
        writer.close()


def always(said: Says) -> Callable[[Got], Awaitable[Says]]:
    async def answer(_: Got) -> Says:
        return said

    return answer


@asynccontextmanager
async def receiver(says: Callable[[Got], Awaitable[Says]] | None = None) -> AsyncIterator[Receiver]:
    """A server; what still waits for an answer is cut off at the end."""
    world = Receiver(says or always(Says()))
    async with listening(world.serve) as world.port:
        yield world
