"""
Who can be written to at this domain?

The answer's Structs, encoded by msgspec, are the API's `data` to the byte: keys in the order of its reference, the
sources of each address embedded as the index keeps them. Addresses are those at exactly this mail domain: people at
`eu.acme.com` are found under `eu.acme.com`, with the profile of `acme.com`.
"""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Literal

import msgspec

from vizsla.index.addresses import FIELD_BITS
from vizsla.index.company_names import find_domain
from vizsla.index.evidence import clean
from vizsla.index.refresh import FACETS_FROM
from vizsla.index.search import (
    DOMAIN_COLUMNS,
    NO_FILTERS,
    Filters,
    count_addresses,
    find_domain_row,
    list_by_local,
    list_locals,
    list_page,
)
from vizsla.index.titles import MAX_POSITION, fold
from vizsla.kit.clock import DAY, day
from vizsla.kit.domain_name import registrable_domain
from vizsla.kit.mail_hosts import is_disposable, is_webmail
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database, Row

Type = Literal["personal", "generic"]
Seniority = Literal["junior", "senior", "executive"]
Department = Literal[
    "executive", "it", "finance", "management", "sales", "legal", "support",
    "hr", "marketing", "communication", "education", "design", "health", "operations",
]  # fmt: skip
RequiredField = Literal["full_name", "position", "phone_number"]
Status = Literal["valid", "accept_all", "unknown"]
_NONE = msgspec.Raw(b"[]")


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; values are words of the Literals above when they come here."""

    domain: str | None = None
    """As `kit.domain_name.parse_domain` writes it; wins over *company*."""
    company: str | None = None
    limit: int = 10
    offset: int = 0
    type: str | None = None
    seniority: tuple[str, ...] = ()
    department: tuple[str, ...] = ()
    required_field: tuple[str, ...] = ()
    verification_status: tuple[str, ...] = ()
    job_titles: tuple[str, ...] = ()


class Verification(msgspec.Struct, frozen=True):
    """What was found out within the last thirty days; nulls otherwise."""

    date: str | None = None
    status: str | None = None


class FoundEmail(msgspec.Struct, frozen=True):
    """One address."""

    value: str
    type: str
    confidence: int
    sources: msgspec.Raw
    """A JSON array of at most twenty `{domain, uri, extracted_on, last_seen_on, still_on_page}`."""
    first_name: str | None
    last_name: str | None
    position: str | None
    position_raw: str | None
    seniority: str | None
    department: str | None
    linkedin: str | None
    twitter: str | None
    phone_number: str | None
    verification: Verification


class DomainSearchData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of a domain search."""

    domain: str | None
    disposable: bool = False
    webmail: bool = False
    accept_all: bool = False
    pattern: str | None = None
    organization: str | None = None
    description: str | None = None
    industry: str | None = None
    twitter: str | None = None
    facebook: str | None = None
    linkedin: str | None = None
    instagram: str | None = None
    youtube: str | None = None
    technologies: msgspec.Raw = _NONE
    country: str | None = None
    state: str | None = None
    city: str | None = None
    postal_code: str | None = None
    street: str | None = None
    headcount: str | None = None
    company_type: str | None = None
    emails: list[FoundEmail] = []
    linked_domains: msgspec.Raw = _NONE


class SearchResult(msgspec.Struct, frozen=True):
    """The answer: one page of it, and how many addresses there are in all."""

    data: DomainSearchData
    results: int
    domain: str | None
    """The domain that was searched; None if no company of that name is known."""
    is_missed: bool = False
    """Whether nothing at all is known of the domain, though something might be: a crawl could tell."""


VERIFICATION_LASTS = 30 * DAY
_NOT_VERIFIED = Verification()
_day = lru_cache(64)(day)  # of midnights: those of the last thirty days
_PROFILE = ("organization", "description", "industry", "twitter", "facebook", "linkedin", "instagram", "youtube", "country",
            "state", "city", "postal_code", "street", "headcount", "company_type")  # fmt: skip
_AT = {name: at for at, name in enumerate(DOMAIN_COLUMNS)}
_pick_profile = itemgetter(*(_AT[name] for name in _PROFILE))


async def search(index: Database, claims: Claims, query: SearchQuery, *, now: int) -> SearchResult:
    """One page of the addresses at the domain of *query*. What is unknown has an empty answer."""
    domain = query.domain or (await find_domain(index, query.company) if query.company else None)
    if domain is None or claims.is_claimed(domain):
        return SearchResult(DomainSearchData(domain=domain), 0, domain)
    row = await find_domain_row(index, domain)
    profile = await _profile_row(index, claims, domain, row)
    n_emails = row[_AT["n_emails"]] if row else 0
    webmail, disposable = is_webmail(domain), is_disposable(domain)
    emails: list[FoundEmail] = []
    results = 0
    if n_emails and not (webmail or disposable):
        rows, results = await _page(index, claims, domain, query, n_emails=n_emails, now=now)
        verified_since = now - VERIFICATION_LASTS
        emails = [_found(one, domain, verified_since) for one in rows]
    data = DomainSearchData(
        domain=domain,
        disposable=disposable,
        webmail=webmail,
        accept_all=bool(row and row[_AT["accept_all"]]),
        pattern=row[_AT["pattern"]] if row else None,
        technologies=msgspec.Raw(profile[_AT["technologies"]]) if profile else _NONE,
        emails=emails,
        linked_domains=msgspec.Raw(profile[_AT["linked_domains"]]) if profile else _NONE,
        **dict(zip(_PROFILE, _pick_profile(profile), strict=True)) if profile else {},
    )
    return SearchResult(data, results, domain, is_missed=not (row or profile or webmail or disposable))


async def list_found(
    index: Database, claims: Claims, domain: str, locals_: Sequence[str], *, now: int
) -> list[FoundEmail]:
    """What is known of the addresses at *domain* with these local parts; those that *claims* forbid are left out."""
    kept = [local for local in locals_ if not claims.is_address_claimed(domain, local)]
    rows = await list_by_local(index, domain, kept) if kept else []
    return [_found(row, domain, now - VERIFICATION_LASTS) for row in rows]


def filters_of(query: SearchQuery, now: int) -> Filters:
    """What *query* asks of an address."""
    if not (query.type or query.seniority or query.department or query.required_field) and not (
        query.verification_status or query.job_titles
    ):
        return NO_FILTERS
    fields = 0
    for name in query.required_field:
        fields |= FIELD_BITS[name]
    titles = (fold(clean(title, MAX_POSITION)).strip() for title in query.job_titles)
    return Filters(
        type=query.type,
        seniority=query.seniority,
        department=query.department,
        fields=fields,
        verification_status=query.verification_status,
        verified_since=now - VERIFICATION_LASTS,
        titles=tuple(title for title in titles if title),
    )


async def _page(
    index: Database, claims: Claims, domain: str, query: SearchQuery, *, n_emails: int, now: int
) -> tuple[list[Row], int]:
    filters = filters_of(query, now)
    if filters.is_covered or n_emails <= FACETS_FROM:
        total = await count_addresses(index, domain, filters, n_emails=n_emails)
        rows = await list_page(
            index, domain, filters, n_emails=n_emails, total=total, limit=query.limit, offset=query.offset
        )
        # The domain itself is not claimed, or nothing would have been asked.
        if not claims.has_addresses or not any(claims.is_address_claimed(domain, row[0]) for row in rows):
            return rows, total
        # Claimed a moment ago, and not yet forgotten by the index: all must be looked at.
    # Every row of a large domain is read for what no index covers; once, for the number and the page.
    kept = [
        local for local in await list_locals(index, domain, filters) if not claims.is_address_claimed(domain, local)
    ]
    return await list_by_local(index, domain, kept[query.offset : query.offset + query.limit]), len(kept)


async def _profile_row(index: Database, claims: Claims, domain: str, row: Row | None) -> Row | None:
    """The row that holds the company's profile: a host below a company's domain has that one's."""
    owner = registrable_domain(domain)
    if owner is None or owner == domain or claims.is_claimed(owner):
        return row
    return await find_domain_row(index, owner)


def _found(row: Row, domain: str, verified_since: int) -> FoundEmail:
    (local, kind, confidence, sources, first_name, last_name, position, position_raw, seniority, department, linkedin,
     twitter, phone_number, status, verified_at) = row  # fmt: skip
    verification = _NOT_VERIFIED
    if verified_at is not None and verified_at >= verified_since:
        verification = Verification(_day(verified_at - verified_at % DAY), status)
    return FoundEmail(
        f"{local}@{domain}", kind, confidence, msgspec.Raw(sources), first_name, last_name, position, position_raw,
        seniority, department, linkedin, twitter, phone_number, verification,
    )  # fmt: skip
