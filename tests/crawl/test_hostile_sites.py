"""However hostile a site is, its crawl ends by its budget and costs a bounded amount."""

import asyncio
import itertools
import resource
import time
from collections import Counter

import pytest

from crawl.conftest import lab
from vizsla.crawl.report import Budget
from vizsla.harvest.warc import read_pages
from worlds.web import (
    Web,
    billion_laughs,
    byte_a_second,
    calendar,
    empty_members,
    endless,
    endless_chunked,
    external_entity,
    gzip_bomb,
    header_block,
    links,
    page,
    redirect,
    sitemap,
    status,
    ten_gigabytes,
)

TEXT = "text/plain"


def pages_of(report) -> list[str]:
    return [found.uri for found in read_pages(str(report.warc), Counter())] if report.warc else []


async def answer_slowly(request, writer) -> None:
    await asyncio.sleep(60)


async def reset(request, writer) -> None:
    writer.transport.abort()


ROBOTS = {
    "500": (status(500), "robots"),
    "503": (status(503, "Retry-After: 3600\r\n"), "robots"),
    "429": (status(429), "robots"),
    "takes 60 s": (answer_slowly, "robots"),
    "a byte a second": (byte_a_second(0.1), "robots"),
    "connection reset": (reset, "robots"),
    "404": (status(404), "done"),
    "401": (status(401), "done"),
    "redirect loop": (redirect("/robots.txt", 301), "done"),
    "chain of redirects": (redirect("/robots-1.txt"), "done"),
    "HTML page": (page("<!doctype html><title>Oops</title><p>User-agent: *\nDisallow: no</p>"), "done"),
    "empty": (page("", content_type=TEXT), "done"),
    "bytes": (page(bytes(range(256)) * 20, content_type=TEXT), "done"),
    "10 MB, the rule first": (
        page(b"User-agent: *\nDisallow: /\n" + b"# x\n" * 2_600_000, content_type=TEXT),
        "robots",
    ),
    "10 MB, the rule last": (page(b"# x\n" * 2_600_000 + b"User-agent: *\nDisallow: /\n", content_type=TEXT), "done"),
    "20,000 agents, 20,000 rules": (
        page("".join(f"User-agent: b{n}\n" for n in range(20_000)) + "Disallow: /\n" * 12_000, content_type=TEXT),
        "done",
    ),
    "stars": (page("User-agent: *\n" + "Disallow: /*a*b*c*d*e*f*g$\n" * 18_000, content_type=TEXT), "done"),
    "spaces": (page("User-agent:" + " " * 400_000 + "x\n", content_type=TEXT), "done"),
}


@pytest.mark.parametrize("name", ROBOTS)
async def test_robots_txt_by_rfc_9309_or_worse(site: Web, crawl_acme, name: str) -> None:
    answer, ended_by = ROBOTS[name]
    site.route("/robots.txt", answer)
    for hop in range(1, 10):
        site.route(f"/robots-{hop}.txt", redirect(f"/robots-{hop + 1}.txt"))
    site.route("/", links("/contact"))
    site.route("/contact", "<p>hello</p>")
    began = time.monotonic()

    report = await crawl_acme(settings=lab(site, hosts=("acme.test",)), budget=Budget(seconds=5, request_seconds=0.5))

    assert report.ended_by == ended_by
    assert site.paths() == (["/", "/contact"] if ended_by == "done" else [])
    assert time.monotonic() - began < 10


async def test_an_endless_calendar_does_not_eat_the_budget(site: Web, crawl_acme) -> None:
    site.route("/", links("/cal", "/contact", "/deep/"))
    site.route("/cal*", calendar("/cal"))
    site.route("/deep/*", links(*("x/" * n for n in range(1, 4)), "?a=1&b=2&c=3&d=4", "?q=1", "?q=2"))
    site.route("/contact", "<p>hello</p>")

    report = await crawl_acme()

    asked = site.paths()
    assert report.ended_by == "done"
    assert sum(path.startswith("/cal") for path in asked) <= 6
    assert sum(path.startswith("/deep") for path in asked) <= 12
    assert "/contact" in asked
    assert report.skipped["same shape"]


async def test_redirects_that_never_arrive(site: Web, crawl_acme) -> None:
    site.route("/", links("/self", "/chain/a", "/ping"))
    site.route("/self", redirect("/self", 301))
    site.route("/ping", redirect("/pong"))
    site.route("/pong", redirect("/ping"))
    names = "abcdefghijklmnopqrstuvwxyz"
    for here, there in itertools.pairwise(names):
        site.route(f"/chain/{here}", redirect(f"/chain/{there}", 307))

    report = await crawl_acme()

    assert report.ended_by == "done"
    assert [path for path in site.paths() if path.startswith("/chain")] == [f"/chain/{name}" for name in "abcdef"]
    assert report.skipped["redirects"] == 1
    assert pages_of(report) == ["http://acme.test/"]


async def test_a_page_of_a_hundred_thousand_links(site: Web, crawl_acme) -> None:
    filler = "".join(f"<a href=/x/{number}>x</a>" for number in range(100_000))
    assert len(filler) > 1_950_000
    site.route("/", filler[:1_900_000] + '<a href="/kontakt">Kontakt</a>' + filler[1_900_000:1_950_000])
    site.route("/kontakt", "<p>hello</p>")
    began = time.monotonic()

    report = await crawl_acme(budget=Budget(pages=3))

    assert site.paths()[:2] == ["/", "/kontakt"]
    assert report.pages == 2
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("hostile", "kept"),
    [
        (endless_chunked, True),
        (ten_gigabytes, True),
        (gzip_bomb, True),
        (empty_members, False),
        (header_block, False),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_page_without_end_is_cut_at_its_budget(site: Web, crawl_acme, hostile, kept: bool) -> None:
    site.route("/", links("/about", "/contact"))
    site.route("/contact", hostile(tell=site))
    site.route("/about", "<p>hello</p>")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    report = await crawl_acme(budget=Budget(page_bytes=500_000))

    found = {found.uri: len(found.body) for found in read_pages(str(report.warc), Counter())}
    assert found.get("http://acme.test/contact", 0) == (500_000 if kept else 0)
    assert found["http://acme.test/about"]
    assert site.sent < 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


async def test_dripping_pages_end_the_crawl_and_not_the_day(site: Web, crawl_acme) -> None:
    site.route("/", links(*(f"/{letter}" for letter in "abcdefghij")))
    site.route("/*", byte_a_second(0.05))
    site.route("/robots.txt", status(404))
    site.route("/sitemap.xml", status(404))
    began = time.monotonic()

    report = await crawl_acme(budget=Budget(request_seconds=0.2, seconds=20))

    assert report.ended_by == "errors"
    assert report.skipped["timeout"] == 5
    assert pages_of(report) == ["http://acme.test/"]
    assert time.monotonic() - began < 10


async def test_two_hundred_nested_frames(site: Web, crawl_acme) -> None:
    names = [f"/{a}{b}" for a in "abcdefghijklmn" for b in "opqrstuvwxyz"]
    site.route("/", f'<frameset><frame src="{names[0]}"></frameset>')
    for here, there in itertools.pairwise(names):
        site.route(here, f'<iframe src="{there}"></iframe>')

    report = await crawl_acme()

    assert (report.ended_by, report.pages) == ("done", 4)


SITEMAPS = {
    "billion laughs": (billion_laughs(), {"sitemap declares entities": 1}),
    "external entity": (external_entity("/etc/passwd"), {"sitemap declares entities": 1}),
    "an index of itself": (sitemap(*["http://acme.test/sitemap.xml"] * 50, index=True), {}),
    "indexes without end": (sitemap(*(f"http://acme.test/sitemap-{n}.xml" for n in range(500)), index=True), {}),
    "an HTML page": (b"<html><p>not found</p></html>", {"sitemap not a sitemap": 1}),
    "unclosed": (b"<urlset>" + b"<loc>" * 200_000, {}),
    "one long URL": (b"<urlset><loc>http://acme.test/" + b"a" * 3_000_000 + b"</loc>", {}),
}


@pytest.mark.parametrize("name", SITEMAPS)
async def test_sitemaps_that_mean_harm(site: Web, crawl_acme, name: str) -> None:
    body, skipped = SITEMAPS[name]
    site.route("/", "<p>hello</p>")
    site.route("/sitemap.xml", page(body, content_type="application/xml"))
    site.route("/sitemap-*", page(body, content_type="application/xml"))
    began = time.monotonic()

    report = await crawl_acme()

    assert report.skipped == skipped
    assert pages_of(report) == ["http://acme.test/"]
    assert not any("root:" in request.target or "passwd" in request.target for request in site.asked)
    assert sum(request.target.startswith("/sitemap") for request in site.asked) <= 3
    assert time.monotonic() - began < 5


async def test_a_gzipped_sitemap_of_a_gigabyte(site: Web, crawl_acme) -> None:
    site.route("/", "<p>hello</p>")
    site.route("/robots.txt", page("Sitemap: http://acme.test/sitemap.xml.gz", content_type=TEXT))
    bomb = gzip_bomb(1 << 30, tell=site)

    async def as_file(request, writer) -> None:
        # The same bytes as a file of their own, not as an encoding of the answer.
        write = writer.write
        writer.write = lambda data: write(data.replace(b"Content-Encoding: gzip\r\n", b""))
        await bomb(request, writer)

    site.route("/sitemap.xml.gz", as_file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()

    report = await crawl_acme(budget=Budget(seconds=30, request_seconds=15))

    assert pages_of(report) == ["http://acme.test/"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert time.monotonic() - began < 30


async def test_the_event_loop_stays_responsive(site: Web, crawl_acme) -> None:
    """A crawl runs beside the API: what it does with a page must not hold up others."""
    site.route("/", links("/big") + "<a href=/x>" * 30_000)
    site.route("/big", "<a href=/kontakt/y>team</a>" * 70_000)
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - began - 0.005)

    watcher = asyncio.create_task(watch())
    try:
        report = await crawl_acme()
    finally:
        watcher.cancel()

    assert report.pages == 2
    assert worst < 1.0


async def test_a_body_that_breaks_off_is_no_page(site: Web, crawl_acme) -> None:
    site.route(
        "/",
        endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\n<p>", lambda: iter([b"x"])),
    )

    report = await crawl_acme()

    assert report.warc is None
    assert report.skipped["broken"] == 1
