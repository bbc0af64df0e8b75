"""
Whose API key is this?

A key is 160 random bits in hexadecimal. Only its SHA-256 is stored and looked up, so neither a copy of the database nor the
time of an answer tells a key; a slow hash protects weak secrets, which these are not.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from vizsla.accounts.rate import Limit, parse_limits
from vizsla.accounts.store import Plan, find_plan, next_id
from vizsla.accounts.tables import api_key
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.kit.settings import Settings
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

is_key = re.compile(r"[0-9a-f]{40}\Z", re.ASCII).match
CACHE_SECONDS = 5.0
"""How long a key revoked on another node, or a plan changed there, may live on here."""
_CACHED = 10_000
DEFAULT_RATE_VERIFY = "10/s,300/min"

_SHOWN = (api_key.c.id, api_key.c.name, api_key.c.last4, api_key.c.created_at)
_MINE = (api_key.c.account_id == bindparam("account_id_"), api_key.c.revoked_at.is_(None))
_ONE = (*_MINE, api_key.c.id == bindparam("id_"))
_FIND = statement(
    select(api_key.c.account_id, api_key.c.id, api_key.c.member_id).where(
        api_key.c.hash == bindparam("hash_"), api_key.c.revoked_at.is_(None)
    )
)
_ADD = statement(
    insert(api_key).values(
        account_id=bindparam("account_id"),
        id=bindparam("id"),
        member_id=bindparam("member_id"),
        name=bindparam("name"),
        hash=bindparam("hash"),
        last4=bindparam("last4"),
        created_at=bindparam("created_at"),
    )
)
_LIST = statement(
    select(*_SHOWN).where(*_MINE).order_by(api_key.c.id.desc()).limit(bindparam("limit_")).offset(bindparam("offset_"))
)
_COUNT = statement(select(func.count()).select_from(api_key).where(*_MINE))
_GET = statement(select(*_SHOWN).where(*_ONE))
_RENAME = statement(update(api_key).where(*_ONE).values(name=bindparam("name_")))
_REVOKE = statement(update(api_key).where(*_ONE).values(revoked_at=bindparam("now_")))
_REVOKE_ALL = statement(update(api_key).where(*_MINE).values(revoked_at=bindparam("now_")))


class KeyNotFound(NotFound):
    """This API key does not exist."""


class LastKey(VizslaError):
    """The last API key of an account cannot be deleted. Create another one first."""

    id = "validation_failed"


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it may be shown after its creation."""

    id: int
    name: str
    last4: str
    created_at: int


class NewKey(msgspec.Struct, frozen=True):
    """A key at its creation: the only time that it is shown whole."""

    id: int
    name: str
    plaintext: str
    created_at: int


class Caller(msgspec.Struct, frozen=True):
    """Who is asking, by which key, and what their plan allows."""

    account_id: int
    key_id: int
    member_id: int | None
    plan_name: str
    plan_level: int
    searches: int
    verifications: int
    rates: dict[str, tuple[Limit, ...]]
    """Limits by name: search, count, verify."""


async def create_key(conn: Connection, account_id: int, name: str, *, now: int, member_id: int | None = None) -> NewKey:
    """A new key of an account; the caller shows `plaintext` once and forgets it."""
    plaintext = secrets.token_hex(20)
    made = NewKey(await next_id(conn, account_id), name, plaintext, now)
    await conn.execute(
        _ADD,
        {
            "account_id": account_id,
            "id": made.id,
            "member_id": member_id,
            "name": name,
            "hash": hash_key(plaintext),
            "last4": plaintext[-4:],
            "created_at": now,
        },
    )
    return made


def hash_key(plaintext: str) -> str:
    """The form in which a key is stored."""
    return hashlib.sha256(plaintext.encode()).hexdigest()


async def list_keys(reader: Reader, account_id: int, *, limit: int, offset: int = 0) -> list[ApiKey]:
    """The account's keys, newest first."""
    rows = await reader.fetch_all(_LIST, {"account_id_": account_id, "limit_": limit, "offset_": offset})
    return [_shown(row) for row in rows]


async def count_keys(reader: Reader, account_id: int) -> int:
    """How many keys the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id_": account_id})
    return int(row[0]) if row else 0


async def get_key(reader: Reader, account_id: int, key_id: int) -> ApiKey:
    """One key of the account; raises KeyNotFound."""
    row = await reader.fetch_one(_GET, {"account_id_": account_id, "id_": key_id})
    if row is None:
        raise KeyNotFound
    return _shown(row)


async def rename_key(conn: Connection, account_id: int, key_id: int, name: str) -> None:
    """Give a key another name; raises KeyNotFound."""
    if not await conn.execute(_RENAME, {"account_id_": account_id, "id_": key_id, "name_": name}):
        raise KeyNotFound


async def revoke_key(conn: Connection, account_id: int, key_id: int, now: int) -> None:
    """Stop a key; raises KeyNotFound, and LastKey for the only one left."""
    # Counting up the account's id locks its row: two requests that each delete one of the last two keys take turns.
    await next_id(conn, account_id)
    await get_key(conn, account_id, key_id)
    if await count_keys(conn, account_id) < 2:
        raise LastKey
    await conn.execute(_REVOKE, {"account_id_": account_id, "id_": key_id, "now_": now})


async def revoke_all_keys(conn: Connection, account_id: int, now: int) -> None:
    """Stop every key of an account."""
    await conn.execute(_REVOKE_ALL, {"account_id_": account_id, "now_": now})


def _shown(row: Row) -> ApiKey:
    return ApiKey(row[0], row[1], row[2], row[3])


class KeyRing:
    """Callers by key, remembered for a few seconds."""

    def __init__(self, reader: Reader, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._settings = settings
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def find(self, plaintext: str) -> Caller | None:
        """Who has this key; None if nobody."""
        if not is_key(plaintext):
            return None
        digest = hashlib.sha256(plaintext.encode())
        known = self._known.get(digest.digest())
        now = self._clock()
        if known is not None and known[0] > now:
            return known[1]
        row = await self._reader.fetch_one(_FIND, {"hash_": digest.hexdigest()})
        if row is None:
            self._known.pop(digest.digest(), None)
            return None
        plan = await find_plan(self._reader, row[0])
        caller = caller_of(self._settings, plan, account_id=row[0], key_id=row[1], member_id=row[2])
        if len(self._known) >= _CACHED:
            self._known.clear()
        self._known[digest.digest()] = (now + CACHE_SECONDS, caller)
        return caller

    def forget(self) -> None:
        """Look every key up anew: one was revoked, or a plan changed."""
        self._known.clear()


def caller_of(
    settings: Settings, plan: Plan, *, account_id: int, key_id: int = 0, member_id: int | None = None
) -> Caller:
    """A caller of an account with *plan*, where that is silent as *settings* say."""
    return Caller(
        account_id,
        key_id,
        member_id,
        plan.plan_name or "Self-hosted",
        plan.plan_level or 0,
        settings.plan_searches if plan.plan_searches is None else plan.plan_searches,
        settings.plan_verifications if plan.plan_verifications is None else plan.plan_verifications,
        {
            "search": parse_limits(plan.rate_search or settings.rate_search, "rate_search"),
            "count": parse_limits(plan.rate_count or settings.rate_count, "rate_count"),
            "verify": parse_limits(plan.rate_verify or DEFAULT_RATE_VERIFY, "rate_verify"),
        },
    )
