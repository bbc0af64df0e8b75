"""
What does a bounce or an answer teach?

The verifier, how far its verdicts hold; the finder, how far its guesses do. The one place of a campaign that tells them, once for
each address of an account, however many campaigns it is in.
"""

from typing import Literal

from vizsla.campaigns.events import Sent
from vizsla.finder.outcomes import record_delivery
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail, VizslaError
from vizsla.leads.store import get_lead
from vizsla.naming.names import parse_parts
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement
from vizsla.verifier.learning import Arrival, record_outcome
from vizsla.verifier.memo import find_memo

_KNOWN = {
    "reply": statement("""
        SELECT 1 FROM recipient WHERE account_id = :account_id AND email = :email AND id <> :id AND replied_at IS NOT NULL LIMIT 1
    """),
    "bounce": statement("""
        SELECT 1 FROM recipient WHERE account_id = :account_id AND email = :email AND id <> :id AND bounced_at IS NOT NULL LIMIT 1
    """),
}


async def learn(
    conn: Connection, index: Reader, sent: Sent, lead_id: int | None, *, label: Literal["bounce", "reply"], now: int
) -> None:
    """A mail to the recipient came back because there is no such mailbox, or was answered by whoever has it."""
    values = {"account_id": sent.account_id, "email": sent.email, "id": sent.recipient_id}
    if await conn.fetch_one(_KNOWN[label], values) is not None:
        return
    try:
        address = parse_email(sent.email)
    except InvalidEmail:
        return
    arrival: Arrival = "bounced" if label == "bounce" else "delivered"
    await record_outcome(conn, address.domain, address.local, arrival)
    if lead_id is None:
        return
    try:
        lead = await get_lead(conn, sent.account_id, lead_id)
        name = parse_parts(lead.first_name or "", lead.last_name or "")
    except VizslaError:
        return  # without a name there was no guess that could be right or wrong
    memo = await find_memo(conn, address.domain, now)
    takes_all = memo is not None and memo.accept_all == "yes"
    await record_delivery(conn, index, address, name, label, accept_all=takes_all, now=now)
