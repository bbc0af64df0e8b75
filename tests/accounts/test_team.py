"""Teams: who may change whom, that there is always an owner, and that whoever leaves is out at once."""

import asyncio

import pytest

from accounts.conftest import NOW
from vizsla.accounts.callers import KeyRing
from vizsla.accounts.keys import create_key, list_keys
from vizsla.accounts.roles import ROLES, NotAllowed, Role, is_manager, may_grant
from vizsla.accounts.sessions import find_session, open_session
from vizsla.accounts.store import Member, create_user, find_user
from vizsla.accounts.team import (
    LastOwner,
    MemberNotFound,
    change_role,
    find_team_name,
    get_teammate,
    list_members,
    remove_member,
    rename_team,
    set_limits,
)
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores, open_stores


async def join(stores: Stores, owner: Member, role: Role, name: str = "") -> Member:
    async with stores.app.write() as conn:
        return await create_user(conn, f"{name or role}@acme.example", now=NOW, account_id=owner.account_id, role=role)


async def gives(stores: Stores, by: Member, whom: Member, role: Role) -> bool:
    try:
        async with stores.app.write() as conn:
            await change_role(conn, by, whom.id, role, NOW)
    except NotAllowed:
        return False
    return True


def test_nobody_hands_out_more_than_they_have() -> None:
    for actor in ROLES:
        granted = {role for role in ROLES if may_grant(actor, role)}
        assert granted == {"owner": set(ROLES), "admin": {"admin", "member"}, "member": set()}[actor]
        assert is_manager(actor) == bool(granted)


async def test_roles_are_given_by_those_above(stores: Stores, owner: Member) -> None:
    admin, member = await join(stores, owner, "admin"), await join(stores, owner, "member")

    assert not await gives(stores, member, member, "admin")
    assert not await gives(stores, member, admin, "member")
    assert not await gives(stores, admin, owner, "member")
    assert not await gives(stores, admin, member, "owner")
    assert not await gives(stores, admin, admin, "owner")
    assert await gives(stores, admin, member, "admin")
    assert await gives(stores, owner, member, "owner")
    assert [one.member.role for one in await list_members(stores.app, owner.account_id)] == ["owner", "admin", "owner"]


async def test_a_role_that_was_taken_away_counts_at_once(stores: Stores, owner: Member) -> None:
    admin, member = await join(stores, owner, "admin"), await join(stores, owner, "member")
    assert await gives(stores, owner, admin, "member")

    assert admin.role == "admin"  # as their open page still says
    assert not await gives(stores, admin, member, "admin")


async def test_two_owners_who_remove_each_other_leave_one(stores: Stores, settings: Settings, owner: Member) -> None:
    second = await join(stores, owner, "owner", "second")
    async with open_stores(settings) as other:

        async def remove(at: Stores, by: Member, whom: Member) -> bool:
            try:
                async with at.app.write() as conn:
                    await remove_member(conn, by, whom.id, NOW)
            except VizslaError:
                return False
            return True

        outcomes = await asyncio.gather(remove(stores, owner, second), remove(other, second, owner))

    assert sum(outcomes) == 1
    (left,) = await list_members(stores.app, owner.account_id)
    assert left.member.role == "owner"


async def test_the_last_owner_can_neither_go_nor_step_down(stores: Stores, owner: Member) -> None:
    await join(stores, owner, "admin")
    with pytest.raises(LastOwner):
        await gives(stores, owner, owner, "admin")
    with pytest.raises(LastOwner):
        async with stores.app.write() as conn:
            await remove_member(conn, owner, owner.id, NOW)


async def test_who_is_removed_is_out_and_what_they_made_stays(
    stores: Stores, settings: Settings, owner: Member
) -> None:
    ann = await join(stores, owner, "member", "ann")
    async with stores.app.write() as conn:
        key = await create_key(conn, owner.account_id, "ann's", now=NOW, member_id=ann.id)
        await create_key(conn, owner.account_id, "mine", now=NOW, member_id=owner.id)
        session = await open_session(conn, ann, now=NOW)
    ring = KeyRing(stores.app, settings)
    assert await ring.find(key.plaintext)
    async with stores.app.write() as conn:
        await remove_member(conn, owner, ann.id, NOW)
    ring.forget()

    assert await ring.find(key.plaintext) is None
    assert await find_session(stores.app, session, NOW) is None
    assert await find_user(stores.app, ann.email) is None
    assert [one.name for one in await list_keys(stores.app, owner.account_id, limit=9)] == ["mine"]
    with pytest.raises(NotAllowed):
        async with stores.app.write() as conn:
            await rename_team(conn, ann, "theirs")
    async with stores.app.write() as conn:
        again = await create_user(conn, ann.email, now=NOW)
    assert again.account_id != owner.account_id


async def test_members_may_leave_and_remove_nobody(stores: Stores, owner: Member) -> None:
    ann, bob = await join(stores, owner, "member", "ann"), await join(stores, owner, "member", "bob")
    with pytest.raises(NotAllowed):
        async with stores.app.write() as conn:
            await remove_member(conn, ann, bob.id, NOW)
    async with stores.app.write() as conn:
        await remove_member(conn, ann, ann.id, NOW)

    assert [one.member.id for one in await list_members(stores.app, owner.account_id)] == [owner.id, bob.id]


async def test_a_stranger_reaches_nobody(stores: Stores, owner: Member) -> None:
    ann = await join(stores, owner, "member", "ann")
    async with stores.app.write() as conn:
        await create_user(conn, "first@b.example", now=NOW)
        stranger = await create_user(conn, "stranger@b.example", now=NOW)
        for _ in range(3):
            await create_key(conn, stranger.account_id, "k", now=NOW)
    acts = [
        lambda conn: change_role(conn, stranger, ann.id, "owner", NOW),
        lambda conn: set_limits(conn, stranger, ann.id, searches=0, verifications=0, now=NOW),
        lambda conn: remove_member(conn, stranger, ann.id, NOW),
        lambda conn: get_teammate(conn, stranger.account_id, ann.id),
    ]
    for act in acts:
        with pytest.raises(MemberNotFound):
            async with stores.app.write() as conn:
                await act(conn)

    assert (await get_teammate(stores.app, owner.account_id, ann.id)).member == ann


async def test_a_team_has_a_name_without_tricks(stores: Stores, owner: Member) -> None:
    admin, member = await join(stores, owner, "admin"), await join(stores, owner, "member")
    async with stores.app.write() as conn:
        await rename_team(conn, admin, "  Acme \u202e\n\0 <b>Sales</b> ")
    assert await find_team_name(stores.app, owner.account_id) == "Acme <b>Sales</b>"

    with pytest.raises(NotAllowed):
        async with stores.app.write() as conn:
            await rename_team(conn, member, "Mine")
    with pytest.raises(WrongParams):
        async with stores.app.write() as conn:
            await rename_team(conn, owner, "x" * 101)
    async with stores.app.write() as conn:
        await rename_team(conn, owner, " ")
    assert await find_team_name(stores.app, owner.account_id) is None


async def test_limits_are_numbers_from_nothing_on(stores: Stores, owner: Member) -> None:
    member = await join(stores, owner, "member")
    async with stores.app.write() as conn:
        await set_limits(conn, owner, member.id, searches=0, verifications=None, now=NOW)
    shown = await get_teammate(stores.app, owner.account_id, member.id)
    assert (shown.limit_searches, shown.limit_verifications) == (0, None)

    for wrong in (-1, 10**18):
        with pytest.raises(WrongParams):
            async with stores.app.write() as conn:
                await set_limits(conn, owner, member.id, searches=wrong, verifications=None, now=NOW)
    with pytest.raises(NotAllowed):
        async with stores.app.write() as conn:
            await set_limits(conn, member, member.id, searches=None, verifications=None, now=NOW)
