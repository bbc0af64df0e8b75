"""A client that others published, unmodified but for the URL it is pointed at, gets from us what it expects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from pyhunter import PyHunter
from pyhunter.exceptions import HunterApiError

from api.conftest import PLENTY, Api, listening
from vizsla.privacy.claims import Claims
from worlds.verdicts import working

Ask = Callable[..., Any]


@pytest.fixture
async def ask(api: Api) -> AsyncIterator[Ask]:
    """`await ask("email_verifier", "ada@acme.test")` of a server on a socket, for account A unless another key is given."""
    api.app.services.patience = 3.0
    await api.plan(1, rate_verify=PLENTY)
    async with listening(api.app) as url, working(api):

        async def call(name: str, *args: Any, key: str = api.a, **named: Any) -> Any:
            client = PyHunter(key, max_retries=0)
            client.base_endpoint = url + "/v2/{}"
            return await asyncio.to_thread(getattr(client, name), *args, **named)

        yield call


@pytest.mark.parametrize(
    ("local", "status", "result"),
    [
        ("accepted", "valid", "deliverable"),
        ("no_user", "invalid", "undeliverable"),
        ("accepts_all", "accept_all", "risky"),
        ("timeout", "unknown", "risky"),
        ("disposable", "disposable", "risky"),
        ("webmail", "webmail", "risky"),
    ],
)
async def test_a_verification(ask: Ask, local: str, status: str, result: str) -> None:
    data = await ask("email_verifier", f"{local}@acme.test")

    assert (data["status"], data["result"], data["email"]) == (status, result, f"{local}@acme.test")
    assert 0 <= data["score"] <= 100
    assert data["sources"] == []


async def test_a_verification_that_takes_long_is_polled(ask: Ask, api: Api) -> None:
    pending = await ask("email_verifier", "later@acme.test")
    api.clock.at += 60
    done = await ask("email_verifier", "later@acme.test")

    assert pending == {"status": "pending", "email": "later@acme.test"}
    assert done["status"] == "valid"
    account = await ask("account_information")
    assert account["requests"]["verifications"]["used"] == 1


async def test_errors_are_the_clients_own(ask: Ask, api: Api) -> None:
    services = api.app.services
    claims = Claims(b"0" * 32)
    services.claims = Claims(b"0" * 32, [("email", claims.hash("jane@acme.test"))])
    services.settings = msgspec.structs.replace(services.settings, verify_per_domain=1)
    await ask("email_verifier", "accepted@full.test")

    for email, id_ in (
        ("nobody", "invalid_email"),
        ("jane@acme.test", "claimed_email"),
        ("protocol@acme.test", "verification_failed"),
        ("other@full.test", "too_many_requests"),
    ):
        with pytest.raises(HunterApiError) as raised:
            await ask("email_verifier", email)
        payload = raised.value.payload
        assert [error["id"] for error in payload["errors"]] == [id_]
    with pytest.raises(HunterApiError):
        await ask("email_verifier", "accepted@acme.test", key="0" * 40)


async def test_the_other_calls(ask: Ask) -> None:
    found = await ask("domain_search", "acme.example", limit=5)
    count = await ask("email_count", "acme.example")
    example = await ask("email_verifier", "who@acme.test", key="test-api-key")

    assert (len(found["emails"]), count["total"]) == (5, 25)
    assert example["email"] == "patrick@stripe.com"
