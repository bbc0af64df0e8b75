"""
May this message leave, now?

Asked when the server has the whole body and waits for the final dot, and answered by a row that says so (`phase` dot), committed
and synced before the dot is sent: a worker that has lost its claim finds no row to change, and so does one whose recipient was
stopped, whose campaign or sender was paused, or who would send outside the hours. What says `dot` when its worker dies may have left; what
does not has certainly not.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

import msgspec

from vizsla.campaigns.claiming import LASTS, Claimed
from vizsla.campaigns.window import is_inside, local_day
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import suppressed_of
from vizsla.storage.database import Connection
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

# Whoever stops a recipient changes the row. Locked, it is stopped before we look, or after our word stands.
_LOCK = statement("""
    SELECT id FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint] ORDER BY id FOR SHARE
""")
_PASS = RowsStatement(
    """
    UPDATE message SET phase = 'dot', due = :until, subject = r.subject, body = r.body, format = r.format FROM {rows}
    WHERE message.account_id = :account_id AND message.id = r.id AND message.token = r.mark
    AND message.state = 'sending' AND message.phase = 'claimed' AND message.due > :now
    AND EXISTS (SELECT 1 FROM recipient WHERE recipient.account_id = message.account_id
        AND recipient.id = message.recipient_id AND recipient.state = 'scheduled')
    AND EXISTS (SELECT 1 FROM campaign WHERE campaign.account_id = message.account_id
        AND campaign.id = message.campaign_id AND paused_at IS NULL AND archived_at IS NULL)
    AND EXISTS (SELECT 1 FROM sender WHERE sender.account_id = message.account_id
        AND sender.id = message.sender_id AND sender.state <> 'paused')
    RETURNING message.id
    """,
    id="bigint",
    mark="text",
    subject="text",
    body="text",
    format="text",
)


class Ready(msgspec.Struct, frozen=True):
    """A message at the dot, and what it says."""

    claimed: Claimed
    subject: str
    body: str
    format: str


async def pass_dots(conn: Connection, ready: Sequence[Ready], claims: Claims, now: int) -> set[tuple[int, int]]:
    """
    Those that may leave, as (account, message): from the commit of this transaction on.

    *claims* are as they stand now. A message that is not named must not be sent by who asked.
    """
    by_account = defaultdict[int, list[Ready]](list)
    for each in ready:
        if _is_time(each.claimed, now):
            by_account[each.claimed.account_id].append(each)
    passed: set[tuple[int, int]] = set()
    for account_id in sorted(by_account):
        ids = await _pass(conn, account_id, by_account[account_id], claims, now)
        passed |= {(account_id, id_) for id_ in ids}
    return passed


async def _pass(conn: Connection, account_id: int, ready: Sequence[Ready], claims: Claims, now: int) -> Collection[int]:
    if conn.dialect == "postgresql":
        recipients = [each.claimed.recipient_id for each in ready]
        await conn.fetch_all(_LOCK, {"account_id": account_id, "ids": recipients})
    suppressed = await suppressed_of(conn, claims, account_id, [each.claimed.email for each in ready])
    rows = [
        {
            "id": each.claimed.id,
            "mark": each.claimed.token,
            "subject": each.subject,
            "body": each.body,
            "format": each.format,
        }
        for each in ready
        if each.claimed.email not in suppressed and not _is_claimed(claims, each.claimed.email)
    ]
    if not rows:
        return ()
    found = await _PASS.fetch(conn, rows, {"account_id": account_id, "until": now + LASTS, "now": now})
    return [row[0] for row in found]


def _is_time(claimed: Claimed, now: int) -> bool:
    """Whether it is still the day that the message was counted on, and within the hours."""
    return (
        local_day(now, claimed.hours.timezone) == claimed.day
        and is_inside(now, claimed.hours)
        and is_inside(now, claimed.window)
    )


def _is_claimed(claims: Claims, email: str) -> bool:
    local, _, domain = email.rpartition("@")
    return claims.is_claimed(domain, local)
