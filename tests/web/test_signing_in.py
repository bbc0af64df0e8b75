"""Getting in and out: what each page says, what a browser is handed, and what it does not tell strangers."""

import re

import pytest

from vizsla.accounts.store import create_setup_token, find_user
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from web.conftest import Site

GOOD = "correct horse battery staple"
_NOBODY = ("DELETE FROM session", "DELETE FROM api_key", "DELETE FROM member", "DELETE FROM account")


async def set_up(site: Site, *, password: str = GOOD, email: str = "op@op.example"):
    """The set-up link of an installation that nobody uses yet, and what came of it."""
    async with site.stores.app.write() as conn:
        for text in _NOBODY:
            await conn.execute(statement(text))
        token = await create_setup_token(conn, site.clock.now())
    browser = site.stranger()
    answer = await browser.post(f"/setup/{token}", {"email": email, "password": password, "first_name": "Op"})
    return browser, answer, token


async def test_the_set_up_link_makes_the_operator_once(site: Site) -> None:
    browser, answer, token = await set_up(site)

    home = await browser.follow(answer)
    assert (home.status, "Hello, Op" in home.words) == (200, True)
    member = await find_user(site.stores.app, "op@op.example")
    assert member is not None
    assert (member.is_admin, member.role) == (True, "owner")
    for again in (
        await browser.get(f"/setup/{token}"),
        await site.stranger().post(f"/setup/{token}", {"email": "x@x.example", "password": GOOD}),
    ):
        assert again.status == 404
        assert "does not work" in again.words


async def test_signing_in_hands_over_a_new_cookie_and_out_ends_it(site: Site) -> None:
    await set_up(site)
    browser = site.stranger()
    browser.cookies["vizsla_session"] = "ATTACKERFIXED"

    answer = await browser.post("/login", {"email": "OP@op.example ", "password": GOOD})

    assert answer.status == 303
    cookie = next(value for name, value in answer.headers if name == "set-cookie" and "vizsla_session" in value)
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert "path=/" in cookie.lower()
    assert "domain" not in cookie.lower()
    assert browser.cookies["vizsla_session"] != "ATTACKERFIXED"
    kept = dict(browser.cookies)
    assert (await browser.follow(answer)).status == 200
    assert (await browser.post("/logout")).status == 303
    assert "vizsla_session" not in browser.cookies
    browser.cookies = kept
    assert (await browser.get("/search")).header("location").startswith("/login")


async def test_over_tls_the_cookie_is_bound_to_this_host(site: Site) -> None:
    await set_up(site)
    site.house.base_url = "https://vizsla.test"

    answer = await site.stranger().post("/login", {"email": "op@op.example", "password": GOOD})

    cookie = next(value for name, value in answer.headers if name == "set-cookie" and "session" in value)
    assert cookie.startswith("__Host-vizsla_session=")
    assert "secure" in cookie.lower()


@pytest.mark.parametrize(
    "to",
    ["//evil.test", "https://evil.test", "/\\evil.test", "/\t/evil.test", "\\\\evil.test", "javascript:alert(1)",
     "/%09/evil.test", "http:evil.test", "///evil.test", "/\r\nSet-Cookie: a=b", "evil.test"],
)  # fmt: skip
async def test_next_leads_nowhere_else(site: Site, to: str) -> None:
    from urllib.parse import quote

    await set_up(site)

    answer = await site.stranger().post(
        f"/login?next={quote(to, safe='')}", {"email": "op@op.example", "password": GOOD}
    )

    assert answer.status == 303
    location = answer.header("location")
    assert re.match(r"/(?![/\\])[!-~]*\Z", location), location
    assert "\t" not in location


async def test_next_leads_back_to_the_page_that_was_wanted(site: Site) -> None:
    await set_up(site)
    browser = site.stranger()

    turned_away = await browser.get("/domain/acme.example?type=personal")
    login = await browser.follow(turned_away)
    wanted = re.search(r'name="next" value="([^"]*)"', login.text)
    assert wanted is not None
    answer = await browser.post("/login", {"email": "op@op.example", "password": GOOD, "next": wanted[1]})

    assert answer.header("location") == "/domain/acme.example?type=personal"


async def test_wrong_passwords_and_unknown_addresses_are_told_the_same(site: Site) -> None:
    await set_up(site)

    known = await site.stranger().post("/login", {"email": "op@op.example", "password": "not this one at all"})
    unknown = await site.stranger().post("/login", {"email": "no@op.example", "password": "not this one at all"})

    assert known.status == unknown.status == 401
    assert known.text.replace("op@op.example", "") == unknown.text.replace("no@op.example", "")
    assert "not this one" not in known.text


async def test_a_forgotten_password_is_told_the_same_to_everybody_and_mailed_to_one(site: Site, stores: Stores) -> None:
    await set_up(site)
    site.house.base_url = "http://public.vizsla.test"

    known = await site.stranger().post(
        "/forgot-password",
        {"email": "op@op.example"},
        host="evil.test",
        x_forwarded_host="evil.test",
        origin="http://evil.test",
    )
    unknown = await site.stranger().post("/forgot-password", {"email": "no@op.example"})

    assert known.status == unknown.status == 200
    assert known.text.replace("op@op.example", "") == unknown.text.replace("no@op.example", "")
    row = await stores.app.fetch_one(statement("SELECT count(*) FROM mail_out"))
    assert row is not None
    assert row[0] == 1


async def test_a_reset_link_works_once_and_ends_every_session(site: Site) -> None:
    from vizsla.accounts.recovery import request_reset

    elsewhere, _, _ = await set_up(site)
    async with site.stores.app.write() as conn:
        reset = await request_reset(conn, "op@op.example", client="", now=site.clock.now())
    assert reset is not None
    browser = site.stranger()

    weak = await browser.post(f"/reset/{reset.token}", {"password": "password1234"})
    done = await browser.post(f"/reset/{reset.token}", {"password": "another good long phrase"})
    again = await site.stranger().post(f"/reset/{reset.token}", {"password": "a third good long phrase"})

    assert (weak.status, done.status, again.status) == (422, 303, 404)
    assert (await browser.get("/search")).status == 200
    assert (await elsewhere.get("/search")).status == 303


@pytest.mark.parametrize("password", ["short7!", "password1234"])
async def test_weak_passwords_are_refused_with_a_reason(site: Site, password: str) -> None:
    _, answer, _ = await set_up(site, password=password)

    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert password not in answer.text


@pytest.mark.parametrize("password", ["a" * 64, "päss wörd mit leerzeichen ", " \u00e9 and \U0001f600 phrase "])
async def test_passwords_are_taken_as_typed(site: Site, password: str) -> None:
    await set_up(site, password=password)

    assert (await site.stranger().post("/login", {"email": "op@op.example", "password": password})).status == 303
    assert (await site.stranger().post("/login", {"email": "op@op.example", "password": password + "x"})).status == 401


async def test_requests_from_elsewhere_change_nothing(site: Site) -> None:
    browser = await site.person("a")
    form = b"theme=dark"
    kind = {"content_type": "application/x-www-form-urlencoded"}

    refused = [
        await browser.send("POST", "/logout", form, **kind, sec_fetch_site="cross-site", origin="https://evil.test"),
        await browser.send("POST", "/logout", form, **kind, sec_fetch_site="same-site"),
        await browser.send("POST", "/logout", form, **kind, origin="https://evil.test"),
        await browser.send("POST", "/logout", form, **kind, origin="null"),
        await browser.send("POST", "/logout", form, **kind),
    ]

    assert [answer.status for answer in refused] == [403] * 5
    assert (await browser.get("/search")).status == 200


async def test_reading_changes_nothing(site: Site) -> None:
    """GET and HEAD of whatever a form posts to: there is a page, or nothing."""
    browser = await site.person("a")
    posts = [route.path for route in site.app.routes if "POST" in (route.methods or ())]
    assert len(posts) > 5

    for path in posts:
        target = re.sub(r"\{[a-z_]+(:\w+)?\}", "1", path)
        for method in ("GET", "HEAD"):
            assert (await browser.send(method, target)).status in (200, 303, 404, 405, 422), target
    assert (await browser.get("/search")).status == 200


async def test_a_hostile_path_is_text(site: Site) -> None:
    answer = await site.stranger().get('/nope"><script>window.__xss=1</script>')

    assert answer.status == 404
    assert "<script>window" not in answer.text
    policy = answer.header("content-security-policy")
    assert "unsafe" not in policy
    for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") in ("no-referrer", "same-origin")
