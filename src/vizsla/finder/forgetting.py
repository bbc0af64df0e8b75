"""
How do lists of people to find forget a person, or a whole domain; and what do they hold about one?

A row goes blank if it found the address, speaks of it, or asked for its person by name at its domain. The list's owner sees that
somebody said stop.
"""

from collections.abc import AsyncIterator

import msgspec

from vizsla.finder.bulk import Answer, Asked, refused
from vizsla.finder.bulk_searches import Target
from vizsla.finder.bulk_searches import refused as refused_search
from vizsla.kit.clock import time_text
from vizsla.kit.errors import ClaimedEmail
from vizsla.kit.whom import Counts, Whom
from vizsla.storage.database import Connection, Database
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_ROWS = mentioning(f"""
    SELECT account_id, list_id, number, asked, answer, domain, local FROM bulk_finding_row
    WHERE asked <> '{{}}' AND (instr(lower(asked), :domain) > 0 OR instr(lower(answer), :domain) > 0
        OR domain = :domain OR {says("asked", "answer")})
""")  # noqa: S608
_EMPTY = statement("""
    UPDATE bulk_finding_row SET asked = '{}', answer = :claimed, domain = NULL, local = NULL
    WHERE account_id = :account_id AND list_id = :list_id AND number = :number
""")
_SEARCHED = mentioning(f"""
    SELECT account_id, list_id, number, asked, answer, domain, locals FROM bulk_search_row
    WHERE asked <> '{{}}' AND (instr(lower(asked), :domain) > 0 OR domain = :domain OR {says("asked", "answer")})
""")  # noqa: S608
_EMPTY_SEARCH = statement("""
    UPDATE bulk_search_row SET asked = '{}', answer = :claimed, domain = NULL, locals = NULL
    WHERE account_id = :account_id AND list_id = :list_id AND number = :number
""")
_KEEP_LOCALS = statement("""
    UPDATE bulk_search_row SET locals = :locals
    WHERE account_id = :account_id AND list_id = :list_id AND number = :number
""")
_SEARCH_MADE = statement("SELECT created_at FROM bulk_search WHERE account_id = :account_id AND id = :list_id")
_EVERY_SEARCHED = statement("SELECT DISTINCT domain, locals FROM bulk_search_row WHERE locals IS NOT NULL")
_MADE = statement("SELECT created_at FROM bulk_finding WHERE account_id = :account_id AND id = :list_id")
_EVERY_FOUND = statement(
    "SELECT DISTINCT domain, local FROM bulk_finding_row WHERE domain IS NOT NULL ORDER BY domain, local"
)

_asked = msgspec.json.Decoder(Asked).decode
_answer = msgspec.json.Decoder(Answer).decode
_target = msgspec.json.Decoder(Target).decode
_locals = msgspec.json.Decoder(list[str]).decode


async def forget(conn: Connection, whom: Whom) -> Counts:
    """Blank the rows about *whom*; how many there were."""
    claimed = msgspec.json.encode(refused(ClaimedEmail())).decode()
    rows = [
        {"account_id": account_id, "list_id": list_id, "number": number, "claimed": claimed}
        for account_id, list_id, number, asked, answer, domain, local in await conn.fetch_all(_ROWS, _keys(whom))
        if _is_about(whom, asked, answer, domain, local)
    ]
    await conn.execute_many(_EMPTY, rows)
    return {"bulk_finding_row": len(rows)}


async def forget_searched(conn: Connection, whom: Whom) -> Counts:
    """Take *whom* out of the rows that searched a domain; how many rows there were."""
    claimed = msgspec.json.encode(refused_search(ClaimedEmail())).decode()
    blank, fewer = [], []
    for account_id, list_id, number, asked, answer, domain, locals_ in await conn.fetch_all(_SEARCHED, _keys(whom)):
        key = {"account_id": account_id, "list_id": list_id, "number": number}
        found = _locals(locals_) if locals_ else []
        if _is_searched(whom, asked, answer, domain):
            blank.append({**key, "claimed": claimed})
        elif domain == whom.domain and whom.local in found:
            left = msgspec.json.encode([local for local in found if local != whom.local]).decode()
            fewer.append({**key, "locals": left})
    await conn.execute_many(_EMPTY_SEARCH, blank)
    await conn.execute_many(_KEEP_LOCALS, fewer)
    return {"bulk_search_row": len(blank) + len(fewer)}


def _is_searched(whom: Whom, asked: str, answer: str | None, domain: str | None) -> bool:
    if whom.is_in(asked) or (answer is not None and whom.is_in(answer)):
        return True
    return whom.local is None and (whom.is_place(domain) or whom.is_place(_target(asked).domain))


def _keys(whom: Whom) -> dict[str, str]:
    return whom.needles | {"domain": whom.domain}


def _is_about(whom: Whom, asked: str, answer: str | None, domain: str | None, local: str | None) -> bool:
    if domain is not None and whom.owns(domain, local):
        return True
    if whom.is_in(asked) or (answer is not None and whom.is_in(answer)):
        return True
    sought = _asked(asked)
    found = _answer(answer).data if answer else None
    if not (whom.is_place(sought.domain) or (found is not None and whom.is_place(found.domain))):
        return False
    return whom.local is None or _full_name(sought) in whom.names


def _full_name(sought: Asked) -> str:
    return (sought.full_name or f"{sought.first_name or ''} {sought.last_name or ''}").strip().lower()


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """Every address that a row found."""
    async for rows in database.stream(_EVERY_FOUND):
        yield [(domain, local) for domain, local in rows]
    async for rows in database.stream(_EVERY_SEARCHED):
        yield [(domain, local) for domain, text in rows for local in _locals(text)]


class Found(msgspec.Struct, frozen=True):
    """Somebody looked for the person; whose list it is, is not said."""

    list_made_at: str
    row: int
    asked: Asked
    answer: Answer | None


async def hold(app: Database, domain: str, local: str, names: frozenset[str]) -> list[Found]:
    """Rows of lists that found the address, or asked for its person."""
    whom = Whom(domain, local, names)
    held = []
    for account_id, list_id, number, asked, answer, *found in await app.fetch_all_slowly(_ROWS, _keys(whom)):
        if _is_about(whom, asked, answer, *found):
            row = await app.fetch_one(_MADE, {"account_id": account_id, "list_id": list_id})
            held.append(
                Found(time_text(row[0] if row else 0), number, _asked(asked), _answer(answer) if answer else None)
            )
    return held


async def hold_searched(app: Database, domain: str, local: str) -> list[str]:
    """When lists were made that searched the domain and found the address."""
    whom, made = Whom(domain, local), set()
    for account_id, list_id, _, asked, answer, *_, locals_ in await app.fetch_all_slowly(_SEARCHED, _keys(whom)):
        if (locals_ and local in _locals(locals_)) or _is_searched(whom, asked, answer, None):
            row = await app.fetch_one(_SEARCH_MADE, {"account_id": account_id, "list_id": list_id})
            made.add(row[0] if row else 0)
    return [time_text(at) for at in sorted(made)]
