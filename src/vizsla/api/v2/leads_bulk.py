"""`/v2/leads/bulk/…`: what is done to many leads at once. Of today's public API."""

from typing import Annotated, Literal

import msgspec

from vizsla.api.params import Id, Params
from vizsla.api.registry import Call, Calls
from vizsla.leads.lead import InvalidLead
from vizsla.leads.lists import get_list
from vizsla.leads.store import begin_change, leads_having, leads_with_ids
from vizsla.leads.tasks import Kind, add_task, apply

calls = Calls()
AT_ONCE = 100
"""Leads that a request waits for; more are worked off behind it."""
_MOST_IDS = 10_000
Ids = Annotated[tuple[Id, ...], msgspec.Meta(max_length=_MOST_IDS)]


class MoveParams(Params, frozen=True, kw_only=True):
    """Which leads of which list go where."""

    leads_list_id: Id
    """Where they are."""
    target_leads_list_id: Id
    """Where they go."""
    lead_ids: Ids = ()
    """Only these; without them, all of the list."""


class DeleteManyParams(Params, frozen=True, kw_only=True):
    """Which leads: by id, by list, or those of the ids that are in the list."""

    lead_ids: Ids = ()
    leads_list_id: Id | None = None


class MovedData(msgspec.Struct, frozen=True):
    """Leads that were moved."""

    source_leads_list_id: int
    target_leads_list_id: int
    leads_count: int
    status: Literal["completed", "queued"]


class MovedAnswer(msgspec.Struct, frozen=True):
    """Leads that were moved."""

    data: MovedData


class MovingAnswer(msgspec.Struct, frozen=True):
    """Leads that are being moved."""

    data: MovedData


class DeletedData(msgspec.Struct, frozen=True):
    """Leads that were deleted."""

    requested_count: int
    deleted_count: int
    status: Literal["completed"]


class DeletedAnswer(msgspec.Struct, frozen=True):
    """Leads that were deleted."""

    data: DeletedData


class DeletingData(msgspec.Struct, frozen=True):
    """Leads that are being deleted."""

    requested_count: int
    status: Literal["queued"]


class DeletingAnswer(msgspec.Struct, frozen=True):
    """Leads that are being deleted."""

    data: DeletingData


@calls(
    "POST",
    "/v2/leads/bulk/move",
    writes=True,
    pending=MovingAnswer,
    errors=("wrong_params", "not_found", "validation_failed"),
)
async def move_leads(call: Call, params: MoveParams) -> MovedAnswer | MovingAnswer:
    """
    Move leads from one list to another: at once if they are few, else behind this answer, which is a 202 then.
    """
    account_id, target_id = call.caller.account_id, params.target_leads_list_id
    if params.leads_list_id == target_id:
        raise InvalidLead("The leads_list_id and the target_leads_list_id must not be the same.")
    await begin_change(call.transaction, account_id)
    await get_list(call.transaction, account_id, target_id)
    count, is_done = await _do(call, "move", params.leads_list_id, params.lead_ids, target_id)
    data = MovedData(params.leads_list_id, target_id, count, "completed" if is_done else "queued")
    return MovedAnswer(data) if is_done else MovingAnswer(data)


@calls(
    "POST",
    "/v2/leads/bulk/delete",
    writes=True,
    pending=DeletingAnswer,
    errors=("wrong_params", "not_found", "validation_failed"),
)
async def delete_many_leads(call: Call, params: DeleteManyParams) -> DeletedAnswer | DeletingAnswer:
    """
    Delete leads: at once if they are few, else behind this answer, which is a 202 then.
    """
    if not params.lead_ids and params.leads_list_id is None:
        raise InvalidLead("Give lead_ids, a leads_list_id, or both.")
    await begin_change(call.transaction, call.caller.account_id)
    count, is_done = await _do(call, "delete", params.leads_list_id, params.lead_ids)
    if is_done:
        return DeletedAnswer(DeletedData(count, count, "completed"))
    return DeletingAnswer(DeletingData(count, "queued"))


async def _do(
    call: Call, kind: Kind, list_id: int | None, lead_ids: tuple[int, ...], target_id: int | None = None
) -> tuple[int, bool]:
    """How many leads are meant, and whether it is done already. Raises NotFound, InvalidLead."""
    conn, account_id = call.transaction, call.caller.account_id
    size = (await get_list(conn, account_id, list_id)).leads_count if list_id is not None else 0
    if lead_ids:
        known = await leads_with_ids(conn, account_id, tuple(dict.fromkeys(lead_ids)))
        chosen = [one for one in known if list_id is None or list_id in one.lists]
        size = len(chosen)
    elif size <= AT_ONCE:
        chosen = await leads_having(conn, account_id, 0, limit=AT_ONCE, list_id=list_id)
    else:
        chosen = []
    if not size:
        raise InvalidLead("There are no such leads.")
    if size <= AT_ONCE:
        await apply(conn, account_id, kind, chosen, ref_id=list_id, target_id=target_id, now=call.now)
        return size, True
    ids = [one.id for one in chosen] or None
    await add_task(conn, account_id, kind, ref_id=list_id, target_id=target_id, lead_ids=ids, size=size, now=call.now)
    return size, False
