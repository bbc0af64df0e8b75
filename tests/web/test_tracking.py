"""What stands in mails: pixels, links and the way out. Looking counts, once; nothing but a POST ends it; nobody can make one up."""

import pytest

from vizsla.campaigns.links import put_links
from vizsla.campaigns.tracking import Tokens
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import is_suppressed
from web.conftest import SECRET, Answer, Browser, Site
from worlds.campaign import CAMPAIGN, SENT_AT, World, make_world, put_campaign, put_message, put_recipient

LINK = "https://roofs.test/offer?a=1&b=2"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148"
BOB = "bob@target.test"
TOKENS, CLAIMS = Tokens(SECRET), Claims(SECRET)


@pytest.fixture
async def world(site: Site) -> World:
    site.clock.at = SENT_AT + 100
    world = await make_world(site.stores, site.members["a"])
    async with site.stores.app.write() as conn:
        assert await put_links(conn, world.account_id, CAMPAIGN, [LINK]) == {LINK: 1}
    return world


async def look(site: Site, target: str, method: str = "GET", **headers: str) -> Answer:
    """From a mail program: no cookie, nothing else a browser of ours says."""
    browser = site.stranger()
    answer = await browser.send(method, target, **({"user-agent": PHONE} | headers))
    assert browser.cookies == {}
    await site.house.sightings.flush()
    return answer


async def events(world: World) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await world.rows("SELECT kind, actor FROM event ORDER BY kind, actor")]


async def test_a_picture_is_counted_once_and_tells_nothing(site: Site, world: World) -> None:
    token = TOKENS.open_token(world.account_id, 11)
    answers = [await look(site, f"/t/o/{token}.gif") for _ in range(3)]
    unknown = [
        await look(site, f"/t/o/{wrong}.gif")
        for wrong in (
            "x",
            TOKENS.open_token(world.account_id, 4_711),
            Tokens(b"1" * 64).open_token(world.account_id, 11),
        )
    ]

    for answer in answers + unknown:
        assert (answer.status, answer.header("content-type"), len(answer.content)) == (200, "image/gif", 43)
        assert answer.header("cache-control") == "no-store"
        assert answer.content == answers[0].content
    assert sorted(answers[0].headers) == sorted(unknown[0].headers)
    assert await events(world) == [("open", "human")]
    assert await world.row("recipient", 1, "opened_at") == (SENT_AT + 100,)


@pytest.mark.parametrize(
    ("agent", "actor", "opened_at"),
    [
        ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "proxy", SENT_AT + 100),
        ("Mozilla/5.0", "bot", None),
        ("", "bot", None),
        ("Barracuda Sentinel (EE)", "bot", None),
        ("python-requests/2.40", "bot", None),
    ],
)
async def test_machines_are_told_from_people(
    site: Site, world: World, agent: str, actor: str, opened_at: int | None
) -> None:
    await look(site, f"/t/o/{TOKENS.open_token(world.account_id, 11)}.gif", **{"user-agent": agent})

    assert await events(world) == [("open", actor)]
    assert await world.row("recipient", 1, "opened_at") == (opened_at,)


async def test_what_is_fetched_in_case_of_need_is_nobodys_look(site: Site, world: World) -> None:
    pixel = f"/t/o/{TOKENS.open_token(world.account_id, 11)}.gif"
    click = f"/t/c/{TOKENS.click_token(world.account_id, CAMPAIGN, 11, 1)}"
    for target in (pixel, click):
        assert (await look(site, target, "HEAD")).status in (200, 302)
        await look(site, target, **{"sec-purpose": "prefetch;prerender"})
        await look(site, target, purpose="prefetch")

    assert await events(world) == []


async def test_a_link_leads_where_the_campaign_says_and_nowhere_else(site: Site, world: World) -> None:
    token = TOKENS.click_token(world.account_id, CAMPAIGN, 11, 1)
    for target in (f"/t/c/{token}", f"/t/c/{token}?u=https://evil.test", f"/t/c/{token}&url=//evil.test"):
        answer = await look(site, target)
        assert (answer.status, answer.header("location")) == (302, LINK), target
        assert answer.header("cache-control") == "no-store"
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for target in (
        f"/t/c/{flipped}",
        f"/t/c/{token}x",
        f"/t/c/{token}/",
        f"/t/c/{token}%0d%0aX:y",
        "/t/c/aHR0cHM6Ly9ldmlsLnRlc3Q=",
        "/t/c/?u=https://evil.test",
        f"/t/c/{TOKENS.open_token(world.account_id, 11)}",
        f"/t/c/{TOKENS.click_token(world.account_id, CAMPAIGN, 11, 2)}",
        f"/t/c/{TOKENS.click_token(world.account_id, CAMPAIGN + 1, 11, 1)}",
    ):
        answer = await look(site, target)
        assert (answer.status, answer.header("location")) == (404, ""), target

    assert await events(world) == [("click", "human")]
    assert await world.row("recipient", 1, "clicked_at, opened_at") == (SENT_AT + 100, SENT_AT + 100)


async def test_who_tries_tokens_is_slowed_and_others_are_not(site: Site, world: World) -> None:
    statuses = [(await look(site, f"/t/c/{'A' * 40}{number}")).status for number in range(70)]
    assert statuses[0] == 404
    assert statuses[-1] == 429

    answer = await look(site, f"/t/c/{TOKENS.click_token(world.account_id, CAMPAIGN, 11, 1)}")
    assert answer.status == 302


FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
BODIES = (
    (FORM, b"List-Unsubscribe=One-Click"),
    (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'),
)


@pytest.mark.parametrize(("headers", "body"), BODIES, ids=("form", "multipart"))
async def test_one_click_ends_it_without_cookie_or_question(
    site: Site, world: World, headers: dict[str, str], body: bytes
) -> None:
    async with site.stores.app.write() as conn:
        await put_message(conn, world.account_id, 20, 1, step=1, state="retry", sent_at=None)
    target = f"/u/{TOKENS.unsubscribe_token(world.account_id, 1, BOB)}"

    for _ in range(2):
        answer = await site.stranger().send("POST", target, body, accept="*/*", origin="https://mail.test", **headers)
        assert (answer.status, answer.header("set-cookie"), answer.header("location")) == (200, "", "")

    assert await world.row("recipient", 1, "sending_status, state, due") == ("unsubscribed", "stopped", None)
    assert await world.row("message", 20, "state") == ("canceled",)
    assert await is_suppressed(site.stores.app, CLAIMS, world.account_id, BOB) == "unsubscribe"


async def test_looking_at_the_page_changes_nothing(site: Site, world: World) -> None:
    target = f"/u/{TOKENS.unsubscribe_token(world.account_id, 1, BOB)}"

    for method in ("GET", "HEAD"):
        assert (await look(site, target, method)).status == 200

    assert await world.rows("SELECT 1 FROM suppression") == []
    page = await site.stranger().get(target)
    assert "alice@sender.test" in page.words
    assert f'action="{target}"' in page.text


async def press(browser: Browser, target: str, **headers: str) -> Answer:
    return await browser.post(target, {}, **headers)


async def test_who_changes_their_mind_says_so_on_the_page_alone(site: Site, world: World) -> None:
    target = f"/u/{TOKENS.unsubscribe_token(world.account_id, 1, BOB)}"
    left = await press(site.stranger(), target)
    assert "I changed my mind" in left.words

    assert (await look(site, f"{target}/stay")).status == 405
    for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": "https://evil.test"}):
        answer = await site.stranger().send("POST", f"{target}/stay", b"", **headers)
        assert answer.status == 403
    assert await is_suppressed(site.stores.app, CLAIMS, world.account_id, BOB) == "unsubscribe"

    answer = await press(site.stranger(), f"{target}/stay")
    assert answer.status == 303
    assert await is_suppressed(site.stores.app, CLAIMS, world.account_id, BOB) is None
    # Nobody goes on by themselves: it was the campaign that ended.
    assert await world.row("recipient", 1, "state, unsubscribed_at") == ("stopped", None)


async def test_the_way_out_is_open_when_the_campaign_is_gone(site: Site, world: World) -> None:
    target = f"/u/{TOKENS.unsubscribe_token(world.account_id, 4_711, 'eve@gone.test')}"

    assert (await press(site.stranger(), target)).status == 200

    assert await is_suppressed(site.stores.app, CLAIMS, world.account_id, "eve@gone.test") == "unsubscribe"


async def test_a_way_out_that_was_not_given_leads_nowhere(site: Site, world: World) -> None:
    token = TOKENS.unsubscribe_token(world.account_id, 1, BOB)
    for wrong in (token[:-2] + "AA", token + "A", TOKENS.open_token(world.account_id, 11), "A" * 60):
        assert (await press(site.stranger(), f"/u/{wrong}")).status == 404
        assert (await look(site, f"/u/{wrong}")).status == 404

    assert await world.rows("SELECT 1 FROM suppression") == []


async def test_one_accounts_leaving_is_not_anothers(site: Site, world: World) -> None:
    other = site.members["b"].account_id
    async with site.stores.app.write() as conn:
        await put_campaign(conn, other, 5)
        await put_recipient(conn, other, 1, BOB, 5)

    await press(site.stranger(), f"/u/{TOKENS.unsubscribe_token(world.account_id, 1, BOB)}")

    assert await is_suppressed(site.stores.app, CLAIMS, other, BOB) is None
