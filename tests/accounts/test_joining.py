"""Coming in: by signing up where that is open, by invitation; no address twice, nobody's address by another."""

import asyncio

import pytest

from accounts.conftest import NOW
from vizsla.accounts.guesses import TooManyGuesses
from vizsla.accounts.invitations import (
    LASTS,
    MOST,
    AlreadyInTeam,
    InvitationNotFound,
    TooManyInvitations,
    accept_invitation,
    find_invitation,
    forget_invitations,
    invite,
    list_invitations,
    revoke_invitation,
)
from vizsla.accounts.roles import NotAllowed, Role
from vizsla.accounts.sign_up import (
    SignUpClosed,
    find_sign_up,
    finish_sign_up,
    forget_sign_ups,
    request_sign_up,
)
from vizsla.accounts.store import Member, MemberExists, create_user, find_user
from vizsla.kit.clock import DAY
from vizsla.kit.errors import InvalidEmail
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores, open_stores
from vizsla.storage.statement import statement

HASH = "not a hash, and kept as it is"


async def asks(stores: Stores, email: str, client: str = "::1") -> str:
    async with stores.app.write() as conn:
        asked = await request_sign_up(conn, "open", email, client=client, now=NOW)
    assert asked.token is not None
    return asked.token


async def finishes(stores: Stores, token: str, now: int = NOW) -> Member | None:
    async with stores.app.write() as conn:
        return await finish_sign_up(conn, token, HASH, now=now, first_name="Jane")


async def test_who_shows_that_the_address_is_theirs_has_an_account(stores: Stores, owner: Member) -> None:
    token = await asks(stores, "Jane@B.example")
    assert await find_user(stores.app, "jane@b.example") is None
    assert await find_sign_up(stores.app, token, NOW) == "jane@b.example"

    made = await finishes(stores, token)

    assert made
    assert (made.email, made.role, made.is_admin, made.first_name) == ("jane@b.example", "owner", False, "Jane")
    assert made.account_id != owner.account_id
    assert await finishes(stores, token) is None


async def test_a_known_address_is_told_by_mail_alone(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        asked = await request_sign_up(conn, "open", owner.email, client="::1", now=NOW)

    assert (asked.email, asked.token) == (owner.email, None)


async def test_known_and_unknown_addresses_run_into_the_same_limit(stores: Stores, owner: Member) -> None:
    counts = []
    for email in (owner.email, "nobody@b.example"):
        count = 0
        with pytest.raises(TooManyGuesses):
            while count < 20:
                async with stores.app.write() as conn:
                    await request_sign_up(conn, "open", email, client=f"10.0.0.{count}", now=NOW)
                count += 1
        counts.append(count)

    assert counts == [3, 3]


async def test_of_many_that_sign_up_with_one_address_one_does(stores: Stores, settings: Settings) -> None:
    tokens = [await asks(stores, "jane@b.example", f"10.0.0.{number}") for number in range(3)]
    async with open_stores(settings) as other:

        async def finish(number: int) -> bool:
            try:
                return await finishes((stores, other)[number % 2], tokens[number % 3]) is not None
            except MemberExists:
                return False

        won = await asyncio.gather(*(finish(number) for number in range(12)))

    assert sum(won) == 1
    assert len(await stores.app.fetch_all(statement("SELECT id FROM account"))) == 1


async def test_of_many_that_are_made_with_one_address_one_is(stores: Stores, settings: Settings) -> None:
    async with open_stores(settings) as other:

        async def make(number: int) -> None:
            async with (stores, other)[number % 2].app.write() as conn:
                await create_user(conn, "jane@b.example", now=NOW)

        outcomes = await asyncio.gather(*(make(number) for number in range(8)), return_exceptions=True)

    assert outcomes.count(None) == 1
    assert sum(isinstance(one, MemberExists) for one in outcomes) == 7
    assert len(await stores.app.fetch_all(statement("SELECT id FROM account"))) == 1


@pytest.mark.parametrize("mode", ["invite", "closed"])
async def test_where_it_is_not_open_nobody_signs_up(stores: Stores, mode: str) -> None:
    with pytest.raises(SignUpClosed):
        async with stores.app.write() as conn:
            await request_sign_up(conn, mode, "jane@b.example", client="::1", now=NOW)  # type: ignore[arg-type]


async def test_a_sign_up_runs_out(stores: Stores) -> None:
    token = await asks(stores, "jane@b.example")
    assert await find_sign_up(stores.app, token, NOW + DAY) is None
    assert await finishes(stores, token, NOW + DAY) is None
    async with stores.app.write() as conn:
        assert await forget_sign_ups(conn, NOW + DAY) == 1
    with pytest.raises(InvalidEmail):
        await asks(stores, "no address")


# Invitations


async def invites(stores: Stores, by: Member, email: str, role: Role | None = "member", now: int = NOW) -> str:
    async with stores.app.write() as conn:
        _, token = await invite(conn, by, email, role, mode="invite", now=now)
    return token


async def accepts(stores: Stores, token: str, now: int = NOW) -> Member | None:
    async with stores.app.write() as conn:
        return await accept_invitation(conn, token, HASH, now=now)


async def test_an_invitation_brings_into_the_team_with_its_role(stores: Stores, owner: Member) -> None:
    token = await invites(stores, owner, "Ann@acme.example", "admin")
    invited = await find_invitation(stores.app, token, NOW)
    assert invited
    assert (invited.invitation.email, invited.invitation.role, invited.invited_by) == (
        "ann@acme.example",
        "admin",
        owner.email,
    )

    ann = await accepts(stores, token)

    assert ann
    assert (ann.account_id, ann.role, ann.is_admin) == (owner.account_id, "admin", False)
    assert await accepts(stores, token) is None
    assert await list_invitations(stores.app, owner.account_id, NOW) == []
    with pytest.raises(AlreadyInTeam):
        await invites(stores, owner, ann.email)


async def test_the_operator_invites_to_an_account_of_ones_own(stores: Stores, owner: Member) -> None:
    made = await accepts(stores, await invites(stores, owner, "own@b.example", None))

    assert made
    assert made.account_id != owner.account_id
    assert (made.role, made.is_admin) == ("owner", False)


async def test_nobody_hands_out_more_than_they_have(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        admin = await create_user(conn, "admin@acme.example", now=NOW, account_id=owner.account_id, role="admin")
        member = await create_user(conn, "member@acme.example", now=NOW, account_id=owner.account_id)
        other = await create_user(conn, "other@b.example", now=NOW)
    grants: list[tuple[Member, Role | None]] = [
        (admin, "owner"),
        (member, "member"),
        (member, "owner"),
        (other, None),
        (admin, None),
    ]
    for by, role in grants:
        with pytest.raises(NotAllowed):
            await invites(stores, by, "x@b.example", role)
    await invites(stores, admin, "x@b.example", "admin")
    (waiting,) = await list_invitations(stores.app, owner.account_id, NOW)
    with pytest.raises(NotAllowed):
        async with stores.app.write() as conn:
            await revoke_invitation(conn, member, waiting.id)


async def test_an_invitation_is_revoked_replaced_and_runs_out(stores: Stores, owner: Member) -> None:
    first = await invites(stores, owner, "ann@acme.example")
    second = await invites(stores, owner, "ann@acme.example", "admin")
    assert await accepts(stores, first) is None
    (waiting,) = await list_invitations(stores.app, owner.account_id, NOW)
    async with stores.app.write() as conn:
        await revoke_invitation(conn, owner, waiting.id)
    with pytest.raises(InvitationNotFound):
        async with stores.app.write() as conn:
            await revoke_invitation(conn, owner, waiting.id)
    assert await accepts(stores, second) is None

    third = await invites(stores, owner, "ann@acme.example")
    assert await find_invitation(stores.app, third, NOW + LASTS) is None
    assert await accepts(stores, third, NOW + LASTS) is None
    async with stores.app.write() as conn:
        assert await forget_invitations(conn, NOW + LASTS) == 1


async def test_a_stranger_revokes_nothing(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        stranger = await create_user(conn, "stranger@b.example", now=NOW)
    token = await invites(stores, owner, "ann@acme.example")
    (waiting,) = await list_invitations(stores.app, owner.account_id, NOW)
    with pytest.raises(InvitationNotFound):
        async with stores.app.write() as conn:
            await revoke_invitation(conn, stranger, waiting.id)
    assert await list_invitations(stores.app, stranger.account_id, NOW) == []

    assert await accepts(stores, token)


async def test_inviting_does_not_tell_who_has_an_account_elsewhere(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        await create_user(conn, "busy@b.example", now=NOW)
    token = await invites(stores, owner, "busy@b.example")

    with pytest.raises(MemberExists):
        await accepts(stores, token)
    assert await find_invitation(stores.app, token, NOW)


async def test_a_closed_installation_invites_nobody(stores: Stores, owner: Member) -> None:
    with pytest.raises(SignUpClosed):
        async with stores.app.write() as conn:
            await invite(conn, owner, "ann@acme.example", "member", mode="closed", now=NOW)


async def test_invitations_are_no_mail_cannon(stores: Stores, owner: Member) -> None:
    with pytest.raises(TooManyGuesses):
        for number in range(99):
            await invites(stores, owner, f"p{number}@b.example")
    with pytest.raises(TooManyInvitations):
        for number in range(MOST + 1):
            await invites(stores, owner, f"q{number}@b.example", now=NOW + 200 * (number + 1))
