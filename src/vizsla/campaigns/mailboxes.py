"""
How far was each mailbox read, and from where is it read on?

By the numbers that its server gives mails, which only grow, under a name that changes when they begin anew. Where they did, or where
a backup has taken them back, all mails of the last weeks are looked at once more: those that are known change nothing.
"""

from typing import Literal

import msgspec

from vizsla.campaigns.tables import mailbox as mailbox_table
from vizsla.kit.clock import DAY
from vizsla.mail.imap import Folder
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

LOOKS_BACK = 30 * DAY
"""Seconds of mails that are looked at again when their numbers are others than before."""
POLL = 60
"""Seconds between two looks where the server does not tell when something comes."""
_LONGEST_PAUSE = 3_600
_DETAILS = 300
_COLUMNS = tuple(column.name for column in mailbox_table.c)

boxes = lease(mailbox_table)
_ARE_DUE = statement("SELECT 1 FROM mailbox WHERE due <= :now LIMIT 1")
_HELD = "account_id = :account_id AND sender_id = :sender_id AND worker = :worker AND attempt = :attempt"
_PROGRESS = statement(f"""
    UPDATE mailbox SET uidvalidity = :uidvalidity, last_uid = :last_uid, trouble = NULL WHERE {_HELD}
""")  # noqa: S608
_TROUBLE = statement(f"UPDATE mailbox SET trouble = :trouble, due = :due WHERE {_HELD}")  # noqa: S608


class Box(msgspec.Struct, frozen=True):
    """A sender's mailbox, in the hands of a worker."""

    account_id: int
    sender_id: int
    folder: str
    uidvalidity: int | None
    """None: it was never read."""
    last_uid: int
    had_trouble: bool
    worker: str
    attempt: int

    @property
    def key(self) -> tuple[int, int]:
        """As its lease has it."""
        return self.account_id, self.sender_id


class Start(msgspec.Struct, frozen=True):
    """From where a mailbox is read on."""

    by: Literal["uid", "day"]
    value: int
    """The last number that was read; the second since which mails count."""


def plan(box: Box, folder: Folder, created_at: int, now: int) -> Start:
    """From where to read *folder* on, of a sender that was made at *created_at*: what came before cannot be about its mails."""
    if box.uidvalidity is None:
        return Start("day", created_at)
    # A number that was read and is given anew (a server restored without a new name) is the same as a new name.
    if folder.uidvalidity != box.uidvalidity or folder.uidnext <= box.last_uid:
        return Start("day", max(created_at, now - LOOKS_BACK))
    return Start("uid", box.last_uid)


async def is_box_due(reader: Reader, now: int) -> bool:
    """Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_ARE_DUE, {"now": now}) is not None


async def claim_boxes(conn: Connection, *, now: int, until: int, worker: str, limit: int) -> list[Box]:
    """Up to *limit* mailboxes that nobody listens to."""
    rows = await boxes.claim(conn, now=now, until=until, worker=worker, limit=limit)
    found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    return [
        Box(
            row["account_id"], row["sender_id"], row["folder"], row["uidvalidity"], row["last_uid"], row["trouble"] is not None, worker,
            row["attempt"],
        )
        for row in found
    ]  # fmt: skip


async def put_progress(conn: Connection, box: Box, uidvalidity: int, last_uid: int) -> bool:
    """All mails up to *last_uid* are read; False if it is another worker's mailbox by now: then keep nothing of them."""
    values = {**_named(box), "uidvalidity": uidvalidity, "last_uid": last_uid}
    return bool(await conn.execute(_PROGRESS, values))


async def put_trouble(conn: Connection, box: Box, trouble: str, now: int, *, is_final: bool) -> None:
    """It could not be read: try again in a while, in a long one where somebody has to mend something first."""
    pause = _LONGEST_PAUSE if is_final else 5 * POLL if box.had_trouble else POLL
    await conn.execute(_TROUBLE, {**_named(box), "trouble": trouble[:_DETAILS], "due": now + pause})


def _named(box: Box) -> dict[str, object]:
    return {"account_id": box.account_id, "sender_id": box.sender_id, "worker": box.worker, "attempt": box.attempt}
