"""Who asked for which crawl? Of each account the newest; the crawls themselves are in `requests`."""

import msgspec

from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

MOST_LISTED = 100
_ASK = statement("""
    INSERT INTO crawl_ask (account_id, domain, member_id, asked_at, cancelled_at)
    VALUES (:account_id, :domain, :member_id, :now, NULL)
    ON CONFLICT (account_id, domain) DO UPDATE SET
        member_id = excluded.member_id, asked_at = excluded.asked_at, cancelled_at = NULL
""")
_COLUMNS = "domain, member_id, asked_at, cancelled_at"
_LIST = statement(f"""
    SELECT {_COLUMNS} FROM crawl_ask WHERE account_id = :account_id ORDER BY asked_at DESC, domain LIMIT :most
""")  # noqa: S608
_FIND = statement(f"SELECT {_COLUMNS} FROM crawl_ask WHERE account_id = :account_id AND domain = :domain")  # noqa: S608
_WITHDRAW = statement("""
    UPDATE crawl_ask SET cancelled_at = :now WHERE account_id = :account_id AND domain = :domain AND cancelled_at IS NULL
""")
_ANYBODY = statement("""
    SELECT 1 FROM crawl_ask WHERE domain = :domain AND cancelled_at IS NULL AND asked_at >= :since LIMIT 1
""")


class Ask(msgspec.Struct, frozen=True):
    """That an account wants a domain crawled."""

    domain: str
    member_id: int | None
    asked_at: int
    cancelled_at: int | None


async def record_ask(conn: Connection, account_id: int, domain: str, *, member_id: int | None, now: int) -> None:
    """That *account_id* asks for a crawl of *domain*."""
    await conn.execute(_ASK, {"account_id": account_id, "domain": domain, "member_id": member_id, "now": now})


async def list_asks(reader: Reader, account_id: int, *, most: int = MOST_LISTED) -> list[Ask]:
    """The newest asks of *account_id*."""
    return [Ask(*row) for row in await reader.fetch_all(_LIST, {"account_id": account_id, "most": most})]


async def find_ask(reader: Reader, account_id: int, domain: str) -> Ask | None:
    """That of *account_id* for *domain*."""
    row = await reader.fetch_one(_FIND, {"account_id": account_id, "domain": domain})
    return Ask(*row) if row else None


async def withdraw_ask(conn: Connection, account_id: int, domain: str, now: int) -> bool:
    """*account_id* wants it no more. False if it did not."""
    return bool(await conn.execute(_WITHDRAW, {"account_id": account_id, "domain": domain, "now": now}))


async def is_wanted(reader: Reader, domain: str, since: int) -> bool:
    """Whether anybody who asked from *since* on still wants *domain* crawled."""
    return await reader.fetch_one(_ANYBODY, {"domain": domain, "since": since}) is not None
