"""
Which parts does a person's name have?

Titles and degrees come off; "Smith, John", "DUPONT Jean" and names in Han, Hangul or kana have the family name first; the
family name takes its particles with it ("van der Berg"). Nothing is guessed about who the person is, and nothing is folded to
ASCII here: how a name may be spelled in an address is `variants`.
"""

import re
import unicodedata

import msgspec

from vizsla.kit.errors import VizslaError
from vizsla.naming.scripts import is_east_asian, split_east_asian, surname_comes_first

MAX_NAME = 100
MOST_WORDS = 8

_TITLES = frozenset(
    """dr prof professor mr mrs ms miss mx sir dame herr frau hr fr ing dipl mag lic mme mlle monsieur madame maître sr sra srta don doña
    dott avv rev hon judge ra""".split()
)  # fmt: skip
_SUFFIXES = frozenset(
    """phd md jr sr ii iii iv esq mba msc ma bsc ba llm llb jd cpa cfa pmp pe rn dds dvm cissp mph dba dphil obe mbe cbe meng beng
    frcs""".split()
)  # fmt: skip
_PARTICLES = frozenset(
    """van von vom de den der del della dello di da das do dos du des la le lo ter ten te zu zur zum af av bin ibn binti bint al el
    abu ben mac mc st o san santa vander vande""".split()
)  # fmt: skip
_JOINING = frozenset("y e i und".split())
"""Words that join two family names: Ortega y Gasset."""
_NICKNAME = re.compile(r"""\s*[("“”«„'‘’]\s*([^()"“”«»„'‘’]{2,30}?)\s*[)"“”»'‘’](?=\s|$|,)""")
_FORBIDDEN = re.compile(r"[\d@/\\<>{}\[\]|=+*#$%^~_:;!?&§¤€£\x00-\x1f\x7f]|https?|www\.")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘`´ʼ", "'") | dict.fromkeys("‐‑‒–", "-"))


class InvalidFirstName(VizslaError):
    """The supplied first_name is invalid. Give a name such as "Alexis", without digits or signs."""

    id = "invalid_first_name"


class InvalidLastName(VizslaError):
    """The supplied last_name is invalid. Give a name such as "Ohanian", without digits or signs."""

    id = "invalid_last_name"


class InvalidFullName(VizslaError):
    """The supplied full_name is invalid. Give a first and a last name such as "Alexis Ohanian"."""

    id = "invalid_full_name"


class PersonName(msgspec.Struct, frozen=True):
    """The parts of a name as they were written; `first` and `last` may have several words."""

    first: str
    last: str
    middles: tuple[str, ...] = ()
    nickname: str | None = None


def parse_name(text: str) -> PersonName:
    """The name in *text*; InvalidFullName for what is none, or has one word only."""
    tidy, nickname = _take_nickname(_tidy(text))
    if not _is_written_like_a_name(tidy):
        raise InvalidFullName
    family, comma, given = tidy.partition(",")
    if comma and (words := _strip(given.replace(",", " ").split())):
        name = _turned(family, words)
    else:
        name = _assemble(_strip(family.split()))
    if name is None:
        raise InvalidFullName
    return name if nickname is None else msgspec.structs.replace(name, nickname=nickname)


def parse_parts(first_name: str, last_name: str) -> PersonName:
    """The name of which both parts are given; raises InvalidFirstName or InvalidLastName."""
    given, nickname = _take_nickname(_tidy(first_name))
    firsts = _strip_titles(given.split())
    if not firsts or not _is_written_like_a_name(given):
        raise InvalidFirstName
    family = _tidy(last_name)
    lasts = _strip(family.replace(",", " ").split())
    if not lasts or not _is_written_like_a_name(family):
        raise InvalidLastName
    # "John Q." is a first name and a middle one; "Mary Jane" may be either, and is kept whole.
    middles = tuple(word for word in firsts[1:] if _is_initial(word))
    first = " ".join(word for at, word in enumerate(firsts) if at == 0 or not _is_initial(word))
    return PersonName(_calm(first), _calm(" ".join(lasts)), middles, nickname)


def is_name(first_name: str, last_name: str) -> bool:
    """Whether the two are a first and a last name."""
    try:
        parse_parts(first_name, last_name)
    except VizslaError:
        return False
    return True


def particles_of(last: str) -> tuple[list[str], list[str]]:
    """The particles that *last* begins with, and the words after them."""
    words = last.split()
    at = 0
    while at < len(words) - 1 and _key(words[at]) in _PARTICLES:
        at += 1
    return words[:at], words[at:]


def _tidy(text: str) -> str:
    if len(text) > 4 * MAX_NAME:
        return ""
    return " ".join(unicodedata.normalize("NFC", text).translate(_APOSTROPHES).split())


def _take_nickname(text: str) -> tuple[str, str | None]:
    match = _NICKNAME.search(text)
    # "D'Angelo" and "O'Neil" have apostrophes inside: a nickname stands between two words.
    if match is None or match.start() == 0:
        return text, None
    return f"{text[: match.start()]} {text[match.end() :].strip()}".strip(), match[1]


def _is_written_like_a_name(text: str) -> bool:
    if not 0 < len(text) <= MAX_NAME or _FORBIDDEN.search(text) or len(text.split()) > MOST_WORDS:
        return False
    words = text.replace(",", " ").split()
    return all(any(sign.isalpha() for sign in word) for word in words) and not any(
        unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs", "Cn", "So") for sign in text
    )


def _key(word: str) -> str:
    return word.casefold().replace(".", "").strip("'")


def _is_initial(word: str) -> bool:
    return len(word.replace(".", "")) == 1


def _strip_titles(words: list[str]) -> list[str]:
    while len(words) > 1 and _key(words[0]) in _TITLES:
        words = words[1:]
    return words


def _strip(words: list[str]) -> list[str]:
    """*words* without titles before the name and suffixes behind it."""
    words = _strip_titles(words)
    # "Sr" and "Ma" are names too, when nothing else is left to be one.
    while (
        len(words) > 1
        and _key(words[-1]) in _SUFFIXES
        and not (len(words) == 2 and words[-1].istitle() and "." not in words[-1])
    ):
        words = words[:-1]
    return words


def _turned(family: str, given: list[str]) -> PersonName | None:
    """The name of "Smith, John Q."; of "John Smith, PhD" as well."""
    if all(_key(word) in _SUFFIXES for word in given):
        return _assemble(_strip(family.split()))
    lasts = _strip(family.split())
    if not lasts:
        return None
    middles = tuple(given[1:])
    return PersonName(_calm(given[0]), _calm(" ".join(lasts)), tuple(_calm(word) for word in middles))


def _assemble(words: list[str]) -> PersonName | None:
    if len(words) == 1 and is_east_asian(words[0]):
        split = split_east_asian(words[0])
        return PersonName(split[1], split[0]) if split else None
    if len(words) < 2:
        return None
    if all(is_east_asian(word) for word in words):
        return PersonName("".join(words[1:]), words[0])
    capitals = [_is_capitals(word) for word in words]
    if any(capitals) and not all(capitals):
        # Written so on purpose: Jean DUPONT, DUPONT Jean.
        lasts = [word for word, is_last in zip(words, capitals, strict=True) if is_last]
        firsts = [word for word, is_last in zip(words, capitals, strict=True) if not is_last]
        return PersonName(_calm(firsts[0]), _calm(" ".join(lasts)), tuple(firsts[1:]))
    if surname_comes_first(words):
        return PersonName(_calm(" ".join(words[1:])), _calm(words[0]))
    start = _start_of_last(words)
    return PersonName(_calm(words[0]), _calm(" ".join(words[start:])), tuple(_calm(word) for word in words[1:start]))


def _start_of_last(words: list[str]) -> int:
    """Where the family name begins: at its first particle, or at the word before a joining one."""
    for at in range(1, len(words) - 1):
        # A single capital letter is an initial, whatever small word it could be.
        if _key(words[at]) in _PARTICLES and not _is_initial(words[at]):
            return at
        if at > 1 and _key(words[at]) in _JOINING and words[at].islower():
            return at - 1
    return len(words) - 1


def _is_capitals(word: str) -> bool:
    return len(word) > 2 and word.isupper() and "." not in word


def _calm(text: str) -> str:
    """*text* without the capitals of a form that was filled in by shouting."""
    if not (text.isupper() and len(text) > 2 and "." not in text):
        return text
    return text.title().replace("'S ", "'s ")
