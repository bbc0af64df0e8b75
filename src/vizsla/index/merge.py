"""How do sightings become what is served?"""

from typing import Protocol


class Claims(Protocol):
    """Who asked to be left alone (`vizsla.privacy.claims`)."""

    def is_claimed(self, domain: str, local: str) -> bool:
        """Whether this address, or its whole domain, is claimed."""
        ...
