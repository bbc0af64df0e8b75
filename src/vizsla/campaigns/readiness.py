"""
Can every recipient be written to as the steps are?

A merge field without a fallback needs a value. Those who lack one are found before the start; in a campaign that is too large to be
looked through in one go, and after the start, they are kept back with the reason, until the lead is filled in and they are retried.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from vizsla.campaigns.status import put_statuses
from vizsla.campaigns.steps import StepNotFound, list_steps, parse_steps
from vizsla.campaigns.templates import Parsed, Rendered, fields_of, missing_of, render
from vizsla.leads.attributes import list_attributes
from vizsla.leads.store import leads_with_ids
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

_CHUNK = 500
_SOME = statement("SELECT id, email, lead_id FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint]")
_AFTER = statement("""
    SELECT id, email, lead_id FROM recipient WHERE account_id = :account_id AND campaign_id = :campaign_id AND id > :after
    AND removed_at IS NULL AND state = 'scheduled' ORDER BY id LIMIT :limit
""")
_MARK = statement("""
    UPDATE recipient SET state = 'stopped', stop_reason = 'missing_value', trouble = :trouble, error_at = :now, due = NULL
    WHERE account_id = :account_id AND id = :id
""")


class Lacking(msgspec.Struct, frozen=True):
    """A recipient who cannot be written to."""

    id: int
    email: str
    fields: tuple[str, ...]
    """Merge fields that have neither a value nor a fallback."""


async def find_lacking(
    reader: Reader, account_id: int, campaign_id: int, *, look_at: int = 1_000, most: int = 100
) -> list[Lacking]:
    """Up to *most* of the first *look_at* recipients who cannot be written to. Raises WrongTemplate."""
    parsed = parse_steps(await list_steps(reader, account_id, campaign_id))
    if not any(one.required for one in parsed):
        return []
    found: list[Lacking] = []
    after = looked = 0
    while looked < look_at and len(found) < most:
        values = {"account_id": account_id, "campaign_id": campaign_id, "after": after, "limit": _CHUNK}
        rows = await reader.fetch_all(_AFTER, values)
        found += await _lacking(reader, account_id, parsed, [(row[0], row[1], row[2]) for row in rows])
        if len(rows) < _CHUNK:
            break
        after, looked = rows[-1][0], looked + len(rows)
    return found[:most]


async def mark_missing(
    conn: Connection, account_id: int, campaign_id: int, ids: Sequence[int], now: int
) -> frozenset[int]:
    """Keep those of the recipients *ids* back who cannot be written to, and say why; which they are."""
    parsed = parse_steps(await list_steps(conn, account_id, campaign_id))
    if not ids or not any(one.required for one in parsed):
        return frozenset()
    rows = await conn.fetch_all(_SOME, {"account_id": account_id, "ids": list(ids)})
    found = await _lacking(conn, account_id, parsed, [(row[0], row[1], row[2]) for row in rows])
    marks = [
        {
            "account_id": account_id,
            "id": one.id,
            "now": now,
            "trouble": f"There is no value for {', '.join(one.fields)}.",
        }
        for one in found
    ]
    await conn.execute_many(_MARK, marks)
    await put_statuses(conn, account_id, [one.id for one in found])
    return frozenset(one.id for one in found)


async def preview(
    reader: Reader, account_id: int, campaign_id: int, number: int, *, email: str, lead_id: int | None
) -> Rendered:
    """Step *number* as it would read to somebody. Raises StepNotFound, WrongTemplate."""
    steps = await list_steps(reader, account_id, campaign_id)
    if not 0 <= number < len(steps):
        raise StepNotFound
    parsed = parse_steps(steps)
    fields = (await fields_by_recipient(reader, account_id, [(0, email, lead_id)]))[0]
    shown = render(parsed[number], fields)
    if shown.subject:
        return shown
    # It goes on in the thread: under the subject of the last step before it that has one.
    earlier = next((one for one in reversed(parsed[:number]) if one.has_subject), None)
    return Rendered(f"Re: {render(earlier, fields).subject}", shown.body) if earlier is not None else shown


async def fields_by_recipient(
    reader: Reader, account_id: int, recipients: Iterable[tuple[int, str, int | None]]
) -> dict[int, Mapping[str, str]]:
    """What fills the merge fields for each of *recipients* (id, email, lead), by their ids."""
    recipients = list(recipients)
    slugs = {one.id: one.slug for one in await list_attributes(reader, account_id)}
    lead_ids = sorted({lead_id for _, _, lead_id in recipients if lead_id is not None})
    leads = {one.id: one for one in await leads_with_ids(reader, account_id, lead_ids)}
    return {
        id_: fields_of(leads[lead_id], slugs) if lead_id is not None and lead_id in leads else {"email": email}
        for id_, email, lead_id in recipients
    }


async def _lacking(
    reader: Reader, account_id: int, parsed: Sequence[Parsed], recipients: Sequence[tuple[int, str, int | None]]
) -> list[Lacking]:
    fields = await fields_by_recipient(reader, account_id, recipients)
    found = []
    for id_, email, _ in recipients:
        missing = frozenset[str]().union(*(missing_of(one, fields[id_]) for one in parsed))
        if missing:
            found.append(Lacking(id_, email, tuple(sorted(missing))))
    return found
