"""
Is this text a person's name, and does an address belong to it?

Agreement between a name and a local part is what tells a person's name from the hundred other capitalised words of a page:
without it a third of the names were wrong (1,797 real pages). Scores: 3 the whole local part is made of both names, 2 of one
name or a name and an initial, 1 a name stands in it.
"""

import re
import unicodedata
from functools import lru_cache

import msgspec

from vizsla.harvest.extract.lexicon import (
    FIRST_NAMES,
    NICKNAMES,
    NOT_NAMES,
    PARTICLES,
    POSITION_WORDS,
    SUFFIXES,
    TITLES,
)

MAX_NAME = 80
_INITIAL = re.compile(r"[^\W\d_]\.?(?:-?[^\W\d_]\.)*\Z")
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’\-·])*\.?\Z")
_PARTS = re.compile(r"[._+\-]+")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^a-z]")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


class Name(msgspec.Struct, frozen=True):
    """A person's name as published; `last` is empty for one known by a first name alone."""

    first: str
    last: str
    middle: tuple[str, ...] = ()

    def forms(self) -> tuple[frozenset[str], frozenset[str]]:
        """The folded spellings of the first name, with nicknames, and of the last."""
        return _first_forms(self.first), _last_forms(self.last)


def parse_name(text: str, *, lower: bool = False) -> Name | None:
    """
    The name that *text* is, and nothing but: titles and degrees off, "Doe, Jane" turned, capitals calmed.

    *lower* lets a name in small letters pass too. None for anything else.
    """
    text = text.strip(" \t\xa0\"'“”„«»‘’().,;:*|-–—•·")
    if not 2 <= len(text) <= MAX_NAME:
        return None
    family_first, comma, rest = text.partition(",")
    if comma:
        if _is_suffix(rest):
            text = family_first
        else:
            return _turned(family_first, rest)
    words = [word for word in text.split() if word.strip("()\"'“”")]
    while words and words[0].rstrip(".").lower() in TITLES:
        words = words[1:]
    while words and (words[-1].rstrip(".").lower() in SUFFIXES or words[-1].lower() in SUFFIXES):
        words = words[:-1]
    if not 1 <= len(words) <= 6:
        return None
    if lower and not any(word[0].isupper() for word in words):
        words = [word if word in PARTICLES else word.title() for word in words]
    if not all(_is_name_word(word, place, len(words)) for place, word in enumerate(words)):
        return None
    return _assemble(words)


def split_name(first: str, last: str) -> Name | None:
    """The name of which a page gives the two parts apart."""
    first, last = " ".join(first.split()), " ".join(last.split())
    if (
        not first
        or len(first) > 40
        or len(last) > 40
        or any(character in "<>@{}/" or character.isdigit() for character in first + last)
    ):
        return None
    if first.lower() in PARTICLES or not NOT_NAMES.isdisjoint((first.lower(), last.lower())):
        return None
    return Name(_calm(first), _calm(last))


def agreement(name: Name, local: str) -> int:
    """How far *local* is made of *name*: 0 to 3."""
    return _agreement(name.first, name.last, name.middle, local)


def is_first_name(word: str) -> bool:
    """Whether *word* is a usual first name."""
    return fold(word) in FIRST_NAMES


@lru_cache(16_384)
def fold(text: str) -> str:
    """*text* in plain letters a to z: accents, apostrophes and spaces gone."""
    lower = text.lower()
    if not lower.isascii():
        lower = unicodedata.normalize("NFKD", lower.translate(_PLAIN))
    return _LETTERS.sub("", lower)


@lru_cache(16_384)
def _agreement(first_name: str, last_name: str, middle: tuple[str, ...], local: str) -> int:
    parts = [part for part in _PARTS.split(_DIGITS.sub("", local)) if part]
    flat = "".join(parts)
    if len(flat) < 2:
        return 0
    firsts, lasts = _first_forms(first_name), _last_forms(last_name)
    if not last_name:
        return 2 if len(flat) > 2 and flat in firsts else 0
    best = 0
    for first in firsts:
        for last in lasts:
            if len(last) < 2 or not first:
                continue
            best = max(best, _pair(first, last, parts, flat))
            if best == 3:
                return 3
    if best < 2 and middle:
        best = max(best, _with_middle(fold(first_name), fold(last_name), [fold(word) for word in middle], flat))
    return best


def _pair(first: str, last: str, parts: list[str], flat: str) -> int:
    if len(first) > 1 and flat in (first + last, last + first):
        return 3
    if len(first) > 1 and first in parts and last in parts:
        return 3
    if flat in (first[0] + last, last + first[0], first + last[0], last[0] + first):
        return 2
    if flat in (first, last) and len(flat) > 2:
        return 2
    if len(flat) > 5 and flat[0] == first[0] and last.startswith(flat[1:]):
        return 2
    if len(parts) > 1 and (
        (last in parts and any(part[0] == first[0] for part in parts)) or (first in parts and parts[-1][0] == last[0])
    ):
        return 2
    if len(last) > 3 and (flat.startswith(last) or flat.endswith(last)):
        return 1
    if len(first) > 3 and flat.startswith(first):
        return 1
    if (len(last) > 2 and last in parts) or (len(first) > 2 and first in parts):
        return 1
    if len(flat) >= 4 and _is_abbreviated(first, last, flat):
        return 1
    return 0


def _is_abbreviated(first: str, last: str, flat: str) -> bool:
    """`jado`, `doeja`, `jdo`…: a beginning of one name, then a beginning of the other."""
    for one, other in ((first, last), (last, first)):
        shared = _common(one, flat)
        for cut in range(shared, 0, -1):
            rest = flat[cut:]
            if rest and other.startswith(rest) and (len(rest) > 1 or cut > 2):
                return True
    return False


def _common(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _with_middle(first: str, last: str, middle: list[str], flat: str) -> int:
    if not first or not last:
        return 0
    initials = "".join(word[0] for word in middle if word)
    if flat in (first[0] + initials + last, first + initials + last):
        return 2
    return 1 if initials and flat == first[0] + initials + last[0] else 0


@lru_cache(8_192)
def _first_forms(name: str) -> frozenset[str]:
    forms = {fold(name)}
    if not name.isascii():
        forms.add(fold(name.lower().translate(_GERMAN)))
    for part in re.split(r"[\s\-]+", name):
        forms.add(fold(part))
    for form in tuple(forms):
        forms.update(NICKNAMES.get(form, ()))
    return frozenset(form for form in forms if form)


@lru_cache(8_192)
def _last_forms(name: str) -> frozenset[str]:
    words = [word for word in re.split(r"[\s\-]+", name) if word]
    forms = {fold(name), fold("".join(word for word in words if word.lower() not in PARTICLES))}
    forms.update(fold(word) for word in words if word.lower() not in PARTICLES)
    if not name.isascii():
        german = name.lower().translate(_GERMAN)
        forms.add(fold(german))
        forms.update(fold(word) for word in german.split())
    return frozenset(form for form in forms if form)


def _is_name_word(word: str, place: int, count: int) -> bool:
    if word in PARTICLES:
        return 0 < place < count - 1 or (place == 0 and count > 2)
    bare = word.strip("\"'“”()")
    if not bare or not bare[0].isupper() or bare.rstrip(".").lower().removesuffix("'s").removesuffix("’s") in NOT_NAMES:
        return False
    return bool(_WORD.match(bare) or _INITIAL.match(bare))


def _turned(family: str, rest: str) -> Name | None:
    """ "Doe, Jane": the comma must part a family name from given names, not a name from a position."""
    given = [
        word
        for word in rest.partition(",")[0].split()
        if word.rstrip(".").lower() not in TITLES and word.rstrip(".").lower() not in SUFFIXES
    ]
    words = family.split()
    if len(words) > 1 and given and is_first_name(words[0]) and not is_first_name(given[0]):
        # "Pria Chandran, Accountant"
        return None
    if not 1 <= len(given) <= 3 or not 1 <= len(words) <= 3:
        return None
    if (
        any(word.lower() in POSITION_WORDS for word in given)
        or not all(_is_name_word(word, 0, 9) for word in given)
        or not all(_is_name_word(word, 1, 9) for word in words)
    ):
        return None
    return Name(_calm(given[0]), " ".join(_calm(word) for word in words), tuple(given[1:]))


def _assemble(words: list[str]) -> Name | None:
    words = [word.strip("\"'“”()") for word in words]
    if len(words) == 1:
        return Name(_calm(words[0]), "") if len(words[0]) > 2 and not words[0].endswith(".") else None
    if (
        words[0].isupper()
        and len(words[0]) > 2
        and not words[-1].isupper()
        and len(words) == 2
        and not words[0].endswith(".")
    ):
        # "DOE Jane": the family name is the one in capitals.
        words = [words[1], words[0]]
    place = next((number for number, word in enumerate(words) if number and word.lower() in PARTICLES), len(words) - 1)
    first, middle, last = words[0], tuple(words[1:place]), words[place:]
    if _INITIAL.match(first) and len(first.strip(".")) == 1 and middle and not _INITIAL.match(middle[0]):
        first, middle = middle[0], middle[1:]
    if _INITIAL.match(last[-1]) and len(last[-1].strip(".")) == 1:
        return None
    return Name(_calm(first), " ".join(word if word.lower() in PARTICLES else _calm(word) for word in last), middle)


def _calm(word: str) -> str:
    if len(word) > 2 and word.isupper() and "." not in word:
        word = "-".join(part.capitalize() for part in word.split("-"))
        return re.sub(r"(?<=^O['’])\w|(?<=^Mc)\w", lambda match: match[0].upper(), word)
    return word.rstrip(".") if len(word) > 3 else word


def _is_suffix(text: str) -> bool:
    words = text.replace(",", " ").split()
    return bool(words) and all(word.rstrip(".").lower() in SUFFIXES or word.lower() in SUFFIXES for word in words)
