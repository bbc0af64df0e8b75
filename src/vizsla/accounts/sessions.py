"""
Who is signed in?

A session is a row; its token, 256 random bits, is in the browser's cookie, its SHA-256 here. So it can be listed, ended, and
ended for all browsers at once, which a signed cookie cannot. It ends two weeks after it was last seen, and after ninety days in
any case (ASVS 7.3). When it was seen is written every few minutes at most: a page view writes nothing.
"""

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from vizsla.accounts.roles import Role
from vizsla.accounts.store import Member, next_id
from vizsla.accounts.tables import account, member, session
from vizsla.accounts.tokens import hash_token, new_token
from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

IDLE = 14 * DAY
ABSOLUTE = 90 * DAY
SEEN_EVERY = 300
"""Seconds that `seen_at` may lag behind."""
MOST = 50
"""Sessions of one member; opening one more ends the one seen longest ago."""
_LONGEST = 200

_OPEN = statement(
    insert(session).values(
        account_id=bindparam("account_id"),
        member_id=bindparam("member_id"),
        id=bindparam("id"),
        hash=bindparam("hash"),
        created_at=bindparam("now"),
        seen_at=bindparam("now"),
        expires_at=bindparam("expires_at"),
        user_agent=bindparam("user_agent"),
        address=bindparam("address"),
    )
)
_FIND = statement(
    select(
        session.c.account_id,
        session.c.member_id,
        session.c.id,
        member.c.email,
        member.c.first_name,
        member.c.last_name,
        member.c.role,
        member.c.is_admin,
        account.c.name,
        session.c.created_at,
        session.c.seen_at,
    )
    .join(member, (member.c.account_id == session.c.account_id) & (member.c.id == session.c.member_id))
    .join(account, account.c.id == session.c.account_id)
    .where(session.c.hash == bindparam("hash_"), session.c.expires_at > bindparam("now_"))
)
_THEIRS = (session.c.account_id == bindparam("account_id_"), session.c.member_id == bindparam("member_id_"))
_SEEN = statement(
    update(session)
    .where(*_THEIRS, session.c.id == bindparam("id_"), session.c.seen_at < bindparam("now_"))
    .values(seen_at=bindparam("now_"), expires_at=bindparam("expires_"))
)
_LIST = statement(
    select(
        session.c.id,
        session.c.created_at,
        session.c.seen_at,
        session.c.expires_at,
        session.c.user_agent,
        session.c.address,
    )
    .where(*_THEIRS, session.c.expires_at > bindparam("now_"))
    .order_by(session.c.seen_at.desc(), session.c.id.desc())
    .limit(bindparam("limit_"))
)
_CLOSE = statement(delete(session).where(*_THEIRS, session.c.id == bindparam("id_")))
_CLOSE_OTHERS = statement(delete(session).where(*_THEIRS, session.c.id != bindparam("id_")))
_CLOSE_OLDEST = statement(
    delete(session).where(
        session.c.hash.in_(
            select(session.c.hash)
            .where(*_THEIRS)
            .order_by(session.c.seen_at.desc(), session.c.id.desc())
            .limit(1_000)
            .offset(bindparam("offset_"))
        )
    )
)
_FORGET = statement(
    delete(session).where(
        session.c.hash.in_(
            select(session.c.hash).where(session.c.expires_at <= bindparam("now_")).limit(bindparam("limit_"))
        )
    )
)


class Visitor(msgspec.Struct, frozen=True):
    """Who is looking at a page."""

    account_id: int
    member_id: int
    session_id: int
    email: str
    first_name: str | None
    last_name: str | None
    role: Role
    """In the team; see `roles`."""
    is_admin: bool
    """Of this installation."""
    team_name: str | None
    signed_in_at: int
    seen_at: int

    @property
    def member(self) -> Member:
        """The same person, as the rest of this room takes them."""
        names = self.first_name, self.last_name
        return Member(self.account_id, self.member_id, self.email, *names, self.is_admin, self.role)

    def is_due(self, now: int) -> bool:
        """Whether `note_seen` should be called."""
        return now - self.seen_at >= SEEN_EVERY


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in, as its owner may see it."""

    id: int
    created_at: int
    seen_at: int
    expires_at: int
    user_agent: str
    address: str


async def open_session(conn: Connection, whose: Member, *, now: int, user_agent: str = "", address: str = "") -> str:
    """
    Sign *whose* in; the token is for the cookie, and nowhere else.

    Call it after `sign_in.check` (and `second_factor.finish`), never with a token that the browser brought: an identity gets a
    new token whenever it changes.
    """
    token = new_token()
    theirs = {"account_id_": whose.account_id, "member_id_": whose.id}
    await conn.execute(
        _OPEN,
        {
            "account_id": whose.account_id,
            "member_id": whose.id,
            "id": await next_id(conn, whose.account_id),
            "hash": hash_token(token),
            "now": now,
            "expires_at": now + IDLE,
            "user_agent": _clean(user_agent),
            "address": _clean(address),
        },
    )
    await conn.execute(_CLOSE_OLDEST, {**theirs, "offset_": MOST})
    return token


async def find_session(reader: Reader, token: str, now: int) -> Visitor | None:
    """Whose cookie this is, in one read; None if it is nobody's, or has run out."""
    row = await reader.fetch_one(_FIND, {"hash_": hash_token(token), "now_": now})
    if row is None:
        return None
    return Visitor(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]), row[8], row[9], row[10])


async def note_seen(conn: Connection, visitor: Visitor, now: int) -> None:
    """The session goes on; for a door to call, if `visitor.is_due`, beside its answer."""
    expires = min(now + IDLE, visitor.signed_in_at + ABSOLUTE)
    await conn.execute(
        _SEEN,
        {
            "account_id_": visitor.account_id,
            "member_id_": visitor.member_id,
            "id_": visitor.session_id,
            "now_": now,
            "expires_": expires,
        },
    )


async def list_sessions(reader: Reader, account_id: int, member_id: int, now: int) -> list[Session]:
    """A member's sessions, the one seen last first."""
    values = {"account_id_": account_id, "member_id_": member_id, "now_": now, "limit_": MOST}
    return [Session(*row) for row in await reader.fetch_all(_LIST, values)]


async def close_session(conn: Connection, account_id: int, member_id: int, session_id: int) -> bool:
    """End one session of a member; False if there is none of this id."""
    values = {"account_id_": account_id, "member_id_": member_id, "id_": session_id}
    return bool(await conn.execute(_CLOSE, values))


async def close_other_sessions(conn: Connection, account_id: int, member_id: int, *, keep: int | None = None) -> int:
    """End a member's sessions but *keep* (None: all of them); how many."""
    values = {"account_id_": account_id, "member_id_": member_id, "id_": -1 if keep is None else keep}
    return await conn.execute(_CLOSE_OTHERS, values)


async def forget_sessions(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that have run out."""
    return await conn.execute(_FORGET, {"now_": now, "limit_": limit})


def _clean(text: str) -> str:
    """What a client says of itself, without what a database or a terminal would stumble over."""
    return "".join(mark if mark.isprintable() else " " for mark in text[:_LONGEST])
