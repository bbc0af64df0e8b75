"""Access tokens come from the provider over TLS, are kept for their time, and a refusal says what to do."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp.connector
import pytest

from vizsla.kit.settings import Settings
from vizsla.mail.xoauth2 import Grant, TokenRefused, Tokens, refresh
from vizsla.net.http import HttpClient

GRANT = Grant("https://oauth.test/token", "the client", "the secret", "r3fresh")


class Moment:
    at = 1_000

    def now(self) -> int:
        return self.at


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("oauth")
    cert, key = home / "cert.pem", home / "key.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=oauth.test"
    extra = ["-addext", "subjectAltName=DNS:oauth.test", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request.split(), *extra], check=True, capture_output=True)
    return cert, key


class Provider:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.answer: object = {"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"}
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        self.asked.append((await reader.readexactly(length)).decode())
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (self.status, len(body), body)
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def provider(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, home: Path
) -> AsyncIterator[tuple[Provider, HttpClient]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    # What HttpClient verifies with is made when aiohttp is imported: this test's authority goes into a copy.
    monkeypatch.setattr(
        aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(authority[0]))
    )
    world = Provider()
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0, ssl=context)
    world.port = server.sockets[0].getsockname()[1]
    settings = Settings(
        home=home, egress_allow=("127.0.0.0/8",), http_resolve=(f"oauth.test:443=127.0.0.1:{world.port}",)
    )
    try:
        async with HttpClient(settings) as http:
            yield world, http
    finally:
        server.close()


async def test_a_token_is_asked_for_once_until_it_ends(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    async with provider(authority, monkeypatch, home) as (world, http):
        clock = Moment()
        tokens = Tokens(http, clock)
        assert await asyncio.gather(*(tokens.get(GRANT) for _ in range(5))) == ["t0ken"] * 5
        assert world.asked == [
            "grant_type=refresh_token&refresh_token=r3fresh&client_id=the+client&client_secret=the+secret"
        ]
        clock.at += 3_600 - 120
        await tokens.get(GRANT)
        tokens.forget("another")
        tokens.forget("t0ken")
        await tokens.get(GRANT)
    assert len(world.asked) == 3
    assert "r3fresh" not in repr(GRANT)
    assert "t0ken" not in repr(tokens._kept.values())


@pytest.mark.parametrize(
    ("status", "answer", "is_final", "says"),
    [
        (400, {"error": "invalid_grant", "error_description": "s3cret detail"}, True, "sign in there again"),
        (401, {"error": "invalid_client"}, True, "invalid_client"),
        (503, b"<html>", False, "status 503"),
        (429, {"error": "slow_down"}, False, "slow_down"),
        (200, {"access_token": "a b\r\nc"}, False, "status 200"),
        (200, {"access_token": ""}, False, "status 200"),
        (200, [], False, "status 200"),
        (200, {"access_token": "x", "expires_in": "soon"}, False, "status 200"),
        (200, {"error": "<script>alert(1)</script>"}, False, "status 200"),
        (302, b"", False, "status 302"),
    ],
)
async def test_a_refusal_says_what_to_do_and_nothing_else_of_the_answer(
    authority: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    status: int,
    answer: object,
    is_final: bool,
    says: str,
) -> None:
    async with provider(authority, monkeypatch, home) as (world, http):
        world.status, world.answer = status, answer
        with pytest.raises(TokenRefused, match=says) as refused:
            await refresh(http, GRANT, 0)
    assert refused.value.is_final == is_final
    assert "s3cret" not in refused.value.details


@pytest.mark.parametrize(
    "url",
    ["http://oauth.test/token", "https://127.0.0.1/", "https://u:p@oauth.test/", "https://oauth.test:22/", "https://"],
)
async def test_an_endpoint_that_is_no_public_one_over_tls_is_not_asked(url: str, home: Path) -> None:
    async with HttpClient(Settings(home=home)) as http:
        with pytest.raises(TokenRefused) as refused:
            await refresh(http, Grant(url, "c", "", "r"), 0)
    assert refused.value.is_final
