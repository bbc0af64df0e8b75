"""Which custom attributes do an account's leads have?"""

import re

from anyascii import anyascii
from sqlalchemy import bindparam, delete, insert, select, update

from vizsla.accounts.store import next_id
from vizsla.kit.errors import NotFound
from vizsla.leads.lead import SHADOWING, Attribute, InvalidLead, clean, name_key
from vizsla.leads.tables import leads_attribute as table
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

MOST = 100
"""Attributes of one account: each is a column of its mirror."""
LONGEST_LABEL = 100
_mine = table.c.account_id == bindparam("account_id_")
_ALL = statement(select(table.c.id, table.c.label, table.c.slug).where(_mine).order_by(table.c.id.desc()))
_ADD = statement(
    insert(table).values(
        account_id=bindparam("account_id"),
        id=bindparam("id"),
        label=bindparam("label"),
        label_key=bindparam("label_key"),
        slug=bindparam("slug"),
    )
)
_RELABEL = statement(
    update(table)
    .where(_mine, table.c.id == bindparam("id_"))
    .values(label=bindparam("label_"), label_key=bindparam("label_key_"))
)
_DELETE = statement(delete(table).where(_mine, table.c.id == bindparam("id_")))


class AttributeNotFound(NotFound):
    """This custom attribute does not exist."""


async def list_attributes(reader: Reader, account_id: int) -> list[Attribute]:
    """The account's attributes, newest first."""
    return [Attribute(*row) for row in await reader.fetch_all(_ALL, {"account_id_": account_id})]


async def attribute_ids(reader: Reader, account_id: int) -> dict[str, int]:
    """The account's attributes by slug."""
    return {each.slug: each.id for each in await list_attributes(reader, account_id)}


async def get_attribute(reader: Reader, account_id: int, attribute_id: int) -> Attribute:
    """The account's attribute; raises AttributeNotFound."""
    for each in await list_attributes(reader, account_id):
        if each.id == attribute_id:
            return each
    raise AttributeNotFound


async def create_attribute(conn: Connection, account_id: int, label: str) -> Attribute:
    """A new attribute, its slug made of its label. Raises InvalidLead."""
    attribute_id = await next_id(conn, account_id)  # the account's row is ours from here on
    known = await list_attributes(conn, account_id)
    if len(known) >= MOST:
        raise InvalidLead(f"An account has {MOST} custom attributes at most.")
    cleaned, slug = read_label(label, known)
    values = {"account_id": account_id, "id": attribute_id, "label": cleaned, "slug": slug}
    await conn.execute(_ADD, {**values, "label_key": name_key(cleaned)})
    return Attribute(attribute_id, cleaned, slug)


def read_label(label: str, known: list[Attribute]) -> tuple[str, str]:
    """The label of a new attribute beside those that are *known*, as it is kept, and its slug. Raises InvalidLead."""
    cleaned = _clean_label(label)
    _refuse_twice(cleaned, known)
    slug = slug_of(cleaned)
    if slug in SHADOWING:
        raise InvalidLead(f"Leads have a field called {slug} already. Choose another label.")
    if slug in {each.slug for each in known}:
        raise InvalidLead("There is a custom attribute with a label like this one already.")
    return cleaned, slug


async def relabel_attribute(conn: Connection, account_id: int, attribute_id: int, label: str) -> Attribute:
    """Give an attribute another label; its slug stays. Raises AttributeNotFound, InvalidLead."""
    cleaned = _clean_label(label)
    known = await list_attributes(conn, account_id)
    _refuse_twice(cleaned, [each for each in known if each.id != attribute_id])
    values = {"account_id_": account_id, "id_": attribute_id, "label_": cleaned, "label_key_": name_key(cleaned)}
    if not await conn.execute(_RELABEL, values):
        raise AttributeNotFound
    return await get_attribute(conn, account_id, attribute_id)


async def delete_attribute(conn: Connection, account_id: int, attribute_id: int) -> None:
    """Delete an attribute: no lead shows it from now on. What leads had of it is for `tasks` to scrub."""
    if not await conn.execute(_DELETE, {"account_id_": account_id, "id_": attribute_id}):
        raise AttributeNotFound


def slug_of(label: str) -> str:
    """*label* in snake_case and ASCII. Raises InvalidLead if nothing is left of it."""
    slug = re.sub(r"[^a-z0-9]+", "_", anyascii(label).lower()).strip("_")[:LONGEST_LABEL]
    if not slug:
        raise InvalidLead("The label must have a letter or a digit.")
    return slug


def _clean_label(label: str) -> str:
    cleaned = clean(label[: LONGEST_LABEL * 2])
    if cleaned is None or len(cleaned) > LONGEST_LABEL:
        raise InvalidLead(f"The label has 1 to {LONGEST_LABEL} characters.")
    return cleaned


def _refuse_twice(label: str, known: list[Attribute]) -> None:
    if name_key(label) in {name_key(each.label) for each in known}:
        raise InvalidLead("There is a custom attribute with this label already.")
