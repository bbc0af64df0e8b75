"""The plan in plain words, and what was used of it, by whom."""

import pytest

from vizsla.accounts.quota import Share
from vizsla.accounts.rate import parse_limits
from vizsla.accounts.store import Member, Plan, set_plan
from vizsla.web.plan import in_words
from web.conftest import NOW, Site

DAY = 86_400


async def use(site: Site, whose: Member, *, searches: int, at: int = NOW) -> None:
    for number in range(searches):
        assert await site.house.services.meter.charge(
            whose.account_id,
            "searches",
            f"{whose.id} {at} {number}",
            allowed=1_000,
            now=at,
            share=Share(whose.id, None),
        )


async def test_an_unused_plan_says_what_it_allows(site: Site) -> None:
    async with site.stores.app.write() as conn:
        plan = Plan(plan_searches=1_234, plan_verifications=0, rate_search="7/s,300/min", rate_verify="1/h")
        await set_plan(conn, site.members["a"].account_id, plan)

    page = await (await site.person("a")).get("/plan")

    for words in ("1,234 a period", "7 a second and 300 a minute", "1 an hour", "0 of 0", "Nothing was used"):
        assert words in page.words
    assert "2026-12-01" in page.words


async def test_use_is_shown_by_person_and_by_period(site: Site) -> None:
    a, member = site.members["a"], await site.teammate("m")
    await use(site, a, searches=2, at=NOW - 40 * DAY)
    await use(site, a, searches=3)
    await use(site, member, searches=5)

    page = await (await site.person("a")).get("/plan")
    theirs = await (await site.as_member(member)).get("/plan")

    assert page.words.count("8 of ") == 1
    assert page.words.index("m@a.example 5 0") < page.words.index("a@a.example 3 0")
    assert "2026-10-01 2 0" in page.words
    assert "<svg" in page.text
    assert "m@a.example 5 0" in theirs.words
    assert "a@a.example 3 0" not in theirs.words
    assert "m@a.example" not in (await (await site.person("b")).get("/plan")).words


async def test_only_the_operator_is_led_to_change_plans(site: Site) -> None:
    assert 'href="/admin/users"' in (await (await site.person("a")).get("/plan")).text
    assert 'href="/admin/users"' not in (await (await site.person("b")).get("/plan")).text


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("15/s", "15 a second"),
        ("10/s,300/min", "10 a second and 300 a minute"),
        ("1/h,2000/d", "1 an hour and 2,000 a day"),
    ],
)
def test_rates_are_said_in_words(limits: str, words: str) -> None:
    assert in_words(parse_limits(limits)) == words
