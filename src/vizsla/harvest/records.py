"""
What a page said: the values that travel from a page to the index.

An observation is one address seen once on one page. A fact is one thing a page says of its own company.
A sighting is all observations of one address on one page, folded. A visit is that the page was fetched at all: it is what
lets an address be gone from a page.
Times are whole seconds since 1970, UTC (WARC-Date).
"""

from collections.abc import Mapping

import msgspec


class Page(msgspec.Struct, frozen=True):
    """One fetched page: the body with transfer and content encodings taken off, charset not yet applied."""

    uri: str
    fetched_at: int
    body: bytes
    content_type: str = "text/html"
    """The Content-Type header as sent, charset parameter included."""
    headers: Mapping[str, str] = {}
    """Response headers, names in lower case; what technologies are read from."""
    plain: bool = False
    """True for text that never was HTML to us (a WET record): no DOM, text rules only."""


class Observation(msgspec.Struct, frozen=True):
    """One address, read once on one page, with what stood round it."""

    domain: str
    """The mail domain, in lower case, IDNA A-labels."""
    local: str
    """The local part, in lower case."""
    uri: str
    seen_at: int
    how: str
    """text, mailto, meta, obfuscated, entity, script, jsonld, microdata, hcard, cloudflare, typo3, rot13, reversed, joined, hidden."""
    first_name: str | None = None
    last_name: str | None = None
    name_score: int = 0
    """0 no name … 4 structured data says so and the local part agrees. Below 1 no name is kept."""
    position: str | None = None
    """As the page writes it."""
    phone: str | None = None
    """E.164."""
    twitter: str | None = None
    linkedin: str | None = None
    """The handle, not the URL."""
    lang: str | None = None


class Fact(msgspec.Struct, frozen=True):
    """One thing a page says of the company behind its own registrable domain."""

    domain: str
    """The registrable domain of the page."""
    key: str
    """
    A field of the company's profile: organization, legal_name, description, industry, twitter, facebook, linkedin, instagram,
    youtube, technology, country, state, city, postal_code, street, headcount, company_type, linked_domain, phone.
    """
    value: str
    uri: str
    seen_at: int
    weight: int = 1
    """How much one sighting counts in the vote: JSON-LD 3, og: and meta 2, title or link 1."""


class Sighting(msgspec.Struct, frozen=True):
    """
    One address on one page over time: the observations of one (domain, local part, URI), folded.

    The evidence (how, name, position …) is the latest observation's, with a total order for ties, so that folding in any
    order gives the same.
    """

    domain: str
    local: str
    uri: str
    first_seen: int
    last_seen: int
    how: str
    first_name: str | None = None
    last_name: str | None = None
    name_score: int = 0
    position: str | None = None
    phone: str | None = None
    twitter: str | None = None
    linkedin: str | None = None
    lang: str | None = None
    digest: str = ""
    """
    Digest of the body it was last seen in. The address is still on its page when the page's latest visit is not after
    `last_seen`, or has this digest: then it is as good as seen at that visit. Holds in whatever order captures arrive.
    """


class Visit(msgspec.Struct, frozen=True):
    """
    The latest time that a page was fetched, whether it held anything or not.

    An address last seen before the latest visit of its page is gone from it, unless the visit's digest is the sighting's:
    a revisit record says "identical to an earlier capture" and brings no body to find the address in.
    """

    uri: str
    domain: str
    """The registrable domain of the page; empty when its host has none (an IP address, a file)."""
    fetched_at: int
    digest: str
    """
    WARC-Payload-Digest when the record carries one, else its like (`sha1:` and base32) over the body as stored. Equal digests
    of one URI mean equal bodies.
    """


class Extraction(msgspec.Struct):
    """All that one page gave, and what was dropped, counted by reason."""

    observations: list[Observation] = []
    facts: list[Fact] = []
    dropped: dict[str, int] = {}
