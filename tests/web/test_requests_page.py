"""The request log: whose, of which key, with which status, and page by page."""

import re

from vizsla.accounts.keys import create_key, list_keys, revoke_key
from vizsla.accounts.store import Member
from web.conftest import Browser, Site


async def log(site: Site, whose: Member, statuses: list[int], *, key_id: int, path: str = "/v2/domain-search") -> None:
    """Requests of a key, a second apart, the last one newest."""
    for at, status in enumerate(statuses):
        site.house.services.requests.note(
            account_id=whose.account_id, key_id=key_id, member_id=whose.id, at=site.clock.now() - len(statuses) + at,
            method="GET", path=path, call="domain_search", status=status, seconds=0.0123,
            request_id=f"req-{whose.account_id}-{key_id}-{at:04}",
        )  # fmt: skip
    await site.house.services.requests.flush()


async def key_of(site: Site, whose: Member, name: str = "more") -> int:
    async with site.stores.app.write() as conn:
        key = await create_key(conn, whose.account_id, name, now=site.clock.now(), member_id=whose.id)
    return key.id


async def shown(browser: Browser, path: str) -> list[str]:
    """The request ids on a page and on those after it."""
    found: list[str] = []
    while path:
        page = await browser.get(path)
        assert page.status == 200
        found += re.findall(r">(req-[\d-]+)<", page.text)
        link = re.search(r'href="(/requests\?[^"]*)" rel="next"', page.text)
        path = link[1].replace("&amp;", "&") if link else ""
    return found


async def test_each_request_is_a_line_newest_first(site: Site) -> None:
    a = site.members["a"]
    key = await key_of(site, a, "CRM")
    await log(site, a, [200, 429], key_id=key)
    browser = await site.person("a")

    page = await browser.get("/requests")

    for word in ("CRM", "GET /v2/domain-search", "domain_search", "429", "12"):
        assert word in page.words
    assert re.findall(r">(req-[\d-]+)<", page.text) == [f"req-1-{key}-0001", f"req-1-{key}-0000"]


async def test_paging_shows_each_request_once(site: Site) -> None:
    a = site.members["a"]
    key = await key_of(site, a)
    await log(site, a, [200] * 125, key_id=key)
    browser = await site.person("a")

    found = await shown(browser, "/requests")

    assert found == [f"req-1-{key}-{at:04}" for at in reversed(range(125))]


async def test_a_rare_status_is_found_however_far_back(site: Site) -> None:
    a = site.members["a"]
    key = await key_of(site, a)
    await log(site, a, [503, *[200] * 4_100, 404], key_id=key)
    browser = await site.person("a")

    assert await shown(browser, "/requests?status=5") == [f"req-1-{key}-0000"]
    assert await shown(browser, "/requests?status=4") == [f"req-1-{key}-4101"]
    first = await browser.get("/requests?status=5")
    assert "None among these 4,000" in first.words


async def test_the_log_of_one_key(site: Site) -> None:
    a = site.members["a"]
    one, other = await key_of(site, a, "one"), await key_of(site, a, "other")
    await log(site, a, [200, 200], key_id=one)
    await log(site, a, [404], key_id=other)
    browser = await site.person("a")

    assert len(await shown(browser, f"/requests?key={one}")) == 2
    assert await shown(browser, f"/requests?key={other}&status=2") == []
    assert "No request fits" in (await browser.get(f"/requests?key={other}&status=2")).words
    async with site.stores.app.write() as conn:
        await revoke_key(conn, a.account_id, one, site.clock.now())
    assert len(await shown(browser, f"/requests?key={one}")) == 2
    assert f"revoked key {one}" in (await browser.get(f"/requests?key={one}")).words


async def test_members_see_what_their_own_keys_asked(site: Site) -> None:
    a, member = site.members["a"], await site.teammate("m")
    mine, theirs = await key_of(site, a), await key_of(site, member)
    await log(site, a, [200], key_id=mine)
    await log(site, member, [200], key_id=theirs)

    browser = await site.as_member(member)

    assert await shown(browser, "/requests") == [f"req-1-{theirs}-0000"]
    assert (await browser.get(f"/requests?key={mine}")).status == 404
    assert len(await shown(await site.person("a"), "/requests")) == 2


async def test_a_stranger_sees_nothing(site: Site) -> None:
    a = site.members["a"]
    for _ in range(3):
        key = await key_of(site, a)
    await log(site, a, [200], key_id=key)
    stranger = await site.person("b")

    page = await stranger.get("/requests")
    assert "Nothing was asked yet" in page.words
    assert "req-" not in page.text
    assert (await stranger.get(f"/requests?key={key}")).status == 404
    assert (await stranger.get("/requests?key=999")).status == 404


async def test_odd_parameters_are_no_filter(site: Site) -> None:
    a = site.members["a"]
    (first,) = await list_keys(site.stores.app, a.account_id, limit=10)
    await log(site, a, [200], key_id=first.id)
    browser = await site.person("a")

    for query in ("before=99999999999999999999999", "before=-1", "status=9", "status=%00", "key=abc", "key=%C2%B2"):
        assert len(await shown(browser, f"/requests?{query}")) == 1
    assert (await browser.get(f"/requests?key={2**63 - 1}")).status == 404


async def test_a_hostile_path_is_text(site: Site) -> None:
    a = site.members["a"]
    await log(site, a, [404], key_id=await key_of(site, a), path="/v2/<script>window.__xss=1</script>")

    page = await (await site.person("a")).get("/requests")

    assert "<script>window" not in page.text
    assert "&lt;script&gt;window" in page.text
