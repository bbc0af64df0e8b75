"""Who a campaign writes to, however many they are: in short steps, each once, whoever dies on the way."""

import asyncio

import pytest

from accounts.conftest import NOW
from api.conftest import Moment
from vizsla.accounts.store import Member
from vizsla.campaigns import tasks
from vizsla.campaigns.attachments import (
    LARGEST,
    InvalidAttachment,
    attach,
    detach,
    files_of_step,
    list_attached,
)
from vizsla.campaigns.campaign import Campaign, Changes, create_campaign, get_campaign
from vizsla.campaigns.claiming import claim_messages, claim_senders
from vizsla.campaigns.links import list_links
from vizsla.campaigns.readiness import find_lacking
from vizsla.campaigns.recipients import (
    Added,
    add_recipients,
    cancel_recipients,
    get_recipient,
    list_recipients,
    mark_successful,
)
from vizsla.campaigns.starting import (
    CannotStart,
    add_list,
    archive_campaign,
    duplicate,
    next_sends,
    retry_failed,
    start_campaign,
)
from vizsla.campaigns.stats import figures, standings, stop_reasons
from vizsla.campaigns.steps import add_step, change_step, list_steps
from vizsla.campaigns.tasks import claim_task, is_any_due, list_tasks, step
from vizsla.campaigns.templates import WrongTemplate
from vizsla.campaigns.tracking import Tokens
from vizsla.kit.settings import Settings
from vizsla.leads.lead import draft
from vizsla.leads.lists import create_list
from vizsla.leads.store import leads_after, upsert_lead
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import suppress
from vizsla.storage.database import Connection
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work.campaign_tasks import forget as forget_tasks
from vizsla.work.campaign_tasks import work_on_campaign_tasks
from vizsla.work.workplace import Workplace

CLAIMS = Claims(b"0" * 32)
_SENDER = statement("""
    INSERT INTO sender (account_id, id, member_id, email, smtp, login, auth, sealed, daily_cap, gap, timezone, days, start_second,
        end_second, journal, state, failures, created_at, attempt)
    VALUES (:account_id, :id, 1, :email, '{}', 'l', 'password', '', 50, 60, 'UTC', 127, 0, 86400, 'none', :state, 0, 0, 0)
""")
SENDERS = (901, 902)


async def make(conn: Connection, account_id: int, body: str = "Hi", **said: object) -> Campaign:
    """A draft with two steps and two senders."""
    for id_ in SENDERS:
        if await conn.fetch_one(statement("SELECT 1 FROM sender WHERE id = :id"), {"id": id_}) is None:
            await conn.execute(_SENDER, {"account_id": account_id, "id": id_, "email": f"s{id_}@a.test", "state": "ok"})
    changes = Changes(name="Spring", sender_ids=SENDERS, days=127, start_second=0, end_second=86_400, **said)  # type: ignore[arg-type]
    made = await create_campaign(conn, account_id, 1, changes, NOW)
    await add_step(conn, account_id, made.id, subject="Hello", body=body, format="text")
    await add_step(conn, account_id, made.id, body="Still there?", format="text", wait_days=3)
    return made


async def fill(conn: Connection, account_id: int, count: int) -> int:
    """A list with so many leads, every third of them without a first name."""
    made = await create_list(conn, account_id, "Fair", NOW)
    for number in range(count):
        names = {"first_name": "Z"} if number % 3 else {}
        await upsert_lead(conn, account_id, draft({"email": f"p{number}@fair.test"} | names, list_ids=(made.id,)), NOW)
    return made.id


async def work(stores: Stores, worker: str = "w", *, steps: int = 99, now: int = NOW) -> bool:
    """Whether a task was brought to its end."""
    async with stores.app.write() as conn:
        held = await claim_task(conn, now=now, until=now + 60, worker=worker)
    if held is None:
        return False
    at: int | None = held.last_id
    for _ in range(steps):
        assert at is not None
        async with stores.app.write() as conn:
            at = await step(conn, CLAIMS, held, at, until=now + 60, now=now)
        if at is None or at < 0:
            return at == -1
    return False


async def test_a_long_list_joins_and_starts_in_steps(
    stores: Stores, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STEP", 7)
    monkeypatch.setattr(tasks, "LOOKED_AT", 8)
    me = owner.account_id
    async with stores.app.write() as conn:
        for number in range(20):
            await upsert_lead(conn, me, draft({"email": f"other{number}@a.test"}), NOW)
        list_id = await fill(conn, me, 30)
        campaign = await make(conn, me)
        await suppress(conn, CLAIMS, me, "p20@fair.test", "unsubscribe", now=NOW)
        begun = await add_list(conn, CLAIMS, me, campaign.id, list_id, now=NOW)
    assert (begun.done, begun.is_over) == (0, False)

    # Whoever had it died; another goes on where it was, and nobody is there twice.
    assert not await work(stores, "first", steps=2)
    assert not await work(stores, "second")
    assert await work(stores, "second", now=NOW + 61)
    assert not await is_any_due(stores.app, NOW + 10_000)
    found = await list_recipients(stores.app, me, campaign.id, limit=100)
    assert sorted(one.email for one in found) == sorted(f"p{n}@fair.test" for n in range(30) if n != 20)
    assert (await get_campaign(stores.app, me, campaign.id)).recipients_count == 29
    (task,) = await list_tasks(stores.app, me, campaign.id)
    assert (task.kind, task.size, task.done, task.skipped, task.ended_at) == ("add_list", 30, 29, 1, NOW + 61)

    async with stores.app.write() as conn:
        started = await start_campaign(conn, CLAIMS, me, campaign.id, NOW + 70)
    assert (started.recipients, started.is_new) == (29, True)
    running = await get_campaign(stores.app, me, campaign.id)
    assert (await standings(stores.app, me, [running], NOW + 70))[campaign.id].word == "preparing"
    # Who is added meanwhile is scheduled by that, not by the task.
    async with stores.app.write() as conn:
        await add_recipients(conn, CLAIMS, me, campaign.id, emails=["late@a.test"], now=NOW + 71)
    assert await work(stores, now=NOW + 72)

    found = await list_recipients(stores.app, me, campaign.id, limit=100)
    assert {one.sending_status for one in found} == {"pending"}
    by_sender = [sum(one.sender_id == id_ for one in found) for id_ in SENDERS]
    assert min(by_sender) >= 13
    assert {one.due for one in found} == {NOW + 70, NOW + 71, NOW + 72}
    assert (await standings(stores.app, me, [running], NOW + 72))[campaign.id].word == "active"
    pending = [one.email for one in await leads_after(stores.app, me, 0, limit=99) if one.sending_status == "pending"]
    assert sorted(pending) == sorted(one.email for one in found)
    due = await stores.app.fetch_all(statement("SELECT due FROM sender ORDER BY id"))
    assert [row[0] for row in due] == [NOW + 70, NOW + 70]


async def test_who_lacks_a_value_stops_a_start_or_is_kept_back(
    stores: Stores, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = owner.account_id
    async with stores.app.write() as conn:
        list_id = await fill(conn, me, 6)
        campaign = await make(conn, me, body="Hi {{ first_name }}")
        await add_list(conn, CLAIMS, me, campaign.id, list_id, now=NOW)
    assert [(one.email, one.fields) for one in await find_lacking(stores.app, me, campaign.id)] == [
        ("p0@fair.test", ("first_name",)),
        ("p3@fair.test", ("first_name",)),
    ]
    with pytest.raises(CannotStart, match="2 recipients have no value for first_name"):
        async with stores.app.write() as conn:
            await start_campaign(conn, CLAIMS, me, campaign.id, NOW)

    # Too many to be looked through at once: they are kept back, and say why.
    monkeypatch.setattr("vizsla.campaigns.starting.find_lacking", _nobody)
    async with stores.app.write() as conn:
        await start_campaign(conn, CLAIMS, me, campaign.id, NOW)
    assert await stop_reasons(stores.app, me, campaign.id) == {"missing_value": 2}
    kept = await list_recipients(stores.app, me, campaign.id, limit=9, status="missing_value")
    assert [(one.email, one.trouble, one.sending_status, one.due) for one in kept] == [
        (f"p{n}@fair.test", "There is no value for first_name.", "error", None) for n in (0, 3)
    ]
    # One is filled in, and both are tried again.
    async with stores.app.write() as conn:
        await upsert_lead(conn, me, draft({"email": "p0@fair.test", "first_name": "Z"}), NOW)
        begun = await retry_failed(conn, CLAIMS, me, campaign.id, NOW + 5)
    assert begun.is_over
    again = await get_recipient(stores.app, me, campaign.id, kept[0].id)
    assert (again.due, again.sending_status, again.trouble, again.sender_id in SENDERS) == (
        NOW + 5,
        "pending",
        None,
        True,
    )
    assert await stop_reasons(stores.app, me, campaign.id) == {"missing_value": 1}


async def _nobody(*_: object) -> list[object]:
    return []


async def test_an_address_is_a_recipient_once_whoever_adds_it(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    async with stores.app.write() as conn:
        campaign = await make(conn, me)

    async def join() -> Added:
        async with stores.app.write() as conn:
            return await add_recipients(conn, CLAIMS, me, campaign.id, emails=["ann@a.test", "bob@a.test"], now=NOW)

    outcomes = await asyncio.gather(*(join() for _ in range(6)))

    assert sorted(one.added for one in outcomes) == [0, 0, 0, 0, 0, 2]
    assert (await get_campaign(stores.app, me, campaign.id)).recipients_count == 2
    assert [one.email for one in await leads_after(stores.app, me, 0, limit=9)] == ["ann@a.test", "bob@a.test"]


async def test_archiving_and_success_stop_whoever_was_waiting(
    stores: Stores, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STEP", 2)
    me = owner.account_id
    async with stores.app.write() as conn:
        campaign = await make(conn, me)
        await add_recipients(conn, CLAIMS, me, campaign.id, emails=[f"p{n}@a.test" for n in range(5)], now=NOW)
        await start_campaign(conn, CLAIMS, me, campaign.id, NOW)
    await work(stores)
    first = (await list_recipients(stores.app, me, campaign.id, limit=1))[0]
    async with stores.app.write() as conn:
        await mark_successful(conn, me, campaign.id, first.id, NOW)
        await archive_campaign(conn, CLAIMS, me, campaign.id, NOW)
    await work(stores)

    assert await stop_reasons(stores.app, me, campaign.id) == {"archived": 4, "successful": 1}
    found = await list_recipients(stores.app, me, campaign.id, limit=9)
    assert {(one.due, one.sending_status) for one in found} == {(None, None)}
    archived = await get_campaign(stores.app, me, campaign.id)
    assert (await standings(stores.app, me, [archived], NOW))[campaign.id].word == "archived"


async def test_files_of_a_step_are_few_small_and_copied(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    async with stores.app.write() as conn:
        campaign = await make(conn, me)
        made = await attach(
            conn, me, campaign.id, 0, file_name="C:\\docs\\Plan.pdf", content_type="Application/PDF; x=y", body=b"%PDF"
        )
        odd = await attach(conn, me, campaign.id, 1, file_name="x", content_type="multipart/mixed", body=b"1")
    for name, body in (("a\r\nb", b"x"), ("x.pdf", b""), ("x.pdf", b"x" * LARGEST), ("", b"x")):
        with pytest.raises(InvalidAttachment):
            async with stores.app.write() as conn:
                await attach(conn, me, campaign.id, 0, file_name=name, content_type="application/pdf", body=body)

    assert (made.file_name, made.content_type, odd.content_type) == (
        "Plan.pdf",
        "application/pdf",
        "application/octet-stream",
    )
    async with stores.app.write() as conn:
        copy = await duplicate(conn, me, 1, campaign.id, NOW)
        await detach(conn, me, campaign.id, made.id)
    assert [one.id for one in await list_attached(stores.app, me, campaign.id)] == [odd.id]
    assert await files_of_step(stores.app, me, copy.id, 0) == [("Plan.pdf", "application/pdf", b"%PDF")]
    assert [one.body for one in await list_steps(stores.app, me, copy.id)] == ["Hi", "Still there?"]


async def test_links_of_steps_are_kept_under_numbers_that_stay(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    body = 'See <a href="https://a.test/1">one</a>, <a href="https://b.test/?to={{ email }}">mine</a>, <a href="mailto:x@a.test">us</a>'
    async with stores.app.write() as conn:
        campaign = await make(conn, me)
        await change_step(conn, me, campaign.id, 1, body=body, format="html")
        await change_step(conn, me, campaign.id, 0, body="https://c.test/2 or https://a.test/1.")
        copy = await duplicate(conn, me, 1, campaign.id, NOW)
        with pytest.raises(WrongTemplate, match="javascript"):
            await change_step(conn, me, campaign.id, 1, body='<a href="javascript:alert(1)">x</a>')

    assert await list_links(stores.app, me, campaign.id) == {"https://a.test/1": 1, "https://c.test/2": 2}
    assert set(await list_links(stores.app, me, copy.id)) == {"https://a.test/1", "https://c.test/2"}


async def test_the_next_sends_keep_the_hours_of_both(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    async with stores.app.write() as conn:
        campaign = await make(conn, me)
        await conn.execute(statement("UPDATE sender SET start_second = 3600, end_second = 3720, gap = 60"))
        await conn.execute(statement("UPDATE campaign SET start_second = 3600 + 59, end_second = 7200"))
    narrowed = await get_campaign(stores.app, me, campaign.id)

    times = await next_sends(stores.app, me, narrowed, NOW, count=6)

    assert [at % 86_400 for at in times] == [3_659, 3_659, 3_719, 3_719, 3_659, 3_659]
    assert times[4] - times[0] == 86_400


async def test_figures_count_people_and_messages_apart(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    async with stores.app.write() as conn:
        campaign = await make(conn, me)
        await add_recipients(conn, CLAIMS, me, campaign.id, emails=["ann@a.test", "bob@a.test"], now=NOW)
        ann, bob = await list_recipients(conn, me, campaign.id, limit=9)
        for number, (who, step_, opened, clicked, bounced) in enumerate(
            [(ann, 0, NOW, None, None), (ann, 1, None, NOW, None), (bob, 0, None, None, NOW)]
        ):
            await conn.execute(
                statement("""
                    INSERT INTO message (account_id, id, campaign_id, recipient_id, step, sender_id, message_id, state, attempts,
                        claimed_at, sent_at, opened_at, clicked_at, bounced_at)
                    VALUES (:account_id, :id, :campaign_id, :recipient_id, :step, 901, :name, 'sent', 1, 1, 1, :opened, :clicked, :bounced)
                """),
                {
                    "account_id": me, "id": 950 + number, "campaign_id": campaign.id, "recipient_id": who.id, "step": step_,
                    "name": f"m{number}", "opened": opened, "clicked": clicked, "bounced": bounced,
                },
            )  # fmt: skip

    known = await figures(stores.app, me, campaign.id, 3)

    assert (known.sent, known.delivered, known.opened, known.clicked) == (2, 1, 1, 1)
    assert [(one.sent, one.delivered, one.opened, one.clicked, one.bounced) for one in known.steps] == [
        (2, 1, 1, 0, 1),
        (1, 1, 1, 1, 0),
        (0, 0, 0, 0, 0),
    ]


async def test_the_loop_finishes_what_a_start_left(
    stores: Stores, settings: Settings, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STEP", 2)
    me = owner.account_id
    place = Workplace(settings, stores, b"0" * 64, Moment())
    async with stores.app.write() as conn:
        campaign = await make(conn, me)
        await add_recipients(conn, CLAIMS, me, campaign.id, emails=[f"p{n}@a.test" for n in range(5)], now=NOW)
        await start_campaign(conn, CLAIMS, me, campaign.id, NOW)

    await work_on_campaign_tasks(place, "usher")

    found = await list_recipients(stores.app, me, campaign.id, limit=9)
    assert [one.sending_status for one in found] == ["pending"] * 5
    assert not await is_any_due(stores.app, NOW + 10_000)
    await forget_tasks(place, 0)
    assert await list_tasks(stores.app, me, campaign.id) == []


async def test_who_adds_cancels_and_claims_at_once_never_waits_in_a_circle(stores: Stores, owner: Member) -> None:
    me, tokens = owner.account_id, Tokens(b"0" * 64)
    async with stores.app.write() as conn:
        first, second = await make(conn, me), await make(conn, me)
        await conn.execute(statement("UPDATE sender SET gap = 0, daily_cap = 1000"))
        await suppress(conn, CLAIMS, me, "x3@a.test", "manual", now=NOW)
        for campaign in (first, second):
            await add_recipients(conn, CLAIMS, me, campaign.id, emails=[f"x{n}@a.test" for n in range(5)], now=NOW)
            await start_campaign(conn, CLAIMS, me, campaign.id, NOW)
    claimed: list[int] = []

    async def join(number: int) -> None:
        for campaign in (first, second) if number % 2 else (second, first):
            async with stores.app.write() as conn:
                await add_recipients(conn, CLAIMS, me, campaign.id, emails=[f"y{number}@a.test"], now=NOW)
            async with stores.app.write() as conn:
                await cancel_recipients(conn, me, campaign.id, [f"x{number}@a.test"], NOW)

    async def work_(worker: str) -> None:
        for _ in range(8):
            async with stores.app.write() as conn:
                held = await claim_senders(conn, NOW, worker, 1)
            for each in held:
                async with stores.app.write() as conn:
                    turn = await claim_messages(conn, each, CLAIMS, tokens, NOW)
                    claimed.extend(one.recipient_id for one in turn.claimed)
                    await conn.execute(
                        statement("UPDATE sender SET due = :now WHERE id = :id"), {"id": each.id, "now": NOW}
                    )
            await asyncio.sleep(0)

    await asyncio.gather(*(join(number) for number in range(6)), *(work_(f"w{number}") for number in range(3)))

    assert len(claimed) == len(set(claimed))
    for campaign in (first, second):
        found = await list_recipients(stores.app, me, campaign.id, limit=99)
        assert {one.email for one in found} == {f"y{n}@a.test" for n in range(6)}
        assert (await get_campaign(stores.app, me, campaign.id)).recipients_count == 6
