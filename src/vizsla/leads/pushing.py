"""What came of sending one lead to one system, and how is a lead written down for the way?"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec

Fields = Mapping[str, Any]
_encode = msgspec.json.Encoder(order="deterministic").encode


class Pushed(msgspec.Struct, frozen=True):
    """What came of it."""

    state: Literal["success", "later", "error", "refused"]
    """`later`: it may work in a while. `error`: this lead will not do. `refused`: nothing will, until somebody changes the connector."""
    external_id: str | None = None
    error: str | None = None
    retry_after: int = 0
    """Seconds that it asked to be left alone for."""


class System(Protocol):
    """One that leads are sent to."""

    def fields(self, lead: Fields) -> Fields:
        """What it is sent of a lead (its keys as `leads.shape` has them)."""
        ...

    async def push(self, fields: Fields, external_id: str | None, mark: str) -> Pushed:
        """Make it so there, *mark* being the same for each try of this very write."""
        ...

    async def test(self) -> Pushed:
        """Whether it would take a lead; nothing is written."""
        ...


def hash_of(fields: Fields) -> str:
    """What tells two writes apart."""
    return sha256(_encode(fields)).hexdigest()[:32]
