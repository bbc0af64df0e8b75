"""Pages of Common Crawl come into the index, those that are wanted and no others, and each once."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from vizsla.commoncrawl.listed import CommonCrawlError
from vizsla.harvest.records import Sighting
from vizsla.index.merge import MergeReport
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import add_claim, parse_claimed
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work.common_crawl import Wanted, take_crawl, take_pages
from vizsla.work.taking_in import ONE_PROCESS, merge_rows
from vizsla.work.workplace import Workplace
from worlds.common_crawl import CRAWL, NEXT, CommonCrawl, people
from worlds.web import Request, Route, page, status

_FOUND = statement("SELECT local, sources FROM email WHERE domain = :domain ORDER BY local")
_RUNS = statement("SELECT kind, names, state, ending FROM harvest_run ORDER BY id")
ACME = Wanted("domain", ("acme.com",), crawl=CRAWL)
LATER = "2026-11-02T03:04:05Z"


async def found(place: Workplace, domain: str = "acme.com") -> list[str]:
    return [row[0] for row in await place.stores.index.fetch_all(_FOUND, {"domain": domain})]


async def sources(place: Workplace, local: str) -> list[tuple[str, str, bool]]:
    rows = {row[0]: json.loads(row[1]) for row in await place.stores.index.fetch_all(_FOUND, {"domain": "acme.com"})}
    return [(one["uri"], one["last_seen_on"], one["still_on_page"]) for one in rows[local]]


def with_acme(crawl: CommonCrawl) -> None:
    crawl.add(
        1,
        {
            "https://acme.com/team": people("Team", "jane@acme.com"),
            "https://globex.com/": people("Globex", "hal@globex.com"),
            "https://www.acme.com/about": people("About", "info@acme.com"),
        },
    )
    crawl.add(2, {"https://acme.com/": people("Acme", "office@acme.com"), "https://acme.com.evil.net/": b"<p>"})


def with_place(place: Workplace, **settings: object) -> Workplace:
    return msgspec.structs.replace(place, settings=msgspec.structs.replace(place.settings, **settings))


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_a_domain_comes_record_by_record_and_once(place: Workplace, crawl: CommonCrawl) -> None:
    with_acme(crawl)
    crawl.twist = lambda request: status(404) if request.path.endswith("-00002.warc.gz") else None
    first = await take_pages(place, ACME)
    assert (first.fetched, first.failed, await found(place)) == (2, {"missing": 1}, ["info", "jane"])

    # What could not be had is asked for again, and nothing else is.
    crawl.twist = lambda request: None
    crawl.site.asked.clear()
    second = await take_pages(place, ACME)
    assert (second.fetched, second.unchanged, len(crawl.ranges)) == (1, 2, 1)
    assert await found(place) == ["info", "jane", "office"]


async def test_what_is_fetched_is_counted_and_kept(place: Workplace, crawl: CommonCrawl) -> None:
    with_acme(crawl)

    summary = await take_pages(place, ACME)

    assert await found(place) == ["info", "jane", "office"]
    assert await found(place, "globex.com") == []
    assert (summary.chosen, summary.fetched, summary.failed) == (3, 3, {})
    assert len(crawl.ranges) == summary.requests == 2  # two records of one file lie near each other
    assert summary.harvest is not None
    assert (summary.harvest.pages, summary.harvest.addresses) == (3, 3)
    assert [tuple(row) for row in await place.stores.index.fetch_all(_RUNS)] == [
        ("harvest", '["acme.com"]', "done", f"3 pages came from Common Crawl ({CRAWL}).")
    ]
    assert not list((place.settings.home / "commoncrawl").iterdir())
    (warc,) = summary.warcs
    assert Path(warc).is_relative_to(place.settings.home / "warc")

    crawl.site.asked.clear()
    again = await take_pages(place, ACME)
    assert (again.unchanged, again.fetched, crawl.ranges) == (3, 0, [])


async def test_a_newer_capture_says_whether_an_address_is_still_there(place: Workplace, crawl: CommonCrawl) -> None:
    team, about = people("Team", "jane@acme.com"), people("About", "info@acme.com")
    crawl.add(
        1,
        {
            "https://acme.com/team": team,
            "https://acme.com/about": about,
            "https://acme.com/press": people("P", "pr@acme.com"),
        },
    )
    await take_pages(place, ACME)
    crawl.add(
        9,
        {"https://acme.com/team": team, "https://acme.com/about": people("About", "hello@acme.com")},
        crawl=NEXT,
        date=LATER,
    )
    crawl.site.asked.clear()

    summary = await take_pages(place, Wanted("domain", ("acme.com",), crawl=NEXT))

    # The team's page is as it was: seen again, and not fetched. The other was fetched, and the address is gone from it.
    assert (summary.unchanged, summary.fetched, len(crawl.ranges)) == (1, 1, 1)
    assert await sources(place, "jane") == [("https://acme.com/team", "2026-11-02", True)]
    assert await sources(place, "info") == [("https://acme.com/about", "2026-10-02", False)]
    assert await sources(place, "hello") == [("https://acme.com/about", "2026-11-02", True)]
    assert await sources(place, "pr") == [("https://acme.com/press", "2026-10-02", True)]

    # What is older than what we know has nothing to say of today.
    crawl.add(3, {"https://acme.com/about": people("About", "old@acme.com")}, date="2026-10-03T00:00:00Z")
    old = await take_pages(place, ACME)
    assert (old.older, old.fetched) == (1, 0)
    assert await sources(place, "info") == [("https://acme.com/about", "2026-10-02", False)]


async def test_pages_that_bear_out_what_is_known_come_first(place: Workplace, crawl: CommonCrawl) -> None:
    post = "https://acme.com/blog/2020/01/x?y=1"
    crawl.add(
        1, {"https://acme.com/": people("Acme", "office@acme.com"), post: people("A longer page", *["a@acme.com"] * 9)}
    )
    told = Sighting("acme.com", "jane", post, 1_700_000_000, 1_700_000_000, "mailto")
    await merge_rows(place, MergeReport(), sightings=[told])

    only = await take_pages(place, Wanted("domain", ("acme.com",), crawl=CRAWL, most=1), dry_run=True)

    assert only.to_fetch.bytes == int(crawl.rows[CRAWL][1]["length"])


async def test_a_focus_takes_the_pages_on_which_companies_speak_of_themselves(
    place: Workplace, crawl: CommonCrawl, tmp_path: Path
) -> None:
    for number, name in enumerate(("eins.de", "zwei.de", "drei.de", "four.com", "five.dev")):
        crawl.add(
            number,
            {
                f"https://{name}/": people(name, f"info@{name}"),
                f"https://{name}/impressum": people(name, f"recht@{name}"),
                f"https://www.{name}/blog/{number}": people(name, f"blog@{name}"),
            },
        )
    crawl.write_columns(files=2, rows_a_group=2)
    mirror = crawl.write_to(tmp_path / "mirror")
    here = with_place(place, common_crawl=str(mirror), common_crawl_index="")
    async with place.stores.app.write() as conn:
        await add_claim(conn, await place.claims(), parse_claimed("drei.de"), place.clock.now())
    focus = Wanted("focus", ("four.com",), ("de",))

    dry = await take_pages(here, focus, dry_run=True)
    assert (dry.crawl, dry.chosen, dry.to_fetch.records, dry.to_fetch.files) == (CRAWL, 6, 6, 3)
    assert dry.to_fetch.bytes > 1_000
    assert dry.left_out == {"claimed": 2}
    for path in mirror.rglob("*.parquet"):
        path.unlink()  # the dry run has asked, so nobody asks again
    summary = await take_pages(here, focus)

    assert (summary.fetched, summary.failed, summary.harvest and summary.harvest.addresses) == (6, {}, 6)
    assert await found(place, "eins.de") == ["info", "recht"]
    assert await found(place, "four.com") == ["info", "recht"]
    assert await found(place, "drei.de") == await found(place, "five.dev") == []

    # The files of a mirror are read where they are, and stay.
    whole = await take_crawl(here, Wanted("full", shard="5/5"), engine=ONE_PROCESS)
    assert (whole.fetched, await found(place, "five.dev")) == (1, ["blog", "info", "recht"])
    assert len(list(mirror.rglob("*.warc.gz"))) == 5
    assert not crawl.site.asked


async def test_a_whole_crawl_is_read_file_by_file_and_in_parts(place: Workplace, crawl: CommonCrawl) -> None:
    for number in range(5):
        crawl.add(number, {f"https://d{number}.com/": people("D", f"info@d{number}.com")})
    del crawl.files[f"crawl-data/{CRAWL}/segments/1/warc/{CRAWL}-00004.warc.gz"]

    part = await take_crawl(place, Wanted("full", crawl=CRAWL, shard="1/2"), engine=ONE_PROCESS)
    assert (part.chosen, part.fetched, part.failed) == (3, 2, {"missing": 1})
    folder = place.settings.home / "warc" / "commoncrawl" / CRAWL
    assert not list(folder.iterdir())
    asked = len(crawl.ranges)

    whole = await take_crawl(place, Wanted("full", crawl=CRAWL), keep=True)
    assert (whole.unchanged, whole.fetched) == (2, 2)
    assert len(crawl.ranges) - asked == 3
    assert [len(await found(place, f"d{number}.com")) for number in range(5)] == [1, 1, 1, 1, 0]
    assert sorted(path.name for path in folder.iterdir()) == [f"{CRAWL}-00001.warc.gz", f"{CRAWL}-00003.warc.gz"]


async def test_what_does_not_fit_on_the_disk_is_not_begun(place: Workplace, crawl: CommonCrawl) -> None:
    names = [f"https://acme.com/{number}" for number in range(3)]
    for number, url in enumerate(names):
        crawl.list_row(CRAWL, url, "A" * 32, f"a/{number}.warc.gz", 0, 8 << 20, LATER)
    usage = SimpleNamespace(free=1 << 20)
    with (
        pytest.MonkeyPatch.context() as patched,
        pytest.raises(CommonCrawlError, match=r"0\.1 GB, and 0\.0 GB are free"),
    ):
        patched.setattr(shutil, "disk_usage", lambda path: usage)
        await take_pages(place, ACME)
    assert crawl.ranges == []


async def test_nothing_is_asked_unless_it_is_set_up(place: Workplace, crawl: CommonCrawl) -> None:
    with pytest.raises(CommonCrawlError, match="VIZSLA_COMMON_CRAWL"):
        await take_pages(with_place(place, common_crawl=""), ACME)
    with pytest.raises(CommonCrawlError, match="no such folder"):
        await take_pages(with_place(place, common_crawl="/nowhere/at/all"), ACME)
    with pytest.raises(CommonCrawlError, match="--crawl"):
        await take_pages(with_place(place, common_crawl_index=""), Wanted("domain", ("acme.com",)))
    assert not crawl.site.asked


async def test_an_index_that_cannot_be_had_is_an_error_and_no_empty_answer(
    place: Workplace, crawl: CommonCrawl
) -> None:
    with_acme(crawl)

    def broken(request: Request) -> Route | None:
        return status(500) if "page=0" in request.target else None

    crawl.twist = broken
    with pytest.raises(CommonCrawlError, match="500"):
        await take_pages(place, ACME)
    crawl.twist = lambda request: page("[]") if request.path == "/collinfo.json" else None
    with pytest.raises(CommonCrawlError, match="--crawl"):
        await take_pages(place, Wanted("domain", ("acme.com",)))
    crawl.twist = lambda request: None
    assert (await take_pages(place, ACME)).fetched == 3


_HARVEST = """
import sys
from vizsla.cli.main import main
if __name__ == "__main__":
    main(sys.argv[1:])
"""


async def test_after_kill_nine_nothing_comes_twice(
    settings: Settings, stores: Stores, place: Workplace, crawl: CommonCrawl
) -> None:
    for number in range(24):
        crawl.add(number, {f"https://acme.com/{number}": people("P", f"p{number}@acme.com")})
    script = settings.home / "harvest.py"
    script.write_text(_HARVEST)
    environ = dict(os.environ) | {
        "VIZSLA_HOME": str(settings.home), "VIZSLA_SECRET_KEY": "0" * 64, "VIZSLA_COMMON_CRAWL": "http://data.test",
        "VIZSLA_COMMON_CRAWL_INDEX": "http://index.test", "VIZSLA_EGRESS_ALLOW": "127.0.0.1/32", "VIZSLA_CRAWL_DELAY": "0",
        "VIZSLA_HTTP_PORTS": "80", "VIZSLA_HTTP_RESOLVE": ",".join(place.settings.http_resolve),
    }  # fmt: skip
    answered: list[str] = []
    killed: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        await crawl._data(request, writer)
        answered.append(request.path)

    def twist(request: Request) -> Route | None:
        if len(answered) > 10 and not killed:
            assert process is not None
            killed.append(len(answered))
            os.killpg(process.pid, signal.SIGKILL)
        return slowly if request.path.endswith(".warc.gz") else None

    crawl.twist = twist
    command = [
        sys.executable,
        str(script),
        "harvest",
        "--domain",
        "acme.com",
        "--crawl",
        CRAWL,
        "--jobs",
        "1",
        "--json",
    ]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert process.returncode == -signal.SIGKILL
    process.communicate()
    asked = len(crawl.asked("index.test"))

    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    out, talk = await asyncio.to_thread(process.communicate)

    assert process.returncode == 0, talk
    summary = json.loads(out)
    assert len(await found(place)) == 24
    assert len(crawl.asked("index.test")) == asked
    # What was on its way to the dead process had not come: four ranges at most, and as many that it had not written down.
    assert 24 <= len(crawl.ranges) <= 24 + 8
    assert 24 - killed[0] <= summary["fetched"] <= 24 - killed[0] + 4
