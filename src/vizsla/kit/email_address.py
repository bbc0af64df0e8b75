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
    local = local.lower()
    name = to_ascii(domain.lower().rstrip(".")) if at and len(domain) < 512 else None
    if name is None or len(local) > 64 or not _LOCAL.match(local):
        raise InvalidEmail
    return EmailAddress(name, local)
