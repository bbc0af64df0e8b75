"""`GET /v2/email-finder`: the most likely address of a person; the same without a key, masked; and why it is that one."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.api.params import Params
from vizsla.api.registry import Call, Calls
from vizsla.api.v2.domain_search import Company, mask
from vizsla.api.v2.examples import EMAIL_FINDER
from vizsla.desk.asking import find_person
from vizsla.finder.email_finder import find_email
from vizsla.finder.explanation import Explanation, explain_finding
from vizsla.finder.finding import EmailFinderData, FinderQuery
from vizsla.finder.questions import read_query

Name = Annotated[str, msgspec.Meta(max_length=400)]
MAX_DURATION = 10

calls = Calls()
trial_calls = Calls()


class EmailFinderParams(Params, frozen=True):
    """Who, and where: `domain` or `company`, and both names or `full_name`; or `linkedin_handle` alone."""

    domain: (
        Annotated[str, msgspec.Meta(description="A domain name; a URL will do.", examples=["reddit.com"])] | None
    ) = None
    company: Company | None = None
    first_name: Annotated[str, msgspec.Meta(max_length=400, examples=["Alexis"])] | None = None
    last_name: Annotated[str, msgspec.Meta(max_length=400, examples=["Ohanian"])] | None = None
    full_name: Name | None = None
    max_duration: (
        Annotated[int, msgspec.Meta(ge=3, le=20, description="Seconds that the answer may take; 10 if not given.")]
        | None
    ) = None
    linkedin_handle: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None

    wrong: ClassVar = {
        "domain": "invalid_domain",
        "first_name": "invalid_first_name",
        "last_name": "invalid_last_name",
        "full_name": "invalid_full_name",
        "max_duration": "invalid_max_duration",
    }


class FinderAskedFor(msgspec.Struct, frozen=True):
    """What was asked, as it was understood."""

    first_name: str | None
    last_name: str | None
    full_name: str | None
    domain: str | None
    company: str | None
    max_duration: int | None


class EmailFinderMeta(msgspec.Struct, frozen=True):
    """What was asked."""

    params: FinderAskedFor


class EmailFinderAnswer(msgspec.Struct, frozen=True):
    """The address, or nulls."""

    data: EmailFinderData
    meta: EmailFinderMeta


class ExplanationAnswer(msgspec.Struct, frozen=True):
    """What an answer rests on."""

    data: Explanation
    meta: EmailFinderMeta


_ERRORS = (
    "wrong_params",
    "invalid_first_name",
    "invalid_last_name",
    "invalid_full_name",
    "invalid_domain",
    "invalid_max_duration",
    "claimed_email",
)


def _example(params: EmailFinderParams) -> object:
    _query(params)
    return EMAIL_FINDER


@calls("GET", "/v2/email-finder", limit="search", test=_example, errors=(*_ERRORS, "too_many_requests"))
async def find(call: Call, params: EmailFinderParams) -> EmailFinderAnswer:
    """
    The most likely address of a person, and how likely it is.

    `score` is a probability: of a hundred answers with a score of 70, seventy are right. An address that was seen with the
    person's name is given with its sources; otherwise it is made as the domain makes its addresses, and verified if this
    installation may ask mail servers. When nothing is likely enough, `email` and `score` are null, and the call is free.
    """
    query = _query(params)
    finding = await find_person(call.asker, query)
    return EmailFinderAnswer(finding.data, EmailFinderMeta(_asked(params, query)))


@calls("GET", "/v2/email-finder/explain", limit="search", errors=(*_ERRORS, "too_many_requests"))
async def explain(call: Call, params: EmailFinderParams) -> ExplanationAnswer:
    """
    Why the finder gives this address, and this score.

    Takes what the finder takes: the candidates with their probabilities, how the domain makes addresses with examples for and
    against it, and each thing that moved the score. It counts as the same question.
    """
    query = _query(params)
    finding = await find_person(call.asker, query)
    services = call.services
    data = await explain_finding(services.stores.search, services.claims, finding)
    return ExplanationAnswer(data, EmailFinderMeta(_asked(params, query)))


@trial_calls("GET", "/trial/v2/email-finder", access="open", limit="trial", errors=_ERRORS)
async def try_finder(call: Call, params: EmailFinderParams) -> EmailFinderAnswer:
    """
    The same without an API key: the local part is masked (`a**@reddit.com`), and no mail server is asked.

    One request a second for each client address. It can be turned off with VIZSLA_TRIAL.
    """
    query = _query(params)
    means = await call.services.finder_means(call.now, may_probe=False)
    data = (await find_email(means, query, now=call.now)).data
    if data.email is not None:
        data = msgspec.structs.replace(data, email=mask(data.email))
    return EmailFinderAnswer(data, EmailFinderMeta(_asked(params, query)))


def _query(params: EmailFinderParams) -> FinderQuery:
    duration = float(params.max_duration or MAX_DURATION)
    if params.linkedin_handle and params.linkedin_handle.strip():
        return FinderQuery(linkedin=_handle(params.linkedin_handle), max_duration=duration)
    return read_query(params, max_duration=duration)


def _handle(text: str) -> str:
    """The handle in what was given: itself, `in/…`, or the profile's URL."""
    path = text.strip().partition("linkedin.com/")[2] or text.strip()
    return path.removeprefix("in/").removeprefix("pub/").strip("/@ ").partition("/")[0].partition("?")[0]


def _asked(params: EmailFinderParams, query: FinderQuery) -> FinderAskedFor:
    return FinderAskedFor(
        params.first_name or None,
        params.last_name or None,
        params.full_name or None,
        query.domain,
        params.company or None,
        params.max_duration,
    )
