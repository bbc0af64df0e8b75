"""A client that others published, unmodified but for the URL it is pointed at, finds people with us, and misses them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pyhunter import PyHunter
from pyhunter.exceptions import HunterApiError

from api.conftest import Api, listening
from vizsla.privacy.claims import Claims

Find = Callable[..., Any]


@pytest.fixture
async def find(api: Api) -> AsyncIterator[Find]:
    """`await find(domain="acme.example", full_name="Ann Lee")` of a server on a socket."""
    async with listening(api.app) as url:

        async def call(key: str = api.a, **named: Any) -> Any:
            client = PyHunter(key, max_retries=0)
            client.base_endpoint = url + "/v2/{}"
            return await asyncio.to_thread(client.email_finder, **named)

        yield call


async def test_somebody_is_found_and_somebody_is_not(find: Find) -> None:
    email, score = await find(domain="acme.example", first_name="Ann", last_name="Lee")
    assert email.startswith("ann.lee") and 50 <= score <= 99
    guessed, less = await find(domain="acme.example", full_name="Mira Quellenberg", max_duration=3)
    assert guessed == "mira.quellenberg@acme.example" and less <= 92

    assert await find(domain="gmail.com", full_name="Mira Quellenberg") == (None, None)
    assert await find(linkedin_handle="nobody-at-all") == (None, None)
    assert await find(company="Nobody Knows Us", full_name="Mira Quell") == (None, None)


async def test_the_whole_answer_has_the_reference_keys(find: Find) -> None:
    whole = (await find(domain="acme.example", full_name="Ann Lee", raw=True)).json()
    example = (await find(key="test-api-key", domain="acme.example", full_name="Ann Lee", raw=True)).json()

    assert list(whole["data"]) == list(example["data"])
    assert list(whole["meta"]["params"]) == list(example["meta"]["params"])


@pytest.mark.parametrize(
    ("asked", "id_"),
    [
        ({"domain": "acme.example", "first_name": "4nn", "last_name": "Lee"}, "invalid_first_name"),
        ({"domain": "acme.example", "first_name": "Ann", "last_name": "L33"}, "invalid_last_name"),
        ({"domain": "acme.example", "full_name": "Ann"}, "invalid_full_name"),
        ({"domain": "acme", "full_name": "Ann Lee"}, "invalid_domain"),
        ({"domain": "acme.example", "full_name": "Ann Lee", "max_duration": 99}, "invalid_max_duration"),
        ({"domain": "stop.example", "full_name": "Ann Lee"}, "invalid_domain"),
        ({"domain": "acme.example", "full_name": "Mira Quellenberg"}, "claimed_email"),
        ({"domain": "acme.example", "full_name": "Ann Lee", "key": "0" * 40}, "authentication_failed"),
    ],
)
async def test_errors_are_the_clients_own(find: Find, api: Api, asked: dict[str, Any], id_: str) -> None:
    services = api.app.services
    stopped = [("email", "mira.quellenberg@acme.example"), ("domain", "stop.example")]
    services.claims = Claims(b"0" * 32, [(kind, services.claims.hash(text)) for kind, text in stopped])

    with pytest.raises(HunterApiError) as raised:
        await find(**asked)
    assert [error["id"] for error in raised.value.payload["errors"]] == [id_]


async def test_a_used_up_plan_is_the_clients_error(find: Find, api: Api) -> None:
    await api.plan(1, plan_searches=0)

    with pytest.raises(HunterApiError) as raised:
        await find(domain="acme.example", full_name="Ann Lee")
    assert raised.value.payload["errors"][0]["code"] == 429
