"""How are people forgotten whom a webhook spoke of? What it said goes; that it was told stays."""

from collections.abc import AsyncIterator

from vizsla.kit.whom import Counts, Whom, addresses_in
from vizsla.storage.database import Connection, Database
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_NAMING = mentioning(f"SELECT account_id, id, body FROM webhook_delivery WHERE {says('body')}")  # noqa: S608
_BLANK = statement("""
    UPDATE webhook_delivery SET body = NULL, due = NULL,
        state = CASE WHEN state = 'waiting' THEN 'dead' ELSE state END,
        trouble = CASE WHEN state = 'waiting' THEN 'Somebody it spoke of asked us to stop.' ELSE trouble END,
        ended_at = coalesce(ended_at, CAST(:now AS bigint))
    WHERE account_id = :account_id AND id = :id
""")
_EVERY = statement("SELECT body FROM webhook_delivery WHERE body IS NOT NULL")


async def forget(conn: Connection, whom: Whom, now: int) -> Counts:
    """Empty what was said, or is still to be, of *whom*; how many rows."""
    emptied = 0
    for account_id, id_, body in await conn.fetch_all(_NAMING, whom.needles):
        if whom.is_in(body) or whom.is_in_name(body):
            emptied += await conn.execute(_BLANK, {"account_id": account_id, "id": id_, "now": now})
    return {"webhook_delivery": emptied}


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """The addresses in all that was said."""
    async for rows in database.stream(_EVERY):
        yield [(domain, local) for domain, local in addresses_in(body for (body,) in rows)]
