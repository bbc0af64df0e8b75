"""
The API as its public reference shows it.

Shapes are taken from the reference's own examples, so a key that is renamed, dropped or moved fails here.
"""

from typing import Any

import pytest

from api.conftest import Api
from vizsla.api.errors import STATUSES
from vizsla.kit import errors as kit_errors
from vizsla.privacy.claims import Claimed, Claims, add_claim

SOURCE = ["domain", "uri", "extracted_on", "last_seen_on", "still_on_page"]
SEARCH_DATA = [
    "domain", "disposable", "webmail", "accept_all", "pattern", "organization", "description", "industry", "twitter",
    "facebook", "linkedin", "instagram", "youtube", "technologies", "country", "state", "city", "postal_code", "street",
    "headcount", "company_type", "emails", "linked_domains",
]  # fmt: skip
EMAIL = [
    "value", "type", "confidence", "sources", "first_name", "last_name", "position", "seniority", "department", "linkedin",
    "twitter", "phone_number", "verification",
]  # fmt: skip
DEPARTMENTS = [
    "executive", "it", "finance", "management", "sales", "legal", "support", "hr", "marketing", "communication",
    "education", "design", "health", "operations",
]  # fmt: skip
ACME = "/v2/domain-search?domain=acme.example"
FILTERS = [
    "", "&type=personal", "&department=executive", "&type=generic", "&required_field=phone_number,full_name",
    *(f"&department={name}" for name in DEPARTMENTS),
    *(f"&seniority={name}" for name in ("junior", "senior", "executive", "junior,senior,executive")),
    *(f"&required_field={name}" for name in ("full_name", "position", "phone_number")),
    *(f"&verification_status={name}" for name in ("valid", "accept_all", "unknown")),
    "&job_titles=chief", "&type=personal&seniority=executive&required_field=phone_number&job_titles=officer,x",
]  # fmt: skip


def check_search(body: dict[str, Any]) -> None:
    assert list(body) == ["data", "meta"]
    assert list(body["data"]) == SEARCH_DATA
    for email in body["data"]["emails"]:
        assert [name for name in email if name != "position_raw"] == EMAIL
        assert "position_raw" in email
        assert list(email["verification"]) == ["date", "status"]
        assert email["type"] in ("personal", "generic")
        assert 0 <= email["confidence"] <= 100
        assert 1 <= len(email["sources"]) <= 20
        seen = [source["last_seen_on"] for source in email["sources"]]
        assert seen == sorted(seen, reverse=True)
        for source in email["sources"]:
            assert list(source) == SOURCE
            assert source["extracted_on"] <= source["last_seen_on"]
            assert len(source["last_seen_on"]) == len("2017-07-01")
    assert list(body["meta"]) == ["results", "limit", "offset", "params"]
    assert list(body["meta"]["params"]) == ["domain", "company", "type", "seniority", "department"]


async def test_domain_search(api: Api) -> None:
    reply = await api("GET", ACME, key=api.a)
    example = await api("GET", ACME, key="test-api-key")

    check_search(reply.body)
    check_search(example.body)
    assert reply.body["meta"] == {
        "results": 25, "limit": 10, "offset": 0,
        "params": {"domain": "acme.example", "company": None, "type": None, "seniority": None, "department": None},
    }  # fmt: skip
    assert len(reply.body["data"]["emails"]) == 10
    assert example.body["meta"]["results"] == 35


async def test_a_domain_we_know_nothing_of_is_empty_not_missing(api: Api) -> None:
    for query in ("domain=nothing.example", "company=Nobody+Knows+Ltd", "domain=gmail.com"):
        reply = await api("GET", f"/v2/domain-search?{query}", key=api.a)
        assert reply.status == 200
        check_search(reply.body)
        assert reply.body["data"]["emails"] == []
        assert reply.body["meta"]["results"] == 0


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_the_pages_of_a_query_hold_exactly_what_was_promised(api: Api, size: int) -> None:
    for filters in FILTERS if size == 7 else FILTERS[:3]:
        seen: list[str] = []
        offset = 0
        while True:
            reply = await api("GET", f"{ACME}{filters}&limit={size}&offset={offset}", key=api.a)
            emails = [email["value"] for email in reply.body["data"]["emails"]]
            if not emails:
                break
            seen += emails
            offset += size
        assert len(seen) == len(set(seen)) == reply.body["meta"]["results"], filters
        assert reply.status == 200
    past = await api("GET", f"{ACME}&limit={size}&offset={2**53}", key=api.a)
    assert (past.status, past.body["data"]["emails"], past.body["meta"]["results"]) == (200, [], 25)


async def test_the_count_is_what_the_search_finds(api: Api) -> None:
    for filters in ("", "&type=personal", "&type=generic"):
        count = await api("GET", f"/v2/email-count?domain=acme.example{filters}")
        found = await api("GET", f"{ACME}{filters}&limit=100", key=api.a)
        data = count.body["data"]

        assert count.status == 200
        assert list(data) == ["total", "personal_emails", "generic_emails", "department", "seniority"]
        assert list(data["department"]) == DEPARTMENTS
        assert list(data["seniority"]) == ["junior", "senior", "executive"]
        assert data["total"] == found.body["meta"]["results"]
        for name in DEPARTMENTS:
            assert data["department"][name] == sum(
                email["department"] == name for email in found.body["data"]["emails"]
            )
        assert list(count.body["meta"]["params"]) == ["domain", "company", "type"]


async def test_email_count_errors(api: Api) -> None:
    for query, id_ in (
        ("", "wrong_params"),
        ("company=ab", "wrong_params"),
        ("domain=acme.example&type=x", "invalid_type"),
        ("domain=nonsense", "invalid_domain"),
    ):
        reply = await api("GET", f"/v2/email-count?{query}", client=f"10.1.1.{len(query)}")
        assert (reply.status, reply.error["id"]) == (400, id_)


async def test_account(api: Api) -> None:
    await api("GET", ACME, key=api.a)
    body = (await api("GET", "/v2/account", key=api.a)).body

    assert list(body["data"]) == [
        "first_name", "last_name", "email", "plan_name", "plan_level", "reset_date", "team_id", "calls", "requests",
    ]  # fmt: skip
    assert body["data"]["reset_date"] == "2026-12-01"
    assert list(body["data"]["calls"]) == ["_deprecation_notice", "used", "available"]
    assert body["data"]["calls"]["used"] == 1
    assert body["data"]["calls"]["available"] == 30_000
    assert body["data"]["requests"] == {
        "searches": {"used": 1, "available": 10_000},
        "verifications": {"used": 0, "available": 20_000},
    }
    assert (body["data"]["first_name"], body["data"]["email"]) == ("A", "a@a.example")


async def test_usage(api: Api) -> None:
    await api("GET", ACME, key=api.a)
    api.clock.at += 40 * 86_400
    body = (await api("GET", "/v2/usage", key=api.a)).body

    assert [
        (period["start_date"], period["reset_date"], period["searches"]["used"]) for period in body["data"]["usage"]
    ] == [
        ("2026-12-01", "2027-01-01", 0),
        ("2026-11-01", "2026-12-01", 1),
    ]


async def test_api_keys(api: Api) -> None:
    made = await api("POST", "/v2/api-keys", key=api.a, json={"name": "CI"})
    key = made.body["data"]["api_key"]
    listed = await api("GET", "/v2/api-keys", key=key)
    one = await api("GET", f"/v2/api-keys/{made.body['data']['id']}", key=key)
    renamed = await api("PUT", f"/v2/api-keys/{made.body['data']['id']}", key=key, json={"name": "CD"})

    assert made.status == 201
    assert len(key) == 40
    assert list(made.body["data"]) == ["id", "name", "api_key", "created_at", "last_used_at", "email"]
    assert made.body["data"]["created_at"].endswith(" UTC")
    assert [item["name"] for item in listed.body["data"]["api_keys"]] == ["CI", "second", "first"]
    assert listed.body["data"]["api_keys"][0]["api_key"] == f"********{key[-4:]}"
    assert listed.body["meta"] == {"total": 3, "params": {"limit": 100, "offset": 0}}
    assert one.body["data"] == listed.body["data"]["api_keys"][0]
    assert (renamed.status, renamed.content) == (204, b"")
    assert (await api("PUT", f"/v2/api-keys/{made.body['data']['id']}", key=key, json={})).error["id"] == "wrong_params"
    stranger = [
        await api(
            method,
            f"/v2/api-keys/{made.body['data']['id']}",
            key=api.b,
            json={"name": "x"} if method == "PUT" else None,
        )
        for method in ("GET", "PUT", "DELETE")
    ]
    assert [reply.error["details"] for reply in stranger] == ["This API key does not exist."] * 3

    for item in listed.body["data"]["api_keys"][1:]:
        assert (await api("DELETE", f"/v2/api-keys/{item['id']}", key=key)).status == 204
    last = await api("DELETE", f"/v2/api-keys/{made.body['data']['id']}", key=key)
    assert (last.status, last.error["id"]) == (422, "validation_failed")
    assert (await api("GET", "/v2/account", key=api.a)).status == 401
    assert (await api("GET", "/v2/account", key=key)).status == 200


async def test_who_is_claimed_is_nowhere(api: Api) -> None:
    services = api.app.services
    first = (await api("GET", ACME, key=api.a)).body["data"]["emails"][0]["value"]
    async with services.stores.app.write() as conn:
        local, _, domain = first.partition("@")
        await add_claim(conn, services.claims, Claimed("email", domain, local), 1)
        await add_claim(conn, services.claims, Claimed("domain", "globex.example"), 1)
    hashes = [("email", services.claims.hash(first)), ("domain", services.claims.hash("globex.example"))]
    services.claims = Claims(b"0" * 32, hashes)

    found = await api("GET", f"{ACME}&limit=100", key=api.a)
    assert first not in [email["value"] for email in found.body["data"]["emails"]]
    globex = await api("GET", "/v2/domain-search?domain=globex.example", key=api.a)
    assert (globex.status, globex.body["data"]["emails"], globex.body["meta"]["results"]) == (200, [], 0)
    assert (await api("GET", "/v2/email-count?domain=globex.example")).body["data"]["total"] == 0


def test_every_error_of_the_rooms_has_a_status() -> None:
    kinds = [kind for kind in vars(kit_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    at_start_only = {"settings", "store_busy"}
    unknown = {kind.id for kind in kinds if hasattr(kind, "id")} - set(STATUSES) - at_start_only

    assert unknown == set()


def test_the_statuses_are_the_references() -> None:
    for id_, status in {
        "wrong_params": 400, "invalid_type": 400, "invalid_seniority": 400, "invalid_department": 400,
        "pagination_error": 400, "invalid_first_name": 400, "invalid_last_name": 400, "invalid_full_name": 400,
        "invalid_domain": 400, "invalid_max_duration": 400, "invalid_email": 400, "too_many_requests": 429,
        "claimed_email": 451, "authentication_failed": 401, "not_found": 404, "validation_failed": 422,
    }.items():  # fmt: skip
        assert STATUSES[id_] == status
