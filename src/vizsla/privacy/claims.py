"""
Did this person, or the owner of this domain, tell us to stop?

A claim is kept as HMAC-SHA256 under the installation's secret key, so that the list of those who want to be left alone is
not itself a list of addresses. Claims are few and asked for constantly: all are held in memory.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from vizsla.kit.domain_name import parse_domain
from vizsla.kit.email_address import EmailAddress, parse_email
from vizsla.kit.errors import StoreError
from vizsla.privacy.tables import claim
from vizsla.storage.database import Connection, Database, Reader
from vizsla.storage.statement import statement

Kind = Literal["email", "domain"]
LOOK = 0.4
"""Seconds between two looks whether claims were made or taken back, by whichever process: they hold everywhere within a second."""
_ALL = statement(select(claim.c.kind, claim.c.hash))
_LIST = statement(
    select(claim.c.kind, claim.c.label, claim.c.created_at, claim.c.erased_at)
    .where(claim.c.kind != "check")
    .order_by(claim.c.created_at, claim.c.hash)
)
_PENDING = statement("SELECT count(*) FROM claim WHERE erased_at IS NULL AND kind <> 'check'")
_FIND = statement(select(claim.c.hash).where(claim.c.kind == bindparam("kind_"), claim.c.hash == bindparam("hash_")))
_ADD = statement(insert(claim).values(
    kind=bindparam("kind"), hash=bindparam("hash"), created_at=bindparam("created_at"), label=bindparam("label"),
))  # fmt: skip
_DELETE = statement(delete(claim).where(claim.c.kind == bindparam("kind_"), claim.c.hash == bindparam("hash_")))
_ERASED = statement(
    update(claim)
    .where(claim.c.kind == bindparam("kind_"), claim.c.hash == bindparam("hash_"))
    .values(erased_at=bindparam("now_"))
)
_VERSION = statement("SELECT version FROM claim_version WHERE id = 1")
# The row is locked until the end of the transaction: claims are committed in the order in which they are counted.
_COUNT_UP = statement("""
    INSERT INTO claim_version (id, version) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET version = claim_version.version + 1
""")
_ALL_ERASED = statement(
    update(claim)
    .where(claim.c.erased_at.is_(None), claim.c.created_at < bindparam("now_"))
    .values(erased_at=bindparam("now_"))
)


class Claimed(msgspec.Struct, frozen=True):
    """What a person named when they said stop: an address, or a whole domain."""

    kind: Kind
    domain: str
    local: str = ""

    @property
    def text(self) -> str:
        """As it is hashed."""
        return f"{self.local}@{self.domain}" if self.kind == "email" else self.domain

    @property
    def label(self) -> str:
        """As it may be shown: enough to recognise, too little to write to."""
        return f"{self.local[:1]}***@{self.domain}" if self.kind == "email" else self.domain


class ClaimListed(msgspec.Struct, frozen=True):
    """One line of `vizsla claim list`."""

    kind: str
    label: str | None
    created_at: int
    erased_at: int | None


def parse_claimed(text: str) -> Claimed:
    """An address or a domain, as typed; InvalidEmail or InvalidDomain."""
    if "@" in text:
        address: EmailAddress = parse_email(text)
        return Claimed("email", address.domain, address.local)
    return Claimed("domain", parse_domain(text))


class Claims:
    """All claims at one moment."""

    def __init__(self, secret: bytes, hashes: Iterable[tuple[str, str]] = ()) -> None:
        self._secret = secret
        self._emails = frozenset(value for kind, value in hashes if kind == "email")
        self._domains = frozenset(value for kind, value in hashes if kind == "domain")

    def is_claimed(self, domain: str, local: str | None = None) -> bool:
        """Whether the address, or its domain or one that domain is part of, is claimed."""
        if local is not None and self.is_address_claimed(domain, local):
            return True
        if not self._domains:
            return False
        labels = domain.split(".")
        return any(self.hash(".".join(labels[at:])) in self._domains for at in range(len(labels) - 1))

    def is_address_claimed(self, domain: str, local: str) -> bool:
        """Whether the address by itself is claimed: for whoever has asked after its domain already."""
        return bool(self._emails) and self.hash(f"{local}@{domain}") in self._emails

    @property
    def has_addresses(self) -> bool:
        """Whether any address is claimed by itself."""
        return bool(self._emails)

    def hash(self, text: str) -> str:
        """The hash under which *text* (lower case) is kept."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


class LiveClaims(Claims):
    """
    The claims as they were at the last `refresh`.

    Refreshed within the transaction that adds addresses, it leaves no gap: a claim made later than that deletes after the
    transaction, for it waits for the same lock.
    """

    def __init__(self, database: Database, secret: bytes) -> None:
        super().__init__(secret)
        self._database = database
        self._version: int | None = None

    async def refresh(self) -> None:
        """Read the claims anew, if there are others by now."""
        version = await find_version(self._database)
        if version != self._version:
            now = await load_claims(self._database, self._secret)
            self._emails, self._domains, self._version = now._emails, now._domains, version


@asynccontextmanager
async def following(database: Database, secret: bytes) -> AsyncIterator[LiveClaims]:
    """Claims for work that takes long: as they are, to within a second, while inside."""
    claims = LiveClaims(database, secret)
    await claims.refresh()

    async def follow() -> None:
        while True:
            await asyncio.sleep(LOOK)
            # A database that is away for a moment is asked again; what was known holds until then.
            with suppress(StoreError):
                await claims.refresh()

    task = asyncio.create_task(follow())
    try:
        yield claims
    finally:
        task.cancel()


async def load_claims(database: Database, secret: bytes) -> Claims:
    """
    All claims.

    Raises StoreError if they were made under another secret key: none would be found, and those who said stop would be
    shown again.
    """
    rows = [(row[0], row[1]) for row in await database.fetch_all_slowly(_ALL)]
    claims = Claims(secret, rows)
    if any(kind == "check" and value != claims.hash("check") for kind, value in rows):
        raise StoreError(
            "VIZSLA_SECRET_KEY (or the file secret_key in VIZSLA_HOME) is not the one that this database's claims were "
            "made with. Bring that key back: without it nobody who said stop would be recognised."
        )
    return claims


async def add_claim(conn: Connection, claims: Claims, claimed: Claimed, now: int) -> bool:
    """Keep *claimed*. False if it was kept already."""
    await conn.execute(_COUNT_UP)
    for kind, text, label in (("check", "check", None), (claimed.kind, claimed.text, claimed.label)):
        known = await conn.fetch_one(_FIND, {"kind_": kind, "hash_": claims.hash(text)})
        if known is None:
            values = {"kind": kind, "hash": claims.hash(text), "created_at": now, "label": label}
            await conn.execute(_ADD, values)
    return known is None


async def remove_claim(conn: Connection, claims: Claims, claimed: Claimed) -> bool:
    """Let *claimed* be shown again. False if it was not claimed."""
    await conn.execute(_COUNT_UP)
    return bool(await conn.execute(_DELETE, {"kind_": claimed.kind, "hash_": claims.hash(claimed.text)}))


async def find_version(reader: Reader) -> int:
    """Another number whenever a claim was added or removed. Ask before `load_claims`, which may take long."""
    row = await reader.fetch_one(_VERSION)
    return row[0] if row else 0


async def list_claims(reader: Reader) -> list[ClaimListed]:
    """Every claim, oldest first."""
    return [ClaimListed(*row) for row in await reader.fetch_all(_LIST)]


async def record_erased(conn: Connection, claims: Claims, claimed: Claimed | None, now: int) -> None:
    """The index has forgotten *claimed* (None: all that were claimed before *now*)."""
    if claimed is None:
        await conn.execute(_ALL_ERASED, {"now_": now})
    else:
        await conn.execute(_ERASED, {"kind_": claimed.kind, "hash_": claims.hash(claimed.text), "now_": now})


async def has_pending(reader: Reader) -> bool:
    """Whether a claim was made that the index has not been told of (the process died in between)."""
    row = await reader.fetch_one(_PENDING)
    return row is not None and row[0] > 0
