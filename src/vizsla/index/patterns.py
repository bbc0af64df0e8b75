"""
Which address pattern does a domain use, and does a name explain an address?

Patterns are written the way the API shows them: `{first}.{last}`, `{f}{last}`. Nothing here guesses an address for a
person; that needs a probability, and is the finder's.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

import msgspec

_SEPARATORS = ("", ".", "_", "-")
_PAIRS = (("{first}", "{last}"), ("{f}", "{last}"), ("{first}", "{l}"), ("{f}", "{l}"))
_PARTS = (
    *((a, s, b) for a, b in _PAIRS for s in _SEPARATORS),
    *((b, s, a) for a, b in _PAIRS for s in _SEPARATORS),
    ("{first}", "", ""),
    ("{last}", "", ""),
)
PATTERNS: tuple[str, ...] = tuple("".join(parts) for parts in _PARTS)

# How often each pattern is a domain's, over 35,471 public pairs, middle names and truncations folded in; the rest is rare.
_PRIOR = {
    "{first}.{last}": 0.37,
    "{f}{last}": 0.165,
    "{first}": 0.09,
    "{last}": 0.05,
    "{f}{l}": 0.035,
    "{first}{l}": 0.03,
    "{f}.{last}": 0.022,
    "{first}_{last}": 0.018,
    "{first}{last}": 0.015,
    "{last}{first}": 0.012,
    "{last}{f}": 0.01,
    "{last}.{first}": 0.01,
}
_PRIOR_STRENGTH = 2.0
"""Addresses that the prior is worth: one `{f}.{last}` is a pattern, one `{l}_{first}` is not until a second agrees."""
_LEAST_VOTES = 1.0
_LEAST_SHARE = 0.35

_PARTICLES = "van von de der den del della di da dos das du la le lo ter ten zu zum zur al el bin ibn af av y e st"
_IS_PARTICLE = frozenset(_PARTICLES.split())
_SPELLED = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_MIDDLE_INITIAL = re.compile(r"(?<=[._-])[a-z][._-]")
_WORD = re.compile(r"[a-z0-9]+")
_MARKS = re.compile(r"['`]|[^\x00-\x7f]")
_MAX_NAME = 80


class NamedAddress(msgspec.Struct, frozen=True):
    """A local part, and whose it is."""

    local: str
    first_name: str
    last_name: str
    weight: float = 1.0


def infer(evidence: Iterable[NamedAddress]) -> str | None:
    """
    The pattern that explains the most of *evidence*.

    None when too little is explained, and None on a tie: a guessed pattern reaches its reader as an address, and costs
    them a bounce.
    """
    votes: dict[str, float] = defaultdict(float)
    total = 0.0
    for address in evidence:
        total += address.weight
        explaining = explain(address.local, address.first_name, address.last_name)
        for pattern in explaining:
            votes[pattern] += address.weight / len(explaining)
    if not votes:
        return None
    best, *others = sorted(votes.items(), key=lambda vote: -vote[1])
    if others and others[0][1] > best[1] - 1e-9:
        return None
    share = (best[1] + _PRIOR_STRENGTH * _PRIOR.get(best[0], 0.0)) / (total + _PRIOR_STRENGTH)
    return best[0] if best[1] >= _LEAST_VOTES and share >= _LEAST_SHARE else None


@lru_cache(16_384)
def explain(local: str, first_name: str, last_name: str) -> tuple[str, ...]:
    """
    The patterns that make *local* of this name, most often one or none.

    Accents may be dropped or spelled (ü, ue), particles and double names joined, split or shortened; digits behind the
    name (`john.smith2`) and middle initials are looked through.
    """
    firsts, lasts = _spellings(first_name, first=True), _spellings(last_name, first=False)
    bare = local.rstrip("0123456789")
    forms = {bare, _MIDDLE_INITIAL.sub("", bare)} - {""}
    words = {
        "{first}": firsts,
        "{last}": lasts,
        "{f}": [name[:1] for name in firsts[:1]],
        "{l}": [name[:1] for name in lasts[:1]],
        "": [""],
    }
    return tuple(
        left + separator + right
        for left, separator, right in _PARTS
        if separator in bare and any(a + separator + b in forms for a in words[left] for b in words[right])
    )


def render(pattern: str, first: str, last: str) -> str:
    """*pattern* with a name (lower case, ASCII) put in."""
    return (
        pattern.replace("{first}", first)
        .replace("{last}", last)
        .replace("{f}", first[:1])
        .replace("{l}", last[:1])
    )  # fmt: skip


def is_derivable(local: str, first_name: str | None, last_name: str | None) -> bool:
    """Whether the name makes the local part."""
    return bool(first_name or last_name) and bool(explain(local, first_name or "", last_name or ""))


def _spellings(name: str, *, first: bool) -> list[str]:
    """How *name* may be written in a local part; the likeliest first."""
    lowered = unicodedata.normalize("NFC", name[:_MAX_NAME]).casefold()
    spellings: dict[str, None] = {}
    for text in dict.fromkeys((lowered.translate(_SPELLED), lowered.translate(_UMLAUTS).translate(_SPELLED))):
        decomposed = text if text.isascii() else unicodedata.normalize("NFKD", text)
        words = _WORD.findall(_MARKS.sub("", decomposed))
        if not words:
            continue
        core = [word for word in words if word not in _IS_PARTICLE] or words
        spellings |= dict.fromkeys(("".join(words), "".join(core), core[0] if first else core[-1]))
        if len(words) > 1:
            others = ("-".join(words), ".".join(words), "_".join(words), "-".join(core), core[0], core[-1])
            spellings |= dict.fromkeys(others)
    return list(spellings)
