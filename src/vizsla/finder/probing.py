"""
What does the verifier say of one candidate, within the time that is left?

A verification that holds answers at once; otherwise one begins, for which a worker opens the connection, and this waits.
Waiting lies between two transactions, so this takes the stores and not a connection.
"""

from typing import Protocol

import msgspec

from vizsla.finder.email_verifier import DomainLimitReached, begin, find_answered, wait_for
from vizsla.kit.clock import Clock
from vizsla.storage.database import Database
from vizsla.verifier.store import Verification
from vizsla.verifier.syntax import Address, Malformed, parse_address
from vizsla.verifier.verdict import Verdict
from vizsla.verifier.waiting import Waiting


class Probed(msgspec.Struct, frozen=True):
    """What is known of a candidate from its mail server."""

    verdict: Verdict
    at: int

    @property
    def outcome(self) -> str:
        """`valid`, `invalid`, `accept_all`, or `unknown` for all that says nothing of the mailbox."""
        if self.verdict.reason == "full":
            return "valid"  # "The mailbox exists, and it is full."
        return self.verdict.status


class Prober(Protocol):
    """Asks about one address."""

    async def recall(self, domain: str, local: str) -> Probed | None:
        """What was found before and still holds, without asking anybody."""
        ...

    async def probe(self, domain: str, local: str, seconds: float) -> Probed | None:
        """The verdict; None if there is none within *seconds*, or the domain may not be asked more today."""
        ...


class VerifierProber:
    """Asks by verification rows."""

    def __init__(self, app: Database, waiting: Waiting, clock: Clock, *, per_domain: int) -> None:
        self._app = app
        self._waiting = waiting
        self._clock = clock
        self._per_domain = per_domain

    async def recall(self, domain: str, local: str) -> Probed | None:
        """What was found before and still holds."""
        address = _read(domain, local)
        found = await find_answered(self._app, address, self._clock.now()) if address else None
        return None if found is None or found.is_pending else _probed(found)

    async def probe(self, domain: str, local: str, seconds: float) -> Probed | None:
        """The verdict of a verification that begins now, or is on."""
        address = _read(domain, local)
        if address is None:
            return None
        found = await find_answered(self._app, address, self._clock.now())
        if found is None:
            try:
                async with self._app.write() as conn:
                    found = await begin(conn, address, per_domain=self._per_domain, now=self._clock.now())
            except DomainLimitReached:
                return None
            self._waiting.announce_work()
        ended = await wait_for(self._app, self._waiting, found, seconds=seconds)
        return None if ended is None or ended.is_pending else _probed(ended)


def _read(domain: str, local: str) -> Address | None:
    address = parse_address(f"{local}@{domain}")
    return None if isinstance(address, Malformed) else address


def _probed(found: Verification) -> Probed | None:
    return Probed(found.verdict, found.ended_at or found.asked_at) if found.verdict is not None else None
