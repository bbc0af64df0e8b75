"""Leads from a file, in a browser: a workbook in, its columns, a dry run, the run and the refused rows; with a mouse, and without scripts."""

import csv
import io
import re

import openpyxl
import pytest
from playwright.async_api import Browser, Page

from browser.conftest import Served, open_context
from browser.test_every_page import look_at, set_up


def workbook(domain: str, size: int) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["E-mail", "First name", "Company", "Shoe size"])
    for number in range(size):
        page.append(
            [f"p{number}@{domain}" if number % 50 else "nobody", f"P{number}", "=1+1" if number == 1 else "Acme", 38.0]
        )
    page["C3"] = "'=1+1"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


async def bring_in(page: Page, served: Served, domain: str, size: int, *, scripts: bool) -> None:
    """From the start page to the refused rows, as somebody goes."""
    main = page.locator("main")
    if scripts:
        await page.get_by_role("link", name="Import leads").click()
    else:
        await page.goto(f"{served.url}/leads/import")
    assert "At most 16 MB and 100,000 rows." in await main.inner_text()
    content = workbook(domain, size)
    await page.get_by_label(re.compile("choose one, or drop")).set_input_files(
        {"name": "Fair.xlsx", "mimeType": "application/octet-stream", "buffer": content}
    )
    await main.get_by_role("button", name="Go on").click()
    await page.wait_for_url(re.compile(r"/leads/import/\d+$"))
    assert f"{size:,} rows" in await main.inner_text()
    assert await page.get_by_label("What E-mail is").input_value() == "email"
    if scripts:
        await page.get_by_label("What Shoe size is").select_option(label="New attribute “Shoe size”")
    await main.get_by_role("row", name=re.compile("Company")).get_by_role("checkbox").check()
    await page.get_by_label("Source, where the file says none").fill("The fair")
    await main.get_by_role("button", name="See what would happen").click()
    await page.wait_for_url(re.compile("/check"))
    bad = -(-size // 50)
    assert [await one.inner_text() for one in await main.locator(".figure").all()] == [
        f"{size - bad:,}",
        "0",
        "0",
        str(bad),
    ]
    assert "The supplied email is not valid." in await main.inner_text()
    # Back to the columns, where everything is still as it was chosen.
    await main.get_by_role("link", name="Change something").click()
    assert await page.get_by_label("Source, where the file says none").input_value() == "The fair"
    assert await main.get_by_role("row", name=re.compile("Company")).get_by_role("checkbox").is_checked()
    await main.get_by_role("button", name="See what would happen").click()
    await main.get_by_role("button", name="Import", exact=True).click()
    await page.wait_for_url(re.compile(r"/leads/import/\d+$"))
    for _ in range(120):
        if await page.get_by_role("link", name="See the leads").count():
            break
        await page.wait_for_timeout(250)
        if not scripts:
            await page.reload()
    else:
        pytest.fail(await main.inner_text())
    assert f"{size - bad:,} new" in await main.inner_text()
    assert "in the list Fair" in await main.inner_text()
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Refused rows").click()
    rows = list(csv.reader((await (await waiting.value).path()).read_text("utf-8").splitlines()))
    assert (len(rows), rows[1][:3]) == (bad + 1, ["1", "The supplied email is not valid.", "nobody"])


async def test_with_a_mouse_and_without_scripts(browser: Browser, served: Served) -> None:
    context = await open_context(browser, served, accept_downloads=True)
    page = await context.new_page()
    await set_up(page, served)
    await bring_in(page, served, "fair.test", 1_200, scripts=True)
    done = page.url.removeprefix(served.url)

    await page.goto(f"{served.url}/leads/import")
    content = (
        b"E-mail,A column with a rather long name,x\na@a.test,a text that goes on and on and on and on,1\nnobody,,\n"
    )
    await page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": content})
    await page.get_by_role("button", name="Go on").click()
    await page.wait_for_url(re.compile(r"/leads/import/\d+$"))
    columns = page.url.removeprefix(served.url)
    check = f"{columns}/check?c=email&c=%2B&c=&list=new&list_name=A"
    assert await look_at(page, [columns, check, f"{columns}/delete", done, "/leads/import"]) == []
    await page.goto(f"{done}/delete")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_text("What became leads stays.").wait_for()
    assert await page.get_by_role("link", name="Fair.xlsx").count() == 0

    plain = await open_context(
        browser, served, java_script_enabled=False, accept_downloads=True, storage_state=await context.storage_state()
    )
    await bring_in(await plain.new_page(), served, "plain.test", 60, scripts=False)
