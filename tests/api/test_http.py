"""The HTTP layer over real sockets: clients that drip, flood or speak nonsense (attack cases http-01, http-06, http-07, hdr-*)."""

import asyncio
import contextlib
import gc
import json
import re
import socket
import time
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from api.conftest import NOW, Api, listening
from vizsla.api.protocol import Patience
from vizsla.verifier.egress import Check, Report

SHORT = Patience(head=1.0, body=1.0)
ACME = "/v2/domain-search?domain=acme.example"


@pytest.fixture
def dialect() -> str:
    """The socket does not know which store is behind it."""
    return "sqlite"


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(url)
    return await asyncio.open_connection(place.hostname, place.port)


async def exchange(url: str, request: bytes, *, timeout: float = 10) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await dial(url)
    async with asyncio.timeout(timeout):
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
        answer = await reader.read(-1)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


def parse(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def error_of(answer: bytes) -> tuple[int, str]:
    status, headers, body = parse(answer)
    (item,) = json.loads(body)["errors"]
    assert item["code"] == status
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    return status, item["id"]


async def test_half_open_connections_are_closed_while_others_are_served(api: Api) -> None:
    async with listening(api.app, SHORT) as url:
        held = [await dial(url) for _ in range(500)]
        for _, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
        async with aiohttp.ClientSession(url) as client:
            began = time.monotonic()
            async with client.get("/v2/account", headers={"X-API-KEY": api.a}) as reply:
                assert reply.status == 200
            assert time.monotonic() - began < 1
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(reader.read(-1) for reader, _ in held))
        for _, writer in held:
            writer.close()

    assert {error_of(answer) for answer in answers} == {(408, "request_timeout")}


async def test_a_client_that_drips_headers_does_not_extend_its_deadline(api: Api) -> None:
    async with listening(api.app, SHORT) as url:
        reader, writer = await dial(url)
        began = time.monotonic()

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(b"GET / HTTP/1.1\r\n")
                for number in range(200):
                    writer.write(b"X-%d: y\r\n" % number)
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(10):
            answer = await reader.read(-1)
        dripping.cancel()
        writer.close()

    assert error_of(answer)[0] == 408
    assert time.monotonic() - began < 5


async def test_a_body_that_never_ends_has_a_deadline(api: Api) -> None:
    head = f"POST /v2/api-keys HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\nContent-Type: application/json\r\n"
    async with listening(api.app, SHORT) as url:
        slow, chunked, silent, unread = await asyncio.gather(
            exchange(url, head.encode() + b"Content-Length: 100\r\n\r\n{"),
            exchange(url, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
            exchange(url, b""),
            exchange(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx"),
        )
        async with aiohttp.ClientSession(url) as client, client.get("/healthz") as reply:
            assert reply.status == 200

    assert error_of(slow) == error_of(chunked) == (408, "request_timeout")
    assert silent == b""
    assert parse(unread)[0] == 200
    assert unread.count(b"HTTP/1.1") == 1


async def test_heads_and_bodies_have_a_largest_size(api: Api) -> None:
    async with listening(api.app, Patience(body=1.0, largest_body=2_000_000)) as url:
        assert error_of(await exchange(url, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n")) == (414, "uri_too_long")
        for request in (
            b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"a" * 4_000_000,
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000,
            b"GET / HTTP/1.1\r\n" + b"a" * 100_000 + b": x\r\n\r\n",
        ):
            assert error_of(await exchange(url, request)) == (431, "headers_too_large")
        post = f"POST /v2/api-keys HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\n".encode()
        announced = await exchange(url, post + b"Content-Length: 10000000000\r\n\r\n" + b"a" * 100_000)
        chunk = b"ffff\r\n" + b"a" * 65_535 + b"\r\n"
        chunked = post + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 25
        endless = await exchange(url, chunked + b"0\r\n\r\n")
        with contextlib.suppress(ConnectionError):  # reset while it still sends, and that is right
            await exchange(url, chunked + chunk * 1_000)
        for answer in (announced, endless):
            status, headers, body = parse(answer)
            assert status == 413
            assert len(body) == int(headers["content-length"]), "one answer, no second one after it"
            assert json.loads(body)["errors"][0]["id"] == "payload_too_large"
        large = b'{"name":"' + b"a" * 900_000 + b'"}'
        async with (
            aiohttp.ClientSession(url, headers={"X-API-KEY": api.a}) as client,
            client.post("/v2/api-keys", data=large, headers={"Content-Type": "application/json"}) as reply,
        ):
            assert reply.status == 400  # read whole; the name is too long


async def test_trailers_are_no_headers_and_have_an_end(api: Api) -> None:
    head = b"POST /v2/api-keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    body = b"\r\n2;ext=1\r\n{}\r\n0\r\n"
    key = f"X-API-KEY: {api.a}\r\n".encode()
    async with listening(api.app, Patience(largest_body=100_000)) as url:
        assert parse(await exchange(url, head + key + body + b"X-API-KEY: other\r\n\r\n"))[0] == 201
        assert parse(await exchange(url, head + body + key + b"\r\n"))[0] == 401
        reader, writer = await dial(url)
        writer.write(head + key + b"\r\n2\r\n{}\r\n0\r\n")
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"X: y\r\n" * 1_000)
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()


async def test_who_does_not_read_the_answer_is_dropped(api: Api) -> None:
    request = f"GET {ACME}&limit=100 HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\n\r\n".encode()
    async with listening(api.app, Patience(answer=0.5)) as url:
        place = urlsplit(url)
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.connect((place.hostname, place.port))
            deaf.setblocking(False)
            async with asyncio.timeout(10):
                while True:
                    try:
                        deaf.send(request * 100)
                    except BlockingIOError:
                        await asyncio.sleep(0.05)
                    except ConnectionError:
                        break
                    await asyncio.sleep(0)


async def test_who_has_said_everything_may_still_listen(api: Api) -> None:
    key = f"Host: x\r\nX-API-KEY: {api.a}\r\n"
    ask = f"GET {ACME} HTTP/1.1\r\n{key}\r\n".encode()
    make = f"POST /v2/api-keys HTTP/1.1\r\n{key}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n".encode()
    async with listening(api.app) as url:
        for request, statuses in (
            (ask, [b"200"]), (make + b"{}", [b"201"]), (ask + make + b"{}" + ask, [b"200", b"201", b"200"]),
            (b"", []), (ask[:-2], []), (make + b"{", []),
        ):  # fmt: skip
            reader, writer = await dial(url)
            writer.write(request)
            writer.write_eof()
            async with asyncio.timeout(5):
                assert re.findall(rb"HTTP/1.1 (\d+)", await reader.read(-1)) == statuses, request
            writer.close()


async def test_one_host_is_named(api: Api) -> None:
    get = f"GET /v2/account HTTP/1.%d\r\n%sX-API-KEY: {api.a}\r\nConnection: close\r\n\r\n"
    async with listening(api.app) as url:
        for version, hosts, status in (
            (1, "Host: x\r\n", 200), (1, "Host:\r\n", 200), (0, "", 200),
            (1, "", 400), (1, "Host: x\r\nHost: x\r\n", 400), (1, "Host: x\r\nHOST: y\r\n", 400),
        ):  # fmt: skip
            assert parse(await exchange(url, (get % (version, hosts)).encode()))[0] == status, hosts


async def test_an_upgrade_is_ignored_and_the_connection_goes_on(api: Api) -> None:
    async with listening(api.app) as url:
        for name in ("websocket", "h2c", "TLS/1.0"):
            reader, writer = await dial(url)
            for _ in range(2):
                writer.write(
                    f"GET /v2/account HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\nConnection: Upgrade\r\n"
                    f"Upgrade: {name}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
                )
                async with asyncio.timeout(5):
                    status, headers, _ = parse(await reader.readuntil(b"\r\n\r\n"))
                    await reader.readexactly(int(headers["content-length"]))
                assert status == 200
            writer.close()
    api.app.journal.flush()
    assert "warning" not in api.log.getvalue()


async def test_a_body_is_asked_for_only_if_it_is_wanted(api: Api) -> None:
    head = (
        f"POST /v2/api-keys HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\nConnection: close\r\nExpect: 100-continue\r\n"
    )
    async with listening(api.app) as url:
        for rest, statuses in (
            ("Content-Length: 2\r\n\r\n{}", [b"100", b"201"]),
            ("Content-Length: 2000000\r\n\r\n", [b"413"]),
            ("Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n", [b"415"]),
        ):
            answer = await exchange(url, (head + rest).encode())
            assert re.findall(rb"HTTP/1.1 (\d+)", answer) == statuses, rest


async def test_one_call_has_many_spellings_and_no_others(api: Api) -> None:
    async with listening(api.app) as url:
        for target, status in (
            ("/v2/account/", 200), ("//v2///account//", 200), ("/v2/%61ccount", 200), ("/v2/account?&&==", 200),
            ("http://other.example/v2/account", 200), ("/v2/account?x=" + "a" * 16_000, 200),
            ("/V2/account", 404), ("/v2/account;x", 404), ("/v2/./account", 404), ("/v2/account%00", 404),
            ("/v2/%ff", 404), ("/v2/%ed%a0%80", 404), ("/%c0%ae%c0%ae/etc/passwd", 404), ("*", 404),
            ("v2/account", 400), ("http://other.example", 400), ("/v2/account?x=" + "a" * 1_000_000, 414),
        ):  # fmt: skip
            request = f"GET {target} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\nConnection: close\r\n\r\n"
            status_, _, body = parse(await exchange(url, request.encode()))
            assert status_ == status, target[:60]
            assert ("errors" in json.loads(body)) == (status != 200)


async def test_nonsense_is_a_400(api: Api) -> None:
    async with listening(api.app, SHORT) as url:
        for request in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX\x00: y\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1e1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            b"GET / HTTP/1.1\r\nX : a\r\n\r\n",
            b"GET / HTTP/1.1\nHost: x\n\n",
            b"CONNECT x:443 HTTP/1.1\r\n\r\n",
        ):
            answer = await exchange(url, request)
            status, _, body = parse(answer)
            assert 400 <= status < 500, request
            assert json.loads(body)["errors"][0]["code"] == status, request


async def test_requests_in_one_piece_are_answered_in_order(api: Api) -> None:
    one = f"GET {ACME}&limit=1&offset=%d HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\n%s\r\n"
    async with listening(api.app, SHORT) as url:
        requests = "".join(one % (number, "Connection: close\r\n" if number == 9 else "") for number in range(10))
        answer = await exchange(url, requests.encode())

    offsets = [
        json.loads(part.partition(b"\r\n\r\n")[2])["meta"]["offset"] for part in answer.split(b"HTTP/1.1 200")[1:]
    ]
    assert offsets == list(range(10))


async def test_a_connection_serves_many_and_idles_out(api: Api) -> None:
    request = f"GET /v2/account HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\n\r\n".encode()
    async with listening(api.app, SHORT, keep_alive=1) as url:
        reader, writer = await dial(url)
        for _ in range(3):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(parse(head)[1]["content-length"]))
            await asyncio.sleep(0.5)
        async with asyncio.timeout(5):
            assert await reader.read(-1) == b""
        writer.close()


async def test_what_comes_after_an_answer_does_not_keep_a_connection(api: Api) -> None:
    async def say(url: str, head: bytes, later: bytes) -> bytes:
        reader, writer = await dial(url)
        writer.write(head)
        async with asyncio.timeout(10):
            status, headers, _ = parse(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(int(headers["content-length"]))
            assert status == 200
            writer.write(later)
            rest = await reader.read(-1)
        writer.close()
        return rest

    async with listening(api.app, SHORT) as url:
        blank, body = await asyncio.gather(
            say(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"),
            say(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", b"{}"),
        )

    assert error_of(blank) == (408, "request_timeout")
    assert body == b""


async def test_paths_of_others_are_404(api: Api) -> None:
    async with listening(api.app) as url:
        for path in (
            "/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%5c..%5cx", "/static/%00",
            "/static//etc/passwd", "/.git/config", "/.env", "/data/app.db", "/debug", "/v2", "/v2/", "/v3/account", "/", "//",
            "/v2/account/../account", "/v2/account%2f", "/v2/domain-search%00", "/trial/v2/account",
        ):  # fmt: skip
            answer = await exchange(url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            status, headers, body = parse(answer)
            assert (status, json.loads(body)["errors"][0]["id"]) in (
                (404, "not_found"),
                (401, "authentication_failed"),
            ), path
            if "account" not in path:
                assert status == 404, path
            assert headers["x-content-type-options"] == "nosniff"


async def test_methods(api: Api) -> None:
    async with listening(api.app) as url, aiohttp.ClientSession(url, headers={"X-API-KEY": api.a}) as client:
        for method in ("TRACE", "PATCH", "POST", "DELETE", "PROPFIND"):
            async with client.request(method, "/v2/account") as reply:
                assert reply.status == 405
                assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"
                text = await reply.text()
                assert json.loads(text)["errors"][0]["id"] == "method_not_allowed"
                assert api.a not in text
        async with client.options("/v2/api-keys") as reply:
            assert reply.status == 204
            assert reply.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
        async with client.head("/v2/account") as head, client.get("/v2/account") as get:
            assert head.status == 200
            assert await head.read() == b""
            assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_every_answer_has_safe_headers_and_an_id(api: Api) -> None:
    for target, key, sent in (
        (ACME, api.a, "abc-1"),
        (ACME, None, "x y\r\n"),
        ("/nope", None, "z" * 129),
        ("/healthz", None, "ok"),
    ):
        reply = await api("GET", target, key=key, headers={"X-Request-Id": sent})
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (reply.headers["x-request-id"] == sent) == (sent in ("abc-1", "ok"))
        assert "server" not in reply.headers


async def test_log_lines_are_one_json_each_and_never_a_query(api: Api) -> None:
    await api("GET", "/v2/nope%0d%0a2026-01-01%20ERROR%20forged%20line?x=canary", headers={"X-Request-Id": "r-1"})
    await api("GET", f"{ACME}&q=canary", key=api.a)
    api.app.journal.flush()
    lines = [json.loads(line) for line in api.log.getvalue().splitlines()]

    assert "canary" not in api.log.getvalue()
    assert not any(line.startswith("2026-01-01") for line in api.log.getvalue().splitlines())
    assert (
        lines[0] | {"path": "/v2/nope\r\n2026-01-01 ERROR forged line", "request_id": "r-1", "status": 404} == lines[0]
    )
    assert lines[1] | {"call": "GET /v2/domain-search", "account_id": 1, "status": 200} == lines[1]


async def test_no_part_of_a_key_is_in_the_log(api: Api) -> None:
    """Where a line is cut, a key may be cut in two; and a request's id may have one inside."""
    for target in (f"/v2/{'n' * n}{api.a}" for n in (150, 170, 185, 195)):
        await api("GET", target)
    reply = await api("GET", "/v2/account", key=api.a, headers={"X-Request-Id": f"id-{api.a}"})
    api.app.journal.flush()

    assert reply.headers["x-request-id"] != f"id-{api.a}"
    assert api.a[:5] not in api.log.getvalue()
    assert api.a[-5:] not in api.log.getvalue()


async def test_metrics_are_for_this_machine_or_a_token(api: Api) -> None:
    await api("GET", ACME, key=api.a)
    here = await api("GET", "/metrics")
    assert here.status == 200
    assert 'vizsla_requests_total{call="GET /v2/domain-search",status="200"} 1.0' in here.content.decode()
    assert api.a not in here.content.decode()
    assert (await api("GET", "/metrics", client="10.0.0.1")).status == 403
    assert (await api("GET", "/metrics", headers={"X-Forwarded-For": "10.0.0.1"})).status == 403
    assert (await api("POST", "/metrics")).status == 405
    for path in ("/healthz", "/readyz"):
        reply = await api("GET", path, client="10.0.0.1")
        assert reply.status == 200
        assert set(reply.body) == {"status"}


async def test_readiness_tells_the_colours_of_the_self_test_and_not_our_address(api: Api) -> None:
    services = api.app.services
    services.settings = msgspec.structs.replace(services.settings, probe=True)
    before = await api("GET", "/readyz")
    services.way_out.report = Report(
        NOW, (Check("port", "green", "mx.test answers"), Check("helo", "red", "we are seen as 192.0.2.9"))
    )
    red = await api("GET", "/readyz")

    assert (before.status, before.body) == (200, {"status": "ready", "egress": {"state": "open"}})
    # Searches are answered all the same.
    assert (red.status, red.body["status"]) == (200, "ready")
    assert red.body["egress"]["state"] == "red"
    assert red.body["egress"]["checks"] == {"port": "green", "helo": "red"}
    assert "192.0.2.9" not in red.content.decode()


async def test_what_runs_is_finished_when_the_server_stops(api: Api) -> None:
    async with listening(api.app) as url:
        replies = [
            asyncio.create_task(
                exchange(
                    url, f"GET {ACME}&limit=1&offset={n} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {api.a}\r\n\r\n".encode()
                )
            )
            for n in range(20)
        ]
        idle = await dial(url)
        await asyncio.sleep(0.3)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert {parse(answer)[0] for answer in await asyncio.gather(*replies)} == {200}
    assert await idle[0].read(-1) == b""
    idle[1].close()


async def test_a_request_leaves_nothing_to_the_garbage_collector(api: Api) -> None:
    """What only a collection finds piles up, and then everybody waits while it is found."""
    async with listening(api.app) as url, aiohttp.ClientSession(url) as client:

        async def ask(times: int) -> None:
            for _ in range(times):
                async with client.get(ACME, headers={"X-API-KEY": api.a}) as reply:
                    assert reply.status == 200
                    await reply.read()

        await ask(3)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await ask(50)
            gc.collect()
            left = [item for item in gc.garbage if type(item).__module__.startswith(("vizsla", "uvicorn"))]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()

    assert len(left) < 10


@pytest.mark.parametrize(("proxies", "statuses"), [(("127.0.0.0/8",), [200, 200, 403]), ((), [200, 403, 403])])
async def test_limits_count_clients_and_not_the_proxy_before_us(
    api: Api, proxies: tuple[str, ...], statuses: list[int]
) -> None:
    found = []
    async with listening(api.app, proxies=proxies) as url, aiohttp.ClientSession(url) as client:
        # What a client says of itself stands before what the proxy saw.
        for said in ("198.51.100.7", "198.51.100.8, 203.0.113.5", "198.51.100.9, 198.51.100.7, 127.0.0.9"):
            headers = {"X-Forwarded-For": said}
            async with client.get("/trial/v2/domain-search?domain=acme.example", headers=headers) as reply:
                found.append(reply.status)

    assert found == statuses


@pytest.mark.parametrize("said", ["", ",", "not an address", "[::1", "x" * 5_000, "\u00e9, 1.2.3.4:99999"])
async def test_what_a_proxy_says_may_be_nonsense(api: Api, said: str) -> None:
    async with listening(api.app, proxies=("127.0.0.0/8",)) as url:
        head = f"GET /v2/email-count?domain=acme.example HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {said}\r\nConnection: close\r\n\r\n"
        assert (await exchange(url, head.encode("latin-1"))).startswith(b"HTTP/1.1 200")
