"""
What is served of an address, given all its sightings?

A function of the truth and of the day, so that rows made anew are the same rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from vizsla.index.classify import department_of_role, infer_type
from vizsla.index.confidence import Source, certainty, confidence
from vizsla.index.evidence import Evidence
from vizsla.index.titles import fold, infer_department, infer_seniority, normalise_position
from vizsla.kit.clock import day
from vizsla.kit.domain_name import registrable_domain
from vizsla.naming.gibberish import is_gibberish

FULL_NAME, POSITION, PHONE_NUMBER = 1, 2, 4
"""Bits of `fields`: what an address has, and what `required_field` asks for."""
FIELD_BITS = {"full_name": FULL_NAME, "position": POSITION, "phone_number": PHONE_NUMBER}
MAX_SOURCES = 20
MOST_SIGHTINGS = 200
"""Sightings of one address that are looked at, newest first: `noreply@` may be on a million pages."""
_MOST_COUNTED = 999_999


class Seen(msgspec.Struct, frozen=True):
    """One page that shows, or showed, the address."""

    uri: str
    first_seen: int
    last_seen: int
    """The last time it was there: in what was read, or in a body known to be the same."""
    still_on_page: bool
    evidence: Evidence


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `email`, but for the verification, and for what its domain's habits say (`index.habits`)."""

    domain: str
    local: str
    rank: int
    type: str
    seniority: str | None
    department: str | None
    fields: int
    confidence: int
    certainty: float
    n_sources: int
    first_seen: int
    last_seen: int
    first_name: str | None
    last_name: str | None
    position: str | None
    position_raw: str | None
    position_folded: str | None
    phone_number: str | None
    twitter: str | None
    linkedin: str | None
    sources: str


class _ShownSource(msgspec.Struct, frozen=True):
    """A source as the API shows it."""

    domain: str
    uri: str
    extracted_on: str
    last_seen_on: str
    still_on_page: bool


def rank(confidence: int, n_sources: int) -> int:
    """One number that sorts by confidence, then by the number of sources, both descending."""
    return (100 - confidence) * (_MOST_COUNTED + 1) + _MOST_COUNTED - min(n_sources, _MOST_COUNTED)


def infer_address(
    domain: str,
    local: str,
    seen: Sequence[Seen],
    *,
    n_sources: int,
    first_seen: int,
    status: str | None,
    verified_at: int | None,
    today: int,
) -> Address:
    """The row of *local*@*domain*. *seen* holds the newest of its *n_sources* sightings, at least one."""
    first_name, last_name = _name(seen)
    kind = infer_type(local, domain, first_name, last_name)
    if kind == "generic":
        # Whoever stands beside info@ reads it this year; the mailbox is not theirs.
        first_name = last_name = None
    # What is said of a person is taken from pages that name nobody else.
    theirs = [
        one for one in seen if not one.evidence.last_name or (one.evidence.first_name, one.evidence.last_name) == (first_name, last_name)
    ]  # fmt: skip
    position_raw = _newest((one, one.evidence.position) for one in theirs) if kind == "personal" else None
    position = normalise_position(position_raw) if position_raw else None
    phone = _newest((one, one.evidence.phone) for one in theirs)
    certain = certainty(
        (_witness(one, domain) for one in seen),
        status=status,
        verified_at=verified_at,
        today=today,
        is_gibberish=not last_name and is_gibberish(local),
    )
    percent = confidence(certain)
    return Address(
        domain=domain,
        local=local,
        rank=rank(percent, n_sources),
        type=kind,
        seniority=infer_seniority(position) if position else None,
        department=department_of_role(local) if kind == "generic" else infer_department(position) if position else None,
        fields=(
            (FULL_NAME if first_name and last_name else 0)
            | (POSITION if position else 0)
            | (PHONE_NUMBER if phone else 0)
        ),
        confidence=percent,
        certainty=certain,
        n_sources=n_sources,
        first_seen=first_seen,
        last_seen=max(one.last_seen for one in seen),
        first_name=first_name,
        last_name=last_name,
        position=position,
        position_raw=position_raw if position else None,
        position_folded=fold(position) if position else None,
        phone_number=phone,
        twitter=_newest((one, one.evidence.twitter) for one in theirs) if kind == "personal" else None,
        linkedin=_newest((one, one.evidence.linkedin) for one in theirs) if kind == "personal" else None,
        sources=_shown(seen),
    )


@lru_cache(4_096)
def host_of(uri: str) -> str:
    """The host that *uri* names, without `www.`; empty if it names none."""
    try:
        return (urlsplit(uri).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _witness(one: Seen, domain: str) -> Source:
    host = host_of(one.uri)
    owner = registrable_domain(host) or host
    is_own = owner == (registrable_domain(domain) or domain)
    return Source(owner, is_own, one.evidence.how, one.last_seen, one.still_on_page)


def _name(seen: Iterable[Seen]) -> tuple[str | None, str | None]:
    """The name said with the most certainty, then by the most pages, then last."""
    votes: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in seen:
        evidence = one.evidence
        if evidence.name_score > 0 and (evidence.first_name or evidence.last_name):
            vote = votes[evidence.first_name or "", evidence.last_name or ""]
            vote[0] = max(vote[0], evidence.name_score)
            vote[1] += 1
            vote[2] = max(vote[2], one.last_seen)
    if not votes:
        return None, None
    first, last = max(votes, key=lambda name: (votes[name], name))
    return first or None, last or None


def _newest(values: Iterable[tuple[Seen, str | None]]) -> str | None:
    """The value seen last; of those seen at one moment, the last in the alphabet."""
    return max(((one.last_seen, value) for one, value in values if value), default=(0, None))[1]


def _shown(seen: Iterable[Seen]) -> str:
    newest = sorted(seen, key=lambda one: (-one.last_seen, one.uri))[:MAX_SOURCES]
    shown = [
        _ShownSource(host_of(one.uri), one.uri, day(one.first_seen), day(one.last_seen), one.still_on_page)
        for one in newest
    ]
    return msgspec.json.encode(shown).decode()
