"""A campaign that has written: rows as the engine leaves them, for whoever listens to what comes back."""

from typing import Any

import msgspec

from vizsla.accounts.store import Member
from vizsla.campaigns.events import Sent, find_sent
from vizsla.campaigns.tables import campaign, campaign_step, message, recipient, sender
from vizsla.campaigns.tracking import Tokens
from vizsla.leads.lead import draft
from vizsla.leads.store import create_lead
from vizsla.storage.database import Connection
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

SENT_AT = 1_795_424_400
SECRET = b"0" * 64
TOKENS = Tokens(SECRET)
SENDER, CAMPAIGN = 900, 901


class World(msgspec.Struct):
    """One account's."""

    stores: Stores
    account_id: int

    async def sent(self, message_id: int) -> Sent:
        found = await find_sent(self.stores.app, self.account_id, message_id)
        assert found is not None
        return found

    async def row(self, table: str, id_: int, columns: str) -> tuple[Any, ...]:
        query = statement(f"SELECT {columns} FROM {table} WHERE account_id = :account_id AND id = :id")
        row = await self.stores.app.fetch_one(query, {"account_id": self.account_id, "id": id_})
        assert row is not None
        return row

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await self.stores.app.fetch_all(statement(query), {})


async def _put(conn: Connection, table: Any, **values: Any) -> None:
    columns = {column.name for column in table.c}
    assert values.keys() <= columns, values.keys() - columns
    names = ", ".join(values)
    await conn.execute(
        statement(f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(':' + each for each in values)})"), values
    )


async def put_sender(
    conn: Connection, account_id: int, id_: int = SENDER, email: str = "alice@sender.test", **more: Any
) -> None:
    values = {
        "account_id": account_id, "id": id_, "member_id": 1, "email": email, "name": "Alice", "login": email, "auth": "password",
        "smtp": '{"host":"mx.test","port":465,"security":"tls"}', "sealed": "", "daily_cap": 50, "gap": 0, "timezone": "UTC",
        "days": 127, "start_second": 0, "end_second": 86_400, "journal": "none", "state": "ok", "failures": 0,
        "created_at": SENT_AT - 86_400, "attempt": 0,
    }  # fmt: skip
    await _put(conn, sender, **values | more)


async def put_campaign(conn: Connection, account_id: int, id_: int = CAMPAIGN, **more: Any) -> None:
    values = {
        "account_id": account_id, "id": id_, "member_id": 1, "name": "Roofs", "timezone": "UTC", "days": 127, "start_second": 0,
        "end_second": 86_400, "created_at": 0, "started_at": 1, "tracks_opens": 1, "tracks_clicks": 1, "adds_unsubscribe": 1,
        "stops_company": 0, "absence_days": 3, "max_lateness": 86_400, "uncertain": "hold", "version": 1, "recipients_count": 0,
    }  # fmt: skip
    await _put(conn, campaign, **values | more)
    for number in range(3):
        step = {"account_id": account_id, "campaign_id": id_, "number": number, "wait_days": 3 * bool(number)}
        await _put(conn, campaign_step, **step, subject="A question" if not number else "", body="Hello", format="text")


async def put_recipient(
    conn: Connection, account_id: int, id_: int, email: str, campaign_id: int = CAMPAIGN, **more: Any
) -> None:
    """A recipient to whom the first step was sent and the next is due."""
    values = {
        "account_id": account_id, "id": id_, "campaign_id": campaign_id, "email": email, "address": email, "sender_id": SENDER,
        "step": 1, "due": SENT_AT + 3 * 86_400, "state": "scheduled", "sent_at": SENT_AT, "soft_bounces": 0, "added_at": 0,
    }  # fmt: skip
    await _put(conn, recipient, **values | more)


async def put_message(conn: Connection, account_id: int, id_: int, recipient_id: int, **more: Any) -> None:
    campaign_id, step = more.get("campaign_id", CAMPAIGN), more.get("step", 0)
    values = {
        "account_id": account_id, "id": id_, "campaign_id": campaign_id, "recipient_id": recipient_id, "step": step, "sender_id": SENDER,
        "message_id": TOKENS.message_name(account_id, campaign_id, recipient_id, step, "sender.test"), "state": "sent", "attempts": 0,
        "claimed_at": SENT_AT - 5, "sent_at": SENT_AT, "subject": "A question", "body": "Hello", "format": "text",
    }  # fmt: skip
    await _put(conn, message, **values | more)


async def make_world(stores: Stores, owner: Member, **campaign_values: Any) -> World:
    """Bob (recipient 1, message 11 of step 0) has got the first step; Carol (2, 12) too, at the same company; Dave (3, 13) elsewhere."""
    account_id = owner.account_id
    async with stores.app.write() as conn:
        await put_sender(conn, account_id)
        await put_campaign(conn, account_id, **campaign_values)
        people = {1: ("Bob", "bob@target.test"), 2: ("Carol", "carol@target.test"), 3: ("Dave", "dave@other.test")}
        for id_, (name, email) in people.items():
            made = await create_lead(
                conn, account_id, draft({"email": email, "first_name": name, "last_name": "Stone"}), 0
            )
            await put_recipient(conn, account_id, id_, email, lead_id=made.id)
            await put_message(conn, account_id, 10 + id_, id_)
    return World(stores, account_id)
