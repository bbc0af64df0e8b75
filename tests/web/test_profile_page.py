"""What somebody can say of themselves, and what a form that says more changes: nothing."""

import pytest

from vizsla.accounts.store import create_user, find_member
from web.conftest import Site

MARKUP = '<img src=x onerror="window.__xss=1">'


async def test_a_name_is_saved_and_greets(site: Site) -> None:
    browser = await site.person("a")

    answer = await browser.post("/settings/profile", {"first_name": " Ada ", "last_name": "Byron"})

    page = await browser.follow(answer)
    assert 'value="Ada"' in page.text
    assert "Your name is saved." in page.words
    assert "Hello, Ada" in (await browser.get("/")).words


async def test_a_form_changes_no_more_than_names(site: Site) -> None:
    async with site.stores.app.write() as conn:
        member = await create_user(conn, "m@a.example", now=site.clock.now(), account_id=site.members["a"].account_id)
    browser = await site.as_member(member)
    form = {
        "first_name": "x", "role": "owner", "plan_level": "99", "team_id": "1", "email_verified": "1", "is_admin": "1",
        "email": "other@a.example", "account_id": "2", "member_id": "1", "id": "1",
    }  # fmt: skip

    answer = await browser.post("/settings/profile", form)

    assert answer.status == 303
    found = await find_member(site.stores.app, member.account_id, member.id)
    assert found is not None
    assert (found.first_name, found.last_name) == ("x", None)
    assert (found.id, found.account_id, found.role, found.is_admin, found.email) == (
        member.id, member.account_id, "member", False, "m@a.example",
    )  # fmt: skip
    assert await find_member(site.stores.app, member.account_id, site.members["a"].id) == site.members["a"]


async def test_a_name_that_is_not_sent_stays_and_an_empty_one_goes(site: Site) -> None:
    browser = await site.person("a")

    await browser.post("/settings/profile", {"last_name": ""})

    found = await find_member(site.stores.app, site.members["a"].account_id, site.members["a"].id)
    assert found is not None
    assert (found.first_name, found.last_name) == ("A", None)


@pytest.mark.parametrize("name", ["a\0b", "a\nb\u202eevil", "x" * 5_000, "\U0001f600", "\u0646\u200c\u0645"])
async def test_odd_names_are_kept_as_one_line_of_text(site: Site, name: str) -> None:
    browser = await site.person("a")

    assert (await browser.post("/settings/profile", {"first_name": name})).status == 303
    found = await find_member(site.stores.app, site.members["a"].account_id, site.members["a"].id)

    assert found is not None
    assert found.first_name is not None
    assert len(found.first_name) <= 100
    assert not set(found.first_name) & set("\0\n\u202e")
    assert ("\u200c" in found.first_name) == ("\u200c" in name)


async def test_a_name_with_markup_is_text_on_every_page(site: Site) -> None:
    browser = await site.person("a")
    await browser.post("/settings/profile", {"first_name": MARKUP, "last_name": '"><script>window.__xss=1</script>'})

    for path in ("/", "/settings/profile", "/security"):
        text = (await browser.get(path)).text
        assert "<img src=x" not in text
        assert "<script>window" not in text
    assert "&lt;img src=x" in (await browser.get("/")).text


async def test_a_theme_is_chosen_and_given_back_to_the_system(site: Site) -> None:
    browser = await site.person("a")

    dark = await browser.follow(await browser.post("/theme", {"theme": "dark", "back": "/settings/profile"}))
    system = await browser.follow(await browser.post("/theme", {"theme": "", "back": "/settings/profile"}))

    assert 'data-theme="dark"' in dark.text
    assert 'value="dark" checked' in dark.text
    assert "data-theme=" not in system.text
    assert 'value="" checked' in system.text


async def test_another_site_changes_no_name(site: Site) -> None:
    browser = await site.person("a")

    answer = await browser.post(
        "/settings/profile", {"first_name": "Eve"}, sec_fetch_site="cross-site", origin="https://evil.test"
    )

    assert answer.status == 403
    found = await find_member(site.stores.app, site.members["a"].account_id, site.members["a"].id)
    assert found == site.members["a"]
    assert (await site.stranger().get("/settings/profile")).header("location") == "/login?next=/settings/profile"
