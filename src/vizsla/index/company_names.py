"""
Which domain belongs to the company of this name?

Names are compared without legal form, case, accents, punctuation and a leading "The": "The Ångström Co., Ltd." is
`angstrom`. Beside the names that its pages give, a company is found by the first label of its domain.
"""

import re
from collections.abc import Iterable, Iterator

from vizsla.harvest.extract.company_names import fold, split_legal_form
from vizsla.kit.domain_name import registrable_domain
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

MAX_NAME = 120
_LEAST_PREFIX = 3
"""Letters that a name must have before it is taken for the beginning of another."""
_SAID, _LABEL = 2_000_000, 1_000_000
"""A name that the pages give weighs more than the domain's label, and within each the number of addresses decides."""

_SPELLED = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i", "&": " and ", "+": " and "})

_EXACT = statement("SELECT domain FROM company_name WHERE name = :name ORDER BY weight DESC, domain LIMIT 1")
# Names that begin alike lie together; a look at the first thousand is bounded, and the shortest name is the nearest.
_PREFIX = statement("""
    SELECT domain FROM (
        SELECT name, domain, weight FROM company_name WHERE name >= :first AND name < :past ORDER BY name LIMIT 1000
    ) AS near ORDER BY weight DESC, length(name), name, domain LIMIT 1
""")


def normalise(name: str) -> str:
    """The form in which names are compared; empty if nothing is left."""
    text = " ".join(name[: 4 * MAX_NAME].replace("\0", " ").split())
    bare = split_legal_form(text)[0] or text
    words = _words(bare) or _words(text)
    return (words.removeprefix("the ") or words)[:MAX_NAME].strip()


async def find_domain(reader: Reader, company: str) -> str | None:
    """The domain of the company called *company*: exactly, else by the beginning of its name; None if there is none."""
    name = normalise(company)
    if not name:
        return None
    for spelling in dict.fromkeys((name, name.replace(" ", ""))):
        if row := await reader.fetch_one(_EXACT, {"name": spelling}):
            return str(row[0])
    if len(name.replace(" ", "")) < _LEAST_PREFIX:
        return None
    # A whole word first: "acme" is "acme rockets" before it is "acmenia".
    for first, past in ((name + " ", name + "!"), (name, name + "\U0010ffff")):
        if row := await reader.fetch_one(_PREFIX, {"first": first, "past": past}):
            return str(row[0])
    return None


def list_names(domain: str, names: Iterable[str], n_emails: int) -> Iterator[tuple[str, int]]:
    """The names that *domain* is found by, each once, with their weight; nothing for a host below a company's domain."""
    if registrable_domain(domain) != domain:
        return
    addresses = min(n_emails, _LABEL - 1)
    weights: dict[str, int] = {}
    for name in names:
        if normalised := normalise(name):
            for spelling in (normalised, normalised.replace(" ", "")):
                weights[spelling] = _SAID + addresses
    weights.setdefault(normalise(domain.partition(".")[0].replace("-", " ")), _LABEL + addresses)
    weights.setdefault(domain.partition(".")[0].replace("-", ""), _LABEL + addresses)
    weights.pop("", None)
    yield from sorted(weights.items())


def _words(text: str) -> str:
    folded = fold(text).translate(_SPELLED).replace("'", "").replace("’", "").replace(".", "")
    return " ".join(re.findall(r"[^\W_]+", folded))
