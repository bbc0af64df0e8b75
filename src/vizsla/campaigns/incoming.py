"""
Which message does a mail that came in belong to, and what follows?

By the envelope sender that only this message had, by the Message-ID that a report brings back, by what an answer refers to, and only
for answers by who wrote and about what. A report that names no message of ours is nobody's: whoever forges one has to know a name
that cannot be guessed. What belongs to no campaign is not kept: it is the private mail of whoever owns the mailbox.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from vizsla.accounts.store import next_id
from vizsla.campaigns.cleaning import answer_of, clean_html
from vizsla.campaigns.events import Sent, find_last, find_named, find_sent
from vizsla.campaigns.facts import (
    Ground,
    note_absence,
    note_bounce,
    note_complaint,
    note_delivery,
    note_reply,
    note_unsubscribe,
)
from vizsla.campaigns.tracking import Tokens, Unsubscribing
from vizsla.mail.inbound import Inbound, Kind, bare_subject
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

_MOST_NAMES = 20
_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_HTML = 500, 20_000, 100_000
_KNOWN = statement("""
    SELECT 1 FROM inbound WHERE account_id = :account_id AND sender_id = :sender_id AND message_id = :message_id LIMIT 1
""")
_BY_WRITER = statement("""
    SELECT message.id, message.subject FROM recipient JOIN message
    ON message.account_id = recipient.account_id AND message.recipient_id = recipient.id
    WHERE recipient.account_id = :account_id AND recipient.email = :email AND message.sender_id = :sender_id
    AND message.sent_at IS NOT NULL ORDER BY message.sent_at DESC, message.id DESC LIMIT 20
""")
_ADD = statement("""
    INSERT INTO inbound (account_id, id, sender_id, folder, uidvalidity, uid, message_id, kind, campaign_id, recipient_id, email, name,
        subject, text, html, label, at)
    VALUES (:account_id, :id, :sender_id, :folder, :uidvalidity, :uid, :message_id, :kind, :campaign_id, :recipient_id, :email, :name,
        :subject, :text, :html, :label, :at)
    ON CONFLICT (account_id, sender_id, folder, uidvalidity, uid) DO NOTHING
""")


class Arrived(msgspec.Struct, frozen=True):
    """Where a mail lies, and since when."""

    account_id: int
    sender_id: int
    folder: str
    uidvalidity: int
    uid: int
    at: int


async def take_in(conn: Connection, ground: Ground, tokens: Tokens, arrived: Arrived, inbound: Inbound) -> Kind:
    """
    Do what a mail means, and keep it if it belongs to a campaign; what it was, `other` if it belongs to none.

    The same mail again, by whatever number, changes nothing.
    """
    if inbound.kind in ("journal", "other"):
        return inbound.kind
    if inbound.unsubscribe_token and (leaving := _read_token(tokens, arrived, inbound)):
        await note_unsubscribe(conn, ground, leaving.account_id, leaving.recipient_id, leaving.hash, at=arrived.at)
        sent = await find_last(conn, leaving.account_id, leaving.recipient_id)
        if sent is not None:
            await _keep(conn, arrived, inbound, sent, "unsubscribe")
        return inbound.kind
    sent = await find_message(conn, tokens, arrived, inbound)
    if sent is None:
        return "other"
    label = await _note(conn, ground, arrived, inbound, sent)
    await _keep(conn, arrived, inbound, sent, label)
    return inbound.kind


async def find_message(conn: Connection, tokens: Tokens, arrived: Arrived, inbound: Inbound) -> Sent | None:
    """The message of the mailbox's account that *inbound* is about."""
    for address in inbound.returned_to:
        returned = tokens.read_return_path(address)
        if returned is not None and returned.account_id == arrived.account_id:
            return await find_sent(conn, returned.account_id, returned.message_id)
    for names in (inbound.returned_ids, inbound.thread):
        wanted = [name for name in names if len(name) <= _LONGEST_NAME][:_MOST_NAMES]
        found = await find_named(conn, wanted)
        ours = [found[name] for name in wanted if name in found and found[name].account_id == arrived.account_id]
        if ours:
            return ours[0]
    if inbound.kind not in ("human", "automatic"):
        return None
    return await _find_by_writer(conn, arrived, inbound)


async def _find_by_writer(conn: Connection, arrived: Arrived, inbound: Inbound) -> Sent | None:
    """An answer of programs that say nothing of what they answer: from somebody we wrote to, about what we wrote."""
    subject = bare_subject(inbound.subject)
    values = {"account_id": arrived.account_id, "email": inbound.email, "sender_id": arrived.sender_id}
    for message_id, written in await conn.fetch_all(_BY_WRITER, values):
        wanted = bare_subject(written or "")
        # "Automatic reply: A question" is about "A question".
        if wanted and (subject == wanted or (inbound.kind == "automatic" and subject.endswith(wanted))):
            return await find_sent(conn, arrived.account_id, message_id)
    return None


async def _note(conn: Connection, ground: Ground, arrived: Arrived, inbound: Inbound, sent: Sent) -> str | None:
    """What follows from it; the label it gets in the inbox."""
    at = arrived.at
    if inbound.kind == "bounce" and inbound.report is not None and (failed := inbound.report.failed) is not None:
        details = f"{failed.status} {failed.diagnostic}".strip()
        # Where one report is about several recipients, it is ours that counts, if it names them.
        mine = next(
            (one for one in inbound.report.returned if _names(one.final_recipient, one.original_recipient, sent)),
            failed,
        )
        if mine.bounce is not None:
            whom = sent.email if mine.original_recipient == sent.email else mine.final_recipient
            await note_bounce(conn, ground, sent, mine.bounce, at=at, final_recipient=whom, details=details)
    elif inbound.kind == "complaint":
        await note_complaint(conn, ground, sent, at=at)
        return "unsubscribe"
    elif inbound.kind == "receipt" and inbound.report is not None:
        await note_delivery(conn, sent, at=at)
    elif inbound.kind == "automatic" and inbound.is_absence:
        await note_absence(conn, sent, at=at, key=_key(inbound))
        return "out_of_office"
    elif inbound.kind == "human":
        await note_reply(conn, ground, sent, at=at, by=inbound.email, key=_key(inbound))
        if inbound.says_unsubscribe:
            hash_ = ground.claims.hash(sent.email)
            await note_unsubscribe(conn, ground, sent.account_id, sent.recipient_id, hash_, at=at)
            return "unsubscribe"
    return None


async def _keep(conn: Connection, arrived: Arrived, inbound: Inbound, sent: Sent, label: str | None) -> None:
    name = _name(inbound)
    values = {"account_id": arrived.account_id, "sender_id": arrived.sender_id}
    if await conn.fetch_one(_KNOWN, {**values, "message_id": name}) is not None:
        return
    is_read_by_people = inbound.kind in ("human", "automatic")
    told = inbound.report.failed.diagnostic if inbound.report and inbound.report.failed else ""
    text = answer_of(inbound.text) if is_read_by_people else told
    await conn.execute(
        _ADD,
        {
            **values,
            "id": await next_id(conn, arrived.account_id),
            "folder": arrived.folder,
            "uidvalidity": arrived.uidvalidity,
            "uid": arrived.uid,
            "message_id": name,
            "kind": inbound.kind,
            "campaign_id": sent.campaign_id,
            "recipient_id": sent.recipient_id,
            "email": inbound.email[:320] or None,
            "name": _storable(inbound.name) or None,
            "subject": _storable(inbound.subject) or None,
            "text": _storable(text)[:_LONGEST_TEXT] or None,
            "html": _storable(clean_html(inbound.html))[:_LONGEST_HTML] or None
            if is_read_by_people and inbound.html
            else None,
            "label": label,
            "at": arrived.at,
        },
    )


def _read_token(tokens: Tokens, arrived: Arrived, inbound: Inbound) -> Unsubscribing | None:
    read = tokens.read(inbound.unsubscribe_token)
    return read if isinstance(read, Unsubscribing) and read.account_id == arrived.account_id else None


def _names(final: str, original: str, sent: Sent) -> bool:
    return sent.email in (final, original)


def _name(inbound: Inbound) -> str:
    """What tells the mail from all others, wherever it lies."""
    if inbound.message_id:
        return inbound.message_id[:_LONGEST_NAME]
    told: Sequence[object] = (inbound.email, inbound.subject, inbound.at, inbound.text)
    return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()[:32] + "@missing.invalid"


def _key(inbound: Inbound) -> str:
    return hashlib.sha256(_name(inbound).encode("utf-8", "replace")).hexdigest()[:32]


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
