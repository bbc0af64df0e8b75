"""An operator has archives read that lie in the home, sees how far that is, and what came of every run."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.conftest import Moment
from archives import gz, page_about, response
from vizsla.desk.harvests import MOST_WAITING, TooManyHarvests, ask_for_harvest, list_archives
from vizsla.desk.services import Services
from vizsla.harvest.sources import HarvestError
from vizsla.index.runs import KEPT, Run, forget_runs, list_runs, stop_run, take_harvest
from vizsla.kit.errors import WrongParams
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.work import recording
from vizsla.work.harvests import ATTEMPTS, harvest_one
from vizsla.work.leased import LASTS
from vizsla.work.taking_in import ONE_PROCESS, harvest_into
from vizsla.work.workplace import Workplace

_KNOWN = statement("SELECT local FROM email WHERE domain = 'acme.com' ORDER BY local")


def tell(event: str, *, level: str = "info", **values: object) -> None:
    """Nobody reads this log."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "EVERY", 0.05)


@pytest.fixture
def place(stores: Stores, settings: Settings) -> Workplace:
    return Workplace(settings, stores, find_secret(settings), Moment())


@pytest.fixture
async def services(place: Workplace) -> Services:
    return Services(place.settings, place.stores, await place.claims(), clock=place.clock)


@pytest.fixture
def warc(place: Workplace) -> Iterator[Path]:
    folder = place.settings.home / "warc"
    (folder / "acme.com").mkdir(parents=True)
    archive = gz(response("https://acme.com/team", page_about("Team", "jane.doe@acme.com")))
    (folder / "acme.com" / "one.warc.gz").write_bytes(archive)
    (folder / "two.warc.gz").write_bytes(gz(response("https://acme.com/b", page_about("B", "joe.roe@acme.com"))))
    (folder / "broken.warc.gz").write_bytes(b"no archive")
    (folder / "notes.txt").write_text("no archive either")
    (folder / "elsewhere.warc.gz").symlink_to("/etc/hostname")
    yield folder
    shutil.rmtree(folder)


async def ask(services: Services, *names: str) -> int:
    return await ask_for_harvest(services, names, list_archives(services.settings.home), services.clock.now())


async def newest(place: Workplace) -> Run:
    return (await list_runs(place.stores.index, now=place.clock.now()))[0]


async def known(place: Workplace) -> list[str]:
    return [row[0] for row in await place.stores.index.fetch_all(_KNOWN)]


async def test_what_is_chosen_is_read_and_the_run_says_what_came_of_it(
    services: Services, place: Workplace, warc: Path
) -> None:
    names = {one.name for one in list_archives(place.settings.home)}
    assert names == {"acme.com/one.warc.gz", "two.warc.gz", "broken.warc.gz"}
    await ask(services, "acme.com/one.warc.gz", "broken.warc.gz")
    assert (await newest(place)).state == "waiting"

    assert await harvest_one(place, "w", tell)
    assert not await harvest_one(place, "w", tell)

    run = await newest(place)
    assert (run.kind, run.by_whom, run.state, run.ending) == ("harvest", "operator", "done", "Everything was read.")
    assert (run.counts.files, run.counts.pages, run.counts.addresses) == (2, 1, 1)
    assert [(bad.name, bad.reason) for bad in run.counts.failed] == [("broken.warc.gz", "is not a WARC file.")]
    assert await known(place) == ["jane.doe"]


async def test_only_files_of_the_list_are_read(services: Services, place: Workplace, warc: Path) -> None:
    for names in (
        [],
        ["notes.txt"],
        ["../app.db"],
        ["/etc/passwd"],
        ["elsewhere.warc.gz"],
        ["two.warc.gz", "gone.warc"],
    ):
        with pytest.raises(WrongParams):
            await ask(services, *names)
    await ask(services, "two.warc.gz")
    (warc / "two.warc.gz").unlink()

    assert await harvest_one(place, "w", tell)

    run = await newest(place)
    assert (run.state, run.ending) == ("failed", "There is no two.warc.gz any more.")


async def test_harvests_wait_in_bounds_and_can_be_cancelled(services: Services, place: Workplace, warc: Path) -> None:
    for _ in range(MOST_WAITING):
        last = await ask(services, "two.warc.gz")
    with pytest.raises(TooManyHarvests):
        await ask(services, "two.warc.gz")

    async with place.stores.index.write() as conn:
        assert await stop_run(conn, last, place.clock.now())
        assert not await stop_run(conn, last, place.clock.now())
    assert (await newest(place)).state == "cancelled"


async def test_a_harvest_is_stopped_while_it_runs(
    services: Services, place: Workplace, warc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (warc / "large.warc.gz").write_bytes(
        b"".join(
            gz(response(f"https://acme.com/{number}", page_about("Team", f"p{number}@acme.com")))
            for number in range(6_000)
        )
    )
    run_id = await ask(services, "large.warc.gz")
    running = asyncio.create_task(harvest_one(place, "w", tell))
    while (await newest(place)).state != "running":
        await asyncio.sleep(0.02)
    async with place.stores.index.write() as conn:
        assert await stop_run(conn, run_id, place.clock.now())
    await running

    assert (await newest(place)).state == "cancelled"
    assert not await harvest_one(place, "w", tell)


async def test_another_goes_on_where_a_dead_worker_was_but_not_for_ever(
    services: Services, place: Workplace, warc: Path
) -> None:
    clock = place.clock
    assert isinstance(clock, Moment)
    await ask(services, "two.warc.gz")
    running = asyncio.create_task(harvest_one(place, "w", tell))
    while (await newest(place)).state != "running":
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert (await newest(place)).state == "waiting"
    assert await harvest_one(place, "other", tell)
    assert await known(place) == ["joe.roe"]

    await ask(services, "two.warc.gz")
    async with place.stores.index.write() as conn:
        for _ in range(ATTEMPTS):
            assert await take_harvest(conn, now=clock.at, until=clock.at + LASTS, worker="dead")
            clock.at += LASTS
    assert await harvest_one(place, "w", tell)
    assert (await newest(place)).ending == "The processes that read it died each time."


async def test_a_command_leaves_a_row_and_one_that_was_killed_is_seen_to_be(place: Workplace, warc: Path) -> None:
    clock = place.clock
    assert isinstance(clock, Moment)
    await harvest_into(place, [str(warc / "two.warc.gz")], engine=ONE_PROCESS, names=["two.warc.gz"])
    run = await newest(place)
    assert (run.by_whom, run.state, run.names) == ("command line", "done", ["two.warc.gz"])

    with pytest.raises(HarvestError):
        await harvest_into(place, [str(warc / "nothing-here.warc")], engine=ONE_PROCESS)
    assert (await newest(place)).state == "failed"

    async with place.stores.index.write() as conn:
        await conn.execute(
            statement("UPDATE harvest_run SET state = 'running', ended_at = NULL, heard_at = :now WHERE id = :id"),
            {"now": clock.at, "id": run.id},
        )
    clock.at += 3_600
    assert [one.state for one in await list_runs(place.stores.index, now=clock.at)] == ["failed", "stopped"]
    async with place.stores.index.write() as conn:
        await forget_runs(conn, clock.at + KEPT)
    assert await list_runs(place.stores.index, now=clock.at) == []
