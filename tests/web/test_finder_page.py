"""The finder's page: the answer and what it rests on, what is said when there is none, and what is not asked at all."""

from urllib.parse import quote

import pytest

from vizsla.accounts.quota import get_usage
from vizsla.accounts.store import Plan, set_plan
from vizsla.erasure import claim
from vizsla.harvest.records import Sighting
from vizsla.index.merge import merge
from vizsla.privacy.claims import Claims, load_claims, parse_claimed
from web.conftest import SECRET, Site

HOSTILE = '"><img src=x onerror=alert(1)>'


async def used(site: Site, name: str = "a") -> int:
    return (await get_usage(site.stores.app, site.members[name].account_id, site.clock.now())).searches


async def test_the_form_asks_nothing(site: Site) -> None:
    page = await (await site.person("a")).get("/finder")

    assert page.status == 200
    assert "Who are you looking for?" in page.words
    assert await used(site) == 0


async def test_an_address_that_was_seen_comes_with_its_sources_and_reasons(site: Site) -> None:
    page = await (await site.person("a")).get("/finder?full_name=Bob+Ray&where=acme.example")

    assert page.status == 200, page.words
    assert "bob.ray1@acme.example" in page.words or "bob.ray11@acme.example" in page.words
    for words in ("% likely", "Sources", "first seen", "What moved the score", "Seen with this name"):
        assert words in page.words
    assert 'method="post" action="/verifier"' in page.text
    assert await used(site) == 1


async def test_a_company_will_do_and_so_will_two_fields_for_the_name(site: Site) -> None:
    page = await (await site.person("a")).get("/finder?first_name=Bob&last_name=Ray&company=Acme")

    assert "@acme.example" in page.words


async def test_the_explanation_has_candidates_and_examples(site: Site) -> None:
    people = [("nora", "quill"), ("otto", "brandt"), ("ida", "moll"), ("hal", "roe"), ("di", "fox")]
    seen = [
        Sighting("kestrel.example", f"{first}.{last}", f"https://kestrel.example/{first}", site.clock.now() - 99,
                 site.clock.now() - 9, "mailto", first_name=first.title(), last_name=last.title(), name_score=3)
        for first, last in people
    ]  # fmt: skip
    async with site.stores.index.write() as conn:
        await merge(conn, sightings=seen, facts=[], claims=Claims(SECRET), today=site.clock.now())
    page = await (await site.person("a")).get("/finder?full_name=Jane+Doe&where=https://www.kestrel.example/team")

    assert page.status == 200
    for words in (
        "jane.doe@kestrel.example",
        "None of these",
        "{first}.{last}",
        "nora.quill@kestrel.example",
        "For it:",
    ):
        assert words in page.words
    assert page.text.count("<progress") > 3
    assert "style=" not in page.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("full_name=&where=acme.example", "Type the name"),
        ("full_name=Bob+Ray&where=", "Type the company"),
        ("full_name=4&where=acme.example", "full_name"),
        ("full_name=Bob+Ray&where=a..b", "not a domain name"),
        ("full_name=Bob+Ray&where=http%3A%2F%2F127.0.0.1%2F", "not a domain name"),
        ("full_name=Bob%00Ray&where=%ff%00.com", ""),
    ],
)
async def test_what_will_not_do_is_said_beside_the_form(site: Site, query: str, words: str) -> None:
    page = await (await site.person("a")).get(f"/finder?{query}")

    assert page.status in (200, 422)
    assert words.lower() in page.words.lower()
    assert 'name="full_name"' in page.text
    assert await used(site) == 0


async def test_nobody_found_says_what_to_do_and_is_free(site: Site) -> None:
    page = await (await site.person("a")).get("/finder?full_name=Bob+Ray&where=No+Such+Company")

    assert page.status == 200
    assert "No address is likely enough" in page.words
    assert "Search a domain" in page.words
    assert await used(site) == 0


async def test_hostile_words_stay_words(site: Site) -> None:
    browser = await site.person("a")
    async with site.stores.index.write() as conn:
        sighting = Sighting("kestrel.example", "nora.quill", f"javascript:{HOSTILE}", site.clock.now() - 9, site.clock.now() - 9,
                            "mailto", first_name="Nora", last_name="Quill", name_score=3, position=HOSTILE)  # fmt: skip
        await merge(conn, sightings=[sighting], facts=[], claims=Claims(SECRET), today=site.clock.now())
    for target in (
        f"/finder?full_name={quote(HOSTILE)}&where={quote(HOSTILE)}",
        "/finder?full_name=Nora+Quill&where=kestrel.example",
        f"/finder?full_name=Nora+Quill&where={quote(HOSTILE)}.example",
    ):
        page = await browser.get(target)
        assert page.status in (200, 422)
        assert "<img" not in page.text
        assert 'href="javascript:' not in page.text


async def test_a_used_up_plan_says_when_it_is_whole_again(site: Site) -> None:
    async with site.stores.app.write() as conn:
        await set_plan(conn, site.members["a"].account_id, Plan(plan_searches=0))
    page = await (await site.person("a")).get("/finder?full_name=Bob+Ray&where=acme.example")

    assert page.status == 429
    assert "whole again on" in page.words
    assert "bob.ray" not in page.words


async def test_the_pace_is_the_plans(site: Site) -> None:
    async with site.stores.app.write() as conn:
        await set_plan(conn, site.members["a"].account_id, Plan(rate_search="1/min"))
    browser = await site.person("a")
    pages = [await browser.get("/finder?full_name=Bob+Ray&where=acme.example") for _ in range(2)]

    assert [page.status for page in pages] == [200, 429]
    assert "too fast" in pages[1].words


async def test_a_link_from_elsewhere_asks_nothing(site: Site) -> None:
    page = await (await site.person("a")).get(
        "/finder?full_name=Bob+Ray&where=acme.example", sec_fetch_site="cross-site"
    )

    assert 'value="Bob Ray"' in page.text
    assert "% likely" not in page.words
    assert await used(site) == 0


async def test_whoever_said_stop_is_not_found(site: Site) -> None:
    services = site.house.services
    await claim(site.stores, services.claims, parse_claimed("acme.example"), site.clock)
    services.claims = await load_claims(site.stores.app, SECRET)
    page = await (await site.person("a")).get("/finder?full_name=Bob+Ray&where=acme.example")

    assert page.status == 422 or page.status == 451
    assert "asked us" in page.words
    assert "bob.ray" not in page.words


async def test_a_stranger_signs_in_first(site: Site) -> None:
    answer = await site.stranger().get("/finder?full_name=Bob+Ray&where=acme.example")

    assert answer.status == 303
    assert answer.header("location").startswith("/login?next=/finder")
