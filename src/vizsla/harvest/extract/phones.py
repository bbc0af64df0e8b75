"""
Which phone number stands in these lines?

A number must be labelled, international, a `tel:` link or in the North American form before it is parsed at all: dates,
prices and order numbers look like phones to any looser rule. What is returned is E.164.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from types import ModuleType
from urllib.parse import unquote

from vizsla.harvest.extract.lines import Line

MAX_LINE = 400
_NUMBER = re.compile(
    r"(?P<label>\b(?:tel|telephone|telefon|téléphone|teléfono|telefono|phone|ph|fon|mobile|mobil|cell|direct|office|call|tél|móvil|fax|telefax|durchwahl|t|m|p|f)\b[.:]{0,2}\s{0,3}[:.]?\s{0,3})?"
    r"(?P<number>\+?\(?\d[\d\s().\-/–]{5,24}\d)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_AMERICAN = re.compile(r"(?:\+?1[ .-])?\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}\Z")


def find_phone(lines: Sequence[Line], region: str | None) -> str | None:
    """The first phone number of *lines*, a `tel:` link before one in the text. None if none is valid in *region* or abroad."""
    for line in lines:
        for link in line.links:
            if link.href[:4].lower() == "tel:" and (
                phone := parse_phone(unquote(link.href[4:60]).partition(";")[0], region)
            ):
                return phone
    for line in lines:
        if len(line.text) > MAX_LINE or not _DIGIT.search(line.text):
            continue
        for match in _NUMBER.finditer(line.text):
            label = (match["label"] or "").lower()
            number = match["number"]
            if label.startswith(("fax", "telefax", "f")) and not label.startswith("fon"):
                continue
            american = _AMERICAN.match(number)
            if not label and number[0] != "+" and not number.startswith("(+") and not american:
                continue
            if phone := parse_phone(number, region or ("US" if american else None)):
                return phone
    return None


@lru_cache(8_192)
def parse_phone(text: str, region: str | None) -> str | None:
    """*text* in E.164 if it is a number that can exist."""
    numbers = _library()
    text = text.replace("(0)", "").strip()
    try:
        number = numbers.parse(text, region)
    except numbers.NumberParseException:
        return None
    return (
        str(numbers.format_number(number, numbers.PhoneNumberFormat.E164)) if numbers.is_valid_number(number) else None
    )


def region_of(host: str, lang: str | None) -> str | None:
    """The country in which numbers without a country code are read: the host's country domain, or the page's language."""
    top = host.rpartition(".")[2].upper()
    if len(top) == 2:
        top = "GB" if top == "UK" else top
        if top in _library().SUPPORTED_REGIONS:
            return top
    if lang:
        country = lang.replace("_", "-").partition("-")[2].upper()
        if len(country) == 2 and country in _library().SUPPORTED_REGIONS:
            return country
    return None


@cache
def _library() -> ModuleType:
    # 41 ms and some megabytes: not before a page has a number.
    import phonenumbers

    return phonenumbers
