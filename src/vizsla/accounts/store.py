"""
Which accounts and members are there?

Members are found by their e-mail address, in lower case; one address is one member of one account.
"""

import secrets

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from vizsla.accounts.changes import note_change
from vizsla.accounts.roles import Role
from vizsla.accounts.tables import account, member, setup_token
from vizsla.accounts.tokens import hash_token
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

MEMBER_COLUMNS = (
    member.c.account_id,
    member.c.id,
    member.c.email,
    member.c.first_name,
    member.c.last_name,
    member.c.is_admin,
    member.c.role,
)
"""What `member_of` reads."""
_NEW_ACCOUNT = statement(insert(account).values(created_at=bindparam("now_")).returning(account.c.id))
_NEXT_ID = statement(
    update(account)
    .where(account.c.id == bindparam("account_id_"))
    .values(last_id=account.c.last_id + bindparam("count_"))
    .returning(account.c.last_id)
)
_FIND_BY_EMAIL = statement(select(*MEMBER_COLUMNS).where(member.c.email == bindparam("email_")))
_FIND_MEMBER = statement(
    select(*MEMBER_COLUMNS)
    .where(member.c.account_id == bindparam("account_id_"), member.c.id >= bindparam("least_"))
    .order_by(member.c.id)
    .limit(1)
)
# Two that claim one address at the same moment are told apart here, not by the look before.
_ADD_MEMBER = statement(
    "INSERT INTO member (account_id, id, email, first_name, last_name, is_admin, role, password, created_at) VALUES "
    "(:account_id, :id, :email, :first_name, :last_name, :is_admin, :role, :password, :created_at) "
    "ON CONFLICT (email) DO NOTHING"
)
_SET_PASSWORD = statement(
    update(member)
    .where(member.c.account_id == bindparam("account_id_"), member.c.id == bindparam("id_"))
    .values(password=bindparam("password_"))
)
_RENAME = statement(
    update(member)
    .where(member.c.account_id == bindparam("account_id_"), member.c.id == bindparam("id_"))
    .values(first_name=bindparam("first_name_"), last_name=bindparam("last_name_"))
)
_ANY_MEMBER = statement(select(member.c.id).limit(1))
_SET_PLAN = statement(
    update(account)
    .where(account.c.id == bindparam("account_id_"))
    .values(
        plan_name=bindparam("plan_name_"),
        plan_level=bindparam("plan_level_"),
        plan_searches=bindparam("plan_searches_"),
        plan_verifications=bindparam("plan_verifications_"),
        rate_search=bindparam("rate_search_"),
        rate_verify=bindparam("rate_verify_"),
        rate_count=bindparam("rate_count_"),
    )
)
_ADD_TOKEN = statement(insert(setup_token).values(hash=bindparam("hash"), created_at=bindparam("created_at")))
_DROP_TOKENS = statement(delete(setup_token).where(setup_token.c.used_at.is_(None)))
_FIND_TOKEN = statement(
    select(setup_token.c.hash).where(setup_token.c.hash == bindparam("hash_"), setup_token.c.used_at.is_(None))
)
_USE_TOKEN = statement(
    update(setup_token)
    .where(setup_token.c.hash == bindparam("hash_"), setup_token.c.used_at.is_(None))
    .values(used_at=bindparam("now_"))
)


class MemberExists(VizslaError):
    """There is a user with this e-mail address already."""

    id = "validation_failed"


class Member(msgspec.Struct, frozen=True):
    """A person of an account."""

    account_id: int
    id: int
    email: str
    first_name: str | None
    last_name: str | None
    is_admin: bool
    """Of this installation."""
    role: Role = "owner"
    """In the team; see `roles`."""


class Plan(msgspec.Struct, frozen=True):
    """What an account may do where that differs from the settings; None: as the settings say."""

    plan_name: str | None = None
    plan_level: int | None = None
    plan_searches: int | None = None
    plan_verifications: int | None = None
    rate_search: str | None = None
    rate_verify: str | None = None
    rate_count: str | None = None


async def create_account(conn: Connection, now: int) -> int:
    """A new account, without members; its id."""
    row = await conn.fetch_one(_NEW_ACCOUNT, {"now_": now})
    assert row is not None
    return int(row[0])


async def create_user(
    conn: Connection,
    email: str,
    *,
    now: int,
    is_admin: bool = False,
    first_name: str | None = None,
    last_name: str | None = None,
    account_id: int | None = None,
    role: Role | None = None,
    password: str | None = None,
) -> Member:
    """
    A new member: of *account_id*, as a plain member unless *role* says more, or the owner of an account of their own.

    *password* is what `passwords.hash_password` made; None: they have to set one by a link first. Raises InvalidEmail, and
    MemberExists for an address that is known: then nothing may be kept of the transaction.
    """
    address = str(parse_email(email))
    if await conn.fetch_one(_FIND_BY_EMAIL, {"email_": address}) is not None:
        raise MemberExists
    role = role or ("owner" if account_id is None else "member")
    if account_id is None:
        account_id = await create_account(conn, now)
    made = Member(account_id, await next_id(conn, account_id), address, first_name, last_name, is_admin, role)
    values = {**msgspec.structs.asdict(made), "is_admin": int(is_admin), "password": password, "created_at": now}
    if not await conn.execute(_ADD_MEMBER, values):
        raise MemberExists
    return made


async def set_password(conn: Connection, account_id: int, member_id: int, password: str) -> None:
    """Store what `passwords.hash_password` made. Sessions and links are their callers' to end."""
    await conn.execute(_SET_PASSWORD, {"account_id_": account_id, "id_": member_id, "password_": password})


async def set_name(
    conn: Connection, account_id: int, member_id: int, *, first_name: str | None, last_name: str | None
) -> None:
    """What a member is called."""
    values = {"account_id_": account_id, "id_": member_id, "first_name_": first_name, "last_name_": last_name}
    await conn.execute(_RENAME, values)


async def next_id(conn: Connection, account_id: int) -> int:
    """The next public id of something that *account_id* owns; the account's row stays locked until the transaction ends."""
    return await next_ids(conn, account_id, 1)


async def next_ids(conn: Connection, account_id: int, count: int) -> int:
    """The first of *count* ids on end."""
    row = await conn.fetch_one(_NEXT_ID, {"account_id_": account_id, "count_": count})
    if row is None:
        raise LookupError(account_id)
    return int(row[0]) - count + 1


async def find_user(reader: Reader, email: str) -> Member | None:
    """The member with this e-mail address; raises InvalidEmail."""
    row = await reader.fetch_one(_FIND_BY_EMAIL, {"email_": str(parse_email(email))})
    return member_of(row) if row else None


async def find_member(reader: Reader, account_id: int, member_id: int | None) -> Member | None:
    """That member, or the account's first one if it is gone or None."""
    row = await reader.fetch_one(_FIND_MEMBER, {"account_id_": account_id, "least_": member_id or 0})
    if row is None and member_id:
        row = await reader.fetch_one(_FIND_MEMBER, {"account_id_": account_id, "least_": 0})
    return member_of(row) if row else None


def member_of(row: Row) -> Member:
    """The member in a row of MEMBER_COLUMNS."""
    return Member(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6])


async def has_users(reader: Reader) -> bool:
    """Whether anyone can use this installation yet."""
    return await reader.fetch_one(_ANY_MEMBER) is not None


async def set_plan(conn: Connection, account_id: int, plan: Plan, now: int = 0) -> None:
    """
    What was agreed with this account alone, all of it; for a plan by its name see `plans.choose_plan`.

    Its periods stay as they are.
    """
    await note_change(conn, account_id, now)
    values = {f"{name}_": value for name, value in msgspec.structs.asdict(plan).items()}
    await conn.execute(_SET_PLAN, {"account_id_": account_id, **values})


async def create_setup_token(conn: Connection, now: int) -> str | None:
    """What the one-time set-up link carries; None if somebody can log in already. Earlier links stop working."""
    if await has_users(conn):
        return None
    token = secrets.token_hex(20)
    await conn.execute(_DROP_TOKENS)
    await conn.execute(_ADD_TOKEN, {"hash": hash_token(token), "created_at": now})
    return token


async def is_setup_token(reader: Reader, token: str) -> bool:
    """Whether *token* would open the set-up."""
    return await reader.fetch_one(_FIND_TOKEN, {"hash_": hash_token(token)}) is not None


async def use_setup_token(conn: Connection, token: str, now: int) -> bool:
    """Whether *token* opens the set-up; it does so once."""
    return bool(await conn.execute(_USE_TOKEN, {"hash_": hash_token(token), "now_": now}))
