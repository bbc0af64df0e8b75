"""`/v2/api-keys`: the keys of an account. A key is shown whole once, when it is made."""

from typing import Annotated, ClassVar

import msgspec

from vizsla.accounts.keys import ApiKey, count_keys, create_key, get_key, list_keys, rename_key, revoke_key
from vizsla.api.params import NoParams, Params
from vizsla.api.registry import Call, Calls
from vizsla.kit.clock import time_text

calls = Calls()
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class ListKeysParams(Params, frozen=True):
    """Which of the keys to list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class NewKeyParams(Params, frozen=True):
    """A key to make."""

    name: Name = "API key"


class RenameKeyParams(Params, frozen=True):
    """A key's new name."""

    name: Name


class KeyData(msgspec.Struct, frozen=True):
    """One API key; but for the answer to its creation, `api_key` is masked: `********cdef`."""

    id: int
    name: str
    api_key: str
    created_at: str


class KeyAnswer(msgspec.Struct, frozen=True):
    """One API key."""

    data: KeyData


class KeysData(msgspec.Struct, frozen=True):
    """Newest first."""

    api_keys: tuple[KeyData, ...]


class KeysAskedFor(msgspec.Struct, frozen=True):
    """Which of the keys were asked for."""

    limit: int
    offset: int


class KeysMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: KeysAskedFor


class KeysAnswer(msgspec.Struct, frozen=True):
    """The account's API keys."""

    data: KeysData
    meta: KeysMeta


@calls("GET", "/v2/api-keys", errors=("pagination_error",))
async def list_api_keys(call: Call, params: ListKeysParams) -> KeysAnswer:
    """
    The account's API keys, newest first, masked.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    keys = await list_keys(reader, account_id, limit=params.limit, offset=params.offset)
    total = await count_keys(reader, account_id)
    return KeysAnswer(
        KeysData(tuple(_masked(key) for key in keys)), KeysMeta(total, KeysAskedFor(params.limit, params.offset))
    )


@calls("POST", "/v2/api-keys", status=201, writes=True, secret=True, errors=("wrong_params",))
async def create_api_key(call: Call, params: NewKeyParams) -> KeyAnswer:
    """
    Make another API key.

    This answer alone shows it whole: only a hash of it is stored.
    """
    caller = call.caller
    key = await create_key(call.transaction, caller.account_id, params.name, now=call.now, member_id=caller.member_id)
    return KeyAnswer(KeyData(key.id, key.name, key.plaintext, time_text(key.created_at)))


@calls("GET", "/v2/api-keys/{id}", errors=("not_found",))
async def get_api_key(call: Call, params: NoParams) -> KeyAnswer:
    """
    One API key, masked.
    """
    return KeyAnswer(_masked(await get_key(call.services.stores.app, call.caller.account_id, call.ids["id"])))


@calls("PUT", "/v2/api-keys/{id}", status=204, writes=True, errors=("wrong_params", "not_found"))
async def rename_api_key(call: Call, params: RenameKeyParams) -> None:
    """
    Give an API key another name.
    """
    await rename_key(call.transaction, call.caller.account_id, call.ids["id"], params.name)


@calls("DELETE", "/v2/api-keys/{id}", status=204, writes=True, errors=("not_found", "validation_failed"))
async def delete_api_key(call: Call, params: NoParams) -> None:
    """
    Stop an API key. The last one of an account cannot be deleted.
    """
    await revoke_key(call.transaction, call.caller.account_id, call.ids["id"], call.now)
    call.after = call.services.keys.forget


def _masked(key: ApiKey) -> KeyData:
    return KeyData(key.id, key.name, f"********{key.last4}", time_text(key.created_at))
