"""
To whom does a campaign write?

Recipients come from addresses, leads and lists of leads, each once; whoever was skipped is named with the reason, of which the first
that holds is told. An address that is no lead yet becomes one. In a campaign that runs they are scheduled at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from vizsla.accounts.store import next_ids
from vizsla.campaigns.campaign import Campaign, SequenceNotActive, lock_campaign, senders_of
from vizsla.campaigns.scheduling import hold_senders, schedule
from vizsla.campaigns.status import put_status
from vizsla.campaigns.stopping import stop_recipients
from vizsla.kit.email_address import is_addressable, parse_email
from vizsla.kit.errors import InvalidEmail, NotFound, VizslaError
from vizsla.leads.lead import Lead, SendingStatus
from vizsla.leads.lists import current_list
from vizsla.leads.store import begin_change, leads_with_emails, leads_with_ids, write_leads
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import Reason as Suppressed
from vizsla.privacy.suppression import suppressed_of
from vizsla.storage.database import Connection, Reader
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

SkipReason = Literal["duplicate", "invalid", "removed", "bounced", "unsubscribed", "claimed"]
MOST_AT_ONCE = 50
"""Addresses, and leads, of one call."""
_SKIPS: Mapping[Suppressed, SkipReason] = {
    "bounce": "bounced",
    "unsubscribe": "unsubscribed",
    "complaint": "unsubscribed",
    "manual": "unsubscribed",
}


class InvalidRecipients(VizslaError):
    """The recipients are not valid."""

    id = "validation_failed"


class RecipientNotFound(NotFound):
    """This recipient does not exist."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom a campaign writes to, and how far that is."""

    id: int
    campaign_id: int
    lead_id: int | None
    email: str
    """As it is compared."""
    address: str
    """As it is written to."""
    sender_id: int | None
    step: int
    """The next one."""
    due: int | None
    state: str
    """scheduled, held, done, stopped"""
    stop_reason: str | None
    trouble: str | None
    sending_status: SendingStatus | None
    sent_at: int | None
    opened_at: int | None
    clicked_at: int | None
    replied_at: int | None
    absent_at: int | None
    bounced_at: int | None
    unsubscribed_at: int | None
    error_at: int | None
    removed_at: int | None
    successful_at: int | None
    soft_bounces: int
    added_at: int


class Skipped(msgspec.Struct, frozen=True):
    """Somebody who was not added, and why."""

    email: str
    reason: SkipReason


class Added(msgspec.Struct, frozen=True):
    """What became of those who were to be added."""

    added: int
    skipped: tuple[Skipped, ...]


class Canceled(msgspec.Struct, frozen=True):
    """To whom nothing more is written."""

    emails: tuple[str, ...]
    messages: int


class _Candidate(msgspec.Struct, frozen=True):
    email: str
    """As it is compared."""
    address: str
    shown: str
    """As the caller said it."""
    lead: Lead | None
    is_strict: bool


_FIELDS = Recipient.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_MINE = "account_id = :account_id AND campaign_id = :campaign_id"
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM recipient WHERE {_MINE} AND removed_at IS NULL ORDER BY id LIMIT :limit OFFSET :offset
""")  # noqa: S608
_PAGE_OF_STATUS = statement(f"""
    SELECT {_COLUMNS} FROM recipient WHERE {_MINE} AND coalesce(stop_reason, sending_status, 'none') = :status
    ORDER BY id LIMIT :limit OFFSET :offset
""")  # noqa: S608
_GET = statement(f"SELECT {_COLUMNS} FROM recipient WHERE {_MINE} AND id = :id")  # noqa: S608
_WITH_EMAILS = statement(f"SELECT {_COLUMNS} FROM recipient WHERE {_MINE} AND email IN :emails[text]")  # noqa: S608
_KNOWN = statement(f"SELECT email, removed_at FROM recipient WHERE {_MINE} AND email IN :emails[text]")  # noqa: S608
_ADD = RowsStatement(
    """
    INSERT INTO recipient (account_id, id, campaign_id, lead_id, email, address, step, state, soft_bounces, added_at)
    SELECT :account_id, r.id, :campaign_id, r.lead_id, r.email, r.address, 0, 'scheduled', 0, :now FROM {rows} WHERE true
    ON CONFLICT (account_id, campaign_id, email) DO NOTHING RETURNING id
    """,
    id="bigint",
    lead_id="bigint",
    email="text",
    address="text",
)
_COUNT_MORE = statement("""
    UPDATE campaign SET recipients_count = recipients_count + :n WHERE account_id = :account_id AND id = :campaign_id
""")
_OPEN_MESSAGES = statement("""
    SELECT count(*) FROM message WHERE account_id = :account_id AND recipient_id IN :ids[bigint]
    AND (state IN ('retry', 'held') OR (state = 'sending' AND phase = 'claimed'))
""")
_REMOVE = statement("""
    UPDATE recipient SET removed_at = :now, state = 'stopped', stop_reason = coalesce(stop_reason, 'removed'), due = NULL
    WHERE account_id = :account_id AND id IN :ids[bigint] AND removed_at IS NULL
""")
_SUCCEED = statement("""
    UPDATE recipient SET successful_at = :now WHERE account_id = :account_id AND id = :id AND successful_at IS NULL
""")


async def list_recipients(
    reader: Reader, account_id: int, campaign_id: int, *, limit: int, offset: int = 0, status: str | None = None
) -> list[Recipient]:
    """
    Recipients of a campaign by time of addition, without those that were removed.

    Those of one *status* alone: why they were stopped (removed ones too), else their sending_status, else `none`.
    """
    values = {"account_id": account_id, "campaign_id": campaign_id, "limit": limit, "offset": offset}
    if status is None:
        rows = await reader.fetch_all(_PAGE, values)
    else:
        rows = await reader.fetch_all(_PAGE_OF_STATUS, {**values, "status": status})
    return [_recipient(row) for row in rows]


async def get_recipient(reader: Reader, account_id: int, campaign_id: int, recipient_id: int) -> Recipient:
    """One of them; raises RecipientNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "campaign_id": campaign_id, "id": recipient_id})
    if row is None:
        raise RecipientNotFound
    return _recipient(row)


async def find_recipient(reader: Reader, account_id: int, campaign_id: int, email: str) -> Recipient | None:
    """The one with this address, as somebody typed it; raises InvalidRecipients."""
    named = {"account_id": account_id, "campaign_id": campaign_id, "emails": [_parse(email).email]}
    rows = await reader.fetch_all(_WITH_EMAILS, named)
    return _recipient(rows[0]) if rows else None


async def add_recipients(
    conn: Connection,
    claims: Claims,
    account_id: int,
    campaign_id: int,
    *,
    emails: Sequence[str] = (),
    lead_ids: Sequence[int] = (),
    now: int,
) -> Added:
    """
    Let a campaign write to addresses and leads, those that are skipped named in their order.

    Raises CampaignNotFound, SequenceNotActive (it is archived), and InvalidRecipients if one is malformed or unknown: then nobody
    is added.
    """
    campaign = await lock_campaign(conn, account_id, campaign_id)
    await hold_senders(conn, account_id, campaign_id)
    change = await begin_change(conn, account_id)
    if len(emails) > MOST_AT_ONCE or len(lead_ids) > MOST_AT_ONCE:
        raise InvalidRecipients(f"Add {MOST_AT_ONCE} emails and {MOST_AT_ONCE} lead_ids at most in one call.")
    parsed = [_parse(text) for text in emails]
    leads = await leads_with_ids(conn, account_id, lead_ids)
    if len(leads) < len(lead_ids):
        strange = set(lead_ids) - {one.id for one in leads}
        raise InvalidRecipients(f"There is no lead {', '.join(map(str, sorted(strange)))[:200]} of yours.")
    of_email = await leads_with_emails(conn, account_id, {one.email for one in parsed})
    candidates = [msgspec.structs.replace(one, lead=of_email.get(one.email)) for one in parsed]
    candidates += [_of_lead(one) for one in leads]
    return await _add(conn, claims, account_id, campaign, candidates, change=change, now=now)


async def add_leads(
    conn: Connection, claims: Claims, account_id: int, campaign_id: int, leads: Iterable[Lead], *, now: int
) -> Added:
    """The same for leads that are at hand, as many as a transaction should hold."""
    campaign = await lock_campaign(conn, account_id, campaign_id)
    await hold_senders(conn, account_id, campaign_id)
    change = await begin_change(conn, account_id)
    return await _add(conn, claims, account_id, campaign, [_of_lead(one) for one in leads], change=change, now=now)


async def cancel_recipients(
    conn: Connection, account_id: int, campaign_id: int, emails: Sequence[str], now: int
) -> Canceled:
    """
    Write nothing more to these addresses in this campaign, and never add them again.

    What is at the dot by now has left. Raises CampaignNotFound, and InvalidRecipients if one is malformed: then nothing is canceled.
    """
    await lock_campaign(conn, account_id, campaign_id)
    if len(emails) > MOST_AT_ONCE:
        raise InvalidRecipients(f"Cancel {MOST_AT_ONCE} emails at most in one call.")
    asked = {one.email: one.shown for one in map(_parse, emails)}
    named = {"account_id": account_id, "campaign_id": campaign_id}
    rows = await conn.fetch_all(_WITH_EMAILS, {**named, "emails": list(asked)})
    found = {one.email: one for one in map(_recipient, rows) if one.removed_at is None}
    ids = [one.id for one in found.values()]
    messages = sum(one.due is not None for one in found.values())
    row = await conn.fetch_one(_OPEN_MESSAGES, {"account_id": account_id, "ids": ids})
    messages += int(row[0]) if row else 0
    await stop_recipients(conn, account_id, ids, "removed", now)
    removed = await conn.execute(_REMOVE, {"account_id": account_id, "ids": ids, "now": now})
    await conn.execute(_COUNT_MORE, {**named, "n": -removed})
    return Canceled(tuple(shown for email, shown in asked.items() if email in found), messages)


async def mark_successful(conn: Connection, account_id: int, campaign_id: int, recipient_id: int, now: int) -> None:
    """They did what was hoped for, by whatever way that is known: nothing more is written. Raises RecipientNotFound."""
    await get_recipient(conn, account_id, campaign_id, recipient_id)
    await conn.execute(_SUCCEED, {"account_id": account_id, "id": recipient_id, "now": now})
    await stop_recipients(conn, account_id, [recipient_id], "successful", now)
    await put_status(conn, account_id, recipient_id)


async def _add(
    conn: Connection,
    claims: Claims,
    account_id: int,
    campaign: Campaign,
    candidates: Sequence[_Candidate],
    *,
    change: int,
    now: int,
) -> Added:
    if campaign.archived_at is not None:
        raise SequenceNotActive("The campaign is archived.")
    reasons = await _reasons(conn, claims, account_id, campaign.id, candidates)
    chosen = [one for one, reason in zip(candidates, reasons, strict=True) if reason is None]
    lead_ids = await _leads_of(conn, account_id, chosen, change, now)
    named = {"account_id": account_id, "campaign_id": campaign.id}
    added: list[int] = []
    if chosen:
        first = await next_ids(conn, account_id, len(chosen))
        rows = [
            {"id": first + number, "lead_id": lead_ids[one.email], "email": one.email, "address": one.address}
            for number, one in enumerate(chosen)
        ]
        added = [row[0] for row in await _ADD.fetch(conn, rows, {**named, "now": now})]
        await conn.execute(_COUNT_MORE, {**named, "n": len(added)})
        if campaign.started_at is not None:
            sender_ids = await senders_of(conn, account_id, campaign.id)
            await schedule(conn, account_id, campaign, added, sender_ids=sender_ids, now=now)
    skipped = [
        Skipped(one.shown, reason) for one, reason in zip(candidates, reasons, strict=True) if reason is not None
    ]
    return Added(len(added), tuple(skipped))


async def _reasons(
    reader: Reader, claims: Claims, account_id: int, campaign_id: int, candidates: Sequence[_Candidate]
) -> list[SkipReason | None]:
    """Why each is skipped: the first reason that holds; None: it is not."""
    emails = sorted({one.email for one in candidates})
    rows = await reader.fetch_all(_KNOWN, {"account_id": account_id, "campaign_id": campaign_id, "emails": emails})
    known: dict[str, Any] = dict(rows)
    suppressed = await suppressed_of(reader, claims, account_id, emails)
    seen: set[str] = set()
    reasons: list[SkipReason | None] = []
    for one in candidates:
        local, _, domain = one.email.rpartition("@")
        reason: SkipReason | None = None
        if one.email in seen or (one.email in known and known[one.email] is None):
            reason = "duplicate"
        elif not one.is_strict:
            reason = "invalid"
        elif one.email in known:
            reason = "removed"
        elif one.email in suppressed:
            reason = _SKIPS[suppressed[one.email]]
        elif claims.is_claimed(domain, local):
            reason = "claimed"
        seen.add(one.email)
        reasons.append(reason)
    return reasons


async def _leads_of(
    conn: Connection, account_id: int, chosen: Sequence[_Candidate], change: int, now: int
) -> dict[str, int]:
    """The lead of each address; those that have none become one."""
    ids = {one.email: one.lead.id for one in chosen if one.lead is not None}
    new = [one.email for one in chosen if one.lead is None]
    if new:
        list_id = await current_list(conn, account_id, now)
        leads = [Lead(id=0, email=email, lists=(list_id,), created_at=now) for email in new]
        await write_leads(conn, account_id, change, {}, leads)
        ids |= {email: one.id for email, one in (await leads_with_emails(conn, account_id, new)).items()}
    return ids


def _parse(text: str) -> _Candidate:
    """An address that somebody typed; raises InvalidRecipients."""
    shown = text.strip()
    try:
        address = parse_email(shown[:400])
    except InvalidEmail:
        raise InvalidRecipients(f"{shown[:100]!r} is not a valid email address. Nothing was changed.") from None
    # What is written to keeps the case of the local part, which is its host's to judge (RFC 5321 2.4).
    written = f"{shown.rpartition('@')[0]}@{address.domain}"
    return _Candidate(str(address), written, shown, None, is_addressable(str(address)))


def _of_lead(one: Lead) -> _Candidate:
    return _Candidate(one.email, one.email, one.email, one, is_addressable(one.email))


def _recipient(row: Sequence[Any]) -> Recipient:
    return Recipient(**dict(zip(_FIELDS, row, strict=True)))
