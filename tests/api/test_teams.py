"""A team at the API: whose keys, whose usage, whose limits; a plan's period; a key that dies on every node."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import pytest

from api.conftest import PLENTY, Api
from vizsla.accounts.keys import create_key
from vizsla.accounts.plans import choose_plan
from vizsla.accounts.quota import get_member_usage
from vizsla.accounts.request_log import list_requests
from vizsla.accounts.store import Member, create_user, find_member
from vizsla.accounts.team import remove_member, set_limits
from vizsla.api.app import create_app
from vizsla.kit.settings import PlanTerms
from vizsla.storage.open import open_stores
from vizsla.storage.statement import statement

Join = Callable[..., Awaitable[tuple[Member, str]]]


@pytest.fixture
def join(api: Api) -> Join:
    """Another member of account 1, and a key of theirs."""

    async def join(role: str, **limits: int | None) -> tuple[Member, str]:
        services = api.app.services
        async with services.stores.app.write() as conn:
            made = await create_user(conn, f"{role}@a.example", now=api.clock.at, account_id=1, role=role)  # type: ignore[arg-type]
            key = await create_key(conn, 1, f"{role}'s", now=api.clock.at, member_id=made.id)
            if limits:
                owner = await find_member(conn, 1, None)
                assert owner
                both = {"searches": None, "verifications": None} | limits
                await set_limits(conn, owner, made.id, **both, now=api.clock.at)
        services.keys.forget()
        return made, key.plaintext

    return join


def second_node(api: Api) -> Api:
    services = api.app.services
    app = create_app(services.settings, services.stores, services.claims, clock=api.clock, log_stream=api.log)
    return Api(app, api.clock, {"a": api.a, "a2": api.a2, "b": api.b}, api.log)


async def names(api: Api, key: str) -> list[str]:
    reply = await api("GET", "/v2/api-keys", key=key)
    assert reply.body["meta"]["total"] == len(reply.body["data"]["api_keys"])
    return [one["name"] for one in reply.body["data"]["api_keys"]]


async def test_members_see_and_stop_their_own_keys_alone(api: Api, join: Join) -> None:
    _, admin = await join("admin")
    _, member = await join("member")
    listed = (await api("GET", "/v2/api-keys", key=api.a)).body["data"]["api_keys"]
    first = next(one["id"] for one in listed if one["name"] == "first")
    mine = next(one for one in listed if one["name"] == "member's")

    assert await names(api, api.a) == await names(api, admin) == ["member's", "admin's", "second", "first"]
    assert await names(api, member) == ["member's"]
    assert (mine["email"], mine["api_key"]) == ("member@a.example", f"********{member[-4:]}")
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        reply = await api(method, f"/v2/api-keys/{first}", key=member, json=body)
        assert (reply.status, reply.error["details"]) == (404, "This API key does not exist.")
    assert (await api("PUT", f"/v2/api-keys/{mine['id']}", key=member, json={"name": "mine"})).status == 204
    assert (await api("DELETE", f"/v2/api-keys/{mine['id']}", key=admin)).status == 204
    assert (await api("GET", "/v2/account", key=member)).status == 401
    assert (await api("GET", "/v2/account", key=api.a)).status == 200


async def test_what_is_sent_along_with_a_new_key_changes_nothing(api: Api, join: Join) -> None:
    made, member = await join("member")
    sent = {"name": "k", "id": 1, "account_id": 2, "member_id": 1, "email": "a@a.example", "role": "owner",
            "created_at": "1999-01-01 00:00:00 UTC", "last_used_at": "1999-01-01 00:00:00 UTC"}  # fmt: skip
    reply = await api("POST", "/v2/api-keys", key=member, json=sent)
    data = reply.body["data"]
    row = await api.app.services.stores.app.fetch_one(
        statement("SELECT account_id, member_id, last_used_at FROM api_key WHERE id = :id AND account_id = 1"),
        {"id": data["id"]},
    )

    assert reply.status == 201
    assert data["id"] != 1
    assert data["email"] == made.email
    assert not data["created_at"].startswith("1999")
    assert tuple(row or ()) == (1, made.id, None)


async def test_a_revoked_key_is_dead_on_the_other_node_within_a_second(api: Api) -> None:
    if api.app.services.stores.app.dialect == "sqlite":
        pytest.skip("one server on a SQLite home")
    other = second_node(api)
    made = (await api("POST", "/v2/api-keys", key=api.a, json={})).body["data"]
    assert (await other("GET", "/v2/account", key=made["api_key"])).status == 200
    assert (await api("DELETE", f"/v2/api-keys/{made['id']}", key=api.a)).status == 204
    revoked_at = time.monotonic()

    assert (await api("GET", "/v2/account", key=made["api_key"])).status == 401
    while (await other("GET", "/v2/account", key=made["api_key"])).status != 401:
        assert time.monotonic() - revoked_at < 1.0
        await asyncio.sleep(0.02)


async def test_a_key_revoked_at_the_terminal_is_dead_in_the_server_within_a_second(api: Api) -> None:
    services = api.app.services
    member, key = await _member_of_a(api)
    assert (await api("GET", "/v2/account", key=key)).status == 200
    async with open_stores(services.settings) as terminal, terminal.app.write() as conn:
        owner = await find_member(conn, 1, None)
        assert owner
        await remove_member(conn, owner, member.id, api.clock.at)
    removed_at = time.monotonic()

    while (await api("GET", "/v2/account", key=key)).status != 401:
        assert time.monotonic() - removed_at < 1.0
        await asyncio.sleep(0.02)


async def _member_of_a(api: Api) -> tuple[Member, str]:
    async with api.app.services.stores.app.write() as conn:
        made = await create_user(conn, "ann@a.example", now=api.clock.at, account_id=1)
        return made, (await create_key(conn, 1, "k", now=api.clock.at, member_id=made.id)).plaintext


async def test_of_fifty_calls_for_a_members_last_search_one_gets_it_on_two_nodes(api: Api, join: Join) -> None:
    await api.plan(1, rate_search=PLENTY)
    made, key = await join("member", searches=1)
    nodes = [api] if api.app.services.stores.app.dialect == "sqlite" else [api, second_node(api)]
    replies = await asyncio.gather(
        *(nodes[n % len(nodes)]("GET", f"/v2/domain-search?domain=d{n}.example", key=key) for n in range(50))
    )

    assert Counter(reply.status for reply in replies) == {200: 1, 429: 49}
    assert {reply.error["id"] for reply in replies if reply.status == 429} == {"too_many_requests"}
    assert await api.used(key) == 1
    assert (await api("GET", "/v2/domain-search?domain=d7.example", key=api.a)).status == 200
    mine = await get_member_usage(api.app.services.stores.app, 1, made.id, api.clock.at)
    assert mine.searches == 1


async def test_usage_says_whose_it_was(api: Api, join: Join) -> None:
    _, member = await join("member", searches=10)
    for key, domain in ((api.a, "d1"), (member, "d2"), (member, "d3"), (api.a2, "d4")):
        await api("GET", f"/v2/domain-search?domain={domain}.example", key=key)

    (period,) = (await api("GET", "/v2/usage", key=api.a)).body["data"]["usage"]
    assert period["searches"]["used"] == 4  # one by a key that is nobody's
    assert [(one["email"], one["searches"]) for one in period["members"]] == [
        ("a@a.example", {"used": 1, "available": None}),
        ("member@a.example", {"used": 2, "available": 10}),
    ]
    (period,) = (await api("GET", "/v2/usage", key=member)).body["data"]["usage"]
    assert [one["email"] for one in period["members"]] == ["member@a.example"]
    (period,) = (await api("GET", "/v2/usage", key=api.b)).body["data"]["usage"]
    assert period["members"] == []


async def test_a_plan_has_its_figures_and_its_reset_date(api: Api) -> None:
    services = api.app.services
    defined = msgspec.structs.replace(services.settings, plans={"team": PlanTerms(searches=2, level=3)})
    node = Api(create_app(defined, services.stores, services.claims, clock=api.clock, log_stream=api.log), api.clock,
               {"a": api.a, "a2": api.a2, "b": api.b}, api.log)  # fmt: skip
    before = (await node("GET", "/v2/account", key=api.a)).body["data"]
    await node("GET", "/v2/domain-search?domain=d1.example", key=api.a)
    node.clock.at = int(datetime(2026, 11, 30, 15, tzinfo=UTC).timestamp())
    async with services.stores.app.write() as conn:
        await choose_plan(conn, defined, 1, "team", node.clock.at)
    node.app.services.keys.forget()
    after = (await node("GET", "/v2/account", key=api.a)).body["data"]

    assert (before["plan_name"], before["plan_level"], before["reset_date"]) == ("free", 0, "2026-12-01")
    assert (after["plan_name"], after["plan_level"], after["reset_date"]) == ("team", 3, "2026-12-30")
    assert after["requests"]["searches"] == {"used": 0, "available": 2}
    for domain, status in (("d2", 200), ("d3", 200), ("d4", 429)):
        assert (await node("GET", f"/v2/domain-search?domain={domain}.example", key=api.a)).status == status
    node.clock.at = int(datetime(2027, 2, 28, tzinfo=UTC).timestamp())
    again = (await node("GET", "/v2/account", key=api.a)).body["data"]
    assert (again["reset_date"], again["requests"]["searches"]["used"]) == ("2027-03-30", 0)
    usage = (await node("GET", "/v2/usage", key=api.a)).body["data"]["usage"]
    assert [(one["start_date"], one["reset_date"]) for one in usage] == [
        ("2027-02-28", "2027-03-30"),
        ("2026-11-30", "2026-12-30"),
        ("2026-11-01", "2026-11-30"),
    ]


async def test_requests_are_taken_down_without_keys_and_queries(api: Api) -> None:
    await api("GET", f"/v2/domain-search?domain=acme.example&api_key={api.a}", headers={"X-Request-Id": "mine-1"})
    await api("GET", "/v2/domain-search?domain=", key=api.a)
    await api("GET", "/v2/account")
    await api("GET", f"/v2/account/{api.a}", key=api.a)
    await api("POST", "/v2/api-keys/", key=api.b, json={"name": "k"})
    log = api.app.services.requests
    await log.flush()

    app = api.app.services.stores.app
    mine, theirs = await list_requests(app, 1), await list_requests(app, 2)
    assert [(one.method, one.path, one.status) for one in mine] == [
        ("GET", "/v2/domain-search", 400),
        ("GET", "/v2/domain-search", 200),
    ]
    assert mine[1].request_id == "mine-1"
    assert [(one.method, one.path, one.call, one.status) for one in theirs] == [
        ("POST", "/v2/api-keys/", "POST /v2/api-keys", 201)
    ]
    rows = await app.fetch_all(statement("SELECT * FROM request_log"))
    assert not any(key in str(tuple(row)) for row in rows for key in (api.a, api.b, "acme.example"))
    listed = (await api("GET", "/v2/api-keys", key=api.a)).body["data"]["api_keys"]
    assert [(one["name"], one["last_used_at"] is not None) for one in listed] == [("second", False), ("first", True)]
