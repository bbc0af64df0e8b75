"""A person has a domain crawled from a page, watches it, and stops it; a domain's page fills meanwhile."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from archives import gz, page_about, response
from vizsla.crawl.requests import Standing, Turn, take_turn
from vizsla.harvest.records import Sighting
from vizsla.index.merge import merge
from vizsla.index.runs import Counts, FailedFile, begin_run, take_harvest
from vizsla.privacy.claims import Claims
from web.conftest import Browser, Site

POLL = 'hx-trigger="every 2s"'


async def turn_at(site: Site) -> Turn:
    """What a worker would do next."""
    async with site.stores.index.write() as conn:
        turn = await take_turn(conn, now=site.clock.at, until=site.clock.at + 60, worker="w")
        assert turn is not None
        await turn.begin(conn, site.clock.at)
    return turn


async def record(site: Site, turn: Turn, **values: object) -> None:
    async with site.stores.index.write() as conn:
        await turn.record(conn, Standing(**values))  # type: ignore[arg-type]


async def test_a_crawl_is_asked_for_watched_and_read(site: Site) -> None:
    a = await site.person("a")
    empty = await a.get("/crawls")
    assert empty.status == 200
    assert "No crawl yet" in empty.words
    assert POLL not in empty.text

    begun = await a.post("/crawls", {"domain": "https://www.Fresh.test/about"})
    assert begun.header("location") == "/crawls/fresh.test"
    page = await a.follow(begun)
    assert "waiting" in page.words
    assert POLL in page.text
    assert "<noscript>" in page.text

    turn = await turn_at(site)
    await record(
        site,
        turn,
        pages=3,
        pending=9,
        addresses=2,
        bytes=4_200_000,
        skipped={"robots": 4, "<b>x</b>": 1, "status 404": 2},
    )
    page = await a.get("/crawls/fresh.test")
    assert "3 of about 12 pages" in page.words
    assert "The site's robots.txt asks that these be left alone. 4" in page.words.replace("&#39;", "'")
    assert "<b>x</b>" not in page.text
    rows = (await a.get("/crawls")).words
    assert "fresh.test running 3 of about 12 pages 2" in rows

    async with site.stores.index.write() as conn:
        await turn.end(
            conn,
            Standing(pages=12, addresses=5),
            state="done",
            ending="Every page found was fetched.",
            now=site.clock.at,
        )
    page = await a.get("/crawls/fresh.test")
    assert POLL not in page.text
    assert "Every page found was fetched." in page.words
    assert 'href="/domain/fresh.test"' in page.text
    again = await a.post("/crawls", {"domain": "fresh.test"})
    assert "short while ago" in (await a.follow(again)).words


async def test_what_is_no_domain_is_answered_in_a_sentence(site: Site) -> None:
    a = await site.person("a")
    for text in ("", "localhost", "10.0.0.1", "co.uk", "<script>alert(1)</script>", "x" * 5_000, "a b", "\x00.test"):
        answer = await a.post("/crawls", {"domain": text})
        assert answer.status == 422, text
        assert 'role="alert"' in answer.text
        assert "<script>alert" not in answer.text
    for path in ("/crawls/co.uk", "/crawls/never.test", "/crawls/%3Cscript%3E", "/crawls/a%00b"):
        assert (await a.get(path)).status == 404
        assert (await a.post(f"{path}/cancel")).status in (303, 404)


async def test_a_crawl_is_whose_asked_for_it(site: Site) -> None:
    a, b, nobody = await site.person("a"), await site.person("b"), site.stranger()
    await a.post("/crawls", {"domain": "fresh.test"})

    assert (await b.get("/crawls/fresh.test")).status == 404
    assert "fresh.test" not in (await b.get("/crawls")).text
    await b.post("/crawls/fresh.test/cancel")
    assert "waiting" in (await a.get("/crawls/fresh.test")).words
    assert 'id="filling"' not in (await b.get("/domain/fresh.test")).text
    for path in ("/crawls", "/crawls/fresh.test", "/calibration", "/harvests"):
        answer = await nobody.get(path)
        assert answer.status == 303
        assert answer.header("location").startswith("/login")
    assert (await nobody.post("/crawls", {"domain": "other.test"})).header("location") == "/login"
    foreign = await a.send(
        "POST",
        "/crawls",
        b"domain=evil.test",
        origin="http://evil.test",
        content_type="application/x-www-form-urlencoded",
    )
    assert foreign.status == 403

    stopped = await a.follow(await a.post("/crawls/fresh.test/cancel"))
    assert "Cancelled. What was read is kept." in stopped.words
    assert "cancelled" in stopped.words


async def test_too_many_crawls_of_an_account_wait_for_the_first(site: Site) -> None:
    a, b = await site.person("a"), await site.person("b")
    for number in range(20):
        assert (await a.post("/crawls", {"domain": f"d{number}.test"})).status == 303

    answer = await a.post("/crawls", {"domain": "onemore.test"})
    assert answer.status == 429
    assert "onemore.test" in answer.text
    assert (await b.post("/crawls", {"domain": "onemore.test"})).status == 303


async def test_the_page_of_a_domain_fills_while_it_is_crawled(site: Site) -> None:
    a = await site.person("a")
    before = await a.get("/domain/fresh.test")
    assert 'action="/crawls"' in before.text
    assert POLL not in before.text
    await a.post("/crawls", {"domain": "fresh.test"})
    page = await a.get("/domain/fresh.test")
    assert POLL in page.text
    assert "The site will be read" in page.words
    assert "Nothing is known" not in page.words

    turn = await turn_at(site)
    await record(site, turn, pages=1, pending=5, addresses=1)
    async with site.stores.index.write() as conn:
        seen = Sighting("fresh.test", "ann", "https://fresh.test/", site.clock.at, site.clock.at, "text")
        await merge(conn, sightings=[seen], claims=Claims(b"0" * 32), today=site.clock.at)
    page = await a.get("/domain/fresh.test")
    assert "ann@fresh.test" in page.text
    assert POLL in page.text
    assert "1 of about 6 pages" in page.words

    async with site.stores.index.write() as conn:
        await turn.end(conn, Standing(pages=6), state="done", ending="Every page found was fetched.", now=site.clock.at)
    page = await a.get("/domain/fresh.test")
    assert POLL not in page.text
    assert "ann@fresh.test" in page.text


async def test_a_crawl_that_found_nothing_says_why_where_one_looks(site: Site) -> None:
    a = await site.person("a")
    await a.post("/crawls", {"domain": "fresh.test"})
    turn = await turn_at(site)
    async with site.stores.index.write() as conn:
        await turn.end(conn, Standing(), state="failed", ending="The site does not answer.", now=site.clock.at)

    page = await a.get("/domain/fresh.test")
    assert "The site does not answer." in page.words
    assert 'action="/crawls"' in page.text


@pytest.fixture
def archive(site: Site) -> Iterator[Path]:
    folder = site.house.services.settings.home / "warc"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "<img src=x onerror=alert(1)>.warc.gz"
    path.write_bytes(gz(response("https://fresh.test/", page_about("T", "x@fresh.test"))))
    yield path
    path.unlink()


async def test_the_operator_has_archives_read_and_nobody_else_does(site: Site, archive: Path) -> None:
    a, b = await site.person("a"), await site.person("b")
    for path in ("/harvests", "/harvests/1"):
        assert (await b.get(path)).status == 403
    assert (await b.post("/harvests", {"archive": archive.name})).status == 403
    assert (await b.post("/harvests/1/cancel")).status == 403

    page = await a.get("/harvests")
    assert "<img src=x" not in page.text
    assert (await a.post("/harvests", {"archive": "../app.db"})).status == 422
    assert (await a.post("/harvests", {})).status == 422
    begun = await a.post("/harvests", {"archive": [archive.name]})
    run = await a.follow(begun)
    assert "waiting" in run.words
    assert POLL in run.text
    async with site.stores.index.write() as conn:
        record_ = await take_harvest(conn, now=site.clock.at, until=site.clock.at + 60, worker="w")
        assert record_ is not None
        await record_.begin(conn, site.clock.at)
        await record_.record(conn, Counts(pages=7), stage="reading", done=1_000_000, total=4_000_000, now=site.clock.at)
    assert "Reading: 1.0 MB of 4.0 MB" in (await a.get(begun.header("location"))).words
    assert "ends at the next page" in (await a.follow(await a.post(f"{begun.header('location')}/cancel"))).words
    async with site.stores.index.write() as conn:
        await record_.end(
            conn, Counts(pages=7, dropped={"webmail": 3}, failed=(FailedFile("<x>", "<y>"),)),
            state="cancelled", ending="It was cancelled; what had been merged is kept.", now=site.clock.at,
        )  # fmt: skip
    done = await a.get(begun.header("location"))
    assert "Addresses of webmail providers" in done.words
    assert "<x>" not in done.text
    assert POLL not in done.text
    for path in ("/harvests/0", "/harvests/99999999999999999999", "/harvests/x", "/harvests/-1"):
        assert (await a.get(path)).status == 404


async def test_runs_are_paged(site: Site) -> None:
    a = await site.person("a")
    assert "Nothing was read yet" in (await a.get("/harvests")).words
    async with site.stores.index.write() as conn:
        for number in range(35):
            run = await begin_run(conn, "crawl", [f"d{number}.test"], by_whom="search", worker="w", now=site.clock.at)
            await run.end(conn, Counts(), state="done", ending="", now=site.clock.at)

    page = await a.get("/harvests")
    older = re.search(r'href="(/harvests\?before=\d+)" rel="next"', page.text)
    assert older is not None
    last = await a.get(older[1])
    assert last.text.count("Crawl of") == 5
    assert (await a.get("/harvests?before=abc")).status == 200


async def test_calibration_says_what_to_do_until_something_is_known(site: Site) -> None:
    b: Browser = await site.person("b")
    page = await b.get("/calibration")
    assert page.status == 200
    assert "Nothing to measure yet" in page.words
    assert 'href="/finder"' in page.text
