"""What is deleted on the dashboard comes back as it was, once, and never against somebody's word."""

import pytest

from accounts.conftest import NOW
from vizsla.accounts.store import Member
from vizsla.kit.whom import Whom
from vizsla.leads import tasks
from vizsla.leads.attributes import create_attribute
from vizsla.leads.erase import candidates, forget
from vizsla.leads.filters import Filters
from vizsla.leads.lead import Lead, draft
from vizsla.leads.lists import create_list, get_list
from vizsla.leads.mirror import Mirrors
from vizsla.leads.store import begin_change, count_leads, find_by_email, leads_after, upsert_lead
from vizsla.leads.tags import create_tag, tag_lead
from vizsla.leads.tasks import add_batch, add_restoring, claim_task, is_any_due, list_batches, step, stop_batch
from vizsla.leads.trash import (
    KEPT,
    find_deletion,
    forget_trash,
    list_deletions,
    restore_leads,
    trash_leads,
)
from vizsla.privacy.claims import Claims, add_claim, load_claims, parse_claimed
from vizsla.storage.open import Stores

SECRET = b"0" * 32
NOBODY = Claims(SECRET)


async def fill(stores: Stores, account_id: int, size: int = 30) -> list[Lead]:
    """Leads with lists, tags and attributes of all kinds."""
    async with stores.app.write() as conn:
        lists = [(await create_list(conn, account_id, name, NOW)).id for name in ("One", "Two")]
        attribute = await create_attribute(conn, account_id, "Customer ID")
        tag = await create_tag(conn, account_id, "Hot", NOW)
        for n in range(size):
            said = draft(
                {"email": f"{n}@acme.com", "company": f"C{n % 3}"},
                confidence_score=n,
                attributes={attribute.slug: f"C-{n}"} if n % 2 else {},
                list_ids=tuple(lists[: 1 + n % 2]),
            )
            one, _ = await upsert_lead(conn, account_id, said, NOW)
            if n % 3 == 0:
                await tag_lead(conn, account_id, one.id, tag.id)
    return await leads_after(stores.app, account_id, 0, limit=1_000)


async def run_tasks(stores: Stores, now: int = NOW) -> None:
    """All that is due."""
    while await is_any_due(stores.app, now):
        async with stores.app.write() as conn:
            held = await claim_task(conn, now=now, until=now + 60, worker="w")
        assert held is not None
        at, is_over = held.last_id, False
        while not is_over:
            async with stores.app.write() as conn:
                stepped = await step(conn, held, at, until=now + 60, now=now, claims=NOBODY)
            assert stepped is not None
            at, is_over = stepped.last_id, stepped.is_over


async def count(mirrors: Mirrors, account_id: int, **filters: object) -> int:
    return (await mirrors.find(account_id, Filters(**filters), limit=1)).count  # type: ignore[arg-type]


async def test_many_come_back_as_they_were(
    stores: Stores, owner: Member, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STEP", 7)
    monkeypatch.setattr(tasks, "_MOST_OF_A_TASK", 10)
    account_id = owner.account_id
    before = await fill(stores, account_id)
    some = [one.id for one in before if one.id % 4]
    sizes = [(await get_list(stores.app, account_id, id_)).leads_count for id_ in before[1].lists]
    assert await count(mirrors, account_id, texts={"company": "c1"}) == 10
    async with stores.app.write() as conn:
        deletion = await add_batch(conn, account_id, "trash", some, now=NOW)
    (batch,) = await list_batches(stores.app, account_id)
    assert (batch.kind, batch.size, batch.done) == ("trash", len(some), 0)
    await run_tasks(stores)

    assert await count_leads(stores.app, account_id) == len(before) - len(some)
    left = sum(one.id not in some for one in before if one.company == "C1")
    assert await count(mirrors, account_id, texts={"company": "c1"}) == left
    (found,) = await list_deletions(stores.app, account_id, NOW)
    assert (found.id, found.leads) == (deletion, len(some))

    async with stores.app.write() as conn:
        await add_restoring(conn, account_id, deletion, size=found.leads, now=NOW)
    await run_tasks(stores)

    assert await leads_after(stores.app, account_id, 0, limit=1_000) == before
    assert [(await get_list(stores.app, account_id, id_)).leads_count for id_ in before[1].lists] == sizes
    assert await count_leads(stores.app, account_id) == len(before)
    assert await count(mirrors, account_id, texts={"company": "c1"}) == 10
    assert await list_deletions(stores.app, account_id, NOW) == []


async def test_a_mirror_that_slept_through_both_has_them(stores: Stores, owner: Member, mirrors: Mirrors) -> None:
    account_id = owner.account_id
    before = await fill(stores, account_id, 3)
    assert await count(mirrors, account_id, texts={"email": "@acme"}) == 3
    async with stores.app.write() as conn:
        await begin_change(conn, account_id)
        await trash_leads(conn, account_id, before, 1, NOW)
    async with stores.app.write() as conn:
        assert (await restore_leads(conn, NOBODY, account_id, 1, limit=10, now=NOW)).leads == 3

    assert await count(mirrors, account_id, texts={"email": "@acme"}) == 3


async def test_undoing_stops_what_still_deletes(stores: Stores, owner: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "STEP", 7)
    account_id = owner.account_id
    before = await fill(stores, account_id)
    async with stores.app.write() as conn:
        deletion = await add_batch(conn, account_id, "trash", [one.id for one in before], now=NOW)
        held = await claim_task(conn, now=NOW, until=NOW + 60, worker="w")
        assert held is not None
        assert await step(conn, held, 0, until=NOW + 60, now=NOW) is not None
    async with stores.app.write() as conn:
        await stop_batch(conn, account_id, deletion, NOW)
        assert await step(conn, held, 7, until=NOW + 60, now=NOW) is None
        await add_restoring(conn, account_id, deletion, size=7, now=NOW)
    await run_tasks(stores)

    assert await leads_after(stores.app, account_id, 0, limit=1_000) == before


async def test_who_is_a_lead_again_or_said_stop_stays_away(stores: Stores, owner: Member) -> None:
    account_id = owner.account_id
    before = await fill(stores, account_id, 3)
    async with stores.app.write() as conn:
        await begin_change(conn, account_id)
        await trash_leads(conn, account_id, before, 1, NOW)
        await upsert_lead(conn, account_id, draft({"email": "0@acme.com", "company": "Newer"}), NOW)
        await add_claim(conn, NOBODY, parse_claimed("1@acme.com"), now=NOW)
    claims = await load_claims(stores.app, SECRET)
    async with stores.app.write() as conn:
        back = await restore_leads(conn, claims, account_id, 1, limit=10, now=NOW)

    assert (back.leads, back.kept_out) == (1, 2)
    newer = await find_by_email(stores.app, account_id, "0@acme.com")
    assert newer is not None
    assert newer.company == "Newer"
    assert await find_by_email(stores.app, account_id, "1@acme.com") is None
    assert await find_by_email(stores.app, account_id, "2@acme.com") == before[2]


async def test_the_trash_forgets(stores: Stores, owner: Member) -> None:
    account_id = owner.account_id
    before = await fill(stores, account_id, 5)
    async with stores.app.write() as conn:
        await upsert_lead(conn, account_id, draft({"email": "4@acme.com", "notes": "ask 0@acme.com"}), NOW)
        before = await leads_after(conn, account_id, 0, limit=9)
        await begin_change(conn, account_id)
        await trash_leads(conn, account_id, before, 1, NOW)
    assert ("acme.com", "0") in [pair async for pairs in candidates(stores.app) for pair in pairs]
    async with stores.app.write() as conn:
        counts = await forget(conn, Whom("acme.com", "0"), NOW)
        assert counts["lead_trash"] == 2
        assert (await restore_leads(conn, NOBODY, account_id, 1, limit=10, now=NOW)).leads == 4
    found = await find_by_email(stores.app, account_id, "4@acme.com")
    assert found is not None
    assert found.notes is None

    async with stores.app.write() as conn:
        await begin_change(conn, account_id)
        await trash_leads(conn, account_id, [found], 2, NOW)
        assert await find_deletion(conn, account_id, 2, NOW + KEPT - 1) is not None
        assert await find_deletion(conn, account_id, 2, NOW + KEPT) is None
        assert (await restore_leads(conn, NOBODY, account_id, 2, limit=10, now=NOW + KEPT)).leads == 0
        assert not await forget_trash(conn, NOW + KEPT)
        assert await find_deletion(conn, account_id, 2, NOW) is None
