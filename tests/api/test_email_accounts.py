"""Programs see which mail accounts send, and how much, and nothing that they log in with."""

import msgspec

from api.conftest import Api
from vizsla.campaigns.senders import Draft, Secrets, Sender, create_sender, pause_sender
from vizsla.campaigns.window import Window
from vizsla.mail.server import Server

DRAFT = Draft(
    email="ada@acme.test",
    name="Ada King Lovelace",
    signature="Ada",
    smtp=Server("smtp.gmail.com", 465),
    imap=Server("imap.gmail.com", 993),
    login="ada-login",
    window=Window("Europe/Paris", 0b0111110, 9 * 3_600, 86_400),
    ramp_start=5,
    ramp_step=5,
)


async def add(api: Api, account_id: int = 1, **changes: object) -> Sender:
    draft = msgspec.structs.replace(DRAFT, **changes)
    async with api.app.services.stores.app.write() as conn:
        return await create_sender(
            conn, account_id, 1, draft, Secrets(password="hunter2"), secret=b"0" * 32, now=api.clock.now()
        )


async def test_the_list_says_who_sends_and_whether(api: Api) -> None:
    first = await add(api)
    second = await add(api, email="zoe@acme.test", name="", smtp=Server("smtp.acme.test", 465), ramp_start=None)
    await add(api, account_id=2)
    async with api.app.services.stores.app.write() as conn:
        await pause_sender(conn, 1, second.id, api.clock.now())

    reply = await api("GET", "/v2/email-accounts", key=api.a)

    assert reply.body == {
        "data": [
            {
                "id": second.id, "email": "zoe@acme.test", "first_name": None, "last_name": None, "sending_status": "paused",
                "daily_limit": 50, "provider": "smtp",
            },
            {
                "id": first.id, "email": "ada@acme.test", "first_name": "Ada", "last_name": "King Lovelace",
                "sending_status": "warming", "daily_limit": 50, "provider": "gmail",
            },
        ],
        "meta": {"total": 2, "limit": 20, "offset": 0},
    }  # fmt: skip
    page = await api("GET", "/v2/email-accounts?limit=1&offset=1", key=api.a)
    assert [one["id"] for one in page.body["data"]] == [first.id]
    assert page.body["meta"] == {"total": 2, "limit": 1, "offset": 1}
    assert (await api("GET", "/v2/email-accounts?limit=101", key=api.a)).error["id"] == "pagination_error"


async def test_one_says_how_it_is_set_up_and_not_what_it_logs_in_with(api: Api) -> None:
    made = await add(api)

    reply = await api("GET", f"/v2/email-accounts/{made.id}", key=api.a)

    data = reply.body["data"]
    assert (data["sender_name"], data["signature"]) == ("Ada King Lovelace", "Ada")
    assert data["sending_schedule"] == {
        "days": [1, 2, 3, 4, 5],
        "start_time": "09:00",
        "end_time": "24:00",
        "time_zone": "Europe/Paris",
    }
    assert data["warmup"] == {"enabled": True, "sent_today": 0, "limit_today": 5}
    assert not any(text in reply.content for text in (b"hunter2", b"sealed", b"ada-login", made.sealed.encode()))
    assert "hunter2" not in api.log.getvalue()


async def test_nobody_elses_is_shown(api: Api) -> None:
    theirs = await add(api)
    assert (await api("GET", f"/v2/email-accounts/{theirs.id}", key=api.b)).status == 404
    assert (await api("GET", "/v2/email-accounts", key=api.b)).body["data"] == []


async def test_what_it_sends_for_is_named(api: Api) -> None:
    made, other = await add(api), await add(api, email="zoe@acme.test")
    path = f"/v2/email-accounts/{made.id}/sequences"
    assert (await api("GET", path, key=api.a)).body == {"data": [], "meta": {"total": 0, "limit": 20, "offset": 0}}
    body = {"name": "Spring", "email_account_ids": [made.id]}
    campaign = (await api("POST", "/v2/campaigns", key=api.a, json=body)).body["data"]["id"]
    await api("POST", f"/v2/campaigns/{campaign}/follow-ups", key=api.a, json={"subject": "x", "body": "x"})
    await api("POST", f"/v2/campaigns/{campaign}/recipients", key=api.a, json={"emails": ["ann@x.test", "bob@x.test"]})
    drafted = {"id": campaign, "name": "Spring", "status": "draft", "recipients_allocated": 0, "emails_scheduled": 0}
    assert (await api("GET", path, key=api.a)).body["data"] == [drafted]
    started = await api("POST", f"/v2/campaigns/{campaign}/start", key=api.a)
    assert started.status < 300, started.body
    after = drafted | {"status": "active", "recipients_allocated": 2, "emails_scheduled": 2}
    assert (await api("GET", path, key=api.a)).body["data"] == [after]
    assert (await api("GET", f"/v2/email-accounts/{other.id}/sequences", key=api.a)).body["data"] == []
    await api("POST", f"/v2/campaigns/{campaign}/archive", key=api.a)
    assert (await api("GET", path, key=api.a)).body["data"] == []
    archived = (await api("GET", f"{path}?include_archived=true", key=api.a)).body
    assert [one["status"] for one in archived["data"]] == ["archived"]
    assert (await api("GET", path, key=api.b)).status == 404
