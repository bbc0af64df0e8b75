"""Webhooks over the API: Hunter's words, the secret once, and nothing of a network that is not to be reached."""

import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from accounts.conftest import NOW
from api.conftest import Api
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.kit.settings import Settings
from vizsla.work.webhooks import tell_endpoints
from vizsla.work.workplace import Workplace
from webhooks.test_signing import accepts
from worlds.receiver import Receiver, receiver

URL = "https://93.184.216.34/hook"


@pytest.fixture
async def ear(api: Api) -> AsyncIterator[Receiver]:
    """Something that listens on loopback, which this server may reach."""
    async with receiver() as world:
        services = api.app.services
        services.settings = msgspec.structs.replace(
            services.settings, egress_allow=("127.0.0.0/8",), http_ports=(80, 443, world.port)
        )
        yield world


async def work(api: Api, settings: Settings) -> None:
    services = api.app.services
    place = Workplace(services.settings, services.stores, services.secret, api.clock)
    await tell_endpoints(place, "w", lambda *_, **__: None)


async def test_the_life_of_a_webhook(api: Api, settings: Settings, ear: Receiver) -> None:
    made = await api("POST", "/v2/webhooks", key=api.a, json={"target_url": ear.url, "event": "lead.created"})
    assert made.status == 201, made.body
    one = made.body["data"]
    assert (one["target_url"], one["event"], one["events"], one["state"]) == (
        ear.url, "lead.created", ["lead.created"], "on",
    )  # fmt: skip
    path = f"/v2/webhooks/{one['id']}"

    listed = (await api("GET", "/v2/webhooks", key=api.a)).body
    assert listed["status"] == "success"
    assert listed["meta"] == {"total": 1, "limit": 20, "offset": 0}
    assert listed["data"] == [{name: value for name, value in one.items() if name != "secret"}]
    assert one["secret"] not in json.dumps([listed, (await api("GET", path, key=api.a)).body])

    test = await api("POST", f"{path}/test", key=api.a)
    assert (test.status, test.body["data"]["state"]) == (202, "waiting")
    lead = (await api("POST", "/v2/leads", key=api.a, json={"email": "jane@acme.com", "company": "Acmé"})).body["data"]
    await work(api, settings)
    assert [json.loads(got.body)["type"] for got in ear.got] == ["webhook.test", "lead.created"]
    assert all(accepts(one["secret"], got.headers, got.body, now=NOW) for got in ear.got)
    assert json.loads(ear.got[1].body)["data"] == lead

    told = (await api("GET", f"{path}/deliveries", key=api.a)).body
    assert [each["event"] for each in told["data"]] == ["lead.created", "webhook.test"]
    assert told["meta"] == {"waiting": 0, "done": 2, "dead": 0, "limit": 20, "offset": 0}
    assert told["data"][0]["payload"].encode() == ear.got[1].body
    again = await api("POST", f"{path}/deliveries/{told['data'][0]['id']}/replay", key=api.a)
    assert (again.status, again.body["data"]["state"]) == (202, "waiting")
    await work(api, settings)
    assert ear.got[2].headers["webhook-id"] == told["data"][0]["webhook_id"] == ear.got[1].headers["webhook-id"]
    assert (await api("POST", f"{path}/replay", key=api.a)).body == {"data": {"replayed": 0}}

    put = await api("PUT", path, key=api.a, body=b"event=message.replied", headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert (put.status, put.body["status"], put.body["data"]["events"]) == (200, "success", ["message.replied"])
    new = (await api("POST", f"{path}/secret", key=api.a)).body["data"]
    assert new["secret"] != one["secret"]
    assert (await api("PUT", path, key=api.a, json={"state": "off"})).body["data"]["state"] == "off"
    assert (await api("POST", f"{path}/test", key=api.a)).status == 422
    assert (await api("DELETE", path, key=api.a)).status == 204
    assert (await api("GET", path, key=api.a)).status == 404


async def test_what_happens_to_leads_is_told(api: Api, settings: Settings, ear: Receiver) -> None:
    events = ["lead.created", "lead.updated", "import.completed", "export.completed"]
    await api("POST", "/v2/webhooks", key=api.a, json={"target_url": ear.url, "events": events})
    await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": "Size"})
    lead = (await api("POST", "/v2/leads", key=api.a, json={"email": "jane@acme.com"})).body["data"]
    await api("PUT", "/v2/leads", key=api.a, json={"email": "jane@acme.com", "custom_attributes": {"size": "L"}})
    await api("PUT", f"/v2/leads/{lead['id']}", key=api.a, json={"first_name": "Jane"})
    await api("PUT", "/v2/leads", key=api.a, json={"email": "not one"})
    assert (await api("GET", "/v2/leads/export.csv", key=api.a)).content.count(b"\n") == 2
    await api("GET", "/v2/leads/export.jsonl", key=api.b)
    await work(api, settings)

    bodies = [json.loads(got.body) for got in ear.got]
    assert [body["type"] for body in bodies] == ["lead.created", "lead.updated", "lead.updated", "export.completed"]
    assert (bodies[1]["data"]["size"], bodies[2]["data"]["first_name"]) == ("L", "Jane")
    assert bodies[3]["data"] == {"format": "csv"}


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:8000/",
        "https://127.0.0.1/hook",
        "https://user:pw@93.184.216.34/",
        "http://[::ffff:127.0.0.1]/",
        "https://[::1]/hooks",
        "https://0x7f000001/hook",
        "https://2130706433/hook",
        "https://10.1.2.3/hook",
        "http://93.184.216.34/plain",
        "https://93.184.216.34:22/hook",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/_x",
        "javascript:alert(1)//",
        "https://",
        "https://acme.com/ x",
        "https://acme.com/\\@127.0.0.1",
        "https://nowhere.invalid/hook",
        "https://93.184.216.34/" + "x" * 500,
        "//93.184.216.34/hook",
        "",
    ],
)
async def test_where_nothing_is_sent(api: Api, url: str) -> None:
    # A server that answers says nothing of what it sees behind it: 422, with one of our sentences.
    reply = await api("POST", "/v2/webhooks", key=api.a, json={"target_url": url, "event": "lead.created"})
    assert reply.status in (400, 422), reply.body
    made = await api("POST", "/v2/webhooks", key=api.a, json={"target_url": URL, "event": "lead.created"})
    path = f"/v2/webhooks/{made.body['data']['id']}"
    put = await api("PUT", path, key=api.a, json={"target_url": url, "event": "lead.updated"})
    assert put.status in (400, 422) or not url
    if url:
        assert (await api("GET", path, key=api.a)).body["data"]["events"] == ["lead.created"]


@pytest.mark.parametrize(
    "body",
    [{}, {"event": "lead.created"}, {"target_url": URL}, {"target_url": URL, "event": "lead.eaten"},
     {"target_url": URL, "events": ["lead.created", "lead.eaten"]}, {"target_url": 7, "event": "lead.created"}],
)  # fmt: skip
async def test_what_is_no_webhook(api: Api, body: dict[str, object]) -> None:
    assert (await api("POST", "/v2/webhooks", key=api.a, json=body)).status in (400, 422)
    assert (await api("GET", "/v2/webhooks", key=api.a)).body["meta"]["total"] == 0


async def test_members_do_not_see_where_the_team_sends(api: Api) -> None:
    made = await api("POST", "/v2/webhooks", key=api.a, json={"target_url": URL, "event": "lead.created"})
    async with api.app.services.stores.app.write() as conn:
        member = await create_user(conn, "m@a.example", now=NOW, account_id=1, role="member")
        key = (await create_key(conn, 1, "m", now=NOW, member_id=member.id)).plaintext
    path = f"/v2/webhooks/{made.body['data']['id']}"
    asked = [
        ("GET", "/v2/webhooks"), ("POST", "/v2/webhooks"), ("GET", path), ("PUT", path), ("DELETE", path), ("POST", f"{path}/secret"),
        ("POST", f"{path}/test"), ("GET", f"{path}/deliveries"), ("POST", f"{path}/replay"), ("POST", f"{path}/deliveries/1/replay"),
    ]  # fmt: skip
    for method, where in asked:
        reply = await api(method, where, key=key, json={"target_url": URL, "event": "lead.created"})
        assert reply.status == 403, (method, where)


async def test_the_secret_is_replayed_to_whoever_holds_the_key(api: Api) -> None:
    body = {"target_url": URL, "event": "lead.created"}
    first, again = [
        await api("POST", "/v2/webhooks", key=api.a, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert (again.status, again.body) == (201, first.body)
    assert (await api("GET", "/v2/webhooks", key=api.a)).body["meta"]["total"] == 1
    other = await api("POST", "/v2/webhooks", key=api.a2, json=body, headers={"Idempotency-Key": "k"})
    assert first.body["data"]["secret"] not in other.content.decode()


async def test_an_account_has_not_endlessly_many(api: Api) -> None:
    body = {"target_url": URL, "event": "lead.created"}
    statuses = [(await api("POST", "/v2/webhooks", key=api.a, json=body)).status for _ in range(51)]
    assert statuses == [201] * 50 + [422]
