"""Who has an account on this installation, and what do they use? For those who run it."""

from typing import cast

import msgspec
from sqlalchemy import bindparam, select

from vizsla.accounts.quota import Used, get_usage
from vizsla.accounts.roles import Role
from vizsla.accounts.store import Member
from vizsla.accounts.tables import account, member
from vizsla.kit.settings import FREE_PLAN
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_LIST = statement(
    select(
        member.c.account_id,
        member.c.id,
        member.c.email,
        member.c.first_name,
        member.c.last_name,
        member.c.is_admin,
        member.c.role,
        member.c.created_at,
        member.c.password.is_not(None),
        account.c.name,
        account.c.plan_name,
        account.c.period_day,
    )
    .join(account, account.c.id == member.c.account_id)
    .where(member.c.email > bindparam("after_"))
    .order_by(member.c.email)
    .limit(bindparam("limit_"))
)


class User(msgspec.Struct, frozen=True):
    """Somebody who can use this installation."""

    member: Member
    created_at: int
    has_password: bool
    """Whether they can sign in; without one they use keys alone."""
    team_name: str | None
    plan_name: str
    used: Used
    """By their whole team, in its current period."""


async def list_users(reader: Reader, now: int, *, after: str = "", limit: int = 100) -> list[User]:
    """Everybody, by address; *after* is the last address of the page before."""
    users, usage = [], dict[int, Used]()
    for row in await reader.fetch_all(_LIST, {"after_": after, "limit_": limit}):
        who = Member(row[0], row[1], row[2], row[3], row[4], bool(row[5]), cast(Role, row[6]))
        if who.account_id not in usage:
            usage[who.account_id] = await get_usage(reader, who.account_id, now, row[11])
        users.append(User(who, row[7], bool(row[8]), row[9], row[10] or FREE_PLAN, usage[who.account_id]))
    return users
