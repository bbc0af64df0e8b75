"""Campaigns: made, looked at, started and stopped by people; whatever stands in a name, a message or a reply stays text."""

import re

from vizsla.accounts.store import next_id
from vizsla.campaigns.recipients import list_recipients
from vizsla.campaigns.senders import Draft, Secrets, create_sender
from vizsla.campaigns.window import EVERY_DAY, Window
from vizsla.mail.server import Server
from vizsla.storage.statement import statement
from web.conftest import SECRET, Answer, Browser, Site

HOSTILE = "\"><script>window.__xss=1</script>{{7*7}} '; DROP"


async def sender(site: Site, name: str = "a", email: str = "sales@vizsla.example") -> int:
    """An account that sends at any hour."""
    member = site.members[name]
    draft = Draft(
        email=email, name="Ada", smtp=Server("smtp.vizsla.example", 465, "tls"), window=Window("UTC", EVERY_DAY, 0, 86_400)
    )
    async with site.stores.app.write() as conn:
        made = await create_sender(
            conn, member.account_id, member.id, draft, Secrets(password="x"), secret=SECRET, now=site.clock.now()
        )
    return made.id


async def draft(browser: Browser, name: str = "Opticians", **messages: str) -> str:
    """A campaign's address, with an introduction."""
    path = (await browser.post("/campaigns", {"name": name})).header("location").removesuffix("/messages")
    assert re.fullmatch(r"/campaigns/\d+", path)
    given = {"subject-0": "Hello", "body-0": "Dear {{ first_name | default: \"you\" }},\nbye.", "format-0": "text", "do": "save"}
    answer = await browser.post(f"{path}/messages", given | {name.replace("_", "-"): text for name, text in messages.items()})
    assert answer.status == 303, answer.words
    return path


async def test_an_account_without_anything_is_told_what_comes_first(site: Site) -> None:
    browser = await site.person("a")

    page = await browser.get("/campaigns")
    assert "First a sending account" in page.words
    assert 'href="/senders/new"' in page.text

    await sender(site)
    page = await browser.get("/campaigns")
    assert "No campaign yet" in page.words


async def test_a_campaign_is_made_checked_started_paused_and_archived(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    path = await draft(browser)
    for page in ("", "/messages", "/recipients", "/settings", "/preview", "/start", "/archive", "/delete"):
        answer = await browser.get(path + page)
        assert answer.status == 200, (page, answer.words)
    assert (await browser.post(f"{path}/recipients", {"emails": "ann@acme.test, bob@acme.test"})).status == 303
    assert "ann@acme.test" in (await browser.get(f"{path}/recipients")).words
    assert "Dear you" in (await browser.get(f"{path}/preview")).words
    assert len(re.findall(r"<li><time>", (await browser.get(f"{path}/start")).text)) == 10

    assert (await browser.post(f"{path}/start")).status == 303
    page = await browser.get(path)
    assert "active" in page.words
    assert "Written to" in page.text
    assert "next message leaves" in page.words.lower()
    assert (await browser.get("/campaigns")).status == 200
    assert (await browser.post(f"{path}/pause")).status == 303
    assert "paused" in (await browser.get(path)).words
    await browser.post(f"{path}/resume")
    assert "active" in (await browser.get(path)).words
    locked = await browser.post(f"{path}/messages", {"subject-0": "Other", "body-0": "Other", "format-0": "text"})
    assert locked.status == 422
    assert "Duplicate" in locked.words
    copy = (await browser.post(f"{path}/duplicate")).header("location")
    assert "Opticians (copy)" in (await browser.get(copy)).words
    await browser.post(f"{path}/archive")
    assert "archived" in (await browser.get(path)).words
    assert "Opticians" in (await browser.get("/campaigns?archived=1")).words


ADD_INBOUND = statement("""
    INSERT INTO inbound (account_id, id, sender_id, folder, uidvalidity, uid, message_id, kind, campaign_id, recipient_id, email, name,
        subject, text, html, label, at)
    VALUES (:account_id, :id, :sender_id, 'INBOX', 1, :id, 'x', :kind, :campaign_id, :recipient_id, :email, :name, :subject, :text,
        :html, NULL, :at)
""")


async def answered(site: Site, browser: Browser, path: str, email: str = "ann@acme.test", **said: str) -> int:
    """*email* in the started campaign at *path* wrote back; the recipient's id."""
    account_id, campaign_id = site.members["a"].account_id, int(path.rpartition("/")[2])
    one = next(
        one for one in await list_recipients(site.stores.app, account_id, campaign_id, limit=100) if one.email == email
    )
    values = {"name": "Ann", "subject": "Re: Hello", "text": "Gladly.", "html": None, "kind": "human", "email": email} | said
    async with site.stores.app.write() as conn:
        row = {"account_id": account_id, "id": await next_id(conn, account_id), "sender_id": one.sender_id or 1}
        await conn.execute(
            ADD_INBOUND, row | values | {"campaign_id": campaign_id, "recipient_id": one.id, "at": site.clock.now()}
        )
    return one.id


async def started(site: Site, browser: Browser, emails: str = "ann@acme.test, bob@acme.test") -> str:
    await sender(site)
    path = await draft(browser)
    await browser.post(f"{path}/recipients", {"emails": emails})
    assert (await browser.post(f"{path}/start")).status == 303
    return path


async def test_an_answer_is_read_labelled_and_ends_or_goes_on(site: Site) -> None:
    browser = await site.person("a")
    path = await started(site, browser)
    assert "No answer yet" in (await browser.get("/inbox")).words
    recipient = await answered(site, browser, path)

    page = await browser.get("/inbox")
    assert "1 answer nobody has read" in page.words
    assert "Gladly." in page.words
    thread = f"/inbox/{recipient}"
    assert "new" in (await browser.get("/inbox?show=unread")).words
    assert "Mark as read" in (await browser.get(thread)).words
    assert "1 answer nobody has read" in (await browser.get("/inbox")).words, "looking changes nothing"
    await browser.post(f"{thread}/read")
    assert "Nothing here" in (await browser.get("/inbox?show=unread")).words
    await browser.post(f"{thread}/label", {"label": "interested"})
    assert "Gladly." in (await browser.get("/inbox?show=interested")).words
    assert "Nothing here" in (await browser.get("/inbox?show=out_of_office")).words
    await browser.post(f"{thread}/unread")
    assert "1 answer nobody has read" in (await browser.get("/inbox")).words

    await browser.post(f"{thread}/stop")
    assert "you stopped it" in (await browser.get(thread)).words
    assert (await browser.post(f"{thread}/resume")).status == 303
    assert "The next message leaves" in (await browser.get(thread)).words
