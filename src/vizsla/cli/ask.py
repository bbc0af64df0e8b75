"""`vizsla search` and `vizsla count`: the API's questions at the terminal, answered by the same engine."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from vizsla.cli.output import put_json, put_line, put_table, talk
from vizsla.finder import domain_search, email_count
from vizsla.finder.domain_search import SearchQuery
from vizsla.index.addresses import FIELD_BITS
from vizsla.index.classify import TYPES
from vizsla.index.titles import DEPARTMENTS, SENIORITIES
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import WrongParams
from vizsla.work.workplace import Workplace, open_workplace

STATUSES = ("valid", "accept_all", "unknown")
_NOT_FOUND = (
    "Nothing is known of {}. Fill the index: `vizsla crawl {}` reads its site, `vizsla harvest FILE…` reads WARC files."
)


class _Source(msgspec.Struct):
    uri: str


def search(
    domain: str,
    /,
    *,
    limit: int = 10,
    offset: int = 0,
    type: str | None = None,
    seniority: str = "",
    department: str = "",
    required_field: str = "",
    verification_status: str = "",
    json: bool = False,
) -> None:
    """
    Show the addresses known at a domain, with the pages they were seen on.

    Parameters
    ----------
    domain
        A domain name, or a company's name.
    limit
        How many addresses, 1 to 100.
    offset
        How many to skip.
    type
        personal or generic.
    seniority
        junior, senior, executive; several with commas.
    department
        it, sales, legal …; several with commas.
    required_field
        full_name, position, phone_number; several with commas: all must be there.
    verification_status
        valid, accept_all, unknown; several with commas.
    json
        The API's `data` instead of a table.
    """
    name, company = _domain_or_company(domain)
    if not 1 <= limit <= 100 or offset < 0:
        raise WrongParams("--limit must be between 1 and 100, --offset 0 or more.")
    query = SearchQuery(
        domain=name,
        company=company,
        limit=limit,
        offset=offset,
        type=_one_of("type", type, TYPES) if type else None,
        seniority=_words("seniority", seniority, SENIORITIES),
        department=_words("department", department, DEPARTMENTS),
        required_field=_words("required-field", required_field, tuple(FIELD_BITS)),
        verification_status=_words("verification-status", verification_status, STATUSES),
    )

    async def run(place: Workplace) -> None:
        claims = await place.claims()
        result = await domain_search.search(place.stores.search, claims, query, now=place.clock.now())
        if json:
            put_json(result.data)
            return
        if not result.results:
            talk(_NOT_FOUND.format(result.domain or domain, result.domain or "DOMAIN"))
            return
        rows = []
        for email in result.data.emails:
            uris = [source.uri for source in msgspec.json.decode(email.sources, type=list[_Source])]
            rows.append(
                (
                    email.value,
                    email.confidence,
                    " ".join(filter(None, (email.first_name, email.last_name))),
                    email.position,
                    email.department,
                    uris[0] + (f" (+{len(uris) - 1})" if len(uris) > 1 else "") if uris else "",
                )
            )
        put_table(("address", "confidence", "name", "position", "department", "seen on"), rows)
        pattern = f", pattern {result.data.pattern}" if result.data.pattern else ""
        talk(f"{offset + 1}–{offset + len(rows)} of {result.results} at {result.domain}{pattern}")

    _asked(run)


def count(domain: str, /, *, type: str | None = None, json: bool = False) -> None:
    """
    Show how many addresses are known at a domain.

    Parameters
    ----------
    domain
        A domain name, or a company's name.
    type
        personal or generic.
    json
        The API's `data` instead of a table.
    """
    name, company = _domain_or_company(domain)
    kind = _one_of("type", type, TYPES) if type else None

    async def run(place: Workplace) -> None:
        claims = await place.claims()
        result = await email_count.count(place.stores.search, claims, domain=name, company=company, type=kind)
        if json:
            put_json(result)
            return
        put_line(f"{result.total} addresses: {result.personal_emails} personal, {result.generic_emails} generic")
        groups = (("department", result.department), ("seniority", result.seniority))
        counts = [(label, word, n) for label, group in groups for word, n in msgspec.structs.asdict(group).items() if n]
        if counts:
            put_table(("of", "which", "addresses"), counts)

    _asked(run)


def _asked(run: Callable[[Workplace], Awaitable[None]]) -> None:
    async def open_and_run() -> None:
        async with open_workplace() as place:
            await run(place)

    asyncio.run(open_and_run())


def _domain_or_company(text: str) -> tuple[str | None, str | None]:
    """A word with a dot is a domain name, anything else a company's name."""
    return (parse_domain(text), None) if "." in text and " " not in text else (None, text)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise WrongParams(f"--{option} {value!r} is not one of {', '.join(allowed)}.")
    return value


def _words(option: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_one_of(option, word.strip(), allowed) for word in text.split(",") if word.strip())
