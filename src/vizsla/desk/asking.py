"""
How is a question of an account's asked, answered and counted?

The same for a program that calls the API and a person at the dashboard: what is free, what is counted and when a quota is
used up does not depend on the door.
"""

import contextlib

import msgspec

from vizsla.accounts.callers import Caller
from vizsla.accounts.quota import FREE_FOR, Kind, get_member_usage, get_usage, is_paid
from vizsla.desk.leads import note_verification
from vizsla.desk.services import Services
from vizsla.finder.domain_search import SearchQuery, SearchResult, search
from vizsla.finder.email_finder import find_email
from vizsla.finder.email_verifier import EmailVerifierData, begin, find_answered, read_address, render, wait_for
from vizsla.finder.finding import FinderQuery, Finding
from vizsla.finder.outcomes import record_finding
from vizsla.finder.questions import question_of, question_of_search
from vizsla.kit.errors import ClaimedEmail, NotFound, StoreError, VizslaError
from vizsla.verifier.store import Shown, Verification, attach_account, find_attached, show_verification
from vizsla.verifier.syntax import Address


class QuotaUsedUp(VizslaError):
    """You have reached your usage limit. Upgrade your plan if necessary."""

    id = "too_many_requests"


class TooFast(VizslaError):
    """You have reached the rate limit of your plan. Try again in a moment."""

    id = "too_many_requests"


class VerificationNotFound(NotFound):
    """This verification does not exist."""


class VerificationFailed(VizslaError):
    """The verification failed because of an unexpected response from the remote SMTP server. We recommend to retry later."""

    id = "verification_failed"


class Asker(msgspec.Struct, frozen=True):
    """Who asks, of which server, and when."""

    services: Services
    caller: Caller
    now: int

    async def keep_pace(self, limit: str, path: str) -> None:
        """Take one from the *limit* of the API's call at *path*, so that both doors together are no wider; raises TooFast."""
        services, whose, limits = self.services, (self.caller.account_id, path), self.caller.rates[limit]
        if services.shared is None:
            verdict = services.local.take(whose, limits)
        else:
            verdict = await services.shared.take(whose, limits)
        if not verdict.allowed:
            seconds = 1 + int(verdict.retry_after)
            raise TooFast(f"That was too fast for the plan. Try again in {seconds} second{'s' if seconds > 1 else ''}.")

    async def may_charge(self, kind: Kind, question: str) -> None:
        """Raises QuotaUsedUp if nothing is left to count this question on, so that its work need not begin."""
        caller, services = self.caller, self.services
        if services.meter.is_free(caller.account_id, kind, question, self.now):
            return
        if await self.room(kind):
            return
        if not await is_paid(services.stores.app, caller.account_id, kind, question, self.now):
            raise QuotaUsedUp

    async def room(self, kind: Kind) -> int:
        """How many questions are left of the account's period, and of what this member may use of it."""
        caller, app = self.caller, self.services.stores.app
        used = await get_usage(app, caller.account_id, self.now, caller.period_day)
        left, share = caller.allowed(kind) - used.of(kind), caller.share(kind)
        if share is not None and share.allowed is not None:
            mine = await get_member_usage(app, caller.account_id, share.member_id, self.now, caller.period_day)
            left = min(left, share.allowed - mine.of(kind))
        return max(0, left)

    async def charge(self, kind: Kind, question: str) -> None:
        """Count one question; raises QuotaUsedUp."""
        caller, meter = self.caller, self.services.meter
        if meter.is_free(caller.account_id, kind, question, self.now):
            return
        if not await meter.charge(
            caller.account_id,
            kind,
            question,
            allowed=caller.allowed(kind),
            now=self.now,
            period_day=caller.period_day,
            share=caller.share(kind),
        ):
            raise QuotaUsedUp


async def search_domain(asker: Asker, query: SearchQuery) -> SearchResult:
    """
    One page of the addresses at a domain: counted if it holds any.

    A domain we know nothing of is crawled, if this installation crawls on a miss. Raises QuotaUsedUp.
    """
    services = asker.services
    found = await search(services.stores.search, services.claims, query, now=asker.now)
    if found.data.emails:
        await asker.charge("searches", question_of_search(found.domain, query))
    elif found.is_missed and found.domain is not None and services.settings.crawl_on_miss:
        await services.request_crawl(found.domain, asker.now)
    return found


async def find_person(asker: Asker, query: FinderQuery) -> Finding:
    """The most likely address of a person: counted if there is one. Raises QuotaUsedUp and what the finder raises."""
    services = asker.services
    if query.domain is not None:
        # So that nobody is asked for an answer that could not be given.
        await asker.may_charge("searches", question_of(services.claims, query, query.domain))
    means = await services.finder_means(asker.now)
    finding = await find_email(means, query, now=asker.now)
    if finding.answered:
        # The answer stands whether or not what was learnt from it can be written down.
        with contextlib.suppress(StoreError):
            async with services.stores.app.write() as conn:
                await record_finding(conn, finding, asker.now)
    if finding.data.email is not None:
        await asker.charge("searches", question_of(services.claims, query, finding.data.domain))
    return finding


class Verified(msgspec.Struct, frozen=True):
    """A verification, ended or not, and what it is to the account that asked."""

    id: int
    """The account's own number of it: the evidence is found by it."""
    verification: Verification
    data: EmailVerifierData | None
    """The answer; None as long as the verification is on."""


async def verify(asker: Asker, address: Address, *, patience: float) -> Verified:
    """
    The verification of *address* as it is after *patience* seconds at most: counted once, when it ends.

    Raises ClaimedEmail, QuotaUsedUp, DomainLimitReached, and VerificationFailed if the mail server spoke no SMTP.
    """
    services, account_id = asker.services, asker.caller.account_id
    app = services.stores.app
    if services.claims.is_claimed(address.domain, address.local):
        raise ClaimedEmail
    question = services.claims.hash(str(address))
    found = await find_answered(app, address, asker.now)
    if found is None:
        await asker.may_charge("verifications", question)
        async with app.write() as conn:
            found = await begin(conn, address, per_domain=services.settings.verify_per_domain, now=asker.now)
            await attach_account(conn, account_id, found.id)
        services.waiting.announce_work()
    attached = await find_attached(app, account_id, found.id)
    if attached is None:
        async with app.write() as conn:
            attached = await attach_account(conn, account_id, found.id)
    ended = await wait_for(app, services.waiting, found, seconds=patience)
    if ended is None:
        raise ClaimedEmail  # nobody else has rows forgotten while they are worked on
    if ended.is_pending:
        return Verified(attached, ended, None)
    assert ended.verdict is not None
    if ended.verdict.has_failed:
        raise VerificationFailed
    if not ended.verdict.block:
        await asker.charge("verifications", question)
    # The answer stands whether or not it can be written into a lead.
    with contextlib.suppress(StoreError):
        at = ended.ended_at or asker.now
        await note_verification(app, account_id, str(address), ended.verdict.status, at)
    return Verified(attached, ended, await render(services.stores, address, ended, now=asker.now))


class Evidence(msgspec.Struct, frozen=True):
    """A verification as its page shows it: as far as it is, with what it rests on."""

    shown: Shown
    address: Address
    data: EmailVerifierData | None
    """The answer; None as long as the verification is on, and if the mail server spoke no SMTP."""


async def show_evidence(asker: Asker, id_: int) -> Evidence:
    """
    The account's verification under this number. It never begins one; one that ended is counted once, as `verify` counts it.

    Raises VerificationNotFound, ClaimedEmail, QuotaUsedUp.
    """
    services = asker.services
    shown = await show_verification(services.stores.app, asker.caller.account_id, id_)
    if shown is None:
        raise VerificationNotFound
    row = shown.verification
    if services.claims.is_claimed(row.domain, row.local):
        raise ClaimedEmail
    address = read_address(f"{row.local}@{row.domain}")
    if row.is_pending or row.verdict is None or row.verdict.has_failed:
        return Evidence(shown, address, None)
    # Looked at again later it is the same answer, and was counted when it was new.
    if not row.verdict.block and asker.now - (row.ended_at or 0) < FREE_FOR:
        await asker.charge("verifications", services.claims.hash(str(address)))
    return Evidence(shown, address, await render(services.stores, address, row, now=asker.now))
