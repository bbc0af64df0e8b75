"""`/v2/bulk/searches`: lists of domains to search. Sent as JSON or CSV, worked on in the background, read row by row meanwhile. Ours."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec

from vizsla.accounts.lists import Status, at_most
from vizsla.api.errors import SHOWN_IDS, STATUSES, ErrorItem
from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls, Streamed, Upload
from vizsla.api.v2.bulk_findings import Text, parse_short
from vizsla.api.v2.bulk_verifications import LARGEST
from vizsla.desk.exports import export_searches
from vizsla.finder.bulk_searches import (
    MOST_PER_DOMAIN,
    SearchedRow,
    SearchList,
    Target,
    add_list,
    searches,
    show_rows,
)
from vizsla.finder.domain_search import FoundEmail
from vizsla.finder.domains_csv import open_targets
from vizsla.kit.clock import time_text
from vizsla.kit.errors import WrongParams

calls = Calls()
_MOST_SHOWN = 100


class NewSearchesParams(Params, frozen=True):
    """What is searched: `domains` and `companies`, or a CSV file that is the whole body."""

    domains: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10_000)] = ()
    per_domain: Annotated[int, msgspec.Meta(ge=1, le=MOST_PER_DOMAIN)] = 10
    """Addresses of each domain at most; every hundred are a page, and counted as one search."""
    companies: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10_000)] = ()

    whole: ClassVar = frozenset({"domains", "companies"})


class SearchesParams(Params, frozen=True):
    """Which of the lists."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class SearchedParams(Params, frozen=True):
    """Which of the rows."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SHOWN)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class SearchesData(msgspec.Struct, frozen=True):
    """One list, and how far it is."""

    id: int
    status: Status
    rows: int
    done: int
    found: int
    """Rows with an address."""
    addresses: int
    per_domain: int
    created_at: str
    ended_at: str | None


class SearchesAnswer(msgspec.Struct, frozen=True):
    """One list."""

    data: SearchesData


class SearchesListData(msgspec.Struct, frozen=True):
    """Newest first."""

    bulk_searches: tuple[SearchesData, ...]


class SearchesPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class SearchesListMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: SearchesPage


class SearchesListAnswer(msgspec.Struct, frozen=True):
    """The account's lists."""

    data: SearchesListData
    meta: SearchesListMeta


class SearchedData(msgspec.Struct, frozen=True):
    """What was found at one domain."""

    domain: str | None
    organization: str | None
    pattern: str | None
    results: int
    """Addresses that were known when the list was worked on; as many of them as the list asks for are here."""
    emails: tuple[FoundEmail, ...]


class SearchedItem(msgspec.Struct, frozen=True):
    """One row: with `data`, or with an `error`, or with neither as long as it is not done."""

    number: int
    target: Target
    """As it was sent; nulls if the domain's owner asked us to stop."""
    data: SearchedData | None
    error: ErrorItem | None


class SearchedRows(msgspec.Struct, frozen=True):
    """In the order in which they were sent."""

    rows: tuple[SearchedItem, ...]


class SearchedMeta(msgspec.Struct, frozen=True):
    """How far the list is."""

    status: Status
    total: int
    done: int
    params: SearchesPage


class SearchedAnswer(msgspec.Struct, frozen=True):
    """Some rows of a list."""

    data: SearchedRows
    meta: SearchedMeta


async def _read(call: Call, params: NewSearchesParams) -> None:
    call.content = await call.read_file(lambda file: at_most(open_targets(file).targets()))


@calls(
    "POST",
    "/v2/bulk/searches",
    status=201,
    limit="search",
    writes=True,
    before=_read,
    upload=Upload((b"text/csv",), LARGEST, parse_short),
    errors=("wrong_params", "payload_too_large"),
)
async def create_searches(call: Call, params: NewSearchesParams) -> SearchesAnswer:
    """
    Search up to 10,000 domains or companies, or 100,000 in a CSV file.

    A file has a column `domain` or `company`, or domains alone. Every row is answered as by `GET /v2/domain-search`: each page
    of up to a hundred addresses counts as one search, no answer is free, and so is what was asked within a day. Domains that
    nothing is known of are not crawled.
    """
    made = await add_list(
        call.transaction,
        call.caller.account_id,
        _targets(call, params),
        per_domain=params.per_domain,
        now=call.now,
        member_id=call.caller.member_id,
    )
    return SearchesAnswer(_shown(made))


def _targets(call: Call, params: NewSearchesParams) -> Iterable[tuple[Target, str]]:
    if call.content is not None:
        return call.content  # type: ignore[no-any-return]
    targets = [Target(domain=one) for one in params.domains] + [Target(company=one) for one in params.companies]
    if not targets:
        raise WrongParams("You are missing the domains parameter")
    return ((target, "") for target in targets)


@calls("GET", "/v2/bulk/searches", errors=("pagination_error",))
async def list_searches(call: Call, params: SearchesParams) -> SearchesListAnswer:
    """
    The account's lists of domains, newest first. Each is kept for 30 days after its end.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    found = await searches.page(reader, account_id, limit=params.limit, offset=params.offset)
    meta = SearchesListMeta(await searches.count(reader, account_id), SearchesPage(params.limit, params.offset))
    return SearchesListAnswer(SearchesListData(tuple(map(_shown, found))), meta)


@calls("GET", "/v2/bulk/searches/{id}", errors=("not_found",))
async def get_searches(call: Call, params: NoParams) -> SearchesAnswer:
    """
    How far a list of domains is.
    """
    return SearchesAnswer(_shown(await searches.get(call.services.stores.app, call.caller.account_id, call.ids["id"])))


@calls("GET", "/v2/bulk/searches/{id}/results", errors=("not_found", "pagination_error"))
async def list_searched(call: Call, params: SearchedParams) -> SearchedAnswer:
    """
    The rows of a list of domains, those that are not done yet among them.

    Which addresses a row has was settled when it was worked on; what is said of them is what is known now.
    """
    found = await searches.get(call.services.stores.app, call.caller.account_id, call.ids["id"])
    rows = await _rows(call, found, after=params.offset, limit=params.limit)
    meta = SearchedMeta(found.status, found.size, found.done, SearchesPage(params.limit, params.offset))
    return SearchedAnswer(SearchedRows(tuple(map(_item, rows))), meta)


@calls("GET", "/v2/bulk/searches/{id}/results.csv", errors=("not_found",))
async def download_searched(call: Call, params: NoParams) -> Streamed:
    """
    All addresses of a list of domains as a CSV file, a line each; a row without one has a line of its own.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    found = await searches.get(call.services.stores.app, call.caller.account_id, call.ids["id"])
    return Streamed(
        b"text/csv; charset=utf-8",
        f"searches-{found.id}.csv",
        export_searches(call.services, call.caller.account_id, found.id, call.now),
    )


@calls("POST", "/v2/bulk/searches/{id}/cancel", writes=True, errors=("not_found",))
async def cancel_searches(call: Call, params: NoParams) -> SearchesAnswer:
    """
    Stop a list of domains. What was found stays.
    """
    return SearchesAnswer(
        _shown(await searches.cancel(call.transaction, call.caller.account_id, call.ids["id"], call.now))
    )


@calls("POST", "/v2/bulk/searches/{id}/resume", writes=True, errors=("not_found",))
async def resume_searches(call: Call, params: NoParams) -> SearchesAnswer:
    """
    Go on with a list of domains that was cancelled.
    """
    return SearchesAnswer(
        _shown(await searches.resume(call.transaction, call.caller.account_id, call.ids["id"], call.now))
    )


@calls("DELETE", "/v2/bulk/searches/{id}", status=204, writes=True, errors=("not_found",))
async def delete_searches(call: Call, params: NoParams) -> None:
    """
    Stop a list of domains and forget its rows.
    """
    await searches.delete(call.transaction, call.caller.account_id, call.ids["id"])


def _shown(one: SearchList) -> SearchesData:
    ended_at = time_text(one.ended_at) if one.ended_at is not None else None
    return SearchesData(
        one.id, one.status, one.size, one.done, one.found, one.addresses, one.per_domain, time_text(one.created_at), ended_at
    )  # fmt: skip


async def _rows(call: Call, found: SearchList, *, after: int, limit: int) -> list[SearchedRow]:
    stores, claims = call.services.stores, call.services.claims
    return await show_rows(
        stores.app, stores.search, claims, call.caller.account_id, found.id, after=after, limit=limit, now=call.now
    )


def _item(row: SearchedRow) -> SearchedItem:
    answer = row.answer
    if answer is None:
        return SearchedItem(row.number, row.asked, None, None)
    error = None
    if answer.error is not None:
        id_ = answer.error if answer.error in STATUSES else "wrong_params"
        error = ErrorItem(SHOWN_IDS.get(id_, id_), STATUSES[id_], answer.details or "")
        if not row.emails:
            return SearchedItem(row.number, row.asked, None, error)
    data = SearchedData(row.domain, answer.organization, answer.pattern, answer.results, row.emails)
    return SearchedItem(row.number, row.asked, data, error)
