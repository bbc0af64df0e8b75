"""
How is a list handed over as a file?

As CSV, some rows at a time, whatever its length: rows that are not done yet are in it without an answer, and what somebody asked us
to forget is not. Cells that a spreadsheet would take for a formula begin with an apostrophe.
"""

from collections.abc import AsyncIterator

import msgspec

from vizsla.desk.asking import Asker, QuotaUsedUp, search_domain
from vizsla.desk.services import Services
from vizsla.finder import bulk, domains_csv, people_csv
from vizsla.finder.bulk import Asked, FindingRow
from vizsla.finder.bulk_searches import show_rows
from vizsla.finder.bulk_verifications import is_shown
from vizsla.finder.domain_search import SearchQuery, SearchResult
from vizsla.kit.csv_file import harmless, write_rows
from vizsla.privacy.claims import Claims
from vizsla.verifier.bulk import BulkList, BulkRow, Ending
from vizsla.verifier.bulk_results import COLUMNS, cells_of
from vizsla.verifier.bulk_store import rows_after

_PAGE = 400
"""Rows that are written without letting others have the event loop."""
_OF_A_SEARCH = 100
"""Addresses of one question: as many as a single call gives."""
_PAGE_OF_DOMAINS = 20
"""The same where each row may hold many addresses."""


async def export_verifications(services: Services, found: BulkList, now: int) -> AsyncIterator[bytes]:
    """The rows of a list of addresses."""
    yield write_rows([("number", "email", *COLUMNS)]).encode()
    at = 0
    while rows := await rows_after(services.stores.app, found.account_id, found.id, at, _PAGE):
        at = rows[-1].number
        yield write_rows([_verified(row, services.claims, found, now) for row in rows]).encode()


def _verified(row: BulkRow, claims: Claims, found: BulkList, now: int) -> list[str]:
    ending = row.ending if is_shown(row, claims) else Ending("claimed", now)
    email = "" if ending is not None and ending.why == "claimed" else harmless(row.email)
    if ending is None:
        word = "cancelled" if found.status == "cancelled" else "pending"
        return [str(row.number), email, word, *[""] * (len(COLUMNS) - 1)]
    return [str(row.number), email, *cells_of(ending)]


async def export_findings(services: Services, account_id: int, list_id: int) -> AsyncIterator[bytes]:
    """The rows of a list of people."""
    yield write_rows([("number", "done", *Asked.__struct_fields__, *people_csv.COLUMNS)]).encode()
    app, at = services.stores.app, 0
    while rows := await bulk.rows_after(app, account_id, list_id, after=at, limit=_PAGE, claims=services.claims):
        at = rows[-1].number
        yield write_rows(map(_found, rows)).encode()


def _found(row: FindingRow) -> list[str]:
    asked = [harmless(text or "") for text in msgspec.structs.astuple(row.asked)]
    if row.answer is None:
        return [str(row.number), "false", *asked, *[""] * len(people_csv.COLUMNS)]
    return [str(row.number), "true", *asked, *people_csv.cells_of(row.answer)]


async def export_searches(services: Services, account_id: int, list_id: int, now: int) -> AsyncIterator[bytes]:
    """The addresses of a list of domains, a line each."""
    yield write_rows([domains_csv.COLUMNS]).encode()
    stores, at = services.stores, 0
    while rows := await show_rows(
        stores.app, stores.search, services.claims, account_id, list_id, after=at, limit=_PAGE_OF_DOMAINS, now=now
    ):
        at = rows[-1].number
        yield write_rows([line for row in rows for line in domains_csv.lines_of(row)]).encode()


async def export_domain(asker: Asker, query: SearchQuery) -> AsyncIterator[bytes]:
    """
    Every address that *query* asks for, a line each; each hundred of them count as one search, as they do for a program.

    Raises QuotaUsedUp before its first part if there is not enough left for all.
    """
    query = msgspec.structs.replace(query, limit=_OF_A_SEARCH, offset=0)
    first = await search_domain(asker, query)
    more = -(-first.results // _OF_A_SEARCH) - 1
    if more > 0 and more > await asker.room("searches"):
        raise QuotaUsedUp
    return _addresses(asker, query, first)


async def _addresses(asker: Asker, query: SearchQuery, found: SearchResult) -> AsyncIterator[bytes]:
    yield write_rows([domains_csv.ADDRESS_COLUMNS]).encode()
    offset = 0
    while found.data.emails:
        yield write_rows(map(domains_csv.cells_of, found.data.emails)).encode()
        offset += _OF_A_SEARCH
        if offset >= found.results:
            return
        found = await search_domain(asker, msgspec.structs.replace(query, offset=offset))
