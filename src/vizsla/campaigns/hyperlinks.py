"""
Which links may stand in a step?

To the public web and to mail addresses, spelled out: what a link leads to must be known when the step is written, for it is a person
who answers for it. Merge fields may stand behind the host. Which of them are tracked is asked elsewhere.
"""

import ipaddress
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

from vizsla.campaigns.templates import WrongTemplate
from vizsla.net.guard import EgressGuard, EgressRefused

LONGEST = 2_000
_ATTRIBUTES = frozenset(
    {"href", "src", "action", "formaction", "background", "poster", "cite", "data", "srcdoc", "xlink:href"}
)
_IN_TEXT = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE | re.ASCII)
_ENCODED_CONTROL = re.compile(r"%(?:0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)
_PIECE = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
_LOCAL = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_guard = EgressGuard()


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(name, value) for name, value in attrs if value is not None and name in _ATTRIBUTES]


def refuse_links(body: str, format: str) -> None:
    """Raises WrongTemplate if a link in the *body* of a step may not stand there."""
    for link in _links(body, format):
        reason = _fault(link)
        if reason:
            raise WrongTemplate(f"The link {link.strip()[:80]!r} cannot be used: {reason}.")


def _links(body: str, format: str) -> Iterator[str]:
    if format != "html":
        yield from _IN_TEXT.findall(body)
        return
    parser = _Links()
    # A tag that never ends is text to this parser, and may be a tag to others.
    parser.feed(body + ">")
    parser.close()
    for name, value in parser.found:
        if name == "srcdoc":
            raise WrongTemplate("A message cannot have a page inside of it (srcdoc).")
        if not (name == "href" and value.startswith("#")):
            yield value


def _fault(link: str) -> str | None:
    """What is wrong with *link*; None if nothing."""
    if len(link) > LONGEST:
        return f"it has more than {LONGEST:,} characters"
    spelled = _PIECE.sub("x", link)
    if any(character < " " or character == "\x7f" for character in spelled) or _ENCODED_CONTROL.search(spelled):
        return "there is a line break or a control character in it"
    stripped = link.strip()
    scheme = _SCHEME.match(stripped)
    kind = scheme[1].lower() if scheme else ""
    if kind in ("mailto", "cid"):
        return None
    if kind not in ("http", "https"):
        return "write it out from its beginning: http://, https:// or mailto:"
    return _fault_of_host(stripped)


def _fault_of_host(link: str) -> str | None:
    if "{" in link.partition("//")[2].partition("/")[0]:
        return "its host must be written out, a merge field may stand behind it"
    try:
        parts = urlsplit(_PIECE.sub("x", link))
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "it is not a web address"
    if "@" in parts.netloc or "\\" in link.partition("?")[0]:
        return "it hides where it leads to, with a user name before the host"
    if not host or "//" not in link or " " in host:
        return "it has no host"
    if _is_private(host):
        return "it leads into a private network"
    return None


def _is_private(host: str) -> bool:
    try:
        _guard.check(str(ipaddress.ip_address(host)))
    except EgressRefused:
        return True
    except ValueError:
        last = host.rpartition(".")[2]
        # By WHATWG's rules a name that ends in a number is an IPv4 address, however it is spelled.
        return "." not in host or last.isdigit() or last.startswith("0x") or host.endswith(_LOCAL)
    return False
