"""Who is written to next: hours, caps and gaps hold whatever the clock does, and nobody is claimed twice or against their will."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping

import pytest
from benchmarks.campaign_world import SECRET, Filled, fill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vizsla.campaigns.claiming import (
    LASTS,
    MOST_SLEEP,
    Held,
    Turn,
    claim_messages,
    claim_senders,
    heal_senders,
    let_go,
    wake_senders,
)
from vizsla.campaigns.lateness import LEAST, hold_late, release_late
from vizsla.campaigns.tracking import Tokens
from vizsla.campaigns.window import Window, is_inside, local_day
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claimed, Claims, LiveClaims, add_claim
from vizsla.privacy.suppression import suppress
from vizsla.storage.database import Database
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

NOW = 1_795_424_400  # Monday, 2026-11-23 09:00 UTC
TOKENS = Tokens(SECRET)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
# Shortly before clocks are changed in Berlin (both ways), New York and Lord Howe, and a day of no consequence.
NIGHTS = (1_774_724_400, 1_792_868_400, 1_793_484_000, 1_775_293_200, NOW)
_names = itertools.count()


async def change(app: Database, text: str, **values: object) -> None:
    async with app.write() as conn:
        await conn.execute(statement(text), values)


async def one(app: Database, text: str) -> tuple[object, ...]:
    row = await app.fetch_one(statement(text))
    assert row is not None
    return tuple(row)


async def hold(app: Database, now: int, limit: int = 100, worker: str = "w") -> list[Held]:
    async with app.write() as conn:
        return await claim_senders(conn, now, worker, limit)


async def take(app: Database, held: Held, now: int, claims: Claims | None = None) -> Turn:
    async with app.write() as conn:
        return await claim_messages(conn, held, claims or Claims(SECRET), TOKENS, now)


async def free(app: Database, held: Held, now: int) -> None:
    async with app.write() as conn:
        await let_go(conn, held, Turn("gap", look_at=now), now)


def window(zone: str, days: int, start: int, hours: int) -> dict[str, object]:
    return {
        "timezone": zone,
        "days": days,
        "start_second": start * 3_600,
        "end_second": min(DAY, (start + hours) * 3_600),
    }


windows = st.builds(
    window, st.sampled_from(ZONES), st.sampled_from((127, 62, 65, 8)), st.integers(0, 20), st.sampled_from((1, 5, 24))
)


async def _live(app: Database, hours: Mapping[str, object], open_: Mapping[str, object], cap: int, gap: int, night: int, jumps: list[int]) -> None:  # fmt: skip
    made = await fill(
        app,
        port=1,
        now=night,
        senders=1,
        campaigns=2,
        recipients=60,
        cap=cap,
        gap=gap,
        email=f"p{next(_names)}@a.example",
    )
    sets = ", ".join(f"{name} = :{name}" for name in hours)
    mine = {"account_id": made.account_id}
    await change(app, f"UPDATE sender SET {sets} WHERE account_id = :account_id", **hours, **mine)
    await change(app, f"UPDATE campaign SET {sets} WHERE account_id = :account_id", **open_, **mine)
    of_sender, of_campaign = Window(**hours), Window(**open_)
    now, ends, days, before = night, night + 6 * DAY, Counter[int](), None
    jumping = itertools.cycle(jumps)
    while now < ends:
        held = [each for each in await hold(app, now) if each.account_id == made.account_id]
        look_at = now + MOST_SLEEP
        if held:
            turn = await take(app, held[0], now)
            for _ in turn.claimed:
                assert is_inside(now, of_sender)
                assert is_inside(now, of_campaign)
                days[local_day(now, of_sender.timezone)] += 1
                assert gap == 0 or before is None or now - before >= gap
                before = now
            if turn.claimed:
                await free(app, held[0], now + 1)
                look_at = now + max(1, gap)
            elif turn.look_at is None:
                break
            else:
                assert turn.look_at - now <= MOST_SLEEP
        # On time, too early (which claims nothing), or far too late.
        now = max(now + 1, look_at + next(jumping))
    assert max(days.values(), default=0) <= cap
    await change(app, "UPDATE sender SET due = NULL WHERE account_id = :account_id", **mine)


_life = given(
    windows, windows, st.integers(1, 9), st.sampled_from((0, 30, 700)), st.sampled_from(NIGHTS),
    st.lists(st.sampled_from((0, 0, -20, 50, 4_000, 40_000)), min_size=1, max_size=5),
)  # fmt: skip


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@_life
async def test_hours_cap_and_gap_hold_whatever_comes(stores: Stores, hours, open_, cap, gap, night, jumps) -> None:
    await _live(stores.app, hours, open_, cap, gap, night, jumps)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@_life
async def test_hours_cap_and_gap_hold_on_postgresql(stores: Stores, hours, open_, cap, gap, night, jumps) -> None:
    await _live(stores.app, hours, open_, cap, gap, night, jumps)


async def test_the_longest_due_are_next_and_have_names(stores: Stores) -> None:
    app = stores.app
    made = await fill(app, port=1, now=NOW, senders=1, campaigns=3, paused=[1], recipients=60)
    (held,) = await hold(app, NOW)
    claimed = [each for _ in range(3) for each in (await take(app, held, NOW)).claimed]
    order = await app.fetch_all(
        statement("SELECT id FROM recipient WHERE campaign_id <> :c ORDER BY due, id"), {"c": made.campaigns[1]}
    )
    assert [each.recipient_id for each in claimed] == [row[0] for row in order]
    assert len({each.message_id for each in claimed}) == 40
    assert await one(app, "SELECT count(*) FROM recipient WHERE due IS NULL") == (40,)
    assert await one(app, "SELECT state, phase, count(*) FROM message GROUP BY state, phase") == (
        "sending",
        "claimed",
        40,
    )
    # The sender was let go when nothing was left: nobody holds it, and nothing wakes it.
    assert await one(app, "SELECT due, worker FROM sender") == (NOW + LASTS, None)
    assert (await take(app, held, NOW)).why == "lost"


async def test_what_is_resumed_is_woken(stores: Stores) -> None:
    app = stores.app
    made = await fill(app, port=1, now=NOW, senders=2, campaigns=1, paused=[0], recipients=10)
    for held in await hold(app, NOW):
        assert (await take(app, held, NOW)).look_at is None
    assert await hold(app, NOW + DAY) == []
    async with app.write() as conn:
        await wake_senders(conn, made.account_id, made.campaigns[0], NOW + 5)
    assert await hold(app, NOW + 4) == []
    assert len(await hold(app, NOW + 5)) == 2


async def test_who_schedules_while_the_sender_is_held_is_not_forgotten(stores: Stores) -> None:
    app = stores.app
    made = await fill(app, port=1, now=NOW, senders=1, recipients=1)
    (held,) = await hold(app, NOW)
    await take(app, held, NOW)

    async def schedule() -> None:
        async with app.write() as conn:
            await conn.execute(statement("UPDATE recipient SET due = :now, step = 1"), {"now": NOW})
            await wake_senders(conn, made.account_id, made.campaigns[0], NOW)

    await asyncio.gather(schedule(), take(app, held, NOW))
    assert await one(app, "SELECT due <= :most FROM sender".replace(":most", str(NOW + MOST_SLEEP))) in ((1,), (True,))


async def test_workers_share_and_never_take_the_same(stores: Stores) -> None:
    app = stores.app
    await fill(app, port=1, now=NOW, senders=8, recipients=320)

    async def work(name: str) -> list[int]:
        taken = []
        while held := await hold(app, NOW, 1, name):
            while (turn := await take(app, held[0], NOW)).claimed:
                taken += [each.recipient_id for each in turn.claimed]
        return taken

    all_ = [id_ for part in await asyncio.gather(*(work(f"w{n}") for n in range(4))) for id_ in part]
    assert len(all_) == len(set(all_)) == 320


async def test_who_may_not_be_written_to_is_stopped_by_the_claim(stores: Stores) -> None:
    app = stores.app
    made = await fill(app, port=1, now=NOW, senders=1, recipients=40)
    claims = LiveClaims(app, SECRET)
    async with app.write() as conn:
        await suppress(conn, claims, made.account_id, "person3@d3.test", "unsubscribe", now=NOW)
        await suppress(conn, claims, made.account_id, "d4.test", "manual", now=NOW)
        await add_claim(conn, claims, Claimed("email", "d5.test", "person5"), NOW)
        await add_claim(conn, claims, Claimed("domain", "d6.test"), NOW)
    await claims.refresh()
    (held,) = await hold(app, NOW)
    claimed = [each.email for _ in range(3) for each in (await take(app, held, NOW, claims)).claimed]
    assert len(claimed) == 36
    rows = await app.fetch_all(
        statement("SELECT email, stop_reason FROM recipient WHERE state = 'stopped' ORDER BY email")
    )
    assert [tuple(row) for row in rows] == [
        ("person3@d3.test", "unsubscribed"), ("person4@d4.test", "suppressed"), ("person5@d5.test", "claimed"),
        ("person6@d6.test", "claimed"),
    ]  # fmt: skip


async def test_a_clock_that_jumps_a_day_neither_bursts_nor_stalls(stores: Stores) -> None:
    app = stores.app
    await fill(app, port=1, now=NOW, senders=1, recipients=50, cap=4, gap=60)
    times: list[int] = []

    async def work(now: int, seconds: int) -> None:
        for at in range(now, now + seconds, 10):
            async with app.write() as conn:
                await heal_senders(conn, at)
            for held in await hold(app, at):
                if (await take(app, held, at)).claimed:
                    times.append(at)
                    await free(app, held, at + 1)

    await work(NOW, 130)
    await work(NOW + DAY, 130)
    await work(NOW + 200, 600)  # set right again: what is left of the day's four goes on, a gap later
    assert [local_day(at, "UTC") - local_day(NOW, "UTC") for at in times] == [0, 0, 1, 1, 0, 0]
    assert all(abs(later - earlier) >= 60 for earlier, later in itertools.pairwise(times))
    assert times[4] <= NOW + 200 + 2 * 60


async def test_what_is_too_late_waits_for_a_person(stores: Stores) -> None:
    app = stores.app
    made = await fill(app, port=1, now=NOW, senders=1, campaigns=2, recipients=20)
    await change(app, "UPDATE campaign SET max_lateness = 7200 WHERE id = :id", id=made.campaigns[0])
    late = NOW + 3 * 3_600
    async with app.write() as conn:
        assert await hold_late(conn, NOW + LEAST - 1, 10) == {}
        assert await hold_late(conn, late, 10) == {made.campaigns[0]: 10}
        (held,) = await claim_senders(conn, late, "w", 10)
    assert len((await take(app, held, late)).claimed) == 10
    reason, count = await one(app, "SELECT trouble, count(*) FROM recipient WHERE state = 'held' GROUP BY trouble")
    assert (reason, count) == (
        "It is too late: nothing was sent since 2026-11-23 09:00 UTC. Release it, or cancel it.",
        10,
    )
    async with app.write() as conn:
        assert await release_late(conn, made.account_id, made.campaigns[0], late) == 10
    assert len((await take(app, held, late)).claimed) == 10
    assert isinstance(made, Filled)
