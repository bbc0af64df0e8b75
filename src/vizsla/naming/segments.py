"""
Which templates could have made an address of which nobody says whose it is?

`jsmith` is an initial and a usual family name, `ada` a usual first name: a local part is cut in all ways that a template
allows, and each cut is as probable as its pieces are names. What no template makes well is a handle, and counts as OTHER.
"""

from functools import lru_cache

import msgspec

from vizsla.naming.lexicon import Lexicon, load_lexicon
from vizsla.naming.model import Clue, kind_of, start_of_kind
from vizsla.naming.prior import Prior, templates_of
from vizsla.naming.templates import Template

Step = tuple[str, str]

NAMELESS_WEIGHT = 1.0
"""What an address without a name is worth beside one with. Its clue says itself how sure it is: 0.8 ranked worse (2026-11)."""
_LONGEST = 40
_LEAST_WORD = 2
_KEPT = 1e-3
"""Templates that are less probable than this, beside the most probable, are left out of the clue."""
_RARE = 1e-3
"""Templates that so few use are not tried on an address without marks, which any of a hundred could have made."""
_GIVEN_INITIALS = {1: 0.3, 2: 0.6, 3: 0.1}
_DIGITS_OF_NAMES, _DIGITS_OF_HANDLES = 0.02, 0.15
_HANDLES, _SIGNS_OF_HANDLES = 0.02, 1 / 25
"""
What a handle costs, and each sign of it. Tried from 0.1 and 1/15 down, on companies that the prior had not seen: names that the
lexicon lacks were taken for handles, and OTHER was believed twice as often as it is.
"""
_HAVE_MIDDLE = 0.1
"""People who have a middle name that they could write out."""


def read_nameless(local: str, domain: str, prior: Prior) -> Clue:
    """The clue that *local* is without a name; it holds OTHER as well. Empty if it cannot be a person's."""
    return _read(local, kind_of(domain, prior), prior)


@lru_cache(16_384)
def _read(local: str, kind: str, prior: Prior) -> Clue:
    """Nothing else of the domain matters: `anna` is read once for all of a kind."""
    if len(local) > _LONGEST:
        return ()
    bare = local.rstrip("0123456789").rstrip("._-")
    if not bare or not bare[0].isalpha():
        return ()
    has_digits = bare != local
    theta = start_of_kind(kind, prior)
    reading = _Reading(bare)
    absent = prior.spelling.middle_absent
    found: dict[int, float] = {}
    tried = _tried(reading.marks, kind, prior)
    shares = reading.list_shares(tried)
    for at, whole, names, without_middle in tried.uses:
        share = shares[whole] * names if whole is not None else 0.0
        if without_middle is not None:
            share = share + absent * shares[without_middle]
        if share > 0:
            found[at] = share * (_DIGITS_OF_NAMES if has_digits else 1.0)
    found[len(prior.templates) - 1] = handle(bare) * (_DIGITS_OF_HANDLES if has_digits else 1.0)
    best = max(share * theta[at] for at, share in found.items())
    most = max(found.values())
    return tuple(
        (at, float(f"{share / most:.2g}"))
        for at, share in sorted(found.items())
        if share * theta[at] >= _KEPT * best and share / most > 1e-9
    )


class _Tried(msgspec.Struct, frozen=True):
    """The templates that make an address with certain marks; a number for each, for several are one without a middle name."""

    n: int
    pairs: list[tuple[Step, list[tuple[int, int, str]]]]
    """Those of two places, by their first step: the longest that they make, number and second place. Nearly all are."""
    others: list[tuple[int, Template]]
    uses: list[tuple[int, int | None, float, int | None]]
    """Place in the prior, number, share of people who have the names for it, number of what is left without a middle name."""


@lru_cache(512)
def _tried(marks: str, kind: str, prior: Prior) -> _Tried:
    theta = start_of_kind(kind, prior)
    numbers: dict[tuple[tuple[Step, ...], int], int] = {}
    pairs: dict[Step, list[tuple[int, int, str]]] = {}
    others: list[tuple[int, Template]] = []
    uses = []

    def number_of(template: Template | None) -> int | None:
        if template is None or "".join(mark for _, mark in template.steps) != marks:
            return None
        key = (template.steps, template.cut)
        if key not in numbers:
            numbers[key] = len(numbers)
            if len(template.steps) == 2 and not template.cut:
                first, (final, _) = template.steps
                longest = _sizes_of(first[0])[1] + len(first[1]) + _sizes_of(final)[1]
                pairs.setdefault(first, []).append((longest, numbers[key], final))
            else:
                others.append((numbers[key], template))
        return numbers[key]

    for at, whole in enumerate(templates_of(prior.templates)):
        if theta[at] < _RARE and not marks:
            continue
        number, without_middle = number_of(whole), number_of(whole.without_middle)
        if number is not None or without_middle is not None:
            names = _HAVE_MIDDLE if any(place == "middle" for place, _ in whole.steps) else 1.0
            uses.append((at, number, names, without_middle))
    return _Tried(len(numbers), list(pairs.items()), others, uses)


def handle(local: str) -> float:
    """How probable *local* is among the chosen ones."""
    return _HANDLES * _SIGNS_OF_HANDLES ** len(local)


class _Reading:
    """One local part, cut in all ways."""

    def __init__(self, local: str) -> None:
        self._local = local
        self.marks = "".join(sign for sign in local if sign in "._-")
        self._names: dict[str, Lexicon] = {"first": load_lexicon("first"), "last": load_lexicon("last")}
        self._is_plain = local.isalpha() and local.isascii()
        self._cuts: dict[tuple[str, str, int], dict[int, float]] = {}
        self._tails: dict[str, dict[int, float]] = {}

    def list_shares(self, tried: _Tried) -> list[float]:
        """How probably each of the templates makes it, of people of all names; by number."""
        shares = [0.0] * tried.n
        size, known = len(self._local), self._tails
        for (place, mark), pairs in tried.pairs:
            if (fitting := [pair for pair in pairs if size <= pair[0]]) and (cuts := self._list_cuts(place, mark, 0)):
                for _, number, final in fitting:
                    tails = known.get(final)
                    shares[number] = _join(cuts, self._list_tails(final) if tails is None else tails)
        for number, template in tried.others:
            cut, steps = template.cut, template.steps
            if not cut or size <= cut:
                shares[number] = self._rest(steps, 0, 0, _final(steps[-1][0], is_cut=cut == size))
        return shares

    def _rest(self, steps: tuple[Step, ...], at: int, start: int, final: str) -> float:
        if at == len(steps) - 1:
            return self._list_tails(final).get(start, 0.0)
        cuts = self._list_cuts(*steps[at], start)
        if at == len(steps) - 2:
            return _join(cuts, self._list_tails(final))
        total = 0.0
        for after, share in cuts.items():
            total += share * self._rest(steps, at + 1, after, final)
        return total

    def _list_cuts(self, place: str, mark: str, start: int) -> dict[int, float]:
        """Where the rest may begin after *place* and *mark*, with how probable what is cut off is."""
        key = (place, mark, start)
        if (cuts := self._cuts.get(key)) is not None:
            return cuts
        local = self._local
        if mark:
            # Names have no marks in them here; double names are read by their first half only when nothing else is there.
            end = local.find(mark, start + 1)
            ends = range(end, end + 1) if end > 0 else range(0)
        else:
            least, most = _sizes_of(place)
            ends = range(start + least, min(start + most, len(local) - 1) + 1)
        cuts = self._cuts[key] = self._judge(place, [(end + len(mark), local[start:end]) for end in ends])
        return cuts

    def _list_tails(self, final: str) -> dict[int, float]:
        """Where *final* may begin, being the last, with how probable it is."""
        if (tails := self._tails.get(final)) is not None:
            return tails
        local, size = self._local, len(self._local)
        starts = range(max(0, size - _sizes_of(final)[1]), size)
        tails = self._tails[final] = self._judge(final, [(start, local[start:]) for start in starts])
        return tails

    def _judge(self, place: str, pieces: list[tuple[int, str]]) -> dict[int, float]:
        """How probable each of the *pieces* is at *place*; without those that cannot stand there."""
        if not self._is_plain:
            pieces = [(key, text) for key, text in pieces if text.isalpha() and text.isascii()]
        if place in ("f", "l", "m"):
            kind = "last" if place == "l" else "first"
            return {key: _head(kind, text) for key, text in pieces if len(text) == 1}
        if place == "given-initials":
            return {key: _judge_initials(text) for key, text in pieces}
        names = self._names[_kind_of(place)]
        word, prefix = names.word, names.prefix
        if place[-1] == "+":
            return {key: prefix(text) + word(text) for key, text in pieces}
        most = _sizes_of(place)[1]
        return {
            key: word(text) + prefix(text) if len(text) == most else word(text)
            for key, text in pieces
            if _LEAST_WORD <= len(text) <= most or len(text) == most
        }


def _join(cuts: dict[int, float], tails: dict[int, float]) -> float:
    total = 0.0
    if len(cuts) < len(tails):
        for after, share in cuts.items():
            if after in tails:
                total += share * tails[after]
    else:
        for after, share in tails.items():
            if after in cuts:
                total += cuts[after] * share
    return total


def _judge_initials(text: str) -> float:
    share = _GIVEN_INITIALS.get(len(text), 0.0)
    for letter in text:
        share *= _head("first", letter)
    return share


@lru_cache(64)
def _kind_of(place: str) -> str:
    kind = place.partition(":")[0].rstrip("+")
    return "first" if kind == "middle" else kind


@lru_cache(64)
def _sizes_of(place: str) -> tuple[int, int]:
    """The fewest and the most letters at *place*; a whole name has more than fit."""
    if place in ("f", "l", "m"):
        return 1, 1
    if place == "given-initials":
        return 1, max(_GIVEN_INITIALS)
    if ":" in place:
        return 1, int(place[-1])
    return _LEAST_WORD, _LONGEST + 1


def _final(place: str, *, is_cut: bool) -> str:
    """The last place of a template: of one that was cut, a beginning of the name."""
    return f"{place}+" if is_cut and place in ("first", "last") else place


@lru_cache(64)
def _head(kind: str, letter: str) -> float:
    return load_lexicon("last" if kind == "last" else "first").prefix(letter)
