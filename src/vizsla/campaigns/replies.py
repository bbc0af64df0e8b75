"""
What does a person of the account answer, and has it left?

An answer goes out in the thread, from the account that was written to, and once: before its last dot it is written down that it may
have left. If nobody lives to say that it did, a person looks and decides; nothing is sent twice by itself.
"""

import secrets

import msgspec

from vizsla.accounts.store import next_id
from vizsla.campaigns.tables import reply as reply_table
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.mail.inbound import bare_subject
from vizsla.mail.mime import Outgoing, build, in_lines
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import is_suppressed
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement

LASTS = 900
"""Seconds of a lease: more than the longest dialog with a server."""
LONGEST = 50_000
PAUSES = (60, 300, 900, 3_600)
"""Seconds until it is tried again."""
MAY_HAVE_LEFT = "Whether this left is not known: look into the folder of sent mail before you send it again."
_MOST_NAMES = 20
_DETAILS = 300

replies = lease(reply_table)
_COLUMNS = tuple(column.name for column in reply_table.c)
_ARE_DUE = statement("SELECT 1 FROM reply WHERE due <= :now LIMIT 1")
_INBOUND = statement("""
    SELECT inbound.recipient_id, inbound.sender_id, inbound.email, inbound.subject, sender.email, recipient.email FROM inbound
    JOIN sender ON sender.account_id = inbound.account_id AND sender.id = inbound.sender_id
    JOIN recipient ON recipient.account_id = inbound.account_id AND recipient.id = inbound.recipient_id
    WHERE inbound.account_id = :account_id AND inbound.id = :id AND inbound.kind IN ('human', 'automatic')
""")
_ADD = statement("""
    INSERT INTO reply (account_id, id, inbound_id, recipient_id, sender_id, member_id, message_id, subject, body, created_at, due, attempt)
    VALUES (:account_id, :id, :inbound_id, :recipient_id, :sender_id, :member_id, :message_id, :subject, :body, :now, :now, 0)
""")
_WHOM = statement("SELECT email, message_id FROM inbound WHERE account_id = :account_id AND id = :id")
_NAMES = statement("""
    SELECT message_id, sent_at FROM message WHERE account_id = :account_id AND recipient_id = :id AND sent_at IS NOT NULL
    UNION ALL SELECT message_id, at FROM inbound WHERE account_id = :account_id AND recipient_id = :id AND message_id IS NOT NULL
    AND kind = 'human'
    UNION ALL SELECT message_id, sent_at FROM reply WHERE account_id = :account_id AND recipient_id = :id AND sent_at IS NOT NULL
    ORDER BY 2
""")
_MINE = "account_id = :account_id AND id = :id AND worker = :worker AND attempt = :attempt"
_AT_DOT = statement(f"UPDATE reply SET due = NULL, trouble = :trouble WHERE {_MINE} AND due > :now")  # noqa: S608
_SENT = statement(f"UPDATE reply SET due = NULL, trouble = NULL, sent_at = :now WHERE {_MINE}")  # noqa: S608
_TROUBLE = statement(f"UPDATE reply SET due = :due, trouble = :trouble WHERE {_MINE}")  # noqa: S608
_AGAIN = statement("""
    UPDATE reply SET due = :now, trouble = NULL, attempt = 0 WHERE account_id = :account_id AND id = :id AND due IS NULL AND sent_at IS NULL
""")


class WrongReply(VizslaError):
    """This cannot be sent as an answer."""

    id = "validation_failed"


class ReplyNotFound(NotFound):
    """There is no such answer, or it has left."""


class Waiting(msgspec.Struct, frozen=True):
    """An answer that is this worker's to send."""

    account_id: int
    id: int
    inbound_id: int
    recipient_id: int
    sender_id: int
    message_id: str
    subject: str
    body: str
    created_at: int
    worker: str
    attempt: int


async def write_reply(
    conn: Connection, claims: Claims, account_id: int, *, member_id: int, inbound_id: int, body: str, now: int
) -> int:
    """
    Answer what came, in its thread; the answer's id. It leaves in a moment.

    Raises ReplyNotFound if there is nothing to answer, WrongReply if it is empty or too long, or they want no more mails.
    """
    row = await conn.fetch_one(_INBOUND, {"account_id": account_id, "id": inbound_id})
    if row is None:
        raise ReplyNotFound
    recipient_id, sender_id, email, subject, own, recipient = row
    text = in_lines(body).strip()
    if not text:
        raise WrongReply("Write something first.")
    if len(text) > LONGEST:
        raise WrongReply(f"An answer has {LONGEST:,} characters at most.")
    for address in {email, recipient} - {None}:
        await _refuse_unwanted(conn, claims, account_id, address)
    if not email:
        raise WrongReply("Nobody knows where that came from: it names no sender.")
    id_ = await next_id(conn, account_id)
    values = {
        "account_id": account_id,
        "id": id_,
        "inbound_id": inbound_id,
        "recipient_id": recipient_id,
        "sender_id": sender_id,
        "member_id": member_id,
        "message_id": f"a{id_}.{secrets.token_hex(10)}@{own.rpartition('@')[2]}",
        "subject": answering(subject or ""),
        "body": text,
        "now": now,
    }
    await conn.execute(_ADD, values)
    return id_


async def send_again(conn: Connection, account_id: int, reply_id: int, now: int) -> None:
    """A person has looked, and it has not left. Raises ReplyNotFound."""
    if not await conn.execute(_AGAIN, {"account_id": account_id, "id": reply_id, "now": now}):
        raise ReplyNotFound


def answering(subject: str) -> str:
    """The subject of an answer to a mail with *subject*."""
    words = " ".join(subject.split())
    return words if bare_subject(words) != words.casefold() else f"Re: {words}".strip()


async def is_reply_due(reader: Reader, now: int) -> bool:
    """Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_ARE_DUE, {"now": now}) is not None


async def claim_replies(conn: Connection, *, now: int, worker: str, limit: int) -> list[Waiting]:
    """Up to *limit* answers that wait."""
    rows = await replies.claim(conn, now=now, until=now + LASTS, worker=worker, limit=limit)
    found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    return [Waiting(**{name: row[name] for name in Waiting.__struct_fields__}) for row in found]


async def compose_reply(
    reader: Reader, waiting: Waiting, *, from_email: str, from_name: str, signature: str, now: int
) -> tuple[str, bytes]:
    """To whom it goes, and its octets. Raises ReplyNotFound, InvalidEmail."""
    row = await reader.fetch_one(_WHOM, {"account_id": waiting.account_id, "id": waiting.inbound_id})
    if row is None or not row[0]:
        raise ReplyNotFound
    names = await reader.fetch_all(_NAMES, {"account_id": waiting.account_id, "id": waiting.recipient_id})
    known = [name for name, _ in names if _is_real(name)][-_MOST_NAMES:]
    answered = row[1] if _is_real(row[1]) else known[-1] if known else None
    text = f"{waiting.body}\n\n-- \n{signature}" if signature else waiting.body
    message = Outgoing(
        from_email=from_email,
        from_name=from_name,
        to=row[0],
        subject=waiting.subject,
        text=text + "\n",
        message_id=waiting.message_id,
        at=now,
        in_reply_to=answered,
        references=tuple(
            dict.fromkeys([*(name for name in known if name != answered), *([answered] if answered else [])])
        ),
    )
    return row[0], build(message)


async def let_go(conn: Connection, waiting: Waiting, now: int) -> bool:
    """It may leave from the commit on. False if it is another worker's by now."""
    return bool(await conn.execute(_AT_DOT, {**_named(waiting), "trouble": MAY_HAVE_LEFT, "now": now}))


async def record_sent(conn: Connection, waiting: Waiting, now: int) -> None:
    """The server has it."""
    await conn.execute(_SENT, {**_named(waiting), "now": now})


async def record_trouble(conn: Connection, waiting: Waiting, trouble: str, now: int, *, is_final: bool) -> bool:
    """It has not left; whether that was the last try."""
    is_over = is_final or waiting.attempt > len(PAUSES)
    due = None if is_over else now + PAUSES[waiting.attempt - 1]
    await conn.execute(_TROUBLE, {**_named(waiting), "trouble": trouble[:_DETAILS], "due": due})
    return is_over


async def _refuse_unwanted(reader: Reader, claims: Claims, account_id: int, email: str) -> None:
    local, _, domain = email.rpartition("@")
    reason = "claimed" if claims.is_claimed(domain, local) else await is_suppressed(reader, claims, account_id, email)
    sentences: dict[str, str] = {
        "claimed": "They have asked this server to be left alone.",
        "unsubscribe": "They have unsubscribed. Write to them from your own mail program if they asked you to.",
        "complaint": "They have called your mail spam.",
        "manual": "Your team has put them on the list of those who get no mails.",
    }
    if reason in sentences:
        raise WrongReply(sentences[reason])


def _is_real(name: str | None) -> bool:
    """Whether a mail came with this Message-ID: where it had none we made one up."""
    return bool(name) and not str(name).endswith("@missing.invalid")


def _named(waiting: Waiting) -> dict[str, object]:
    return {"account_id": waiting.account_id, "id": waiting.id, "worker": waiting.worker, "attempt": waiting.attempt}
