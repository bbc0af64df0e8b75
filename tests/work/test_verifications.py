"""The rows are the work: claimed once, put off, taken over, recorded once, whatever dies in between."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api.conftest import Moment
from vizsla.harvest.records import Sighting
from vizsla.index.merge import merge
from vizsla.kit.clock import DAY
from vizsla.kit.settings import Settings
from vizsla.kit.whom import Whom
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.verifier.evidence import Step
from vizsla.verifier.forgetting import forget
from vizsla.verifier.memo import find_memo
from vizsla.verifier.outcome import Ended, Memo, Outcome, PutOff
from vizsla.verifier.schedule import MOST_ATTEMPTS
from vizsla.verifier.store import (
    Job,
    begin_verification,
    claim_jobs,
    count_left,
    count_started,
    end_job,
    find_verification,
    forget_stale,
    put_off_jobs,
)
from vizsla.verifier.verdict import Seen, Verdict, conclude
from vizsla.work.verifications import LASTS, Verifying
from vizsla.work.workplace import Workplace
from worlds.told import Told

VALID = conclude("accepted", Seen(mx_records=True, smtp_server=True))
_INDEXED = statement("SELECT local, verification_status, verified_at FROM email ORDER BY local")


class Scripted:
    """Does runs as a test tells it."""

    def __init__(self, act: Callable[[Job], Awaitable[Outcome]]) -> None:
        self.act = act
        self.done: list[str] = []

    async def run(self, job: Job) -> Outcome:
        self.done.append(job.local)
        return await self.act(job)


async def is_valid(job: Job) -> Outcome:
    return Ended(VALID, [*job.trail, Step(1, "end", "done")])


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def place(stores: Stores, settings: Settings, clock: Moment) -> Workplace:
    return Workplace(settings, stores, find_secret(settings), clock)


async def begun(place: Workplace, *locals_: str) -> list[int]:
    async with place.stores.app.write() as conn:
        return [(await begin_verification(conn, "acme.test", local, place.clock.now()))[0].id for local in locals_]


async def verdict_of(place: Workplace, local: str) -> Verdict | None:
    found = await find_verification(place.stores.app, "acme.test", local)
    assert found is not None
    return found.verdict


async def test_what_is_asked_for_is_done_once_and_known_to_the_index(place: Workplace, clock: Moment) -> None:
    async with place.stores.index.write() as conn:
        await merge(
            conn,
            sightings=[Sighting("acme.test", "jane", "https://acme.test/", clock.at, clock.at, "mailto")],
            claims=Claims(b"0" * 32),
            today=clock.at,
        )
    await begun(place, "jane", "joe")
    assert await begun(place, "jane") == await begun(place, "jane")

    async def act(job: Job) -> Outcome:
        memo = Memo("no", clock.at, [Step(clock.at, "accept_all", "RCPT", "550")])
        return Ended(VALID, [Step(clock.at, "end", "done")], memo)

    runner = Scripted(act)
    await Verifying(place, runner, Told()).work_off()
    await Verifying(place, runner, Told()).work_off()

    assert sorted(runner.done) == ["jane", "joe"]
    assert await verdict_of(place, "joe") == VALID
    assert [tuple(row) for row in await place.stores.index.fetch_all(_INDEXED)] == [("jane", "valid", clock.at)]
    memo = await find_memo(place.stores.app, "acme.test", clock.at)
    assert memo is not None
    assert memo.truth is False
    assert await find_memo(place.stores.app, "acme.test", clock.at + DAY) is None


async def test_a_verdict_holds_for_its_time_and_is_then_found_anew(place: Workplace, clock: Moment) -> None:
    runner = Scripted(is_valid)
    await begun(place, "jane")
    await Verifying(place, runner, Told()).work_off()
    clock.at += 30 * DAY - 1
    await begun(place, "jane")
    await Verifying(place, runner, Told()).work_off()
    assert runner.done == ["jane"]

    clock.at += 1
    await begun(place, "jane")
    found = await find_verification(place.stores.app, "acme.test", "jane")
    assert found is not None
    assert found.is_pending
    await Verifying(place, runner, Told()).work_off()
    assert runner.done == ["jane", "jane"]


async def test_what_is_put_off_goes_on_when_it_is_due_with_all_it_knew(place: Workplace, clock: Moment) -> None:
    began = clock.at

    async def act(job: Job) -> Outcome:
        trail = [*job.trail, Step(clock.at, "wait", "later")]
        if job.deferrals == 2:
            assert job.deferred_at == began
            return Ended(VALID, trail)
        return PutOff(clock.at + 60, job.deferred_at or clock.at, job.deferrals + 1, trail)

    runner = Scripted(act)
    await begun(place, "jane")
    for _ in range(3):
        await Verifying(place, runner, Told()).work_off()
        await Verifying(place, runner, Told()).work_off()
        clock.at += 60

    assert runner.done == ["jane"] * 3
    rows = await place.stores.app.fetch_all(statement("SELECT due, trail FROM verification"))
    assert rows[0][0] is None
    assert rows[0][1].count("later") == 3


async def test_a_dead_workers_row_is_taken_over_and_the_dead_can_write_nothing(place: Workplace, clock: Moment) -> None:
    await begun(place, "jane")
    async with place.stores.app.write() as conn:
        (dead,) = await claim_jobs(conn, now=clock.at, until=clock.at + LASTS, worker="dead", limit=9)
        assert await claim_jobs(conn, now=clock.at, until=clock.at + LASTS, worker="other", limit=9) == []
    clock.at += LASTS
    async with place.stores.app.write() as conn:
        (job,) = await claim_jobs(conn, now=clock.at, until=clock.at + LASTS, worker="other", limit=9)
        wrong = conclude("no_user", Seen())
        assert not await end_job(conn, dead, wrong, [], clock.at)
        await put_off_jobs(conn, [(dead, PutOff(clock.at, None, 0, []))])
        assert await end_job(conn, job, VALID, [], clock.at)
        assert not await end_job(conn, dead, wrong, [], clock.at)

    assert await verdict_of(place, "jane") == VALID


async def test_a_worker_that_stops_gives_back_what_it_had(place: Workplace, clock: Moment) -> None:
    started = asyncio.Event()

    async def never(job: Job) -> Outcome:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    await begun(place, "jane")
    working = asyncio.create_task(Verifying(place, Scripted(never), Told()).run())
    await started.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    runner = Scripted(is_valid)
    await Verifying(place, runner, Told()).work_off()
    assert runner.done == ["jane"]


async def test_a_fault_of_ours_says_nothing_of_the_address_and_is_tried_again(place: Workplace, clock: Moment) -> None:
    told = Told()

    async def breaks(job: Job) -> Outcome:
        raise ZeroDivisionError

    runner = Scripted(breaks)
    await begun(place, "jane")
    await Verifying(place, runner, told).work_off()
    assert await verdict_of(place, "jane") is None
    assert [line["event"] for line in told.lines] == ["verify_failed"]
    clock.at += 30
    runner.act = is_valid
    await Verifying(place, runner, told).work_off()
    assert await verdict_of(place, "jane") == VALID


async def test_who_kills_every_worker_is_given_up_as_unknown(place: Workplace, clock: Moment) -> None:
    await begun(place, "jane")
    async with place.stores.app.write() as conn:
        for _ in range(MOST_ATTEMPTS):
            await claim_jobs(conn, now=clock.at, until=clock.at, worker="dead", limit=1)
    runner = Scripted(is_valid)
    await Verifying(place, runner, Told()).work_off()

    verdict = await verdict_of(place, "jane")
    assert verdict is not None
    assert (verdict.status, verdict.reason, runner.done) == ("unknown", "gave_up", [])


async def test_many_are_claimed_by_two_workers_and_each_is_done_once(place: Workplace) -> None:
    runner = Scripted(is_valid)
    await begun(place, *(f"u{number}" for number in range(700)))
    await asyncio.gather(*(Verifying(place, runner, Told(), at_once=150).work_off() for _ in range(2)))

    assert sorted(runner.done) == sorted(f"u{number}" for number in range(700))
    (row,) = await place.stores.app.fetch_all(
        statement("SELECT count(*) FROM verification WHERE due IS NULL AND verdict IS NOT NULL")
    )
    assert row[0] == 700


async def test_a_mail_domain_is_counted_over_a_day(place: Workplace, clock: Moment) -> None:
    app = place.stores.app
    async with app.write() as conn:
        counted = [await count_started(conn, "acme.test", most=3, now=clock.at) for _ in range(5)]
    assert counted == [True, True, True, False, False]
    assert await count_left(app, "acme.test", most=3, now=clock.at) == 0
    assert await count_left(app, "other.test", most=3, now=clock.at) == 3
    clock.at += DAY
    assert await count_left(app, "acme.test", most=3, now=clock.at) == 3
    async with app.write() as conn:
        assert await count_started(conn, "acme.test", most=3, now=clock.at)
    assert await count_left(app, "acme.test", most=3, now=clock.at) == 2


async def test_what_nobody_asks_about_is_forgotten_and_who_is_claimed_at_once(place: Workplace, clock: Moment) -> None:
    app = place.stores.app
    await begun(place, "jane", "joe", "jim")
    async with app.write() as conn:
        await begin_verification(conn, "mail.acme.test", "jane", clock.at)
        await begin_verification(conn, "notacme.test", "jane", clock.at)
        await forget(conn, Whom("acme.test", "joe"), clock.at)
        assert await forget_stale(conn, clock.at + 99 * DAY) == 0
    left = statement("SELECT domain, local FROM verification ORDER BY id")
    assert [tuple(row) for row in await app.fetch_all(left)] == [
        ("acme.test", "jane"), ("acme.test", "jim"), ("mail.acme.test", "jane"), ("notacme.test", "jane"),
    ]  # fmt: skip
    async with app.write() as conn:
        await forget(conn, Whom("acme.test"), clock.at)
    assert [tuple(row) for row in await app.fetch_all(left)] == [("notacme.test", "jane")]
    await Verifying(place, Scripted(is_valid), Told()).work_off()
    async with app.write() as conn:
        assert await forget_stale(conn, clock.at + 30 * DAY) == 1


async def test_nothing_of_a_domain_is_kept_that_said_stop_while_it_was_asked(place: Workplace, clock: Moment) -> None:
    async def act(job: Job) -> Outcome:
        async with place.stores.app.write() as conn:
            await forget(conn, Whom("acme.test"), clock.at)
        return Ended(VALID, [], Memo("yes", clock.at, []))

    await begun(place, "jane")
    await Verifying(place, Scripted(act), Told()).work_off()

    for reader, table in (
        (place.stores.app, "mail_domain"),
        (place.stores.app, "verification"),
        (place.stores.index, "domain"),
    ):
        assert await reader.fetch_all(statement(f"SELECT 1 FROM {table}")) == []
