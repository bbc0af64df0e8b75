"""
How is one thing done to many leads, however many were chosen?

To a hundred at once; to more behind the answer, in steps (`leads.tasks`). What is deleted here can be brought back for an hour.
"""

from collections.abc import Sequence

import msgspec

from vizsla.accounts.lists import MOST_ROWS, TooManyRows
from vizsla.accounts.store import next_id
from vizsla.accounts.uploads import in_parts, keep_upload
from vizsla.desk.leads import enrich_all
from vizsla.desk.services import Services
from vizsla.kit.csv_file import Record
from vizsla.leads.filters import Filters
from vizsla.leads.lead import InvalidLead
from vizsla.leads.store import begin_change, emails_of, leads_with_ids
from vizsla.leads.tasks import Kind, add_batch, add_restoring, apply, stop_batch
from vizsla.leads.trash import NothingToUndo, find_deletion, restore_leads
from vizsla.storage.database import Connection

AT_ONCE = 100
"""Leads that a request waits for."""
MOST = 2_000_000
_CHUNK = 500


class Done(msgspec.Struct, frozen=True):
    """What was done, or is being done, to how many leads."""

    leads: int
    is_over: bool
    id: int
    """Of the deletion, where leads were deleted."""


class Undone(msgspec.Struct, frozen=True):
    """How many leads were brought back, or are being brought back."""

    leads: int
    kept_out: int
    is_over: bool


async def ids_of(services: Services, account_id: int, filters: Filters) -> list[int]:
    """The ids of all leads that match, newest first."""
    return (await services.mirrors.find(account_id, filters, limit=MOST)).ids


async def act_on(
    conn: Connection,
    services: Services,
    account_id: int,
    kind: Kind,
    ids: Sequence[int],
    *,
    target_id: int | None = None,
    now: int,
) -> Done:
    """Do *kind* to those of the account's leads among *ids*. Raises InvalidLead if there are none."""
    await begin_change(conn, account_id)
    if len(ids) > AT_ONCE:
        return Done(len(ids), False, await add_batch(conn, account_id, kind, ids, target_id=target_id, now=now))
    leads = await leads_with_ids(conn, account_id, ids)
    if not leads:
        raise InvalidLead("There are no such leads: choose at least one that is still there.")
    batch_id = await next_id(conn, account_id)
    if kind == "enrich":
        after = await enrich_all(conn, services.stores.index, services.claims, account_id, leads)
        return Done(sum(before != now_ for before, now_ in zip(leads, after, strict=True)), True, batch_id)
    target = batch_id if kind == "trash" else target_id
    await apply(conn, account_id, kind, leads, target_id=target, now=now)
    return Done(len(leads), True, batch_id)


async def undo(conn: Connection, services: Services, account_id: int, deletion_id: int, now: int) -> Undone:
    """Bring back what a deletion took, and let it take no more. Raises NothingToUndo."""
    await begin_change(conn, account_id)
    was_on = await stop_batch(conn, account_id, deletion_id, now)
    found = await find_deletion(conn, account_id, deletion_id, now)
    if found is None and was_on:
        return Undone(0, 0, True)
    if found is None:
        raise NothingToUndo
    if found.leads > AT_ONCE:
        await add_restoring(conn, account_id, deletion_id, size=found.leads, now=now)
        return Undone(found.leads, 0, False)
    back = await restore_leads(conn, services.claims, account_id, deletion_id, limit=AT_ONCE, now=now)
    return Undone(back.leads, back.kept_out, True)


async def upload_addresses(services: Services, account_id: int, ids: Sequence[int], now: int) -> int:
    """
    The addresses of leads as a file whose cost can be seen before it becomes a list to verify; the file's id.

    Raises TooManyRows, and InvalidLead if there are none.
    """
    if len(ids) > MOST_ROWS:
        raise TooManyRows
    app = services.stores.app
    emails: list[str] = []
    for at in range(0, len(ids), _CHUNK):
        emails += await emails_of(app, account_id, ids[at : at + _CHUNK])
    if not emails:
        raise InvalidLead("There are no such leads: choose at least one that is still there.")
    parts = in_parts(Record([email]) for email in emails)
    async with app.write() as conn:
        return await keep_upload(
            conn, account_id, kind="verifications", name="Leads", parts=parts, has_header=False, now=now
        )
