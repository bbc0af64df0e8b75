"""Forget a person: their leads go from every account."""

from vizsla.leads.imports import forget_person
from vizsla.leads.store import delete_leads
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

_CHUNK = 1_000
_OF_DOMAIN = statement("""
    SELECT account_id, id FROM lead
    WHERE substr(email, length(email) - length(:at_domain) + 1) = :at_domain
        OR substr(email, length(email) - length(:below) + 1) = :below
    LIMIT :limit
""")
EVERY_LEAD = statement("SELECT DISTINCT email FROM lead")
_ACCOUNTS = statement("SELECT account_id FROM lead_account ORDER BY account_id")
_IN_ACCOUNT = statement("SELECT id FROM lead WHERE account_id = :account_id AND email = :email")
NO_PERSON = frozenset(
    {
        ("lead", "country_code"),
        ("lead", "sync_status"),
        ("lead", "sending_status"),
        ("lead", "verification_status"),
        ("lead", "lists"),
        ("lead", "tags"),
        ("leads_list", "name"),
        ("leads_list", "name_key"),
        ("leads_attribute", "label"),
        ("leads_attribute", "label_key"),
        ("leads_attribute", "slug"),
        ("lead_tag", "name"),
        ("lead_tag", "name_key"),
        ("lead_tag", "color"),
        ("lead_task", "kind"),
        ("lead_task", "lead_ids"),
        ("lead_task", "worker"),
        ("lead_import", "file_name"),
        ("lead_import", "columns"),
        ("lead_import", "plan"),
        ("lead_import", "worker"),
        ("lead_import_row", "fault"),
    }
)
"""Columns of text that hold no address: names that an account gives to its own things, and ids."""


async def forget(conn: Connection, domain: str, local: str | None = None, *, now: int) -> int:
    """Delete the leads of an address, or of all at a domain and those below it, in every account; how many there were."""
    await forget_person(conn, domain, local)
    forgotten = 0
    if local is not None:
        for (account_id,) in await conn.fetch_all(_ACCOUNTS):
            values = {"account_id": account_id, "email": f"{local}@{domain}"}
            ids = [row[0] for row in await conn.fetch_all(_IN_ACCOUNT, values)]
            forgotten += await delete_leads(conn, account_id, ids, now) if ids else 0
        return forgotten
    values = {"at_domain": f"@{domain}", "below": f".{domain}", "limit": _CHUNK}
    while rows := await conn.fetch_all(_OF_DOMAIN, values):
        for account_id in sorted({row[0] for row in rows}):
            ids = [row[1] for row in rows if row[0] == account_id]
            forgotten += await delete_leads(conn, account_id, ids, now)
    return forgotten
