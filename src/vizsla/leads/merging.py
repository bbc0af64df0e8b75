"""
What do leads become when the rows of a file are written into them?

Pure, so that who only asks and who writes come to the same. Lists, tags and attributes that are not there yet have numbers below
zero until somebody makes them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from vizsla.leads.lead import LONGEST_NOTES, InvalidLead, Lead, name_key
from vizsla.leads.lists import MOST_LISTS, clean_list_name
from vizsla.leads.mapping import Plan, Wanted
from vizsla.leads.tags import MOST, MOST_OF_A_LEAD, clean_tag_name

FIRST_LIST = 0
"""In the place of a list: the first one of an account that has none."""


class Counts(msgspec.Struct):
    """What becomes of rows."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    """Of leads that are known, and stay as they are."""
    refused: int = 0


class Names:
    """Lists and tags of an account by name."""

    def __init__(self, *, lists: int, tags: int) -> None:
        """How many there are of each."""
        self.lists: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        self.new_lists: dict[int, str] = {}
        """Those that are not there, by the numbers that stand for them."""
        self.new_tags: dict[int, str] = {}
        self._room_for_lists = MOST_LISTS - lists
        self._room_for_tags = MOST - tags

    def list_id(self, name: str) -> int:
        """The list of that name. Raises InvalidLead."""
        cleaned = clean_list_name(name)
        return _number(cleaned, self.lists, self.new_lists, self._room_for_lists, f"{MOST_LISTS:,} lists")

    def tag_id(self, name: str) -> int:
        """The tag of that name. Raises InvalidLead."""
        cleaned = clean_tag_name(name)
        return _number(cleaned, self.tags, self.new_tags, self._room_for_tags, f"{MOST:,} tags")


def _number(name: str, known: dict[str, int], new: dict[int, str], room: int, most: str) -> int:
    key = name_key(name)
    if key not in known:
        if len(new) >= room:
            raise InvalidLead(f"An account has {most} at most.")
        known[key] = -1 - len(new)
        new[known[key]] = name
    return known[key]


class Merging:
    """Leads as they are after some rows; of two rows with one address the later one writes over the earlier."""

    def __init__(
        self, plan: Plan, attributes: Mapping[str, int], names: Names, known: Mapping[str, Lead], *, own: int, now: int
    ) -> None:
        """*own*: the list of new leads that the file names none for."""
        self._plan = plan
        self._attributes = attributes
        self._names = names
        self._own = own
        self._now = now
        self.leads = dict(known)
        self.fresh: set[str] = set()
        self.counts = Counts()

    def take(self, wanted: Wanted) -> None:
        """Write a row into its lead. Raises InvalidLead; then it is as if the row was not there."""
        before = self.leads.get(wanted.email)
        if before is None:
            lists = tuple(map(self._names.list_id, wanted.lists)) if wanted.lists is not None else (self._own,)
            # Its id is given when it is written.
            empty = Lead(id=0, email=wanted.email, lists=lists, created_at=self._now)
            self.leads[wanted.email] = self._written(empty, wanted)
            self.fresh.add(wanted.email)
            self.counts.created += 1
            return
        after = self._moved(self._written(before, wanted), wanted) if self._plan.update else before
        if after == before:
            self.counts.skipped += 1
        else:
            self.counts.updated += 1
            self.leads[wanted.email] = after

    def _moved(self, one: Lead, wanted: Wanted) -> Lead:
        if wanted.lists:
            return msgspec.structs.replace(one, lists=tuple(map(self._names.list_id, wanted.lists)))
        if self._plan.list_id is None:
            return one
        others = tuple(id_ for id_ in one.lists if id_ != self._plan.list_id)
        return msgspec.structs.replace(one, lists=(self._plan.list_id, *others))

    def _written(self, before: Lead, wanted: Wanted) -> Lead:
        keep = self._plan.keep
        values: dict[str, Any] = {
            name: value
            for name, value in wanted.draft.values.items()
            if name not in keep or getattr(before, name) is None
        }
        if self._plan.source and "source" not in wanted.draft.values and before.source is None:
            values["source"] = self._plan.source
        said = {
            self._attribute(slug): text
            for slug, text in wanted.draft.attributes.items()
            if slug not in keep or self._attributes.get(slug) not in before.attributes
        }
        if said:
            values["attributes"] = merged = {**before.attributes, **said}
            if sum(len(text or "") for text in merged.values()) > LONGEST_NOTES:
                raise InvalidLead(f"The custom attributes of a lead have {LONGEST_NOTES:,} characters at most.")
        if wanted.tags:
            tags = tuple(dict.fromkeys((*before.tags, *map(self._names.tag_id, wanted.tags))))
            if len(tags) > max(MOST_OF_A_LEAD, len(before.tags)):
                raise InvalidLead(f"A lead has {MOST_OF_A_LEAD} tags at most.")
            values["tags"] = tags
        return msgspec.structs.replace(before, **values)

    def _attribute(self, slug: str) -> int:
        """Its number. Raises InvalidLead if it is gone since the plan was made."""
        if slug not in self._attributes:
            raise InvalidLead(f"There is no custom attribute with the slug {slug} any more.")
        return self._attributes[slug]


def with_ids(leads: Iterable[Lead], lists: Mapping[int, int], tags: Mapping[int, int]) -> list[Lead]:
    """*leads* with the lists and tags that were made in the places of what stood for them."""
    found = []
    for one in leads:
        if any(id_ in lists for id_ in one.lists) or any(id_ in tags for id_ in one.tags):
            named = tuple(dict.fromkeys(lists.get(id_, id_) for id_ in one.lists))
            one = msgspec.structs.replace(one, lists=named, tags=tuple(tags.get(id_, id_) for id_ in one.tags))  # noqa: PLW2901
        found.append(one)
    return found
