"""Keys are made, shown once, renamed, revoked and brought back; by whom they may be."""

import html
import re

import pytest

from vizsla.accounts.keys import create_key, list_keys
from vizsla.accounts.store import Member
from vizsla.accounts.team import remove_member
from web.conftest import Answer, Browser, Site

MARKUP = '"><img src=x onerror="window.__xss=1"><script>window.__xss=1</script>'


async def make(browser: Browser, name: str) -> tuple[Answer, str]:
    """The answer to a new key, and the key."""
    answer = await browser.post("/api-keys", {"name": name})
    found = re.search(r'id="key">([0-9a-f]{40})<', answer.text)
    assert found
    return answer, found[1]


async def ids(site: Site, whose: Member) -> dict[str, int]:
    return {key.name: key.id for key in await list_keys(site.stores.app, whose.account_id, limit=100)}


async def works(site: Site, key: str) -> bool:
    return await site.house.services.keys.find(key) is not None


async def test_a_key_is_on_the_answer_that_made_it_and_nowhere_else(site: Site) -> None:
    browser = await site.person("a")

    answer, key = await make(browser, "CRM import")

    assert answer.header("cache-control") == "no-store"
    assert key not in " ".join(f"{name}: {value}" for name, value in answer.headers)
    assert await works(site, key)
    for path in ("/api-keys", "/", "/requests", "/docs"):
        assert key not in (await browser.get(path)).text
    listed = await browser.get("/api-keys")
    assert f"********{key[-4:]}" in listed.text
    assert "CRM import" in listed.words


async def test_the_examples_of_a_new_key_carry_it(site: Site) -> None:
    answer, key = await make(await site.person("a"), "x")

    curl, python = (
        html.unescape(text) for text in re.findall(r"<pre><code>(.*?)</code></pre>", answer.text, re.DOTALL)
    )

    assert curl == f'curl -H "X-API-KEY: {key}" "http://vizsla.test/v2/domain-search?domain=stripe.com"'
    compile(python, "example", "exec")
    assert key in python


async def test_a_revoked_key_is_dead_at_once_and_comes_back_for_a_minute(site: Site) -> None:
    browser = await site.person("a")
    _, key = await make(browser, "second")
    id_ = (await ids(site, site.members["a"]))["second"]
    assert await works(site, key)

    page = await browser.follow(await browser.post(f"/api-keys/{id_}/revoke"))

    assert not await works(site, key)
    undo = re.search(r'action="(/api-keys/\d+/restore)"', page.text)
    assert undo
    site.clock.at += 30
    assert (await browser.post(undo[1])).status == 303
    assert await works(site, key)
    await browser.post(f"/api-keys/{id_}/revoke")
    site.clock.at += 61
    late = await browser.post(undo[1])
    assert (late.status, await works(site, key)) == (404, False)


async def test_the_last_key_stays_and_the_page_says_so(site: Site) -> None:
    browser = await site.person("a")
    id_ = (await ids(site, site.members["a"]))["first"]
    page = await browser.get("/api-keys")
    assert "/revoke" not in page.text
    assert "cannot be revoked" in page.words

    answer = await browser.post(f"/api-keys/{id_}/revoke")

    assert answer.status == 422
    assert "Create another one first" in answer.words
    assert await works(site, site.keys["a"])


async def test_a_key_gets_another_name(site: Site) -> None:
    browser = await site.person("a")
    id_ = (await ids(site, site.members["a"]))["first"]

    page = await browser.follow(await browser.post(f"/api-keys/{id_}/rename", {"name": " the\n other\0one \u202e"}))

    assert "the other\ufffdone" in page.words
    assert list(await ids(site, site.members["a"])) == ["the other\ufffdone"]


async def test_a_name_with_markup_is_text(site: Site) -> None:
    browser = await site.person("a")
    answer, _ = await make(browser, MARKUP)

    for page in (answer, await browser.get("/api-keys"), await browser.get("/requests?status=2")):
        assert "<img src=x" not in page.text
        assert "<script>window" not in page.text


async def test_a_stranger_finds_no_key(site: Site) -> None:
    mine = (await ids(site, site.members["a"]))["first"]
    async with site.stores.app.write() as conn:
        for at in range(3):
            await create_key(conn, site.members["a"].account_id, f"key {at}", now=site.clock.now())
    newest = max((await ids(site, site.members["a"])).values())
    stranger = await site.person("b")

    for id_ in (newest, 10**18, 2**63, 10**40):
        for what in ("revoke", "rename", "restore"):
            assert (await stranger.post(f"/api-keys/{id_}/{what}", {"name": "x"})).status == 404
    # Numbers are counted per account: B's own key of A's number is B's.
    await stranger.post(f"/api-keys/{mine}/rename", {"name": "mine"})
    assert (await ids(site, site.members["a"]))["first"] == mine


async def test_members_see_and_stop_their_own_keys_alone(site: Site) -> None:
    member = await site.teammate("m")
    browser, manager = await site.as_member(member), await site.as_member(await site.teammate("boss", "admin"))
    _, key = await make(browser, "theirs")
    theirs, others = (await ids(site, member))["theirs"], (await ids(site, member))["first"]

    page = await browser.get("/api-keys")
    assert "theirs" in page.words
    assert "first" not in page.words
    assert "m@a.example" in (await manager.get("/api-keys")).words
    for what in ("revoke", "rename", "restore"):
        assert (await browser.post(f"/api-keys/{others}/{what}", {"name": "x"})).status == 404
    assert await works(site, site.keys["a"])
    assert (await manager.post(f"/api-keys/{theirs}/revoke")).status == 303
    assert not await works(site, key)


async def test_a_key_does_not_bring_back_who_was_removed(site: Site) -> None:
    member = await site.teammate("m")
    _, key = await make(await site.as_member(member), "theirs")
    theirs = (await ids(site, member))["theirs"]
    async with site.stores.app.write() as conn:
        await remove_member(conn, site.members["a"], member.id, site.clock.now())

    answer = await (await site.person("a")).post(f"/api-keys/{theirs}/restore")

    site.house.services.keys.forget()
    assert (answer.status, await works(site, key)) == (404, False)


async def test_many_keys_are_paged(site: Site) -> None:
    async with site.stores.app.write() as conn:
        for at in range(60):
            await create_key(conn, site.members["a"].account_id, f"key {at:02}", now=site.clock.now())
    browser = await site.person("a")

    first = await browser.get("/api-keys")
    link = re.search(r'href="(/api-keys\?offset=\d+)" rel="next"', first.text)
    assert link
    second = await browser.get(link[1])

    shown = re.findall(r"<strong>(key \d\d|first)</strong>", first.text + second.text)
    assert sorted(shown) == sorted([*(f"key {at:02}" for at in range(60)), "first"])
    beyond = await browser.get("/api-keys?offset=9999999999999999999999")
    assert "There are 61 in all" in beyond.words


@pytest.mark.parametrize("path", ["", "/1/revoke", "/1/rename", "/1/restore"])
async def test_another_site_touches_no_key(site: Site, path: str) -> None:
    browser = await site.person("a")
    before = await ids(site, site.members["a"])

    answer = await browser.post(
        f"/api-keys{path}", {"name": "x"}, sec_fetch_site="cross-site", origin="https://evil.test"
    )

    assert answer.status == 403
    assert await ids(site, site.members["a"]) == before
