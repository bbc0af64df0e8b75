"""
How do many rows come into the index at once?

`Load` merges what a harvest folded, as `Merge` does and with the same rows in the end. Folded rows come sorted, all of one
domain together; so what the index does not know yet is complete in the stream, and is judged from memory before it is written:
once, in the order of its keys, as fast as the database takes rows (COPY on PostgreSQL). What the index knows is merged.

    load = Load(claims=…, today=…)
    load.add(visits)                     # of every page, before anything else
    load.add(facts)                      # then of each bucket
    load.add(sightings)
    load.end()
    while load.has_more:                 # after each `add`, too
        async with index.write() as conn:
            await load.step(conn)

Each step is whole: truth and what is served of it are written in one transaction.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence

import msgspec

from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.addresses import MOST_SIGHTINGS, Address
from vizsla.index.habits import Known
from vizsla.index.merge import Merge
from vizsla.index.refresh import FACETS_FROM, Content, find_bodies, make_address, parts, refresh_domains
from vizsla.index.tables import email, sighting
from vizsla.index.truth import Pair, record_sightings, row_of
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Row
from vizsla.storage.statement import statement

AT_ONCE = 400
"""Sightings of one piece: some 50 ms."""
AT_ONCE_ALONE = 4_000
"""The same where nobody waits: on PostgreSQL, whose writers do not wait for each other, or before anybody is served."""
_LONGEST = 8
"""Times as many are taken together if they are of one domain: then it is judged whole."""
_MOST_ADDRESSES, _MOST_DOMAINS = 20_000, 100_000
"""What may wait: addresses that the index knew, and the names of domains of which facts were read before their addresses."""
_DOMAINS_AT_ONCE = 200

_KNOWN_DOMAINS_TEXT = """
    SELECT d.value FROM :domains[text] AS d{columns}
    WHERE EXISTS (SELECT 1 FROM sighting WHERE sighting.domain = d.value)
    OR EXISTS (SELECT 1 FROM email WHERE email.domain = d.value)"""
_KNOWN_DOMAINS = statement(
    _KNOWN_DOMAINS_TEXT.format(columns=""), postgresql=_KNOWN_DOMAINS_TEXT.format(columns="(value)")
)
_KNOWN_PAIRS_TEXT = """
    SELECT {domain}, {local} FROM {pairs} AS pair
    WHERE EXISTS (SELECT 1 FROM sighting WHERE sighting.domain = {domain} AND sighting.local = {local})
    OR EXISTS (SELECT 1 FROM email WHERE email.domain = {domain} AND email.local = {local})"""
_KNOWN_PAIRS = statement(
    _KNOWN_PAIRS_TEXT.format(
        domain="json_extract(value, '$[0]')", local="json_extract(value, '$[1]')", pairs="json_each(:pairs)"
    ),
    postgresql=_KNOWN_PAIRS_TEXT.format(
        domain="(pair->>0)", local="(pair->>1)", pairs="json_array_elements(:pairs::json)"
    ),
)
_EMAIL = tuple(email.c.keys())


class Piece(msgspec.Struct):
    """Sightings of whole addresses."""

    sightings: list[Sighting]
    cut: frozenset[str] = frozenset()
    """Domains that go on in another piece, or began in one."""


class Load(Merge):
    """A merge of sorted rows. Those that are not sorted make it slower, not wrong."""

    def __init__(self, *, claims: Claims, today: int, at_once: int = AT_ONCE) -> None:
        super().__init__(claims=claims, today=today)
        self._is_read = True
        self._most_domains = _MOST_DOMAINS
        self._at_once = at_once
        self._is_ended = False
        self._held: list[Sighting] = []
        self._goes_on = ""
        """The domain whose beginning is in a piece already."""
        self._pieces: deque[Piece] = deque()

    @property
    def has_more(self) -> bool:
        """Whether a step is left to do with what was added."""
        waits = bool(self._addresses) or bool(self._domains)
        return not self._is_read or bool(self._pieces) or self._is_crowded or (self._is_ended and waits)

    @property
    def _is_over(self) -> bool:
        return self._is_read and self._is_ended and not self._pieces

    @property
    def _is_crowded(self) -> bool:
        return len(self._addresses) >= _MOST_ADDRESSES or len(self._domains) >= self._most_domains

    def add(self, rows: Iterable[Sighting | Fact | Visit]) -> None:
        """Rows that come next. Take the steps that there are before the next call, or they wait in memory."""
        facts: list[Fact] = []
        visits: list[Visit] = []
        for row in rows:
            if isinstance(row, Sighting):
                self._hold(row)
            elif isinstance(row, Fact):
                facts.append(row)
            else:
                visits.append(row)
        self._facts, self._visits = iter([*self._facts, *facts]), iter([*self._visits, *visits])
        self._is_read = False

    def end(self) -> None:
        """Nothing comes any more that belongs to what came."""
        self._cut(len(self._held))
        self._is_ended = True

    def _hold(self, row: Sighting) -> None:
        held = self._held
        if len(held) >= self._at_once and row.domain != held[-1].domain:
            self._cut(len(held))
        elif len(held) >= _LONGEST * self._at_once:
            # A domain too large to be judged in memory, or an address on more pages than fit.
            self._cut(len(held), goes_on=row.domain)
        self._held.append(row)

    def _cut(self, size: int, goes_on: str = "") -> None:
        """Make a piece of the first *size* that are held."""
        part, self._held = self._held[:size], self._held[size:]
        if part:
            self._pieces.append(Piece(part, frozenset((self._goes_on, goes_on))))
        self._goes_on = goes_on

    async def _do_piece(self, conn: Connection) -> None:
        if self._is_full or self._is_crowded:
            await super()._do_piece(conn)
        elif not self._is_read:
            await self._read(conn)
        elif self._pieces:
            await self._load(conn, self._pieces.popleft())
        else:
            await super()._do_piece(conn)

    async def _load(self, conn: Connection, piece: Piece) -> None:
        kept = list(self._kept(piece.sightings))
        names = sorted({one.domain for one in kept})
        known = {row[0] for row in await conn.fetch_all(_KNOWN_DOMAINS, {"domains": names})}
        addresses: dict[Pair, list[Sighting]] = defaultdict(list)
        for one in kept:
            addresses[one.domain, one.local].append(one)
        sizes = Counter(pair[0] for pair in addresses)
        whole = {name for name in names if name not in known | piece.cut and sizes[name] <= FACETS_FROM}
        doubtful = [pair for pair in addresses if pair[0] in known | piece.cut]
        merged = await _find_known(conn, doubtful) | {pair for pair, seen in addresses.items() if _repeats(seen)}
        whole -= {pair[0] for pair in merged}

        new = {pair: [row_of(one) for one in seen] for pair, seen in addresses.items() if pair not in merged}
        made = await self._make(conn, new)
        contents: dict[str, Content] = defaultdict(Content)
        for address in made:
            if address.domain in whole:
                _count(address, contents[address.domain])
        for some in parts(sorted(whole), _DOMAINS_AT_ONCE):
            moved = await refresh_domains(conn, some, self._today, {name: contents[name] for name in some})
            made = [_moved(one, moved.get((one.domain, one.local))) for one in made]
        await conn.load(sighting, sorted(row for rows in new.values() for row in rows))
        await conn.load(email, [tuple(getattr(one, name, None) for name in _EMAIL) for one in made])
        for name in whole:
            self._domains.pop(name, None)
        self._domains.update(dict.fromkeys(pair[0] for pair in new if pair[0] not in whole))
        self.report.addresses += len(made)
        self.report.domains += len(whole)

        rest = [one for one in kept if (one.domain, one.local) in merged]
        await record_sightings(conn, rest)
        self._addresses.update(dict.fromkeys((one.domain, one.local) for one in rest))
        self.report.sightings += len(kept)

    async def _make(self, conn: Connection, new: dict[Pair, list[Row]]) -> list[Address]:
        """The addresses of which these are all sightings, in the order of their keys."""
        newest = {
            pair: sorted(rows, key=lambda row: (-row[4], row[2]))[:MOST_SIGHTINGS] for pair, rows in sorted(new.items())
        }
        bodies = await find_bodies(conn, {row[2] for rows in newest.values() for row in rows})
        return [
            make_address(
                [(*row, len(new[pair]), min(one[3] for one in new[pair])) for row in rows], bodies, None, self._today
            )
            for pair, rows in newest.items()
        ]


async def _find_known(conn: Connection, pairs: Sequence[Pair]) -> set[Pair]:
    """Those of *pairs* of which the index has something."""
    if not pairs:
        return set()
    rows = await conn.fetch_all(_KNOWN_PAIRS, {"pairs": msgspec.json.encode(pairs).decode()})
    return {(row[0], row[1]) for row in rows}


def _repeats(seen: Sequence[Sighting]) -> bool:
    """Whether *seen*, of one address, names a page twice: it was not folded."""
    return len({one.uri for one in seen}) < len(seen)


def _count(one: Address, content: Content) -> None:
    known = Known(one.local, one.first_name, one.last_name, one.certainty)
    kind = (one.type, one.seniority or "", one.department or "", one.fields)
    content.add(kind, known, one.n_sources, one.rank)


def _moved(one: Address, move: tuple[int, int] | None) -> Address:
    return msgspec.structs.replace(one, confidence=move[0], rank=move[1]) if move else one
