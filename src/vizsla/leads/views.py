"""
Which views of their leads have members saved, and which columns do they want to see?

A view is a name for filters, an order and columns: a member's own, or the team's, which every member may change. Filters are
kept as they stand in an address, so that what they mean is said in one place.
"""

from urllib.parse import parse_qsl, urlencode

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.errors import NotFound
from vizsla.kit.whom import Whom
from vizsla.leads.lead import InvalidLead, clean
from vizsla.storage.database import Connection, Reader
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

LONGEST_NAME = 100
LONGEST_QUERY = 4_000
MOST = 200
"""Views that a member sees."""
_COLUMNS = "id, name, query, columns, member_id"
_SEEN = "account_id = :account_id AND (member_id IS NULL OR member_id = :member_id)"
_ALL = statement(f"SELECT {_COLUMNS} FROM lead_view WHERE {_SEEN} ORDER BY id")  # noqa: S608
_GET = statement(f"SELECT {_COLUMNS} FROM lead_view WHERE {_SEEN} AND id = :id")  # noqa: S608
_ADD = statement("""
    INSERT INTO lead_view (account_id, id, member_id, name, query, columns, created_at)
    VALUES (:account_id, :id, :owner_id, :name, :query, :columns, :now)
""")
_PUT = statement(f"""
    UPDATE lead_view SET name = :name, query = :query, columns = :columns, member_id = :owner_id WHERE {_SEEN} AND id = :id
""")  # noqa: S608
_DELETE = statement(f"DELETE FROM lead_view WHERE {_SEEN} AND id = :id")  # noqa: S608
_CHOSEN = statement(
    'SELECT columns, "rows" FROM lead_columns WHERE account_id = :account_id AND member_id = :member_id'
)
_CHOOSE = statement("""
    INSERT INTO lead_columns (account_id, member_id, columns, "rows") VALUES (:account_id, :member_id, :columns, :rows)
    ON CONFLICT (account_id, member_id) DO UPDATE SET columns = excluded.columns, "rows" = excluded."rows"
""")
_MENTIONS = mentioning(f"SELECT account_id, id, query FROM lead_view WHERE {says('query')}")  # noqa: S608
_REWRITE = statement("UPDATE lead_view SET query = :query WHERE account_id = :account_id AND id = :id")


class ViewNotFound(NotFound):
    """This view does not exist."""


class View(msgspec.Struct, frozen=True):
    """A name for some of the leads, and how they are shown."""

    id: int
    name: str
    query: str
    columns: tuple[str, ...]
    is_shared: bool
    """Whether it is the team's."""


class Chosen(msgspec.Struct, frozen=True):
    """What a member's table shows."""

    columns: tuple[str, ...]
    rows: int


async def list_views(reader: Reader, account_id: int, member_id: int) -> list[View]:
    """The member's views and the team's, in the order in which they were made."""
    return [_view(*row) for row in await reader.fetch_all(_ALL, {"account_id": account_id, "member_id": member_id})]


async def get_view(reader: Reader, account_id: int, member_id: int, view_id: int) -> View:
    """A view that the member sees. Raises ViewNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "member_id": member_id, "id": view_id})
    if row is None:
        raise ViewNotFound
    return _view(*row)


async def create_view(conn: Connection, account_id: int, member_id: int, view: View, now: int) -> View:
    """A new view, its id given here. Raises InvalidLead."""
    id_ = await next_id(conn, account_id)  # the account's row is ours from here on
    if len(await list_views(conn, account_id, member_id)) >= MOST:
        raise InvalidLead(f"You see {MOST} views already. Delete one first.")
    made = msgspec.structs.replace(view, id=id_)
    await conn.execute(_ADD, _values(account_id, member_id, made) | {"now": now})
    return made


async def change_view(conn: Connection, account_id: int, member_id: int, view: View) -> None:
    """Write a view as it is to be. Raises ViewNotFound, InvalidLead."""
    if not await conn.execute(_PUT, _values(account_id, member_id, view) | {"member_id": member_id}):
        raise ViewNotFound


async def delete_view(conn: Connection, account_id: int, member_id: int, view_id: int) -> None:
    """Delete a view; the leads stay. Raises ViewNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "member_id": member_id, "id": view_id}):
        raise ViewNotFound


async def find_columns(reader: Reader, account_id: int, member_id: int) -> Chosen | None:
    """What the member's table shows; None: they have not chosen."""
    row = await reader.fetch_one(_CHOSEN, {"account_id": account_id, "member_id": member_id})
    return Chosen(tuple(row[0].split()), row[1]) if row else None


async def choose_columns(conn: Connection, account_id: int, member_id: int, chosen: Chosen) -> None:
    """What the member's table is to show."""
    values = {"account_id": account_id, "member_id": member_id}
    await conn.execute(_CHOOSE, values | {"columns": " ".join(chosen.columns), "rows": chosen.rows})


async def forget_in_views(conn: Connection, whom: Whom) -> int:
    """Take filters out of views that name *whom*; of how many views."""
    concerned = 0
    for account_id, id_, query in await conn.fetch_all(_MENTIONS, whom.needles):
        pairs = parse_qsl(query)
        left = [(name, text) for name, text in pairs if not _names(whom, text)]
        if left != pairs:
            await conn.execute(_REWRITE, {"account_id": account_id, "id": id_, "query": urlencode(left)})
            concerned += 1
    return concerned


def _names(whom: Whom, text: str) -> bool:
    return whom.has(text) or (whom.local is None and whom.is_place(text))


def _view(id_: int, name: str, query: str, columns: str, member_id: int | None) -> View:
    return View(id_, name, query, tuple(columns.split()), member_id is None)


def _values(account_id: int, member_id: int, view: View) -> dict[str, object]:
    name = clean(view.name[: LONGEST_NAME * 2])
    if name is None or len(name) > LONGEST_NAME:
        raise InvalidLead(f"The name of a view has 1 to {LONGEST_NAME} characters.")
    if len(view.query) > LONGEST_QUERY:
        raise InvalidLead("These filters are too long to be saved.")
    return {
        "account_id": account_id,
        "id": view.id,
        "owner_id": None if view.is_shared else member_id,
        "name": name,
        "query": view.query,
        "columns": " ".join(view.columns),
    }
