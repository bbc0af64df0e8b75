"""
What is still to be told, and to whom?

A row for each endpoint that listens, in the transaction of whoever has something to tell: neither is there without the other.
An endpoint is in one worker's hands at a time and is told events in their order, one by one. What fails is tried again for a
day, later each time, while newer events go on; so order is promised for first tries alone. A worker that dies is followed by
another, which tells again what was not written down as told, under the same webhook-id.
"""

import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from vizsla.accounts.store import next_ids
from vizsla.kit.clock import DAY, iso_text
from vizsla.kit.errors import NotFound
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement
from vizsla.webhooks.endpoints import Endpoint, InvalidWebhook, get_endpoint, open_secret, set_state
from vizsla.webhooks.events import TEST, Event
from vizsla.webhooks.tables import webhook_endpoint

PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 28_800)
"""Seconds between two tries of one delivery, give or take a fifth: 26 hours in all."""
LASTS = 32 * 3_600
"""Seconds after which a delivery is given up, tried often enough or not: its endpoint may rest for long."""
LONGEST_REST = 900
DISABLED_AFTER = 5 * DAY
"""Seconds of nothing but failures after which an endpoint is turned off."""
KEPT = 7 * DAY
"""Seconds for which a delivery is kept after its end, its payload with it."""
_JITTER = 0.2
LONGEST_WAIT = 6 * 3_600
"""Seconds: what is believed of a Retry-After."""
endpoints = lease(webhook_endpoint)
_HEARD = statement("SELECT id, events FROM webhook_endpoint WHERE account_id = :account_id AND state = 'on'")
_ADD = statement("""
    INSERT INTO webhook_delivery (account_id, id, endpoint_id, event, mark, body, state, created_at, until, due, tries)
    VALUES (:account_id, :id, :endpoint_id, :event, :mark, :body, 'waiting', :now, :until, :now, 0)
""")
_IS_DUE = statement("SELECT 1 FROM webhook_delivery WHERE due <= :now LIMIT 1")
# A delivery in a transaction that is still open is seen at the next look: nothing has to be woken.
_CLAIM = """
    WITH picked AS {materialized} (
        SELECT account_id, id FROM webhook_endpoint AS e WHERE due <= :now AND EXISTS (
            SELECT 1 FROM webhook_delivery AS d
            WHERE d.account_id = e.account_id AND d.endpoint_id = e.id AND d.due <= :now
        ) ORDER BY due LIMIT :limit {lock}
    )
    UPDATE webhook_endpoint SET due = :until, worker = :worker, attempt = attempt + 1
    WHERE (account_id, id) IN (SELECT account_id, id FROM picked)
    RETURNING account_id, id, url, secret, old_secret, old_until, failures, failing_since, attempt
"""
# Materialized for the reason that storage.lease gives.
_CLAIM_ENDPOINTS = statement(
    _CLAIM.format(materialized="", lock=""),
    postgresql=_CLAIM.format(materialized="MATERIALIZED", lock="FOR UPDATE SKIP LOCKED"),
)
_NEXT = statement("""
    SELECT id, event, mark, body, tries, until FROM webhook_delivery
    WHERE account_id = :account_id AND endpoint_id = :endpoint_id AND due <= :now ORDER BY due, id LIMIT :limit
""")
_RECORD = statement("""
    UPDATE webhook_delivery SET state = :state, due = :due, tries = tries + 1, tried_at = :now, status = :status,
        trouble = :trouble, took = :took, ended_at = :ended_at
    WHERE account_id = :account_id AND id = :id AND state = 'waiting'
""")
_HELD = "WHERE account_id = :account_id AND id = :id AND worker = :worker AND attempt = :attempt AND state = 'on'"
_HEARS = statement(f"UPDATE webhook_endpoint SET failures = 0, failing_since = NULL, due = :until {_HELD}")  # noqa: S608
_FAILS = statement(f"""
    UPDATE webhook_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, CAST(:now AS bigint)),
        due = :until, worker = NULL {_HELD}
""")  # noqa: S608
_GIVE_UP_LATE = statement("""
    UPDATE webhook_delivery SET state = 'dead', due = NULL, ended_at = :now,
        trouble = coalesce(trouble, 'Its endpoint could not be told anything in time.')
    WHERE due IS NOT NULL AND until <= :now
""")
_FORGET = statement("DELETE FROM webhook_delivery WHERE ended_at <= :before")
_COLUMNS = "id, event, mark, body, state, created_at, due, tries, tried_at, status, trouble, took, ended_at"
_LIST = """
    SELECT {columns} FROM webhook_delivery WHERE account_id = :account_id AND endpoint_id = :endpoint_id{state}
    ORDER BY id DESC LIMIT :limit OFFSET :offset
"""
_PAGE = statement(_LIST.format(columns=_COLUMNS, state=""))
_PAGE_OF_STATE = statement(_LIST.format(columns=_COLUMNS, state=" AND state = :state"))
_TALLY = statement("""
    SELECT state, count(*) FROM webhook_delivery
    WHERE account_id = :account_id AND endpoint_id = :endpoint_id GROUP BY state
""")
_GET = statement(f"""
    SELECT {_COLUMNS} FROM webhook_delivery
    WHERE account_id = :account_id AND endpoint_id = :endpoint_id AND id = :id
""")  # noqa: S608
_REPLAY = """
    UPDATE webhook_delivery SET state = 'waiting', due = :now, until = :until, tries = 0, ended_at = NULL
    WHERE account_id = :account_id AND endpoint_id = :endpoint_id AND body IS NOT NULL AND {which}
"""
_REPLAY_ONE = statement(_REPLAY.format(which="id = :id"))
_REPLAY_DEAD = statement(_REPLAY.format(which="state = 'dead'"))
DeliveryState = Literal["waiting", "done", "dead"]
_encode = msgspec.json.Encoder().encode


class DeliveryNotFound(NotFound):
    """This delivery does not exist."""


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one endpoint."""

    id: int
    event: str
    mark: str
    """The webhook-id."""
    body: str | None
    """None: forgotten, because somebody it spoke of asked us to stop."""
    state: DeliveryState
    created_at: int
    due: int | None
    tries: int
    tried_at: int | None
    status: int | None
    trouble: str | None
    took: int | None
    """Milliseconds."""
    ended_at: int | None


class Held(msgspec.Struct, frozen=True):
    """An endpoint in the hands of a worker."""

    account_id: int
    id: int
    url: str
    secrets: tuple[str, ...]
    """Those that sign now; none: they were sealed under another VIZSLA_SECRET_KEY."""
    failures: int
    failing_since: int | None
    worker: str
    attempt: int


class Due(msgspec.Struct, frozen=True):
    """A delivery whose time has come."""

    id: int
    event: str
    mark: str
    body: str | None
    tries: int
    until: int


class Outcome(msgspec.Struct, frozen=True):
    """What came of one try."""

    status: int | None
    """None: there was no answer."""
    trouble: str | None = None
    """Why it failed; None: the endpoint has it."""
    took: int = 0
    """Milliseconds."""
    retry_after: int = 0
    """Seconds that the endpoint asked to be left alone for."""

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint wants to hear nothing any more."""
        return self.status == 410


Verdict = Literal["told", "failed", "gone", "disabled", "lost"]
"""What became of a try; the last three of the endpoint: turned off by itself, by us, or another worker's by now."""


async def announce(conn: Connection, account_id: int, event: Event, data: Mapping[str, Any], now: int) -> int:
    """
    Tell those of the account's endpoints that want to hear of *event*, once this transaction is committed; how many.

    *data* is the payload's, as JSON can hold it. Where nobody listens this is one read of an index.
    """
    return await announce_all(conn, account_id, event, [data], now)


async def announce_all(
    conn: Connection, account_id: int, event: Event, each: Sequence[Mapping[str, Any]], now: int
) -> int:
    """As `announce`, of several that happened one after the other."""
    listening = await _listening(conn, account_id, event)
    if not listening or not each:
        return 0
    await _add(conn, account_id, listening, event, each, now=now, until=now + LASTS)
    return len(listening)


async def is_heard(reader: Reader, account_id: int, event: Event) -> bool:
    """Whether anybody listens: for those whose payload is dear."""
    return bool(await _listening(reader, account_id, event))


async def _listening(reader: Reader, account_id: int, event: Event) -> list[int]:
    rows = await reader.fetch_all(_HEARD, {"account_id": account_id})
    return [endpoint_id for endpoint_id, events in rows if f'"{event}"' in events]


async def _add(
    conn: Connection,
    account_id: int,
    listening: Sequence[int],
    event: str,
    each: Iterable[Mapping[str, Any]],
    *,
    now: int,
    until: int,
) -> None:
    rows = []
    for data in each:
        body = _encode({"type": event, "timestamp": iso_text(now), "data": data}).decode()
        mark = f"msg_{secrets.token_hex(16)}"
        rows += [{"endpoint_id": endpoint_id, "mark": mark, "body": body} for endpoint_id in listening]
    first = await next_ids(conn, account_id, len(rows))
    shared = {"account_id": account_id, "event": event, "now": now, "until": until}
    await conn.execute_many(_ADD, [{**shared, **row, "id": first + number} for number, row in enumerate(rows)])


async def add_test(conn: Connection, account_id: int, endpoint_id: int, now: int) -> int:
    """Send an endpoint something once, to see whether it hears; the delivery's id. Raises WebhookNotFound, InvalidWebhook."""
    await _must_be_on(conn, account_id, endpoint_id)
    await _add(conn, account_id, [endpoint_id], TEST, [{"webhook_id": endpoint_id}], now=now, until=now)
    (newest,) = await page_of_deliveries(conn, account_id, endpoint_id, limit=1)
    return newest.id


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a delivery waits. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_endpoints(conn: Connection, *, key: bytes, now: int, until: int, worker: str, limit: int) -> list[Held]:
    """Up to *limit* endpoints that have something to hear, this worker's until *until*."""
    values = {"now": now, "until": until, "worker": worker, "limit": limit}
    return [_held(row, key, worker, now) for row in await conn.fetch_all(_CLAIM_ENDPOINTS, values)]


def _held(row: Row, key: bytes, worker: str, now: int) -> Held:
    account_id, id_, url, sealed, old_sealed, old_until, failures, failing_since, attempt = row
    kept = [sealed, *([old_sealed] if old_sealed is not None and now < (old_until or 0) else [])]
    opened = tuple(secret for each in kept if (secret := open_secret(key, each)) is not None)
    return Held(account_id, id_, url, opened, failures, failing_since, worker, attempt)


async def due_deliveries(reader: Reader, held: Held, *, now: int, limit: int) -> list[Due]:
    """What the endpoint is to be told next, in order."""
    values = {"account_id": held.account_id, "endpoint_id": held.id, "now": now, "limit": limit}
    return [Due(*row) for row in await reader.fetch_all(_NEXT, values)]


async def record(conn: Connection, held: Held, due: Due, outcome: Outcome, *, now: int, until: int) -> Verdict:
    """Write down what came of a try. After anything but `told` the endpoint is no longer this worker's."""
    mine = {"account_id": held.account_id, "id": held.id, "worker": held.worker, "attempt": held.attempt}
    is_told = outcome.trouble is None
    if is_told:
        is_mine = await conn.execute(_HEARS, {**mine, "until": until})
    else:
        rests = now + rest_after(held.failures, outcome.retry_after)
        is_mine = await conn.execute(_FAILS, {**mine, "now": now, "until": rests})
    if not is_mine:
        return "lost"
    again = None if is_told else next_try(due.tries, outcome.retry_after, now)
    if again is not None and again > due.until:
        again = None
    await conn.execute(
        _RECORD,
        {
            "account_id": held.account_id,
            "id": due.id,
            "state": "done" if is_told else "dead" if again is None else "waiting",
            "due": again,
            "now": now,
            "status": outcome.status,
            "trouble": outcome.trouble,
            "took": outcome.took,
            "ended_at": now if again is None else None,
        },
    )
    if is_told:
        return "told"
    if outcome.is_gone:
        await set_state(conn, held.account_id, held.id, "gone")
        return "gone"
    if held.failing_since is not None and now - held.failing_since >= DISABLED_AFTER:
        await set_state(conn, held.account_id, held.id, "failing")
        return "disabled"
    return "failed"


async def release(conn: Connection, held: Held, now: int) -> None:
    """Nothing is left to tell it for now."""
    key = (held.account_id, held.id)
    await endpoints.finish(conn, key, worker=held.worker, attempt=held.attempt, due=now)


def next_try(tries: int, retry_after: int, now: int) -> int | None:
    """When to try again what was tried *tries* times before; None: this was the last time."""
    if tries >= len(PAUSES):
        return None
    spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
    return now + max(int(PAUSES[tries] * spread), min(retry_after, LONGEST_WAIT))


def rest_after(failures: int, retry_after: int) -> int:
    """Seconds that an endpoint is left alone for after *failures* in a row and this one: 5, 20, 80, 320, a quarter of an hour."""
    return max(min(5 << 2 * min(failures, 10), LONGEST_REST), min(retry_after, LONGEST_WAIT))


async def give_up_late(conn: Connection, now: int) -> int:
    """End what could not be told in time: its endpoint rests, or is off. How many."""
    return await conn.execute(_GIVE_UP_LATE, {"now": now})


async def forget_deliveries(conn: Connection, before: int) -> int:
    """Drop what ended before."""
    return await conn.execute(_FORGET, {"before": before})


async def page_of_deliveries(
    reader: Reader,
    account_id: int,
    endpoint_id: int,
    *,
    limit: int = 20,
    offset: int = 0,
    state: DeliveryState | None = None,
) -> list[Delivery]:
    """What the endpoint was told, or is to be, newest first."""
    values = {"account_id": account_id, "endpoint_id": endpoint_id, "limit": limit, "offset": offset}
    if state is None:
        return [Delivery(*row) for row in await reader.fetch_all(_PAGE, values)]
    return [Delivery(*row) for row in await reader.fetch_all(_PAGE_OF_STATE, {**values, "state": state})]


async def tally_deliveries(reader: Reader, account_id: int, endpoint_id: int) -> dict[DeliveryState, int]:
    """How many of its deliveries are kept, by state."""
    rows = await reader.fetch_all(_TALLY, {"account_id": account_id, "endpoint_id": endpoint_id})
    counts: dict[DeliveryState, int] = {"waiting": 0, "done": 0, "dead": 0}
    return counts | dict(rows)


async def get_delivery(reader: Reader, account_id: int, endpoint_id: int, delivery_id: int) -> Delivery:
    """One of them; raises DeliveryNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "endpoint_id": endpoint_id, "id": delivery_id})
    if row is None:
        raise DeliveryNotFound
    return Delivery(*row)


async def replay(conn: Connection, account_id: int, endpoint_id: int, delivery_id: int, now: int) -> None:
    """
    Tell it again, under the same webhook-id, whether it was told or not.

    Raises WebhookNotFound, DeliveryNotFound, and InvalidWebhook for an endpoint that is off or a payload that is forgotten.
    """
    await _must_be_on(conn, account_id, endpoint_id)
    found = await get_delivery(conn, account_id, endpoint_id, delivery_id)
    if found.body is None:
        raise InvalidWebhook("What it said is forgotten, because somebody it spoke of asked us to stop.")
    values = {"account_id": account_id, "endpoint_id": endpoint_id, "now": now, "until": now + LASTS}
    await conn.execute(_REPLAY_ONE, {**values, "id": delivery_id})


async def replay_dead(conn: Connection, account_id: int, endpoint_id: int, now: int) -> int:
    """Tell an endpoint again all that was given up; how many. Raises WebhookNotFound, InvalidWebhook."""
    await _must_be_on(conn, account_id, endpoint_id)
    values = {"account_id": account_id, "endpoint_id": endpoint_id, "now": now, "until": now + LASTS}
    return await conn.execute(_REPLAY_DEAD, values)


async def _must_be_on(conn: Connection, account_id: int, endpoint_id: int) -> Endpoint:
    found = await get_endpoint(conn, account_id, endpoint_id)
    if found.state != "on":
        raise InvalidWebhook("This webhook is off. Turn it on first.")
    return found
