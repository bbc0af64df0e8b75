"""
Who is written to no more, and why?

In one transaction: nothing is scheduled any more, and what was claimed but has not reached the dot is canceled, so that the worker
that has it finds nothing to send. What is at the dot by then has left. Of several reasons the strongest stays, whichever came first.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from vizsla.campaigns.events import Sent
from vizsla.campaigns.status import put_statuses
from vizsla.kit.mail_hosts import is_webmail
from vizsla.privacy.suppression import Reason
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

STOPS: Mapping[Reason, str] = {
    "bounce": "bounced",
    "unsubscribe": "unsubscribed",
    "complaint": "complained",
    "manual": "suppressed",
}
"""Why a recipient is stopped whose address is suppressed."""
REASONS: Final = (
    "archived", "suppressed", "company_replied", "error", "soft_bounces", "replied", "successful", "removed", "claimed", "bounced",
    "unsubscribed", "complained",
)  # fmt: skip
"""From the weakest: what happened to them is stronger than what happened elsewhere, and what they asked for is the strongest."""

_STOP = statement("""
    UPDATE recipient SET state = 'stopped', stop_reason = :reason, due = NULL
    WHERE account_id = :account_id AND id IN :ids[bigint]
    AND (state <> 'stopped' OR stop_reason IS NULL OR stop_reason IN :weaker[text])
""")
_STOP_ACTIVE = statement("""
    UPDATE recipient SET state = 'stopped', stop_reason = :reason, due = NULL
    WHERE account_id = :account_id AND id IN :ids[bigint] AND (
        state IN ('scheduled', 'held') OR (state = 'stopped' AND (stop_reason IS NULL OR stop_reason IN :weaker[text]))
    )
""")
_CANCEL = statement("""
    UPDATE message SET state = 'canceled', phase = NULL, due = NULL WHERE account_id = :account_id
    AND recipient_id IN :ids[bigint] AND (state IN ('retry', 'held') OR (state = 'sending' AND phase = 'claimed'))
""")
_SAME_ADDRESS = statement("""
    SELECT id FROM recipient WHERE account_id = :account_id AND email = :email AND id <> :id
    AND state IN ('scheduled', 'held', 'stopped') ORDER BY id
""")
_SAME_COMPANY = statement("""
    SELECT id FROM recipient WHERE account_id = :account_id AND campaign_id = :campaign_id AND id <> :id
    AND email LIKE :pattern ESCAPE '!' AND state IN ('scheduled', 'held', 'stopped') ORDER BY id
""")
_STOPS_COMPANY = statement("SELECT stops_company FROM campaign WHERE account_id = :account_id AND id = :id")


async def stop_recipient(conn: Connection, account_id: int, recipient_id: int, reason: str, now: int) -> None:
    """Write to this recipient no more, for what they did themselves: even if they got all their messages it is said so."""
    await _stop(conn, account_id, [recipient_id], reason, is_own=True)


async def stop_recipients(conn: Connection, account_id: int, ids: Sequence[int], reason: str, now: int) -> int:
    """
    No more is written to these recipients, for *reason*; how many it is the reason of.

    Those who got all their messages already are left as they are.
    """
    return await _stop(conn, account_id, ids, reason, is_own=False)


async def stop_elsewhere(conn: Connection, sent: Sent, now: int) -> None:
    """The account's other campaigns let go of the recipient's address."""
    values = {"account_id": sent.account_id, "email": sent.email, "id": sent.recipient_id}
    others = [row[0] for row in await conn.fetch_all(_SAME_ADDRESS, values)]
    await stop_recipients(conn, sent.account_id, others, "suppressed", now)


async def stop_company(conn: Connection, sent: Sent, now: int) -> None:
    """Somebody answered: the campaign lets go of all at their company, if that is how it was set up. Webmail is no company."""
    row = await conn.fetch_one(_STOPS_COMPANY, {"account_id": sent.account_id, "id": sent.campaign_id})
    domain = sent.email.rpartition("@")[2]
    if row is None or not row[0] or is_webmail(domain):
        return
    escaped = domain.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    values = {"account_id": sent.account_id, "campaign_id": sent.campaign_id, "id": sent.recipient_id}
    colleagues = [row[0] for row in await conn.fetch_all(_SAME_COMPANY, {**values, "pattern": f"%@{escaped}"})]
    await stop_recipients(conn, sent.account_id, colleagues, "company_replied", now)


async def _stop(conn: Connection, account_id: int, ids: Sequence[int], reason: str, *, is_own: bool) -> int:
    if not ids:
        return 0
    named = {"account_id": account_id, "ids": list(ids)}
    weaker = list(REASONS[: REASONS.index(reason)]) if reason in REASONS else []
    stopped = await conn.execute(_STOP if is_own else _STOP_ACTIVE, {**named, "reason": reason, "weaker": weaker})
    await conn.execute(_CANCEL, named)
    await put_statuses(conn, account_id, ids)
    return stopped
