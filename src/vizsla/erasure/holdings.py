"""What do we hold about this address? All of it, for whoever has shown that it is theirs."""

import msgspec

from vizsla.accounts.store import find_user
from vizsla.finder.forgetting import Found, hold_searched
from vizsla.finder.forgetting import hold as hold_found
from vizsla.index.erase import names_of
from vizsla.index.holdings import Indexed
from vizsla.index.holdings import hold as hold_indexed
from vizsla.kit.clock import time_text
from vizsla.kit.email_address import EmailAddress
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores
from vizsla.verifier.forgetting import Listed, Verified, hold_rows, hold_verifications


class Holdings(msgspec.Struct, frozen=True):
    """What is held about one address; its JSON is the export."""

    email: str
    as_of: str
    is_claimed: bool
    """Whether they said stop before; then nothing is shown to anybody, and nothing new is kept."""
    has_account: bool
    """Whether somebody signs in here with the address. An account is ended in its own settings."""
    public_web: Indexed
    verifications: list[Verified]
    in_lists_to_verify: list[Listed]
    in_lists_to_find: list[Found]
    found_for_lists_made_at: list[str]
    """Lists of domains whose search gave the address."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held that a claim would erase."""
        return self.public_web.is_empty and not (
            self.verifications or self.in_lists_to_verify or self.in_lists_to_find or self.found_for_lists_made_at
        )


async def hold(stores: Stores, claims: Claims, address: EmailAddress, now: int) -> Holdings:
    """What is held about *address*."""
    domain, local = address.domain, address.local
    names = await names_of(stores.index, domain, local)
    return Holdings(
        email=str(address),
        as_of=time_text(now),
        is_claimed=claims.is_claimed(domain, local),
        has_account=await find_user(stores.app, str(address)) is not None,
        public_web=await hold_indexed(stores.index, domain, local),
        verifications=await hold_verifications(stores.app, domain, local),
        in_lists_to_verify=await hold_rows(stores.app, domain, local),
        in_lists_to_find=await hold_found(stores.app, domain, local, names),
        found_for_lists_made_at=await hold_searched(stores.app, domain, local),
    )


def export(holdings: Holdings) -> bytes:
    """*holdings* as a JSON document that a person can read."""
    return msgspec.json.format(msgspec.json.encode(holdings), indent=2)
