"""Every page, empty and full, in light and dark, at 1280 and 320 px: no violation of WCAG 2.2 AA that axe sees, no scrolling sideways."""

import re
from itertools import product

from playwright.async_api import Browser, Page

from browser.conftest import Served, open_context, set_up, violations
from vizsla.campaigns.tracking import Tokens
from vizsla.web.app import list_pages

# The reference of the API, as long as all others together, has a test of its own.
ANONYMOUS = ["/", "/login", "/forgot-password", "/signup", "/claim", "/nowhere"]
SENDER = {
    "auth": "password", "password": "s3cret", "smtp_host": "smtp.kestrel.test", "smtp_port": "465", "smtp_security": "tls",
    "imap_host": "imap.kestrel.test", "imap_port": "993", "imap_security": "tls", "journal": "copy", "daily_cap": "50", "gap": "60",
    "ramp_start": "5", "ramp_step": "5", "days": "1", "start": "09:00", "end": "18:00", "timezone": "UTC",
}  # fmt: skip
FRAME = ("body > header", "body > footer", "body > dialog")
ADDRESSES = "nora.quill@kestrel.test\nnobody@kestrel.test\nnot an address"


async def look_at(page: Page, paths: list[str]) -> list[str]:
    """What is wrong with each page, in both themes and at both widths; with what is round all of them, on the first."""
    wrong = []
    for path in paths:
        frame = FRAME if path != paths[0] else ()
        await page.set_viewport_size({"width": 1280, "height": 800})
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status < 500, path
        for width, theme in product((1280, 320), ("light", "dark")):
            # A theme changes colours and nothing else.
            rules = ("color-contrast",) if theme == "dark" else ()
            await page.set_viewport_size({"width": width, "height": 800})
            await page.emulate_media(color_scheme=theme)
            where = f"{path} {theme} {width}"
            if (wide := await page.evaluate("document.documentElement.scrollWidth")) > width:
                wrong.append(f"{where}: {wide} px wide")
            wrong += [f"{where}: {one}" for one in await violations(page, *rules, without=frame)]
    return wrong


async def test_pages_that_nobody_has_to_sign_in_for(browser: Browser, served: Served) -> None:
    page = await (await open_context(browser, served)).new_page()

    # Once as it is given, once for somebody who has left by it.
    leave = f"/u/{Tokens((served.home / 'secret_key').read_bytes().strip()).unsubscribe_token(1, 1, 'bob@x.test')}"
    assert await look_at(page, [served.setup_link, "/login/code", leave, *ANONYMOUS]) == []
    await page.goto(leave)
    await page.get_by_role("button", name="Unsubscribe").click()
    await page.get_by_role("button", name="I changed my mind").wait_for()
    assert await look_at(page, [leave]) == []


async def test_pages_of_somebody_who_has_nothing_yet(browser: Browser, served: Served) -> None:
    page = await (await open_context(browser, served)).new_page()
    await set_up(page, served)
    pages = [
        path
        for path in list_pages()
        if not {"{", "."} & set(path) and not path.startswith(("/log", "/claim", "/sign", "/docs"))
    ]

    assert await look_at(page, [*pages, "/domain/nothing.example", "/search?domain=..", "/nowhere"]) == []


async def test_pages_of_somebody_who_has_much(browser: Browser, served: Served) -> None:
    page = await (await open_context(browser, served)).new_page()
    await set_up(page, served)

    async def send(path: str, **form: str) -> str:
        answer = await page.request.post(path, form=form, headers={"Origin": served.url})
        assert answer.ok, (path, answer.status)
        return answer.url.removeprefix(served.url)

    seen = [await send("/crawls", domain="kestrel.test"), await send("/verifier", email="nora.quill@kestrel.test")]
    for kind in ("lists", "tags", "attributes"):
        await send(f"/leads/{kind}", name="A name that is rather long for a name of this kind")
    for n, email in enumerate(("nora.quill@kestrel.test", f"{'long' * 15}@{'long' * 14}.example", "gone@kestrel.test")):
        lead = await send(
            "/leads/new", email=email, company="Kestrel Optics " * n, notes="One\nTwo", website="https://kestrel.test"
        )
        await send(f"{lead}/tags", name="Hot")
    await send(f"{lead}/delete")
    await send(
        "/leads/views", name="Everybody without a position " * 3, query="position=~&company=*", columns="company"
    )
    seen += [
        lead := await send("/leads/new", email="otto.brandt@kestrel.test"),
        f"{lead}?edit=company",
        f"{lead}?edit=all",
    ]
    leads = ["/leads", "/leads?company=*&query=kestrel&sort=company&order=asc", "/leads?query=nobody", "/leads/views"]
    leads += ["/leads/deleted", "/leads/lists", "/leads/tags", "/leads/attributes", "/leads/new"]
    for name in ("CRM", "a name that is rather long for a key " * 2):
        await send("/api-keys", name=name)
    await send("/webhooks", url="https://93.184.216.34/" + "a-rather-long-path/" * 9, event="lead.created")
    await send("/connected-apps", url="https://93.184.216.34/crm", kind="webhook", with_present="1")
    seen.append(await send("/connected-apps", url="https://93.184.216.34/crm", kind="espocrm", api_key="k"))
    await page.goto("/webhooks")
    await page.get_by_role("region", name="Webhooks").get_by_role("link").click()
    seen.append(page.url.removeprefix(served.url))
    await send(f"{seen[-1]}/test")
    account = await send("/senders/new", email="nora@kestrel.test", name="Nora Quill", signature="Nora", **SENDER)
    await send(f"{account}/dkim", selector="vizsla1")
    seen += [account, f"{account}/edit", "/senders", "/senders/new?email=nora@kestrel.test"]
    await send("/team/name", name="Kestrel watchers")
    await send("/team/invite", email="pia@vizsla.test", role="member")
    columns = await send("/lists/new", kind="verifications", text=ADDRESSES)
    estimate = f"{columns.partition('?')[0]}/estimate?header=0&email=1"
    assert await look_at(page, [columns, estimate]) == []
    for kind, text in (("verifications", ADDRESSES), ("searches", "quillstack.example\nnothing.example")):
        columns = await send("/lists/new", kind=kind, text=text)
        await page.goto(columns)
        await page.get_by_role("button", name="See the cost").click()
        await page.get_by_role("button", name="Start").click()
        await page.wait_for_url(re.compile(rf"/lists/{kind}/\d+"))
        seen.append(page.url.removeprefix(served.url))
    finder = "/finder?first_name=Zoe&last_name=Kaplan&domain=quillstack.example"
    plain = [
        "/",
        "/crawls",
        "/lists",
        "/leads/import",
        "/verifier",
        "/api-keys",
        "/requests",
        "/webhooks",
        "/connected-apps",
        "/team",
        "/plan",
        "/admin/users",
        "/admin/work",
    ]

    assert await look_at(page, [*plain, *leads, "/domain/quillstack.example", finder, *seen]) == []
