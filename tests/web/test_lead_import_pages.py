"""Leads from a file, by hand: from the file by way of its columns and a dry run to leads, and what goes wrong on the way."""

import csv
import html
import io
import re
from urllib.parse import urlencode

import openpyxl
import pytest

from vizsla.desk.leads import save_new
from vizsla.leads.attributes import create_attribute, list_attributes
from vizsla.leads.import_store import get_import
from vizsla.leads.lead import Lead, draft
from vizsla.leads.lists import page_of_lists
from vizsla.leads.store import newest_leads
from vizsla.work.leads import work_on_imports
from web.conftest import Answer, Browser, Site
from web.test_list_pages import place_of

FILE = "E-Mail;First name;Company;Shoe size;Whatever\nann@a.test;Ann;Acme;38;x\nBOB@a.test;Bob;;;\nnobody;;;;\nann@a.test;Anna;;39;\n"
HOSTILE = "<script>alert(1)</script>"


async def sent(browser: Browser, content: str | bytes, name: str = "fair.csv", **form: str) -> str:
    """The path of an import."""
    raw = content.encode() if isinstance(content, str) else content
    answer = await browser.upload("/leads/import", form, name, raw)
    assert answer.status == 303, answer.words
    return answer.header("location")


def chosen(page: Answer) -> dict[str, list[str]]:
    """What the form of columns would send as it stands."""
    given: dict[str, list[str]] = {}
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', page.text, re.DOTALL):
        found = re.search(r'<option value="([^"]*)" selected', options)
        given.setdefault(name, []).append(html.unescape(found[1]) if found else "")
    for name, value in re.findall(r'<input id="\w+" name="(\w+)"[^>]* value="([^"]*)"', page.text):
        given[name] = [html.unescape(value)]
    given["existing"] = re.findall(r'name="existing" value="(\w+)" checked', page.text)
    given["keep"] = re.findall(r'name="keep" value="(\d+)" checked', page.text)
    return given


async def checked(browser: Browser, path: str, **changes: list[str]) -> Answer:
    """The dry run, with the choices as proposed but for *changes*."""
    given = chosen(await browser.get(path)) | changes
    return await browser.get(f"{path}/check?{urlencode(given, doseq=True)}")


def figures(page: Answer) -> list[int]:
    return [int(one) for one in re.findall(r'class="figure">(\d+)<', page.text)]


async def ran(browser: Browser, site: Site, page: Answer, path: str) -> Answer:
    """Press the button of a dry run, let it be worked off, and look."""
    hidden: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text):
        hidden.setdefault(name, []).append(html.unescape(value))
    answer = await browser.post(f"{path}/run", hidden)
    assert (answer.status, answer.header("location")) == (303, path), answer.words
    assert "running" in (await browser.get(path)).words
    await work_on_imports(place_of(site), "w")
    return await browser.get(path)


async def leads(site: Site) -> dict[str, Lead]:
    found = await newest_leads(site.stores.app, site.members["a"].account_id, limit=100)
    return {one.email: one for one in found}


async def test_a_file_becomes_leads_step_by_step(site: Site) -> None:
    a, account_id = await site.person("a"), site.members["a"].account_id
    async with site.stores.app.write() as conn:
        await save_new(conn, site.house.services, account_id, draft({"email": "bob@a.test", "first_name": "Robert"}), 1)
    path = await sent(a, FILE)
    form = await a.get(path)

    assert chosen(form)["c"] == ["email", "first_name", "company", "", ""]
    assert "New attribute “Shoe size”" in form.words
    assert all(text in form.words for text in ("ann@a.test", "BOB@a.test", "4 rows"))

    page = await checked(a, path, c=["email", "first_name", "company", "+", ""], keep=["1"], source=["The fair"])
    assert figures(page) == [1, 2, 0, 1]
    assert "The supplied email is not valid." in page.words
    assert all(text in page.words for text in ("New custom attributes Shoe size", "List fair", "Source The fair"))
    assert await list_attributes(site.stores.app, account_id) == []

    done = await ran(a, site, page, path)

    found = await leads(site)
    (made,) = await list_attributes(site.stores.app, account_id)
    (fair,) = [one for one in await page_of_lists(site.stores.app, account_id, limit=9) if one.name == "fair"]
    assert (made.label, fair.leads_count) == ("Shoe size", 2)
    assert (found["ann@a.test"].first_name, found["ann@a.test"].attributes) == ("Ann", {made.id: "39"})
    assert (found["bob@a.test"].first_name, found["bob@a.test"].source) == ("Robert", "The fair")
    assert f'href="/leads?leads_list_id={fair.id}"' in done.text
    assert all(text in done.words for text in ("1 new", "2 updated", "1 refused", "in the list fair"))
    refused = await a.get(f"{path}/refused.csv")
    assert "attachment" in refused.header("content-disposition")
    assert [row[:3] for row in csv.reader(io.StringIO(refused.text))][1:] == [
        ["3", "The supplied email is not valid.", "nobody"]
    ]
    assert "4" in (await a.get("/leads/import")).words


async def test_a_workbook_and_one_of_its_sheets(site: Site) -> None:
    book = openpyxl.Workbook()
    book.active.append(["nothing"])
    book.active.append(["here"])
    book.create_sheet("People").append(["Email", "Phone"])
    book["People"].append(["ann@a.test", 33123456789])
    file = io.BytesIO()
    book.save(file)
    a = await site.person("a")

    first = await sent(a, file.getvalue(), "book.csv")
    page = await a.get(first)
    assert "For “People” send the file again, and name the sheet." in page.words
    path = await sent(a, file.getvalue(), "book.csv", sheet="people")
    done = await ran(a, site, await checked(a, path), path)

    assert "1 new" in done.words
    assert (await leads(site))["ann@a.test"].phone_number == "33123456789"


@pytest.mark.parametrize(
    ("changes", "said", "may_run"),
    [
        ({"c": ["", "first_name", "", "", ""]}, "Say which column is email", False),
        ({"c": ["email", "email", "", "", ""]}, "Two columns are the same field", False),
        ({"c": ["email", "nothing", "", "", ""]}, "no custom attribute called nothing", False),
        ({"c": ["email", "", "", "", ""], "list": ["999"]}, "This leads list does not exist", False),
        ({"c": ["email", "", "", "", ""], "list": ["new"], "list_name": [" "]}, "Give the new list a name", False),
        ({"c": ["company", "email", "", "", ""]}, "Every row would be refused. Of the first it is said", True),
    ],
)
async def test_choices_that_do_not_work_leave_the_form_as_it_was(
    site: Site, changes: dict[str, list[str]], said: str, may_run: bool
) -> None:
    a = await site.person("a")
    path = await sent(a, FILE)

    page = await checked(a, path, **changes, source=["The fair"])

    assert (page.status, said in page.words) == (422, True), page.words
    again = chosen(page)
    assert again["c"] == ["" if one == "nothing" else one for one in changes["c"]]
    assert again["source"] == ["The fair"]
    if not may_run:
        assert (await a.post(f"{path}/run", changes)).status == 422
    assert await leads(site) == {}


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 422, "no rows in this file"),
        (b"email\n", 422, "none below its header"),
        (b"\x89PNG\r\n", 422, "This is a picture"),
        (b"PK\x03\x04 broken", 422, "damaged"),
        (b"email\n" + b"a@a.test\n" * 100_001, 422, "100,000 rows at most"),
        (",".join(f"c{n}" for n in range(201)).encode() + b"\n1\n", 422, "200 columns at most"),
        (b"x" * 16_000_001, 413, "16 MB"),
    ],
)
async def test_files_that_cannot_be_taken(site: Site, content: bytes, status: int, said: str) -> None:
    a = await site.person("a")
    answer = await a.upload("/leads/import", {}, "f.csv", content)

    assert (answer.status, said in answer.words) == (status, True), answer.words
    assert "Files so far" not in (await a.get("/leads/import")).words


async def test_nothing_of_a_file_is_a_mark_of_ours(site: Site) -> None:
    a = await site.person("a")
    async with site.stores.app.write() as conn:
        await create_attribute(conn, site.members["a"].account_id, HOSTILE)
    path = await sent(a, f"email,{HOSTILE}\nann@a.test,{HOSTILE}\n{HOSTILE},x\n", f"{HOSTILE}.csv")
    page = await checked(a, path, source=[HOSTILE])
    done = await ran(a, site, page, path)

    for shown in (await a.get("/leads/import"), page, done, await a.get(f"{path}/delete")):
        assert shown.status == 200
        assert HOSTILE not in shown.text


async def test_an_import_is_stopped_and_begun_only_once(site: Site) -> None:
    a, b = await site.person("a"), await site.person("b")
    path = await sent(a, FILE)
    page = await checked(a, path)
    form = dict(re.findall(r'type="hidden" name="(list|list_name)" value="([^"]*)"', page.text))
    form |= {"c": ["email", "", "", "", ""]}  # type: ignore[dict-item]
    assert (await b.post(f"{path}/run", form)).status == 404
    assert (await a.post(f"{path}/run", form)).status == 303
    assert "has begun already" in (await a.follow(await a.post(f"{path}/run", form))).words
    assert (await checked(a, path)).status == 303
    assert "Stop this import?" in (await a.get(f"{path}/delete")).words
    assert (await a.post(f"{path}/delete")).status == 303
    await work_on_imports(place_of(site), "w")

    assert (await a.get(path)).status == 404
    assert await leads(site) == {}


async def test_a_running_import_is_only_sent_when_it_moved(site: Site) -> None:
    a = await site.person("a")
    path = await sent(a, FILE)
    await a.post(f"{path}/run", {"c": ["email", "", "", "", ""]})
    found = await get_import(site.stores.app, site.members["a"].account_id, int(path.rpartition("/")[2]))

    assert (await a.get(f"{path}?seen={found.done}", hx_request="true")).status == 204
    assert (await a.get(f"{path}?seen=99", hx_request="true")).status == 200
    assert (await a.get(f"/leads/import?seen={found.id}.{found.done}", hx_request="true")).status == 204
