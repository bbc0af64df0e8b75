"""
Is this address deliverable, and where was it seen?

A verification that holds answers at once; otherwise a run begins, or the one that is on is joined, and the caller waits for
it as long as it likes. The run itself is a worker's (`work.verifications`); here it is asked for and its verdict is put
together with what the index knows.
"""

import asyncio

import msgspec

from vizsla.index.search import PAGE_COLUMNS, list_by_local
from vizsla.kit.errors import InvalidEmail, VizslaError
from vizsla.storage.database import Connection, Database
from vizsla.storage.open import Stores
from vizsla.verifier.learning import load_learned
from vizsla.verifier.score import score
from vizsla.verifier.store import (
    Verification,
    begin_verification,
    count_left,
    count_started,
    find_verification,
    get_verification,
)
from vizsla.verifier.syntax import Address, Malformed, parse_address
from vizsla.verifier.verdict import Result, Status
from vizsla.verifier.waiting import Waiting

DEPRECATED = "Using result is deprecated, use status instead"
_CONFIDENCE, _SOURCES = PAGE_COLUMNS.index("confidence"), PAGE_COLUMNS.index("sources")
_NONE = msgspec.Raw(b"[]")


class DomainLimitReached(VizslaError):
    """You've reached the limit for the number of verifications per domain in 24 hours."""

    id = "too_many_requests"


class Verified(msgspec.Struct, frozen=True):
    """What is said of every address that was verified, by itself or in a list."""

    status: Status
    result: Result
    deprecation_notice: str = msgspec.field(name="_deprecation_notice")
    score: int
    email: str
    regexp: bool
    gibberish: bool
    disposable: bool
    webmail: bool
    mx_records: bool
    smtp_server: bool
    smtp_check: bool
    accept_all: bool
    block: bool


class EmailVerifierData(Verified, frozen=True):
    """The `data` of a verification."""

    sources: msgspec.Raw
    """A JSON array of at most twenty `{domain, uri, extracted_on, last_seen_on, still_on_page}`."""


def read_address(text: str) -> Address:
    """The address in *text*. Raises InvalidEmail."""
    found = parse_address(text)
    if isinstance(found, Malformed):
        raise InvalidEmail(f"The supplied email is invalid. {found.details}")
    return found


async def find_answered(app: Database, address: Address, now: int) -> Verification | None:
    """The verification of *address*, if one is on or holds: nothing has to begin."""
    found = await find_verification(app, address.domain, address.local)
    return found if found is not None and (found.is_pending or found.holds(now)) else None


async def begin(conn: Connection, address: Address, *, per_domain: int, now: int) -> Verification:
    """
    The verification of *address*: begun, joined, or one that holds.

    Raises DomainLimitReached if one would have to begin and *per_domain* of this mail domain did within 24 hours.
    """
    verification, is_new = await begin_verification(conn, address.domain, address.local, now)
    if is_new and not await count_started(conn, address.domain, most=per_domain, now=now):
        raise DomainLimitReached
    return verification


async def wait_for(
    app: Database, waiting: Waiting, verification: Verification, *, seconds: float
) -> Verification | None:
    """*verification* once its run ended, or as it is after *seconds*; None if it was forgotten meanwhile."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    found: Verification | None = verification
    while found is not None and found.is_pending and (left := until - loop.time()) > 0:
        await waiting.wait_for_end(verification.id, left)
        found = await get_verification(app, verification.id)
    return found


async def left_today(app: Database, domain: str, *, per_domain: int, now: int) -> int:
    """How many verifications may still begin at *domain* within 24 hours."""
    return await count_left(app, domain, most=per_domain, now=now)


async def render(stores: Stores, address: Address, verification: Verification, *, now: int) -> EmailVerifierData:
    """The answer for a verification that ended."""
    assert verification.verdict is not None
    verdict = verification.verdict
    known = await list_by_local(stores.index, address.domain, [address.local])
    confidence = int(known[0][_CONFIDENCE]) if known else None
    age = now - (verification.ended_at or now)
    learned = await load_learned(stores.app)
    return EmailVerifierData(
        status=verdict.status,
        result=verdict.result,
        deprecation_notice=DEPRECATED,
        score=score(verdict, confidence=confidence, age=age, learned=learned),
        email=str(address),
        regexp=address.regexp,
        gibberish=verdict.gibberish,
        disposable=verdict.disposable,
        webmail=verdict.webmail,
        mx_records=verdict.mx_records,
        smtp_server=verdict.smtp_server,
        smtp_check=verdict.smtp_check,
        accept_all=verdict.accept_all,
        block=verdict.block,
        sources=msgspec.Raw(known[0][_SOURCES]) if known else _NONE,
    )
