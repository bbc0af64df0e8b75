"""Leads from files and in them."""

import asyncio
import csv
import io
import json
from typing import Any

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.conftest import NOW
from api.conftest import Api, Reply
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.kit.whom import Whom
from vizsla.leads import imports, merging
from vizsla.leads.import_store import forget_rows
from vizsla.leads.imports import claim_import, step
from vizsla.leads.mapping import guard, join, split, unguard
from vizsla.privacy.claims import Claims

FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "＝1+1",
    "'=1",
    "''-1",
    '=1+1";=1+1',
    "; =1+1",
]


async def send(api: Api, body: bytes | str, key: str | None = None, kind: str = "text/csv") -> Reply:
    raw = body.encode() if isinstance(body, str) else body
    return await api("POST", "/v2/leads/imports", key=key or api.a, body=raw, headers={"Content-Type": kind})


async def work(api: Api, *, steps: int = 10**6, claims: Claims | None = None) -> None:
    """Do what the loop does, at most so many steps: then it is as if the process had died."""
    app = api.app.services.stores.app
    while True:
        async with app.write() as conn:
            api.clock.at += 61
            held = await claim_import(conn, now=api.clock.at, until=api.clock.at + 60, worker="w")
        if held is None:
            return
        done, before = held.done, -1
        while done != before:
            if not steps:
                return
            steps -= 1
            async with app.write() as conn:
                before = done
                reached = await step(
                    conn, claims or api.app.services.claims, held, done, until=api.clock.at + 60, now=api.clock.at
                )
            assert reached is not None
            done = reached


async def imported(api: Api, body: bytes | str, **plan: Any) -> dict[str, Any]:
    made = (await send(api, body)).body["data"]
    checked = await api("POST", f"/v2/leads/imports/{made['id']}/check", key=api.a, json=plan)
    started = await api("POST", f"/v2/leads/imports/{made['id']}/run", key=api.a, json=plan)
    assert (checked.status, started.status) == (200, 202), (checked.content, started.content)
    await work(api)
    done = (await api("GET", f"/v2/leads/imports/{made['id']}", key=api.a)).body["data"]
    assert {name: done[name] for name in ("created", "updated", "skipped", "refused")} == checked.body["data"]
    assert (done["status"], done["done"]) == ("done", done["rows"])
    assert sum(done[name] for name in ("created", "updated", "skipped", "refused")) == done["rows"]
    return dict(done)


async def leads(api: Api, key: str | None = None) -> list[dict[str, Any]]:
    return list((await api("GET", "/v2/leads?limit=1000", key=key or api.a)).body["data"]["leads"])


async def exported(api: Api, query: str = "", key: str | None = None) -> list[list[str]]:
    reply = await api("GET", f"/v2/leads/export.csv?{query}", key=key or api.a)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(reply.content.decode(), newline="")))


async def test_a_file_becomes_leads(api: Api) -> None:
    await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": "Customer ID"})
    await api("POST", "/v2/leads", key=api.a, json={"email": "known@acme.com", "company": "Old", "position": "CEO"})
    body = (
        "E-Mail;Vorname;Organisation;Customer ID;Phone;Leads list;Whatever\r\n"
        "Jane@ACME.com;Jane;Acme;C-1;+33 1;Spring | Fall;x\r\n"
        "known@acme.com;Joe;New;;;;\r\n"
        "nobody;;;;;;\r\n"
        ";;;;;;\r\n"
        "jane@acme.com;Janet\r\n"
        "more@acme.com;a;b;c;d;e;f;g\r\n"
    )

    made = (await send(api, body)).body["data"]

    assert (made["status"], made["rows"]) == ("mapping", 6)
    assert [(one["name"], one["field"]) for one in made["columns"]] == [
        ("E-Mail", "email"), ("Vorname", "first_name"), ("Organisation", "company"), ("Customer ID", "customer_id"),
        ("Phone", "phone_number"), ("Leads list", "leads_lists"), ("Whatever", ""),
    ]  # fmt: skip
    assert made["columns"][0]["sample"][:2] == ["Jane@ACME.com", "known@acme.com"]
    assert len(await leads(api)) == 1

    done = await imported(api, body, keep=["company"])

    assert [done[name] for name in ("created", "updated", "skipped", "refused")] == [1, 2, 0, 3]
    jane, known = await leads(api)
    assert [jane[name] for name in ("email", "first_name", "company", "customer_id", "phone_number")] == [
        "jane@acme.com", "Janet", "Acme", "C-1", "+33 1",
    ]  # fmt: skip
    assert jane["leads_list"]["name"] == "Spring"
    assert [known[name] for name in ("first_name", "company", "position")] == ["Joe", "Old", "CEO"]
    refused = (await api("GET", f"/v2/leads/imports/{done['id']}/refused.csv", key=api.a)).content.decode()
    rows = list(csv.reader(io.StringIO(refused)))
    assert [(row[0], row[2]) for row in rows[1:]] == [("3", "nobody"), ("4", ""), ("6", "more@acme.com")]
    assert all(row[1] for row in rows[1:])


async def test_what_files_are_like(api: Api) -> None:
    files = {
        "a bom": b"\xef\xbb\xbfemail,company\na@a.test,\xc3\xa9\n",
        "UTF-16": "email\tcompany\na@a.test\té\n".encode("utf-16"),
        "Windows": b"email;company\r\na@a.test;\xe9\r\n",
        "tabs": "email\tcompany\na@a.test\té\n".encode(),
        "no header": "a@a.test,é\n".encode(),
    }
    for name, body in files.items():
        plan = {"columns": ["email", "company"]} if name == "no header" else {}
        done = await imported(api, body, **plan)
        assert done["refused"] == 0, name
        assert [(lead["email"], lead["company"]) for lead in await leads(api)] == [("a@a.test", "é")], name
    for name, body in {"nothing": b"", "a header": b"email\n", "a picture": b"\x89PNG\r\n\x1a\n\0\0\0"}.items():
        reply = await send(api, body)
        assert (reply.status, reply.error["id"]) == (400, "wrong_params"), name
    wide = await send(api, ",".join(f"c{n}" for n in range(300)) + "\n1\n")
    assert wide.status == 400
    long = await imported(api, "email,notes\na@b.test," + "x" * 200_000 + "\nc@b.test,ok\n")
    assert (long["created"], long["refused"]) == (1, 1)


async def test_a_plan_that_cannot_be_followed(api: Api) -> None:
    made = (await send(api, "email,company\na@a.test,b\n")).body["data"]
    path = f"/v2/leads/imports/{made['id']}"
    for plan in (
        {"columns": ["email"]}, {"columns": ["company", "position"]}, {"columns": ["email", "email"]},
        {"columns": ["email", "nothing"]}, {"keep": ["nothing"]}, {"leads_list_id": 999},
    ):  # fmt: skip
        for act in ("check", "run"):
            reply = await api("POST", f"{path}/{act}", key=api.a, json=plan)
            assert (reply.status, reply.error["id"]) == (422, "validation_failed"), plan
            assert (await api("POST", f"{path}/{act}", key=api.b, json={})).status == 404
    assert (await api("POST", f"{path}/run", key=api.a, json={})).status == 202
    assert (await api("POST", f"{path}/run", key=api.a, json={})).status == 422
    assert (await api("DELETE", path, key=api.b)).status == 404
    assert (await api("DELETE", path, key=api.a)).status == 204
    await work(api)
    assert await leads(api) == []


async def test_known_leads_can_be_left_alone_or_moved(api: Api) -> None:
    for email in ("a@a.test", "b@a.test"):
        await api("POST", "/v2/leads", key=api.a, json={"email": email, "company": "Old"})
    other = (await api("POST", "/v2/leads_lists", key=api.a, json={"name": "Other"})).body["data"]["id"]
    body = "email,company\na@a.test,New\nc@a.test,New\n"

    left = await imported(api, body, existing="skip", leads_list_id=other)
    moved = await imported(api, "email\na@a.test\n", leads_list_id=other)
    same = await imported(api, "email\na@a.test\n", leads_list_id=other)

    assert [left["created"], left["skipped"], moved["updated"], same["skipped"]] == [1, 1, 1, 1]
    assert {lead["email"]: (lead["company"], lead["leads_list"]["name"]) for lead in await leads(api)} == {
        "c@a.test": ("New", "Other"), "b@a.test": ("Old", "My leads"), "a@a.test": ("Old", "Other"),
    }  # fmt: skip
    counts = (await api("GET", "/v2/leads_lists", key=api.a)).body["data"]["leads_lists"]
    assert [each["leads_count"] for each in counts] == [2, 2]


async def test_who_dies_on_the_way_loses_nothing(api: Api, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(imports, "STEP", 10)
    rows = [f"n{n}@a.test,c{n}" if n % 20 else "bad,x" for n in range(95)]
    made = (await send(api, "email,company\n" + "\n".join(rows) + "\n")).body["data"]
    await api("POST", f"/v2/leads/imports/{made['id']}/run", key=api.a, json={})

    for _ in range(4):
        await work(api, steps=2)
    await work(api)

    done = (await api("GET", f"/v2/leads/imports/{made['id']}", key=api.a)).body["data"]
    assert [done[name] for name in ("done", "created", "updated", "skipped", "refused")] == [95, 90, 0, 0, 5]
    assert sorted(lead["email"] for lead in await leads(api)) == sorted(
        row.partition(",")[0] for row in rows if row[0] == "n"
    )


async def test_who_asked_us_to_stop_is_refused_and_forgotten(api: Api) -> None:
    claims = Claims(b"0" * 32, [("email", api.app.services.claims.hash("jane@acme.com"))])
    made = (await send(api, "email,notes\njane@acme.com,secret\njoe@acme.com,\n")).body["data"]
    await api("POST", f"/v2/leads/imports/{made['id']}/run", key=api.a, json={})
    await work(api, claims=claims)
    path = f"/v2/leads/imports/{made['id']}/refused.csv"
    assert b"jane@acme.com" in (await api("GET", path, key=api.a)).content

    async with api.app.services.stores.app.write() as conn:
        await forget_rows(conn, Whom("acme.com", "jane"))

    kept = (await api("GET", path, key=api.a)).content
    assert (b"jane" in kept, b"secret" in kept, b"asked us" in kept) == (False, False, True)
    assert [lead["email"] for lead in await leads(api)] == ["joe@acme.com"]


async def test_attributes_that_go_while_a_file_waits(api: Api) -> None:
    (attribute,) = [
        (await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": "Size"})).body["data"]["id"]
    ]
    made = (await send(api, "email,size\na@a.test,5\nb@a.test,\n")).body["data"]
    await api("POST", f"/v2/leads/imports/{made['id']}/run", key=api.a, json={})
    await api("DELETE", f"/v2/leads_custom_attributes/{attribute}", key=api.a)
    await work(api)

    done = (await api("GET", f"/v2/leads/imports/{made['id']}", key=api.a)).body["data"]
    assert (done["created"], done["refused"]) == (1, 1)


async def test_no_cell_of_a_file_is_a_formula(api: Api) -> None:
    await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": "More"})
    for n, text in enumerate(FORMULAS):
        sent = {"email": f"x{n}@a.test", "first_name": text, "company": text, "custom_attributes": {"more": text}}
        name = text.strip() or "x"
        assert (await api("POST", "/v2/leads", key=api.a, json=sent | {"leads_list_name": name})).status == 201

    rows = await exported(api)

    assert len(rows) == len(FORMULAS) + 1
    assert [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))] == []
    listed = [json.loads(line) for line in (await api("GET", "/v2/leads/export.jsonl", key=api.a)).content.splitlines()]
    assert [one["company"] for one in listed] == [text.strip() for text in FORMULAS]


async def test_an_export_has_what_a_filter_matches(api: Api) -> None:
    for n in range(5):
        await api("POST", "/v2/leads", key=api.a, json={"email": f"{n}@{'acme' if n % 2 else 'globex'}.com"})

    assert [row[0] for row in (await exported(api, "email=acme"))[1:]] == ["1@acme.com", "3@acme.com"]
    assert [row[0] for row in (await exported(api, "email=nobody"))[1:]] == []
    assert len(await exported(api, key=api.b)) == 1


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), include_characters="\n\t=+-@'\"|\\,;"),
    max_size=12,
)
one_lead = st.fixed_dictionaries(
    {"email": st.integers(0, 99).map("n{}@a.test".format)},
    optional={
        "first_name": words, "company": words, "notes": words, "country_code": st.sampled_from(["FR", "us"]),
        "confidence_score": st.integers(0, 100), "leads_list_name": st.sampled_from(["A|B", "=1", "C \\ D", "e, f"]),
        "custom_attributes": st.fixed_dictionaries({"more": words}),
    },
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=st.lists(one_lead, max_size=6, unique_by=lambda one: one["email"]), tag=words)
async def test_what_is_exported_is_what_is_imported(api: Api, made: list[dict[str, Any]], tag: str) -> None:
    keys = []
    async with api.app.services.stores.app.write() as conn:
        for name in ("from", "csv", "xlsx", "jsonl"):
            member = await create_user(conn, f"{name}{next(_numbers)}@files.example", now=NOW)
            keys.append((await create_key(conn, member.account_id, name, now=NOW)).plaintext)
    for key in keys:
        await api("POST", "/v2/leads_custom_attributes", key=key, json={"label": "More"})
    for sent in made:
        reply = await api("POST", "/v2/leads", key=keys[0], json=sent)
        assert reply.status == 201, reply.content
        if tag.strip():
            await api("POST", f"/v2/leads/{reply.body['data']['id']}/tags", key=keys[0], json={"tag_name": tag})
    first = await exported(api, key=keys[0])
    for ending, key in zip(("csv", "xlsx", "jsonl"), keys[1:], strict=True):
        # What a file is called says nothing, and neither does its type.
        file = (await api("GET", f"/v2/leads/export.{ending}", key=keys[0])).content
        taken = await send(api, file, key, "application/octet-stream")
        if not made:
            assert taken.status == 400
            continue
        import_id = taken.body["data"]["id"]
        assert (await api("POST", f"/v2/leads/imports/{import_id}/run", key=key, json={})).status == 202
        await work(api)
        done = (await api("GET", f"/v2/leads/imports/{import_id}", key=key)).body["data"]
        assert (done["created"], done["refused"]) == (len(made), 0)
        assert _without_times(await exported(api, key=key)) == _without_times(first)


async def test_a_workbook_of_leads(api: Api) -> None:
    for n, text in enumerate(FORMULAS):
        await api(
            "POST", "/v2/leads", key=api.a, json={"email": f"x{n}@acme.com", "company": text, "confidence_score": n}
        )
    await api("POST", "/v2/leads", key=api.a, json={"email": "joe@globex.com"})

    reply = await api("GET", "/v2/leads/export.xlsx?email=acme", key=api.a)

    assert reply.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert reply.headers["content-disposition"] == 'attachment; filename="leads.xlsx"'
    page = openpyxl.load_workbook(io.BytesIO(reply.content)).active
    columns = {column[0].value: column[1:] for column in page.iter_cols()}
    assert [cell.value for cell in columns["company"]] == [text.strip() for text in FORMULAS]
    assert {cell.data_type for cell in columns["company"]} == {"s"}
    assert [cell.value for cell in columns["confidence_score"]] == [*range(len(FORMULAS))]


async def test_two_imports_of_one_file_at_once(api: Api, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(imports, "STEP", 7)
    rows = [f"{'N' if n % 3 else 'n'}{n % 40}@A.test,c{n % 40}" for n in range(60)]
    body = "email,company\n" + "\n".join([*rows, "nobody,"]) + "\n"
    ids = [(await send(api, body)).body["data"]["id"] for _ in range(2)]
    for id_ in ids:
        assert (await api("POST", f"/v2/leads/imports/{id_}/run", key=api.a, json={})).status == 202
    app, claims, now = api.app.services.stores.app, api.app.services.claims, api.clock.at
    held = []
    for _ in ids:
        async with app.write() as conn:
            one = await claim_import(conn, now=now, until=now + 60, worker="w")
        assert one is not None
        held.append(one)

    async def work_off(one: imports.HeldImport) -> None:
        done, before = 0, -1
        while done != before:
            async with app.write() as conn:
                before, at = done, await step(conn, claims, one, done, until=now + 60, now=now)
            assert at is not None
            done = at

    await asyncio.gather(*map(work_off, held))

    done = [(await api("GET", f"/v2/leads/imports/{id_}", key=api.a)).body["data"] for id_ in ids]
    sums = {name: sum(one[name] for one in done) for name in ("created", "updated", "skipped", "refused")}
    assert sums == {"created": 40, "updated": 0, "skipped": 80, "refused": 2}
    found = await leads(api)
    assert len({lead["email"] for lead in found}) == len(found) == 40
    (made,) = (await api("GET", "/v2/leads_lists", key=api.a)).body["data"]["leads_lists"]
    assert made["leads_count"] == 40


async def test_attributes_and_lists_that_change_on_the_way(api: Api, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(imports, "STEP", 5)
    kept, gone = [
        (await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": label})).body["data"]["id"]
        for label in ("Kept", "Gone")
    ]
    made = (await send(api, "email,kept,gone\n" + "".join(f"n{n}@a.test,{n},{n % 2 or ''}\n" for n in range(20)))).body[
        "data"
    ]
    plan = {"leads_list_name": "Fair"}
    assert (await api("POST", f"/v2/leads/imports/{made['id']}/run", key=api.a, json=plan)).status == 202
    await work(api, steps=2)
    await api("PUT", f"/v2/leads_custom_attributes/{kept}", key=api.a, json={"label": "Renamed"})
    await api("DELETE", f"/v2/leads_custom_attributes/{gone}", key=api.a)
    (fair,) = (await api("GET", "/v2/leads_lists", key=api.a)).body["data"]["leads_lists"]
    assert (fair["name"], fair["leads_count"]) == ("Fair", 10)
    await api("DELETE", f"/v2/leads_lists/{fair['id']}", key=api.a)
    await work(api)

    done = (await api("GET", f"/v2/leads/imports/{made['id']}", key=api.a)).body["data"]
    assert [done[name] for name in ("done", "created", "refused")] == [20, 15, 5]
    found = await leads(api)
    assert sorted(lead["kept"] for lead in found) == sorted(str(n) for n in range(20) if n < 10 or n % 2 == 0)
    assert {lead["leads_list"]["id"] for lead in found} == {None}
    refused = (await api("GET", f"/v2/leads/imports/{made['id']}/refused.csv", key=api.a)).content.decode()
    assert refused.count("There is no custom attribute with the slug gone any more.") == 5


async def test_new_attributes_lists_and_sources_are_made_at_the_start(api: Api) -> None:
    await api("POST", "/v2/leads", key=api.a, json={"email": "old@a.test", "source": "here"})
    body = "email,Shoe size,first_name\nold@a.test,38,\nnew@a.test,39,\n"
    made = (await send(api, body)).body["data"]
    for columns, said in (
        (["email", "+", "+"], "Leads have a field called first_name already"),
        (["+", "email", ""], "Leads have a field called email already"),
    ):
        reply = await api("POST", f"/v2/leads/imports/{made['id']}/check", key=api.a, json={"columns": columns})
        assert (reply.status, said in reply.error["details"]) == (422, True), reply.content

    done = await imported(api, body, columns=["email", "+", ""], leads_list_name="fair", source="The fair")

    assert (done["created"], done["updated"]) == (1, 1)
    assert {lead["email"]: (lead["shoe_size"], lead["source"], lead["leads_list"]["name"]) for lead in await leads(api)} == {
        "new@a.test": ("39", "The fair", "fair"), "old@a.test": ("38", "here", "fair"),
    }  # fmt: skip
    both = {"leads_list_name": "fair", "leads_list_id": 1}
    assert (await api("POST", f"/v2/leads/imports/{made['id']}/check", key=api.a, json=both)).status == 422
    # The attribute is there by now.
    again = await api("POST", f"/v2/leads/imports/{made['id']}/run", key=api.a, json={"columns": ["email", "+", ""]})
    assert (again.status, "already" in again.error["details"]) == (422, True)


async def test_rows_that_ask_for_too_much_are_refused_alone(api: Api, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(merging, "MOST", 3)
    for n in range(30):
        await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": f"a{n}"})
    wide = ",".join(f"a{n}" for n in range(30))
    rows = {
        "tags@a.test": ["", "a|b|c|d", *[""] * 30],
        "list@a.test": ["L" * 101, "", *[""] * 30],
        "many@a.test": ["|".join(f"l{n}" for n in range(51)), "", *[""] * 30],
        "wide@a.test": ["", "", *["x" * 900] * 30],
        "fine@a.test": ["", "a|b", *[""] * 30],
    }
    body = f"email,leads_lists,tags,{wide}\n" + "".join(f"{email},{','.join(cells)}\n" for email, cells in rows.items())

    done = await imported(api, body)

    assert (done["created"], done["refused"]) == (1, 4)
    refused = (await api("GET", f"/v2/leads/imports/{done['id']}/refused.csv", key=api.a)).content.decode()
    reasons = [row[1] for row in csv.reader(io.StringIO(refused))][1:]
    assert reasons == [
        "An account has 3 tags at most.", "The name of a list has 1 to 100 characters.", "A lead is in 50 lists at most.",
        "The custom attributes of a lead have 20,000 characters at most.",
    ]  # fmt: skip


async def test_a_check_says_why_of_the_first_rows(api: Api) -> None:
    made = (await send(api, "email\n" + "nobody\n" * 30 + "a@a.test\n")).body["data"]

    reply = await api("POST", f"/v2/leads/imports/{made['id']}/check", key=api.a, json={})

    refused = reply.body["meta"]["refused"]
    assert [one["row"] for one in refused] == [*range(1, 11)]
    assert {one["reason"] for one in refused} == {"The supplied email is not valid."}


async def test_refused_rows_come_back_as_they_were(api: Api) -> None:
    done = await imported(api, "email,company\nnobody,'=1+1\nno,=1+1\nok@a.test,'=2\n")
    refused = (await api("GET", f"/v2/leads/imports/{done['id']}/refused.csv", key=api.a)).content.decode()
    assert [row[3] for row in csv.reader(io.StringIO(refused))][1:] == ["'=1+1", "'=1+1"]
    assert [lead["company"] for lead in await leads(api)] == ["=2"]


_numbers = iter(range(10**6))


def _without_times(rows: list[list[str]]) -> list[list[str]]:
    return [row[:-1] for row in rows]


@given(words, st.lists(words, max_size=4))
def test_cells_come_back(text: str, names: list[str]) -> None:
    kept = list(dict.fromkeys(name.strip() for name in names if name.strip()))

    assert unguard(guard(text)) == text
    assert not guard(text).startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert list(split(join(kept))) == kept
