"""
Which of the organisations in a page's JSON-LD is the one behind the page's own domain, and what does it say of itself?

A directory lists a hundred companies and none of them is the directory: a node is believed when its address is the front page
of the domain it stands on, or when it is alone in naming no other place and its name resembles the domain.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from vizsla.harvest.extract.company_names import resembles
from vizsla.harvest.extract.countries import country_code
from vizsla.harvest.extract.industries import SCHEMA_TYPES
from vizsla.harvest.extract.jsonld import text_of, texts_of, types_of
from vizsla.harvest.extract.profile_paths import is_home_path, is_profile_path
from vizsla.kit.domain_name import registrable_domain, to_ascii

Node = Mapping[str, object]

_GENERAL_TYPES = """
    Organization Corporation LocalBusiness Consortium NewsMediaOrganization OnlineBusiness ProfessionalService Cooperative Project
    GovernmentOrganization EducationalOrganization MedicalOrganization SportsOrganization PerformingGroup WorkersUnion
"""
ORGANIZATION_TYPES = SCHEMA_TYPES | frozenset(_GENERAL_TYPES.split())
_MAX_NODES = 200
_RELATED = ("subOrganization", "parentOrganization", "department", "brand")

_BANDS = (
    (10, "1-10"),
    (50, "11-50"),
    (200, "51-200"),
    (500, "201-500"),
    (1_000, "501-1000"),
    (5_000, "1001-5000"),
    (10_000, "5001-10000"),
)
_NUMBER = re.compile(r"\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+|\d{1,8}")

_TYPE_WORDS = {
    "NGO": "Nonprofit",
    "EducationalOrganization": "Educational Institution",
    "CollegeOrUniversity": "Educational Institution",
    "School": "Educational Institution",
    "ElementarySchool": "Educational Institution",
    "MiddleSchool": "Educational Institution",
    "HighSchool": "Educational Institution",
    "Preschool": "Educational Institution",
    "GovernmentOrganization": "Government Agency",
    "GovernmentOffice": "Government Agency",
    "CityHall": "Government Agency",
    "PoliceStation": "Government Agency",
}


def host_of(uri: str) -> str | None:
    """The host name of *uri* with A-labels, None if it has none or an IP address."""
    try:
        host = urlsplit(uri[:2_048]).hostname
    except ValueError:
        return None
    return to_ascii(host.lower().rstrip(".")) if host else None


def domain_of(uri: str) -> str | None:
    """The registrable domain of the host of *uri*."""
    host = host_of(uri)
    return registrable_domain(host) if host else None


def own_organizations(nodes: Iterable[Node], domain: str, uri: str) -> list[Node]:
    """The nodes that speak of the company behind *domain*, the surest first; none if the page speaks of others."""
    strong: list[Node] = []
    weak: list[Node] = []
    strangers = 0
    for node in _organizations(nodes):
        places = _places(node)
        homes = [place for place in places if domain_of(place) == domain]
        if any(is_home_path(place) for place in homes):
            strong.append(node)
        elif homes or not places:
            weak.append(node)
        else:
            strangers += 1
    if strong:
        return strong
    named = [
        node for node in weak if resembles(text_of(node, "name", 200) or text_of(node, "legalName", 200) or "", domain)
    ]
    # Many unplaced organisations are a listing, whatever one of them is called.
    return named if named and is_profile_path(uri) and len(weak) + strangers <= 3 else []


def site_name(nodes: Iterable[Node], domain: str) -> str | None:
    """The name of the WebSite node whose address is the front page of *domain*."""
    for node in nodes:
        if "WebSite" in types_of(node):
            url = text_of(node, "url", 512)
            if url and domain_of(url) == domain and is_home_path(url):
                return text_of(node, "name", 120)
    return None


def address_of(node: Node, nodes: Iterable[Node]) -> dict[str, str]:
    """country (alpha-2), state, city, postal_code and street of *node*'s first PostalAddress, as far as it says them."""
    value = node.get("address") or _location_address(node)
    if isinstance(value, list):
        value = next((one for one in value if isinstance(one, dict)), None)
    if isinstance(value, dict) and set(value) <= {"@id", "@type"}:
        # A graph keeps the address apart and names it.
        value = next((one for one in nodes if one.get("@id") == value.get("@id") and len(one) > 2), None)
    if not isinstance(value, Mapping):
        return {}
    fields = {
        "country": country_code(text_of(value, "addressCountry", 100)),
        "state": text_of(value, "addressRegion", 100),
        "city": text_of(value, "addressLocality", 100),
        "postal_code": text_of(value, "postalCode", 20),
        "street": text_of(value, "streetAddress", 200),
    }
    return {key: text for key, text in fields.items() if text}


def telephones_of(node: Node) -> list[str]:
    """The numbers that *node* states, as written: its own, else those of its contact points."""
    if own := texts_of(node, "telephone", 3):
        return own
    points = node.get("contactPoint")
    points = points if isinstance(points, list) else [points]
    return [number for point in points[:10] if isinstance(point, dict) for number in texts_of(point, "telephone", 1)]


def headcount_of(node: Node) -> str | None:
    """The band that `numberOfEmployees` falls into, None where it spans two."""
    value = node.get("numberOfEmployees")
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        low, high = (_count(value.get(key)) for key in ("minValue", "maxValue"))
        if low is not None and high is not None:
            return _band_of_range(low, high)
        if (count := _count(value.get("value"))) is not None:
            return _band(count)
        value = value.get("value") or value.get("name")
    if isinstance(value, str):
        if len(value) > 60:
            return None
        numbers = [count for count in map(_count, _NUMBER.findall(value)) if count is not None]
        if len(numbers) == 2:
            return _band_of_range(*numbers)
        if len(numbers) != 1:
            return None
        return ("10001+" if numbers[0] >= 10_000 else None) if "+" in value else _band(numbers[0])
    count = _count(value)
    return None if count is None else _band(count)


def stated_type(node: Node) -> str | None:
    """What kind of body *node* says it is, in LinkedIn's words."""
    if node.get("nonprofitStatus"):
        return "Nonprofit"
    if text_of(node, "tickerSymbol", 40):
        return "Public Company"
    found = {_TYPE_WORDS[name] for name in types_of(node) if name in _TYPE_WORDS}
    return found.pop() if len(found) == 1 else None


def related_domains(node: Node) -> Iterator[str]:
    """The registrable domains of parent, sub-organisations, departments and brands that *node* names."""
    for key in _RELATED:
        value = node.get(key)
        for one in (value if isinstance(value, list) else [value])[:20]:
            if isinstance(one, dict) and (url := text_of(one, "url", 512)) and (found := domain_of(url)):
                yield found


def _organizations(nodes: Iterable[Node]) -> Iterator[Node]:
    seen = 0
    for node in nodes:
        if types_of(node) & ORGANIZATION_TYPES and (node.get("name") or node.get("legalName")):
            yield node
            seen += 1
            if seen >= _MAX_NODES:
                return


def _places(node: Node) -> list[str]:
    urls = [url for key in ("url", "@id", "mainEntityOfPage") for url in texts_of(node, key, 3)]
    return [url for url in urls if url.startswith(("http://", "https://"))]


def _location_address(node: Node) -> object:
    location = node.get("location")
    if isinstance(location, list):
        location = location[0] if location else None
    return location.get("address") if isinstance(location, dict) else None


def _count(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if 0 < value < 10_000_000 else None
    if isinstance(value, str) and len(value) < 20:
        digits = re.sub(r"[,.' \u00a0\u202f]", "", value)
        return int(digits) if digits.isascii() and digits.isdigit() and 0 < int(digits) < 10_000_000 else None
    return None


def _band(count: int) -> str:
    return next((band for top, band in _BANDS if count <= top), "10001+")


def _band_of_range(low: int, high: int) -> str | None:
    # LinkedIn writes "2-10", and "51-200" and "50-200" are meant alike.
    return _band(high) if low == high or (low < high and _band(low + 1) == _band(high)) else None
