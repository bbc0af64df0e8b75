"""
Do they have the telephone, too? One-time codes by RFC 6238, as authenticator apps make them, and recovery codes for when it is lost.

The secret is sealed with the installation's secret key. A code is good for its thirty seconds and one step before and after
(RFC 6238 5.2), and once: the step of the last one is kept (5.2 again). A recovery code is good once; only hashes are kept.
"""

import base64
import hmac
import io
import secrets

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import bindparam, delete, func, insert, null, select, update

from vizsla.accounts.guesses import Allowance, forgive_guesses, take_guess
from vizsla.accounts.store import Member
from vizsla.accounts.tables import member, recovery_code
from vizsla.accounts.tickets import find_ticket, use_ticket
from vizsla.accounts.tokens import hash_token
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement

STEP = 30
"""Seconds."""
ISSUER = "Vizsla"
RECOVERY_CODES = 10
AT_CODES = Allowance("code", 5, 180)
"""Five at once, then twenty an hour: a million codes, three of them good, are out of reach."""
_SECRET_BYTES = 20

_ONE = (member.c.account_id == bindparam("account_id_"), member.c.id == bindparam("id_"))
_FIND = statement(select(member.c.totp_secret, member.c.totp_since).where(*_ONE))
_BEGIN = statement(
    update(member)
    .where(*_ONE, member.c.totp_since.is_(None))
    .values(totp_secret=bindparam("secret_"), totp_step=null())
)
_STEP = statement(
    update(member)
    .where(*_ONE, member.c.totp_step.is_(None) | (member.c.totp_step < bindparam("step_")))
    .values(totp_step=bindparam("step_"))
)
_TURN_ON = statement(update(member).where(*_ONE, member.c.totp_since.is_(None)).values(totp_since=bindparam("now_")))
_TURN_OFF = statement(update(member).where(*_ONE).values(totp_secret=null(), totp_since=null(), totp_step=null()))
_THEIRS = (recovery_code.c.account_id == bindparam("account_id_"), recovery_code.c.member_id == bindparam("id_"))
_ADD_CODE = statement(
    insert(recovery_code).values(
        account_id=bindparam("account_id"), member_id=bindparam("member_id"), hash=bindparam("hash")
    )
)
_USE_CODE = statement(delete(recovery_code).where(*_THEIRS, recovery_code.c.hash == bindparam("hash_")))
_DROP_CODES = statement(delete(recovery_code).where(*_THEIRS))
_COUNT_CODES = statement(select(func.count()).select_from(recovery_code).where(*_THEIRS))


class AlreadyOn(VizslaError):
    """One-time codes are on already. Turn them off first."""

    id = "validation_failed"


class Enrolment(msgspec.Struct, frozen=True):
    """What an authenticator app needs; shown once."""

    secret: str
    """In base 32, for those who type it."""
    uri: str
    """`otpauth://totp/…`, for a QR code."""


class Standing(msgspec.Struct, frozen=True):
    """Whether somebody uses one-time codes."""

    since: int | None
    """None: they do not."""
    recovery_codes: int
    """How many are left."""


async def begin(conn: Connection, whose: Member, secret_key: bytes) -> Enrolment:
    """
    A new secret for *whose* app. It counts for nothing until `turn_on` has seen a code of it.

    *secret_key* is the installation's. Raises AlreadyOn.
    """
    secret = secrets.token_bytes(_SECRET_BYTES)
    sealed = seal(_sealing(secret_key), secret).hex()
    if not await conn.execute(_BEGIN, {**_key(whose), "secret_": sealed}):
        raise AlreadyOn
    return _enrolment(whose, secret)


async def find_enrolment(reader: Reader, whose: Member, secret_key: bytes) -> Enrolment | None:
    """What `begin` made last, to be shown again as its first code was wrong; None once codes are on, or before."""
    row = await reader.fetch_one(_FIND, _key(whose))
    if row is None or row[0] is None or row[1] is not None:
        return None
    return _enrolment(whose, _open(row[0], secret_key))


def _enrolment(whose: Member, secret: bytes) -> Enrolment:
    text = base64.b32encode(secret).decode().rstrip("=")
    return Enrolment(text, _totp(secret).get_provisioning_uri(whose.email, ISSUER))


async def turn_on(conn: Connection, whose: Member, code: str, secret_key: bytes, now: int) -> list[str] | None:
    """
    Ask for codes from now on; the recovery codes, to be shown once. None if *code* is not right.

    Raises AlreadyOn.
    """
    row = await conn.fetch_one(_FIND, _key(whose))
    if row is None or row[0] is None:
        return None
    if row[1] is not None:
        raise AlreadyOn
    if not await _use_step(conn, whose, row[0], code, secret_key=secret_key, now=now):
        return None
    if not await conn.execute(_TURN_ON, {**_key(whose), "now_": now}):
        raise AlreadyOn
    return await renew_recovery_codes(conn, whose)


async def turn_off(conn: Connection, whose: Member) -> None:
    """Ask for codes no longer; after `sign_in.confirm`."""
    await conn.execute(_TURN_OFF, _key(whose))
    await conn.execute(_DROP_CODES, _key(whose))


async def find_standing(reader: Reader, account_id: int, member_id: int) -> Standing:
    """Whether a member uses one-time codes."""
    key = {"account_id_": account_id, "id_": member_id}
    row = await reader.fetch_one(_FIND, key)
    count = await reader.fetch_one(_COUNT_CODES, key)
    return Standing(row[1] if row else None, int(count[0]) if count else 0)


async def renew_recovery_codes(conn: Connection, whose: Member) -> list[str]:
    """Ten new recovery codes, to be shown once; earlier ones stop working."""
    await conn.execute(_DROP_CODES, _key(whose))
    # 80 bits each, so that a fast hash will do.
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    rows = [{"account_id": whose.account_id, "member_id": whose.id, "hash": hash_token(code)} for code in codes]
    await conn.execute_many(_ADD_CODE, rows)
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


async def finish(database: Database, token: str, code: str, secret_key: bytes, now: int) -> Member | None:
    """
    The end of a sign-in that `sign_in.ask_for_code` began: who it is, or None if the code is wrong or the token used up.

    *code* is of the app, or a recovery code. Raises TooManyGuesses.
    """
    whose = await find_ticket(database, token, "code", now)
    if whose is None:
        return None
    async with database.write() as conn:
        await take_guess(conn, AT_CODES, _name(whose), now)
    async with database.write() as conn:
        if not await use_code(conn, whose, code, secret_key, now):
            return None
        await forgive_guesses(conn, AT_CODES, _name(whose))
        return await use_ticket(conn, token, "code", now)


async def use_code(conn: Connection, whose: Member, code: str, secret_key: bytes, now: int) -> bool:
    """Whether *code* is right, of the app or a recovery code; it is used up by it. Guesses are the caller's to count."""
    row = await conn.fetch_one(_FIND, _key(whose))
    if row is None or row[1] is None:
        return False
    text = "".join(code.split()).replace("-", "").lower()
    if len(text) == 16:
        return bool(await conn.execute(_USE_CODE, {**_key(whose), "hash_": hash_token(text)}))
    return await _use_step(conn, whose, row[0], text, secret_key=secret_key, now=now)


def draw_qr_code(uri: str) -> str:
    """The QR code of an `otpauth://` URI as an `<svg>` element without scripts or styles, for a page to hold."""
    import segno

    out = io.BytesIO()
    code = segno.make(uri, micro=False, error="m")
    code.save(out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, svgclass=None, lineclass=None)
    return out.getvalue().decode().strip()


async def _use_step(conn: Connection, whose: Member, sealed: str, code: str, *, secret_key: bytes, now: int) -> bool:
    step = _step_of(_open(sealed, secret_key), "".join(code.split()), now)
    # Of two that bring the same code at the same moment, the row lets one through.
    return step is not None and bool(await conn.execute(_STEP, {**_key(whose), "step_": step}))


def _open(sealed: str, secret_key: bytes) -> bytes:
    secret = unseal(_sealing(secret_key), bytes.fromhex(sealed))
    if secret is None:
        raise UnreadableSecret
    return secret


class UnreadableSecret(VizslaError):
    """The secret of these one-time codes was sealed with another VIZSLA_SECRET_KEY. Put that one back, or have the operator turn the codes off."""

    id = "validation_failed"


def _step_of(secret: bytes, code: str, now: int) -> int | None:
    """Which step *code* is of, if it is good now."""
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp, found = _totp(secret), None
    for step in range(now // STEP - 1, now // STEP + 2):
        if step >= 0 and hmac.compare_digest(totp.generate(step * STEP), code.encode()):
            found = step
    return found


def _totp(secret: bytes) -> TOTP:
    # SHA-1, for it is what every app knows; as HMAC it is not broken (RFC 6238 1.2, RFC 4226 B.2).
    return TOTP(secret, 6, SHA1(), STEP)  # noqa: S303


def _sealing(secret_key: bytes) -> str:
    return f"one-time codes {secret_key.hex()}"


def _name(whose: Member) -> str:
    return f"{whose.account_id}/{whose.id}"


def _key(whose: Member) -> dict[str, int]:
    return {"account_id_": whose.account_id, "id_": whose.id}
