"""What is done to many leads is done once to each, whoever dies on the way."""

from accounts.conftest import NOW
from vizsla.accounts.store import Member
from vizsla.leads import tasks
from vizsla.leads.attributes import create_attribute, delete_attribute
from vizsla.leads.lead import draft
from vizsla.leads.lists import create_list, get_list
from vizsla.leads.store import count_leads, leads_after, upsert_lead
from vizsla.leads.tags import create_tag, delete_tag, tag_lead
from vizsla.leads.tasks import add_task, claim_task, find_task, forget_tasks, is_any_due, step
from vizsla.storage.open import Stores


async def fill(stores: Stores, account_id: int, list_id: int) -> list[int]:
    async with stores.app.write() as conn:
        return [
            (await upsert_lead(conn, account_id, draft({"email": f"{n}@acme.com"}, list_ids=(list_id,)), NOW))[0].id
            for n in range(30)
        ]


async def work(stores: Stores, worker: str, *, steps: int = 99) -> int | None:
    """Steps that were done until the task was over; None: it was not over after *steps*."""
    async with stores.app.write() as conn:
        held = await claim_task(conn, now=NOW, until=NOW + 60, worker=worker)
    assert held is not None
    at = held.last_id
    for done in range(1, steps + 1):
        async with stores.app.write() as conn:
            stepped = await step(conn, held, at, until=NOW + 60, now=NOW)
        assert stepped is not None
        at = stepped.last_id
        if stepped.is_over:
            return done
    return None


async def test_a_move_that_died_is_finished_by_another(stores: Stores, owner: Member, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(tasks, "STEP", 7)
    account_id = owner.account_id
    async with stores.app.write() as conn:
        source, target = [(await create_list(conn, account_id, name, NOW)).id for name in ("One", "Two")]
    await fill(stores, account_id, source)
    async with stores.app.write() as conn:
        task_id = await add_task(conn, account_id, "move", ref_id=source, target_id=target, size=30, now=NOW)

    assert await work(stores, "first", steps=2) is None
    async with stores.app.write() as conn:
        assert await claim_task(conn, now=NOW + 59, until=NOW + 90, worker="second") is None
        held = await claim_task(conn, now=NOW + 60, until=NOW + 90, worker="second")
        assert held is not None
    at, is_over = held.last_id, False
    while not is_over:
        async with stores.app.write() as conn:
            stepped = await step(conn, held, at, until=NOW + 90, now=NOW)
        assert stepped is not None
        at, is_over = stepped.last_id, stepped.is_over

    assert [(await get_list(stores.app, account_id, id_)).leads_count for id_ in (source, target)] == [0, 30]
    assert {one.lists for one in await leads_after(stores.app, account_id, 0, limit=99)} == {(target,)}
    task = await find_task(stores.app, account_id, task_id)
    assert task is not None
    assert (task.done, task.size, task.ended_at) == (30, 30, NOW)
    assert not await is_any_due(stores.app, NOW + 999)
    async with stores.app.write() as conn:
        assert await forget_tasks(conn, NOW) == 1


async def test_who_lost_a_task_writes_nothing(stores: Stores, owner: Member) -> None:
    account_id = owner.account_id
    async with stores.app.write() as conn:
        source = (await create_list(conn, account_id, "One", NOW)).id
    ids = await fill(stores, account_id, source)
    async with stores.app.write() as conn:
        await add_task(conn, account_id, "delete", lead_ids=ids, size=30, now=NOW)
        lost = await claim_task(conn, now=NOW, until=NOW + 60, worker="first")
        assert lost is not None
        assert await claim_task(conn, now=NOW + 60, until=NOW + 90, worker="second") is not None
        assert await step(conn, lost, 0, until=NOW + 90, now=NOW) is None

    assert await count_leads(stores.app, account_id) == 30


async def test_what_was_deleted_is_scrubbed_from_leads(stores: Stores, owner: Member) -> None:
    account_id = owner.account_id
    async with stores.app.write() as conn:
        source = (await create_list(conn, account_id, "One", NOW)).id
        kept = await create_attribute(conn, account_id, "Kept")
        gone = await create_attribute(conn, account_id, "Gone")
        tag = await create_tag(conn, account_id, "Hot", NOW)
        said = {kept.slug: f'"{gone.id}":', gone.slug: "secret"}
        for n, attributes in enumerate([said, {kept.slug: f'"{gone.id}":'}]):
            written = draft({"email": f"{n}@acme.com"}, attributes=attributes, list_ids=(source,))
            one, _ = await upsert_lead(conn, account_id, written, NOW)
            await tag_lead(conn, account_id, one.id, tag.id)
        await delete_attribute(conn, account_id, gone.id)
        await delete_tag(conn, account_id, tag.id)
        await add_task(conn, account_id, "drop_attribute", ref_id=gone.id, size=2, now=NOW)
        await add_task(conn, account_id, "drop_tag", ref_id=tag.id, size=2, now=NOW)

    assert [await work(stores, "one"), await work(stores, "one")] == [1, 1]

    leads = await leads_after(stores.app, account_id, 0, limit=99)
    assert [(one.tags, one.attributes, one.lists) for one in leads] == [((), {kept.id: f'"{gone.id}":'}, (source,))] * 2
