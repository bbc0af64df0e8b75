"""
Is this the person they say they are?

An address that nobody has and a wrong password get the same answer after the same work, so neither words nor time tell who
has an account here. Guesses are counted before they are looked at, by address and by client, exactly, on all nodes
(`guesses`); a right one is forgiven. The password is worked on between two short transactions, which is why this takes the
database and not a connection.
"""

import msgspec
from sqlalchemy import bindparam, select

from vizsla.accounts.guesses import Allowance, forgive_guesses, return_guess, take_guess
from vizsla.accounts.passwords import hash_password, is_outdated, is_password
from vizsla.accounts.rate import address_bucket
from vizsla.accounts.store import MEMBER_COLUMNS, Member, member_of, set_password
from vizsla.accounts.tables import member
from vizsla.accounts.tickets import create_ticket
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.statement import statement

AT_ADDRESS = Allowance("password", 10, 90)
"""Ten at once, then forty an hour: the most common 1,000 passwords would take a day."""
BY_CLIENT = Allowance("client", 30, 30)
CODE_WITHIN = 600
"""Seconds between the password and the one-time code."""

_FIND = statement(
    select(*MEMBER_COLUMNS, member.c.password, member.c.totp_since).where(member.c.email == bindparam("email_"))
)
_FIND_BY_ID = statement(
    select(member.c.email, member.c.password).where(
        member.c.account_id == bindparam("account_id_"), member.c.id == bindparam("id_")
    )
)


class Known(msgspec.Struct, frozen=True):
    """Somebody who gave the right password."""

    member: Member
    needs_code: bool
    """Whether a one-time code is still to come: then they get `ask_for_code`'s token, and no session yet."""


async def check(database: Database, email: str, password: str, *, client: str, now: int) -> Known | None:
    """
    Who has this address and this password; None if nobody.

    *client* is the address that asks. Raises TooManyGuesses, whether or not there is such a person.
    """
    address = _normal(email)
    async with database.write() as conn:
        await _count(conn, address, client, now)
    found = await _find(database, address)
    stored = found[1] if found else None
    if not await is_password(password, stored) or found is None or stored is None:
        return None
    fresh = await hash_password(password) if is_outdated(stored) else None
    known, _ = found
    async with database.write() as conn:
        await _forgive(conn, address, client)
        if fresh is not None:
            await set_password(conn, known.member.account_id, known.member.id, fresh)
    return known


async def confirm(database: Database, account_id: int, member_id: int, password: str, *, client: str, now: int) -> bool:
    """
    Whether a member who is signed in gave their password, before something that a borrowed browser must not do.

    Counted as `check` counts; raises TooManyGuesses.
    """
    row = await database.fetch_one(_FIND_BY_ID, {"account_id_": account_id, "id_": member_id})
    if row is None:
        return False
    address, stored = row
    async with database.write() as conn:
        await _count(conn, address, client, now)
    if not await is_password(password, stored):
        return False
    async with database.write() as conn:
        await _forgive(conn, address, client)
    return True


async def ask_for_code(conn: Connection, whose: Member, now: int) -> str:
    """A token for the browser of somebody who gave the password, to be brought back with the code (`second_factor.finish`)."""
    return await create_ticket(conn, whose, "code", lasts=CODE_WITHIN, now=now)


async def clear_guesses(conn: Connection, email: str) -> None:
    """Guesses at this address no longer hold its owner up: they came by a mail to it."""
    await forgive_guesses(conn, AT_ADDRESS, _normal(email))


async def _count(conn: Connection, address: str, client: str, now: int) -> None:
    await take_guess(conn, AT_ADDRESS, address, now)
    await take_guess(conn, BY_CLIENT, address_bucket("", client), now)


async def _forgive(conn: Connection, address: str, client: str) -> None:
    await forgive_guesses(conn, AT_ADDRESS, address)
    await return_guess(conn, BY_CLIENT, address_bucket("", client))


async def _find(reader: Reader, address: str) -> tuple[Known, str | None] | None:
    row = await reader.fetch_one(_FIND, {"email_": address})
    return (Known(member_of(row), row[8] is not None), row[7]) if row else None


def _normal(email: str) -> str:
    """The address as members are found by it; what is no address is nobody's."""
    try:
        return str(parse_email(email))
    except InvalidEmail:
        return email[:320].encode("utf-8", "replace").decode().replace("\0", "").strip().casefold()
