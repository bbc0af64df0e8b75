"""A search for a domain that nothing is known of is answered from Common Crawl, in few requests, and the site is left in peace."""

import json
from collections import Counter
from io import StringIO
from pathlib import Path

import msgspec
import pytest

from api.conftest import Api, Moment
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.api.app import create_app
from vizsla.cli.main import main
from vizsla.crawl.requests import ask_crawl, find_crawl
from vizsla.work.crawls import crawl_one
from vizsla.work.workplace import Workplace
from worlds.common_crawl import CommonCrawl, people
from worlds.web import Request, Route, page, status

ACME = "/v2/domain-search?domain=acme.com"
SITE = frozenset({"acme.com", "www.acme.com"})


@pytest.fixture
def place(place: Workplace, crawl: CommonCrawl) -> Workplace:
    resolve = tuple(f"{host}:80=127.0.0.1:{crawl.site.port}" for host in sorted(SITE))
    chosen = msgspec.structs.replace(
        place.settings, crawl_on_miss=True, http_resolve=(*place.settings.http_resolve, *resolve)
    )
    return msgspec.structs.replace(place, settings=chosen)


@pytest.fixture
async def api(place: Workplace) -> Api:
    clock = place.clock
    assert isinstance(clock, Moment)
    async with place.stores.app.write() as conn:
        member = await create_user(conn, "a@a.example", now=clock.at)
        key = (await create_key(conn, member.account_id, "first", now=clock.at)).plaintext
    app = create_app(place.settings, place.stores, await place.claims(), clock=clock, log_stream=StringIO())
    return Api(app, clock, {"a": key, "a2": key, "b": key}, StringIO())


def tell(event: str, *, level: str = "info", **values: object) -> None:
    """Nobody reads this log."""


def the_site(request: Request) -> Route | None:
    """The company's own, with a page that Common Crawl does not have."""
    if request.host not in SITE:
        return None
    return page(people("Home", "now@acme.com")) if request.path == "/" else status(404)


async def search(api: Api) -> list[str]:
    reply = await api("GET", ACME, key=api.a)
    assert reply.status == 200
    return sorted(email["value"] for email in reply.body["data"]["emails"])


def crawled(world: CommonCrawl) -> int:
    return sum(request.host in SITE for request in world.site.asked)


async def test_a_domain_costs_its_records_and_three_questions(api: Api, place: Workplace, crawl: CommonCrawl) -> None:
    crawl.twist = the_site
    # Each page in a file of its own, so that no two come in one request.
    pages = ["", "contact", "team", "about", "press", "impressum", *(f"blog/{number}" for number in range(30))]
    for number, path in enumerate(pages):
        crawl.add(number, {f"https://acme.com/{path}": people("P", f"p{number}@acme.com")})
    assert await search(api) == []
    assert not crawl.site.asked

    assert await crawl_one(place, "w", tell)

    asked = Counter((request.host, request.target, request.headers.get("range", "")) for request in crawl.site.asked)
    records = len(crawl.ranges)
    assert records == 20  # what a miss is worth
    assert len(crawl.site.asked) <= records + 3
    assert set(asked.values()) == {1}
    assert crawled(crawl) == 0
    found = await search(api)
    assert len(found) == 10  # a page of the answer
    reply = await api("GET", "/v2/email-count?domain=acme.com")
    assert reply.body["data"]["total"] == 20
    told = await find_crawl(place.stores.index, "acme.com")
    assert told is not None
    assert (told.state, told.pages, told.addresses) == ("done", 20, 20)
    assert "Common Crawl" in told.ending


async def test_the_site_is_asked_when_common_crawl_has_nothing_or_does_not_answer(
    api: Api, place: Workplace, crawl: CommonCrawl
) -> None:
    crawl.twist = the_site
    crawl.add(1, {"https://globex.com/": people("G", "g@globex.com")})
    assert await search(api) == []
    assert await crawl_one(place, "w", tell)
    assert await search(api) == ["now@acme.com"]

    clock = place.clock
    assert isinstance(clock, Moment)
    clock.at += 100_000
    before = crawled(crawl)
    crawl.add(2, {"https://acme.com/team": people("T", "team@acme.com")})
    async with place.stores.index.write() as conn:
        assert await ask_crawl(conn, "acme.com", clock.at)
    # A person means the site as it is now.
    assert await crawl_one(place, "w", tell)
    assert crawled(crawl) > before
    assert crawl.ranges == []


async def test_an_index_that_is_down_costs_no_answer(api: Api, place: Workplace, crawl: CommonCrawl) -> None:
    crawl.twist = lambda request: the_site(request) or status(403)
    assert await search(api) == []
    assert await crawl_one(place, "w", tell)
    assert await search(api) == ["now@acme.com"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--domain acme.com", "VIZSLA_COMMON_CRAWL"),
        ("--tld de", "--focus"),
        ("--focus", "--tld de"),
        ("--full --domain acme.com", "leave out"),
        ("file.warc --domain acme.com", "leave one of them out"),
        ("--domain acme.com --shard 1/2", "--full"),
        ("--full --shard 3/2", "VIZSLA_COMMON_CRAWL"),
        ("--domain acme.com --crawl ../x", "CC-MAIN-2026-40"),
        ("--domain acme.com --most 0", "--most"),
        ("--domain co.uk", "register"),
        ("--focus --tld a/b", "suffix"),
        ("--crawl CC-MAIN-2026-40", "--domain"),
    ],
)
def test_what_makes_no_sense_is_said(
    options: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIZSLA_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as left:
        main(["harvest", *options.split()])
    talk = capsys.readouterr().err
    assert left.value.code == 1
    assert said in talk
    assert "Traceback" not in talk


def test_a_mirror_at_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = CommonCrawl(None)  # type: ignore[arg-type]
    world.add(1, {"https://acme.de/impressum": people("I", "info@acme.de"), "https://acme.de/blog": people("B")})
    world.write_columns()
    monkeypatch.setenv("VIZSLA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIZSLA_COMMON_CRAWL", str(world.write_to(tmp_path / "mirror")))

    with pytest.raises(SystemExit) as left:
        main(["harvest", "--focus", "--tld", ".DE", "--dry-run", "--json"])

    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["chosen"], told["to_fetch"]["records"], told["harvest"]) == (1, 1, None)
