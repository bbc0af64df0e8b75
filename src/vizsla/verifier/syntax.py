"""
Can this text be an e-mail address at all, and what is its one spelling?

By RFC 5321 with its extensions: local parts in quotes, letters of any script (SMTPUTF8, RFC 6531), international domain names
(IDNA 2008). Whether anybody lives there is not asked. What people publish is narrower: `kit.email_address` reads that.
"""

import re

import email_validator
import msgspec

_LONGEST = 320
"""Characters: 64 and 255 octets with an @ between. Nothing longer is looked at."""

# What most addresses look like. Whatever it lets through, the library takes as it stands; a property test holds it to that.
_is_plain = re.compile(
    r"(?=[^@]{1,64}@.{1,189}\Z)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?:[a-z0-9](?![a-z0-9]?--)(?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,20}\Z",
    re.ASCII,
).match

_SPECIAL = {name.rpartition(".")[2] for name in email_validator.SPECIAL_USE_DOMAIN_NAMES} - {"test"}


class Address(msgspec.Struct, frozen=True, order=True):
    """An address in lower case, its domain with A-labels."""

    domain: str
    local: str
    is_quoted: bool = False
    needs_smtputf8: bool = False
    """Whether only a server that offers SMTPUTF8 can be told of it: the local part has letters beyond ASCII."""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def regexp(self) -> bool:
        """Whether it looks as addresses do; RFC 5321 lets more through, `"a b"@acme.test` for one."""
        return not self.is_quoted


class Malformed(msgspec.Struct, frozen=True):
    """No address, and a sentence that says why."""

    details: str


def parse_address(text: str) -> Address | Malformed:
    """The address in *text*, which may have white space round it and nothing else."""
    text = text.strip()
    if len(text) > _LONGEST:
        return Malformed(f"An email address has {_LONGEST} characters at most.")
    plain = text.lower() if text.isascii() else ""
    if _is_plain(plain) and plain.rpartition(".")[2] not in _SPECIAL:
        local, _, domain = plain.partition("@")
        return Address(domain, local)
    try:
        # Lower case first: a capital may have more octets than its small letter, and the limits are on octets. Deliverability
        # is our own trade; test_environment lets `.test` through.
        found = email_validator.validate_email(
            text.lower(),
            allow_quoted_local=True,
            strict=True,
            check_deliverability=False,
            test_environment=True,
            globally_deliverable=False,
        )
    except email_validator.EmailNotValidError as fault:
        return Malformed(str(fault))
    local, domain = found.local_part, found.ascii_domain
    # RFC 6531 3.1 keeps the limit of 64 octets; the library counts characters.
    if len(local.encode()) > 64:
        return Malformed("The part before the @-sign is too long: 64 octets are the most.")
    labels = domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return Malformed("The part after the @-sign must be a domain name with a period, such as stripe.com.")
    return Address(domain, local, is_quoted=local.startswith('"'), needs_smtputf8=not local.isascii())
