"""
What may the holder of this link, or of this cookie, do once?

A ticket belongs to a member: to set a password by the link in a mail, or to finish signing in by a one-time code. Using it
deletes the row, and whoever deletes it was first: of two that use one at the same moment, one does.
"""

from typing import Literal

from sqlalchemy import bindparam, delete, insert, select

from vizsla.accounts.store import MEMBER_COLUMNS, Member, find_member, member_of
from vizsla.accounts.tables import member, ticket
from vizsla.accounts.tokens import hash_token, new_token
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

Purpose = Literal["password", "code"]

_ADD = statement(
    insert(ticket).values(
        account_id=bindparam("account_id"),
        member_id=bindparam("member_id"),
        hash=bindparam("hash"),
        purpose=bindparam("purpose"),
        created_at=bindparam("created_at"),
        expires_at=bindparam("expires_at"),
    )
)
_GOOD = (
    ticket.c.hash == bindparam("hash_"),
    ticket.c.purpose == bindparam("purpose_"),
    ticket.c.expires_at > bindparam("now_"),
)
_FIND = statement(
    select(*MEMBER_COLUMNS)
    .join(ticket, (ticket.c.account_id == member.c.account_id) & (ticket.c.member_id == member.c.id))
    .where(*_GOOD)
)
_USE = statement(delete(ticket).where(*_GOOD).returning(ticket.c.account_id, ticket.c.member_id))
_DROP = statement(
    delete(ticket).where(ticket.c.account_id == bindparam("account_id_"), ticket.c.member_id == bindparam("member_id_"))
)
_FORGET = statement(
    delete(ticket).where(
        ticket.c.hash.in_(
            select(ticket.c.hash).where(ticket.c.expires_at <= bindparam("now_")).limit(bindparam("limit_"))
        )
    )
)


async def create_ticket(conn: Connection, whose: Member, purpose: Purpose, *, lasts: int, now: int) -> str:
    """A token that lets *whose* do this once within *lasts* seconds."""
    token = new_token()
    await conn.execute(
        _ADD,
        {
            "account_id": whose.account_id,
            "member_id": whose.id,
            "hash": hash_token(token),
            "purpose": purpose,
            "created_at": now,
            "expires_at": now + lasts,
        },
    )
    return token


async def find_ticket(reader: Reader, token: str, purpose: Purpose, now: int) -> Member | None:
    """Whose ticket this is; it stays good. None if it was used, has run out, or never was."""
    row = await reader.fetch_one(_FIND, {"hash_": hash_token(token), "purpose_": purpose, "now_": now})
    return member_of(row) if row else None


async def use_ticket(conn: Connection, token: str, purpose: Purpose, now: int) -> Member | None:
    """Whose ticket this was; None if it was used, has run out, or never was."""
    row = await conn.fetch_one(_USE, {"hash_": hash_token(token), "purpose_": purpose, "now_": now})
    return await find_member(conn, row[0], row[1]) if row else None


async def drop_tickets(conn: Connection, account_id: int, member_id: int) -> None:
    """None of a member's tickets is good any more."""
    await conn.execute(_DROP, {"account_id_": account_id, "member_id_": member_id})


async def forget_tickets(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that have run out."""
    return await conn.execute(_FORGET, {"now_": now, "limit_": limit})
