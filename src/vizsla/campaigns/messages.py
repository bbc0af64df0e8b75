"""Which messages has an account sent, or tried to send?"""

import msgspec

from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_COLUMNS = """message.id, message.campaign_id, message.recipient_id, recipient.email, recipient.lead_id, message.sender_id, message.step,
    message.state, message.subject, message.code, message.reply, message.sent_at, message.delivered_at, message.opened_at,
    message.clicked_at, message.bounced_at"""
_JOIN = """message JOIN recipient ON recipient.account_id = message.account_id AND recipient.id = message.recipient_id
    WHERE message.account_id = :account_id"""
_ALL = statement(f"SELECT {_COLUMNS} FROM {_JOIN} ORDER BY message.id DESC LIMIT :limit OFFSET :offset")  # noqa: S608
_OF_CAMPAIGN = statement(f"""
    SELECT {_COLUMNS} FROM {_JOIN} AND message.campaign_id = :campaign_id ORDER BY message.id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608


class Message(msgspec.Struct, frozen=True):
    """One step to one recipient."""

    id: int
    campaign_id: int
    recipient_id: int
    email: str
    lead_id: int | None
    sender_id: int
    step: int
    state: str
    """sending, retry, sent, uncertain, held, canceled, error, bounced"""
    subject: str | None
    """As it was sent."""
    code: int | None
    """The mail server's last reply."""
    reply: str | None
    sent_at: int | None
    delivered_at: int | None
    opened_at: int | None
    clicked_at: int | None
    bounced_at: int | None


async def list_messages(
    reader: Reader, account_id: int, *, campaign_id: int | None = None, limit: int, offset: int = 0
) -> list[Message]:
    """The account's messages, those of one campaign if it is given, newest first."""
    named = {"account_id": account_id, "limit": limit, "offset": offset}
    if campaign_id is None:
        return [Message(*row) for row in await reader.fetch_all(_ALL, named)]
    return [Message(*row) for row in await reader.fetch_all(_OF_CAMPAIGN, {**named, "campaign_id": campaign_id})]
