"""
What did mail servers say of an address, and of a domain?

The newest word counts, whichever comes first. It is kept on the rows that are served and stays when they are made anew;
an address that the index does not hold has no row to keep it on, and is not made one by being verified.
"""

from collections.abc import Sequence

import msgspec

from vizsla.index.merge import alone
from vizsla.index.refresh import refresh_addresses, refresh_pattern
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

_PUT_STATUS = statement("""
    UPDATE email SET verification_status = :status, verified_at = :at
    WHERE domain = :domain AND local = :local
    AND (verified_at IS NULL OR verified_at < :at OR (verified_at = :at AND verification_status < :status))
""")
_PUT_ACCEPT_ALL = statement("""
    INSERT INTO domain (domain, n_emails, n_personal, n_generic, technologies, linked_domains, accept_all, accept_all_at)
    VALUES (:domain, 0, 0, 0, '[]', '[]', :accept_all, :at)
    ON CONFLICT (domain) DO UPDATE SET accept_all = excluded.accept_all, accept_all_at = excluded.accept_all_at
    WHERE domain.accept_all_at IS NULL OR domain.accept_all_at <= excluded.accept_all_at
""")
_CONFIDENCES = """
    SELECT email.domain, email.local, email.confidence FROM {batch} AS j CROSS JOIN email
    WHERE email.domain = j.value ->> 0 AND email.local = j.value ->> 1
"""
_FIND_CONFIDENCES = statement(
    _CONFIDENCES.format(batch="json_each(:pairs)"),
    postgresql=_CONFIDENCES.format(batch="(SELECT value FROM jsonb_array_elements(CAST(:pairs AS jsonb)))"),
)


async def find_confidences(reader: Reader, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How sure the index is of those of *pairs* (domain, local) that it holds."""
    if not pairs:
        return {}
    rows = await reader.fetch_all(_FIND_CONFIDENCES, {"pairs": msgspec.json.encode(pairs).decode()})
    return {(domain, local): int(confidence) for domain, local, confidence in rows}


async def record_verification(conn: Connection, domain: str, local: str, *, status: str, at: int, today: int) -> bool:
    """Keep that *local*@*domain* was found *status*. False if the index has no such address, or newer word of it."""
    await alone(conn)
    changed = await conn.execute(_PUT_STATUS, {"domain": domain, "local": local, "status": status, "at": at})
    if changed:
        await refresh_addresses(conn, [(domain, local)], today)
        # An address that was found right or wrong says something else of how its domain makes them.
        await refresh_pattern(conn, domain)
    return bool(changed)


async def record_accept_all(conn: Connection, domain: str, *, accept_all: bool | None, at: int) -> None:
    """Keep whether *domain* takes mail for any local part; None: it could not be told."""
    value = None if accept_all is None else int(accept_all)
    await conn.execute(_PUT_ACCEPT_ALL, {"domain": domain, "accept_all": value, "at": at})
