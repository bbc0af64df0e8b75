"""
Which addresses does a page keep in its scripts, and whose are they?

Sites that draw themselves in the browser carry their staff as JSON in a script; the keys beside the address name its owner.
An address counts only inside of a string: what stands in comments is the library's author. Nothing is executed.
"""

import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from vizsla.harvest.extract.addresses import Found, find_plain
from vizsla.harvest.extract.decode import join_literals
from vizsla.harvest.extract.names import Name, agreement, parse_name, split_name
from vizsla.harvest.extract.person import is_role

AROUND = 2_000
"""Characters of a script read on either side of a spot."""
_QUOTING = re.compile(r"\\(?<!\\\\)\\*+(?=[\"'/])")
"""
Deleted with what stands behind it looked at only: a group put back by a template is worked out anew for each of a thousand
quotes. Begins where a run of backslashes does, or a long one would be tried from each of its places.
"""
_ESCAPED = re.compile(r"\\(?:(?<!\\\\)\\*+u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_MAIL_KEY = re.compile(r"mail\w{0,12}\"\s{0,4}:\s{0,4}\"(?:mailto:)?\Z", re.IGNORECASE)
_BRACE = re.compile(r"[{}]")
_PAIR = re.compile(r"[{}]|\"(\w{2,30})\"\s{0,8}:\s{0,8}\"([^\"\n]{1,200})\"")
_REACH = 400
_FIRST = ("firstname", "first_name", "givenname", "given_name", "fname", "forename")
_LAST = ("lastname", "last_name", "familyname", "family_name", "lname", "surname")
_WHOLE = (
    "name",
    "fullname",
    "full_name",
    "displayname",
    "display_name",
    "authorname",
    "author_name",
    "byline",
    "contactname",
    "contact_name",
    "author",
    "personname",
    "title",
)
_POSITION = ("jobtitle", "job_title", "position", "role", "title", "function", "designation")
_PHONE = ("phone", "telephone", "tel", "phonenumber", "phone_number", "mobile", "businessphone", "workphone")
_TWITTER = ("twitter", "twitterhandle", "twitter_handle", "twitterusername")


class InScript(msgspec.Struct):
    """An address in a script with what the enclosing object says of its owner."""

    found: Found
    name: Name | None = None
    score: int = 0
    position: str | None = None
    phone: str | None = None
    """As written."""
    twitter: str | None = None


def read_script(script: str, dropped: Counter[str], *, decode_protected: bool, owners: int) -> Iterator[InScript]:
    """The addresses in the strings of *script* (a stretch of one); for the first *owners* of them their owners are looked for."""
    text = script
    if "\\" in text:
        text = _QUOTING.sub("", text)
        if "\\u" in text or "\\x" in text:
            text = _ESCAPED.sub(_unescape, text)
    if "&q;" in text:
        # Angular's transfer state writes its quotes so.
        text = text.replace("&q;", '"')
    for found in find_plain(text, dropped):
        if _is_in_string(text, found):
            found.how = "script"
            owners -= 1
            yield _with_owner(text, found) if owners >= 0 else InScript(found)
    if decode_protected and (joined := join_literals(text)) != text:
        for found in find_plain(joined, dropped):
            if _is_in_string(joined, found):
                found.how = "script"
                yield InScript(found)


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def _is_in_string(text: str, found: Found) -> bool:
    newline = text.rfind("\n", max(0, found.start - _REACH), found.start)
    before = text[max(newline + 1, found.start - _REACH) : found.start]
    end = text.find("\n", found.end, found.end + _REACH)
    after = text[found.end : end if end >= 0 else found.end + _REACH]
    quotes = {mark for mark in "\"'`" if mark in before} & {mark for mark in "\"'`" if mark in after}
    if not quotes:
        return "<" in before and ">" in before
    if newline >= 0 and before.lstrip().startswith(("//", "/*", "*")) and "*/" not in before:
        return False
    inside = before[max(before.rfind(mark) for mark in quotes) + 1 :]
    return "/*" not in inside


def _with_owner(text: str, found: Found) -> InScript:
    place = found.start
    for start, end in _enclosing(text, place):
        pairs = _pairs(text[start:end])
        name, stated = _name_in(pairs)
        if name is None:
            continue
        score = agreement(name, found.local)
        if score:
            score = min(4, score + 1)
        elif stated and _MAIL_KEY.search(text, max(0, place - 60), place) and not is_role(found.local):
            score = 1
        if score:
            return InScript(
                found,
                name,
                score,
                _first(pairs, _POSITION),
                _first(pairs, _PHONE),
                (_first(pairs, _TWITTER) or "").lstrip("@") or None,
            )
        return InScript(found)
    return InScript(found)


def _enclosing(text: str, place: int) -> Iterator[tuple[int, int]]:
    """The object round *place*, then the one round that. Braces inside of strings are rare enough to be taken for real."""
    low, high = max(0, place - AROUND), min(len(text), place + AROUND)
    back, ahead = _braces_before(text, low, place), _BRACE.finditer(text, place, high)
    for _ in range(2):
        start = _unmatched(((at, text[at]) for at in back), "{")
        if start is None:
            return
        end = _unmatched(((brace.start(), brace[0]) for brace in ahead), "}")
        yield start, high if end is None else end + 1


def _braces_before(text: str, low: int, place: int) -> Iterator[int]:
    """Where braces stand between *low* and *place*, the last first. Of a hundred the nearest few are asked for."""
    while (place := max(text.rfind("{", low, place), text.rfind("}", low, place))) >= 0:
        yield place


def _unmatched(braces: Iterator[tuple[int, str]], kind: str) -> int | None:
    """The first of *braces* that is of *kind* and matches none before it."""
    depth = 0
    for at, brace in braces:
        depth += -1 if brace == kind else 1
        if depth < 0:
            return at
    return None


def _pairs(text: str) -> dict[str, str]:
    """The string properties of the object that *text* is, those of objects inside it left out."""
    pairs: dict[str, str] = {}
    depth = 0
    for match in _PAIR.finditer(text):
        if match[1] is None:
            depth += 1 if match[0] == "{" else -1
        elif depth == 1:
            pairs.setdefault(match[1].lower(), match[2])
    return pairs


def _name_in(pairs: dict[str, str]) -> tuple[Name | None, bool]:
    """The name an object gives, and whether it gives it in two parts, which only people have."""
    first, last = _first(pairs, _FIRST), _first(pairs, _LAST)
    if first and last and (name := split_name(first, last)):
        return name, True
    for key in _WHOLE:
        if key in pairs and (name := parse_name(pairs[key])) and name.last:
            return name, False
    return None, False


def _first(pairs: dict[str, str], keys: tuple[str, ...]) -> str | None:
    return next((pairs[key] for key in keys if key in pairs), None)
