"""What comes of one run of a verification: it ended, or it goes on later; and what it showed of the whole domain."""

from typing import Literal

import msgspec

from vizsla.verifier.evidence import Trail
from vizsla.verifier.verdict import Verdict

AcceptAll = Literal["yes", "no", "inconclusive"]


class Memo(msgspec.Struct, frozen=True):
    """Whether a domain takes mail for any local part, and what showed it."""

    accept_all: AcceptAll
    at: int
    trail: Trail

    @property
    def truth(self) -> bool | None:
        """As others keep it: None where it could not be told."""
        return {"yes": True, "no": False}.get(self.accept_all)


class Ended(msgspec.Struct, frozen=True):
    """The run came to a verdict."""

    verdict: Verdict
    trail: Trail
    memo: Memo | None = None
    """What it found out of the domain, if it did."""


class PutOff(msgspec.Struct, frozen=True):
    """The run goes on at *due*."""

    due: int
    deferred_at: int | None
    deferrals: int
    trail: Trail
    memo: Memo | None = None


Outcome = Ended | PutOff
