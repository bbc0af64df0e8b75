"""The same POST twice, fifty times at once, with another body, from another account (attack cases idem-01 … idem-04)."""

import asyncio
from collections import Counter

from api.conftest import Api
from vizsla.storage.statement import statement


async def post(api: Api, name: str, idempotency_key: str, *, key: str | None = None) -> object:
    return await api(
        "POST", "/v2/api-keys", key=key or api.a, json={"name": name}, headers={"Idempotency-Key": idempotency_key}
    )


async def named(api: Api, name: str, key: str) -> int:
    reply = await api("GET", "/v2/api-keys", key=key)
    return sum(item["name"] == name for item in reply.body["data"]["api_keys"])


async def test_fifty_at_once_do_the_work_once(api: Api) -> None:
    replies = await asyncio.gather(*(post(api, "idem", "k-1") for _ in range(50)))

    assert await named(api, "idem", api.a) == 1
    assert set(Counter(reply.status for reply in replies)) <= {201, 409}
    assert len({reply.content for reply in replies if reply.status == 201}) == 1
    for reply in replies:
        if reply.status == 409:
            assert reply.error["id"] == "idempotency_key_in_flight"
            assert reply.headers["retry-after"] == "1"
    again = await post(api, "idem", "k-1")
    assert again.status == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert await named(api, "idem", api.a) == 1


async def test_another_body_under_the_same_key_is_refused(api: Api) -> None:
    first = await post(api, "one", "k-2")
    second = await post(api, "two", "k-2")

    assert first.status == 201
    assert (second.status, second.error["id"]) == (422, "idempotency_key_mismatch")
    assert await named(api, "two", api.a) == 0


async def test_accounts_have_keys_of_their_own(api: Api) -> None:
    mine, theirs = await post(api, "x", "k-3"), await post(api, "x", "k-3", key=api.b)

    assert (mine.status, theirs.status) == (201, 201)
    assert mine.body["data"]["api_key"] != theirs.body["data"]["api_key"]


async def test_keys_have_one_to_255_characters_of_ascii(api: Api) -> None:
    for bad in ("", "   ", "x" * 256, "é", "a\tb"):
        reply = await post(api, "x", bad)
        assert (reply.status, reply.error["id"]) == (400, "wrong_params")
    assert (await post(api, "x", "x" * 255)).status == 201
    assert (await post(api, "x", "k'; DROP TABLE idempotency --")).status == 201


async def test_failures_are_not_kept(api: Api) -> None:
    failed = await api("POST", "/v2/api-keys", key=api.a, json={"name": "x" * 101}, headers={"Idempotency-Key": "k-5"})
    retried = await post(api, "x", "k-5")

    assert (failed.status, retried.status) == (400, 201)


async def test_after_a_day_the_key_is_new(api: Api) -> None:
    first = await post(api, "x", "k-6")
    api.clock.at += 86_400
    second = await post(api, "x", "k-6")

    assert first.body["data"]["id"] != second.body["data"]["id"]
    await api.app._tidy()
    rows = await api.app.services.stores.app.fetch_all(statement("SELECT count(*) FROM idempotency"))
    assert rows[0][0] == 1


async def test_the_key_that_an_answer_showed_is_not_in_the_database(api: Api) -> None:
    shown = (await post(api, "x", "k-7")).body["data"]["api_key"]
    again = await post(api, "x", "k-7")
    colleague = await post(api, "x", "k-7", key=api.a2)

    assert again.body["data"]["api_key"] == shown
    assert colleague.status == 422
    for table in ("idempotency", "api_key"):
        rows = await api.app.services.stores.app.fetch_all(statement(f"SELECT * FROM {table}"))
        assert shown not in str([tuple(row) for row in rows])
        assert shown.encode().hex() not in str([tuple(row) for row in rows])
