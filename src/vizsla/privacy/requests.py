"""
Who asked to see or erase what is held, and has still to show that it is theirs?

An address is shown to be somebody's by a link that is mailed to it, a domain by a DNS record. Links work once and for an hour; their
tokens are kept as hashes, and the address under the token alone: a copy of this table names nobody. Nobody learns here whether
anything is held, and nobody's mailbox is filled.
"""

import hashlib
import hmac
import secrets
from ipaddress import IPv6Address, ip_address

import msgspec

from vizsla.kit.clock import DAY, midnight
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.net.dns import DnsClient
from vizsla.privacy.claims import Claimed, Claims, Kind
from vizsla.privacy.tables import claim_request
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement

LINK_LASTS = 3_600
"""Seconds that a mailed link works: ASVS 6.5.5 asks for an hour at most where what it opens is not an account."""
DNS_LASTS = 7 * DAY
PER_SUBJECT = 3
"""Mails to one address, or requests for one domain, within a day."""
PER_CLIENT = 100
"""Requests of one client address (of a /64, with IPv6) within a day. A proxy in front of us is one client."""
_RETRIES = ((3_600, 60), (DAY, 900), (DNS_LASTS, 3_600))
"""How old a request is at most, and how many seconds later DNS is asked again: every minute while somebody waits, then less."""

_LEASE = lease(claim_request)
_COLUMNS = "hash, kind, sealed, created_at, expires_at, used_at, attempt"
_COUNT = statement("""
    INSERT INTO claim_limit (hash, day, count) VALUES (:hash, :day, 1)
    ON CONFLICT (hash, day) DO UPDATE SET count = claim_limit.count + 1 RETURNING count
""")
_ADD = statement("""
    INSERT INTO claim_request (hash, kind, sealed, created_at, expires_at, due, attempt)
    VALUES (:hash, :kind, :sealed, :now, :expires_at, :due, 0)
""")
_FIND = statement(f"SELECT {_COLUMNS} FROM claim_request WHERE hash = :hash")  # noqa: S608
_USE = statement("""
    UPDATE claim_request SET used_at = :now, due = NULL WHERE hash = :hash AND used_at IS NULL AND expires_at > :now
""")
_IS_DUE = statement("SELECT 1 FROM claim_request WHERE due <= :now LIMIT 1")
_FORGET = statement("DELETE FROM claim_request WHERE expires_at <= :before")
_FORGET_LIMITS = statement("DELETE FROM claim_limit WHERE day < :day")


class TooManyClaimRequests(VizslaError):
    """Too many requests came from your network today. Come back tomorrow, or write to whoever runs this server."""

    id = "too_many_requests"


class LinkGone(NotFound):
    """This link has been used, or is more than an hour old. Ask for a new one."""


class ClaimRequest(msgspec.Struct, frozen=True):
    """Somebody asked."""

    hash: str
    claimed: Claimed
    created_at: int
    expires_at: int
    used_at: int | None
    worker: str = ""
    attempt: int = 0

    def is_open(self, now: int) -> bool:
        """Whether it can still be proven, or used."""
        return self.used_at is None and now < self.expires_at


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Claimed).decode


async def count_request(conn: Connection, claims: Claims, claimed: Claimed, *, client: str, now: int) -> bool:
    """
    Count a request. False if there were enough for *claimed* today: say nothing of that to whoever asks.

    Raises TooManyClaimRequests if *client*, a numeric address, asked too often, whatever for.
    """
    day = midnight(now)
    # In one statement each, so that fifty at once are still counted one by one.
    row = await conn.fetch_one(_COUNT, {"hash": claims.hash(f"client {_network(client)}"), "day": day})
    if row is None or row[0] > PER_CLIENT:
        raise TooManyClaimRequests
    row = await conn.fetch_one(_COUNT, {"hash": claims.hash(f"ask {claimed.text}"), "day": day})
    return row is not None and row[0] <= PER_SUBJECT


async def open_request(conn: Connection, claimed: Claimed, *, secret: bytes, now: int) -> str:
    """Keep that somebody asked for *claimed*; the token of their link. Who has asked for a domain waits for DNS."""
    token = secrets.token_urlsafe(32)
    is_mailed = claimed.kind == "email"
    values = {
        "hash": _hash(token),
        "kind": claimed.kind,
        "sealed": seal(token if is_mailed else _key(secret), _encode(claimed)).hex(),
        "now": now,
        "expires_at": now + (LINK_LASTS if is_mailed else DNS_LASTS),
        "due": None if is_mailed else now + _RETRIES[0][1],
    }
    await conn.execute(_ADD, values)
    return token


async def find_request(reader: Reader, token: str, kind: Kind, *, secret: bytes) -> ClaimRequest:
    """The request that *token* belongs to, over or not. Raises LinkGone if there is none (any more)."""
    row = await reader.fetch_one(_FIND, {"hash": _hash(token)})
    if row is None or row[1] != kind:
        raise LinkGone
    return _read(row, token if kind == "email" else _key(secret))


async def use_request(conn: Connection, request: ClaimRequest, now: int) -> None:
    """The one use that the link has. Raises LinkGone for the second, and once it is too late."""
    if not await conn.execute(_USE, {"hash": request.hash, "now": now}):
        raise LinkGone


async def forget_requests(conn: Connection, now: int) -> None:
    """Drop what nobody can use any more."""
    await conn.execute(_FORGET, {"before": now})
    await conn.execute(_FORGET_LIMITS, {"day": midnight(now)})


# Proof by DNS


def record_name(domain: str) -> str:
    """
    Where the record stands that shows a domain to be somebody's.

    Not at the domain itself, whose TXT records are many people's: a name of its own is nobody else's, and easily taken away again.
    """
    return f"_vizsla-claim.{domain}"


def record_value(request: ClaimRequest, secret: bytes) -> str:
    """What it says: another text for each request, so that a record that was left there claims nothing later."""
    return "vizsla-claim=" + hmac.new(secret, f"dns {request.hash}".encode(), hashlib.sha256).hexdigest()[:40]


async def find_proof(dns: DnsClient, request: ClaimRequest, secret: bytes) -> str | None:
    """The record that proves *request*, as the ledger keeps it; None if it is not there, or DNS does not answer."""
    name, value = record_name(request.claimed.domain), record_value(request, secret)
    answer = await dns.ask(name, "TXT")
    if any(hmac.compare_digest(record.value.strip().encode(), value.encode()) for record in answer.records):
        return f'{name} TXT "{value}"'
    return None


async def is_proof_due(reader: Reader, now: int) -> bool:
    """Whether DNS is to be asked about a request."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_proofs(
    conn: Connection, *, secret: bytes, now: int, until: int, worker: str, limit: int
) -> list[ClaimRequest]:
    """Up to *limit* requests that DNS is to be asked about, this worker's until *until*."""
    found = []
    for row in await _LEASE.claim(conn, now=now, until=until, worker=worker, limit=limit):
        named = dict(zip(claim_request.c.keys(), row, strict=True))
        values = tuple(named[name] for name in _COLUMNS.split(", "))
        try:
            found.append(msgspec.structs.replace(_read(values, _key(secret)), worker=worker))
        except LinkGone:
            await _LEASE.finish(conn, (named["hash"],), worker=worker, attempt=named["attempt"])
    return found


async def ask_again(conn: Connection, request: ClaimRequest, now: int) -> None:
    """DNS did not prove it: it is asked once more, unless the request is over."""
    age = now - request.created_at
    due = next((now + pause for oldest, pause in _RETRIES if age < oldest), None)
    if due is not None and due >= request.expires_at:
        due = None
    await _LEASE.finish(conn, (request.hash,), worker=request.worker, attempt=request.attempt, due=due)


def _read(row: Row, key: str) -> ClaimRequest:
    hash_, _, sealed, created_at, expires_at, used_at, attempt = row
    opened = unseal(key, bytes.fromhex(sealed))
    if opened is None:
        raise LinkGone
    return ClaimRequest(hash_, _decode(opened), created_at, expires_at, used_at, attempt=attempt)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _key(secret: bytes) -> str:
    return f"claim request {secret.hex()}"


def _network(client: str) -> str:
    try:
        ip = ip_address(client.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64))
    return str(ip)
