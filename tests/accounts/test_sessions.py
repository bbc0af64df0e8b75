"""Sessions: found by their token, listed, ended, run out."""

from typing import Any

import pytest

from accounts.conftest import NOW
from vizsla.accounts.sessions import (
    ABSOLUTE,
    IDLE,
    MOST,
    SEEN_EVERY,
    close_other_sessions,
    close_session,
    find_session,
    forget_sessions,
    list_sessions,
    note_seen,
    open_session,
)
from vizsla.accounts.store import Member, create_user
from vizsla.kit.clock import DAY
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement


async def signed_in(stores: Stores, whose: Member, **more: Any) -> str:
    async with stores.app.write() as conn:
        return await open_session(conn, whose, **({"now": NOW} | more))


async def test_a_token_leads_to_its_member_and_is_nowhere_in_the_database(stores: Stores, owner: Member) -> None:
    token = await signed_in(stores, owner, user_agent="Firefox\n\0" + "x" * 900, address="127.0.0.1")

    visitor = await find_session(stores.app, token, NOW)

    assert visitor is not None
    assert visitor.member == owner
    assert (visitor.role, visitor.is_admin, visitor.team_name) == ("owner", True, None)
    rows = await stores.app.fetch_all(statement("SELECT * FROM session"))
    assert token not in str([tuple(row) for row in rows])
    (shown,) = await list_sessions(stores.app, owner.account_id, owner.id, NOW)
    assert shown.user_agent.startswith("Firefox  x")
    assert len(shown.user_agent) == 200


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "' OR '1'='1", "\ud800", "\0"])
async def test_other_tokens_are_nobodys(stores: Stores, owner: Member, token: str) -> None:
    await signed_in(stores, owner)

    assert await find_session(stores.app, token, NOW) is None


async def test_each_sign_in_has_a_token_of_its_own(stores: Stores, owner: Member) -> None:
    assert len({await signed_in(stores, owner) for _ in range(5)}) == 5


async def test_a_session_runs_out_when_it_is_not_used_and_in_any_case(stores: Stores, owner: Member) -> None:
    token = await signed_in(stores, owner)
    assert await find_session(stores.app, token, NOW + IDLE - 1)
    assert await find_session(stores.app, token, NOW + IDLE) is None

    at = NOW
    while at < NOW + ABSOLUTE - DAY:
        at += IDLE - DAY
        if (visitor := await find_session(stores.app, token, at)) is None:
            break
        async with stores.app.write() as conn:
            await note_seen(conn, visitor, at)

    assert await find_session(stores.app, token, NOW + ABSOLUTE - 1)
    assert await find_session(stores.app, token, NOW + ABSOLUTE) is None
    async with stores.app.write() as conn:
        assert await forget_sessions(conn, NOW + ABSOLUTE) == 1


async def test_seeing_is_noted_every_few_minutes(stores: Stores, owner: Member) -> None:
    token = await signed_in(stores, owner)
    visitor = await find_session(stores.app, token, NOW)

    assert visitor is not None
    assert not visitor.is_due(NOW + SEEN_EVERY - 1)
    assert visitor.is_due(NOW + SEEN_EVERY)
    async with stores.app.write() as conn:
        await note_seen(conn, visitor, NOW + SEEN_EVERY)
    (shown,) = await list_sessions(stores.app, owner.account_id, owner.id, NOW)
    assert shown.seen_at == NOW + SEEN_EVERY


async def test_sessions_are_ended_one_or_all(stores: Stores, owner: Member) -> None:
    tokens = [await signed_in(stores, owner, now=NOW + number) for number in range(4)]
    visitors = [await find_session(stores.app, token, NOW + 9) for token in tokens]
    first, last = visitors[0], visitors[-1]
    assert first
    assert last
    async with stores.app.write() as conn:
        assert await close_session(conn, owner.account_id, owner.id, first.session_id)
        assert not await close_session(conn, owner.account_id, owner.id, first.session_id)
    assert await find_session(stores.app, tokens[0], NOW + 9) is None

    async with stores.app.write() as conn:
        assert await close_other_sessions(conn, owner.account_id, owner.id, keep=last.session_id) == 2
    assert [one.id for one in await list_sessions(stores.app, owner.account_id, owner.id, NOW)] == [last.session_id]
    async with stores.app.write() as conn:
        assert await close_other_sessions(conn, owner.account_id, owner.id) == 1


async def test_nobody_ends_anothers_session(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        stranger = await create_user(conn, "stranger@b.example", now=NOW)
    token = await signed_in(stores, owner)
    visitor = await find_session(stores.app, token, NOW)
    assert visitor
    async with stores.app.write() as conn:
        assert not await close_session(conn, stranger.account_id, stranger.id, visitor.session_id)
        assert not await close_session(conn, owner.account_id, stranger.id + 7, visitor.session_id)
        await close_other_sessions(conn, stranger.account_id, stranger.id)

    assert await find_session(stores.app, token, NOW)


async def test_there_are_not_endlessly_many(stores: Stores, owner: Member) -> None:
    oldest = await signed_in(stores, owner)
    async with stores.app.write() as conn:
        for number in range(MOST):
            await open_session(conn, owner, now=NOW + 1 + number)

    assert await find_session(stores.app, oldest, NOW + 99) is None
    assert len(await list_sessions(stores.app, owner.account_id, owner.id, NOW + 99)) == MOST
