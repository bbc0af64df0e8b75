"""`/v2/bulk/searches`: taken on, worked off in turns, charged by the page, read and stopped meanwhile, and forgotten with whoever says stop."""

import csv
import io
from collections import Counter
from typing import Any

import pytest

from accounts.conftest import NOW
from api.conftest import Api
from vizsla.accounts.lists import MOST_ROWS
from vizsla.accounts.quota import Meter
from vizsla.erasure.claiming import claim, finish_erasures
from vizsla.finder.bulk_searches import SearchJob, searches
from vizsla.harvest.records import Sighting
from vizsla.index.merge import merge
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims, add_claim, load_claims, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.statement import statement
from vizsla.work.searches import LASTS, TURN, take_turn
from vizsla.work.workplace import Workplace

BULK = "/v2/bulk/searches"
CSV = {"content-type": "text/csv; charset=utf-8"}
SECRET = b"0" * 32


class Worker:
    """Works off what is due, as the loop of a server does."""

    def __init__(self, api: Api) -> None:
        services = api.app.services
        self.place = Workplace(services.settings, services.stores, SECRET, api.clock, services.waiting)

    def tell(self, event: str, *, level: str = "info", **values: object) -> None:
        raise AssertionError(event, values)

    async def turn(self) -> bool:
        return await take_turn(self.place, Meter(self.place.stores.app), "worker", self.tell)

    async def work(self) -> int:
        turns = 0
        while await self.turn():
            turns += 1
        return turns


@pytest.fixture
def worker(api: Api) -> Worker:
    return Worker(api)


async def begin(api: Api, **sent: Any) -> int:
    reply = await api("POST", BULK, key=api.a, json=sent)
    assert reply.status == 201, reply.body
    return int(reply.body["data"]["id"])


async def results(api: Api, id_: int, query: str = "") -> Any:
    reply = await api("GET", f"{BULK}/{id_}/results{query}", key=api.a)
    assert reply.status == 200, reply.body
    return reply.body


async def table(api: Api, id_: int) -> list[dict[str, str]]:
    reply = await api("GET", f"{BULK}/{id_}/results.csv", key=api.a)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="searches-{id_}.csv"' in reply.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(reply.content.decode())))


async def test_a_list_is_searched_in_the_background(api: Api, worker: Worker) -> None:
    id_ = await begin(
        api,
        domains=[
            "https://www.acme.example/about",
            "nobody.example",
            "no domain",
            "acme.example",
            "jane@globex.example",
        ],
        companies=["D7", "Nobody, Inc."],
    )
    before = await results(api, id_)
    assert before["meta"] == {"status": "running", "total": 7, "done": 0, "params": {"limit": 20, "offset": 0}}

    await worker.work()
    after = await results(api, id_)
    rows = after["data"]["rows"]
    single = (await api("GET", "/v2/domain-search?domain=acme.example", key=api.a)).body["data"]

    assert after["meta"]["status"] == "done"
    assert rows[0]["data"]["emails"] == single["emails"]
    assert (rows[0]["data"]["pattern"], rows[0]["data"]["results"]) == (single["pattern"], 25)
    assert (rows[1]["data"]["results"], rows[1]["error"]) == (0, None)
    assert [rows[at]["error"]["id"] for at in (2, 3, 6)] == ["invalid_domain", "wrong_params", "not_found"]
    assert "row 1" in rows[3]["error"]["details"]
    assert rows[4]["target"] == {"domain": "globex.example", "company": None}
    assert [email["value"] for email in rows[5]["data"]["emails"]] == ["info@d7.example"]
    # acme, globex and d7; the same question as a single call's is free.
    assert await api.used(api.a) == 3
    shown = (await api("GET", f"{BULK}/{id_}", key=api.a)).body["data"]
    assert {"status": "done", "rows": 7, "done": 7, "found": 3, "addresses": 14}.items() <= shown.items()


async def test_each_page_of_a_hundred_counts(api: Api, worker: Worker) -> None:
    many = [Sighting("big.example", f"p{at}", "https://big.example/", NOW - 9, NOW - 9, "text") for at in range(250)]
    async with api.app.services.stores.index.write() as conn:
        await merge(conn, sightings=many, facts=[], claims=Claims(SECRET), today=NOW)
    id_ = await begin(api, domains=["big.example"], per_domain=220)
    await worker.work()

    rows = await table(api, id_)
    assert len({row["email"] for row in rows}) == len(rows) == 220
    assert await api.used(api.a) == 3
    assert (await api("GET", "/v2/domain-search?domain=big.example&limit=100&offset=100", key=api.a)).status == 200
    assert await api.used(api.a) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        "note;Website;Company\n=1+1;acme.example;\n;;D7\n",
        "acme.example\nd7.example\n",
        '"Company name"\n"acme"\n"d7"\n',
    ],
)
async def test_a_csv_file_goes_in_and_one_comes_out(api: Api, worker: Worker, text: str, encoding: str) -> None:
    reply = await api("POST", f"{BULK}?per_domain=2", key=api.a, body=text.encode(encoding), headers=CSV)
    id_ = reply.body["data"]["id"]
    assert [row["done"] for row in await table(api, id_)] == ["false", "false"]
    await worker.work()

    rows = await table(api, id_)
    assert Counter(row["domain"] for row in rows) == {"acme.example": 2, "d7.example": 1}
    assert rows[-1]["email"] == "info@d7.example" and rows[-1]["sources"] == "https://d7.example/"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


async def test_a_hundred_thousand_rows(api: Api) -> None:
    content = b"".join(b"x%d.example\n" % at for at in range(MOST_ROWS))
    kept = await api("POST", BULK, key=api.a, body=content, headers=CSV)
    over = await api("POST", BULK, key=api.a, body=content + b"one.example\n", headers=CSV)

    assert (kept.status, kept.body["data"]["rows"]) == (201, MOST_ROWS)
    assert (over.status, over.error["id"]) == (413, "payload_too_large")
    assert (await api("GET", BULK, key=api.a)).body["meta"]["total"] == 1


async def test_whoever_dies_is_taken_over_and_nothing_is_paid_twice(api: Api, worker: Worker) -> None:
    id_ = await begin(api, domains=[f"d{at % 50}.example" for at in range(TURN + 7)])
    app = api.app.services.stores.app
    async with app.write() as conn:
        (dead,) = await searches.claim(
            conn, SearchJob, now=api.clock.at, until=api.clock.at + LASTS, worker="dead", limit=1
        )
    # It searched and paid, and did not live to write it down.
    for at in range(5):
        await api("GET", f"/v2/domain-search?domain=d{at}.example", key=api.a)
    assert (dead.id, await worker.work()) == (id_, 0)
    api.clock.at += LASTS
    assert await worker.work() >= 2

    rows = (await results(api, id_, "?limit=100"))["data"]["rows"]
    assert [row["number"] for row in rows] == list(range(1, TURN + 8))
    assert sum(row["error"] is not None for row in rows) == 7
    assert await api.used(api.a) == 50


async def test_a_list_can_be_stopped_and_go_on(api: Api, worker: Worker) -> None:
    id_ = await begin(api, domains=[f"d{at}.example" for at in range(20)] + [f"n{at}.example" for at in range(TURN)])
    assert await worker.turn()
    stopped = (await api("POST", f"{BULK}/{id_}/cancel", key=api.a)).body["data"]
    assert (stopped["status"], stopped["done"]) == ("cancelled", TURN)
    assert not await worker.turn()
    gone_on = (await api("POST", f"{BULK}/{id_}/resume", key=api.a)).body["data"]
    assert (gone_on["status"], gone_on["ended_at"]) == ("running", None)
    await worker.work()
    assert (await results(api, id_))["meta"]["done"] == 20 + TURN
    assert (await api("POST", f"{BULK}/{id_}/cancel", key=api.a)).body["data"]["status"] == "done"


async def test_a_used_up_plan_ends_rows_with_that(api: Api, worker: Worker) -> None:
    await api.plan(1, plan_searches=1)
    id_ = await begin(api, domains=["d1.example", "d2.example", "unknown.example"])
    await worker.work()
    rows = (await results(api, id_))["data"]["rows"]

    assert [row["error"]["code"] if row["error"] else 200 for row in rows] == [200, 429, 200]
    assert await api.used(api.a) == 1


async def test_whoever_says_stop_goes_from_the_lists(api: Api, worker: Worker) -> None:
    services = api.app.services
    stores = services.stores
    id_ = await begin(api, domains=["acme.example", "globex.example"])
    await worker.work()
    someone = (await results(api, id_))["data"]["rows"][0]["data"]["emails"][0]["value"]

    # From the moment on at which it is known, whether or not it is erased yet.
    services.claims = Claims(
        SECRET, [("email", services.claims.hash(someone)), ("domain", services.claims.hash("globex.example"))]
    )
    content = (await api("GET", f"{BULK}/{id_}/results.csv", key=api.a)).content
    assert someone.encode() not in content and b"@globex.example" not in content
    services.claims = Claims(SECRET)
    await claim(stores, services.claims, parse_claimed(someone), api.clock, word=Word("operator"))
    async with stores.app.write() as conn:
        await add_claim(conn, services.claims, parse_claimed("info@globex.example"), NOW)
    await finish_erasures(stores, SECRET, api.clock)
    await claim(stores, services.claims, parse_claimed("d3.example"), api.clock, word=Word("operator"))

    kept = await stores.app.fetch_all(statement("SELECT asked, answer, locals FROM bulk_search_row"))
    assert someone.partition("@")[0] not in str(kept) and '"info"' not in str(kept)
    left = (await results(api, id_))["data"]["rows"]
    assert (len(left[0]["data"]["emails"]), len(left[1]["data"]["emails"])) == (9, 2)


async def test_a_claim_that_comes_while_a_turn_runs_is_heeded(api: Api, worker: Worker) -> None:
    stores = api.app.services.stores
    id_ = await begin(api, domains=["globex.example", "d1.example"])
    async with stores.app.write() as conn:
        for claimed in ("info@globex.example", "d1.example"):
            await add_claim(conn, Claims(SECRET), parse_claimed(claimed), NOW)
    api.app.services.claims = await load_claims(stores.app, SECRET)
    await worker.work()

    rows = (await results(api, id_))["data"]["rows"]
    assert [email["value"] for email in rows[0]["data"]["emails"]] == ["sales@globex.example", "x@globex.example"]
    assert (rows[1]["error"]["id"], rows[1]["target"]["domain"]) == ("claimed_email", None)


async def test_lists_are_their_accounts_and_are_forgotten(api: Api, worker: Worker) -> None:
    id_ = await begin(api, domains=["d1.example"])
    calls = [
        ("GET", ""),
        ("GET", "/results"),
        ("GET", "/results.csv"),
        ("POST", "/cancel"),
        ("POST", "/resume"),
        ("DELETE", ""),
    ]
    for method, path in calls:
        assert (await api(method, f"{BULK}/{id_}{path}", key=api.b)).error["id"] == "not_found"
    assert (await api("GET", BULK, key=api.b)).body["data"] == {"bulk_searches": []}
    assert (await api("GET", f"{BULK}/{id_}", key=api.a)).body["data"]["status"] == "running"
    await worker.work()
    stores = api.app.services.stores
    async with stores.app.write() as conn:
        assert await searches.forget(conn, api.clock.at - 30 * DAY) == 0
        assert await searches.forget(conn, api.clock.at) == 1
    again = await begin(api, domains=["d1.example"])
    assert (await api("DELETE", f"{BULK}/{again}", key=api.a)).status == 204
    assert await stores.app.fetch_all(statement("SELECT 1 FROM bulk_search_row")) == []


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, "wrong_params"),
        ({"domains": []}, "wrong_params"),
        ({"domains": "d1.example", "per_domain": 0}, "wrong_params"),
        ({"domains": ["d1.example"], "per_domain": 1_001}, "wrong_params"),
        ({"domains": ["x" * 401]}, "wrong_params"),
        ({"domains": [["d1.example"]]}, "wrong_params"),
        ({"domains": ["d.example"] * 10_001}, "wrong_params"),
    ],
)
async def test_what_will_not_do_is_refused(api: Api, sent: dict[str, Any], error: str) -> None:
    reply = await api("POST", BULK, key=api.a, json=sent)
    assert (reply.status, reply.error["id"]) == (400, error)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\0\0\0", b"name,phone\nAda,1\n", b"domain\n", "\ud83d".encode("utf-16", "surrogatepass")],
)
async def test_a_file_without_domains_says_so(api: Api, content: bytes) -> None:
    reply = await api("POST", BULK, key=api.a, body=content, headers=CSV)
    assert (reply.status, reply.error["id"]) == (400, "wrong_params")
