"""A password that is changed, codes that are turned on and off, and browsers that are signed out."""

import base64
import re
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from vizsla.accounts.passwords import hash_password
from vizsla.accounts.second_factor import find_standing
from vizsla.accounts.sessions import list_sessions, open_session
from vizsla.accounts.store import set_password
from web.conftest import Answer, Browser, Site

GOOD, BETTER = "correct horse battery staple", "another good long phrase"
MARKUP = "<script>window.__xss=1</script>"


@pytest.fixture
async def browser(site: Site) -> Browser:
    """A's, who has a password."""
    a = site.members["a"]
    hashed = await hash_password(GOOD)
    async with site.stores.app.write() as conn:
        await set_password(conn, a.account_id, a.id, hashed)
    return await site.person("a")


async def sign_in(site: Site, password: str) -> tuple[Browser, Answer]:
    browser = site.stranger()
    return browser, await browser.post("/login", {"email": "a@a.example", "password": password})


def secret_of(page: Answer) -> bytes:
    found = re.search(r'data-copy="([A-Z2-7]{32})"', page.text)
    assert found
    return base64.b32decode(found[1])


def code_of(secret: bytes, at: int) -> str:
    return TOTP(secret, 6, SHA1(), 30).generate(at).decode()


async def set_up_codes(site: Site, browser: Browser) -> tuple[bytes, list[str]]:
    """Codes on; their secret, and the recovery codes."""
    page = await browser.post("/security/codes", {"current_password": GOOD})
    secret = secret_of(page)
    shown = await browser.post("/security/codes/on", {"code": code_of(secret, site.clock.now())})
    assert shown.status == 200
    return secret, codes_on(shown)


def codes_on(page: Answer) -> list[str]:
    return re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", re.search(r"<pre>.*?</pre>", page.text, re.DOTALL)[0])


async def test_a_new_password_signs_every_other_browser_out(site: Site, browser: Browser) -> None:
    elsewhere, _ = await sign_in(site, GOOD)
    before = browser.cookies["vizsla_session"]

    answer = await browser.post("/security/password", {"current_password": GOOD, "password": BETTER})

    assert "signed out" in (await browser.follow(answer)).words
    assert browser.cookies["vizsla_session"] != before
    assert (await elsewhere.get("/security")).status == 303
    browser.cookies["vizsla_session"] = before
    assert (await browser.get("/security")).status == 303
    assert (await sign_in(site, GOOD))[1].status == 401
    assert (await sign_in(site, BETTER))[1].status == 303


async def test_a_password_is_changed_only_by_who_knows_it_and_to_a_good_one(site: Site, browser: Browser) -> None:
    wrong = await browser.post("/security/password", {"current_password": "not this one", "password": BETTER})
    weak = await browser.post("/security/password", {"current_password": GOOD, "password": "password1234"})

    assert (wrong.status, weak.status) == (422, 422)
    assert "not your password" in wrong.words
    assert "first that somebody would try" in weak.words
    for page in (wrong, weak):
        assert BETTER not in page.text
        assert GOOD not in page.text
    assert (await sign_in(site, GOOD))[1].status == 303


async def test_guessing_at_a_password_from_a_borrowed_browser_ends(browser: Browser) -> None:
    for _ in range(10):
        await browser.post("/security/codes", {"current_password": "guess"})

    answer = await browser.post("/security/codes", {"current_password": GOOD})

    assert answer.status == 429


async def test_codes_are_on_once_one_was_right(site: Site, browser: Browser) -> None:
    page = await browser.post("/security/codes", {"current_password": GOOD})
    secret = secret_of(page)
    assert "<svg" in page.text
    assert page.header("cache-control") == "no-store"

    again = await browser.post("/security/codes/on", {"code": "000000"})
    assert again.status == 422
    assert secret_of(again) == secret
    a = site.members["a"]
    assert (await find_standing(site.stores.app, a.account_id, a.id)).since is None

    shown = await browser.post("/security/codes/on", {"code": code_of(secret, site.clock.now())})
    codes = codes_on(shown)
    assert len(set(codes)) == 10
    saved = re.search(r'href="data:text/plain;charset=utf-8,([^"]*)"', shown.text)
    assert saved
    assert all(code in unquote(saved[1]) for code in codes)

    later = await browser.get("/security")
    assert not any(code in later.text for code in codes)
    assert "10 recovery codes left" in later.words
    assert (await browser.post("/security/codes", {"current_password": GOOD})).status == 422
    stranger, answer = await sign_in(site, GOOD)
    assert answer.header("location").startswith("/login/code")
    answer = await stranger.post("/login/code", {"code": codes[0]})
    assert (await stranger.follow(answer)).status == 200


async def test_without_the_password_codes_stay_as_they_are(site: Site, browser: Browser) -> None:
    a = site.members["a"]
    refused = await browser.post("/security/codes", {"current_password": "wrong"})
    assert refused.status == 422
    assert (await browser.post("/security/codes/on", {"code": "000000"})).status == 422
    assert (
        await browser.follow(await browser.post("/security/codes/recovery", {"current_password": GOOD}))
    ).status == 200

    _, codes = await set_up_codes(site, browser)
    before = await find_standing(site.stores.app, a.account_id, a.id)
    for path in ("/security/codes/off", "/security/codes/recovery"):
        assert (await browser.post(path, {"current_password": "wrong"})).status == 422
    assert await find_standing(site.stores.app, a.account_id, a.id) == before
    assert before.since is not None
    renewed = codes_on(await browser.post("/security/codes/recovery", {"current_password": GOOD}))
    assert not set(renewed) & set(codes)
    assert (await browser.post("/security/codes/off", {"current_password": GOOD})).status == 303
    assert (await find_standing(site.stores.app, a.account_id, a.id)).since is None


async def test_what_is_shown_once_is_not_there_to_be_looked_at(browser: Browser) -> None:
    for path in ("/security/codes", "/security/codes/on", "/security/codes/recovery"):
        assert (await browser.get(path)).header("location") == "/security"


async def test_browsers_are_listed_in_plain_words_and_signed_out(site: Site, browser: Browser) -> None:
    a = site.members["a"]
    agents = ["Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", MARKUP]
    async with site.stores.app.write() as conn:
        for agent in agents:
            await open_session(conn, a, now=site.clock.now(), user_agent=agent, address="192.0.2.7")

    page = await browser.get("/security")
    assert "Firefox on Linux" in page.words
    assert "192.0.2.7" in page.words
    assert "<script>window" not in page.text
    assert page.words.count("this one") == 1
    sessions = await list_sessions(site.stores.app, a.account_id, a.id, site.clock.now())
    other = next(session.id for session in sessions if session.user_agent == MARKUP)
    assert (await browser.post(f"/security/sessions/{other}/end")).status == 303
    assert (await browser.post(f"/security/sessions/{other}/end")).status == 404
    assert (await browser.post("/security/sessions/end-others")).status == 303
    assert len(await list_sessions(site.stores.app, a.account_id, a.id, site.clock.now())) == 1
    (mine,) = await list_sessions(site.stores.app, a.account_id, a.id, site.clock.now())
    await browser.post(f"/security/sessions/{mine.id}/end")
    assert (await browser.get("/security")).header("location").startswith("/login")


async def test_a_stranger_ends_no_session(site: Site, browser: Browser) -> None:
    a, b = site.members["a"], await site.person("b")
    async with site.stores.app.write() as conn:
        for _ in range(3):
            await open_session(conn, a, now=site.clock.now())
    theirs = await list_sessions(site.stores.app, a.account_id, a.id, site.clock.now())
    newest = max(session.id for session in theirs)

    for id_ in (newest, 10**18, 2**63, 10**60):
        assert (await b.post(f"/security/sessions/{id_}/end")).status == 404
    await b.post("/security/sessions/end-others")

    assert await list_sessions(site.stores.app, a.account_id, a.id, site.clock.now()) == theirs
    assert (await browser.get("/security")).status == 200
