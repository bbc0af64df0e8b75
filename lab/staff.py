"""
Who works at companies of which some addresses are known, and who of them has an address of another making?

Colleagues follow their company's pattern and stand on its page. Nobody has published the addresses of the others: one follows
the pattern too, the rest have one as it is usual elsewhere.
"""

import itertools
from collections.abc import Iterator
from html import escape
from typing import Literal

import msgspec

COMMON = ("{first}.{last}", "{f}{last}", "{first}")
"""How three of five addresses of all companies are made."""
RARE = ("{first}{last}", "{last}", "{first}_{last}", "{first}{l}", "{f}.{last}")
"""How one in seven is made."""
_KNOWN, _OTHERS = 5, 5
_GIVEN = """anna bruno claudia david eva frank gloria henrik irene jakob katja leon marta niklas olivia peter ruth stefan
tanja ulrich vera walter yvonne xaver""".split()
_FAMILY = """abbott brandt costa duarte engel ferrari garcia holm iversen janssen kovacs lorenz moreau novak olsen petrov
quist richter santos thorn urban vogel winter zimmer""".split()


class Person(msgspec.Struct, frozen=True):
    """Somebody and their mailbox."""

    first: str
    last: str
    domain: str
    local: str
    made: Literal["alike", "common", "rare"] = "alike"
    """As the company makes its addresses; or otherwise, in a way that many companies have, or few."""

    @property
    def email(self) -> str:
        return f"{self.local}@{self.domain}"


class Company(msgspec.Struct, frozen=True):
    """A domain, what runs there, and how it makes its addresses."""

    domain: str
    server: str
    """As `roster.Site` has it."""
    ip: str
    pattern: str
    mx: tuple[str, ...] = ("10 mx.{domain}.",)
    number: int = 0

    @property
    def colleagues(self) -> list[Person]:
        """Those whose address is known."""
        return self._people()[:_KNOWN]

    @property
    def others(self) -> list[Person]:
        """Those who are looked for: the first follows the pattern."""
        return self._people()[_KNOWN:]

    @property
    def mailboxes(self) -> tuple[str, ...]:
        return tuple(person.local for person in self._people())

    def _people(self) -> list[Person]:
        # Each company begins elsewhere among the rare ones, so that every one is somebody's.
        turned = RARE[self.number % len(RARE) :] + RARE[: self.number % len(RARE)]
        otherwise = [pattern for pattern in (*COMMON, *turned) if pattern != self.pattern]
        patterns = [self.pattern] * (_KNOWN + 1) + otherwise[: _OTHERS - 1]
        return [
            Person(first.title(), last.title(), self.domain, fill(pattern, first, last), self._kind(pattern))
            for pattern, (first, last) in zip(patterns, people(self.number), strict=False)
        ]

    def _kind(self, pattern: str) -> Literal["alike", "common", "rare"]:
        if pattern == self.pattern:
            return "alike"
        return "common" if pattern in COMMON else "rare"


def fill(pattern: str, first: str, last: str) -> str:
    """The local part that *pattern* makes; both names in small letters of ASCII."""
    return pattern.format(first=first, last=last, f=first[0], l=last[0])


def people(number: int) -> Iterator[tuple[str, str]]:
    """Given and family names, without end; in the first two dozen none comes twice, so that nobody has another's address."""
    for at in itertools.count():
        family = _FAMILY[(number * 7 + at + at // len(_GIVEN)) % len(_FAMILY)]
        yield _GIVEN[(number * 5 + at) % len(_GIVEN)], family


def page_of(domain: str, colleagues: list[Person]) -> bytes:
    """The page on which a company shows its people."""
    rows = "".join(
        f'<li>{escape(one.first)} {escape(one.last)}, <a href="mailto:{one.email}">{one.email}</a></li>\n'
        for one in colleagues
    )
    text = f"<!DOCTYPE html>\n<html lang=en><title>{domain}</title>\n<h1>Our team</h1>\n<ul>\n{rows}</ul>\n</html>\n"
    return text.encode()


_LISTED = (
    ("pf-office", "postfix", "127.0.10.31", "{first}.{last}", ()),
    ("pf-works", "postfix", "127.0.10.32", "{f}{last}", ()),
    ("ex-office", "exim", "127.0.20.31", "{first}", ()),
    ("ex-works", "exim", "127.0.20.32", "{last}", ()),
    ("os-office", "opensmtpd", "127.0.30.31", "{first}_{last}", ()),
    ("gsuite-office", "Google", "127.0.50.31", "{first}{l}", ("1 alt1.aspmx.l.google.com.",)),
    ("m365-office", "Exchange", "127.0.50.32", "{first}.{last}", ("0 m365-office.mail.protection.outlook.com.",)),
    ("plain550-office", "PlainRefusal", "127.0.50.33", "{f}.{last}", ()),
    ("one-rcpt-office", "OneRecipient", "127.0.50.34", "{f}{last}", ()),
    ("helo-office", "HeloOnly", "127.0.50.35", "{first}{last}", ()),
)
COMPANIES: tuple[Company, ...] = tuple(
    Company(f"{name}.test", server, ip, pattern, mx or ("10 mx.{domain}.",), number)
    for number, (name, server, ip, pattern, mx) in enumerate(_LISTED)
)
