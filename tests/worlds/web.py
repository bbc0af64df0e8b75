"""
A web that means harm: a raw HTTP server on loopback whose routes say octet by octet what they send.

Nothing of it is an HTTP library, for a library would not let us send what we must.
"""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import brotli

from worlds.listening import listening

CHUNK = 32_768


@dataclass
class Request:
    """A request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    at: float

    @property
    def host(self) -> str:
        return self.headers.get("host", "").partition(":")[0]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Route = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Web:
    """Routes by `host/path`, by `/path` for any host, or by the prefix before a `*`; a log of what was asked."""

    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    port: int = 0

    def route(self, name: str, answer: Route | str | bytes) -> None:
        self.routes[name] = page(answer) if isinstance(answer, str | bytes) else answer

    def paths(self, host: str | None = None) -> list[str]:
        """What was asked for, in order, robots.txt and sitemaps left out."""
        own = ("/robots", "/sitemap")
        return [
            request.target
            for request in self.asked
            if not request.target.startswith(own) and (host is None or request.host == host)
        ]

    def find(self, request: Request) -> Route:
        for name in (request.host + request.target, request.target, request.host + request.path, request.path):
            if name in self.routes:
                return self.routes[name]
        for name, route in self.routes.items():
            if name.endswith("*") and (request.host + request.target).endswith(request.target):
                prefix = name[:-1]
                if request.target.startswith(prefix) or (request.host + request.target).startswith(prefix):
                    return route
        return status(404)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode("latin-1").rstrip().split("\r\n")
                method, target, _ = line.split(" ", 2)
                pairs = (line.partition(":") for line in lines)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                request = Request(method, target, headers, asyncio.get_running_loop().time())
                self.asked.append(request)
                await self.find(request)(request, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        writer.close()


@asynccontextmanager
async def web(host: str = "127.0.0.1") -> AsyncIterator[Web]:
    """A server; whatever is still dripping is cut off at the end."""
    world = Web()
    async with listening(world.serve, host) as world.port:
        yield world


def page(
    body: str | bytes, *, content_type: str = "text/html; charset=utf-8", headers: str = "", code: int = 200
) -> Route:
    """A proper answer."""
    raw = body.encode() if isinstance(body, str) else body

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {code} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(raw)}\r\n{headers}\r\n"
        writer.write(head.encode("latin-1") + raw)

    return answer


def status(code: int, headers: str = "") -> Route:
    return page(f"<p>{code}</p>", code=code, headers=headers)


def redirect(location: str, code: int = 302) -> Route:
    return page("", code=code, headers=f"Location: {location}\r\n")


def links(*hrefs: str) -> str:
    return "<html><body>" + "".join(f'<a href="{href}">{href}</a>' for href in hrefs) + "</body></html>"


def tagged(body: str, etag: str) -> Route:
    """A page that answers 304 to its own ETag."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.headers.get("if-none-match") == etag:
            writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode())
        else:
            await page(body, headers=f"ETag: {etag}\r\n")(request, writer)

    return answer


def calendar(path: str) -> Route:
    """Every day links to the next ones, for ever."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        day = int(request.target.rpartition("=")[2] or 0) if "=" in request.target else 0
        await page(links(*(f"{path}?d={day + step}" for step in range(1, 20))))(request, writer)

    return answer


def endless(head: bytes, piece: Callable[[], Iterator[bytes]], *, pause: float = 0, tell: Web | None = None) -> Route:
    """A head, then pieces until the other side has had enough."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with suppress(ConnectionError):
            for data in piece():
                writer.write(data)
                if tell:
                    tell.sent += len(data)
                await writer.drain()
                if writer.is_closing():
                    break
                await asyncio.sleep(pause)
        writer.close()

    return answer


def _for_ever(data: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        while True:
            yield data

    return pieces


HTML_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def endless_chunked(tell: Web | None = None) -> Route:
    piece = b"<p>x</p>" * (CHUNK // 8)
    head = HTML_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    return endless(head, _for_ever(b"%x\r\n%s\r\n" % (len(piece), piece)), tell=tell)


def byte_a_second(pause: float = 1.0) -> Route:
    return endless(HTML_HEAD + b"Content-Length: 100000\r\n\r\n", _for_ever(b"x"), pause=pause)


def header_a_second(pause: float = 1.0) -> Route:
    return endless(b"HTTP/1.1 200 OK\r\n", _for_ever(b"X: y\r\n"), pause=pause)


def ten_gigabytes(tell: Web | None = None) -> Route:
    return endless(HTML_HEAD + b"Content-Length: 10737418240\r\n\r\n", _for_ever(b"x" * CHUNK), tell=tell)


def header_block(size: int = 10 << 20, tell: Web | None = None) -> Route:
    """A header block of *size* bytes in lines of 4 KB."""
    line = b"X-Filler: " + b"y" * 4_000 + b"\r\n"
    return endless(b"HTTP/1.1 200 OK\r\n", lambda: iter([line] * (size // len(line)) + [b"\r\n"]), tell=tell)


def header_line(size: int = 10 << 20, tell: Web | None = None) -> Route:
    """One header line of *size* bytes."""
    pieces = [b"X-Filler: "] + [b"y" * CHUNK] * (size // CHUNK) + [b"\r\n\r\n"]
    return endless(b"HTTP/1.1 200 OK\r\n", lambda: iter(pieces), tell=tell)


def gzip_bomb(size: int = 200 << 20, tell: Web | None = None) -> Route:
    """*size* zeros, a thousand to one."""

    def pieces() -> Iterator[bytes]:
        stream = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        zeros = b"\0" * (1 << 20)
        for _ in range(size >> 20):
            yield stream.compress(zeros)
        yield stream.flush()

    return endless(HTML_HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n", pieces, tell=tell)


def brotli_bomb(size: int = 64 << 20, tell: Web | None = None) -> Route:
    """*size* zeros, a hundred thousand to one."""
    head = HTML_HEAD + b"Content-Encoding: br\r\nConnection: close\r\n\r\n"
    wire = brotli.compress(b"\0" * size, quality=1)
    return endless(head, lambda: iter([wire]), tell=tell)


def empty_members(tell: Web | None = None) -> Route:
    """gzip members that hold nothing, for ever: the wire runs, the body stays empty."""
    head = HTML_HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
    return endless(head, _for_ever(gzip.compress(b"") * 1_000), tell=tell)


def billion_laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{entities}]><urlset><url><loc>&l9;</loc></url></urlset>'.encode()


def external_entity(path: str) -> bytes:
    return f"<!DOCTYPE x [<!ENTITY f SYSTEM 'file://{path}'>]><urlset><url><loc>http://acme.test/&f;</loc></url></urlset>".encode()


def sitemap(*urls: str, index: bool = False) -> bytes:
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{inner}><loc>{url}</loc></{inner}>" for url in urls)
    return f'<?xml version="1.0"?><{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{outer}>'.encode()
