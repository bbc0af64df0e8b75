"""
Which leads does an account have, and how are they written?

Whoever writes begins with `begin_change`: it locks the account's row, so that changes of one account come one after the other.
Two upserts of one address are one lead, counts are exact, and a mirror that has seen change 7 has seen all before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from vizsla.accounts.store import next_id, next_ids
from vizsla.leads.attributes import attribute_ids
from vizsla.leads.lead import LONGEST_NOTES, Draft, InvalidLead, Lead, LeadNotFound
from vizsla.leads.lists import count_in_lists, current_list, existing_lists, list_named
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

_FIELDS = Lead.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_VALUES = ", ".join(f":{name}" for name in _FIELDS)
_SETS = ", ".join(f"{name} = :{name}" for name in _FIELDS if name not in ("id", "created_at"))
_BEGIN = statement("""
    INSERT INTO lead_account (account_id, leads, changes) VALUES (:account_id, 0, 1)
    ON CONFLICT (account_id) DO UPDATE SET changes = lead_account.changes + 1 RETURNING changes
""")
_TURN = statement(
    "SELECT changes FROM lead_account WHERE account_id = :account_id",
    postgresql="SELECT changes FROM lead_account WHERE account_id = :account_id FOR UPDATE",
)
_COUNT = statement("SELECT leads FROM lead_account WHERE account_id = :account_id")
_ADD_TO_COUNT = statement("UPDATE lead_account SET leads = leads + :n WHERE account_id = :account_id")
_ADD = statement(f"""
    INSERT INTO lead (account_id, change, {_COLUMNS}) VALUES (:account_id, :change, {_VALUES})
""")  # noqa: S608
_PUT = statement(f"UPDATE lead SET change = :change, {_SETS} WHERE account_id = :account_id AND id = :id")  # noqa: S608
_BY_EMAIL = statement(f"SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id AND email = :email")  # noqa: S608
_BY_EMAILS = statement(
    f"SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id AND email IN :emails[text]"  # noqa: S608
)
_BY_IDS = statement(f"SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id AND id IN :ids[bigint]")  # noqa: S608
_BY_ID = statement(f"SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id AND id = :id")  # noqa: S608
_NEWEST = statement(f"""
    SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_AFTER = statement(f"""
    SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id AND id > :after ORDER BY id LIMIT :limit
""")  # noqa: S608
_HAVING = statement(f"""
    SELECT {_COLUMNS} FROM lead WHERE account_id = :account_id AND id > :after AND id <= :up_to
    AND (lists LIKE :list OR tags LIKE :tag OR attributes LIKE :attribute) ORDER BY id LIMIT :limit
""")  # noqa: S608
_NTH = statement("""
    SELECT id FROM lead WHERE account_id = :account_id AND id > :after ORDER BY id LIMIT 1 OFFSET :n
""")
_LAST_ID = 2**63 - 1
_DELETE = statement("DELETE FROM lead WHERE account_id = :account_id AND id IN :ids[bigint]")
_REMEMBER_GONE = statement(
    "INSERT INTO lead_gone (account_id, id, change, at) VALUES (:account_id, :id, :change, :now) "
    "ON CONFLICT (account_id, id) DO UPDATE SET change = excluded.change, at = excluded.at"
)
_NOT_GONE = statement("DELETE FROM lead_gone WHERE account_id = :account_id AND id IN :ids[bigint]")
_EMAILS = statement("SELECT id, email FROM lead WHERE account_id = :account_id AND id IN :ids[bigint]")
_FORGET_GONE = statement("DELETE FROM lead_gone WHERE at <= :before")
_attributes = msgspec.json.Decoder(dict[int, str]).decode
_encode = msgspec.json.Encoder().encode


async def begin_change(conn: Connection, account_id: int) -> int:
    """The number of a change of this account's leads, whose turn it is until the transaction ends."""
    row = await conn.fetch_one(_BEGIN, {"account_id": account_id})
    assert row is not None
    return int(row[0])


async def await_turn(conn: Connection, account_id: int) -> int:
    """
    The number of the last change; no other comes before the transaction ends.

    For those who may change leads after they wrote what hangs on them: whoever begins with this never waits for who waits for them.
    """
    row = await conn.fetch_one(_TURN, {"account_id": account_id})
    return int(row[0]) if row else 0


async def count_leads(reader: Reader, account_id: int) -> int:
    """How many leads the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def get_lead(reader: Reader, account_id: int, lead_id: int) -> Lead:
    """The account's lead; raises LeadNotFound."""
    row = await reader.fetch_one(_BY_ID, {"account_id": account_id, "id": lead_id})
    if row is None:
        raise LeadNotFound
    return _lead(row)


async def find_by_email(reader: Reader, account_id: int, email: str) -> Lead | None:
    """The account's lead with this address, as `clean_email` gives it."""
    row = await reader.fetch_one(_BY_EMAIL, {"account_id": account_id, "email": email})
    return _lead(row) if row else None


async def leads_with_emails(reader: Reader, account_id: int, emails: Iterable[str]) -> dict[str, Lead]:
    """Those of the account that have one of these addresses, by address."""
    rows = await reader.fetch_all(_BY_EMAILS, {"account_id": account_id, "emails": list(emails)})
    return {found.email: found for found in map(_lead, rows)}


async def leads_with_ids(reader: Reader, account_id: int, ids: Sequence[int]) -> list[Lead]:
    """Those of the account among *ids*, in their order."""
    rows = await reader.fetch_all(_BY_IDS, {"account_id": account_id, "ids": list(ids)})
    found = {row[0]: _lead(row) for row in rows}
    return [found[id_] for id_ in ids if id_ in found]


async def newest_leads(reader: Reader, account_id: int, *, limit: int, offset: int = 0) -> list[Lead]:
    """The leads that were added last. Costs as much as *offset* is large."""
    rows = await reader.fetch_all(_NEWEST, {"account_id": account_id, "limit": limit, "offset": offset})
    return [_lead(row) for row in rows]


async def leads_after(reader: Reader, account_id: int, after: int, *, limit: int) -> list[Lead]:
    """Leads past id *after*, oldest first."""
    rows = await reader.fetch_all(_AFTER, {"account_id": account_id, "after": after, "limit": limit})
    return [_lead(row) for row in rows]


async def leads_having(
    reader: Reader,
    account_id: int,
    after: int,
    *,
    limit: int,
    list_id: int | None = None,
    tag_id: int | None = None,
    attribute_id: int | None = None,
    up_to: int | None = None,
) -> list[Lead]:
    """
    Leads past id *after* with that list, tag or attribute, oldest first.

    Looks at every lead, to the one with id *up_to* at most: for work that nobody waits for.
    """
    values = {
        "account_id": account_id,
        "after": after,
        "up_to": _LAST_ID if up_to is None else up_to,
        "limit": limit,
        "list": f"%,{list_id},%" if list_id is not None else "",
        "tag": f"%,{tag_id},%" if tag_id is not None else "",
        "attribute": f'%"{attribute_id}":%' if attribute_id is not None else "",
    }
    return [_lead(row) for row in await reader.fetch_all(_HAVING, values)]


async def nth_lead_after(reader: Reader, account_id: int, after: int, n: int) -> int | None:
    """The id of the *n*th lead past id *after*; None if there are fewer. Reads an index alone."""
    row = await reader.fetch_one(_NTH, {"account_id": account_id, "after": after, "n": n - 1})
    return int(row[0]) if row else None


async def create_lead(conn: Connection, account_id: int, draft: Draft, now: int) -> Lead:
    """A new lead, in the list that the draft names, or in the account's last one. Raises InvalidLead."""
    change = await begin_change(conn, account_id)
    if await find_by_email(conn, account_id, _email(draft)) is not None:
        raise InvalidLead("This email is already a lead of yours.")
    return await _add(conn, account_id, change, draft, now)


async def upsert_lead(conn: Connection, account_id: int, draft: Draft, now: int) -> tuple[Lead, bool]:
    """The lead with the draft's address after the draft was written into it, and whether it is new. Raises InvalidLead."""
    change = await begin_change(conn, account_id)
    known = await find_by_email(conn, account_id, _email(draft))
    if known is None:
        return await _add(conn, account_id, change, draft, now), True
    return await _put(conn, account_id, change, known, draft, now=now), False


async def update_lead(conn: Connection, account_id: int, lead_id: int, draft: Draft, now: int) -> Lead:
    """The lead after the draft was written into it. Raises LeadNotFound, InvalidLead."""
    change = await begin_change(conn, account_id)
    known = await get_lead(conn, account_id, lead_id)
    email = draft.values.get("email", known.email)
    if email != known.email and await find_by_email(conn, account_id, str(email)) is not None:
        raise InvalidLead("This email is already a lead of yours.")
    return await _put(conn, account_id, change, known, draft, now=now)


async def replace_lead(conn: Connection, account_id: int, change: int, before: Lead, after: Lead) -> None:
    """Write a lead as it is to be, within a change."""
    if before.lists != after.lists:
        await count_in_lists(conn, account_id, removed=[before.lists], added=[after.lists])
    await conn.execute(_PUT, _row(account_id, change, after))


async def replace_leads(conn: Connection, account_id: int, change: int, pairs: Sequence[tuple[Lead, Lead]]) -> None:
    """Write leads as they are to be: each before and after."""
    moved = [(before.lists, after.lists) for before, after in pairs if before.lists != after.lists]
    await count_in_lists(conn, account_id, removed=[before for before, _ in moved], added=[after for _, after in moved])
    await conn.execute_many(_PUT, [_row(account_id, change, after) for _, after in pairs])


async def write_leads(
    conn: Connection, account_id: int, change: int, known: Mapping[str, Lead], leads: Iterable[Lead]
) -> None:
    """Write many leads as they are to be, within a change: *known* by address as they were, the others new and given their ids."""
    old, new = [], []
    for one in leads:
        before = known.get(one.email)
        if before is None:
            new.append(one)
        elif before != one:
            old.append((before, one))
    await replace_leads(conn, account_id, change, old)
    if new:
        first = await next_ids(conn, account_id, len(new))
        made = [msgspec.structs.replace(one, id=first + number) for number, one in enumerate(new)]
        await conn.execute_many(_ADD, [_row(account_id, change, one) for one in made])
        await count_in_lists(conn, account_id, added=[one.lists for one in made])
        await conn.execute(_ADD_TO_COUNT, {"account_id": account_id, "n": len(made)})


async def delete_leads(conn: Connection, account_id: int, ids: Sequence[int], now: int) -> int:
    """Delete those of the account among *ids*; how many there were."""
    change = await begin_change(conn, account_id)
    known = await leads_with_ids(conn, account_id, ids)
    if not known:
        return 0
    gone = [each.id for each in known]
    await conn.execute(_DELETE, {"account_id": account_id, "ids": gone})
    await conn.execute_many(
        _REMEMBER_GONE, [{"account_id": account_id, "id": id_, "change": change, "now": now} for id_ in gone]
    )
    await count_in_lists(conn, account_id, removed=[each.lists for each in known])
    await conn.execute(_ADD_TO_COUNT, {"account_id": account_id, "n": -len(gone)})
    return len(gone)


async def add_again(conn: Connection, account_id: int, change: int, leads: Sequence[Lead]) -> None:
    """Bring leads back that were deleted, as they were, within a change. None of their addresses is a lead's by now."""
    # A mirror that has not heard of the deletion must not hear of it after what follows.
    await conn.execute(_NOT_GONE, {"account_id": account_id, "ids": [one.id for one in leads]})
    await conn.execute_many(_ADD, [_row(account_id, change, one) for one in leads])
    await count_in_lists(conn, account_id, added=[one.lists for one in leads])
    await conn.execute(_ADD_TO_COUNT, {"account_id": account_id, "n": len(leads)})


async def emails_of(reader: Reader, account_id: int, ids: Sequence[int]) -> list[str]:
    """The addresses of those of the account's leads among *ids*, in their order."""
    rows = await reader.fetch_all(_EMAILS, {"account_id": account_id, "ids": list(ids)})
    found: dict[int, str] = {row[0]: row[1] for row in rows}
    return [found[id_] for id_ in ids if id_ in found]


async def forget_gone(conn: Connection, before: int) -> int:
    """Drop what mirrors no longer need to hear of."""
    return await conn.execute(_FORGET_GONE, {"before": before})


def _email(draft: Draft) -> str:
    email = draft.values.get("email")
    assert isinstance(email, str)
    return email


async def _add(conn: Connection, account_id: int, change: int, draft: Draft, now: int) -> Lead:
    lists = await _lists(conn, account_id, draft, now)
    attributes = await _merge_attributes(conn, account_id, {}, draft.attributes)
    if lists is None:
        lists = (await current_list(conn, account_id, now),)
    values: dict[str, Any] = {**draft.values, "lists": lists, "attributes": attributes}
    made = Lead(id=await next_id(conn, account_id), created_at=now, **values)
    await conn.execute(_ADD, _row(account_id, change, made))
    await count_in_lists(conn, account_id, added=[lists])
    await conn.execute(_ADD_TO_COUNT, {"account_id": account_id, "n": 1})
    return made


async def _put(conn: Connection, account_id: int, change: int, known: Lead, draft: Draft, *, now: int) -> Lead:
    lists = await _lists(conn, account_id, draft, now)
    written: dict[str, Any] = dict(draft.values)
    if draft.attributes:
        written["attributes"] = await _merge_attributes(conn, account_id, known.attributes, draft.attributes)
    if lists is not None:
        written["lists"] = lists
    if written.get("email", known.email) != known.email:
        # What was said of the other address is not true of this one.
        written |= {"verification_status": None, "verified_at": None}
    after = msgspec.structs.replace(known, **written)
    await replace_lead(conn, account_id, change, known, after)
    return after


async def _lists(conn: Connection, account_id: int, draft: Draft, now: int) -> tuple[int, ...] | None:
    """The lists that *draft* names; None if it names none. Raises InvalidLead."""
    if draft.list_name is not None:
        if draft.list_ids is not None:
            raise InvalidLead("Give either leads_list_name or the id of a list, not both.")
        return (await list_named(conn, account_id, draft.list_name, now),)
    if draft.list_ids is None:
        return None
    ids = tuple(dict.fromkeys(draft.list_ids))
    if set(ids) - await existing_lists(conn, account_id, ids):
        raise InvalidLead("This leads list does not exist.")
    return ids


async def _merge_attributes(
    conn: Connection, account_id: int, known: Mapping[int, str], said: Mapping[str, str | None]
) -> dict[int, str]:
    """*known* with what is *said* by slug. Raises InvalidLead."""
    if not said:
        return dict(known)
    by_slug = await attribute_ids(conn, account_id)
    for slug in said:
        if slug not in by_slug:
            raise InvalidLead(f"There is no custom attribute with the slug {slug[:100]}.")
    named = {by_slug[slug]: text for slug, text in said.items()}
    merged: dict[int, str | None] = {**known, **named}
    kept = {id_: text for id_, text in merged.items() if text is not None}
    if sum(map(len, kept.values())) > LONGEST_NOTES:
        raise InvalidLead(f"The custom attributes of a lead have {LONGEST_NOTES:,} characters at most.")
    return kept


def ids_text(ids: Sequence[int]) -> str | None:
    """Ids as a row holds them."""
    return f",{','.join(map(str, ids))}," if ids else None


def read_ids(text: str | None) -> tuple[int, ...]:
    """Ids from a row."""
    return tuple(map(int, text[1:-1].split(","))) if text else ()


def _row(account_id: int, change: int, one: Lead) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(one, name) for name in _FIELDS}
    values |= {
        "lists": ids_text(one.lists),
        "tags": ids_text(one.tags),
        "attributes": _encode(dict(sorted(one.attributes.items()))).decode() if one.attributes else None,
    }
    return {"account_id": account_id, "change": change, **values}


def _lead(row: Row) -> Lead:
    values = dict(zip(_FIELDS, row, strict=True))
    values["lists"] = read_ids(values["lists"])
    values["tags"] = read_ids(values["tags"])
    values["attributes"] = _attributes(values["attributes"]) if values["attributes"] else {}
    return Lead(**values)
