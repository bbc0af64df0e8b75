"""
How does the verifier forget a person, or a whole domain; and what does it hold about one?

Their verification goes, and what servers said of them when others were asked about ("moved, try jane@acme.com"). Rows of lists stay,
without the address: the list's owner sees that somebody said stop.
"""

from collections.abc import AsyncIterator

import msgspec

from vizsla.kit.clock import time_text
from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection, Database
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement
from vizsla.verifier.bulk import Ending
from vizsla.verifier.evidence import Step, load_trail
from vizsla.verifier.syntax import Address, parse_address
from vizsla.verifier.verdict import Verdict

_OF_DOMAIN = "domain = :domain OR substr(domain, length(domain) - length(:domain)) = :below"
_DELETE = statement("DELETE FROM verification WHERE domain = :domain AND local = :local")
_DELETE_DOMAIN = statement(f"DELETE FROM verification WHERE {_OF_DOMAIN}")  # noqa: S608
_DELETE_MEMO = statement(f"DELETE FROM mail_domain WHERE {_OF_DOMAIN}")  # noqa: S608
_TRAILS = mentioning(f"SELECT id, trail FROM verification WHERE {says('trail')}")  # noqa: S608
_EMPTY_TRAIL = statement("UPDATE verification SET trail = '[]' WHERE id = :id")
_MEMOS = mentioning(f"SELECT domain, accept_all_trail FROM mail_domain WHERE {says('accept_all_trail')}")  # noqa: S608
_EMPTY_MEMO = statement("UPDATE mail_domain SET accept_all_trail = '[]' WHERE domain = :domain")
# An address with letters beyond ASCII is spelled in more ways than one: those rows are read one by one.
_TEXTS = """
    SELECT account_id, list_id, number, email, ending FROM bulk_row
    WHERE email <> '' AND (instr(lower(email), :name) > 0 OR {octets} <> length(email)) OR {says}
"""
_ROWS = statement(
    _TEXTS.format(octets="length(CAST(email AS BLOB))", says=says("ending")),
    postgresql=_TEXTS.format(octets="octet_length(email)", says=says("ending")).replace("instr(", "strpos("),
)
_EMPTY_ROW = statement("""
    UPDATE bulk_row SET email = '', ending = :ending
    WHERE account_id = :account_id AND list_id = :list_id AND number = :number
""")
_EVERY_VERIFIED = statement("SELECT domain, local FROM verification ORDER BY domain, local")
_EVERY_TEXT = statement("SELECT DISTINCT email FROM bulk_row WHERE email <> ''")
_FIND = statement("""
    SELECT asked_at, ended_at, verdict, trail, arrival FROM verification WHERE domain = :domain AND local = :local
""")
_LISTED = statement("SELECT created_at FROM bulk_list WHERE account_id = :account_id AND id = :list_id")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Verdict).decode


async def forget(conn: Connection, whom: Whom, now: int) -> Counts:
    """Forget *whom*; how many rows of each table changed or went."""
    if whom.local is None:
        key = {"domain": whom.domain, "below": whom.below}
        counts = {
            "verification": await conn.execute(_DELETE_DOMAIN, key),
            "mail_domain": await conn.execute(_DELETE_MEMO, key),
        }
    else:
        gone = await conn.execute(_DELETE, {"domain": whom.domain, "local": whom.local})
        counts = {"verification": gone, "mail_domain": 0}
    trails = [row[0] for row in await conn.fetch_all(_TRAILS, whom.needles) if whom.is_in(row[1])]
    await conn.execute_many(_EMPTY_TRAIL, [{"id": id_} for id_ in trails])
    memos = [row[0] for row in await conn.fetch_all(_MEMOS, whom.needles) if whom.is_in(row[1])]
    await conn.execute_many(_EMPTY_MEMO, [{"domain": domain} for domain in memos])
    counts["verification"] += len(trails)
    counts["mail_domain"] += len(memos)
    return counts | {"bulk_row": await _forget_rows(conn, whom, now)}


async def _forget_rows(conn: Connection, whom: Whom, now: int) -> int:
    ending = _encode(Ending("claimed", now)).decode()
    rows = [
        {"account_id": account_id, "list_id": list_id, "number": number, "ending": ending if old else None}
        for account_id, list_id, number, text, old in await conn.fetch_all(_ROWS, _names(whom))
        if whom.has(text) or (old and whom.is_in(old))
    ]
    await conn.execute_many(_EMPTY_ROW, rows)
    return len(rows)


def _names(whom: Whom) -> dict[str, str]:
    return whom.needles | {"name": whom.local or whom.domain}


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """Every address that something is held about."""
    async for rows in database.stream(_EVERY_VERIFIED):
        yield [(domain, local) for domain, local in rows]
    async for rows in database.stream(_EVERY_TEXT):
        addresses = [parse_address(text) for (text,) in rows]
        yield [(one.domain, one.local) for one in addresses if isinstance(one, Address)]


class Verified(msgspec.Struct, frozen=True):
    """A verification of the address, whoever asked for it."""

    asked_at: str
    ended_at: str | None
    verdict: Verdict | None
    """None: it has not ended yet."""
    arrival: str | None
    """What came of a message since."""
    steps: list[Step]
    """What was asked and answered."""


class Listed(msgspec.Struct, frozen=True):
    """The address stands in a list that somebody uploaded to have it verified or found; whose list it is, is not said."""

    list_made_at: str
    row: int
    text: str
    """As it was uploaded, or what was found."""


async def hold_verifications(app: Database, domain: str, local: str) -> list[Verified]:
    """What was found out about the address."""
    return [
        Verified(
            time_text(asked_at),
            time_text(ended_at) if ended_at else None,
            _decode(verdict) if verdict else None,
            arrival,
            load_trail(trail),
        )
        for asked_at, ended_at, verdict, trail, arrival in await app.fetch_all(
            _FIND, {"domain": domain, "local": local}
        )
    ]


async def hold_rows(app: Database, domain: str, local: str) -> list[Listed]:
    """Rows of lists that have the address."""
    whom = Whom(domain, local)
    found = []
    for account_id, list_id, number, text, _ in await app.fetch_all_slowly(_ROWS, _names(whom)):
        if whom.has(text):
            row = await app.fetch_one(_LISTED, {"account_id": account_id, "list_id": list_id})
            found.append(Listed(time_text(row[0] if row else 0), number, text))
    return found
