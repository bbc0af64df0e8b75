"""The dashboard's leads: what is filtered, changed, done to many, brought back, saved as a view and fetched as a file."""

import csv
import io
import json
import re

import pytest

from vizsla.desk import lead_bulk
from vizsla.leads.attributes import create_attribute, list_attributes
from vizsla.leads.lead import TEXTS, Lead, draft
from vizsla.leads.store import count_leads, find_by_email, get_lead, leads_after, upsert_lead
from vizsla.leads.tags import page_of_tags
from vizsla.leads.views import list_views
from vizsla.work.leads import work_on_tasks
from web.conftest import Answer, Site
from web.test_list_pages import place_of

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


async def put(site: Site, email: str, name: str = "a", **fields: str) -> Lead:
    account_id = site.members[name].account_id
    async with site.stores.app.write() as conn:
        return (await upsert_lead(conn, account_id, draft({"email": email, **fields}), site.clock.now()))[0]


async def fill(site: Site) -> None:
    for n, (company, position) in enumerate([("Acme", "CEO"), ("Acme", ""), ("Globex", "CEO"), ("", "Clerk")]):
        await put(site, f"p{n}@x.example", company=company, position=position, first_name=f"N{n}")


def emails(page: Answer) -> list[str]:
    """The leads in a table, in order."""
    assert page.status == 200, page.words
    return re.findall(r'<a class="mono" href="/leads/\d+">(p\d+)@', page.text)


async def mine(site: Site, name: str = "a") -> list[Lead]:
    return await leads_after(site.stores.app, site.members[name].account_id, 0, limit=1_000)


async def test_filters_are_those_of_the_api_in_plain_words(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    page = await a.get("/leads?company=ACME&position=*")
    assert emails(page) == ["p0"]
    assert "1 of 4 leads matches" in page.words
    assert "Company contains “ACME”" in page.words
    assert "Position has any value" in page.words
    assert emails(await a.get("/leads?position=~")) == ["p1"]
    assert "Position is empty" in (await a.get("/leads?position=~")).words
    assert emails(await a.get("/leads?query=n2")) == ["p2"]
    assert emails(await a.get("/leads?sending_status[]=~&company=globex")) == ["p2"]
    assert emails(await a.get("/leads?sending_status=opened")) == []
    nothing = await a.get("/leads?company=zzz")
    assert "No lead matches" in nothing.words
    assert 'href="/leads">Show all 4' in nothing.text
    # What is no filter, or no value of one, is passed over.
    strange = "/leads?sending_status=x&leads_list_id=-1&tag_id=%C2%B2&sort=drop&order=up&nonsense=1&offset=-3&custom_attributes[no]=1"
    assert len(emails(await a.get(strange))) == 4


async def test_a_form_makes_an_address(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    async with site.stores.app.write() as conn:
        made = await create_attribute(conn, site.members["a"].account_id, "Customer ID")
    await put(site, "p3@x.example")
    added = await a.get(
        "/leads?sort=email&field=company&how=contains&text=+Acme+&field=position&how=empty&text=&leads_list_id="
    )
    assert added.header("location") == "/leads?sort=email&company=Acme&position=~"
    assert emails(await a.follow(added)) == ["p1"]
    another = await a.get("/leads?company=Acme&field=company&how=any&text=x&field=&how=contains&text=")
    assert another.header("location") == "/leads?company=%2A"
    by_attribute = await a.get(f"/leads?field=custom_attributes[{made.slug}]&how=empty&text=")
    page = await a.follow(by_attribute)
    assert len(emails(page)) == 4
    assert "Customer ID is empty" in page.words


async def test_orders_and_pages(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    assert emails(await a.get("/leads")) == ["p3", "p2", "p1", "p0"]
    assert emails(await a.get("/leads?sort=company&order=asc")) == ["p1", "p0", "p2", "p3"]
    page = await a.get("/leads?sort=company&order=asc")
    assert 'aria-sort="ascending"' in page.text
    assert "/leads?sort=company&amp;order=desc" in page.text
    for n in range(4, 25):
        await put(site, f"p{n}@x.example")
    first = await a.get("/leads")
    (after,) = re.findall(r'href="(/leads\?offset=20)" rel="next"', first.text)
    second = await a.get(after)
    assert sorted(emails(first) + emails(second)) == sorted(f"p{n}" for n in range(25))
    assert "No more leads" in (await a.get("/leads?offset=4000&query=x")).words


async def test_columns_are_kept_for_each_member(site: Site) -> None:
    await fill(site)
    a, mate = await site.person("a"), await site.as_member(await site.teammate("mate"))
    async with site.stores.app.write() as conn:
        made = await create_attribute(conn, site.members["a"].account_id, "Shoe size")
    await put(site, "p0@x.example")
    chosen = await a.post("/leads/columns", {"column": [f"a{made.id}", "notes", "nonsense", "notes"], "rows": "50"})
    page = await a.follow(chosen)
    assert re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]+)', page.text)[-2:] == ["Shoe size", "Notes"]
    assert "<option selected>50</option>" in page.text
    assert '<a href="/leads?sort=position' in (await mate.get("/leads")).text


async def test_views_are_a_members_own_or_the_teams(site: Site) -> None:
    await fill(site)
    a, b = await site.person("a"), await site.person("b")
    mate = await site.as_member(await site.teammate("mate"))
    saved = await a.post(
        "/leads/views", {"name": "Bosses", "query": "position=ceo&sort=company&order=asc", "columns": "company"}
    )
    assert emails(await a.follow(saved)) == ["p0", "p2"]
    await a.post("/leads/views", {"name": "Ours", "query": "company=~", "columns": "", "shared": "1"})
    assert ["Bosses" in (await who.get("/leads")).words for who in (a, mate, b)] == [True, False, False]
    assert ["Ours" in (await who.get("/leads")).words for who in (a, mate, b)] == [True, True, False]
    member = site.members["a"]
    bosses, ours = await list_views(site.stores.app, member.account_id, member.id)
    for who in (mate, b):
        for path in (f"/leads/views/{bosses.id}", f"/leads/views/{bosses.id}/delete"):
            assert (await who.post(path, {"name": "Stolen"})).status == 404
    assert (await mate.post(f"/leads/views/{ours.id}", {"name": "Without company", "shared": "1"})).status == 303
    assert "Without company" in (await a.get("/leads/views")).words
    assert (await a.post(f"/leads/views/{bosses.id}", {"name": " "})).status == 422
    await a.post(f"/leads/views/{bosses.id}/delete")
    assert len(await list_views(site.stores.app, member.account_id, member.id)) == 1
    assert (await a.post("/leads/views", {"name": "x" * 101})).status == 422


async def test_a_lead_is_written_field_by_field(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    async with site.stores.app.write() as conn:
        await create_attribute(conn, site.members["a"].account_id, "Customer ID")
    one = await find_by_email(site.stores.app, site.members["a"].account_id, "p0@x.example")
    assert one is not None
    here = f"/leads/{one.id}"
    assert "Became a lead" in (await a.get(here)).words
    assert 'name="company"' in (await a.get(f"{here}?edit=company")).text
    await a.post(here, {"company": "Acme & Sons"})
    await a.post(here, {"custom_attributes[customer_id]": "C-1", "notes": "One\r\nTwo", "id": "999", "account_id": "2"})
    after = await get_lead(site.stores.app, one_account(site), one.id)
    assert (after.company, after.position, after.notes) == ("Acme & Sons", "CEO", "One\nTwo")
    assert list(after.attributes.values()) == ["C-1"]
    for wrong, sentence in (
        ({"email": "nonsense"}, "not valid"),
        ({"email": ""}, "Type the address"),
        ({"email": "p1@x.example"}, "already a lead"),
        ({"country_code": "Utopia"}, "ISO 3166-1"),
        ({"confidence_score": "101"}, "0 to 100"),
        ({"confidence_score": "much"}, "0 to 100"),
        ({"company": "x" * 1_001}, "too long"),
    ):
        answer = await a.post(here, wrong)
        assert answer.status == 422, wrong
        assert sentence in answer.words
    await a.post(here, {"company": ""})
    assert (await get_lead(site.stores.app, one_account(site), one.id)).company is None


def one_account(site: Site) -> int:
    return site.members["a"].account_id


async def test_a_lead_by_hand(site: Site) -> None:
    a = await site.person("a")
    assert "No leads yet" in (await a.get("/leads")).words
    wrong = await a.post("/leads/new", {"email": "nonsense", "company": "Kept as typed"})
    assert wrong.status == 422
    assert "Kept as typed" in wrong.text
    assert (await a.post("/leads/new", {"company": "x"})).status == 422
    made = await a.post("/leads/new", {"email": "Jane@Acme.example", "list_name": "Spring"})
    page = await a.follow(made)
    assert "jane@acme.example" in page.words
    assert "Spring" in page.words
    assert (await a.post("/leads/new", {"email": "jane@acme.example"})).status == 422


async def test_lists_and_tags_of_a_lead(site: Site) -> None:
    a = await site.person("a")
    one = await put(site, "p0@x.example")
    here = f"/leads/{one.id}"
    await a.post(f"{here}/lists", {"name": "Spring"})
    await a.post(f"{here}/tags", {"name": "Hot"})
    (tag,) = await page_of_tags(site.stores.app, one_account(site), limit=9)
    after = await get_lead(site.stores.app, one_account(site), one.id)
    assert (len(after.lists), after.tags) == (2, (tag.id,))
    assert (await a.post(f"{here}/tags", {"tag": "999999"})).status == 404
    assert (await a.post(f"{here}/lists", {})).status == 422
    await a.post(f"{here}/tags", {"remove": str(tag.id)})
    await a.post(f"{here}/lists", {"remove": str(after.lists[0])})
    left = await get_lead(site.stores.app, one_account(site), one.id)
    assert (left.lists, left.tags) == (after.lists[1:], ())


async def test_names_are_made_renamed_and_deleted(site: Site) -> None:
    a, b = await site.person("a"), await site.person("b")
    for kind in ("lists", "tags", "attributes"):
        here = f"/leads/{kind}"
        assert "yet" in (await a.get(here)).words
        await a.post(here, {"name": "First"})
        (id_,) = re.findall(rf'action="{here}/(\d+)"', (await a.get(here)).text)
        assert (await b.post(f"{here}/{id_}", {"name": "Stolen"})).status == 404
        assert (await b.post(f"{here}/{id_}/delete")).status == 404
        assert (await a.post(f"{here}/{id_}", {"name": " "})).status == 422
        await a.post(f"{here}/{id_}", {"name": "Second"})
        assert "Second" in (await a.get(here)).words
        await a.post(f"{here}/{id_}/delete")
        assert "yet" in (await a.get(here)).words
    assert (await a.post("/leads/attributes", {"name": "Email"})).status == 422


async def test_many_at_once_and_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(site)
    a = await site.person("a")
    before = await mine(site)
    ids = [str(one.id) for one in before]

    async def bulk(act: str, **form: object) -> Answer:
        return await a.post("/leads/bulk", {"act": act, **form})

    asked = await bulk("tag", id=ids[:2])
    assert "Tag 2 leads" in asked.words
    assert "Choose a tag" in (await bulk("tag", id=ids[:2], sure="1")).words
    await bulk("tag", which="page", shown=",".join(ids[:2]), sure="1", name="Hot")
    await bulk("move", which="all", query="company=acme", sure="1", name="Acme people")
    await bulk("add", id=ids[3], sure="1", name="acme PEOPLE")
    after = await mine(site)
    assert [len(one.tags) for one in after] == [1, 1, 0, 0]
    assert [len(one.lists) for one in after] == [1, 1, 1, 2]
    (tag,) = await page_of_tags(site.stores.app, one_account(site), limit=9)
    await bulk("untag", which="all", sure="1", target=str(tag.id))
    assert [one.tags for one in await mine(site)] == [()] * 4
    assert "Tick at least one" in (await a.follow(await bulk("trash"))).words
    assert "Say what" in (await a.follow(await bulk("explode", id=ids))).words
    assert "no such leads" in (await bulk("enrich", id="999999")).words

    deleted = await bulk("trash", which="all", query="company=acme")
    page = await a.follow(deleted)
    assert "2 leads are deleted." in page.words
    (path,) = set(re.findall(r'action="(/leads/undo/\d+)"', page.text))
    assert await count_leads(site.stores.app, one_account(site)) == 2
    b = await site.person("b")
    assert (await b.post(path)).status == 404
    assert "2" in (await a.get("/leads/deleted")).words
    kept = [one for one in after if one.company == "Acme"]
    assert "2 leads are back." in (await a.follow(await a.post(path))).words
    now = {one.id: one for one in await mine(site)}
    assert [now[one.id].lists for one in kept] == [one.lists for one in kept]
    assert (await a.post(path)).status == 404

    monkeypatch.setattr(lead_bulk, "AT_ONCE", 1)
    monkeypatch.setattr("vizsla.web.lead_bulk.AT_ONCE", 1)
    assert "Delete 4 leads" in (await bulk("trash", which="all")).words
    going = await a.follow(await bulk("trash", which="all", sure="1"))
    (path,) = set(re.findall(r'action="(/leads/undo/\d+)"', going.text))
    assert "No lead had to be brought back" in (await a.follow(await a.post(path))).words
    await work_on_tasks(place_of(site), "worker")
    assert await count_leads(site.stores.app, one_account(site)) == 4
    going = await a.follow(await bulk("trash", which="all", sure="1"))
    assert "Deleting leads" in going.words
    await work_on_tasks(place_of(site), "worker")
    assert "No leads yet" in (await a.get("/leads")).words
    (path,) = set(re.findall(r'action="(/leads/undo/\d+)"', (await a.get("/leads/deleted")).text))
    await a.post(path)
    await work_on_tasks(place_of(site), "worker")
    assert await mine(site) == [now[id_] for id_ in sorted(now)]


async def test_one_is_deleted_and_brought_back(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    before = await mine(site)
    page = await a.follow(await a.post(f"/leads/{before[0].id}/delete"))
    assert "p0@x.example is deleted." in page.words
    (path,) = set(re.findall(r'action="(/leads/undo/\d+)"', page.text))
    assert (await a.get(f"/leads/{before[0].id}")).status == 404
    await a.post(path)
    assert await mine(site) == before


async def test_leads_are_verified_after_their_cost_was_seen(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    answer = await a.post("/leads/bulk", {"act": "verify", "which": "all", "query": "company=acme"})
    page = await a.follow(answer)
    assert "What it will cost" in page.words
    assert "Rows 2" in page.words
    (action,) = re.findall(r'action="(/lists/uploads/\d+/start)"', page.text)
    started = await a.post(action, {"header": "0", "email": "1"})
    assert "/lists/verifications/" in started.header("location")


async def test_empty_fields_are_filled(site: Site) -> None:
    one = await put(site, "ann.lee0@acme.example", company="Mine")
    a = await site.person("a")
    await a.post(f"/leads/{one.id}/enrich")
    after = await get_lead(site.stores.app, one_account(site), one.id)
    assert after.company == "Mine"
    assert after.first_name is not None
    assert "Nothing more is known" in (await a.follow(await a.post(f"/leads/{one.id}/enrich"))).words


async def test_many_are_filled_in_the_background(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_bulk, "AT_ONCE", 1)
    for email in ("ann.lee0@acme.example", "nobody@nowhere.example"):
        await put(site, email)
    a = await site.person("a")
    await a.post("/leads/bulk", {"act": "enrich", "which": "all", "sure": "1"})
    assert "Filling what leads lack" in (await a.get("/leads")).words
    await work_on_tasks(place_of(site), "worker")
    assert "Filling what leads lack" not in (await a.get("/leads")).words
    known, unknown = await mine(site)
    assert (known.first_name, known.last_name) == ("Ann", "Lee")
    assert unknown.first_name is None


async def test_nobody_reaches_another_accounts_leads(site: Site) -> None:
    await fill(site)
    theirs = [str(one.id) for one in await mine(site)]
    a, b = await site.person("a"), await site.person("b")
    await a.post("/leads/lists", {"name": "A's"})
    await put(site, "b@b.example", name="b")
    own = [str(one.id) for one in await mine(site, "b")]
    (a_list,) = re.findall(r'action="/leads/lists/(\d+)"', (await a.get("/leads/lists")).text)[:1]
    before = await mine(site)
    for act in ("trash", "enrich"):
        assert (await b.post("/leads/bulk", {"act": act, "id": theirs})).status in (303, 422)
    if a_list not in own:
        assert (await b.post("/leads/bulk", {"act": "add", "id": own, "target": "987654", "sure": "1"})).status == 404
    assert (await b.post("/leads/save", {"from": "domain", "email": "x@b.example", "list": "987654"})).status == 303
    assert "p0@" not in (await b.get("/leads")).words
    assert "p0@" not in (await b.get("/leads/export.csv")).text
    assert await mine(site) == before


async def test_files_have_what_matches(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    page = await a.get("/leads?company=acme")
    (path,) = re.findall(r'href="(/leads/export.csv[^"]*)"', page.text)
    rows = list(csv.DictReader(io.StringIO((await a.get(path)).content.decode("utf-8-sig"))))
    assert [row["email"] for row in rows] == ["p0@x.example", "p1@x.example"]
    lines = (await a.get("/leads/export.jsonl?position=~")).text.splitlines()
    assert [json.loads(line)["email"] for line in lines] == ["p1@x.example"]


async def test_hostile_values_are_text(site: Site) -> None:
    a = await site.person("a")
    for kind in ("lists", "tags", "attributes"):
        await a.post(f"/leads/{kind}", {"name": f"{HOSTILE[:80]}"})
    said = {name: f"{HOSTILE} {name}" for name in TEXTS if name != "country_code"}
    made = await a.post("/leads/new", {"email": "p0@x.example", **said, "list_name": HOSTILE[:90]})
    assert made.status == 303, made.words
    here = made.header("location")
    (attribute,) = await list_attributes(site.stores.app, one_account(site))
    await a.post(here, {f"custom_attributes[{attribute.slug}]": HOSTILE, "website": "javascript:alert(1)"})
    await a.post(f"{here}/tags", {"name": HOSTILE})
    await a.post("/leads/views", {"name": HOSTILE[:90], "query": "company=%3Cscript%3Ealert", "shared": "1"})
    await a.post("/leads/columns", {"column": [*TEXTS, "lists", "tags", f"a{attribute.id}"], "rows": "20"})
    pages = [
        "/leads",
        f"/leads?company={HOSTILE.replace('{', '%7B')}",
        here,
        f"{here}?edit=all",
        f"{here}?edit=notes",
        "/leads/views",
    ]
    pages += ["/leads/lists", "/leads/tags", "/leads/attributes", "/leads/new"]
    for path in pages:
        page = await a.get(path.replace(" ", "%20").replace("<", "%3C").replace(">", "%3E").replace('"', "%22"))
        assert page.status == 200, path
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert 'href="javascript:' not in page.text
    asked = await a.post("/leads/bulk", {"act": "tag", "id": here.rpartition("/")[2], "query": HOSTILE})
    assert asked.status == 200
    assert "<script>alert" not in asked.text


async def test_bad_input_is_a_sentence(site: Site) -> None:
    await fill(site)
    a = await site.person("a")
    big = "9" * 30
    for path in (
        f"/leads/{big}",
        f"/leads?offset={big}&tag_id={big}",
        "/leads?company=%00%ff",
        "/leads?query=" + "x" * 5_000,
    ):
        assert (await a.get(path)).status in (200, 404), path
    one = (await mine(site))[0]
    surrogate = await a.send("POST", f"/leads/{one.id}", b"company=%ED%A0%80%00x", **{
        "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"})  # fmt: skip
    assert surrogate.status == 303
    for form in (
        {"act": "tag", "id": big, "sure": "1", "target": big},
        {"act": "trash", "which": "page", "shown": f",{big},x"},
    ):
        assert (await a.post("/leads/bulk", form)).status in (303, 404, 422)
    assert (await a.post("/leads/columns", {"column": ["x"] * 900, "rows": big})).status == 303
    assert (await a.post(f"/leads/undo/{big}")).status == 404
    assert (await a.post(f"/leads/{one.id}", {"notes": "x" * 200_000})).status == 413


async def test_a_lead_is_changed_in_the_table(site: Site) -> None:
    await fill(site)
    account_id = site.members["a"].account_id
    async with site.stores.app.write() as conn:
        attribute = await create_attribute(conn, account_id, "Shoe size")
    lead = await put(site, "p1@x.example", notes="two\nlines")
    a = await site.person("a")
    columns = ["position", "company", "notes", "lists", f"a{attribute.id}"]
    await a.post("/leads/columns", {"column": columns, "rows": "20", "query": ""})
    table = await a.get("/leads?company=Acme&sort=email&order=asc")
    link = re.search(rf'href="([^"]+edit={lead.id})#lead-{lead.id}"', table.text)
    assert link
    edited = await a.get(link[1].replace("&amp;", "&"))
    names = re.findall(r'<input form="change" name="([^"]+)"', edited.text)
    assert names == ["position", "company", "custom_attributes[shoe_size]"]
    back = re.search(r'id="change"><input type="hidden" name="back" value="([^"]+)"', edited.text)
    assert back

    said = {"position": HOSTILE, "company": "Acme", "custom_attributes[shoe_size]": "38"}
    saved = await a.post(f"/leads/{lead.id}", {**said, "back": back[1].replace("&amp;", "&")})
    assert saved.header("location").startswith("/leads?company=Acme")
    after = await get_lead(site.stores.app, account_id, lead.id)
    assert (after.position, after.attributes, after.notes) == (HOSTILE, {attribute.id: "38"}, "two\nlines")
    for page in (await a.follow(saved), await a.get(link[1].replace("&amp;", "&"))):
        assert "<script>alert" not in page.text
    # Nobody is led away, and nobody else's lead is changed.
    away = await a.post(f"/leads/{lead.id}", {"position": "x", "back": "//evil.example/"})
    assert away.header("location") == f"/leads/{lead.id}"
    assert '<input form="change"' not in (await (await site.person("b")).get(f"/leads?edit={lead.id}")).text
