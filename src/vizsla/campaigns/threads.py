"""
Who answered, and what was said on both sides?

A thread is one recipient: what a campaign sent them, what came back, and what a person answered from here. It has the label of the
last thing that came, and is unread as long as anything in it is.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from vizsla.campaigns.campaign import get_campaign
from vizsla.campaigns.claiming import wake_senders
from vizsla.campaigns.status import put_status
from vizsla.campaigns.steps import list_steps
from vizsla.campaigns.stopping import stop_recipients
from vizsla.campaigns.window import next_slot
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

Label = Literal["out_of_office", "unsubscribe", "interested", "not_interested"]
LABELS: tuple[Label, ...] = get_args(Label)
Which = Literal["answers", "unread", "returned"]
STOPPED = "stopped"
"""Why a recipient is stopped whom a person stopped."""
_RESUMABLE = (STOPPED, "replied", "company_replied", "successful")
_MOST = 200
"""Entries of one kind in a thread."""
_SNIPPET = 160
_SHOWN = {
    "answers": "('human', 'automatic')",
    "unread": "('human', 'automatic')",
    "returned": "('bounce', 'complaint')",
}


def _page(which: Which) -> str:
    """The last mail of each recipient, of kinds that are shown together."""
    kinds = _SHOWN[which]
    unread = "AND inbound.read_at IS NULL" if which == "unread" else ""
    return f"""
        SELECT inbound.recipient_id, inbound.campaign_id, campaign.name, inbound.email, inbound.name, inbound.subject,
            substr(coalesce(inbound.text, ''), 1, {_SNIPPET}), inbound.kind, inbound.label, inbound.at, EXISTS (
                SELECT 1 FROM inbound other WHERE other.account_id = inbound.account_id
                AND other.recipient_id = inbound.recipient_id AND other.read_at IS NULL AND other.kind IN {kinds}
            )
        FROM inbound JOIN campaign ON campaign.account_id = inbound.account_id AND campaign.id = inbound.campaign_id
        WHERE inbound.account_id = :account_id AND inbound.recipient_id IS NOT NULL AND inbound.kind IN {kinds} {unread}
        AND (:label = '' OR inbound.label = :label)
        AND NOT EXISTS (
            SELECT 1 FROM inbound later WHERE later.account_id = inbound.account_id
            AND later.recipient_id = inbound.recipient_id AND later.kind IN {kinds}
            AND (later.at > inbound.at OR (later.at = inbound.at AND later.id > inbound.id))
        )
        ORDER BY inbound.at DESC, inbound.id DESC LIMIT :limit OFFSET :offset
    """  # noqa: S608


_PAGES = {which: statement(_page(which)) for which in get_args(Which)}
_UNREAD = statement("""
    SELECT count(DISTINCT recipient_id) FROM inbound WHERE account_id = :account_id AND read_at IS NULL
    AND recipient_id IS NOT NULL AND kind IN ('human', 'automatic')
""")
_RECIPIENT = statement("""
    SELECT campaign_id, lead_id, address, sender_id, step, due, state, stop_reason, sending_status, removed_at
    FROM recipient WHERE account_id = :account_id AND id = :id
""")
_SENT = statement(f"""
    SELECT id, step, subject, body, format, sent_at, opened_at, clicked_at, bounced_at FROM message
    WHERE account_id = :account_id AND recipient_id = :id AND sent_at IS NOT NULL ORDER BY step LIMIT {_MOST}
""")  # noqa: S608
_CAME = statement(f"""
    SELECT id, kind, email, name, subject, text, html, label, at, read_at FROM inbound
    WHERE account_id = :account_id AND recipient_id = :id AND kind NOT IN ('journal', 'other') ORDER BY at DESC, id DESC LIMIT {_MOST}
""")  # noqa: S608
_REPLIED = statement(f"""
    SELECT id, subject, body, created_at, sent_at, trouble FROM reply
    WHERE account_id = :account_id AND recipient_id = :id ORDER BY id DESC LIMIT {_MOST}
""")  # noqa: S608
_READ = statement("""
    UPDATE inbound SET read_at = :now WHERE account_id = :account_id AND recipient_id = :id AND read_at IS NULL
""")
_UNREAD_AGAIN = statement("""
    UPDATE inbound SET read_at = NULL WHERE account_id = :account_id AND id = (
        SELECT last.id FROM inbound last WHERE last.account_id = :account_id AND last.recipient_id = :id
        AND last.kind IN ('human', 'automatic', 'bounce', 'complaint') ORDER BY last.at DESC, last.id DESC LIMIT 1
    )
""")
_LABEL = statement("""
    UPDATE inbound SET label = :label WHERE account_id = :account_id AND id = (
        SELECT last.id FROM inbound last WHERE last.account_id = :account_id AND last.recipient_id = :id
        AND last.kind IN ('human', 'automatic') ORDER BY last.at DESC, last.id DESC LIMIT 1
    )
""")
_RESUME = statement("""
    UPDATE recipient SET state = 'scheduled', stop_reason = NULL, due = :due WHERE account_id = :account_id AND id = :id
    AND state = 'stopped' AND removed_at IS NULL
""")


class ThreadNotFound(NotFound):
    """There is no such thread."""


class CannotResume(VizslaError):
    """Nothing more can be sent to this recipient."""

    id = "validation_failed"


class Thread(msgspec.Struct, frozen=True):
    """A thread in a list: the last thing that came."""

    recipient_id: int
    campaign_id: int
    campaign: str
    email: str | None
    name: str | None
    subject: str | None
    snippet: str
    kind: str
    label: Label | None
    at: int
    is_unread: bool


class Outgoing(msgspec.Struct, frozen=True):
    """A message of the campaign."""

    id: int
    step: int
    subject: str | None
    body: str | None
    format: str | None
    at: int
    opened_at: int | None
    clicked_at: int | None
    bounced_at: int | None


class Incoming(msgspec.Struct, frozen=True):
    """What came back."""

    id: int
    kind: str
    email: str | None
    name: str | None
    subject: str | None
    text: str | None
    html: str | None
    label: Label | None
    at: int
    read_at: int | None


class Answer(msgspec.Struct, frozen=True):
    """What a person answered from here."""

    id: int
    subject: str
    body: str
    at: int
    sent_at: int | None
    trouble: str | None


class Correspondent(msgspec.Struct, frozen=True):
    """Who is on the other side, and how it stands with them."""

    campaign_id: int
    lead_id: int | None
    address: str
    sender_id: int | None
    step: int
    due: int | None
    state: str
    stop_reason: str | None
    sending_status: str | None
    removed_at: int | None

    @property
    def is_resumable(self) -> bool:
        """Whether a person may let the campaign go on with them."""
        return self.state == "stopped" and self.removed_at is None and self.stop_reason in _RESUMABLE


class Whole(msgspec.Struct, frozen=True):
    """All of a thread, the oldest first."""

    recipient_id: int
    who: Correspondent
    entries: Sequence[Outgoing | Incoming | Answer]

    @property
    def last_came(self) -> Incoming | None:
        """What is answered when somebody answers."""
        came = [one for one in self.entries if isinstance(one, Incoming) and one.kind in ("human", "automatic")]
        return came[-1] if came else None

    @property
    def is_unread(self) -> bool:
        """Whether anything in it is."""
        return any(isinstance(one, Incoming) and one.read_at is None for one in self.entries)


async def list_threads(
    reader: Reader,
    account_id: int,
    *,
    which: Which = "answers",
    label: Label | None = None,
    limit: int,
    offset: int = 0,
) -> list[Thread]:
    """The account's threads, the last that something came in first: answers, those that are unread, or what was returned."""
    values = {"account_id": account_id, "label": label or "", "limit": limit, "offset": offset}
    rows = await reader.fetch_all(_PAGES[which], values)
    fields = Thread.__struct_fields__
    return [Thread(**dict(zip(fields, row, strict=True)) | {"is_unread": bool(row[-1])}) for row in rows]


async def count_unread(reader: Reader, account_id: int) -> int:
    """How many threads have something that nobody has read."""
    row = await reader.fetch_one(_UNREAD, {"account_id": account_id})
    return int(row[0]) if row else 0


async def get_thread(reader: Reader, account_id: int, recipient_id: int) -> Whole:
    """All that went to and fro with a recipient. Raises ThreadNotFound."""
    named = {"account_id": account_id, "id": recipient_id}
    who = await _correspondent(reader, account_id, recipient_id)
    entries: list[Outgoing | Incoming | Answer] = [Outgoing(*row) for row in await reader.fetch_all(_SENT, named)]
    entries += [Incoming(*row) for row in await reader.fetch_all(_CAME, named)]
    entries += [Answer(*row) for row in await reader.fetch_all(_REPLIED, named)]
    return Whole(recipient_id, who, sorted(entries, key=lambda one: one.at))


async def mark_read(conn: Connection, account_id: int, recipient_id: int, now: int) -> None:
    """Somebody has seen all that came. Raises ThreadNotFound."""
    await _correspondent(conn, account_id, recipient_id)
    await conn.execute(_READ, {"account_id": account_id, "id": recipient_id, "now": now})


async def mark_unread(conn: Connection, account_id: int, recipient_id: int) -> None:
    """The last thing that came is to be looked at again. Raises ThreadNotFound."""
    await _correspondent(conn, account_id, recipient_id)
    await conn.execute(_UNREAD_AGAIN, {"account_id": account_id, "id": recipient_id})


async def put_label(conn: Connection, account_id: int, recipient_id: int, label: Label | None) -> None:
    """What the last answer is; None: nothing special. Raises ThreadNotFound."""
    await _correspondent(conn, account_id, recipient_id)
    await conn.execute(_LABEL, {"account_id": account_id, "id": recipient_id, "label": label})


async def stop_by_hand(conn: Connection, account_id: int, recipient_id: int, now: int) -> None:
    """Nothing more is written to a recipient until a person says so. Raises ThreadNotFound."""
    await _correspondent(conn, account_id, recipient_id)
    await stop_recipients(conn, account_id, [recipient_id], STOPPED, now)


async def resume_by_hand(conn: Connection, account_id: int, recipient_id: int, now: int) -> int:
    """
    Let the campaign go on with a recipient who was stopped, by a person or by their answer; when the next message is due.

    Who unsubscribed, bounced or claimed stays stopped. Raises ThreadNotFound, CannotResume.
    """
    who = await _correspondent(conn, account_id, recipient_id)
    if not who.is_resumable or who.sender_id is None:
        raise CannotResume("Nothing more can be sent to this recipient by this campaign.")
    campaign = await get_campaign(conn, account_id, who.campaign_id)
    if campaign.archived_at is not None:
        raise CannotResume("The campaign is archived: it sends nothing more.")
    if who.step >= len(await list_steps(conn, account_id, campaign.id)):
        raise CannotResume("All messages of the campaign were sent to this recipient.")
    due = next_slot(max(now, campaign.start_at or 0), campaign.window)
    await conn.execute(_RESUME, {"account_id": account_id, "id": recipient_id, "due": due})
    await put_status(conn, account_id, recipient_id)
    await wake_senders(conn, account_id, campaign.id, due)
    return due


async def _correspondent(reader: Reader, account_id: int, recipient_id: int) -> Correspondent:
    row = await reader.fetch_one(_RECIPIENT, {"account_id": account_id, "id": recipient_id})
    if row is None:
        raise ThreadNotFound
    return Correspondent(*row)
