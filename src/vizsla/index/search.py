"""
Which addresses of a domain fit, how many, and which come on this page?

The order is confidence, then number of sources, then address. A page is found on the covering index `email_page` alone and
only its rows are looked up, from whichever end of the list is nearer: an offset of 49,900 among 50,000 costs what offset
0 does. What could take long at a large domain is read off the event loop.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from vizsla.index.profile import FIELDS
from vizsla.index.refresh import FACETS_FROM
from vizsla.storage.database import Database, Reader, Row
from vizsla.storage.statement import Statement, statement

PAGE_COLUMNS = (
    "local", "type", "confidence", "sources", "first_name", "last_name", "position", "position_raw", "seniority",
    "department", "linkedin", "twitter", "phone_number", "verification_status", "verified_at",
)  # fmt: skip
DOMAIN_COLUMNS = (
    "domain", "n_emails", "n_personal", "n_generic", "accept_all", "pattern", "technologies", "linked_domains", *FIELDS,
)  # fmt: skip
_MOST_STEPS = 100_000
"""Index entries walked in the event loop: 2 ms."""
_NEAR_OFFSET = 100
"""Rows passed over that may be looked up and thrown away: cheaper than to find the page first and sort its rows again."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What an address must be; what is empty is not asked."""

    type: str | None = None
    seniority: tuple[str, ...] = ()
    department: tuple[str, ...] = ()
    fields: int = 0
    """Bits of index.addresses: all must be there."""
    verification_status: tuple[str, ...] = ()
    verified_since: int = 0
    """Verifications from before are as if there were none."""
    titles: tuple[str, ...] = ()
    """Folded as index.titles.fold does; one must be part of the position."""

    @property
    def is_covered(self) -> bool:
        """Whether the covering index, and so the facets, can answer."""
        return not (self.verification_status or self.titles)

    @property
    def is_empty(self) -> bool:
        """Whether every address fits."""
        return self is NO_FILTERS or (
            self.is_covered and not (self.type or self.seniority or self.department or self.fields)
        )


NO_FILTERS = Filters()

_COVERED = """
    domain = :domain AND (CAST(:type AS text) IS NULL OR type = :type)
    AND (:any_seniority = 1 OR seniority IN :seniority[text]) AND (:any_department = 1 OR department IN :department[text])
    AND (fields & :fields) = :fields"""
_STATUS = """
    AND (:any_status = 1 OR (verified_at >= :since AND verification_status IN :status[text]))"""
_TITLES = " AND (:any_title = 1 OR EXISTS (SELECT 1 FROM :titles[text] AS title WHERE instr(position_folded, title.value) > 0))"
_TITLES_PG = " AND (:any_title = 1 OR EXISTS (SELECT 1 FROM :titles[text] AS title(value) WHERE strpos(position_folded, title.value) > 0))"
_CONDITIONS = {
    "all": ("domain = :domain", "domain = :domain"),
    "covered": (_COVERED, _COVERED),
    "any": (_COVERED + _STATUS + _TITLES, _COVERED + _STATUS + _TITLES_PG),
}


def _page(condition: tuple[str, str], descending: bool) -> Statement:
    columns = ", ".join(f"email.{name}" for name in PAGE_COLUMNS)
    order = "rank DESC, local DESC" if descending else "rank, local"
    # SQLite finds a row by its rowid, which every index entry carries; PostgreSQL by the key.
    sqlite = f"""
        SELECT {columns} FROM email WHERE rowid IN (
            SELECT rowid FROM email WHERE {condition[0]} ORDER BY {order} LIMIT :limit OFFSET :offset
        ) ORDER BY rank, local"""  # noqa: S608
    postgresql = f"""
        SELECT {columns} FROM (
            SELECT local FROM email WHERE {condition[1]} ORDER BY {order} LIMIT :limit OFFSET :offset
        ) AS page JOIN email ON email.domain = :domain AND email.local = page.local
        ORDER BY email.rank, email.local"""  # noqa: S608
    return statement(sqlite, postgresql=postgresql)


def _near(condition: tuple[str, str]) -> Statement:
    columns = ", ".join(PAGE_COLUMNS)
    sqlite, postgresql = (
        f"SELECT {columns} FROM email WHERE {text} ORDER BY rank, local LIMIT :limit OFFSET :offset"  # noqa: S608
        for text in condition
    )
    return statement(sqlite, postgresql=postgresql)


def _counting(condition: tuple[str, str]) -> Statement:
    sqlite, postgresql = (f"SELECT count(*) FROM email WHERE {text}" for text in condition)  # noqa: S608
    return statement(sqlite, postgresql=postgresql)


_PAGES = {(kind, back): _page(text, back) for kind, text in _CONDITIONS.items() for back in (False, True)}
_NEAR = {kind: _near(text) for kind, text in _CONDITIONS.items()}
_COUNT = {kind: _counting(text) for kind, text in _CONDITIONS.items()}
_COUNT_FACETS = statement(f"SELECT coalesce(sum(n), 0) FROM facet WHERE {_COVERED}")  # noqa: S608
_BREAKDOWN = statement("SELECT local, type, seniority, department, 1 FROM email WHERE domain = :domain")
_BREAKDOWN_FACETS = statement("SELECT NULL, type, seniority, department, n FROM facet WHERE domain = :domain")
_DOMAIN = statement(f"SELECT {', '.join(DOMAIN_COLUMNS)} FROM domain WHERE domain = :domain")  # noqa: S608
_SIZES = statement("SELECT domain, n_emails FROM domain WHERE domain IN :domains[text] AND n_emails > 0")
_LOCALS = {
    kind: statement(
        f"SELECT local FROM email WHERE {text[0]} ORDER BY rank, local",  # noqa: S608
        postgresql=f"SELECT local FROM email WHERE {text[1]} ORDER BY rank, local",  # noqa: S608
    )
    for kind, text in _CONDITIONS.items()
}
# The list first: SQLite would rather walk the whole domain in order than sort ten rows.
_BY_LOCAL_TEXT = f"""
    SELECT {", ".join(f"email.{name}" for name in PAGE_COLUMNS)} FROM :locals[text] AS wanted{{columns}} CROSS JOIN email
    WHERE email.domain = :domain AND email.local = wanted.value ORDER BY rank, email.local"""  # noqa: S608
_BY_LOCAL = statement(_BY_LOCAL_TEXT.format(columns=""), postgresql=_BY_LOCAL_TEXT.format(columns="(value)"))


async def find_domain_row(index: Reader, domain: str) -> Row | None:
    """`DOMAIN_COLUMNS` of *domain*; None if nothing is known of it."""
    return await index.fetch_one(_DOMAIN, {"domain": domain})


async def count_known(index: Reader, domains: Sequence[str]) -> dict[str, int]:
    """How many addresses are known at each of *domains*; those without are missing."""
    return dict(await index.fetch_all(_SIZES, {"domains": list(domains)}))


async def count_addresses(index: Database, domain: str, filters: Filters, *, n_emails: int) -> int:
    """How many of the *n_emails* addresses at *domain* fit."""
    if filters.is_empty:
        return n_emails
    params = _params(domain, filters)
    if n_emails > FACETS_FROM and filters.is_covered:
        row = await index.fetch_one(_COUNT_FACETS, params)
        return int(row[0]) if row else 0
    rows = await _fetch(index, _COUNT[_kind(filters)], params, is_bounded=n_emails <= FACETS_FROM)
    return int(rows[0][0])


async def list_page(
    index: Database, domain: str, filters: Filters, *, n_emails: int, total: int, limit: int, offset: int
) -> list[Row]:
    """`PAGE_COLUMNS` of the *total* addresses that fit, from *offset* on, at most *limit*."""
    limit = min(limit, total - offset)
    if limit <= 0:
        return []
    behind = total - offset - limit
    is_back = behind < offset
    params = _params(domain, filters)
    params["limit"] = limit
    params["offset"] = behind if is_back else offset
    if offset <= _NEAR_OFFSET and not is_back and n_emails <= FACETS_FROM:
        return await index.fetch_all(_NEAR[_kind(filters)], params)
    steps = min(behind, offset) if filters.is_empty else n_emails
    bound = _MOST_STEPS if filters.is_empty else FACETS_FROM
    return await _fetch(index, _PAGES[_kind(filters), is_back], params, is_bounded=steps <= bound)


async def list_locals(index: Database, domain: str, filters: Filters) -> list[str]:
    """The local parts of all that fit, in order; of a large domain, many."""
    rows = await index.fetch_all_slowly(_LOCALS[_kind(filters)], _params(domain, filters))
    return [row[0] for row in rows]


async def list_by_local(index: Database, domain: str, locals_: Collection[str]) -> list[Row]:
    """`PAGE_COLUMNS` of the addresses with these local parts, in order."""
    return await index.fetch_all(_BY_LOCAL, {"domain": domain, "locals": list(locals_)})


async def list_breakdown(index: Reader, domain: str, *, n_emails: int) -> list[Row]:
    """
    Rows of (local part, type, seniority, department, number) that add up to all addresses at *domain*.

    The local part is None where rows stand for many addresses, as at large domains.
    """
    query = _BREAKDOWN_FACETS if n_emails > FACETS_FROM else _BREAKDOWN
    return await index.fetch_all(query, {"domain": domain})


def _kind(filters: Filters) -> str:
    return "all" if filters.is_empty else "covered" if filters.is_covered else "any"


def _params(domain: str, filters: Filters) -> dict[str, Any]:
    params: dict[str, Any] = {"domain": domain}
    if filters.is_empty:
        return params
    params |= {
        "type": filters.type,
        "any_seniority": int(not filters.seniority),
        "seniority": filters.seniority,
        "any_department": int(not filters.department),
        "department": filters.department,
        "fields": filters.fields,
    }
    if not filters.is_covered:
        params |= {
            "any_status": int(not filters.verification_status),
            "status": filters.verification_status,
            "since": filters.verified_since,
            "any_title": int(not filters.titles),
            "titles": filters.titles,
        }
    return params


async def _fetch(index: Database, query: Statement, params: Mapping[str, Any], *, is_bounded: bool) -> list[Row]:
    return await (index.fetch_all(query, params) if is_bounded else index.fetch_all_slowly(query, params))
