"""`/v2/leads_custom_attributes`: what an account keeps of its leads beside what everybody does."""

import msgspec

from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.leads.attributes import (
    create_attribute,
    delete_attribute,
    get_attribute,
    list_attributes,
    relabel_attribute,
)
from vizsla.leads.lead import Attribute
from vizsla.leads.store import count_leads
from vizsla.leads.tasks import add_task

calls = Calls()


class LabelParams(Params, frozen=True):
    """What an attribute is called."""

    label: str


class AttributeAnswer(msgspec.Struct, frozen=True):
    """One custom attribute."""

    data: Attribute


class AttributesData(msgspec.Struct, frozen=True):
    """Newest first."""

    leads_custom_attributes: tuple[Attribute, ...]


class AttributesMeta(msgspec.Struct, frozen=True):
    """How many there are."""

    total: int


class AttributesAnswer(msgspec.Struct, frozen=True):
    """The account's custom attributes."""

    data: AttributesData
    meta: AttributesMeta


@calls("GET", "/v2/leads_custom_attributes")
async def list_custom_attributes(call: Call, params: NoParams) -> AttributesAnswer:
    """
    The account's custom attributes, newest first.
    """
    known = await list_attributes(call.services.stores.app, call.caller.account_id)
    return AttributesAnswer(AttributesData(tuple(known)), AttributesMeta(len(known)))


@calls("POST", "/v2/leads_custom_attributes", status=201, writes=True, errors=("wrong_params", "validation_failed"))
async def create_custom_attribute(call: Call, params: LabelParams) -> AttributeAnswer:
    """
    Make a custom attribute. Its slug is made of its label, and stays.
    """
    return AttributeAnswer(await create_attribute(call.transaction, call.caller.account_id, params.label))


@calls("GET", "/v2/leads_custom_attributes/{id}", errors=("not_found",))
async def read_custom_attribute(call: Call, params: NoParams) -> AttributeAnswer:
    """
    One custom attribute.
    """
    return AttributeAnswer(await get_attribute(call.services.stores.app, call.caller.account_id, call.ids["id"]))


@calls(
    "PUT",
    "/v2/leads_custom_attributes/{id}",
    status=204,
    writes=True,
    errors=("wrong_params", "not_found", "validation_failed"),
)
async def relabel_custom_attribute(call: Call, params: LabelParams) -> None:
    """
    Give a custom attribute another label. Its slug stays.
    """
    await relabel_attribute(call.transaction, call.caller.account_id, call.ids["id"], params.label)


@calls("DELETE", "/v2/leads_custom_attributes/{id}", status=204, writes=True, errors=("not_found",))
async def delete_custom_attribute(call: Call, params: NoParams) -> None:
    """
    Delete a custom attribute, and what leads have of it.
    """
    conn, account_id, attribute_id = call.transaction, call.caller.account_id, call.ids["id"]
    await delete_attribute(conn, account_id, attribute_id)
    size = await count_leads(conn, account_id)
    await add_task(conn, account_id, "drop_attribute", ref_id=attribute_id, size=size, now=call.now)
