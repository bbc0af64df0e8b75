"""Bulk lists: from a file to its list by way of columns and cost, what goes wrong on the way, and what can be done with a list."""

import asyncio
import csv
import io
import re

import pytest

from vizsla.accounts.lists import MOST_ROWS
from vizsla.accounts.quota import Meter, get_usage
from vizsla.accounts.store import Plan, set_plan
from vizsla.accounts.uploads import KEPT, forget_uploads
from vizsla.erasure import claim
from vizsla.privacy.claims import Claims, load_claims, parse_claimed
from vizsla.storage.statement import statement
from vizsla.work.bulk import Bulk
from vizsla.work.findings import open_means
from vizsla.work.findings import take_turn as take_finding
from vizsla.work.searches import take_turn as take_search
from vizsla.work.workplace import Workplace
from web.conftest import SECRET, Answer, Browser, Site
from web.test_verifier_page import working

EMAILS = "Name;E-Mail;Note\nAda;ada@acme.test;x\nBob;bob@acme.test;\nAda again;ADA@acme.test;\nNobody;no address;\n"
PEOPLE = "First name,Last name,Website\nBob,Ray,acme.example\nNo,One,nowhere.example\n,,acme.example\n"
DOMAINS = "acme.example\nd7.example\nacme.example\nnobody.example\n"
HOSTILE = '=cmd|"calc"!A1<script>alert(1)</script>'


def _tell(event: str, *, level: str = "info", **values: object) -> None:
    raise AssertionError(event, values)


def place_of(site: Site) -> Workplace:
    services = site.house.services
    return Workplace(services.settings, site.stores, SECRET, site.clock, services.waiting)


async def send(browser: Browser, kind: str, content: bytes | str, name: str = "file.csv") -> Answer:
    content = content.encode() if isinstance(content, str) else content
    return await browser.upload("/lists/new", {"kind": kind, "text": ""}, name, content)


def fields(page: Answer) -> dict[str, str]:
    """What the form of columns would send as it stands."""
    chosen = {}
    for name, options in re.findall(r'<select id="(\w+)".*?>(.*?)</select>', page.text, re.DOTALL):
        found = re.search(r'<option value="(\d*)" selected', options)
        chosen[name] = found[1] if found else ""
    return chosen


async def estimated(browser: Browser, kind: str, content: bytes | str, **choices: str) -> tuple[str, Answer]:
    """The path of a file and its estimate, with the columns as proposed but for *choices*."""
    answer = await send(browser, kind, content)
    path = answer.header("location")
    given = fields(await browser.follow(answer)) | choices
    return path, await browser.get(f"{path}/estimate?" + "&".join(f"{k}={v}" for k, v in given.items()))


async def started(browser: Browser, kind: str, content: bytes | str, **choices: str) -> str:
    """The path of the list that was made of *content*."""
    path, page = await estimated(browser, kind, content, **choices)
    assert page.status == 200, page.words
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', page.text))
    answer = await browser.post(f"{path}/start", hidden)
    assert answer.status == 303, answer.words
    assert (await browser.get(path)).status == 404
    return answer.header("location")


async def table(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = await browser.get(f"{path}/results.csv")
    assert answer.header("content-type").startswith("text/csv")
    assert "attachment" in answer.header("content-disposition")
    return list(csv.DictReader(io.StringIO(answer.text)))


async def work(site: Site, kind: str) -> None:
    place = place_of(site)
    if kind == "searches":
        while await take_search(place, Meter(site.stores.app), "worker", _tell):
            pass
    elif kind == "findings":
        async with open_means(place) as means:
            while await take_finding(place, means, "worker", _tell):
                pass
    else:
        async with working(site), asyncio.timeout(20):
            task = asyncio.create_task(Bulk(place, _tell).run())
            due = statement("SELECT 1 FROM bulk_list WHERE ended_at IS NULL")
            while await site.stores.app.fetch_one(due):
                await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.wait([task])


async def used(site: Site) -> tuple[int, int]:
    usage = await get_usage(site.stores.app, site.members["a"].account_id, site.clock.now())
    return usage.searches, usage.verifications


async def test_nothing_yet_says_what_to_do(site: Site) -> None:
    browser = await site.person("a")
    page = await browser.get("/lists")
    assert (page.status, "No list yet" in page.words) == (200, True)
    for kind in ("verifications", "findings", "searches"):
        form = await browser.get(f"/lists/new?kind={kind}")
        assert f'value="{kind}" checked' in form.text
        assert "16 MB" in form.words


@pytest.mark.parametrize(
    ("kind", "content", "words", "columns", "counted"),
    [
        ("verifications", EMAILS, ("4", "Cannot be read", "1 repetition"), {"header": "1", "email": "2"}, (0, 2)),
        ("findings", PEOPLE, ("3",), {"header": "1", "first_name": "1", "last_name": "2", "domain": "3"}, (1, 0)),
        ("searches", DOMAINS, ("4", "Without a known address"), {"header": "0", "domain": "1"}, (2, 0)),
    ],
)
async def test_a_file_becomes_a_list_and_a_file(
    site: Site, kind: str, content: str, words: tuple[str, ...], columns: dict[str, str], counted: tuple[int, int]
) -> None:
    browser = await site.person("a")
    answer = await send(browser, kind, content)
    mapping = await browser.follow(answer)
    assert columns.items() <= fields(mapping).items()
    _, estimate = await estimated(browser, kind, content)
    assert all(word in estimate.words for word in words), estimate.words
    assert "What it will cost" in estimate.words
    assert await used(site) == (0, 0)

    path = await started(browser, kind, content)
    assert path.startswith(f"/lists/{kind}/")
    running = await browser.get(path)
    assert "running" in running.words and 'hx-trigger="every 2s"' in running.text
    mark = running.text.partition("?seen=")[2].partition('"')[0]
    assert (await browser.send("GET", f"{path}?seen={mark}", hx_request="true")).status == 204
    assert len(await table(browser, path)) == content.count("\n") - (kind != "searches")
    await work(site, kind)

    page = await browser.get(path)
    assert "hx-trigger" not in page.text and "done" in page.words
    assert '<svg class="tally"' in page.text
    assert await used(site) == counted
    rows = await table(browser, path)
    if kind == "verifications":
        assert [row["status"] for row in rows] == ["valid", "valid", "valid", ""]
    elif kind == "findings":
        assert rows[0]["email"].endswith("@acme.example") and rows[2]["error"]
    else:
        assert sum(row["domain"] == "acme.example" and bool(row["email"]) for row in rows) == 10
    overview = await browser.get("/lists")
    assert f'href="{path}">file.csv<' in overview.text and "Files that wait" in overview.words


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
async def test_files_as_spreadsheets_write_them(site: Site, encoding: str, mark: str) -> None:
    browser = await site.person("a")
    text = f'"Müller, ""Jörg""\nof two lines"{mark}jörg@acme.test{mark}ada@acme.test\n'
    header = f"Name{mark}Other e-mail{mark}E-Mail\n"
    page = await browser.follow(await send(browser, "verifications", (header + text).encode(encoding)))

    assert fields(page) == {"header": "1", "email": "3"}
    assert "Müller, &#34;Jörg&#34;" in page.text and "jörg@acme.test" in page.text
    bare = await browser.follow(await send(browser, "verifications", text.encode(encoding)))
    assert fields(bare)["header"] == "0"


async def test_pasted_lines_will_do(site: Site) -> None:
    browser = await site.person("a")
    answer = await browser.post(
        "/lists/new", {"kind": "findings", "text": "Bob Ray, acme.example\nIda Low, acme.example\n"}
    )
    page = await browser.follow(answer)

    assert {"header": "0", "full_name": "1", "domain": "2"}.items() <= fields(page).items()


@pytest.mark.parametrize(
    ("kind", "content", "choices", "words"),
    [
        ("verifications", EMAILS, {"email": ""}, "No column is chosen for the addresses"),
        ("verifications", EMAILS, {"email": "1"}, "No row can be read with these columns"),
        ("verifications", EMAILS, {"email": "99"}, "No row can be read with these columns"),
        ("verifications", EMAILS, {"email": "99999999999999999999"}, "No column is chosen"),
        ("verifications", "email\n", {}, "no rows below the first line"),
        ("findings", PEOPLE, {"domain": "", "company": ""}, "Choose the columns that say who and where"),
        ("findings", PEOPLE, {"last_name": ""}, "Choose the columns that say who and where"),
        ("findings", PEOPLE, {"last_name": "1"}, "chosen twice"),
        ("searches", DOMAINS, {"domain": ""}, "No column is chosen"),
    ],
)
async def test_wrong_columns_are_said_and_nothing_is_lost(
    site: Site, kind: str, content: str, choices: dict[str, str], words: str
) -> None:
    browser = await site.person("a")
    path, page = await estimated(browser, kind, content, **choices)

    assert page.status == 422
    assert words in page.words and 'role="alert"' in page.text
    assert 'id="header"' in page.text
    refused = await browser.post(f"{path}/start", {"header": "1"})
    assert (refused.status, 'role="alert"' in refused.text) == (422, True)
    again = await browser.get(path)
    assert (again.status, fields(again)["header"]) == (200, fields(page)["header"])
    assert "file.csv" in (await browser.get("/lists")).words


async def test_a_thousand_columns(site: Site) -> None:
    browser = await site.person("a")
    header = ",".join(f"c{at}" for at in range(999)) + ",Email\n"
    row = ",".join("v" * 9 for _ in range(999)) + ",ada@acme.test\n"
    page = await browser.follow(await send(browser, "verifications", header + row * 50))

    assert fields(page) == {"header": "1", "email": "1000"}
    assert "The first 40 of 1,000 columns" in page.words
    path = await started(browser, "verifications", header + row * 50)
    assert "50" in (await browser.get(path)).words


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "There are no rows"),
        (b"\n\n \n", 422, "no rows"),
        (b";;;\n;;;\n", 422, "nothing in the rows"),
        (b"\x89PNG\r\n\0\0\0", 422, "not a CSV file"),
        (b"PK\x03\x04\0\0\0", 422, "not a CSV file"),
        (b"email\n" + b"a@b.test\n" * (MOST_ROWS + 1), 413, "100,000 rows"),
        (b"a" * 16_100_000, 413, "16 MB"),
    ],
)
async def test_a_file_that_is_no_list_is_refused_beside_the_form(
    site: Site, content: bytes, status: int, words: str
) -> None:
    browser = await site.person("a")
    page = await send(browser, "searches", content)

    assert (page.status, words in page.words) == (status, True), page.words
    assert 'value="searches"' in page.text and 'role="alert"' in page.text
    assert await site.stores.app.fetch_all(statement("SELECT 1 FROM upload")) == []


async def test_two_hundred_megabytes_are_refused_before_they_are_read(site: Site) -> None:
    browser = await site.person("a")
    kind = {"content_type": "multipart/form-data; boundary=x", "sec_fetch_site": "same-origin"}
    page = await browser.send("POST", "/lists/new?kind=findings", b"--x", content_length="200000000", **kind)

    assert page.status == 413
    assert "16 MB" in page.words and 'value="findings" checked' in page.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\nnonsense\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
    ],
)
async def test_a_broken_form_is_refused(site: Site, body: bytes) -> None:
    browser = await site.person("a")
    headers = {"content_type": "multipart/form-data; boundary=x", "sec_fetch_site": "same-origin"}
    assert (await browser.send("POST", "/lists/new", body, content_length=str(len(body)), **headers)).status == 422
    headers["content_type"] = "multipart/form-data"
    assert (await browser.send("POST", "/lists/new", body, content_length=str(len(body)), **headers)).status == 422


async def test_hostile_cells_and_names_stay_text(site: Site) -> None:
    browser = await site.person("a")
    text = f'{HOSTILE.replace(",", "")};domain\n"=1+1<img src=x>";acme.example\n@x;-2+3.example\n'
    answer = await send(browser, "searches", text, name="../../<svg onload=alert(1)>.csv")
    page = await browser.follow(answer)
    assert "<script>alert" not in page.text and "<img" not in page.text and "<svg onload" not in page.text
    path = await started(browser, "findings", "full_name,company\nBob Ray,acme\nx<img src=x>,=Evil\n")
    await work(site, "findings")
    shown = await browser.get(path)
    assert "<img src" not in shown.text
    rows = await table(browser, path)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row.values())


async def test_a_list_is_stopped_goes_on_and_is_deleted(site: Site) -> None:
    browser = await site.person("a")
    for kind, content in (("verifications", EMAILS), ("findings", PEOPLE), ("searches", DOMAINS)):
        path = await started(browser, kind, content)
        stopped = await browser.post(f"{path}/cancel")
        page = await browser.follow(stopped)
        assert "cancelled" in page.words and f'action="{path}/resume"' in page.text
        assert "Undo" in page.words
        assert "running" in (await browser.follow(await browser.post(f"{path}/resume"))).words
        await work(site, kind)
        assert "done" in (await browser.get(path)).words
        assert f'action="{path}/delete"' in (await browser.get(f"{path}/delete")).text
        assert "deleted" in (await browser.follow(await browser.post(f"{path}/delete"))).words
        assert (await browser.get(path)).status == 404
    assert await used(site) == (3, 2)


async def test_what_the_plan_does_not_hold_does_not_start(site: Site) -> None:
    browser = await site.person("a")
    path = await started(browser, "verifications", EMAILS)
    await browser.post(f"{path}/cancel")
    async with site.stores.app.write() as conn:
        await set_plan(conn, site.members["a"].account_id, Plan(plan_verifications=1, plan_searches=0))
    upload, page = await estimated(browser, "verifications", EMAILS)
    assert "It cannot start" in page.words and "whole again on" in page.words and "Start<" not in page.text
    refused = await browser.post(f"{upload}/start", {"header": "1", "email": "2"})
    assert (refused.status, "verifications are left" in refused.words) == (429, True)
    assert (await browser.get(upload)).status == 200
    again = await browser.post(f"{path}/resume")
    assert (again.status, "verifications are left" in again.words) == (429, True)
    _, searches = await estimated(browser, "searches", DOMAINS)
    assert "It cannot start" in searches.words


async def test_what_was_paid_for_is_free_in_the_estimate(site: Site) -> None:
    browser = await site.person("a")
    for kind, content in (("verifications", EMAILS), ("findings", PEOPLE), ("searches", DOMAINS)):
        await started(browser, kind, content)
        await work(site, kind)
        _, page = await estimated(browser, kind, content)
        assert "Paid for within a day" in page.words, page.words
        assert "As fast as" in page.words or "A guess" in page.words


async def test_nobody_sees_anothers_lists_or_files(site: Site) -> None:
    browser, stranger = await site.person("a"), await site.person("b")
    upload = (await send(browser, "searches", DOMAINS)).header("location")
    paths = [
        await started(browser, "verifications", EMAILS),
        await started(browser, "findings", PEOPLE),
        await started(browser, "searches", DOMAINS),
    ]
    for target in (
        *paths,
        *(f"{path}/results.csv" for path in paths),
        *(f"{path}/delete" for path in paths),
        upload,
        f"{upload}/estimate?header=1&domain=1",
    ):
        theirs = await stranger.get(target)
        assert theirs.status == 404, target
        assert theirs.words == (await stranger.get(re.sub(r"\d+", "987654", target))).words
    for target in (
        *(f"{path}/{verb}" for path in paths for verb in ("cancel", "resume", "delete")),
        f"{upload}/start",
        f"{upload}/drop",
    ):
        assert (await stranger.post(target, {"header": "1", "domain": "1"})).status == 404, target
    assert "No list yet" in (await stranger.get("/lists")).words
    for path in paths:
        assert "running" in (await browser.get(path)).words
    assert (await browser.get(upload)).status == 200
    # Another kind's number is nobody's.
    assert (await browser.get(paths[0].replace("verifications", "findings"))).status == 404
    for strange in (
        "/lists/nothing/1",
        "/lists/searches/99999999999999999999",
        "/lists/uploads/99999999999999999999",
        "/lists?offset=x",
        "/lists?offset=99999999999",
    ):
        assert (await browser.get(strange)).status in (200, 404)


async def test_whoever_says_stop_goes_from_files_that_wait(site: Site) -> None:
    browser = await site.person("a")
    path = (await send(browser, "verifications", EMAILS)).header("location")
    await claim(site.stores, Claims(SECRET), parse_claimed("ada@acme.test"), site.clock)

    kept = str(await site.stores.app.fetch_all(statement("SELECT rows FROM upload_part")))
    assert "ada" not in kept.lower() and "bob@acme.test" in kept
    site.house.services.claims = await load_claims(site.stores.app, SECRET)
    made = await started(browser, "verifications", EMAILS)
    assert "Asked us to stop" in (await estimated(browser, "verifications", EMAILS))[1].words
    await work(site, "verifications")
    assert "ada@" not in (await browser.get(f"{made}/results.csv")).text.lower()
    async with site.stores.app.write() as conn:
        assert await forget_uploads(conn, site.clock.now() - KEPT) == 0
        assert await forget_uploads(conn, site.clock.now()) == 2
    gone = await browser.get(path)
    assert (gone.status, "a file waits for a day" in gone.words) == (404, True)
    assert await site.stores.app.fetch_all(statement("SELECT 1 FROM upload_part")) == []


async def test_only_twenty_files_wait(site: Site) -> None:
    browser = await site.person("a")
    for at in range(22):
        await send(browser, "searches", DOMAINS, name=f"file-{at:02}.csv")
    page = await browser.get("/lists")

    assert page.text.count("/drop") == 20
    assert "file-01.csv" not in page.words and "file-21.csv" in page.words


async def test_another_site_cannot_start_or_delete(site: Site) -> None:
    browser = await site.person("a")
    path = await started(browser, "searches", DOMAINS)
    for target in (f"{path}/delete", f"{path}/cancel", "/lists/new"):
        assert (await browser.post(target, {}, sec_fetch_site="cross-site")).status == 403
    assert "running" in (await browser.get(path)).words
