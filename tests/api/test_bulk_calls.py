"""`/v2/bulk/verifications`: lists in, rows out; what is refused and why; who sees what, and what it costs."""

import asyncio
import contextlib
import csv
import io
import json
import urllib.request
from collections.abc import AsyncIterator

import msgspec
import pytest

from api.conftest import Api, listening
from vizsla.accounts.lists import MOST_ROWS
from vizsla.accounts.store import Plan, set_plan
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims
from vizsla.verifier.evidence import Step
from vizsla.verifier.outcome import Ended, Outcome
from vizsla.verifier.store import Job
from vizsla.verifier.verdict import Reason, Seen, conclude
from vizsla.work.bulk import Bulk
from vizsla.work.verifications import Verifying
from vizsla.work.workplace import Workplace

PATH = "/v2/bulk/verifications"
SEEN = Seen(mx_records=True, smtp_server=True)
_REASONS: dict[str, Reason] = {"gone": "no_user", "blocked": "refused_us", "weird": "protocol"}


class Runner:
    async def run(self, job: Job) -> Outcome:
        return Ended(conclude(_REASONS.get(job.local, "accepted"), SEEN), [Step(1, "end", "done")])


@pytest.fixture
async def bulk(api: Api) -> Api:
    for account in (1, 2):
        await api.plan(account, rate_verify="100000/s", plan_verifications=1_000_000)
    return api


@contextlib.asynccontextmanager
async def working(api: Api) -> AsyncIterator[None]:
    services = api.app.services
    secret = b"0" * 32
    place = Workplace(services.settings, services.stores, secret, api.clock, services.waiting)

    def tell(event: str, *, level: str = "info", **values: object) -> None:
        raise AssertionError(event, values)

    tasks = [asyncio.create_task(Verifying(place, Runner(), tell).run()), asyncio.create_task(Bulk(place, tell).run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until_done(api: Api, id_: int, key: str) -> dict[str, object]:
    async with working(api), asyncio.timeout(20):
        while True:
            data = (await api("GET", f"{PATH}/{id_}", key=key)).body["data"]
            if data["status"] != "running":
                return dict(data)
            await asyncio.sleep(0.05)


async def used(api: Api, key: str) -> int:
    reply = await api("GET", "/v2/account", key=key)
    return int(reply.body["data"]["requests"]["verifications"]["used"])


async def test_a_list_goes_in_and_its_rows_come_out(bulk: Api) -> None:
    emails = ["Ada@acme.test", "gone@acme.test", "no address", "blocked@acme.test", "weird@acme.test", ""]
    made = await bulk("POST", PATH, key=bulk.a, json={"emails": emails})
    assert made.status == 201
    data = made.body["data"]
    assert (data["status"], data["rows"], data["done"], data["charged"]) == ("running", 6, 1, 5)
    pending = (await bulk("GET", f"{PATH}/{data['id']}/results", key=bulk.a)).body
    assert pending["meta"] == {"status": "running", "total": 6, "done": 1, "params": {"limit": 100, "offset": 0}}
    assert pending["data"]["rows"][0] == {"number": 1, "email": "Ada@acme.test", "data": None, "error": None}

    done = await until_done(bulk, data["id"], bulk.a)

    assert done["tally"] == {"failed": 1, "invalid": 1, "malformed": 2, "unknown": 1, "valid": 1}
    assert done["charged"] == await used(bulk, bulk.a) == 2
    rows = (await bulk("GET", f"{PATH}/{data['id']}/results?limit=4&offset=1", key=bulk.a)).body["data"]["rows"]
    assert [row["number"] for row in rows] == [2, 3, 4, 5]
    first = (await bulk("GET", f"{PATH}/{data['id']}/results?limit=1", key=bulk.a)).body["data"]["rows"][0]["data"]
    assert (first["status"], first["email"], first["score"], first["reason"]) == (
        "valid",
        "ada@acme.test",
        97,
        "accepted",
    )
    assert [(row["data"] or row["error"]).get("code") for row in rows] == [None, 400, None, 222]
    assert [row["data"]["block"] for row in rows if row["data"]] == [False, True]
    assert (await bulk("GET", f"{PATH}/{data['id']}/results?offset=6", key=bulk.a)).body["data"]["rows"] == []


async def test_a_csv_file_goes_in_and_one_comes_out(bulk: Api) -> None:
    content = "Name;E-Mail\nÄda;ada@acme.test\n;=gone@acme.test\nBob;\n".encode()
    headers = {"content-type": "text/csv; charset=utf-8"}
    made = await bulk("POST", PATH, key=bulk.a, body=content, headers=headers)
    assert made.status == 201, made.body
    id_ = made.body["data"]["id"]
    await until_done(bulk, id_, bulk.a)

    reply = await bulk("GET", f"{PATH}/{id_}/results.csv", key=bulk.a)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(reply.content.decode())))
    assert [row["email"] for row in rows] == ["ada@acme.test", "'=gone@acme.test", ""]
    assert [(row["status"], row["reason"]) for row in rows] == [
        ("valid", "accepted"),
        ("valid", "accepted"),
        ("", "malformed"),
    ]
    by_number = await bulk("POST", f"{PATH}?column=2", key=bulk.a, body=content, headers=headers)
    assert by_number.status == 201


async def test_what_is_refused_says_why(bulk: Api) -> None:
    csv_ = {"content-type": "text/csv"}
    for reply, status, words in [
        (await bulk("POST", PATH, key=bulk.a, json={}), 400, "missing the emails"),
        (await bulk("POST", PATH, key=bulk.a, json={"emails": []}), 400, "missing the emails"),
        (await bulk("POST", PATH, key=bulk.a, json={"emails": [[], {}]}), 400, "emails"),
        (await bulk("POST", PATH, key=bulk.a, json={"emails": ["a@a.test"] * (MOST_ROWS + 1)}), 413, "100,000"),
        (
            await bulk("POST", PATH, key=bulk.a, body=b"email\n" + b"a@a.test\n" * (MOST_ROWS + 1), headers=csv_),
            413,
            "100,000",
        ),
        (await bulk("POST", PATH, key=bulk.a, body=b"x" * 16_000_001, headers=csv_), 413, "16 MB"),
        (await bulk("POST", PATH, key="0" * 40, body=b"x" * 1_000_001, headers=csv_), 413, "1 MB"),
        (await bulk("POST", PATH, key=bulk.a, body=b"email\n", headers=csv_), 400, "no addresses"),
        (await bulk("POST", PATH, key=bulk.a, body=b"a,b\n1,2\n", headers=csv_), 400, "there are: a, b"),
        (await bulk("POST", PATH, key=bulk.a, body=b"\0\1\2", headers=csv_), 400, "not a CSV"),
        (await bulk("POST", PATH, key=bulk.a, body=b"{", headers={"content-type": "application/json"}), 400, "JSON"),
        (await bulk("POST", PATH, key=bulk.a, body=b"x", headers={"content-type": "text/html"}), 415, "body"),
        (await bulk("POST", PATH, key="test-api-key", json={"emails": ["a@a.test"]}), 401, "API key"),
        (await bulk("GET", f"{PATH}/1/results?limit=1001", key=bulk.a), 400, "limit"),
    ]:
        assert (reply.status, words in reply.error["details"]) == (status, True), reply.content
    assert await used(bulk, bulk.a) == 0
    assert (await bulk("GET", PATH, key=bulk.a)).body["data"] == {"bulk_verifications": []}


async def test_the_quota_must_have_room_for_every_row(bulk: Api) -> None:
    async with bulk.app.services.stores.app.write() as conn:
        await set_plan(conn, 1, Plan(plan_verifications=3, rate_verify="100000/s"))
    bulk.app.services.keys.forget()
    refused = await bulk("POST", PATH, key=bulk.a, json={"emails": [f"u{n}@acme.test" for n in range(4)]})
    assert refused.status == 429
    assert "4 addresses, and 3 verifications are left" in refused.error["details"]
    taken = await bulk("POST", PATH, key=bulk.a, json={"emails": [f"u{n}@acme.test" for n in range(3)]})
    assert taken.status == 201
    assert (await bulk("GET", "/v2/email-verifier?email=x@acme.test", key=bulk.a)).status == 429


async def test_each_account_sees_its_own_lists(bulk: Api) -> None:
    id_ = (await bulk("POST", PATH, key=bulk.a, json={"emails": ["ada@acme.test"]})).body["data"]["id"]
    for method, path in [
        ("GET", f"{PATH}/{id_}"),
        ("GET", f"{PATH}/{id_}/results"),
        ("GET", f"{PATH}/{id_}/results.csv"),
        ("POST", f"{PATH}/{id_}/cancel"),
        ("DELETE", f"{PATH}/{id_}"),
    ]:
        assert (await bulk(method, path, key=bulk.b)).status == 404
        assert (await bulk(method, path)).status == 401
    assert (await bulk("GET", PATH, key=bulk.b)).body["meta"]["total"] == 0
    assert (await bulk("GET", PATH, key=bulk.a2)).body["meta"]["total"] == 1


async def test_cancelling_and_forgetting(bulk: Api) -> None:
    id_ = (await bulk("POST", PATH, key=bulk.a, json={"emails": ["ada@acme.test", "bob@acme.test"]})).body["data"]["id"]
    stopped = (await bulk("POST", f"{PATH}/{id_}/cancel", key=bulk.a)).body["data"]
    assert (stopped["status"], stopped["charged"]) == ("cancelled", 0)
    assert await used(bulk, bulk.a) == 0
    reply = await bulk("GET", f"{PATH}/{id_}/results.csv", key=bulk.a)
    assert [row["status"] for row in csv.DictReader(io.StringIO(reply.content.decode()))] == ["cancelled"] * 2
    assert (await bulk("DELETE", f"{PATH}/{id_}", key=bulk.a)).status == 204
    assert (await bulk("GET", f"{PATH}/{id_}", key=bulk.a)).status == 404


async def test_who_said_stop_has_a_row_that_says_so(bulk: Api) -> None:
    id_ = (await bulk("POST", PATH, key=bulk.a, json={"emails": ["ada@acme.test", "bob@acme.test"]})).body["data"]["id"]
    await until_done(bulk, id_, bulk.a)
    services = bulk.app.services
    bare = Claims(b"0" * 32)
    services.claims = Claims(b"0" * 32, [("email", bare.hash("ada@acme.test"))])

    rows = (await bulk("GET", f"{PATH}/{id_}/results", key=bulk.a)).body["data"]["rows"]
    assert (rows[0]["email"], rows[0]["data"], rows[0]["error"]["code"]) == (None, None, 451)
    assert rows[1]["data"]["status"] == "valid"
    assert b"ada" not in (await bulk("GET", f"{PATH}/{id_}/results.csv", key=bulk.a)).content


async def test_the_same_request_twice_is_one_list(bulk: Api) -> None:
    headers = {"idempotency-key": "one", "content-type": "text/csv"}
    replies = [await bulk("POST", PATH, key=bulk.a, body=b"ada@acme.test\n", headers=headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].content == replies[1].content
    other = await bulk("POST", PATH, key=bulk.a, body=b"bob@acme.test\n", headers=headers)
    assert other.status == 422
    assert await used(bulk, bulk.a) == 1


async def test_what_a_call_paid_for_is_free_in_a_list_and_the_other_way_round(bulk: Api) -> None:
    async with working(bulk):
        assert (await bulk("GET", "/v2/email-verifier?email=ada@acme.test", key=bulk.a)).status == 200
    id_ = (await bulk("POST", PATH, key=bulk.a, json={"emails": ["ada@acme.test", "bob@acme.test"]})).body["data"]["id"]
    done = await until_done(bulk, id_, bulk.a)
    assert done["charged"] == 1
    assert (await bulk("GET", "/v2/email-verifier?email=bob@acme.test", key=bulk.a)).status == 200
    assert await used(bulk, bulk.a) == 2
    bulk.clock.at += DAY
    assert (await bulk("GET", "/v2/email-verifier?email=bob@acme.test", key=bulk.a)).status == 200
    assert await used(bulk, bulk.a) == 3


async def test_a_hundred_thousand_rows(bulk: Api) -> None:
    body = msgspec.json.encode({"emails": [f"u{number}@acme.test" for number in range(MOST_ROWS)]})
    made = await bulk("POST", PATH, key=bulk.a, body=body, headers={"content-type": "application/json"})
    assert (made.status, made.body["data"]["rows"], made.body["data"]["charged"]) == (201, MOST_ROWS, MOST_ROWS)
    reply = await bulk("GET", f"{PATH}/{made.body['data']['id']}/results.csv", key=bulk.a)
    assert reply.content.count(b"\n") == MOST_ROWS + 1


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_large_file_over_a_socket(bulk: Api) -> None:
    rows = "".join(
        f'"Person, number {number}, of the sales department",person.{number}@acme.test\n' for number in range(90_000)
    )

    def talk(url: str) -> tuple[int, bytes]:
        asked = urllib.request.Request(
            f"{url}{PATH}", f"name,email\n{rows}".encode(), {"X-API-KEY": bulk.a, "Content-Type": "text/csv"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            made = json.load(answer)["data"]
        asked = urllib.request.Request(f"{url}{PATH}/{made['id']}/results.csv", headers={"X-API-KEY": bulk.a})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return made["rows"], answer.read()

    async with listening(bulk.app) as url:
        count, content = await asyncio.to_thread(talk, url)
    assert (count, content.count(b"\n")) == (90_000, 90_001)
    assert content.splitlines()[90_000].startswith(b"90000,person.89999@acme.test,pending")
