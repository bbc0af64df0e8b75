"""
What may those who run an installation do with its users?

There is always one of them left: nobody takes the right to run it from the last, nor removes them.
"""

from sqlalchemy import bindparam, case, delete, func, select, update

from vizsla.accounts.keys import revoke_all_keys
from vizsla.accounts.sessions import close_other_sessions
from vizsla.accounts.store import Member, next_id
from vizsla.accounts.tables import account, member
from vizsla.accounts.tickets import drop_tickets
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

_THIS = (member.c.account_id == bindparam("account_id_"), member.c.id == bindparam("id_"))
# Locked, so that of two operators who remove each other one comes second.
_OPERATORS = statement(
    select(member.c.account_id, member.c.id).where(member.c.is_admin == 1).order_by(member.c.email).with_for_update()
)
_SET = statement(update(member).where(*_THIS).values(is_admin=bindparam("is_admin_")))
_OTHERS = statement(
    select(
        func.count(),
        func.coalesce(func.sum(case((member.c.role == "owner", 1), else_=0)), 0),
    ).where(member.c.account_id == bindparam("account_id_"), member.c.id != bindparam("id_")),
)
_REMOVE = statement(delete(member).where(*_THIS))
_REMOVE_ACCOUNT = statement(delete(account).where(account.c.id == bindparam("account_id_")))
_COUNT = statement("SELECT count(*) FROM (SELECT 1 FROM member LIMIT 100001) AS users")


class LastOperator(VizslaError):
    """They are the only operator of this installation. Make somebody else one first."""

    id = "forbidden"


class OnlyOwner(VizslaError):
    """They are the only owner of their team. Have somebody else made an owner of it first."""

    id = "forbidden"


async def set_operator(conn: Connection, who: Member, *, is_admin: bool) -> None:
    """Give *who* the right to run this installation, or take it. Raises LastOperator."""
    if not is_admin:
        await _keep_an_operator(conn, who)
    await conn.execute(_SET, {"account_id_": who.account_id, "id_": who.id, "is_admin_": int(is_admin)})


async def lock_out(conn: Connection, who: Member, now: int) -> None:
    """End every session, link and key of *who*. With their password, or a new link, they come back."""
    await close_other_sessions(conn, who.account_id, who.id)
    await drop_tickets(conn, who.account_id, who.id)
    await revoke_all_keys(conn, who.account_id, now, member_id=who.id)


async def remove_user(conn: Connection, who: Member, now: int) -> bool:
    """
    Remove *who*, and their account with all it has if nobody else is in it: True then.

    Raises LastOperator, OnlyOwner.
    """
    await next_id(conn, who.account_id)
    await _keep_an_operator(conn, who)
    this = {"account_id_": who.account_id, "id_": who.id}
    row = await conn.fetch_one(_OTHERS, this)
    assert row is not None
    others, owners = row
    if others and not owners:
        raise OnlyOwner
    await revoke_all_keys(conn, who.account_id, now, member_id=who.id)
    await conn.execute(_REMOVE, this)
    if others:
        return False
    await revoke_all_keys(conn, who.account_id, now)
    await conn.execute(_REMOVE_ACCOUNT, {"account_id_": who.account_id})
    return True


async def count_users(reader: Reader) -> int:
    """How many there are; a hundred thousand and one for any more."""
    row = await reader.fetch_one(_COUNT)
    return int(row[0]) if row else 0


async def _keep_an_operator(conn: Connection, who: Member) -> None:
    operators = [(row[0], row[1]) for row in await conn.fetch_all(_OPERATORS)]
    if operators == [(who.account_id, who.id)]:
        raise LastOperator
