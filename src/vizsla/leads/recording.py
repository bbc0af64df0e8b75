"""What do verifications, campaigns and other systems say of leads? Each a few columns, which nobody else writes."""

from collections.abc import Iterable, Mapping

import msgspec

from vizsla.leads.lead import Lead, SyncStatus
from vizsla.leads.store import begin_change, leads_with_emails
from vizsla.storage.database import Connection
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

_VERIFIED = statement("""
    UPDATE lead SET verification_status = :status, verified_at = :at, change = :change
    WHERE account_id = :account_id AND email = :email AND (verified_at IS NULL OR verified_at <= :at)
""")
_SYNCED = statement("""
    UPDATE lead SET sync_status = :status, change = :change WHERE account_id = :account_id AND id = :id
""")
_SYNC_STATUSES = statement("SELECT id, sync_status FROM lead WHERE account_id = :account_id AND id IN :ids[bigint]")
_CONTACTS_NOW = statement("""
    SELECT id, sending_status, last_contacted_at, last_activity_at FROM lead
    WHERE account_id = :account_id AND id IN :ids[bigint]
""")
_CONTACTED = RowsStatement(
    """
    UPDATE lead SET sending_status = r.status, last_contacted_at = r.contacted_at, last_activity_at = r.active_at,
        change = :change FROM {rows} WHERE lead.account_id = :account_id AND lead.id = r.id
    """,
    id="bigint",
    status="text",
    contacted_at="bigint",
    active_at="bigint",
)


class Verified(msgspec.Struct, frozen=True):
    """What a verification said."""

    email: str
    status: str
    at: int


class Contact(msgspec.Struct, frozen=True):
    """What campaigns know of a lead."""

    sending_status: str | None
    last_contacted_at: int | None
    last_activity_at: int | None


async def record_contacts(conn: Connection, account_id: int, contacts: Mapping[int, Contact]) -> None:
    """Write what campaigns know of leads, by their ids; those that are gone are passed over, and times never go back."""
    news = []
    known = await conn.fetch_all(_CONTACTS_NOW, {"account_id": account_id, "ids": list(contacts)})
    for id_, status, contacted_at, active_at in known:
        said = contacts[id_]
        latest = _later(contacted_at, said.last_contacted_at), _later(active_at, said.last_activity_at)
        if (status, contacted_at, active_at) != (said.sending_status, *latest):
            news.append({"id": id_, "status": said.sending_status, "contacted_at": latest[0], "active_at": latest[1]})
    if news:
        change = await begin_change(conn, account_id)
        await _CONTACTED.execute(conn, news, {"account_id": account_id, "change": change})


def _later(one: int | None, other: int | None) -> int | None:
    return max(one, other) if one is not None and other is not None else one or other


async def record_verifications(conn: Connection, account_id: int, verified: Iterable[Verified]) -> int:
    """Write what verifications said into the account's leads; those that have no lead are passed over. How many were written."""
    newest = {one.email: one for one in sorted(verified, key=lambda one: one.at)}
    leads = await leads_with_emails(conn, account_id, newest) if newest else {}
    told = [newest[email] for email, known in leads.items() if not _says(known, newest[email])]
    if told:
        change = await begin_change(conn, account_id)
        rows = [{"account_id": account_id, "change": change, **msgspec.structs.asdict(one)} for one in told]
        await conn.execute_many(_VERIFIED, rows)
    return len(told)


def _says(known: Lead, one: Verified) -> bool:
    """Whether the lead knows this already, or something newer."""
    return (known.verified_at or 0) > one.at or (known.verified_at, known.verification_status) == (one.at, one.status)


async def record_sync(conn: Connection, account_id: int, statuses: Mapping[int, SyncStatus | None]) -> int:
    """Write how far leads are on their way to other systems, by id; how many were written."""
    rows = await conn.fetch_all(_SYNC_STATUSES, {"account_id": account_id, "ids": list(statuses)})
    told = [(id_, statuses[id_]) for id_, known in rows if known != statuses[id_]]
    if told:
        change = await begin_change(conn, account_id)
        shared = {"account_id": account_id, "change": change}
        await conn.execute_many(_SYNCED, [{**shared, "id": id_, "status": status} for id_, status in told])
    return len(told)
