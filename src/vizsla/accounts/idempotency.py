"""
Was this very request answered before?

The answer to a POST with an Idempotency-Key is stored in the transaction of the request itself: either both are there or
neither, so a retry after a crash finds the answer or does the work, never both. Only what succeeded is kept, for a day.

Answers that show a secret once are sealed with the caller's API key, which is nowhere in the database.
"""

import hashlib

import msgspec
from sqlalchemy import bindparam, delete, select

from vizsla.accounts.tables import idempotency
from vizsla.kit.clock import DAY
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement

KEPT_FOR = DAY
LONGEST_KEY = 255
KEY_PATTERN = "^[!-~]([ -~]*[!-~])?$"

_FIND = statement(
    select(idempotency.c.params, idempotency.c.status, idempotency.c.answer).where(
        idempotency.c.account_id == bindparam("account_id_"),
        idempotency.c.request == bindparam("request_"),
        idempotency.c.created_at > bindparam("expired_"),
    )
)
_KEEP = statement(
    "INSERT INTO idempotency (account_id, request, params, status, answer, created_at) "
    "VALUES (:account_id, :request, :params, :status, :answer, :now) ON CONFLICT (account_id, request) DO UPDATE SET "
    "params = excluded.params, status = excluded.status, answer = excluded.answer, created_at = excluded.created_at"
)
_FORGET = statement(delete(idempotency).where(idempotency.c.created_at <= bindparam("expired_")))
# Held until the transaction ends; SQLite has one server, whose own memory knows what is in flight.
_TURN = statement("SELECT 1", postgresql="SELECT pg_try_advisory_xact_lock(:turn::bigint)")


class KeyMismatch(VizslaError):
    """This Idempotency-Key was used with other parameters within the last 24 hours. Use a new one."""

    id = "idempotency_key_mismatch"


class KeyInFlight(VizslaError):
    """A request with this Idempotency-Key is still being answered. Try again in a second."""

    id = "idempotency_key_in_flight"


class Request(msgspec.Struct, frozen=True):
    """A request that may come more than once."""

    account_id: int
    hash: str
    """Of method, path and Idempotency-Key."""
    params: str
    """Hash of what was sent."""
    seal: str | None
    """What seals the answer, if it shows a secret."""


class Answered(msgspec.Struct, frozen=True):
    """The first answer to a request."""

    status: int
    body: bytes


def request_of(account_id: int, *, method: str, path: str, key: str, params: bytes, seal: str | None = None) -> Request:
    """The identity of a request: the same for each retry of it."""
    identity = hashlib.sha256(f"{method}\n{path}\n{key}".encode("utf-8", "surrogateescape")).hexdigest()
    return Request(account_id, identity, hashlib.sha256(params).hexdigest(), seal)


class InFlight:
    """Requests that are being answered; one `with` a request."""

    def __init__(self) -> None:
        self._running: set[tuple[int, str]] = set()

    def enter(self, request: Request) -> None:
        """Raises KeyInFlight if the same request is being answered by this process."""
        identity = (request.account_id, request.hash)
        if identity in self._running:
            raise KeyInFlight
        self._running.add(identity)

    def leave(self, request: Request) -> None:
        """It is answered."""
        self._running.discard((request.account_id, request.hash))


async def find_answer(conn: Connection, request: Request, now: int) -> Answered | None:
    """
    The first answer to *request*, or None: then it is this transaction's to answer.

    Raises KeyMismatch if other parameters came with the same key, KeyInFlight if another node is at it.
    """
    turn = int(request.hash[:15], 16) ^ request.account_id
    row = await conn.fetch_one(_TURN, {"turn": turn})
    if row is None or not row[0]:
        raise KeyInFlight
    found = await conn.fetch_one(
        _FIND, {"account_id_": request.account_id, "request_": request.hash, "expired_": now - KEPT_FOR}
    )
    if found is None:
        return None
    params, status, text = found
    if params != request.params:
        raise KeyMismatch
    body = unseal(request.seal, bytes.fromhex(text)) if request.seal else text.encode()
    if body is None:
        raise KeyMismatch("This Idempotency-Key was used with another API key of your account. Use a new one.")
    return Answered(status, body)


async def keep_answer(conn: Connection, request: Request, answered: Answered, now: int) -> None:
    """Store the answer in the transaction that did the work."""
    text = seal(request.seal, answered.body).hex() if request.seal else answered.body.decode()
    await conn.execute(
        _KEEP,
        {
            "account_id": request.account_id,
            "request": request.hash,
            "params": request.params,
            "status": answered.status,
            "answer": text,
            "now": now,
        },
    )


async def forget_answers(conn: Connection, now: int) -> int:
    """Drop what is older than a day."""
    return await conn.execute(_FORGET, {"expired_": now - KEPT_FOR})
