"""
How do lists of people to find forget a person, or a whole domain; and what do they hold about one?

A row goes blank if it found the address, speaks of it, or asked for its person by name at its domain. The list's owner sees that
somebody said stop.
"""

import msgspec

from vizsla.finder.bulk import Answer, Asked, refused
from vizsla.kit.clock import time_text
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import ClaimedEmail, InvalidDomain
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
_MADE = statement("SELECT created_at FROM bulk_finding WHERE account_id = :account_id AND id = :list_id")
EVERY_FOUND = statement(
    "SELECT DISTINCT domain, local FROM bulk_finding_row WHERE domain IS NOT NULL ORDER BY domain, local"
)

_asked = msgspec.json.Decoder(Asked).decode
_answer = msgspec.json.Decoder(Answer).decode


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


def _keys(whom: Whom) -> dict[str, str]:
    return whom.needles | {"domain": whom.domain}


def _is_about(whom: Whom, asked: str, answer: str | None, domain: str | None, local: str | None) -> bool:
    if domain is not None and whom.owns(domain, local):
        return True
    if whom.is_in(asked) or (answer is not None and whom.is_in(answer)):
        return True
    sought = _asked(asked)
    found = _answer(answer).data if answer else None
    places = {_host(sought.domain), found.domain if found else None} - {None}
    if not any(whom.has_domain(place) for place in places if place):
        return False
    return whom.local is None or _full_name(sought) in whom.names


def _host(text: str | None) -> str | None:
    try:
        return parse_domain(text) if text else None
    except InvalidDomain:
        return None


def _full_name(sought: Asked) -> str:
    return (sought.full_name or f"{sought.first_name or ''} {sought.last_name or ''}").strip().lower()


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
