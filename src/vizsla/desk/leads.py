"""
What happens to leads that more than their own room knows of?

A person who asked us to stop is nobody's lead; what the index knows fills what a lead lacks; a verification that ends is written
into the lead of whoever asked. What is written one lead at a time is told to webhooks (`webhooks.outbox`); what is done to many
is not, for a file of 100,000 rows would be as many webhooks: an import tells one thing, that it is done.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from vizsla.desk.services import Services
from vizsla.index.persons import PERSON_COLUMNS, list_at
from vizsla.index.search import DOMAIN_COLUMNS, find_domain_row
from vizsla.kit.domain_name import registrable_domain
from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import ClaimedEmail
from vizsla.leads.export import WRITERS, FileFormat
from vizsla.leads.filters import Filters
from vizsla.leads.lead import Draft, InvalidLead, Lead, draft
from vizsla.leads.pages import show
from vizsla.leads.recording import Verified, record_verifications
from vizsla.leads.shape import lead_fields
from vizsla.leads.store import (
    begin_change,
    create_lead,
    find_by_email,
    get_lead,
    replace_leads,
    update_lead,
    upsert_lead,
)
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Connection, Database
from vizsla.webhooks.events import Event
from vizsla.webhooks.outbox import announce, is_heard

Known = Mapping[str, str | None]


def refuse_claimed(claims: Claims, wanted: Draft) -> None:
    """Raises ClaimedEmail if the draft's address is of somebody who asked us to stop."""
    email = wanted.values.get("email")
    if isinstance(email, str):
        address = parse_email(email)
        if claims.is_claimed(address.domain, address.local):
            raise ClaimedEmail


async def save_new(conn: Connection, services: Services, account_id: int, wanted: Draft, now: int) -> Lead:
    """A new lead. Raises InvalidLead, ClaimedEmail."""
    refuse_claimed(services.claims, wanted)
    return await _told(conn, account_id, "lead.created", await create_lead(conn, account_id, wanted, now), now)


async def save(conn: Connection, services: Services, account_id: int, wanted: Draft, now: int) -> tuple[Lead, bool]:
    """The lead with the draft's address, and whether it is new. Raises InvalidLead, ClaimedEmail."""
    refuse_claimed(services.claims, wanted)
    one, is_new = await upsert_lead(conn, account_id, wanted, now)
    return await _told(conn, account_id, "lead.created" if is_new else "lead.updated", one, now), is_new


async def change(conn: Connection, services: Services, key: tuple[int, int], wanted: Draft, now: int) -> Lead:
    """The lead with that account and id after the draft was written into it. Raises LeadNotFound, InvalidLead, ClaimedEmail."""
    refuse_claimed(services.claims, wanted)
    return await _told(conn, key[0], "lead.updated", await update_lead(conn, *key, wanted, now), now)


async def enrich(conn: Connection, services: Services, account_id: int, lead_id: int, now: int) -> Lead:
    """The lead, its empty fields filled with what the index knows of its person and company. Raises LeadNotFound."""
    await begin_change(conn, account_id)
    one = await get_lead(conn, account_id, lead_id)
    (after,) = await enrich_all(conn, services.stores.index, services.claims, account_id, [one])
    return after if after == one else await _told(conn, account_id, "lead.updated", after, now)


async def enrich_all(
    conn: Connection, index: Database, claims: Claims, account_id: int, leads: Sequence[Lead]
) -> list[Lead]:
    """*leads*, read since the account's turn began, with their empty fields filled."""
    after = [await _filled(index, claims, one) for one in leads]
    pairs = [(before, now) for before, now in zip(leads, after, strict=True) if before != now]
    if pairs:
        await replace_leads(conn, account_id, await begin_change(conn, account_id), pairs)
    return after


async def _filled(index: Database, claims: Claims, one: Lead) -> Lead:
    known = await known_of(index, claims, one.email)
    missing = {name: text for name, text in known.items() if text and getattr(one, name) is None}
    if not missing:
        return one
    values = dict(_valid(missing).values)
    if one.confidence_score is None:
        values["confidence_score"] = await _confidence(index, one.email)
    return msgspec.structs.replace(one, **values)


async def known_of(index: Database, claims: Claims, email: str) -> Known:
    """What the index knows of an address, by the columns of a lead."""
    address = parse_email(email)
    if claims.is_claimed(address.domain, address.local):
        return {}
    person = await _person(index, address.domain, address.local)
    company_domain = registrable_domain(address.domain) or address.domain
    row = await find_domain_row(index, company_domain)
    company = dict(zip(DOMAIN_COLUMNS, row, strict=True)) if row and not claims.is_claimed(company_domain) else {}
    return {
        "first_name": person.get("first_name"),
        "last_name": person.get("last_name"),
        "position": person.get("position"),
        "phone_number": person.get("phone_number"),
        "linkedin_url": person.get("linkedin"),
        "twitter": person.get("twitter"),
        "company": company.get("organization"),
        "company_industry": company.get("industry"),
        "company_size": company.get("headcount"),
        "country_code": company.get("country"),
        "website": company_domain if company else None,
    }


async def known_draft(index: Database, claims: Claims, email: str) -> Mapping[str, str | int | None]:
    """The same, with how sure the address is, as a lead can take it: what is not known is left out."""
    known = {name: text for name, text in (await known_of(index, claims, email)).items() if text}
    score = await _confidence(index, email)
    return {**_valid(known).values, **({"confidence_score": score} if score is not None else {})}


async def note_verification(app: Database, account_id: int, email: str, status: str, at: int) -> None:
    """Write what a verification said into the account's lead with this address, if it has one that does not know it yet."""
    known = await find_by_email(app, account_id, email)
    if known is not None and (known.verified_at, known.verification_status) != (at, status):
        async with app.write() as conn:
            await record_verifications(conn, account_id, [Verified(email, status, at)])


async def export_leads(
    services: Services, account_id: int, filters: Filters, file_format: FileFormat
) -> AsyncIterator[bytes]:
    """The leads that match as a file; once all of it is handed out, those who listen are told."""
    app = services.stores.app
    async for part in WRITERS[file_format](app, services.mirrors, account_id, filters):
        yield part
    if await is_heard(app, account_id, "export.completed"):
        async with app.write() as conn:
            await announce(conn, account_id, "export.completed", {"format": file_format}, services.clock.now())


async def _told(conn: Connection, account_id: int, event: Event, one: Lead, now: int) -> Lead:
    """The lead, once those who listen are told of it."""
    if await is_heard(conn, account_id, event):
        (shown,) = await show(conn, account_id, [one])
        await announce(conn, account_id, event, lead_fields(shown), now)
    return one


async def _person(index: Database, domain: str, local: str) -> dict[str, Any]:
    for row in await list_at(index, domain, [local]):
        return dict(zip(PERSON_COLUMNS, row, strict=True))
    return {}


async def _confidence(index: Database, email: str) -> int | None:
    local, _, domain = email.rpartition("@")
    found: int | None = (await _person(index, domain, local)).get("confidence")
    return found


def _valid(values: Mapping[str, str | None]) -> Draft:
    """The draft of those *values* that a lead can take: what a page said may be longer."""
    kept: dict[str, str | int | None] = {}
    for name, text in values.items():
        try:
            kept |= draft({name: text}).values
        except InvalidLead:
            continue
    return Draft(kept)
