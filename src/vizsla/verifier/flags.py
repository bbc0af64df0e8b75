"""
What can be said of an address without asking anybody?

Words of the API: `regexp`, `gibberish`, `disposable`, `webmail`. Whether it is a role's is asked too, for the score.
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from vizsla.kit.mail_hosts import is_disposable_at, is_webmail_at
from vizsla.kit.role_words import is_role
from vizsla.naming.gibberish import is_gibberish
from vizsla.verifier.syntax import Address

# Inferred twice of each address: before its exchangers are known, and after.
_is_role = lru_cache(8_192)(is_role)


class Flags(msgspec.Struct, frozen=True):
    """What an address shows."""

    regexp: bool
    gibberish: bool
    disposable: bool
    webmail: bool
    role: bool


def infer_flags(address: Address, exchangers: Iterable[str] = ()) -> Flags:
    """
    The flags of *address*.

    *exchangers* are the hosts that take the domain's mail, once they are known: they tell new throw-away domains, and
    listed ones that changed hands.
    """
    hosts = tuple(exchangers)
    disposable = is_disposable_at(address.domain, hosts)
    return Flags(
        regexp=address.regexp,
        gibberish=is_gibberish(address.local),
        disposable=disposable,
        webmail=not disposable and is_webmail_at(address.domain, hosts),
        role=_is_role(address.local),
    )
