"""Lists of addresses: each row ends once and is counted once, whoever works on it and whatever dies in between."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from api.conftest import Moment
from vizsla.accounts.lists import MOST_ROWS, TooManyRows
from vizsla.accounts.quota import get_usage
from vizsla.accounts.store import create_user
from vizsla.erasure.claiming import claim
from vizsla.finder.bulk_verifications import QuotaTooSmall, accept, cancel, delete, get
from vizsla.finder.email_verifier import wait_for
from vizsla.harvest.records import Sighting
from vizsla.index.merge import merge
from vizsla.kit.clock import DAY
from vizsla.kit.errors import WrongParams
from vizsla.kit.settings import Settings
from vizsla.mail.pool import is_urgent
from vizsla.privacy.claims import Claims, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.verifier.bulk import BulkList, BulkRow
from vizsla.verifier.bulk_store import claim_lists, find_list, forget_lists, rows_after
from vizsla.verifier.evidence import Step
from vizsla.verifier.outcome import Ended, Outcome, PutOff
from vizsla.verifier.store import Job, begin_verification, claim_jobs
from vizsla.verifier.verdict import Reason, Seen, conclude
from vizsla.work.bulk import Bulk
from vizsla.work.leased import name_worker
from vizsla.work.orphans import free_orphans
from vizsla.work.verifications import Verifying
from vizsla.work.workplace import Workplace
from worlds.told import Told

PLENTY = 1_000_000
SEEN = Seen(mx_records=True, smtp_server=True)
_PROBED = statement("SELECT count(*) FROM verification")


class Scripted:
    """Does runs as a test tells it."""

    def __init__(self, act: Callable[[Job], Awaitable[Outcome]]) -> None:
        self.act = act
        self.done: list[str] = []

    async def run(self, job: Job) -> Outcome:
        self.done.append(f"{job.local}@{job.domain}")
        return await self.act(job)


def says(reason: Reason) -> Callable[[Job], Awaitable[Outcome]]:
    async def act(job: Job) -> Outcome:
        return Ended(conclude(reason, SEEN), [*job.trail, Step(1, "end", "done")])

    return act


class Office:
    """An installation with one account."""

    def __init__(self, place: Workplace, account_id: int, clock: Moment) -> None:
        self.place = place
        self.account_id = account_id
        self.clock = clock
        self.told = Told()

    async def send(self, *emails: str, allowed: int = PLENTY) -> BulkList:
        async with self.place.stores.app.write() as conn:
            texts = ((email, "") for email in emails)
            return await accept(conn, self.account_id, texts, allowed=allowed, now=self.clock.at)

    @contextlib.asynccontextmanager
    async def working(self, runner: Scripted, window: int = 1_500, at_once: int = 2_000) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(Verifying(self.place, runner, self.told, at_once=at_once).run()),
            asyncio.create_task(Bulk(self.place, self.told, window=window).run()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def until_done(self, *lists: BulkList) -> list[BulkList]:
        async with asyncio.timeout(30):
            while True:
                found = [await self.reload(one) for one in lists]
                if all(one.ended_at is not None for one in found):
                    return found
                await asyncio.sleep(0.05)

    async def work_off(self, act: Callable[[Job], Awaitable[Outcome]], *lists: BulkList) -> list[str]:
        """Work until *lists* are done; the addresses that were verified."""
        runner = Scripted(act)
        async with self.working(runner):
            await self.until_done(*lists)
        assert self.told.lines == []
        return runner.done

    async def reload(self, one: BulkList) -> BulkList:
        return await get(self.place.stores.app, one.account_id, one.id)

    async def rows(self, one: BulkList) -> list[BulkRow]:
        return await rows_after(self.place.stores.app, one.account_id, one.id, 0, MOST_ROWS)

    async def endings(self, one: BulkList) -> list[str]:
        return [row.ending.counts_as if row.ending else "" for row in await self.rows(one)]

    async def used(self) -> int:
        return (await get_usage(self.place.stores.app, self.account_id, self.clock.at)).verifications


@pytest.fixture
async def office(stores: Stores, settings: Settings) -> Office:
    clock = Moment()
    async with stores.app.write() as conn:
        member = await create_user(conn, "a@a.example", now=clock.at, first_name="A", last_name="P")
    return Office(Workplace(settings, stores, find_secret(settings), clock), member.account_id, clock)


async def test_every_row_ends_once_in_its_place_and_is_counted_once(office: Office) -> None:
    emails = [f"u{number}@d{number % 7}.test" for number in range(1_234)]
    sent = await office.send(*emails)
    assert (sent.status, sent.size, sent.done) == ("running", 1_234, 0)
    assert await office.used() == 1_234

    done = await office.work_off(says("accepted"), sent)

    assert sorted(done) == sorted(emails)
    rows = await office.rows(sent)
    assert [(row.number, row.email) for row in rows] == list(enumerate(emails, 1))
    assert {row.ending.verdict.status for row in rows if row.ending and row.ending.verdict} == {"valid"}
    found = await office.reload(sent)
    assert (found.status, found.done, found.given_back, found.tally) == ("done", 1_234, 0, {"valid": 1_234})
    assert await office.used() == 1_234


async def test_what_is_no_answer_is_given_back(office: Office) -> None:
    async def act(job: Job) -> Outcome:
        reason: Reason = {"blocked": "refused_us", "weird": "protocol", "gone": "no_user"}.get(job.local, "unreachable")  # type: ignore[assignment]
        return await says(reason)(job)

    sent = await office.send(
        "blocked@a.test", "weird@a.test", "gone@a.test", "away@a.test", "no address", " ", "Gone@A.test", "gone@a.test"
    )
    assert sent.done == 1  # the empty one
    await office.work_off(act, sent)

    assert await office.endings(sent) == [
        "unknown", "failed", "invalid", "unknown", "malformed", "malformed", "invalid", "invalid",
    ]  # fmt: skip
    assert (await office.reload(sent)).given_back == 5
    assert await office.used() == 2  # gone and away, once each


async def test_an_address_in_ten_lists_is_probed_once_and_counted_once_a_day(office: Office) -> None:
    lists = [await office.send("jane@acme.test", f"only{number}@acme.test") for number in range(10)]

    done = await office.work_off(says("accepted"), *lists)

    assert done.count("jane@acme.test") == 1
    assert len(done) == 11
    assert [await office.endings(one) for one in lists] == [["valid", "valid"]] * 10
    assert await office.used() == 11
    office.clock.at += DAY + 1
    again = await office.send("jane@acme.test")
    assert await office.work_off(says("accepted"), again) == []
    assert await office.used() == 12


async def test_a_list_is_taken_on_as_a_whole_or_not_at_all(office: Office) -> None:
    with pytest.raises(QuotaTooSmall, match="3 addresses, and 2 verifications are left"):
        await office.send("a@a.test", "b@a.test", "c@a.test", allowed=2)
    with pytest.raises(TooManyRows):
        await office.send(*["a@a.test"] * (MOST_ROWS + 1))
    with pytest.raises(WrongParams):
        await office.send()

    assert await office.used() == 0
    assert await find_list(office.place.stores.app, office.account_id, 2) is None
    assert (await office.send("a@a.test", "b@a.test", "", allowed=2)).size == 3
    with pytest.raises(QuotaTooSmall):
        await office.send("c@a.test", allowed=2)


async def test_a_list_without_a_single_address_ends(office: Office) -> None:
    sent = await office.send(*[""] * 1_700, *["none"] * 900)
    assert await office.used() == 900
    assert await office.work_off(says("accepted"), sent) == []
    assert (await office.reload(sent)).tally == {"malformed": 2_600}
    assert await office.used() == 0


async def test_cancelling_keeps_what_is_done_and_gives_the_rest_back(office: Office) -> None:
    hold = asyncio.Event()

    async def act(job: Job) -> Outcome:
        if not job.local.startswith("u1"):
            await hold.wait()
        return await says("accepted")(job)

    sent = await office.send(*(f"u{number}@acme.test" for number in range(40)))
    async with office.working(Scripted(act)):
        async with asyncio.timeout(20):
            while (await office.reload(sent)).done < 11:
                await asyncio.sleep(0.05)
        async with office.place.stores.app.write() as conn:
            stopped = await cancel(conn, sent.account_id, sent.id, now=office.clock.at)
        hold.set()
        await asyncio.sleep(0.5)

    assert (stopped.status, stopped.done, stopped.given_back) == ("cancelled", 11, 29)
    assert await office.used() == 11
    assert await office.reload(sent) == stopped
    async with office.place.stores.app.write() as conn:
        assert await cancel(conn, sent.account_id, sent.id, now=office.clock.at) == stopped
        await delete(conn, sent.account_id, sent.id, now=office.clock.at)
    assert await office.rows(sent) == []
    assert await office.used() == 11


async def test_what_is_put_off_is_waited_for(office: Office) -> None:
    async def act(job: Job) -> Outcome:
        if not job.deferrals:
            return PutOff(office.clock.at + 60, office.clock.at, 1, job.trail)
        return await says("accepted")(job)

    sent = await office.send("ada@acme.test", "bob@acme.test")
    async with office.working(Scripted(act)):
        await asyncio.sleep(0.7)
        assert (await office.reload(sent)).done == 0
        office.clock.at += 60
        (done,) = await office.until_done(sent)
    assert done.tally == {"valid": 2}


async def test_a_dead_worker_loses_nothing(office: Office) -> None:
    emails = [f"u{number}@acme.test" for number in range(30)]
    sent = await office.send(*emails)
    place, now = office.place, office.clock.at
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    name = name_worker().split(":")
    dead = f"{name[0]}:{gone.pid}:0"

    async def never(job: Job) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    async with office.working(Scripted(never), window=10):
        await asyncio.sleep(1.0)
    async with place.stores.app.write() as conn:
        jobs = await claim_lists(conn, now=now, until=now + 30, worker=dead, limit=9)
        runs = await claim_jobs(conn, now=now, until=now + 240, worker=dead, limit=9)
    assert (len(jobs), len(runs)) == (1, 9)
    if place.stores.app.dialect == "postgresql":
        assert await free_orphans(place) == 0  # who knows of other machines?
        office.clock.at += 241

    done = await office.work_off(says("accepted"), sent)

    assert sorted(done) == sorted(emails)
    assert await office.endings(sent) == ["valid"] * 30
    assert await office.used() == 30


async def test_two_nodes_share_a_list(office: Office) -> None:
    emails = [f"u{number}@d{number % 5}.test" for number in range(600)]
    sent = await office.send(*emails)

    async def act(job: Job) -> Outcome:
        await asyncio.sleep(0.3)
        return await says("accepted")(job)

    one, other = Scripted(act), Scripted(act)
    other_place = msgspec.structs.replace(office.place, waiting=type(office.place.waiting)())
    another = Office(other_place, office.account_id, office.clock)
    async with office.working(one, at_once=60), another.working(other, at_once=60):
        (done,) = await office.until_done(sent)

    assert sorted(one.done + other.done) == sorted(emails)
    assert one.done
    assert other.done
    assert done.tally == {"valid": 600}
    assert await office.used() == 600


async def test_who_said_stop_is_not_asked_about(office: Office) -> None:
    claims = Claims(office.place.secret)
    await claim(office.place.stores, claims, parse_claimed("jane@acme.test"), office.clock, word=Word("operator"))
    sent = await office.send("Jane@acme.test", "joe@acme.test")

    assert await office.work_off(says("accepted"), sent) == ["joe@acme.test"]
    assert await office.endings(sent) == ["claimed", "valid"]

    await claim(office.place.stores, claims, parse_claimed("acme.test"), office.clock, word=Word("operator"))
    assert [row.email for row in await office.rows(sent)] == ["", ""]
    assert await office.endings(sent) == ["claimed", "claimed"]
    (counted,) = await office.place.stores.app.fetch_all(_PROBED)
    assert counted[0] == 0


async def test_a_mail_domains_limit_leaves_rows_out(office: Office) -> None:
    place = office.place
    office.place = msgspec.structs.replace(place, settings=msgspec.structs.replace(place.settings, verify_per_domain=7))
    sent = await office.send(*(f"u{number}@acme.test" for number in range(10)), "x@other.test")

    done = await office.work_off(says("accepted"), sent)

    assert len(done) == 8
    assert (await office.reload(sent)).tally == {"valid": 8, "domain_limit": 3}
    assert await office.used() == 8


async def test_the_index_makes_the_score(office: Office) -> None:
    async with office.place.stores.index.write() as conn:
        sighting = Sighting("acme.test", "jane", "https://acme.test/", office.clock.at, office.clock.at, "mailto")
        await merge(conn, sightings=[sighting], claims=Claims(b"0" * 32), today=office.clock.at)
    sent = await office.send("jane@acme.test", "joe@acme.test")
    await office.work_off(says("accepts_all"), sent)

    known, unheard = [row.ending.score for row in await office.rows(sent) if row.ending]
    assert known > unheard


async def test_lists_are_forgotten_in_the_end(office: Office) -> None:
    sent = await office.send("jane@acme.test")
    running = await office.send("joe@acme.test")
    await office.work_off(says("accepted"), sent, running)
    async with office.place.stores.app.write() as conn:
        assert await forget_lists(conn, office.clock.at - 1) == 0
        assert await forget_lists(conn, office.clock.at) == 2
    assert await office.rows(sent) == []


async def test_servers_that_want_us_back_later_do_not_hold_up_the_rest(office: Office) -> None:
    async def act(job: Job) -> Outcome:
        if job.domain == "grey.test" and not job.deferrals:
            return PutOff(office.clock.at + 60, office.clock.at, 1, job.trail)
        return await says("accepted")(job)

    sent = await office.send(*(f"u{n}@grey.test" for n in range(60)), *(f"u{n}@quick.test" for n in range(60)))
    async with office.working(Scripted(act), window=20):
        async with asyncio.timeout(20):
            while (await office.reload(sent)).done < 60:
                await asyncio.sleep(0.05)
        assert (await office.reload(sent)).tally == {"valid": 60}
        office.clock.at += 60
        (done,) = await office.until_done(sent)
    assert done.tally == {"valid": 120}


async def test_a_run_knows_whether_somebody_waits_for_it(office: Office) -> None:
    urgent: dict[str, bool] = {}

    async def act(job: Job) -> Outcome:
        await asyncio.sleep(0.1)
        urgent[job.local] = is_urgent.get()()
        return await says("accepted")(job)

    place = office.place
    sent = await office.send("row@acme.test")
    async with place.stores.app.write() as conn:
        asked, _ = await begin_verification(conn, "acme.test", "call", office.clock.at)
    async with office.working(Scripted(act)):
        await wait_for(place.stores.app, place.waiting, asked, seconds=10)
        await office.until_done(sent)
    assert urgent == {"row": False, "call": True}
