"""
Which leads does an address ask for, and how is that said in plain words?

The parameters are those of `GET /v2/leads`, so that an address can be saved as a view, sent to a colleague and fetched as a file. A
form that adds a filter sends `field`, `how` and `text`; what comes of it is an address of the same kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args
from urllib.parse import parse_qsl, urlencode

import msgspec

from vizsla.leads.filters import ANY, COLUMNS, NONE, SORTS, Filters
from vizsla.leads.lead import (
    SENDING_STATUSES,
    Attribute,
    LeadsList,
    SyncStatus,
    Tag,
    VerificationStatus,
    clean,
)

Pairs = Sequence[tuple[str, str]]
LABELS = {
    "email": "Email",
    "first_name": "First name",
    "last_name": "Last name",
    "position": "Position",
    "company": "Company",
    "industry": "Industry",
    "company_size": "Company size",
    "website": "Website",
    "country_code": "Country",
    "source": "Source",
    "phone_number": "Phone",
    "linkedin_url": "LinkedIn",
    "twitter": "X (Twitter)",
}
"""Of each filter that looks into a text."""
assert set(LABELS) == set(COLUMNS)
TIMES = {"last_contacted_at": "Last contacted", "last_activity_at": "Last activity"}
STATUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "sending_status": ("Sending", (*SENDING_STATUSES, NONE)),
    "verification_status": ("Verification", get_args(VerificationStatus)),
    "sync_status": ("Sync", get_args(SyncStatus)),
}
_SINGLE = ("leads_list_id", "tag_id", "sync_status", *TIMES, "query", "sort", "order", *COLUMNS)
_LONGEST = 1_000
_MOST_PAIRS = 200


class Chip(msgspec.Struct, frozen=True):
    """One filter in words, and the address without it."""

    text: str
    without: str


class Asked(msgspec.Struct, frozen=True):
    """What an address asks for."""

    filters: Filters
    pairs: Pairs
    """As an address has them, what says nothing left out."""
    sort: str
    rising: bool
    chips: Sequence[Chip]

    @property
    def query(self) -> str:
        """The filters and the order as they stand in an address."""
        return urlencode(self.pairs)

    @property
    def filtering(self) -> str:
        """The filters alone."""
        return urlencode([(name, text) for name, text in self.pairs if name not in ("sort", "order")])

    def value(self, name: str) -> str:
        """The parameter *name*; empty if it is not given."""
        return next((text for known, text in self.pairs if known == name), "")

    def values(self, name: str) -> list[str]:
        """All that is given for *name*."""
        return [text for known, text in self.pairs if known == name]

    def by(self, column: str) -> str:
        """The address of the same, ordered by *column*; the other way round if it is already."""
        falls = self.sort == column and self.rising
        return urlencode([*self._unsorted, ("sort", column), ("order", "desc" if falls else "asc")])

    @property
    def _unsorted(self) -> list[tuple[str, str]]:
        return [pair for pair in self.pairs if pair[0] not in ("sort", "order")]


def pairs_of(query: str) -> Pairs:
    """The parameters of an address; none of one that cannot be read."""
    try:
        return parse_qsl(query, max_num_fields=_MOST_PAIRS)
    except ValueError:
        return []


def add_filters(pairs: Iterable[tuple[str, str]]) -> Pairs | None:
    """*pairs* with what a form adds to them as filters; None if it adds nothing."""
    given = list(pairs)[:_MOST_PAIRS]
    if not any(name == "field" for name, _ in given):
        return None
    kept = [pair for pair in given if pair[0] not in ("field", "how", "text") and pair[1]]
    added = dict(_added(given))
    return [*(pair for pair in kept if pair[0] not in added), *added.items()]


def _added(pairs: Pairs) -> Iterable[tuple[str, str]]:
    columns = [[text for name, text in pairs if name == part] for part in ("field", "how", "text")]
    for field, how, text in zip(*columns, strict=False):
        wanted = {"any": ANY, "empty": NONE}.get(how, text.strip())
        if field and wanted:
            yield field, wanted


def read_filters(
    pairs: Iterable[tuple[str, str]],
    attributes: Sequence[Attribute],
    lists: Mapping[int, LeadsList],
    tags: Mapping[int, Tag],
) -> Asked:
    """
    What *pairs* of an address ask for; what is no filter, or no value of it, is left out.

    *lists* and *tags* are for their names.
    """
    kept: list[tuple[str, str]] = []
    for raw, value in list(pairs)[:_MOST_PAIRS]:
        name = raw.removesuffix("[]")
        text = clean(value[:_LONGEST]) or ""
        if _is_meant(name, text, attributes) and (name, text) not in kept:
            if name in _SINGLE or name.startswith("custom_attributes["):
                kept = [pair for pair in kept if pair[0] != name]
            kept.append((name, text))
    first = dict(reversed(kept))
    sort = _sort(first.get("sort", ""), attributes)
    slugs = {f"custom_attributes[{each.slug}]": each for each in attributes}
    several = {name: tuple(text for known, text in kept if known == name) for name in STATUSES}
    filters = Filters(
        texts={name: first[name] for name in COLUMNS if name in first},
        attributes={slugs[name].id: text for name, text in kept if name in slugs},
        list_id=id_of(first.get("leads_list_id")),
        tag_id=id_of(first.get("tag_id")),
        sync_status=first.get("sync_status"),
        sending_statuses=several["sending_status"],
        verification_statuses=several["verification_status"],
        last_activity_at=first.get("last_activity_at"),
        last_contacted_at=first.get("last_contacted_at"),
        query=first.get("query"),
    )
    chips = [
        Chip(said, urlencode([other for other in kept if other != pair]))
        for pair in kept
        if (said := _say(*pair, slugs, lists, tags))
    ]
    return Asked(filters, kept, sort, "sort" in first and first.get("order") == "asc", chips)


def _is_meant(name: str, text: str, attributes: Sequence[Attribute]) -> bool:
    if not text:
        return False
    if name in ("leads_list_id", "tag_id"):
        return id_of(text) is not None
    if name in TIMES:
        return text in (ANY, NONE)
    if name in STATUSES:
        return text in STATUSES[name][1]
    if name == "sort":
        return text == "id" or _sort(text, attributes) != "id"
    if name == "order":
        return text in ("asc", "desc")
    return name == "query" or name in COLUMNS or any(name == f"custom_attributes[{each.slug}]" for each in attributes)


def id_of(text: str | None) -> int | None:
    """The id that *text* is; None if it can be none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _sort(text: str, attributes: Sequence[Attribute]) -> str:
    """A column of the mirror; `id` for what is none."""
    if text in SORTS or any(text == f"a{each.id}" for each in attributes):
        return text
    return "id"


def _say(
    name: str, text: str, slugs: Mapping[str, Attribute], lists: Mapping[int, LeadsList], tags: Mapping[int, Tag]
) -> str:
    if name == "leads_list_id":
        found = lists.get(int(text))
        return f"In the list {found.name}" if found else "In a list that is gone"
    if name == "tag_id":
        tag = tags.get(int(text))
        return f"Tagged {tag.name}" if tag else "With a tag that is gone"
    if name == "query":
        return f"Name or address contains “{text}”"
    if name in STATUSES:
        label = STATUSES[name][0]
        return f"{label} is empty" if text == NONE else f"{label} is {text.replace('_', ' ')}"
    label = TIMES.get(name) or LABELS.get(name) or (slugs[name].label if name in slugs else "")
    if not label:
        return ""
    if text == ANY:
        return f"{label} has any value"
    return f"{label} is empty" if text == NONE else f"{label} contains “{text}”"
