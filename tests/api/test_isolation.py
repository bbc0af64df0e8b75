"""Every call that takes an id, with a stranger's key: nothing is returned and nothing changes (attack case idor-19)."""

import re

import pytest
from sqlalchemy import Table

from api.conftest import Api, Reply
from vizsla.campaigns.senders import Draft, Secrets, create_sender
from vizsla.mail.server import Server
from vizsla.storage.schema import app_metadata
from vizsla.storage.statement import statement

APART = 1_000
"""A's ids begin here, so that none of B's own is one of them."""
NO_MANS = {
    "request_log",
    "caller_change",
    "idempotency",
    "usage",
    "member_usage",
    "usage_charge",
    "member",
    "rate_limit",
}
COLLECTIONS = {
    "/v2/api-keys": {"name": "A's"},
    "/v2/bulk/findings": {"people": [{"full_name": "Ann Lee", "domain": "acme.example"}]},
    "/v2/bulk/searches": {"domains": ["acme.example"]},
    "/v2/bulk/verifications": {"emails": ["secret.person@acme.example"]},
    "/v2/connected-apps": {"provider": "webhook", "url": "https://93.184.216.34/crm"},
    "/v2/webhooks": {"target_url": "https://93.184.216.34/hook", "event": "lead.created"},
    "/v2/campaigns": {"name": "A's"},
}


def theirs() -> list[Table]:
    return [
        table for name, table in sorted(app_metadata.tables.items()) if "account_id" in table.c and name not in NO_MANS
    ]


async def owned(api: Api) -> dict[str, list[tuple[object, ...]]]:
    """Every row that is A's, but for what asking leaves behind."""
    app = api.app.services.stores.app
    return {
        table.name: sorted(
            map(repr, map(tuple, await app.fetch_all(statement(f"SELECT * FROM {table} WHERE account_id = 1"))))
        )  # type: ignore[misc]
        for table in theirs()
    }


async def test_the_sweep_of_every_call_with_an_id_finds_nothing(api: Api) -> None:
    app = api.app.services.stores.app
    async with app.write() as conn:
        await conn.execute(statement("UPDATE account SET last_id = :apart WHERE id = 1"), {"apart": APART})
    made: dict[str, int] = {}
    for path, body in COLLECTIONS.items():
        reply = await api("POST", path, key=api.a, json=body)
        assert reply.status == 201, reply.body
        made[path] = reply.body["data"]["id"]
    async with app.write() as conn:
        theirs_to_send = Draft(email="ada@acme.example", smtp=Server("smtp.acme.example", 465))
        await create_sender(
            conn, 1, 1, theirs_to_send, Secrets(password="s3cret"), secret=b"0" * 32, now=api.clock.now()
        )
    campaign = f"/v2/campaigns/{made['/v2/campaigns']}"
    for path, body in (("follow-ups", {"subject": "x", "body": "x"}), ("recipients", {"emails": "ann@acme.example"})):
        assert (await api("POST", f"{campaign}/{path}", key=api.a, json=body)).status == 201
    file = b"email,notes\nsecret.person@acme.example,top secret\nnobody,\n"
    reply = await api("POST", "/v2/leads/imports", key=api.a, body=file, headers={"Content-Type": "text/csv"})
    made["/v2/leads/imports"] = reply.body["data"]["id"]
    api.app.services.patience = 0.01
    await api("GET", "/v2/email-verifier?email=ann.lee0@acme.example", key=api.a)
    row = await app.fetch_one(statement("SELECT max(last_id) FROM account WHERE id = 1"))
    assert row
    ids = [*range(APART, row[0] + 1)]
    assert set(made.values()) < set(ids)
    # When a key was last used is written down behind the answer.
    await api.app.services.requests.flush()
    before = await owned(api)
    endpoints = [endpoint for endpoint in api.app.routes.endpoints if "{" in endpoint.path]
    swept, refused = 0, list[tuple[str, Reply]]()
    for endpoint in endpoints:
        for id_ in ids:
            said = {"name": "pwned", "label": "pwned", "body": "pwned", "emails": ["pwned@acme.example"]}
            body = said if endpoint.method != "GET" else None
            within = endpoint.path.replace("{step_id}", "1").replace("{email}", "ann@acme.example")
            path = re.sub("{[a-z_]+}", str(id_), within)
            reply = await api(endpoint.method, path, key=api.b, json=body)
            swept += 1
            nobodys = await api(endpoint.method, re.sub("{[a-z_]+}", "999999999", within), key=api.b, json=body)
            if reply.status != 404 or reply.content != nobodys.content:
                refused.append((endpoint.name, reply))

    assert refused == []
    assert await owned(api) == before
    assert len(endpoints) >= 20
    assert {endpoint.path.partition("/{")[0] for endpoint in endpoints} >= set(COLLECTIONS)
    print(f"{swept} calls of {len(endpoints)} operations: 0 violations")


@pytest.mark.parametrize("id_", ["0", "-1", "999999999", str(2**63 - 1), str(2**63), "1e3", "%00", "x", "1;DROP"])
async def test_ids_that_are_nobodys_look_like_those_of_others(api: Api, id_: str) -> None:
    for path in (*COLLECTIONS, "/v2/leads/imports"):
        assert (await api("GET", f"{path}/{id_}", key=api.b)).status == 404
