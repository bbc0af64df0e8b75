"""The campaigns of the API, from the outside: what the reference says of them, and what is refused."""

from typing import Any

from accounts.conftest import NOW
from api.conftest import Api, Reply
from vizsla.privacy.claims import add_claim, load_claims, parse_claimed
from vizsla.privacy.suppression import suppress
from vizsla.storage.statement import statement

_SENDER = statement("""
    INSERT INTO sender (account_id, id, member_id, email, smtp, login, auth, sealed, daily_cap, gap, timezone, days, start_second,
        end_second, journal, state, failures, created_at, attempt)
    VALUES (:account_id, :id, 1, :email, '{}', 'l', 'password', '', 50, 60, 'Europe/Paris', 127, 0, 86400, 'none', :state, 0, 0, 0)
""")


async def add_sender(api: Api, account_id: int = 1, id_: int = 900, state: str = "ok") -> int:
    async with api.app.services.stores.app.write() as conn:
        values = {"account_id": account_id, "id": id_, "email": f"s{id_}@a.example", "state": state}
        await conn.execute(_SENDER, values)
    return id_


async def make(api: Api, *, key: str | None = None, body: str = "Hi", **said: Any) -> int:
    key = key or api.a
    reply = await api("POST", "/v2/sequences", key=key, json={"name": "Spring"} | said)
    assert reply.status == 201, reply.body
    id_ = reply.body["data"]["id"]
    step = {"subject": "Hello", "body": body, "message_format": "text"}
    assert (await api("POST", f"/v2/sequences/{id_}/follow-ups", key=key, json=step)).status == 201
    return int(id_)


async def add(api: Api, id_: int, **said: Any) -> Reply:
    return await api("POST", f"/v2/campaigns/{id_}/recipients", key=api.a, json=said)


async def emails(api: Api, id_: int) -> list[str]:
    reply = await api("GET", f"/v2/campaigns/{id_}/recipients?limit=100", key=api.a)
    return [one["email"] for one in reply.body["data"]["recipients"]]


async def test_campaigns_as_the_reference_shows_them(api: Api) -> None:
    first, second = await make(api), await make(api, name="Autumn")
    await add(api, first, emails=["hoon@stripe.com"])

    reply = await api("GET", "/v2/campaigns", key=api.a)

    assert reply.body == {
        "data": {
            "campaigns": [
                {"id": second, "name": "Autumn", "recipients_count": 0, "editable": True, "started": False, "archived": False, "paused": False},
                {"id": first, "name": "Spring", "recipients_count": 1, "editable": True, "started": False, "archived": False, "paused": False},
            ]
        },
        "meta": {"limit": 20, "offset": 0},
    }  # fmt: skip
    alias = await api("GET", "/v2/sequences?started=false&limit=1&offset=1", key=api.a)
    (one,) = alias.body["data"]["sequences"]
    assert one == reply.body["data"]["campaigns"][1] | {"owner": {"id": 1, "email": "a@a.example"}}
    assert (await api("GET", "/v2/campaigns?started=True", key=api.a)).body["data"] == {"campaigns": []}
    assert (await api("GET", "/v2/campaigns?limit=101", key=api.a)).error["id"] == "pagination_error"


async def test_recipients_are_added_by_address_and_by_lead(api: Api) -> None:
    id_ = await make(api)
    lead = {"email": "alexis@reddit.com", "first_name": "Alexis", "company": "Reddit", "website": "reddit.com"}
    lead_id = (await api("POST", "/v2/leads", key=api.a, json=lead)).body["data"]["id"]

    reply = await add(api, id_, emails=["marcus@hunter.io", "Alexis@Reddit.com"], lead_ids=[lead_id])

    assert reply.status == 201
    assert reply.body == {
        "data": {"recipients_added": 2, "skipped_recipients": [{"email": "alexis@reddit.com", "reason": "duplicate"}]},
        "meta": {"params": {"emails": ["marcus@hunter.io", "Alexis@Reddit.com"]}},
    }
    shown = (await api("GET", f"/v2/campaigns/{id_}/recipients", key=api.a)).body
    assert shown["meta"] == {"limit": 20, "offset": 0}
    marcus, alexis = shown["data"]["recipients"]
    assert alexis == {
        "email": "Alexis@reddit.com", "first_name": "Alexis", "last_name": None, "position": None, "company": "Reddit",
        "website": "reddit.com", "sending_status": None, "lead_id": lead_id,
    }  # fmt: skip
    # Who was no lead is one now, in the current list.
    made = (await api("GET", f"/v2/leads/{marcus['lead_id']}", key=api.a)).body["data"]
    assert (made["email"], made["leads_list"]["name"]) == ("marcus@hunter.io", "My leads")


async def test_fifty_at_most_all_or_nobody_and_one_as_a_string(api: Api) -> None:
    """Attack case mail-11."""
    id_ = await make(api)

    many = await add(api, id_, emails=[f"e{n}@a.test" for n in range(51)])
    wrong = await add(api, id_, emails=["ok@a.test", "not-an-email"])
    unknown = await add(api, id_, emails=["ok@a.test"], lead_ids=[999_999])
    list_ = await add(api, id_, emails=["ok@a.test"], leads_list_ids=[999_999])
    before = await emails(api, id_)
    one = await add(api, id_, emails="single@a.test")
    none = await add(api, id_)

    assert [reply.error["id"] for reply in (many, wrong, unknown, list_)] == ["validation_failed"] * 4
    assert (many.status, before) == (422, [])
    assert (await api("GET", "/v2/leads?query=ok@a.test", key=api.a)).body["meta"]["count"] == 0
    assert (one.status, one.body["data"]) == (201, {"recipients_added": 1, "skipped_recipients": []})
    assert (none.status, none.error["details"]) == (400, "You are missing the emails parameter")


async def test_why_recipients_are_skipped(api: Api) -> None:
    """Attack case mail-12."""
    id_ = await make(api)
    claims = api.app.services.claims
    async with api.app.services.stores.app.write() as conn:
        await suppress(conn, claims, 1, "bounced@a.test", "bounce", now=NOW)
        await suppress(conn, claims, 1, "left@a.test", "unsubscribe", now=NOW)
        await suppress(conn, claims, 1, "closed.test", "manual", now=NOW)
        await suppress(conn, claims, 2, "ok+new@a.test", "unsubscribe", now=NOW)
        await add_claim(conn, claims, parse_claimed("claimed@a.test"), NOW)
    api.app.services.claims = await load_claims(api.app.services.stores.app, b"0" * 32)
    await add(api, id_, emails=["removed@a.test", "already@a.test"])
    gone = await api("DELETE", f"/v2/campaigns/{id_}/recipients", key=api.a, json={"emails": "removed@a.test"})
    assert gone.body["data"] == {"recipients_canceled": ["removed@a.test"], "messages_canceled": 0}

    asked = [
        "left@a.test",
        "bounced@a.test",
        "CLAIMED@a.test",
        "removed@a.test",
        " Already@A.test ",
        "OK+New@A.test",
        "x@sub.closed.test",
    ]
    reply = await add(api, id_, emails=asked)

    assert reply.body["data"]["recipients_added"] == 1
    assert [(one["email"], one["reason"]) for one in reply.body["data"]["skipped_recipients"]] == [
        ("left@a.test", "unsubscribed"),
        ("bounced@a.test", "bounced"),
        ("CLAIMED@a.test", "claimed"),
        ("removed@a.test", "removed"),
        ("Already@A.test", "duplicate"),
        ("x@sub.closed.test", "unsubscribed"),
    ]
    assert await emails(api, id_) == ["already@a.test", "OK+New@a.test"]
    # Nobody who is left alone became a lead by being named.
    assert (await api("GET", "/v2/leads?query=claimed", key=api.a)).body["meta"]["count"] == 0


async def test_a_start_says_what_is_missing_and_happens_once(api: Api) -> None:
    id_ = (await api("POST", "/v2/sequences", key=api.a, json={"name": "Spring"})).body["data"]["id"]
    path = f"/v2/campaigns/{id_}/start"

    assert "no message" in (await api("POST", path, key=api.a)).error["details"]
    step = {"subject": "{{ company | default: 'Hello' }}", "body": "Hi {{ first_name }}"}
    await api("POST", f"/v2/sequences/{id_}/follow-ups", key=api.a, json=step)
    assert "email account" in (await api("POST", path, key=api.a)).error["details"]
    sender = await add_sender(api)
    await api("PUT", f"/v2/sequences/{id_}", key=api.a, json={"email_account_ids": [sender]})
    await add(api, id_, emails=["ann@a.test", "bob@a.test"])
    lacking = await api("POST", path, key=api.a)
    assert lacking.error["id"] == "validation_failed"
    assert "first_name" in lacking.error["details"]
    assert "ann@a.test" in lacking.error["details"]
    for email in ("ann@a.test", "bob@a.test"):
        await api("PUT", "/v2/leads", key=api.a, json={"email": email, "first_name": "Z"})

    started = await api("POST", path, key=api.a)
    again = await api("POST", f"/v2/sequences/{id_}/start", key=api.a)

    assert (started.status, started.body) == (
        200,
        {"data": {"message": "2 emails scheduled for sending.", "recipients_count": 2}},
    )
    assert (again.status, again.body["data"]["message"]) == (200, "Sequence already started.")
    shown = (await api("GET", f"/v2/campaigns/{id_}/recipients", key=api.a)).body["data"]["recipients"]
    assert [one["sending_status"] for one in shown] == ["pending", "pending"]
    leads = await api("GET", "/v2/leads?sending_status[]=pending", key=api.a)
    assert leads.body["meta"]["count"] == 2
    detail = (await api("GET", f"/v2/sequences/{id_}", key=api.a)).body["data"]
    assert (detail["status"], detail["started"], len(detail["schedule"]["next_sends"])) == ("active", True, 10)
    # Whoever is added now is scheduled at once.
    await add(api, id_, emails=["late@a.test"])
    rows = await api.app.services.stores.app.fetch_all(statement("SELECT due, sender_id FROM recipient ORDER BY id"))
    assert rows == [(rows[0][0], sender)] * 3
    assert rows[0][0] >= NOW


async def test_what_is_canceled_is_never_sent_nor_added_again(api: Api) -> None:
    sender = await add_sender(api)
    id_ = await make(api, email_account_ids=[sender])
    await add(api, id_, emails=["ann@a.test", "Bob@a.test", "cy@a.test"])
    await api("POST", f"/v2/campaigns/{id_}/start", key=api.a)

    both = await api(
        "DELETE", f"/v2/campaigns/{id_}/recipients", key=api.a, json={"emails": ["ANN@a.test", "nobody@a.test"]}
    )
    one = await api("DELETE", f"/v2/campaigns/{id_}/recipients/bob%40a.test", key=api.a)
    again = await api("DELETE", f"/v2/campaigns/{id_}/recipients/bob%40a.test", key=api.a)
    wrong = await api("DELETE", f"/v2/campaigns/{id_}/recipients", key=api.a, json={"emails": ["cy@a.test", "x"]})

    assert both.body == {
        "data": {"recipients_canceled": ["ANN@a.test"], "messages_canceled": 1},
        "meta": {"params": {"emails": ["ANN@a.test", "nobody@a.test"]}},
    }
    assert one.body["data"] == {"recipients_canceled": ["bob@a.test"], "messages_canceled": 1}
    assert again.body["data"] == {"recipients_canceled": [], "messages_canceled": 0}
    assert wrong.error["id"] == "validation_failed"
    assert await emails(api, id_) == ["cy@a.test"]
    back = await add(api, id_, emails=["ann@a.test"])
    assert back.body["data"]["skipped_recipients"] == [{"email": "ann@a.test", "reason": "removed"}]
    assert (await api("GET", f"/v2/sequences/{id_}", key=api.a)).body["data"]["recipients_count"] == 1


async def test_pausing_archiving_and_what_a_draft_cannot(api: Api) -> None:
    sender = await add_sender(api)
    id_ = await make(api, email_account_ids=[sender])
    await add(api, id_, emails=["ann@a.test"])
    path = f"/v2/sequences/{id_}"

    assert (await api("POST", f"{path}/pause", key=api.a)).error["id"] == "sequence_not_active"
    assert (await api("POST", f"{path}/archive", key=api.a)).error["id"] == "sequence_not_started"
    await api("POST", f"{path}/start", key=api.a)
    assert (await api("DELETE", path, key=api.a)).error["id"] == "sequence_not_destroyable"
    for _ in range(2):
        assert (await api("POST", f"{path}/pause", key=api.a)).body["data"] == {"id": id_, "paused": True}
    assert (await api("GET", path, key=api.a)).body["data"]["status"] == "paused"
    assert (await api("DELETE", f"{path}/pause", key=api.a)).body["data"] == {"message": "Sequence resumed."}
    for change in (
        {"schedule_days": [0]},
        {"schedule_time_start": 1},
        {"email_account_ids": []},
        {"start_at": "2030-01-01"},
        {"tracked": True},
    ):
        assert (await api("PUT", path, key=api.a, json=change)).error["id"] == "sequence_locked", change
    assert (await api("POST", f"{path}/follow-ups", key=api.a, json={"body": "x"})).error["id"] == "sequence_locked"
    # What does not change is no change, and the name is free.
    same = {
        "schedule_days": [5, 4, 3, 2, 1],
        "email_account_ids": [sender],
        "name": "Renamed",
        "add_unsubscribe_link": False,
    }
    assert (await api("PUT", path, key=api.a, json=same)).body["data"]["settings"]["add_unsubscribe_link"] is False
    for _ in range(2):
        assert (await api("POST", f"{path}/archive", key=api.a)).body["data"] == {"id": id_, "archived": True}
    assert (await api("DELETE", f"{path}/pause", key=api.a)).error["id"] == "sequence_not_active"
    assert (await add(api, id_, emails=["b@a.test"])).error["id"] == "sequence_not_active"
    (row,) = await api.app.services.stores.app.fetch_all(statement("SELECT state, stop_reason, due FROM recipient"))
    assert row == ("stopped", "archived", None)
    assert [
        one["name"] for one in (await api("GET", "/v2/campaigns?archived=1", key=api.a)).body["data"]["campaigns"]
    ] == ["Renamed"]


async def test_a_draft_is_made_changed_duplicated_and_deleted(api: Api) -> None:
    sender = await add_sender(api)
    said = {
        "name": "  Spring  ", "email_account_ids": [sender], "schedule_days": [0, 6], "schedule_time_start": 36_000, "schedule_time_end": 61_200,
        "start_at": "2030-05-04", "bcc_recipient": "boss@a.example", "tracked": True, "tracked_links": False, "add_unsubscribe_link": True,
    }  # fmt: skip
    made = (await api("POST", "/v2/campaigns", key=api.a, json=said)).body["data"]

    assert made["schedule"].pop("next_sends")[0] == "2030-05-04 08:00:00 UTC"
    assert made == {
        "id": made["id"], "name": "Spring", "status": "draft", "status_reason": None, "recipients_count": 0, "started": False, "paused": False,
        "archived": False,
        "schedule": {"start_at": "2030-05-04", "time_start": "10:00", "time_end": "17:00", "days": [0, 6], "timezone": "Europe/Paris"},
        "settings": {
            "tracked": True, "tracked_links": False, "add_unsubscribe_link": True, "ai_assistant_enabled": False, "bcc_recipient": "boss@a.example",
        },
        "email_account_ids": [sender], "follow_ups": {"unique_steps_count": 0, "steps": []},
        "owner": {"id": 1, "email": "a@a.example"}, "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    path = f"/v2/sequences/{made['id']}"
    cleared = await api(
        "PUT", path, key=api.a, json={"start_at": "", "bcc_recipient": "", "timezone": "Asia/Kathmandu"}
    )
    assert cleared.body["data"]["schedule"]["start_at"] is None
    assert cleared.body["data"]["settings"]["bcc_recipient"] is None
    await api("POST", f"{path}/follow-ups", key=api.a, json={"subject": "Hi", "body": "x"})
    await add(api, made["id"], emails=["ann@a.test"])
    copy = await api("POST", f"{path}/duplicate", key=api.a)
    assert (copy.status, copy.body["data"]["name"], copy.body["data"]["recipients_count"]) == (201, "Spring (copy)", 0)
    assert copy.body["data"]["follow_ups"] == {"unique_steps_count": 1, "steps": [0]}
    assert (await api("DELETE", path, key=api.a)).status == 204
    assert (await api("GET", path, key=api.a)).error["details"] == "This campaign does not exist."


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "wrong_params"),
    ({"name": " "}, "validation_failed"),
    ({"name": "x" * 101}, "validation_failed"),
    ({"name": "x", "email_account_ids": [77]}, "unknown_email_account_ids"),
    ({"name": "x", "schedule_days": [7]}, "wrong_params"),
    ({"name": "x", "schedule_days": []}, "validation_failed"),
    ({"name": "x", "schedule_time_start": 7_200, "schedule_time_end": 3_600}, "validation_failed"),
    ({"name": "x", "schedule_time_end": 86_400}, "wrong_params"),
    ({"name": "x", "timezone": "Mars/Olympus"}, "validation_failed"),
    ({"name": "x", "start_at": "soon"}, "validation_failed"),
    ({"name": "x", "start_at": "2001-01-01"}, "validation_failed"),
    ({"name": "x", "start_at": "9999-12-31"}, "validation_failed"),
    ({"name": "x", "start_at": "2030-01-01T00:00:00"}, "validation_failed"),
    ({"name": "x", "bcc_recipient": "a@b.test\r\nX: y"}, "validation_failed"),
    (
        {"name": "x", "bcc_recipient": f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 9}.test"},
        "validation_failed",
    ),
]


async def test_what_a_campaign_cannot_be(api: Api) -> None:
    for said, id_ in WRONG:
        assert (await api("POST", "/v2/sequences", key=api.a, json=said)).error["id"] == id_, said


async def test_what_another_account_has_is_of_no_use(api: Api) -> None:
    theirs = await add_sender(api, account_id=2, id_=950)
    lead_id = (await api("POST", "/v2/leads", key=api.b, json={"email": "b@b.test"})).body["data"]["id"]
    list_id = (await api("GET", "/v2/leads_lists", key=api.b)).body["data"]["leads_lists"][0]["id"]
    id_ = await make(api)

    refused = await api("POST", "/v2/sequences", key=api.a, json={"name": "x", "email_account_ids": [theirs]})
    assert refused.error["id"] == "unknown_email_account_ids"
    # Ids are counted per account, so that some may be A's own.
    for said in ({"lead_ids": [lead_id + 500]}, {"leads_list_ids": [list_id + 500]}):
        assert (await add(api, id_, **said)).error["id"] == "validation_failed"
    preview = await api("GET", f"/v2/sequences/{id_}/follow-ups/1/preview?lead_id={lead_id + 500}", key=api.a)
    assert preview.error["details"] == "This lead does not exist."


async def test_steps_are_appended_changed_and_taken_away_at_the_end(api: Api) -> None:
    id_ = await make(api)
    path = f"/v2/sequences/{id_}/follow-ups"
    second = await api("POST", path, key=api.a, json={"body": "<p>Still there?</p>", "wait_days": 3})

    assert second.body == {
        "data": {
            "follow_up": {
                "id": 2, "step": 1, "wait_days": 3, "message_format": "html", "messages_sent": 0, "subject": "Hello",
                "body": "<p>Still there?</p>", "variant": None,
            }
        },
        "meta": {"params": {"sequence_id": id_, "step": 1, "wait_days": 3}},
    }  # fmt: skip
    listed = (await api("GET", path, key=api.a)).body
    assert [one["step"] for one in listed["data"]["follow_ups"]] == [0, 1]
    assert (await api("GET", f"{path}/2", key=api.a)).body["data"] == listed["data"]["follow_ups"][1]
    changed = await api("PUT", f"{path}/2", key=api.a, json={"wait_days": 5, "subject": "Again"})
    assert (changed.body["data"]["wait_days"], changed.body["data"]["subject"]) == (5, "Again")
    assert (await api("DELETE", f"{path}/1", key=api.a)).error["id"] == "validation_failed"
    assert (await api("POST", path, key=api.a, json={"body": "x", "wait_days": 31})).error["id"] == "wrong_params"
    assert (await api("DELETE", f"{path}/2", key=api.a)).status == 204
    assert (await api("DELETE", f"{path}/2", key=api.a)).error["id"] == "not_found"
    assert (await api("DELETE", f"{path}/1", key=api.a)).error[
        "details"
    ] == "The introduction cannot be deleted, only changed."


async def test_a_preview_reads_as_the_recipient_would(api: Api) -> None:
    id_ = await make(api, body="Dear {{ first_name | default: 'friend' }} of {{ company }}")
    lead = {"email": "ann@a.test", "first_name": "{{7*7}}{% for i in (1..9) %}x{% endfor %}", "company": "A & B"}
    lead_id = (await api("POST", "/v2/leads", key=api.a, json=lead)).body["data"]["id"]
    await api("POST", f"/v2/sequences/{id_}/follow-ups", key=api.a, json={"body": "<b>{{ company }}</b>"})
    await add(api, id_, lead_ids=[lead_id])
    path = f"/v2/sequences/{id_}/follow-ups"

    text = await api("GET", f"{path}/1/preview?email=ANN@a.test", key=api.a)
    html = await api("GET", f"{path}/2/preview?lead_id={lead_id}", key=api.a)
    stranger = await api("GET", f"{path}/1/preview?email=x@y.test", key=api.a)

    # Attack case mail-03: what a lead says is text, whatever it looks like.
    assert text.body["data"] == {
        "subject": "Hello", "body": "Dear {{7*7}}{% for i in (1..9) %}x{% endfor %} of A & B", "message_format": "text",
    }  # fmt: skip
    assert html.body["data"] == {"subject": "Re: Hello", "body": "<b>A &amp; B</b>", "message_format": "html"}
    assert "company" in stranger.error["details"]


async def test_figures_of_a_campaign_to_which_nothing_happened(api: Api) -> None:
    id_ = await make(api)

    stats = (await api("GET", f"/v2/sequences/{id_}/stats", key=api.a)).body["data"]

    assert {name: value for name, value in stats.items() if value} == {
        "id": id_,
        "name": "Spring",
        "follow_ups": stats["follow_ups"],
    }
    assert [step["step"] for step in stats["follow_ups"]] == [0]
    assert (await api("GET", "/v2/messages", key=api.a)).body == {
        "data": {"messages": []},
        "meta": {"limit": 20, "offset": 0},
    }


async def test_a_start_that_is_sent_twice_is_answered_twice_alike(api: Api) -> None:
    id_ = await make(api, email_account_ids=[await add_sender(api)])
    await add(api, id_, emails=["ann@a.test"])
    header = {"Idempotency-Key": "once"}

    replies = [await api("POST", f"/v2/campaigns/{id_}/start", key=api.a, headers=header) for _ in range(2)]

    assert replies[0].body["data"]["message"] == "1 email scheduled for sending."
    assert replies[0].content == replies[1].content


async def test_a_list_of_leads_joins_with_all_its_leads(api: Api) -> None:
    id_ = await make(api)
    list_id = (await api("POST", "/v2/leads_lists", key=api.a, json={"name": "Fair"})).body["data"]["id"]
    for number in range(3):
        await api("POST", "/v2/leads", key=api.a, json={"email": f"p{number}@fair.test", "leads_list_id": list_id})
    await api("POST", "/v2/leads", key=api.a, json={"email": "other@a.test", "leads_list_name": "Else"})

    reply = await add(api, id_, leads_list_ids=[list_id], emails="p1@fair.test")

    assert (reply.status, reply.body["data"]["recipients_added"]) == (201, 3)
    assert reply.body["data"]["skipped_recipients"] == [{"email": "p1@fair.test", "reason": "duplicate"}]
    assert sorted(await emails(api, id_)) == ["p0@fair.test", "p1@fair.test", "p2@fair.test"]
