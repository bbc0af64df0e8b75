"""From a crawl to the rows of the harvest: what a second crawl makes of an address that stayed and of one that left."""

from crawl.conftest import FixedClock
from vizsla.crawl.report import CrawlReport
from vizsla.harvest.job import Options, Report, map_file, read_rows
from vizsla.harvest.records import Sighting, Visit
from vizsla.harvest.sources import find_sources
from vizsla.kit.clock import DAY
from worlds.web import Web, links, page, tagged

FIRST, LATER = 1_790_000_000, 1_790_000_000 + 10 * DAY


def harvested(crawled: CrawlReport) -> tuple[dict[str, Sighting], dict[str, Visit]]:
    assert crawled.warc
    (source,) = find_sources([str(crawled.warc)])
    rows = [row for batch in map_file(source, Options(), Report()) for row in read_rows(batch)]
    sightings = {row.local: row for row in rows if isinstance(row, Sighting)}
    return sightings, {row.uri: row for row in rows if isinstance(row, Visit)}


async def test_an_address_that_stayed_is_seen_by_a_visit_and_one_that_left_is_not(site: Web, crawl_acme) -> None:
    site.route("/", links("/contact", "/team", "/secret"))
    site.route("/contact", tagged("<p>Write to info@acme.com</p>", '"v1"'))
    site.route("/team", "<p>Jane Doe, CEO, jane.doe@acme.com</p>")
    site.route("/secret", page("<p>hidden@acme.com</p>", headers="X-Robots-Tag: noindex\r\n"))
    first = await crawl_acme(clock=FixedClock(FIRST))
    site.route("/team", "<p>John Roe, CEO, john.roe@acme.com</p>")
    second = await crawl_acme(clock=FixedClock(LATER), known={state.uri: state for state in first.states})

    before, visits_before = harvested(first)
    after, visits_after = harvested(second)

    assert set(before) == {"info", "jane.doe"}
    assert set(after) == {"john.roe"}
    contact, team = "http://acme.test/contact", "http://acme.test/team"
    assert visits_after[contact].fetched_at == LATER
    assert visits_after[contact].digest == visits_before[contact].digest
    assert visits_after[team].digest != visits_before[team].digest
