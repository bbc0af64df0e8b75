"""Which leads are on a page, and what is shown with each?"""

from collections.abc import Mapping, Sequence

import msgspec

from vizsla.leads.attributes import list_attributes
from vizsla.leads.filters import Filters
from vizsla.leads.lead import Lead, LeadsList
from vizsla.leads.lists import lists_with_ids
from vizsla.leads.mirror import Mirrors
from vizsla.leads.store import count_leads, leads_with_ids, newest_leads
from vizsla.storage.database import Database, Reader

_NEAR = 1_000
"""Leads that a store passes over as fast as a mirror answers."""


class Shown(msgspec.Struct, frozen=True):
    """A lead with what its ids mean."""

    lead: Lead
    list: LeadsList | None
    """The first of its lists."""
    attributes: Mapping[str, str | None]
    """All of the account's, by slug."""


class Page(msgspec.Struct, frozen=True):
    """Some of the leads that match."""

    leads: Sequence[Shown]
    count: int
    """Of those that match."""
    total: int
    """Of all the account has."""


async def find_page(
    app: Database,
    mirrors: Mirrors,
    account_id: int,
    filters: Filters,
    *,
    limit: int,
    offset: int = 0,
    sort: str = "id",
    rising: bool = False,
) -> Page:
    """One page of the leads that match, newest first unless sorted by a column of `filters.SORTS`."""
    total = await count_leads(app, account_id)
    if filters.is_empty and offset + limit <= _NEAR and sort == "id" and not rising:
        found, count = await newest_leads(app, account_id, limit=limit, offset=offset), total
    else:
        matches = await mirrors.find(account_id, filters, limit=limit, offset=offset, sort=sort, rising=rising)
        found, count = await leads_with_ids(app, account_id, matches.ids), matches.count
    return Page(await show(app, account_id, found), count, max(total, count))


async def show(reader: Reader, account_id: int, leads: Sequence[Lead]) -> list[Shown]:
    """The leads as they are shown."""
    attributes = await list_attributes(reader, account_id)
    lists = await lists_with_ids(reader, account_id, (id_ for one in leads for id_ in one.lists))
    return [
        Shown(
            one,
            next((lists[id_] for id_ in one.lists if id_ in lists), None),
            {each.slug: one.attributes.get(each.id) for each in attributes},
        )
        for one in leads
    ]
