"""Whatever a server sends, a request ends in time and holds no more than was asked for."""

import asyncio
import gzip
import time
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.errors import SettingsError
from vizsla.kit.settings import Settings
from vizsla.net.http import FetchError, HttpClient, Response
from vizsla.net.inflate import gunzip, inflater_for
from vizsla.net.resolver import parse_overrides
from worlds.web import (
    HTML_HEAD,
    Web,
    brotli_bomb,
    byte_a_second,
    empty_members,
    endless,
    endless_chunked,
    gzip_bomb,
    header_a_second,
    header_block,
    header_line,
    page,
    redirect,
    status,
    ten_gigabytes,
    web,
)

LIMIT = 256 << 10
TEXT = b"The quick brown fox. " * 500


def lab(site: Web, **settings: object) -> Settings:
    return Settings(
        egress_allow=("127.0.0.0/8",),
        http_ports=(80,),
        http_resolve=(f"acme.test:80=127.0.0.1:{site.port}",),
        **settings,
    )


async def fetch(site: Web, path: str = "/", *, seconds: float = 5, limit: int = LIMIT, **options) -> Response:
    async with HttpClient(lab(site)) as client:
        return await client.get(f"http://acme.test{path}", seconds=seconds, limit=limit, **options)


@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("gzip", gzip.compress(TEXT) + b"\0" * 99),
        ("gzip", gzip.compress(TEXT) + b"<!-- cached -->"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, wbits=-15)),
        ("br", brotli.compress(TEXT)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_body_arrives_as_it_was_before_it_was_compressed(encoding: str, wire: bytes) -> None:
    async with web() as site:
        site.route("/", page(wire, headers=f"Content-Encoding: {encoding}\r\n" if encoding else ""))

        response = await fetch(site)

    assert (response.body, response.truncated) == (TEXT, False)


@pytest.mark.parametrize("encoding", ["zstd", "gzip, gzip", "rot13"])
async def test_an_encoding_that_was_not_asked_for_is_no_page(encoding: str) -> None:
    async with web() as site:
        site.route("/", page(TEXT, headers=f"Content-Encoding: {encoding}\r\n"))

        with pytest.raises(FetchError) as error:
            await fetch(site)

    assert error.value.reason == "encoding"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_body_that_does_not_inflate_is_broken(encoding: str) -> None:
    async with web() as site:
        site.route("/", page(b"\x1f\x8b\x08" + TEXT, headers=f"Content-Encoding: {encoding}\r\n"))

        with pytest.raises(FetchError) as error:
            await fetch(site)

    assert error.value.reason == "broken"


@given(
    st.binary(max_size=20_000),
    st.integers(1, 5_000),
    st.integers(0, 30_000),
    st.sampled_from(["gzip", "deflate", "br"]),
)
def test_inflating_in_pieces_gives_the_beginning_of_the_whole(
    data: bytes, size: int, limit: int, encoding: str
) -> None:
    compress = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[encoding]
    wire = compress(data)
    inflater = inflater_for(encoding)
    out = b""
    for start in range(0, len(wire), size):
        out += inflater.feed(wire[start : start + size], limit - len(out))
        assert len(out) <= limit

    assert out == data[:limit]


@pytest.mark.parametrize(
    "hostile", [endless_chunked, ten_gigabytes, gzip_bomb, brotli_bomb, empty_members], ids=lambda route: route.__name__
)
async def test_an_endless_body_is_cut_and_the_rest_left_on_the_wire(hostile) -> None:
    async with web() as site:
        site.route("/", hostile(tell=site))
        tracemalloc.start()
        try:
            response = await fetch(site)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert response.truncated
    assert len(response.body) <= LIMIT
    assert peak < 8 << 20
    assert site.sent < 64 << 20


@pytest.mark.parametrize("hostile", [header_block, header_line], ids=lambda route: route.__name__)
async def test_a_header_block_of_ten_megabytes_is_not_read(hostile) -> None:
    async with web() as site:
        site.route("/", hostile(tell=site))

        with pytest.raises(FetchError) as error:
            await fetch(site)

    assert error.value.reason == "broken"
    assert site.sent < 10 << 20


@pytest.mark.parametrize("hostile", [byte_a_second, header_a_second], ids=lambda route: route.__name__)
async def test_a_dripping_server_meets_the_deadline_of_the_whole_request(hostile) -> None:
    async with web() as site:
        site.route("/", hostile(0.05))
        began = time.monotonic()

        with pytest.raises(FetchError) as error:
            await fetch(site, seconds=0.5)

    assert error.value.reason == "timeout"
    assert time.monotonic() - began < 5


async def test_a_silent_server_meets_the_deadline_too() -> None:
    async def silence(request, writer) -> None:
        await asyncio.sleep(60)

    async with web() as site:
        site.route("/", silence)

        with pytest.raises(FetchError) as error:
            await fetch(site, seconds=0.3)

    assert error.value.reason == "timeout"


@pytest.mark.parametrize(
    "answer",
    [b"not http at all\r\n\r\n", b"HTTP/1.1 99999 X\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b""],
)
async def test_what_is_no_http_is_broken(answer: bytes) -> None:
    async with web() as site:
        site.route("/", endless(answer, lambda: iter([b""])))

        with pytest.raises(FetchError) as error:
            await fetch(site)

    assert error.value.reason == "broken"


async def test_a_body_shorter_than_promised_is_broken() -> None:
    async with web() as site:
        site.route("/", endless(HTML_HEAD + b"Content-Length: 100\r\n\r\n", lambda: iter([b"short"])))

        with pytest.raises(FetchError) as error:
            await fetch(site)

    assert error.value.reason == "broken"


async def test_fifty_redirects_are_five_too_many() -> None:
    async with web() as site:
        for hop in range(50):
            site.route(f"/{hop}", redirect(f"/{hop + 1}", 307))
        site.route("/50", "arrived")

        async with HttpClient(lab(site)) as client:
            with pytest.raises(FetchError) as error:
                await client.follow("http://acme.test/0", seconds=5, limit=LIMIT)
            arrived = await client.follow("http://acme.test/45", seconds=5, limit=LIMIT)

    assert error.value.reason == "redirects"
    assert arrived.body == b"arrived"


async def test_a_media_type_that_is_not_wanted_stays_on_the_wire() -> None:
    async with web() as site:
        site.route("/", page(b"%PDF" + b"x" * 1_000_000, content_type="application/pdf"))

        response = await fetch(site, only={"text/html"})

    assert response.body == b""
    assert response.content_type == "application/pdf"


async def test_errors_of_http_are_answers() -> None:
    async with web() as site:
        site.route("/", status(503, "Retry-After: 7\r\n"))

        response = await fetch(site)

    assert (response.status, response.header("retry-after")) == (503, "7")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "scheme"),
        ("gopher://acme.test/", "scheme"),
        ("acme.test", "scheme"),
        ("http://", "scheme"),
        ("http://acme.test:22/", "port"),
        ("https://acme.test/", "port"),
        ("http://u:p@acme.test/", "userinfo"),
        ("http://u@acme.test/", "userinfo"),
        ("http://acme.test/a b", "url"),
        ("http://acme.test/\r\nX: y", "url"),
        ("http://acme.test\\@127.0.0.1/", "url"),
        ("http://acme.test:x/", "url"),
        ("http://[::1/", "url"),
        ("http://xn--99999999999.test/", "url"),
        ("http://①②⑦.0.0.1/", "url"),
    ],
)
async def test_a_url_that_is_none_of_ours_is_refused_before_anything_is_dialled(url: str, reason: str) -> None:
    async with web() as site:
        async with HttpClient(lab(site)) as client:
            with pytest.raises(FetchError) as error:
                await client.get(url, seconds=1, limit=LIMIT)

        assert error.value.reason == reason
        assert site.connections == 0


async def test_it_names_itself_and_takes_no_proxy_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with web() as site:
        site.route("/", "hello")
        async with HttpClient(lab(site, crawl_contact="https://ops.example/bot")) as client:
            response = await client.get("http://acme.test/", seconds=3, limit=LIMIT)

    assert response.body == b"hello"
    assert site.asked[0].headers["user-agent"].startswith("Vizsla/")
    assert site.asked[0].headers["user-agent"].endswith("(+https://ops.example/bot)")
    assert dict(response.request)["User-Agent"] == site.asked[0].headers["user-agent"]


async def test_a_connection_is_used_again_after_a_whole_body() -> None:
    async with web() as site:
        site.route("/", "hello")
        async with HttpClient(lab(site)) as client:
            for _ in range(3):
                await client.get("http://acme.test/", seconds=3, limit=LIMIT)

    assert site.connections == 1


def test_a_gzip_file_is_inflated_as_far_as_it_is_whole_and_wanted() -> None:
    assert gunzip(gzip.compress(TEXT), 1_000_000) == TEXT
    assert gunzip(gzip.compress(TEXT), 10) == TEXT[:10]
    assert TEXT.startswith(gunzip(gzip.compress(TEXT)[:60], 1_000_000))
    assert gunzip(b"\x1f\x8b nonsense", 100) == b""


@pytest.mark.parametrize(
    "entry", ["", "a.test", "a.test=127.0.0.1:1", "a.test:x=127.0.0.1:1", "a.test:80=127.0.0.1:0", ":80=127.0.0.1:1"]
)
def test_an_override_that_is_no_override_stops_the_start_with_its_name(entry: str) -> None:
    with pytest.raises(SettingsError, match="VIZSLA_HTTP_RESOLVE"):
        parse_overrides([entry])


async def test_a_port_that_speaks_no_tls_is_told_from_one_that_is_silent() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings(egress_allow=("127.0.0.0/8",), http_resolve=(f"acme.test:443=127.0.0.1:{port}",))
    async with server, HttpClient(settings) as client:
        with pytest.raises(FetchError) as error:
            await client.get("https://acme.test/", seconds=3, limit=LIMIT)

    assert error.value.reason == "tls"
