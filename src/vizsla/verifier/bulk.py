"""
What is a list of addresses to verify, and how does one row of it end?

A row that is no address, or whose person told us to stop, ends at once; every other one ends with the verdict of its address'
verification, copied: the list shows what was true then, whatever is found out later.
"""

from typing import Literal

import msgspec

from vizsla.accounts.lists import Status, status_of
from vizsla.verifier.verdict import Verdict

LONGEST = 400
"""Characters of a row's text that are kept; no address has more than 320."""

Why = Literal["verified", "malformed", "claimed", "failed", "domain_limit"]
"""`failed`: the mail server spoke no SMTP. `domain_limit`: too many were asked about at its mail domain within a day."""
Tally = dict[str, int]
"""How many rows ended with each status, or with a `Why` where there is none."""


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one row ended."""

    why: Why
    at: int
    details: str = ""
    """Why the text is no address."""
    domain: str = ""
    local: str = ""
    regexp: bool = True
    score: int = 0
    verdict: Verdict | None = None

    @property
    def is_charged(self) -> bool:
        """Whether it counts against the quota: there is an answer, and not merely that a server would not talk to us."""
        return self.why == "verified" and self.verdict is not None and not self.verdict.block

    @property
    def counts_as(self) -> str:
        """Under which word it is counted."""
        return self.verdict.status if self.why == "verified" and self.verdict is not None else self.why


class BulkList(msgspec.Struct, frozen=True):
    """A list and how far it is."""

    account_id: int
    id: int
    created_at: int
    period: int
    """The period of the usage that its rows were counted in."""
    size: int
    counted: int
    """Rows that were counted when it came."""
    begun: int
    done: int
    given_back: int
    """Rows that were counted when the list came, and are not any more."""
    tally: Tally
    cancelled_at: int | None
    ended_at: int | None
    member_id: int | None = None
    """Whose it is counted as; None: the account's alone."""
    name: str | None = None
    """Of the file it came from."""

    @property
    def charged(self) -> int:
        """Verifications that it counts as."""
        return self.counted - self.given_back

    @property
    def status(self) -> Status:
        """How far it is, in one word."""
        return status_of(self.cancelled_at, self.ended_at)


class BulkRow(msgspec.Struct, frozen=True):
    """One row of a list."""

    number: int
    """From 1."""
    email: str
    """As it was sent; empty once its person told us to forget."""
    ending: Ending | None


class BulkJob(msgspec.Struct, frozen=True):
    """A list that a worker has claimed."""

    account_id: int
    id: int
    worker: str
    attempt: int
    period: int
    member_id: int | None
    size: int
    begun: int
