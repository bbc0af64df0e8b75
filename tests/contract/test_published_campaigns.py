"""Campaigns through a client that others published, unmodified but for the URL it is pointed at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pyhunter import PyHunter
from pyhunter.exceptions import HunterApiError

from api.conftest import Api, listening
from api.test_campaigns import add_sender, make

Ask = Callable[..., Any]


@pytest.fixture
async def ask(api: Api) -> AsyncIterator[Ask]:
    async with listening(api.app) as url:

        async def call(name: str, *args: Any, **named: Any) -> Any:
            client = PyHunter(api.a, max_retries=0)
            client.base_endpoint = url + "/v2/{}"
            return await asyncio.to_thread(getattr(client, name), *args, **named)

        yield call


async def test_a_campaign_is_filled_started_and_emptied(api: Api, ask: Ask) -> None:
    id_ = await make(api, email_account_ids=[await add_sender(api)])
    lead = await ask("create_lead", "Alexis", "Ohanian", email="alexis@reddit.com", company="Reddit")

    added = await ask(
        "add_campaign_recipients", id_, emails=["hoon@stripe.com", "alexis@reddit.com"], lead_ids=[lead["id"]]
    )
    assert added == {
        "recipients_added": 2,
        "skipped_recipients": [{"email": "alexis@reddit.com", "reason": "duplicate"}],
    }
    started = await ask("start_campaign", id_)
    assert started == {"message": "2 emails scheduled for sending.", "recipients_count": 2}
    assert (await ask("start_campaign", id_))["message"] == "Sequence already started."
    hoon, alexis = (await ask("get_campaign_recipients", id_))["recipients"]
    assert (hoon["sending_status"], alexis["first_name"], alexis["lead_id"]) == ("pending", "Alexis", lead["id"])
    assert (await ask("get_campaign_recipients", id_, limit=1, offset=1))["recipients"] == [alexis]
    for emails in ("hoon@stripe.com", ["alexis@reddit.com"]):
        canceled = await ask("cancel_campaign_recipients", id_, emails)
        assert canceled == {
            "recipients_canceled": [emails] if isinstance(emails, str) else emails,
            "messages_canceled": 1,
        }
    (campaign,) = (await ask("get_campaigns", started=True, archived=False))["campaigns"]
    assert (campaign["id"], campaign["recipients_count"]) == (id_, 0)
    assert (await ask("get_campaigns", started=False))["campaigns"] == []
    with pytest.raises(HunterApiError) as raised:
        await ask("start_campaign", 999_999)
    assert raised.value.payload["errors"] == [
        {"id": "not_found", "code": 404, "details": "This campaign does not exist."}
    ]
