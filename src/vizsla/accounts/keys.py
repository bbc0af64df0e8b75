"""
Which API keys are there, and whose?

A key is 160 random bits in hexadecimal. Only its SHA-256 is stored and looked up, so neither a copy of the database nor the
time of an answer tells a key; a slow hash protects weak secrets, which these are not.
"""

import hashlib
import re
import secrets

import msgspec
from sqlalchemy import BigInteger, bindparam, exists, func, insert, null, select, update

from vizsla.accounts.changes import note_change
from vizsla.accounts.store import next_id
from vizsla.accounts.tables import api_key, member
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

UNDO_FOR = 60
"""Seconds for which a revocation can be taken back."""
is_key = re.compile(r"[0-9a-f]{40}\Z", re.ASCII).match

_SHOWN = (
    api_key.c.id,
    api_key.c.name,
    api_key.c.last4,
    api_key.c.created_at,
    api_key.c.last_used_at,
    api_key.c.member_id,
    member.c.email,
)
_MEMBERS = api_key.outerjoin(
    member, (member.c.account_id == api_key.c.account_id) & (member.c.id == api_key.c.member_id)
)
_MINE = (api_key.c.account_id == bindparam("account_id_"), api_key.c.revoked_at.is_(None))
# A member's own, or (0) the whole account's.
_THEIRS = (*_MINE, (bindparam("member_id_", type_=BigInteger) == 0) | (api_key.c.member_id == bindparam("member_id_")))
_ONE = (*_THEIRS, api_key.c.id == bindparam("id_"))
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
    select(*_SHOWN)
    .select_from(_MEMBERS)
    .where(*_THEIRS)
    .order_by(api_key.c.id.desc())
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
_COUNT = statement(select(func.count()).select_from(api_key).where(*_THEIRS))
_GET = statement(select(*_SHOWN).select_from(_MEMBERS).where(*_ONE))
_RENAME = statement(update(api_key).where(*_ONE).values(name=bindparam("name_")))
_REVOKE = statement(update(api_key).where(*_ONE).values(revoked_at=bindparam("now_")))
_RESTORE = statement(
    update(api_key)
    .where(
        api_key.c.account_id == bindparam("account_id_"),
        api_key.c.id == bindparam("id_"),
        (bindparam("member_id_", type_=BigInteger) == 0) | (api_key.c.member_id == bindparam("member_id_")),
        api_key.c.revoked_at >= bindparam("since_"),
        # Whoever was taken out of the team comes back by no key of theirs.
        api_key.c.member_id.is_(None)
        | exists().where(member.c.account_id == api_key.c.account_id, member.c.id == api_key.c.member_id),
    )
    .values(revoked_at=null())
)
_REVOKE_ALL = statement(update(api_key).where(*_THEIRS).values(revoked_at=bindparam("now_")))


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
    last_used_at: int | None
    """To about a minute; None: never."""
    member_id: int | None
    """Whose it is; None: the account's."""
    email: str | None
    """Of whose it is."""


class NewKey(msgspec.Struct, frozen=True):
    """A key at its creation: the only time that it is shown whole."""

    id: int
    name: str
    plaintext: str
    created_at: int


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


async def list_keys(
    reader: Reader, account_id: int, *, limit: int, offset: int = 0, member_id: int | None = None
) -> list[ApiKey]:
    """The account's keys, or those of one member, newest first."""
    values = {"account_id_": account_id, "member_id_": member_id or 0, "limit_": limit, "offset_": offset}
    return [_shown(row) for row in await reader.fetch_all(_LIST, values)]


async def count_keys(reader: Reader, account_id: int, *, member_id: int | None = None) -> int:
    """How many keys the account, or one member, has."""
    row = await reader.fetch_one(_COUNT, {"account_id_": account_id, "member_id_": member_id or 0})
    return int(row[0]) if row else 0


async def get_key(reader: Reader, account_id: int, key_id: int, *, member_id: int | None = None) -> ApiKey:
    """One key of the account, or of one member; raises KeyNotFound."""
    row = await reader.fetch_one(_GET, {"account_id_": account_id, "id_": key_id, "member_id_": member_id or 0})
    if row is None:
        raise KeyNotFound
    return _shown(row)


async def rename_key(
    conn: Connection, account_id: int, key_id: int, name: str, *, member_id: int | None = None
) -> None:
    """Give a key, of the account or of one member, another name; raises KeyNotFound."""
    values = {"account_id_": account_id, "id_": key_id, "member_id_": member_id or 0, "name_": name}
    if not await conn.execute(_RENAME, values):
        raise KeyNotFound


async def revoke_key(conn: Connection, account_id: int, key_id: int, now: int, *, member_id: int | None = None) -> None:
    """Stop a key, of the account or of one member; raises KeyNotFound, and LastKey for the only one the account has."""
    # Counting up the account's id locks its row: two requests that each delete one of the last two keys take turns.
    await next_id(conn, account_id)
    await get_key(conn, account_id, key_id, member_id=member_id)
    if await count_keys(conn, account_id) < 2:
        raise LastKey
    await conn.execute(_REVOKE, {"account_id_": account_id, "id_": key_id, "member_id_": member_id or 0, "now_": now})
    await note_change(conn, account_id, now)


async def restore_key(
    conn: Connection, account_id: int, key_id: int, now: int, *, member_id: int | None = None
) -> None:
    """Take back that a key, of the account or of one member, was revoked less than a minute ago; raises KeyNotFound."""
    values = {"account_id_": account_id, "id_": key_id, "member_id_": member_id or 0, "since_": now - UNDO_FOR}
    if not await conn.execute(_RESTORE, values):
        raise KeyNotFound("A key that was revoked can be brought back for a minute. Make a new one.")
    await note_change(conn, account_id, now)


async def revoke_all_keys(conn: Connection, account_id: int, now: int, *, member_id: int | None = None) -> None:
    """Stop every key of an account, or of one member."""
    await conn.execute(_REVOKE_ALL, {"account_id_": account_id, "member_id_": member_id or 0, "now_": now})
    await note_change(conn, account_id, now)


def _shown(row: Row) -> ApiKey:
    return ApiKey(*row)
