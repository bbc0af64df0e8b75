"""Answers kept for those who ask twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.conftest import NOW
from vizsla.accounts.idempotency import (
    Answered,
    InFlight,
    KeyInFlight,
    KeyMismatch,
    find_answer,
    forget_answers,
    keep_answer,
    request_of,
)
from vizsla.accounts.store import Member
from vizsla.kit.clock import DAY
from vizsla.storage.open import Stores
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement


def request(owner: Member, params: bytes = b"{}", seal: str | None = None, path: str = "/v2/api-keys") -> object:
    return request_of(owner.account_id, method="POST", path=path, key="k-1", params=params, seal=seal)


async def test_the_first_answer_comes_back_for_a_day(stores: Stores, owner: Member) -> None:
    first = Answered(201, '{"data":"é"}'.encode())
    async with stores.app.write() as conn:
        assert await find_answer(conn, request(owner), NOW) is None
        await keep_answer(conn, request(owner), first, NOW)
    async with stores.app.write() as conn:
        assert await find_answer(conn, request(owner), NOW + DAY - 1) == first
        assert await find_answer(conn, request(owner), NOW + DAY) is None
        assert await find_answer(conn, request(owner, path="/v2/other"), NOW) is None
    with pytest.raises(KeyMismatch):
        async with stores.app.write() as conn:
            await find_answer(conn, request(owner, b"other"), NOW)
    async with stores.app.write() as conn:
        assert await forget_answers(conn, NOW + DAY) == 1


async def test_an_answer_with_a_secret_is_stored_sealed(stores: Stores, owner: Member) -> None:
    answer = Answered(201, b'{"api_key":"canary"}')
    async with stores.app.write() as conn:
        await keep_answer(conn, request(owner, seal="my key"), answer, NOW)
    (row,) = await stores.app.fetch_all(statement("SELECT answer FROM idempotency"))
    assert "canary" not in row[0]
    assert b"canary" not in bytes.fromhex(row[0])

    async with stores.app.write() as conn:
        assert await find_answer(conn, request(owner, seal="my key"), NOW) == answer
        with pytest.raises(KeyMismatch, match="another API key"):
            await find_answer(conn, request(owner, seal="colleague's key"), NOW)


@given(st.binary(max_size=500), st.text(max_size=50))
def test_what_is_sealed_opens_with_its_secret_alone(body: bytes, secret: str) -> None:
    sealed = seal(secret, body)

    assert unseal(secret, sealed) == body
    assert unseal(secret + "x", sealed) is None
    assert unseal(secret, sealed[:-1]) is None
    assert seal(secret, body) != sealed


async def test_another_node_at_the_same_request_is_told_to_wait(stores: Stores, owner: Member) -> None:
    if stores.app.dialect == "sqlite":
        pytest.skip("one server on a SQLite home")
    async with stores.app.write() as one, stores.app.write() as other:
        assert await find_answer(one, request(owner), NOW) is None
        with pytest.raises(KeyInFlight):
            await find_answer(other, request(owner), NOW)


def test_one_process_answers_a_request_once_at_a_time(owner_less: Member) -> None:
    flight = InFlight()
    flight.enter(request(owner_less))
    with pytest.raises(KeyInFlight):
        flight.enter(request(owner_less))
    flight.leave(request(owner_less))
    flight.enter(request(owner_less))


@pytest.fixture
def owner_less() -> Member:
    return Member(1, 1, "a@b.example", None, None, False)
