"""Connected apps over the API, in Hunter's words."""

import msgspec

from accounts.conftest import NOW
from api.conftest import Api
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.work.crm import sync_leads
from vizsla.work.workplace import Workplace
from worlds.espocrm import KEY, espocrm


async def test_an_espocrm_is_connected_and_pushed_to(api: Api) -> None:
    async with espocrm() as espo:
        assert espo.ear
        services = api.app.services
        services.settings = msgspec.structs.replace(
            services.settings, egress_allow=("127.0.0.0/8",), http_ports=(espo.ear.port,)
        )
        lead = (await api("POST", "/v2/leads", key=api.a, json={"email": "jane@acme.com"})).body["data"]
        body = {"provider": "espocrm", "url": f"{espo.url}/", "provider_key": KEY}
        made = await api("POST", "/v2/connected-apps", key=api.a, json=body)
        assert made.status == 201, made.body
        path = f"/v2/connected-apps/{made.body['data']['id']}"
        assert KEY not in str(made.body)
        assert (made.body["data"]["provider"], made.body["data"]["url"]) == ("espocrm", espo.url)
        listed = (await api("GET", "/v2/connected-apps", key=api.a)).body
        assert listed["meta"] == {"total": 1, "limit": 20, "offset": 0}

        pushed = await api(
            "POST", f"{path}/push", key=api.a, body=b"lead_ids[]=%d" % lead["id"], headers={"Content-Type": "application/x-www-form-urlencoded"}
        )  # fmt: skip
        assert pushed.status == 202, pushed.body
        assert pushed.body["data"] == {
            "connected_app_id": made.body["data"]["id"], "provider": "espocrm", "leads_count": 1, "status": "queued",
        }  # fmt: skip
        assert (await api("GET", "/v2/leads?sync_status=pending", key=api.a)).body["meta"]["count"] == 1
        place = Workplace(services.settings, services.stores, services.secret, api.clock)
        await sync_leads(place, "w", lambda *_, **__: None)
        assert (await api("GET", "/v2/leads?sync_status=success", key=api.a)).body["meta"]["count"] == 1
        read = (await api("GET", path, key=api.a)).body["data"]
        assert (read["pending"], read["success"], read["error"]) == (0, 1, 0)
        assert {"target_field": "emailAddress", "source_field": "email"} in read["attribute_mappings"]

        listed_id = (await api("GET", "/v2/leads", key=api.a)).body["data"]["leads"][0]["leads_list"]["id"]
        assert (await api("POST", f"{path}/push", key=api.a, json={"leads_list_id": listed_id})).status == 202
        assert (await api("POST", f"{path}/push", key=api.a, json={"leads_list_id": 10**6})).status == 404
        assert (await api("POST", f"{path}/push", key=api.a, json={"lead_ids": [10**6]})).status == 422
        assert (await api("POST", f"{path}/push", key=api.a, json={})).status == 400
        assert (await api("POST", f"{path}/retry", key=api.a)).body == {"data": {"leads_count": 0}}
        assert (await api("DELETE", path, key=api.a)).status == 204
        assert (await api("GET", path, key=api.a)).status == 404


async def test_what_cannot_be_connected(api: Api) -> None:
    for body in (
        {"provider": "espocrm", "url": "http://127.0.0.1:80/", "provider_key": "k"},
        {"provider": "espocrm", "url": "https://93.184.216.34/"},
        {"provider": "espocrm", "url": "https://93.184.216.34/", "provider_key": "k\r\nX-Evil: 1"},
        {"provider": "hubspot", "url": "https://93.184.216.34/"},
        {"url": "https://93.184.216.34/"},
        {"provider": "webhook"},
    ):
        assert (await api("POST", "/v2/connected-apps", key=api.a, json=body)).status in (400, 422), body
    assert (await api("GET", "/v2/connected-apps", key=api.a)).body["data"] == []


async def test_members_do_not_connect_anything(api: Api) -> None:
    async with api.app.services.stores.app.write() as conn:
        member = await create_user(conn, "m@a.example", now=NOW, account_id=1, role="member")
        key = (await create_key(conn, 1, "m", now=NOW, member_id=member.id)).plaintext
    made = await api(
        "POST", "/v2/connected-apps", key=api.a, json={"provider": "webhook", "url": "https://93.184.216.34/x"}
    )
    assert made.body["data"]["secret"].startswith("whsec_")
    path = f"/v2/connected-apps/{made.body['data']['id']}"
    for method, where in (
        ("GET", "/v2/connected-apps"), ("POST", "/v2/connected-apps"), ("GET", path), ("DELETE", path), ("POST", f"{path}/push"), ("POST", f"{path}/retry"),
    ):  # fmt: skip
        body = {"provider": "webhook", "url": "https://93.184.216.34/x"}
        assert (await api(method, where, key=key, json=body)).status == 403, where
