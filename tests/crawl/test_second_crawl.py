"""A second crawl says what is still there, what has changed and what is gone, and changes nothing when the site fails."""

from collections import Counter

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawl.conftest import FixedClock
from vizsla.crawl.pages import CrawledPage, is_gone, missing
from vizsla.crawl.report import Budget, CrawlReport
from vizsla.crawl.warc_writer import IDENTICAL, NOT_MODIFIED
from vizsla.harvest.sources import find_sources
from vizsla.harvest.warc import read_captures
from vizsla.kit.clock import DAY
from worlds.web import Web, links, page, redirect, status, tagged

FIRST, LATER = 1_790_000_000, 1_790_000_000 + 10 * DAY
CONTACT, TEAM = "http://acme.test/contact", "http://acme.test/team"


@pytest.fixture(autouse=True)
def two_pages(site: Web) -> None:
    site.route("/", links("/contact", "/team"))
    site.route("/contact", tagged("<p>info@acme.test</p>", '"v1"'))
    site.route("/team", "<p>jane@acme.test</p>")


def known(report: CrawlReport) -> dict[str, CrawledPage]:
    return {state.uri: state for state in report.states}


def captures(report: CrawlReport) -> dict[str, tuple[bool, str, int]]:
    """Of each URI as harvest sees it: whether there is a body, its digest, when."""
    if report.warc is None:
        return {}
    (source,) = find_sources([str(report.warc)])
    dropped: Counter[str] = Counter()
    found = {it.uri: (it.body is not None, it.digest, it.fetched_at) for it in read_captures(source, dropped)}
    assert not dropped
    return found


async def test_what_is_unchanged_becomes_a_revisit_of_the_first_capture(site: Web, crawl_acme) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    before = captures(first)
    site.asked.clear()

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    asked = {request.target: request.headers for request in site.asked}
    assert asked["/contact"]["if-none-match"] == '"v1"'
    assert "if-none-match" not in asked["/team"]
    assert (second.pages, second.unchanged) == (3, 3)
    assert captures(second) == {uri: (False, digest, LATER) for uri, (_, digest, _) in before.items()}
    profiles = {}
    assert second.warc
    with second.warc.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "revisit":
                headers = record.rec_headers
                assert headers["WARC-Refers-To-Target-URI"] == headers["WARC-Target-URI"]
                assert headers["WARC-Refers-To-Date"] == "2026-09-21T14:13:20Z"
                profiles[headers["WARC-Target-URI"]] = headers["WARC-Profile"]
    assert profiles == {"http://acme.test/": IDENTICAL, CONTACT: NOT_MODIFIED, TEAM: IDENTICAL}


async def test_a_third_crawl_still_refers_to_the_first_capture(site: Web, crawl_acme) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    third = await crawl_acme(clock=FixedClock(LATER + DAY), known=known(second))

    assert third.unchanged == 3
    assert {state.captured_at for state in third.states} == {FIRST}
    assert {state.fetched_at for state in third.states} == {LATER + DAY}


async def test_a_changed_page_is_captured_anew(site: Web, crawl_acme) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/contact", tagged("<p>hello@acme.test</p>", '"v2"'))

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    body, digest, when = captures(second)[CONTACT]
    assert (body, when) == (True, LATER)
    assert digest != known(first)[CONTACT].digest
    assert known(second)[CONTACT].etag == '"v2"'


async def test_new_links_are_found_and_old_pages_that_nothing_links_to_any_more(site: Web, crawl_acme) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/", links("/contact", "/people"))
    site.route("/people", "<p>new</p>")

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    assert captures(second)["http://acme.test/people"][0] is True
    assert captures(second)[TEAM][0] is False


@pytest.mark.parametrize("home", ["/", "/en/"])
async def test_the_links_of_an_unchanged_home_page_are_followed_again(site: Web, crawl_acme, home: str) -> None:
    site.route("/", redirect("/en/"))
    site.route(home, tagged(links("/contact", "/team"), '"home"'))
    first = await crawl_acme(clock=FixedClock(FIRST), budget=Budget(pages=1))
    assert list(captures(first)) == [f"http://acme.test{home}"]

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    assert {CONTACT, TEAM} < set(captures(second))


@pytest.mark.parametrize("answer", [status(404), status(410), redirect("/", 301)], ids=["404", "410", "moved"])
async def test_a_page_is_gone_when_it_is_missing_on_two_visits_days_apart(site: Web, crawl_acme, answer) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/team", answer)

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))
    same_day = await crawl_acme(clock=FixedClock(LATER + 3_600), known=known(second))
    third = await crawl_acme(clock=FixedClock(LATER + 2 * DAY), known=known(same_day))

    assert second.gone == same_day.gone == []
    assert TEAM not in captures(second)
    (gone,) = third.gone
    assert (gone.uri, gone.domain, gone.fetched_at) == (TEAM, "acme.test", LATER + 2 * DAY)
    assert gone.digest and gone.digest != known(first)[TEAM].digest
    assert TEAM not in known(third)


async def test_a_page_that_comes_back_was_never_gone(site: Web, crawl_acme) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/team", status(404))
    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))
    site.route("/team", "<p>jane@acme.test</p>")

    third = await crawl_acme(clock=FixedClock(LATER + 2 * DAY), known=known(second))

    assert third.gone == []
    assert captures(third)[TEAM] == (False, known(first)[TEAM].digest, LATER + 2 * DAY)
    assert known(third)[TEAM].missing_since is None


@pytest.mark.parametrize("code", [500, 403, 302])
async def test_errors_and_refusals_change_nothing(site: Web, crawl_acme, code: int) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/team", redirect("http://other.test/login") if code == 302 else status(code))

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    assert TEAM not in captures(second)
    assert TEAM not in known(second)
    assert second.gone == []


async def test_a_robots_txt_that_shuts_us_out_changes_nothing(site: Web, crawl_acme) -> None:
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/robots.txt", page("User-agent: *\nDisallow: /", content_type="text/plain"))

    second = await crawl_acme(clock=FixedClock(LATER), known=known(first))

    assert (second.ended_by, second.warc, second.gone, second.states) == ("robots", None, [], [])


def test_missing_is_counted_from_the_first_time() -> None:
    page = CrawledPage(TEAM, 200, FIRST, digest="sha1:X", captured_at=FIRST)

    once = missing(page, 404, LATER)
    twice = missing(once, 410, LATER + DAY)

    assert not is_gone(once)
    assert is_gone(twice)
    assert twice.missing_since == LATER
