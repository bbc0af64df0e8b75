"""
How does somebody come in who has no password, or has forgotten it?

By a link that is sent to their address, or printed for the operator. It holds a ticket: good once, for half an hour (a day when
the operator asked for it). Setting the password ends every session and every other ticket of theirs. One-time codes stay on: who
can read the mail must not get round them.
"""

import msgspec

from vizsla.accounts.guesses import Allowance, take_guess
from vizsla.accounts.rate import address_bucket
from vizsla.accounts.sessions import close_other_sessions
from vizsla.accounts.sign_in import clear_guesses
from vizsla.accounts.store import Member, find_user, next_id, set_password
from vizsla.accounts.tickets import create_ticket, drop_tickets, find_ticket, use_ticket
from vizsla.kit.clock import DAY
from vizsla.kit.email_address import parse_email
from vizsla.storage.database import Connection, Reader

LASTS = 1_800
LASTS_FOR_OPERATOR = DAY
TO_ADDRESS = Allowance("reset mail", 3, 600)
"""Mails: three at once, then six an hour."""
BY_CLIENT = Allowance("reset", 10, 120)


class Reset(msgspec.Struct, frozen=True):
    """A link to be mailed."""

    member: Member
    token: str


async def request_reset(conn: Connection, email: str, *, client: str, now: int) -> Reset | None:
    """
    A link for whoever has this address; None if nobody has.

    The page must say the same in both cases, and the mail be sent after the answer. Raises InvalidEmail, and TooManyGuesses
    for known and unknown addresses alike.
    """
    address = str(parse_email(email))
    await take_guess(conn, TO_ADDRESS, address, now)
    await take_guess(conn, BY_CLIENT, address_bucket("", client), now)
    member = await find_user(conn, address)
    if member is None:
        return None
    return Reset(member, await create_ticket(conn, member, "password", lasts=LASTS, now=now))


async def create_password_link(conn: Connection, member: Member, now: int) -> str:
    """The token of a link that the operator hands over: `vizsla user add`, `vizsla user password`."""
    return await create_ticket(conn, member, "password", lasts=LASTS_FOR_OPERATOR, now=now)


async def find_reset(reader: Reader, token: str, now: int) -> Member | None:
    """Whose password this link would set (for `passwords.check_password` and the page); it stays good."""
    return await find_ticket(reader, token, "password", now)


async def reset_password(conn: Connection, token: str, password: str, now: int) -> Member | None:
    """
    Set the password to what `passwords.hash_password` made; None if the link is used up.

    Ends all their sessions: the door opens a new one, by way of `second_factor` if they use one-time codes.
    """
    member = await find_ticket(conn, token, "password", now)
    if member is None:
        return None
    await _take_turn(conn, member)
    if await use_ticket(conn, token, "password", now) is None:
        return None
    await _set(conn, member, password, keep=None)
    return member


async def change_password(conn: Connection, member: Member, password: str, *, keep: int) -> None:
    """
    Set the password of somebody signed in, after `sign_in.confirm`; their other sessions end.

    *keep* is the session that they do it from.
    """
    await _take_turn(conn, member)
    await _set(conn, member, password, keep=keep)


async def _take_turn(conn: Connection, member: Member) -> None:
    """Lock the account: two who hold different links of one member would each wait for the other's to be dropped."""
    await next_id(conn, member.account_id)


async def _set(conn: Connection, member: Member, password: str, *, keep: int | None) -> None:
    await set_password(conn, member.account_id, member.id, password)
    await drop_tickets(conn, member.account_id, member.id)
    await close_other_sessions(conn, member.account_id, member.id, keep=keep)
    await clear_guesses(conn, member.email)
