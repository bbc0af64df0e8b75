"""
Can this page hold an address at all?

Most pages of the web cannot, and reading them must cost little more than having unpacked them. Two passes over the raw
bytes decide: a hop from `@` to `@` for plain addresses, and one Hyperscan pass for the disguises. The same two give the
places at which the extractor looks; whether an address stands there is its question, not ours.
"""

import re
from collections.abc import Callable

import hyperscan

_MOST_HOPS = 2_000
"""After so many `@` that led nowhere the extractor's own compiled scan is cheaper than another hop."""

# The look-behind stands after the `@` so that the engine can leap from `@` to `@`.
# Before it: the end of a local part, of a tag or of an entity. After it: a host with a dot somewhere, a tag, an entity.
# Not `logo@2x.png` and not `react@18.2.0`.
_AT = re.compile(
    rb"@(?<=[\w.+\-;>\])}'\x80-\xff]@)(?!\d(?:\.\d)?x\.|\d+\.\d)"
    rb"(?:[\w\x80-\xff][\w\x80-\xff-]{0,62}(?:\.[\w\x80-\xff]|[<&\[({]| [\[({]| dot )|[<&\[]|(?=')(?<=['>]@))"
    rb"|@(?<=\w @) [\w\x80-\xff]"
)
_BEFORE_AT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-;>])}' ") | frozenset(
    range(128, 256)
)

_DISGUISES = (
    rb"&#64;", rb"&#064;", rb"&#x40;", rb"&#x0040;", rb"&commat;", rb"%40", rb"\\u0040", rb"\[at\]", rb"\(at\)", rb"\{at\}", rb"<at>",
    rb"\[ at \]", rb"\( at \)", rb" dot ", rb"\[@\]", rb"\(@\)", rb"(?-i) AT (?i)",
)  # fmt: skip
_PROTECTIONS = (
    rb"data-cfemail", rb"email-protection#", rb"linkto_uncryptmailto", rb"data-mailto-token", rb"data-enc-email", rb"bidi-override",
    rb"atob\(", rb"fromcharcode\(", rb"'@'", rb'"@"', rb"znvygb:", rb"dir=.?rtl",
)  # fmt: skip


def may_hold_something(body: bytes, *, decode_protected: bool) -> bool:
    """Whether *body* has anything that the extractor could make an address of."""
    if len(body) < 6:
        return False
    if _has_plain(body):
        return True
    return _scan(body, decode_protected, _stop)


def find_spots(body: bytes, *, decode_protected: bool) -> list[int]:
    """Where in *body* an address may stand: offsets in ascending order."""
    spots = [match.start() for match in _AT.finditer(body)]
    _scan(body, decode_protected, lambda _id, _start, end, _flags, _context: spots.append(end - 1))
    spots.sort()
    return spots


def _has_plain(body: bytes) -> bool:
    find, match = body.find, _AT.match
    at = find(b"@", 1)
    for _ in range(_MOST_HOPS):
        if at < 0:
            return False
        if body[at - 1] in _BEFORE_AT and match(body, at):
            return True
        at = find(b"@", at + 1)
    return True


def _compile(literals: tuple[bytes, ...]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(literals), flags=[hyperscan.HS_FLAG_CASELESS] * len(literals))
    database.scratch = hyperscan.Scratch(database)
    return database


_open = _compile(_DISGUISES)
_all = _compile(_DISGUISES + _PROTECTIONS)


def _stop(_id: int, _start: int, _end: int, _flags: int, _context: object) -> bool:
    return True


def _scan(body: bytes, decode_protected: bool, on_match: Callable[[int, int, int, int, object], bool | None]) -> bool:
    """Whether *on_match* ended the scan by returning True."""
    try:
        (_all if decode_protected else _open).scan(body, match_event_handler=on_match)
    except hyperscan.ScanTerminated:
        return True
    return False
