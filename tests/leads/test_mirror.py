"""A mirror is never older than the question it is asked, whoever wrote."""

import asyncio
from collections.abc import Callable

import pytest

from accounts.conftest import NOW
from leads.conftest import Ticks
from vizsla.accounts.store import Member, create_user
from vizsla.leads import columns
from vizsla.leads.filters import SORTS, Filters
from vizsla.leads.lead import draft
from vizsla.leads.mirror import KEPT, Mirrors
from vizsla.leads.pages import find_page
from vizsla.leads.store import delete_leads, forget_gone, leads_after, upsert_lead
from vizsla.storage.open import Stores

ACME = Filters(texts={"email": "@acme"})


async def put(stores: Stores, account_id: int, *emails: str, **fields: str) -> list[int]:
    async with stores.app.write() as conn:
        return [(await upsert_lead(conn, account_id, draft({"email": email, **fields}), NOW))[0].id for email in emails]


async def count(mirrors: Mirrors, account_id: int, filters: Filters = ACME) -> int:
    return (await mirrors.find(account_id, filters, limit=1)).count


async def test_two_processes_see_what_either_writes(
    stores: Stores, owner: Member, make_mirrors: Callable[..., Mirrors]
) -> None:
    one, other = make_mirrors(), make_mirrors()
    for n in range(6):
        ids = await put(stores, owner.account_id, f"{n}@acme.com", f"{n}@globex.com", company=f"c{n}")
        assert await count(one, owner.account_id) == n + 1
        if n % 2:
            assert await count(other, owner.account_id) == n + 1
    async with stores.app.write() as conn:
        assert await delete_leads(conn, owner.account_id, ids, NOW) == 2
    await put(stores, owner.account_id, "0@acme.com", company="changed")

    for each in (one, other):
        assert await count(each, owner.account_id) == 5
        assert await count(each, owner.account_id, Filters(texts={"company": "CHANGED"})) == 1
        assert await count(each, owner.account_id, Filters(texts={"company": "c0"})) == 1


async def test_changes_while_it_is_asked_are_not_lost(stores: Stores, owner: Member, mirrors: Mirrors) -> None:
    async def write(n: int) -> None:
        await put(stores, owner.account_id, *(f"{n}.{m}@acme.com" for m in range(5)))

    async def ask() -> None:
        for _ in range(5):
            await count(mirrors, owner.account_id)

    await asyncio.gather(*(write(n) for n in range(10)), ask(), ask())

    assert await count(mirrors, owner.account_id) == 50


async def test_it_is_made_anew_before_what_is_gone_is_forgotten(
    stores: Stores, owner: Member, mirrors: Mirrors, ticks: Ticks
) -> None:
    ids = await put(stores, owner.account_id, "a@acme.com", "b@acme.com")
    assert await count(mirrors, owner.account_id) == 2
    async with stores.app.write() as conn:
        await delete_leads(conn, owner.account_id, ids[:1], NOW)
        assert await forget_gone(conn, NOW - 1) == 0
        assert await forget_gone(conn, NOW) == 1

    ticks.at += KEPT + 1

    assert await count(mirrors, owner.account_id) == 1


async def test_accounts_make_room_for_each_other(
    stores: Stores, owner: Member, make_mirrors: Callable[..., Mirrors]
) -> None:
    mirrors = make_mirrors(most_rows=3)
    async with stores.app.write() as conn:
        others = [(await create_user(conn, f"{n}@b.example", now=NOW)).account_id for n in range(3)]
    accounts = [owner.account_id, *others]
    for account_id in accounts:
        await put(stores, account_id, "a@acme.com", f"{account_id}@acme.com")

    counts = await asyncio.gather(*(count(mirrors, account_id) for account_id in accounts * 5))

    assert counts == [2] * 20
    assert await count(mirrors, others[0], Filters(texts={"email": f"{others[0]}@"})) == 1
    assert await count(mirrors, others[0], Filters(texts={"email": f"{others[1]}@"})) == 0


async def test_rows_written_often_are_written_together(
    stores: Stores, owner: Member, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_MOST_HOLES", 5)
    for n in range(12):
        await put(stores, owner.account_id, "a@acme.com", "b@acme.com", company=f"c{n}")
        assert await count(mirrors, owner.account_id, Filters(texts={"company": f"c{n}"})) == 2

    assert await count(mirrors, owner.account_id) == 2


async def test_it_is_made_before_the_first_filter(stores: Stores, owner: Member, mirrors: Mirrors) -> None:
    await put(stores, owner.account_id, "a@acme.com")
    mirrors.warm(owner.account_id)
    mirrors.warm(owner.account_id)
    (task,) = mirrors._warming.values()
    await task
    assert not mirrors._warming
    mirrors.warm(owner.account_id)
    assert not mirrors._warming, "it is there"
    await put(stores, owner.account_id, "b@acme.com")

    assert await count(mirrors, owner.account_id) == 2


async def test_every_order(stores: Stores, owner: Member, mirrors: Mirrors) -> None:
    for n, company in enumerate(["b", "a", "", "c"]):
        await put(stores, owner.account_id, f"{n}@acme.com", company=company)
    app, account_id = stores.app, owner.account_id

    async def order(sort: str, rising: bool, offset: int = 0) -> list[str]:
        page = await find_page(app, mirrors, account_id, Filters(), limit=10, offset=offset, sort=sort, rising=rising)
        assert (page.count, page.total) == (4, 4)
        return [shown.lead.email[0] for shown in page.leads]

    assert await order("company", True) == ["1", "0", "3", "2"]
    assert await order("company", False) == ["3", "0", "1", "2"]
    assert await order("id", True) == ["0", "1", "2", "3"]
    assert await order("id", False, 1) == ["2", "1", "0"]
    assert await order("id", False, 100_000) == []
    for sort in SORTS:
        assert len(await order(sort, True)) == 4


async def test_an_offset_passes_over_each_lead_once(stores: Stores, owner: Member, mirrors: Mirrors) -> None:
    await put(stores, owner.account_id, *(f"{n}@acme.com" for n in range(25)))
    seen = []
    for offset in range(0, 30, 4):
        page = await find_page(stores.app, mirrors, owner.account_id, ACME, limit=4, offset=offset)
        seen += [shown.lead.id for shown in page.leads]

    assert seen == [one.id for one in await leads_after(stores.app, owner.account_id, 0, limit=99)][::-1]
