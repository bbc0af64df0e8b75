"""
Whom does this text speak of?

An address, or a domain with all below it, as whoever has to find every mention of it looks for it: in a page's address, in a
server's reply, in what somebody typed. What is spelled with percent signs counts; `jane@acme.com` is not in `mary-jane@acme.com`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import unquote

import msgspec

from vizsla.kit.domain_name import parse_domain
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidDomain, InvalidEmail

_BEFORE = r"(?<![a-z0-9._+-])"
_AFTER = r"(?![a-z0-9-]|\.[a-z0-9])"
_ANY = re.compile(
    r"(?<![a-z0-9._+-])([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@((?:[a-z0-9-]{1,63}\.){1,9}[a-z][a-z0-9-]{1,62})", re.ASCII
)
Counts = dict[str, int]
"""How many rows went, by table."""


class Whom(msgspec.Struct, frozen=True, dict=True):
    """Who is to be found, and forgotten."""

    domain: str
    """In lower case, with A-labels; so is `local`."""
    local: str | None = None
    """None: everybody at the domain and below it."""
    names: frozenset[str] = frozenset()
    """The person's full names in lower case, as far as they are known."""

    def owns(self, domain: str, local: str | None = None) -> bool:
        """Whether the address *local*@*domain*, or everything at *domain*, is theirs."""
        if self.local is not None:
            return (domain, local) == (self.domain, self.local)
        return self.has_domain(domain)

    def has_domain(self, domain: str) -> bool:
        """Whether *domain* is theirs, or below it."""
        return domain == self.domain or domain.endswith(f".{self.domain}")

    def is_in(self, text: str) -> bool:
        """Whether *text* spells the address, or any at the domain."""
        return any(self._spelled.search(each) is not None for each in _readings(text))

    def has(self, text: str) -> bool:
        """Whether *text* spells the address or is it, in whatever script its domain is written."""
        if self.is_in(text):
            return True
        try:
            address = parse_email(text) if "@" in text else None
        except InvalidEmail:
            return False
        return address is not None and self.owns(address.domain, address.local)

    def is_place(self, text: str | None) -> bool:
        """Whether *text*, as a person types a domain, is theirs."""
        try:
            return bool(text) and self.has_domain(parse_domain(text or ""))
        except InvalidDomain:
            return False

    def is_in_name(self, name: str) -> bool:
        """Whether what somebody called a file names them: `people-acme.com.csv`. Hyphens and endings are the file's."""
        return any(re.search(rf"(?<![a-z0-9._+]){re.escape(needle)}", name.lower()) for needle in self.needles.values())

    def is_row(self, cells: Iterable[str]) -> bool:
        """Whether a row of somebody's file speaks of them: by address, by domain, or by name at that domain."""
        cells = list(cells)
        if any(self.has(cell) for cell in cells):
            return True
        if not any(self.is_place(cell) for cell in cells if "." in cell):
            return False
        return self.local is None or self._is_named({cell.strip().lower() for cell in cells})

    def _is_named(self, cells: set[str]) -> bool:
        for name in self.names:
            words = name.split()
            splits = ((" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words)))
            if name in cells or any(first in cells and last in cells for first, last in splits):
                return True
        return False

    @property
    def below(self) -> str:
        """How every host below the domain ends."""
        return f".{self.domain}"

    @property
    def needles(self) -> dict[str, str]:
        """One of which every such text contains in lower case, for `storage.mentions`."""
        if self.local is None:
            return {"needle": self.domain, "escaped": self.domain}
        return {"needle": f"{self.local}@{self.domain}", "escaped": f"{self.local}%40{self.domain}"}

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        if self.local is None:
            return re.compile(rf"@(?:[a-z0-9-]+\.)*{re.escape(self.domain)}{_AFTER}")
        return re.compile(f"{_BEFORE}{re.escape(self.local)}@{re.escape(self.domain)}{_AFTER}")


def addresses_in(texts: Iterable[str | None]) -> Iterator[tuple[str, str]]:
    """Domain and local part of whatever looks like an address in *texts*. For texts without one it costs a glance."""
    for text in texts:
        if text and ("@" in text or "%40" in text):
            for reading in _readings(text):
                for found in _ANY.finditer(reading):
                    yield found[2], found[1]


def _readings(text: str) -> tuple[str, ...]:
    lower = text.lower()
    return (lower, unquote(lower)) if "%" in lower else (lower,)
