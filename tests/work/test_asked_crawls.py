"""Whoever asks for a crawl can watch it, sees the index fill while it runs, and can stop it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from api.conftest import Moment
from vizsla.accounts.store import create_user
from vizsla.crawl.requests import FRESH, Crawl, Standing, find_crawl, request_crawl, take_turn
from vizsla.desk.crawls import (
    MOST_WAITING,
    DomainClaimed,
    TooManyCrawls,
    ask_for_crawl,
    cancel_crawl,
    find_asked,
    list_asked,
)
from vizsla.desk.services import Services
from vizsla.index.runs import Run, list_runs
from vizsla.kit.errors import InvalidDomain
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import add_claim, parse_claimed
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.work import recording, taking_in
from vizsla.work.crawls import crawl_one
from vizsla.work.leased import LASTS
from vizsla.work.workplace import Workplace
from worlds.web import Request, Route, Web, links, web

_KNOWN = statement("SELECT local FROM email WHERE domain = 'acme.test' ORDER BY local")
_ROWS = tuple(
    statement(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    for table in ("sighting", "fact", "page", "email", "domain", "company_name")
)


def tell(event: str, *, level: str = "info", **values: object) -> None:
    """Nobody reads this log."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "EVERY", 0.05)
    monkeypatch.setattr(taking_in, "PAUSE", 0.1)


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with web() as world:
        world.route(
            "/", links(*(f"/team/person-{letter}" for letter in "abcdefghij"), "/files/report.pdf", "/private/x")
        )
        world.route("/robots.txt", "User-agent: *\nDisallow: /private/\n")
        for letter in "abcdefghij":
            name = f"{letter}da lovelace"
            address = name.replace(" ", ".")
            world.route(
                f"/team/person-{letter}", f"<p>{name.title()}, CTO, <a href='mailto:{address}@acme.test'>mail</a></p>"
            )
        yield world


@pytest.fixture
def place(stores: Stores, settings: Settings, site: Web) -> Workplace:
    hosts = ("acme.test", "www.acme.test", "other.test", "www.other.test")
    settings = msgspec.structs.replace(
        settings,
        crawl_delay=0,
        egress_allow=("127.0.0.1/32",),
        http_ports=(80,),
        http_resolve=tuple(f"{host}:80=127.0.0.1:{site.port}" for host in hosts),
    )
    return Workplace(settings, stores, find_secret(settings), Moment())


@pytest.fixture
def gate(site: Web) -> asyncio.Event:
    """Until it is set, the pages of the persons d to j are not answered."""
    opened = asyncio.Event()
    for letter in "defghij":
        answer = site.routes[f"/team/person-{letter}"]

        async def behind(request: Request, writer: asyncio.StreamWriter, answer: Route = answer) -> None:
            await opened.wait()
            await answer(request, writer)

        site.routes[f"/team/person-{letter}"] = behind
    return opened


@pytest.fixture
async def services(place: Workplace) -> Services:
    async with place.stores.app.write() as conn:
        for name in "ab":
            await create_user(conn, f"{name}@{name}.example", now=place.clock.now())
    return Services(place.settings, place.stores, await place.claims(), clock=place.clock)


async def ask(services: Services, text: str = "acme.test", *, account: int = 1) -> bool:
    return (await ask_for_crawl(services, account, 1, text, services.clock.now())).is_new


async def crawl_of(place: Workplace, domain: str = "acme.test") -> Crawl:
    found = await find_crawl(place.stores.index, domain)
    assert found is not None
    return found


async def known(place: Workplace) -> list[str]:
    return [row[0] for row in await place.stores.index.fetch_all(_KNOWN)]


async def end_as_done(place: Workplace) -> None:
    """What a worker does, without the crawl itself."""
    now = place.clock.now()
    async with place.stores.index.write() as conn:
        turn = await take_turn(conn, now=now, until=now + LASTS, worker="w")
        assert turn is not None
        await turn.end(conn, Standing(pages=1), state="done", ending="", now=now)


async def until(condition, seconds: float = 40.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_a_person_is_crawled_for_though_searches_are_not(services: Services, place: Workplace) -> None:
    assert not place.settings.crawl_on_miss
    assert await ask(services, "https://WWW.acme.test/about")

    assert await crawl_one(place, "w", tell)

    (mine,) = await list_asked(services, 1)
    assert mine.state == "done"
    assert mine.crawl is not None
    assert (mine.crawl.pages, mine.crawl.addresses, mine.crawl.pending) == (11, 10, 0)
    assert mine.crawl.skipped == {"not a page": 1, "robots": 1}
    assert mine.crawl.ending == "Every page found was fetched."
    assert len(await known(place)) == 10
    assert await list_asked(services, 2) == []
    (run,) = await list_runs(place.stores.index, now=place.clock.now())
    assert (run.kind, run.names, run.by_whom, run.state) == ("crawl", ["acme.test"], "person", "done")
    assert (run.counts.pages, run.counts.addresses) == (11, 10)


async def test_the_index_fills_while_the_crawl_runs_and_ends_as_if_it_were_read_at_once(
    services: Services, place: Workplace, gate: asyncio.Event
) -> None:
    await ask(services)
    running = asyncio.create_task(crawl_one(place, "w", tell))

    async def fills() -> bool:
        return bool(await known(place)) and (await crawl_of(place)).addresses > 0

    await until(fills)
    standing = await crawl_of(place)
    assert standing.state == "running"
    assert 1 < standing.pages < 11
    assert standing.pending > 0
    assert len(await known(place)) < 10

    gate.set()
    await running
    assert len(await known(place)) == (await crawl_of(place)).addresses
    before = [await place.stores.index.fetch_all(query) for query in _ROWS]
    warcs = sorted((place.settings.home / "warc").rglob("*.warc.gz"))
    assert len(warcs) == 1
    for query in ("sighting", "fact", "page", "email", "domain", "company_name", "facet", "domain_pattern"):
        async with place.stores.index.write() as conn:
            await conn.execute(statement(f"DELETE FROM {query}"))
    await taking_in.harvest_into(place, [str(warcs[0])], engine=taking_in.ONE_PROCESS)

    assert [await place.stores.index.fetch_all(query) for query in _ROWS] == before
    assert not list((place.settings.home / "harvest" / "along").iterdir())


async def test_a_crawl_is_stopped_in_the_middle_of_a_request_and_keeps_what_it_read(
    services: Services, place: Workplace, gate: asyncio.Event
) -> None:
    await ask(services)
    running = asyncio.create_task(crawl_one(place, "w", tell))

    async def has_read() -> bool:
        return (await crawl_of(place)).pages >= 2

    await until(has_read)
    assert await cancel_crawl(services, 1, "acme.test", place.clock.now())
    await running

    after = await crawl_of(place)
    assert after.state == "cancelled"
    assert 2 <= after.pages < 11
    assert after.ending == "It was cancelled; what had been read is kept."
    assert await known(place)
    assert not await cancel_crawl(services, 1, "acme.test", place.clock.now())
    assert not await crawl_one(place, "w", tell)
    assert await ask(services)  # again, at once
    assert (await list_asked(services, 1))[0].state == "waiting"


async def test_what_has_not_begun_is_cancelled_at_once(services: Services, place: Workplace, site: Web) -> None:
    await ask(services)

    assert await cancel_crawl(services, 1, "acme.test", place.clock.now())

    assert (await crawl_of(place)).state == "cancelled"
    assert not await crawl_one(place, "w", tell)
    assert not site.asked


async def test_two_accounts_share_a_crawl_and_neither_can_stop_the_others(services: Services, place: Workplace) -> None:
    assert await ask(services)
    assert not await ask(services, "www.acme.test", account=2)

    assert await cancel_crawl(services, 2, "acme.test", place.clock.now())
    assert (await list_asked(services, 2))[0].state == "cancelled"
    assert (await list_asked(services, 1))[0].state == "waiting"
    await end_as_done(place)
    assert not await crawl_one(place, "w", tell)

    assert (await list_asked(services, 1))[0].state == "done"
    assert await find_asked(services, 2, "other.test") is None
    assert not await cancel_crawl(services, 2, "other.test", place.clock.now())


async def test_a_crawl_of_this_hour_is_as_good_as_a_new_one(services: Services, place: Workplace) -> None:
    clock = place.clock
    assert isinstance(clock, Moment)
    await ask(services)
    await end_as_done(place)

    assert not await ask(services)
    assert not await ask(services, account=2)
    assert (await list_asked(services, 2))[0].state == "done"
    clock.at += FRESH
    assert await ask(services)


async def test_persons_come_before_searches_and_may_not_fill_the_queue(services: Services, place: Workplace) -> None:
    now = place.clock.now()
    async with place.stores.index.write() as conn:
        for number in range(5):
            await request_crawl(conn, f"missed{number}.test", now - 100)
    results = await asyncio.gather(
        *(ask(services, f"asked{number}.test") for number in range(MOST_WAITING + 5)), return_exceptions=True
    )
    assert results.count(True) == MOST_WAITING
    assert sum(isinstance(one, TooManyCrawls) for one in results) == 5
    assert await ask(services, "mine.test", account=2)

    async with place.stores.index.write() as conn:
        turn = await take_turn(conn, now=now, until=now + 60, worker="w")
    assert turn is not None
    assert turn.asked
    assert turn.domain.startswith("asked")


async def test_what_waits_because_of_a_search_is_hurried_when_a_person_asks(
    services: Services, place: Workplace
) -> None:
    now = place.clock.now()
    async with place.stores.index.write() as conn:
        await request_crawl(conn, "acme.test", now)
    assert await crawl_one(place, "w", tell)  # on-miss crawls are off by now
    assert (await crawl_of(place)).state == "cancelled"

    async with place.stores.index.write() as conn:
        await request_crawl(conn, "other.test", now)
    assert await ask(services, "other.test")
    assert (await crawl_of(place, "other.test")).asked


async def test_a_site_that_cannot_be_read_is_said_to_be_so_at_once(
    services: Services, place: Workplace, site: Web
) -> None:
    site.routes.clear()
    await ask(services)
    assert await crawl_one(place, "w", tell)

    failed = await crawl_of(place)
    assert (failed.state, failed.pages) == ("failed", 0)
    assert failed.ending == "The site has no page that can be read."
    assert failed.skipped == {"status 404": 1}
    assert not await crawl_one(place, "w", tell)
    (run,) = await list_runs(place.stores.index, now=place.clock.now())
    assert run.state == "failed"


async def test_nobody_asks_for_what_is_no_site_or_was_claimed(services: Services, place: Workplace) -> None:
    for text in ("", "localhost", "co.uk", "127.0.0.1", "a b.test", "x" * 300 + ".test"):
        with pytest.raises(InvalidDomain):
            await ask(services, text)
    async with place.stores.app.write() as conn:
        await add_claim(conn, await place.claims(), parse_claimed("acme.test"), place.clock.now())
    services.claims = await place.claims()

    with pytest.raises(DomainClaimed):
        await ask(services)
    assert await list_asked(services, 1) == []


async def test_the_crawl_of_a_worker_that_died_is_begun_anew_by_another(services: Services, place: Workplace) -> None:
    clock = place.clock
    assert isinstance(clock, Moment)
    await ask(services)
    async with place.stores.index.write() as conn:
        dead = await take_turn(conn, now=clock.at, until=clock.at + LASTS, worker="dead")
        assert dead is not None
        await dead.begin(conn, clock.at)
        assert not await dead.record(conn, Standing(pages=7))
    clock.at += LASTS

    assert await crawl_one(place, "w", tell)

    assert (await crawl_of(place)).state == "done"
    async with place.stores.index.write() as conn:
        assert await dead.record(conn, Standing(pages=99))  # it is told to stop
        await dead.end(conn, Standing(pages=99), state="failed", ending="", now=clock.at)
    assert ((await crawl_of(place)).state, (await crawl_of(place)).pages) == ("done", 11)


async def test_a_server_that_stops_hands_its_crawl_on(
    services: Services, place: Workplace, gate: asyncio.Event
) -> None:
    await ask(services)
    running = asyncio.create_task(crawl_one(place, "w", tell))

    async def has_read() -> bool:
        return (await crawl_of(place)).pages >= 1

    await until(has_read)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await crawl_of(place)).state == "waiting"
    runs: list[Run] = await list_runs(place.stores.index, now=place.clock.now())
    assert runs[0].state == "stopped"
    await end_as_done(place)
    assert (await crawl_of(place)).state == "done"
