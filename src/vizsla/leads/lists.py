"""Which lists of leads does an account have, and how many leads are in each?"""

from collections import Counter
from collections.abc import Iterable, Sequence

from vizsla.accounts.store import next_id
from vizsla.kit.errors import NotFound
from vizsla.leads.lead import InvalidLead, LeadsList, clean, name_key
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

FIRST_LIST = "My leads"
LONGEST_NAME = 100
MOST_LISTS = 10_000
_COLUMNS = "id, name, leads_count, created_at"
_GET = statement(f"SELECT {_COLUMNS} FROM leads_list WHERE account_id = :account_id AND id = :id")  # noqa: S608
_BY_IDS = statement(f"SELECT {_COLUMNS} FROM leads_list WHERE account_id = :account_id AND id IN :ids[bigint]")  # noqa: S608
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM leads_list WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM leads_list WHERE account_id = :account_id")
_LAST = statement("SELECT id FROM leads_list WHERE account_id = :account_id ORDER BY id DESC LIMIT 1")
_NAMED = statement("SELECT id FROM leads_list WHERE account_id = :account_id AND name_key = :key ORDER BY id LIMIT 1")
_BY_KEYS = statement("""
    SELECT name_key, min(id) FROM leads_list WHERE account_id = :account_id AND name_key IN :keys[text] GROUP BY name_key
""")
_ADD = statement("""
    INSERT INTO leads_list (account_id, id, name, name_key, leads_count, created_at)
    VALUES (:account_id, :id, :name, :key, 0, :now)
""")
_RENAME = statement("""
    UPDATE leads_list SET name = :name, name_key = :key WHERE account_id = :account_id AND id = :id
""")
_DELETE = statement("DELETE FROM leads_list WHERE account_id = :account_id AND id = :id")
_ADD_TO_COUNT = statement("""
    UPDATE leads_list SET leads_count = leads_count + :n WHERE account_id = :account_id AND id = :id
""")


class ListNotFound(NotFound):
    """This leads list does not exist."""


async def get_list(reader: Reader, account_id: int, list_id: int) -> LeadsList:
    """The account's list; raises ListNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": list_id})
    if row is None:
        raise ListNotFound
    return LeadsList(*row)


async def lists_with_ids(reader: Reader, account_id: int, ids: Iterable[int]) -> dict[int, LeadsList]:
    """Those of the account among *ids*."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    rows = await reader.fetch_all(_BY_IDS, {"account_id": account_id, "ids": wanted})
    return {row[0]: LeadsList(*row) for row in rows}


async def existing_lists(reader: Reader, account_id: int, ids: Iterable[int]) -> set[int]:
    """Which of *ids* are lists of the account."""
    return set(await lists_with_ids(reader, account_id, ids))


async def page_of_lists(reader: Reader, account_id: int, *, limit: int, offset: int = 0) -> list[LeadsList]:
    """The account's lists, newest first."""
    rows = await reader.fetch_all(_PAGE, {"account_id": account_id, "limit": limit, "offset": offset})
    return [LeadsList(*row) for row in rows]


async def count_lists(reader: Reader, account_id: int) -> int:
    """How many lists the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def create_list(conn: Connection, account_id: int, name: str, now: int) -> LeadsList:
    """A new list; there may be others of its name. Raises InvalidLead."""
    cleaned = clean_list_name(name)
    list_id = await next_id(conn, account_id)
    if await count_lists(conn, account_id) >= MOST_LISTS:
        raise InvalidLead(f"An account has {MOST_LISTS:,} lists at most.")
    values = {"account_id": account_id, "id": list_id, "name": cleaned, "key": name_key(cleaned), "now": now}
    await conn.execute(_ADD, values)
    return LeadsList(list_id, cleaned, 0, now)


async def rename_list(conn: Connection, account_id: int, list_id: int, name: str) -> None:
    """Give a list another name. Raises InvalidLead, ListNotFound."""
    cleaned = clean_list_name(name)
    values = {"account_id": account_id, "id": list_id, "name": cleaned, "key": name_key(cleaned)}
    if not await conn.execute(_RENAME, values):
        raise ListNotFound


async def delete_list(conn: Connection, account_id: int, list_id: int) -> None:
    """Delete a list; its leads stay. Raises ListNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": list_id}):
        raise ListNotFound


async def list_named(conn: Connection, account_id: int, name: str, now: int) -> int:
    """The list of that name, whatever its case; a new one if there is none. Raises InvalidLead."""
    cleaned = clean_list_name(name)
    row = await conn.fetch_one(_NAMED, {"account_id": account_id, "key": name_key(cleaned)})
    return int(row[0]) if row else (await create_list(conn, account_id, cleaned, now)).id


async def lists_with_keys(reader: Reader, account_id: int, names: Iterable[str]) -> dict[str, int]:
    """The lists of these names that are there, by `name_key`."""
    keys = list({name_key(clean(name) or "") for name in names})
    rows = await reader.fetch_all(_BY_KEYS, {"account_id": account_id, "keys": keys}) if keys else []
    return {row[0]: row[1] for row in rows}


async def last_list(reader: Reader, account_id: int) -> int | None:
    """The list that was created last."""
    row = await reader.fetch_one(_LAST, {"account_id": account_id})
    return int(row[0]) if row else None


async def current_list(conn: Connection, account_id: int, now: int) -> int:
    """The list that was created last; a first one if there is none."""
    last = await last_list(conn, account_id)
    return last if last is not None else (await create_list(conn, account_id, FIRST_LIST, now)).id


async def count_in_lists(
    conn: Connection,
    account_id: int,
    *,
    removed: Sequence[Sequence[int]] = (),
    added: Sequence[Sequence[int]] = (),
) -> None:
    """Count leads that were in these lists, and leads that are now."""
    difference: Counter[int] = Counter()
    for ids in added:
        difference.update(ids)
    for ids in removed:
        difference.subtract(ids)
    # In one order, so that two transactions never wait for each other's list.
    await conn.execute_many(
        _ADD_TO_COUNT, [{"account_id": account_id, "id": id_, "n": n} for id_, n in sorted(difference.items()) if n]
    )


def clean_list_name(name: str) -> str:
    """The *name* of a list as it is kept; raises InvalidLead."""
    cleaned = clean(name[: LONGEST_NAME * 2])
    if cleaned is None or len(cleaned) > LONGEST_NAME:
        raise InvalidLead(f"The name of a list has 1 to {LONGEST_NAME} characters.")
    return cleaned
