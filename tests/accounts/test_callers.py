"""Callers: looked up rarely, and forgotten within a second of any change, whoever makes it."""

import asyncio
import time
from typing import Any

import pytest

from accounts.conftest import NOW
from vizsla.accounts.callers import CACHE_SECONDS, LOOK_EVERY, KeyRing, find_caller, find_payer
from vizsla.accounts.changes import KEPT_FOR, find_state, forget_changes, note_change
from vizsla.accounts.keys import create_key, revoke_key
from vizsla.accounts.plans import UnknownPlan, choose_plan, list_plans
from vizsla.accounts.store import Member, Plan, create_user, set_plan
from vizsla.accounts.team import change_role, remove_member, set_limits
from vizsla.kit.settings import PlanTerms, Settings
from vizsla.storage.database import Connection, Reader, StoreUnavailable
from vizsla.storage.open import Stores, open_stores


class Counting:
    """A reader that counts what it is asked."""

    def __init__(self, reader: Reader) -> None:
        self.dialect = reader.dialect
        self.asked = 0
        self._reader = reader

    async def fetch_all(self, *args: Any) -> Any:
        self.asked += 1
        return await self._reader.fetch_all(*args)

    async def fetch_one(self, *args: Any) -> Any:
        self.asked += 1
        return await self._reader.fetch_one(*args)


async def issue(stores: Stores, whose: Member) -> tuple[str, int]:
    async with stores.app.write() as conn:
        key = await create_key(conn, whose.account_id, "k", now=NOW, member_id=whose.id)
    return key.plaintext, key.id


async def revoke(conn: Connection, owner: Member, ann: Member, key_id: int) -> None:
    await revoke_key(conn, owner.account_id, key_id, NOW)


async def remove(conn: Connection, owner: Member, ann: Member, key_id: int) -> None:
    await remove_member(conn, owner, ann.id, NOW)


async def agree(conn: Connection, owner: Member, ann: Member, key_id: int) -> None:
    await set_plan(conn, owner.account_id, Plan(plan_searches=3), NOW)


async def demote(conn: Connection, owner: Member, ann: Member, key_id: int) -> None:
    await change_role(conn, owner, ann.id, "member", NOW)


async def limit(conn: Connection, owner: Member, ann: Member, key_id: int) -> None:
    await set_limits(conn, owner, ann.id, searches=1, verifications=None, now=NOW)


@pytest.mark.parametrize("change", [revoke, remove, agree, demote, limit])
async def test_a_change_on_one_node_is_seen_on_the_other_within_a_second(
    stores: Stores, settings: Settings, owner: Member, change: Any
) -> None:
    async with stores.app.write() as conn:
        ann = await create_user(conn, "ann@acme.example", now=NOW, account_id=owner.account_id, role="admin")
    _, _ = await issue(stores, owner)
    plaintext, key_id = await issue(stores, ann)
    async with open_stores(settings) as other:
        rings = [KeyRing(stores.app, settings), KeyRing(other.app, settings)]
        before = [await ring.find(plaintext) for ring in rings]
        assert before[0] is not None
        assert before[0] == before[1]
        async with stores.app.write() as conn:
            await change(conn, owner, ann, key_id)
        changed_at = time.monotonic()
        after = before
        while any(caller == before[0] for caller in after):
            assert time.monotonic() - changed_at < 1.0
            await asyncio.sleep(0.02)
            after = [await ring.find(plaintext) for ring in rings]

        assert after[0] == after[1]
        assert (after[0] is None) == (change in (revoke, remove))


async def test_a_key_that_is_used_all_the_time_is_looked_up_rarely(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    plaintext, _ = await issue(stores, owner)
    at, reader = [0.0], Counting(stores.app)
    ring = KeyRing(reader, settings, lambda: at[0])
    for number in range(10_000):
        at[0] = number * LOOK_EVERY / 1_000
        assert await ring.find(plaintext)

    assert at[0] > 4.9
    assert reader.asked <= 1 + 10  # the key once, a look each half second


async def test_those_who_come_during_a_look_share_it(stores: Stores, settings: Settings, owner: Member) -> None:
    plaintext, _ = await issue(stores, owner)
    reader = Counting(stores.app)
    ring = KeyRing(reader, settings)
    await ring.find(plaintext)
    ring._look_at = 0.0
    reader.asked = 0

    assert all(await asyncio.gather(*(ring.find(plaintext) for _ in range(100))))
    assert reader.asked <= (1 if reader.dialect == "postgresql" else 100)


async def test_a_change_during_the_look_up_is_not_kept(stores: Stores, settings: Settings, owner: Member) -> None:
    plaintext, key_id = await issue(stores, owner)
    await issue(stores, owner)
    at = [10.0]
    gate, looked = asyncio.Event(), asyncio.Event()

    class Slow(Counting):
        async def fetch_one(self, *args: Any) -> Any:
            row = await super().fetch_one(*args)
            if len(args) > 1:  # the key, not the look
                looked.set()
                await gate.wait()
            return row

    ring = KeyRing(Slow(stores.app), settings, lambda: at[0])
    finding = asyncio.create_task(ring.find(plaintext))
    await looked.wait()
    async with stores.app.write() as conn:
        await revoke_key(conn, owner.account_id, key_id, NOW)
    at[0] += LOOK_EVERY
    await ring._look()
    gate.set()

    assert await finding is not None  # it was good when it was asked about
    assert await ring.find(plaintext) is None


async def test_a_store_that_does_not_say_whether_anything_changed_lets_nobody_in(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    plaintext, _ = await issue(stores, owner)
    at = [0.0]

    class Away(Counting):
        is_away = False

        async def fetch_one(self, *args: Any) -> Any:
            if self.is_away:
                raise StoreUnavailable
            return await super().fetch_one(*args)

    reader = Away(stores.app)
    ring = KeyRing(reader, settings, lambda: at[0])
    assert await ring.find(plaintext)
    reader.is_away = True
    assert await ring.find(plaintext)
    at[0] += LOOK_EVERY
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await ring.find(plaintext)
    reader.is_away = False

    assert await ring.find(plaintext)


async def test_forgetting_changes_hides_none(stores: Stores, settings: Settings, owner: Member) -> None:
    states = {await find_state(stores.app)}
    for number in range(3):
        async with stores.app.write() as conn:
            await note_change(conn, owner.account_id, NOW + number)
        states.add(await find_state(stores.app))
    async with stores.app.write() as conn:
        assert await forget_changes(conn, NOW + 1 + KEPT_FOR) == 2
        assert await forget_changes(conn, NOW + 99 + KEPT_FOR) == 0
    states.add(await find_state(stores.app))
    async with stores.app.write() as conn:
        await note_change(conn, owner.account_id, NOW + 5)
    states.add(await find_state(stores.app))

    assert len(states) == 6


async def test_nothing_is_remembered_for_long(stores: Stores, settings: Settings, owner: Member) -> None:
    plaintext, _ = await issue(stores, owner)
    at, reader = [0.0], Counting(stores.app)
    ring = KeyRing(reader, settings, lambda: at[0])
    await ring.find(plaintext)
    at[0] = CACHE_SECONDS
    reader.asked = 0
    await ring.find(plaintext)

    assert reader.asked == 2


async def test_a_member_at_the_dashboard_is_a_caller_as_by_their_key(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    plaintext, key_id = await issue(stores, owner)
    by_key = await KeyRing(stores.app, settings).find(plaintext)
    at_dashboard = await find_caller(stores.app, settings, owner.account_id, owner.id)

    assert by_key is not None
    assert at_dashboard is not None
    assert by_key.key_id == key_id
    assert at_dashboard.key_id == 0
    assert at_dashboard.share("searches") == by_key.share("searches")
    assert await find_caller(stores.app, settings, owner.account_id, 99) is None
    assert (await find_payer(stores.app, settings, owner.account_id, 99)).member_id is None


# Plans

PLANS = {"team": PlanTerms(searches=7, verifications=9, rate_search="2/s", level=3), "bare": PlanTerms()}


async def test_three_layers_say_what_an_account_may(stores: Stores, settings: Settings, owner: Member) -> None:
    defined = Settings(home=settings.home, secret_key=settings.secret_key, plans=PLANS, plan_searches=100)

    async def caller(plan: Plan) -> tuple[Any, ...]:
        async with stores.app.write() as conn:
            await set_plan(conn, owner.account_id, plan, NOW)
        found = await find_caller(stores.app, defined, owner.account_id, owner.id)
        assert found
        return (found.plan_name, found.plan_level, found.searches, found.verifications, found.rates["search"][0].count)

    assert await caller(Plan()) == ("free", 0, 100, 20_000, 15)
    assert await caller(Plan(plan_name="team")) == ("team", 3, 7, 9, 2)
    assert await caller(Plan(plan_name="team", plan_searches=0, plan_level=5)) == ("team", 5, 0, 9, 2)
    assert await caller(Plan(plan_name="bare")) == ("bare", 0, 100, 20_000, 15)
    assert await caller(Plan(plan_name="no longer defined")) == ("no longer defined", 0, 100, 20_000, 15)
    assert list(list_plans(defined)) == ["free", "team", "bare"]
    assert list_plans(defined)["bare"].rate_verify == "10/s,300/min"


async def test_a_plan_begins_its_period_on_the_day_it_is_chosen(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    defined = Settings(home=settings.home, secret_key=settings.secret_key, plans=PLANS)

    async def day_after(name: str, now: int) -> int:
        async with stores.app.write() as conn:
            await choose_plan(conn, defined, owner.account_id, name, now)
        found = await find_caller(stores.app, defined, owner.account_id, owner.id)
        assert found
        return found.period_day

    assert await day_after("free", NOW) == 1  # it had it
    assert await day_after("team", NOW) == 18  # 2026-11-18
    assert await day_after("team", NOW + 5 * 86_400) == 18
    assert await day_after("free", NOW + 5 * 86_400) == 23
    with pytest.raises(UnknownPlan, match="free, team, bare"):
        await day_after("gold", NOW)
