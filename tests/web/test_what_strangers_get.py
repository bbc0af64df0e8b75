"""
Whatever A's pages link to or post to, B gets nothing of.

A's dashboard is filled and then walked from its start page, every link and every form that names an id is noted, and each is tried
by B: so a page that is added is tried without being named here.
"""

import re
from html import unescape
from urllib.parse import urlsplit

from vizsla.storage.statement import statement
from web.conftest import Browser, Site
from web.test_campaign_pages import answered, draft

_FIRST = 5_000
"""A's ids begin here, for ids are counted per account and B has small ones."""
_ID = re.compile(r"/[5-9]\d{3}(/|\Z)")
_MINE = "a.example"
SENDER = {
    "email": "ada@a.example", "auth": "password", "password": "s3cret", "smtp_host": "smtp.a.example", "smtp_port": "465",
    "smtp_security": "tls", "journal": "none", "daily_cap": "50", "gap": "60", "days": "1", "start": "09:00", "end": "18:00",
    "timezone": "UTC",
}  # fmt: skip
_BEGIN_AT = statement("UPDATE account SET last_id = :first WHERE id = :id")


async def fill(browser: Browser) -> None:
    """Something of every kind that has an id."""
    await browser.post("/api-keys", {"name": "A's key"})
    await browser.post("/team/name", {"name": "A's team"})
    await browser.post("/team/invite", {"email": "pia@a.example", "role": "member"})
    await browser.post("/crawls", {"domain": "acme.example"})
    await browser.post("/verifier", {"email": "ann.lee0@acme.example"})
    await browser.post("/webhooks", {"url": "https://93.184.216.34/hook", "event": "lead.created"})
    await browser.post("/connected-apps", {"url": "https://93.184.216.34/crm", "kind": "webhook"})
    await browser.post("/connected-apps", {"url": "https://93.184.216.34/crm", "kind": "espocrm", "api_key": "k"})
    for kind in ("lists", "tags", "attributes"):
        await browser.post(f"/leads/{kind}", {"name": f"A's {kind}"})
    for name in ("jane", "joe"):
        made = await browser.post("/leads/new", {"email": f"{name}@a.example"})
        assert _ID.search(made.header("location")), made.words
    await browser.post(f"{made.header('location')}/delete")
    await browser.post("/leads/views", {"name": "A's own", "query": "company=~"})
    await browser.post("/leads/views", {"name": "A's team's", "query": "", "shared": "1"})
    await browser.post("/senders/new", SENDER)
    for kind, text in (
        ("verifications", "x@acme.example"),
        ("searches", "acme.example"),
        ("findings", "name,domain\nAnn Lee,acme.example"),
    ):
        answer = await browser.upload("/lists/new", {"kind": kind}, "list.csv", text.encode())
        upload = answer.header("location").partition("?")[0]
        assert _ID.search(upload), answer.words
    started = await browser.post(f"{upload}/start", {"header": "1", "full_name": "1", "domain": "2"})
    assert started.status in (303, 422), started.words

    waiting = await browser.upload("/leads/import", {}, "waits.csv", b"email\nann@a.example\n")
    assert _ID.search(waiting.header("location")), waiting.words
    begun = await browser.upload("/leads/import", {}, "leads.csv", b"email\nann@a.example\n")
    assert (await browser.post(f"{begun.header('location')}/run", {"c": "email"})).status == 303


async def fill_campaigns(site: Site, browser: Browser) -> None:
    """A draft with a file, and a campaign that runs and was answered."""
    kept = await draft(browser, "A's plan")
    await browser.upload(f"{kept}/files", {"step": "0"}, "a.example.pdf", b"%PDF-1.4")
    await browser.post(f"{kept}/recipients", {"emails": "ann@a.example"})
    running = await draft(browser, "A's campaign")
    await browser.post(f"{running}/recipients", {"emails": "ann@a.example, bob@a.example"})
    assert (await browser.post(f"{running}/start")).status == 303
    await answered(site, browser, running, "ann@a.example")
    await browser.post("/do-not-contact", {"lines": "carl@a.example"})


async def walk(browser: Browser) -> tuple[set[str], set[str]]:
    """Every link and every form of A's pages that names an id."""
    seen, links, posts, todo = set(), set(), set(), ["/"]
    while todo:
        path = todo.pop()
        if path in seen or len(seen) > 150:
            continue
        seen.add(path)
        answer = await browser.get(path)
        if answer.status != 200 or "text/html" not in answer.header("content-type"):
            continue
        for target in re.findall(r'href="(/[^"]*)"', answer.text):
            place = urlsplit(unescape(target))
            if place.path.startswith(("/static", "/domain", "/docs")):
                continue
            todo.append(place.path)
            if _ID.search(place.path):
                links.add(place.path)
        posts |= {unescape(path) for path in re.findall(r'action="(/[^"]*)"', answer.text) if _ID.search(path)}
    return links, posts


async def test_a_stranger_gets_nothing_and_changes_nothing(site: Site) -> None:
    async with site.stores.app.write() as conn:
        await conn.execute(_BEGIN_AT, {"first": _FIRST, "id": site.members["a"].account_id})
    a, b = await site.person("a"), await site.person("b")
    await fill(a)
    await fill_campaigns(site, a)
    links, posts = await walk(a)
    assert len(links) >= 20, links
    assert len(posts) >= 20, posts

    for path in links:
        answer = await b.get(path)
        assert answer.status in (403, 404), (path, answer.status)
        assert _MINE not in answer.words
    for path in posts:
        answer = await b.post(path, {"name": "stolen", "role": "owner"})
        assert answer.status in (403, 404, 405), (path, answer.status, answer.words[-200:])
    again_links, again_posts = await walk(a)
    assert (again_links, again_posts) == (links, posts)
