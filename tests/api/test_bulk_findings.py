"""`/v2/bulk/findings`: taken on, worked off in turns, read meanwhile, charged once, and forgotten with whoever says stop."""

import csv
import io
from typing import Any

import msgspec
import pytest

from api.conftest import NOW, Api
from api.test_finder import TEAM, put, seen
from vizsla.accounts.lists import MOST_ROWS
from vizsla.erasure.claiming import claim
from vizsla.finder.bulk import claim_list, findings
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.secret import find_secret
from vizsla.work.findings import LASTS, TURN, open_means, take_turn
from vizsla.work.workplace import Workplace

BULK = "/v2/bulk/findings"
NOBODY = dict.fromkeys(("first_name", "last_name", "full_name", "domain", "company"))
PEOPLE = [
    {"first_name": "Ada", "last_name": "Brandt", "domain": "team.example"},
    {"full_name": "Mira Quellenberg", "company": "Nobody Knows Us"},
    {"full_name": "Mira Quellenberg", "domain": "https://team.example/about"},
    {"full_name": "4", "domain": "team.example"},
    {"full_name": "Mira Quellenberg"},
]


class Worker:
    """Works off what is due, as the loop of a server does."""

    def __init__(self, api: Api) -> None:
        services = self.services = api.app.services
        self.place = Workplace(
            services.settings, services.stores, find_secret(services.settings), api.clock, services.waiting
        )
        self.lines: list[dict[str, object]] = []

    def tell(self, event: str, *, level: str = "info", **values: object) -> None:
        self.lines.append({"event": event, **values})

    async def turn(self) -> bool:
        async with open_means(self.place) as means:
            # The app of the tests has a secret of its own.
            ours = msgspec.structs.replace(means, claims=self.services.claims)
            return await take_turn(self.place, ours, "worker", self.tell)

    async def work(self) -> int:
        turns = 0
        while await self.turn():
            turns += 1
        assert self.lines == []
        return turns


@pytest.fixture
async def worker(api: Api) -> Worker:
    people = [who.split() for who in TEAM]
    await put(api, *(seen(f"{first[0]}{last}@team.example".lower(), f"{first} {last}") for first, last in people))
    return Worker(api)


CSV = {"content-type": "text/csv; charset=utf-8"}
FILE = """Full Name;First name;Last Name;Country;Website;note
;Ada;Brandt;;https://team.example/about;"known; seen"
;Mira Quellenberg;;;team.example;both names in one
4;;;;team.example;no name
=Ida Moll;;;;;no place
Ada Brandt;;;;team.example;"never closed
;;;;;
Ada Brandt;;;;team.example;a second time
"""


async def send(api: Api, content: bytes, query: str = "") -> int:
    reply = await api("POST", f"{BULK}{query}", key=api.a, body=content, headers=CSV)
    assert reply.status == 201, reply.body
    return int(reply.body["data"]["id"])


async def table(api: Api, id_: int) -> list[dict[str, str]]:
    reply = await api("GET", f"{BULK}/{id_}/results.csv", key=api.a)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="findings-{id_}.csv"' in reply.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(reply.content.decode())))


async def begin(api: Api, people: list[dict[str, Any]] = PEOPLE, **more: Any) -> int:
    reply = await api("POST", BULK, key=api.a, json={"people": people, **more})
    assert reply.status == 201, reply.body
    return int(reply.body["data"]["id"])


async def results(api: Api, id_: int, query: str = "") -> Any:
    return (await api("GET", f"{BULK}/{id_}/results{query}", key=api.a)).body


async def test_a_list_is_found_in_the_background(api: Api, worker: Worker) -> None:
    id_ = await begin(api)
    before = await results(api, id_)
    assert before["meta"] == {"status": "running", "total": 5, "done": 0, "params": {"limit": 100, "offset": 0}}
    assert [row["data"] for row in before["data"]["rows"]] == [None] * 5

    await worker.work()
    after = await results(api, id_)
    rows = after["data"]["rows"]
    single = await api("GET", "/v2/email-finder?domain=team.example&full_name=Ada+Brandt", key=api.a)

    assert after["meta"]["status"] == "done"
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["data"] == single.body["data"]
    assert (rows[1]["data"]["email"], rows[2]["data"]["email"]) == (None, "mquellenberg@team.example")
    assert [row["error"]["id"] for row in rows[3:]] == ["invalid_full_name", "wrong_params"]
    assert rows[2]["person"] == NOBODY | {"full_name": "Mira Quellenberg", "domain": "https://team.example/about"}
    assert await api.used(api.a) == 2
    shown = (await api("GET", f"{BULK}/{id_}", key=api.a)).body["data"]
    assert {"status": "done", "rows": 5, "done": 5, "found": 2}.items() <= shown.items()
    assert shown["ended_at"] is not None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_a_csv_file_goes_in_and_one_comes_out(api: Api, worker: Worker, encoding: str) -> None:
    id_ = await send(api, FILE.encode(encoding), "?max_duration=3")
    before = await table(api, id_)
    assert [row["done"] for row in before] == ["false"] * 4 + ["true", "false"]
    assert before[0]["full_name"] == "" and before[0]["domain"] == "https://team.example/about"

    await worker.work()
    rows = await table(api, id_)

    assert [(row["number"], row["done"], row["email"], row["error"]) for row in rows] == [
        ("1", "true", "abrandt@team.example", ""),
        ("2", "true", "mquellenberg@team.example", ""),
        ("3", "true", "", "invalid_full_name"),
        ("4", "true", "", "wrong_params"),
        ("5", "true", "", "wrong_params"),
        ("6", "true", "abrandt@team.example", ""),
    ]
    assert rows[3]["full_name"] == "'=Ida Moll"
    assert ("domain" in rows[3]["details"], "not closed" in rows[4]["details"]) == (True, True)
    assert {row["score"] != "" for row in rows if row["email"]} == {True}
    shown = (await results(api, id_))["data"]["rows"]
    assert [row["data"]["email"] if row["data"] else "" for row in shown] == [row["email"] for row in rows]
    assert shown[4]["error"] == {"id": "wrong_params", "code": 400, "details": rows[4]["details"]}
    # Two people, one of them asked about twice.
    assert await api.used(api.a) == 2
    done = (await api("GET", f"{BULK}/{id_}", key=api.a)).body["data"]
    assert {"status": "done", "rows": 6, "done": 6, "found": 3}.items() <= done.items()


async def test_a_hundred_thousand_rows(api: Api) -> None:
    content = b"full_name,domain\n" + b"".join(b"Ada Number%d,d%d.example\n" % (at, at) for at in range(MOST_ROWS))
    id_ = await send(api, content)
    rows = await table(api, id_)

    assert len(rows) == MOST_ROWS
    assert (rows[-1]["number"], rows[-1]["domain"]) == (str(MOST_ROWS), f"d{MOST_ROWS - 1}.example")


async def test_the_same_file_twice_is_one_list(api: Api) -> None:
    headers = {"idempotency-key": "one", **CSV}
    content = b"full_name,domain\nAda Brandt,team.example\n"
    replies = [await api("POST", BULK, key=api.a, body=content, headers=headers) for _ in range(2)]
    other = await api("POST", BULK, key=api.a, body=content + b"Ida Moll,team.example\n", headers=headers)

    assert replies[0].content == replies[1].content
    assert ([reply.status for reply in replies], other.status) == ([201, 201], 422)


async def test_lists_take_turns_and_a_dead_workers_is_taken_over(api: Api, worker: Worker) -> None:
    many = [PEOPLE[0] | {"last_name": f"Brand{'abcdefghij'[at % 10] * (1 + at // 10)}"} for at in range(TURN + 5)]
    first, second = await begin(api, many), await begin(api)
    app = api.app.services.stores.app
    async with app.write() as conn:
        dead = await claim_list(conn, now=api.clock.at, until=api.clock.at + LASTS, worker="dead")
    assert dead is not None and dead.id == first

    await worker.work()
    assert (await results(api, second))["meta"]["status"] == "done"
    assert (await results(api, first))["meta"]["done"] == 0
    api.clock.at += LASTS
    assert await worker.work() >= 2
    assert (await results(api, first))["meta"] | {"status": "done", "done": TURN + 5} == (await results(api, first))[
        "meta"
    ]
    page = await results(api, first, f"?limit=3&offset={TURN}")
    assert [row["number"] for row in page["data"]["rows"]] == [TURN + 1, TURN + 2, TURN + 3]


async def test_a_used_up_plan_ends_rows_with_that(api: Api, worker: Worker) -> None:
    await api.plan(1, plan_searches=1)
    id_ = await begin(api, [PEOPLE[0], PEOPLE[2], PEOPLE[0]])
    await worker.work()
    rows = (await results(api, id_))["data"]["rows"]

    assert sorted(row["error"]["code"] if row["error"] else 200 for row in rows) in ([200, 200, 429], [200, 429, 429])
    assert await api.used(api.a) == 1


async def test_whoever_says_stop_goes_from_the_lists(api: Api, worker: Worker) -> None:
    services = api.app.services
    id_ = await begin(api)
    await worker.work()
    services.claims = Claims(b"0" * 32, [("email", services.claims.hash("abrandt@team.example"))])
    hidden = (await results(api, id_))["data"]["rows"][0]
    claims = await worker.place.claims()
    await claim(services.stores, claims, parse_claimed("mquellenberg@team.example"), api.clock, word=Word("operator"))
    assert b"brandt" not in (await api("GET", f"{BULK}/{id_}/results.csv", key=api.a)).content.lower()
    services.claims = Claims(b"0" * 32, [("email", services.claims.hash("mquellenberg@team.example"))])
    later = await begin(api)
    await worker.work()
    services.claims = Claims(b"0" * 32)
    refused = (await results(api, later))["data"]["rows"][2]
    erased = (await results(api, id_))["data"]["rows"][2]

    for row in (hidden, refused, erased):
        assert (row["person"], row["data"], row["error"]["id"], row["error"]["code"]) == (
            NOBODY,
            None,
            "claimed_email",
            451,
        )


async def test_lists_are_the_accounts_own_and_go_when_they_are_old_or_deleted(api: Api, worker: Worker) -> None:
    first, second = await begin(api), await begin(api)
    await worker.work()
    listed = (await api("GET", f"{BULK}?limit=1", key=api.a)).body
    assert [one["id"] for one in listed["data"]["bulk_findings"]] == [second]
    assert listed["meta"] == {"total": 2, "params": {"limit": 1, "offset": 0}}
    for method, path in (("GET", ""), ("GET", "/results"), ("GET", "/results.csv"), ("DELETE", "")):
        reply = await api(method, f"{BULK}/{first}{path}", key=api.b)
        assert (reply.status, reply.error["id"]) == (404, "not_found")

    assert (await api("DELETE", f"{BULK}/{first}", key=api.a)).status == 204
    assert (await api("GET", f"{BULK}/{first}/results", key=api.a)).status == 404
    async with api.app.services.stores.app.write() as conn:
        assert await findings.forget(conn, NOW - DAY) == 0
        assert await findings.forget(conn, NOW + 1) == 1


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        ({}, "wrong_params"),
        ({"people": []}, "wrong_params"),
        ({"people": "Ada Brandt"}, "wrong_params"),
        ({"people": [1]}, "wrong_params"),
        ({"people": [{"full_name": 7}]}, "wrong_params"),
        ({"people": [{"full_name": "x" * 500}]}, "wrong_params"),
        ({"people": PEOPLE, "max_duration": 2}, "invalid_max_duration"),
    ],
)
async def test_what_will_not_do_is_refused(api: Api, body: dict[str, Any], id_: str) -> None:
    reply = await api("POST", BULK, key=api.a, json=body)

    assert (reply.status, reply.error["id"]) == (400, id_)


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"", "text/csv", 400, "no rows"),
        (b"full_name,domain\n", "text/csv", 400, "no people"),
        (b"full_name,domain\n,\n;\n", "text/csv", 201, ""),
        (b"who,where\nAda Brandt,team.example\n", "text/csv", 400, "There are: who, where"),
        (b"Ada Brandt,team.example\n", "text/csv", 400, "must name the columns"),
        (b"full_name\nAda Brandt\n", "text/csv", 400, "domain, or company"),
        (b"PK\3\4\0\0", "text/csv", 400, "not a CSV"),
        (b"full_name,domain\n" + b"A B,d.example\n" * (MOST_ROWS + 1), "text/csv", 413, "100,000"),
        (b"x" * 16_000_001, "text/csv", 413, "16 MB"),
        (b'{"people":[' + b"{}," * 400_000 + b"{}]}", "application/json", 413, "as a CSV file"),
        (msgspec.json.encode({"people": [{}] * 10_001}), "application/json", 400, "people"),
        (b"full_name,domain\nA B,d.example\n", "text/html", 415, "body"),
    ],
)
async def test_what_will_not_do_is_refused_with_a_sentence(
    api: Api, body: bytes, kind: str, status: int, words: str
) -> None:
    reply = await api("POST", BULK, key=api.a, body=body, headers={"content-type": kind})

    assert reply.status == status, reply.content[:300]
    assert not words or words in reply.error["details"]
    if status >= 400:
        assert (await api("GET", BULK, key=api.a)).body["meta"]["total"] == 0


async def test_strangers_and_wrong_seconds_are_refused(api: Api) -> None:
    stranger = await api("POST", BULK, key="0" * 40, body=b"x" * 1_000_001, headers=CSV)
    content = b"full_name,domain\nAda Brandt,team.example\n"
    hasty = await api("POST", f"{BULK}?max_duration=2", key=api.a, body=content, headers=CSV)

    assert (stranger.status, "1 MB" in stranger.error["details"]) == (413, True)
    assert (hasty.status, hasty.error["id"]) == (400, "invalid_max_duration")
