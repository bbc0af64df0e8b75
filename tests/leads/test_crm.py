"""Leads reach other systems, once for each change, and say whether they did."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from accounts.conftest import NOW
from api.conftest import Moment
from vizsla.accounts.store import Member
from vizsla.kit.settings import Settings
from vizsla.leads import espocrm as espocrm_module
from vizsla.leads.connectors import (
    InvalidConnector,
    create_connector,
    delete_connector,
    get_connector,
    list_connectors,
    set_api_key,
    set_state,
)
from vizsla.leads.espocrm import EspoCrm
from vizsla.leads.filters import Filters
from vizsla.leads.lead import draft
from vizsla.leads.mirror import Mirrors
from vizsla.leads.store import delete_leads, find_by_email, update_lead, upsert_lead
from vizsla.leads.sync import claim_connectors, follow, page_of_synced, push_leads, push_list, retry_errors, tally
from vizsla.leads.systems import system_of
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.webhooks import sending
from vizsla.webhooks.sending import Courier
from vizsla.work.crm import sync_leads
from vizsla.work.workplace import Workplace
from webhooks.test_signing import accepts
from worlds.espocrm import KEY, EspoWorld, espocrm
from worlds.receiver import Says, always, receiver


@pytest.fixture
async def espo() -> AsyncIterator[EspoWorld]:
    async with espocrm() as world:
        yield world


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def place(stores: Stores, settings: Settings, espo: EspoWorld, clock: Moment) -> Workplace:
    assert espo.ear
    reaching = msgspec.structs.replace(settings, egress_allow=("127.0.0.0/8",), http_ports=(espo.ear.port,))
    return Workplace(reaching, stores, b"0" * 64, clock)


def silent(*_: object, **__: object) -> None:
    """Nobody reads this log."""


async def work(place: Workplace) -> None:
    await sync_leads(place, "w", silent)


async def connect(place: Workplace, account_id: int, url: str, **options: Any) -> int:
    given = {"kind": "espocrm", "api_key": KEY, "entity": "Lead", "with_present": True} | options
    kind = given.pop("kind")
    async with place.stores.app.write() as conn:
        made, _ = await create_connector(conn, account_id, kind, url, key=place.secret, now=NOW, **given)
    return made.id


async def put(place: Workplace, account_id: int, email: str, **fields: str) -> int:
    async with place.stores.app.write() as conn:
        return (await upsert_lead(conn, account_id, draft({"email": email, **fields}), NOW))[0].id


async def status(place: Workplace, account_id: int, email: str) -> str | None:
    found = await find_by_email(place.stores.app, account_id, email)
    assert found
    return found.sync_status


async def test_a_lead_is_made_there_and_then_written_to(
    place: Workplace, owner: Member, espo: EspoWorld, mirrors: Mirrors
) -> None:
    account_id = owner.account_id
    await put(place, account_id, "jane@acme.com", first_name="Jane", last_name="Doe", company="Acme", position="CEO")
    connector_id = await connect(place, account_id, espo.url)
    await work(place)

    assert await status(place, account_id, "jane@acme.com") == "success"
    ((method, id_, fields),) = espo.writes
    assert (method, fields) == (
        "POST",
        {
            "emailAddress": "jane@acme.com",
            "firstName": "Jane",
            "lastName": "Doe",
            "accountName": "Acme",
            "title": "CEO",
        },
    )
    (synced,) = await page_of_synced(place.stores.app, account_id, connector_id, "success", limit=9)
    assert (synced.email, synced.external_id, synced.error) == ("jane@acme.com", id_, None)

    await put(place, account_id, "jane@acme.com", position="CTO", phone_number="")
    await work(place)
    assert espo.writes[1:] == [("PUT", id_, {**fields, "title": "CTO"})]
    # The mirror heard of each.
    assert (await mirrors.find(account_id, Filters(sync_status="success"), limit=9)).count == 1

    await put(place, account_id, "jane@acme.com", source="a fair", position="CTO")
    await work(place)
    assert len(espo.writes) == 2


async def test_what_is_pending_says_so(place: Workplace, owner: Member, espo: EspoWorld) -> None:
    account_id = owner.account_id
    connector_id = await connect(place, account_id, espo.url)
    await put(place, account_id, "jane@acme.com")
    espo.next = [Says(503, {"Retry-After": "30"})]
    await work(place)

    assert await status(place, account_id, "jane@acme.com") == "pending"
    assert (await get_connector(place.stores.app, account_id, connector_id)).trouble == "EspoCRM answered 503."


async def test_who_is_there_already_is_written_to(place: Workplace, owner: Member, espo: EspoWorld) -> None:
    id_ = espo.add("Lead", emailAddress="jane@acme.com", lastName="Dough", description="typed there")
    await put(place, owner.account_id, "jane@acme.com", last_name="Doe")
    await connect(place, owner.account_id, espo.url)
    await work(place)

    assert espo.records["Lead"][id_] == {
        "id": id_, "emailAddress": "jane@acme.com", "lastName": "Doe", "description": "typed there",
    }  # fmt: skip
    assert len(espo.records["Lead"]) == 1


async def test_a_namesake_is_another_person_and_a_duplicate_by_address_is_not(
    place: Workplace, owner: Member, espo: EspoWorld
) -> None:
    espo.add("Lead", emailAddress="other@globex.com", firstName="Jane", lastName="Doe")
    hidden = espo.add("Lead", emailAddress="JOE@acme.com", firstName="Joe", lastName="Roe")
    await put(place, owner.account_id, "jane@acme.com", first_name="Jane", last_name="Doe")
    await put(place, owner.account_id, "joe@acme.com", first_name="Joe", last_name="Roe")
    await connect(place, owner.account_id, espo.url)
    await work(place)

    assert len(espo.records["Lead"]) == 3
    assert espo.records["Lead"][hidden]["emailAddress"] == "joe@acme.com"


async def test_what_was_deleted_there_is_made_again(place: Workplace, owner: Member, espo: EspoWorld) -> None:
    await put(place, owner.account_id, "jane@acme.com", last_name="Doe")
    await connect(place, owner.account_id, espo.url)
    await work(place)
    espo.records["Lead"].clear()
    await put(place, owner.account_id, "jane@acme.com", last_name="Dow")
    await work(place)

    assert [one["lastName"] for one in espo.records["Lead"].values()] == ["Dow"]
    assert await status(place, owner.account_id, "jane@acme.com") == "success"


async def test_what_is_not_valid_there_is_an_error_until_it_changes(
    place: Workplace, owner: Member, espo: EspoWorld, clock: Moment
) -> None:
    account_id = owner.account_id
    lead_id = await put(place, account_id, "jane@acme.com", phone_number="call me")
    await put(place, account_id, "joe@acme.com", first_name="J" * 150)
    connector_id = await connect(place, account_id, espo.url)
    await work(place)

    assert await status(place, account_id, "jane@acme.com") == "error"
    assert await status(place, account_id, "joe@acme.com") == "success"
    (wrong,) = await page_of_synced(place.stores.app, account_id, connector_id, "error", limit=9)
    assert (wrong.lead_id, wrong.error) == (lead_id, "EspoCRM does not take the field phoneNumber: valid (400).")
    clock.at += 10**6
    assert espo.ear
    asked = len(espo.ear.got)
    await work(place)
    assert len(espo.ear.got) == asked

    # Changed and changed back before anybody looked: it is as wrong as it was.
    await put(place, account_id, "jane@acme.com", phone_number="+1 2")
    await put(place, account_id, "jane@acme.com", phone_number="call me")
    await work(place)
    assert await status(place, account_id, "jane@acme.com") == "error"
    await put(place, account_id, "jane@acme.com", phone_number="+1 2")
    await work(place)
    assert await status(place, account_id, "jane@acme.com") == "success"


async def test_it_is_tried_again_and_then_dead_and_can_be_sent_again(
    place: Workplace, owner: Member, espo: EspoWorld, clock: Moment
) -> None:
    account_id = owner.account_id
    await put(place, account_id, "jane@acme.com")
    connector_id = await connect(place, account_id, espo.url)
    for said in (Says(429, {"Retry-After": "5"}), Says(503), Says(500), Says(hangs_up=True), *[Says(502)] * 4):
        espo.next = [said] * (2 if said.hangs_up else 1)  # aiohttp asks a GET once more
        await work(place)
        clock.at += 50_000

    assert await status(place, account_id, "jane@acme.com") == "error"
    assert await tally(place.stores.app, account_id, connector_id) == {"pending": 0, "success": 0, "error": 1}
    async with place.stores.app.write() as conn:
        assert await retry_errors(conn, account_id, connector_id, clock.at) == 1
    assert await status(place, account_id, "jane@acme.com") == "pending"
    clock.at += 1_000
    await work(place)
    assert await status(place, account_id, "jane@acme.com") == "success"
    assert (await get_connector(place.stores.app, account_id, connector_id)).failures == 0


async def test_a_key_that_is_not_taken_stops_it_until_there_is_another(
    place: Workplace, owner: Member, espo: EspoWorld
) -> None:
    account_id = owner.account_id
    for name in "abc":
        await put(place, account_id, f"{name}@acme.com")
    connector_id = await connect(place, account_id, espo.url, api_key="wrong")
    await work(place)

    found = await get_connector(place.stores.app, account_id, connector_id)
    assert (found.state, found.trouble) == ("refused", "EspoCRM does not take the API key (401).")
    assert espo.ear
    assert len(espo.ear.got) == 1
    async with place.stores.app.write() as conn:
        await set_api_key(conn, account_id, connector_id, KEY, key=place.secret)
    await work(place)
    assert len(espo.records["Lead"]) == 3
    rows = await place.stores.app.fetch_all(statement("SELECT secret FROM crm_connector"))
    assert KEY not in str(rows)


@pytest.mark.parametrize(("path", "entity", "state"), [("/crm", "Lead", "refused"), ("", "Contact", "error")])
async def test_what_stands_behind_it_is_told_apart(
    place: Workplace, owner: Member, espo: EspoWorld, path: str, entity: str, state: str
) -> None:
    espo.forbidden.add("Contact")
    async with Courier(place.settings) as courier:
        pushed = await EspoCrm(courier, espo.url + path, entity, KEY, NOW).push(  # type: ignore[arg-type]
            {"emailAddress": "a@b.c", "lastName": "a"}, None, "m"
        )
        tested = await EspoCrm(courier, espo.url + path, entity, KEY, NOW).test()  # type: ignore[arg-type]
        espo.next = [Says(200, body=b"<html>" + b"x" * 300_000)]
        page = await EspoCrm(courier, espo.url, "Lead", KEY, NOW).test()
        good = await EspoCrm(courier, espo.url, "Lead", KEY, NOW).test()
    assert (pushed.state, tested.state) == (state, state)
    assert (page.state, good.state) == ("refused", "success")


async def test_a_slow_one_is_tried_later(
    place: Workplace, owner: Member, espo: EspoWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.2)
    espo.next = [Says(after=1.0)]
    await put(place, owner.account_id, "jane@acme.com")
    await connect(place, owner.account_id, espo.url)
    await work(place)
    assert await status(place, owner.account_id, "jane@acme.com") == "pending"


async def test_a_worker_that_died_after_a_write_makes_no_second_record(
    place: Workplace, owner: Member, espo: EspoWorld, clock: Moment
) -> None:
    await put(place, owner.account_id, "jane@acme.com", last_name="Doe")
    await connect(place, owner.account_id, espo.url)
    async with place.stores.app.write() as conn:
        (held,) = await claim_connectors(conn, key=place.secret, now=NOW, until=NOW + 120, worker="dying", limit=9)
    async with Courier(place.settings) as courier:
        system = system_of(courier, held, held.secret, NOW)
        async with place.stores.app.write() as conn:
            assert await follow(conn, held, system, until=NOW + 120, now=NOW) is not None
        await system.push({"emailAddress": "jane@acme.com", "lastName": "Doe"}, None, "m")
    clock.at += 121
    await work(place)

    assert [write[0] for write in espo.writes] == ["POST", "PUT"]
    assert len(espo.records["Lead"]) == 1


async def test_only_what_changes_from_now_on_and_what_is_pushed(
    place: Workplace, owner: Member, espo: EspoWorld
) -> None:
    account_id = owner.account_id
    old = await put(place, account_id, "old@acme.com")
    found = await find_by_email(place.stores.app, account_id, "old@acme.com")
    assert found
    connector_id = await connect(place, account_id, espo.url, with_present=False)
    await put(place, account_id, "new@acme.com")
    await work(place)
    assert [one["emailAddress"] for one in espo.records["Lead"].values()] == ["new@acme.com"]
    assert await status(place, account_id, "old@acme.com") is None

    async with place.stores.app.write() as conn:
        assert await push_leads(conn, account_id, connector_id, [old, 999], NOW) == 1
    await work(place)
    async with place.stores.app.write() as conn:
        assert await push_list(conn, account_id, connector_id, found.lists[0], NOW) == 2
        assert await push_list(conn, account_id, connector_id, 999, NOW) == 0
    await work(place)
    assert [write[0] for write in espo.writes] == ["POST", "POST", "PUT", "PUT"]


async def test_a_thousand_leads_of_one_change_are_all_followed(
    place: Workplace, owner: Member, espo: EspoWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vizsla.leads.sync.STEP", 7)
    account_id = owner.account_id
    for n in range(20):
        await put(place, account_id, f"p{n}@acme.com")
    async with place.stores.app.write() as conn:
        await conn.execute(statement("UPDATE lead SET change = 20"))
    connector_id = await connect(place, account_id, espo.url)
    # Dies in the middle of the change.
    async with place.stores.app.write() as conn:
        (held,) = await claim_connectors(conn, key=place.secret, now=NOW, until=NOW, worker="dying", limit=9)
        async with Courier(place.settings) as courier:
            assert await follow(conn, held, system_of(courier, held, held.secret, NOW), until=NOW, now=NOW) is not None
    await work(place)
    assert len(espo.records["Lead"]) == 20
    assert (await tally(place.stores.app, account_id, connector_id))["success"] == 20


async def test_two_connectors_make_one_status_and_one_that_leaves_takes_its_part_along(
    place: Workplace, owner: Member, espo: EspoWorld
) -> None:
    account_id = owner.account_id
    await put(place, account_id, "jane@acme.com", phone_number="call me")
    bad = await connect(place, account_id, espo.url)
    await connect(place, account_id, espo.url, entity="Contact")
    espo.records["Contact"] = {}
    await work(place)
    assert await status(place, account_id, "jane@acme.com") == "error"
    async with place.stores.app.write() as conn:
        await delete_connector(conn, account_id, bad)
    assert len(await list_connectors(place.stores.app, account_id)) == 1
    await work(place)
    # The Contact's phone number is as wrong.
    assert await status(place, account_id, "jane@acme.com") == "error"
    (left,) = await list_connectors(place.stores.app, account_id)
    async with place.stores.app.write() as conn:
        await delete_connector(conn, account_id, left.id)
    await work(place)
    assert await status(place, account_id, "jane@acme.com") is None
    assert await place.stores.app.fetch_all(statement("SELECT 1 FROM crm_sync UNION SELECT 1 FROM crm_connector")) == []


async def test_a_deleted_lead_is_sent_nowhere(place: Workplace, owner: Member, espo: EspoWorld) -> None:
    account_id = owner.account_id
    await connect(place, account_id, espo.url)
    lead_id = await put(place, account_id, "jane@acme.com")
    async with place.stores.app.write() as conn:
        await delete_leads(conn, account_id, [lead_id], NOW)
    await work(place)
    assert espo.writes == []


async def test_one_that_is_off_sends_nothing_and_misses_nothing(
    place: Workplace, owner: Member, espo: EspoWorld
) -> None:
    account_id = owner.account_id
    connector_id = await connect(place, account_id, espo.url)
    async with place.stores.app.write() as conn:
        await set_state(conn, account_id, connector_id, "off")
    lead_id = await put(place, account_id, "jane@acme.com")
    await work(place)
    assert espo.writes == []
    async with place.stores.app.write() as conn:
        with pytest.raises(InvalidConnector, match="off"):
            await push_leads(conn, account_id, connector_id, [lead_id], NOW)
        await set_state(conn, account_id, connector_id, "on")
    await work(place)
    assert len(espo.writes) == 1


async def test_a_signed_webhook_hears_of_each_change(
    place: Workplace, owner: Member, espo: EspoWorld, clock: Moment
) -> None:
    account_id = owner.account_id
    async with receiver() as ear:
        place = msgspec.structs.replace(place, settings=msgspec.structs.replace(place.settings, http_ports=(ear.port,)))
        async with place.stores.app.write() as conn:
            _, secret = await create_connector(
                conn,
                account_id,
                "webhook",
                ear.url,
                api_key="",
                entity=None,
                with_present=True,
                key=place.secret,
                now=NOW,
            )
        lead_id = await put(place, account_id, "jane@acme.com", company="Acme")
        ear.says = always(Says(500))
        await work(place)
        ear.says = always(Says())
        clock.at += 400
        await work(place)

        first, second = ear.got
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert accepts(secret, second.headers, second.body, now=clock.at)
        said = json.loads(second.body)
        assert (said["type"], said["data"]["id"], said["data"]["company"]) == ("lead.synced", lead_id, "Acme")
        assert await status(place, account_id, "jane@acme.com") == "success"
        ear.says = always(Says(422))
        await put(place, account_id, "jane@acme.com", company="Acme 2")
        await work(place)
        assert await status(place, account_id, "jane@acme.com") == "error"


async def test_writes_while_it_is_sent_are_sent_again(place: Workplace, owner: Member, espo: EspoWorld) -> None:
    account_id = owner.account_id
    lead_id = await put(place, account_id, "jane@acme.com", last_name="A")
    await connect(place, account_id, espo.url)
    real = espo.answer

    async def write_meanwhile(got: Any) -> Says:
        if got.method == "POST":
            async with place.stores.app.write() as conn:
                await update_lead(conn, account_id, lead_id, draft({"last_name": "B"}), NOW)
        return await real(got)

    assert espo.ear
    espo.ear.says = write_meanwhile
    await asyncio.wait_for(work(place), 20)
    assert [one["lastName"] for one in espo.records["Lead"].values()] == ["B"]


async def test_leads_may_go_while_they_are_sent(place: Workplace, owner: Member, espo: EspoWorld) -> None:
    account_id = owner.account_id
    ids = [await put(place, account_id, f"p{n}@acme.com") for n in range(40)]
    await connect(place, account_id, espo.url)

    async def go(some: list[int]) -> None:
        for lead_id in some:
            async with place.stores.app.write() as conn:
                await delete_leads(conn, account_id, [lead_id], NOW)

    async with asyncio.timeout(30):
        await asyncio.gather(work(place), go(ids[::3]), go(ids[1::3]))
    await work(place)
    rows = await place.stores.app.fetch_all(statement("SELECT sync_status FROM lead"))
    assert [row[0] for row in rows] == ["success"] * 13


def test_every_field_is_one_of_ours() -> None:
    from vizsla.leads.lead import TEXTS

    for mapping in espocrm_module.MAPPINGS.values():
        assert set(mapping) <= {"email", *TEXTS}
