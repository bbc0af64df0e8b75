"""
Which leads still have to reach which system?

A connector follows the numbers that changes of leads have anyway (`lead.change`), as the mirror does: so whatever changed a lead,
an import of 100,000 among them, costs nothing more where it is written, and nothing is missed. What it finds changed, by a hash of
what would be sent, becomes a row that waits. A lead's `sync_status` is what its rows say, written in the transaction that changes
them: an error before what is pending, and that before success.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from vizsla.leads.connectors import Connector, Entity, InvalidConnector, Kind, get_connector, open_secret, set_state
from vizsla.leads.lead import Lead, SyncStatus
from vizsla.leads.pages import show
from vizsla.leads.pushing import Fields, Pushed, System, hash_of
from vizsla.leads.recording import record_sync
from vizsla.leads.shape import lead_fields
from vizsla.leads.store import await_turn, leads_with_ids
from vizsla.leads.tables import crm_connector
from vizsla.storage.database import Connection, Reader
from vizsla.storage.lease import lease
from vizsla.storage.statement import statement
from vizsla.webhooks.outbox import next_try, rest_after

STEP = 500
_LAST = 2**63 - 1
"""`since_id` of a connector that has seen all of change `since`."""
_REFUSED = "!"
"""Before the hash of what was not taken: nothing is known to be there by it."""
connectors = lease(crm_connector)
_WAITS = """
    due <= :now AND (
        state = 'leaving'
        OR EXISTS (
            SELECT 1 FROM lead_account AS a WHERE a.account_id = c.account_id AND (a.changes > c.since OR c.since_id < 9223372036854775807)
        ) OR EXISTS (
            SELECT 1 FROM crm_sync AS s WHERE s.account_id = c.account_id AND s.connector_id = c.id AND s.due <= :now
        )
    )
"""
_IS_DUE = statement(f"SELECT 1 FROM crm_connector AS c WHERE {_WAITS} LIMIT 1")  # noqa: S608
_CLAIM = """
    WITH picked AS {materialized} (
        SELECT account_id, id FROM crm_connector AS c WHERE {waits} ORDER BY due LIMIT :limit {lock}
    )
    UPDATE crm_connector SET due = :until, worker = :worker, attempt = attempt + 1
    WHERE (account_id, id) IN (SELECT account_id, id FROM picked)
    RETURNING account_id, id, kind, url, entity, secret, state, since, since_id, failures, attempt
"""
_CLAIM_CONNECTORS = statement(
    _CLAIM.format(materialized="", waits=_WAITS, lock=""),
    postgresql=_CLAIM.format(materialized="MATERIALIZED", waits=_WAITS, lock="FOR UPDATE SKIP LOCKED"),
)
_CHANGED = statement("""
    SELECT change, id FROM lead WHERE account_id = :account_id AND (change, id) > (:since, :since_id) AND change <= :upto
    ORDER BY change, id LIMIT :limit
""")
_FOLLOWED = statement("""
    UPDATE crm_connector SET since = :since, since_id = :since_id WHERE account_id = :account_id AND id = :id
""")
_KNOWN = statement("""
    SELECT lead_id, state, payload_hash FROM crm_sync
    WHERE account_id = :account_id AND connector_id = :connector_id AND lead_id IN :ids[bigint]
""")
_WAIT = statement("""
    INSERT INTO crm_sync (account_id, lead_id, connector_id, state, tries, due)
    VALUES (:account_id, :lead_id, :connector_id, 'pending', 0, :now)
    ON CONFLICT (account_id, lead_id, connector_id)
    DO UPDATE SET state = 'pending', tries = 0, due = excluded.due, error = NULL
""")
_WAIT_ANYHOW = statement("""
    INSERT INTO crm_sync (account_id, lead_id, connector_id, state, tries, due)
    VALUES (:account_id, :lead_id, :connector_id, 'pending', 0, :now)
    ON CONFLICT (account_id, lead_id, connector_id)
    DO UPDATE SET state = 'pending', tries = 0, due = excluded.due, error = NULL, payload_hash = NULL
""")
_NEXT = statement("""
    SELECT lead_id, external_id, payload_hash, tries FROM crm_sync
    WHERE account_id = :account_id AND connector_id = :connector_id AND due <= :now ORDER BY due, lead_id LIMIT :limit
""")
_RECORD = statement("""
    UPDATE crm_sync SET state = :state, external_id = coalesce(:external_id, external_id),
        payload_hash = coalesce(:payload_hash, payload_hash), tries = :tries, due = :due, error = :error,
        synced_at = coalesce(:synced_at, synced_at)
    WHERE account_id = :account_id AND lead_id = :lead_id AND connector_id = :connector_id
""")
_STATES = statement("""
    SELECT lead_id, max(CASE state WHEN 'error' THEN 2 WHEN 'pending' THEN 1 ELSE 0 END) FROM crm_sync
    WHERE account_id = :account_id AND lead_id IN :ids[bigint] GROUP BY lead_id
""")
_HELD = "WHERE account_id = :account_id AND id = :id AND worker = :worker AND attempt = :attempt AND state = 'on'"
_TAKES = statement(f"UPDATE crm_connector SET failures = 0, trouble = NULL, due = :until {_HELD}")  # noqa: S608
_FAILS = statement(f"""
    UPDATE crm_connector SET failures = failures + 1, trouble = :trouble, due = :until, worker = NULL {_HELD}
""")  # noqa: S608
_TALLY = statement("""
    SELECT state, count(*) FROM crm_sync WHERE account_id = :account_id AND connector_id = :id GROUP BY state
""")
_OF_STATE = statement("""
    SELECT s.lead_id, l.email, s.state, s.external_id, s.tries, s.due, s.error, s.synced_at
    FROM crm_sync AS s JOIN lead AS l ON l.account_id = s.account_id AND l.id = s.lead_id
    WHERE s.account_id = :account_id AND s.connector_id = :id AND s.state = :state
    ORDER BY s.lead_id DESC LIMIT :limit OFFSET :offset
""")
_ERRORS = statement("""
    SELECT lead_id FROM crm_sync WHERE account_id = :account_id AND connector_id = :id AND state = 'error'
""")
_IN_LIST = statement("SELECT id FROM lead WHERE account_id = :account_id AND lists LIKE :list")
_SOME = statement("""
    SELECT lead_id FROM crm_sync WHERE account_id = :account_id AND connector_id = :id ORDER BY lead_id LIMIT :limit
""")
_FORGET = statement("""
    DELETE FROM crm_sync WHERE account_id = :account_id AND connector_id = :id AND lead_id IN :ids[bigint]
""")
_DELETE = statement("DELETE FROM crm_connector WHERE account_id = :account_id AND id = :id")
_STATUSES: tuple[SyncStatus, ...] = ("success", "pending", "error")


class HeldConnector(msgspec.Struct, frozen=True):
    """A connector in the hands of a worker."""

    account_id: int
    id: int
    kind: Kind
    url: str
    entity: Entity | None
    secret: str | None
    """None: it was sealed under another VIZSLA_SECRET_KEY."""
    is_leaving: bool
    since: int
    since_id: int
    failures: int
    worker: str
    attempt: int


class Waiting(msgspec.Struct, frozen=True):
    """A lead that is to be sent, as it is now."""

    lead_id: int
    external_id: str | None
    fields: Fields
    hash: str
    is_known: bool
    """Whether it was written there as it is: somebody changed it, and changed it back."""
    tries: int


class Synced(msgspec.Struct, frozen=True):
    """How far a lead is on its way to one system."""

    lead_id: int
    email: str
    state: SyncStatus
    external_id: str | None
    tries: int
    due: int | None
    error: str | None
    synced_at: int | None


async def is_any_due(reader: Reader, now: int) -> bool:
    """Whether a connector has something to do. Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_IS_DUE, {"now": now}) is not None


async def claim_connectors(
    conn: Connection, *, key: bytes, now: int, until: int, worker: str, limit: int
) -> list[HeldConnector]:
    """Up to *limit* connectors with something to do, this worker's until *until*. *key* is the installation's secret."""
    rows = await conn.fetch_all(_CLAIM_CONNECTORS, {"now": now, "until": until, "worker": worker, "limit": limit})
    return [
        HeldConnector(
            account_id,
            id_,
            kind,
            url,
            entity,
            open_secret(key, sealed),
            state == "leaving",
            since,
            since_id,
            failures,
            worker,
            attempt,
        )
        for account_id, id_, kind, url, entity, sealed, state, since, since_id, failures, attempt in rows
    ]


async def renew(conn: Connection, held: HeldConnector, until: int) -> bool:
    """Keep it. False if it is another worker's by now."""
    key = (held.account_id, held.id)
    return await connectors.renew(conn, key, worker=held.worker, attempt=held.attempt, until=until)


async def release(conn: Connection, held: HeldConnector, now: int) -> None:
    """There is nothing to do for now."""
    key = (held.account_id, held.id)
    await connectors.finish(conn, key, worker=held.worker, attempt=held.attempt, due=now)


async def follow(
    conn: Connection, held: HeldConnector, system: System, *, until: int, now: int
) -> HeldConnector | None:
    """
    Let the next leads wait that changed, if what would be sent of them did.

    How far it is then: the same as before once there are no more. None if it is another worker's by now.
    """
    account_id = held.account_id
    upto = await await_turn(conn, account_id)
    if not await renew(conn, held, until):
        return None
    values = {"account_id": account_id, "since": held.since, "since_id": held.since_id, "upto": upto, "limit": STEP}
    changed = await conn.fetch_all(_CHANGED, values)
    if changed:
        await _let_wait(conn, held, system, [id_ for _, id_ in changed], now)
    change, lead_id = changed[-1] if len(changed) == STEP else (max(upto, held.since), _LAST)
    if (change, lead_id) == (held.since, held.since_id):
        return held
    await conn.execute(_FOLLOWED, {"account_id": account_id, "id": held.id, "since": change, "since_id": lead_id})
    return msgspec.structs.replace(held, since=change, since_id=lead_id)


async def _let_wait(conn: Connection, held: HeldConnector, system: System, ids: Sequence[int], now: int) -> None:
    key = {"account_id": held.account_id, "connector_id": held.id}
    known = {row[0]: (row[1], row[2]) for row in await conn.fetch_all(_KNOWN, {**key, "ids": list(ids)})}
    leads = await leads_with_ids(conn, held.account_id, ids)
    written = await _fields(conn, held.account_id, system, leads)
    new = []
    for lead_id, fields in written.items():
        state, hash_ = known.get(lead_id, (None, None))
        if state != "pending" and (hash_ or "").removeprefix(_REFUSED) != hash_of(fields):
            new.append(lead_id)
    if new:
        await conn.execute_many(_WAIT, [{**key, "lead_id": id_, "now": now} for id_ in new])
        await _write_statuses(conn, held.account_id, new)


async def due_leads(reader: Reader, held: HeldConnector, system: System, *, now: int, limit: int) -> list[Waiting]:
    """What is to be sent next."""
    values = {"account_id": held.account_id, "connector_id": held.id, "now": now, "limit": limit}
    rows = await reader.fetch_all(_NEXT, values)
    leads = await leads_with_ids(reader, held.account_id, [row[0] for row in rows])
    written = await _fields(reader, held.account_id, system, leads)
    waiting = []
    for lead_id, external_id, payload_hash, tries in rows:
        if (fields := written.get(lead_id)) is not None:
            hash_ = hash_of(fields)
            waiting.append(Waiting(lead_id, external_id, fields, hash_, payload_hash == hash_, tries))
    return waiting


async def record(conn: Connection, held: HeldConnector, one: Waiting, pushed: Pushed, *, now: int, until: int) -> bool:
    """Write down what came of it. Whether the connector is still this worker's."""
    await await_turn(conn, held.account_id)
    mine = {"account_id": held.account_id, "id": held.id, "worker": held.worker, "attempt": held.attempt}
    if pushed.state in ("success", "error"):
        is_mine = await conn.execute(_TAKES, {**mine, "until": until})
    else:
        rests = now + rest_after(held.failures, pushed.retry_after)
        is_mine = await conn.execute(_FAILS, {**mine, "trouble": pushed.error, "until": rests})
    if not is_mine:
        return False
    again = next_try(one.tries, pushed.retry_after, now) if pushed.state == "later" else None
    if pushed.state == "refused":
        await set_state(conn, held.account_id, held.id, "refused", pushed.error)
        again = now  # it waits for whoever mends the connector
    is_over = again is None
    await conn.execute(
        _RECORD,
        {
            "account_id": held.account_id,
            "lead_id": one.lead_id,
            "connector_id": held.id,
            "state": "success" if pushed.state == "success" else "error" if is_over else "pending",
            "external_id": pushed.external_id,
            "payload_hash": _hash(one, pushed) if is_over else None,
            "tries": one.tries if pushed.state == "refused" else one.tries + 1,
            "due": again,
            "error": pushed.error,
            "synced_at": now if pushed.state == "success" else None,
        },
    )
    if is_over:
        await _write_statuses(conn, held.account_id, [one.lead_id])
    return pushed.state in ("success", "error")


def _hash(one: Waiting, pushed: Pushed) -> str:
    return one.hash if pushed.state == "success" else _REFUSED + one.hash


async def leave(conn: Connection, held: HeldConnector, *, until: int) -> bool | None:
    """Forget some of what a connector that is deleted has done. Whether there is more; None if it is another worker's by now."""
    await await_turn(conn, held.account_id)
    if not await renew(conn, held, until):
        return None
    key = {"account_id": held.account_id, "id": held.id}
    ids = [row[0] for row in await conn.fetch_all(_SOME, {**key, "limit": STEP})]
    if not ids:
        await conn.execute(_DELETE, key)
        return False
    await conn.execute(_FORGET, {**key, "ids": ids})
    await _write_statuses(conn, held.account_id, ids)
    return True


async def push_leads(conn: Connection, account_id: int, connector_id: int, ids: Sequence[int], now: int) -> int:
    """Send these of the account's leads, whether they changed or not; how many. Raises ConnectorNotFound, InvalidConnector."""
    await _must_be_on(conn, account_id, connector_id)
    known = [
        one.id for at in range(0, len(ids), STEP) for one in await leads_with_ids(conn, account_id, ids[at : at + STEP])
    ]
    await _send_again(conn, account_id, connector_id, known, now)
    return len(known)


async def push_list(conn: Connection, account_id: int, connector_id: int, list_id: int, now: int) -> int:
    """As `push_leads`, of all leads in a list."""
    await _must_be_on(conn, account_id, connector_id)
    rows = await conn.fetch_all(_IN_LIST, {"account_id": account_id, "list": f"%,{list_id},%"})
    await _send_again(conn, account_id, connector_id, [row[0] for row in rows], now)
    return len(rows)


async def retry_errors(conn: Connection, account_id: int, connector_id: int, now: int) -> int:
    """Send again whatever failed for good; how many. Raises ConnectorNotFound, InvalidConnector."""
    await _must_be_on(conn, account_id, connector_id)
    rows = await conn.fetch_all(_ERRORS, {"account_id": account_id, "id": connector_id})
    await _send_again(conn, account_id, connector_id, [row[0] for row in rows], now)
    return len(rows)


async def tally(reader: Reader, account_id: int, connector_id: int) -> dict[SyncStatus, int]:
    """How many leads are where on their way."""
    rows = await reader.fetch_all(_TALLY, {"account_id": account_id, "id": connector_id})
    counts: dict[SyncStatus, int] = {"pending": 0, "success": 0, "error": 0}
    return counts | dict(rows)


async def page_of_synced(
    reader: Reader, account_id: int, connector_id: int, state: SyncStatus, *, limit: int, offset: int = 0
) -> list[Synced]:
    """Leads that are in *state*, newest first."""
    values = {"account_id": account_id, "id": connector_id, "state": state, "limit": limit, "offset": offset}
    return [Synced(*row) for row in await reader.fetch_all(_OF_STATE, values)]


async def _must_be_on(reader: Reader, account_id: int, connector_id: int) -> Connector:
    found = await get_connector(reader, account_id, connector_id)
    if found.state != "on":
        raise InvalidConnector("This connected app is off. Turn it on first.")
    return found


async def _send_again(conn: Connection, account_id: int, connector_id: int, ids: Sequence[int], now: int) -> None:
    await await_turn(conn, account_id)
    key = {"account_id": account_id, "connector_id": connector_id, "now": now}
    for at in range(0, len(ids), STEP):
        some = ids[at : at + STEP]
        await conn.execute_many(_WAIT_ANYHOW, [{**key, "lead_id": id_} for id_ in some])
        await _write_statuses(conn, account_id, some)


async def _write_statuses(conn: Connection, account_id: int, ids: Iterable[int]) -> None:
    """Let leads say what their rows say."""
    ids = list(ids)
    rows = await conn.fetch_all(_STATES, {"account_id": account_id, "ids": ids})
    found: dict[int, SyncStatus | None] = dict.fromkeys(ids)
    await record_sync(conn, account_id, found | {row[0]: _STATUSES[row[1]] for row in rows})


async def _fields(reader: Reader, account_id: int, system: System, leads: Sequence[Lead]) -> Mapping[int, Fields]:
    return {shown.lead.id: system.fields(lead_fields(shown)) for shown in await show(reader, account_id, leads)}
