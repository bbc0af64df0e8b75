"""
How is it made sure that no more is written to somebody?

In one transaction: nothing is scheduled any more, and what was claimed but has not reached the dot is canceled, so that the worker
that has it finds nothing to send. What is at the dot by then has left.
"""

from collections.abc import Mapping, Sequence

from vizsla.campaigns.status import put_statuses
from vizsla.privacy.suppression import Reason
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

STOPS: Mapping[Reason, str] = {
    "bounce": "bounced",
    "unsubscribe": "unsubscribed",
    "complaint": "unsubscribed",
    "manual": "suppressed",
}
"""Why a recipient is stopped whose address is suppressed."""
_STOP = statement("""
    UPDATE recipient SET state = 'stopped', stop_reason = :reason, due = NULL
    WHERE account_id = :account_id AND id IN :ids[bigint] AND state IN ('scheduled', 'held')
""")
_CANCEL = statement("""
    UPDATE message SET state = 'canceled', phase = NULL, due = NULL WHERE account_id = :account_id
    AND recipient_id IN :ids[bigint] AND (state IN ('retry', 'held') OR (state = 'sending' AND phase = 'claimed'))
""")


async def stop_recipients(conn: Connection, account_id: int, ids: Sequence[int], reason: str, now: int) -> int:
    """No more is written to these recipients, for *reason*; how many were still being written to."""
    named = {"account_id": account_id, "ids": list(ids)}
    stopped = await conn.execute(_STOP, {**named, "reason": reason})
    await conn.execute(_CANCEL, named)
    await put_statuses(conn, account_id, ids)
    return stopped
