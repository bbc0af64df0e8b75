"""
Can this page hold an address at all?

Most pages of the web cannot, and reading them must cost little more than having unpacked them. One pass over the raw bytes
finds the `@` and its disguises; a spot counts when what stands round the sign could be an address. The spots are the
places at which the extractor looks; whether an address stands there is its question, not ours.
"""

import re
from itertools import islice

from vizsla.harvest.extract.marks import MarkFinder

MAX_HAND_WRITTEN = 128 * 1024
"""
Bytes of a page on which addresses spelt in bare words are looked for, "jane at acme dot org". They cost two more passes and
stand on pages that people write by hand: of 14,147 real pages (2026-11) the largest that had one was 124 kB.
"""
MAX_SPOTS = 20_000
"""Of a page: ten thousand addresses, each as a link and as its text."""
MAX_DISGUISED = 5_000

# The look-behind stands after the `@` so that the engine can leap from `@` to `@`. Before it: the end of a local part, of a
# tag or of an entity. After it: a host with a dot, however the dot is written or parted by tags. On 2,136 real pages this
# turns away `@media (`, `>@handle</a>`, `wght@600&amp;`, `Jobs @ Vox`, `logo@2x.png`, `react@18.2.0` and `+@[a-z]+`.
_HOST = (
    rb"[\w\x80-\xff][\w\x80-\xff-]{0,62}"
    rb"(?:\.[\w\x80-\xff]|(?:<[^<>]{0,80}>)+ ?[.\[({]|<!-| ?[\[({] ?(?:dot|d|\.)| dot |&(?:#|p))|(?:<[^<>]{0,400}>)+\s{0,9}[\w\x80-\xff&\[({]|<!-|&#|\[(?![A-Za-z\d]-|[\\^])"
)
_AT = re.compile(
    rb"@(?<=[\w.+\-;>\])}'\x80-\xff]@)(?!\d(?:\.\d)?x\.|\d+\.\d)(?:" + _HOST + rb"|(?=')(?<=['>]@))"
    rb"|@(?<=[\[({]@)[\])}]"
    rb"|@(?<=\w @) [\w\x80-\xff-]{1,63}(?:\.[A-Za-z]| dot | ?[\[({] ?dot)",
    re.IGNORECASE,
)

_ESCAPED = {
    b"%40": re.compile(rb"%40(?<=[\w-]%40)[\w-]{1,63}\.[a-z]", re.IGNORECASE),
    b"\\u0040": re.compile(rb"\\u0040(?<=[\w.+-]\\u0040)[\w-]{1,63}[.\\]", re.IGNORECASE),
}
"""In a URL and in a script: most of the former are handles, most of the latter the keys of JSON-LD."""
_AFTER_ENTITY = re.compile(
    _HOST + rb"|[&'\"+)\]}]| [\w\x80-\xff-]{1,63}(?:\.[a-z]| dot | ?[\[({] ?dot| ?&#)", re.IGNORECASE
)
_DISGUISES = (
    b"&#64;", b"&#064;", b"&#x40;", b"&commat;", b"%40", b"\\u0040", b"[at]", b"(at)", b"[ at ]", b"( at )",
)  # fmt: skip
_PROTECTIONS = (
    b"data-cfemail", b"email-protection#", b"linkto_uncryptmailto", b"data-mailto-token", b"data-enc-email", b"bidi-override",
    b"atob(", b"fromcharcode(", b"'@'", b'"@"', b"znvygb:", b"#mc#", b"dir=rtl", b'dir="rtl',
)  # fmt: skip
_SPELT_SIGN = re.compile(rb"(?<![a-z])(?:at|\xc3?\xa4t|arroba|a\.t)(?![a-z])|@|64;|40;|&commat;", re.IGNORECASE)
_BEGINNING = 32
_SPELT_REACH = 200
"""Bytes before a dot in words where the sign of its address stands, tags between them and all."""
_ENTITIES = 4
"""How many of them are entities."""
_ESCAPES = {1 + _DISGUISES.index(sign): (len(sign), pattern) for sign, pattern in _ESCAPED.items()}
_WITH_SIGN = {False: MarkFinder((b"@", *_DISGUISES)), True: MarkFinder((b"@", *_DISGUISES, *_PROTECTIONS))}
_DISGUISED = {False: MarkFinder(_DISGUISES), True: MarkFinder((*_DISGUISES, *_PROTECTIONS))}
_WORDS = (MarkFinder((b" dot ",)), MarkFinder((b" AT ",), same_case=True))
# Marks with letters and spaces share a bucket of the matcher with nothing: each of these alone is twice as fast as with the others.


def find_spots(body: bytes, *, decode_protected: bool) -> list[int]:
    """Where in *body* an address may stand: offsets in ascending order, at most MAX_SPOTS. A page with none need not be read."""
    found = _WITH_SIGN[decode_protected].ends(body, MAX_SPOTS)
    if len(found) < MAX_SPOTS:
        is_address_like = _AT.match
        spots = [
            end - 1
            for end, mark in found
            if (_may_be_disguise(body, mark, end) if mark else is_address_like(body, end - 1))
        ]
    else:
        # So many signs that most are none: the compiled search leaps over them.
        spots = [match.start() for match in islice(_AT.finditer(body), MAX_SPOTS)]
        spots.extend(end - 1 for end, _ in _DISGUISED[decode_protected].ends(body, MAX_DISGUISED))
    if len(body) <= MAX_HAND_WRITTEN:
        spots.extend(
            end - 1 for finder in _WORDS for end, _ in finder.ends(body, MAX_DISGUISED) if _may_be_spelt(body, end)
        )
    spots.sort()
    if not spots and b"\0" in body[:_BEGINNING]:
        # UTF-16, as it seems: what it holds is seen when it has been written anew.
        return [0]
    return spots[:MAX_SPOTS]


def _may_be_disguise(body: bytes, mark: int, end: int) -> bool:
    if mark <= _ENTITIES:
        return _AFTER_ENTITY.match(body, end) is not None
    if mark in _ESCAPES:
        length, pattern = _ESCAPES[mark]
        return pattern.match(body, end - length) is not None
    return True


def _may_be_spelt(body: bytes, end: int) -> bool:
    """Whether what ends in a ` dot ` or ` AT ` at *end* has a sign in it or before: "owners dot the sky" has none."""
    return _SPELT_SIGN.search(body, max(0, end - _SPELT_REACH), end) is not None
