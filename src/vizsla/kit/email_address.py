"""
Is this an e-mail address as people publish them?

The form is the dot-atom of RFC 5322 3.2.3 within the limits of RFC 5321 4.5.3.1: quoted local parts and address literals
are not accepted, nobody prints them on a web page. Addresses are kept in lower case (RFC 5321 2.4 lets hosts tell case
apart; none that people use does).
"""

import re

import msgspec

from vizsla.kit.domain_name import to_ascii
from vizsla.kit.errors import InvalidEmail

LONGEST_EMAIL = 254
"""Characters of an address that mail can be sent to: RFC 5321 4.5.3.1.3, without the angles."""
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")


class EmailAddress(msgspec.Struct, frozen=True, order=True):
    """An address in lower case, its domain with A-labels."""

    domain: str
    local: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_email(text: str) -> EmailAddress:
    """The address in *text*, or InvalidEmail."""
    local, at, domain = text.strip().rpartition("@")
    name = to_ascii(domain.lower().rstrip(".")) if at and len(domain) < 512 else None
    # In lower case the Kelvin sign is a k: that would be somebody else's mailbox.
    is_plain, local = local.isascii(), local.lower()
    if name is None or not is_plain or len(local) > 64 or not _LOCAL.match(local):
        raise InvalidEmail
    return EmailAddress(name, local)


def is_addressable(email: str) -> bool:
    """Whether mail can be sent to the valid address *email*: it is not too long, and its host has no underscore (RFC 1123 2.1)."""
    return len(email) <= LONGEST_EMAIL and "_" not in email.rpartition("@")[2]
