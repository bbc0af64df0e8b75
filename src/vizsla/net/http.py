"""
What does a web server we do not trust answer?

The one HTTP client of the house. A request is bounded in seconds, in header bytes, in bytes of the wire and in bytes inflated;
nothing private is reached, no proxy of the environment is used, no cookie kept, no redirect followed unseen.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Container, Mapping
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from vizsla import __version__
from vizsla.kit.errors import VizslaError
from vizsla.kit.settings import Settings
from vizsla.net.guard import EgressGuard, EgressRefused
from vizsla.net.inflate import ACCEPT_ENCODING, UnknownEncoding, inflater_for
from vizsla.net.resolver import HttpResolver, parse_overrides

MAX_REDIRECTS = 5
MAX_HEADER = 8_190
"""Bytes of one header line (with 128 lines, a header block is at most 1 MB; field practice is below 32 KB)."""
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_DRAINED, _DRAIN_SECONDS = 16_384, 1.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}


class FetchError(VizslaError):
    """The page could not be fetched."""

    id = "fetch_failed"

    def __init__(self, reason: str, details: str = "", *, status: int = 0, retry_after: float | None = None) -> None:
        self.reason = reason
        """timeout, unreachable, tls, refused, broken, encoding, url, scheme, userinfo, port, redirects, status: what to count it under."""
        self.status = status
        """What the server answered, where that is what was wrong."""
        self.retry_after = retry_after
        """Seconds for which it asks to be left alone; None where it does not."""
        super().__init__(details or reason)


class Response(msgspec.Struct, frozen=True):
    """An answer, its body inflated and cut at the limit that was asked for."""

    url: str
    """Where it came from, after redirects."""
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    """As sent, in order."""
    body: bytes
    truncated: bool
    """Whether there was more than the limit."""
    request: tuple[tuple[str, str], ...]
    """The request headers as sent."""
    took: float
    """Seconds from asking to the last byte taken."""
    ip: str | None = None

    def header(self, name: str) -> str:
        """The first header of that name (lower case), or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case."""
        return _media_type(self.header("content-type"))

    @property
    def location(self) -> str | None:
        """Where it redirects to, as written; None if it does not."""
        return (self.header("location").strip() or None) if self.status in _REDIRECTS else None


class Stream:
    """An answer that is still coming in."""

    def __init__(self, response: aiohttp.ClientResponse, stall: float) -> None:
        self._response = response
        self._stall = stall
        self.status = response.status

    def header(self, name: str) -> str:
        """The first header of that name, or an empty text."""
        return self._response.headers.get(name, "")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it comes."""
        while True:
            async with asyncio.timeout(self._stall):
                piece = await self._response.content.readany()
            if not piece:
                return
            yield piece


class HttpClient:
    """
    A session for one crawl or one errand; at most *per_host* connections to a host at a time.

    With *only_allowed* nothing is reached but VIZSLA_EGRESS_ALLOW. Use as an async context manager.
    """

    def __init__(self, settings: Settings, *, per_host: int = 1, only_allowed: bool = False) -> None:
        self._ports = frozenset(settings.http_ports)
        self._per_host = per_host
        self._guard = EgressGuard(settings.egress_allow, only_allowed=only_allowed)
        self._overrides = parse_overrides(settings.http_resolve)
        self._bind = (settings.egress_bind, 0) if settings.egress_bind else None
        self._headers = {
            "User-Agent": user_agent(settings),
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.1",
            "Accept-Encoding": ACCEPT_ENCODING,
        }
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=HttpResolver(self._overrides),
                socket_factory=self._guard.socket_factory,
                limit_per_host=self._per_host,
                local_addr=self._bind,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=_NO_TIMEOUT,
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(
        self,
        url: str,
        *,
        seconds: float,
        limit: int,
        headers: Mapping[str, str] | None = None,
        only: Container[str] | None = None,
    ) -> Response:
        """
        One GET, no redirect followed, in *seconds* from name look-up to last byte, with *limit* bytes of body at most.

        With *only*, the body of any other media type is left on the wire (a missing Content-Type passes). Errors of HTTP
        (404, 500 …) are answers. Raises FetchError, EgressRefused.
        """
        return await self._ask("GET", url, seconds, limit, headers or {}, only=only)

    async def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        limit: int,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Response:
        """
        One request with a *body*, as `get`.

        *limit* 0: what is answered beside status and headers is not wanted, and cannot spoil them.
        """
        return await self._ask(method, url, seconds, limit, headers, body=body)

    async def check(self, url: str, *, seconds: float = 5.0) -> None:
        """
        Whether *url* may be asked: raises FetchError, EgressRefused, for every address that its host has now.

        Says it early and clearly; what is dialled is checked where the socket is made all the same.
        """
        target = self._checked(url)
        assert target.host is not None
        assert target.port is not None
        try:
            async with asyncio.timeout(seconds):
                found = await HttpResolver(self._overrides).resolve(target.host, target.port)
        except (TimeoutError, OSError, UnicodeError):
            raise FetchError("unreachable", f"the name {target.host} leads nowhere") from None
        for each in found:
            self._guard.check(each["host"])

    async def _ask(
        self,
        method: str,
        url: str,
        seconds: float,
        limit: int,
        headers: Mapping[str, str],
        *,
        only: Container[str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        target = self._checked(url)
        try:
            async with asyncio.timeout(seconds):
                return await self._get(target, limit, headers, only, method=method, sent=body)
        except TimeoutError:
            raise FetchError("timeout", f"no whole answer in {seconds:g} s") from None
        except aiohttp.ClientError as error:
            raise _judged(error) from None
        except UnknownEncoding as error:
            raise FetchError("encoding", f"content encoding {error}") from None
        except ValueError as error:  # a body that does not inflate; a host name that IDNA refuses
            raise FetchError("broken", str(error)[:200]) from None

    async def follow(self, url: str, *, seconds: float, limit: int) -> Response:
        """As `get`, but up to five redirects are followed, wherever the guard lets them go; *seconds* is for all of them."""
        until = time.monotonic() + seconds
        for _ in range(MAX_REDIRECTS + 1):
            response = await self.get(url, seconds=max(until - time.monotonic(), 0), limit=limit)
            if response.location is None:
                return response
            try:
                url = str(URL(url).join(URL(response.location)))
            except ValueError:
                raise FetchError("url", "a redirect to what is no URL") from None
        raise FetchError("redirects", f"more than {MAX_REDIRECTS} redirects")

    @asynccontextmanager
    async def stream(self, url: str, *, headers: Mapping[str, str], stall: float) -> AsyncIterator[Stream]:
        """
        The answer to one GET while it comes in, as it is on the wire; up to five redirects are followed.

        Nothing bounds how long it is; *stall* seconds without a byte end it. Raises FetchError, EgressRefused, inside too.
        """
        assert self._session is not None
        target = self._checked(url)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                async with asyncio.timeout(stall):
                    response = await self._session.get(target, headers=headers, allow_redirects=False)
                try:
                    if response.status not in _REDIRECTS or not response.headers.get("Location"):
                        yield Stream(response, stall)
                        return
                    target = self._checked(str(target.join(URL(response.headers["Location"]))))
                finally:
                    response.close()
        except TimeoutError:
            raise FetchError("timeout", f"nothing came for {stall:g} s") from None
        except aiohttp.ClientError as error:
            raise _judged(error) from None
        except ValueError as error:
            raise FetchError("broken", str(error)[:200]) from None
        raise FetchError("redirects", f"more than {MAX_REDIRECTS} redirects")

    def _checked(self, text: str) -> URL:
        """The URL that will be dialled, parsed once so that no second parser can see another host in it."""
        if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
            raise FetchError("url", "a URL with characters that have no place in one")
        try:
            url = URL(text, encoded=True)
            # It is read here, for of an `xn--` name that is no Punycode it raises an error as well.
            host, port = url.host, url.port or _PORTS.get(url.scheme)
        except ValueError:
            raise FetchError("url", "this is no URL") from None
        if url.scheme not in _PORTS or not host:
            raise FetchError("scheme", "only http and https are fetched")
        if url.user is not None or url.password is not None:
            raise FetchError("userinfo", "a URL with a user name or password is not fetched")
        if port not in self._ports:
            raise FetchError("port", f"port {port} is not in VIZSLA_HTTP_PORTS")
        return url

    async def _get(
        self,
        url: URL,
        limit: int,
        headers: Mapping[str, str],
        only: Container[str] | None,
        *,
        method: str,
        sent: bytes | None,
    ) -> Response:
        assert self._session is not None
        started = time.monotonic()
        response = await self._session.request(method, url, headers=headers, data=sent, allow_redirects=False)
        try:
            peer = response.connection and response.connection.transport
            address = peer.get_extra_info("peername") if peer else None
            wanted = only is None or (_media_type(response.headers.get("Content-Type", "")) or "text/html") in only
            if not limit:
                await _drain(response)
                body, truncated = b"", True
            else:
                body, truncated = await _read(response, limit) if wanted else (b"", True)
        finally:
            # Not release(): that would drain the rest of an endless body. A body read to its end keeps the connection.
            response.close()
        return Response(
            url=str(url),
            status=response.status,
            reason=_clean(response.reason or ""),
            headers=tuple((_text(name), _clean(_text(value))) for name, value in response.raw_headers),
            body=body,
            truncated=truncated,
            request=tuple((name, _clean(value)) for name, value in response.request_info.headers.items()),
            took=time.monotonic() - started,
            ip=address[0] if address else None,
        )


def user_agent(settings: Settings) -> str:
    """How we name ourselves, with whatever the operator gave for site owners to reach them by."""
    contact = settings.crawl_contact or settings.base_url
    return f"Vizsla/{__version__}" + (f" (+{_clean(contact)})" if contact else "")


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """At most *limit* bytes of the inflated body, and whether there was more."""
    inflater = inflater_for(response.headers.get("Content-Encoding", ""))
    body = bytearray()
    wire = 0
    while chunk := await response.content.readany():
        wire += len(chunk)
        # One byte beyond the limit tells "all of it" from "there is more".
        body += inflater.feed(chunk, limit + 1 - len(body))
        # The wire is capped too: a stream of empty gzip members inflates to nothing for ever.
        if len(body) > limit or wire > limit + 65_536:
            return bytes(body[:limit]), True
    return bytes(body), False


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a short body away, so that the connection may serve again; a long or slow one ends it."""
    left = _DRAINED
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, ValueError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0 and (piece := await response.content.readany()):
                left -= len(piece)


def _judged(error: aiohttp.ClientError) -> VizslaError:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, EgressRefused):
        return error.os_error
    if isinstance(error, aiohttp.ClientSSLError):
        return FetchError("tls", str(error)[:200])
    if isinstance(error, aiohttp.InvalidURL):
        return FetchError("url", str(error)[:200])
    if isinstance(error, aiohttp.ClientConnectorError):
        return FetchError("unreachable", str(error)[:200])
    return FetchError("broken", str(error)[:200] or type(error).__name__)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _clean(text: str) -> str:
    """*text* on one line: a folded header must not become two when it is written down again."""
    return " ".join(text.split()) if any(c in text for c in "\r\n\0") else text
