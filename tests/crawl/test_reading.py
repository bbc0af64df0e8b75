"""What pages, robots.txt and sitemaps say to a crawler; and how long it waits."""

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.crawl.links import MAX_LINKS, read_directives, read_links
from vizsla.crawl.pace import Pace
from vizsla.crawl.robots import MAX_AGE, MAX_DELAY, RobotsCache, parse_robots
from vizsla.crawl.sitemap import MAX_BYTES, parse_sitemap
from vizsla.net.retry_after import DEFAULT_RETRY_AFTER, retry_after
from worlds.web import billion_laughs, external_entity, sitemap

X = "http://acme.test"


def hrefs(html: str) -> list[str]:
    return [link.href for link in read_links(html.encode()).links]


def test_links_are_read_as_a_browser_would_follow_them() -> None:
    html = """<A HREF = '/a'>x</A><a class=b href=/b>y</a><area href="/c"><frame src="/d"><iframe src=/e></iframe>
        <a href="/f?x=1&amp;y=2">z</a><a name=g>g</a><a href="">h</a><a href="#i">i</a><a href="mailto:j@acme.test">j</a>
        <a href="/a">again</a><a rel="noopener nofollow" href="/k">k</a><abbr href="/l">l</abbr><a\nhref="/m">m</a>"""

    assert hrefs(html) == ["/a", "/b", "/c", "/d", "/e", "/f?x=1&y=2", "/m"]


def test_the_text_of_a_link_is_what_is_read_aloud() -> None:
    page = read_links(b'<base href="/de/"><a href="/x"><b>Kon</b>takt &amp; <i>Team</i></a> und mehr')

    assert page.base == "/de/"
    assert page.links[0].text == "Kon takt & Team"


def test_directives_of_a_page_are_read_and_those_for_others_are_not() -> None:
    html = b'<meta name="robots" content="noindex, NOARCHIVE"><meta content=nofollow name=Vizsla><meta name=googlebot content=none>'

    assert read_links(html).directives == {"noindex", "noarchive", "nofollow"}
    assert read_directives("none") >= {"noindex", "nofollow"}
    assert read_directives("vizsla: noarchive") == {"noarchive"}
    assert read_directives("otherbot: noarchive") == frozenset()
    assert "noarchive" in read_directives("noarchive, max-snippet: 5")


def test_a_page_that_says_nofollow_leads_nowhere() -> None:
    assert hrefs('<meta name="robots" content="nofollow"><a href="/a">x</a>') == []


def test_of_too_many_links_the_promising_ones_are_kept() -> None:
    html = "".join(f"<a href=/x{number}>x</a>" for number in range(MAX_LINKS * 3)) + '<a href="/q">Impressum</a>'

    found = hrefs(html)

    assert len(found) == MAX_LINKS
    assert found[0] == "/q"


@pytest.mark.parametrize(
    "piece", [b"<a ", b"<a href=", b"<a href='", b'<a href="x', b"<meta name=robots ", b"<a href=x>", b"<base "]
)
def test_reading_a_hostile_page_costs_one_pass(piece: bytes) -> None:
    body = piece * ((2 << 20) // len(piece))
    began = time.process_time()

    read_links(body)

    assert time.process_time() - began < 5


@given(st.binary(max_size=2_000))
def test_any_bytes_can_be_read(data: bytes) -> None:
    read_links(data)
    parse_sitemap(data)
    parse_robots(data).allows(X)


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [  # RFC 9309 2.2.1 to 2.2.3
        ("User-agent: *\nDisallow: /private", "/private/x", False),
        ("User-agent: *\nDisallow: /private", "/public", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.php$", "/x.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/x.php?y", True),
        ("User-agent: *\nDisallow: /%7Ejane", "/~jane", False),
        ("User-agent: *\nDisallow:", "/x", True),
        ("user-AGENT : vizsla # us\ndisallow : /\n\nUser-agent: *\nAllow: /", "/x", False),
        ("User-agent: VIZSLA/2.0\nDisallow: /", "/x", False),
        ("User-agent: vizslabot\nDisallow: /", "/x", True),
        ("User-agent: googlebot\nDisallow: /", "/x", True),
        ("User-agent: googlebot\nUser-agent: vizsla\nDisallow: /", "/x", False),
        ("User-agent: vizsla\nDisallow: /a\n\nUser-agent: vizsla\nDisallow: /b", "/b", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: vizsla\nAllow: /", "/x", True),
        ("User-agent: other\nDisallow: /a\nUser-agent: *\nDisallow: /b", "/a", True),
        ("Disallow: /", "/x", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("\ufeffUser-agent: *\nDisallow: /", "/x", False),
        ("User-agent: *\rDisallow: /\r", "/x", False),
    ],
)
def test_robots_txt_says_what_rfc_9309_says_it_says(rules: str, path: str, allowed: bool) -> None:
    assert parse_robots(rules.encode()).allows(X + path) is allowed


@pytest.mark.parametrize(
    ("rules", "delay"),
    [
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 86400", MAX_DELAY),
        ("User-agent: *\nCrawl-delay: soon", None),
        ("User-agent: *\nCrawl-delay: nan", None),
        ("User-agent: *\nRequest-rate: 1/10s", 10.0),
        ("User-agent: *\nRequest-rate: 1/10s\nCrawl-delay: 3", 10.0),
        ("User-agent: other\nCrawl-delay: 3", None),
    ],
)
def test_a_crawl_delay_is_honoured_up_to_half_a_minute(rules: str, delay: float | None) -> None:
    assert parse_robots(rules.encode()).delay == delay


def test_a_robots_txt_is_asked_for_again_after_a_day() -> None:
    now = 100.0
    cache = RobotsCache(lambda: now)
    robots = parse_robots(b"")
    cache.keep(X, robots)

    assert cache.find(X) is robots
    assert cache.find("http://other.test") is None
    now += MAX_AGE
    assert cache.find(X) is None


def test_sitemaps_are_read_whole_gzipped_broken_or_as_text() -> None:
    urls = [f"{X}/a", f"{X}/b?c=1&d=2"]
    xml = sitemap(*(url.replace("&", "&amp;") for url in urls))

    assert parse_sitemap(xml).urls == urls
    assert parse_sitemap(gzip.compress(xml)).urls == urls
    assert parse_sitemap(xml[: xml.index(b"</loc></url></urlset>")]).urls == urls[:1]
    assert (
        parse_sitemap(xml.replace(b"<loc>", b"<loc>\n <![CDATA[").replace(b"</loc>", b"]]></loc>")).urls[:1] == urls[:1]
    )
    assert parse_sitemap("\n".join(urls).encode()).urls == urls
    assert parse_sitemap(sitemap(*urls, index=True)).sitemaps == urls


@pytest.mark.parametrize(
    "data",
    [billion_laughs(), external_entity("/etc/passwd"), gzip.compress(billion_laughs())],
    ids=["billion laughs", "external", "gzipped"],
)
def test_a_sitemap_with_entities_of_its_own_is_refused(data: bytes) -> None:
    found = parse_sitemap(data)

    assert (found.urls, found.sitemaps, found.refused) == ([], [], "declares entities")


def test_an_entity_declared_beyond_the_limit_is_not_expanded_either() -> None:
    late = b"<urlset><url><loc>http://acme.test/&x;</loc></url>" + b" " * MAX_BYTES + b'<!ENTITY x "y">'

    assert parse_sitemap(late).urls == [f"{X}/&x;"]


def test_the_wait_is_the_delay_or_twice_the_answer() -> None:
    pace = Pace(1.0)

    assert pace.ready_at("a") == 0
    for _ in range(50):
        pace = Pace(1.0)
        pace.answered("a", 100.0, 0.1, None)
        assert 100.8 <= pace.ready_at("a") <= 101.2
        pace.answered("slow", 100.0, 3.0, None)
        assert pace.ready_at("slow") == 106.0
        pace.answered("asked", 100.0, 0.1, 5.0)
        assert 105.0 <= pace.ready_at("asked") <= 106.0
        pace.hold("a", 200.0)
        pace.answered("a", 150.0, 0.1, None)
        assert pace.ready_at("a") == 200.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 50.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("", DEFAULT_RETRY_AFTER),
        ("soon", DEFAULT_RETRY_AFTER),
        ("-5", DEFAULT_RETRY_AFTER),
        ("9" * 400, DEFAULT_RETRY_AFTER),
        ("٣", DEFAULT_RETRY_AFTER),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float) -> None:
    assert retry_after(value, 50) == seconds
