"""`vizsla user add` and `vizsla key add`: who may use this installation. Keys are printed once; only hashes are kept."""

import asyncio

import msgspec

from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user, find_user
from vizsla.cli.output import put_json, put_line, talk
from vizsla.kit.errors import NotFound
from vizsla.work.workplace import open_workplace


class Issued(msgspec.Struct, frozen=True):
    """A key that was just made."""

    email: str
    api_key: str


def add_user(email: str, /, *, admin: bool = False, json: bool = False) -> None:
    """
    Make an account for somebody and print an API key of it.

    Parameters
    ----------
    email
        Their e-mail address.
    admin
        Whether they may administer this installation.
    json
        Print {"email": …, "api_key": …}.
    """

    async def run() -> Issued:
        async with open_workplace() as place, place.stores.app.write() as conn:
            now = place.clock.now()
            member = await create_user(conn, email, now=now, is_admin=admin)
            made = await create_key(conn, member.account_id, "first key", now=now, member_id=member.id)
        return Issued(member.email, made.plaintext)

    _hand_over(asyncio.run(run()), as_json=json)


def add_key(email: str, /, *, name: str = "made at the terminal", json: bool = False) -> None:
    """
    Make another API key for somebody who has an account.

    Parameters
    ----------
    email
        Their e-mail address.
    name
        What the key is for.
    json
        Print {"email": …, "api_key": …}.
    """

    async def run() -> Issued:
        async with open_workplace() as place, place.stores.app.write() as conn:
            member = await find_user(conn, email)
            if member is None:
                raise NotFound(f"{email} has no account here. `vizsla user add {email}` makes one.")
            made = await create_key(conn, member.account_id, name, now=place.clock.now(), member_id=member.id)
        return Issued(member.email, made.plaintext)

    _hand_over(asyncio.run(run()), as_json=json)


def _hand_over(issued: Issued, *, as_json: bool) -> None:
    if as_json:
        put_json(issued)
    else:
        put_line(issued.api_key)
        talk(f"The API key of {issued.email}. Keep it now: only a hash of it is stored.")
