"""
How is a lead brought back that was deleted by mistake?

What is deleted on the dashboard is kept for an hour as it was, id, lists, tags and attributes; then it is gone. Who said stop
meanwhile is not brought back, and neither is a lead whose address is a lead again: what was written later is not written over.
"""

from collections.abc import Sequence

import msgspec

from vizsla.kit.errors import NotFound
from vizsla.kit.whom import Whom
from vizsla.leads.lead import Lead
from vizsla.leads.store import add_again, begin_change, delete_leads, leads_with_emails
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

KEPT = 3_600
"""Seconds."""
_KEEP = statement("""
    INSERT INTO lead_trash (account_id, id, deletion_id, email, lead, at)
    VALUES (:account_id, :id, :deletion_id, :email, :lead, :now)
""")
_NEXT = statement("""
    SELECT id, lead FROM lead_trash
    WHERE account_id = :account_id AND deletion_id = :deletion_id AND id > :after AND at > :since ORDER BY id LIMIT :limit
""")
_TAKE = statement("DELETE FROM lead_trash WHERE account_id = :account_id AND id IN :ids[bigint]")
_SIZE = statement("""
    SELECT count(*), max(at) FROM lead_trash
    WHERE account_id = :account_id AND deletion_id = :deletion_id AND at > :since
""")
_DELETIONS = statement("""
    SELECT deletion_id, count(*), max(at) FROM lead_trash WHERE account_id = :account_id AND at > :since
    GROUP BY deletion_id ORDER BY deletion_id DESC LIMIT :limit
""")
_SOME_OLD = statement("SELECT account_id, id FROM lead_trash WHERE at <= :before ORDER BY at LIMIT :limit")
_MENTIONS = mentioning(f"SELECT account_id, id, lead FROM lead_trash WHERE {says('email', 'lead')}")  # noqa: S608
_REWRITE = statement("UPDATE lead_trash SET lead = :lead WHERE account_id = :account_id AND id = :id")
_EVERY = statement("SELECT DISTINCT email FROM lead_trash")
_lead = msgspec.json.Decoder(Lead).decode


class NothingToUndo(NotFound):
    """There is nothing to bring back: what was deleted is kept for an hour."""


class Deletion(msgspec.Struct, frozen=True):
    """Leads that were deleted together."""

    id: int
    leads: int
    at: int


class Restored(msgspec.Struct, frozen=True):
    """What a step brought back."""

    leads: int
    kept_out: int
    """Those whose address is a lead again, or whose owner said stop."""
    last_id: int | None
    """Of those that were looked at; None: there are no more."""


async def trash_leads(conn: Connection, account_id: int, leads: Sequence[Lead], deletion_id: int, now: int) -> int:
    """Delete *leads*, read since the account's turn began, so that they can be brought back; how many there were."""
    rows = [
        {
            "account_id": account_id,
            "id": one.id,
            "deletion_id": deletion_id,
            "email": one.email,
            "lead": msgspec.json.encode(one).decode(),
            "now": now,
        }
        for one in leads
    ]
    await conn.execute_many(_KEEP, rows)
    return await delete_leads(conn, account_id, [one.id for one in leads], now)


async def find_deletion(reader: Reader, account_id: int, deletion_id: int, now: int) -> Deletion | None:
    """What of a deletion can still be brought back."""
    values = {"account_id": account_id, "deletion_id": deletion_id, "since": now - KEPT}
    row = await reader.fetch_one(_SIZE, values)
    return Deletion(deletion_id, row[0], row[1]) if row and row[0] else None


async def list_deletions(reader: Reader, account_id: int, now: int, *, limit: int = 50) -> list[Deletion]:
    """What can still be brought back, the latest first."""
    rows = await reader.fetch_all(_DELETIONS, {"account_id": account_id, "since": now - KEPT, "limit": limit})
    return [Deletion(*row) for row in rows]


async def restore_leads(
    conn: Connection, claims: Claims, account_id: int, deletion_id: int, *, after: int = 0, limit: int, now: int
) -> Restored:
    """Bring back some leads of a deletion, those past id *after*."""
    change = await begin_change(conn, account_id)
    values = {"account_id": account_id, "deletion_id": deletion_id, "after": after, "since": now - KEPT, "limit": limit}
    found = [_lead(row[1]) for row in await conn.fetch_all(_NEXT, values)]
    taken = await leads_with_emails(conn, account_id, [one.email for one in found]) if found else {}
    back = [one for one in found if one.email not in taken and not claims.is_claimed(*_address(one.email))]
    if back:
        await add_again(conn, account_id, change, back)
        await conn.execute(_TAKE, {"account_id": account_id, "ids": [one.id for one in back]})
    return Restored(len(back), len(found) - len(back), found[-1].id if len(found) == limit else None)


async def forget_trash(conn: Connection, now: int, *, limit: int = 1_000) -> bool:
    """Drop some of what can no longer be brought back; whether there may be more."""
    rows = await conn.fetch_all(_SOME_OLD, {"before": now - KEPT, "limit": limit})
    by_account: dict[int, list[int]] = {}
    for account_id, id_ in rows:
        by_account.setdefault(account_id, []).append(id_)
    for account_id, ids in sorted(by_account.items()):
        await conn.execute(_TAKE, {"account_id": account_id, "ids": ids})
    return len(rows) == limit


async def forget_person(conn: Connection, whom: Whom) -> int:
    """Drop the leads of *whom*, and what is said of them in others; how many leads that concerns."""
    concerned = 0
    for account_id, id_, text in await conn.fetch_all(_MENTIONS, whom.needles):
        one = _lead(text)
        left = one.without(whom)
        if whom.owns(*_address(one.email)):
            await conn.execute(_TAKE, {"account_id": account_id, "ids": [id_]})
        elif left != one:
            values = {"account_id": account_id, "id": id_, "lead": msgspec.json.encode(left).decode()}
            await conn.execute(_REWRITE, values)
        else:
            continue
        concerned += 1
    return concerned


async def trashed_addresses(database: Database) -> list[tuple[str, str | None]]:
    """The addresses of all leads that can be brought back."""
    return [_address(email) for (email,) in await database.fetch_all_slowly(_EVERY)]


def _address(email: str) -> tuple[str, str]:
    local, _, domain = email.rpartition("@")
    return domain, local
