"""
Who is told what became of a message?

Webhooks of its account (`webhooks.outbox`), in the transaction that makes it so. Told last in each transaction: numbers of
deliveries are counted in the account's row, which is locked after all others.
"""

from collections.abc import Sequence
from typing import Protocol

from vizsla.campaigns.events import Seen, Sent
from vizsla.storage.database import Connection
from vizsla.webhooks.events import Event
from vizsla.webhooks.outbox import announce, announce_all


class Message(Protocol):
    """What is told of."""

    @property
    def id(self) -> int: ...
    @property
    def campaign_id(self) -> int: ...
    @property
    def sender_id(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def email(self) -> str: ...


async def tell_sent(conn: Connection, account_id: int, messages: Sequence[Message], now: int) -> None:
    """Messages have left."""
    await announce_all(conn, account_id, "message.sent", [_payload(each) for each in messages], now)


async def tell_seen(conn: Connection, sent: Sent, newly: Seen, at: int) -> None:
    """A person opened the message, or followed a link of it, for the first time."""
    if newly.opened is not None:
        await announce(conn, sent.account_id, "message.read", _payload(sent), at)
    if newly.clicked is not None:
        await announce(conn, sent.account_id, "message.clicked", _payload(sent), at)


async def tell_reply(conn: Connection, sent: Sent, at: int) -> None:
    """A person answered."""
    await announce(conn, sent.account_id, "message.replied", _payload(sent), at)


async def tell_pause(conn: Connection, account_id: int, campaign_id: int, now: int, *, is_over: bool) -> None:
    """A campaign was paused, or goes on."""
    event: Event = "sequence.resumed" if is_over else "sequence.paused"
    await announce(conn, account_id, event, {"id": campaign_id}, now)


def _payload(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "sequence_id": message.campaign_id,
        "step": message.step,
        "email": message.email,
        "email_account_id": message.sender_id,
    }
