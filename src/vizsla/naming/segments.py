"""
Which templates could have made an address of which nobody says whose it is?

`jsmith` is an initial and a usual family name, `ada` a usual first name: a local part is cut in all ways that a template
allows, and each cut is as probable as its pieces are names. What no template makes well is a handle, and counts as OTHER.
"""

from functools import lru_cache

from vizsla.naming.lexicon import Lexicon, load_lexicon
from vizsla.naming.model import Clue, kind_of, start_of_kind
from vizsla.naming.prior import Prior, templates_of
from vizsla.naming.templates import Template

NAMELESS_WEIGHT = 1.0
"""What an address without a name is worth beside one with. Its clue says itself how sure it is: 0.8 ranked worse (2026-11)."""
_LONGEST = 40
_LEAST_WORD = 2
_KEPT = 1e-3
"""Templates that are less probable than this, beside the most probable, are left out of the clue."""
_RARE = 1e-3
"""Templates that so few use are not tried on an address without marks, which any of a hundred could have made."""
_SIZES = {"f": 1, "l": 1, "m": 1, "given-initials": 3}
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
    for at, template, without_middle in _tried(reading.marks, kind, prior):
        share = reading.share(template) * _have_names_for(template) if template is not None else 0.0
        if without_middle is not None:
            share = share + absent * reading.share(without_middle)
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


@lru_cache(512)
def _tried(marks: str, kind: str, prior: Prior) -> list[tuple[int, Template | None, Template | None]]:
    """The templates that make an address with just these *marks*: by place, whole and without a middle name."""
    theta = start_of_kind(kind, prior)
    tried = []
    for at, whole in enumerate(templates_of(prior.templates)):
        if theta[at] < _RARE and not marks:
            continue
        forms = (whole, whole.without_middle)
        template, without = (form if form and shape_of(form.steps)[0] == marks else None for form in forms)
        if template or without:
            tried.append((at, template, without))
    return tried


def handle(local: str) -> float:
    """How probable *local* is among the chosen ones."""
    return _HANDLES * _SIGNS_OF_HANDLES ** len(local)


class _Reading:
    """One local part, cut in all ways."""

    def __init__(self, local: str) -> None:
        self._local = local
        self.marks = "".join(sign for sign in local if sign in "._-")
        self._names: dict[str, Lexicon] = {"first": load_lexicon("first"), "last": load_lexicon("last")}
        self._known: dict[tuple[str, int, int], float] = {}
        self._cuts: dict[tuple[str, str, int], list[tuple[int, float]]] = {}

    def share(self, template: Template) -> float:
        """How probably *template*, which sets its marks, makes it, of people of all names."""
        cut, size = template.cut, len(self._local)
        if size > shape_of(template.steps)[1] or (cut and size > cut):
            return 0.0
        final = _final(template.steps[-1][0], is_cut=cut == size)
        return self._rest(template.steps, 0, 0, final)

    def _rest(self, steps: tuple[tuple[str, str], ...], at: int, start: int, final: str) -> float:
        size, piece = len(self._local), self._piece
        if at == len(steps) - 1:
            return piece(final, start, size) if start < size else 0.0
        cuts = self._list_cuts(*steps[at], start)
        total = 0.0
        if at < len(steps) - 2:
            for after, share in cuts:
                total += share * self._rest(steps, at + 1, after, final)
            return total
        for after, share in cuts:
            if after < size:
                total += share * piece(final, after, size)
        return total

    def _list_cuts(self, place: str, mark: str, start: int) -> list[tuple[int, float]]:
        """Where the rest may begin after *place* and *mark*, with how probable what is cut off is."""
        key = (place, mark, start)
        if (cuts := self._cuts.get(key)) is not None:
            return cuts
        if mark:
            # Names have no marks in them here; double names are read by their first half only when nothing else is there.
            end = self._local.find(mark, start + 1)
            ends = range(end, end + 1) if end > 0 else range(0)
        else:
            ends = self._ends(place, start)
        shares = ((end + len(mark), self._piece(place, start, end)) for end in ends)
        cuts = self._cuts[key] = [(after, share) for after, share in shares if share > 0]
        return cuts

    def _ends(self, place: str, start: int) -> range:
        size = len(self._local)
        if place in ("f", "l", "m"):
            return range(start + 1, min(start + 1, size - 1) + 1)
        if place == "given-initials":
            return range(start + 1, min(start + 3, size - 1) + 1)
        if ":" in place:
            return range(start + 1, min(start + int(place[-1]), size - 1) + 1)
        return range(start + _LEAST_WORD, size)

    def _piece(self, place: str, start: int, end: int) -> float:
        key = (place, start, end)
        share = self._known.get(key)
        if share is None:
            text = self._local[start:end]
            share = self._known[key] = self._judge(place, text) if text.isalpha() and text.isascii() else 0.0
        return share

    def _judge(self, place: str, text: str) -> float:
        if place in ("f", "l", "m"):
            return _head("last" if place == "l" else "first", text) if len(text) == 1 else 0.0
        if place == "given-initials":
            share = _GIVEN_INITIALS.get(len(text), 0.0)
            for letter in text:
                share *= _head("first", letter)
            return share
        kind, _, size = place.partition(":")
        names = self._names["first" if kind == "middle" else kind.rstrip("+")]
        if kind.endswith("+"):
            return names.prefix(text) + names.word(text)
        if not size:
            return names.word(text) if len(text) >= _LEAST_WORD else 0.0
        if len(text) < int(size):
            return names.word(text) if len(text) >= _LEAST_WORD else 0.0
        return names.word(text) + names.prefix(text) if len(text) == int(size) else 0.0


def _final(place: str, *, is_cut: bool) -> str:
    """The last place of a template: of one that was cut, a beginning of the name."""
    return f"{place}+" if is_cut and place in ("first", "last") else place


@lru_cache(1_024)
def shape_of(steps: tuple[tuple[str, str], ...]) -> tuple[str, int]:
    """The marks that a template sets, in their order, and the longest that it makes."""
    longest = 0
    for place, mark in steps:
        longest += _SIZES.get(place) or (int(place[-1]) if ":" in place else _LONGEST)
        longest += len(mark)
    return "".join(mark for _, mark in steps), longest


@lru_cache(1_024)
def _have_names_for(template: Template) -> float:
    """The share of people who have the names that *template* wants."""
    return _HAVE_MIDDLE if any(place == "middle" for place, _ in template.steps) else 1.0


@lru_cache(64)
def _head(kind: str, letter: str) -> float:
    return load_lexicon("last" if kind == "last" else "first").prefix(letter)
