"""Rate limits, quotas, what is counted and what is free (attack cases rl-01 … rl-09, hdr-05)."""

import asyncio
import time
from collections import Counter

import msgspec
import pytest

from api.conftest import NOW, Api
from vizsla.accounts.rate import SharedLimiter
from vizsla.api.app import create_app
from vizsla.storage.postgres import PostgresDatabase
from vizsla.storage.statement import statement

ACME = "/v2/domain-search?domain=acme.example"


async def test_too_fast_is_a_403_that_says_how_long_to_wait(api: Api) -> None:
    await api.plan(1, rate_search="3/min")
    replies = [await api("GET", ACME, key=api.a) for _ in range(5)]

    assert [reply.status for reply in replies] == [200, 200, 200, 403, 403]
    assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0", "0"]
    assert [reply.headers["x-rate-limit-remaining"] for reply in replies] == ["2", "1", "0", "0", "0"]
    assert {reply.headers["x-ratelimit-limit"] for reply in replies} == {"3"}
    assert all(NOW < int(reply.headers["x-ratelimit-reset"]) <= NOW + 61 for reply in replies)
    denied = replies[3]
    assert denied.error["id"] == "too_many_requests"
    assert 1 <= int(denied.headers["retry-after"]) <= 21
    assert (await api("GET", ACME, key=api.b)).status == 200


async def test_no_variant_of_a_request_gets_around_the_limit(api: Api) -> None:
    await api.plan(1, rate_search="8/min")
    variants = [
        ("GET", ACME, {"X-API-KEY": api.a}),
        ("GET", f"{ACME}&api_key={api.a}", {}),
        ("GET", ACME, {"X-API-KEY": api.a2}),
        ("HEAD", ACME, {"X-API-KEY": api.a}),
        ("GET", "/v2//domain-search?domain=acme.example", {"X-API-KEY": api.a}),
        ("GET", "/v2/domain-search/?domain=acme.example", {"X-API-KEY": api.a}),
        ("GET", "//v2/domain-search?domain=acme.example", {"X-API-KEY": api.a}),
        ("GET", ACME, {"X-API-KEY": api.a, "If-None-Match": "*", "X-Forwarded-For": "10.9.8.7"}),
        ("GET", "/v2/domain-search?limit=x", {"X-API-KEY": api.a}),
    ]
    replies = await asyncio.gather(*(api(method, target, headers=headers) for method, target, headers in variants * 5))

    counts = Counter(reply.status for reply in replies)
    assert counts[200] + counts[400] == 8
    assert counts[403] == 37


async def test_a_stream_of_forty_a_second_gets_fifteen(api: Api) -> None:
    await api.plan(1, rate_search="15/s,500/min")
    statuses: Counter[int] = Counter()
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < 1:
        statuses[(await api("GET", ACME, key=api.a)).status] += 1
        await asyncio.sleep(max(0, sum(statuses.values()) / 40 - elapsed))

    assert 15 <= statuses[200] <= 15 + 15 * (time.monotonic() - began) + 1
    assert set(statuses) == {200, 403}


async def test_without_a_key_the_address_is_limited_whatever_the_headers_say(api: Api) -> None:
    replies = await asyncio.gather(
        *(
            api(
                "GET",
                "/v2/email-count?domain=acme.example",
                client="10.0.0.1",
                headers={
                    "X-Forwarded-For": f"10.0.{number}.1",
                    "X-Real-IP": f"10.1.{number}.1",
                    "Forwarded": f"for=10.2.{number}.1",
                },
            )
            for number in range(60)
        )
    )

    assert Counter(reply.status for reply in replies)[200] <= 17
    assert {reply.status for reply in replies} == {200, 403}
    assert (await api("GET", "/v2/email-count?domain=acme.example", client="10.0.0.2")).status == 200


async def test_the_trial_path_masks_and_is_slow(api: Api) -> None:
    reply = await api("GET", "/trial/v2/domain-search?domain=acme.example", client="10.0.0.1")
    again = await api("GET", "/trial/v2/domain-search?domain=acme.example", client="10.0.0.1")
    single = await api("GET", "/trial/v2/domain-search?domain=globex.example", client="10.0.0.2")

    assert reply.status == 200
    assert all(email["value"][1:] == "**@acme.example" for email in reply.body["data"]["emails"])
    assert len(reply.body["data"]["emails"]) == 10
    assert reply.body["meta"]["results"] == 25
    assert again.status == 403
    assert {email["value"] for email in single.body["data"]["emails"]} == {
        "i**@globex.example", "s**@globex.example", "**@globex.example",
    }  # fmt: skip


async def test_a_search_counts_once_a_day_and_an_empty_one_never(api: Api) -> None:
    for target in (
        ACME,
        ACME,
        f"{ACME}&limit=10&offset=0&locale=fr",
        "/v2/domain-search?domain=https://www.acme.example/",
        "/v2/domain-search?domain=nothing.example",
        f"{ACME}&offset=25",
        f"{ACME}&limit=0",
    ):
        await api("GET", target, key=api.a)
    assert await api.used(api.a) == 1

    await api("GET", f"{ACME}&offset=10", key=api.a2)
    assert await api.used(api.a) == 2
    assert await api.used(api.b) == 0
    api.clock.at += 86_400
    await api("GET", ACME, key=api.a)
    assert await api.used(api.a) == 3


async def test_the_same_question_is_free_over_midnight_and_into_the_next_month(api: Api) -> None:
    api.clock.at = 1_796_083_199  # 2026-11-30 23:59:59 UTC
    await api("GET", ACME, key=api.a)
    api.clock.at += 1
    await api("GET", ACME, key=api.a)
    assert await api.used(api.a) == 0

    await api("GET", f"{ACME}&offset=10", key=api.a)
    assert await api.used(api.a) == 1
    api.clock.at += 86_399
    await api("GET", ACME, key=api.a)
    assert await api.used(api.a) == 2
    usage = (await api("GET", "/v2/usage", key=api.a)).body["data"]["usage"]
    assert [(month["start_date"], month["searches"]["used"]) for month in usage] == [
        ("2026-12-01", 2),
        ("2026-11-01", 1),
    ]


async def test_filters_in_another_order_are_the_same_question(api: Api) -> None:
    for filters in (
        "department=it,executive&required_field=full_name,phone_number",
        "required_field=phone_number&required_field=full_name&department=executive,it,it",
    ):
        reply = await api("GET", f"{ACME}&{filters}", key=api.a)
        assert reply.body["data"]["emails"]
    assert await api.used(api.a) == 1


async def test_fifty_that_ask_the_same_at_once_pay_once(api: Api) -> None:
    await api.plan(1, plan_searches=1)
    replies = await asyncio.gather(*(api("GET", ACME, key=(api.a, api.a2)[number % 2]) for number in range(50)))

    assert {reply.status for reply in replies} == {200}
    assert await api.used(api.a) == 1


async def test_the_trial_can_be_turned_off(api: Api) -> None:
    services = api.app.services
    closed = create_app(msgspec.structs.replace(services.settings, trial=False), services.stores, services.claims)
    reply = await Api(closed, api.clock, {"a": api.a, "a2": api.a2, "b": api.b}, api.log)(
        "GET", "/trial/v2/domain-search?domain=acme.example"
    )

    assert (reply.status, reply.error["id"]) == (404, "not_found")


async def test_of_fifty_at_once_with_one_search_left_one_is_answered(api: Api) -> None:
    await api.plan(1, plan_searches=1)
    replies = await asyncio.gather(
        *(api("GET", f"/v2/domain-search?domain=d{number}.example", key=api.a) for number in range(50))
    )

    assert Counter(reply.status for reply in replies) == {200: 1, 429: 49}
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.error["id"] == "too_many_requests"
    assert "usage limit" in refused.error["details"]
    assert "retry-after" not in refused.headers
    account = (await api("GET", "/v2/account", key=api.a)).body["data"]
    assert account["requests"]["searches"] == {"used": 1, "available": 1}
    won = next(number for number, reply in enumerate(replies) if reply.status == 200)
    assert (await api("GET", f"/v2/domain-search?domain=d{won}.example", key=api.a)).status == 200
    assert (await api("GET", "/v2/domain-search?domain=nothing.example", key=api.a)).status == 200


async def test_two_nodes_share_limits_and_quota(api: Api) -> None:
    if api.app.services.stores.app.dialect == "sqlite":
        pytest.skip("one server on a SQLite home")
    await api.plan(1, plan_searches=1, rate_search="15/min")
    services = api.app.services
    second = Api(
        create_app(services.settings, services.stores, services.claims, clock=api.clock, log_stream=api.log),
        api.clock, {"a": api.a, "a2": api.a2, "b": api.b}, api.log,
    )  # fmt: skip
    replies = await asyncio.gather(
        *(
            (api, second)[number % 2]("GET", f"/v2/domain-search?domain=d{number}.example", key=api.a)
            for number in range(40)
        )
    )

    assert Counter(reply.status for reply in replies) == {200: 1, 429: 14, 403: 25}


async def test_with_the_limiters_store_away_the_limit_stands(api: Api) -> None:
    await api.plan(1, rate_search="15/min")
    await api("GET", "/v2/account", key=api.a)
    api.app.services.shared = SharedLimiter(PostgresDatabase("postgresql://nobody@127.0.0.1:1/none"))
    async with asyncio.timeout(5):
        replies = [await api("GET", ACME, key=api.a) for _ in range(40)]

    assert Counter(reply.status for reply in replies) == {200: 15, 403: 25}


async def test_with_a_database_that_hangs_nobody_waits_two_seconds(api: Api, request: pytest.FixtureRequest) -> None:
    if api.app.services.stores.app.dialect == "sqlite":
        pytest.skip("SQLite answers in this process")
    await api("GET", ACME, key=api.a)
    with request.getfixturevalue("postgres").frozen():
        began = time.monotonic()
        replies = await asyncio.gather(*(api("GET", ACME, key=api.a) for _ in range(20)))
        assert time.monotonic() - began < 2.5

    assert {(reply.status, reply.error["id"]) for reply in replies} == {(503, "store_unavailable")}
    assert (await api("GET", ACME, key=api.a)).status == 200


async def test_a_database_that_is_away_is_a_503(api: Api) -> None:
    if api.app.services.stores.app.dialect == "sqlite":
        pytest.skip("a SQLite file that is open stays there")
    away = PostgresDatabase("postgresql://nobody:CanaryPg-88@127.0.0.1:1/none")
    api.app.services.keys._reader = away
    api.app.services.stores = type(api.app.services.stores)(away, away)

    reply = await api("GET", "/v2/account", key=api.a)
    ready = await api("GET", "/readyz")

    assert (reply.status, reply.error["id"]) == (503, "store_unavailable")
    assert reply.headers["retry-after"] == "1"
    assert "127.0.0.1" not in reply.content.decode()
    assert ready.status == 503
    assert (await api("GET", "/healthz")).status == 200
    api.app.journal.flush()
    assert "CanaryPg-88" not in api.log.getvalue()


async def test_charges_outlive_the_process(api: Api) -> None:
    await api("GET", ACME, key=api.a)
    rows = await api.app.services.stores.app.fetch_all(statement("SELECT account_id, searches FROM usage"))

    assert [tuple(row) for row in rows] == [(1, 1)]
