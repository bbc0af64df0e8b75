"""
Is this the address of the person who is looked for, of somebody else, or of nobody in particular?

Names are compared as people spell them: without accents, with or without particles, by nickname; an initial agrees with what
begins so.
"""

from typing import Literal

from vizsla.naming.names import PersonName
from vizsla.naming.prior import load_prior
from vizsla.naming.spellings import spell

Whose = Literal["theirs", "another's", "unknown"]


def whose_is(first_name: str | None, last_name: str | None, name: PersonName, domain: str) -> Whose:
    """Whose an address is that the index has under this name."""
    if not last_name and not first_name:
        return "unknown"
    other = PersonName(first_name or "", last_name or "")
    if last_name and not _agree(other, name, domain, "last"):
        return "another's"
    if not first_name:
        return "unknown"
    if not _agree(other, name, domain, "first"):
        return "another's"
    return "theirs" if last_name else "unknown"


def index_spellings(name: PersonName, domain: str) -> tuple[list[str], list[str]]:
    """How the index may have written the first and the last name of *name*."""
    firsts, lasts = _cases(name.first), _cases(name.last)
    for way in sorted(_ways(name, domain, "first")):
        firsts += [way.title(), f"{way[:1].upper()}."]
    return list(dict.fromkeys(firsts)), list(dict.fromkeys(lasts))


def _cases(text: str) -> list[str]:
    return [text, text.title(), text.upper(), text.lower(), text[:1].upper() + text[1:]]


def _agree(one: PersonName, other: PersonName, domain: str, place: str) -> bool:
    ours, theirs = _ways(one, domain, place), _ways(other, domain, place)
    if ours & theirs:
        return True
    return place == "first" and any(
        (len(a) == 1 or len(b) == 1) and (a.startswith(b) or b.startswith(a)) for a in ours for b in theirs
    )


def _ways(name: PersonName, domain: str, place: str) -> set[str]:
    return {way for spelled in spell(name, domain, load_prior().spelling) for way in spelled.places.get(place, ())}
