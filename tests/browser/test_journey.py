"""
From the set-up link to a verified list, as a newcomer goes: with a mouse, by the keyboard alone, and without scripts.

Each goes through the same: account, key, crawl of a local site, domain search, verification at a local mail server, a bulk list and its
file. `served` fails whatever complains on the way.
"""

import csv
import re
from typing import Protocol

import pytest
from playwright.async_api import Browser, Locator, Page

from browser.conftest import PASSWORD, Served, open_context


class Hands(Protocol):
    """How somebody works a page."""

    async def press(self, target: Locator) -> None: ...
    async def write(self, target: Locator, text: str) -> None: ...


class Mouse:
    async def press(self, target: Locator) -> None:
        await target.click()

    async def write(self, target: Locator, text: str) -> None:
        await target.fill(text)


class Keyboard:
    """Tab, and what one types; never a pointer."""

    async def press(self, target: Locator) -> None:
        await self._reach(target)
        await target.page.keyboard.press("Enter")

    async def write(self, target: Locator, text: str) -> None:
        await self._reach(target)
        for at, line in enumerate(text.split("\n")):
            if at:
                await target.page.keyboard.press("Enter")
            await target.page.keyboard.type(line)

    async def _reach(self, target: Locator) -> None:
        await target.wait_for()
        for _ in range(80):
            if await target.evaluate("element => element === document.activeElement"):
                break
            await target.page.keyboard.press("Tab")
        else:
            pytest.fail(f"Tab does not lead to {target}")
        outline = await target.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none", f"{target} does not show that it has the focus"


async def journey(page: Page, served: Served, hands: Hands, *, scripts: bool = True) -> None:
    async def look_until(text: str) -> None:
        """Wait for *text*; without scripts by looking again."""
        for _ in range(120):
            if await page.get_by_text(text).count():
                return
            await page.wait_for_timeout(500)
            if not scripts:
                await page.reload()
        pytest.fail(f"{text!r} never came: {await page.inner_text('main')}")

    main = page.locator("main")
    await page.goto(served.setup_link)
    await hands.write(page.get_by_label("E-mail address"), "olga@vizsla.test")
    await hands.write(page.get_by_label("First name"), "Olga")
    await hands.write(page.get_by_label("Password"), PASSWORD)
    await hands.press(main.get_by_role("button", name="Make the account"))
    await page.wait_for_url(f"{served.url}/")
    assert "Hello, Olga" in await main.inner_text()

    await hands.press(main.get_by_role("link", name="Make a key"))
    await hands.write(page.get_by_label("A new key for"), "the journey")
    await hands.press(main.get_by_role("button", name="Make a key"))
    await page.wait_for_load_state()
    key = re.search(r"\b[0-9a-f]{40}\b", await main.inner_text())
    assert key is not None
    account = await page.request.get(f"{served.url}/v2/account", headers={"X-API-KEY": key[0]})
    assert (await account.json())["data"]["email"] == "olga@vizsla.test"
    assert key[0] not in await (await page.request.get(f"{served.url}/api-keys")).text()

    await page.goto(f"{served.url}/search")
    await hands.write(main.get_by_label("Domain or company"), "kestrel.test")
    await hands.press(main.get_by_role("button", name="Search", exact=True).first)
    await page.wait_for_url(f"{served.url}/domain/kestrel.test")
    await hands.press(main.get_by_role("button", name="Crawl kestrel.test"))
    await page.wait_for_url(re.compile("/(crawls|domain)/kestrel.test"))
    while "/crawls/" in page.url:
        # The page renews itself while one presses: who hits that moment presses again.
        await hands.press(page.get_by_role("link", name="See addresses"))
        await page.wait_for_timeout(500)
    await look_until("otto.brandt@kestrel.test")
    assert "Nora Quill" in await main.inner_text()

    await hands.press(main.get_by_role("button", name="Verify nora.quill@kestrel.test"))
    await page.wait_for_url(re.compile(r"/verifier/\d+"))
    await look_until("This address takes mail.")
    assert "valid" in (await page.locator(".verdict").inner_text()).split()

    await page.goto(f"{served.url}/lists/new?kind=verifications")
    await hands.write(
        page.get_by_label("Or paste lines"), "nora.quill@kestrel.test\nnobody@kestrel.test\nnot an address"
    )
    await hands.press(main.get_by_role("button", name="Go on"))
    await hands.press(main.get_by_role("button", name="See the cost"))
    await hands.press(main.get_by_role("button", name="Start"))
    await page.wait_for_url(re.compile(r"/lists/verifications/\d+"))
    await look_until("It is kept for 30 days")
    async with page.expect_download() as waiting:
        await hands.press(main.get_by_role("link", name="CSV"))
    path = await (await waiting.value).path()
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [row["status"] for row in rows[:2]] == ["valid", "invalid"]
    assert len(rows) == 3


async def test_with_a_mouse_in_light(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, color_scheme="light", accept_downloads=True)
    await journey(await context.new_page(), served, Mouse())


async def test_by_keyboard_alone_in_dark(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, color_scheme="dark", accept_downloads=True)
    page = await context.new_page()
    await journey(page, served, Keyboard())

    # The palette, from anywhere: a domain, a page, and back to where the focus was.
    await page.goto(served.url)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("quillstack.example")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{served.url}/domain/quillstack.example")
    await page.keyboard.press("/")
    await page.keyboard.type("api k")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{served.url}/api-keys")
    await page.keyboard.press("g")
    await page.keyboard.press("t")
    await page.wait_for_url(f"{served.url}/team")
    await page.keyboard.press("Control+k")
    await page.keyboard.press("Escape")
    assert not await page.locator("#palette").is_visible()


async def test_without_scripts(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, java_script_enabled=False, accept_downloads=True)
    page = await context.new_page()
    await journey(page, served, Mouse(), scripts=False)

    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("E-mail address").fill("olga@vizsla.test")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.locator("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{served.url}/")
    await page.get_by_role("button", name="Dark theme").click()
    assert await page.locator("html").get_attribute("data-theme") == "dark"
