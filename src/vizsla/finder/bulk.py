"""
Which lists of people are there to be found, and how far are they?

A list is worked on in the order of its rows, some at a time; a worker that dies leaves a list that another takes over after the
last rows that were committed. A person who says stop is taken out of the rows that found them.
"""

from collections.abc import Iterable
from itertools import islice

import msgspec

from vizsla.accounts.store import next_id
from vizsla.finder.finding import EmailFinderData
from vizsla.finder.tables import bulk_finding
from vizsla.kit.errors import ClaimedEmail, NotFound, VizslaError, WrongParams
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement
from vizsla.verifier.bulk import MOST_ROWS, TooManyRows

_CHUNK = 1_000
findings = lease(bulk_finding)
_COLUMNS = "id, created_at, max_duration, size, done, found, due, ended_at"
_ADD = statement("""
    INSERT INTO bulk_finding (account_id, id, created_at, max_duration, size, done, found, due, attempt)
    VALUES (:account_id, :id, :now, :max_duration, 0, 0, 0, :now, 0)
""")
_ADD_ROW = statement("""
    INSERT INTO bulk_finding_row (account_id, list_id, number, asked, answer)
    VALUES (:account_id, :list_id, :number, :asked, :answer)
""")
_SET_SIZE = statement("UPDATE bulk_finding SET size = :size WHERE account_id = :account_id AND id = :id")
_GET = statement(f"SELECT {_COLUMNS} FROM bulk_finding WHERE account_id = :account_id AND id = :id")  # noqa: S608
_LIST = statement(f"""
    SELECT {_COLUMNS} FROM bulk_finding WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM bulk_finding WHERE account_id = :account_id")
_ROWS = statement("""
    SELECT number, asked, answer, domain, local FROM bulk_finding_row
    WHERE account_id = :account_id AND list_id = :id AND number > :after ORDER BY number LIMIT :limit
""")
_ANSWER = statement("""
    UPDATE bulk_finding_row SET answer = :answer, domain = :domain, local = :local, asked = COALESCE(:asked, asked)
    WHERE account_id = :account_id AND list_id = :id AND number = :number AND answer IS NULL
""")
_PROGRESS = statement("""
    UPDATE bulk_finding SET done = done + :done, found = found + :found,
        ended_at = CASE WHEN done + :done >= size THEN CAST(:now AS bigint) ELSE NULL END
    WHERE account_id = :account_id AND id = :id
""")
_DELETE = statement("DELETE FROM bulk_finding WHERE account_id = :account_id AND id = :id")
_IS_DUE = statement("SELECT 1 FROM bulk_finding WHERE due <= :now LIMIT 1")
_FORGET_OLD = statement("DELETE FROM bulk_finding WHERE ended_at <= :before")


class FindingsNotFound(NotFound):
    """This list does not exist."""


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
    due: int | None
    ended_at: int | None


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


_encode = msgspec.json.Encoder().encode
_asked = msgspec.json.Decoder(Asked).decode
_answer = msgspec.json.Decoder(Answer).decode


def refused(error: VizslaError) -> Answer:
    """The answer for a row that was refused."""
    return Answer(error=error.id, details=error.details)


async def add_list(
    conn: Connection, account_id: int, rows: Iterable[tuple[Asked, str]], *, max_duration: float, now: int
) -> FindingList:
    """
    Take on a list of who is looked for in each row, and why the row could not be read, if it could not.

    Raises WrongParams for an empty one, TooManyRows; then nothing may be kept of the transaction.
    """
    list_id, rows = await next_id(conn, account_id), iter(rows)
    key = {"account_id": account_id, "id": list_id}
    await conn.execute(_ADD, {**key, "now": now, "max_duration": max_duration})
    size = 0
    while chunk := list(islice(rows, _CHUNK)):
        if size + len(chunk) > MOST_ROWS:
            raise TooManyRows
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
                for number, (asked, fault) in enumerate(chunk, size + 1)
            ],
        )
        size += len(chunk)
    if not size:
        raise WrongParams("There are no people in this list.")
    await conn.execute(_SET_SIZE, {**key, "size": size})
    return await get_list(conn, account_id, list_id)


async def get_list(reader: Reader, account_id: int, list_id: int) -> FindingList:
    """The account's list; raises FindingsNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": list_id})
    if row is None:
        raise FindingsNotFound
    return FindingList(*row)


async def page_of_lists(reader: Reader, account_id: int, *, limit: int, offset: int) -> list[FindingList]:
    """The account's lists, newest first."""
    rows = await reader.fetch_all(_LIST, {"account_id": account_id, "limit": limit, "offset": offset})
    return [FindingList(*row) for row in rows]


async def count_lists(reader: Reader, account_id: int) -> int:
    """How many lists the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def rows_after(
    reader: Reader, account_id: int, list_id: int, *, after: int, limit: int, claims: Claims | None = None
) -> list[FindingRow]:
    """Rows past number *after*. What *claims* forbid is not in them, whether or not it is erased yet."""
    values = {"account_id": account_id, "id": list_id, "after": after, "limit": limit}
    return [_row(row, claims) for row in await reader.fetch_all(_ROWS, values)]


def _row(row: Row, claims: Claims | None) -> FindingRow:
    number, asked, answer, domain, local = row
    if claims is not None and domain is not None and claims.is_claimed(domain, local):
        return FindingRow(number, Asked(), refused(ClaimedEmail()))
    return FindingRow(number, _asked(asked), _answer(answer) if answer else None)


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a list waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_list(conn: Connection, *, now: int, until: int, worker: str) -> FindingJob | None:
    """A list that is due, this worker's until *until*."""
    rows = await findings.claim(conn, now=now, until=until, worker=worker, limit=1)
    for row in rows:
        named = dict(zip(bulk_finding.c.keys(), row, strict=True))
        return FindingJob(
            named["account_id"], named["id"], named["max_duration"], named["done"], worker, named["attempt"]
        )
    return None


async def keep_answers(conn: Connection, job: FindingJob, answers: Iterable[tuple[int, Answer]], now: int) -> bool:
    """Keep the answers of some rows, and put the list back if rows are left. False if it is another worker's by now."""
    key = {"account_id": job.account_id, "id": job.id}
    counted = list(answers)
    is_over = not counted
    if not await findings.finish(
        conn, (job.account_id, job.id), worker=job.worker, attempt=job.attempt, due=None if is_over else now
    ):
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


async def give_back(conn: Connection, job: FindingJob, due: int) -> bool:
    """Let another try at *due* what failed through a fault of ours."""
    return await findings.finish(conn, (job.account_id, job.id), worker=job.worker, attempt=job.attempt, due=due)


async def delete_list(conn: Connection, account_id: int, list_id: int) -> None:
    """Stop a list and forget its rows. Raises FindingsNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": list_id}):
        raise FindingsNotFound


async def forget_old(conn: Connection, before: int) -> int:
    """Drop lists that ended before: why keep people's names?"""
    return await conn.execute(_FORGET_OLD, {"before": before})
