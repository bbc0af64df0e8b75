"""Who asks about a domain that nothing is known of is answered at once, and better the next time."""

from collections.abc import AsyncIterator
from io import StringIO

import msgspec
import pytest

from api.conftest import Api, Moment
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.api.app import create_app
from vizsla.crawl.requests import AGAIN, MOST_WAITING, Standing, request_crawl, requests, take_turn
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import add_claim, parse_claimed
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.work.crawls import ATTEMPTS, RETRY, crawl_one
from vizsla.work.leased import LASTS
from vizsla.work.workplace import Workplace
from worlds.told import Told
from worlds.web import Web, links, web

ACME = "/v2/domain-search?domain=acme.test"
_STATE = statement("SELECT domain, due, attempt FROM crawl_request ORDER BY domain")


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with web() as world:
        world.route("/", links("/contact"))
        world.route("/contact", "<p>Jane Doe, CEO, <a href='mailto:jane.doe@acme.test'>jane.doe@acme.test</a></p>")
        yield world


@pytest.fixture
def place(stores: Stores, settings: Settings, site: Web) -> Workplace:
    settings = msgspec.structs.replace(
        settings,
        crawl_on_miss=True,
        crawl_delay=0,
        egress_allow=("127.0.0.1/32",),
        http_ports=(80,),
        http_resolve=tuple(f"{host}:80=127.0.0.1:{site.port}" for host in ("acme.test", "www.acme.test")),
    )
    return Workplace(settings, stores, find_secret(settings), Moment())


@pytest.fixture
async def api(place: Workplace) -> Api:
    clock = place.clock
    assert isinstance(clock, Moment)
    async with place.stores.app.write() as conn:
        member = await create_user(conn, "a@a.example", now=clock.at)
        key = (await create_key(conn, member.account_id, "first", now=clock.at)).plaintext
    app = create_app(place.settings, place.stores, await place.claims(), clock=clock, log_stream=StringIO())
    return Api(app, clock, {"a": key, "a2": key, "b": key}, StringIO())


async def states(place: Workplace) -> list[tuple[str, int | None, int]]:
    return [tuple(row) for row in await place.stores.index.fetch_all(_STATE)]


async def test_the_second_answer_has_what_the_site_says(api: Api, place: Workplace, site: Web) -> None:
    told = Told()
    for target in (ACME, "/v2/domain-search?domain=www.ACME.test", "/trial/v2/domain-search?domain=other.test",
                   "/v2/domain-search?domain=gmail.com", "/v2/email-count?domain=nobody.test"):  # fmt: skip
        reply = await api("GET", target, key=api.a if target.startswith("/v2/domain") else None)
        assert reply.status == 200
    assert await states(place) == [("acme.test", place.clock.now(), 0)]
    assert not site.asked

    assert await crawl_one(place, "w", told)
    assert not await crawl_one(place, "w", told)

    reply = await api("GET", ACME, key=api.a)
    assert [email["value"] for email in reply.body["data"]["emails"]] == ["jane.doe@acme.test"]
    assert await states(place) == [("acme.test", None, 1)]
    (line,) = told.lines
    assert (line["domain"], line["addresses"], line["pages"]) == ("acme.test", 1, 2)


async def test_a_site_that_does_not_answer_is_tried_again_and_given_up(place: Workplace, site: Web) -> None:
    clock, told = place.clock, Told()
    assert isinstance(clock, Moment)
    site.routes.clear()
    async with place.stores.index.write() as conn:
        await request_crawl(conn, "acme.test", clock.at)

    for attempt in range(1, ATTEMPTS + 1):
        assert await crawl_one(place, "w", told)
        assert not await crawl_one(place, "w", told)
        ((_, due, made),) = await states(place)
        assert (due, made) == (clock.at + RETRY if attempt < ATTEMPTS else None, attempt)
        clock.at += RETRY


async def test_another_takes_over_what_a_dead_worker_had(place: Workplace, site: Web) -> None:
    clock, told = place.clock, Told()
    assert isinstance(clock, Moment)
    async with place.stores.index.write() as conn:
        await request_crawl(conn, "acme.test", clock.at)
        assert await requests.claim(conn, now=clock.at, until=clock.at + LASTS, worker="dead", limit=1)

    assert not await crawl_one(place, "w", told)
    clock.at += LASTS
    assert await crawl_one(place, "w", told)
    assert await states(place) == [("acme.test", None, 2)]


async def test_who_kills_every_worker_is_left_alone(place: Workplace, site: Web) -> None:
    clock = place.clock
    assert isinstance(clock, Moment)
    async with place.stores.index.write() as conn:
        await request_crawl(conn, "acme.test", clock.at)
        for _ in range(ATTEMPTS):
            assert await requests.claim(conn, now=clock.at, until=clock.at, worker="dead", limit=1)

    assert await crawl_one(place, "w", Told())
    assert await states(place) == [("acme.test", None, ATTEMPTS + 1)]
    assert not site.asked


async def test_a_claimed_domain_is_not_crawled(place: Workplace, site: Web) -> None:
    async with place.stores.app.write() as conn:
        await add_claim(conn, await place.claims(), parse_claimed("acme.test"), place.clock.now())
    async with place.stores.index.write() as conn:
        await request_crawl(conn, "acme.test", place.clock.now())

    assert await crawl_one(place, "w", Told())
    assert not site.asked


async def test_asking_again_crawls_again_after_a_week_and_the_queue_is_bounded(place: Workplace) -> None:
    now = place.clock.now()
    async with place.stores.index.write() as conn:
        await request_crawl(conn, "acme.test", now)
        turn = await take_turn(conn, now=now, until=now + LASTS, worker="w")
        assert turn is not None
        await turn.end(conn, Standing(), state="done", ending="", now=now)
        await request_crawl(conn, "acme.test", now + AGAIN - 1)
        assert [row[1] for row in await conn.fetch_all(_STATE)] == [None]
        await request_crawl(conn, "acme.test", now + AGAIN)
        assert [row[1] for row in await conn.fetch_all(_STATE)] == [now + AGAIN]
        for number in range(MOST_WAITING + 5):
            await request_crawl(conn, f"d{number}.test", now)

    assert len(await states(place)) == MOST_WAITING
