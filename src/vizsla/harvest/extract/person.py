"""
Whose address is this: which name, position, phone and accounts stand round it?

Looked for in the address's own line first, then in at most six lines before and five after it, never past a neighbouring
address. A name counts when the local part agrees with it, or when it stands in the form of a mailbox: `Jane Doe <jdoe@…>`,
`jdoe@… (Jane Doe)`, a link whose text it is. Positions, phones and accounts are those of the name's own card.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec

from vizsla.harvest.extract.addresses import Found
from vizsla.harvest.extract.lexicon import NOT_NAMES, PARTICLES, ROLE_LOCALS
from vizsla.harvest.extract.lines import Line
from vizsla.harvest.extract.names import Name, agreement, fold, is_first_name, parse_name
from vizsla.harvest.extract.phones import find_phone
from vizsla.harvest.extract.positions import position_in

LINES_BEFORE = 6
LINES_AFTER = 5
_LOOK_BACK = 160
_RUN = re.compile(r"[^\W\d_][^\s,;:|()<>\[\]{}\"“”/•·–—=*]*(?:[ \xa0][^\W\d_][^\s,;:|()<>\[\]{}\"“”/•·–—=*]*)*")
_SENTENCE = re.compile(r"(?<=\w\w[.!?]) ")
_PARENTHESIS = re.compile(r"\s?\([^()]{0,60}\)\s?$")
_OPEN_BRACKET = re.compile(r"[<(\[]\s?(?:mailto:|e-?mail:?)?\s?$", re.IGNORECASE)
_LEAD = re.compile(r"\s?(?:[,:\-–—|*]|e-?mail|mail|address|at|is|:)+\s?$", re.IGNORECASE)
_TWITTER = re.compile(
    r"(?:https?:)?//(?:www\.|mobile\.)?(?:twitter|x)\.com/(?:#!/)?@?(\w{1,15})/?(?:\?[^/]*)?\Z", re.IGNORECASE
)
_LINKEDIN = re.compile(r"(?:https?:)?//(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/([\w%.\-]{2,100})", re.IGNORECASE)
_NO_HANDLES = frozenset(
    "share intent home search hashtag i login signup privacy about widgets explore settings tos".split()
)
_LIST_HOST = re.compile(
    r"(?:lists?|googlegroups|alioth-lists|sourceforge-lists)\.|(?:^|\.)(?:packages|bugs|tracker)\.", re.IGNORECASE
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "dt"])


class Person(msgspec.Struct):
    """Who an address belongs to, as far as the page says."""

    name: Name | None = None
    score: int = 0
    position: str | None = None
    phone: str | None = None
    twitter: str | None = None
    linkedin: str | None = None


class Candidate(msgspec.Struct, gc=False):
    name: Name
    score: int
    line: int
    adjacent: bool = False
    """Whether it stands in the form of a mailbox, so that the page itself says whose address it is."""


class Neighbourhood(msgspec.Struct):
    """The lines in which the person of one address may be looked for."""

    lines: Sequence[Line]
    line: int
    found: Found
    first: int
    last: int
    """Numbers of the outermost lines, both included."""
    after: int
    """Where in the own line the address before ends."""
    before: int
    """Where in the own line the next address begins."""


def find_person(place: Neighbourhood, runs: Callable[[int], list[Name]], region: str | None) -> Person:
    """The person of the address at *place*; *runs* gives the names that a line could hold, *region* where phones are read."""
    role = is_role(place.found.local)
    best = None if role and place.found.local in ROLE_LOCALS else _best_name(place, runs, role=role)
    if best is None:
        phone = find_phone(place.lines[max(place.first, place.line - 2) : min(place.last, place.line + 3) + 1], region)
        return Person(phone=phone)
    first, last = _card(place, best, runs)
    cards = place.lines[first : last + 1]
    twitter, linkedin = _handles(cards)
    if twitter and _is_company_account(twitter, best.name, place.found):
        twitter = None
    return Person(
        best.name, best.score, _position(place, best, first, last), find_phone(cards, region), twitter, linkedin
    )


def find_adjacent_person(place: Neighbourhood) -> Person:
    """The person in the form of a mailbox alone: what is still looked for on pages with very many addresses."""
    if is_role(place.found.local):
        return Person()
    best = max(_in_own_line(place), key=_rank, default=None)
    return Person(best.name, best.score) if best is not None and best.score else Person()


def is_mailbox_form(text: str, found: Found) -> bool:
    """Whether the address stands in brackets or is followed by some."""
    return text[max(0, found.start - 1) : found.start] == "<" or text[found.end : found.end + 2] == " ("


def names_in(line: Line) -> list[Name]:
    """Every two to four words of *line* that could be a name, and single first names that stand alone."""
    text = line.text
    if len(text) > 400:
        text = text[:200] + " | " + text[-200:]
        cuts: Sequence[int] = ()
    else:
        cuts = line.cuts
    names: dict[Name, None] = {}
    for piece in _split_at(text, cuts):
        for run in _RUN.finditer(piece):
            for name in _names_of_run(run[0].split()):
                names[name] = None
        if "," in piece and len(piece) < 50 and (turned := parse_name(piece)):
            names[turned] = None
        if len(names) > 40:
            break
    return list(names)


def is_role(local: str) -> bool:
    """Whether *local* is a function rather than a person."""
    return local in ROLE_LOCALS or not ROLE_LOCALS.isdisjoint(re.split(r"[._+\-\d]+", local))


def _best_name(place: Neighbourhood, runs: Callable[[int], list[Name]], *, role: bool) -> Candidate | None:
    candidates = _in_own_line(place)
    best = max(candidates, key=_rank, default=None)
    if best is None or best.score < 2:
        for distance in range(1, LINES_BEFORE + 1):
            for number in (place.line - distance, place.line + distance):
                if not place.first <= number <= place.last or (distance > LINES_AFTER and number > place.line):
                    continue
                for name in runs(number):
                    score = _score_apart(name, place.found, distance)
                    if score and (
                        best is None
                        or score > best.score
                        or (score == best.score and _length(name) > _length(best.name) and best.line == number)
                    ):
                        best = Candidate(name, score, number)
            if best is not None and best.score == 3:
                break
    if best is None or (best.score < 3 and (role or _LIST_HOST.search(place.found.domain))):
        return None
    return best


def _in_own_line(place: Neighbourhood) -> list[Candidate]:
    line, found = place.lines[place.line], place.found
    text = line.text
    listed = bool(_LIST_HOST.search(found.domain))
    candidates: list[Candidate] = []
    own = text[found.start : found.end]
    if own and "@" not in own and found.how in ("mailto", "entity", "typo3", "cloudflare", "rot13") and len(own) < 100:
        _consider(candidates, own, place, adjacent=not listed, whole=True)
    before = text[max(place.after, found.start - _LOOK_BACK) : found.start]
    if before:
        bracket = _OPEN_BRACKET.search(before)
        piece = before[: bracket.start()] if bracket else _LEAD.sub("", before)
        piece = _PARENTHESIS.sub("", piece.rstrip(" \"'*,")).rstrip(" \"'*,-–:")
        close = _close_piece(piece, line, max(found.start - _LOOK_BACK, place.after))
        _consider(candidates, close, place, adjacent=bool(bracket) and not listed, whole=False)
        if not candidates or candidates[-1].score < 2:
            offset = found.start - len(before)
            for part in _split_at(before, [cut - offset for cut in line.cuts_between(offset, found.start)]):
                for run in _RUN.finditer(part):
                    for name in _names_of_run(run[0].split()):
                        _append(candidates, name, _score_apart(name, found, 0), place.line)
    after = text[found.end : min(place.before, found.end + 100)]
    if after:
        if after[:1] in ">])":
            after = after[1:]
        stripped = after.lstrip()
        if stripped[:1] in ("(", "[") and (end := stripped.find(")" if stripped[0] == "(" else "]")) > 0:
            _consider(candidates, stripped[1:end], place, adjacent=not listed, whole=True)
        elif not candidates:
            for run in _RUN.finditer(after):
                for name in _names_of_run(run[0].split()):
                    _append(candidates, name, _score_apart(name, found, 0), place.line)
    return candidates


def _consider(candidates: list[Candidate], piece: str, place: Neighbourhood, *, adjacent: bool, whole: bool) -> None:
    """Add the name that *piece* is, or that it ends with unless *whole*."""
    local = place.found.local
    name = parse_name(piece, lower=True) if len(piece) < 80 else None
    if name is None and not whole:
        words = _trailing(piece.split())
        names = [parsed for size in range(len(words), 0, -1) if (parsed := parse_name(" ".join(words[-size:])))]
        name = max(names, key=lambda each: (agreement(each, local), _length(each)), default=None)
    if name is None:
        return
    score = agreement(name, local) or _own_domain(name, place.found)
    if not piece[:1].isupper() and score < 2 and not any(word[0].isupper() for word in piece.split()):
        return
    if not name.last:
        # A first name alone is a person's when it is the local part itself.
        score = score if is_first_name(name.first) else 0
    elif score == 0 and adjacent:
        score = 1
    elif score == 1 and not adjacent and not is_first_name(name.first):
        score = 0
    if score:
        candidates.append(Candidate(name, score, place.line, adjacent))


def _append(candidates: list[Candidate], name: Name, score: int, line: int) -> None:
    if score:
        candidates.append(Candidate(name, score, line))


def _score_apart(name: Name, found: Found, distance: int) -> int:
    """The agreement of a name that stands somewhere round the address, 0 where chance explains it as well."""
    score = agreement(name, found.local) or _own_domain(name, found)
    if score == 3:
        return score
    if not score:
        return 1 if distance == 0 and _is_initials(name, found.local) and is_first_name(name.first) else 0
    if not is_first_name(name.first):
        # No lexicon has all first names: one that is the whole local part will do close by, unless it is the company's.
        company = found.domain.split(".")[-2]
        if (
            distance <= 1
            and score == 2
            and found.local == fold(name.first)
            and len(found.local) > 4
            and name.last
            and not company.startswith((found.local, fold(name.last)))
        ):
            return score
        return score if score == 2 and distance <= 2 and _is_initial_form(name, found.local) else 0
    if score == 1 and distance > 3:
        return 0
    return score


def _is_initials(name: Name, local: str) -> bool:
    return bool(name.last) and local == fold(name.first)[:1] + fold(name.last)[:1]


def _is_initial_form(name: Name, local: str) -> bool:
    firsts, lasts = name.forms()
    flat = re.sub(r"[^a-z]", "", local)
    return len(flat) > 4 and flat not in firsts and flat not in lasts


def _own_domain(name: Name, found: Found) -> int:
    """2 for `me@janedoe.org`: a domain that is the whole name is its owner's. Two surnames are a firm's (`@hargreave-lowe.com`)."""
    label = found.domain.split(".")[-2]
    return 2 if len(label) > 6 and is_first_name(name.first) and agreement(name, label) == 3 else 0


def _rank(candidate: Candidate) -> tuple[int, bool, int]:
    return candidate.score, candidate.adjacent, _length(candidate.name)


def _length(name: Name) -> int:
    return len(name.first) + len(name.last) + sum(map(len, name.middle))


def _close_piece(before: str, line: Line, offset: int) -> str:
    """The end of *before* that no delimiter and no other element parts from the address."""
    start = 0
    for mark in ("|", ":", ";", "•", "·", " - ", "–", "—", ")", "]", ">", "\t"):
        start = max(start, before.rfind(mark) + len(mark) if mark in before else 0)
    for sentence in _SENTENCE.finditer(before):
        start = max(start, sentence.end())
    for cut in reversed(line.cuts):
        place = cut - offset
        if place <= start:
            break
        if place < len(before) and before[place:].strip() and len(before[place:].split()) > 1:
            start = place
            break
    piece = before[start:].strip()
    comma = piece.rfind(",")
    if comma > 0:
        tail = piece[comma + 1 :].strip()
        whole = parse_name(piece)
        family = _trailing(piece[:comma].split())
        if whole is None and len(family) == 1 and len(family[0]) > 2 and family[0].isupper():
            return f"{family[0]}, {tail}"
        piece = piece if whole is not None and len(piece) < 50 and piece.count(",") == 1 else tail
    return piece


def _trailing(words: list[str]) -> list[str]:
    start = len(words)
    while start and len(words) - start < 5:
        word = words[start - 1].strip("\"'“”*")
        if not word or not ((word[0].isupper() and word.rstrip(".,").lower() not in NOT_NAMES) or word in PARTICLES):
            break
        start -= 1
    while start < len(words) and words[start] in PARTICLES:
        start += 1
    return words[start:]


def _split_at(text: str, cuts: Sequence[int]) -> list[str]:
    if not cuts:
        return [text]
    places = [0, *(cut for cut in cuts if 0 < cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places) if end > start]
    # `Jane <b>Doe</b>` is one name in two elements, `<b>Jane Doe</b><i>Manager</i>` is two things.
    glued = any(not text[place - 1].isspace() and not text[place].isspace() for place in places[1:-1])
    return [*pieces, text] if len(pieces) > 1 and len(text) < 60 and not glued else pieces


def _names_of_run(words: list[str]) -> list[Name]:
    names: list[Name] = []
    fits = [word[0].isupper() and word.rstrip(".'’").lower() not in NOT_NAMES for word in words]
    start = 0
    while True in fits[start:]:
        start = fits.index(True, start)
        end = start + 1
        while end < len(words) and end - start < 6 and (fits[end] or words[end] in PARTICLES):
            end += 1
        if end - start == 1:
            if len(words) <= 3 and is_first_name(words[start]) and (name := parse_name(words[start])):
                names.append(name)
        else:
            names.extend(_names_within(words[start:end]))
        start = end
    return names


def _names_within(words: list[str]) -> Iterator[Name]:
    for size in range(2, min(5, len(words)) + 1):
        for first in range(len(words) - size + 1):
            part = words[first : first + size]
            if part[0] not in PARTICLES and part[-1] not in PARTICLES and (name := parse_name(" ".join(part))):
                yield name


def _card(place: Neighbourhood, best: Candidate, runs: Callable[[int], list[Name]]) -> tuple[int, int]:
    """The lines of the person's own card: from the name to the next person's."""
    first = min(best.line, place.line)
    last = max(best.line, place.line)
    while last < place.last:
        line = place.lines[last + 1]
        if line.tag in _HEADINGS or any(
            name.last and is_first_name(name.first) and name != best.name for name in runs(last + 1)
        ):
            break
        last += 1
    return first, last


def _position(place: Neighbourhood, best: Candidate, first: int, last: int) -> str | None:
    for number in sorted(
        range(first, min(last, best.line + 4) + 1), key=lambda each: (each < best.line, abs(each - best.line))
    ):
        line = place.lines[number]
        if len(line.text) > 300:
            continue
        for piece in _split_at(line.text, line.cuts)[: 1 if not line.cuts else None]:
            if (position := position_in(piece, best.name)) is not None:
                return position
    return None


def _is_company_account(handle: str, name: Name, found: Found) -> bool:
    # The last card of a page ends in its footer, where the company's own accounts are linked.
    label = found.domain.split(".")[-2].replace("-", "")
    return handle.lower().replace("_", "") == label and not agreement(name, handle.lower())


def _handles(cards: Sequence[Line]) -> tuple[str | None, str | None]:
    twitter = linkedin = None
    for line in cards:
        for link in line.links:
            href = link.href
            if len(href) > 300:
                continue
            if twitter is None and (match := _TWITTER.match(href)) and match[1].lower() not in _NO_HANDLES:
                twitter = match[1]
            if linkedin is None and (match := _LINKEDIN.match(href)):
                linkedin = match[1]
    return twitter, linkedin
