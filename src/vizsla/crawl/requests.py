"""
Which domains are still to be crawled, and how far is each crawl?

A domain is crawled once, whoever asked: because a search found nothing, or because a person said so. Persons come first.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from vizsla.crawl.tables import crawl_request
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

State = Literal["waiting", "running", "done", "failed", "cancelled"]
AGAIN = 7 * DAY
"""Seconds before a domain that was asked about and crawled is crawled because somebody asks again."""
FRESH = 3_600
"""Seconds for which a crawl that a person asked for is as good as a new one."""
MOST_WAITING = 1_000
"""Requests that may wait. Whoever can ask can name any number of domains; each of them costs its owner and us a crawl."""
PAGES_ON_MISS, PAGES_ASKED = 20, 50
"""Of one site: contact, about, team and imprint come first."""

requests = lease(crawl_request, first=(crawl_request.c.asked.desc(),))


class Crawl(msgspec.Struct, frozen=True):
    """How far the crawl of a domain is, or what came of it."""

    domain: str
    requested_at: int
    asked: bool
    """By a person."""
    state: State
    max_pages: int
    is_stopping: bool
    started_at: int | None
    ended_at: int | None
    pages: int
    """Fetched."""
    unchanged: int
    pending: int
    """Pages known and not yet fetched."""
    bytes: int
    addresses: int
    """Distinct ones read so far, of whatever domain."""
    skipped: dict[str, int]
    """URLs that were not read, by reason."""
    ending: str
    """Why it ended, as a sentence."""

    @property
    def is_on(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in ("waiting", "running")

    @property
    def goal(self) -> int:
        """How many pages it will come to, as far as that is known."""
        return max(1, min(self.max_pages, self.pages + self.pending))


class Standing(msgspec.Struct, frozen=True):
    """What a crawl writes down while it goes on."""

    pages: int = 0
    unchanged: int = 0
    pending: int = 0
    bytes: int = 0
    addresses: int = 0
    skipped: Mapping[str, int] = {}


_COLUMNS = (
    "domain, requested_at, asked, state, max_pages, stop_at, started_at, ended_at, pages, unchanged, pending, bytes, "
    "addresses, skipped, ending"
)
_NEW = """
    requested_at = excluded.requested_at, due = excluded.due, attempt = 0, asked = excluded.asked, state = 'waiting',
    max_pages = excluded.max_pages, stop_at = NULL, started_at = NULL, ended_at = NULL, pages = 0, unchanged = 0,
    pending = 0, bytes = 0, addresses = 0, skipped = '{}', ending = ''
"""
_REQUEST = statement(f"""
    INSERT INTO crawl_request (domain, requested_at, due, attempt, max_pages)
    SELECT :domain, :now, :now, 0, {PAGES_ON_MISS}
    WHERE (SELECT count(*) FROM crawl_request WHERE due IS NOT NULL) < {MOST_WAITING}
    ON CONFLICT (domain) DO UPDATE SET {_NEW}
    WHERE crawl_request.due IS NULL AND crawl_request.requested_at <= :before
""")  # noqa: S608
_ASK = statement(f"""
    INSERT INTO crawl_request (domain, requested_at, due, attempt, asked, max_pages)
    VALUES (:domain, :now, :now, 0, 1, {PAGES_ASKED})
    ON CONFLICT (domain) DO UPDATE SET {_NEW}
    WHERE (crawl_request.due IS NULL AND (crawl_request.state <> 'done' OR crawl_request.ended_at <= :before))
    OR (crawl_request.state = 'waiting' AND crawl_request.asked = 0)
""")  # noqa: S608
_IS_DUE = statement("SELECT 1 FROM crawl_request WHERE due <= :now LIMIT 1")
_LIST = statement(f"SELECT {_COLUMNS} FROM crawl_request WHERE domain IN :domains[text]")  # noqa: S608
_HELD = "domain = :domain AND worker = :worker AND attempt = :attempt"
_STANDING = """pages = :pages, unchanged = :unchanged, pending = :pending, bytes = :bytes, addresses = :addresses,
    skipped = :skipped"""
_BEGIN = statement(f"UPDATE crawl_request SET state = 'running', started_at = :now, {_STANDING} WHERE {_HELD}")  # noqa: S608
_RECORD = statement(f"UPDATE crawl_request SET {_STANDING} WHERE {_HELD} RETURNING stop_at")  # noqa: S608
_END = statement(f"""
    UPDATE crawl_request SET state = :state, due = :due, ended_at = :now, ending = :ending, {_STANDING} WHERE {_HELD}
""")  # noqa: S608
_PUT_BACK = statement(
    f"UPDATE crawl_request SET state = 'waiting', due = :now, worker = NULL, attempt = attempt - 1 WHERE {_HELD}"  # noqa: S608
)
_STOP_WAITING = statement("""
    UPDATE crawl_request SET state = 'cancelled', due = NULL, ended_at = :now, ending = 'It was cancelled before it began.'
    WHERE domain = :domain AND state = 'waiting'
""")
_STOP_RUNNING = statement("UPDATE crawl_request SET stop_at = :now WHERE domain = :domain AND state = 'running'")
_FORGET = statement(
    "DELETE FROM crawl_request WHERE domain IN (SELECT domain FROM crawl_request WHERE due IS NULL AND requested_at < :before LIMIT 1000)"
)


async def request_crawl(conn: Connection, domain: str, now: int) -> None:
    """Let *domain* (registrable) be crawled, unless it waits already, was asked for lately, or too many wait."""
    await conn.execute(_REQUEST, {"domain": domain, "now": now, "before": now - AGAIN})


async def ask_crawl(conn: Connection, domain: str, now: int) -> bool:
    """Let *domain* be crawled because a person says so. False if that is on already, or was done within the hour."""
    return bool(await conn.execute(_ASK, {"domain": domain, "now": now, "before": now - FRESH}))


async def stop_crawl(conn: Connection, domain: str, now: int) -> bool:
    """Let the crawl of *domain* end: at once if it has not begun, within seconds if it has. False if it is over."""
    named = {"domain": domain, "now": now}
    return bool(await conn.execute(_STOP_WAITING, named)) or bool(await conn.execute(_STOP_RUNNING, named))


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a request waits for somebody to take it. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def list_crawls(reader: Reader, domains: Sequence[str]) -> dict[str, Crawl]:
    """The crawls of *domains*, those there are."""
    rows = await reader.fetch_all(_LIST, {"domains": list(domains)}) if domains else []
    return {row[0]: _crawl(row) for row in rows}


async def find_crawl(reader: Reader, domain: str) -> Crawl | None:
    """The crawl of *domain* (registrable)."""
    return (await list_crawls(reader, [domain])).get(domain)


def _crawl(row: Row) -> Crawl:
    one = dict(zip(_COLUMNS.split(", "), row, strict=True))
    is_stopping = one.pop("stop_at") is not None
    return Crawl(**one | {"asked": bool(one["asked"]), "is_stopping": is_stopping, "skipped": _reasons(one["skipped"])})


_reasons = msgspec.json.Decoder(dict[str, int]).decode


class Turn(msgspec.Struct, frozen=True):
    """A worker's hold on the crawl of a domain."""

    domain: str
    worker: str
    attempt: int
    asked: bool
    max_pages: int
    is_stopped: bool
    """Somebody asked that it end while another worker, which died since, had it."""

    @property
    def _key(self) -> dict[str, object]:
        return {"domain": self.domain, "worker": self.worker, "attempt": self.attempt}

    async def begin(self, conn: Connection, now: int) -> None:
        """It runs."""
        await conn.execute(_BEGIN, self._key | _values(Standing()) | {"now": now})

    async def record(self, conn: Connection, standing: Standing) -> bool:
        """Write down how far it is. True if it is to end: somebody asked for that, or another worker has it."""
        row = await conn.fetch_one(_RECORD, self._key | _values(standing))
        return row is None or row[0] is not None

    async def put_back(self, conn: Connection, now: int) -> None:
        """Let another begin it anew: this worker has to end, and the attempt does not count."""
        await conn.execute(_PUT_BACK, self._key | {"now": now})

    async def end(
        self, conn: Connection, standing: Standing, *, state: State, ending: str, now: int, due: int | None = None
    ) -> None:
        """Write down how it ended, and when it is tried again, if it is. Nothing if another worker has it."""
        said = {"state": state, "ending": ending, "now": now, "due": due}
        await conn.execute(_END, self._key | _values(standing) | said)


async def take_turn(conn: Connection, *, now: int, until: int, worker: str) -> Turn | None:
    """The crawl that comes first, this worker's until *until*."""
    for row in await requests.claim(conn, now=now, until=until, worker=worker, limit=1):
        one = dict(zip(crawl_request.columns.keys(), row, strict=True))
        return Turn(
            one["domain"], worker, one["attempt"], bool(one["asked"]), one["max_pages"], one["stop_at"] is not None
        )
    return None


async def forget_crawls(conn: Connection, before: int) -> None:
    """Forget some crawls that ended and were asked for earlier than *before*; the pages they read stay known."""
    await conn.execute(_FORGET, {"before": before})


def _values(standing: Standing) -> dict[str, object]:
    return msgspec.structs.asdict(standing) | {"skipped": msgspec.json.encode(standing.skipped).decode()}
