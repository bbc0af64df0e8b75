"""
Who was asked to come?

To a team, with a role in it, by its owners and admins; or, by those who run the installation, to an account of their own. The
link is good once, for a week, and can be revoked. Inviting somebody again replaces the link before.
"""

from typing import cast

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select

from vizsla.accounts.guesses import Allowance, take_guess
from vizsla.accounts.roles import NotAllowed, Role, may_grant
from vizsla.accounts.sign_up import Mode, SignUpClosed
from vizsla.accounts.store import Member, create_user, find_user, next_id
from vizsla.accounts.tables import account, invitation, member
from vizsla.accounts.tokens import hash_token, new_token
from vizsla.kit.clock import DAY
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

LASTS = 7 * DAY
MOST = 100
"""Invitations of one account that wait for an answer."""
BY_ACCOUNT = Allowance("invitation", 30, 120)

_ADD = statement(
    insert(invitation).values(
        account_id=bindparam("account_id"),
        id=bindparam("id"),
        hash=bindparam("hash"),
        email=bindparam("email"),
        role=bindparam("role"),
        invited_by=bindparam("invited_by"),
        created_at=bindparam("created_at"),
        expires_at=bindparam("expires_at"),
    )
)
_MINE = (invitation.c.account_id == bindparam("account_id_"),)
_COLUMNS = (
    invitation.c.account_id,
    invitation.c.id,
    invitation.c.email,
    invitation.c.role,
    invitation.c.invited_by,
    invitation.c.created_at,
    invitation.c.expires_at,
)
_LIST = statement(
    select(*_COLUMNS)
    .where(*_MINE, invitation.c.expires_at > bindparam("now_"))
    .order_by(invitation.c.id.desc())
    .limit(bindparam("limit_"))
)
_COUNT = statement(
    select(func.count()).select_from(invitation).where(*_MINE, invitation.c.expires_at > bindparam("now_"))
)
_GOOD = (invitation.c.hash == bindparam("hash_"), invitation.c.expires_at > bindparam("now_"))
_FIND = statement(
    select(*_COLUMNS, account.c.name, member.c.email)
    .join(account, account.c.id == invitation.c.account_id)
    .outerjoin(member, (member.c.account_id == invitation.c.account_id) & (member.c.id == invitation.c.invited_by))
    .where(*_GOOD)
)
_USE = statement(delete(invitation).where(*_GOOD).returning(*_COLUMNS))
_REVOKE = statement(delete(invitation).where(*_MINE, invitation.c.id == bindparam("id_")))
_REPLACE = statement(delete(invitation).where(*_MINE, invitation.c.email == bindparam("email_")))
_FORGET = statement(
    delete(invitation).where(
        invitation.c.hash.in_(
            select(invitation.c.hash).where(invitation.c.expires_at <= bindparam("now_")).limit(bindparam("limit_"))
        )
    )
)


class InvitationNotFound(NotFound):
    """This invitation does not exist. It may have been accepted or revoked."""


class TooManyInvitations(VizslaError):
    """Too many invitations of this team wait for an answer. Revoke some first."""

    id = "validation_failed"


class AlreadyInTeam(VizslaError):
    """Somebody with this address is in your team already."""

    id = "validation_failed"


class Invitation(msgspec.Struct, frozen=True):
    """An invitation that waits for its answer."""

    account_id: int
    id: int
    email: str
    role: Role | None
    """In the team; None: to an account of their own."""
    invited_by: int
    created_at: int
    expires_at: int


class Invited(msgspec.Struct, frozen=True):
    """An invitation as whoever was invited sees it."""

    invitation: Invitation
    team_name: str | None
    invited_by: str | None
    """The inviter's address; None if they have left."""


async def invite(
    conn: Connection, by: Member, email: str, role: Role | None, *, mode: Mode, now: int
) -> tuple[Invitation, str]:
    """
    Invite *email*: to *by*'s team as *role*, or (None) to an account of their own, which takes who runs the installation.

    The invitation, and the token for the link in the mail. Whether the address has an account in another team is not told: they
    learn it when they accept. Raises NotAllowed, SignUpClosed, InvalidEmail, AlreadyInTeam, TooManyInvitations, TooManyGuesses.
    """
    if not (by.is_admin if role is None else may_grant(by.role, role)):
        raise NotAllowed
    if mode == "closed":
        raise SignUpClosed("Sign-up is closed here (VIZSLA_SIGNUP), so nobody can be invited.")
    address = str(parse_email(email))
    known = await find_user(conn, address)
    if known is not None and known.account_id == by.account_id:
        raise AlreadyInTeam
    id_ = await next_id(conn, by.account_id)  # locks the account: two at once do not both pass the count
    await take_guess(conn, BY_ACCOUNT, str(by.account_id), now)
    await conn.execute(_REPLACE, {"account_id_": by.account_id, "email_": address})
    row = await conn.fetch_one(_COUNT, {"account_id_": by.account_id, "now_": now})
    if row is not None and row[0] >= MOST:
        raise TooManyInvitations
    token = new_token()
    made = Invitation(by.account_id, id_, address, role, by.id, now, now + LASTS)
    await conn.execute(_ADD, {**msgspec.structs.asdict(made), "hash": hash_token(token)})
    return made, token


async def list_invitations(reader: Reader, account_id: int, now: int) -> list[Invitation]:
    """An account's invitations that wait for an answer, newest first."""
    values = {"account_id_": account_id, "now_": now, "limit_": MOST}
    return [_shown(row) for row in await reader.fetch_all(_LIST, values)]


async def revoke_invitation(conn: Connection, by: Member, invitation_id: int) -> None:
    """Take an invitation back. Raises NotAllowed, InvitationNotFound."""
    if not (by.role in ("owner", "admin") or by.is_admin):
        raise NotAllowed
    if not await conn.execute(_REVOKE, {"account_id_": by.account_id, "id_": invitation_id}):
        raise InvitationNotFound


async def find_invitation(reader: Reader, token: str, now: int) -> Invited | None:
    """What this link invites to; it stays good. None if it was accepted or revoked, has run out, or never was."""
    row = await reader.fetch_one(_FIND, {"hash_": hash_token(token), "now_": now})
    return Invited(_shown(row), row[7], row[8]) if row else None


async def accept_invitation(
    conn: Connection,
    token: str,
    password: str,
    *,
    now: int,
    first_name: str | None = None,
    last_name: str | None = None,
) -> Member | None:
    """
    The new member, with what `passwords.hash_password` made; None if the link is used up.

    Raises MemberExists if the address has an account already: then nothing may be kept of the transaction.
    """
    row = await conn.fetch_one(_USE, {"hash_": hash_token(token), "now_": now})
    if row is None:
        return None
    invited = _shown(row)
    return await create_user(
        conn,
        invited.email,
        now=now,
        first_name=first_name,
        last_name=last_name,
        account_id=None if invited.role is None else invited.account_id,
        role=invited.role,
        password=password,
    )


async def forget_invitations(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that have run out."""
    return await conn.execute(_FORGET, {"now_": now, "limit_": limit})


def _shown(row: Row) -> Invitation:
    return Invitation(row[0], row[1], row[2], cast(Role | None, row[3]), row[4], row[5], row[6])
