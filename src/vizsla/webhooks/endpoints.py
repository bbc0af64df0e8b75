"""
Where does an account want to be told what happens?

A secret signs what is sent to one endpoint alone. It is sealed at rest, shown once, and can be changed: for a day both the new
one and the old one sign.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.clock import DAY
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement
from vizsla.webhooks.events import EVENTS, Event
from vizsla.webhooks.signing import new_secret

State = Literal["on", "off", "gone", "failing"]
"""`off` by a member, `gone` because it answered 410, `failing` because nothing reached it for days."""
STATES: tuple[State, ...] = get_args(State)
MOST = 50
"""Endpoints of an account."""
SHORTEST_URL, LONGEST_URL = 12, 500
OLD_LASTS = DAY
"""Seconds for which an old secret signs beside the new one."""
_COLUMNS = "id, url, events, state, created_at, failures, failing_since, old_until"
_GET = statement(f"SELECT {_COLUMNS} FROM webhook_endpoint WHERE account_id = :account_id AND id = :id")  # noqa: S608
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM webhook_endpoint WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM webhook_endpoint WHERE account_id = :account_id")
_ADD = statement("""
    INSERT INTO webhook_endpoint (account_id, id, url, events, state, secret, created_at, failures, due, attempt)
    VALUES (:account_id, :id, :url, :events, 'on', :secret, :now, 0, 0, 0)
""")
_SET_PLACE = statement("""
    UPDATE webhook_endpoint SET url = :url, events = :events WHERE account_id = :account_id AND id = :id
""")
_SET_STATE = statement("""
    UPDATE webhook_endpoint SET state = :state, failures = 0, failing_since = NULL, worker = NULL,
        due = CASE WHEN CAST(:is_on AS bigint) = 1 THEN 0 END
    WHERE account_id = :account_id AND id = :id
""")
_ROTATE = statement("""
    UPDATE webhook_endpoint SET old_secret = secret, old_until = :old_until, secret = :secret
    WHERE account_id = :account_id AND id = :id
""")
_DELETE = statement("DELETE FROM webhook_endpoint WHERE account_id = :account_id AND id = :id")
_events = msgspec.json.Decoder(tuple[Event, ...]).decode


class WebhookNotFound(NotFound):
    """This webhook does not exist."""


class InvalidWebhook(VizslaError):
    """The webhook is not valid."""

    id = "validation_failed"


class Endpoint(msgspec.Struct, frozen=True):
    """Where an account listens."""

    id: int
    url: str
    events: tuple[Event, ...]
    state: State
    created_at: int
    failures: int
    """Tries in a row that failed."""
    failing_since: int | None
    old_until: int | None
    """Until when the secret before this one signs too."""


def clean_events(names: Sequence[str]) -> tuple[Event, ...]:
    """The events that are named, each once, in our order; raises InvalidWebhook."""
    unknown = [name for name in names if name not in EVENTS]
    if unknown:
        raise InvalidWebhook(f"There is no event {unknown[0][:50]!r}. There are: {', '.join(EVENTS)}.")
    if not names:
        raise InvalidWebhook("Name at least one event.")
    return tuple(event for event in EVENTS if event in names)


async def create_endpoint(
    conn: Connection, account_id: int, url: str, events: Sequence[str], *, key: bytes, now: int
) -> tuple[Endpoint, str]:
    """
    A new endpoint and its secret, which is shown this once. *key* is the installation's own secret.

    *url* is one that `sending.Courier.check` let through. Raises InvalidWebhook.
    """
    chosen = clean_events(events)
    endpoint_id = await next_id(conn, account_id)  # holds the account's row, so that two at once do not pass MOST
    if await count_endpoints(conn, account_id) >= MOST:
        raise InvalidWebhook(f"An account has {MOST} webhooks at most. Delete one first.")
    secret = new_secret()
    values = {
        "account_id": account_id,
        "id": endpoint_id,
        "url": url,
        "events": msgspec.json.encode(chosen).decode(),
        "secret": seal_secret(key, secret),
        "now": now,
    }
    await conn.execute(_ADD, values)
    return await get_endpoint(conn, account_id, endpoint_id), secret


async def get_endpoint(reader: Reader, account_id: int, endpoint_id: int) -> Endpoint:
    """The account's endpoint; raises WebhookNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": endpoint_id})
    if row is None:
        raise WebhookNotFound
    return _endpoint(row)


async def page_of_endpoints(reader: Reader, account_id: int, *, limit: int = MOST, offset: int = 0) -> list[Endpoint]:
    """The account's endpoints, newest first."""
    rows = await reader.fetch_all(_PAGE, {"account_id": account_id, "limit": limit, "offset": offset})
    return [_endpoint(row) for row in rows]


async def count_endpoints(reader: Reader, account_id: int) -> int:
    """How many endpoints the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def change_endpoint(
    conn: Connection,
    account_id: int,
    endpoint_id: int,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    state: Literal["on", "off"] | None = None,
) -> Endpoint:
    """Write what is given; turned on again, it starts without its failures. Raises WebhookNotFound, InvalidWebhook."""
    known = await get_endpoint(conn, account_id, endpoint_id)
    where = {"account_id": account_id, "id": endpoint_id}
    chosen = clean_events(events) if events is not None else known.events
    await conn.execute(_SET_PLACE, {**where, "url": url or known.url, "events": msgspec.json.encode(chosen).decode()})
    if state is not None and state != known.state:
        await set_state(conn, account_id, endpoint_id, state)
    return await get_endpoint(conn, account_id, endpoint_id)


async def set_state(conn: Connection, account_id: int, endpoint_id: int, state: State) -> None:
    """Let it hear, or no longer."""
    values = {"account_id": account_id, "id": endpoint_id, "state": state, "is_on": int(state == "on")}
    await conn.execute(_SET_STATE, values)


async def rotate_secret(conn: Connection, account_id: int, endpoint_id: int, *, key: bytes, now: int) -> str:
    """A new secret, shown this once; the old one signs for another day. Raises WebhookNotFound."""
    secret = new_secret()
    values = {
        "account_id": account_id,
        "id": endpoint_id,
        "secret": seal_secret(key, secret),
        "old_until": now + OLD_LASTS,
    }
    if not await conn.execute(_ROTATE, values):
        raise WebhookNotFound
    return secret


async def delete_endpoint(conn: Connection, account_id: int, endpoint_id: int) -> None:
    """Forget an endpoint and what it was to be told. Raises WebhookNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": endpoint_id}):
        raise WebhookNotFound


def seal_secret(key: bytes, secret: str) -> str:
    """*secret* as a row holds it."""
    return seal(f"webhook {key.hex()}", secret.encode()).hex()


def open_secret(key: bytes, sealed: str) -> str | None:
    """The secret of a row; None: it was sealed under another VIZSLA_SECRET_KEY."""
    opened = unseal(f"webhook {key.hex()}", bytes.fromhex(sealed))
    return opened.decode() if opened is not None else None


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(row[0], row[1], _events(row[2]), *row[3:])
