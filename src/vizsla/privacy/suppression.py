"""
Whom does an account no longer write to?

Those who unsubscribed or complained, whose mailbox is gone, and whoever the account itself named: addresses, and domains with all
below them. They are found by a keyed hash, which is all that is left once a person has been forgotten. A claim (`privacy.claims`) is
the stronger word: it holds for every account, and nobody can take it out of here.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal, get_args

import msgspec

from vizsla.kit.domain_name import to_ascii
from vizsla.kit.errors import InvalidDomain, InvalidEmail, VizslaError
from vizsla.kit.whom import Counts, Whom
from vizsla.privacy.claims import Claimed, Claims, Kind, parse_claimed
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

Reason = Literal["bounce", "unsubscribe", "complaint", "manual"]
REASONS: tuple[Reason, ...] = get_args(Reason)
MOST_AT_ONCE = 1_000
"""Lines of one import; more are given in several."""
_COLUMNS = "hash, kind, value, reason, campaign_id, at"
_STRENGTH = "CASE {} WHEN 'bounce' THEN 0 WHEN 'unsubscribe' THEN 1 WHEN 'manual' THEN 2 ELSE 3 END"
# Of two reasons the stronger one stays, whichever came first: what one side takes back, the other may have said too.
_PUT = statement(f"""
    INSERT INTO suppression (account_id, hash, kind, value, reason, campaign_id, at)
    VALUES (:account_id, :hash, :kind, :value, :reason, :campaign_id, :now)
    ON CONFLICT (account_id, hash) DO UPDATE SET reason = excluded.reason, campaign_id = excluded.campaign_id, at = excluded.at
    WHERE {_STRENGTH.format("suppression.reason")} < {_STRENGTH.format("excluded.reason")}
""")  # noqa: S608
_KNOWN = statement(
    "SELECT hash, kind, reason FROM suppression WHERE account_id = :account_id AND hash IN :hashes[text]"
)
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM suppression WHERE account_id = :account_id ORDER BY at DESC, hash LIMIT :limit OFFSET :offset
""")  # noqa: S608
_BY_HASH = statement(f"SELECT {_COLUMNS} FROM suppression WHERE account_id = :account_id AND hash = :hash")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM suppression WHERE account_id = :account_id")
_SAYS = "account_id = :account_id AND value LIKE :pattern ESCAPE '!'"
_PAGE_SAYING = statement(f"""
    SELECT {_COLUMNS} FROM suppression WHERE {_SAYS} ORDER BY at DESC, hash LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT_SAYING = statement(f"SELECT count(*) FROM suppression WHERE {_SAYS}")  # noqa: S608
_REMOVE = statement("DELETE FROM suppression WHERE account_id = :account_id AND hash = :hash")
_FORGET = mentioning(
    f"SELECT account_id, hash, value FROM suppression WHERE value IS NOT NULL AND {says('value')}"  # noqa: S608
)
_EMPTY = statement("UPDATE suppression SET value = NULL WHERE account_id = :account_id AND hash = :hash")
_EVERY = statement("SELECT DISTINCT value FROM suppression WHERE value IS NOT NULL")


class InvalidSuppression(VizslaError):
    """That is neither an e-mail address nor a domain name."""

    id = "validation_failed"


class Suppressed(msgspec.Struct, frozen=True):
    """One line of the list."""

    hash: str
    kind: Kind
    value: str | None
    """None: whoever it was has been forgotten."""
    reason: Reason
    campaign_id: int | None
    """Where it came from."""
    at: int


class Imported(msgspec.Struct, frozen=True):
    """What became of the lines of an import."""

    added: int
    known: int
    refused: tuple[str, ...]
    """Lines that are neither an address nor a domain."""


async def suppress(
    conn: Connection,
    claims: Claims,
    account_id: int,
    email_or_domain: str,
    reason: Reason,
    *,
    now: int,
    campaign_id: int | None = None,
) -> bool:
    """Write no more to an address, or to a domain and all below it; whether that is news. Raises InvalidSuppression."""
    named = _parse(email_or_domain)
    is_claimed = claims.is_claimed(named.domain, named.local or None)
    values = {
        "account_id": account_id,
        "hash": claims.hash(named.text),
        "kind": named.kind,
        "value": None if is_claimed else named.text,
        "reason": reason,
        "campaign_id": campaign_id,
        "now": now,
    }
    return bool(await conn.execute(_PUT, values))


async def is_suppressed(reader: Reader, claims: Claims, account_id: int, email: str) -> Reason | None:
    """Why the account does not write to *email* (in lower case); None if it may."""
    return (await suppressed_of(reader, claims, account_id, [email])).get(email)


async def suppressed_of(reader: Reader, claims: Claims, account_id: int, emails: Sequence[str]) -> dict[str, Reason]:
    """Those of *emails* (in lower case) to which the account does not write, and why: what was said of the address goes first."""
    by_email = {email: [claims.hash(text) for text in _names(email)] for email in emails}
    hashes = sorted({value for values in by_email.values() for value in values})
    if not hashes:
        return {}
    rows = await reader.fetch_all(_KNOWN, {"account_id": account_id, "hashes": hashes})
    known: dict[str, Reason] = {row[0]: row[2] for row in rows}
    found: dict[str, Reason] = {}
    for email, values in by_email.items():
        reasons = [known[value] for value in values if value in known]
        if reasons:
            found[email] = reasons[0]
    return found


async def suppress_hash(conn: Connection, account_id: int, hash_: str, reason: Reason, now: int) -> bool:
    """The same for somebody of whom nothing but the hash of their address is left."""
    values = {"account_id": account_id, "hash": hash_, "kind": "email", "value": None, "reason": reason}
    return bool(await conn.execute(_PUT, {**values, "campaign_id": None, "now": now}))


async def find_hash(reader: Reader, account_id: int, hash_: str) -> Suppressed | None:
    """The line of the list with that hash."""
    row = await reader.fetch_one(_BY_HASH, {"account_id": account_id, "hash": hash_})
    return Suppressed(*row) if row else None


async def list_suppressed(
    reader: Reader, account_id: int, *, limit: int, offset: int = 0, containing: str = ""
) -> list[Suppressed]:
    """The account's list, newest first; those alone whose address or domain is *containing* that text."""
    values = {"account_id": account_id, "limit": limit, "offset": offset}
    if containing:
        rows = await reader.fetch_all(_PAGE_SAYING, {**values, "pattern": _pattern(containing)})
    else:
        rows = await reader.fetch_all(_PAGE, values)
    return [Suppressed(*row) for row in rows]


async def count_suppressed(reader: Reader, account_id: int, *, containing: str = "") -> int:
    """How long the list is, or how many of it are *containing* that text."""
    if containing:
        named = {"account_id": account_id, "pattern": _pattern(containing)}
        row = await reader.fetch_one(_COUNT_SAYING, named)
    else:
        row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


def _pattern(text: str) -> str:
    escaped = text.strip().lower()[:254].replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


async def remove_suppressed(conn: Connection, account_id: int, hash_: str) -> bool:
    """Let the account write again to whoever stands in that line; False if there is none. Claims hold all the same."""
    return bool(await conn.execute(_REMOVE, {"account_id": account_id, "hash": hash_}))


async def import_suppressed(
    conn: Connection, claims: Claims, account_id: int, lines: Iterable[str], now: int
) -> Imported:
    """Add addresses and domains that the account names itself, one in a line. Raises InvalidSuppression of too many."""
    named, refused = dict[str, None](), list[str]()
    for number, line in enumerate(lines):
        if number >= MOST_AT_ONCE:
            raise InvalidSuppression(f"Give {MOST_AT_ONCE:,} lines at most, and the others after them.")
        text = line.strip().strip('"')
        if not text:
            continue
        try:
            named[_parse(text).text] = None
        except InvalidSuppression:
            refused.append(text[:254])
    added = 0
    for text in named:
        added += await suppress(conn, claims, account_id, text, "manual", now=now)
    return Imported(added, len(named) - added, tuple(refused))


async def forget(conn: Connection, whom: Whom, now: int) -> Counts:
    """Keep of *whom* no more than the hash, so that nobody writes to them again."""
    rows = await conn.fetch_all(_FORGET, whom.needles)
    theirs = [(account_id, hash_) for account_id, hash_, value in rows if _names_them(whom, value)]
    await conn.execute_many(_EMPTY, [{"account_id": account_id, "hash": hash_} for account_id, hash_ in theirs])
    return {"suppression": len(theirs)}


async def candidates(database: Database) -> AsyncIterator[list[tuple[str, str | None]]]:
    """Everybody who stands in a list by name."""
    async for rows in database.stream(_EVERY):
        yield [(value.rpartition("@")[2], value.rpartition("@")[0] or None) for (value,) in rows]


def _names_them(whom: Whom, value: str) -> bool:
    # A domain is the company's word, not that of one person in it.
    return whom.has(value) or (whom.local is None and whom.is_place(value))


def _parse(text: str) -> Claimed:
    text = text.strip()
    try:
        return parse_claimed(text[:400])
    except (InvalidEmail, InvalidDomain):
        raise InvalidSuppression(f"{text[:100]!r} is neither an e-mail address nor a domain name.") from None


def _names(email: str) -> list[str]:
    """The address, its domain, and every domain that is part of."""
    domain = email.rpartition("@")[2]
    labels = (to_ascii(domain) or domain).split(".")
    return [email, *(".".join(labels[at:]) for at in range(len(labels) - 1))]
