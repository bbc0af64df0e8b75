"""
What was said between a recipient and us, and what has nobody looked at yet?

A thread is one recipient: what campaigns sent them, what came back, and what people of the account answered, in the order of time.
"""

from typing import Literal, get_args

import msgspec

from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

Label = Literal["out_of_office", "unsubscribe", "interested", "not_interested"]
LABELS: tuple[Label, ...] = get_args(Label)
MOST_ENTRIES = 200
"""Of one thread that are shown, the last ones."""

_COLUMNS = """
    inbound.recipient_id, inbound.campaign_id, campaign.name, inbound.id, inbound.kind, inbound.email, inbound.name, inbound.subject,
    inbound.text, inbound.label, inbound.at, (
        SELECT count(*) FROM inbound unread WHERE unread.account_id = inbound.account_id
        AND unread.recipient_id = inbound.recipient_id AND unread.read_at IS NULL
    )
"""
# The last one of each recipient stands for the thread. Of two in one second the later id is.
_PAGE = """
    SELECT {columns} FROM inbound LEFT JOIN campaign
    ON campaign.account_id = inbound.account_id AND campaign.id = inbound.campaign_id
    WHERE inbound.account_id = :account_id AND inbound.kind IN :kinds[text] {where} AND NOT EXISTS (
        SELECT 1 FROM inbound later WHERE later.account_id = inbound.account_id AND later.recipient_id = inbound.recipient_id
        AND later.kind IN :kinds[text] AND (later.at > inbound.at OR (later.at = inbound.at AND later.id > inbound.id))
    ) ORDER BY inbound.at DESC, inbound.id DESC LIMIT :limit OFFSET :offset
"""
_WHERES: dict[str, str] = {
    "all": "",
    "unread": "AND inbound.read_at IS NULL",
    **dict.fromkeys(LABELS, "AND inbound.label = :label"),
}
_PAGES = {name: statement(_PAGE.format(columns=_COLUMNS, where=where)) for name, where in _WHERES.items()}
_UNREAD = statement("""
    SELECT count(*) FROM (
        SELECT 1 FROM inbound WHERE account_id = :account_id AND read_at IS NULL AND kind = 'human' LIMIT 1000
    ) AS unread
""")
_RECIPIENT = statement("""
    SELECT recipient.id, recipient.email, recipient.campaign_id, campaign.name, recipient.lead_id, recipient.sending_status,
        recipient.stop_reason
    FROM recipient JOIN campaign ON campaign.account_id = recipient.account_id AND campaign.id = recipient.campaign_id
    WHERE recipient.account_id = :account_id AND recipient.id = :id
""")
_ENTRIES = (
    statement("""
        SELECT 'sent', id, sent_at, NULL, NULL, subject, body, CASE WHEN format = 'html' THEN body END, state, NULL FROM message
        WHERE account_id = :account_id AND recipient_id = :id AND sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT :limit
    """),
    statement("""
        SELECT 'came', id, at, email, name, subject, text, html, kind, label FROM inbound
        WHERE account_id = :account_id AND recipient_id = :id ORDER BY at DESC, id DESC LIMIT :limit
    """),
    statement("""
        SELECT 'answered', id, coalesce(sent_at, created_at), NULL, NULL, subject, body, NULL,
            CASE WHEN sent_at IS NOT NULL THEN 'sent' WHEN due IS NULL THEN 'error' ELSE 'waiting' END, trouble FROM reply
        WHERE account_id = :account_id AND recipient_id = :id ORDER BY created_at DESC, id DESC LIMIT :limit
    """),
)
_READ = statement("""
    UPDATE inbound SET read_at = :now WHERE account_id = :account_id AND recipient_id = :id AND read_at IS NULL
""")
_UNREAD_AGAIN = statement("""
    UPDATE inbound SET read_at = NULL WHERE account_id = :account_id AND id = (
        SELECT id FROM inbound WHERE account_id = :account_id AND recipient_id = :id ORDER BY at DESC, id DESC LIMIT 1
    )
""")
_LABEL = statement("UPDATE inbound SET label = :label WHERE account_id = :account_id AND id = :id")


class ThreadNotFound(NotFound):
    """This conversation does not exist."""


class WrongLabel(VizslaError):
    """There is no such label. Use out_of_office, unsubscribe, interested or not_interested."""

    id = "validation_failed"


class ThreadLine(msgspec.Struct, frozen=True):
    """A thread in the list: the last thing that came."""

    recipient_id: int
    campaign_id: int | None
    campaign: str | None
    inbound_id: int
    kind: str
    email: str | None
    name: str | None
    subject: str | None
    text: str | None
    label: Label | None
    at: int
    unread: int


class Entry(msgspec.Struct, frozen=True):
    """One mail of a thread."""

    direction: Literal["sent", "came", "answered"]
    """By a campaign, to us, by a person of the account."""
    id: int
    at: int
    email: str | None
    name: str | None
    subject: str | None
    text: str | None
    html: str | None
    """Of what came: sanitised, without pictures. Of what a campaign sent: its own. Show both in a frame that runs nothing."""
    state: str
    """Of what came its kind; of an answer sent, waiting, error."""
    label: str | None
    """Of what came; of an answer what went wrong."""


class Thread(msgspec.Struct, frozen=True):
    """All of it."""

    recipient_id: int
    email: str
    campaign_id: int
    campaign: str
    lead_id: int | None
    sending_status: str | None
    stop_reason: str | None
    entries: tuple[Entry, ...] = ()

    @property
    def last_came(self) -> Entry | None:
        """What an answer would be an answer to."""
        return next((entry for entry in reversed(self.entries) if entry.direction == "came"), None)


async def list_threads(
    reader: Reader, account_id: int, *, show: str = "all", with_reports: bool = False, limit: int = 50, offset: int = 0
) -> list[ThreadLine]:
    """
    The account's threads, the newest first; *show*: all, unread, or a label.

    Those in which nobody but mail servers has spoken are left out unless *with_reports*.
    """
    kinds = ["human", "automatic"] + ["bounce", "complaint", "receipt"] * with_reports
    values = {"account_id": account_id, "kinds": kinds, "label": show, "limit": limit, "offset": offset}
    rows = await reader.fetch_all(_PAGES.get(show, _PAGES["all"]), values)
    return [ThreadLine(*row) for row in rows]


async def count_unread(reader: Reader, account_id: int) -> int:
    """Answers of people that nobody has read; 1,000 stands for more."""
    row = await reader.fetch_one(_UNREAD, {"account_id": account_id})
    return int(row[0]) if row else 0


async def get_thread(reader: Reader, account_id: int, recipient_id: int) -> Thread:
    """All that was said with a recipient, the oldest first. Raises ThreadNotFound."""
    row = await reader.fetch_one(_RECIPIENT, {"account_id": account_id, "id": recipient_id})
    if row is None:
        raise ThreadNotFound
    values = {"account_id": account_id, "id": recipient_id, "limit": MOST_ENTRIES}
    entries = [Entry(*found) for query in _ENTRIES for found in await reader.fetch_all(query, values)]
    order = {"sent": 0, "came": 1, "answered": 2}
    entries.sort(key=lambda entry: (entry.at, order[entry.direction], entry.id))
    return msgspec.structs.replace(Thread(*row), entries=tuple(entries[-MOST_ENTRIES:]))


async def mark_read(conn: Connection, account_id: int, recipient_id: int, now: int) -> int:
    """Somebody has looked; how many were news."""
    return await conn.execute(_READ, {"account_id": account_id, "id": recipient_id, "now": now})


async def mark_unread(conn: Connection, account_id: int, recipient_id: int) -> None:
    """Let somebody look once more. Raises ThreadNotFound."""
    if not await conn.execute(_UNREAD_AGAIN, {"account_id": account_id, "id": recipient_id}):
        raise ThreadNotFound


async def put_label(conn: Connection, account_id: int, inbound_id: int, label: str | None) -> None:
    """Say what an answer is; None: nothing special. Raises WrongLabel, ThreadNotFound."""
    if label is not None and label not in LABELS:
        raise WrongLabel
    if not await conn.execute(_LABEL, {"account_id": account_id, "id": inbound_id, "label": label}):
        raise ThreadNotFound
