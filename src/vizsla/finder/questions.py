"""
Who is asked about, and when are two questions the same?

What a caller sends becomes a query, or a reason why it is none; and a query, with the domain that was searched, becomes the
hash under which it is counted.
"""

from hashlib import blake2b
from typing import Protocol

import msgspec

from vizsla.finder.domain_search import SearchQuery
from vizsla.finder.finding import FinderQuery
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import WrongParams
from vizsla.naming.names import PersonName, parse_name, parse_parts
from vizsla.privacy.claims import Claims

_encode = msgspec.json.Encoder().encode


class Sent(Protocol):
    """What names a person and a place."""

    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def full_name(self) -> str | None: ...
    @property
    def domain(self) -> str | None: ...
    @property
    def company(self) -> str | None: ...


def read_query(sent: Sent, *, max_duration: float) -> FinderQuery:
    """The query that was sent; raises WrongParams, InvalidDomain, and what is wrong with a name."""
    company = sent.company.strip() if sent.company else None
    if not sent.domain and not company:
        raise WrongParams("You are missing the domain parameter")
    return FinderQuery(
        name=_name(sent),
        domain=parse_domain(sent.domain) if sent.domain else None,
        company=company,
        max_duration=max_duration,
    )


def question_of(claims: Claims, query: FinderQuery, domain: str | None) -> str:
    """What makes two questions the same: who, and at which domain, however they were named. Kept as a hash."""
    name = query.name
    who = f"{name.first}|{name.last}|{'|'.join(name.middles)}".casefold() if name else f"in/{query.linkedin}"
    return claims.hash(f"{who}@{domain}")


def question_of_search(domain: str | None, query: SearchQuery) -> str:
    """What makes two questions the same: the domain that was searched, however it was named, the page and the filters."""
    page = f"{domain}?{query.limit}&{query.offset}"
    several = (
        query.seniority,
        query.department,
        query.required_field,
        query.verification_status,
        query.job_titles,
    )
    if query.type is None and not any(several):
        return page
    filters = _encode((query.type, [sorted(set(values)) for values in several]))
    return f"{page}&{blake2b(filters, digest_size=16).hexdigest()}"


def _name(sent: Sent) -> PersonName:
    if sent.first_name and sent.last_name:
        return parse_parts(sent.first_name, sent.last_name)
    if sent.full_name:
        return parse_name(sent.full_name)
    if sent.first_name or sent.last_name:
        missing = "last_name" if sent.first_name else "first_name"
        raise WrongParams(f"You are missing the {missing} parameter")
    raise WrongParams("You are missing the first_name parameter")
