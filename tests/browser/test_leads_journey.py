"""
From a file of leads to a file of leads: filter, save a view, change a field, tag many, delete, bring back, export.

With a mouse in light, by the keyboard alone in dark, and without scripts; no violation that axe sees on the way.
"""

import csv
import re

from playwright.async_api import Browser, Page

from browser.conftest import Served, open_context, violations
from browser.test_every_page import set_up
from browser.test_journey import Hands, Keyboard, Mouse

FILE = """email,company,position,leads_lists
ann@x.example,Acme,CEO,Fair
bob@x.example,Acme,,Fair
cleo@x.example,Globex,CEO,Fair
dag@x.example,Acme,Clerk,Fair
"""


async def journey(page: Page, served: Served, hands: Hands, *, scripts: bool = True) -> None:
    main, wrong = page.locator("main"), []

    async def look() -> None:
        if scripts:
            # A theme changes colours and nothing else.
            rules = ("color-contrast",) if isinstance(hands, Keyboard) else ()
            wrong.extend([f"{page.url}: {one}" for one in await violations(page, *rules)])

    async def choose(label: str, option: str) -> None:
        """By the keyboard a chooser takes what one types."""
        target = page.get_by_label(label, exact=True)
        if isinstance(hands, Keyboard):
            await hands.write(target, option)
        else:
            await target.select_option(label=option)

    await set_up(page, served)
    await page.goto("/leads")
    assert "No leads yet" in await main.inner_text()
    await page.goto("/leads/import")
    await look()
    await page.get_by_label(re.compile("choose one, or drop")).set_input_files(
        {"name": "fair.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    )
    await hands.press(main.get_by_role("button", name="Go on"))
    await page.wait_for_url(re.compile(r"/leads/import/\d+$"))
    await look()
    await hands.press(main.get_by_role("button", name="See what would happen"))
    await page.wait_for_url(re.compile("/check"))
    await look()
    await hands.press(main.get_by_role("button", name="Import", exact=True))
    while not await page.get_by_role("link", name="See the leads").count():
        await page.wait_for_timeout(200)
        if not scripts:
            await page.reload()

    await page.goto("/leads")
    await look()
    await hands.press(page.locator(".filters > summary"))
    await choose("Field", "Company")
    await hands.write(page.get_by_label("this text").first, "acme")
    await look()
    await hands.press(main.get_by_role("button", name="Filter"))
    await page.wait_for_url(f"{served.url}/leads?company=acme")
    assert "3 of 4 leads match" in await main.inner_text()

    await hands.press(page.locator("summary", has_text="Save this view"))
    await hands.write(page.get_by_label("What it is called"), "Acme people")
    await hands.press(main.get_by_role("button", name="Save", exact=True))
    await page.wait_for_url(re.compile(r"view=\d+"))
    await page.goto("/leads")
    await hands.press(main.get_by_role("link", name="Acme people"))
    await page.wait_for_url(re.compile(r"company=acme&view=\d+"))
    assert await main.get_by_role("heading", name="Acme people").count()

    await hands.press(main.get_by_role("link", name="bob@x.example", exact=True))
    await page.wait_for_url(re.compile(r"/leads/\d+$"))
    lead = page.url
    await look()
    await hands.press(page.get_by_role("link", name="Edit Position"))
    field = page.get_by_label("Position", exact=True)
    await field.wait_for()
    if scripts:
        assert page.url == lead, "it is changed where it stands"
        assert await field.evaluate("element => element === document.activeElement")
    await hands.write(field, "Engineer")
    await look()
    await hands.press(main.get_by_role("button", name="Save", exact=True))
    await page.get_by_role("link", name="Edit Position").wait_for()
    assert "Engineer" in await main.inner_text()
    await page.goto(lead)
    assert "Engineer" in await main.inner_text()

    await page.goto("/leads?company=acme")
    await hands.press(page.get_by_role("link", name="Edit dag@x.example"))
    position = page.get_by_label("Position of dag@x.example")
    await position.wait_for()
    await look()
    await hands.write(position, "Head clerk")
    await hands.press(page.locator("main").get_by_role("button", name="Save", exact=True).first)
    await page.get_by_role("link", name="Edit dag@x.example").wait_for()
    assert "Head clerk" in await page.locator("tr", has_text="dag@x.example").inner_text()
    assert not await position.count()

    await choose("Which", "All 3 that match")
    await choose("What to do", "Tag")
    await hands.press(main.get_by_role("button", name="Go on"))
    await main.get_by_role("heading", name="Tag 3 leads").wait_for()
    await look()
    await hands.write(page.get_by_label("Name of the new tag"), "Hot")
    await hands.press(main.get_by_role("button", name="Tag them"))
    await page.wait_for_url(f"{served.url}/leads?company=acme")
    assert (await main.inner_text()).count("Hot") == 3

    tick = page.get_by_label("Tick ann@x.example")
    await tick.focus()
    await page.keyboard.press("Space")
    await choose("What to do", "Delete")
    await hands.press(main.get_by_role("button", name="Go on"))
    await page.get_by_text("1 lead is deleted.").wait_for()
    assert "ann@x.example" not in await main.inner_text()
    await look()
    await hands.press(page.get_by_role("button", name="Undo"))
    await page.get_by_text("1 lead is back.").wait_for()
    await page.goto("/leads?company=acme")
    row = page.locator("tr", has_text="ann@x.example")
    assert {"Hot", "Fair"} <= set((await row.inner_text()).split())

    async with page.expect_download() as waiting:
        await hands.press(main.get_by_role("link", name="Export 3 leads as CSV"))
    path = await (await waiting.value).path()
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [(row["email"], row["position"], row["leads_lists"], row["tags"]) for row in rows] == [
        ("ann@x.example", "CEO", "Fair", "Hot"),
        ("bob@x.example", "Engineer", "Fair", "Hot"),
        ("dag@x.example", "Head clerk", "Fair", "Hot"),
    ]
    assert wrong == []


async def test_with_a_mouse_in_light(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, color_scheme="light", accept_downloads=True)
    page = await context.new_page()
    await journey(page, served, Mouse())

    # What is wrong is said, and what was typed stays where it is.
    await page.goto("/leads?query=bob")
    await page.get_by_role("link", name="bob@x.example", exact=True).click()
    await page.get_by_role("link", name="Edit Country").click()
    await page.get_by_label("Country", exact=True).fill("Utopia")
    await page.locator("main").get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("alert").get_by_text("ISO 3166-1").wait_for()
    assert await page.get_by_label("Country", exact=True).input_value() == "Utopia"
    await page.get_by_label("Country", exact=True).fill("fr")
    await page.locator("main").get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("link", name="Edit Country").wait_for()
    assert not await page.get_by_role("alert").count()

    # One box ticks all of the page.
    await page.goto("/leads")
    await page.get_by_label("Tick all on this page").check()
    assert await page.locator("[name=id]:checked").count() == 4
    # From a search: ticked, saved into a new list, and known from then on.
    await page.goto("/domain/quillstack.example")
    await page.get_by_label("Tick zoe@quillstack.example").check()
    await page.get_by_label("or a new one").fill("Quills")
    await page.get_by_role("button", name="Save ticked as leads").click()
    await page.get_by_text("1 new lead.").wait_for()
    await page.get_by_role("link", name="zoe@quillstack.example is a lead").click()
    text = await page.locator("main").inner_text()
    assert "Domain Search" in text
    assert "Quills" in text


async def test_by_keyboard_alone_in_dark(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, color_scheme="dark", accept_downloads=True)
    await journey(await context.new_page(), served, Keyboard())


async def test_without_scripts(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, java_script_enabled=False, accept_downloads=True)
    await journey(await context.new_page(), served, Mouse(), scripts=False)
