"""The page that lists whom one can write to at a domain: read, filtered, paged, taken home as CSV, and never more than was paid for."""

import csv
import io
import re
from urllib.parse import quote

import pytest

from accounts.conftest import NOW
from vizsla.accounts.quota import get_usage
from vizsla.accounts.store import Plan, set_plan
from vizsla.harvest.records import Fact, Sighting
from vizsla.index.merge import Merge
from vizsla.privacy.claims import Claims
from web.conftest import SECRET, Site

SCRIPT = '<img src=x onerror="window.__xss=1">'


async def used(site: Site, name: str = "a") -> int:
    return (await get_usage(site.stores.app, site.members[name].account_id, site.clock.now())).searches


async def learn(site: Site, *sightings: Sighting, facts: tuple[Fact, ...] = ()) -> None:
    merging = Merge(sightings=list(sightings), facts=list(facts), claims=Claims(SECRET), today=NOW)
    while merging.has_more:
        async with site.stores.index.write() as conn:
            await merging.step(conn)


def addresses(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><span class="mono">([^<]+)</span>', text)


async def test_a_domain_is_shown_page_by_page(site: Site) -> None:
    browser = await site.person("a")
    asked = await browser.get("/search?domain=https%3A%2F%2FAcme.example%2Fteam")
    first = await browser.follow(asked)
    assert "25 addresses" in first.words and "1 to 20 of 25" in first.words
    second = await browser.get(re.search(r'href="([^"]+)" rel="next"', first.text)[1].replace("&amp;", "&"))  # type: ignore[index]
    assert "21 to 25 of 25" in second.words
    seen = addresses(first.text) + addresses(second.text)
    assert len(seen) == len(set(seen)) == 25
    assert 'href="https://acme.example/team/3"' in first.text + second.text


async def test_filters_are_kept_from_page_to_page_and_wrong_ones_are_left_out(site: Site) -> None:
    browser = await site.person("a")
    filtered = await browser.get(
        "/domain/acme.example?seniority=executive&seniority=nonsense&type=&offset=-1&job_title="
    )
    assert "1 to 5 of 5" in filtered.words
    assert 'value="executive" selected' in filtered.text and "nonsense" not in filtered.text
    none = await browser.get("/domain/acme.example?department=legal")
    assert none.status == 200 and "No address fits these filters" in none.words
    for offset in ("9" * 40, "٣", "1e3", "%00"):
        assert (await browser.get(f"/domain/acme.example?offset={offset}")).status == 200


async def test_what_pages_said_is_shown_as_text(site: Site) -> None:
    hostile = Sighting(
        "evil.example", "ann.lee", "javascript:alert(1)", NOW - 9_000, NOW - 1_000, "mailto",
        first_name="Ann", last_name="Lee", name_score=3, position=f"CEO {SCRIPT}",
    )  # fmt: skip
    fact = Fact("evil.example", "organization", f"Evil {SCRIPT}", "https://evil.example/", NOW, 3)
    await learn(site, hostile, facts=(fact,))
    page = await (await site.person("a")).get("/domain/evil.example")
    assert "CEO" in page.words and "<img src=x" not in page.text
    assert 'href="javascript:' not in page.text
    asked = await (await site.person("a")).get("/search?domain=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    assert asked.status == 404 and "<img src=x" not in asked.text


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 200, "domain"),
        ("No Such Company", 404, "No company called No Such Company is known here"),
        ("not a/domain", 422, "domain"),
        ("\x00.example", 422, "domain"),
    ],
)
async def test_what_cannot_be_searched_gets_a_sentence(site: Site, text: str, status: int, words: str) -> None:
    answer = await (await site.person("a")).get(f"/search?domain={quote(text)}")
    assert answer.status == status and words in answer.words


async def test_an_unknown_domain_offers_a_crawl_and_costs_nothing(site: Site) -> None:
    page = await (await site.person("a")).get("/domain/unheard-of.example")
    assert "Nothing is known of unheard-of.example" in page.words
    assert '<input type="hidden" name="domain" value="unheard-of.example"><button>Crawl' in page.text
    assert await used(site) == 0


async def test_the_file_holds_all_of_it_and_no_formula(site: Site) -> None:
    await learn(
        site,
        *(
            Sighting("big.example", f"p{number}.lee", "https://big.example/", NOW - 9_000, NOW - 1_000, "mailto",
                     first_name="P", last_name="Lee", name_score=3, position="=HYPERLINK(1)")
            for number in range(230)
        ),
    )  # fmt: skip
    answer = await (await site.person("a")).get("/domain/big.example/export.csv")
    assert answer.header("content-type").startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len({row["email"] for row in rows}) == 230
    assert {row["position"] for row in rows} <= {"'=Hyperlink(1)", ""}
    assert rows[0]["sources"] == "https://big.example/" and rows[0]["n_sources"] == "1"
    assert await used(site) == 3


async def test_a_file_that_cannot_be_paid_for_is_not_begun(site: Site) -> None:
    await learn(
        site,
        *(
            Sighting("big.example", f"p{number}", "https://big.example/", NOW - 9_000, NOW - 1_000, "mailto")
            for number in range(230)
        ),
    )
    async with site.stores.app.write() as conn:
        await set_plan(conn, site.members["a"].account_id, Plan(plan_searches=2))
    browser = await site.person("a")
    answer = await browser.get("/domain/big.example/export.csv")
    assert answer.status == 429 and "The plan of this period is used up" in answer.words
    answered = await browser.get("/domain/globex.example")
    assert answered.status == 200
    refused = await browser.get("/domain/d1.example")
    assert refused.status == 429 and "It is whole again on" in refused.words


async def test_pages_keep_the_pace_of_the_api(site: Site) -> None:
    async with site.stores.app.write() as conn:
        await set_plan(conn, site.members["b"].account_id, Plan(rate_search="1/min"))
    browser = await site.person("b")
    assert (await browser.get("/domain/globex.example")).status == 200
    for target in ("/domain/globex.example", "/domain/globex.example/export.csv"):
        again = await browser.get(target)
        assert again.status == 429 and "too fast" in again.words


async def test_a_link_from_elsewhere_asks_nothing(site: Site) -> None:
    browser = await site.person("a")
    for target in ("/search?domain=acme.example", "/domain/acme.example", "/domain/acme.example/export.csv"):
        page = await browser.get(target, sec_fetch_site="cross-site")
        assert page.status == 200 and 'value="acme.example"' in page.text
        assert "25 addresses" not in page.words and "ann.lee" not in page.text
    assert await used(site) == 0
