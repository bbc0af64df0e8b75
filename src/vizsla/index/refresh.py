"""
How are the rows that are served made anew from the truth?

Rows are a function of what was read and of the day. Nothing is counted up or down, so nothing drifts, and a merge that
died half-way is repaired by merging again. The callers bound how much is made at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table

from vizsla.index.addresses import FULL_NAME, MOST_SIGHTINGS, Address, Seen, infer_address, rank
from vizsla.index.company_names import list_names
from vizsla.index.confidence import confidence
from vizsla.index.evidence import decode_evidence
from vizsla.index.habits import MOST_NAMED, MOST_NAMELESS, Habits, Known, dump_clues, fit_of, infer_habits, read_habits
from vizsla.index.profile import FIELDS, Vote, infer_profile
from vizsla.index.tables import company_name, domain, domain_pattern, email, facet
from vizsla.index.truth import Body, Pair, last_known_there
from vizsla.kit.clock import midnight
from vizsla.kit.domain_name import site_of
from vizsla.naming.pattern import infer_pattern
from vizsla.naming.prior import load_prior
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import Statement, statement

T = TypeVar("T")
Kind = tuple[str, str, str, int]
"""Type, seniority, department (empty for none) and fields of an address."""
FACETS_FROM = 500
"""Addresses from which a domain's counts are kept instead of being counted when asked (14 µs against 5 ms at 50,000)."""
ADDRESSES_AT_ONCE, DOMAINS_AT_ONCE = 100, 30
_ROWS_AT_ONCE = 20_000
_VALUES = 100
"""Values of one key that are looked at, the most said first: a page may be made to say thousands."""


def _put(table: Table, *, keep: frozenset[str] = frozenset(), first: frozenset[str] = frozenset()) -> Statement:
    """Write a row over the one with its key, but for the columns to *keep*, and those that only its *first* writing sets."""
    key = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.columns if column.name not in keep]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {*key, *first})
    values = ", ".join(f":{name}" for name in names)
    return statement(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
    )


# What mail servers said is not in the pages: it stays when a row is made anew.
_PUT_EMAIL = _put(email, keep=frozenset({"verification_status", "verified_at"}))
# Some of a domain's addresses are made anew when they are read again, all of them by index.ageing.
_PUT_DOMAIN = _put(domain, keep=frozenset({"accept_all", "accept_all_at"}), first=frozenset({"made_on"}))
_PUT_FACET = _put(facet)
_PUT_NAME = _put(company_name)
_PUT_PATTERN = _put(domain_pattern)

_WANTED = """
    SELECT json_extract(value, '$[0]') AS domain, json_extract(value, '$[1]') AS local FROM json_each(:pairs)"""
_WANTED_PG = "SELECT pair->>0 AS domain, pair->>1 AS local FROM json_array_elements(:pairs::json) AS pair"
_SIGHTINGS = """
    SELECT domain, local, uri, first_seen, last_seen, evidence, n, earliest FROM (
        SELECT sighting.domain, sighting.local, uri, first_seen, last_seen, evidence,
            count(*) OVER address AS n,
            min(first_seen) OVER address AS earliest,
            row_number() OVER (
                PARTITION BY sighting.domain, sighting.local ORDER BY last_seen DESC, uri
            ) AS place
        FROM ({wanted}) AS wanted CROSS JOIN sighting
        WHERE sighting.domain = wanted.domain AND sighting.local = wanted.local
        WINDOW address AS (PARTITION BY sighting.domain, sighting.local)
    ) AS placed WHERE place <= :most"""
_FIND_SIGHTINGS = statement(_SIGHTINGS.format(wanted=_WANTED), postgresql=_SIGHTINGS.format(wanted=_WANTED_PG))
_VERIFICATIONS = """
    SELECT email.domain, email.local, verification_status, verified_at FROM ({wanted}) AS wanted CROSS JOIN email
    WHERE email.domain = wanted.domain AND email.local = wanted.local AND verified_at IS NOT NULL"""
_FIND_VERIFICATIONS = statement(
    _VERIFICATIONS.format(wanted=_WANTED), postgresql=_VERIFICATIONS.format(wanted=_WANTED_PG)
)
_BODIES = """
    SELECT uri, digest, first_fetched, last_fetched FROM ({wanted}) AS wanted CROSS JOIN page
    WHERE page.domain = wanted.domain AND page.uri = wanted.local"""
_FIND_BODIES = statement(_BODIES.format(wanted=_WANTED), postgresql=_BODIES.format(wanted=_WANTED_PG))
_DELETE_EMAIL = statement("DELETE FROM email WHERE domain = :domain AND local = :local")

_SIZES = statement("SELECT domain, count(*) FROM email WHERE domain IN :domains[text] GROUP BY domain")
_KINDS = "coalesce(seniority, '') AS seniority, coalesce(department, '') AS department, fields"
_KNOWN = "local, first_name, last_name, certainty, verification_status"
_SMALL = statement(f"""
    SELECT domain, type, {_KINDS}, {_KNOWN}, n_sources, rank FROM email WHERE domain IN :domains[text]
""")  # noqa: S608
_LARGE = statement(f"""
    SELECT domain, type, {_KINDS}, rank, local FROM email WHERE domain = :domain AND (rank, local) > (:rank, :local)
    ORDER BY rank, local LIMIT :most
""")  # noqa: S608
_LARGE_BEFORE = statement(f"SELECT domain FROM domain WHERE domain IN :domains[text] AND n_emails > {FACETS_FROM}")  # noqa: S608
_RANKS = statement("SELECT local, certainty, n_sources, rank FROM email WHERE domain = :domain")
_SUREST = statement(f"""
    SELECT {_KNOWN} FROM email WHERE domain = :domain AND type = 'personal' AND (fields & {FULL_NAME}) = :named
    ORDER BY rank, local LIMIT :most
""")  # noqa: S608
# A page says a thing now unless it was fetched later with a body that it did not have before.
_VOTES = statement("""
    SELECT domain, key, value, current, weight, last_seen FROM (
        SELECT domain, key, value, current, weight, last_seen,
            row_number() OVER (PARTITION BY domain, key ORDER BY current DESC, weight DESC, last_seen DESC, value) AS place
        FROM (
            SELECT domain, key, value, sum(weight) AS weight, max(last_seen) AS last_seen,
                sum(CASE WHEN EXISTS (
                    SELECT 1 FROM page WHERE page.domain = fact.domain AND page.uri = fact.uri
                    AND last_fetched > fact.last_seen AND (digest = '' OR first_fetched > fact.last_seen)
                ) THEN 0 ELSE weight END) AS current
            FROM fact WHERE domain IN :domains[text] GROUP BY domain, key, value
        ) AS said
    ) AS placed WHERE place <= :most
""")
_ACCEPTING = statement("SELECT domain FROM domain WHERE domain IN :domains[text] AND accept_all_at IS NOT NULL")
_SET_CONFIDENCE = statement(
    "UPDATE email SET confidence = :confidence, rank = :rank WHERE domain = :domain AND local = :local"
)
_SET_PATTERN = statement("UPDATE domain SET pattern = :pattern WHERE domain = :domain")
_DELETE_PATTERNS = statement("DELETE FROM domain_pattern WHERE domain IN :domains[text]")
_DELETE_DOMAINS = statement("DELETE FROM domain WHERE domain IN :domains[text]")
_DELETE_NAMES = statement("DELETE FROM company_name WHERE domain IN :domains[text]")
_DELETE_FACETS = statement("DELETE FROM facet WHERE domain IN :domains[text]")


async def refresh_addresses(conn: Connection, pairs: Sequence[Pair], today: int) -> None:
    """Make the rows of the addresses *pairs* anew; those that nothing shows any more are deleted."""
    today = midnight(today)  # so that rows made twice in a day are the same rows
    wanted = {"pairs": msgspec.json.encode(sorted(pairs)).decode()}
    rows = await conn.fetch_all(_FIND_SIGHTINGS, wanted | {"most": MOST_SIGHTINGS})
    verified = {(row[0], row[1]): (row[2], row[3]) for row in await conn.fetch_all(_FIND_VERIFICATIONS, wanted)}
    bodies = await find_bodies(conn, {row[2] for row in rows})
    sightings: dict[Pair, list[Row]] = defaultdict(list)
    for row in rows:
        sightings[row[0], row[1]].append(row)
    made = [make_address(found, bodies, verified.get(pair), today) for pair, found in sorted(sightings.items())]
    await conn.execute_many(_PUT_EMAIL, [msgspec.structs.asdict(address) for address in made])
    gone = sorted(set(pairs) - sightings.keys())
    await conn.execute_many(_DELETE_EMAIL, [{"domain": one[0], "local": one[1]} for one in gone])


def make_address(
    found: Sequence[Row], bodies: Mapping[str, Sequence[Body]], verified: tuple[str, int] | None, today: int
) -> Address:
    """The address whose newest sightings are *found*: domain, local, uri, first_seen, last_seen, evidence, how many, since when."""
    mail_domain, local, *_, n_sources, first_seen = found[0]
    status, verified_at = verified or (None, None)
    return infer_address(
        mail_domain, local, [_seen(row, bodies) for row in found],
        n_sources=n_sources, first_seen=first_seen, status=status, verified_at=verified_at, today=midnight(today),
    )  # fmt: skip


async def refresh_domains(
    conn: Connection, domains: Sequence[str], today: int, new: Mapping[str, "Content"] | None = None
) -> dict[Pair, tuple[int, int]]:
    """
    Make the rows of at most some thirty *domains* anew.

    All addresses of those in *new* are given, and are not written yet: returned is the confidence and the rank of those among
    them that (mis)fit the habits of their domain.
    """
    votes: dict[str, list[Vote]] = defaultdict(list)
    some = {"domains": list(domains)}
    new = new or {}
    contents = await _read(conn, [name for name in domains if name not in new])
    contents.update(new)
    for row in await conn.fetch_all(_VOTES, some | {"most": _VALUES}):
        votes[row[0]].append(Vote(*row[1:]))
    accepting = {row[0] for row in await conn.fetch_all(_ACCEPTING, some)}

    rows: list[dict[str, Any]] = []
    names: list[dict[str, Any]] = []
    habits: list[dict[str, Any]] = []
    moved: dict[Pair, tuple[int, int]] = {}
    for name in sorted(domains):
        counts = contents[name].counts
        n_emails = counts.total()
        n_personal = sum(n for kind, n in counts.items() if kind[0] == "personal")
        if not (n_emails or votes[name] or name in accepting):
            continue
        profile = infer_profile(votes[name])
        pattern, habit, moves = _judge_habits(name, contents[name])
        habits += habit
        moved.update(moves)
        rows.append({
            "domain": name, "made_on": midnight(today), "n_emails": n_emails, "n_personal": n_personal,
            "n_generic": n_emails - n_personal, "pattern": pattern,
            "technologies": profile.technologies, "linked_domains": profile.linked_domains,
            **{field: profile.fields[field] for field in FIELDS},
        })  # fmt: skip
        names += [
            {"name": spelling, "domain": name, "weight": weight}
            for spelling, weight in list_names(name, profile.names, n_emails)
        ]
    there = {row["domain"] for row in rows}
    await conn.execute(_DELETE_DOMAINS, {"domains": [name for name in domains if name not in there]})
    await conn.execute_many(_PUT_DOMAIN, rows)
    await conn.execute(_DELETE_PATTERNS, some)
    await conn.execute_many(_PUT_PATTERN, habits)
    await conn.execute(_DELETE_NAMES, some)
    await conn.execute_many(_PUT_NAME, names)
    await conn.execute(_DELETE_FACETS, some)
    facets = [
        {"domain": name, "type": kind[0], "seniority": kind[1], "department": kind[2], "fields": kind[3], "n": n}
        for name in domains
        if contents[name].counts.total() > FACETS_FROM
        for kind, n in sorted(contents[name].counts.items())
    ]
    await conn.execute_many(_PUT_FACET, facets)
    await _move(conn, {pair: move for pair, move in moved.items() if pair[0] not in new})
    return {pair: move for pair, move in moved.items() if pair[0] in new}


async def refresh_pattern(conn: Connection, name: str) -> None:
    """Make anew what the addresses at *name* say of how it makes them, when what is known of one of them changed."""
    contents = await _read(conn, [name], only_persons=True)
    pattern, habits, moved = _judge_habits(name, contents[name])
    await _move(conn, moved)
    await conn.execute(_SET_PATTERN, {"domain": name, "pattern": pattern})
    await conn.execute_many(_PUT_PATTERN, habits)


class Content:
    """The addresses of a domain: how many of each kind, and those of persons, all of a small one."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.persons: list[Known] = []
        self.places: dict[str, tuple[int, int]] = {}
        """Of a small domain, the number of sources and the rank of each person's address."""

    def add(self, kind: Kind, known: Known, n_sources: int, order: int) -> None:
        """An address of a small domain."""
        self.counts[kind] += 1
        if kind[0] == "personal":
            self.persons.append(known)
            self.places[known.local] = (n_sources, order)


def _judge_habits(name: str, content: Content) -> tuple[str | None, list[dict[str, Any]], dict[Pair, tuple[int, int]]]:
    """The pattern of the domain *name*, the row of its clues, and confidence and rank of addresses that (mis)fit."""
    if not content.persons:
        return None, [], {}
    habits = read_habits(name, content.persons)
    posterior = infer_habits(name, habits)
    moved = {}
    for one in content.persons:
        if (place := content.places.get(one.local)) is None:
            continue
        percent = confidence(one.certainty, fit_of(one, habits, posterior))
        if (order := rank(percent, place[0])) != place[1]:
            moved[name, one.local] = (percent, order)
    return infer_pattern(posterior), [_pattern_row(name, habits)], moved


async def _move(conn: Connection, moved: Mapping[Pair, tuple[int, int]]) -> None:
    await conn.execute_many(
        _SET_CONFIDENCE,
        [
            {"domain": name, "local": local, "confidence": percent, "rank": order}
            for (name, local), (percent, order) in moved.items()
        ],
    )


def _pattern_row(name: str, habits: Habits) -> dict[str, Any]:
    return {
        "domain": name,
        "version": load_prior().version,
        "n_named": habits.n_named,
        "n_nameless": habits.n_nameless,
        "clues": dump_clues(habits.counts),
    }


async def _read(conn: Connection, domains: Sequence[str], *, only_persons: bool = False) -> dict[str, Content]:
    """What each domain has. Counted here: SQLite groups by sorting, four times as long."""
    contents: dict[str, Content] = defaultdict(Content)
    sizes = {row[0]: row[1] for row in await conn.fetch_all(_SIZES, {"domains": list(domains)})}
    small = [name for name, n in sizes.items() if n <= FACETS_FROM]
    for name, kind, seniority, department, fields, *known, n_sources, order in await conn.fetch_all(
        _SMALL, {"domains": small}
    ):
        contents[name].add((kind, seniority, department, fields), Known(*known), n_sources, order)
    large = sorted(sizes.keys() - set(small))
    was_large = {row[0] for row in await conn.fetch_all(_LARGE_BEFORE, {"domains": large})} if large else set()
    for name in large:
        if name not in was_large:
            await _unmove(conn, name)
        after: dict[str, Any] = {"rank": -1, "local": ""}
        while not only_persons and (
            rows := await conn.fetch_all(_LARGE, {"domain": name, "most": _ROWS_AT_ONCE, **after})
        ):
            contents[name].counts.update(row[1:5] for row in rows)
            after = {"rank": rows[-1][5], "local": rows[-1][6]}
        # Too many to judge each: the confidence of a large domain's addresses does not regard how they are made.
        for named, most in ((FULL_NAME, MOST_NAMED), (0, MOST_NAMELESS)):
            found = await conn.fetch_all(_SUREST, {"domain": name, "named": named, "most": most})
            contents[name].persons += [Known(*row) for row in found]
    return contents


async def _unmove(conn: Connection, name: str) -> None:
    """Let the confidence of the addresses at *name*, which has become a large domain, not regard how they are made any more."""
    plain = {
        (name, local): (percent, rank(percent, n_sources))
        for local, certain, n_sources, before in await conn.fetch_all(_RANKS, {"domain": name})
        if rank(percent := confidence(certain), n_sources) != before
    }
    await _move(conn, plain)


async def find_bodies(conn: Reader, uris: Iterable[str]) -> dict[str, list[Body]]:
    """The bodies that each of the pages had."""
    bodies: dict[str, list[Body]] = defaultdict(list)
    pairs = sorted((site_of(uri), uri) for uri in uris)
    for uri, digest, first, last in await conn.fetch_all(_FIND_BODIES, {"pairs": msgspec.json.encode(pairs).decode()}):
        bodies[uri].append(Body(digest, first, last))
    return bodies


def _seen(row: Row, bodies: Mapping[str, Sequence[Body]]) -> Seen:
    uri, first_seen, last_seen, evidence = row[2:6]
    known, still_there = last_known_there(last_seen, bodies.get(uri, ()))
    return Seen(uri, first_seen, known, still_there, decode_evidence(evidence))


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """*items* in pieces of *size*."""
    return (items[at : at + size] for at in range(0, len(items), size))
