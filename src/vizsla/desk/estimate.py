"""
What will a list cost, and how long will it take?

Said before it starts: how many of its questions are one and the same, how many cannot be read, how many are free for they were paid
for within a day, and what is charged if all others are answered. How long it takes is what lists took lately; mail servers may
still think otherwise.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import msgspec

from vizsla.accounts.quota import Kind as Metered
from vizsla.accounts.quota import find_paid, period_end
from vizsla.accounts.uploads import Kind, Upload, rows_of
from vizsla.desk.asking import Asker
from vizsla.desk.columns import Mapped, body_of, person_of, target_of, text_of
from vizsla.finder.bulk import findings
from vizsla.finder.bulk_searches import PAGE, read_target, searches
from vizsla.finder.domain_search import SearchQuery
from vizsla.finder.questions import question_of, question_of_search, read_query
from vizsla.index.search import count_known
from vizsla.kit.csv_file import Record
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Reader
from vizsla.verifier.bulk_store import bulk_lists, find_many
from vizsla.verifier.syntax import Address, parse_address

AnyT = TypeVar("AnyT")
METERED: dict[Kind, Metered] = {"verifications": "verifications", "findings": "searches", "searches": "searches"}
_LISTS = {
    "verifications": bulk_lists.seconds_a_row,
    "findings": findings.seconds_a_row,
    "searches": searches.seconds_a_row,
}
_A_ROW = {"verifications": 0.03, "findings": 0.2, "searches": 0.005}
"""Seconds, where no list was worked on yet: as measured on one machine against mail servers 100 ms away."""
_AT_ONE_SERVER = 0.15
"""Seconds between two addresses of one mail domain: its server is not asked faster (see mail.pacing)."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected of a list."""

    kind: Kind
    rows: int
    distinct: int
    """Questions, without repetitions and what cannot be read."""
    unreadable: int
    claimed: int
    """Rows whose person or domain asked us to stop."""
    paid: int
    """Of the distinct ones, those that were paid for within a day."""
    known: int
    """Of those that remain, the ones that are answered without asking anybody."""
    limited: int
    """Of those that remain, the ones for which the limit of their mail domain leaves no room: they end without an answer."""
    worst: int
    """What is charged at most."""
    held: int
    """What must be left at the start; what of it turns out to be free is given back."""
    left: int
    renewed_at: int
    seconds: float
    is_measured: bool
    """Whether the seconds come from lists that ran here."""
    problem: str = ""
    """Why the first row that could not be read could not."""

    @property
    def is_enough(self) -> bool:
        """Whether the quota lets it start."""
        return max(self.held, 1 if self.worst else 0) <= self.left

    @property
    def is_covered(self) -> bool:
        """Whether the quota lasts to its end, whatever is found."""
        return self.worst <= self.left


class _Counts:
    """What is counted on the way through the rows."""

    def __init__(self) -> None:
        self.rows = self.blank = self.unreadable = self.claimed = self.paid = self.known = self.limited = self.worst = 0
        self.seen: set[str] = set()
        self.by_domain: Counter[str] = Counter()
        self.problem = ""

    def fail(self, why: str) -> None:
        self.unreadable += 1
        self.problem = self.problem or why


async def estimate(asker: Asker, upload: Upload, columns: Mapped, *, per_domain: int) -> Estimate:
    """What *upload* would be as a list, its *columns* as they were chosen."""
    services, account_id = asker.services, asker.caller.account_id
    kind = upload.kind
    counts = _Counts()
    count = {"verifications": _count_addresses, "findings": _count_people, "searches": _count_domains}[kind]
    async for part in parts_of(services.stores.app, account_id, upload):
        counts.rows += len(part)
        await count(asker, counts, part, columns, per_domain)
    rate = await _LISTS[kind](services.stores.app)
    fresh = len(counts.seen) - counts.known
    slowest = max(counts.by_domain.values(), default=0) * _AT_ONE_SERVER if services.settings.probe else 0.0
    return Estimate(
        kind=kind,
        rows=counts.rows,
        distinct=len(counts.seen),
        unreadable=counts.unreadable,
        claimed=counts.claimed,
        paid=counts.paid,
        known=counts.known,
        limited=counts.limited,
        worst=counts.worst,
        held=counts.rows - counts.blank if kind == "verifications" else 0,
        left=await asker.room(METERED[kind]),
        renewed_at=period_end(asker.now, asker.caller.period_day),
        seconds=max(fresh * (_A_ROW[kind] if rate is None else rate), slowest),
        is_measured=rate is not None,
        problem=counts.problem,
    )


async def parts_of(reader: Reader, account_id: int, upload: Upload) -> AsyncIterator[list[Record]]:
    """The rows of a file without its header and empty ones, some at a time."""
    is_first = bool(upload.has_header)
    async for part in rows_of(reader, account_id, upload.id):
        yield list(body_of(part[1 if is_first else 0 :]))
        is_first = False


async def _count_addresses(
    asker: Asker, counts: _Counts, part: Sequence[Record], columns: Mapped, per_domain: int
) -> None:
    services = asker.services
    fresh: dict[str, Address] = {}
    for record in part:
        text, fault = text_of(record, columns)
        counts.blank += not text or bool(fault)
        address = parse_address(text)
        if fault or not isinstance(address, Address):
            counts.fail(fault or ("There is no address in this row." if not text else address.details))  # type: ignore[union-attr]
        elif services.claims.is_claimed(address.domain, address.local):
            counts.claimed += 1
        else:
            fresh.setdefault(services.claims.hash(str(address)), address)
    fresh = await _unpaid(asker, counts, "verifications", fresh)
    pairs = sorted((address.domain, address.local) for address in fresh.values())
    held = await find_many(services.stores.app, pairs) if pairs else {}
    known = {pair for pair, found in held.items() if found.is_pending or found.holds(asker.now)}
    counts.known += len(known)
    most = services.settings.verify_per_domain
    for domain, local in pairs:
        if (domain, local) not in known:
            counts.by_domain[domain] += 1
            counts.limited += counts.by_domain[domain] > most
    counts.worst += len(pairs)


async def _count_people(
    asker: Asker, counts: _Counts, part: Sequence[Record], columns: Mapped, per_domain: int
) -> None:
    claims = asker.services.claims
    fresh: dict[str, str | None] = {}
    for record in part:
        asked, fault = person_of(record, columns)
        try:
            query = read_query(asked, max_duration=10.0)
        except VizslaError as error:
            counts.fail(fault or error.details)
            continue
        if fault:
            counts.fail(fault)
        elif query.domain is not None and claims.is_claimed(query.domain):
            counts.claimed += 1
        else:
            fresh.setdefault(question_of(claims, query, query.domain or query.company), query.domain)
    counts.worst += len(await _unpaid(asker, counts, "searches", fresh))


async def _count_domains(
    asker: Asker, counts: _Counts, part: Sequence[Record], columns: Mapped, per_domain: int
) -> None:
    services = asker.services
    targets: dict[str, SearchQuery] = {}
    for record in part:
        target, fault = target_of(record, columns)
        try:
            query = read_target(target, per_domain)
        except VizslaError as error:
            counts.fail(fault or error.details)
            continue
        name = query.domain or f"company {(query.company or '').casefold()}"
        if fault:
            counts.fail(fault)
        elif query.domain is not None and services.claims.is_claimed(query.domain):
            counts.claimed += 1
        elif name not in counts.seen:
            counts.seen.add(name)
            targets[name] = query
    domains = [query.domain for query in targets.values() if query.domain is not None]
    sizes = await count_known(services.stores.index, domains) if domains else {}
    counts.known += len(domains) - len(sizes)
    questions: list[str] = []
    for query in targets.values():
        # Which company it is will be looked up on the way: at worst it has as many addresses as are asked for.
        size = min(per_domain, per_domain if query.domain is None else sizes.get(query.domain, 0))
        for offset in range(0, size, PAGE):
            page = msgspec.structs.replace(query, limit=min(PAGE, per_domain - offset), offset=offset)
            questions.append(question_of_search(query.domain or query.company, page))
    paid = await find_paid(services.stores.app, asker.caller.account_id, "searches", questions, asker.now)
    counts.paid += len(paid)
    counts.worst += len(questions) - len(paid)


async def _unpaid(asker: Asker, counts: _Counts, kind: Metered, questions: dict[str, AnyT]) -> dict[str, AnyT]:
    """Those of *questions* that were not met yet and are not paid for."""
    new = {question: one for question, one in questions.items() if question not in counts.seen}
    counts.seen.update(new)
    paid = await find_paid(asker.services.stores.app, asker.caller.account_id, kind, list(new), asker.now)
    counts.paid += len(paid)
    return {question: one for question, one in new.items() if question not in paid}
