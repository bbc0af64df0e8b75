"""
Which leads are meant?

A filter becomes a condition on the columns of `leads.mirror`. Case does not matter; `*` and `~` are any value and none.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ANY = "*"
NONE = "~"
COLUMNS = {
    "email": "email",
    "first_name": "first_name",
    "last_name": "last_name",
    "position": "position",
    "company": "company",
    "industry": "company_industry",
    "website": "website",
    "country_code": "country_code",
    "company_size": "company_size",
    "source": "source",
    "twitter": "twitter",
    "linkedin_url": "linkedin_url",
    "phone_number": "phone_number",
}
"""The column behind each filter of text."""
SORTS = frozenset(
    {
        *("id", "created_at", "confidence_score", "last_activity_at", "last_contacted_at"),
        *("verification_status", "sending_status", "sync_status"),
        *COLUMNS.values(),
    }
)
"""Columns by which a page can be ordered; `a` and the id of a custom attribute is one as well."""
SORTED_DEEP = 2_000
"""Up to here an order by another column than `id` costs a walk over it; further down all leads would have to be sorted."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which leads: all that is said must hold."""

    texts: Mapping[str, str] = {}
    """By name as in COLUMNS: ANY, NONE, or what the field must contain."""
    attributes: Mapping[int, str] = {}
    """By the attribute's id: the same."""
    list_id: int | None = None
    tag_id: int | None = None
    sync_status: str | None = None
    sending_statuses: tuple[str, ...] = ()
    """One of these; NONE among them: or none."""
    verification_statuses: tuple[str, ...] = ()
    last_activity_at: str | None = None
    """ANY or NONE."""
    last_contacted_at: str | None = None
    after: int | None = None
    """Only leads past this id."""
    query: str | None = None
    """In the first name, the last name or the address."""

    @property
    def is_empty(self) -> bool:
        """Whether every lead is meant."""
        return self == Filters()


def condition(filters: Filters) -> tuple[str, list[Any]]:
    """What holds of the leads that are meant, and the values in it; empty if all are."""
    parts: list[str] = []
    values: list[Any] = []

    def add(part: str, *more: Any) -> None:
        parts.append(part)
        values.extend(more)

    for name, wanted in filters.texts.items():
        _add_text(add, COLUMNS[name], wanted)
    for id_, wanted in filters.attributes.items():
        _add_text(add, f"a{id_:d}", wanted)
    for column, wanted_id in (("lists", filters.list_id), ("tags", filters.tag_id)):
        if wanted_id is not None:
            add(f"contains({column}, ?)", f",{wanted_id},")
    if filters.after is not None:
        add("id > ?", filters.after)
    if filters.sync_status is not None:
        add("sync_status = ?", filters.sync_status)
    for column, statuses in (
        ("sending_status", filters.sending_statuses),
        ("verification_status", filters.verification_statuses),
    ):
        if statuses:
            add(*_one_of(column, statuses))
    for column, there in (
        ("last_activity_at", filters.last_activity_at),
        ("last_contacted_at", filters.last_contacted_at),
    ):
        if there is not None:
            add(f"{column} IS {'NOT ' if there == ANY else ''}NULL")
    if filters.query:
        named = " OR ".join(f"contains({column}, lower(?))" for column in ("email", "first_name", "last_name"))
        add(f"({named})", *[filters.query] * 3)
    return " AND ".join(parts), values


def _add_text(add: Any, column: str, wanted: str) -> None:
    if wanted == ANY:
        add(f"{column} IS NOT NULL")
    elif wanted == NONE:
        add(f"{column} IS NULL")
    else:
        add(f"contains({column}, lower(?))", wanted)


def _one_of(column: str, statuses: Iterable[str]) -> tuple[Any, ...]:
    named = sorted({status for status in statuses if status != NONE})
    parts = [f"{column} IN ({', '.join('?' * len(named))})"] if named else []
    if NONE in statuses:
        parts.append(f"{column} IS NULL")
    return (f"({' OR '.join(parts)})", *named)
