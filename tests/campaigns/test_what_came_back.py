"""What comes back of messages changes recipients, leads and counts: in any order, and once however often it is told."""

import random
from typing import Any

import pytest

from vizsla.accounts.store import Member
from vizsla.campaigns import facts
from vizsla.campaigns.facts import Ground
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import is_suppressed
from vizsla.storage.database import Connection
from vizsla.storage.open import Stores
from worlds.campaign import SECRET, SENT_AT, World, make_world, put_campaign, put_message, put_recipient

CLAIMS = Claims(SECRET)
DAY = 86_400
_DUMP = (
    "SELECT id, state, stop_reason, due, sending_status, opened_at, clicked_at, replied_at, absent_at, bounced_at, unsubscribed_at,"
    " error_at, soft_bounces FROM recipient ORDER BY id",
    "SELECT id, state, opened_at, clicked_at, bounced_at FROM message ORDER BY id",
    "SELECT dedupe, actor, at, kind FROM event ORDER BY dedupe",
    "SELECT step, day, opened, opened_by_bots, clicked, clicked_by_bots, replied, bounced, unsubscribed FROM campaign_day"
    " WHERE opened + opened_by_bots + clicked + clicked_by_bots + replied + bounced + unsubscribed > 0 ORDER BY step, day",
    "SELECT email, sending_status, last_activity_at FROM lead ORDER BY email",
    "SELECT value, reason FROM suppression ORDER BY value",
)
_EMPTY = ("event", "campaign_day", "message", "recipient", "campaign_step", "campaign", "suppression", "lead", "sender")


@pytest.fixture
async def world(stores: Stores, owner: Member) -> World:
    return await make_world(stores, owner)


def ground(world: World) -> Ground:
    return Ground(world.stores.index, CLAIMS)


async def note(world: World, message_id: int, what: str, **values: Any) -> bool:
    """One fact in a transaction of its own."""
    sent = await world.sent(message_id)
    async with world.stores.app.write() as conn:
        return bool(await _note(conn, world, sent, what, values))


async def _note(conn: Connection, world: World, sent: Any, what: str, values: dict[str, Any]) -> Any:
    at = values.pop("at", SENT_AT + 60)
    if what == "open":
        return await facts.note_open(conn, sent, at=at, **values)
    if what == "click":
        return await facts.note_click(conn, sent, values.pop("link", 1), at=at, **values)
    if what == "absence":
        return await facts.note_absence(conn, sent, at=at, key=values.pop("key", "k"))
    if what == "reply":
        return await facts.note_reply(
            conn, ground(world), sent, at=at, by=values.pop("by", sent.email), key=values.pop("key", "k")
        )
    if what == "complaint":
        return await facts.note_complaint(conn, ground(world), sent, at=at)
    if what == "unsubscribe":
        hash_ = CLAIMS.hash(sent.email)
        return await facts.note_unsubscribe(conn, ground(world), sent.account_id, sent.recipient_id, hash_, at=at)
    return await facts.note_bounce(conn, ground(world), sent, what, at=at, **values)  # type: ignore[arg-type]


async def state_of(world: World, recipient_id: int) -> tuple[Any, ...]:
    return await world.row("recipient", recipient_id, "state, stop_reason, sending_status, due")


async def test_an_answer_ends_it_and_cancels_what_has_not_left(world: World) -> None:
    async with world.stores.app.write() as conn:
        await put_message(
            conn, world.account_id, 20, 1, step=1, state="sending", phase="claimed", sent_at=None, token="t"
        )

    assert await note(world, 11, "reply")
    assert not await note(world, 11, "reply")

    assert await state_of(world, 1) == ("stopped", "replied", "replied", None)
    assert await world.row("message", 20, "state") == ("canceled",)
    assert await state_of(world, 2) == ("scheduled", None, None, SENT_AT + 3 * DAY)


async def test_what_is_at_the_dot_is_not_canceled_for_it_may_have_left(world: World) -> None:
    async with world.stores.app.write() as conn:
        await put_message(conn, world.account_id, 20, 1, step=1, state="sending", phase="dot", sent_at=None, token="t")

    await note(world, 11, "unsubscribe")

    assert await world.row("message", 20, "state, token") == ("sending", "t")


async def test_an_answer_ends_it_for_the_company_where_that_is_wanted(stores: Stores, owner: Member) -> None:
    world = await make_world(stores, owner, stops_company=1)

    await note(world, 11, "reply")

    assert (await state_of(world, 2))[:2] == ("stopped", "company_replied")
    assert (await state_of(world, 3))[0] == "scheduled"


async def test_webmail_is_no_company(stores: Stores, owner: Member) -> None:
    world = await make_world(stores, owner, stops_company=1)
    async with stores.app.write() as conn:
        for id_ in (4, 5):
            await put_recipient(conn, world.account_id, id_, f"p{id_}@gmail.com")
            await put_message(conn, world.account_id, 10 + id_, id_)

    await note(world, 14, "reply")

    assert (await state_of(world, 5))[0] == "scheduled"


async def test_who_is_away_is_written_to_later(world: World) -> None:
    await note(world, 11, "absence", at=SENT_AT + DAY)

    assert await state_of(world, 1) == ("scheduled", None, "pending", SENT_AT + 4 * DAY)


@pytest.mark.parametrize(
    ("bounce", "state", "reason", "status", "suppressed"),
    [
        ("hard", "stopped", "bounced", "bounced", "bounce"),
        ("blocked", "stopped", "error", "error", None),
        ("soft", "scheduled", None, "pending", None),
    ],
)
async def test_each_kind_of_bounce(
    world: World, bounce: str, state: str, reason: Any, status: str, suppressed: Any
) -> None:
    await note(world, 11, bounce, details="5.1.1 no")

    assert (await state_of(world, 1))[:3] == (state, reason, status)
    assert await is_suppressed(world.stores.app, CLAIMS, world.account_id, "bob@target.test") == suppressed


async def test_a_mailbox_that_is_full_three_times_is_left_alone(world: World) -> None:
    async with world.stores.app.write() as conn:
        for step in (1, 2):
            await put_message(conn, world.account_id, 20 + step, 1, step=step)
    for message_id in (11, 11, 21):
        await note(world, message_id, "soft")
    assert (await state_of(world, 1))[0] == "scheduled"

    await note(world, 22, "soft")

    assert (await state_of(world, 1))[:2] == ("stopped", "soft_bounces")


async def test_who_leaves_one_campaign_has_left_all_of_the_account(world: World) -> None:
    async with world.stores.app.write() as conn:
        await put_campaign(conn, world.account_id, 902)
        await put_recipient(conn, world.account_id, 7, "bob@target.test", 902)

    await note(world, 11, "unsubscribe")

    assert (await state_of(world, 1))[:3] == ("stopped", "unsubscribed", "unsubscribed")
    assert (await state_of(world, 7))[:2] == ("stopped", "suppressed")


async def test_who_changes_their_mind_may_be_written_to_again_and_who_complained_may_not(world: World) -> None:
    for message_id, what, lifted in ((11, "unsubscribe", True), (13, "complaint", False)):
        sent = await world.sent(message_id)
        hash_ = CLAIMS.hash(sent.email)
        await note(world, message_id, what)
        async with world.stores.app.write() as conn:
            assert await facts.note_return(conn, ground(world), world.account_id, sent.recipient_id, hash_) is lifted
        reason = await is_suppressed(world.stores.app, CLAIMS, world.account_id, sent.email)
        assert reason == (None if lifted else "complaint")


async def test_who_was_forgotten_can_still_leave(world: World) -> None:
    async with world.stores.app.write() as conn:
        assert await facts.note_unsubscribe(
            conn, ground(world), world.account_id, 4_711, CLAIMS.hash("eve@x.test"), at=SENT_AT
        )

    assert await is_suppressed(world.stores.app, CLAIMS, world.account_id, "eve@x.test") == "unsubscribe"
    assert await world.rows("SELECT value FROM suppression") == [(None,)]


async def test_opens_and_clicks_show_at_the_last_message_and_bots_do_not(world: World) -> None:
    await note(world, 11, "open", at=SENT_AT + 1)  # sooner than any person
    await note(world, 12, "click", actor="bot")
    await note(world, 13, "click", at=SENT_AT + 9)

    assert await world.row("recipient", 1, "opened_at, clicked_at") == (None, None)
    assert await world.row("recipient", 2, "opened_at, clicked_at") == (None, None)
    assert await world.row("recipient", 3, "opened_at, clicked_at") == (SENT_AT + 9, SENT_AT + 9)
    day = await world.rows(
        "SELECT sum(opened), sum(opened_by_bots), sum(clicked), sum(clicked_by_bots) FROM campaign_day"
    )
    assert [int(count) for count in day[0]] == [1, 1, 1, 1]


async def test_what_is_seen_of_an_earlier_message_says_nothing_of_the_last(world: World) -> None:
    async with world.stores.app.write() as conn:
        await put_message(conn, world.account_id, 21, 1, step=1, sent_at=SENT_AT + DAY)

    await note(world, 11, "open")

    assert await world.row("message", 11, "opened_at") == (SENT_AT + 60,)
    assert await world.row("recipient", 1, "opened_at") == (None,)


async def test_three_links_within_seconds_are_a_scanner(world: World) -> None:
    for link in (1, 2, 3):
        await note(world, 11, "click", link=link, at=SENT_AT + 60 + link)
    assert await world.row("message", 11, "clicked_at, opened_at") == (None, None)
    assert {row[0] for row in await world.rows("SELECT actor FROM event")} == {"bot"}

    await note(world, 11, "click", link=1, at=SENT_AT + 900)
    assert await world.row("message", 11, "clicked_at, opened_at") == (SENT_AT + 900, SENT_AT + 900)


_FACTS: list[tuple[int, str, dict[str, Any]]] = [
    (11, "open", {"at": SENT_AT + 90}),
    (11, "open", {"at": SENT_AT + DAY + 5}),
    (11, "open", {"at": SENT_AT + 30, "actor": "bot"}),
    (11, "click", {"at": SENT_AT + 100, "link": 1}),
    (11, "click", {"at": SENT_AT + 103, "link": 2}),
    (11, "click", {"at": SENT_AT + 104, "link": 3}),
    (11, "click", {"at": SENT_AT + 109, "link": 4}),
    (21, "click", {"at": SENT_AT + DAY + 200}),
    (11, "absence", {"at": SENT_AT + 300, "key": "a"}),
    (21, "absence", {"at": SENT_AT + DAY + 300, "key": "b"}),
    (11, "reply", {"at": SENT_AT + 400, "key": "r"}),
    (21, "reply", {"at": SENT_AT + 350, "key": "q", "by": "carol@target.test"}),
    (12, "reply", {"at": SENT_AT + 500}),
    (21, "soft", {"at": SENT_AT + 600}),
    (11, "blocked", {"at": SENT_AT + 610, "details": "5.7.1 no"}),
    (21, "blocked", {"at": SENT_AT + 611, "details": "5.7.1 no"}),
    (12, "hard", {"at": SENT_AT + 620}),
    (11, "unsubscribe", {"at": SENT_AT + 700}),
    (12, "complaint", {"at": SENT_AT + 800}),
]


async def test_neither_order_nor_repetition_of_facts_matters(stores: Stores, owner: Member, dialect: str) -> None:
    seen: dict[str, Any] = {}
    chosen = random.Random(7)
    rounds = 12 if dialect == "sqlite" else 4
    sets = [_FACTS, chosen.sample(_FACTS, 8), chosen.sample(_FACTS, 5)]
    for which, chosen_facts in enumerate(sets):
        first = None
        for _ in range(rounds):
            world = await make_world(stores, owner, stops_company=1)
            async with stores.app.write() as conn:
                await put_message(conn, world.account_id, 21, 1, step=1, sent_at=SENT_AT + 100)
                await put_campaign(conn, world.account_id, 902)
                await put_recipient(conn, world.account_id, 7, "bob@target.test", 902)
            order = [*chosen_facts, *chosen.choices(chosen_facts, k=4)]
            chosen.shuffle(order)
            for message_id, what, values in order:
                await note(world, message_id, what, **dict(values))
            found = [await world.rows(query) for query in _DUMP]
            seen[f"{which}"] = first = first or found
            assert found == first, (order,)
            async with stores.app.write() as conn:
                for table in _EMPTY:
                    await conn.execute(_delete(table))


def _delete(table: str) -> Any:
    from vizsla.storage.statement import statement

    return statement(f"DELETE FROM {table}")


async def test_a_bounce_teaches_the_verifier_and_the_finder_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from vizsla.campaigns import lessons

    told: list[tuple[Any, ...]] = []

    async def outcome(conn: Connection, domain: str, local: str, arrival: str) -> bool:
        told.append((domain, local, arrival))
        return True

    async def delivery(conn: Connection, index: Any, address: Any, name: Any, label: str, **more: Any) -> bool:
        told.append((str(address), name.first, name.last, label))
        return True

    monkeypatch.setattr(lessons, "record_outcome", outcome)
    monkeypatch.setattr(lessons, "record_delivery", delivery)
    for _ in range(2):
        await note(world, 11, "hard")
    await note(world, 12, "reply", by="somebody@target.test")
    await note(world, 13, "reply")
    await note(world, 13, "reply", key="another")

    assert told == [
        ("target.test", "bob", "bounced"),
        ("bob@target.test", "Bob", "Stone", "bounce"),
        ("other.test", "dave", "delivered"),
        ("dave@other.test", "Dave", "Stone", "reply"),
    ]


async def test_a_bounce_from_further_on_teaches_nothing_of_the_address(world: World) -> None:
    await note(world, 11, "hard", final_recipient="elsewhere@forwarded.test")

    assert (await state_of(world, 1))[1] == "bounced"
    assert await world.rows("SELECT 1 FROM finder_outcome") == []
