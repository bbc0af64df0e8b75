"""
Which lists of people are there to be found, and how far are they?

A list is worked on in the order of its rows, some at a time; a worker that dies leaves a list that another takes over after the
last rows that were committed. A person who says stop is taken out of the rows that found them.
"""

from collections.abc import Iterable

import msgspec

from vizsla.accounts.lists import Lists, Status, in_chunks, status_of
from vizsla.accounts.store import next_id
from vizsla.finder.finding import EmailFinderData
from vizsla.finder.tables import bulk_finding, bulk_finding_row
from vizsla.kit.errors import ClaimedEmail, VizslaError, WrongParams
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

_ADD = statement("""
    INSERT INTO bulk_finding (account_id, id, created_at, max_duration, size, done, found, due, attempt, member_id)
    VALUES (:account_id, :id, :now, :max_duration, 0, 0, 0, :now, 0, :member_id)
""")
_ADD_ROW = statement("""
    INSERT INTO bulk_finding_row (account_id, list_id, number, asked, answer)
    VALUES (:account_id, :list_id, :number, :asked, :answer)
""")
_SET_SIZE = statement("UPDATE bulk_finding SET size = :size WHERE account_id = :account_id AND id = :id")
_ANSWER = statement("""
    UPDATE bulk_finding_row SET answer = :answer, domain = :domain, local = :local, asked = COALESCE(:asked, asked)
    WHERE account_id = :account_id AND list_id = :id AND number = :number AND answer IS NULL
""")
_PROGRESS = statement("""
    UPDATE bulk_finding SET done = done + :done, found = found + :found,
        ended_at = CASE WHEN done + :done >= size THEN CAST(:now AS bigint) ELSE NULL END
    WHERE account_id = :account_id AND id = :id
""")


class Asked(msgspec.Struct, frozen=True):
    """Who is looked for in one row, as it was sent."""

    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    domain: str | None = None
    company: str | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one row: an answer, or why there is none."""

    data: EmailFinderData | None = None
    error: str | None = None
    details: str | None = None

    @property
    def email(self) -> str | None:
        """The address that was found."""
        return self.data.email if self.data is not None else None


class FindingList(msgspec.Struct, frozen=True):
    """A list and how far it is."""

    id: int
    created_at: int
    max_duration: float
    size: int
    done: int
    found: int
    cancelled_at: int | None
    ended_at: int | None
    name: str | None = None
    """Of the file it came from."""

    @property
    def status(self) -> Status:
        """How far it is, in one word."""
        return status_of(self.cancelled_at, self.ended_at)


class FindingRow(msgspec.Struct, frozen=True):
    """One row of a list."""

    number: int
    """From 1."""
    asked: Asked
    answer: Answer | None


class FindingJob(msgspec.Struct, frozen=True):
    """A list that a worker has claimed."""

    account_id: int
    id: int
    max_duration: float
    done: int
    worker: str
    attempt: int
    member_id: int | None = None
    """Whose it is counted as; None: the account's alone."""


findings = Lists(
    bulk_finding,
    bulk_finding_row,
    columns=FindingList.__struct_fields__,
    read=lambda row: FindingList(*row),
    row_columns=("number", "asked", "answer", "domain", "local"),
    read_row=tuple,
)

_encode = msgspec.json.Encoder().encode
_asked = msgspec.json.Decoder(Asked).decode
_answer = msgspec.json.Decoder(Answer).decode


def refused(error: VizslaError) -> Answer:
    """The answer for a row that was refused."""
    return Answer(error=error.id, details=error.details)


async def add_list(
    conn: Connection,
    account_id: int,
    rows: Iterable[tuple[Asked, str]],
    *,
    max_duration: float,
    now: int,
    member_id: int | None = None,
) -> FindingList:
    """
    Take on a list of who is looked for in each row, and why the row could not be read, if it could not.

    What is found is counted as *member_id*'s.

    Raises WrongParams for an empty one, TooManyRows; then nothing may be kept of the transaction.
    """
    list_id = await next_id(conn, account_id)
    key = {"account_id": account_id, "id": list_id}
    await conn.execute(_ADD, {**key, "now": now, "max_duration": max_duration, "member_id": member_id})
    size = 0
    for first, chunk in in_chunks(rows):
        await conn.execute_many(
            _ADD_ROW,
            [
                {
                    "account_id": account_id,
                    "list_id": list_id,
                    "number": number,
                    "asked": _encode(asked).decode(),
                    "answer": _encode(refused(WrongParams(fault))).decode() if fault else None,
                }
                for number, (asked, fault) in enumerate(chunk, first)
            ],
        )
        size += len(chunk)
    if not size:
        raise WrongParams("There are no people in this list.")
    await conn.execute(_SET_SIZE, {**key, "size": size})
    return await findings.get(conn, account_id, list_id)


async def rows_after(
    reader: Reader, account_id: int, list_id: int, *, after: int, limit: int, claims: Claims | None = None
) -> list[FindingRow]:
    """Rows past number *after*. What *claims* forbid is not in them, whether or not it is erased yet."""
    rows = await findings.rows_after(reader, account_id, list_id, after, limit)
    return [_shown(row, claims) for row in rows]


def _shown(row: Row, claims: Claims | None) -> FindingRow:
    number, asked, answer, domain, local = row
    if claims is not None and domain is not None and claims.is_claimed(domain, local):
        return FindingRow(number, Asked(), refused(ClaimedEmail()))
    return FindingRow(number, _asked(asked), _answer(answer) if answer else None)


async def claim_list(conn: Connection, *, now: int, until: int, worker: str) -> FindingJob | None:
    """A list that is due, this worker's until *until*."""
    jobs = await findings.claim(conn, FindingJob, now=now, until=until, worker=worker, limit=1)
    return jobs[0] if jobs else None


async def keep_answers(conn: Connection, job: FindingJob, answers: Iterable[tuple[int, Answer]], now: int) -> bool:
    """Keep the answers of some rows, and put the list back if rows are left. False if it is another worker's by now."""
    key = {"account_id": job.account_id, "id": job.id}
    counted = list(answers)
    is_over = not counted
    if not await findings.put_back(conn, job, None if is_over else now):
        return False
    rows = []
    for number, answer in counted:
        local, _, domain = (answer.email or "").rpartition("@")
        values = {"answer": _encode(answer).decode(), "domain": domain or None, "local": local or None}
        asked = "{}" if answer.error == ClaimedEmail.id else None
        rows.append({**key, "number": number, "asked": asked, **values})
    await conn.execute_many(_ANSWER, rows)
    found = sum(answer.email is not None for _, answer in counted)
    await conn.execute(_PROGRESS, {**key, "done": len(counted), "found": found, "now": now})
    return True
