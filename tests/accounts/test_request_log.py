"""The request log: written in batches, never in anybody's way, and read page by page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from accounts.conftest import NOW
from vizsla.accounts import request_log
from vizsla.accounts.keys import create_key, get_key
from vizsla.accounts.request_log import (
    KEPT_FOR,
    MOST_WAITING,
    USED_EVERY,
    RequestLog,
    forget_requests,
    list_requests,
)
from vizsla.accounts.store import Member, create_user
from vizsla.storage.database import StoreUnavailable
from vizsla.storage.open import Stores


def note(log: RequestLog, account_id: int, key_id: int, at: int = NOW, path: str = "/v2/account") -> None:
    log.note(
        account_id=account_id,
        key_id=key_id,
        member_id=None,
        at=at,
        method="GET",
        path=path,
        call="get_account",
        status=200,
        seconds=0.0125,
        request_id="abc",
    )


async def test_what_was_noted_is_listed_newest_first(stores: Stores, owner: Member) -> None:
    log = RequestLog(stores.app)
    for number in range(25):
        note(log, owner.account_id, 1 + number % 2, NOW + number // 10, f"/v2/{number}")
    await log.flush()

    pages = [await list_requests(stores.app, owner.account_id, limit=10)]
    while pages[-1]:
        pages.append(await list_requests(stores.app, owner.account_id, limit=10, before=pages[-1][-1].id))
    assert [one.path for page in pages for one in page] == [f"/v2/{number}" for number in reversed(range(25))]
    first = pages[0][0]
    assert (first.at, first.method, first.status, first.ms, first.request_id) == (NOW + 2, "GET", 200, 12, "abc")

    of_key = await list_requests(stores.app, owner.account_id, key_id=2, limit=99)
    assert [one.path for one in of_key] == [f"/v2/{number}" for number in reversed(range(1, 25, 2))]
    async with stores.app.write() as conn:
        assert await forget_requests(conn, NOW + KEPT_FOR + 1, limit=15) == 15
        assert await forget_requests(conn, NOW + KEPT_FOR + 1, limit=15) == 5
    assert len(await list_requests(stores.app, owner.account_id)) == 5


async def test_it_is_written_by_itself(stores: Stores, owner: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "WRITE_EVERY", 0.01)
    log = RequestLog(stores.app)
    for number in range(3):
        note(log, owner.account_id, 1)
        async with asyncio.timeout(5):
            while len(await list_requests(stores.app, owner.account_id)) <= number:
                await asyncio.sleep(0.01)


async def test_closing_writes_what_is_waiting(stores: Stores, owner: Member) -> None:
    log = RequestLog(stores.app)
    note(log, owner.account_id, 1)
    await log.close()

    assert len(await list_requests(stores.app, owner.account_id)) == 1


async def test_a_key_says_when_it_was_last_used_without_a_write_for_each_use(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        key = await create_key(conn, owner.account_id, "k", now=NOW)
    log = RequestLog(stores.app)
    seen = []
    for later in (0, 1, USED_EVERY - 1, USED_EVERY, USED_EVERY + 5):
        note(log, owner.account_id, key.id, NOW + later)
        await log.flush()
        seen.append((await get_key(stores.app, owner.account_id, key.id)).last_used_at)

    assert seen == [NOW, NOW, NOW, NOW + USED_EVERY, NOW + USED_EVERY]


async def test_a_member_sees_what_their_keys_asked(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        ann = await create_user(conn, "ann@acme.example", now=NOW, account_id=owner.account_id)
        keys = [
            (await create_key(conn, owner.account_id, "k", now=NOW, member_id=whose)).id
            for whose in (ann.id, owner.id, ann.id)
        ]
    log = RequestLog(stores.app)
    for number, key in enumerate(keys * 3):
        note(log, owner.account_id, key, NOW + number)
    await log.flush()

    theirs = await list_requests(stores.app, owner.account_id, member_id=ann.id, limit=4)
    assert [one.at - NOW for one in theirs] == [8, 6, 5, 3]
    assert await list_requests(stores.app, owner.account_id, member_id=ann.id, key_id=keys[1]) == []
    assert len(await list_requests(stores.app, owner.account_id, member_id=ann.id, key_id=keys[0])) == 3


async def test_a_stranger_sees_nothing(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        stranger = await create_user(conn, "stranger@b.example", now=NOW)
    log = RequestLog(stores.app)
    note(log, owner.account_id, 1)
    await log.flush()

    assert await list_requests(stores.app, stranger.account_id) == []
    assert await list_requests(stores.app, stranger.account_id, key_id=1) == []


class Away:
    """A database that takes nothing."""

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[None]:
        raise StoreUnavailable
        yield


async def test_a_store_that_is_away_hinders_nobody() -> None:
    log, faults = RequestLog(Away()), []  # type: ignore[arg-type]
    log.on_fault = faults.append
    for _ in range(10):
        note(log, 1, 1)
    await log.flush()

    assert log.lost == 10
    assert [type(fault) for fault in faults] == [StoreUnavailable]


async def test_a_flood_does_not_grow_the_memory(stores: Stores, owner: Member) -> None:
    log = RequestLog(stores.app)
    for number in range(MOST_WAITING + 100):
        note(log, owner.account_id, 1, NOW, f"/{number}")
    await log.flush()

    assert log.lost == 100
    (newest,) = await list_requests(stores.app, owner.account_id, limit=1)
    assert newest.path == f"/{MOST_WAITING + 99}"


async def test_paths_are_kept_readable(stores: Stores, owner: Member) -> None:
    log = RequestLog(stores.app)
    note(log, owner.account_id, 1, path="/v2/\0\ud800\n" + "x" * 900)
    await log.flush()

    (one,) = await list_requests(stores.app, owner.account_id)
    assert one.path == "/v2/\ufffd\ufffd\ufffd" + "x" * 193
