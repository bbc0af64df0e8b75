"""
What does it cost to load a harvest of 10,000,000 addresses?

Folded rows as a harvest leaves them (sorted, in buckets) are made up as they are needed: domains of one to some hundred
addresses, some of 5,000 and one of 50,000; four sightings of each address, one of them on a page of another company; names,
titles and telephones for a part; a visit of each page, and what the company says of itself. They are loaded into an empty
index of each store, beside the least that the same database does with the same rows: bare COPY or executemany of the
sightings into a table with the same keys, in the same minutes. Then one page in a hundred is harvested anew, and searched.

    make bench ARGS="index_load [--addresses=N] [--buckets=N] [--no-postgres] [--no-sqlite] [--at-once=N] [--folder=DIR] [--json]"
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.made_up import _FIRST, _LAST, _ROLES, _TITLES, TODAY
from vizsla.harvest.job import bucket_of
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.bulk import AT_ONCE, AT_ONCE_ALONE, Load
from vizsla.index.search import DOMAIN_COLUMNS, Filters, find_domain_row, list_page
from vizsla.index.tables import sighting
from vizsla.index.truth import row_of
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database
from vizsla.storage.open import open_database
from vizsla.storage.statement import statement

BATCH = 32_768
_NOBODY = Claims(b"0" * 32)
Row = Sighting | Fact | Visit


class World:
    """A made-up web of companies."""

    def __init__(self, addresses: int, buckets: int) -> None:
        self.buckets = buckets
        self.sizes = _sizes(addresses)
        self.addresses = sum(self.sizes)

    def name(self, number: int) -> str:
        """The domain of a company; their order is not that of the alphabet."""
        return f"{_LAST[number * 7919 % len(_LAST)].lower()}{number:07}.example"

    def visits(self, bucket: int) -> Iterator[Visit]:
        """What a harvest's bucket says of its pages, sorted."""
        for name, number in self._members(bucket):
            for page in range(_n_pages(self.sizes[number])):
                yield Visit(f"https://www.{name}/{page}", name, _fetched_at(number, page), f"sha1:{number:09}{page:06}")

    def rows(self, bucket: int) -> Iterator[Row]:
        """What it says of companies and addresses, sorted."""
        for name, number in self._members(bucket):
            yield from self._facts(name, number)
        for name, number in self._members(bucket):
            yield from self._sightings(name, number)

    def news(self, share: float, *, scattered: bool) -> Iterator[Row]:
        """
        That *share* of the pages, fetched anew a day later with a new body: of companies drawn until there are enough pages,
        or of all, so that nearly every page is another company's.
        """
        chance = random.Random(1)
        later = TODAY + DAY // 2
        changed: set[tuple[int, int]] = set()
        pages = sum(map(_n_pages, self.sizes))
        for _ in range(pages * 20):
            if len(changed) >= share * pages:
                break
            number = chance.randrange(len(self.sizes))
            count = _n_pages(self.sizes[number])
            changed.update([(number, chance.randrange(count))] if scattered else [(number, at) for at in range(count)])
        companies = sorted({number for number, _ in changed}, key=self.name)
        for number in companies:
            for page in range(_n_pages(self.sizes[number])):
                if (number, page) in changed:
                    name = self.name(number)
                    yield Visit(f"https://www.{name}/{page}", name, later, f"sha1:new{number:09}{page:06}")
        for number in companies:
            name = self.name(number)
            for fact in self._facts(name, number):
                if (number, int(fact.uri.rpartition("/")[2])) in changed:
                    yield msgspec.structs.replace(fact, seen_at=later)
        for number in companies:
            name = self.name(number)
            mine = f"https://www.{name}/"
            for one in self._sightings(name, number):
                if one.uri.startswith(mine) and (number, int(one.uri.rpartition("/")[2])) in changed:
                    yield msgspec.structs.replace(one, last_seen=later)

    def _members(self, bucket: int) -> list[tuple[str, int]]:
        names = ((self.name(number), number) for number in range(len(self.sizes)))
        return sorted(one for one in names if bucket_of(one[0], self.buckets) == bucket)

    def _facts(self, name: str, number: int) -> Iterator[Fact]:
        said = [("city", "Berlin"), ("country", "DE"), ("organization", f"{name[:-15].title()} {number} Ltd")]
        for at, (key, value) in enumerate(said):
            page = at % _n_pages(self.sizes[number])
            yield Fact(name, key, value, f"https://www.{name}/{page}", _fetched_at(number, page), 1 + at)

    def _sightings(self, name: str, number: int) -> Iterator[Sighting]:
        size = self.sizes[number]
        made = sorted({one[0]: one for one in (self._person(number, at) for at in range(size))}.values())
        for local, first, last, title, phone in made:
            chance = random.Random(f"{number} {local}")
            pages = _n_pages(size)
            own = chance.sample(range(pages), min(3, pages))
            seen = {f"https://www.{name}/{page}": _fetched_at(number, page) for page in own}
            while len(seen) < 4:
                other = chance.randrange(len(self.sizes))
                page = chance.randrange(_n_pages(self.sizes[other]))
                seen[f"https://www.{self.name(other)}/{page}"] = _fetched_at(other, page)
            for uri, at in sorted(seen.items()):
                yield Sighting(
                    name, local, uri, at - 200 * DAY, at, "mailto", first, last, 3 if last else 0, title, phone,
                    digest="",
                )  # fmt: skip

    def _person(self, number: int, at: int) -> tuple[str, str | None, str | None, str | None, str | None]:
        if at < min(self.sizes[number] // 4, len(_ROLES)):
            return _ROLES[at][0], None, None, None, None
        chance = random.Random(number << 20 | at)
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        form = number % 4
        local = (
            f"{first}.{last}"
            if form == 0
            else f"{first[0]}{last}"
            if form == 1
            else first
            if form == 2
            else f"{first}{last[0]}"
        ).lower()
        if self.sizes[number] > 8:
            local += str(at)
        if chance.random() < 0.4:
            return local, None, None, None, None
        title = chance.choice(_TITLES)[0] if chance.random() < 0.5 else None
        return local, first, last, title, f"+4930{chance.randrange(10**6):06}" if chance.random() < 0.2 else None


def _sizes(addresses: int) -> list[int]:
    chance = random.Random(0)
    sizes = [50_000] * (addresses >= 1_000_000) + [5_000] * (addresses // 500_000)
    left = addresses - sum(sizes)
    while left > 0:
        sizes.append(min(left, 600, 1 + int(chance.paretovariate(1.1) * 2)))
        left -= sizes[-1]
    return sizes


def _n_pages(size: int) -> int:
    return 2 + size // 3


def _fetched_at(number: int, page: int) -> int:
    return TODAY - (1 + (number * 31 + page * 17) % 700) * DAY


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


class Loader:
    """Loads parts as `vizsla harvest` does, and looks at the clock."""

    def __init__(self, index: Database, at_once: int, today: int = TODAY) -> None:
        self._index = index
        self._at_once = at_once
        self._today = today
        self.seconds = 0.0
        self.sightings = self.addresses = self.visits = self.facts = 0
        self.longest: list[float] = []

    async def part(self, rows: Iterable[Row]) -> None:
        """One part of a harvest; making the rows up does not count."""
        load = Load(claims=_NOBODY, today=self._today, at_once=self._at_once)
        for batch in _batches(rows):
            load.add(batch)
            await self._steps(load)
        load.end()
        await self._steps(load)
        for name in ("sightings", "addresses", "visits", "facts"):
            setattr(self, name, getattr(self, name) + getattr(load.report, name))

    async def _steps(self, load: Load) -> None:
        while load.has_more:
            began = time.perf_counter()
            async with self._index.write() as conn:
                await load.step(conn)
            took = time.perf_counter() - began
            self.seconds += took
            self.longest = sorted([*self.longest, took])[-20:]


async def _bare(index: Database, rows: list[tuple[object, ...]]) -> float:
    """Rows a second of the sightings alone into a table like theirs, without asking anything."""
    make = statement(
        "CREATE TABLE bare (domain TEXT, local TEXT, uri TEXT, first_seen BIGINT, last_seen BIGINT, evidence TEXT, "
        "PRIMARY KEY (domain, local, uri))"
    )
    table = sighting.to_metadata(type(sighting.metadata)(), name="bare")
    async with index.write() as conn:
        await conn.execute(make)
        await conn.execute(statement("CREATE INDEX bare_uri ON bare (uri, domain, local)"))
    began = time.perf_counter()
    for start in range(0, len(rows), 10_000):
        async with index.write() as conn:
            await conn.load(table, rows[start : start + 10_000])
    took = time.perf_counter() - began
    async with index.write() as conn:
        await conn.execute(statement("DROP TABLE bare"))
    return len(rows) / took


async def _search(index: Database, world: World) -> dict[str, float]:
    """Milliseconds of a first page of a domain drawn from all."""
    chance = random.Random(2)
    taken = []
    for _ in range(3_000):
        name = world.name(chance.randrange(len(world.sizes)))
        began = time.perf_counter()
        row = await find_domain_row(index, name)
        assert row is not None
        n_emails = row[DOMAIN_COLUMNS.index("n_emails")]
        await list_page(index, name, Filters(), n_emails=n_emails, total=n_emails, limit=10, offset=0)
        taken.append((time.perf_counter() - began) * 1e3)
    taken = sorted(taken[500:])
    return {"p50_ms": taken[len(taken) // 2], "p99_ms": taken[len(taken) * 99 // 100]}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _measure(url: str, world: World, at_once: int) -> dict[str, object]:
    index = await open_database(url, "index")
    try:
        loader = Loader(index, at_once)
        memory = []
        for bucket in range(world.buckets):
            await loader.part(world.visits(bucket))
        visits_seconds = loader.seconds
        sample: list[tuple[object, ...]] = []
        for bucket in range(world.buckets):
            await loader.part(world.rows(bucket))
            memory.append(round(_peak_mib()))
            _tell(
                f"{url.partition(':')[0]}: bucket {bucket + 1}/{world.buckets}: {loader.sightings:,} sightings, "
                f"{loader.addresses:,} addresses, {loader.seconds:.0f} s, {loader.sightings / loader.seconds:,.0f}/s, {memory[-1]} MiB"
            )
        for one in world.rows(0):
            if isinstance(one, Sighting):
                sample.append(row_of(one))
                if len(sample) == 200_000:
                    break
        bare = await _bare(index, sample)
        if index.dialect == "postgresql":
            async with index.write() as conn:
                await conn.execute(statement("ANALYZE"))
        searched = await _search(index, world)
        news = {}
        for name, scattered in (("of_some_companies", False), ("scattered", True)):
            again = Loader(index, at_once, TODAY + DAY)
            await again.part(world.news(0.01, scattered=scattered))
            news[name] = {
                "pages": again.visits, "sightings": again.sightings, "seconds": again.seconds,
                "of_full": again.seconds / loader.seconds,
            }  # fmt: skip
            _tell(f"{url.partition(':')[0]}: 1 % of the pages anew, {name}: {news[name]}")
        return {
            "addresses": loader.addresses, "sightings": loader.sightings, "visits": loader.visits, "facts": loader.facts,
            "domains": len(world.sizes), "at_once": at_once, "seconds": loader.seconds, "visits_seconds": visits_seconds,
            "sightings_per_second": loader.sightings / loader.seconds, "bare_per_second": bare,
            "of_bare": loader.sightings / loader.seconds / bare,
            "longest_steps_s": [round(one, 3) for one in loader.longest], "peak_mib": memory, "search": searched, "news": news,
        }  # fmt: skip
    finally:
        await index.close()


def _tell(text: str) -> None:
    print(time.strftime("%H:%M:%S", time.gmtime()), text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from postgres import PostgresServer

    server = PostgresServer()
    try:
        yield server.url("postgres")
    finally:
        server.stop()


def main(arguments: Sequence[str] = ()) -> None:
    """The command line."""
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
    addresses = int(options.get("addresses", 1_000_000))
    world = World(addresses, int(options.get("buckets", max(4, addresses // 100_000))))
    result: dict[str, object] = {"cpus": os.cpu_count(), "load_average": os.getloadavg()}
    if "no-sqlite" not in options:
        folder = Path(tempfile.mkdtemp(prefix="vizsla-bench-", dir=options.get("folder")))
        try:
            path = folder / "index.db"
            found = asyncio.run(_measure(f"sqlite:///{path}", world, int(options.get("at-once", AT_ONCE))))
            result["sqlite"] = found | {"file_mb": path.stat().st_size >> 20}
        finally:
            shutil.rmtree(folder)
    if "no-postgres" not in options:
        with _postgres() as url:
            result["postgresql"] = asyncio.run(_measure(url, world, int(options.get("at-once", AT_ONCE_ALONE))))
    print(json.dumps(result, indent=None if "json" in options else 2))
