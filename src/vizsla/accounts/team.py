"""
Who is in this team, and what may each of them do in it?

What a team owns is its account's: whoever leaves, leaves it there. Somebody who is removed is out at once: their sessions go
with them, their keys stop, on every node within a second. There is always an owner.

Every change takes the account's row first, so that two owners who remove each other take turns, and looks at the role of
whoever makes it then: a page that was opened before they lost it does not count.
"""

from typing import cast

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from vizsla.accounts.changes import note_change
from vizsla.accounts.keys import revoke_all_keys
from vizsla.accounts.roles import NotAllowed, Role, may_grant, require_manager
from vizsla.accounts.store import Member, next_id
from vizsla.accounts.tables import account, member
from vizsla.kit.errors import NotFound, VizslaError, WrongParams
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

LONGEST_NAME = 100
MOST = 1_000
"""Members shown of one team."""

_COLUMNS = (
    member.c.account_id,
    member.c.id,
    member.c.email,
    member.c.first_name,
    member.c.last_name,
    member.c.is_admin,
    member.c.role,
    member.c.created_at,
    member.c.limit_searches,
    member.c.limit_verifications,
    member.c.password.is_not(None),
    member.c.totp_since.is_not(None),
)
_THEIRS = (member.c.account_id == bindparam("account_id_"),)
_ONE = (*_THEIRS, member.c.id == bindparam("id_"))
_LIST = statement(select(*_COLUMNS).where(*_THEIRS).order_by(member.c.id).limit(bindparam("limit_")))
_GET = statement(select(*_COLUMNS).where(*_ONE))
_OWNERS = statement(select(func.count()).select_from(member).where(*_THEIRS, member.c.role == "owner"))
_SET_ROLE = statement(update(member).where(*_ONE).values(role=bindparam("role_")))
_SET_LIMITS = statement(
    update(member)
    .where(*_ONE)
    .values(limit_searches=bindparam("searches_"), limit_verifications=bindparam("verifications_"))
)
_REMOVE = statement(delete(member).where(*_ONE))
_FIND_NAME = statement(select(account.c.name).where(account.c.id == bindparam("account_id_")))
_RENAME = statement(update(account).where(account.c.id == bindparam("account_id_")).values(name=bindparam("name_")))


class MemberNotFound(NotFound):
    """Nobody with this number is in your team."""


class LastOwner(VizslaError):
    """A team needs an owner. Make somebody else an owner first."""

    id = "validation_failed"


class Teammate(msgspec.Struct, frozen=True):
    """A member as the team's page shows them."""

    member: Member
    created_at: int
    limit_searches: int | None
    """What of the account's searches in a period they may use; None: as many as there are."""
    limit_verifications: int | None
    has_password: bool
    uses_codes: bool
    """Whether signing in takes a one-time code of theirs."""


async def list_members(reader: Reader, account_id: int) -> list[Teammate]:
    """A team's members, the first one first."""
    rows = await reader.fetch_all(_LIST, {"account_id_": account_id, "limit_": MOST})
    return [_teammate(row) for row in rows]


async def get_teammate(reader: Reader, account_id: int, member_id: int) -> Teammate:
    """One member of a team; raises MemberNotFound."""
    row = await reader.fetch_one(_GET, {"account_id_": account_id, "id_": member_id})
    if row is None:
        raise MemberNotFound
    return _teammate(row)


async def find_team_name(reader: Reader, account_id: int) -> str | None:
    """What the team is called; None: it has no name."""
    row = await reader.fetch_one(_FIND_NAME, {"account_id_": account_id})
    return row[0] if row else None


async def rename_team(conn: Connection, by: Member, name: str) -> None:
    """Call the team *name*; nothing but blanks takes its name away. Raises NotAllowed, WrongParams."""
    await _enter(conn, by)
    cleaned = " ".join("".join(mark if mark.isprintable() else " " for mark in name).split())
    if len(cleaned) > LONGEST_NAME:
        raise WrongParams(f"A team's name has at most {LONGEST_NAME} characters.")
    await conn.execute(_RENAME, {"account_id_": by.account_id, "name_": cleaned or None})


async def change_role(conn: Connection, by: Member, member_id: int, role: Role, now: int) -> None:
    """Make a member a *role*. Raises NotAllowed, MemberNotFound, LastOwner."""
    actor = await _enter(conn, by)
    them = (await get_teammate(conn, by.account_id, member_id)).member
    if not (may_grant(actor.role, them.role) and may_grant(actor.role, role)):
        raise NotAllowed
    if them.role == "owner" and role != "owner":
        await _keep_an_owner(conn, by.account_id)
    await conn.execute(_SET_ROLE, {"account_id_": by.account_id, "id_": member_id, "role_": role})
    await note_change(conn, by.account_id, now)


async def set_limits(
    conn: Connection,
    by: Member,
    member_id: int,
    *,
    searches: int | None,
    verifications: int | None,
    now: int,
) -> None:
    """
    What of the account's quota a member may use in a period; None: as much as there is.

    It holds from the next question on, with what they used of this period already. Raises NotAllowed, MemberNotFound, WrongParams.
    """
    actor = await _enter(conn, by)
    them = (await get_teammate(conn, by.account_id, member_id)).member
    if not may_grant(actor.role, them.role):
        raise NotAllowed
    if any(limit is not None and not 0 <= limit <= 10**12 for limit in (searches, verifications)):
        raise WrongParams("A limit is a number from 0 on. Leave it empty for none.")
    values = {"searches_": searches, "verifications_": verifications}
    await conn.execute(_SET_LIMITS, {"account_id_": by.account_id, "id_": member_id, **values})
    await note_change(conn, by.account_id, now)


async def remove_member(conn: Connection, by: Member, member_id: int, now: int) -> None:
    """
    Take a member out of the team, or let them go (*by* themselves): keys and sessions of theirs end.

    Raises NotAllowed, MemberNotFound, LastOwner.
    """
    actor = await _enter(conn, by, manager=False)
    them = (await get_teammate(conn, by.account_id, member_id)).member
    if them.id != actor.id and not may_grant(actor.role, them.role):
        raise NotAllowed
    if them.role == "owner":
        await _keep_an_owner(conn, by.account_id)
    await revoke_all_keys(conn, by.account_id, now, member_id=member_id)
    # Sessions, links and recovery codes go with the row.
    await conn.execute(_REMOVE, {"account_id_": by.account_id, "id_": member_id})


async def _enter(conn: Connection, by: Member, *, manager: bool = True) -> Member:
    """Wait for the account's turn; whoever acts, as they are now."""
    await next_id(conn, by.account_id)
    row = await conn.fetch_one(_GET, {"account_id_": by.account_id, "id_": by.id})
    if row is None:
        raise NotAllowed("You are no longer a member of this team.")
    actor = _teammate(row).member
    if manager:
        require_manager(actor.role)
    return actor


async def _keep_an_owner(conn: Connection, account_id: int) -> None:
    row = await conn.fetch_one(_OWNERS, {"account_id_": account_id})
    if row is None or row[0] < 2:
        raise LastOwner


def _teammate(row: Row) -> Teammate:
    who = Member(row[0], row[1], row[2], row[3], row[4], bool(row[5]), cast(Role, row[6]))
    return Teammate(who, row[7], row[8], row[9], bool(row[10]), bool(row[11]))
