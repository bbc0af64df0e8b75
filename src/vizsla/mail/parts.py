"""
What is in a mail, whoever wrote it?

Mails are written by anybody, so nothing here is unbounded: not the octets looked at, the headers, the depth, the number of parts or
the length of a value. What goes beyond is left out, what is broken is read as far as it goes, and nothing raises. The structure is
read from raw headers, so that no encoded word can hide any of it; values that are used are parsed one by one (RFC 5322, 2047).
"""

import codecs
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32, default
from html import unescape
from typing import Any

import nh3

LARGEST = 1_000_000
"""Octets of a mail that are looked at."""
LARGEST_HEADER = 64_000
"""Octets of the header of a mail."""
_LONGEST_VALUE = 2_000
_LONGEST_TEXT = 100_000
_DEEPEST, _MOST_PARTS = 10, 100
_MOST_MARKS, _MOST_BOUNDARIES, _MOST_COMPARED = 60, 1_000, 1_000_000
"""Words that can open another level, lines that can begin another part, and how often a line is compared with the end of a level:
beyond that it is no mail, but a bomb."""
_MOST_ADDRESSES = 50
_MOST_TAGS = 8_000
"""Of HTML: what is nested as deep takes longer than it is long."""
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_IDS = re.compile(r"<([^<>\s@]{1,200}@[^<>\s@]{1,200})>")
_LINE_ENDS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote)\b[^<>]{0,200}>", re.IGNORECASE)
# Encodings of Python's that are no charsets, or take more than linear time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), " ")
_TEXTS = {"text/plain", "text/html"}


class Mail:
    """A mail, to the limits."""

    def __init__(self, message: "Message[str, str]") -> None:
        self.message = message

    def text(self, name: str) -> str:
        """The header *name* in one line, decoded; empty if there is none."""
        return header_text(self.message, name)

    def address(self, name: str) -> tuple[str, str]:
        """The first address in the header *name*, in lower case, and the name that stands before it."""
        found = self.addresses(name)
        return found[0] if found else ("", "")

    def addresses(self, *names: str) -> list[tuple[str, str]]:
        """All addresses in these headers, in lower case, and the names before them."""
        found: list[tuple[str, str]] = []
        for name in names:
            for raw in _raw(self.message, name)[:_MOST_ADDRESSES]:
                found += _addresses(name, raw)
        return found[:_MOST_ADDRESSES]

    def ids(self, *names: str) -> list[str]:
        """The message identifiers in these headers, without angles."""
        return [found for name in names for raw in _raw(self.message, name)[:5] for found in _IDS.findall(raw)]

    @property
    def kind(self) -> str:
        """The content type, in lower case, without parameters."""
        return self.message.get_content_type()

    def parts(self) -> Iterator["Message[str, str]"]:
        """Every part, the mail itself first; what is within a mail that is enclosed is not."""
        left: list[tuple[Message[str, str], int]] = [(self.message, 0)]
        seen = 0
        while left and seen < _MOST_PARTS:
            part, depth = left.pop(0)
            seen += 1
            yield part
            if part.get_content_maintype() == "multipart" and part.is_multipart() and depth < _DEEPEST:
                left[:0] = [(each, depth + 1) for each in children(part)[:_MOST_PARTS]]

    def first(self, *kinds: str) -> "Message[str, str] | None":
        """The first part of one of these content types."""
        return next((part for part in self.parts() if part.get_content_type() in kinds), None)

    def body(self) -> tuple[str, str]:
        """What a person reads of it: as text, and as the HTML that came, which must not be shown as it is."""
        found = dict.fromkeys(_TEXTS, "")
        for part in self.parts():
            kind = part.get_content_type()
            if kind in _TEXTS and not found[kind] and part.get_content_disposition() != "attachment":
                found[kind] = decode(part)
        text = found["text/plain"] or text_of_html(found["text/html"])
        return text.strip(), found["text/html"]


def parse_mail(raw: bytes) -> Mail:
    """*raw* as a mail; what is beyond the limits is left out."""
    head, body = _split(raw[:LARGEST])
    if _is_bomb(raw[:LARGEST]):
        body = b""
    try:
        return Mail(BytesParser(policy=compat32).parsebytes(head + b"\r\n\r\n" + body))
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        return Mail(BytesParser(policy=compat32).parsebytes(head, headersonly=True))


def parse_header(text: bytes) -> "Message[str, str]":
    """*text* as the header of a mail, or a block of fields that is written like one."""
    return BytesParser(policy=compat32).parsebytes(text[:LARGEST_HEADER], headersonly=True)


def header_text(message: "Message[str, str]", name: str) -> str:
    """The first header *name* of *message* in one line, decoded; empty if there is none."""
    raw = _raw(message, name)
    if not raw:
        return ""
    parsed = _parsed("subject", raw[0])
    return " ".join((str(parsed) if parsed is not None else raw[0]).translate(_CONTROLS).split())[:_LONGEST_VALUE]


def children(part: "Message[str, str]") -> list["Message[str, str]"]:
    """The parts right below *part*."""
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def decode(part: "Message[str, str]") -> str:
    """The text of a part; a charset that is not known, or is not true, costs single characters."""
    try:
        raw = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError):
        return ""
    if not isinstance(raw, bytes):
        return ""
    raw = raw[:_LONGEST_TEXT]
    charset = _charset(part)
    text = raw.decode(charset, "replace")
    if "\ufffd" in text and charset == "utf-8":
        text = raw.decode("cp1252", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)


def text_of_html(html: str) -> str:
    """What a person reads of *html*."""
    if not html:
        return ""
    html = "<".join(html.split("<", _MOST_TAGS + 1)[: _MOST_TAGS + 1])
    plain = nh3.clean(
        _LINE_ENDS.sub(lambda found: "\n" + found[0], html), tags=set(), clean_content_tags={"script", "style", "title"}
    )
    lines = (" ".join(line.split()) for line in unescape(plain).replace("\xa0", " ").splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _split(raw: bytes) -> tuple[bytes, bytes]:
    found = _END_OF_HEADER.search(raw)
    head, body = (raw[: found.start()], raw[found.end() :]) if found else (raw, b"")
    if len(head) > LARGEST_HEADER:
        head = head[:LARGEST_HEADER].rpartition(b"\n")[0]
    return head.rstrip(b"\r\n"), body


def _is_bomb(raw: bytes) -> bool:
    lowered = raw.lower()
    marks, lines = lowered.count(b"boundary") + lowered.count(b"message/"), lowered.count(b"\n") + lowered.count(b"\r")
    if marks <= _MOST_MARKS and lowered.count(b"\n--") <= _MOST_BOUNDARIES and marks * lines <= _MOST_COMPARED:
        return False
    # In what is one text these are words like others.
    head = parse_header(_split(raw)[0])
    return head.get_content_maintype() in ("multipart", "message")


def _raw(message: "Message[str, str]", name: str) -> list[str]:
    wanted = name.lower()
    values: list[Any] = [value for known, value in message.raw_items() if known.lower() == wanted]
    return [str(value)[:_LONGEST_VALUE].replace("\r", "").replace("\n", "") for value in values[:_MOST_ADDRESSES]]


def _parsed(name: str, raw: str) -> Any:
    try:
        return default.header_factory(name, raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    except Exception:
        # The parser of header values raises whatever its loops stumble on: IndexError, RecursionError, ValueError.
        return None


def _addresses(name: str, raw: str) -> list[tuple[str, str]]:
    parsed = _parsed("to" if name.lower() != "from" else "from", raw)
    try:
        found = [(one.addr_spec.lower(), one.display_name) for one in parsed.addresses]
    except Exception:
        found = []
    if not any(email for email, _ in found):
        found = [(email.lower(), "") for email in re.findall(r"[^\s<>,;:\"()]{1,200}@[^\s<>,;:\"()@]{1,200}", raw)]
    return [(email, " ".join(shown.translate(_CONTROLS).split())[:200]) for email, shown in found if email]


def _charset(part: "Message[str, str]") -> str:
    try:
        named = part.get_content_charset("utf-8")
        found = codecs.lookup(named[:40])
    except (LookupError, ValueError, TypeError):
        return "utf-8"
    is_text = getattr(found, "_is_text_encoding", True)
    return "utf-8" if not is_text or found.name.replace("-", "_") in _NO_CHARSETS else found.name
