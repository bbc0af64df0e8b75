"""One-time codes: RFC 6238's own, once each, and the recovery codes."""

import asyncio
import base64
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from accounts.conftest import NOW
from vizsla.accounts.guesses import TooManyGuesses
from vizsla.accounts.passwords import hash_password
from vizsla.accounts.second_factor import (
    AT_CODES,
    STEP,
    AlreadyOn,
    UnreadableSecret,
    begin,
    draw_qr_code,
    find_standing,
    finish,
    renew_recovery_codes,
    turn_off,
    turn_on,
    use_code,
)
from vizsla.accounts.second_factor import _step_of as step_of
from vizsla.accounts.sign_in import CODE_WITHIN, ask_for_code, check
from vizsla.accounts.store import Member
from vizsla.accounts.store import set_password as store_password
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

SECRET = b"0" * 32


def code_of(secret: str, at: int) -> str:
    """What an authenticator app shows."""
    padded = secret + "=" * (-len(secret) % 8)
    return TOTP(base64.b32decode(padded), 6, SHA1(), STEP).generate(at).decode()


class Phone:
    def __init__(self, secret: str, recovery: list[str]) -> None:
        self.secret = secret
        self.recovery = recovery

    def code(self, at: int) -> str:
        return code_of(self.secret, at)


@pytest.fixture
async def phone(stores: Stores, owner: Member) -> Phone:
    async with stores.app.write() as conn:
        enrolment = await begin(conn, owner, SECRET)
    async with stores.app.write() as conn:
        codes = await turn_on(conn, owner, code_of(enrolment.secret, NOW), SECRET, NOW)
    assert codes is not None
    return Phone(enrolment.secret, codes)


async def uses(stores: Stores, owner: Member, code: str, now: int) -> bool:
    async with stores.app.write() as conn:
        return await use_code(conn, owner, code, SECRET, now)


# RFC 6238 appendix B, SHA-1, the last six digits.
@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    assert step_of(b"12345678901234567890", code, at) == at // STEP
    assert step_of(b"12345678901234567890", code, at + STEP) == at // STEP
    assert step_of(b"12345678901234567890", code, at + 3 * STEP) is None


async def test_a_code_is_good_once(stores: Stores, owner: Member, phone: Phone) -> None:
    assert not await uses(stores, owner, phone.code(NOW), NOW)  # it turned them on
    later = NOW + 10 * STEP
    code = phone.code(later)

    assert not await uses(stores, owner, phone.code(later - 2 * STEP), later)
    assert await uses(stores, owner, f"{code[:3]} {code[3:]}", later)
    assert not await uses(stores, owner, code, later)
    assert not await uses(stores, owner, phone.code(later - STEP), later)
    assert await uses(stores, owner, phone.code(later + STEP), later)


async def test_of_many_that_bring_one_code_at_once_one_comes_in(stores: Stores, owner: Member, phone: Phone) -> None:
    later = NOW + 10 * STEP
    won = await asyncio.gather(*(uses(stores, owner, phone.code(later), later) for _ in range(8)))

    assert sum(won) == 1


@pytest.mark.parametrize(
    "code", ["", "000000", "12345", "１２３４５６", "' OR '1", "\ud800" * 6, "0" * 9_999, "a" * 16]
)
async def test_what_is_no_code_opens_nothing(stores: Stores, owner: Member, phone: Phone, code: str) -> None:
    assert not await uses(stores, owner, code, NOW + 99 * STEP)


async def test_a_recovery_code_is_good_once(stores: Stores, owner: Member, phone: Phone) -> None:
    assert len(set(phone.recovery)) == 10
    assert await uses(stores, owner, phone.recovery[0].upper(), NOW)
    assert not await uses(stores, owner, phone.recovery[0], NOW)
    assert (await find_standing(stores.app, owner.account_id, owner.id)).recovery_codes == 9

    async with stores.app.write() as conn:
        renewed = await renew_recovery_codes(conn, owner)
    assert not await uses(stores, owner, phone.recovery[1], NOW)
    assert await uses(stores, owner, renewed[1].replace("-", " "), NOW)


async def test_secrets_are_sealed(stores: Stores, owner: Member, phone: Phone) -> None:
    rows = [
        tuple(row)
        for table in ("member", "recovery_code")
        for row in await stores.app.fetch_all(statement(f"SELECT * FROM {table}"))
    ]

    raw = base64.b32decode(phone.secret).hex()
    assert not any(text in str(rows) for text in (phone.secret, raw, phone.recovery[0], phone.recovery[0][:4] + "'"))
    with pytest.raises(UnreadableSecret):
        async with stores.app.write() as conn:
            await use_code(conn, owner, "123456", b"1" * 32, NOW)


async def test_setting_up_takes_a_right_code(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        assert await turn_on(conn, owner, "123456", SECRET, NOW) is None
        first = await begin(conn, owner, SECRET)
        second = await begin(conn, owner, SECRET)  # they closed the page, and came again
        assert await turn_on(conn, owner, code_of(first.secret, NOW), SECRET, NOW) is None
    assert (await find_standing(stores.app, owner.account_id, owner.id)).since is None
    assert not await uses(stores, owner, code_of(second.secret, NOW), NOW)

    async with stores.app.write() as conn:
        assert await turn_on(conn, owner, code_of(second.secret, NOW), SECRET, NOW)
    with pytest.raises(AlreadyOn):
        async with stores.app.write() as conn:
            await begin(conn, owner, SECRET)
    async with stores.app.write() as conn:
        await turn_off(conn, owner)
    standing = await find_standing(stores.app, owner.account_id, owner.id)
    assert (standing.since, standing.recovery_codes) == (None, 0)


async def test_an_app_can_read_the_uri_and_a_page_can_hold_the_picture(stores: Stores, owner: Member) -> None:
    async with stores.app.write() as conn:
        enrolment = await begin(conn, owner, SECRET)
    uri = urlsplit(enrolment.uri)

    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert uri.path == "/Vizsla:owner%40acme.example"
    assert parse_qs(uri.query)["secret"] == [enrolment.secret]
    picture = draw_qr_code(enrolment.uri)
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert len(picture) < 20_000
    assert "style" not in picture


@pytest.mark.usefixtures("quick_passwords")
async def test_signing_in_takes_both(stores: Stores, owner: Member, phone: Phone) -> None:
    async with stores.app.write() as conn:
        await store_password(conn, owner.account_id, owner.id, await hash_password("correct horse"))
    known = await check(stores.app, owner.email, "correct horse", client="::1", now=NOW)
    assert known
    assert known.needs_code
    async with stores.app.write() as conn:
        token = await ask_for_code(conn, known.member, NOW)
    later = NOW + 2 * STEP

    assert await finish(stores.app, token, "000000", SECRET, later) is None
    assert await finish(stores.app, "0" * 64, phone.code(later), SECRET, later) is None
    assert await finish(stores.app, token, phone.code(later), SECRET, later) == owner
    assert await finish(stores.app, token, phone.code(later + STEP), SECRET, later) is None


async def test_codes_are_not_guessed(stores: Stores, owner: Member, phone: Phone) -> None:
    async with stores.app.write() as conn:
        tokens = [await ask_for_code(conn, owner, NOW) for _ in range(2)]
    for number in range(AT_CODES.count):
        assert await finish(stores.app, tokens[number % 2], f"00000{number}", SECRET, NOW) is None
    with pytest.raises(TooManyGuesses):
        await finish(stores.app, tokens[0], phone.code(NOW + STEP), SECRET, NOW)

    assert await finish(stores.app, tokens[0], phone.code(NOW + STEP), SECRET, NOW + CODE_WITHIN) is None
