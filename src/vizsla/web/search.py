"""Domain search: who can be written to at a domain, with the pages each address was seen on."""

from typing import get_args
from urllib.parse import quote, urlencode

import msgspec
from starlette.responses import Response, StreamingResponse

from vizsla.crawl.requests import Crawl, find_crawl
from vizsla.desk.asking import search_domain
from vizsla.desk.crawls import AskedCrawl, find_asked
from vizsla.desk.exports import export_domain
from vizsla.finder.domain_search import Department, FoundEmail, RequiredField, SearchQuery, Seniority, Status, Type
from vizsla.index.company_names import find_domain
from vizsla.kit.domain_name import parse_domain, registrable_domain
from vizsla.kit.errors import VizslaError
from vizsla.web.lead_saving import offer_saving
from vizsla.web.render import HEADERS
from vizsla.web.sources import Source, read_sources
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
PAGE = 20
PATH = "/v2/domain-search"
"""Of the API: both doors share its pace."""
TYPES: tuple[str, ...] = get_args(Type)
_FILTERS: dict[str, tuple[str, ...]] = {
    "seniority": get_args(Seniority),
    "department": get_args(Department),
    "required_field": get_args(RequiredField),
    "verification_status": get_args(Status),
}


_words = msgspec.json.Decoder(list[str]).decode


class Shown(msgspec.Struct, frozen=True):
    """An address and its sources."""

    email: FoundEmail
    sources: list[Source]


@views.get("/search")
async def ask(visit: Visit) -> Response:
    """The form; with a domain or a company's name, on to the answer."""
    text = visit.query("domain", most=300)
    if not text or visit.is_led_here:
        return visit.page("search.html", text=text, problem=None)
    try:
        domain = await _which(visit, text)
    except VizslaError as error:
        return visit.page("search.html", text=text, problem=error.details, status=422)
    if domain is None:
        problem = f"No company called {text} is known here. Try its domain, such as acme.com."
        return visit.page("search.html", text=text, problem=problem, status=404)
    return visit.go(f"/domain/{quote(domain)}")


async def _which(visit: Visit, text: str) -> str | None:
    """The domain that *text* is, or that the company of this name has. Raises InvalidDomain."""
    if "." in text or "/" in text:
        return parse_domain(text)
    return await find_domain(visit.stores.search, text)


@views.get("/domain/{domain}")
async def show_domain(visit: Visit) -> Response:
    """The answer, page by page."""
    query = _query(visit)
    if visit.is_led_here:
        return visit.page("search.html", text=query.domain, problem=None)
    asker = await visit.asker()
    await asker.keep_pace("search", PATH)
    found = await search_domain(asker, query)
    offset = query.offset
    given = _given(query)
    asked, crawl = await _crawl_of(visit, query.domain)
    return visit.page(
        "domain.html",
        query=query,
        found=found,
        data=found.data,
        technologies=_words(found.data.technologies),
        linked=_words(found.data.linked_domains),
        back=_address(query, given, offset),
        saving=await offer_saving(visit, [email.value for email in found.data.emails]),
        emails=[Shown(email, read_sources(email.sources)) for email in found.data.emails],
        choices=_FILTERS,
        chosen={name: getattr(query, name) for name in _FILTERS},
        is_filtered=bool(given),
        types=TYPES,
        before=_address(query, given, offset - PAGE) if offset else "",
        after=_address(query, given, offset + PAGE) if offset + PAGE < found.results else "",
        first=offset + 1,
        export=f"/domain/{query.domain}/export.csv?{urlencode(given, doseq=True)}",
        can_crawl=found.is_missed,
        asked=asked,
        crawl=crawl,
        is_filling=crawl is not None and crawl.is_on and (asked is None or asked.is_on),
        this=visit.request.url.path + (f"?{visit.request.url.query}" if visit.request.url.query else ""),
    )


async def _crawl_of(visit: Visit, domain: str | None) -> tuple[AskedCrawl | None, Crawl | None]:
    """The crawl that fills this page: what this account asked for, or what a search set off. Not what others asked for."""
    name = registrable_domain(domain or "")
    if name is None:
        return None, None
    asked = await find_asked(visit.house.services, visit.visitor.account_id, name)
    if asked is not None:
        return asked, asked.crawl
    crawl = await find_crawl(visit.stores.index, name)
    return None, crawl if crawl is not None and not crawl.asked else None


@views.get("/domain/{domain}/export.csv")
async def export(visit: Visit) -> Response:
    """The same as a file, however many pages it has."""
    query = _query(visit)
    if visit.is_led_here:
        return visit.page("search.html", text=query.domain, problem=None)
    asker = await visit.asker()
    await asker.keep_pace("search", PATH)
    headers = dict(HEADERS) | {"Content-Disposition": f'attachment; filename="{query.domain}.csv"'}
    parts = await export_domain(asker, query)
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)


def _query(visit: Visit) -> SearchQuery:
    """What the address asks for; a filter that is none is left out. Raises InvalidDomain."""
    offset = visit.query("offset")
    kind = visit.query("type")
    params = visit.request.query_params

    def several(name: str) -> tuple[str, ...]:
        return tuple(value for value in dict.fromkeys(params.getlist(name)) if value in _FILTERS[name])

    title = visit.query("job_title", most=100)
    return SearchQuery(
        domain=parse_domain(visit.request.path_params["domain"]),
        limit=PAGE,
        offset=min(int(offset), 1_000_000) if offset.isascii() and offset.isdigit() and len(offset) < 9 else 0,
        type=kind if kind in TYPES else None,
        job_titles=(title,) if title else (),
        seniority=several("seniority"),
        department=several("department"),
        required_field=several("required_field"),
        verification_status=several("verification_status"),
    )


def _given(query: SearchQuery) -> dict[str, object]:
    """The filters as parameters of an address."""
    given: dict[str, object] = {name: values for name in _FILTERS if (values := getattr(query, name))}
    if query.type:
        given["type"] = query.type
    if query.job_titles:
        given["job_title"] = query.job_titles[0]
    return given


def _address(query: SearchQuery, given: dict[str, object], offset: int) -> str:
    return f"/domain/{query.domain}?{urlencode({**given, 'offset': max(0, offset)}, doseq=True)}"
