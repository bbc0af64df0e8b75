"""Members, and the one-time set-up link."""

import pytest

from accounts.conftest import NOW
from vizsla.accounts.store import (
    Member,
    MemberExists,
    create_setup_token,
    create_user,
    find_member,
    find_user,
    has_users,
    use_setup_token,
)
from vizsla.kit.errors import InvalidEmail
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement


async def test_a_member_is_found_by_address_in_any_case(stores: Stores, owner: Member) -> None:
    assert await find_user(stores.app, "Owner@ACME.example") == owner
    assert await find_user(stores.app, "nobody@acme.example") is None
    assert owner.is_admin


async def test_an_address_is_one_member(stores: Stores, owner: Member) -> None:
    with pytest.raises(MemberExists):
        async with stores.app.write() as conn:
            await create_user(conn, "OWNER@acme.example", now=NOW)
    with pytest.raises(InvalidEmail):
        async with stores.app.write() as conn:
            await create_user(conn, "not an address", now=NOW)


async def test_a_team_has_several_members(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        mate = await create_user(conn, "mate@acme.example", now=NOW, account_id=owner.account_id, first_name="Ann")
        stranger = await create_user(conn, "stranger@b.example", now=NOW)

    assert mate.account_id == owner.account_id != stranger.account_id
    assert await find_member(stores.app, owner.account_id, mate.id) == mate
    assert await find_member(stores.app, owner.account_id, None) == owner
    assert await find_member(stores.app, owner.account_id, 999) == owner
    assert await find_member(stores.app, 999, None) is None


async def test_the_set_up_link_works_once_and_only_before_the_first_user(stores: Stores) -> None:
    async with stores.app.write() as conn:
        first = await create_setup_token(conn, NOW)
        second = await create_setup_token(conn, NOW)
    assert first is not None
    assert second is not None
    assert not await has_users(stores.app)
    rows = await stores.app.fetch_all(statement("SELECT hash FROM setup_token"))
    assert second not in str([tuple(row) for row in rows])

    async with stores.app.write() as conn:
        assert not await use_setup_token(conn, first, NOW)  # replaced by the second
        assert not await use_setup_token(conn, "\ud800", NOW)
        assert await use_setup_token(conn, second, NOW)
        assert not await use_setup_token(conn, second, NOW)
        await create_user(conn, "owner@acme.example", now=NOW)
        assert await create_setup_token(conn, NOW) is None
    assert await has_users(stores.app)
