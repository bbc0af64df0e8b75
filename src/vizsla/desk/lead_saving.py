"""
How does somebody who was found become a lead?

With what is known at that moment: the person and their company, how sure the address is, its verification, and where it was found.
Who is a lead already stays as they are, but for what they lack, and comes into the list as well.
"""

from collections.abc import Mapping, Sequence

import msgspec

from vizsla.desk.leads import change, known_draft, refuse_claimed, save_new
from vizsla.desk.services import Services
from vizsla.kit.errors import ClaimedEmail
from vizsla.leads.lead import Draft, InvalidLead, Lead, draft
from vizsla.leads.lists import current_list, existing_lists, get_list, list_named
from vizsla.leads.recording import Verified, record_verifications
from vizsla.leads.store import begin_change, find_by_email
from vizsla.storage.database import Connection, Reader
from vizsla.verifier.store import find_verification


class Found(msgspec.Struct, frozen=True):
    """Somebody who was found, and what the page that shows them knows beyond the index."""

    email: str
    values: Mapping[str, str] = {}
    confidence_score: int | None = None


class Saved(msgspec.Struct, frozen=True):
    """What became of them."""

    leads: Sequence[Lead]
    new: int
    refused: int
    """Those who asked us to stop."""


async def save_found(
    conn: Connection,
    services: Services,
    account_id: int,
    found: Sequence[Found],
    *,
    source: str,
    list_id: int | None,
    list_name: str,
    now: int,
) -> Saved:
    """
    Make leads of those who were *found*, in the list that is named, or in the account's last one.

    Raises InvalidLead for what is no address, and ListNotFound.
    """
    await begin_change(conn, account_id)
    target = await _list(conn, account_id, list_id, list_name, now)
    leads: list[Lead] = []
    new = refused = 0
    for one in found:
        try:
            wanted = await _draft(services, one, source)
        except ClaimedEmail:
            refused += 1
            continue
        email = str(wanted.values["email"])
        known = await find_by_email(conn, account_id, email)
        if known is None:
            wanted = Draft(wanted.values, list_ids=(target,))
            leads.append(await save_new(conn, services, account_id, wanted, now))
            new += 1
        else:
            # A list that was deleted a moment ago may still be in the row.
            there = await existing_lists(conn, account_id, known.lists)
            lists = tuple(dict.fromkeys((*(id_ for id_ in known.lists if id_ in there), target)))
            lacking = Draft(_lacking(known, wanted), list_ids=lists)
            leads.append(await change(conn, services, (account_id, known.id), lacking, now))
    verified = [await _verified(conn, one.email, now) for one in leads]
    await record_verifications(conn, account_id, [each for each in verified if each is not None])
    return Saved(leads, new, refused)


async def _list(conn: Connection, account_id: int, list_id: int | None, name: str, now: int) -> int:
    if name:
        return await list_named(conn, account_id, name, now)
    if list_id is not None:
        return (await get_list(conn, account_id, list_id)).id
    return await current_list(conn, account_id, now)


async def _draft(services: Services, one: Found, source: str) -> Draft:
    """Raises ClaimedEmail, InvalidLead."""
    wanted = draft({"email": one.email})
    refuse_claimed(services.claims, wanted)
    known = await known_draft(services.stores.index, services.claims, str(wanted.values["email"]))
    said: dict[str, str | int | None] = {}
    for name, text in one.values.items():
        try:
            said |= draft({name: text}).values if text else {}
        except InvalidLead:
            continue  # what a page said may be longer than a field
    if one.confidence_score is not None:
        said |= draft({}, confidence_score=one.confidence_score).values
    return Draft({**known, **said, **wanted.values, "source": source})


def _lacking(known: Lead, wanted: Draft) -> dict[str, str | int | None]:
    """What a lead does not have yet of what is known."""
    return {name: value for name, value in wanted.values.items() if getattr(known, name) is None}


async def _verified(reader: Reader, email: str, now: int) -> Verified | None:
    """What a verification of this address said that still holds."""
    local, _, domain = email.rpartition("@")
    found = await find_verification(reader, domain, local)
    if found is None or not found.holds(now) or found.verdict is None or found.verdict.has_failed:
        return None
    return Verified(email, found.verdict.status, found.ended_at or now)
