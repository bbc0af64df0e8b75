"""`GET /v2/domain-search`: the addresses at a domain, and the same without a key, masked."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.examples import DOMAIN_SEARCH
from vizsla.desk.asking import search_domain as ask
from vizsla.finder.domain_search import (
    Department,
    DomainSearchData,
    RequiredField,
    SearchQuery,
    SearchResult,
    Seniority,
    Status,
    Type,
    search,
)
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import WrongParams

Company = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
JobTitle = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

calls = Calls()
trial_calls = Calls()


class DomainSearchParams(Params, frozen=True):
    """Which addresses to give; `domain` or `company` is needed."""

    domain: (
        Annotated[str, msgspec.Meta(description="A domain name; a URL will do.", examples=["stripe.com"])] | None
    ) = None
    company: Company | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    type: Type | None = None
    seniority: Annotated[tuple[Seniority, ...], msgspec.Meta(max_length=20)] = ()
    department: Annotated[tuple[Department, ...], msgspec.Meta(max_length=50)] = ()
    required_field: Annotated[tuple[RequiredField, ...], msgspec.Meta(max_length=20)] = ()
    verification_status: Annotated[tuple[Status, ...], msgspec.Meta(max_length=20)] = ()
    job_titles: Annotated[tuple[JobTitle, ...], msgspec.Meta(max_length=20)] = ()

    wrong: ClassVar = {
        "limit": "pagination_error",
        "offset": "pagination_error",
        "domain": "invalid_domain",
        "type": "invalid_type",
        "seniority": "invalid_seniority",
        "department": "invalid_department",
        "required_field": "invalid_required_field",
        "verification_status": "invalid_verification_status",
    }


class AskedFor(msgspec.Struct, frozen=True):
    """What was asked, as it was understood."""

    domain: str | None
    company: str | None
    type: Type | None
    seniority: str | None
    department: str | None


class DomainSearchMeta(msgspec.Struct, frozen=True):
    """Where this page stands in the whole answer."""

    results: int
    limit: int
    offset: int
    params: AskedFor


class DomainSearchAnswer(msgspec.Struct, frozen=True):
    """One page of the addresses at a domain."""

    data: DomainSearchData
    meta: DomainSearchMeta


_ERRORS = (
    "wrong_params",
    "invalid_domain",
    "invalid_type",
    "invalid_seniority",
    "invalid_department",
    "invalid_required_field",
    "invalid_verification_status",
    "pagination_error",
)


def _example(params: DomainSearchParams) -> object:
    _query(params)
    return DOMAIN_SEARCH


@calls("GET", "/v2/domain-search", limit="search", test=_example, errors=(*_ERRORS, "too_many_requests"))
async def search_domain(call: Call, params: DomainSearchParams) -> DomainSearchAnswer:
    """
    Every address found on the web at one domain.

    Give `domain`, or `company` and the domain is looked up. An answer without addresses is free; one with at least one counts
    as one search, and the same question within a day is not counted again.
    """
    query = _query(params)
    found = await ask(call.asker, query)
    return _answer(found, params, query)


@trial_calls("GET", "/trial/v2/domain-search", access="open", limit="trial", errors=_ERRORS)
async def try_domain_search(call: Call, params: DomainSearchParams) -> DomainSearchAnswer:
    """
    The same without an API key: local parts are masked (`c**@intercom.com`).

    One request a second for each client address. It can be turned off with VIZSLA_TRIAL.
    """
    query = _query(params)
    services = call.services
    found = await search(services.stores.search, services.claims, query, now=call.now)
    masked = [msgspec.structs.replace(email, value=mask(email.value)) for email in found.data.emails]
    data = msgspec.structs.replace(found.data, emails=masked)
    return _answer(SearchResult(data, found.results, found.domain), params, query)


def mask(address: str) -> str:
    """`ciaran@intercom.com` as `c**@intercom.com`; a single letter is hidden as well."""
    local, _, domain = address.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}**@{domain}"


def _query(params: DomainSearchParams) -> SearchQuery:
    company = params.company.strip() if params.company else None
    if not params.domain and not company:
        raise WrongParams("You are missing the domain parameter")
    return SearchQuery(
        domain=parse_domain(params.domain) if params.domain else None,
        company=company,
        limit=params.limit,
        offset=params.offset,
        type=params.type,
        seniority=params.seniority,
        department=params.department,
        required_field=params.required_field,
        verification_status=params.verification_status,
        job_titles=params.job_titles,
    )


def _answer(found: SearchResult, params: DomainSearchParams, query: SearchQuery) -> DomainSearchAnswer:
    asked = AskedFor(
        query.domain,
        params.company,
        params.type,
        ",".join(params.seniority) or None,
        ",".join(params.department) or None,
    )
    return DomainSearchAnswer(found.data, DomainSearchMeta(found.results, params.limit, params.offset, asked))
