"""
Which API key came with a request?

In the query (`api_key`), the header X-API-KEY, `Authorization: Bearer`, or the body (`api_key`); several may come together.
They must be one and the same: which of two different keys pays is not ours to guess, so that is refused.
"""

from collections.abc import Iterable

from vizsla.kit.errors import WrongParams

Headers = list[tuple[bytes, bytes]]


class ConflictingKeys(WrongParams):
    """Different API keys were sent in one request. Send one."""


def keys_in_headers(headers: Headers) -> list[str]:
    """Every key in the headers."""
    found = []
    for name, value in headers:
        if name == b"x-api-key":
            found.append(value.decode("latin-1").strip())
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].decode("latin-1").strip())
    return found


def keys_in_params(value: object) -> list[str]:
    """Every key in the parameter `api_key`, which may have come several times."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [item if isinstance(item, str) else "" for item in value]
    return [] if value is None else ["not a key"]


def one_key(found: Iterable[str]) -> str | None:
    """The key, or None if there is none; raises ConflictingKeys."""
    distinct = {key for key in found if key}
    if len(distinct) > 1:
        raise ConflictingKeys
    return distinct.pop() if distinct else None
