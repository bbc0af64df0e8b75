"""
How are people forgotten to whom campaigns wrote?

Their rows as recipients go, with their messages, what was seen of them and what they wrote; nothing that was still to be sent is.
Campaigns go on without them, and what others wrote or were sent loses what speaks of them. That they are not written to again is
kept elsewhere, by a hash.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping

from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection, Database
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
_WROTE = mentioning(
    f"SELECT account_id, id, email FROM inbound WHERE email IS NOT NULL AND {says('email')}"  # noqa: S608
)
_THEIR_MAIL = statement("DELETE FROM inbound WHERE account_id = :account_id AND id = :id")
_ANSWERED = statement("DELETE FROM reply WHERE account_id = :account_id AND inbound_id = :id")
_LINKS = mentioning(f"SELECT account_id, campaign_id, number, url FROM campaign_link WHERE {says('url')}")  # noqa: S608
_DROP_LINK = statement("""
    DELETE FROM campaign_link WHERE account_id = :account_id AND campaign_id = :campaign_id AND number = :number
""")
_FILES = mentioning(f"SELECT account_id, id, file_name FROM campaign_attachment WHERE {says('file_name')}")  # noqa: S608
_RENAME_FILE = statement(
    "UPDATE campaign_attachment SET file_name = 'file' WHERE account_id = :account_id AND id = :id"
)

# What others' rows may say of them: by table its key, the columns, and what is written over those that do.
_SPEAKING: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "recipient": (("account_id", "id"), {"trouble": "NULL"}),
    "message": (("account_id", "id"), {"reply": "NULL", "subject": "NULL", "body": "NULL"}),
    "event": (("account_id", "id"), {"agent": "NULL", "dedupe": "'forgotten:' || CAST(id AS text)"}),
    "inbound": (
        ("account_id", "id"),
        {"name": "NULL", "subject": "NULL", "text": "NULL", "html": "NULL", "message_id": "NULL"},
    ),
    "reply": (("account_id", "id"), {"subject": "''", "body": "''", "trouble": "NULL"}),
    "sender": (("account_id", "id"), {"trouble": "NULL"}),
    "mailbox": (("account_id", "sender_id"), {"trouble": "NULL"}),
    "campaign": (("account_id", "id"), {"bcc": "NULL"}),
}


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
    counts["inbound"] += await _forget_writers(conn, whom)
    for table in _SPEAKING:
        counts[table] += await _empty(conn, whom, table)
    counts["campaign_link"] = await _drop_links(conn, whom)
    counts["campaign_attachment"] = await _rename_files(conn, whom)
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


async def _forget_writers(conn: Connection, whom: Whom) -> int:
    """Drop mail that they wrote though nobody had written to them: a colleague's answer."""
    rows = await conn.fetch_all(_WROTE, whom.needles)
    theirs = [{"account_id": row[0], "id": row[1]} for row in rows if whom.owns(*_address(row[2].lower()))]
    await conn.execute_many(_ANSWERED, theirs)
    await conn.execute_many(_THEIR_MAIL, theirs)
    return len(theirs)


async def _empty(conn: Connection, whom: Whom, table: str) -> int:
    """Empty what rows of *table* say of them."""
    keys, columns = _SPEAKING[table]
    where = " AND ".join(f"{key} = :{key}" for key in keys)
    query = mentioning(f"SELECT {', '.join((*keys, *columns))} FROM {table} WHERE {says(*columns)}")  # noqa: S608
    emptied = 0
    for row in await conn.fetch_all(query, whom.needles):
        said = zip(columns, row[len(keys) :], strict=True)
        sets = ", ".join(f"{name} = {columns[name]}" for name, text in said if text and _speaks(whom, text))
        if sets:
            emptied += await conn.execute(
                statement(f"UPDATE {table} SET {sets} WHERE {where}"),  # noqa: S608
                dict(zip(keys, row, strict=False)),
            )
    return emptied


async def _drop_links(conn: Connection, whom: Whom) -> int:
    rows = [row for row in await conn.fetch_all(_LINKS, whom.needles) if whom.is_in(row[3])]
    named = [{"account_id": row[0], "campaign_id": row[1], "number": row[2]} for row in rows]
    await conn.execute_many(_DROP_LINK, named)
    return len(named)


async def _rename_files(conn: Connection, whom: Whom) -> int:
    rows = [row for row in await conn.fetch_all(_FILES, whom.needles) if whom.is_in_name(row[2])]
    await conn.execute_many(_RENAME_FILE, [{"account_id": row[0], "id": row[1]} for row in rows])
    return len(rows)


def _speaks(whom: Whom, text: str) -> bool:
    return whom.has(text) or (whom.local is None and whom.is_place(text))


def _address(email: str) -> tuple[str, str]:
    local, _, domain = email.rpartition("@")
    return domain, local
