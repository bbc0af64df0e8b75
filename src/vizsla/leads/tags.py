"""Which tags does an account have, and which has a lead?"""

from collections.abc import Iterable

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.errors import NotFound
from vizsla.leads.lead import InvalidLead, Lead, Tag, clean, name_key
from vizsla.leads.store import begin_change, get_lead, replace_lead
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

COLORS = "374151 3489F9 10B981 F5BA0B EF4444 7C3AED F97316 E5E7EB B4D9F7 BAE6B0 FDE68A FBD0D0 D4C4F8 FFD79B".split()
"""Those that today's public API takes."""
MOST = 1_000
MOST_OF_A_LEAD = 100
LONGEST_NAME = 255
_COLUMNS = "id, name, color, created_at"
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM lead_tag WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM lead_tag WHERE account_id = :account_id")
_GET = statement(f"SELECT {_COLUMNS} FROM lead_tag WHERE account_id = :account_id AND id = :id")  # noqa: S608
_BY_IDS = statement(f"SELECT {_COLUMNS} FROM lead_tag WHERE account_id = :account_id AND id IN :ids[bigint]")  # noqa: S608
_NAMED = statement(f"SELECT {_COLUMNS} FROM lead_tag WHERE account_id = :account_id AND name_key = :key")  # noqa: S608
_BY_KEYS = statement("SELECT name_key, id FROM lead_tag WHERE account_id = :account_id AND name_key IN :keys[text]")
_ADD = statement("""
    INSERT INTO lead_tag (account_id, id, name, name_key, color, created_at)
    VALUES (:account_id, :id, :name, :key, :color, :now)
""")
_PUT = statement("""
    UPDATE lead_tag SET name = :name, name_key = :key, color = :color WHERE account_id = :account_id AND id = :id
""")
_DELETE = statement("DELETE FROM lead_tag WHERE account_id = :account_id AND id = :id")


class TagNotFound(NotFound):
    """This tag does not exist."""


async def page_of_tags(reader: Reader, account_id: int, *, limit: int, offset: int = 0) -> list[Tag]:
    """The account's tags, newest first."""
    rows = await reader.fetch_all(_PAGE, {"account_id": account_id, "limit": limit, "offset": offset})
    return [Tag(*row) for row in rows]


async def count_tags(reader: Reader, account_id: int) -> int:
    """How many tags the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def get_tag(reader: Reader, account_id: int, tag_id: int) -> Tag:
    """The account's tag; raises TagNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": tag_id})
    if row is None:
        raise TagNotFound
    return Tag(*row)


async def tags_with_ids(reader: Reader, account_id: int, ids: Iterable[int]) -> dict[int, Tag]:
    """Those of the account among *ids*."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    rows = await reader.fetch_all(_BY_IDS, {"account_id": account_id, "ids": wanted})
    return {row[0]: Tag(*row) for row in rows}


async def create_tag(conn: Connection, account_id: int, name: str, now: int, *, color: str | None = None) -> Tag:
    """A new tag. Raises InvalidLead."""
    cleaned = clean_tag_name(name)
    tag_id = await next_id(conn, account_id)  # the account's row is ours from here on
    if await _find_named(conn, account_id, cleaned) is not None:
        raise InvalidLead("There is a tag of this name already.")
    if await count_tags(conn, account_id) >= MOST:
        raise InvalidLead(f"An account has {MOST:,} tags at most.")
    made = Tag(tag_id, cleaned, _color(color) or COLORS[tag_id % len(COLORS)], now)
    await conn.execute(_ADD, {"account_id": account_id, "key": name_key(cleaned), "now": now, **_values(made)})
    return made


async def update_tag(
    conn: Connection, account_id: int, tag_id: int, *, name: str | None = None, color: str | None = None
) -> Tag:
    """Give a tag another name or color. Raises TagNotFound, InvalidLead."""
    await begin_change(conn, account_id)
    known = await get_tag(conn, account_id, tag_id)
    cleaned = clean_tag_name(name) if name is not None else known.name
    same = await _find_named(conn, account_id, cleaned)
    if same is not None and same.id != tag_id:
        raise InvalidLead("There is a tag of this name already.")
    after = Tag(tag_id, cleaned, _color(color) or known.color, known.created_at)
    await conn.execute(_PUT, {"account_id": account_id, "key": name_key(cleaned), **_values(after)})
    return after


async def delete_tag(conn: Connection, account_id: int, tag_id: int) -> None:
    """Delete a tag: no lead has it from now on. Raises TagNotFound."""
    if not await conn.execute(_DELETE, {"account_id": account_id, "id": tag_id}):
        raise TagNotFound


async def tag_named(conn: Connection, account_id: int, name: str, now: int) -> Tag:
    """The tag of that name, whatever its case; a new one if there is none. Raises InvalidLead."""
    return await _find_named(conn, account_id, clean_tag_name(name)) or await create_tag(conn, account_id, name, now)


async def tags_with_keys(reader: Reader, account_id: int, names: Iterable[str]) -> dict[str, int]:
    """The tags of these names that are there, by `name_key`."""
    keys = list({name_key(clean(name) or "") for name in names})
    rows = await reader.fetch_all(_BY_KEYS, {"account_id": account_id, "keys": keys}) if keys else []
    return {row[0]: row[1] for row in rows}


async def tags_of(reader: Reader, account_id: int, one: Lead) -> list[Tag]:
    """The tags of a lead, in the order in which it got them."""
    known = await tags_with_ids(reader, account_id, one.tags)
    return [known[id_] for id_ in one.tags if id_ in known]


async def tag_lead(conn: Connection, account_id: int, lead_id: int, tag_id: int) -> Lead:
    """Give a lead a tag, if it has not got it yet. Raises LeadNotFound, TagNotFound, InvalidLead."""
    change = await begin_change(conn, account_id)
    before = await get_lead(conn, account_id, lead_id)
    await get_tag(conn, account_id, tag_id)
    if tag_id in before.tags:
        return before
    kept = [tag.id for tag in await tags_of(conn, account_id, before)]
    if len(kept) >= MOST_OF_A_LEAD:
        raise InvalidLead(f"A lead has {MOST_OF_A_LEAD} tags at most.")
    after = msgspec.structs.replace(before, tags=(*kept, tag_id))
    await replace_lead(conn, account_id, change, before, after)
    return after


async def untag_lead(conn: Connection, account_id: int, lead_id: int, tag_id: int) -> Lead:
    """Take a tag from a lead. Raises LeadNotFound, and TagNotFound if the lead has not got it."""
    change = await begin_change(conn, account_id)
    before = await get_lead(conn, account_id, lead_id)
    await get_tag(conn, account_id, tag_id)
    if tag_id not in before.tags:
        raise TagNotFound("This lead does not have this tag.")
    after = msgspec.structs.replace(before, tags=tuple(id_ for id_ in before.tags if id_ != tag_id))
    await replace_lead(conn, account_id, change, before, after)
    return after


async def _find_named(reader: Reader, account_id: int, name: str) -> Tag | None:
    row = await reader.fetch_one(_NAMED, {"account_id": account_id, "key": name_key(name)})
    return Tag(*row) if row else None


def _values(tag: Tag) -> dict[str, object]:
    return {"id": tag.id, "name": tag.name, "color": tag.color}


def clean_tag_name(name: str) -> str:
    """The *name* of a tag as it is kept; raises InvalidLead."""
    cleaned = clean(name[: LONGEST_NAME * 2])
    if cleaned is None or len(cleaned) > LONGEST_NAME:
        raise InvalidLead(f"The name of a tag has 1 to {LONGEST_NAME} characters.")
    return cleaned


def _color(color: str | None) -> str | None:
    if color is not None and color.upper() not in COLORS:
        raise InvalidLead(f"The supplied color is invalid. It must be one of: {', '.join(COLORS)}.")
    return color.upper() if color else None
