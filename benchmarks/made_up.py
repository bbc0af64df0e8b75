"""
A large made-up index to measure serving on, in either store, in seconds.

    python -m benchmarks.made_up sqlite:////tmp/big/index.db --addresses 1000000

One address in twenty is at the largest domain, the others at domains of seven to twelve, two sources each: 1,000,000
addresses are 100,000 domains, one of 50,000. Only the rows that are served are written, not the sightings behind them;
every name is invented and every domain is under `.example`.
"""

import argparse
import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import asyncpg
import msgspec

from vizsla.index.addresses import FULL_NAME, PHONE_NUMBER, POSITION, rank
from vizsla.index.company_names import list_names
from vizsla.index.refresh import FACETS_FROM
from vizsla.index.tables import index_metadata
from vizsla.index.titles import fold, infer_department, infer_seniority
from vizsla.kit.clock import DAY, day
from vizsla.storage.migrate import migrate

TODAY = 1_795_392_000  # 2026-11-23
_HEADS, _TAILS = (
    "Ma Lo Ki Re Ta Bo Ne Vi Su Da Fe Jo Pa El An Ro".split(),
    "ria nek lan dor mus vik sen tal bert ona lis gar".split(),
)
_FIRST = [head + tail for head in _HEADS for tail in _TAILS]
_LAST = [head + middle + tail for head in _HEADS for middle in ("", "ren", "kow", "ber") for tail in _TAILS]
_TITLES = [
    (title, infer_seniority(title), infer_department(title))
    for title in (
        "CEO", "Founder", "CFO", "CTO", "Head of Sales", "Sales Manager", "Account Executive", "Software Engineer",
        "Senior Software Engineer", "Junior Developer", "Data Scientist", "Accountant", "Controller", "General Counsel",
        "HR Manager", "Recruiter", "Support Agent", "Customer Success Manager", "Marketing Manager", "SEO Specialist",
        "Press Officer", "Designer", "Art Director", "Trainer", "Nurse", "Operations Manager", "Logistics Coordinator",
        "Project Manager", "Team Lead", "Intern",
    )
]  # fmt: skip
_ROLES = [
    ("info", None),
    ("contact", None),
    ("sales", "sales"),
    ("support", "support"),
    ("jobs", "hr"),
    ("press", "communication"),
]
_EMAIL = [column.name for column in index_metadata.tables["email"].columns]
_DOMAIN = [column.name for column in index_metadata.tables["domain"].columns]
Rows = dict[str, list[tuple[object, ...]]]


class MadeUp(msgspec.Struct, frozen=True):
    """What was written."""

    addresses: int
    domains: int
    largest: str
    n_largest: int
    typical: tuple[str, ...]
    """Domains of twelve addresses: what a load test asks for."""
    seconds: float = 0.0


def sizes(addresses: int, largest: int | None = None) -> list[int]:
    """How many addresses each domain has, the largest first."""
    first = addresses // 20 if largest is None else largest
    rest = addresses - first
    cycle = itertools.cycle((12, 7))
    counts = [first]
    while rest > 0:
        counts.append(min(next(cycle), rest))
        rest -= counts[-1]
    return counts


def domain_name(number: int) -> str:
    """The name of the domain with that *number*; 0 is the largest."""
    return f"bench{number:06}.example"


async def fill(url: str, *, addresses: int, largest: int | None = None, today: int = TODAY) -> MadeUp:
    """Write a made-up index into the database at *url*, which is made if it is not there."""
    start = time.perf_counter()
    await migrate(url, "index")
    counts = sizes(addresses, largest)
    batches = _batches(counts, today)
    if url.startswith("sqlite:///"):
        _write_sqlite(Path(url.removeprefix("sqlite:///")), batches)
    else:
        await _write_postgresql(url, batches)
    typical = tuple(domain_name(number) for number, count in enumerate(counts) if count == 12)
    return MadeUp(addresses, len(counts), domain_name(0), counts[0], typical, time.perf_counter() - start)


def _batches(counts: list[int], today: int) -> Iterator[Rows]:
    rows: Rows = {name: [] for name in ("email", "domain", "facet", "company_name")}
    for number, count in enumerate(counts):
        _make_domain(number, count, rows, today)
        if len(rows["email"]) >= 20_000:
            yield rows
            rows = {name: [] for name in rows}
    yield rows


def _make_domain(number: int, count: int, rows: Rows, today: int) -> None:
    chance = random.Random(number)
    domain = domain_name(number)
    emails = []
    facets: dict[tuple[object, ...], int] = {}
    generic = min(count // 4, len(_ROLES))
    for at in range(count):
        email = _make_generic(domain, at, chance, today) if at < generic else _make_person(domain, at, chance, today)
        emails.append(email)
        key = (domain, email["type"], email["seniority"] or "", email["department"] or "", email["fields"])
        facets[key] = facets.get(key, 0) + 1
    # In the order in which they are read: the rows of a page lie together.
    emails.sort(key=lambda email: (email["rank"], email["local"]))
    rows["email"] += [tuple(email[name] for name in _EMAIL) for email in emails]
    profile: dict[str, object] = {
        "domain": domain, "made_on": today, "n_emails": count, "n_personal": count - generic, "n_generic": generic,
        "pattern": "{first}.{last}", "organization": f"Bench {number} Ltd", "industry": "Software Development",
        "description": "A company that is made up, and makes things up for measuring.", "twitter": f"bench{number}",
        "technologies": '["nginx","react","sentry"]', "linked_domains": "[]", "country": "DE", "city": "Berlin",
        "headcount": "11-50", "accept_all": number % 3 == 0 or None, "accept_all_at": today if number % 3 == 0 else None,
    }  # fmt: skip
    profile["accept_all"] = 1 if profile["accept_all"] else None
    rows["domain"].append(tuple(profile.get(name) for name in _DOMAIN))
    rows["company_name"] += [
        (name, domain, weight) for name, weight in list_names(domain, [f"Bench {number} Ltd"], count)
    ]
    if count > FACETS_FROM:
        rows["facet"] += [(*key, n) for key, n in facets.items()]


def _make_person(domain: str, at: int, chance: random.Random, today: int) -> dict[str, object]:
    first, last = _FIRST[chance.randrange(len(_FIRST))], _LAST[chance.randrange(len(_LAST))]
    title, seniority, department = (
        _TITLES[chance.randrange(len(_TITLES))] if chance.random() < 0.7 else (None, None, None)
    )
    phone = f"+4930{chance.randrange(10**6):06}" if chance.random() < 0.2 else None
    fields = FULL_NAME | (POSITION if title else 0) | (PHONE_NUMBER if phone else 0)
    made = _make(domain, f"{first}.{last}{at}".lower(), "personal", fields, chance=chance, today=today)
    return made | {
        "seniority": seniority, "department": department, "first_name": first, "last_name": last, "position": title,
        "position_raw": title, "position_folded": fold(title) if title else None, "phone_number": phone,
    }  # fmt: skip


def _make_generic(domain: str, at: int, chance: random.Random, today: int) -> dict[str, object]:
    local, department = _ROLES[at]
    return _make(domain, local, "generic", 0, chance=chance, today=today) | {"department": department}


def _make(domain: str, local: str, kind: str, fields: int, *, chance: random.Random, today: int) -> dict[str, object]:
    confidence, age = chance.randrange(40, 100), chance.randrange(1, 900)
    first, last = today - (age + 300) * DAY, today - age * DAY
    is_verified = chance.random() < 0.3
    sources = ",".join(
        f'{{"domain":"{host}","uri":"https://{host}/{page}","extracted_on":"{day(first)}","last_seen_on":"{day(last)}",'
        f'"still_on_page":{"true" if age < 400 else "false"}}}'
        for host, page in (
            (domain, f"team/{local}"),
            (f"news.{domain}", f"2026/some-longer-headline-of-the-day/{local}"),
        )
    )
    return dict.fromkeys(_EMAIL) | {
        "domain": domain, "local": local, "rank": rank(confidence, 2), "type": kind, "fields": fields,
        "confidence": confidence, "certainty": confidence / 100, "n_sources": 2, "first_seen": first, "last_seen": last, "sources": f"[{sources}]",
        "verification_status": chance.choice(("valid", "accept_all", "unknown")) if is_verified else None,
        "verified_at": today - chance.randrange(60) * DAY if is_verified else None,
    }  # fmt: skip


def _write_sqlite(path: Path, batches: Iterable[Rows]) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous=OFF")
    raw.execute("PRAGMA cache_size=-200000")
    for rows in batches:
        raw.execute("BEGIN")
        for table, some in rows.items():
            if some:
                places = ", ".join("?" * len(some[0]))
                raw.executemany(f"INSERT INTO {table} VALUES ({places})", some)
        raw.execute("COMMIT")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()


async def _write_postgresql(url: str, batches: Iterable[Rows]) -> None:
    raw = await asyncpg.connect(url)
    for rows in batches:
        for table, some in rows.items():
            if some:
                await raw.copy_records_to_table(table, records=some)
    # The index alone answers only where the visibility map says that it may.
    await raw.execute("VACUUM ANALYZE")
    await raw.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--addresses", type=int, default=1_000_000)
    parser.add_argument("--largest", type=int)
    arguments = parser.parse_args()
    made = asyncio.run(fill(arguments.url, addresses=arguments.addresses, largest=arguments.largest))
    print(
        f"{made.addresses:,} addresses, {made.domains:,} domains, {made.largest} has {made.n_largest:,}; {made.seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
