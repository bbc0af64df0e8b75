"""A campaign from the first account to the first answer, in a browser, with a mail server and a mailbox beside it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, expect

from browser.conftest import Served, open_context, serving, set_up, violations
from worlds.imap import Mailbox
from worlds.imap import serving as mailbox
from worlds.smtp import Script, Server, Session, smtp

ANSWER = b"""From: Nora Quill <nora@kestrel.test>\r\nTo: Ada <ada@vizsla.test>\r\nSubject: Re: A question, Nora\r
Message-ID: <answer-1@kestrel.test>\r\nIn-Reply-To: %(name)s\r\nReferences: %(name)s\r\nMIME-Version: 1.0\r
Content-Type: text/html; charset=utf-8\r\n\r\n<p>Yes, <b>gladly</b>.</p><script>window.__xss=1</script>\r
<img src="https://spy.test/p.gif" onerror="window.__xss=1"><a href="javascript:window.__xss=1">here</a>\r\n"""


class Provider(Script):
    """Where Ada has her mailbox: it asks for a password, takes everything, and keeps it."""

    keywords = (*Script.keywords, "AUTH PLAIN LOGIN")

    async def auth(self, session: Session, line: str) -> None:
        await session.say("235 2.7.0 Authentication successful")

    async def recipient(self, session: Session, address: str) -> None:
        await session.say("250 2.1.5 Ok")


def taken(server: Server) -> list[bytes]:
    """All messages that the server took."""
    return [message for session in server.sessions for message in session.data]


@asynccontextmanager
async def provided(tmp_path: Path) -> AsyncIterator[tuple[Served, Server, Mailbox, int]]:
    """A running server, the mail server, and the mailbox with its port."""
    box = Mailbox()
    async with (
        smtp(Provider(), "127.0.0.50") as mail,
        mailbox(box) as imap,
        serving(tmp_path / "home") as served,
    ):
        yield served, mail, box, imap
        assert served.complaints == []


async def connect_account(page: Page, smtp_port: int, imap_port: int) -> None:
    """From the empty list of campaigns to an account that sends at any hour."""
    await page.goto("/campaigns")
    await page.get_by_role("link", name="Connect an account").click()
    await page.get_by_label("E-mail address").fill("ada@vizsla.test")
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_label("Name", exact=True).fill("Ada Lamb")
    await page.get_by_label("Password", exact=True).fill("secret")
    await page.get_by_label("SMTP server").fill("127.0.0.50")
    await page.get_by_label("Port", exact=True).fill(str(smtp_port))
    await page.get_by_label("Encryption", exact=True).select_option("none")
    await page.get_by_label("IMAP server").fill("127.0.0.1")
    await page.get_by_label("IMAP port").fill(str(imap_port))
    await page.get_by_label("IMAP encryption").select_option("none")
    await page.get_by_label("What proves").select_option("none")
    await page.get_by_label("Seconds between two").fill("0")
    for day in ("Sunday", "Saturday"):
        await page.get_by_label(day).check()
    await page.get_by_label("From", exact=True).fill("00:00")
    await page.get_by_label("Until").fill("00:00")
    await page.get_by_role("button", name="Add account").click()
    await page.wait_for_url(re.compile(r"/senders/\d+$"))


async def look(page: Page) -> None:
    """Nothing that axe sees, in light and dark, and nothing to scroll sideways at 320 px."""
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        assert await violations(page, *(("color-contrast",) if theme == "dark" else ())) == [], (page.url, theme)
    await page.set_viewport_size({"width": 320, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320, page.url
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.emulate_media(color_scheme="light")


async def test_from_the_first_account_to_the_first_answer(browser: Browser, tmp_path: Path) -> None:
    async with provided(tmp_path) as (served, mail, box, imap_port):
        page = await (await open_context(browser, served)).new_page()
        page.set_default_timeout(15_000)
        await set_up(page, served)
        await connect_account(page, mail.port, imap_port)

        # By keyboard: named, written with a merge field, saved and seen.
        await page.goto("/campaigns")
        await page.get_by_label("A new campaign").focus()
        await page.keyboard.type("Opticians")
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"/campaigns/\d+/messages$"))
        at = page.url.removesuffix("/messages")
        await page.get_by_label("Subject").focus()
        await page.keyboard.type("A question, ")
        await page.get_by_label("Field").select_option("first_name")
        await page.get_by_role("button", name="Insert it where you write").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Subject")).to_have_value('A question, {{ first_name | default: "there" }}')
        await page.get_by_label("Message", exact=True).fill(
            'Dear {{ first_name | default: "you" }},\n\ndo you sell glasses?'
        )
        await look(page)
        await page.get_by_role("button", name="Save and preview").click()
        await expect(page.get_by_text("A question, there")).to_be_visible()

        await page.get_by_role("navigation", name="Campaign").get_by_role("link", name="Recipients").click()
        await page.get_by_label("Addresses").fill("nora@kestrel.test\notto@kestrel.test")
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.get_by_role("table").get_by_text("nora@kestrel.test")).to_be_visible()
        await look(page)
        await page.get_by_role("link", name="Preview as nora@kestrel.test").click()
        await expect(page.get_by_text("do you sell glasses?")).to_be_visible()
        await look(page)
        await page.get_by_role("button", name="as a test").click()
        await expect(page.get_by_role("status")).to_contain_text("A test is on its way")
        (trial,) = taken(mail)
        assert b"To: <olga@vizsla.test>" in trial

        await page.goto(f"{at}/settings")
        await look(page)
        await page.get_by_role("link", name="Check and start").click()
        await page.get_by_role("button", name="Start the campaign").click()
        await expect(page.get_by_role("status")).to_contain_text("The campaign is started")
        # The page fills by itself.
        await expect(page.get_by_text("2 of 2", exact=True)).to_be_visible()
        await expect(page.get_by_text("Written to: 2", exact=True)).to_have_count(1)
        await look(page)
        sent = [message_from_bytes(raw, policy=policy.default) for raw in taken(mail)[1:]]
        assert {one["To"] for one in sent} == {"nora@kestrel.test", "otto@kestrel.test"}

        nora = next(one for one in sent if one["To"] == "nora@kestrel.test")
        await box.wait_for_idle()
        box.deliver(ANSWER % {b"name": str(nora["Message-ID"]).encode()}, at=int(time.time()))
        # So it does long after the last message has left.
        await expect(page.get_by_text("Answered: 1 · 50%", exact=True)).to_have_count(1, timeout=15_000)
        await page.goto("/inbox")
        await page.get_by_role("link", name="Nora Quill").click()
        await expect(page.get_by_text("Nothing more is sent: they answered.")).to_be_visible()
        await expect(page.locator("pre", has_text="Yes, gladly.")).to_be_visible()
        await page.get_by_text("As they sent it").click()
        framed = page.frame_locator("iframe[title='What nora@kestrel.test wrote']")
        await expect(framed.get_by_text("gladly")).to_be_visible()
        assert await framed.locator("script, img, [onerror], a[href^=javascript]").count() == 0
        assert [await frame.evaluate("window.__xss") for frame in page.frames] == [None] * len(page.frames)
        await look(page)
        await page.get_by_label("Answer from ada@vizsla.test").fill("Splendid.")
        await page.get_by_role("button", name="Send", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("Your answer is on its way")
        while len(taken(mail)) < 4:
            await asyncio.sleep(0.1)
        answer = message_from_bytes(taken(mail)[3], policy=policy.default)
        assert (answer["To"], answer["In-Reply-To"]) == ("nora@kestrel.test", "<answer-1@kestrel.test>")
        assert box.changes == 0
        state = await page.context.storage_state()
        await without_scripts(await open_context(browser, served, storage_state=state, java_script_enabled=False))


async def without_scripts(context: BrowserContext) -> None:
    """Written, filled, started and paused by links and forms alone."""
    page = await context.new_page()
    page.set_default_timeout(15_000)
    await page.goto("/campaigns")
    await page.get_by_label("A new campaign").fill("Plain")
    await page.get_by_role("button", name="New campaign").click()
    await page.get_by_label("Subject").fill("Hello")
    await page.get_by_label("Message", exact=True).fill("Hello.")
    await page.get_by_role("button", name="Save and add a follow-up").click()
    await page.get_by_label("Message", exact=True).nth(1).fill("Hello again.")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("link", name="Recipients").click()
    await page.get_by_label("Addresses").fill("zoe@kestrel.test")
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_role("link", name="Check and start").click()
    await page.get_by_role("button", name="Start the campaign").click()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("button", name="Go on")).to_be_visible()
