"""Leads and their lists through a client that others published, unmodified but for the URL it is pointed at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pyhunter import PyHunter
from pyhunter.exceptions import HunterApiError

from api.conftest import Api, listening
from worlds.verdicts import working

Ask = Callable[..., Any]


@pytest.fixture
async def ask(api: Api) -> AsyncIterator[Ask]:
    async with listening(api.app) as url:

        async def call(name: str, *args: Any, key: str = api.a, **named: Any) -> Any:
            client = PyHunter(key, max_retries=0)
            client.base_endpoint = url + "/v2/{}"
            return await asyncio.to_thread(getattr(client, name), *args, **named)

        yield call


async def quietly(ask: Ask, name: str, *args: Any, **named: Any) -> None:
    """Ask for what is answered with a 204: the client looks for a body in some of these, and says that there is none."""
    try:
        answer = await ask(name, *args, **named)
    except HunterApiError as error:
        assert error.status_code == 204
    else:
        assert answer.status_code == 204


async def test_a_leads_life(ask: Ask) -> None:
    made = await ask(
        "create_lead", "Alexis", "Ohanian", email="alexis@reddit.com", company="Reddit", confidence_score=97
    )
    await quietly(ask, "update_lead", made["id"], company="Facebook", notes="x")
    again = await ask("upsert_lead", "ALEXIS@reddit.com", position="Cofounder")

    assert again == made | {"company": "Facebook", "notes": "x", "position": "Cofounder"}
    assert await ask("get_lead", made["id"]) == again
    await quietly(ask, "delete_lead", made["id"])
    with pytest.raises(HunterApiError) as raised:
        await ask("get_lead", made["id"])
    assert raised.value.payload["errors"] == [{"id": "not_found", "code": 404, "details": "This lead does not exist."}]


async def test_every_filter_of_the_client(ask: Ask) -> None:
    await ask("create_leads_list", "One")
    (one,) = (await ask("get_leads_lists"))["leads_lists"]
    fields = {
        "company": "Acme", "phone_number": "+33 1", "twitter": "@jane", "position": "CEO", "website": "acme.com", "country_code": "FR",
        "company_size": "11-50", "source": "Fair", "linkedin_url": "https://linkedin.com/in/jane",
    }  # fmt: skip
    await ask(
        "create_lead",
        "Jane",
        "Roe",
        email="jane@acme.com",
        company_industry="Science",
        leads_list_id=one["id"],
        **fields,
    )
    await ask("upsert_lead", "joe@globex.com", leads_list_ids=[one["id"]])

    for name, value in (
        fields | {"first_name": "ja", "last_name": "RO", "email": "@acme", "industry": "sci", "query": "jane"}
    ).items():
        assert [lead["email"] for lead in (await ask("get_leads", **{name: value}))["leads"]] == ["jane@acme.com"], name
    everybody = ["joe@globex.com", "jane@acme.com"]
    for filters in (
        {"lead_list_id": one["id"]},
        {"sending_status": ["~", "sent"]},
        {"last_activity_at": "~"},
        {"limit": 1_000},
    ):
        assert [lead["email"] for lead in (await ask("get_leads", **filters))["leads"]] == everybody, filters
    for filters in (
        {"sync_status": "error"},
        {"verification_status": ["valid", "pending"]},
        {"last_contacted_at": "*"},
        {"offset": 5},
    ):
        assert (await ask("get_leads", **filters))["leads"] == [], filters


async def test_lists_and_attributes(ask: Ask) -> None:
    made = await ask("create_leads_list", "One")
    await quietly(ask, "update_leads_list", made["id"], "Uno")
    assert (await ask("get_leads_list", made["id"]))["name"] == "Uno"
    attribute = await ask("create_leads_custom_attribute", "Customer ID")
    assert attribute["slug"] == "customer_id"
    assert await ask("get_leads_custom_attribute", attribute["id"]) == attribute
    await quietly(ask, "update_leads_custom_attribute", attribute["id"], "Client")
    assert [each["label"] for each in (await ask("get_leads_custom_attributes"))["leads_custom_attributes"]] == [
        "Client"
    ]
    # The client sends the slug alone.
    assert (await ask("get_leads", custom_attributes={"customer_id": "x"}))["leads"] == []
    await quietly(ask, "delete_leads_custom_attribute", attribute["id"])
    await quietly(ask, "delete_leads_list", made["id"])
    assert (await ask("get_leads_lists"))["leads_lists"] == []


async def test_a_verification_is_written_into_the_lead(ask: Ask, api: Api) -> None:
    made = await ask("upsert_lead", "accepted@acme.test")
    api.app.services.patience = 3.0
    async with working(api):
        await ask("email_verifier", "accepted@acme.test")

    lead = await ask("get_lead", made["id"])
    assert lead["verification"]["status"] == "valid"
    assert lead["verification"]["date"].endswith(" UTC")
    assert [one["id"] for one in (await ask("get_leads", verification_status=["valid"]))["leads"]] == [made["id"]]
    changed = await ask("upsert_lead", "accepted@acme.test", company="Acme")
    assert changed["verification"] == lead["verification"]
