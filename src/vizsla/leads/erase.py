"""
How are people forgotten who are somebody's leads?

Their leads go from every account and from what can be brought back, rows of files that speak of them are emptied, and so is what other leads say of them.
"""

from collections import defaultdict
from collections.abc import AsyncIterator

from vizsla.kit.whom import Counts, Whom
from vizsla.leads.import_store import forget_rows
from vizsla.leads.lead import TEXTS
from vizsla.leads.store import begin_change, delete_leads, leads_with_ids, replace_leads
from vizsla.leads.trash import forget_person, trashed_addresses
from vizsla.leads.views import forget_in_views
from vizsla.storage.database import Connection, Database
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_CHUNK = 1_000
_PLACES = ("email", *TEXTS, "attributes")
_MENTIONS = mentioning(
    f"SELECT account_id, id FROM lead WHERE {says(*_PLACES)}"  # noqa: S608
)
_EVERY = statement("SELECT DISTINCT email FROM lead")


async def forget(conn: Connection, whom: Whom, now: int) -> Counts:
    """Delete the leads of *whom*, in every account, and what is said of them elsewhere."""
    deleted = emptied = 0
    # Before and after the leads themselves: what is deleted or brought back meanwhile is in one of them.
    trashed = await forget_person(conn, whom)
    by_account: dict[int, list[int]] = defaultdict(list)
    for account_id, lead_id in await conn.fetch_all(_MENTIONS, whom.needles):
        by_account[account_id].append(lead_id)
    for account_id, ids in sorted(by_account.items()):
        for at in range(0, len(ids), _CHUNK):
            found = await leads_with_ids(conn, account_id, ids[at : at + _CHUNK])
            theirs = [one.id for one in found if whom.owns(*_address(one.email))]
            deleted += await delete_leads(conn, account_id, theirs, now) if theirs else 0
            pairs = [(one, one.without(whom)) for one in found if one.id not in theirs]
            changed = [(before, after) for before, after in pairs if before != after]
            if changed:
                await replace_leads(conn, account_id, await begin_change(conn, account_id), changed)
            emptied += len(changed)
    return {
        "lead": deleted + emptied,
        "lead_trash": trashed + await forget_person(conn, whom),
        "lead_view": await forget_in_views(conn, whom),
        "lead_import_row": await forget_rows(conn, whom),
    }


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """The addresses of all leads."""
    async for rows in database.stream(_EVERY):
        yield [_address(email) for (email,) in rows]
    yield await trashed_addresses(database)


def _address(email: str) -> tuple[str, str]:
    local, _, domain = email.rpartition("@")
    return domain, local
