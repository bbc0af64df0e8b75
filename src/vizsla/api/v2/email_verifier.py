"""`GET /v2/email-verifier`: is this address deliverable? And `GET /v2/verifications/{id}`: on what does the answer rest?"""

from typing import Annotated, ClassVar, Literal

import msgspec

from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.examples import EMAIL_VERIFIER
from vizsla.desk.asking import VerificationNotFound, verify
from vizsla.finder.email_verifier import EmailVerifierData, left_today, read_address
from vizsla.kit.clock import time_text
from vizsla.kit.errors import ClaimedEmail, WrongParams
from vizsla.verifier.evidence import Step
from vizsla.verifier.store import show_verification
from vizsla.verifier.syntax import Address
from vizsla.verifier.verdict import REASONS, Reason, Status, Verdict

calls = Calls()
_LEFT = b"x-rate-limit-remaining"


class EmailVerifierParams(Params, frozen=True):
    """Which address."""

    email: Annotated[str, msgspec.Meta(max_length=2_000, examples=["patrick@stripe.com"])]

    wrong: ClassVar = {"email": "invalid_email"}


class EmailVerifierAskedFor(msgspec.Struct, frozen=True):
    """What was asked."""

    email: str


class EmailVerifierMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked, and where the evidence is."""

    params: EmailVerifierAskedFor
    verification_id: int | None = None
    """For `GET /v2/verifications/{id}`."""
    reason: Reason | None = None
    """Why the status is what it is, in one word."""
    details: str | None = None
    """The same in a sentence."""


class EmailVerifierAnswer(msgspec.Struct, frozen=True):
    """A verification that ended."""

    data: EmailVerifierData
    meta: EmailVerifierMeta


class PendingData(msgspec.Struct, frozen=True):
    """A verification that is not yet at its end."""

    status: Literal["pending"]
    email: str


class EmailVerifierPending(msgspec.Struct, frozen=True):
    """Ask again: it is the same verification, and is counted once."""

    data: PendingData
    meta: EmailVerifierMeta


def _example(params: EmailVerifierParams) -> object:
    _address(params)
    return EMAIL_VERIFIER


@calls(
    "GET",
    "/v2/email-verifier",
    limit="verify",
    test=_example,
    pending=EmailVerifierPending,
    errors=("wrong_params", "invalid_email", "verification_failed", "claimed_email", "too_many_requests"),
)
async def verify_email(call: Call, params: EmailVerifierParams) -> EmailVerifierAnswer | EmailVerifierPending:
    """
    Whether an address takes mail.

    The answer comes within twenty seconds. If the mail server takes longer, or wants us to come back later, it is a 202: ask
    again as often as you like, it is the same verification and counts once, when it ends. One that could not be carried out
    (222, or `block`) is free, and so is the same address within a day.
    """
    address = _address(params)
    try:
        found = await verify(call.asker, address, patience=call.services.patience)
    finally:
        await _tell_left(call, address.domain)
    asked = EmailVerifierAskedFor(params.email)
    if found.data is None:
        return EmailVerifierPending(PendingData("pending", str(address)), EmailVerifierMeta(asked, found.id))
    assert found.verification.verdict is not None
    reason = found.verification.verdict.reason
    return EmailVerifierAnswer(found.data, EmailVerifierMeta(asked, found.id, reason, REASONS[reason]))


def _address(params: EmailVerifierParams) -> Address:
    if not params.email.strip():
        raise WrongParams("You are missing the email parameter")
    return read_address(params.email)


async def _tell_left(call: Call, domain: str) -> None:
    """`X-Rate-Limit-Remaining` of this call is what is left for the mail domain, not for the caller."""
    services = call.services
    left = await left_today(services.stores.app, domain, per_domain=services.settings.verify_per_domain, now=call.now)
    call.headers[:] = [header for header in call.headers if header[0] != _LEFT]
    call.headers.append((_LEFT, b"%d" % left))


class EvidenceData(msgspec.Struct, frozen=True):
    """What was asked and answered, step by step."""

    id: int
    email: str
    status: Status | Literal["pending"]
    reason: Reason | None
    details: str | None
    asked_at: str
    ended_at: str | None
    next_try_at: str | None
    deferrals: int
    verdict: Verdict | None
    steps: tuple[Step, ...]


class EvidenceAnswer(msgspec.Struct, frozen=True):
    """The evidence of one verification."""

    data: EvidenceData


@calls("GET", "/v2/verifications/{id}", errors=("not_found", "claimed_email"))
async def get_evidence(call: Call, params: NoParams) -> EvidenceAnswer:
    """
    What a verification rests on: DNS answers, mail servers, every command and reply with its milliseconds.

    The id is `meta.verification_id` of the verifier's answer. A verification is kept until its answer has been out of date
    for a month.
    """
    services = call.services
    shown = await show_verification(services.stores.app, call.caller.account_id, call.ids["id"])
    if shown is None:
        raise VerificationNotFound
    row = shown.verification
    if services.claims.is_claimed(row.domain, row.local):
        raise ClaimedEmail
    verdict = None if row.is_pending else row.verdict
    return EvidenceAnswer(
        EvidenceData(
            id=call.ids["id"],
            email=f"{row.local}@{row.domain}",
            status=verdict.status if verdict else "pending",
            reason=verdict.reason if verdict else None,
            details=REASONS[verdict.reason] if verdict else None,
            asked_at=time_text(row.asked_at),
            ended_at=time_text(row.ended_at) if verdict and row.ended_at else None,
            next_try_at=time_text(shown.next_try) if shown.next_try else None,
            deferrals=shown.deferrals,
            verdict=verdict,
            steps=tuple(shown.trail),
        )
    )
