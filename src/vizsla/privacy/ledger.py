"""
What was done about claims, when, and on whose word?

Lines are added and never changed; the database itself refuses (triggers of migration 0008). No line holds an address: a label, and the
hash under which the claim is kept.
"""

from typing import Literal

import msgspec

from vizsla.kit.whom import Counts
from vizsla.privacy.claims import Claimed, Claims, Kind
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.statement import statement

What = Literal["claimed", "erased", "removed"]
Who = Literal["mail", "dns", "operator", "restart"]
"""`mail`: they had the link that was mailed to the address. `restart`: nobody's; an erasure that died was brought to its end."""
_ADD = statement("""
    INSERT INTO claim_event (at, what, kind, hash, label, word, proof, counts)
    VALUES (:at, :what, :kind, :hash, :label, :word, :proof, :counts)
""")
_LIST = statement("""
    SELECT id, at, what, kind, label, word, proof, counts FROM claim_event WHERE id < :before ORDER BY id DESC LIMIT :limit
""")


class Word(msgspec.Struct, frozen=True):
    """On whose word something was done."""

    who: Who
    proof: str = ""
    """The DNS record; the operator's login name."""


class LedgerLine(msgspec.Struct, frozen=True):
    """One line."""

    id: int
    at: int
    what: What
    kind: Kind
    label: str
    """j***@acme.com"""
    who: Who
    proof: str
    erased: Counts
    """Rows that went or were emptied, by table."""


_counts = msgspec.json.Decoder(Counts).decode


async def record_event(
    conn: Connection,
    claims: Claims,
    claimed: Claimed,
    *,
    what: What,
    word: Word,
    now: int,
    erased: Counts | None = None,
) -> None:
    """Add a line."""
    counts = {table: count for table, count in sorted((erased or {}).items()) if count}
    await conn.execute(
        _ADD,
        {
            "at": now,
            "what": what,
            "kind": claimed.kind,
            "hash": claims.hash(claimed.text),
            "label": claimed.label,
            "word": word.who,
            "proof": word.proof[:400],
            "counts": msgspec.json.encode(counts).decode(),
        },
    )


async def list_ledger(reader: Reader, limit: int = 100, before: int | None = None) -> list[LedgerLine]:
    """The newest *limit* lines first, of those older than the line *before*."""
    rows = await reader.fetch_all(_LIST, {"limit": limit, "before": 2**62 if before is None else before})
    return [_line(row) for row in rows]


def _line(row: Row) -> LedgerLine:
    values = list(row)
    values[7] = _counts(values[7])
    return LedgerLine(*values)
