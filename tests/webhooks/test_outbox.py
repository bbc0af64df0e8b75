"""What is announced is told: signed, in order, again until it is heard, and never lost with a worker that dies."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from accounts.conftest import NOW
from api.conftest import Moment
from vizsla.accounts.store import Member, create_user
from vizsla.mail.outgoing import list_mail
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.webhooks import outbox
from vizsla.webhooks.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    get_endpoint,
    rotate_secret,
)
from vizsla.webhooks.outbox import (
    LASTS,
    PAUSES,
    Delivery,
    Outcome,
    add_test,
    announce,
    announce_all,
    claim_endpoints,
    due_deliveries,
    is_any_due,
    is_heard,
    page_of_deliveries,
    record,
    replay,
    replay_dead,
    tally_deliveries,
)
from vizsla.work import webhooks as webhooks_work
from vizsla.work.webhooks import tell_endpoints, tidy_deliveries
from vizsla.work.workplace import Workplace
from webhooks.test_signing import accepts
from worlds.receiver import Got, Receiver, Says, always


def silent(*_: object, **__: object) -> None:
    """Nobody reads this log."""


async def listen(place: Workplace, account_id: int, url: str, *events: str) -> tuple[int, str]:
    async with place.stores.app.write() as conn:
        made, secret = await create_endpoint(
            conn, account_id, url, events or ("lead.created",), key=place.secret, now=NOW
        )
    return made.id, secret


async def happen(place: Workplace, account_id: int, *numbers: int, event: Any = "lead.created") -> int:
    async with place.stores.app.write() as conn:
        return await announce_all(conn, account_id, event, [{"id": n} for n in numbers], place.clock.now())


async def go_on(place: Workplace, clock: Moment, seconds: int) -> None:
    """Let the loop run until *seconds* have passed, looking whenever something is due."""
    until = clock.at + seconds
    while clock.at <= until:
        await tell_endpoints(place, "w", silent)
        row = await place.stores.app.fetch_one(statement("SELECT min(due) FROM webhook_delivery"))
        rests = await place.stores.app.fetch_one(statement("SELECT min(due) FROM webhook_endpoint"))
        assert row
        assert rests
        if row[0] is None or rests[0] is None:
            break
        clock.at = max(row[0], rests[0], clock.at + 1)
    clock.at = max(clock.at, until)


async def deliveries(place: Workplace, account_id: int, endpoint_id: int) -> list[Delivery]:
    return (await page_of_deliveries(place.stores.app, account_id, endpoint_id, limit=100))[::-1]


async def test_who_listens_is_told_signed_and_in_order(place: Workplace, owner: Member, ear: Receiver) -> None:
    endpoint_id, secret = await listen(place, owner.account_id, ear.url, "lead.created", "import.completed")

    assert await happen(place, owner.account_id, 1, 2, 3) == 1
    assert await happen(place, owner.account_id, 9, event="message.sent") == 0
    await tell_endpoints(place, "w", silent)

    assert [json.loads(got.body)["data"] for got in ear.got] == [{"id": 1}, {"id": 2}, {"id": 3}]
    first = ear.got[0]
    assert (first.method, first.target, first.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert json.loads(first.body) | {"data": 0} == {
        "type": "lead.created",
        "timestamp": "2026-11-18T11:06:40Z",
        "data": 0,
    }
    assert all(accepts(secret, got.headers, got.body, now=NOW) for got in ear.got)
    assert ear.connections == 1
    told = await deliveries(place, owner.account_id, endpoint_id)
    assert [(one.state, one.tries, one.status, one.due, one.ended_at) for one in told] == [
        ("done", 1, 200, None, NOW)
    ] * 3
    assert len({one.mark for one in told}) == 3
    assert not await is_any_due(place.stores.app, NOW + 10**6)


async def test_nobody_hears_of_what_was_rolled_back_or_is_anothers(
    place: Workplace, owner: Member, ear: Receiver
) -> None:
    await listen(place, owner.account_id, ear.url)
    try:
        async with place.stores.app.write() as conn:
            await announce(conn, owner.account_id, "lead.created", {"id": 1}, NOW)
            raise LookupError
    except LookupError:
        pass
    async with place.stores.app.write() as conn:
        other = await create_user(conn, "b@b.example", now=NOW)
        assert await announce(conn, other.account_id, "lead.created", {"id": 2}, NOW) == 0
        assert not await is_heard(conn, other.account_id, "lead.created")
        assert await is_heard(conn, owner.account_id, "lead.created")

    await tell_endpoints(place, "w", silent)

    assert ear.got == []


async def test_one_event_has_one_id_wherever_it_is_told(place: Workplace, owner: Member, ear: Receiver) -> None:
    for _ in range(2):
        await listen(place, owner.account_id, ear.url)
    await happen(place, owner.account_id, 1)
    await tell_endpoints(place, "w", silent)

    assert len(ear.got) == 2
    assert len({got.headers["webhook-id"] for got in ear.got}) == 1
    assert len({got.headers["webhook-signature"] for got in ear.got}) == 2


async def test_a_changed_secret_signs_beside_the_old_one_for_a_day(
    place: Workplace, owner: Member, ear: Receiver, clock: Moment
) -> None:
    endpoint_id, old = await listen(place, owner.account_id, ear.url)
    async with place.stores.app.write() as conn:
        new = await rotate_secret(conn, owner.account_id, endpoint_id, key=place.secret, now=NOW)
    await happen(place, owner.account_id, 1)
    await tell_endpoints(place, "w", silent)
    clock.at += 86_400
    await happen(place, owner.account_id, 2)
    await tell_endpoints(place, "w", silent)

    during, after = ear.got
    assert [accepts(secret, during.headers, during.body, now=NOW) for secret in (old, new)] == [True, True]
    assert [accepts(secret, after.headers, after.body, now=clock.at) for secret in (old, new)] == [False, True]
    rows = await place.stores.app.fetch_all(statement("SELECT secret, old_secret FROM webhook_endpoint"))
    assert not any(secret.removeprefix("whsec_") in str(rows) for secret in (old, new))


async def test_what_fails_is_tried_for_a_day_and_then_dead_and_can_be_told_again(
    place: Workplace, owner: Member, ear: Receiver, clock: Moment
) -> None:
    endpoint_id, secret = await listen(place, owner.account_id, ear.url)
    ear.says = always(Says(500, body=b"a secret of the server's"))
    tried: list[int] = []

    async def refuse(got: Got) -> Says:
        tried.append(int(got.headers["webhook-timestamp"]))
        return Says(500)

    ear.says = refuse
    await happen(place, owner.account_id, 1)
    await go_on(place, clock, LASTS)

    (dead,) = await deliveries(place, owner.account_id, endpoint_id)
    assert (dead.state, dead.tries, dead.status, dead.trouble) == ("dead", len(PAUSES) + 1, 500, "It answered 500.")
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert all(0.8 * pause - 1 <= wait <= 1.2 * pause + 901 for wait, pause in zip(waits, PAUSES, strict=True)), waits
    assert 20 * 3_600 < tried[-1] - tried[0] < LASTS
    assert len({got.headers["webhook-id"] for got in ear.got}) == 1

    ear.says = always(Says(204, body=b""))
    async with place.stores.app.write() as conn:
        assert await replay_dead(conn, owner.account_id, endpoint_id, clock.at) == 1
    await tell_endpoints(place, "w", silent)

    (done,) = await deliveries(place, owner.account_id, endpoint_id)
    assert (done.state, done.tries, done.status, done.mark) == ("done", 1, 204, dead.mark)
    assert accepts(secret, ear.got[-1].headers, ear.got[-1].body, now=clock.at)
    async with place.stores.app.write() as conn:
        await replay(conn, owner.account_id, endpoint_id, done.id, clock.at)
    await tell_endpoints(place, "w", silent)
    assert ear.got[-1].headers["webhook-id"] == dead.mark


async def test_one_that_is_refused_holds_up_no_other_for_long(
    place: Workplace, owner: Member, ear: Receiver, clock: Moment
) -> None:
    async def picky(got: Got) -> Says:
        return Says(422 if json.loads(got.body)["data"]["id"] == 1 else 200)

    ear.says = picky
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    await happen(place, owner.account_id, *range(5))

    await go_on(place, clock, 30)

    states = [(one.state, one.tries) for one in await deliveries(place, owner.account_id, endpoint_id)]
    assert [state for n, (state, _) in enumerate(states) if n != 1] == ["done"] * 4
    assert states[1][0] == "waiting"


async def test_a_dead_endpoint_is_asked_seldom_whatever_waits(
    place: Workplace, owner: Member, ear: Receiver, clock: Moment
) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    ear.says = always(Says(hangs_up=True))
    await happen(place, owner.account_id, *range(50))
    until = clock.at + 3_600
    while clock.at < until:
        await tell_endpoints(place, "w", silent)
        clock.at += 30

    assert len(ear.got) <= 4 + 3_600 / outbox.LONGEST_REST + 1
    assert (await get_endpoint(place.stores.app, owner.account_id, endpoint_id)).failures == len(ear.got)

    ear.says = always(Says())
    ear.got.clear()
    await go_on(place, clock, 20_000)
    assert (await tally_deliveries(place.stores.app, owner.account_id, endpoint_id))["done"] == 50
    assert (await get_endpoint(place.stores.app, owner.account_id, endpoint_id)).failures == 0


async def test_who_asks_to_be_left_alone_is(place: Workplace, owner: Member, ear: Receiver, clock: Moment) -> None:
    await listen(place, owner.account_id, ear.url)
    ear.says = always(Says(429, {"Retry-After": "600"}))
    await happen(place, owner.account_id, 1, 2)
    await tell_endpoints(place, "w", silent)
    clock.at += 599
    await tell_endpoints(place, "w", silent)
    assert len(ear.got) == 1
    clock.at += 1
    await tell_endpoints(place, "w", silent)
    assert len(ear.got) == 2


async def test_410_turns_it_off_and_its_owner_hears_of_it(
    place: Workplace, owner: Member, ear: Receiver, clock: Moment
) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    ear.says = always(Says(410))
    await happen(place, owner.account_id, 1, 2)
    await tell_endpoints(place, "w", silent)
    clock.at += 10**5
    await tell_endpoints(place, "w", silent)

    assert len(ear.got) == 1
    assert (await get_endpoint(place.stores.app, owner.account_id, endpoint_id)).state == "gone"
    assert [mail.about for mail in await list_mail(place.stores.app)] == ["webhook"]
    assert await happen(place, owner.account_id, 3) == 0

    ear.says = always(Says())
    async with place.stores.app.write() as conn:
        await change_endpoint(conn, owner.account_id, endpoint_id, state="on")
    await go_on(place, clock, 10)
    assert len(ear.got) == 3


async def test_days_of_failures_turn_it_off(place: Workplace, owner: Member, ear: Receiver, clock: Moment) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    ear.says = always(Says(503))
    for day in range(7):
        await happen(place, owner.account_id, day)
        await go_on(place, clock, 86_400)

    assert (await get_endpoint(place.stores.app, owner.account_id, endpoint_id)).state == "failing"
    assert len(await list_mail(place.stores.app)) == 1


async def test_what_could_not_be_told_in_time_is_dead_and_then_forgotten(
    place: Workplace, owner: Member, ear: Receiver, clock: Moment
) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    await happen(place, owner.account_id, 1)
    async with place.stores.app.write() as conn:
        await change_endpoint(conn, owner.account_id, endpoint_id, state="off")
    clock.at += LASTS
    await tell_endpoints(place, "w", silent)
    await tidy_deliveries(place)
    (late,) = await deliveries(place, owner.account_id, endpoint_id)
    assert (late.state, late.tries, ear.got) == ("dead", 0, [])
    clock.at += outbox.KEPT
    await tidy_deliveries(place)
    assert await deliveries(place, owner.account_id, endpoint_id) == []


async def test_a_test_is_tried_once(place: Workplace, owner: Member, ear: Receiver) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url, "message.sent")
    ear.says = always(Says(302, {"Location": "http://127.0.0.1:1/"}))
    async with place.stores.app.write() as conn:
        delivery_id = await add_test(conn, owner.account_id, endpoint_id, NOW)
    await tell_endpoints(place, "w", silent)

    (test,) = await deliveries(place, owner.account_id, endpoint_id)
    assert (test.id, test.event, test.state, test.status) == (delivery_id, "webhook.test", "dead", 302)
    assert "Redirects are not followed" in (test.trouble or "")
    assert len(ear.got) == 1


async def test_a_worker_that_lost_an_endpoint_writes_nothing(
    place: Workplace, stores: Stores, owner: Member, ear: Receiver
) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    await happen(place, owner.account_id, 1)
    async with stores.app.write() as conn:
        (frozen,) = await claim_endpoints(conn, key=place.secret, now=NOW, until=NOW + 60, worker="frozen", limit=9)
        assert await claim_endpoints(conn, key=place.secret, now=NOW + 59, until=NOW + 99, worker="x", limit=9) == []
    (due,) = await due_deliveries(stores.app, frozen, now=NOW, limit=9)
    async with stores.app.write() as conn:
        (second,) = await claim_endpoints(conn, key=place.secret, now=NOW + 60, until=NOW + 120, worker="x", limit=9)
        assert await record(conn, frozen, due, Outcome(200), now=NOW + 61, until=NOW + 121) == "lost"
        assert await record(conn, second, due, Outcome(200), now=NOW + 61, until=NOW + 121) == "told"
    (one,) = await deliveries(place, owner.account_id, endpoint_id)
    assert (one.state, one.tries) == ("done", 1)


async def test_two_workers_tell_nothing_twice(place: Workplace, owner: Member, ear: Receiver) -> None:
    for _ in range(4):
        await listen(place, owner.account_id, ear.url)
    await happen(place, owner.account_id, *range(5))

    await asyncio.gather(*(tell_endpoints(place, f"w{n}", silent) for n in range(3)))

    assert len(ear.got) == 20


async def test_what_is_deleted_hears_nothing(place: Workplace, owner: Member, ear: Receiver) -> None:
    endpoint_id, _ = await listen(place, owner.account_id, ear.url)
    await happen(place, owner.account_id, 1)
    async with place.stores.app.write() as conn:
        await delete_endpoint(conn, owner.account_id, endpoint_id)
    await tell_endpoints(place, "w", silent)
    assert ear.got == []
    assert not await is_any_due(place.stores.app, NOW)


async def test_one_that_has_much_to_hear_holds_up_nobody(
    place: Workplace, owner: Member, ear: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_work, "_VISIT", 0.0)
    monkeypatch.setattr(webhooks_work, "_AT_ONCE", 1)
    await listen(place, owner.account_id, ear.url + "/much")
    await happen(place, owner.account_id, *range(4))
    await listen(place, owner.account_id, ear.url + "/little", "import.completed")
    await happen(place, owner.account_id, 9, event="import.completed")

    await tell_endpoints(place, "w", silent)

    assert sorted(got.target for got in ear.got) == ["/hook/little", *["/hook/much"] * 4]
    assert "/hook/little" in [got.target for got in ear.got[:3]]
