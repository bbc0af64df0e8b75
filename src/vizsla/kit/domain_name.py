"""
Is this a domain name, and whose is it?

Domain names are kept in lower case with IDNA A-labels (`xn--…`). The registrable domain is the public suffix plus one
label (Public Suffix List, private section included, so `alice.github.io` is Alice's, not GitHub's).
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from vizsla.kit.errors import InvalidDomain

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_AUTHORITY_END = re.compile(r"[:?#]")
_suffixes = PublicSuffixList(accept_unknown=False)
RESERVED_SUFFIXES = frozenset({"test", "example", "invalid", "localhost"})
"""RFC 2606 and 6761: never on the public internet; accepted because tests and the sample use them."""


def parse_domain(text: str) -> str:
    """
    The domain name in what a person typed: a name, a URL, in capitals, with `www.`, an IDN.

    Raises InvalidDomain for what is no domain name: an IP address, a single label, a label over 63 octets.
    """
    if len(text) > 2_048:
        raise InvalidDomain
    name = text.strip()
    if "//" in name[:12] or "/" in name:
        try:
            name = urlsplit(name if "//" in name[:12] else "//" + name).hostname or ""
        except ValueError:
            raise InvalidDomain from None
    elif ":" in name:
        name = name.partition(":")[0]
    name = name.strip().rstrip(".").lower()
    name = name.removeprefix("www.") if name.count(".") > 1 else name
    # A name has no fewer characters with A-labels; nameprep takes 50 us for some of them.
    ascii_name = to_ascii(name) if len(name) <= 253 else None
    if ascii_name is None:
        raise InvalidDomain
    return ascii_name


@lru_cache(16_384)
def to_ascii(name: str) -> str | None:
    """*name* (lower case) with A-labels, or None if it is no domain name of at least two labels."""
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    if len(name) > 253:
        return None
    labels = name.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return None
    return name if all(_LABEL.match(label) for label in labels) else None


@lru_cache(65_536)
def registrable_domain(name: str) -> str | None:
    """
    The registrable domain of *name* (lower case, A-labels), or None if *name* is itself a public suffix or unknown.

    Under the reserved suffixes of RFC 2606 the last two labels count as one.
    """
    labels = name.rsplit(".", 2)
    if labels[-1] in RESERVED_SUFFIXES:
        return ".".join(labels[-2:]) if len(labels) > 1 else None
    found = _suffixes.privatesuffix(name)
    return str(found) if found else None


def site_of(uri: str) -> str:
    """The registrable domain of the host that *uri* names; empty if it has none (an IP address, a file, a public suffix)."""
    return _site_of_authority(uri.split("/", 3)[2] if "://" in uri[:12] else "")


@lru_cache(65_536)
def _site_of_authority(authority: str) -> str:
    host = _AUTHORITY_END.split(authority.rpartition("@")[2], maxsplit=1)[0].rstrip(".").lower()
    name = to_ascii(host)
    return (registrable_domain(name) or "") if name else ""


@lru_cache(4_096)
def is_public_suffix(tld: str) -> bool:
    """Whether *tld* (one label, lower case) is a top-level domain of the public internet."""
    return tld not in RESERVED_SUFFIXES and _suffixes.publicsuffix(tld) is not None


@lru_cache(4_096)
def is_known_suffix(tld: str) -> bool:
    """Whether *tld* (one label, lower case) is a top-level domain that exists or is reserved for examples and tests."""
    return tld in RESERVED_SUFFIXES or is_public_suffix(tld)
