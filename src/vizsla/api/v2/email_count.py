"""`GET /v2/email-count`: how many addresses we know at a domain. Free, and without a key."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import Params
from vizsla.api.registry import Call, Calls
from vizsla.finder.domain_search import Type
from vizsla.finder.email_count import CountResult, count
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import WrongParams

calls = Calls()


class EmailCountParams(Params, frozen=True):
    """Whose addresses to count; `domain` or `company` is needed."""

    domain: (
        Annotated[str, msgspec.Meta(description="A domain name; a URL will do.", examples=["stripe.com"])] | None
    ) = None
    company: Annotated[str, msgspec.Meta(max_length=200, description="At least three characters.")] | None = None
    type: Type | None = None

    wrong: ClassVar = {"domain": "invalid_domain", "type": "invalid_type"}


class EmailCountAskedFor(msgspec.Struct, frozen=True):
    """What was asked, as it was understood."""

    domain: str | None
    company: str | None
    type: Type | None


class EmailCountMeta(msgspec.Struct, frozen=True):
    """What was asked."""

    params: EmailCountAskedFor


class EmailCountAnswer(msgspec.Struct, frozen=True):
    """The counts of one domain."""

    data: CountResult
    meta: EmailCountMeta


@calls(
    "GET",
    "/v2/email-count",
    access="optional",
    limit="count",
    errors=("wrong_params", "invalid_domain", "invalid_type"),
)
async def count_emails(call: Call, params: EmailCountParams) -> EmailCountAnswer:
    """
    How many addresses are known at one domain, of which kind, departments and seniorities.

    Free, and no API key is needed; without one the rate limit is that of the client's address.
    """
    company = params.company.strip() if params.company else None
    domain = parse_domain(params.domain) if params.domain else None
    if domain is None and not company:
        raise WrongParams("You are missing the domain parameter")
    if domain is None and company and len(company) < 3:
        raise WrongParams("The supplied company is invalid. It must have at least 3 characters.")
    services = call.services
    data = await count(services.stores.search, services.claims, domain=domain, company=company, type=params.type)
    return EmailCountAnswer(data, EmailCountMeta(EmailCountAskedFor(domain, params.company, params.type)))
