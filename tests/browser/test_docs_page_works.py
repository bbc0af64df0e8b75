"""The API's reference in a browser: a key that stays in the tab, a call that is sent from the page, a search; and without scripts."""

from typing import Literal

from playwright.async_api import Browser, Page, expect

from browser.conftest import PASSWORD, Served, open_context, violations

KINDS = ["get-domain-search", "post-bulk-findings", "delete-api-keys-id", "get-trial-email-finder"]


async def sign_up(page: Page, served: Served) -> None:
    await page.goto(served.setup_link)
    await page.get_by_label("E-mail address").fill("me@home.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await page.wait_for_load_state()


async def test_the_reference(browser: Browser, served: Served) -> None:
    # One server for all of it: starting one takes longer than the rest.
    await is_read_without_scripts(browser, served)
    await keeps_nobody_from_reading(browser, served, "light", 320)
    await keeps_nobody_from_reading(browser, served, "dark", 1280)
    await sends_calls_with_a_key_that_stays_in_the_tab(browser, served)


async def sends_calls_with_a_key_that_stays_in_the_tab(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served)
    page = await context.new_page()
    await sign_up(page, served)
    await page.goto("/docs#get-email-finder")
    call = page.locator("#get-email-finder")
    curl = call.get_by_label("Example in curl", exact=True)

    await call.get_by_text("Try it").click()
    await call.get_by_role("button", name="Send").click()
    await expect(call.locator("[data-said]")).to_have_text("It needs a key: give one above.")
    assert "$KEY" in await curl.inner_text()

    await page.get_by_role("button", name="Make one").click()
    await expect(page.locator("[data-key-said]")).to_contain_text("Made")
    key = await page.evaluate("sessionStorage.getItem('vizsla-key')")
    assert f'-H "X-API-KEY: {key}"' in await curl.inner_text()
    assert f'"X-API-KEY": "{key}"' in await call.get_by_label("Example in Python", exact=True).text_content()

    await call.get_by_label("domain").fill("brauerei-zirbel.example")
    await call.get_by_label("first_name").fill("Sabine")
    await call.get_by_label("last_name").fill("Huber")
    await call.get_by_role("button", name="Send").click()
    await expect(call.locator("[data-status]")).to_have_text("200 OK")
    await expect(call.locator("[data-body]")).to_contain_text('"email": "sabine.huber@brauerei-zirbel.example"')
    await expect(call.locator("[data-headers]")).to_contain_text("x-ratelimit-remaining")

    making = page.locator("#post-api-keys")
    await making.get_by_text("Try it").click()
    await expect(making.get_by_text("This is no rehearsal")).to_be_visible()
    await making.get_by_role("button", name="Send").click()
    await expect(making.locator("[data-status]")).to_have_text("201 Created")

    await page.reload()
    assert key in await curl.inner_text()
    other = await context.new_page()
    await other.goto("/docs")
    assert "$KEY" in await other.locator("#get-account").get_by_label("Example in curl", exact=True).inner_text()
    await page.get_by_role("button", name="Forget it").click()
    assert "$KEY" in await curl.inner_text()

    await page.get_by_label("Search the calls").fill("POST verifications/{id}/cancel")
    await expect(page.locator("#post-bulk-verifications-id-cancel")).to_be_visible()
    assert await page.locator("section.call[data-words]:visible").count() == 1
    await page.get_by_label("Search the calls").fill("nothing of this kind")
    await expect(page.get_by_text("No call is about this.")).to_be_visible()


async def keeps_nobody_from_reading(
    browser: Browser, served: Served, theme: Literal["light", "dark"], width: int
) -> None:
    context = await open_context(browser, served, viewport={"width": width, "height": 800}, color_scheme=theme)
    page = await context.new_page()
    await page.goto("/docs")
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    # All calls are made alike, and axe looks at each colour of each: a few stand for all.
    await page.evaluate(
        f"for (const one of document.querySelectorAll('[data-words]')) if (!{KINDS}.includes(one.id)) one.remove()"
    )
    assert await violations(page) == []
    await context.close()


async def is_read_without_scripts(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/docs#get-domain-search")

    await expect(page.locator("#get-domain-search").get_by_label("Example in curl", exact=True)).to_be_visible()
    await page.locator("#get-domain-search").get_by_text("Answers").click()
    await expect(page.locator("#get-domain-search").get_by_text("invalid_seniority")).to_be_visible()
    assert (
        await page.locator(".try:visible, [data-copy-code]:visible, #docs-key:visible, #docs-search:visible").count()
        == 0
    )
