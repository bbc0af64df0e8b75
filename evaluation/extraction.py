"""
How right is a reader of pages, against the labels?

An address is right if the label has it; a name is right if it is attached to the right address and spelt one of the ways
that the label accepts. Doubtful addresses, and those under the reserved suffixes (RFC 2606: Vizsla reads `.example` on
purpose, its sample lives there), count neither way, for every reader alike.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from evaluation.labels import Address, Page, seal, seal_name

RESERVED = (".example", ".test", ".invalid", ".localhost")


class Read(msgspec.Struct, frozen=True):
    """An address that a reader gave for a page."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    position: str | None = None


class Error(msgspec.Struct, frozen=True):
    """One thing wrong on one page, in as clear a text as this machine has."""

    kind: str
    page: Page
    what: str


class Score(msgspec.Struct):
    """What was right and wrong over some pages."""

    pages: int = 0
    right: int = 0
    false: int = 0
    missed: int = 0
    ignored: int = 0
    names_right: int = 0
    names_false: int = 0
    names_missed: int = 0
    positions_right: int = 0
    positions_false: int = 0
    positions_missed: int = 0
    leaked: int = 0
    """Protected addresses that a reader gave although it was told to leave them alone."""
    failed: int = 0
    """Pages on which the reader gave up: an exception or the time limit."""

    def add(self, other: "Score") -> None:
        for field in self.__struct_fields__:
            setattr(self, field, getattr(self, field) + getattr(other, field))

    @property
    def precision(self) -> float:
        return ratio(self.right, self.right + self.false)

    @property
    def recall(self) -> float:
        return ratio(self.right, self.right + self.missed)

    @property
    def f1(self) -> float:
        return ratio(2 * self.right, 2 * self.right + self.false + self.missed)

    @property
    def name_precision(self) -> float:
        return ratio(self.names_right, self.names_right + self.names_false)

    @property
    def name_recall(self) -> float:
        return ratio(self.names_right, self.names_right + self.names_missed)


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def score_page(page: Page, reads: Iterable[Read], *, decoding: bool = True) -> tuple[Score, list[Error]]:
    """
    How right *reads* are for *page*.

    Without *decoding* a protected address is not missed, and giving it is a leak.
    """
    wanted = {address.email: address for address in page.addresses}
    score, errors, given = Score(pages=1), [], set()
    for read in merge(reads):
        key = seal(page.sha256, read.email)
        address = wanted.get(key)
        given.add(key)
        if address is None and read.email.endswith(RESERVED):
            score.ignored += 1
        elif address is None:
            score.false += 1
            errors.append(Error("false address", page, read.email))
        elif address.doubtful:
            score.ignored += 1
        else:
            score.right += 1
            if address.protected and not decoding:
                score.leaked += 1
                errors.append(Error("leaked", page, read.email))
            _score_name(page, address, read, score, errors)
            _score_position(page, address, read, score)
    for key, address in wanted.items():
        if key in given or address.doubtful or (address.protected and not decoding):
            continue
        score.missed += 1
        errors.append(Error("missed address", page, key))
        if address.names and not address.name_optional:
            score.names_missed += 1
    return score, errors


def _score_name(page: Page, address: Address, read: Read, score: Score, errors: list[Error]) -> None:
    named = bool(read.first_name or read.last_name)
    required = bool(address.names) and not address.name_optional
    spelt = seal_name(page.sha256, read.first_name or "", read.last_name or "")
    if named and spelt in address.names:
        score.names_right += required
    elif named:
        score.names_false += 1
        score.names_missed += required
        errors.append(Error("false name", page, f"{read.email} {read.first_name} / {read.last_name}"))
    elif required:
        score.names_missed += 1
        errors.append(Error("missed name", page, read.email))


def _score_position(page: Page, address: Address, read: Read, score: Score) -> None:
    if read.position and address.position == seal(page.sha256, read.position):
        score.positions_right += 1
        return
    score.positions_false += bool(read.position)
    score.positions_missed += address.position is not None


def merge(reads: Iterable[Read]) -> list[Read]:
    """One entry an address, with the first name and the first position that any sighting gave."""
    merged: dict[str, Read] = {}
    for read in reads:
        email = read.email.lower()
        known = merged.get(email, Read(email))
        named = known if known.first_name or known.last_name else read
        merged[email] = Read(email, named.first_name, named.last_name, known.position or read.position)
    return list(merged.values())


def score_pages(
    pages: Mapping[str, tuple[Page, bytes]],
    reader: Callable[[Page, bytes], Iterable[Read] | None],
    *,
    decoding: bool = True,
) -> tuple[dict[tuple[str, str], Score], list[Error]]:
    """Scores by (family, split) and the errors; a reader that gives None for a page has failed on it."""
    scores: dict[tuple[str, str], Score] = {}
    errors: list[Error] = []
    for page, body in pages.values():
        reads = reader(page, body)
        score, found = score_page(page, reads or (), decoding=decoding)
        score.failed += reads is None
        scores.setdefault((page.family, page.split), Score()).add(score)
        errors.extend(found)
    return scores, errors


def total(scores: Mapping[tuple[str, str], Score], keep: Callable[[tuple[str, str]], bool] = lambda _: True) -> Score:
    whole = Score()
    for key, score in scores.items():
        if keep(key):
            whole.add(score)
    return whole
