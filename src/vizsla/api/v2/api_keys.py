"""
`/v2/api-keys`: the keys of an account. A key is shown whole once, when it is made.

Owners and admins of a team see and stop everybody's, members their own: the others' are not found.
"""

from typing import Annotated, ClassVar

import msgspec

from vizsla.accounts.callers import Caller
from vizsla.accounts.keys import ApiKey, count_keys, create_key, get_key, list_keys, rename_key, revoke_key
from vizsla.accounts.roles import is_manager
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
    last_used_at: str | None
    """To about a minute; null: never."""
    email: str | None
    """Whose it is; null: the account's."""


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
    The account's API keys, newest first, masked; a member sees their own.
    """
    reader, caller = call.services.stores.app, call.caller
    whose = _scope(caller)
    keys = await list_keys(reader, caller.account_id, limit=params.limit, offset=params.offset, member_id=whose)
    total = await count_keys(reader, caller.account_id, member_id=whose)
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
    made = await get_key(call.transaction, caller.account_id, key.id)
    return KeyAnswer(KeyData(key.id, key.name, key.plaintext, time_text(key.created_at), None, made.email))


@calls("GET", "/v2/api-keys/{id}", errors=("not_found",))
async def get_api_key(call: Call, params: NoParams) -> KeyAnswer:
    """
    One API key, masked.
    """
    caller, reader = call.caller, call.services.stores.app
    return KeyAnswer(_masked(await get_key(reader, caller.account_id, call.ids["id"], member_id=_scope(caller))))


@calls("PUT", "/v2/api-keys/{id}", status=204, writes=True, errors=("wrong_params", "not_found"))
async def rename_api_key(call: Call, params: RenameKeyParams) -> None:
    """
    Give an API key another name.
    """
    caller = call.caller
    await rename_key(call.transaction, caller.account_id, call.ids["id"], params.name, member_id=_scope(caller))


@calls("DELETE", "/v2/api-keys/{id}", status=204, writes=True, errors=("not_found", "validation_failed"))
async def delete_api_key(call: Call, params: NoParams) -> None:
    """
    Stop an API key, within a second everywhere. The last one of an account cannot be deleted.
    """
    caller = call.caller
    await revoke_key(call.transaction, caller.account_id, call.ids["id"], call.now, member_id=_scope(caller))
    call.after = call.services.keys.forget


def _scope(caller: Caller) -> int | None:
    """Whose keys they may see and stop; None: everybody's."""
    return None if is_manager(caller.role) else caller.member_id


def _masked(key: ApiKey) -> KeyData:
    used = time_text(key.last_used_at) if key.last_used_at is not None else None
    return KeyData(key.id, key.name, f"********{key.last4}", time_text(key.created_at), used, key.email)
