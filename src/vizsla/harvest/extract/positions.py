"""
Which position does a piece of a person's card name?

A position has one of its words in it and no more than nine; headings, sentences and calls to click are none.
"""

import re

from vizsla.harvest.extract.lexicon import NOT_POSITIONS, POSITION_WORDS
from vizsla.harvest.extract.names import Name

MAX_POSITION = 70
_PIECES = re.compile(r"\s?[|•·;–—\t]\s?|\s-\s|,\s(?=[^\W\d_])")
_WORD = re.compile(r"[^\W\d_][\w&'’-]*")


def position_in(text: str, name: Name) -> str | None:
    """The first position in *text*, as it is written there; the *name* of its holder may stand there too."""
    for part in _pieces_of(text, name):
        piece = part.strip(" ,:-–—|()\xa0")
        lower = piece.lower()
        if not 2 < len(piece) <= MAX_POSITION or "@" in piece or "://" in piece or piece[-1] in ".!?:":
            continue
        words = [word.lower() for word in _WORD.findall(piece)]
        if len(words) > 9 or POSITION_WORDS.isdisjoint(words) or any(phrase in lower for phrase in NOT_POSITIONS):
            continue
        if (not piece[0].isupper() and words[0] not in POSITION_WORDS) or words[0] == "the":
            continue
        return piece
    return None


def _pieces_of(text: str, name: Name) -> list[str]:
    """*text* in pieces, without the name: what a comma parts after the name stays whole ("Head of Sales, Europe")."""
    place = text.find(name.last) if name.last else -1
    if place >= 0 and text.find(name.first) >= 0:
        rest = text[place + len(name.last) :].strip()
        if rest[:1] not in ",-–—|(:·•" and rest:
            return []
        rest = rest.lstrip(" ,-–—|(:·•")
        return [rest.partition("(")[0] if ")" not in rest else rest, *_PIECES.split(rest)]
    return [text, *_PIECES.split(text)]
