"""
May a stranger have an account?

Where sign-up is open, the address is shown to be theirs first: a mail brings a link, and the password is chosen behind it. What
was typed before counts for nothing, or somebody could make an account in another's name and wait for them to confirm it. Nobody
learns from the page who has an account: they get the same words, and the mail says the rest.
"""

from typing import Literal

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from vizsla.accounts.guesses import Allowance, take_guess
from vizsla.accounts.rate import address_bucket
from vizsla.accounts.store import Member, create_user, find_user
from vizsla.accounts.tables import sign_up
from vizsla.accounts.tokens import hash_token, new_token
from vizsla.kit.clock import DAY
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

Mode = Literal["open", "invite", "closed"]
"""`VIZSLA_SIGNUP`: anybody may have an account, who was invited, or who the operator makes one for."""
LASTS = DAY
TO_ADDRESS = Allowance("sign-up mail", 3, 600)
BY_CLIENT = Allowance("sign-up", 10, 120)

_ADD = statement(
    insert(sign_up).values(
        hash=bindparam("hash"),
        email=bindparam("email"),
        created_at=bindparam("created_at"),
        expires_at=bindparam("expires_at"),
    )
)
_GOOD = (sign_up.c.hash == bindparam("hash_"), sign_up.c.expires_at > bindparam("now_"))
_FIND = statement(select(sign_up.c.email).where(*_GOOD))
_USE = statement(delete(sign_up).where(*_GOOD).returning(sign_up.c.email))
_FORGET = statement(
    delete(sign_up).where(
        sign_up.c.hash.in_(
            select(sign_up.c.hash).where(sign_up.c.expires_at <= bindparam("now_")).limit(bindparam("limit_"))
        )
    )
)


class SignUpClosed(VizslaError):
    """Nobody can make an account here by themselves. Ask whoever runs this installation."""

    id = "forbidden"


class SignUp(msgspec.Struct, frozen=True):
    """What to mail to the address."""

    email: str
    token: str | None
    """For the link that goes on; None: they have an account already, and the mail should say so."""


async def request_sign_up(conn: Connection, mode: Mode, email: str, *, client: str, now: int) -> SignUp:
    """
    A mail for somebody who wants an account.

    The page says the same whatever comes back, and the mail is sent after the answer. Raises SignUpClosed, InvalidEmail, and
    TooManyGuesses for known and unknown addresses alike.
    """
    if mode != "open":
        raise SignUpClosed
    address = str(parse_email(email))
    await take_guess(conn, TO_ADDRESS, address, now)
    await take_guess(conn, BY_CLIENT, address_bucket("", client), now)
    if await find_user(conn, address) is not None:
        return SignUp(address, None)
    token = new_token()
    values = {"hash": hash_token(token), "email": address, "created_at": now, "expires_at": now + LASTS}
    await conn.execute(_ADD, values)
    return SignUp(address, token)


async def find_sign_up(reader: Reader, token: str, now: int) -> str | None:
    """The address that this link confirms; it stays good."""
    row = await reader.fetch_one(_FIND, {"hash_": hash_token(token), "now_": now})
    return row[0] if row else None


async def finish_sign_up(
    conn: Connection,
    token: str,
    password: str,
    *,
    now: int,
    first_name: str | None = None,
    last_name: str | None = None,
) -> Member | None:
    """
    An account for whoever has the link, with what `passwords.hash_password` made; None if the link is used up.

    Raises MemberExists if they came by an account in the meantime: then nothing may be kept of the transaction.
    """
    row = await conn.fetch_one(_USE, {"hash_": hash_token(token), "now_": now})
    if row is None:
        return None
    return await create_user(conn, row[0], now=now, first_name=first_name, last_name=last_name, password=password)


async def forget_sign_ups(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* that have run out."""
    return await conn.execute(_FORGET, {"now_": now, "limit_": limit})
