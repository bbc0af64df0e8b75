"""Leads as clients of the API meet them."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from api.conftest import Api

KEYS = [
    "id", "email", "first_name", "last_name", "position", "company", "company_industry", "company_size", "confidence_score",
    "website", "country_code", "source", "linkedin_url", "phone_number", "twitter", "sync_status", "notes", "sending_status",
    "last_activity_at", "last_contacted_at", "verification", "leads_list", "created_at",
]  # fmt: skip
ALEXIS = {
    "email": "alexis@reddit.com",
    "first_name": "Alexis",
    "last_name": "Ohanian",
    "position": "Cofounder",
    "company": "Reddit",
    "company_industry": "Internet & Telecom",
    "company_size": "201-500 employees",
    "confidence_score": 97,
    "website": "reddit.com",
}


async def add(api: Api, email: str, key: str | None = None, **fields: Any) -> dict[str, Any]:
    reply = await api("POST", "/v2/leads", key=key or api.a, json={"email": email, **fields})
    assert reply.status == 201, reply.content
    return dict(reply.body["data"])


async def found(api: Api, query: str, key: str | None = None) -> list[str]:
    reply = await api("GET", f"/v2/leads?{query}", key=key or api.a)
    assert reply.status == 200, reply.content
    leads = [lead["email"] for lead in reply.body["data"]["leads"]]
    assert reply.body["meta"]["count"] == len(leads)
    return leads


async def test_a_new_lead_is_as_the_reference_shows_it(api: Api) -> None:
    await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": "Customer ID"})

    made = await api(
        "POST", "/v2/leads", key=api.a, json=ALEXIS | {"custom_attributes": {"customer_id": "cus-1234abcd"}}
    )

    data = made.body["data"]
    assert made.status == 201
    assert list(data) == [*KEYS[:-2], "customer_id", *KEYS[-2:]]
    assert {name: data[name] for name in ALEXIS} == ALEXIS
    assert data["customer_id"] == "cus-1234abcd"
    assert data["verification"] == {"date": None, "status": None}
    assert data["leads_list"] == {"id": data["leads_list"]["id"], "name": "My leads", "leads_count": 1}
    assert data["created_at"] == "2026-11-18 11:06:40 UTC"
    assert (await api("GET", f"/v2/leads/{data['id']}", key=api.a)).body["data"] == data
    assert (await api("GET", "/v2/leads/", key=api.a)).body == {
        "data": {"leads": [data]},
        "meta": {"count": 1, "total": 1, "params": {"limit": 20, "offset": 0}},
    }


async def test_what_is_not_sent_stays_and_an_empty_string_clears(api: Api) -> None:
    made = await add(api, **ALEXIS, notes="met in Lyon")
    path = f"/v2/leads/{made['id']}"

    reply = await api("PUT", path, key=api.a, json={"company": "Facebook", "notes": "", "confidence_score": ""})

    assert (reply.status, reply.content) == (204, b"")
    data = (await api("GET", path, key=api.a)).body["data"]
    assert data == made | {"company": "Facebook", "notes": None, "confidence_score": None}


async def test_an_upsert_tells_a_new_lead_from_a_known_one(api: Api) -> None:
    first = await api("PUT", "/v2/leads", key=api.a, json=ALEXIS)
    again = await api("PUT", "/v2/leads", key=api.a, json={"email": "ALEXIS@Reddit.com", "position": "Chairman"})

    assert (first.status, again.status) == (201, 200)
    assert again.body["data"] == first.body["data"] | {"position": "Chairman"}


async def test_forms_in_the_nested_style(api: Api) -> None:
    await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": "Customer ID"})
    body = b"email=jane%40acme.com&confidence_score=60&custom_attributes[customer_id]=7,8&leads_list_name=Spring&first_name=Ann+Lee"

    reply = await api(
        "POST", "/v2/leads", key=api.a, body=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    data = reply.body["data"]
    assert (data["customer_id"], data["confidence_score"], data["first_name"]) == ("7,8", 60, "Ann Lee")
    assert data["leads_list"]["name"] == "Spring"


@pytest.mark.parametrize(
    ("sent", "status", "id_"),
    [
        ({}, 400, "wrong_params"),
        ({"email": ""}, 400, "wrong_params"),
        ({"email": None}, 400, "wrong_params"),
        ({"email": 7}, 400, "wrong_params"),
        ({"email": ["jane@acme.com"]}, 400, "wrong_params"),
        ({"email": "jane"}, 422, "validation_failed"),
        ({"email": f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.com"}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "country_code": "XX"}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "confidence_score": 101}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "confidence_score": -1}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "confidence_score": 2**63}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "confidence_score": 1.5}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "confidence_score": True}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "leads_list_id": 999}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "leads_list_id": 2**70}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "leads_list_id": "x"}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "leads_list_ids": [1, 999]}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "leads_list_ids": list(range(60))}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "leads_list_name": "x" * 101}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "custom_attributes": {"nothing": "x"}}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "custom_attributes": "x"}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "custom_attributes": {"a": {"b": "c"}}}, 400, "wrong_params"),
        ({"email": "jane@acme.com", "company": "x" * 200_000}, 422, "validation_failed"),
        ({"email": "jane@acme.com", "company": 5}, 400, "wrong_params"),
    ],
    ids=str,
)
async def test_what_is_no_lead_is_refused_and_leaves_nothing(
    api: Api, sent: dict[str, Any], status: int, id_: str
) -> None:
    for method, path in (("POST", "/v2/leads"), ("PUT", "/v2/leads")):
        reply = await api(method, path, key=api.a, json=sent)
        assert (reply.status, reply.error["id"]) == (status, id_)

    assert await found(api, "limit=5") == []
    assert (await api("GET", "/v2/leads_lists", key=api.a)).body["meta"]["total"] == 0


@pytest.mark.parametrize(
    "body",
    [b'{"email":"a@a.test","first_name":"\\ud800"}', b'{"email":"a@a.test","first_name":"\\u0000"}',
     b'{"email":"a@a.test","confidence_score":1e400}', b'{"email":"a@a.test","confidence_score":NaN}',
     b'{"email":' + b"9" * 5_000 + b"}", b"[" * 20_000],
)  # fmt: skip
async def test_bodies_that_break_others(api: Api, body: bytes) -> None:
    reply = await api("POST", "/v2/leads", key=api.a, body=body, headers={"Content-Type": "application/json"})

    assert reply.status in (400, 422)
    assert reply.error["id"] in ("wrong_params", "validation_failed")


async def test_a_list_that_is_named_and_numbered_is_refused(api: Api) -> None:
    made = (await api("POST", "/v2/leads_lists", key=api.a, json={"name": "One"})).body["data"]

    reply = await api(
        "POST",
        "/v2/leads",
        key=api.a,
        json={"email": "jane@acme.com", "leads_list_id": made["id"], "leads_list_name": "One"},
    )

    assert (reply.status, reply.error["id"]) == (422, "validation_failed")


async def test_an_address_is_one_lead_whatever_its_case(api: Api) -> None:
    one = await add(api, "Jane@ACME.com ")
    again = await api("POST", "/v2/leads", key=api.a, json={"email": "jane@acme.COM"})
    other = await add(api, "joe@acme.com")
    taken = await api("PUT", f"/v2/leads/{other['id']}", key=api.a, json={"email": "JANE@acme.com"})

    assert one["email"] == "jane@acme.com"
    assert [reply.error["id"] for reply in (again, taken)] == ["validation_failed"] * 2
    assert [again.status, taken.status] == [422, 422]


@pytest.mark.parametrize("id_", ["-1", "0", "1.0", "1e3", "01", "%20", "abc", "9" * 400, "9223372036854775808", "٣"])
async def test_what_is_no_id_is_no_lead(api: Api, id_: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert (await api(method, f"/v2/leads/{id_}", key=api.a, json={} if method == "PUT" else None)).status == 404


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=1001", "limit=9223372036854775808", "offset=-1", "offset=100001", "limit=abc",
     "limit=1&limit=1000", "limit=", "limit[]=5", "limit=1.0"],
)  # fmt: skip
async def test_pages_that_are_none(api: Api, query: str) -> None:
    reply = await api("GET", f"/v2/leads?{query}", key=api.a)

    assert (reply.status, reply.error["id"]) == (400, "pagination_error")


@pytest.mark.parametrize(
    "query",
    ["leads_list_id=x", "sync_status=maybe", "sending_status[]=read", "verification_status=good", "last_activity_at=now",
     "last_contacted_at=", "custom_attributes[a][b]=c"],
)  # fmt: skip
async def test_filters_that_are_none(api: Api, query: str) -> None:
    reply = await api("GET", f"/v2/leads?{query}", key=api.a)

    assert reply.status in (200, 400) if query.endswith("=") else reply.status == 400


async def test_every_text_filter_and_all_its_kinds(api: Api) -> None:
    fields = {
        "first_name": "Éloïse", "last_name": "Straße", "position": "Head of 100% Fun", "company": "A_me \\ Sons",
        "company_industry": "Science", "website": "acme.com", "country_code": "fr", "company_size": "11-50",
        "source": "Fair", "twitter": "@eloise", "linkedin_url": "https://linkedin.com/in/eloise", "phone_number": "+33 1 23",
    }  # fmt: skip
    await add(api, "full@acme.com", **fields)
    await add(api, "bare@globex.com")
    parts = {
        "email": "LL@AC", "first_name": "éLOÏ", "last_name": "straße", "position": "100%", "company": "a_me \\", "industry": "SCI",
        "website": "ACME", "country_code": "FR", "company_size": "1-5", "source": "air", "twitter": "@E",
        "linkedin_url": "IN/ELO", "phone_number": "33 1",
    }  # fmt: skip

    for name, part in parts.items():
        assert await found(api, f"{name}={quote(part)}") == ["full@acme.com"], name
        assert await found(api, f"{name}=nothing%20like%20it") == []
        everything = ["bare@globex.com", "full@acme.com"] if name == "email" else ["full@acme.com"]
        assert await found(api, f"{name}=*") == everything, name
        assert await found(api, f"{name}=~") == ([] if name == "email" else ["bare@globex.com"]), name
    assert await found(api, "first_name=%25") == []
    assert await found(api, "&".join(f"{name}={quote(part)}" for name, part in parts.items())) == ["full@acme.com"]


async def test_a_query_looks_at_names_and_address(api: Api) -> None:
    await add(api, "x1@acme.com", first_name="Ann")
    await add(api, "x2@acme.com", last_name="Hannover")
    await add(api, "joann@acme.com", company="Globex")
    await add(api, "x4@acme.com", company="Ann & Sons")

    assert await found(api, "query=ANN") == ["joann@acme.com", "x2@acme.com", "x1@acme.com"]
    assert await found(api, "query=ann&company=~") == ["x2@acme.com", "x1@acme.com"]

    for bad in ("%00", "%ff"):
        assert (await api("GET", f"/v2/leads?query={bad}", key=api.a)).status == 400


async def test_custom_attributes_are_filters_too(api: Api) -> None:
    for label in ("Customer ID", "Region"):
        await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": label})
    await add(api, "a@acme.com", custom_attributes={"customer_id": "Cus-1", "region": "EMEA"})
    await add(api, "b@acme.com", custom_attributes={"region": 44})
    await add(api, "c@acme.com")

    assert await found(api, "custom_attributes[customer_id]=CUS") == ["a@acme.com"]
    assert await found(api, "custom_attributes[customer_id]=~") == ["c@acme.com", "b@acme.com"]
    assert await found(api, "custom_attributes[customer_id]=*&custom_attributes[region]=emea") == ["a@acme.com"]
    assert await found(api, "custom_attributes[region]=44") == ["b@acme.com"]
    assert await found(api, "custom_attributes=region") == ["b@acme.com", "a@acme.com"]
    assert await found(api, "custom_attributes[unknown]=*") == []
    assert await found(api, "custom_attributes[region]=*", key=api.b) == []


async def test_lists_are_filters_and_have_pages_of_their_own(api: Api) -> None:
    one = (await api("POST", "/v2/leads_lists", key=api.a, json={"name": "One"})).body["data"]
    two = (await api("POST", "/v2/leads-lists", key=api.a, json={"name": "Two"})).body["data"]
    await add(api, "a@acme.com", leads_list_id=one["id"])
    await add(api, "b@acme.com")
    await add(api, "c@acme.com", leads_list_ids=[two["id"], one["id"]])
    await add(api, "d@acme.com", leads_list_name="oNE")

    assert await found(api, f"leads_list_id={one['id']}") == ["d@acme.com", "c@acme.com", "a@acme.com"]
    assert await found(api, f"lead_list_id={two['id']}") == ["c@acme.com", "b@acme.com"]
    assert await found(api, f"lead_list_id={two['id']}", key=api.b) == []
    page = (await api("GET", f"/v2/leads_list/{one['id']}?limit=2", key=api.a)).body
    assert page["meta"] == {"params": {"limit": 2, "offset": 0, "leads_list_id": one["id"]}}
    assert (page["data"]["name"], page["data"]["leads_count"]) == ("One", 3)
    assert [lead["email"] for lead in page["data"]["leads"]] == ["d@acme.com", "c@acme.com"]
    assert list(page["data"]["leads"][0]) == [*KEYS[:-2], "leads_list_id", "created_at"]
    lists = (await api("GET", "/v2/leads_lists", key=api.a)).body
    assert [(each["name"], each["leads_count"]) for each in lists["data"]["leads_lists"]] == [("Two", 2), ("One", 3)]
    assert lists["meta"] == {"total": 2, "params": {"limit": 20, "offset": 0}}


async def test_a_list_that_is_deleted_leaves_its_leads(api: Api) -> None:
    await add(api, "a@acme.com", leads_list_name="One")
    (one,) = (await api("GET", "/v2/leads_lists", key=api.a)).body["data"]["leads_lists"]

    renamed = await api("PUT", f"/v2/leads_lists/{one['id']}", key=api.a, json={"name": "Uno"})
    named = (await api("GET", "/v2/leads/exist?email=A@acme.com", key=api.a)).body["data"]
    deleted = await api("DELETE", f"/v2/leads_lists/{one['id']}", key=api.a)

    assert (renamed.status, deleted.status) == (204, 204)
    assert named == {"id": named["id"], "leads_list_id": one["id"], "leads_list_name": "Uno"}
    lead = (await api("GET", f"/v2/leads/{named['id']}", key=api.a)).body["data"]
    assert lead["leads_list"] == {"id": None, "name": None, "leads_count": None}
    assert (await api("GET", "/v2/leads/exist?email=b@acme.com", key=api.a)).body["data"] == {
        "id": None, "leads_list_id": None, "leads_list_name": None,
    }  # fmt: skip
    for name in ("", "   ", "x" * 101):
        assert (await api("POST", "/v2/leads_lists", key=api.a, json={"name": name})).status in (400, 422)


async def test_a_slug_is_made_of_the_label_and_stays(api: Api) -> None:
    async def make(label: object) -> Any:
        return await api("POST", "/v2/leads_custom_attributes", key=api.a, json={"label": label})

    made = (await make("  Outreach: Kampagne Nº 1 ")).body["data"]
    assert made == {"id": made["id"], "label": "Outreach: Kampagne Nº 1", "slug": "outreach_kampagne_no_1"}
    path = f"/v2/leads_custom_attributes/{made['id']}"
    assert (await api("PUT", path, key=api.a, json={"label": "Other"})).status == 204
    assert (await api("GET", path, key=api.a)).body["data"] == made | {"label": "Other"}
    for label in ("other", "OUTREACH kampagne No 1", "Email", "id", "Leads list", "Verification", "created-at", "!!!", "x" * 101,
                  "x" * 5_000):  # fmt: skip
        assert (await make(label)).error["id"] == "validation_failed", label
    assert (await make(None)).status == 400
    assert (await make("__proto__")).body["data"]["slug"] == "proto"
    await add(api, "a@acme.com", custom_attributes={"proto": "1"})
    assert (await api("DELETE", path, key=api.a)).status == 204
    rest = (await api("GET", "/v2/leads_custom_attributes", key=api.a)).body
    assert ([each["slug"] for each in rest["data"]["leads_custom_attributes"]], rest["meta"]) == (
        ["proto"],
        {"total": 1},
    )


async def test_tags(api: Api) -> None:
    lead = await add(api, "a@acme.com")
    await add(api, "b@acme.com")
    path = f"/v2/leads/{lead['id']}/tags"
    hot = (await api("POST", "/v2/tags", key=api.a, json={"name": "Hot", "color": "3489f9"})).body["data"]
    assert (hot["name"], hot["color"]) == ("Hot", "3489F9")

    first = await api("POST", path, key=api.a, json={"tag_id": hot["id"]})
    again = await api("POST", path, key=api.a, json={"tag_name": "HOT"})
    more = await api("POST", path, key=api.a, json={"tag_name": "Spring"})

    assert (first.status, first.content) == (201, again.content)
    assert [tag["name"] for tag in more.body["data"]["tags"]] == ["Hot", "Spring"]
    assert await found(api, f"tag_id={hot['id']}") == ["a@acme.com"]
    for sent, status in ({}, 422), ({"tag_id": 999}, 404), ({"tag_name": ""}, 422), ({"tag_id": "x"}, 400):
        assert (await api("POST", path, key=api.a, json=sent)).status == status, sent
    spring = more.body["data"]["tags"][1]["id"]
    assert (await api("PUT", f"/v2/tags/{spring}", key=api.a, json={"name": "hot"})).status == 422
    assert (await api("PUT", f"/v2/tags/{spring}", key=api.a, json={"name": "Fall"})).body["data"]["name"] == "Fall"
    assert (await api("DELETE", f"{path}/{spring}", key=api.a)).status == 204
    assert (await api("DELETE", f"{path}/{spring}", key=api.a)).status == 404
    assert (await api("DELETE", f"/v2/tags/{hot['id']}", key=api.a)).status == 204
    assert (await api("GET", path, key=api.a)).body["data"] == {"tags": []}
    assert (await api("GET", "/v2/tags", key=api.a)).body["meta"]["total"] == 1


async def test_strangers_see_and_change_nothing(api: Api) -> None:
    await api("POST", "/v2/leads_custom_attributes", key=api.b, json={"label": "Secret"})
    theirs = await add(
        api, "secret@b.test", key=api.b, company="B", custom_attributes={"secret": "1"}, leads_list_name="L"
    )
    tag = (await api("POST", "/v2/tags", key=api.b, json={"name": "Hot"})).body["data"]["id"]
    list_id = theirs["leads_list"]["id"]
    attribute = (await api("GET", "/v2/leads_custom_attributes", key=api.b)).body["data"]["leads_custom_attributes"][0][
        "id"
    ]
    mine = await add(api, "mine@a.test")
    before = [(await api("GET", path, key=api.b)).content for path in ("/v2/leads", "/v2/leads_lists", "/v2/tags")]

    calls = [
        ("GET", f"/v2/leads/{theirs['id'] + 900}", None), ("GET", "/v2/leads/999999999", None),
        ("PUT", f"/v2/leads_lists/{list_id + 900}", {"name": "x"}), ("DELETE", f"/v2/leads_lists/{list_id + 900}", None),
    ]  # fmt: skip
    for method, path, sent in calls:
        assert (await api(method, path, key=api.a, json=sent)).status == 404
    # Ids are counted per account: a stranger's id is either nobody's here, or one's own.
    upserted = await api("PUT", "/v2/leads", key=api.a, json={"email": "secret@b.test", "company": "pwned"})
    assert upserted.status == 201
    refused = [
        await api("POST", f"/v2/leads/{mine['id']}/tags", key=api.a, json={"tag_id": tag + 900}),
        await api("POST", "/v2/leads", key=api.a, json={"email": "new@a.test", "leads_list_id": list_id + 900}),
        await api("GET", f"/v2/leads_custom_attributes/{attribute + 900}", key=api.a),
        await api("POST", "/v2/leads/bulk/delete", key=api.a, json={"lead_ids": [theirs["id"] + 900]}),
        await api("POST", "/v2/leads/bulk/delete", key=api.a, json={"leads_list_id": list_id + 900}),
        await api(
            "POST", "/v2/leads/bulk/move", key=api.a, json={"leads_list_id": list_id, "target_leads_list_id": 999}
        ),
    ]
    assert [reply.status for reply in refused] == [404, 422, 404, 422, 404, 404]
    after = [(await api("GET", path, key=api.b)).content for path in ("/v2/leads", "/v2/leads_lists", "/v2/tags")]
    assert after == before


async def test_what_is_not_ones_to_write_is_ignored(api: Api) -> None:
    made = await add(
        api, "ma@a.test", id=1, team_id=2, account_id=2, created_at="1999-01-01", sending_status="replied",
        verification={"status": "valid"}, last_contacted_at="1999-01-01", sync_status="success",
    )  # fmt: skip

    assert made["created_at"].startswith("2026")
    assert [made[name] for name in ("sending_status", "last_contacted_at", "sync_status")] == [None] * 3
    assert made["verification"] == {"date": None, "status": None}
    assert await found(api, "", key=api.b) == []


async def test_fifty_upserts_of_one_address_are_one_lead(api: Api) -> None:
    replies = await asyncio.gather(
        *(api("PUT", "/v2/leads", key=api.a, json={"email": "one@a.test", "first_name": f"n{n}"}) for n in range(50))
    )

    assert sorted(reply.status for reply in replies) == [200] * 49 + [201]
    assert len({reply.body["data"]["id"] for reply in replies}) == 1
    page = (await api("GET", "/v2/leads", key=api.a)).body
    assert page["meta"]["total"] == 1
    assert page["data"]["leads"][0]["leads_list"]["leads_count"] == 1


async def test_the_same_post_twice_is_one_lead(api: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first, again = [
        await api("POST", "/v2/leads", key=api.a, json={"email": "i@a.test"}, headers=headers) for _ in range(2)
    ]
    other = await api("POST", "/v2/leads", key=api.a, json={"email": "j@a.test"}, headers=headers)
    stranger = await api("POST", "/v2/leads", key=api.b, json={"email": "i@a.test"}, headers=headers)

    assert (first.status, again.status, first.content == again.content) == (201, 201, True)
    assert (other.status, other.error["id"]) == (422, "idempotency_key_mismatch")
    assert stranger.status == 201
    assert await found(api, "") == ["i@a.test"]


async def test_who_asked_us_to_stop_is_nobodys_lead(api: Api) -> None:
    claims = api.app.services.claims
    claims_of = type(claims)
    api.app.services.claims = claims_of(b"0" * 32, [("email", claims.hash("jane@acme.com"))])
    other = await add(api, "joe@acme.com")

    for method, path in (("POST", "/v2/leads"), ("PUT", "/v2/leads"), ("PUT", f"/v2/leads/{other['id']}")):
        reply = await api(method, path, key=api.a, json={"email": "Jane@acme.com"})
        assert (reply.status, reply.error["id"]) == (451, "claimed_email")


async def test_what_a_lead_lacks_is_filled_from_the_index(api: Api) -> None:
    made = await add(api, "ann.lee0@acme.example", last_name="Smith")

    reply = await api("POST", f"/v2/leads/{made['id']}/enrich", key=api.a)

    data = reply.body["data"]
    assert reply.status == 200
    assert (data["first_name"], data["last_name"]) == ("Ann", "Smith")
    assert data["position"]
    assert data["phone_number"] == "+14155550100"
    assert 0 < data["confidence_score"] <= 100
    assert (await api("GET", f"/v2/leads/{made['id']}", key=api.a)).body["data"] == data


async def test_many_leads_at_once(api: Api) -> None:
    one = (await api("POST", "/v2/leads_lists", key=api.a, json={"name": "One"})).body["data"]["id"]
    two = (await api("POST", "/v2/leads_lists", key=api.a, json={"name": "Two"})).body["data"]["id"]
    ids = [(await add(api, f"{n}@acme.com", leads_list_id=one))["id"] for n in range(5)]

    moved = await api(
        "POST",
        "/v2/leads/bulk/move",
        key=api.a,
        json={"leads_list_id": one, "target_leads_list_id": two, "lead_ids": [*ids[:2], 999]},
    )
    assert moved.status == 200
    assert moved.body["data"] == {
        "source_leads_list_id": one, "target_leads_list_id": two, "leads_count": 2, "status": "completed",
    }  # fmt: skip
    assert await found(api, f"leads_list_id={two}") == ["1@acme.com", "0@acme.com"]
    gone = await api("POST", "/v2/leads/bulk/delete", key=api.a, json={"lead_ids": ids[:3], "leads_list_id": one})
    assert gone.body["data"] == {"requested_count": 1, "deleted_count": 1, "status": "completed"}
    assert (await api("POST", "/v2/leads/bulk/delete", key=api.a, json={"leads_list_id": one})).status == 200
    assert await found(api, "limit=9") == ["1@acme.com", "0@acme.com"]
    assert (await api("POST", "/v2/leads/bulk/delete", key=api.a, json={})).error["id"] == "validation_failed"
    counts = (await api("GET", "/v2/leads_lists", key=api.a)).body["data"]["leads_lists"]
    assert [each["leads_count"] for each in counts] == [2, 0]


async def test_the_test_key_is_no_key_here(api: Api) -> None:
    for method, path in (("GET", "/v2/leads"), ("POST", "/v2/leads"), ("GET", "/v2/leads_lists"), ("GET", "/v2/tags")):
        assert (await api(method, path, key="test-api-key")).status == 401
