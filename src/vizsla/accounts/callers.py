"""
Who asks, and what may they?

By API key, or as a member at the dashboard. Callers by key are remembered in memory; that anything changed about one is noticed
within half a second (`changes`), so that a key revoked on another node, or at the terminal, is dead within a second.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import bindparam, literal_column, select

from vizsla.accounts.changes import State, find_state
from vizsla.accounts.keys import is_key
from vizsla.accounts.plans import full_terms
from vizsla.accounts.quota import Kind, Share
from vizsla.accounts.rate import Limit, parse_limits
from vizsla.accounts.roles import Role
from vizsla.accounts.store import Plan
from vizsla.accounts.tables import account, api_key, member
from vizsla.kit.settings import FREE_PLAN, Settings
from vizsla.storage.database import Reader, Row
from vizsla.storage.statement import statement

LOOK_EVERY = 0.5
"""Seconds for which what is remembered is used without asking whether anything changed."""
CACHE_SECONDS = 5.0
"""Seconds for which it is used although nothing seems to have changed."""
_CACHED = 10_000

_ALLOWED = (
    account.c.plan_name,
    account.c.plan_level,
    account.c.plan_searches,
    account.c.plan_verifications,
    account.c.rate_search,
    account.c.rate_verify,
    account.c.rate_count,
    account.c.period_day,
    member.c.role,
    member.c.limit_searches,
    member.c.limit_verifications,
)
_FIND = statement(
    select(api_key.c.account_id, api_key.c.id, api_key.c.member_id, *_ALLOWED)
    .join(account, account.c.id == api_key.c.account_id)
    .outerjoin(member, (member.c.account_id == api_key.c.account_id) & (member.c.id == api_key.c.member_id))
    .where(api_key.c.hash == bindparam("hash_"), api_key.c.revoked_at.is_(None))
)
_FIND_MEMBER = statement(
    select(account.c.id, literal_column("0"), member.c.id, *_ALLOWED)
    .outerjoin(member, (member.c.account_id == account.c.id) & (member.c.id == bindparam("member_id_")))
    .where(account.c.id == bindparam("account_id_"))
)


class Caller(msgspec.Struct, frozen=True):
    """Who is asking, by which key, and what their plan allows."""

    account_id: int
    key_id: int
    """0: no key, they are at the dashboard."""
    member_id: int | None
    """None: nobody's key, the account's alone."""
    plan_name: str
    plan_level: int
    searches: int
    """In a period."""
    verifications: int
    rates: dict[str, tuple[Limit, ...]]
    """Limits by name: search, count, verify."""
    role: Role = "owner"
    period_day: int = 1
    """Of the month, on which the account's periods begin."""
    limit_searches: int | None = None
    """What of the account's searches this member may use; None: as many as there are."""
    limit_verifications: int | None = None

    def allowed(self, kind: Kind) -> int:
        """How many questions of a kind the account may ask in a period."""
        return self.searches if kind == "searches" else self.verifications

    def share(self, kind: Kind) -> Share | None:
        """What of them this member may; None if nobody in particular asks."""
        if self.member_id is None:
            return None
        return Share(self.member_id, self.limit_searches if kind == "searches" else self.limit_verifications)


class KeyRing:
    """Callers by key, remembered for a few seconds."""

    def __init__(self, reader: Reader, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._settings = settings
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._state: State | None = None
        self._look_at = 0.0
        self._looking: asyncio.Future[None] | None = None

    async def find(self, plaintext: str) -> Caller | None:
        """
        Who has this key; None if nobody.

        Raises StoreError if it cannot be told whether the key was revoked: then nobody can do so, and nobody gets in.
        """
        if not is_key(plaintext):
            return None
        now = self._clock()
        if now >= self._look_at:
            await self._look()
        digest = hashlib.sha256(plaintext.encode())
        known = self._known.get(digest.digest())
        if known is not None and known[0] > now:
            return known[1]
        state = self._state
        row = await self._reader.fetch_one(_FIND, {"hash_": digest.hexdigest()})
        if row is None:
            self._known.pop(digest.digest(), None)
            return None
        caller = _caller(self._settings, row)
        # What changed while it was looked up may have been missed by the look.
        if state == self._state:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[digest.digest()] = (now + CACHE_SECONDS, caller)
        return caller

    def forget(self) -> None:
        """Look every key up anew: one was revoked, or a plan changed, here."""
        self._known.clear()
        self._state = None

    async def _look(self) -> None:
        """Ask whether anything changed; those who come meanwhile wait for the same answer."""
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._compare())
            self._looking.add_done_callback(self._looked)
        await asyncio.shield(self._looking)

    def _looked(self, done: "asyncio.Future[None]") -> None:
        self._looking = None
        if not done.cancelled():
            done.exception()  # everybody who waited has it

    async def _compare(self) -> None:
        began = self._clock()
        state = await find_state(self._reader)
        if state != self._state:
            self._known.clear()
            self._state = state
        self._look_at = began + LOOK_EVERY


async def find_caller(reader: Reader, settings: Settings, account_id: int, member_id: int) -> Caller | None:
    """A member as a caller, without a key: somebody at the dashboard. None if they left the team."""
    row = await reader.fetch_one(_FIND_MEMBER, {"account_id_": account_id, "member_id_": member_id})
    return _caller(settings, row) if row is not None and row[2] is not None else None


async def find_payer(reader: Reader, settings: Settings, account_id: int, member_id: int | None) -> Caller:
    """Who pays for what *member_id* asked for earlier: they, or, if they left the team since, the account alone."""
    row = await reader.fetch_one(_FIND_MEMBER, {"account_id_": account_id, "member_id_": member_id or 0})
    if row is None:
        raise LookupError(account_id)
    return _caller(settings, row)


def caller_of(
    settings: Settings, plan: Plan, *, account_id: int, key_id: int = 0, member_id: int | None = None
) -> Caller:
    """A caller of an account with *plan*, where that is silent as its named plan, then *settings*, say."""
    terms = full_terms(settings, plan)
    assert terms.searches is not None
    assert terms.verifications is not None
    limits = {"search": terms.rate_search, "count": terms.rate_count, "verify": terms.rate_verify}
    return Caller(
        account_id,
        key_id,
        member_id,
        plan.plan_name or FREE_PLAN,
        terms.level,
        terms.searches,
        terms.verifications,
        {name: parse_limits(text or "", f"rate_{name}") for name, text in limits.items()},
    )


def _caller(settings: Settings, row: Row) -> Caller:
    caller = caller_of(settings, Plan(*row[3:10]), account_id=row[0], key_id=row[1], member_id=row[2])
    day, role, searches, verifications = row[10:14]
    return msgspec.structs.replace(
        caller,
        period_day=day,
        role=role or "owner",  # nobody's key is the account's
        limit_searches=searches,
        limit_verifications=verifications,
    )
