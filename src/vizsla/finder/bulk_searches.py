"""
Which lists of domains are there to be searched, and who was found?

What is kept of an answer is which addresses there were when the list was worked on: they are what was paid for, and a file that
is fetched twice has the same ones. What is said of each (its person, its sources, its verification) is read from the index with
every answer, so that nothing of a person is written down a second time, and who said stop is in no file from that moment on.
"""

from collections.abc import Iterable, Sequence

import msgspec

from vizsla.accounts.lists import Lists, Status, in_chunks, status_of
from vizsla.accounts.store import next_id
from vizsla.finder.domain_search import FoundEmail, SearchQuery, list_found
from vizsla.finder.tables import bulk_search, bulk_search_row
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import ClaimedEmail, VizslaError, WrongParams
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Database, Reader, Row
from vizsla.storage.statement import statement

MOST_PER_DOMAIN = 1_000
PAGE = 100
"""Addresses of one question: as many as a single call gives."""
_ADD = statement("""
    INSERT INTO bulk_search (account_id, id, created_at, per_domain, size, done, found, addresses, due, attempt, member_id)
    VALUES (:account_id, :id, :now, :per_domain, 0, 0, 0, 0, :now, 0, :member_id)
""")
_ADD_ROW = statement("""
    INSERT INTO bulk_search_row (account_id, list_id, number, asked, answer)
    VALUES (:account_id, :list_id, :number, :asked, :answer)
""")
_SET_SIZE = statement("UPDATE bulk_search SET size = :size WHERE account_id = :account_id AND id = :id")
_ANSWER = statement("""
    UPDATE bulk_search_row SET answer = :answer, domain = :domain, locals = :locals, asked = COALESCE(:asked, asked)
    WHERE account_id = :account_id AND list_id = :id AND number = :number AND answer IS NULL
""")
_PROGRESS = statement("""
    UPDATE bulk_search SET done = done + :done, found = found + :found, addresses = addresses + :addresses,
        ended_at = CASE WHEN done + :done >= size THEN CAST(:now AS bigint) ELSE NULL END
    WHERE account_id = :account_id AND id = :id
""")
_SEARCHED = statement("""
    SELECT domain, min(number) FROM bulk_search_row
    WHERE account_id = :account_id AND list_id = :id AND domain IN :domains[text] GROUP BY domain
""")


class SameDomain(VizslaError):
    """The same domain stands further up in this list: its addresses are there."""

    id = "duplicate"


class Target(msgspec.Struct, frozen=True):
    """What is searched in one row, as it was sent."""

    domain: str | None = None
    company: str | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one row, beside the addresses: an answer, or why there is none."""

    pattern: str | None = None
    organization: str | None = None
    results: int = 0
    """Addresses at the domain that were known then, of which the row has as many as the list asks for."""
    error: str | None = None
    details: str | None = None


class SearchList(msgspec.Struct, frozen=True):
    """A list and how far it is."""

    id: int
    created_at: int
    per_domain: int
    size: int
    done: int
    found: int
    addresses: int
    cancelled_at: int | None
    ended_at: int | None
    name: str | None = None
    """Of the file it came from."""

    @property
    def status(self) -> Status:
        """How far it is, in one word."""
        return status_of(self.cancelled_at, self.ended_at)


class SearchRow(msgspec.Struct, frozen=True):
    """One row of a list, without what the index knows of its addresses."""

    number: int
    """From 1."""
    asked: Target
    answer: Answer | None
    domain: str | None
    locals: tuple[str, ...]


class SearchedRow(msgspec.Struct, frozen=True):
    """One row of a list as it is shown."""

    number: int
    asked: Target
    answer: Answer | None
    domain: str | None
    emails: tuple[FoundEmail, ...]


class SearchJob(msgspec.Struct, frozen=True):
    """A list that a worker has claimed."""

    account_id: int
    id: int
    per_domain: int
    done: int
    worker: str
    attempt: int
    member_id: int | None
    """Whose it is counted as; None: the account's alone."""


class Outcome(msgspec.Struct, frozen=True):
    """What a worker makes of one row."""

    number: int
    answer: Answer
    domain: str | None = None
    locals: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_target = msgspec.json.Decoder(Target).decode
_answer = msgspec.json.Decoder(Answer).decode
_locals = msgspec.json.Decoder(tuple[str, ...]).decode


def _row(row: Row) -> SearchRow:
    number, asked, answer, domain, found = row
    return SearchRow(
        number, _target(asked), _answer(answer) if answer else None, domain, _locals(found) if found else ()
    )


searches = Lists(
    bulk_search,
    bulk_search_row,
    columns=SearchList.__struct_fields__,
    read=lambda row: SearchList(*row),
    row_columns=("number", "asked", "answer", "domain", "locals"),
    read_row=_row,
)


def refused(error: VizslaError) -> Answer:
    """The answer for a row that was refused."""
    return Answer(error=error.id, details=error.details)


def read_target(target: Target, limit: int) -> SearchQuery:
    """The question in a row, its first page. Raises WrongParams and InvalidDomain."""
    if target.domain:
        return SearchQuery(domain=parse_domain(target.domain), limit=min(limit, PAGE))
    if target.company:
        return SearchQuery(company=target.company, limit=min(limit, PAGE))
    raise WrongParams("There is no domain in this row, and no company.")


def without_person(text: str | None) -> str | None:
    """*text* of a row's domain; of an address only its domain, for nobody asked after the person."""
    return text.rpartition("@")[2] if text and "@" in text else text


async def add_list(
    conn: Connection,
    account_id: int,
    rows: Iterable[tuple[Target, str]],
    *,
    per_domain: int,
    now: int,
    member_id: int | None = None,
) -> SearchList:
    """
    Take on a list of what is searched in each row, and why the row could not be read, if it could not.

    What is found is counted as *member_id*'s.

    Raises WrongParams for an empty one, TooManyRows; then nothing may be kept of the transaction.
    """
    list_id = await next_id(conn, account_id)
    key = {"account_id": account_id, "id": list_id}
    await conn.execute(_ADD, {**key, "now": now, "per_domain": per_domain, "member_id": member_id})
    size = 0
    for first, chunk in in_chunks(rows):
        await conn.execute_many(
            _ADD_ROW,
            [
                {
                    "account_id": account_id,
                    "list_id": list_id,
                    "number": number,
                    "asked": _encode(Target(without_person(target.domain), target.company)).decode(),
                    "answer": _encode(refused(WrongParams(fault))).decode() if fault else None,
                }
                for number, (target, fault) in enumerate(chunk, first)
            ],
        )
        size += len(chunk)
    if not size:
        raise WrongParams("There are no domains in this list.")
    await conn.execute(_SET_SIZE, {**key, "size": size})
    return await searches.get(conn, account_id, list_id)


async def show_rows(
    app: Reader, index: Database, claims: Claims, account_id: int, list_id: int, *, after: int, limit: int, now: int
) -> list[SearchedRow]:
    """Rows past number *after*, with what the index says of their addresses now. What *claims* forbid is not in them."""
    rows = await searches.rows_after(app, account_id, list_id, after, limit)
    return [await _show(index, claims, row, now) for row in rows]


async def _show(index: Database, claims: Claims, row: SearchRow, now: int) -> SearchedRow:
    if row.domain is None or row.answer is None:
        return SearchedRow(row.number, row.asked, row.answer, None, ())
    if claims.is_claimed(row.domain):
        return SearchedRow(row.number, Target(), refused(ClaimedEmail()), None, ())
    emails = await list_found(index, claims, row.domain, row.locals, now=now)
    return SearchedRow(row.number, row.asked, row.answer, row.domain, tuple(emails))


async def find_searched(reader: Reader, job: SearchJob, domains: Sequence[str]) -> dict[str, int]:
    """Those of *domains* that were searched in this list, with the number of the row that has them."""
    values = {"account_id": job.account_id, "id": job.id, "domains": list(domains)}
    return {row[0]: row[1] for row in await reader.fetch_all(_SEARCHED, values)}


async def keep_answers(conn: Connection, job: SearchJob, outcomes: Sequence[Outcome], now: int) -> bool:
    """Keep what came of some rows, and put the list back if rows are left. False if it is another worker's by now."""
    key = {"account_id": job.account_id, "id": job.id}
    if not await searches.put_back(conn, job, now if outcomes else None):
        return False
    await conn.execute_many(
        _ANSWER,
        [
            {
                **key,
                "number": one.number,
                "answer": _encode(one.answer).decode(),
                "domain": one.domain,
                "locals": _encode(one.locals).decode() if one.locals else None,
                "asked": "{}" if one.answer.error == ClaimedEmail.id else None,
            }
            for one in outcomes
        ],
    )
    found = sum(bool(one.locals) for one in outcomes)
    addresses = sum(len(one.locals) for one in outcomes)
    await conn.execute(_PROGRESS, {**key, "done": len(outcomes), "found": found, "addresses": addresses, "now": now})
    return True
