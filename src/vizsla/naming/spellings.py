"""
In which ways may a name be spelled in an address, and how probable is each?

Accents fall or are written out (ü: u, ue) as the country does it; particles and double names are joined, cut or marked;
nicknames stand for given names. Whatever can stand at a place of a template gets its share; the shares of one place add up
to one at most.
"""

import re
from functools import lru_cache

import msgspec
import nicknames
from anyascii import anyascii

from vizsla.naming.names import PersonName, particles_of
from vizsla.naming.prior import Spelling, kind_of_tld
from vizsla.naming.scripts import has_han, is_chinese_surname, read_surname, syllables
from vizsla.naming.templates import Places

_EXPANDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
_DROPPED = str.maketrans(dict.fromkeys("'’`´ʼ.ʹʺ,", ""))
_WORDS = re.compile(r"[a-z0-9]+")
_MARKS = {"dash": "-", "dot": ".", "us": "_"}
_LONGEST = 40
_LEAST = 1e-4
"""Ways that are rarer than this are left out, and their share is not known."""

Ways = dict[str, float]


class Spelled(msgspec.Struct, frozen=True):
    """One way to write the letters of a whole name, and what may stand at each place of a template then."""

    share: float
    places: Places
    marks: frozenset[str]
    """The marks of an address that the name itself may be written with."""


def spell(name: PersonName, domain: str, spelling: Spelling) -> tuple[Spelled, ...]:
    """The ways to write *name* in an address at *domain*, one or two."""
    return _spell(name, kind_of_tld(domain), spelling)


@lru_cache(4_096)
def _spell(name: PersonName, kind: str, spelling: Spelling) -> tuple[Spelled, ...]:
    if kind == "jp" and (has_han(name.first) or has_han(name.last)):
        # How a Japanese name in kanji is read, only its bearer knows; what anyascii gives is Chinese.
        return (_spelled(1.0, {}),)
    plain = _places(name, spelling, expand=False)
    whole = f"{name.first} {name.last} {' '.join(name.middles)}".casefold()
    if whole.isascii() or whole == whole.translate(_EXPANDED):
        return (_spelled(1.0, plain),)
    share = spelling.expand.get(kind, spelling.expand["*"])
    return _spelled(1 - share, plain), _spelled(share, _places(name, spelling, expand=True))


def _spelled(share: float, places: dict[str, Ways]) -> Spelled:
    # What stands at the other places is cut out of these, or has letters alone.
    written = "".join(text for place in ("first", "last", "given-initials") for text in places.get(place, ()))
    return Spelled(share, places, frozenset("" if written.isalnum() else "._-") & frozenset(written))


def fold(text: str, *, expand: bool = False) -> str:
    """*text* in small letters of ASCII; whatever stood between words is a space, a hyphen stays one."""
    lowered = text.casefold()
    if expand:
        lowered = lowered.translate(_EXPANDED)
    if not lowered.isascii():
        surname = read_surname(text)
        # A sign of Han or Hangul is a syllable: it is spelled with a capital, which is where syllables begin.
        lowered = surname or anyascii(lowered).lower()
    return lowered.translate(_DROPPED)


def _places(name: PersonName, spelling: Spelling, *, expand: bool) -> dict[str, Ways]:
    words = _WORDS.findall(fold(name.first, expand=expand).replace("-", " "))
    first = _first(name, words, spelling, expand=expand)
    last = _last(name.last, spelling, expand=expand)
    middles = [joined for middle in name.middles if (joined := "".join(_WORDS.findall(fold(middle, expand=expand))))]
    long_middles = [middle for middle in middles if len(middle) > 1]
    if long_middles and name.middles:
        first = _joined(first, long_middles[0], spelling.joined_middle["first"], before=False)
        last = _joined(last, long_middles[-1], spelling.joined_middle["last"], before=True)
    places = {"first": first, "last": last, "f": _initials(words, first, spelling), "l": _heads(last, 1)}
    if long_middles:
        places["middle"] = {long_middles[0]: 1.0}
    if middles:
        every = {"".join(middle[0] for middle in middles): 1.0}
        several = spelling.initials["all_middles"] if len(middles) > 1 else 0.0
        places["m"] = _mixed({middles[0][0]: 1.0}, every, several)
    places["given-initials"] = _given_initials(name, words, places["f"], last, expand=expand)
    for size in range(1, 6):
        places[f"first:{size}"] = _heads(first, size)
    for size in range(2, 8):
        places[f"last:{size}"] = _heads(last, size)
    return {place: ways for place, ways in places.items() if ways}


def _first(name: PersonName, words: list[str], spelling: Spelling, *, expand: bool) -> Ways:
    if not words:
        return {}
    if len(words) == 1:
        ways = {words[0]: 1.0}
    else:
        ways = _compound(words, spelling.first_hyphen if "-" in name.first else spelling.first_words)
    known = _nicknames(words[0]) if len(words) == 1 else ()
    given = "".join(_WORDS.findall(fold(name.nickname, expand=expand))) if name.nickname else ""
    if given and given not in ways:
        ways = _mixed(ways, {given: 1.0}, spelling.nickname["explicit"])
    elif known:
        ways = _mixed(ways, dict.fromkeys(known, 1 / len(known)), spelling.nickname["dictionary"])
    return ways


def _last(last: str, spelling: Spelling, *, expand: bool) -> Ways:
    before, core = particles_of(last)
    core_words = _WORDS.findall(fold(" ".join(core), expand=expand).replace("-", " "))
    if not core_words:
        return {}
    if len(core_words) == 1:
        ways = {core_words[0]: 1.0}
    else:
        ways = _compound(core_words, spelling.last_hyphen if "-" in last else spelling.last_words)
    particles = _WORDS.findall(fold(" ".join(before), expand=expand))
    if not particles:
        return ways
    shares = _normal({way: share for way, share in spelling.last_particles.items() if share > 0})
    found: Ways = {}
    for way, share in shares.items():
        for text, weight in ways.items():
            whole = text if way == "core" else _MARKS.get(way, "").join([*particles, text])
            found[whole] = found.get(whole, 0.0) + share * weight
    return _shares(found)


def _compound(words: list[str], shares: dict[str, float]) -> Ways:
    """The ways to write a name of several words."""
    forms = {
        "keep": "-".join(words),
        "dash": "-".join(words),
        "join": "".join(words),
        "head": words[0],
        "tail": words[-1],
        "dot": ".".join(words),
        "us": "_".join(words),
        "init": "".join(word[0] for word in words),
    }
    ways: Ways = {}
    for way, share in _normal({way: share for way, share in shares.items() if share > 0}).items():
        ways[forms[way]] = ways.get(forms[way], 0.0) + share
    return _shares(ways)


def _joined(ways: Ways, middle: str, share: float, *, before: bool) -> Ways:
    """*ways* with the middle name written as part of it, joined or with a hyphen."""
    if share <= 0:
        return ways
    longer: Ways = {}
    for text, weight in ways.items():
        for mark in ("", "-"):
            whole = f"{middle}{mark}{text}" if before else f"{text}{mark}{middle}"
            longer[whole] = longer.get(whole, 0.0) + weight / 2
    return _mixed(ways, longer, share)


def _initials(words: list[str], first: Ways, spelling: Spelling) -> Ways:
    heads = _heads(first, 1)
    if len(words) < 2:
        return heads
    return _mixed(heads, {"".join(word[0] for word in words): 1.0}, spelling.initials["both"])


def _given_initials(name: PersonName, words: list[str], f: Ways, last: Ways, *, expand: bool) -> Ways:
    if len(words) == 1 and any(is_chinese_surname(text) for text in last):
        # Xiaoming is Xiao Ming: wangxm.
        words = syllables(name.first) or words
    middles = [fold(middle, expand=expand)[:1] for middle in name.middles]
    every = "".join(word[0] for word in words) + "".join(middles)
    return {every: 1.0} if every else f


def _heads(ways: Ways, size: int) -> Ways:
    if len(ways) == 1:
        ((text, share),) = ways.items()
        if text.isalnum():
            return {text[:size]: share}
    heads: Ways = {}
    for text, share in ways.items():
        letters = text if text.isalnum() else "".join(_WORDS.findall(text))
        head = letters[:size]
        heads[head] = heads.get(head, 0.0) + share
    return heads


def _mixed(ways: Ways, others: Ways, share: float) -> Ways:
    mixed = {text: weight * (1 - share) for text, weight in ways.items()}
    for text, weight in others.items():
        mixed[text] = mixed.get(text, 0.0) + weight * share
    return _shares(mixed)


def _shares(ways: Ways) -> Ways:
    return {text: share for text, share in ways.items() if share >= _LEAST and 0 < len(text) <= _LONGEST}


def _normal(shares: dict[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {way: share / total for way, share in shares.items()}


@lru_cache(1)
def _namer() -> nicknames.NickNamer:
    return nicknames.NickNamer()


@lru_cache(8_192)
def _nicknames(first: str) -> tuple[str, ...]:
    """The usual nicknames of *first*, and the full name of one that is itself a nickname."""
    namer = _namer()
    return tuple(sorted((namer.nicknames_of(first) | namer.canonicals_of(first)) - {first}))
