"""
Which other systems does an account send its leads to?

What a lead is there is said by the connector's kind (`leads.espocrm`, `leads.signed`); when it is sent, by `leads.sync`.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from vizsla.accounts.store import next_id
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.leads.store import begin_change
from vizsla.storage.database import Connection, Reader
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement
from vizsla.webhooks.signing import new_secret

Kind = Literal["espocrm", "webhook"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES: Mapping[Kind, str] = {"espocrm": "EspoCRM", "webhook": "Signed webhook"}
Entity = Literal["Lead", "Contact"]
State = Literal["on", "off", "refused", "leaving"]
"""`refused`: it does not take our key, or there is nothing like it at its address. `leaving`: it is being deleted."""
MOST = 10
"""Connectors of an account."""
LONGEST_KEY = 500
_COLUMNS = "id, kind, url, entity, state, trouble, since, created_at, failures"
_GET = statement(f"""
    SELECT {_COLUMNS} FROM crm_connector WHERE account_id = :account_id AND id = :id AND state <> 'leaving'
""")  # noqa: S608
_ALL = statement(f"""
    SELECT {_COLUMNS} FROM crm_connector WHERE account_id = :account_id AND state <> 'leaving' ORDER BY id DESC
""")  # noqa: S608
_ADD = statement("""
    INSERT INTO crm_connector
        (account_id, id, kind, url, entity, secret, state, since, since_id, created_at, failures, due, attempt)
    VALUES (:account_id, :id, :kind, :url, :entity, :secret, 'on', :since, 0, :now, 0, 0, 0)
""")
_SET_STATE = statement("""
    UPDATE crm_connector SET state = :state, failures = 0, trouble = :trouble, worker = NULL,
        due = CASE WHEN CAST(:is_worked AS bigint) = 1 THEN 0 END
    WHERE account_id = :account_id AND id = :id
""")
_SET_SECRET = statement("UPDATE crm_connector SET secret = :secret WHERE account_id = :account_id AND id = :id")
_SECRET = statement("SELECT secret FROM crm_connector WHERE account_id = :account_id AND id = :id")


class ConnectorNotFound(NotFound):
    """This connected app does not exist."""


class InvalidConnector(VizslaError):
    """The connected app is not valid."""

    id = "validation_failed"


class Connector(msgspec.Struct, frozen=True):
    """A system that leads are sent to."""

    id: int
    kind: Kind
    url: str
    entity: Entity | None
    state: State
    trouble: str | None
    since: int
    created_at: int
    failures: int

    @property
    def name(self) -> str:
        """What it is called on pages."""
        return NAMES[self.kind] + (f" ({self.entity})" if self.entity else "")


async def create_connector(
    conn: Connection,
    account_id: int,
    kind: Kind,
    url: str,
    *,
    api_key: str,
    entity: Entity | None,
    with_present: bool,
    key: bytes,
    now: int,
) -> tuple[Connector, str]:
    """
    Send leads to *url* from now on; *with_present*: those that are there already too.

    Its secret comes back with it: *api_key*, or for a webhook a new one that signs. *key* is the installation's own. *url* is one
    that `webhooks.sending.Courier.check` let through. Raises InvalidConnector.
    """
    if kind == "espocrm" and not (api_key.isascii() and api_key.isprintable() and 0 < len(api_key) <= LONGEST_KEY):
        raise InvalidConnector("Give the API key of an API user of that EspoCRM.")
    change = await begin_change(conn, account_id)
    connector_id = await next_id(conn, account_id)
    if len(await list_connectors(conn, account_id)) >= MOST:
        raise InvalidConnector(f"An account has {MOST} connected apps at most. Delete one first.")
    secret = api_key if kind == "espocrm" else new_secret()
    values = {
        "account_id": account_id,
        "id": connector_id,
        "kind": kind,
        "url": url.rstrip("/"),
        "entity": (entity or "Lead") if kind == "espocrm" else None,
        "secret": seal_secret(key, secret),
        "since": 0 if with_present else change,
        "now": now,
    }
    await conn.execute(_ADD, values)
    return await get_connector(conn, account_id, connector_id), secret


async def get_connector(reader: Reader, account_id: int, connector_id: int) -> Connector:
    """The account's connector; raises ConnectorNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": connector_id})
    if row is None:
        raise ConnectorNotFound
    return Connector(*row)


async def list_connectors(reader: Reader, account_id: int) -> list[Connector]:
    """All of the account's, newest first."""
    return [Connector(*row) for row in await reader.fetch_all(_ALL, {"account_id": account_id})]


async def set_state(
    conn: Connection, account_id: int, connector_id: int, state: State, trouble: str | None = None
) -> None:
    """Let leads be sent there, or no longer. A worker clears away what one that is `leaving` leaves behind."""
    values = {"account_id": account_id, "id": connector_id, "state": state, "trouble": trouble}
    await conn.execute(_SET_STATE, {**values, "is_worked": int(state in ("on", "leaving"))})


async def set_api_key(conn: Connection, account_id: int, connector_id: int, api_key: str, *, key: bytes) -> None:
    """Another key for what is there, which is tried again with it. Raises ConnectorNotFound, InvalidConnector."""
    found = await get_connector(conn, account_id, connector_id)
    if found.kind != "espocrm" or not (api_key.isascii() and api_key.isprintable() and 0 < len(api_key) <= LONGEST_KEY):
        raise InvalidConnector("Give the API key of an API user of that EspoCRM.")
    values = {"account_id": account_id, "id": connector_id, "secret": seal_secret(key, api_key)}
    await conn.execute(_SET_SECRET, values)
    await set_state(conn, account_id, connector_id, "on")


async def delete_connector(conn: Connection, account_id: int, connector_id: int) -> None:
    """Send it nothing more. What it has stays there. Raises ConnectorNotFound."""
    await get_connector(conn, account_id, connector_id)
    await set_state(conn, account_id, connector_id, "leaving")


async def read_secret(reader: Reader, account_id: int, connector_id: int, *, key: bytes) -> str | None:
    """What opens it; None: it was sealed under another VIZSLA_SECRET_KEY."""
    row = await reader.fetch_one(_SECRET, {"account_id": account_id, "id": connector_id})
    return open_secret(key, row[0]) if row else None


def seal_secret(key: bytes, secret: str) -> str:
    """*secret* as a row holds it."""
    return seal(f"crm {key.hex()}", secret.encode()).hex()


def open_secret(key: bytes, sealed: str) -> str | None:
    """The secret of a row; None: it was sealed under another VIZSLA_SECRET_KEY."""
    opened = unseal(f"crm {key.hex()}", bytes.fromhex(sealed))
    return opened.decode() if opened is not None else None
