"""
Which people does a page state in so many words, in JSON-LD, microdata or an hCard?

What a page says of a Person is believed without a look at the local part; what it says of an Organization gives the address
and no name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from vizsla.harvest.extract.jsonld import text_of, texts_of, types_of
from vizsla.harvest.extract.lines import Scope
from vizsla.harvest.extract.names import Name, parse_name, split_name
from vizsla.harvest.extract.social import handle_of

MAX_EMAILS = 20
_LINKEDIN_PERSON = re.compile(r"linkedin\.com/(?:in|pub)/([\w%.\-]{2,100})", re.IGNORECASE)


class Stated(msgspec.Struct):
    """An address with what the same item says of its owner."""

    email: str
    how: str
    name: Name | None = None
    position: str | None = None
    phone: str | None = None
    """As written."""
    twitter: str | None = None
    linkedin: str | None = None


def stated_in_jsonld(nodes: Iterable[Mapping[str, object]]) -> list[Stated]:
    """One for each address of each node, in the order of the page."""
    stated: list[Stated] = []
    for node in nodes:
        emails = texts_of(node, "email", MAX_EMAILS)
        if not emails:
            continue
        person = "Person" in types_of(node)
        twitter, linkedin = _handles(texts_of(node, "sameAs")) if person else (None, None)
        name = _name_in(node) if person else None
        position = text_of(node, "jobTitle", 100) if person else None
        phone = text_of(node, "telephone", 60)
        stated.extend(Stated(_bare(email), "jsonld", name, position, phone, twitter, linkedin) for email in emails)
    return stated


def people_in_jsonld(nodes: Iterable[Mapping[str, object]]) -> list[Name]:
    """The names of all people, with an address of their own or not; at most twenty."""
    names = (_name_in(node) for node in nodes if "Person" in types_of(node))
    return [name for name in names if name is not None][:20]


def stated_in_scopes(scopes: Iterable[Scope]) -> list[Stated]:
    """One for each address of each microdata item or hCard."""
    stated: list[Stated] = []
    for scope in scopes:
        props: dict[str, str] = {}
        for key, value in scope.props:
            props.setdefault(key, value)
        emails = [value for key, value in scope.props if key == "email"][:MAX_EMAILS]
        person = scope.kind in ("person", "hcard")
        name = None
        if person and len(emails) == 1:
            name = _stated_name(props.get("givenName"), props.get("familyName"), props.get("name"))
        how = "hcard" if scope.kind == "hcard" else "microdata"
        stated.extend(
            Stated(_bare(email), how, name, (props.get("jobTitle") or None) if name else None, props.get("telephone"))
            for email in emails
        )
    return stated


def _name_in(node: Mapping[str, object]) -> Name | None:
    return _stated_name(text_of(node, "givenName", 80), text_of(node, "familyName", 80), text_of(node, "name", 80))


def _stated_name(given: str | None, family: str | None, whole: str | None) -> Name | None:
    if given and family:
        return split_name(given, family)
    name = parse_name(whole) if whole else None
    return name if name is not None and name.last else None


def _handles(urls: Sequence[str]) -> tuple[str | None, str | None]:
    twitter = next((handle[1] for url in urls if (handle := handle_of(url)) and handle[0] == "twitter"), None)
    linkedin = next((match[1] for url in urls if (match := _LINKEDIN_PERSON.search(url[:300]))), None)
    return twitter, linkedin


def _bare(email: str) -> str:
    email = email.strip()
    return email[7:].partition("?")[0] if email[:7].lower() == "mailto:" else email
