"""
What does one page say?

The order of a page's life here: its charset, the places where an address may stand, the windows of markup and the scripts
round them, the addresses in those, the people round the addresses. The rest of the page is never decoded.
"""

import html as entities
import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from itertools import islice
from urllib.parse import urlsplit

import msgspec

from vizsla.harvest.extract import profile
from vizsla.harvest.extract.addresses import Found, check, find_in_lines
from vizsla.harvest.extract.charset import as_ascii_superset, charset_of, decode
from vizsla.harvest.extract.gate import MAX_SPOTS, find_spots
from vizsla.harvest.extract.jsonld import parse_jsonld
from vizsla.harvest.extract.lines import Line, Text, read_plain
from vizsla.harvest.extract.markup import read_lines
from vizsla.harvest.extract.names import Name, agreement, parse_name
from vizsla.harvest.extract.person import (
    Neighbourhood,
    Person,
    find_adjacent_person,
    find_person,
    is_mailbox_form,
    is_role,
    names_in,
)
from vizsla.harvest.extract.phones import parse_phone, region_of
from vizsla.harvest.extract.regions import Marks, Region, cut_windows, find_marks, find_noindex, split_spots
from vizsla.harvest.extract.script_state import AROUND, read_script
from vizsla.harvest.extract.structured import Stated, people_in_jsonld, stated_in_jsonld, stated_in_scopes
from vizsla.harvest.records import Extraction, Fact, Observation, Page

MAX_BYTES = 4 * 1024 * 1024
"""Of a page; the rest is not read and counted. Real pages over it are data, not prose."""
MAX_PEOPLE = 300
"""Addresses of a page whose people are looked for all around; for the others, in the form of a mailbox alone."""
MAX_PLACES = 10_500
"""Addresses in the lines of a page, one that is there again counted again: ten thousand, and a footer's."""
MAX_SCRIPTS = 500
MAX_SCRIPT_SPOTS = 10_000
MAX_STATED = 1_000
MAX_REPEATS = 5
"""How often one address is looked at; a footer is the same on each of the hundred cards of a page."""
_LANG = re.compile(
    rb"<html[^>]{0,400}?\slang\s{0,3}=\s{0,3}[\"']?([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})?)", re.IGNORECASE
)
_ROBOTS = re.compile(rb"<meta\s[^>]*?name\s{0,3}=\s{0,3}[\"']?robots\b", re.IGNORECASE)
_AUTHOR = re.compile(
    rb"<meta\s[^>]*?(?:name|property)\s{0,3}=\s{0,3}[\"']?[\w.:-]{0,20}author[\"']?\s[^>]{0,100}?content\s{0,3}=\s{0,3}(?:\"([^\">]{3,90})\"|'([^'>]{3,90})')",
    re.IGNORECASE,
)
MAX_HEAD = 100_000
_SURE = {"jsonld": 5, "microdata": 4, "hcard": 4, "mailto": 3, "text": 2, "joined": 1}


def extract(page: Page, spots: list[int] | None = None, *, decode_protected: bool = False) -> Extraction:
    """
    The observations and facts of *page*. Never raises for what a page contains; what is refused is counted by reason.

    *spots* are those that `find_spots` found in the body with the same *decode_protected*, if it has been asked.
    With *decode_protected*, addresses that the site hid on purpose are read too, and `how` says so.
    """
    dropped: Counter[str] = Counter()
    body = page.body
    if len(body) > MAX_BYTES:
        dropped["page_cut_at_limit"] += 1
        body = body[:MAX_BYTES]
    charset = charset_of(body, page.content_type)
    body, charset = as_ascii_superset(body, charset)
    if spots is None or body is not page.body:
        spots = find_spots(body, decode_protected=decode_protected)
    reader = _PageReader(page, body, charset, dropped, decode_protected)
    if page.plain:
        reader.read_plain(spots)
        return reader.result([])
    reader.read_html(spots)
    is_asked = profile.is_profile_path(page.uri) and not reader.is_noindex
    return reader.result(profile.extract_facts(page, decode(body, charset), body) if is_asked else [])


class _Seen(msgspec.Struct):
    how: str
    person: Person


class _PageReader:
    def __init__(self, page: Page, body: bytes, charset: str, dropped: Counter[str], decode_protected: bool) -> None:
        self._page = page
        self._body = body
        self._charset = charset
        self._dropped = dropped
        self._decode_protected = decode_protected
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._people = 0
        self._script_spots = self._places = 0
        self._looks: dict[tuple[str, str], int] = {}
        lang = None if page.plain else _LANG.search(body[:4_096])
        self._lang = lang[1].decode("ascii").lower().replace("_", "-") if lang else None
        self._host = _host_of(page.uri)

    def read_plain(self, spots: list[int]) -> None:
        for window in cut_windows(self._body, spots, Marks([], [])):
            self._read_text(read_plain(decode(self._body[window.start : window.end], self._charset)))

    def read_html(self, spots: list[int]) -> None:
        body = self._body
        if not spots:
            return
        self._count_cut("too_many_places", len(spots) >= MAX_SPOTS)
        if self.is_noindex:
            self._dropped["noindex"] += 1
            return
        marks = self._marks
        outside, inside = split_spots(spots, marks.regions)
        self._count_cut("too_many_scripts", len(inside) > MAX_SCRIPTS)
        for region, places in islice(inside.items(), MAX_SCRIPTS):
            if region.kind == "<script":
                self._read_script(region, places)
            else:
                self._dropped["in_comment_or_style"] += 1
        for window in cut_windows(body, outside, marks):
            html = decode(body[window.start : window.end], self._charset)
            self._read_text(read_lines(html, in_pre=window.in_pre, decode_protected=self._decode_protected))

    @cached_property
    def is_noindex(self) -> bool:
        """Whether the site asks that nothing of this page be kept."""
        return _is_noindex(self._page, self._body)

    @cached_property
    def _marks(self) -> Marks:
        return find_marks(self._body)

    def result(self, facts: list[Fact]) -> Extraction:
        page = self._page
        self._ask_authors()
        observations = []
        for (domain, local), seen in self._seen.items():
            person = seen.person
            name = person.name
            observations.append(
                Observation(
                    domain=domain,
                    local=local,
                    uri=page.uri,
                    seen_at=page.fetched_at,
                    how=seen.how,
                    first_name=name.first if name else None,
                    last_name=(name.last or None) if name else None,
                    name_score=person.score,
                    position=person.position,
                    phone=person.phone,
                    twitter=person.twitter,
                    linkedin=person.linkedin,
                    lang=self._lang,
                )
            )
        return Extraction(observations, facts, dict(self._dropped))

    def _ask_authors(self) -> None:
        """Give addresses without a name that of an author of the page, if they are made of it: it often stands far away, in the head."""
        nameless = [
            (local, seen) for (_, local), seen in self._seen.items() if seen.person.name is None and not is_role(local)
        ]
        if not nameless or self._page.plain:
            return
        authors = self._authors()
        for local, seen in nameless[:MAX_PEOPLE]:
            author = max(authors, key=lambda name: agreement(name, local), default=None)
            if author is not None and (score := agreement(author, local)) > 1:
                seen.person.name, seen.person.score = author, score

    def _authors(self) -> list[Name]:
        body = self._body
        authors: list[Name] = []
        at = body.find(b"uthor", 0, MAX_HEAD)
        for _ in range(10):
            if at < 0:
                break
            tag = body[body.rfind(b"<", max(0, at - 100), at) : body.find(b">", at, at + 300)]
            stated = _AUTHOR.match(tag)
            if (
                stated
                and (name := parse_name(entities.unescape(decode(stated[1] or stated[2], self._charset))))
                and name.last
            ):
                authors.append(name)
            at = body.find(b"uthor", at + 5, MAX_HEAD)
        for region in self._marks.regions:
            if region.kind == "<script" and len(authors) < 20:
                authors.extend(people_in_jsonld(self._read_jsonld(region)))
        return authors

    def _read_script(self, region: Region, places: list[int]) -> None:
        body = self._body
        owners = MAX_PEOPLE - self._people
        if nodes := self._read_jsonld(region):
            # What a name beside an address means, the types have said: an Organization's is no person's.
            owners = 0
            everyone = stated_in_jsonld(nodes)
            self._count_cut("too_many_items", len(everyone) > MAX_STATED)
            for stated in everyone[:MAX_STATED]:
                self._add_stated(stated)
        inside = body.find(b">", region.start, region.end) + 1
        left = MAX_SCRIPT_SPOTS - self._script_spots
        self._count_cut("too_many_places", len(places) > left)
        places = places[:left]
        self._script_spots += len(places)
        at = 0
        while at < len(places):
            start, end = max(inside, places[at] - AROUND), places[at] + AROUND
            while at < len(places) and places[at] - AROUND <= end:
                end = min(region.end, places[at] + AROUND)
                at += 1
            for one in read_script(
                decode(body[start:end], self._charset),
                self._dropped,
                decode_protected=self._decode_protected,
                owners=owners,
            ):
                owners -= 1
                self._people += 1
                phone = parse_phone(one.phone[:60], self._region()) if one.phone else None
                self._add(one.found, Person(one.name, one.score, one.position, phone, one.twitter))

    def _read_jsonld(self, region: Region) -> list[dict[str, object]]:
        body = self._body
        if b"ld+json" not in body[region.start : region.start + 300]:
            return []
        return parse_jsonld(decode(body[region.start : region.end], self._charset) + "</script>")

    def _read_text(self, text: Text) -> None:
        if text.protected:
            self._dropped["protected"] += text.protected
        if text.placeholders:
            self._dropped["placeholder"] += text.placeholders
        self._count_cut("too_many_items", len(text.scopes) > MAX_STATED)
        for stated in stated_in_scopes(text.scopes[:MAX_STATED]):
            self._add_stated(stated)
        lines = text.lines
        places = list(islice(find_in_lines(lines, self._dropped), MAX_PLACES - self._places))
        self._places += len(places)
        self._count_cut("too_many_places", self._places >= MAX_PLACES)
        names: dict[int, list[Name]] = {}

        def runs(number: int) -> list[Name]:
            if number not in names:
                names[number] = names_in(lines[number])
            return names[number]

        previous: Person | None = None
        for order, (_, found) in enumerate(places):
            mailbox = (found.domain, found.local)
            self._looks[mailbox] = looks = self._looks.get(mailbox, 0) + 1
            if looks > MAX_REPEATS:
                continue
            if found.how in ("cloudflare", "typo3", "rot13", "reversed", "hidden") and not self._decode_protected:
                self._dropped["protected"] += 1
                continue
            person = self._find_person(lines, places, order, runs)
            if (
                person.name is None
                and previous is not None
                and previous.name is not None
                and (score := agreement(previous.name, found.local)) > 1
            ):
                # One person, two addresses, one below the other.
                person = msgspec.structs.replace(previous, score=score)
            previous = person
            self._add(found, person)

    def _find_person(
        self, lines: list[Line], places: list[tuple[int, Found]], order: int, runs: Callable[[int], list[Name]]
    ) -> Person:
        number, found = places[order]
        if self._people >= MAX_PEOPLE and not is_mailbox_form(lines[number].text, found):
            return Person()
        place = Neighbourhood(
            lines, number, found, max(0, number - 6), min(len(lines) - 1, number + 5), 0, len(lines[number].text)
        )
        mailbox = (found.domain, found.local)
        for other, neighbour in reversed(places[max(0, order - 4) : order]):
            if (neighbour.domain, neighbour.local) != mailbox:
                if other == number:
                    place.after, place.first = min(neighbour.end, found.start), number
                else:
                    place.first = max(place.first, other + 1)
                break
        for other, neighbour in places[order + 1 : order + 5]:
            if (neighbour.domain, neighbour.local) != mailbox:
                if other == number:
                    place.before, place.last = max(neighbour.start, found.end), number
                else:
                    place.last = min(place.last, other - 1)
                break
        if self._people >= MAX_PEOPLE:
            return find_adjacent_person(place)
        self._people += 1
        return find_person(place, runs, self._region())

    def _add_stated(self, stated: Stated) -> None:
        local, _, host = stated.email.rpartition("@")
        address = check(local, host, self._dropped)
        if address is None:
            return
        score = 0
        if stated.name is not None:
            score = 4 if agreement(stated.name, address[1]) else 2
        phone = parse_phone(stated.phone, self._region()) if stated.phone and len(stated.phone) < 60 else None
        person = Person(stated.name, score, stated.position, phone, stated.twitter, stated.linkedin)
        self._add(Found(*address, 0, 0, stated.how), person)

    def _add(self, found: Found, person: Person) -> None:
        mailbox = (found.domain, found.local)
        seen = self._seen.get(mailbox)
        if seen is None:
            self._seen[mailbox] = _Seen(found.how, person)
            return
        if _SURE.get(found.how, 0) > _SURE.get(seen.how, 0):
            seen.how = found.how
        better, other = (person, seen.person) if person.score > seen.person.score else (seen.person, person)
        for field in ("position", "phone", "twitter", "linkedin"):
            if getattr(better, field) is None and (better.name == other.name or other.name is None):
                setattr(better, field, getattr(other, field))
        seen.person = better

    def _region(self) -> str | None:
        return region_of(self._host, self._lang)

    def _count_cut(self, reason: str, is_cut: bool) -> None:
        """Say once for the page that there was more on it than is read."""
        if is_cut:
            self._dropped[reason] = 1


def _host_of(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def _is_noindex(page: Page, body: bytes) -> bool:
    header = page.headers.get("x-robots-tag", "").lower()
    if header and not {"noindex", "none"}.isdisjoint(word.strip() for word in header.split(",")):
        return True
    for place in find_noindex(body):
        tag = body[body.rfind(b"<", max(0, place - 300), place) : body.find(b">", place, place + 300)]
        if _ROBOTS.match(tag):
            return True
    return False
