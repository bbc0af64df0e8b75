"""
Does this domain take mail for any local part? What was found out, and how long that holds.

Yes, no, or it could not be told: never a truth value of two, for "not yet asked" and "asked in vain" are neither.
"""

from vizsla.kit.clock import DAY
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement
from vizsla.verifier.evidence import dump_trail, load_trail
from vizsla.verifier.outcome import AcceptAll, Memo

HOLDS: dict[AcceptAll, int] = {"yes": 7 * DAY, "no": DAY, "inconclusive": 45}
"""Seconds. What could not be told is asked again with the next greylist retry, a minute later, and not sooner."""
_FIND = statement("SELECT accept_all, accept_all_at, accept_all_trail FROM mail_domain WHERE domain = :domain")
_PUT = statement("""
    INSERT INTO mail_domain (domain, window_start, started, accept_all, accept_all_at, accept_all_trail)
    VALUES (:domain, 0, 0, :accept_all, :at, :trail)
    ON CONFLICT (domain) DO UPDATE SET accept_all = excluded.accept_all, accept_all_at = excluded.accept_all_at,
        accept_all_trail = excluded.accept_all_trail
    WHERE mail_domain.accept_all_at IS NULL OR mail_domain.accept_all_at <= excluded.accept_all_at
""")


async def find_memo(reader: Reader, domain: str, now: int) -> Memo | None:
    """What is known of *domain*, if it still holds."""
    row = await reader.fetch_one(_FIND, {"domain": domain})
    if row is None or row[0] is None or now - row[1] >= HOLDS[row[0]]:
        return None
    return Memo(row[0], row[1], load_trail(row[2]))


async def put_memo(conn: Connection, domain: str, memo: Memo) -> None:
    """Keep *memo*, unless a newer one is there."""
    values = {"domain": domain, "accept_all": memo.accept_all, "at": memo.at, "trail": dump_trail(memo.trail)}
    await conn.execute(_PUT, values)
