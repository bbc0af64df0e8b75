"""Whoever stands behind an address: nothing private is reached, nothing endless waited for, nothing of an answer kept."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import msgspec
import pytest

from accounts.conftest import NOW
from vizsla.accounts.store import Member
from vizsla.net import guard
from vizsla.webhooks import sending
from vizsla.webhooks.endpoints import InvalidWebhook
from vizsla.webhooks.outbox import Outcome
from vizsla.webhooks.sending import Courier
from vizsla.webhooks.signing import new_secret
from vizsla.work.workplace import Workplace
from worlds.receiver import Receiver, Says, always
from worlds.web import (
    byte_a_second,
    endless_chunked,
    gzip_bomb,
    header_block,
    header_line,
    redirect,
    ten_gigabytes,
    web,
)


async def deliver(place: Workplace, url: str) -> Outcome:
    async with Courier(place.settings) as courier:
        return await courier.deliver(url, (new_secret(),), "msg_1", b"{}", NOW)


async def test_an_address_that_became_private_is_not_dialled(place: Workplace, owner: Member, ear: Receiver) -> None:
    # It was saved when it could be reached; what is checked is the address that is dialled.
    strict = msgspec.structs.replace(place, settings=msgspec.structs.replace(place.settings, egress_allow=()))

    for url in (ear.url, ear.url.replace("http", "https"), ear.url.replace("127.0.0.1", "localhost")):
        outcome = await deliver(strict, url)
        assert outcome.status is None
        assert "Only https addresses of the public internet" in (outcome.trouble or "")
        assert "127.0.0.1" not in (outcome.trouble or "")
    assert ear.connections == 0


async def test_plain_http_reaches_allowed_networks_alone(place: Workplace, ear: Receiver) -> None:
    assert (await deliver(place, ear.url)).status == 200
    only = guard.EgressGuard(("127.0.0.0/8",), only_allowed=True)
    only.check("127.0.0.1")
    with pytest.raises(guard.EgressRefused):
        only.check("93.184.216.34")
    with pytest.raises(InvalidWebhook, match="Only https"):
        await Courier(place.settings).check("http://93.184.216.34/hook")


@pytest.mark.parametrize("hang", [byte_a_second(0.05), endless_chunked(), ten_gigabytes(), gzip_bomb(8 << 20)])
async def test_a_body_without_an_end_is_left_alone(place: Workplace, hang: object) -> None:
    async with web() as world:
        world.route("/hook", hang)  # type: ignore[arg-type]
        reaching = msgspec.structs.replace(place.settings, http_ports=(world.port,))
        async with asyncio.timeout(5), Courier(reaching) as courier:
            outcome = await courier.deliver(f"http://127.0.0.1:{world.port}/hook", (new_secret(),), "msg_1", b"{}", NOW)
    assert (outcome.status, outcome.trouble) == (200, None)


@pytest.mark.parametrize("hang", [header_block(), header_line()])
async def test_a_head_without_an_end_is_a_failure(place: Workplace, hang: object) -> None:
    async with web() as world:
        world.route("/hook", hang)  # type: ignore[arg-type]
        reaching = msgspec.structs.replace(
            place, settings=msgspec.structs.replace(place.settings, http_ports=(world.port,))
        )
        outcome = await deliver(reaching, f"http://127.0.0.1:{world.port}/hook")
    assert outcome.status is None
    assert "y" * 20 not in (outcome.trouble or "")


async def test_silence_is_a_failure_in_time(place: Workplace, ear: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.1)
    ear.says = always(Says(after=5.0))
    outcome = await deliver(place, ear.url)
    assert outcome.status is None
    assert "No answer" in (outcome.trouble or "")


async def test_no_redirect_is_followed(place: Workplace, ear: Receiver) -> None:
    async with web() as world:
        reaching = msgspec.structs.replace(
            place, settings=msgspec.structs.replace(place.settings, http_ports=(world.port, ear.port))
        )
        for code in (301, 302, 307, 308):
            world.route("/hook", redirect(ear.url, code))
            assert (await deliver(reaching, f"http://127.0.0.1:{world.port}/hook")).status == code
    assert ear.got == []


async def test_a_certificate_of_anybodys_making_is_a_failure(place: Workplace, tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    got = []
    server = await asyncio.start_server(lambda r, w: got.append(r) or w.close(), "127.0.0.1", 0, ssl=context)  # type: ignore[func-returns-value]
    async with server:
        port = server.sockets[0].getsockname()[1]
        reaching = msgspec.structs.replace(place, settings=msgspec.structs.replace(place.settings, http_ports=(port,)))
        outcome = await deliver(reaching, f"https://127.0.0.1:{port}/hook")
    assert outcome.trouble == "Its certificate is not valid for its name."
    assert got == []
