"""
What did the mail server say?

Octets in, replies out (RFC 5321 4.2), from servers that may be broken or mean harm: bare LF ends a line, NULs and octets that
are no UTF-8 are cleaned, a reply is at most 64 KB and 128 lines. What cannot be read without guessing is `Garbled`, never a
number: a guess here would be a verdict about somebody's address.
"""

import re
from collections import deque

import msgspec

MAX_OCTETS = 65_536
MAX_LINES = 128
MAX_TEXT = 1_000
"""Characters kept of a line; RFC 5321 4.5.3.1.5 allows 512 octets, and some servers write an essay."""
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=$|[\s:;,=-])")
_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), *range(127, 160))) | {9: " "}


class Garbled(Exception):
    """These octets are no reply."""


class Reply(msgspec.Struct, frozen=True):
    """One complete reply."""

    code: int
    text: str
    """Its lines without codes, cleaned, with a line feed between them."""
    enhanced: str | None = None
    """The enhanced status code (RFC 2034) of the last line that has one of the right class: `5.1.1`."""

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self.text.split("\n"))


def make_reply(code: int, lines: list[str]) -> Reply:
    """The reply of *lines*, which still begin with their enhanced code if there is one."""
    enhanced = None
    kept = []
    for line in lines:
        found = _ENHANCED.match(line)
        # RFC 2034 4: the class must be that of the reply; anything else is prose.
        if found and int(found[1]) == code // 100:
            enhanced = found[0]
            kept.append(line[found.end() :].lstrip())
        else:
            kept.append(line)
    return Reply(code, "\n".join(kept), enhanced)


class ReplyReader:
    """Cuts a stream of octets into replies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._code = 0
        self._octets = 0
        self._replies: deque[Reply] = deque()

    def __len__(self) -> int:
        """How many complete replies wait to be taken."""
        return len(self._replies)

    @property
    def idle(self) -> bool:
        """Whether nothing was received that was not taken."""
        return not (self._buffer or self._lines or self._replies)

    def take(self) -> Reply:
        return self._replies.popleft()

    def peek(self) -> Reply:
        return self._replies[0]

    def clear(self) -> None:
        """Forget everything received and not taken (RFC 3207 4.2; what was injected before TLS must not count after it)."""
        self._buffer.clear()
        self._lines.clear()
        self._replies.clear()
        self._octets = 0

    def feed(self, octets: bytes) -> None:
        """Read on. Raises Garbled; the reader is of no use after that."""
        self._buffer += octets
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            self._count(end + 1 - start)
            self._read_line(bytes(self._buffer[start:end]))
            start = end + 1
        del self._buffer[:start]
        if self._octets + len(self._buffer) > MAX_OCTETS:
            raise Garbled(f"a reply of more than {MAX_OCTETS} octets")
        if len(self._replies) > MAX_LINES:
            raise Garbled("an endless row of replies")

    def _count(self, octets: int) -> None:
        self._octets += octets
        if self._octets > MAX_OCTETS:
            raise Garbled(f"a reply of more than {MAX_OCTETS} octets")
        if len(self._lines) >= MAX_LINES:
            raise Garbled(f"a reply of more than {MAX_LINES} lines")

    def _read_line(self, line: bytes) -> None:
        digits, mark = line[:3], line[3:4]
        if (
            not digits.isdigit()
            or not 200 <= (code := int(digits)) < 600
            or mark not in (b" ", b"-", b"", b"\r", b"\t")
        ):
            raise Garbled(f"not a reply: {clean(line[:80])!r}")
        if self._lines and code != self._code:
            # RFC 5321 4.2.1 wants one code on all lines; which of two is meant nobody can know.
            raise Garbled(f"a reply that begins with {self._code} and goes on with {code}")
        self._code = code
        self._lines.append(clean(line[4:]))
        if mark != b"-":
            self._replies.append(make_reply(code, self._lines))
            self._lines = []
            self._octets = 0


def clean(octets: bytes) -> str:
    """*octets* as a text that may be stored and shown: no controls, no broken UTF-8, not endless."""
    return octets[: 4 * MAX_TEXT].decode("utf-8", "replace").translate(_CONTROLS).strip()[:MAX_TEXT]
