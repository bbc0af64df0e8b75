"""
How are people forgotten to whom campaigns wrote?

Their rows as recipients go, with their messages, what was seen of them and what they wrote; nothing that was still to be sent is.
Campaigns go on without them, and what others wrote or were sent loses what speaks of them. That they are not written to again is
kept elsewhere, by a hash.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable

from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection, Database, Row
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_CHUNK = 500
_MENTIONED = mentioning(
    f"SELECT account_id, id, email, address, trouble FROM recipient WHERE {says('email', 'address', 'trouble')}"  # noqa: S608
)
_REPLIED = statement("DELETE FROM reply WHERE account_id = :account_id AND recipient_id IN :ids[bigint]")
_CAME = statement("DELETE FROM inbound WHERE account_id = :account_id AND recipient_id IN :ids[bigint]")
_SEEN = statement("DELETE FROM event WHERE account_id = :account_id AND recipient_id IN :ids[bigint]")
_SENT = statement("DELETE FROM message WHERE account_id = :account_id AND recipient_id IN :ids[bigint]")
_RECIPIENTS = statement("DELETE FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint]")
_LESS = statement("""
    UPDATE campaign SET recipients_count = (
        SELECT count(*) FROM recipient WHERE recipient.account_id = campaign.account_id AND campaign_id = campaign.id
        AND removed_at IS NULL
    ) WHERE account_id = :account_id AND id IN :ids[bigint]
""")
_CAMPAIGNS = statement(
    "SELECT DISTINCT campaign_id FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint]"
)
_OF_RECIPIENTS = (
    ("reply", _REPLIED),
    ("inbound", _CAME),
    ("event", _SEEN),
    ("message", _SENT),
    ("recipient", _RECIPIENTS),
)
_EVERY = statement("SELECT DISTINCT email FROM recipient")
_EVERY_WRITER = statement("SELECT DISTINCT email FROM inbound WHERE email IS NOT NULL")

# What others' rows may say of them, by table: the columns, and which go when they do.
_SPEAKING = {
    "recipient": ("trouble",),
    "message": ("reply", "subject", "body"),
    "event": ("agent",),
    "inbound": ("email", "name", "subject", "text", "html", "message_id"),
    "reply": ("subject", "body", "trouble"),
    "sender": ("trouble",),
    "mailbox": ("trouble",),
    "campaign": ("bcc",),
    "campaign_link": ("url",),
}
_KEPT_AS_TEXT = frozenset({("reply", "subject"), ("reply", "body"), ("campaign_link", "url")})
"""Columns that cannot be NULL: they are emptied."""


async def forget(conn: Connection, whom: Whom, now: int) -> Counts:
    """Forget *whom* in every account: rows that went or were emptied, by table."""
    counts: Counter[str] = Counter()
    by_account: dict[int, list[int]] = {}
    for account_id, id_, email, _, _ in await conn.fetch_all(_MENTIONED, whom.needles):
        if whom.owns(*_address(email)):
            by_account.setdefault(account_id, []).append(id_)
    for account_id, ids in sorted(by_account.items()):
        for at in range(0, len(ids), _CHUNK):
            counts.update(await _forget_recipients(conn, account_id, ids[at : at + _CHUNK]))
    for table, columns in _SPEAKING.items():
        counts[table] += await _empty(conn, whom, table, columns)
    return dict(counts)


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """Everybody to whom a campaign wrote, or who wrote to one."""
    for query in (_EVERY, _EVERY_WRITER):
        async for rows in database.stream(query):
            yield [_address(row[0]) for row in rows]


async def _forget_recipients(conn: Connection, account_id: int, ids: list[int]) -> Counts:
    named = {"account_id": account_id, "ids": ids}
    campaigns = [row[0] for row in await conn.fetch_all(_CAMPAIGNS, named)]
    counts = {table: await conn.execute(query, named) for table, query in _OF_RECIPIENTS}
    await conn.execute(_LESS, {"account_id": account_id, "ids": campaigns})
    return counts


async def _empty(conn: Connection, whom: Whom, table: str, columns: Iterable[str]) -> int:
    """Empty those *columns* of rows in *table* that speak of them."""
    keys = _keys(table)
    names = list(columns)
    found = await conn.fetch_all(
        mentioning(f"SELECT {', '.join((*keys, *names))} FROM {table} WHERE {says(*names)}"),  # noqa: S608
        whom.needles,
    )
    emptied = 0
    for row in found:
        spoken = [name for name, text in zip(names, row[len(keys) :], strict=True) if text and _speaks(whom, text)]
        if spoken:
            sets = ", ".join(f"{name} = {_nothing(table, name)}" for name in spoken)
            where = " AND ".join(f"{key} = :{key}" for key in keys)
            await conn.execute(statement(f"UPDATE {table} SET {sets} WHERE {where}"), _named(keys, row))  # noqa: S608
            emptied += 1
    return emptied


def _keys(table: str) -> tuple[str, ...]:
    return {"mailbox": ("account_id", "sender_id"), "campaign_link": ("account_id", "campaign_id", "number")}.get(
        table, ("account_id", "id")
    )


def _named(keys: tuple[str, ...], row: Row) -> dict[str, object]:
    return dict(zip(keys, row, strict=False))


def _nothing(table: str, column: str) -> str:
    return "''" if (table, column) in _KEPT_AS_TEXT else "NULL"


def _speaks(whom: Whom, text: str) -> bool:
    return whom.has(text) or (whom.local is None and whom.is_place(text))


def _address(email: str) -> tuple[str, str]:
    local, _, domain = email.rpartition("@")
    return domain, local
