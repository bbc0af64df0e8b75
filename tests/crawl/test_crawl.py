"""One domain, politely, best pages first, into a WARC file that harvest reads."""

import asyncio
import gzip
import itertools
import random
import resource
from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawl.conftest import FixedClock, lab
from vizsla.crawl.crawler import CrawlError, crawl, warc_path_for
from vizsla.crawl.report import Budget, CrawlReport
from vizsla.harvest.warc import read_pages
from vizsla.kit.errors import InvalidDomain
from vizsla.kit.settings import Settings
from worlds.web import Web, links, page, redirect, sitemap, status, web


def captured(report: CrawlReport) -> list[str]:
    assert report.warc
    dropped: Counter[str] = Counter()
    uris = [page.uri for page in read_pages(str(report.warc), dropped)]
    assert not dropped
    return uris


def records(report: CrawlReport) -> list[tuple[str, str]]:
    """Type and URI of every record, its digests checked on the way."""
    assert report.warc
    found = []
    with report.warc.open("rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            record.content_stream().read()
            found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI") or ""))
    return found


async def test_a_site_becomes_a_warc_file_with_the_promising_pages_first(site: Web, crawl_acme) -> None:
    site.route(
        "/",
        links("/blog/1", "/story", "/kontakt", "/team", "/impressum", "http://other.test/", "mailto:a@acme.test"),
    )
    for path in ("/blog/1", "/story", "/kontakt", "/team", "/impressum"):
        site.route(path, f"<p>{path} info@acme.test</p>")
    seen = []

    report = await crawl_acme(progress=seen.append)

    assert site.paths() == ["/", "/kontakt", "/impressum", "/team", "/story", "/blog/1"]
    assert captured(report) == [f"http://acme.test{path}" for path in site.paths()]
    assert (report.domain, report.pages, report.ended_by, report.unchanged) == ("acme.test", 6, "done", 0)
    assert [step.requests for step in seen] == list(range(1, report.requests + 1))
    assert site.connections == 1


async def test_the_records_are_what_was_sent_and_received(site: Web, crawl_acme) -> None:
    body = "<p>grüße info@acme.test</p>" * 100
    packed = gzip.compress(body.encode("latin-1"))
    site.route(
        "/",
        page(
            packed,
            content_type="text/html; charset=iso-8859-1",
            headers="Content-Encoding: gzip\r\nX-Powered-By: Elbow\r\n",
        ),
    )

    report = await crawl_acme()

    assert [kind for kind, _ in records(report)] == ["warcinfo", "response", "request"]
    (found,) = read_pages(str(report.warc), Counter())
    assert found.body == body.encode("latin-1")
    assert found.fetched_at == FixedClock().now()
    assert found.content_type == "text/html; charset=iso-8859-1"
    assert found.headers["x-powered-by"] == "Elbow"
    assert found.headers["content-length"] == str(len(found.body))
    assert found.headers["x-crawl-content-length"] == str(len(packed))


async def test_it_stays_within_the_registrable_domain(site: Web, crawl_acme) -> None:
    site.route(
        "acme.test/", links("http://shop.acme.test/contact", "http://other.test/contact", "//other.test/team", "/away")
    )
    site.route("acme.test/away", redirect("http://other.test/here"))
    site.route("shop.acme.test/contact", "<p>shop</p>")
    site.route("other.test/*", "<p>other</p>")

    report = await crawl_acme()

    assert captured(report) == ["http://acme.test/", "http://shop.acme.test/contact"]
    assert site.paths("other.test") == []
    assert report.skipped["redirect elsewhere"] == 1


async def test_each_host_is_asked_for_its_own_robots_txt(site: Web, crawl_acme) -> None:
    site.route("acme.test/", links("http://shop.acme.test/contact"))
    site.route("shop.acme.test/robots.txt", page("User-agent: vizsla\nDisallow: /", content_type="text/plain"))
    site.route("shop.acme.test/contact", "<p>shop</p>")

    report = await crawl_acme()

    assert captured(report) == ["http://acme.test/"]
    assert site.paths("shop.acme.test") == []
    assert report.skipped["robots"] == 1


async def test_a_home_page_elsewhere_is_named_and_not_followed(site: Web, crawl_acme) -> None:
    site.route("acme.test/", redirect("http://other.test/", 301))
    site.route("other.test/*", "<p>other</p>")

    report = await crawl_acme()

    assert (report.ended_by, report.moved_to, report.warc) == ("moved", "other.test", None)
    assert "other.test" in report.ending
    assert site.paths("other.test") == []


async def test_the_home_page_may_be_some_redirects_away(site: Web, crawl_acme) -> None:
    site.route("acme.test/", redirect("http://www.acme.test/", 301))
    site.route("www.acme.test/", redirect("/en/"))
    site.route("www.acme.test/en/", links("contact"))
    site.route("www.acme.test/en/contact", "<p>hello</p>")

    report = await crawl_acme()

    assert captured(report) == ["http://www.acme.test/en/", "http://www.acme.test/en/contact"]


async def test_www_is_tried_when_the_bare_name_does_not_answer(site: Web, crawl_acme) -> None:
    site.route("/", "<p>hello</p>")

    report = await crawl_acme(settings=lab(site, hosts=("www.acme.test",)))

    # acme.test:80 is not overridden and must not be looked up: .test has no addresses.
    assert captured(report) == ["http://www.acme.test/"]


async def test_a_port_named_by_the_operator_is_crawled(site: Web, crawl_acme) -> None:
    site.route("/", links("/contact"))
    site.route("/contact", "<p>hello</p>")

    report = await crawl_acme(settings=lab(site, ports=(8081,)))

    assert captured(report) == ["http://acme.test:8081/", "http://acme.test:8081/contact"]


async def test_sitemaps_are_hints_for_what_nothing_links_to(site: Web, crawl_acme) -> None:
    site.route("/", links("/contact"))
    site.route("/robots.txt", page("Sitemap: http://acme.test/sitemap-index.xml", content_type="text/plain"))
    site.route(
        "/sitemap-index.xml",
        page(sitemap("http://acme.test/sitemap-1.xml.gz", "http://acme.test/sitemap-index.xml", index=True)),
    )
    site.route(
        "/sitemap-1.xml.gz",
        page(
            gzip.compress(sitemap("http://acme.test/team?a=1&amp;b=2", "http://other.test/team", "file:///etc/passwd"))
        ),
    )
    site.route("/contact", "<p>c</p>")
    site.route("/team?a=1&b=2", "<p>t</p>")

    report = await crawl_acme()

    assert captured(report) == ["http://acme.test/", "http://acme.test/contact", "http://acme.test/team?a=1&b=2"]


async def test_a_budget_of_pages_depth_and_bytes_is_kept(site: Web, crawl_acme) -> None:
    site.route("/*", links(*(f"/{letter}" for letter in "abcdefghijklmnopqrst")))

    by_pages = await crawl_acme(budget=Budget(pages=7))
    by_bytes = await crawl_acme(budget=Budget(total_bytes=2_000))

    assert (by_pages.ended_by, by_pages.pages, len(captured(by_pages))) == ("pages", 7, 7)
    assert (by_bytes.ended_by, len(captured(by_bytes))) == ("bytes", by_bytes.pages)
    assert by_bytes.bytes <= 2_000
    # A page cut by what was left would lack addresses that are there.
    assert all(found.body.endswith(b"</html>") for found in read_pages(str(by_bytes.warc), Counter()))
    site.routes = {}
    for depth in range(6):
        site.route("/" + "a/" * min(depth, 1) + "b" * depth, links(f"/a/{'b' * (depth + 1)}"))
    by_depth = await crawl_acme(budget=Budget(depth=3))
    assert (by_depth.pages, by_depth.skipped["depth"]) == (4, 1)


async def test_the_time_is_up_when_it_is_up_and_what_was_fetched_is_kept(site: Web, crawl_acme) -> None:
    site.route("/robots.txt", page("User-agent: *\nCrawl-delay: 0.3", content_type="text/plain"))
    site.route("/*", links(*(f"/p{number}/x" for number in range(40))))

    report = await crawl_acme(budget=Budget(seconds=1.5))

    assert report.ended_by == "time"
    assert report.seconds < 5
    assert 1 <= report.pages <= 5
    assert len(captured(report)) == report.pages


async def test_a_crawl_delay_of_robots_txt_is_kept(site: Web, crawl_acme) -> None:
    site.route("/robots.txt", page("User-agent: *\nCrawl-delay: 0.25", content_type="text/plain"))
    site.route("/", links("/a", "/b"))
    site.route("/a", "<p>a</p>")
    site.route("/b", "<p>b</p>")

    await crawl_acme()

    times = [request.at for request in site.asked]
    assert all(later - earlier >= 0.25 for earlier, later in itertools.pairwise(times))


async def test_only_one_connection_is_open_at_a_time(site: Web, crawl_acme) -> None:
    open_now = most = 0

    async def slow(request, writer) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.01)
        open_now -= 1
        await page(links("/a", "/b", "/c"))(request, writer)

    site.route("/*", slow)

    await crawl_acme()

    assert most == 1


async def test_what_a_site_does_not_want_stored_or_followed_is_not(site: Web, crawl_acme) -> None:
    site.route("/", links("/archive-not", "/header-not", "/follow-not") + '<a rel="nofollow" href="/link-not">x</a>')
    site.route("/archive-not", '<meta name="robots" content="noarchive"><a href="/from-archive-not">x</a>')
    site.route("/header-not", page("<p>x</p>", headers="X-Robots-Tag: noarchive\r\n"))
    site.route("/follow-not", '<meta content=nofollow name=robots><a href="/link-not">x</a>')
    site.route("/from-archive-not", "<p>x</p>")
    site.route("/link-not", "<p>x</p>")

    report = await crawl_acme()

    assert captured(report) == [f"http://acme.test{path}" for path in ("/", "/follow-not", "/from-archive-not")]
    assert report.skipped["noarchive"] == 2


async def test_what_is_no_page_is_not_kept(site: Web, crawl_acme) -> None:
    site.route("/", links("/a.pdf", "/download", "/missing", "/empty", "/teapot"))
    site.route("/download", page(b"PK", content_type="application/zip"))
    site.route("/empty", "")
    site.route("/teapot", status(418))

    report = await crawl_acme()

    assert captured(report) == ["http://acme.test/"]
    assert "/a.pdf" not in site.paths()
    assert report.skipped == {"not a page": 2, "status 404": 1, "empty": 1, "status 418": 1}


@pytest.mark.parametrize("answer", [status(503, "Retry-After: 0\r\n"), status(429, "Retry-After: 0\r\n")])
async def test_a_busy_site_is_asked_again_when_it_says(site: Web, crawl_acme, answer) -> None:
    async def once(request, writer) -> None:
        site.route("/", "<p>now</p>")
        await answer(request, writer)

    site.route("/", once)

    report = await crawl_acme()

    assert captured(report) == ["http://acme.test/"]
    assert site.paths() == ["/", "/"]


async def test_a_site_that_asks_for_an_hour_is_left_alone(site: Web, crawl_acme) -> None:
    site.route("/", status(429, "Retry-After: 3600\r\n"))

    report = await crawl_acme()

    assert (report.ended_by, report.warc) == ("busy", None)
    assert site.paths() == ["/"]


async def test_five_failures_in_a_row_end_it(site: Web, crawl_acme) -> None:
    site.route("/", links(*(f"/{number}/x" for number in range(20))))
    site.route("/*", status(500))
    site.route("/robots.txt", status(404))

    report = await crawl_acme()

    assert report.ended_by == "errors"
    assert len(site.paths()) == 1 + 5
    assert captured(report) == ["http://acme.test/"]


async def test_a_private_address_is_refused_and_said_so(site: Web, crawl_acme) -> None:
    site.route("/", "<p>secret</p>")
    settings = Settings(http_ports=(80,), http_resolve=(f"acme.test:80=127.0.0.1:{site.port}",), crawl_delay=0)

    report = await crawl_acme(settings=settings)

    assert (report.ended_by, report.warc) == ("refused", None)
    assert "VIZSLA_EGRESS_ALLOW" in report.ending
    assert site.connections == 0


async def test_redirects_and_links_to_private_places_reach_no_canary(site: Web, crawl_acme) -> None:
    async with web("127.0.0.2") as canary:
        here = f"127.0.0.2:{canary.port}"
        targets = [f"http://{here}/", f"//{here}", f"http://2130706434:{canary.port}/", "file:///etc/passwd",
                   "gopher://127.0.0.2:25/_x", "ftp://127.0.0.2/", f"http://inside.acme.test:{canary.port}/", "http://inside.acme.test/"]  # fmt: skip
        site.route("/", links(*targets, *(f"/r{number}" for number in range(len(targets)))))
        for number, target in enumerate(targets):
            site.route(f"/r{number}", redirect(target))
        settings = lab(site, ports=(80, canary.port))
        inside = (f"inside.acme.test:80={here}", f"inside.acme.test:{canary.port}={here}")
        settings = Settings(
            egress_allow=settings.egress_allow,
            http_ports=settings.http_ports,
            http_resolve=settings.http_resolve + inside,
            crawl_delay=0,
        )

        report = await crawl_acme(settings=settings)

        assert canary.connections == 0
    assert captured(report) == ["http://acme.test/"]


async def test_a_site_that_is_not_there_is_unreachable(crawl_acme) -> None:
    settings = Settings(
        http_ports=(80,),
        http_resolve=("acme.test:80=127.0.0.1:1", "www.acme.test:80=127.0.0.1:1"),
        egress_allow=("127.0.0.0/8",),
    )

    report = await crawl_acme(settings=settings, budget=Budget(seconds=5, request_seconds=1))

    assert (report.ended_by, report.warc, report.pages) == ("unreachable", None, 0)
    assert report.details


@pytest.mark.parametrize(
    "domain", ["", "localhost", "127.0.0.1", "http://[::1]/", "co.uk", "a b.com", "x" * 3_000, "github.io"]
)
async def test_what_is_no_domain_is_said_to_be_none(crawl_acme, domain: str) -> None:
    with pytest.raises(InvalidDomain):
        await crawl_acme(domain)


async def test_an_interrupted_crawl_leaves_no_file(site: Web, tmp_path: Path) -> None:
    site.route("/robots.txt", page("User-agent: *\nCrawl-delay: 0.1", content_type="text/plain"))
    site.route("/*", links(*(f"/{letter}" for letter in "abcdefghijklmnopqrst")))
    task = asyncio.create_task(crawl("acme.test", settings=lab(site), warc_path=tmp_path / "a" / "x.warc.gz"))
    while len(site.asked) < 5:
        await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert list((tmp_path / "a").iterdir()) == []


async def test_a_place_that_cannot_be_written_to_is_named(site: Web, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CrawlError, match="file"):
        await crawl("acme.test", settings=lab(site), warc_path=tmp_path / "file" / "x.warc.gz")

    assert site.connections == 0


async def test_a_full_disk_is_named_and_leaves_no_file(site: Web, tmp_path: Path) -> None:
    site.route("/*", random.Random(1).randbytes(200_000).hex())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(CrawlError, match=r"x\.warc\.gz cannot be written"):
            await crawl("acme.test", settings=lab(site), warc_path=tmp_path / "a" / "x.warc.gz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list((tmp_path / "a").iterdir()) == []


def test_every_crawl_has_a_file_of_its_own() -> None:
    assert warc_path_for(Path("h"), "acme.test", 1_790_000_000) == Path("h/warc/acme.test/20260921T141320Z.warc.gz")
