"""
What does a page say of the company behind its own domain?

Facts, each with a weight for the vote that the index takes over all pages: JSON-LD 3, og: and meta 2, title, copyright line,
links of header and footer 1. A page about somebody else's company says nothing here; null is honest.
"""

import html as entities
import re
from collections.abc import Iterator, Sequence

import phonenumbers

from vizsla.harvest.extract.company_names import (
    company_type_of,
    fold,
    name_in_copyright,
    name_in_title,
    resembles,
    split_legal_form,
)
from vizsla.harvest.extract.countries import country_code, country_of_suffix
from vizsla.harvest.extract.head import MAX_HEAD, MAX_HTML, Head, attributes_of, read_tags, tag_at
from vizsla.harvest.extract.industries import industry_of_code, industry_of_text, industry_of_types
from vizsla.harvest.extract.jsonld import parse_jsonld, text_of, texts_of, types_of
from vizsla.harvest.extract.marks import MarkFinder
from vizsla.harvest.extract.organization import (
    Node,
    address_of,
    domain_of,
    headcount_of,
    host_of,
    own_organizations,
    related_domains,
    site_name,
    stated_type,
    telephones_of,
)
from vizsla.harvest.extract.profile_paths import is_home_path, is_profile_path
from vizsla.harvest.extract.social import handle_of
from vizsla.harvest.extract.technologies import find_technologies
from vizsla.harvest.records import Fact, Page

__all__ = ["extract_facts", "is_home_path", "is_profile_path"]

MAX_FACTS = 200
MAX_DESCRIPTION = 1_000
MAX_LINKED = 20
_MAX_MARKED = 40
"""Address properties looked at; a page with more is a listing."""

_MICRODATA = {
    "streetaddress": "street", "addresslocality": "city", "addressregion": "state", "postalcode": "postal_code", "addresscountry": "country",
    "street-address": "street", "locality": "city", "region": "state", "postal-code": "postal_code", "country-name": "country",
}  # fmt: skip
# The look-behind, not \b in front, so that the engine leaps from letter to letter: a fifth of the time.
_MARKED = re.compile(
    r"""itemprop(?<!\witemprop)\s?=\s?["']?(streetAddress|addressLocality|addressRegion|postalCode|addressCountry)\b"""
    r"""|class(?<!\wclass)\s?=\s?["'](?:p-)?(street-address|locality|region|postal-code|country-name)["']"""
)
_address_marks = MarkFinder((b"addressLocality", b"postalCode", b"street-address"))
_ANY_TAG = re.compile(r"<[^>]*>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")


class _Facts:
    """Facts of one page; of the same thing said twice the weightier counts."""

    def __init__(self, page: Page, domain: str) -> None:
        self.domain = domain
        self.uri = page.uri
        self._page = page
        self._weights: dict[tuple[str, str], int] = {}

    def add(self, key: str, value: str | None, weight: int) -> None:
        value = _CONTROL.sub(" ", value).strip() if value else None
        if (
            value
            and len(value) <= MAX_DESCRIPTION
            and (len(self._weights) < MAX_FACTS or (key, value) in self._weights)
        ):
            self._weights[key, value] = max(weight, self._weights.get((key, value), 0))

    def has(self, *keys: str) -> bool:
        return any(key in keys for key, _ in self._weights)

    def value(self, key: str) -> str | None:
        return next((value for stated, value in self._weights if stated == key), None)

    def listed(self) -> list[Fact]:
        page = self._page
        return [
            Fact(self.domain, key, value, page.uri, page.fetched_at, weight)
            for (key, value), weight in self._weights.items()
        ]


def extract_facts(page: Page, html: str, raw: bytes | None = None) -> list[Fact]:
    """
    The facts that *page* states about its own registrable domain; *html* is its body, decoded, and *raw* the same in a superset of
    ASCII, if that is at hand. None at all for a host without a registrable domain.

    Pages that are not of the profile kind give only what is surely about the whole site: JSON-LD of its owner and og:site_name.
    """
    domain = domain_of(page.uri)
    if domain is None or page.plain:
        return []
    facts = _Facts(page, domain)
    is_profile = is_profile_path(page.uri)
    tags = read_tags(html, MAX_HTML if is_profile else MAX_HEAD)
    head = Head(html, tags)
    nodes = parse_jsonld(html)
    own = own_organizations(nodes, domain, page.uri)
    _read_own_nodes(facts, own, nodes)
    facts.add("organization", site_name(nodes, domain), 2)
    _read_site_name(facts, head)
    _read_meta_handles(facts, head)
    if is_profile:
        raw = html.encode("utf-8", "replace") if raw is None else raw
        _read_names(facts, head)
        _read_edges(facts, head)
        if not facts.has("street", "city", "postal_code") and _address_marks.stands_in(raw):
            _read_marked_address(facts, html)
        _read_type_of_name(facts)
        _read_phones(facts, _stated_phones(own, head), head.lang)
        _read_linked(facts, own, head)
        for slug in find_technologies(page, html, raw, tags):
            facts.add("technology", slug, 1)
    if is_home_path(page.uri):
        _read_description(facts, head)
    return facts.listed()


def _read_own_nodes(facts: _Facts, own: Sequence[Node], nodes: Sequence[Node]) -> None:
    addresses = []
    for node in own:
        facts.add("organization", text_of(node, "name", 120), 3)
        facts.add("legal_name", text_of(node, "legalName", 160), 3)
        facts.add("description", text_of(node, "description", MAX_DESCRIPTION), 3)
        facts.add("headcount", headcount_of(node), 3)
        facts.add("company_type", stated_type(node), 3)
        industry = industry_of_code(text_of(node, "naics", 10)) or industry_of_types(types_of(node))
        facts.add("industry", industry.label if industry else None, 3)
        if address := address_of(node, nodes):
            addresses.append(address)
        for url in texts_of(node, "sameAs"):
            if found := handle_of(url):
                facts.add(*found, 3)
    for key, value in (addresses[0] if addresses else {}).items():
        # Several branches: which is the seat is not said.
        facts.add(key, value, 3 if all(address == addresses[0] for address in addresses) else 1)


def _read_site_name(facts: _Facts, head: Head) -> None:
    name = head.meta("og:site_name")
    if not name or len(name) > 120 or fold(name) in {"home", "homepage", "startseite"}:
        return
    if resembles(name, facts.domain):
        facts.add("organization", name, 2)
    elif host_of(facts.uri) in {facts.domain, "www." + facts.domain}:
        # Archives and hosting sites show other people's pages, site name included, on hosts and paths of theirs.
        facts.add("organization", name, 2 if is_profile_path(facts.uri) else 1)


def _read_meta_handles(facts: _Facts, head: Head) -> None:
    for site in head.metas("twitter:site")[:3]:
        if found := handle_of("https://twitter.com/" + site.removeprefix("@") if "/" not in site else site):
            facts.add(*found, 2)
    for publisher in head.metas("article:publisher")[:3]:
        if found := handle_of(publisher):
            facts.add(*found, 2)


def _read_names(facts: _Facts, head: Head) -> None:
    domain = facts.domain
    facts.add("organization", name_in_title(head.title or "", domain), 1)
    named = name_in_copyright(head.footer_text(), domain)
    if named:
        bare, form = split_legal_form(named)
        facts.add("organization", bare, 1)
        facts.add("legal_name", named if form else None, 1)


def _read_edges(facts: _Facts, head: Head) -> None:
    found: dict[str, list[str]] = {}
    for url in head.edge_links:
        if handle := handle_of(url):
            network, name = handle
            handles = found.setdefault(network, [])
            if name.lower() not in (known.lower() for known in handles) and len(handles) < 10:
                handles.append(name)
    for network, handles in found.items():
        # A footer also links to who made the site or wrote for it: of several, only one like the domain is the company's.
        alike = [
            name for name in handles if resembles(name.rpartition("/")[2].lstrip("@").replace("_", ""), facts.domain)
        ]
        if len(handles) == 1 or len(alike) == 1:
            facts.add(network, (alike or handles)[0], 1)


def _read_marked_address(facts: _Facts, html: str) -> None:
    found: dict[str, set[str]] = {}
    for number, match in enumerate(_MARKED.finditer(html, 0, 2_000_000)):
        if number >= _MAX_MARKED:
            return
        key = _MICRODATA[(match[1] or match[2]).lower()]
        if text := _marked_text(html, match.start()):
            found.setdefault(key, set()).add(text)
    if len(found) < 2 or any(len(texts) > 1 for texts in found.values()):
        return
    for key, texts in found.items():
        text = texts.pop()
        facts.add(key, country_code(text) if key == "country" else text, 2)


def _marked_text(html: str, at: int) -> str | None:
    start = html.rfind("<", max(0, at - 1_000), at)
    if start < 0:
        return None
    tag = tag_at(html, start)
    stated = attributes_of(tag).get("content")
    if stated is None:
        begin = start + len(tag)
        end = html.find("</", begin, begin + 400)
        stated = entities.unescape(_ANY_TAG.sub(" ", html[begin:end])) if end >= 0 else ""
    return " ".join(stated.split())[:200].strip(" ,") or None


def _read_type_of_name(facts: _Facts) -> None:
    country = facts.value("country") or country_of_suffix(facts.domain)
    legal = facts.value("legal_name") or facts.value("organization") or ""
    facts.add("company_type", company_type_of(legal, country), 2)
    _, _, suffix = facts.domain.partition(".")
    labels = suffix.split(".")
    if labels[0] in {"gov", "gouv", "gob", "govt", "mil"} or suffix == "go.jp":
        facts.add("company_type", "Government Agency", 2)
    elif labels[0] == "edu" or (labels[0] in {"ac", "sch", "k12"} and len(labels) > 1):
        facts.add("company_type", "Educational Institution", 2)


def _stated_phones(own: Sequence[Node], head: Head) -> Iterator[tuple[str, int]]:
    for node in own:
        for number in telephones_of(node):
            yield number, 3
    linked = {url[4:].replace("%20", "") for url in head.edge_links if url[:4].lower() == "tel:"}
    if len(linked) == 1:
        yield linked.pop(), 1


def _read_phones(facts: _Facts, stated: Iterator[tuple[str, int]], lang: str | None) -> None:
    region = facts.value("country") or country_of_suffix(facts.domain) or country_code((lang or "").partition("-")[2])
    for number, _ in zip(stated, range(10), strict=False):
        raw, weight = number
        if len(raw) > 40:
            continue
        try:
            parsed = phonenumbers.parse(raw, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            facts.add("phone", phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), weight)


def _read_linked(facts: _Facts, own: Sequence[Node], head: Head) -> None:
    label = facts.domain.partition(".")[0]
    linked: dict[str, int] = {}
    for node in own:
        linked |= dict.fromkeys(related_domains(node), 3)
        # sameAs also names encyclopaedias and directories: only the same name under another suffix is the company.
        for url in texts_of(node, "sameAs"):
            if (other := domain_of(url)) and other.partition(".")[0] == label:
                linked.setdefault(other, 3)
    for link in head.links:
        if "hreflang" in link and "alternate" in link.get("rel", "").lower() and (other := domain_of(link["href"])):
            linked.setdefault(other, 2)
    linked.pop(facts.domain, None)
    for other, weight in list(linked.items())[:MAX_LINKED]:
        facts.add("linked_domain", other, weight)


def _read_description(facts: _Facts, head: Head) -> None:
    description = head.meta("description", "og:description", "twitter:description")
    facts.add("description", description, 2)
    # Not of meta keywords: half of what they gave was an industry that the site writes about (126 saved home pages).
    stated = " . ".join(filter(None, (description or facts.value("description"), head.title)))
    industry = industry_of_text(stated)
    facts.add("industry", industry.label if industry else None, 1)
