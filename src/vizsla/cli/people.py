"""
`vizsla user` and `vizsla key add`: who may use this installation.

Keys and links are printed once; only hashes are kept. What is done here holds in a server that runs within a second.
"""

import asyncio

import msgspec

from vizsla.accounts.directory import User, list_users
from vizsla.accounts.keys import create_key
from vizsla.accounts.plans import choose_plan
from vizsla.accounts.recovery import create_password_link
from vizsla.accounts.store import Member, create_user, find_user
from vizsla.cli.output import put_json, put_line, put_table, talk
from vizsla.kit.clock import day
from vizsla.kit.errors import NotFound
from vizsla.kit.settings import Settings
from vizsla.storage.database import Reader
from vizsla.work.workplace import open_workplace

_PAGE = 500


class Issued(msgspec.Struct, frozen=True):
    """A key that was just made."""

    email: str
    api_key: str


class Link(msgspec.Struct, frozen=True):
    """A link with which somebody sets their password."""

    email: str
    link: str


def add_user(email: str, /, *, admin: bool = False, json: bool = False) -> None:
    """
    Make an account for somebody and print an API key of it, and a link with which they set a password.

    Parameters
    ----------
    email
        Their e-mail address.
    admin
        Whether they may administer this installation.
    json
        Print {"email": …, "api_key": …}.
    """

    async def run() -> tuple[Issued, Link]:
        async with open_workplace() as place, place.stores.app.write() as conn:
            now = place.clock.now()
            member = await create_user(conn, email, now=now, is_admin=admin)
            made = await create_key(conn, member.account_id, "first key", now=now, member_id=member.id)
            token = await create_password_link(conn, member, now)
        return Issued(member.email, made.plaintext), _link(place.settings, member, token)

    issued, link = asyncio.run(run())
    _hand_over(issued, as_json=json)
    talk(f"They have no password yet. To sign in at the pages they set one here, within a day, once: {link.link}")


def list_all(*, json: bool = False) -> None:
    """
    List who may use this installation, by address.

    Parameters
    ----------
    json
        Print a list of objects.
    """

    async def run() -> list[User]:
        users: list[User] = []
        async with open_workplace() as place:
            while page := await list_users(
                place.stores.app, place.clock.now(), after=users[-1].member.email if users else "", limit=_PAGE
            ):
                users += page
        return users

    found = [_shown(one) for one in asyncio.run(run())]
    if json:
        put_json(found)
    else:
        put_table(list(_shown_fields), [msgspec.structs.astuple(one) for one in found])


class Shown(msgspec.Struct, frozen=True):
    """A user in a list."""

    email: str
    team_id: int
    team_name: str | None
    role: str
    is_admin: bool
    has_password: bool
    plan: str
    searches: int
    """Of the team, in its current period."""
    verifications: int
    since: str


_shown_fields = Shown.__struct_fields__


def _shown(one: User) -> Shown:
    return Shown(
        one.member.email,
        one.member.account_id,
        one.team_name,
        one.member.role,
        one.member.is_admin,
        one.has_password,
        one.plan_name,
        one.used.searches,
        one.used.verifications,
        day(one.created_at),
    )


def password(email: str, /, *, json: bool = False) -> None:
    """
    Print a link with which somebody sets their password: good once, for a day. Signing in by one-time codes stays on.

    Parameters
    ----------
    email
        Their e-mail address.
    json
        Print {"email": …, "link": …}.
    """

    async def run() -> Link:
        async with open_workplace() as place, place.stores.app.write() as conn:
            member = await _get_user(conn, email)
            token = await create_password_link(conn, member, place.clock.now())
        return _link(place.settings, member, token)

    link = asyncio.run(run())
    if json:
        put_json(link)
    else:
        put_line(link.link)
        talk(f"Whoever has this link sets the password of {link.email}, once, within a day. Their sessions end then.")


def plan(email: str, name: str, /) -> None:
    """
    Give the account of somebody a plan: `free`, or one that vizsla.toml defines as [plans.NAME].

    Its period begins today; what was used of it so far is not counted against the new plan.

    Parameters
    ----------
    email
        The e-mail address of one of its members.
    name
        The plan's name.
    """

    async def run() -> None:
        async with open_workplace() as place, place.stores.app.write() as conn:
            member = await _get_user(conn, email)
            await choose_plan(conn, place.settings, member.account_id, name, place.clock.now())

    asyncio.run(run())
    talk(f"The account of {email} has the plan {name}.")


async def _get_user(reader: Reader, email: str) -> Member:
    member = await find_user(reader, email)
    if member is None:
        raise NotFound(f"{email} has no account here. `vizsla user add {email}` makes one.")
    return member


def _link(settings: Settings, member: Member, token: str) -> Link:
    return Link(member.email, f"{settings.base_url or 'http://127.0.0.1:8000'}/reset/{token}")


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
            member = await _get_user(conn, email)
            made = await create_key(conn, member.account_id, name, now=place.clock.now(), member_id=member.id)
        return Issued(member.email, made.plaintext)

    _hand_over(asyncio.run(run()), as_json=json)


def _hand_over(issued: Issued, *, as_json: bool) -> None:
    if as_json:
        put_json(issued)
    else:
        put_line(issued.api_key)
        talk(f"The API key of {issued.email}. Keep it now: only a hash of it is stored.")
