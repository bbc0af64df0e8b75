"""
Which mails are still to be sent?

A row in the transaction of whoever wants a mail sent: neither is there without the other. Letters hold links that open accounts,
so they are sealed at rest and gone once sent. What the row then still says names nobody.
"""

import secrets
from collections.abc import Sequence

import msgspec

from vizsla.kit.clock import DAY
from vizsla.mail.letter import Letter
from vizsla.mail.tables import mail_out
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement

_LEASE = lease(mail_out)
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 3_600
_ADD = statement("""
    INSERT INTO mail_out (about, created_at, until, due, attempt, sealed)
    VALUES (:about, :now, :until, :now, 0, :sealed) RETURNING id
""")
_IS_DUE = statement("SELECT 1 FROM mail_out WHERE due <= :now LIMIT 1")
_END = statement("""
    UPDATE mail_out SET due = NULL, sealed = NULL, ended_at = :now, trouble = :trouble
    WHERE id = :id AND worker = :worker AND attempt = :attempt
""")
_PUT_OFF = statement("""
    UPDATE mail_out SET due = :due, worker = NULL, trouble = :trouble WHERE id = :id AND worker = :worker AND attempt = :attempt
""")
_LIST = statement("""
    SELECT id, about, created_at, due, attempt, ended_at, trouble FROM mail_out ORDER BY id DESC LIMIT :limit
""")
_FORGET = statement("DELETE FROM mail_out WHERE ended_at <= :before")


class Waiting(msgspec.Struct, frozen=True):
    """A mail that a worker has claimed."""

    id: int
    created_at: int
    until: int
    worker: str
    attempt: int
    """From 1."""
    letter: Letter | None
    """None: it was sealed with another key, and nobody can read it."""
    mark: str

    @property
    def pause(self) -> int:
        """Seconds to wait if this attempt fails: half a minute, then twice as long each time, an hour at most."""
        return min(_FIRST_PAUSE << min(self.attempt - 1, 20), _LONGEST_PAUSE)


class MailListed(msgspec.Struct, frozen=True):
    """What an operator may see of a mail."""

    id: int
    about: str
    created_at: int
    due: int | None
    """None: sent, or given up (then there is `trouble`)."""
    attempts: int
    ended_at: int | None
    trouble: str | None


class _Kept(msgspec.Struct, frozen=True):
    letter: Letter
    mark: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode


async def queue_mail(conn: Connection, letter: Letter, *, secret: bytes, now: int, lasts: int = DAY) -> int:
    """Send *letter* once this transaction is committed, trying for *lasts* seconds. Its number."""
    sealed = seal(_key(secret), _encode(_Kept(letter, secrets.token_hex(16)))).hex()
    row = await conn.fetch_one(_ADD, {"about": letter.about, "now": now, "until": now + lasts, "sealed": sealed})
    assert row is not None
    return int(row[0])


async def is_mail_due(reader: Reader, now: int) -> bool:
    """Whether a mail waits for a worker. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_mail(
    conn: Connection, *, secret: bytes, now: int, until: int, worker: str, limit: int
) -> Sequence[Waiting]:
    """Up to *limit* mails that are due, the oldest first, this worker's until *until*."""
    found = []
    for row in await _LEASE.claim(conn, now=now, until=until, worker=worker, limit=limit):
        named = dict(zip(mail_out.c.keys(), row, strict=True))
        opened = unseal(_key(secret), bytes.fromhex(named["sealed"] or ""))
        kept = _decode(opened) if opened is not None else None
        found.append(
            Waiting(
                named["id"], named["created_at"], named["until"], worker, named["attempt"],
                kept.letter if kept else None, kept.mark if kept else "",
            )
        )  # fmt: skip
    return sorted(found, key=lambda mail: mail.id)


async def record_sent(conn: Connection, mail: Waiting, now: int) -> bool:
    """It is sent: nothing of it is kept but that. False if another worker has it by now."""
    return bool(await conn.execute(_END, _held(mail) | {"now": now, "trouble": None}))


async def record_trouble(conn: Connection, mail: Waiting, trouble: str, now: int, *, is_final: bool = False) -> bool:
    """It was not sent because of *trouble*, which names nobody. Whether it was given up."""
    due = now + mail.pause
    if is_final or due > mail.until:
        return bool(await conn.execute(_END, _held(mail) | {"now": now, "trouble": trouble}))
    await conn.execute(_PUT_OFF, _held(mail) | {"due": due, "trouble": trouble})
    return False


async def list_mail(reader: Reader, limit: int = 100) -> list[MailListed]:
    """The newest mails first."""
    return [MailListed(*row) for row in await reader.fetch_all(_LIST, {"limit": limit})]


async def forget_mail(conn: Connection, before: int) -> int:
    """Drop rows that ended before."""
    return await conn.execute(_FORGET, {"before": before})


def _held(mail: Waiting) -> dict[str, object]:
    return {"id": mail.id, "worker": mail.worker, "attempt": mail.attempt}


def _key(secret: bytes) -> str:
    return f"mail {secret.hex()}"
