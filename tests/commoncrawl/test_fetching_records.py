"""Whatever a server answers, a record comes here as it was listed or not at all, and nothing comes twice."""

import asyncio
import gzip
from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from vizsla.commoncrawl.archive import Archive, open_archive
from vizsla.commoncrawl.asking import LeftAlone, NotRead
from vizsla.commoncrawl.columnar import Footers, scan
from vizsla.commoncrawl.fetching import Fetched, fetch_plan
from vizsla.commoncrawl.index_server import MAX_PAGES, IndexServer
from vizsla.commoncrawl.listed import CommonCrawlError, Listed, surt_spans
from vizsla.commoncrawl.paths import list_index_files, list_warc_files, newest_crawl
from vizsla.commoncrawl.plan import Asked, Plan
from vizsla.kit.settings import Settings
from vizsla.net.guard import EgressRefused
from vizsla.net.http import HttpClient
from worlds.common_crawl import CRAWL, CommonCrawl, people
from worlds.web import Request, Route, endless, page, redirect, status

NAMES = [f"https://acme.com/{number}" for number in range(4)]


@pytest.fixture(autouse=True)
def pages_of_acme(crawl: CommonCrawl) -> None:
    for number, url in enumerate(NAMES):
        crawl.add(number, {url: people("Page", f"p{number}@acme.com")})


def rows_of(crawl: CommonCrawl) -> list[Listed]:
    return [
        Listed(row["url"], 1, f"sha1:{row['digest']}", row["filename"], int(row["offset"]), int(row["length"]))
        for row in crawl.rows[CRAWL]
    ]


def plan_of(home: Path, rows: list[Listed]) -> Plan:
    plan = Plan(home, Asked("domain", CRAWL, "x"))
    with plan.held(), plan.settling() as add:
        add(rows)
    return plan


async def fetch(plan: Plan, crawl: CommonCrawl, home: Path, **settings: object) -> tuple[Fetched, list[str]]:
    """What came, and the pages in it."""
    fetched, pages = Fetched(), list[str]()
    async with open_archive(crawl.settings(Settings(home=home), **settings)) as archive:
        async for piece in fetch_plan(plan, archive, fetched, prefix=home / "got", progress=lambda done, total: None):
            if piece.path is not None:
                with piece.path.open("rb") as file:
                    pages += [record.rec_headers.get_header("WARC-Target-URI") for record in ArchiveIterator(file)]
            plan.mark_read(piece.number)
    return fetched, pages


def at(number: int, route: Route) -> object:
    """A twist: the *number*-th file is answered by *route*."""

    def twist(request: Request) -> Route | None:
        return route if request.path.endswith(f"-{number:05}.warc.gz") else None

    return twist


async def raw(head: str, body: bytes = b"") -> Route:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    return answer


async def test_one_bad_answer_costs_its_own_record_alone(crawl: CommonCrawl, tmp_path: Path) -> None:
    rows = rows_of(crawl)
    whole = crawl.files[rows[1].filename]
    first, last = rows[1].offset, rows[1].offset + rows[1].length - 1
    span = f"Content-Range: bytes {first}-{last}/{len(whole)}"
    short = await raw(f"HTTP/1.1 206 X\r\n{span}\r\nContent-Length: 10", whole[first : first + 10])
    cases: list[tuple[Route, str]] = [
        (page(whole), "range_ignored"),
        (await raw("HTTP/1.1 206 X\r\nContent-Range: bytes 0-9/100\r\nContent-Length: 10", b"x" * 10), "range_ignored"),
        (await raw("HTTP/1.1 206 X\r\nContent-Range: nonsense\r\nContent-Length: 10", b"x" * 10), "range_ignored"),
        (short, "record_cut"),
        (await raw(f"HTTP/1.1 206 X\r\n{span}\r\nContent-Length: {rows[1].length}", (b"\x1f\x8b\x08" + b"x" * 5_000)[: rows[1].length]), "record_broken"),
        (status(403), "status_403"),
        (status(404), "missing"),
        (status(416), "record_cut"),
        (status(500), "status_500"),
        (redirect("http://10.0.0.1/x"), "refused"),
        (redirect("/" + rows[1].filename), "redirects"),
        (await raw("nonsense"), "broken"),
    ]  # fmt: skip
    for number, (route, reason) in enumerate(cases):
        crawl.twist = at(1, route)  # type: ignore[assignment]
        home = tmp_path / str(number)
        if reason == "refused":
            with pytest.raises(EgressRefused):
                await fetch(plan_of(home, rows), crawl, home)
            continue
        fetched, pages = await fetch(plan_of(home, rows), crawl, home)
        assert (fetched.failed, pages) == ({reason: 1}, [NAMES[0], *NAMES[2:]]), reason


async def test_an_endless_answer_is_left_at_the_length_that_was_asked_for(crawl: CommonCrawl, tmp_path: Path) -> None:
    rows = rows_of(crawl)
    head = f"HTTP/1.1 206 X\r\nContent-Range: bytes {rows[1].offset}-9999999999/99999999999\r\n\r\n".encode()
    crawl.twist = at(1, endless(head, lambda: iter([b"x" * 65_536] * 10_000), tell=crawl.site))  # type: ignore[assignment]

    fetched, pages = await fetch(plan_of(tmp_path, rows), crawl, tmp_path)

    assert (fetched.failed, len(pages)) == ({"record_broken": 1}, 3)
    assert crawl.site.sent < 40 << 20


async def test_a_row_that_lies_gets_nothing_in(crawl: CommonCrawl, tmp_path: Path) -> None:
    rows = rows_of(crawl)
    shifted = Listed(rows[0].uri, 1, "", rows[0].filename, rows[0].offset + 1, rows[0].length - 1)
    beyond = Listed(rows[1].uri, 1, "", rows[1].filename, 1 << 30, 100)
    other = Listed("https://victim.com/", 1, "", rows[2].filename, rows[2].offset, rows[2].length)

    fetched, pages = await fetch(plan_of(tmp_path, [shifted, beyond, other, rows[3]]), crawl, tmp_path)

    assert pages == [NAMES[3]]
    assert fetched.failed == {"record_broken": 1, "record_cut": 1, "record_differs": 1}


async def test_a_busy_server_is_waited_for_and_one_that_says_no_is_left_alone(
    crawl: CommonCrawl, tmp_path: Path
) -> None:
    plan, told = plan_of(tmp_path, rows_of(crawl)), list[float]()

    def busy(request: Request) -> Route | None:
        told.append(request.at)
        return status(503, "Retry-After: 1\r\n") if len(told) == 1 else None

    crawl.twist = busy
    fetched, pages = await fetch(plan, crawl, tmp_path)
    assert (fetched.failed, sorted(pages)) == ({}, NAMES)
    assert max(told) - told[0] > 0.9

    plan, again = plan_of(tmp_path / "b", rows_of(crawl)), list[str]()

    def later(request: Request) -> Route | None:
        again.append(request.path)
        return status(429, "Retry-After: 86400\r\n") if len(again) > 2 else None

    crawl.twist = later
    with pytest.raises(LeftAlone, match="86,400 seconds"):
        await fetch(plan, crawl, tmp_path / "b")
    had = crawl.ranges[-len(again) :]
    crawl.twist = lambda request: None
    crawl.site.asked.clear()
    fetched, pages = await fetch(plan, crawl, tmp_path / "b")
    assert sorted(pages) == NAMES
    # What had come was not asked for again.
    assert len(crawl.ranges) == fetched.ranges <= 4 - 1
    assert had


async def test_a_server_that_refuses_everything_is_not_asked_for_long(crawl: CommonCrawl, tmp_path: Path) -> None:
    for number in range(10, 40):
        crawl.add(number, {f"https://acme.com/{number}": people("Page")})
    crawl.twist = lambda request: status(403)
    with pytest.raises(CommonCrawlError, match="403"):
        await fetch(plan_of(tmp_path, rows_of(crawl)), crawl, tmp_path)
    assert len(crawl.ranges) < 12


async def test_a_private_address_is_not_reached(crawl: CommonCrawl, tmp_path: Path) -> None:
    with pytest.raises(EgressRefused):
        await fetch(plan_of(tmp_path, rows_of(crawl)), crawl, tmp_path, egress_allow=())
    with pytest.raises(EgressRefused):
        async with open_archive(
            crawl.settings(Settings(home=tmp_path), common_crawl="s3://b?endpoint=http://10.0.0.1")
        ):
            pass


async def captures(crawl: CommonCrawl, tmp_path: Path) -> tuple[list[str], Counter[str]]:
    dropped: Counter[str] = Counter()
    async with HttpClient(crawl.settings(Settings(home=tmp_path))) as client:
        server = IndexServer(client, "http://index.test", 0.0)
        name = await server.newest_crawl()
        return [row.uri async for row in server.captures(name, "acme.com", dropped)], dropped


async def test_the_index_server_is_read_page_by_page(crawl: CommonCrawl, tmp_path: Path) -> None:
    crawl.lines_a_page = 2
    found, dropped = await captures(crawl, tmp_path)
    assert (found, dropped) == (NAMES, {})
    assert len(crawl.asked("index.test")) == 1 + 1 + 2
    crawl.rows.clear()
    assert await captures(crawl, tmp_path) == ([], {})


async def test_however_much_the_index_server_says_it_is_bounded(crawl: CommonCrawl, tmp_path: Path) -> None:
    line = b'{"url": "https://acme.com/", "timestamp": "x"}\n'

    def much(request: Request) -> Route | None:
        if "showNumPages" in request.target:
            return page('{"pages": 1000000000}')
        if "page=0" in request.target:
            return endless(b"HTTP/1.1 200 X\r\n\r\n", lambda: iter([line * 1_000] * 10_000), tell=crawl.site)
        return page(b"x" * 20_000 + b"\n[1]\n\n") if "page=" in request.target else None

    crawl.twist = much
    found, dropped = await captures(crawl, tmp_path)
    assert found == []
    assert dropped["index_page_beyond_limit"] == 1_000_000_000 - MAX_PAGES
    assert dropped["index_page_cut"] == 1
    assert dropped["index_row_broken"] > 100_000
    assert crawl.site.sent < 60 << 20

    crawl.twist = lambda request: page("<html>Please come back later") if "showNum" in request.target else None
    with pytest.raises(CommonCrawlError):
        await captures(crawl, tmp_path)


async def scanned(archive: Archive, home: Path, domains: list[str], suffixes: tuple[str, ...] = ()) -> list[str]:
    names = await list_index_files(archive, CRAWL)
    files = await Footers(home / "footers", archive).find(names, lambda done, total: None)
    spans = surt_spans(domains, suffixes)
    loop = asyncio.get_running_loop()

    def run() -> list[str]:
        rows = scan(files, spans, archive, loop=loop, dropped=Counter(), progress=lambda done, total: None)
        return [row.uri for row in rows]

    return await asyncio.to_thread(run)


async def test_of_the_columnar_index_only_what_can_hold_a_domain_is_read(crawl: CommonCrawl, tmp_path: Path) -> None:
    for number in range(100, 130):
        crawl.add(number, {f"https://d{number}.com/": b"<p>", f"https://d{number}.de/kontakt": b"<p>"})
    names = crawl.write_columns(files=3)
    async with open_archive(crawl.settings(Settings(home=tmp_path))) as archive:
        assert await scanned(archive, tmp_path, ["acme.com"]) == NAMES
        crawl.site.asked.clear()
        # Footers are known by now, and row groups of other domains are passed over.
        assert await scanned(archive, tmp_path, ["d110.com"]) == ["https://d110.com/"]
        assert len({request.path for request in crawl.site.asked if request.path.endswith(".parquet")}) == 1
        assert sum(len(crawl.files[name]) for name in names) > 10_000
        assert len(await scanned(archive, tmp_path, ["acme.com"], ("de",))) == 4 + 30

        with (tmp_path / "footers").open("ab") as file:
            file.write(b'\n{"name": "half')
        assert await scanned(archive, tmp_path, ["acme.com"]) == NAMES


async def test_what_is_no_index_is_said_to_be_none(crawl: CommonCrawl, tmp_path: Path) -> None:
    (name,) = crawl.write_columns()
    good = crawl.files[name]
    async with open_archive(crawl.settings(Settings(home=tmp_path))) as archive:
        for number, bad in enumerate(
            (b"PAR1", b"", good[:-1], b"x" * 5_000, good[:-8] + b"\xff\xff\xff\x7fPAR1", good[: len(good) // 2])
        ):
            crawl.files[name] = bad
            with pytest.raises(CommonCrawlError):
                await scanned(archive, tmp_path / str(number), ["acme.com"])
        with pytest.raises(CommonCrawlError, match="no list"):
            await list_warc_files(archive, "CC-MAIN-2020-05")
        crawl.files["crawl-data/CC-MAIN-2020-05/warc.paths.gz"] = gzip.compress(
            b"../../x.warc.gz\n/etc/a.warc.gz\nb/c.warc.gz\n"
        )
        assert await list_warc_files(archive, "CC-MAIN-2020-05") == ["b/c.warc.gz"]


async def test_a_folder_and_a_bucket_are_read_like_a_website(
    crawl: CommonCrawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl.write_columns(files=2)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "y"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    rows = rows_of(crawl)
    for place in (
        str(crawl.write_to(tmp_path / "mirror")),
        f"s3://commoncrawl?endpoint=http://127.0.0.1:{crawl.site.port}",
    ):
        home = tmp_path / place[:2].strip("/")
        async with open_archive(crawl.settings(Settings(home=home), common_crawl=place)) as archive:
            assert await newest_crawl(archive) == CRAWL
            assert await list_warc_files(archive, CRAWL) == sorted(row.filename for row in rows)
            assert await scanned(archive, home, ["acme.com"]) == NAMES
            with pytest.raises(NotRead):
                await archive.read("a/b.warc.gz", 0, 10)
            with pytest.raises(NotRead):
                await archive.read("a/../b.warc.gz", 0, 10)
            brought = await archive.bring(rows[0].filename, home / "whole", lambda done, total: None)
            assert brought.read_bytes() == crawl.files[rows[0].filename]
        fetched, pages = await fetch(plan_of(home, rows), crawl, home, common_crawl=place)
        assert (sorted(pages), fetched.failed) == (NAMES, {})
