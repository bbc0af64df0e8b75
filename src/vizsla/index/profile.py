"""
What do a company's pages, taken together, say of it?

A vote for each field: what pages say today counts before what they said once, then weight over all pages, then the
newest. Lists (technologies, linked domains) keep what at least one page says.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

FIELDS = (
    "organization", "description", "industry", "twitter", "facebook", "linkedin", "instagram", "youtube", "country", "state",
    "city", "postal_code", "street", "headcount", "company_type", "phone",
)  # fmt: skip
_MOST_TECHNOLOGIES = 100
_MOST_LINKED = 50
_MOST_NAMES = 5


class Vote(msgspec.Struct, frozen=True):
    """What all pages of one domain say for one value of one key."""

    key: str
    value: str
    current: int
    """The weight of the pages that say so now."""
    weight: int
    """The weight of all that ever did."""
    last_seen: int


class Profile(msgspec.Struct, frozen=True):
    """What is shown, and the names to find the company by."""

    fields: dict[str, str | None]
    technologies: str
    """JSON array."""
    linked_domains: str
    """JSON array."""
    names: tuple[str, ...] = ()


def infer_profile(votes: Iterable[Vote]) -> Profile:
    """The profile of one domain."""
    by_key: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_key[vote.key].append(vote)
    for candidates in by_key.values():
        candidates.sort(key=lambda vote: (-vote.current, -vote.weight, -vote.last_seen, vote.value))
    names = [vote.value for key in ("organization", "legal_name") for vote in by_key[key][:_MOST_NAMES]]
    fields = {key: by_key[key][0].value if by_key[key] else None for key in FIELDS}
    if fields["organization"] is None and by_key["legal_name"]:
        fields["organization"] = by_key["legal_name"][0].value
    return Profile(
        fields,
        _current(by_key["technology"], _MOST_TECHNOLOGIES),
        _current(by_key["linked_domain"], _MOST_LINKED),
        tuple(dict.fromkeys(names)),
    )


def _current(votes: list[Vote], most: int) -> str:
    values = sorted(vote.value for vote in [vote for vote in votes if vote.current][:most])
    return msgspec.json.encode(values).decode()
