"""API keys: random, hashed, found, renamed, stopped."""

import asyncio
import hashlib

import pytest

from accounts.conftest import NOW
from vizsla.accounts.callers import KeyRing
from vizsla.accounts.keys import (
    KeyNotFound,
    LastKey,
    count_keys,
    create_key,
    get_key,
    is_key,
    list_keys,
    rename_key,
    revoke_key,
)
from vizsla.accounts.store import Member, Plan, create_user, set_plan
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement


async def test_keys_are_random_and_only_their_hash_is_stored(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        keys = [await create_key(conn, owner.account_id, f"k{number}", now=NOW) for number in range(300)]
    rows = await stores.app.fetch_all(statement("SELECT * FROM api_key ORDER BY id"))

    assert len({key.plaintext for key in keys}) == 300
    assert all(is_key(key.plaintext) for key in keys)
    assert not any(key.plaintext in str(tuple(row)) for key, row in zip(keys, rows, strict=True))
    assert rows[0][4] == hashlib.sha256(keys[0].plaintext.encode()).hexdigest()


async def test_a_key_leads_to_its_account_and_plan(stores: Stores, settings: Settings, owner: Member) -> None:
    async with stores.app.write() as conn:
        await set_plan(conn, owner.account_id, Plan(plan_name="Pro", plan_searches=7, rate_search="1/s"))
        key = await create_key(conn, owner.account_id, "k", now=NOW, member_id=owner.id)
    ring = KeyRing(stores.app, settings)

    caller = await ring.find(key.plaintext)

    assert caller is not None
    assert (caller.account_id, caller.key_id, caller.member_id) == (owner.account_id, key.id, owner.id)
    assert (caller.plan_name, caller.searches, caller.verifications) == ("Pro", 7, settings.plan_verifications)
    assert caller.rates["search"][0].count == 1
    assert caller.rates["count"][0].count == 15


_NO_KEYS = [
    "",
    "nope",
    "' OR '1'='1",
    "A" * 40,
    "*",
    "../../etc/passwd",
    "a" * 5_000,
    "é" * 40,
    "0" * 39 + "\n",
    "٠" * 40,
]


async def test_what_is_no_key_finds_nobody(stores: Stores, settings: Settings, owner: Member) -> None:
    for text in _NO_KEYS:
        assert await KeyRing(stores.app, settings).find(text) is None


async def test_case_and_neighbours_find_nobody(stores: Stores, settings: Settings, owner: Member) -> None:
    async with stores.app.write() as conn:
        key = (await create_key(conn, owner.account_id, "k", now=NOW)).plaintext
    ring = KeyRing(stores.app, settings)

    assert await ring.find(key) is not None
    assert await ring.find(key + "\0") is None
    assert await ring.find(key[:-1] + ("0" if key[-1] != "0" else "1")) is None


async def test_a_stopped_key_is_gone_at_once_here_and_soon_elsewhere(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    async with stores.app.write() as conn:
        key = await create_key(conn, owner.account_id, "k", now=NOW)
        await create_key(conn, owner.account_id, "other", now=NOW)
    at = [0.0]
    here, elsewhere = (KeyRing(stores.app, settings, lambda: at[0]) for _ in range(2))
    assert await here.find(key.plaintext)
    assert await elsewhere.find(key.plaintext)
    async with stores.app.write() as conn:
        await revoke_key(conn, owner.account_id, key.id, NOW)
    here.forget()

    assert await here.find(key.plaintext) is None
    at[0] = 10.0
    assert await elsewhere.find(key.plaintext) is None


async def test_the_last_key_stays_however_many_try(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        ids = [(await create_key(conn, owner.account_id, "k", now=NOW)).id for _ in range(4)]

    async def stop(key_id: int) -> bool:
        try:
            async with stores.app.write() as conn:
                await revoke_key(conn, owner.account_id, key_id, NOW)
        except LastKey:
            return False
        return True

    outcomes = await asyncio.gather(*(stop(key_id) for key_id in ids))

    assert sum(outcomes) == 3
    assert await count_keys(stores.app, owner.account_id) == 1


async def test_a_stranger_reaches_no_key(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        stranger = await create_user(conn, "stranger@b.example", now=NOW)
        key = await create_key(conn, owner.account_id, "k", now=NOW)
        await create_key(conn, owner.account_id, "k2", now=NOW)
    with pytest.raises(KeyNotFound):
        await get_key(stores.app, stranger.account_id, key.id)
    for act in (
        lambda conn: rename_key(conn, stranger.account_id, key.id, "mine"),
        lambda conn: revoke_key(conn, stranger.account_id, key.id, NOW),
    ):
        with pytest.raises(KeyNotFound):
            async with stores.app.write() as conn:
                await act(conn)

    assert [item.name for item in await list_keys(stores.app, owner.account_id, limit=9)] == ["k2", "k"]


async def test_names_change_and_lists_page(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        ids = [(await create_key(conn, owner.account_id, f"k{number}", now=NOW)).id for number in range(5)]
        await rename_key(conn, owner.account_id, ids[0], "first")

    page = await list_keys(stores.app, owner.account_id, limit=2, offset=3)

    assert [item.name for item in page] == ["k1", "first"]
