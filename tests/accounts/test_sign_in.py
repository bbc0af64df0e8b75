"""Sign-in: the right password, and the same answer and work for everything else; guesses are counted exactly."""

import asyncio

import pytest
from argon2 import PasswordHasher

from accounts.conftest import NOW
from vizsla.accounts import passwords
from vizsla.accounts.guesses import TooManyGuesses, forget_guesses
from vizsla.accounts.passwords import hash_password
from vizsla.accounts.recovery import (
    LASTS,
    change_password,
    create_password_link,
    find_reset,
    request_reset,
    reset_password,
)
from vizsla.accounts.sessions import find_session, open_session
from vizsla.accounts.sign_in import AT_ADDRESS, BY_CLIENT, check, confirm
from vizsla.accounts.store import Member, create_user, set_password
from vizsla.accounts.tickets import forget_tickets
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores, open_stores
from vizsla.storage.statement import statement

PASSWORD = "correct horse battery staple"
pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
async def jane(stores: Stores, quick_passwords: None) -> Member:
    async with stores.app.write() as conn:
        return await create_user(conn, "jane@acme.example", now=NOW, password=await hash_password(PASSWORD))


async def enters(stores: Stores, email: str, password: str, client: str = "127.0.0.1", now: int = NOW) -> bool:
    return await check(stores.app, email, password, client=client, now=now) is not None


async def test_the_right_password_lets_in(stores: Stores, jane: Member) -> None:
    known = await check(stores.app, " Jane@ACME.example", PASSWORD, client="127.0.0.1", now=NOW)

    assert known is not None
    assert known.member == jane
    assert not known.needs_code


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("jane@acme.example", "wrong"),
        ("jane@acme.example", ""),
        ("jane@acme.example", PASSWORD + " "),
        ("nobody@acme.example", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
        ("\0\ud800'", "\0"),
        ("x" * 100_000, "x" * 100_000),
    ],
)
async def test_all_else_is_nobody(stores: Stores, jane: Member, email: str, password: str) -> None:
    assert not await enters(stores, email, password)


async def test_who_has_no_password_yet_cannot_sign_in(stores: Stores, owner: Member) -> None:
    for password in ("", "None", PASSWORD):
        assert not await enters(stores, owner.email, password)


async def test_a_hash_is_worked_out_for_nobody_as_well(
    stores: Stores, jane: Member, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            worked.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    for email in (jane.email, owner.email, "nobody@acme.example", "no address"):
        assert not await enters(stores, email, "wrong")

    assert len(worked) == 4


async def test_a_password_is_hashed_anew_when_parameters_change(
    stores: Stores, jane: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    assert await enters(stores, jane.email, PASSWORD)
    row = await stores.app.fetch_one(statement("SELECT password FROM member WHERE email = 'jane@acme.example'"))

    assert row
    assert "t=2" in row[0]
    assert await enters(stores, jane.email, PASSWORD)


async def test_fifty_guesses_at_once_on_two_nodes_are_ten(stores: Stores, settings: Settings, jane: Member) -> None:
    async with open_stores(settings) as other:
        outcomes = await asyncio.gather(
            *(
                check((stores, other)[n % 2].app, jane.email, f"guess {n}", client=f"10.0.{n}.1", now=NOW)
                for n in range(50)
            ),
            return_exceptions=True,
        )

    assert outcomes.count(None) == AT_ADDRESS.count
    assert sum(isinstance(one, TooManyGuesses) for one in outcomes) == 50 - AT_ADDRESS.count


async def test_known_and_unknown_addresses_run_into_the_same_limit(stores: Stores, jane: Member) -> None:
    said = []
    for email in (jane.email, "nobody@acme.example"):
        for _ in range(AT_ADDRESS.count):
            assert not await enters(stores, email, "wrong", client=email)
        with pytest.raises(TooManyGuesses) as refused:
            await enters(stores, email, PASSWORD, client="10.9.9.9")
        said.append((refused.value.details, refused.value.retry_after))

    assert said[0] == said[1]
    assert said[0] == ("That was tried too often. Wait 2 minutes and try again.", AT_ADDRESS.interval)
    assert not await enters(stores, jane.email, "wrong", now=NOW + AT_ADDRESS.interval)
    with pytest.raises(TooManyGuesses):
        await enters(stores, jane.email, "wrong", now=NOW + AT_ADDRESS.interval)


async def test_one_client_does_not_try_every_address(stores: Stores, jane: Member) -> None:
    for number in range(BY_CLIENT.count):
        assert not await enters(stores, f"p{number}@acme.example", "wrong", client="2001:db8::1")
    with pytest.raises(TooManyGuesses):
        await enters(stores, jane.email, PASSWORD, client="2001:db8::2")  # the same customer's

    assert await enters(stores, jane.email, PASSWORD, client="2001:db8:1::1")


async def test_a_right_password_is_forgiven(stores: Stores, jane: Member) -> None:
    for _ in range(5):
        for _ in range(AT_ADDRESS.count - 1):
            assert not await enters(stores, jane.email, "wrong", client="10.1.1.1" if _ % 2 else "10.2.2.2")
        assert await enters(stores, jane.email, PASSWORD, client="10.3.3.3")
        async with stores.app.write() as conn:
            await conn.execute(statement("DELETE FROM guess WHERE arrival > :now"), {"now": NOW + 30 * BY_CLIENT.count})

    async with stores.app.write() as conn:
        assert await forget_guesses(conn, NOW + 100_000) > 0
    assert not await stores.app.fetch_all(statement("SELECT * FROM guess"))


async def test_what_is_guessed_at_is_not_kept_in_plain(stores: Stores, jane: Member) -> None:
    await enters(stores, jane.email, "wrong", client="198.51.100.7")
    rows = [tuple(row) for row in await stores.app.fetch_all(statement("SELECT * FROM guess"))]

    assert rows
    assert not any(text in str(rows) for text in ("jane", "acme", "198.51"))


async def test_somebody_signed_in_confirms_with_their_password(stores: Stores, jane: Member, owner: Member) -> None:
    async def confirms(whose: Member, password: str) -> bool:
        return await confirm(stores.app, whose.account_id, whose.id, password, client="::1", now=NOW)

    assert await confirms(jane, PASSWORD)
    assert not await confirms(jane, "wrong")
    assert not await confirms(owner, "")
    for _ in range(AT_ADDRESS.count - 1):
        await confirms(jane, "wrong")
    with pytest.raises(TooManyGuesses):
        await confirms(jane, PASSWORD)


# Recovery


async def reset_token(stores: Stores, email: str, now: int = NOW, client: str = "127.0.0.1") -> str:
    async with stores.app.write() as conn:
        asked = await request_reset(conn, email, client=client, now=now)
    assert asked is not None
    return asked.token


async def resets(stores: Stores, token: str, password: str, now: int = NOW) -> bool:
    async with stores.app.write() as conn:
        return await reset_password(conn, token, await hash_password(password), now) is not None


async def test_a_reset_link_works_once_and_ends_all_sessions(stores: Stores, jane: Member) -> None:
    async with stores.app.write() as conn:
        session = await open_session(conn, jane, now=NOW)
    token, other = await reset_token(stores, jane.email), await reset_token(stores, jane.email)
    assert await find_reset(stores.app, token, NOW) == jane

    assert await resets(stores, token, "another password")
    assert await find_session(stores.app, session, NOW) is None
    assert not await resets(stores, token, "a third password")
    assert not await resets(stores, other, "a third password")
    assert await enters(stores, jane.email, "another password")
    assert not await enters(stores, jane.email, PASSWORD)


async def test_of_many_that_use_a_reset_link_at_once_one_does(stores: Stores, settings: Settings, jane: Member) -> None:
    tokens = [await reset_token(stores, jane.email, client=f"10.0.0.{number}") for number in range(3)]
    async with open_stores(settings) as other:

        async def use(number: int) -> bool:
            return await resets((stores, other)[number % 2], tokens[number % 3], f"password number {number}")

        won = await asyncio.gather(*(use(number) for number in range(8)))

    assert sum(won) == 1
    assert await enters(stores, jane.email, f"password number {won.index(True)}")


async def test_a_reset_link_runs_out(stores: Stores, jane: Member) -> None:
    token = await reset_token(stores, jane.email)

    assert await find_reset(stores.app, token, NOW + LASTS) is None
    assert not await resets(stores, token, "another password", NOW + LASTS)
    async with stores.app.write() as conn:
        assert await forget_tickets(conn, NOW + LASTS) == 1


async def test_a_reset_tells_nothing_and_is_not_a_mail_cannon(stores: Stores, jane: Member) -> None:
    said = []
    for email in (jane.email, "nobody@acme.example"):
        count = 0
        try:
            for number in range(9):
                async with stores.app.write() as conn:
                    await request_reset(conn, email, client=f"10.0.0.{number}", now=NOW)
                count += 1
        except TooManyGuesses as error:
            said.append((count, error.details))

    assert said[0] == said[1]
    assert said[0][0] == 3


async def test_a_reset_link_brings_in_who_was_locked_out(stores: Stores, jane: Member) -> None:
    for _ in range(AT_ADDRESS.count):
        await enters(stores, jane.email, "wrong", client="10.6.6.6")
    with pytest.raises(TooManyGuesses):
        await enters(stores, jane.email, PASSWORD)
    assert await resets(stores, await reset_token(stores, jane.email), "another password")

    assert await enters(stores, jane.email, "another password")


async def test_changing_a_password_keeps_this_session_alone(stores: Stores, jane: Member) -> None:
    async with stores.app.write() as conn:
        here, there = [await open_session(conn, jane, now=NOW) for _ in range(2)]
        link = await create_password_link(conn, jane, NOW)
    visitor = await find_session(stores.app, here, NOW)
    assert visitor
    async with stores.app.write() as conn:
        await change_password(conn, jane, await hash_password("another password"), keep=visitor.session_id)

    assert await find_session(stores.app, here, NOW)
    assert await find_session(stores.app, there, NOW) is None
    assert await find_reset(stores.app, link, NOW) is None


async def test_the_operators_link_sets_a_first_password(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        link = await create_password_link(conn, owner, NOW)

    assert await resets(stores, link, PASSWORD, NOW + 80_000)
    assert await enters(stores, owner.email, PASSWORD)


async def test_tokens_and_passwords_are_nowhere_in_the_database(stores: Stores, jane: Member) -> None:
    token = await reset_token(stores, jane.email)
    async with stores.app.write() as conn:
        await set_password(conn, jane.account_id, jane.id, await hash_password(PASSWORD))
    kept = [
        tuple(row)
        for table in ("member", "ticket", "session", "guess")
        for row in await stores.app.fetch_all(statement(f"SELECT * FROM {table}"))
    ]

    assert token not in str(kept)
    assert PASSWORD not in str(kept)
