"""
Who can be written to at this domain?

The answer's Structs, encoded by msgspec, are the API's `data` to the byte: keys in the order of its reference, the
sources of each address embedded as the index keeps them. Addresses are those at exactly this mail domain: people at
`eu.acme.com` are found under `eu.acme.com`, with the profile of `acme.com`.
"""

import msgspec

from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; values are valid when they come here (`index.search` has the words that are)."""

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
    technologies: msgspec.Raw = msgspec.Raw(b"[]")
    country: str | None = None
    state: str | None = None
    city: str | None = None
    postal_code: str | None = None
    street: str | None = None
    headcount: str | None = None
    company_type: str | None = None
    emails: tuple[FoundEmail, ...] = ()
    linked_domains: msgspec.Raw = msgspec.Raw(b"[]")


class SearchResult(msgspec.Struct, frozen=True):
    """The answer: one page of it, and how many addresses there are in all."""

    data: DomainSearchData
    results: int
    domain: str | None
    """The domain that was searched; None if no company of that name is known."""


async def search(index: Database, claims: Claims, query: SearchQuery, *, now: int) -> SearchResult:
    """One page of the addresses at the domain of *query*. What is unknown has an empty answer."""
    raise NotImplementedError
